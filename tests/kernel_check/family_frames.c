/* The two ends of a frame: pictures to the input tensor, heads to poses. */
#include <stdio.h>

#include "family.h"

#include "kernels/decode/decode.h"

/* ---- preprocess ------------------------------------------------------------------------------ */

typedef struct preprocess_case {
    int width, height, to_width, to_height;
    pixel_format format;
    normalization normalize;
    int pitch_extra, batch; /* picture i of the batch is i pixels pairs larger each way */
} preprocess_case;

static const preprocess_case preprocess_cases[] = {
    {1, 1, 33, 33, PIXEL_RGB, NORMALIZE_MOBILENET, 0, 1},
    {33, 33, 33, 33, PIXEL_RGB, NORMALIZE_NONE, 0, 1},
    {64, 48, 65, 33, PIXEL_BGR, NORMALIZE_RESNET, 7, 1},
    {48, 64, 65, 33, PIXEL_RGBA, NORMALIZE_MOBILENET, 0, 1},
    {101, 37, 49, 65, PIXEL_BGRA, NORMALIZE_MOBILENET, 12, 1},
    {640, 480, 257, 257, PIXEL_RGB, NORMALIZE_MOBILENET, 0, 1},
    {100, 60, 65, 65, PIXEL_NV12, NORMALIZE_MOBILENET, 0, 1},
    {62, 90, 33, 65, PIXEL_NV12, NORMALIZE_RESNET, 26, 1},
    {17, 300, 65, 49, PIXEL_RGB, NORMALIZE_MOBILENET, 3, 3},
    {30, 20, 97, 129, PIXEL_BGR, NORMALIZE_NONE, 0, 2},
    {31, 64, 129, 65, PIXEL_RGBA, NORMALIZE_RESNET, 4, 2},
    {36, 28, 129, 97, PIXEL_NV12, NORMALIZE_NONE, 4, 2},
    {1, 1, 49, 33, PIXEL_BGRA, NORMALIZE_RESNET, 0, 1},
    {2, 512, 33, 33, PIXEL_BGR, NORMALIZE_MOBILENET, 1, 1},
    {1280, 720, 513, 513, PIXEL_RGB, NORMALIZE_MOBILENET, 0, 1},
    {320, 202, 769, 385, PIXEL_NV12, NORMALIZE_MOBILENET, 0, 1},
    {90, 131, 321, 289, PIXEL_BGR, NORMALIZE_RESNET, 5, 3},
};

static status make_picture(problem *p, const preprocess_case *c, int index)
{
    static const int pixel_bytes[] = {3, 3, 4, 4, 1};
    picture *out = &p->pictures[index];
    int width = c->width + 2 * index, height = c->height + 2 * index;
    int64_t pitch = (int64_t)width * pixel_bytes[c->format] + c->pitch_extra;
    size_t bytes = (size_t)pitch * (size_t)height;
    size_t chroma_bytes = c->format == PIXEL_NV12 ? bytes / 2 : 0;
    uint8_t *data = pool_array(p->pool, bytes + chroma_bytes, 1);
    if (!data) return STATUS_MEMORY;
    for (size_t i = 0; i < bytes + chroma_bytes; i++) data[i] = (uint8_t)problem_random(p, 256);
    *out = (picture){.data = data,
                     .chroma = chroma_bytes ? data + bytes : NULL,
                     .width = width,
                     .height = height,
                     .pitch = pitch,
                     .chroma_pitch = pitch,
                     .format = c->format};
    p->picture_bytes[index] = bytes;
    p->chroma_bytes[index] = chroma_bytes;
    return STATUS_OK;
}

