/* How long the network alone and a whole frame take, from the host's clock, launch and wait
 * included: median of many, one line a size.
 *
 *   gpu_times MODEL fp32|tf32|fp16 [auto|off] WIDTHxHEIGHT[xBATCH]...
 *
 * off: rows by their estimates instead of the tuner's choice.
 * A frame is a 1280x720 RGB picture in the buffer that posenet_frame lends, poses on the host. */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/inside.h"
#include "engine/posenet.h"

enum { FRAME_WIDTH = 1280, FRAME_HEIGHT = 720, WARM = 30, REPEATS = 200, MAX_BATCH = 64 };

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

static posenet_status time_size(subject *s, posenet_settings *settings, const char *size)
{
    s->batch = 1;
    if (sscanf(size, "%dx%dx%d", &settings->width, &settings->height, &s->batch) < 2 ||
        s->batch < 1 || s->batch > MAX_BATCH)
        return POSENET_ERROR_ARGUMENT;
    settings->batch = s->batch;
    double start = now_us();
    posenet_status code = posenet_open(&s->engine, settings);
    if (code == POSENET_OK) printf("%-14s opened in %.2f s\n", size, (now_us() - start) * 1e-6);
    if (code == POSENET_OK) code = time_opened(s, size);
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
    settings.slots = 1;
    int first = 3;
    if (strcmp(argv[3], "off") == 0 || strcmp(argv[3], "auto") == 0) first = 4;
    if (strcmp(argv[3], "off") == 0) settings.tune = POSENET_TUNE_OFF;
    for (int i = 0; i < 3; i++)
        if (strcmp(argv[2], names[i]) == 0) settings.precision = precisions[i];
    subject s = {.images = calloc(MAX_BATCH, sizeof(posenet_image)),
                 .poses = calloc(MAX_BATCH * POSENET_MAX_POSES, sizeof(posenet_pose)),
                 .counts = calloc(MAX_BATCH, sizeof(int))};
    posenet_status code = s.images && s.poses && s.counts ? POSENET_OK : POSENET_ERROR_MEMORY;
    for (int i = first; i < argc && code == POSENET_OK; i++)
        code = time_size(&s, &settings, argv[i]);
    if (code != POSENET_OK) printf("FAILED  %s\n", posenet_last_error());
    free(s.images);
    free(s.poses);
    free(s.counts);
    return code != POSENET_OK;
}
