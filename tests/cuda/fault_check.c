/* Every CUDA call and every allocation of our own code failed in turn, from open to close, at
 * 33x33: each time an error in one sentence, nothing lost, and a handle that still closes.
 *
 *   fault_check [STEP]      exit 0: so it is, 1: not, 77: no GPU
 *
 * A tiny model takes every call, the tuner's on it and those of a real model (where $POSENET_MODELS
 * has it) every STEP-th (default 41). What cuDNN and cuBLASLt call inside is theirs and is not
 * failed. */
#include <cuda_runtime_api.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/posenet.h"
#include "kernels/cuda/device.h"
#include "tests/cuda/fault_calls.h"
#include "tests/shared.h"
#include "tests/tiny_model.h"

enum { SIDE = 33, OTHER_SIDE = 49, PICTURE = 24, MAX_POSES = 5, MOST_CALLS = 100000, SKIPPED = 77 };

typedef struct subject {
    const char *name;
    const char *path; /* or NULL: */
    const uint8_t *bytes;
    size_t size;
    int profile;
    posenet_wait_mode wait;
    int tuned;
} subject;

static int failures;
static void *device_input; /* of OTHER_SIDE, as fp32 or less */

static void expect(int fine, const subject *s, long number, const char *what)
{
    if (fine) return;
    failures++;
    printf("FAILED  %s, call %ld (%s): %s (%s)\n", s->name, number,
           calls_failed() ? calls_failed() : "none failed", what, posenet_last_error());
}

static posenet_status open_subject(const subject *s, posenet **engine)
{
    posenet_settings settings;
    posenet_default_settings(&settings, sizeof settings);
    settings.model = s->path;
    settings.device = POSENET_DEVICE_CUDA;
    settings.normalize = POSENET_NORMALIZE_MOBILENET;
    settings.width = settings.height = SIDE;
    settings.profile = s->profile;
    settings.wait = s->wait;
    settings.tune = s->tuned ? POSENET_TUNE_AGAIN : POSENET_TUNE_OFF;
    settings.tune_folder = "";
    return s->path ? posenet_open(engine, &settings)
                   : posenet_open_memory(engine, s->bytes, s->size, &settings);
}

static posenet_status estimate(posenet *engine, void *pixels)
{
    posenet_image image = {
        .size = sizeof image, .data = pixels, .width = PICTURE, .height = PICTURE};
    posenet_pose poses[MAX_POSES];
    int count;
    return posenet_estimate(engine, &image, 1, NULL, poses, &count);
}

/* Reads a head into host memory, and infers from it: the copies beside a frame. */
static posenet_status use_tensors(posenet *engine)
{
    static float data[2 * OTHER_SIDE * OTHER_SIDE * 3];
    posenet_tensor input = {
        .size = sizeof input, .data = data, .dims = {1, OTHER_SIDE, OTHER_SIDE, 3}};
    posenet_tensor heads[POSENET_HEADS] = {{.size = 0}};
    for (int h = 0; h < POSENET_HEADS; h++) heads[h].size = sizeof heads[h];
    int dims[4];
    posenet_status code = posenet_get_head(engine, POSENET_HEAD_OFFSET, dims, data, 2 * 4 * 4 * 34);
    if (code == POSENET_OK) code = posenet_infer(engine, &input, heads);
    input.data = device_input;
    input.on_device = 1;
    input.type = POSENET_TYPE_FP16; /* as the plan's: copied the first time, read where it lies */
    for (int i = 0; i < 3 && code == POSENET_OK; i++) code = posenet_infer(engine, &input, heads);
    return code;
}

/* Uses the handle in every way that calls the runtime; the first failure's status. */
static posenet_status use(posenet *engine)
{
    static uint8_t pixels[PICTURE * PICTURE * 3];
    void *frame;
    posenet_status code = estimate(engine, pixels);
    if (code == POSENET_OK) code = posenet_frame(engine, sizeof pixels, &frame);
    if (code == POSENET_OK) code = estimate(engine, frame);
    if (code == POSENET_OK) code = posenet_prepare(engine, OTHER_SIDE, OTHER_SIDE, 0);
    if (code == POSENET_OK) code = estimate(engine, pixels);
    return code == POSENET_OK ? use_tensors(engine) : code;
}

