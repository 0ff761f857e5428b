/* Letterboxes against values worked out by hand, and the way from pixels to the input tensor. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/preprocess/letterbox.h"
#include "kernels/preprocess/pixel.h"
#include "kernels/rows.h"

Test(letterbox, pads_to_the_aspect_ratio)
{
    static const struct {
        int source[2], input[2], left, top;
    } known[] = {
        {{1920, 1278}, {513, 513}, 0, 321},  /* (1920 - 1278) / 2 */
        {{1278, 1920}, {513, 513}, 321, 0},  /* */
        {{640, 480}, {641, 481}, 0, 0},      /* (481/641 * 640 - 480) / 2 = 0.12 rounds to none */
        {{513, 513}, {513, 513}, 0, 0},      /* */
        {{100, 101}, {257, 257}, 1, 0},      /* half a pixel rounds up */
        {{1, 1}, {33, 65}, 0, 0},            /* 65/33 - 1 = 0.97, half of it rounds to 0 */
        {{3, 1}, {33, 33}, 0, 1},            /* */
        {{16384, 1}, {33, 2049}, 0, 508648}, /* (16384 * 2049/33 - 1) / 2 = 508648.3 */
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        letterbox box = letterbox_fit(known[i].source[0], known[i].source[1], known[i].input[0],
                                      known[i].input[1], 0);
        cr_assert_eq(box.left, known[i].left, "case %zu: left %d", i, box.left);
        cr_assert_eq(box.top, known[i].top, "case %zu: top %d", i, box.top);
    }
}

Test(letterbox, leads_back_to_the_source)
{
    letterbox box = letterbox_fit(1920, 1278, 513, 513, 0);
    float x = 513, y = 513;
    letterbox_back(&box, &x, &y);
    cr_assert_eq(x, 1920);
    cr_assert_eq(y, 1278 + 321);
    x = y = 0;
    letterbox_back(&box, &x, &y);
    cr_assert_eq(x, 0);
    cr_assert_eq(y, -321);
    box.flip = 1;
    x = 256.5f;
    y = 256.5f;
    letterbox_back(&box, &x, &y);
    cr_assert_eq(x, 1919 - 960);
    cr_assert_eq(y, 639);
}

Test(letterbox, taps_stay_inside)
{
    for (int padded = 1; padded < 200; padded += 13)
        for (int output = 33; output < 300; output += 37) {
            float ratio = (float)padded / (float)output;
            for (int i = 0; i < output; i++) {
                resize_tap tap = letterbox_tap(i, ratio, padded);
                cr_assert(tap.lower >= 0 && tap.lower <= tap.upper && tap.upper < padded);
                cr_assert(tap.fraction >= 0 && tap.fraction < 1);
            }
        }
}

Test(pixel, formats_give_the_same_colour)
{
    static const uint8_t bytes[] = {10, 20, 30, 40, 50, 60, 70, 80};
    static const struct {
        pixel_format format;
        pixel second;
    } known[] = {{PIXEL_RGB, {40, 50, 60}},
                 {PIXEL_BGR, {60, 50, 40}},
                 {PIXEL_RGBA, {50, 60, 70}},
                 {PIXEL_BGRA, {70, 60, 50}}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        picture from = {.data = bytes, .width = 2, .height = 1, .format = known[i].format};
        pixel got = pixel_load(&from, 1, 0);
        cr_assert_arr_eq(&got, &known[i].second, sizeof got);
    }
}

Test(pixel, nv12_is_bt601_limited_range)
{
    static const struct {
        int y, u, v;
        pixel color;
    } known[] = {{16, 128, 128, {0, 0, 0}},   {235, 128, 128, {255, 255, 255}},
                 {81, 90, 240, {255, 0, 0}},  {145, 54, 34, {0, 255, 1}},
                 {41, 240, 110, {0, 0, 255}}, {126, 128, 128, {128, 128, 128}},
                 {0, 0, 0, {0, 135, 0}},      {255, 255, 255, {255, 125, 255}}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        pixel got = pixel_from_yuv(known[i].y, known[i].u, known[i].v);
        const pixel *want = &known[i].color;
        cr_assert(abs(got.red - want->red) <= 1 && abs(got.green - want->green) <= 1 &&
                      abs(got.blue - want->blue) <= 1,
                  "case %zu: %d %d %d", i, got.red, got.green, got.blue);
    }
    static const uint8_t luma[] = {16, 235, 16, 235}, chroma[] = {128, 128};
    picture from = {.data = luma,
                    .chroma = chroma,
                    .width = 2,
                    .height = 2,
                    .pitch = 2,
                    .chroma_pitch = 2,
                    .format = PIXEL_NV12};
    cr_assert_eq(pixel_load(&from, 0, 1).green, 0);
    cr_assert_eq(pixel_load(&from, 1, 1).green, 255);
}

