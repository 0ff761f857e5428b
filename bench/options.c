/* The command line of posenet-bench. */
#include "bench/bench.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
        "  --frame FILE.ppm   of 1280x720, for the frame measure; else a drawn one\n"
        "  --slots N          frames of ours in flight, default 1\n"
        "  --device D         only runtimes of this device: cpu or cuda\n"
        "  --only A,B         only these runtimes; --list names them\n"
        "  --roofline         instead: each of our steps against this machine's ceilings\n"
        "  --sweep OVER       instead: how cost grows over sizes, batches or slots;\n"
        "                     sizes:129,257x193 says which\n"
        "  --rounds N         default 15     --iterations N   calls a round, default 20\n"
        "                     one many times slower than the fastest gets fewer, at least 5\n"
        "  --pause MS         between two runtimes' blocks, default 50\n"
        "  --timeout S        for one reply of a runtime, default 600; then it is out\n"
        "  --seconds S        then no other runtime is opened, and 3 rounds are enough\n"
        "  --tolerance T      of verification, default by precision\n"
        "  --json FILE        keep everything measured\n"
        "  --commit TEXT      recorded there\n"
        "  --peers DIR        the rivals' workers     --python PROGRAM   runs them\n"
        "  --list             the runtimes that would be tried\n\n"
        "On a GPU our first open of a model at a size tunes it for some seconds, as the library\n"
        "does by default, and keeps its choice in $POSENET_CACHE, else ~/.cache/posenet.\n",
        to);
}

int options_bad(const char *what)
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

int options_size(const char *text, int *width, int *height)
{
    char after;
    return sscanf(text, "%dx%d%c", width, height, &after) == 2 ? 0 : -1;
}

enum { SIZE = 1, BATCH, THREADS, SLOTS, ROUNDS, ITERATIONS, PAUSE, TOLERANCE, TIMEOUT, SECONDS };

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
                                      {"timeout", 1, NULL, TIMEOUT},
                                      {"seconds", 1, NULL, SECONDS},
                                      {"json", 1, NULL, 'j'},
                                      {"tolerance", 1, NULL, TOLERANCE},
                                      {"commit", 1, NULL, 'c'},
                                      {"peers", 1, NULL, 'P'},
                                      {"python", 1, NULL, 'y'},
                                      {"worker", 1, NULL, 'w'},
                                      {"frame", 1, NULL, 'F'},
                                      {"slots", 1, NULL, SLOTS},
                                      {"roofline", 0, NULL, 'r'},
                                      {"sweep", 1, NULL, 's'},
                                      {"list", 0, NULL, 'l'},
                                      {"help", 0, NULL, 'h'},
                                      {NULL, 0, NULL, 0}};

int options_parse(int argc, char **argv, bench_options *o, bench_modes *modes)
{
    bench_case *c = &o->the_case;
    char *end;
    for (int k; (k = getopt_long(argc, argv, "h", known, NULL)) != -1;) {
        int bad = 0;
        switch (k) {
        case 'm': c->model = optarg; break;
        case SIZE: bad = options_size(optarg, &c->width, &c->height); break;
        case BATCH: bad = parse_count(optarg, 1, 1024, &c->batch); break;
        case THREADS: bad = parse_count(optarg, 1, 1024, &c->threads); break;
        case SLOTS: bad = parse_count(optarg, 1, MAX_SLOTS, &c->slots); break;
        case ROUNDS: bad = parse_count(optarg, 1, 10000, &o->rounds); break;
        case ITERATIONS: bad = parse_count(optarg, 1, 100000, &o->iterations); break;
        case PAUSE: bad = parse_count(optarg, 0, 10000, &o->pause_ms); break;
        case TIMEOUT: bad = parse_count(optarg, 1, 100000, &o->timeout_s); break;
        case SECONDS: bad = parse_count(optarg, 1, 100000, &o->seconds); break;
        case TOLERANCE:
            o->tolerance = strtod(optarg, &end);
            bad = *end != '\0' || !(o->tolerance > 0);
            break;
        case 'p': c->precision = optarg; break;
        case 'M': c->measure = optarg; break;
        case 'F': c->frame = optarg; break;
        case 'r': modes->roofline = 1; break;
        case 's': modes->sweep = optarg; break;
        case 'd': o->device = optarg; break;
        case 'o': o->only = optarg; break;
        case 'j': o->json = optarg; break;
        case 'c': o->commit = optarg; break;
        case 'P': o->peers = optarg; break;
        case 'y': o->python = optarg; break;
        case 'w': modes->worker = optarg; break;
        case 'l': modes->list = 1; break;
        case 'h': usage(stdout); return 1;
        default: return 2; /* getopt has said which option */
        }
        if (bad) return options_bad("an option's value makes no sense");
    }
    if (optind < argc) return options_bad("there is a word too many");
    if (strcmp(c->precision, "fp32") && strcmp(c->precision, "tf32") &&
        strcmp(c->precision, "fp16"))
        return options_bad("--precision is fp32, tf32 or fp16");
    if (strcmp(c->measure, "network") && strcmp(c->measure, "frame"))
        return options_bad("--measure is network or frame");
    if (modes->roofline && modes->sweep) return options_bad("--roofline and --sweep are two modes");
    return 0;
}
