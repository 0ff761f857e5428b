/* Every allocation of our own code failed in turn, from open to close, at 33x33: each time an
 * error, nothing lost, and a handle that still closes; and a frame allocates nothing.
 *
 * Exempt, because they are other people's: what oneDNN, OpenMP and libc allocate inside. protobuf-c
 * allocates through our allocator, so it is not. Run it under AddressSanitizer or valgrind, too.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/posenet.h"
#include "tests/faults/allocations.h"
#include "tests/shared.h"
#include "tests/tiny_model.h"

enum { SIDE = 33, OTHER_SIDE = 49, PICTURE = 24, MAX_POSES = 5, MOST_ALLOCATIONS = 100000 };

static int failures;

static void expect(int fine, const char *subject, long number, const char *what)
{
    if (fine) return;
    failures++;
    printf("%s, allocation %ld: %s (%s)\n", subject, number, what, posenet_last_error());
}

/* Where a handle comes from. */
typedef struct subject {
    const char *name;
    const char *path; /* or NULL: */
    const uint8_t *bytes;
    size_t size;
    posenet_device device;
    int tuned; /* rows are chosen by timing them; nothing is kept on disk */
} subject;

static posenet_status open_subject(const subject *s, posenet **engine)
{
    posenet_settings settings;
    posenet_default_settings(&settings, sizeof settings);
    settings.model = s->path;
    settings.device = s->device;
    settings.normalize = POSENET_NORMALIZE_MOBILENET;
    settings.width = settings.height = SIDE;
    settings.profile = 1;
    settings.tune = s->tuned ? POSENET_TUNE_ON : POSENET_TUNE_OFF;
    settings.tune_folder = "";
    return s->path ? posenet_open(engine, &settings)
                   : posenet_open_memory(engine, s->bytes, s->size, &settings);
}

static posenet_status estimate(posenet *engine)
{
    static uint8_t pixels[PICTURE * PICTURE * 3];
    for (size_t i = 0; i < sizeof pixels; i++) pixels[i] = (uint8_t)(i * 131);
    posenet_image image = {
        .size = sizeof image, .data = pixels, .width = PICTURE, .height = PICTURE};
    posenet_pose poses[MAX_POSES];
    int count;
    return posenet_estimate(engine, &image, 1, NULL, poses, &count);
}

static posenet_status decode_alone(void)
{
    static float data[3 * 3 * 34];
    posenet_tensor heads[POSENET_HEADS];
    for (int h = 0; h < POSENET_HEADS; h++)
        heads[h] = (posenet_tensor){
            .size = sizeof heads[h], .data = data, .dims = {1, 3, 3, decode_channels[h]}};
    posenet_pose poses[MAX_POSES];
    int count;
    return posenet_decode(NULL, heads, 16, 1, NULL, MAX_POSES, poses, &count);
}

/* Uses the handle in every way that may allocate; the first failure's status. */
static posenet_status use(posenet *engine)
{
    void *frame;
    posenet_status code = estimate(engine);
    if (code == POSENET_OK) code = posenet_frame(engine, PICTURE, &frame);
    if (code == POSENET_OK) code = posenet_prepare(engine, OTHER_SIDE, OTHER_SIDE, 0);
    if (code == POSENET_OK) code = estimate(engine);
    if (code == POSENET_OK) code = posenet_prepare(engine, SIDE, OTHER_SIDE, 0);
    if (code == POSENET_OK) code = decode_alone();
    return code;
}

/* One run with allocation `number` failing (and all later ones if `all`); 0 once that is more than
 * there are. */
static int run_once(const subject *s, long number, int all)
{
    long before = allocations_live();
    posenet *engine = NULL;
    allocations_fail(number, all);
    posenet_status code = open_subject(s, &engine);
    int opened = code == POSENET_OK;
    expect(opened == (engine != NULL), s->name, number, "open's status and handle disagree");
    if (opened) code = use(engine);
    int hit = allocations_count() >= number;
    allocations_fail(0, 0);
    expect(hit ? code == POSENET_ERROR_MEMORY : code == POSENET_OK, s->name, number,
           hit ? "no out of memory error" : "an error without a fault");
    if (opened && hit)
        expect(estimate(engine) == POSENET_OK, s->name, number, "the handle is of no use any more");
    posenet_close(&engine);
    expect(allocations_live() == before, s->name, number, "something was lost");
    return hit;
}

/* Every `step`-th allocation. */
static void fail_in_turn(const subject *s, long step)
{
    for (int all = 0; all <= 1; all++) {
        long number = 1;
        while (number < MOST_ALLOCATIONS && run_once(s, number, all)) number += step;
        printf("%s: every allocation (in steps of %ld) up to %ld failed%s\n", s->name, step, number,
               all ? ", with all behind it" : "");
        expect(number > 20 && number < MOST_ALLOCATIONS, s->name, number, "too few or too many");
    }
}

static void frames_allocate_nothing(const subject *s)
{
    posenet *engine;
    allocations_fail(0, 0);
    posenet_status code = open_subject(s, &engine);
    expect(code == POSENET_OK, s->name, 0, "open");
    for (int i = 0; code == POSENET_OK && i < 3; i++) {
        allocations_fail(0, 0);
        expect(estimate(engine) == POSENET_OK, s->name, 0, "estimate");
        expect(allocations_count() == 0, s->name, allocations_count(), "a frame allocates");
    }
    posenet_close(&engine);
}

/* The first argument is the step between a real model's faults (11; 1 takes minutes). */
int main(int argc, char **argv)
{
    long step = argc > 1 ? strtol(argv[1], NULL, 10) : 11;
    if (step < 1) return 2;
    static const char *const files[] = {
        "posenet_mobilenet_v1_075_stride16.onnx", "bodypix_mobilenet_v1_050_stride16.onnx",
        "tfjs_posenet_mobilenet_v1_075_stride16/model-stride16.json"};
    static const posenet_device devices[] = {POSENET_DEVICE_CPU, POSENET_DEVICE_REF};
    size_t size;
    uint8_t *bytes = tiny_model(&(tiny_spec){.nhwc = 1, .sigmoid = 1, .scaled = 1}, &size);
    for (int i = 0; i < 2; i++) {
        subject tiny = {i ? "tiny on ref" : "tiny on cpu", NULL, bytes, size, devices[i], 0};
        frames_allocate_nothing(&tiny);
        fail_in_turn(&tiny, 1);
        tiny.tuned = 1;
        tiny.name = i ? "tiny tuned on ref" : "tiny tuned on cpu";
        fail_in_turn(&tiny, step);
    }
    free(bytes);
    for (int i = 0; i < 3; i++) {
        char path[SHARED_PATH_BYTES];
        if (!shared_model(files[i], path)) {
            printf("skipped: no model %s\n", files[i]);
            continue;
        }
        subject real = {files[i], path, NULL, 0, POSENET_DEVICE_CPU, 0};
        frames_allocate_nothing(&real);
        fail_in_turn(&real, step);
    }
    printf("%s\n", failures ? "FAILED" : "ok: every fault was an error, nothing was lost");
    return failures != 0;
}