Test(pixel, normalises_as_the_networks_were_trained)
{
    cr_assert_eq(pixel_normalize(NORMALIZE_MOBILENET, 0, 0), -1);
    cr_assert_eq(pixel_normalize(NORMALIZE_MOBILENET, 2, 255), 1);
    cr_assert_eq(pixel_normalize(NORMALIZE_RESNET, 0, 255), 255 - 123.15f);
    cr_assert_eq(pixel_normalize(NORMALIZE_RESNET, 2, 0), -103.06f);
    cr_assert_eq(pixel_normalize(NORMALIZE_NONE, 1, 77), 77);
}

/* What preprocess_ref makes of a picture; the caller frees it. */
static float *preprocess(const picture *from, int width, int height)
{
    tensor y = {.name = "input", .dims = {1, height, width, 3}};
    step s = {.op = OP_PREPROCESS, .nodes = "preprocess"};
    network net = {1, 1, &y, &s};
    work w = {.row = &preprocess_ref, .count = 1};
    prepare_context context = {0};
    cr_assert_eq(preprocess_ref.covers(&net, 0, PRECISION_FP32), 1);
    cr_assert_eq(preprocess_ref.prepare(&context, &net, &w), STATUS_OK);
    w.workspace = tensor_bytes(&y);
    unsigned char *arena = malloc(w.workspace + w.workspace_bytes);
    run r = {.arena = arena, .pictures = from};
    cr_assert_eq(preprocess_ref.enqueue(&w, &net, &r), STATUS_OK);
    return (float *)(void *)arena;
}

/* A picture of 66x33 pixels in an input of 33x33: padded to 66x66 (17 rows above: 16.5 rounds up,
 * so 67 rows), every second column taken as it is. */
Test(preprocess, pads_then_resizes)
{
    static uint8_t pixels[33][66][3];
    for (int y = 0; y < 33; y++)
        for (int x = 0; x < 66; x++) {
            pixels[y][x][0] = (uint8_t)(3 * x);
            pixels[y][x][1] = (uint8_t)(5 * y + 10);
            pixels[y][x][2] = 200;
        }
    picture from = {.data = &pixels[0][0][0],
                    .width = 66,
                    .height = 33,
                    .pitch = sizeof pixels[0],
                    .format = PIXEL_RGB};
    float *input = preprocess(&from, 33, 33);
    for (int y = 0; y < 33; y++) {
        float source = 67.0f / 33.0f * (float)y;
        int inside = source >= 17 && source <= 17 + 32;
        for (int x = 0; x < 33; x++) {
            const float *p = input + (y * 33 + x) * 3;
            if (inside) {
                cr_assert_float_eq(p[0], (float)(6 * x), 1e-3, "red at %d,%d: %g", x, y,
                                   (double)p[0]);
                cr_assert_float_eq(p[1], 5 * (source - 17) + 10, 1e-3);
            } else if (source <= 16 || source >= 17 + 33) {
                cr_assert_eq(p[0] + p[1] + p[2], 0);
            }
        }
    }
    free(input);
}

/* The mirror is for the points on the way back: the network sees the picture as it is. */
Test(preprocess, does_not_mirror_the_picture)
{
    static uint8_t pixels[33 * 33 * 3];
    for (size_t i = 0; i < sizeof pixels; i++) pixels[i] = (uint8_t)(i * 31);
    picture from = {
        .data = pixels, .width = 33, .height = 33, .pitch = 99, .format = PIXEL_RGB, .flip = 1};
    float *input = preprocess(&from, 33, 33);
    for (size_t i = 0; i < sizeof pixels; i++) cr_assert_eq(input[i], pixels[i]);
    free(input);
}