/* What is only asked to save time or to weigh rows may go wrong unnoticed; and where a way to
 * compute something fails the tuner takes another. */
static int is_harmless(const subject *s, const char *call)
{
    static const char *const asking[] = {
        "cudaPointerGetAttributes", "cudaGetDevice",
        "cudaDeviceGetAttribute",   "cudaFuncGetAttributes",
        "cudaFuncSetAttribute",     "cudaOccupancyMaxActiveBlocksPerMultiprocessor"};
    for (size_t i = 0; i < sizeof asking / sizeof *asking; i++)
        if (strcmp(call, asking[i]) == 0) return 1;
    return s->tuned;
}

/* One life with call `number` failing; 0 once that is more than there are. */
static int live_once(const subject *s, long number)
{
    long before = calls_live();
    posenet *engine = NULL;
    calls_fail(number);
    posenet_status code = open_subject(s, &engine);
    expect((code == POSENET_OK) == (engine != NULL), s, number,
           "open's status and handle disagree");
    if (code == POSENET_OK) code = use(engine);
    if (calls_failed() && !calls_failed_releasing()) {
        expect(code != POSENET_OK || is_harmless(s, calls_failed()), s, number, "no error");
        expect(code == POSENET_OK || *posenet_last_error(), s, number, "no sentence");
    } else if (!calls_failed()) {
        expect(code == POSENET_OK, s, number, "an error without a fault");
    }
    posenet_close(&engine);
    int hit = calls_failed() != NULL;
    expect(engine == NULL, s, number, "close left the handle");
    expect(calls_live() == before, s, number, "something was lost");
    return hit;
}

static void fail_in_turn(const subject *s, long step)
{
    long number = 1;
    while (number < MOST_CALLS && live_once(s, number)) number += step;
    printf("%s: every call (in steps of %ld) up to %ld failed, %ld calls in a whole life\n",
           s->name, step, number, calls_count());
    expect(calls_count() > 100 && number < MOST_CALLS, s, number, "too few or too many");
}

int main(int argc, char **argv)
{
    long step = argc > 1 ? strtol(argv[1], NULL, 10) : 41;
    if (step < 1) return 2;
    setvbuf(stdout, NULL, _IOLBF, 0);
    cuda_device *device;
    if (cuda_device_open(0, &device) != STATUS_OK) {
        printf("skipped: %s\n", fail_text());
        return SKIPPED;
    }
    cuda_device_close(&device);
    if (cudaMalloc(&device_input, OTHER_SIDE * OTHER_SIDE * 3 * sizeof(float)) != cudaSuccess)
        return 1;
    size_t size;
    uint8_t *bytes = tiny_model(&(tiny_spec){.nhwc = 1, .sigmoid = 1, .scaled = 1}, &size);
    subject tiny = {"tiny model", NULL, bytes, size, 0, POSENET_WAIT_SPIN, 0};
    fail_in_turn(&tiny, 1);
    tiny.name = "tiny model, profiled, blocking";
    tiny.profile = 1;
    tiny.wait = POSENET_WAIT_BLOCK;
    fail_in_turn(&tiny, 1);
    tiny.name = "tiny model, tuned";
    tiny.profile = 0;
    tiny.tuned = 1;
    fail_in_turn(&tiny, step);
    free(bytes);
    char path[SHARED_PATH_BYTES];
    subject real = {"MobileNet", path, NULL, 0, 0, POSENET_WAIT_SPIN, 0};
    if (shared_model("posenet_mobilenet_v1_075_stride16.onnx", path))
        fail_in_turn(&real, step);
    else
        printf("skipped: no MobileNet\n");
    (void)cudaFree(device_input);
    printf("%s\n", failures ? "FAILED" : "ok: every fault was an error, nothing was lost");
    return failures != 0;
}
