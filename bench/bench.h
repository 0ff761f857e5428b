/* posenet-bench: one table against every runtime a user could pick instead.
 *
 * A runtime is measured by a worker: a child process that reads commands and writes replies, one
 * JSON object a line, over its standard input and output. The engine's own worker speaks the same
 * protocol, so nothing is measured differently. bench/peers/README.md documents the protocol.
 *
 *   discover -> open -> verify against the reference worker -> A B A B timing -> table, JSON
 */
#ifndef POSENET_BENCH_BENCH_H
#define POSENET_BENCH_BENCH_H

#include <stddef.h>
#include <sys/types.h>

#include <cjson/cJSON.h>

enum { HEADS = 4, MAX_RUNNERS = 32, NAME_BYTES = 96, WHY_BYTES = 512, PATH_BYTES = 1024 };

/* What one table measures: the same for every runtime in it. */
typedef struct bench_case {
    const char *model;
    int width, height, batch, threads;
    const char *precision; /* "fp32", "tf32", "fp16" */
    const char *measure; /* "network": tensor in, heads out; "frame": 8-bit picture in, poses out */
} bench_case;

typedef struct bench_options {
    bench_case the_case;
    const char *device; /* only runtimes of this device: "cpu" or "cuda" */
    const char *only;   /* comma-separated runner names, NULL: all */
    const char *peers;  /* folder of the rivals' workers */
    const char *python; /* interpreter that runs them */
    const char *json;   /* raw results, NULL: not kept */
    const char *commit; /* recorded in the raw results */
    int rounds, iterations, pause_ms;
    double tolerance; /* of verification; 0: what the precision allows */
} bench_options;

typedef enum runner_state {
    RUNNER_READY,
    RUNNER_MISSING,
    RUNNER_FAILED,
    RUNNER_WRONG
} runner_state;

/* One runtime in one variant, such as "onnxruntime-cpu". */
typedef struct runner {
    char name[NAME_BYTES];
    char program[PATH_BYTES]; /* the worker's file; "" for the engine's own worker */
    char device[NAME_BYTES];
    int ours; /* 1: this engine */

    pid_t pid; /* 0: not started */
    int to_child, from_child;
    char *line; /* partial reply */
    size_t line_bytes, line_capacity;

    runner_state state;
    char why[WHY_BYTES];      /* one sentence when the state is not READY */
    char version[NAME_BYTES]; /* as the worker says it: "onnxruntime 1.32.0" */
    double open_ms;
    double error[HEADS]; /* ||difference|| / ||reference|| */
    double *samples;     /* milliseconds, rounds * iterations */
    double *medians;     /* one a round */
    int sample_count;
    double peak_mib;
} runner;

/* ---- worker.c: the child process and the protocol
 * ------------------------------------------------ */

/* Starts the worker; 0, or -1 with r->why set. `self` is this program, for the engine's own worker.
 */
int worker_start(runner *r, const char *self, const char *python);

/* Sends `command` (taken over) and gives the reply, which the caller deletes; NULL with r->why set
 * when the worker is gone, silent for `timeout_s` or talks nonsense. */
cJSON *worker_call(runner *r, cJSON *command, int timeout_s);

/* Asks the worker to quit, waits a little, then kills it. */
void worker_stop(runner *r);

/* The runners that bench/peers offers and the engine's own, filtered by options; their number, or
 * -1. */
int worker_discover(const bench_options *options, const char *self, runner *out, int capacity);

/* ---- self.c
 * ----------------------------------------------------------------------------------------- */

/* The engine's own worker on `device`: reads commands until quit or end of input. The exit status.
 */
int self_worker(const char *device);

/* ---- verify.c
 * ---------------------------------------------------------------------------------------- */

/* Writes a seeded input tensor (NHWC float32, -1..1, smooth like a picture) to `path`; 0 or -1. */
int verify_write_input(const char *path, const bench_case *c);

/* Compares heads that two workers wrote into folders; fills error[] and returns 0, or -1 with
 * `why`. */
int verify_compare(const char *got, const char *want, double error[HEADS], char why[WHY_BYTES]);

/* The largest error that a precision allows. */
double verify_tolerance(const char *precision);

extern const char *const head_names[HEADS];

/* ---- measure.c
 * --------------------------------------------------------------------------------------- */

/* Times every READY runner, A B A B, options->rounds times options->iterations calls each. */
void measure(runner *runners, int count, const bench_options *options);

/* The q-quantile (0..1) of `count` values, which are left in place; 0 for none. */
double quantile(const double *values, int count, double q);

/* ---- table.c
 * ----------------------------------------------------------------------------------------- */

void table_print(const runner *runners, int count, const bench_options *options);

/* Writes everything measured as JSON; 0, or -1 with a line on stderr. */
int table_write_json(const runner *runners, int count, const bench_options *options);

#endif
