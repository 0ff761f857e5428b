/* How long the network alone and a whole frame take, from the host's clock, launch and wait
 * included: median of many; how many images a second come out with several frames in flight; and
 * what a camera of 60 frames a second costs the host where waiting sleeps (at the first size).
 *
 *   gpu_times MODEL fp32|tf32|fp16 [auto|off] WIDTHxHEIGHT[xBATCH]... [camera]
 *
 * off: rows by their estimates instead of the tuner's choice.
 * A frame is a 1280x720 RGB picture in the buffer that posenet_frame lends, poses on the host. */
#define _POSIX_C_SOURCE 200809L
#include <cuda_runtime_api.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/inside.h"
#include "engine/posenet.h"

enum { FRAME_WIDTH = 1280, FRAME_HEIGHT = 720, WARM = 30, REPEATS = 200, MAX_BATCH = 64 };
enum { MAX_FLIGHT = 8, CAMERA_FRAMES = 300, CAMERA_RATE = 60 };

static double now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec * 1e-3;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

typedef struct subject {
    posenet *engine;
    int batch, single;
    posenet_image *images;
    posenet_pose *poses;
    int *counts;
} subject;

typedef posenet_status (*timed)(const subject *s);

/* The network's works on whatever the arena holds. */
static posenet_status run_network(const subject *s)
{
    const posenet *e = s->engine;
    const plan *p = inside_plan(e);
    slot *first = e->plans[e->current].slots[0];
    return (posenet_status)e->device->calls->compute(e->device, first, p->network_first,
                                                     p->network_count);
}

static posenet_status run_frame(const subject *s)
{
    posenet_decode_options options;
    posenet_default_decode_options(&options, sizeof options);
    options.single = s->single;
    return posenet_estimate(s->engine, s->images, s->batch, &options, s->poses, s->counts);
}

static posenet_status median_of(timed run, const subject *s, double *median)
{
    double samples[REPEATS];
    for (int i = -WARM; i < REPEATS; i++) {
        double start = now_us();
        posenet_status code = run(s);
        if (code != POSENET_OK) return code;
        if (i >= 0) samples[i] = now_us() - start;
    }
    qsort(samples, REPEATS, sizeof *samples, by_size);
    *median = samples[REPEATS / 2];
    return POSENET_OK;
}

/* Noise with some structure, so that heatmaps are not all the same. */
static posenet_status make_images(subject *s)
{
    size_t bytes = (size_t)FRAME_WIDTH * FRAME_HEIGHT * 3;
    void *memory;
    posenet_status code = posenet_frame(s->engine, bytes * (size_t)s->batch, &memory);
    if (code != POSENET_OK) return code;
    unsigned char *pixels = memory;
    for (size_t i = 0; i < bytes * (size_t)s->batch; i++)
        pixels[i] = (unsigned char)((i * 2654435761u >> 24) / 4 + i / 3 % FRAME_WIDTH / 8);
    for (int i = 0; i < s->batch; i++)
        s->images[i] = (posenet_image){.size = sizeof s->images[i],
                                       .data = pixels + bytes * (size_t)i,
                                       .width = FRAME_WIDTH,
                                       .height = FRAME_HEIGHT};
    return POSENET_OK;
}

static posenet_status time_opened(subject *s, const char *size)
{
    double network, several, single;
    posenet_status code = make_images(s);
    if (code == POSENET_OK) code = median_of(run_network, s, &network);
    s->single = 0;
    if (code == POSENET_OK) code = median_of(run_frame, s, &several);
    s->single = 1;
    if (code == POSENET_OK) code = median_of(run_frame, s, &single);
    if (code == POSENET_OK)
        printf("%-14s network %8.1f us   frame %8.1f us (single %8.1f us)\n", size, network,
               several, single);
    return code;
}

/* ---- frames in flight ------------------------------------------------------------------------ */

/* Where a frame's picture comes from. */
typedef enum source { FROM_FRAME, FROM_PAGEABLE, FROM_DEVICE } source;

static size_t picture_bytes(const subject *s)
{
    return (size_t)FRAME_WIDTH * FRAME_HEIGHT * 3 * (size_t)s->batch;
}

