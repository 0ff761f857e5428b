/* Many frames of pictures of every size and format, at changing input sizes, one or two in flight:
 * memory stays flat, and the same picture gives the same poses at the end as at the start, by
 * itself and beside another.
 *
 *   soak_check [FRAMES]      exit 0: so it is, 1: not, 77: no GPU or no model; default 100000
 *                            frames
 */
#define _DEFAULT_SOURCE
#include <cuda_runtime_api.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "engine/posenet.h"
#include "kernels/cuda/device.h"
#include "tests/shared.h"

enum {
    MAX_POSES = 5,
    MAX_WIDTH = 1280,
    MAX_HEIGHT = 960,
    FRAMES_A_SIZE = 400, /* between two changes of the input size, at most */
    FLIGHT = 2,
    SKIPPED = 77
};
#define DEVICE_SLACK (16LL << 20) /* bytes that memory may differ by and still be flat */
#define HOST_SLACK   (16LL << 20)

static const int sizes[][2] = {{33, 33}, {257, 257}, {129, 97}, {353, 257}, {513, 513}, {641, 481}};

static uint64_t state = 1;

static int random_below(int end)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (int)((state >> 33) % (uint64_t)end);
}

typedef struct memory {
    long long device, host; /* bytes in use */
} memory;

static memory memory_now(void)
{
    size_t free_bytes = 0, total = 0;
    long long pages = 0, resident = 0;
    (void)cudaMemGetInfo(&free_bytes, &total);
    FILE *f = fopen("/proc/self/statm", "r");
    if (f) {
        if (fscanf(f, "%lld %lld", &pages, &resident) != 2) resident = 0;
        fclose(f);
    }
    return (memory){(long long)(total - free_bytes), resident * sysconf(_SC_PAGESIZE)};
}

static posenet_image random_image(const unsigned char *pixels)
{
    posenet_format format = (posenet_format)random_below(5);
    int wide = format == POSENET_FORMAT_RGBA || format == POSENET_FORMAT_BGRA ? 4 : 3;
    posenet_image image = {.size = sizeof image, .data = pixels, .format = format};
    image.width = 2 * (1 + random_below(MAX_WIDTH / 2));
    image.height = 2 * (1 + random_below(MAX_HEIGHT / 2));
    if (format == POSENET_FORMAT_NV12) wide = 1;
    if (random_below(3) == 0)
        image.pitch = (size_t)image.width * (size_t)wide + (size_t)random_below(64);
    if (format == POSENET_FORMAT_NV12 && image.pitch % 2) image.pitch++;
    image.flip = random_below(2);
    return image;
}

typedef struct result {
    posenet_pose poses[MAX_POSES];
    int count;
} result;

/* Waits until at most `most` frames are in flight. */
static posenet_status land(posenet *engine, int *in_flight, int most)
{
    result ignored;
    for (; *in_flight > most; --*in_flight) {
        posenet_status code = posenet_wait(engine, ignored.poses, &ignored.count);
        if (code != POSENET_OK) return code;
    }
    return POSENET_OK;
}

/* The reference picture at the first size, with nothing and with itself in flight. */
static posenet_status estimate_reference(posenet *engine, const unsigned char *pixels,
                                         result out[FLIGHT])
{
    posenet_decode_options options;
    posenet_default_decode_options(&options, sizeof options);
    options.single = 1; /* noise has no people in it */
    posenet_image image = {.size = sizeof image, .data = pixels, .width = 640, .height = 480};
    memset(out, 0, FLIGHT * sizeof *out);
    posenet_status code = posenet_prepare(engine, sizes[0][0], sizes[0][1], 1);
    for (int i = 0; i < FLIGHT && code == POSENET_OK; i++)
        code = posenet_submit(engine, &image, 1, &options);
    for (int i = 0; i < FLIGHT && code == POSENET_OK; i++)
        code = posenet_wait(engine, out[i].poses, &out[i].count);
    return code;
}

static posenet_status one_frame(posenet *engine, const unsigned char *pixels, int *in_flight)
{
    posenet_decode_options options;
    posenet_default_decode_options(&options, sizeof options);
    options.single = random_below(3) == 0;
    options.max_poses = 1 + random_below(MAX_POSES);
    options.score_threshold = (float)random_below(10) / 10;
    posenet_image image = random_image(pixels);
    posenet_status code = land(engine, in_flight, random_below(FLIGHT));
    if (code != POSENET_OK) return code;
    if (random_below(2)) {
        void *frame;
        size_t bytes = (size_t)MAX_WIDTH * MAX_HEIGHT * 4 + MAX_HEIGHT * 64;
        code = posenet_frame(engine, bytes, &frame);
        if (code != POSENET_OK) return code;
        image.data = frame;
    }
    code = posenet_submit(engine, &image, 1, &options);
    *in_flight += code == POSENET_OK;
    return code;
}

