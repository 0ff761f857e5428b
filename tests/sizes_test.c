/* Any legal size, portrait and landscape, on one open handle: the same bits as on a handle that was
 * opened for that size, whatever was prepared before and dropped since. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/posenet.h"
#include "loader/generate/generate.h"

enum { HEAD_CHANNELS = 17, PATH_BYTES = 64 };

static void make_model(char folder[32], char path[PATH_BYTES])
{
    generate_settings s = {.architecture = GENERATE_MOBILENET_V1,
                           .dialect = GENERATE_NCHW,
                           .stride = 16,
                           .multiplier = 50,
                           .seed = 3};
    graph *g = NULL;
    strcpy(folder, "/tmp/posenet-sizes-XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
    snprintf(path, PATH_BYTES, "%s/model.onnx", folder);
    cr_assert(generate_graph(&s, &g) == STATUS_OK, "%s", fail_text());
    cr_assert(onnx_write_file(g, path) == STATUS_OK, "%s", fail_text());
    graph_free(&g);
}

static posenet *open_model(const char *path, int width, int height)
{
    posenet *engine = NULL;
    posenet_settings settings;
    posenet_default_settings(&settings, sizeof settings);
    settings.model = path;
    settings.device = POSENET_DEVICE_CPU;
    settings.width = width;
    settings.height = height;
    settings.max_plans = 2;
    cr_assert(posenet_open(&engine, &settings) == POSENET_OK, "%s", posenet_last_error());
    return engine;
}

/* The heatmaps of a picture made of the size alone; the caller frees them. */
static float *heatmaps(posenet *engine, int width, int height, size_t *count)
{
    size_t pixels = (size_t)width * (size_t)height * 3;
    float *input = malloc(pixels * sizeof *input);
    int rows = (height - 1) / 16 + 1, columns = (width - 1) / 16 + 1;
    *count = (size_t)rows * (size_t)columns * HEAD_CHANNELS;
    float *output = calloc(*count, sizeof *output);
    cr_assert(input && output);
    for (size_t i = 0; i < pixels; i++) input[i] = (float)(i * 2654435761u % 255) / 127.5f - 1;
    posenet_tensor in = {.size = sizeof in, .data = input, .dims = {1, height, width, 3}};
    posenet_tensor heads[POSENET_HEADS] = {
        {.size = sizeof *heads, .data = output, .dims = {1, rows, columns, HEAD_CHANNELS}}};
    for (int i = 1; i < POSENET_HEADS; i++) heads[i].size = sizeof *heads;
    cr_assert(posenet_infer(engine, &in, heads) == POSENET_OK, "%dx%d: %s", width, height,
              posenet_last_error());
    free(input);
    return output;
}

Test(sizes, one_handle_takes_every_size, .timeout = 600)
{
    static const int sizes[][2] = {{257, 257}, {257, 513},   {513, 257},  {33, 33},
                                   {33, 2049}, {2049, 33},   {1281, 721}, {721, 1281},
                                   {257, 257}, {2049, 1025}, {65, 33},    {257, 513}};
    char folder[32], path[PATH_BYTES];
    make_model(folder, path);
    posenet *engine = open_model(path, 257, 257);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        int width = sizes[i][0], height = sizes[i][1], got_width, got_height, stride;
        cr_assert(posenet_prepare(engine, width, height, 1) == POSENET_OK, "%s",
                  posenet_last_error());
        cr_assert_eq(posenet_get_input(engine, &got_width, &got_height, &stride, NULL), POSENET_OK);
        cr_assert(got_width == width && got_height == height && stride == 16);
        posenet *fresh = open_model(path, width, height);
        size_t count, fresh_count;
        float *a = heatmaps(engine, width, height, &count);
        float *b = heatmaps(fresh, width, height, &fresh_count);
        cr_assert(count == fresh_count && memcmp(a, b, count * sizeof *a) == 0,
                  "%dx%d differs from a fresh handle's", width, height);
        float least = a[0], most = a[0];
        for (size_t k = 0; k < count; k++) {
            if (a[k] < least) least = a[k];
            if (a[k] > most) most = a[k];
        }
        cr_assert(most - least > 0.5f, "%dx%d says nothing", width, height);
        free(a);
        free(b);
        posenet_close(&fresh);
    }
    posenet_close(&engine);
    unlink(path);
    rmdir(folder);
}

Test(sizes, others_are_lowered_or_refused)
{
    static const int rows[][3] = {/* asked, got; 0: refused */
                                  {33, 33},   {34, 33},     {47, 33},     {48, 49}, {320, 321},
                                  {335, 321}, {2049, 2049}, {2050, 0},    {32, 0},  {1, 0},
                                  {-5, 0},    {1 << 30, 0}, {2048, 2049}, {64, 65}};
    char folder[32], path[PATH_BYTES];
    make_model(folder, path);
    posenet *engine = open_model(path, 33, 33);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int width = 0, asked = rows[i][0], got = rows[i][1];
        posenet_status code = posenet_prepare(engine, asked, 33, 1);
        if (!got) {
            cr_expect(code == POSENET_ERROR_ARGUMENT, "%d: %d", asked, (int)code);
            cr_expect(*posenet_last_error(), "%d: no sentence", asked);
            continue;
        }
        cr_assert_eq(code, POSENET_OK, "%d: %s", asked, posenet_last_error());
        cr_assert_eq(posenet_get_input(engine, &width, NULL, NULL, NULL), POSENET_OK);
        cr_expect_eq(width, got, "%d became %d", asked, width);
    }
    posenet_close(&engine);
    unlink(path);
    rmdir(folder);
}
