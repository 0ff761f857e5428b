/* The network alone against Google's own: posenet_infer on the stored inputs of golden/heads. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

#include "engine/posenet.h"
#include "tests/shared.h"

enum { SIDE = 257, CELLS = 17, INPUT_COUNT = SIDE * SIDE * 3 };

static const int channels[POSENET_HEADS] = {17, 34, 32, 32};
static const char *const head_files[POSENET_HEADS] = {"heatmaps", "offsets", "displacement_fwd",
                                                      "displacement_bwd"};
static const double limits[POSENET_HEADS] = {1e-5, 2e-3, 2e-3, 2e-3};

static float *load(const char *picture, const char *what, size_t count)
{
    char name[256], path[SHARED_PATH_BYTES];
    snprintf(name, sizeof name, "golden/heads/%s.257.%s.f32", picture, what);
    if (!shared_file(name, path)) cr_skip_test("skipped: %s is not there", path);
    float *data = malloc(count * sizeof *data);
    FILE *f = fopen(path, "rb");
    cr_assert(data && f && fread(data, sizeof *data, count, f) == count, "%s is cut short", path);
    fclose(f);
    return data;
}

/* The largest difference of head `which`; `data` are the engine's values. */
static double distance(int which, const float *data, const float *want)
{
    double worst = 0;
    for (int i = 0; i < CELLS * CELLS * channels[which]; i++) {
        double got = which == POSENET_HEAD_HEATMAP ? 1 / (1 + exp(-(double)data[i])) : data[i];
        worst = fmax(worst, fabs(got - (double)want[i]));
    }
    return worst;
}

static void check_picture(posenet *engine, const char *picture)
{
    float *input = load(picture, "input", INPUT_COUNT);
    for (int i = 0; i < INPUT_COUNT; i++) input[i] = input[i] / 127.5f - 1;
    posenet_tensor in = {.size = sizeof in, .data = input, .dims = {1, SIDE, SIDE, 3}};
    posenet_tensor heads[POSENET_HEADS];
    for (int h = 0; h < POSENET_HEADS; h++) {
        heads[h] =
            (posenet_tensor){.size = sizeof heads[h], .dims = {1, CELLS, CELLS, channels[h]}};
        heads[h].data = malloc((size_t)(CELLS * CELLS * channels[h]) * sizeof(float));
    }
    cr_assert_eq(posenet_infer(engine, &in, heads), POSENET_OK, "%s", posenet_last_error());
    for (int h = 0; h < POSENET_HEADS; h++) {
        float *want = load(picture, head_files[h], (size_t)(CELLS * CELLS * channels[h]));
        double worst = distance(h, heads[h].data, want);
        cr_expect_leq(worst, limits[h], "%s, %s: %g", picture, head_files[h], worst);
        cr_log_info("%s on %s, %s: %.2g", picture, posenet_device_name(engine), head_files[h],
                    worst);
        free(want);
        free(heads[h].data);
    }
    free(input);
}

static void check_model(const char *name, posenet_device device)
{
    char path[SHARED_PATH_BYTES];
    if (!shared_model(name, path)) cr_skip_test("skipped: no model %s", name);
    posenet_settings settings;
    posenet_default_settings(&settings, sizeof settings);
    settings.model = path;
    settings.device = device;
    settings.width = settings.height = SIDE;
    posenet *engine;
    cr_assert_eq(posenet_open(&engine, &settings), POSENET_OK, "%s", posenet_last_error());
    check_picture(engine, "couple");
    check_picture(engine, "tennis_in_crowd");
    posenet_close(&engine);
}

Test(golden, heads_of_the_onnx_file_on_cpu)
{
    check_model("posenet_mobilenet_v1_075_stride16.onnx", POSENET_DEVICE_CPU);
}

Test(golden, heads_of_the_onnx_file_on_ref)
{
    check_model("posenet_mobilenet_v1_075_stride16.onnx", POSENET_DEVICE_REF);
}

Test(golden, heads_of_the_tfjs_files_on_cpu)
{
    check_model("tfjs_posenet_mobilenet_v1_075_stride16/model-stride16.json", POSENET_DEVICE_CPU);
}

Test(golden, heads_of_the_tfjs_files_on_ref)
{
    check_model("tfjs_posenet_mobilenet_v1_075_stride16/model-stride16.json", POSENET_DEVICE_REF);
}