static int soak(posenet *engine, const unsigned char *pixels, int frames)
{
    result first[FLIGHT], again[FLIGHT];
    memory settled = {0, 0};
    int in_flight = 0;
    int size_count = (int)(sizeof sizes / sizeof *sizes);
    /* Whole rounds through the sizes before memory is looked at, and after: then plans of the same
     * sizes are kept. */
    int frames_a_size = frames / 4 / size_count;
    if (frames_a_size > FRAMES_A_SIZE) frames_a_size = FRAMES_A_SIZE;
    if (frames_a_size < 1) frames_a_size = 1;
    int round = frames_a_size * size_count, rounds = frames / round < 4 ? 4 : frames / round;
    int settle = rounds / 4 * round;
    frames = rounds * round;
    posenet_status code = estimate_reference(engine, pixels, first);
    for (int i = 0; i < frames && code == POSENET_OK; i++) {
        if (i % frames_a_size == 0) {
            const int *size = sizes[i / frames_a_size % size_count];
            code = land(engine, &in_flight, 0);
            if (code == POSENET_OK) code = posenet_prepare(engine, size[0], size[1], 1);
        }
        if (code == POSENET_OK) code = one_frame(engine, pixels, &in_flight);
        if (i == settle) settled = memory_now();
        if (i % (frames / 10 ? frames / 10 : 1) == 0) {
            memory now = memory_now();
            printf("frame %d: device %.1f MiB, host %.1f MiB\n", i, (double)now.device / 0x1p20,
                   (double)now.host / 0x1p20);
        }
    }
    if (code == POSENET_OK) code = land(engine, &in_flight, 0);
    if (code == POSENET_OK) code = estimate_reference(engine, pixels, again);
    if (code != POSENET_OK) {
        printf("FAILED  %s\n", posenet_last_error());
        return 1;
    }
    memory now = memory_now();
    long long device = now.device - settled.device, host = now.host - settled.host;
    int same = memcmp(first, again, sizeof first) == 0 &&
               memcmp(&first[0], &first[1], sizeof first[0]) == 0;
    printf("since frame %d: device %+lld bytes, host %+lld bytes; the reference picture's poses "
           "are %s\n",
           settle, device, host, same ? "the same bits" : "DIFFERENT");
    return device > DEVICE_SLACK || host > HOST_SLACK || !same;
}

int main(int argc, char **argv)
{
    int frames = argc > 1 ? atoi(argv[1]) : 100000;
    char path[SHARED_PATH_BYTES];
    cuda_device *device;
    if (cuda_device_open(0, &device) != STATUS_OK) {
        printf("skipped: %s\n", fail_text());
        return SKIPPED;
    }
    cuda_device_close(&device);
    if (!shared_model("posenet_mobilenet_v1_075_stride16.onnx", path)) {
        printf("skipped: no model\n");
        return SKIPPED;
    }
    size_t bytes = (size_t)(MAX_WIDTH * 4 + 64) * MAX_HEIGHT;
    unsigned char *pixels = malloc(bytes);
    if (!pixels) return 1;
    for (size_t i = 0; i < bytes; i++) pixels[i] = (unsigned char)random_below(256);
    posenet_settings settings;
    posenet_default_settings(&settings, sizeof settings);
    settings.model = path;
    settings.device = POSENET_DEVICE_CUDA;
    settings.slots = FLIGHT;
    posenet *engine = NULL;
    struct timespec from, to;
    clock_gettime(CLOCK_MONOTONIC, &from);
    int failed = posenet_open(&engine, &settings) != POSENET_OK;
    if (failed)
        printf("FAILED  %s\n", posenet_last_error());
    else
        failed = soak(engine, pixels, frames);
    clock_gettime(CLOCK_MONOTONIC, &to);
    posenet_close(&engine);
    free(pixels);
    printf("%s: %d frames, %ld s\n", failed ? "FAILED" : "ok", frames,
           (long)(to.tv_sec - from.tv_sec));
    return failed;
}
