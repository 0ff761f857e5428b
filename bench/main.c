/* posenet-bench --model FILE [--size WxH] …: see usage() below, or --help.
 * With --worker DEVICE the program is the engine's own worker instead. */
#include "bench/bench.h"

#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { OPEN_TIMEOUT_S = 600 };

static void usage(FILE *to)
{
    fputs(
        "usage: posenet-bench --model FILE [options]\n"
        "Times this engine against every other runtime that is installed, in one run, A B A B.\n\n"
        "  --size WxH         network input, default 257x257\n"
        "  --batch N          images a call, default 1\n"
        "  --threads N        host threads of every CPU runtime, default 2\n"
        "  --precision P      fp32 (default), tf32, fp16\n"
        "  --measure M        network (default): tensor in, heads out; frame: 720p picture in, "
        "poses out\n"
        "  --device D         only runtimes of this device: cpu or cuda\n"
        "  --only A,B         only these runtimes; --list names them\n"
        "  --rounds N         default 15     --iterations N   calls a round, default 20\n"
        "  --pause MS         between two runtimes' blocks, default 50\n"
        "  --tolerance T      of verification, default by precision\n"
        "  --json FILE        keep everything measured\n"
        "  --commit TEXT      recorded there\n"
        "  --peers DIR        the rivals' workers     --python PROGRAM   runs them\n"
        "  --list             the runtimes that would be tried\n",
        to);
}

static int bad_usage(const char *what)
{
    fprintf(stderr, "posenet-bench: %s; see --help\n", what);
    return 2;
}

static int parse_count(const char *text, int least, int most, int *out)
{
    char *end;
    long v = strtol(text, &end, 10);
    if (*text == '\0' || *end || v < least || v > most) return -1;
    *out = (int)v;
    return 0;
}