/* Submits s->images, or them in the next slot's own buffer, which is filled where it is not yet. */
static posenet_status submit(const subject *s, source from)
{
    if (from != FROM_FRAME) return posenet_submit(s->engine, s->images, s->batch, NULL);
    posenet_image images[MAX_BATCH];
    const unsigned char *filled = s->images[0].data;
    void *frame;
    posenet_status code = posenet_frame(s->engine, picture_bytes(s), &frame);
    if (code != POSENET_OK) return code;
    if (memcmp(frame, filled, 64) != 0) memcpy(frame, filled, picture_bytes(s));
    for (int i = 0; i < s->batch; i++) {
        images[i] = s->images[i];
        images[i].data = (unsigned char *)frame + (size_t)i * FRAME_WIDTH * FRAME_HEIGHT * 3;
    }
    return posenet_submit(s->engine, images, s->batch, NULL);
}

/* Images a second with `flight` frames in flight, and how long the host takes to submit one. */
static posenet_status time_flight(const subject *s, source from, int flight, double *rate,
                                  double *submitting)
{
    posenet_status code = POSENET_OK;
    double start = 0;
    *submitting = 0;
    for (int i = 0; i < WARM + REPEATS && code == POSENET_OK; i++) {
        if (i == WARM) start = now_us();
        if (i >= flight) code = posenet_wait(s->engine, s->poses, s->counts);
        double before = now_us();
        if (code == POSENET_OK) code = submit(s, from);
        if (i >= WARM) *submitting += (now_us() - before) / REPEATS;
    }
    *rate = REPEATS * s->batch / (now_us() - start) * 1e6;
    for (int i = 0; i < flight && code == POSENET_OK; i++)
        code = posenet_wait(s->engine, s->poses, s->counts);
    return code;
}

static posenet_status time_flights(const subject *s, source from, const char *name)
{
    posenet_status code = POSENET_OK;
    double rate = 0, submitting = 0;
    printf("%-14s images/s in flight, %s:", "", name);
    for (int flight = 1; flight <= MAX_FLIGHT && code == POSENET_OK; flight++) {
        code = time_flight(s, from, flight, &rate, &submitting);
        printf("  %d: %.0f", flight, rate);
    }
    printf("; %.1f us to submit\n", submitting);
    return code;
}

/* The same picture from a buffer of a slot, from ordinary memory, and on the device. */
static posenet_status time_sources(subject *s)
{
    unsigned char *pageable = malloc(picture_bytes(s));
    void *on_device = NULL;
    if (!pageable || cudaMalloc(&on_device, picture_bytes(s)) != cudaSuccess) {
        free(pageable);
        return POSENET_ERROR_MEMORY;
    }
    memcpy(pageable, s->images[0].data, picture_bytes(s));
    cudaMemcpy(on_device, pageable, picture_bytes(s), cudaMemcpyDefault);
    for (int i = 0; i < s->batch; i++) {
        size_t at = (size_t)i * FRAME_WIDTH * FRAME_HEIGHT * 3;
        s->images[i].data = pageable + at;
    }
    posenet_status code = time_flights(s, FROM_FRAME, "lent buffers");
    if (code == POSENET_OK) code = time_flights(s, FROM_PAGEABLE, "pageable");
    for (int i = 0; i < s->batch; i++) {
        size_t at = (size_t)i * FRAME_WIDTH * FRAME_HEIGHT * 3;
        s->images[i].data = (unsigned char *)on_device + at;
        s->images[i].on_device = 1;
    }
    if (code == POSENET_OK) code = time_flights(s, FROM_DEVICE, "on the device");
    cudaFree(on_device);
    free(pageable);
    return code;
}

/* ---- a camera -------------------------------------------------------------------------------- */

/* Of the whole process; of this thread alone the driver's own threads would be missing. */
static double cpu_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec * 1e-3;
}

static void sleep_until_next(struct timespec *due)
{
    due->tv_nsec += 1000000000L / CAMERA_RATE;
    if (due->tv_nsec >= 1000000000L) {
        due->tv_nsec -= 1000000000L;
        due->tv_sec++;
    }
    (void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, due, NULL);
}

