/* posenet-bench: one table against every runtime a user could pick instead.
 *
 * A runtime is measured by a worker: a child process that reads commands and writes replies, one
 * JSON object a line, over its standard input and output. The engine's own worker speaks the same
 * protocol, so nothing is measured differently. bench/peers/README.md documents the protocol.
 *
 *   discover -> load -> open -> choose -> verify against the reference worker -> A B A B timing
 *   -> table, JSON
 */
#ifndef POSENET_BENCH_BENCH_H
#define POSENET_BENCH_BENCH_H

#include <stddef.h>
#include <sys/types.h>

#include <cjson/cJSON.h>

enum {
    HEADS = 4,
    MAX_RUNNERS = 32,
    NAME_BYTES = 96,
    WHY_BYTES = 512,
    PATH_BYTES = 1024,
    FRAME_WIDTH = 1280,
    FRAME_HEIGHT = 720,
    PARTS = 17,
    MAX_SLOTS = 64 /* of posenet_settings */
};

/* What one table measures: the same for every runtime in it. */
typedef struct bench_case {
    const char *model;
    int width, height, batch, threads;
    const char *precision; /* "fp32", "tf32", "fp16" */
    const char *measure; /* "network": tensor in, heads out; "frame": 8-bit picture in, poses out */
    const char *frame;   /* binary PPM that all read in the frame measure; NULL: a drawn one */
    int slots;           /* frames in flight; rivals know 1 only */
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
    int timeout_s;       /* of one reply */
    int seconds;         /* after which no runtime is opened and no round begins; 0: never */
    double tolerance;    /* of verification; 0: what the precision allows */
    const char *self;    /* this program, for the engine's own worker */
    const char *scratch; /* folder for the files that workers share */
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
    int ours;   /* 1: this engine */
    int single; /* 1: finds one pose only, the best point of each part */

    pid_t pid; /* 0: not started */
    int timeout_s;
    int to_child, from_child;
    char *line; /* partial reply */
    size_t line_bytes, line_capacity;

    runner_state state;
    char why[WHY_BYTES];      /* one sentence when the state is not READY */
    char version[NAME_BYTES]; /* as the worker says it: "onnxruntime 1.32.0" */
    char settings[WHY_BYTES]; /* what it chose from several ways to run the network, "" mostly */
    double load_ms, open_ms;  /* choosing counts as opening */
    double first_ms;          /* load, open and the first call */
    double error[HEADS];      /* ||difference|| / ||reference|| */
    double pose_error;        /* median keypoint of the worst pose, pixels of the network's input */
    int pose_count;
    int rounds;      /* that it was timed in */
    int iterations;  /* calls a round */
    double call_ms;  /* one call, before the rounds */
    double *samples; /* milliseconds, rounds * iterations */
    double *medians; /* one a round */
    int sample_count;
    double cpu_ms; /* host CPU time a call: the median block's mean */
    double *cpu;   /* one a round */
    double others; /* cores that everything else on the machine used while all were timed */
    double bytes_up, bytes_down; /* over the bus, of one call; -1: the worker does not count */
    double peak_mib;             /* of the host */
    double device_peak_mib;      /* of the GPU, context included; 0: not told */
} runner;

/* A median and between what it lies with 95 % confidence, whatever the distribution. */
typedef struct interval {
    double median, low, high;
} interval;

/* ---- worker.c: the child process and the protocol
 * ------------------------------------------------ */

/* Gives every worker the same environment: thread counts of the case, no pinning of its own. */
void worker_environment(int threads);

/* Starts the worker; 0, or -1 with r->why set. */
int worker_start(runner *r, const bench_options *options);

/* Sends `command` (taken over) and gives the reply, which the caller deletes, if it says "ok"; else
 * NULL with r->state and r->why set. A worker that is gone, silent for r->timeout_s or talks
 * nonsense is stopped. */
cJSON *worker_ask(runner *r, cJSON *command);

/* The two halves of it, so that several can be at work at once: 0 or -1; the reply or NULL. */
int worker_tell(runner *r, cJSON *command);
cJSON *worker_hear(runner *r);

/* Looks what each worker holds of the GPU now; r->device_peak_mib is the most that was seen. */
void worker_device_memory(runner *runners, int count);

/* Starts every worker and lets all load their libraries at once, which takes seconds and no GPU. */
void worker_load_all(runner *runners, int count, const bench_options *options);

/* {"command": name} */
cJSON *worker_command(const char *name);

/* User and system time that the worker has taken, in seconds; 0 where the system does not tell. */
double worker_cpu_s(const runner *r);

/* Asks the worker to quit, waits a little, then kills it. */
void worker_stop(runner *r);

/* The same of all, which take their leave at once. */
void worker_stop_all(runner *runners, int count);

/* Starts the peers file lister->program, and takes what it says it offers, to be deleted; NULL with
 * lister->why. */
void worker_list(runner *lister, const bench_options *options);
cJSON *worker_variants(runner *lister);

/* ---- discover.c
 * ------------------------------------------------------------------------------------ */

/* The runners that bench/peers offers and the engine's own, filtered by options; their number, or
 * -1. */
int discover(const bench_options *options, runner *out, int capacity);

/* ---- options.c
 * -------------------------------------------------------------------------------------- */