/* 0: go on; 1: done (help, worker, list follows); 2: bad usage. */
static int parse(int argc, char **argv, bench_options *o, const char **worker, int *list)
{
    enum { SIZE = 1, BATCH, THREADS, ROUNDS, ITERATIONS, PAUSE, TOLERANCE };
    static const struct option known[] = {{"model", 1, NULL, 'm'},
                                          {"size", 1, NULL, SIZE},
                                          {"batch", 1, NULL, BATCH},
                                          {"threads", 1, NULL, THREADS},
                                          {"precision", 1, NULL, 'p'},
                                          {"measure", 1, NULL, 'M'},
                                          {"device", 1, NULL, 'd'},
                                          {"only", 1, NULL, 'o'},
                                          {"rounds", 1, NULL, ROUNDS},
                                          {"iterations", 1, NULL, ITERATIONS},
                                          {"pause", 1, NULL, PAUSE},
                                          {"json", 1, NULL, 'j'},
                                          {"tolerance", 1, NULL, TOLERANCE},
                                          {"commit", 1, NULL, 'c'},
                                          {"peers", 1, NULL, 'P'},
                                          {"python", 1, NULL, 'y'},
                                          {"worker", 1, NULL, 'w'},
                                          {"list", 0, NULL, 'l'},
                                          {"help", 0, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    bench_case *c = &o->the_case;
    char *end;
    for (int k; (k = getopt_long(argc, argv, "h", known, NULL)) != -1;) {
        int bad = 0;
        switch (k) {
        case 'm': c->model = optarg; break;
        case SIZE: {
            char after;
            bad = sscanf(optarg, "%dx%d%c", &c->width, &c->height, &after) != 2;
            break;
        }
        case BATCH: bad = parse_count(optarg, 1, 1024, &c->batch); break;
        case THREADS: bad = parse_count(optarg, 1, 1024, &c->threads); break;
        case ROUNDS: bad = parse_count(optarg, 1, 10000, &o->rounds); break;
        case ITERATIONS: bad = parse_count(optarg, 1, 100000, &o->iterations); break;
        case PAUSE: bad = parse_count(optarg, 0, 10000, &o->pause_ms); break;
        case TOLERANCE:
            o->tolerance = strtod(optarg, &end);
            bad = *end != '\0' || !(o->tolerance > 0);
            break;
        case 'p': c->precision = optarg; break;
        case 'M': c->measure = optarg; break;
        case 'd': o->device = optarg; break;
        case 'o': o->only = optarg; break;
        case 'j': o->json = optarg; break;
        case 'c': o->commit = optarg; break;
        case 'P': o->peers = optarg; break;
        case 'y': o->python = optarg; break;
        case 'w': *worker = optarg; break;
        case 'l': *list = 1; break;
        case 'h': usage(stdout); return 1;
        default: return 2; /* getopt has said which option */
        }
        if (bad) return bad_usage("an option's value makes no sense");
    }
    if (optind < argc) return bad_usage("there is a word too many");
    return 0;
}

static cJSON *open_command(const bench_case *c)
{
    cJSON *command = cJSON_CreateObject();
    cJSON_AddStringToObject(command, "command", "open");
    cJSON_AddStringToObject(command, "model", c->model);
    cJSON_AddNumberToObject(command, "width", c->width);
    cJSON_AddNumberToObject(command, "height", c->height);
    cJSON_AddNumberToObject(command, "batch", c->batch);
    cJSON_AddNumberToObject(command, "threads", c->threads);
    cJSON_AddStringToObject(command, "precision", c->precision);
    cJSON_AddStringToObject(command, "measure", c->measure);
    return command;
}

/* Sends the command; on failure the runner's state and sentence are set. */
static cJSON *ask(runner *r, cJSON *command)
{
    cJSON *reply = worker_call(r, command, OPEN_TIMEOUT_S);
    if (cJSON_IsTrue(cJSON_GetObjectItem(reply, "ok"))) return reply;
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItem(reply, "why"));
    if (text) snprintf(r->why, sizeof r->why, "%s", text);
    int missing = cJSON_IsTrue(cJSON_GetObjectItem(reply, "missing"));
    r->state = missing ? RUNNER_MISSING : RUNNER_FAILED;
    cJSON_Delete(reply);
    return NULL;
}

static void open_runner(runner *r, const char *self, const bench_options *o)
{
    if (worker_start(r, self, o->python)) {
        r->state = RUNNER_FAILED;
        return;
    }
    cJSON *reply = ask(r, open_command(&o->the_case));
    if (!reply) return;
    const char *version = cJSON_GetStringValue(cJSON_GetObjectItem(reply, "version"));
    const cJSON *open_ms = cJSON_GetObjectItem(reply, "open_ms");
    snprintf(r->version, sizeof r->version, "%s", version ? version : "");
    r->open_ms = cJSON_IsNumber(open_ms) ? open_ms->valuedouble : 0;
    cJSON_Delete(reply);
}

static int infer_into(runner *r, const char *input, const char *folder)
{
    if (mkdir(folder, 0700)) {
        r->state = RUNNER_FAILED;
        snprintf(r->why, sizeof r->why, "%s cannot be made", folder);
        return -1;
    }
    cJSON *command = cJSON_CreateObject();
    cJSON_AddStringToObject(command, "command", "infer");
    cJSON_AddStringToObject(command, "input", input);
    cJSON_AddStringToObject(command, "output", folder);
    cJSON *reply = ask(r, command);
    cJSON_Delete(reply);
    return reply ? 0 : -1;
}

/* Everyone's heads against those of the engine's cpu backend in fp32. */
static int verify_all(runner *runners, int count, const char *self, const bench_options *o,
                      const char *scratch)
{
    char input[PATH_BYTES], want[PATH_BYTES], got[PATH_BYTES];
    snprintf(input, sizeof input, "%s/input.f32", scratch);
    snprintf(want, sizeof want, "%s/reference", scratch);
    if (verify_write_input(input, &o->the_case))
        return bad_usage("the scratch folder is not writable");
    bench_options plain = *o;
    plain.the_case.precision = "fp32";
    plain.the_case.measure = "network";
    runner reference = {.name = "reference", .device = "cpu", .ours = 1};
    open_runner(&reference, self, &plain);
    int bad = reference.state != RUNNER_READY || infer_into(&reference, input, want);
    if (bad) fprintf(stderr, "posenet-bench: the reference run failed: %s\n", reference.why);
    worker_stop(&reference);
    double limit = o->tolerance > 0 ? o->tolerance : verify_tolerance(o->the_case.precision);
    for (int i = 0; !bad && i < count; i++) {
        runner *r = &runners[i];
        snprintf(got, sizeof got, "%s/%d", scratch, i);
        if (r->state != RUNNER_READY || infer_into(r, input, got)) continue;
        if (verify_compare(got, want, r->error, r->why)) {
            r->state = RUNNER_WRONG;
            continue;
        }
        for (int h = 0; h < HEADS; h++) {
            if (r->error[h] <= limit) continue;
            r->state = RUNNER_WRONG;
            snprintf(r->why, sizeof r->why, "%s differ by %.2g of their norm, allowed is %.2g",
                     head_names[h], r->error[h], limit);
        }
    }
    return bad ? 2 : 0;
}

static void remove_scratch(const char *scratch)
{
    char command[PATH_BYTES + 16];
    snprintf(command, sizeof command, "rm -rf '%s'", scratch);
    if (system(command)) fprintf(stderr, "posenet-bench: %s is left behind\n", scratch);
}

static int run(runner *runners, int count, const char *self, const bench_options *o)
{
    char scratch[] = "/tmp/posenet-bench-XXXXXX";
    if (!mkdtemp(scratch)) return bad_usage("no scratch folder can be made in /tmp");
    for (int i = 0; i < count; i++) open_runner(&runners[i], self, o);
    int failed = verify_all(runners, count, self, o, scratch);
    remove_scratch(scratch);
    if (!failed) {
        measure(runners, count, o);
        table_print(runners, count, o);
        if (o->json && table_write_json(runners, count, o)) failed = 2;
    }
    for (int i = 0; i < count; i++) {
        if (runners[i].ours && runners[i].state == RUNNER_WRONG) failed = 1;
        worker_stop(&runners[i]);
        free(runners[i].samples);
        free(runners[i].medians);
    }
    return failed;
}

int main(int argc, char **argv)
{
    static runner runners[MAX_RUNNERS];
    bench_options o = {.the_case = {.width = 257,
                                    .height = 257,
                                    .batch = 1,
                                    .threads = 2,
                                    .precision = "fp32",
                                    .measure = "network"},
                       .peers = POSENET_PEERS,
                       .python = getenv("POSENET_PYTHON"),
                       .commit = "unknown",
                       .rounds = 15,
                       .iterations = 20,
                       .pause_ms = 50};
    if (!o.python) o.python = "python3";
    const char *worker = NULL;
    int list = 0;
    int parsed = parse(argc, argv, &o, &worker, &list);
    if (parsed) return parsed == 1 ? 0 : 2;
    signal(SIGPIPE, SIG_IGN); /* a worker that died is an error of its own, not our end */
    if (worker) return self_worker(worker);

    char self[PATH_BYTES];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    if (length < 0) return bad_usage("/proc/self/exe cannot be read");
    self[length] = '\0';
    int count = worker_discover(&o, self, runners, MAX_RUNNERS);
    if (count < 0) return 2;
    if (list) {
        for (int i = 0; i < count; i++) printf("%-24s %s\n", runners[i].name, runners[i].device);
        return 0;
    }
    if (!o.the_case.model) return bad_usage("--model is missing");
    if (!count) return bad_usage("no runtime of that name; --list names them");
    return run(runners, count, self, &o);
}