/* What the host's cores spend on frames that come at a camera's rate, and on what. */
static posenet_status time_camera(const subject *s, source from, const char *name)
{
    struct timespec due;
    posenet_status code = run_frame(s);
    clock_gettime(CLOCK_MONOTONIC, &due);
    double sleeping = 0, submitting = 0, waiting = 0, start = now_us(), cpu = cpu_us(), all = cpu;
    for (int i = 0; i < CAMERA_FRAMES && code == POSENET_OK; i++) {
        sleep_until_next(&due);
        double slept = cpu_us();
        code = submit(s, from);
        double submitted = cpu_us();
        if (code == POSENET_OK) code = posenet_wait(s->engine, s->poses, s->counts);
        double waited = cpu_us();
        sleeping += (slept - cpu) / CAMERA_FRAMES;
        submitting += (submitted - slept) / CAMERA_FRAMES;
        waiting += (waited - submitted) / CAMERA_FRAMES;
        cpu = waited;
    }
    printf("%-14s %d frames/s, %s: %.2f %% of a core; a frame: %.0f us asleep, %.0f us submit, "
           "%.0f us wait\n",
           "", CAMERA_RATE, name, (cpu - all) / (now_us() - start) * 100, sleeping, submitting,
           waiting);
    return code;
}

static posenet_status time_cameras(subject *s)
{
    unsigned char *pageable = malloc(picture_bytes(s));
    if (!pageable) return POSENET_ERROR_MEMORY;
    memcpy(pageable, s->images[0].data, picture_bytes(s));
    for (int i = 0; i < s->batch; i++)
        s->images[i].data = pageable + (size_t)i * FRAME_WIDTH * FRAME_HEIGHT * 3;
    posenet_status code = time_camera(s, FROM_FRAME, "lent buffers");
    if (code == POSENET_OK) code = time_camera(s, FROM_PAGEABLE, "pageable");
    free(pageable);
    return code;
}

/* ---- sizes ----------------------------------------------------------------------------------- */

static posenet_status open_size(subject *s, const posenet_settings *settings,
                                posenet_wait_mode wait, const char *size)
{
    posenet_settings mine = *settings;
    mine.wait = wait;
    double start = now_us();
    posenet_status code = posenet_open(&s->engine, &mine);
    if (code == POSENET_OK && wait == POSENET_WAIT_SPIN)
        printf("%-14s opened in %.2f s\n", size, (now_us() - start) * 1e-6);
    return code;
}

static posenet_status time_size(subject *s, posenet_settings *settings, const char *size,
                                int camera)
{
    s->batch = 1;
    if (sscanf(size, "%dx%dx%d", &settings->width, &settings->height, &s->batch) < 2 ||
        s->batch < 1 || s->batch > MAX_BATCH)
        return POSENET_ERROR_ARGUMENT;
    settings->batch = s->batch;
    posenet_status code = open_size(s, settings, POSENET_WAIT_SPIN, size);
    if (code == POSENET_OK) code = time_opened(s, size);
    if (code == POSENET_OK) code = time_sources(s);
    posenet_close(&s->engine);
    if (!camera) return code;
    if (code == POSENET_OK) code = open_size(s, settings, POSENET_WAIT_BLOCK, size);
    if (code == POSENET_OK) code = make_images(s);
    if (code == POSENET_OK) code = time_cameras(s);
    posenet_close(&s->engine);
    return code;
}

int main(int argc, char **argv)
{
    static const char *const names[] = {"fp32", "tf32", "fp16"};
    static const posenet_precision precisions[] = {POSENET_PRECISION_FP32, POSENET_PRECISION_TF32,
                                                   POSENET_PRECISION_FP16};
    if (argc < 4) return 2;
    posenet_settings settings;
    posenet_default_settings(&settings, sizeof settings);
    settings.model = argv[1];
    settings.device = POSENET_DEVICE_CUDA;
    settings.slots = MAX_FLIGHT;
    int first = 3;
    if (strcmp(argv[3], "off") == 0 || strcmp(argv[3], "auto") == 0) first = 4;
    if (strcmp(argv[3], "off") == 0) settings.tune = POSENET_TUNE_OFF;
    for (int i = 0; i < 3; i++)
        if (strcmp(argv[2], names[i]) == 0) settings.precision = precisions[i];
    subject s = {.images = calloc(MAX_BATCH, sizeof(posenet_image)),
                 .poses = calloc(MAX_BATCH * POSENET_MAX_POSES, sizeof(posenet_pose)),
                 .counts = calloc(MAX_BATCH, sizeof(int))};
    posenet_status code = s.images && s.poses && s.counts ? POSENET_OK : POSENET_ERROR_MEMORY;
    int camera = strcmp(argv[argc - 1], "camera") == 0;
    for (int i = first; i < argc - camera && code == POSENET_OK; i++)
        code = time_size(&s, &settings, argv[i], camera && i == first);
    if (code != POSENET_OK) printf("FAILED  %s\n", posenet_last_error());
    free(s.images);
    free(s.poses);
    free(s.counts);
    return code != POSENET_OK;
}