typedef struct bench_modes {
    const char *worker; /* device of the engine's own worker, NULL: not that */
    const char *sweep;  /* "sizes", "batches", "slots", each with ":A,B,C" or not */
    int roofline, list;
} bench_modes;

/* 0: go on; 1: done (--help); 2: bad usage, said on stderr. */
int options_parse(int argc, char **argv, bench_options *options, bench_modes *modes);

/* Says `what` on stderr; 2. */
int options_bad(const char *what);

/* Numbers in W x H form; 0 or -1. */
int options_size(const char *text, int *width, int *height);

/* ---- run.c
 * ------------------------------------------------------------------------------------------ */

/* Opens the case, and starts r's worker if that is not running; on failure r->state and r->why say
 * so. Ways to choose from are not tried yet. */
void run_open(runner *r, const bench_options *options, int profile);

/* Opens, verifies and times every runner; workers are stopped. 0; 1: this engine failed or its
 * results are wrong; 2: no reference, said on stderr. */
int run_case(runner *runners, int count, const bench_options *options);

/* Forgets what was measured, so that the runners can be run again. */
void run_reset(runner *runners, int count);

/* ---- sweep.c, roofline.c: whole modes; the exit status.
 * ------------------------------------------ */

int sweep(runner *runners, int count, const bench_options *options, const char *over);

/* Each step of the first of our own runners against this machine's ceilings. */
int roofline(runner *runners, int count, const bench_options *options);

/* ---- frame.c
 * ---------------------------------------------------------------------------------------- */

/* A seeded picture of FRAME_WIDTH x FRAME_HEIGHT as a binary PPM; 0 or -1. */
int frame_draw(const char *path);

/* Reads a binary PPM of exactly that size: pixels to be freed, or NULL with `why`. */
unsigned char *frame_read(const char *path, char why[WHY_BYTES]);

/* Whether a reply to "poses" says what the heads it was found in say, by posenet_decode and within
 * half a pixel of the network's input: how well a network keeps poses in few bits is its own affair
 * and is judged by its heads. `heads` is the folder that the worker wrote them to. Sets r's
 * pose_error and pose_count; 0, or -1 with r->why. */
int frame_check(runner *r, const cJSON *reply, const char *heads, const bench_case *c);

/* ---- self.c
 * ----------------------------------------------------------------------------------------- */

/* The engine's own worker on `device`: reads commands until quit or end of input. The exit status.
 */
int self_worker(const char *device);

/* ---- ceilings.c
 * ------------------------------------------------------------------------------------- */

/* What `threads` threads of this machine do at best, measured now: bytes read and written by
 * copying memory that no cache holds, and floating-point operations of a large fp32 matrix product.
 * In 1e9 a second; 0: could not be measured. */
double ceiling_copy(int threads);
double ceiling_matrix(void);

/* ---- ceilings_cuda.c: the same of a GPU
 * ------------------------------------------------------------------------------------------------
 */

/* The matrix product is cuBLAS's in `precision`, with sums in fp32. 0 as well where the build has
 * no CUDA. */
double ceiling_copy_cuda(void);
double ceiling_matrix_cuda(const char *precision);

/* ---- verify.c
 * ---------------------------------------------------------------------------------------- */

/* Writes a seeded input tensor (NHWC float32, -1..1, smooth like a picture) to `path`; 0 or -1. */
int verify_write_input(const char *path, const bench_case *c);

/* Compares heads that two workers wrote into folders; fills error[] and returns 0, or -1 with
 * `why`. */
int verify_compare(const char *got, const char *want, double error[HEADS], char why[WHY_BYTES]);

/* The head of that name in a folder, to be freed, and the number of its values; NULL: not there. */
float *verify_read(const char *folder, const char *name, size_t *count);

/* The largest error that a precision allows. */
double verify_tolerance(const char *precision);

extern const char *const head_names[HEADS];

/* ---- measure.c
 * --------------------------------------------------------------------------------------- */

/* Times every READY runner, A B A B, options->rounds times options->iterations calls each; fewer
 * calls of one that is many times slower than the fastest, and fewer rounds once `late`. */
void measure(runner *runners, int count, const bench_options *options, double began);

/* Seconds since some fixed time. */
double measure_now(void);

/* Whether options->seconds have passed since `began`. */
int measure_late(const bench_options *options, double began);

/* a's time over b's, round by round, so that a drift of the machine's speed cancels. */
interval measure_ratio(const runner *a, const runner *b);

/* The fastest runner that was timed, ours or not ours; NULL: none. */
const runner *measure_fastest(const runner *runners, int count, int ours);

/* The q-quantile (0..1) of `count` values, which are left in place; 0 for none. */
double quantile(const double *values, int count, double q);

/* ---- table.c
 * ----------------------------------------------------------------------------------------- */

void table_print(const runner *runners, int count, const bench_options *options);

/* Everything measured of one case, to be deleted by the caller. */
cJSON *table_record(const runner *runners, int count, const bench_options *options);

/* Case, machine, commit and time: what every record begins with. */
cJSON *table_head(const bench_options *options);

/* Whether options->json, if that is wanted, can be written; 0, or -1 with a line on stderr. */
int table_prepare(const bench_options *options);

/* Writes `root` (taken over) to options->json, if that is wanted, as a whole or not at all; 0, or
 * -1 with a line on stderr. */
int table_write(cJSON *root, const bench_options *options);

/* The model's file without its folder. */
const char *table_model(const bench_options *options);

#endif