static status build_preprocess(problem *p, int index)
{
    static const char *const formats[] = {"rgb", "bgr", "rgba", "bgra", "nv12"};
    const preprocess_case *c = &preprocess_cases[index];
    snprintf(p->name, sizeof p->name, "%s %dx%d to %dx%d, pitch +%d, batch %d", formats[c->format],
             c->width, c->height, c->to_width, c->to_height, c->pitch_extra, c->batch);
    p->picture_count = c->batch;
    for (int i = 0; i < c->batch; i++) TRY(make_picture(p, c, i));
    int y = problem_tensor(p, c->batch, c->to_height, c->to_width, 3, FILL_UNIT);
    step *s = problem_step(p, OP_PREPROCESS);
    s->output = y;
    s->as.preprocess.normalize = c->normalize;
    return STATUS_OK;
}

const family preprocess_family = {"preprocess", sizeof preprocess_cases / sizeof *preprocess_cases,
                                  build_preprocess};

/* ---- decode ---------------------------------------------------------------------------------- */

typedef struct decode_case {
    const char *name;
    int batch, h, w, stride, logits, flip;
    decode_options options;
    fill heatmap, vectors;
} decode_case;

static const decode_case decode_cases[] = {
    {"one cell", 1, 1, 1, 16, 1, 0, {0, 5, 0.5f, 20}, FILL_WIDE, FILL_UNIT},
    {"one cell, single", 1, 1, 1, 16, 1, 0, {1, 5, 0.5f, 20}, FILL_WIDE, FILL_UNIT},
    {"nobody", 1, 5, 7, 16, 0, 0, {0, 5, 1.0f, 20}, FILL_UNIT, FILL_UNIT},
    {"random", 1, 17, 17, 16, 1, 0, {0, 5, 0.5f, 20}, FILL_WIDE, FILL_WIDE},
    {"random, single", 1, 17, 17, 16, 1, 0, {1, 1, 0.5f, 20}, FILL_WIDE, FILL_WIDE},
    {"random, flipped", 3, 9, 13, 16, 1, 1, {0, 10, 0.25f, 30}, FILL_WIDE, FILL_WIDE},
    {"scores", 3, 9, 13, 8, 0, 0, {0, 10, 0.25f, 30}, FILL_POSITIVE, FILL_WIDE},
    {"ties, NaN, saturation", 1, 33, 33, 16, 1, 0, {0, 256, 0.0f, 1}, FILL_TIES, FILL_EVERY},
    {"ties, NaN, single", 3, 33, 33, 16, 1, 0, {1, 3, 0.5f, 20}, FILL_TIES, FILL_EVERY},
    {"thousands", 1, 65, 65, 8, 1, 0, {0, 256, 0.0f, 4}, FILL_WIDE, FILL_WIDE},
    {"largest map", 1, 129, 65, 16, 1, 0, {0, 20, 0.9f, 20}, FILL_WIDE, FILL_WIDE},
};

static status build_decode(problem *p, int index)
{
    const decode_case *c = &decode_cases[index];
    snprintf(p->name, sizeof p->name, "%s %dx%dx%d", c->name, c->batch, c->h, c->w);
    step *s = problem_step(p, OP_DECODE);
    for (int head = 0; head < DECODE_HEADS; head++) {
        fill how = head == DECODE_HEATMAP ? c->heatmap : c->vectors;
        s->inputs[head] = problem_tensor(p, c->batch, c->h, c->w, decode_channels[head], how);
    }
    s->input_count = DECODE_HEADS;
    s->as.decode = (decode_params){.stride = c->stride,
                                   .logits = c->logits,
                                   .max_poses = c->options.max_poses,
                                   .input_height = (c->h - 1) * c->stride + 1,
                                   .input_width = (c->w - 1) * c->stride + 1};
    p->options = c->options;
    p->pose_room = c->options.max_poses;
    p->picture_count = c->batch;
    for (int i = 0; i < c->batch; i++)
        p->pictures[i] = (picture){.width = 640 + 100 * i, .height = 480 - 50 * i, .flip = c->flip};
    return STATUS_OK;
}

const family decode_family = {"decode", sizeof decode_cases / sizeof *decode_cases, build_decode};
