/* posenet-bench --model FILE [--size WxH] …: see options.c, or --help.
 * With --worker DEVICE the program is the engine's own worker instead. */
#include "bench/bench.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void remove_scratch(const char *scratch)
{
    char command[PATH_BYTES + 16];
    snprintf(command, sizeof command, "rm -rf '%s'", scratch);
    if (system(command)) fprintf(stderr, "posenet-bench: %s is left behind\n", scratch);
}

/* The frame that everyone reads: the user's, if it is one, or a drawn one in the scratch folder. */
static int prepare_frame(bench_options *o, char path[PATH_BYTES])
{
    char why[WHY_BYTES];
    if (!o->the_case.frame) {
        snprintf(path, PATH_BYTES, "%s/frame.ppm", o->scratch);
        if (frame_draw(path)) return options_bad("the scratch folder is not writable");
        o->the_case.frame = path;
    }
    unsigned char *pixels = frame_read(o->the_case.frame, why);
    free(pixels);
    return pixels ? 0 : options_bad(why);
}

static int run(runner *runners, int count, bench_options *o, const bench_modes *modes)
{
    char frame[PATH_BYTES];
    int code = prepare_frame(o, frame);
    if (code) return code;
    if (modes->roofline) return roofline(runners, count, o);
    if (modes->sweep) return sweep(runners, count, o, modes->sweep);
    code = run_case(runners, count, o);
    if (code != 2) {
        table_print(runners, count, o);
        cJSON *record = o->json ? table_record(runners, count, o) : NULL;
        if (table_write(record, o)) code = 2;
    }
    run_reset(runners, count);
    return code;
}

int main(int argc, char **argv)
{
    static runner runners[MAX_RUNNERS];
    bench_options o = {.the_case = {.width = 257,
                                    .height = 257,
                                    .batch = 1,
                                    .threads = 2,
                                    .precision = "fp32",
                                    .measure = "network",
                                    .slots = 1},
                       .peers = POSENET_PEERS,
                       .python = getenv("POSENET_PYTHON"),
                       .commit = "unknown",
                       .rounds = 15,
                       .iterations = 20,
                       .pause_ms = 50,
                       .timeout_s = 600};
    if (!o.python) o.python = "python3";
    bench_modes modes = {0};
    int parsed = options_parse(argc, argv, &o, &modes);
    if (parsed) return parsed == 1 ? 0 : 2;
    signal(SIGPIPE, SIG_IGN); /* a worker that died is an error of its own, not our end */
    if (modes.worker) return self_worker(modes.worker);

    char self[PATH_BYTES];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    if (length < 0) return options_bad("/proc/self/exe cannot be read");
    self[length] = '\0';
    o.self = self;
    int count = discover(&o, runners, MAX_RUNNERS);
    if (count < 0) return 2;
    if (modes.list) {
        for (int i = 0; i < count; i++) printf("%-24s %s\n", runners[i].name, runners[i].device);
        return 0;
    }
    if (!o.the_case.model) return options_bad("--model is missing");
    if (!count) return options_bad("no runtime of that name; --list names them");
    if (access(o.the_case.model, R_OK)) {
        fprintf(stderr, "posenet-bench: %s: %s\n", o.the_case.model, strerror(errno));
        return 2;
    }
    if (table_prepare(&o)) return 2;
    char scratch[] = "/tmp/posenet-bench-XXXXXX";
    if (!mkdtemp(scratch)) return options_bad("no scratch folder can be made in /tmp");
    o.scratch = scratch;
    worker_environment(o.the_case.threads);
    int code = run(runners, count, &o, &modes);
    remove_scratch(scratch);
    return code;
}
