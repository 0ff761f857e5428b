/* Convolutions: what is odd about each in a row of the table, and layers as the models have them.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "family.h"

/* FP32_OUT: the output stays fp32 whatever the input's type, as the heads do. */
typedef enum extra { NO_EXTRA = 0, NO_BIAS = 1, RESIDUAL = 2, FP32_OUT = 4 } extra;
typedef enum clamp { LINEAR, RELU, RELU6, BAND, SIGMOID } clamp;

typedef struct conv_case {
    int n, h, w, ins, outs, groups, kernel[2], stride[2], dilation[2], pads[4];
    clamp act;
    int extras;
} conv_case;

static const conv_case conv_cases[] = {
    /* n  h   w   ins outs  g   kernel   stride  dilation  pads         act     extras */
    {1, 1, 1, 1, 1, 1, {1, 1}, {1, 1}, {1, 1}, {0, 0, 0, 0}, LINEAR, NO_EXTRA},
    {1, 1, 1, 3, 5, 1, {3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}, RELU, NO_EXTRA},
    {1, 1, 1, 17, 33, 1, {1, 1}, {1, 1}, {1, 1}, {0, 0, 0, 0}, RELU6, RESIDUAL},
    {1, 2, 3, 5, 7, 1, {1, 1}, {1, 1}, {1, 1}, {0, 0, 0, 0}, SIGMOID, NO_EXTRA},
    {1, 7, 5, 3, 24, 1, {3, 3}, {2, 2}, {1, 1}, {1, 1, 1, 1}, RELU6, NO_EXTRA},
    {3, 9, 13, 3, 24, 1, {3, 3}, {2, 2}, {1, 1}, {0, 0, 1, 1}, RELU6, NO_EXTRA},
    {1, 17, 31, 3, 64, 1, {7, 7}, {2, 2}, {1, 1}, {3, 3, 3, 3}, RELU, NO_EXTRA},
    {1, 8, 10, 3, 16, 1, {7, 7}, {2, 2}, {1, 1}, {2, 2, 3, 3}, RELU, NO_EXTRA},
    {3, 11, 9, 24, 48, 1, {1, 1}, {1, 1}, {1, 1}, {0, 0, 0, 0}, RELU6, NO_EXTRA},
    {1, 9, 9, 31, 33, 1, {1, 1}, {1, 1}, {1, 1}, {0, 0, 0, 0}, RELU, RESIDUAL},
    {1, 9, 9, 96, 65, 1, {1, 1}, {1, 1}, {1, 1}, {0, 0, 0, 0}, BAND, NO_BIAS},
    {1, 9, 7, 64, 256, 1, {1, 1}, {1, 1}, {1, 1}, {0, 0, 0, 0}, LINEAR, NO_EXTRA},
    {3, 9, 7, 32, 64, 1, {1, 1}, {2, 2}, {1, 1}, {0, 0, 0, 0}, LINEAR, NO_EXTRA},
    {1, 5, 5, 40, 17, 1, {1, 1}, {1, 1}, {1, 1}, {0, 0, 0, 0}, SIGMOID, NO_EXTRA},
    {1, 5, 6, 1152, 34, 1, {1, 1}, {1, 1}, {1, 1}, {0, 0, 0, 0}, LINEAR, NO_EXTRA},
    {1, 6, 6, 8, 8, 1, {1, 1}, {1, 1}, {1, 1}, {1, 1, 1, 1}, LINEAR, NO_EXTRA},
    {1, 13, 11, 16, 24, 1, {3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}, RELU, RESIDUAL},
    {3, 13, 11, 13, 19, 1, {3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}, RELU6, NO_BIAS},
    {1, 13, 11, 32, 32, 1, {3, 3}, {2, 2}, {1, 1}, {1, 1, 1, 1}, RELU, NO_EXTRA},
    {1, 12, 10, 32, 32, 1, {3, 3}, {2, 2}, {1, 1}, {0, 0, 1, 1}, RELU, NO_EXTRA},
    {1, 12, 10, 16, 16, 1, {3, 3}, {2, 2}, {1, 1}, {1, 1, 0, 0}, LINEAR, RESIDUAL},
    {1, 15, 15, 16, 32, 1, {3, 3}, {1, 1}, {2, 2}, {2, 2, 2, 2}, RELU, NO_EXTRA},
    {1, 15, 14, 16, 16, 1, {3, 3}, {1, 1}, {4, 4}, {4, 4, 4, 4}, RELU, RESIDUAL},
    {1, 5, 5, 16, 16, 1, {3, 3}, {1, 1}, {2, 2}, {2, 2, 2, 2}, LINEAR, NO_EXTRA},
    {1, 9, 9, 7, 6, 1, {2, 2}, {1, 1}, {1, 1}, {0, 0, 1, 1}, LINEAR, NO_EXTRA},
    {1, 9, 9, 8, 6, 1, {1, 5}, {1, 2}, {1, 1}, {0, 2, 0, 2}, RELU, NO_EXTRA},
    {1, 9, 9, 8, 6, 1, {5, 3}, {2, 1}, {1, 2}, {2, 2, 2, 2}, BAND, NO_EXTRA},
    {1, 9, 8, 12, 18, 3, {3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}, RELU, NO_EXTRA},
    {3, 7, 7, 32, 64, 2, {1, 1}, {1, 1}, {1, 1}, {0, 0, 0, 0}, RELU6, RESIDUAL},
    {1, 7, 7, 16, 32, 16, {3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}, RELU6, NO_EXTRA},
    {1, 1, 1, 24, 24, 24, {3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}, RELU6, NO_EXTRA},
    {1, 2, 2, 5, 5, 5, {3, 3}, {2, 2}, {1, 1}, {1, 1, 1, 1}, RELU6, NO_EXTRA},
    {3, 19, 13, 24, 24, 24, {3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}, RELU6, NO_EXTRA},
    {1, 19, 13, 33, 33, 33, {3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}, RELU, NO_BIAS},
    {1, 19, 14, 48, 48, 48, {3, 3}, {2, 2}, {1, 1}, {1, 1, 1, 1}, RELU6, NO_EXTRA},
    {1, 18, 14, 48, 48, 48, {3, 3}, {2, 2}, {1, 1}, {0, 0, 1, 1}, RELU6, NO_EXTRA},
    {1, 17, 17, 96, 96, 96, {3, 3}, {1, 1}, {2, 2}, {2, 2, 2, 2}, RELU6, NO_EXTRA},
    {1, 9, 9, 40, 40, 40, {3, 3}, {1, 1}, {4, 4}, {4, 4, 4, 4}, LINEAR, NO_EXTRA},
    {2, 37, 21, 20, 20, 20, {3, 3}, {1, 1}, {1, 1}, {0, 2, 1, 0}, BAND, NO_BIAS},
    {1, 11, 17, 12, 12, 12, {3, 3}, {1, 1}, {3, 2}, {3, 2, 3, 2}, RELU6, NO_EXTRA},
    {3, 23, 34, 28, 28, 28, {3, 3}, {2, 2}, {1, 1}, {1, 0, 0, 1}, RELU, NO_EXTRA},
    {1, 9, 9, 16, 16, 16, {5, 5}, {1, 1}, {1, 1}, {2, 2, 2, 2}, RELU6, NO_EXTRA},
    {3, 9, 9, 16, 16, 16, {3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}, BAND, RESIDUAL},
    {1, 9, 9, 16, 16, 16, {3, 3}, {1, 1}, {1, 1}, {0, 0, 0, 0}, SIGMOID, NO_EXTRA},
    {1, 4, 4, 8, 8, 1, {3, 3}, {3, 3}, {1, 1}, {0, 0, 0, 0}, RELU, NO_EXTRA},
    {1, 4, 4, 8, 8, 1, {3, 3}, {1, 1}, {1, 1}, {2, 2, 2, 2}, RELU, NO_EXTRA},
    {1, 7, 9, 192, 136, 1, {3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}, RELU, RESIDUAL},
    {2, 12, 9, 72, 200, 1, {3, 3}, {2, 2}, {1, 1}, {0, 0, 1, 1}, RELU6, NO_EXTRA},
    {2, 13, 6, 64, 40, 1, {3, 3}, {2, 2}, {1, 1}, {0, 0, 1, 1}, RELU6, RESIDUAL},
    {1, 19, 5, 128, 24, 1, {3, 3}, {1, 1}, {2, 2}, {2, 2, 2, 2}, RELU, NO_EXTRA},
    {3, 9, 11, 64, 33, 1, {2, 5}, {1, 2}, {3, 1}, {4, 2, 0, 1}, BAND, NO_BIAS},
    {1, 9, 7, 512, 115, 1, {1, 1}, {1, 1}, {1, 1}, {0, 0, 0, 0}, LINEAR, FP32_OUT},
    {1, 17, 9, 24, 72, 1, {3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}, SIGMOID, FP32_OUT},
    {2, 97, 83, 72, 200, 1, {1, 1}, {1, 1}, {1, 1}, {0, 0, 0, 0}, RELU, RESIDUAL},
    {1, 117, 93, 24, 96, 1, {3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}, RELU6, NO_EXTRA},
    {3, 31, 23, 200, 384, 1, {1, 1}, {2, 2}, {1, 1}, {0, 0, 0, 0}, BAND, NO_BIAS},
    {2, 16, 15, 72, 264, 1, {2, 5}, {2, 3}, {2, 3}, {1, 1, 0, 2}, RELU, RESIDUAL},
    {5, 9, 11, 320, 115, 1, {1, 1}, {1, 1}, {1, 1}, {0, 0, 0, 0}, LINEAR, FP32_OUT},
    {1, 1, 1, 64, 64, 1, {3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}, LINEAR, RESIDUAL},
    {2, 5, 7, 128, 64, 1, {3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}, BAND, RESIDUAL},
    {3, 9, 2, 64, 192, 1, {3, 3}, {1, 1}, {2, 2}, {2, 2, 2, 2}, RELU6, NO_BIAS},
    {2, 7, 13, 256, 64, 1, {3, 3}, {1, 1}, {2, 2}, {2, 2, 2, 2}, RELU, RESIDUAL},
    {1, 23, 6, 192, 128, 1, {3, 3}, {1, 1}, {3, 3}, {3, 3, 3, 3}, RELU, NO_EXTRA},
};

static activation activation_of(clamp act)
{
    switch (act) {
    case LINEAR: break;
    case RELU: return (activation){ACTIVATION_CLAMP, 0, INFINITY};
    case RELU6: return (activation){ACTIVATION_CLAMP, 0, 6};
    case BAND: return (activation){ACTIVATION_CLAMP, -0.5f, 0.75f};
    case SIGMOID: return (activation){ACTIVATION_SIGMOID, 0, 0};
    }
    return (activation){ACTIVATION_NONE, 0, 0};
}

static void name(problem *p, const conv_case *c)
{
    static const char *const acts[] = {"", " relu", " relu6", " band", " sigmoid"};
    snprintf(p->name, sizeof p->name,
             "%dx%dx%dx%d->%d/%d k%dx%d s%dx%d d%dx%d p%d,%d,%d,%d%s%s%s%s", c->n, c->h, c->w,
             c->ins, c->outs, c->groups, c->kernel[0], c->kernel[1], c->stride[0], c->stride[1],
             c->dilation[0], c->dilation[1], c->pads[0], c->pads[1], c->pads[2], c->pads[3],
             acts[c->act], c->extras & NO_BIAS ? " no-bias" : "",
             c->extras & RESIDUAL ? " residual" : "", c->extras & FP32_OUT ? " fp32-out" : "");
}

static status append(problem *p, int x, const conv_case *c, int *out)
{
    conv_params params = {.groups = c->groups,
                          .kernel = {c->kernel[0], c->kernel[1]},
                          .stride = {c->stride[0], c->stride[1]},
                          .dilation = {c->dilation[0], c->dilation[1]},
                          .pads = {c->pads[0], c->pads[1], c->pads[2], c->pads[3]},
                          .out_channels = c->outs,
                          .act = activation_of(c->act)};
    TRY(problem_conv(p, x, params, !(c->extras & NO_BIAS),
                     c->extras & RESIDUAL ? PROBLEM_NEW_TENSOR : PROBLEM_NO_TENSOR, out));
    if (c->extras & FP32_OUT) p->tensors[*out].type = TYPE_FP32;
    return STATUS_OK;
}

static status build(problem *p, int index)
{
    const conv_case *c = &conv_cases[index];
    int y;
    name(p, c);
    return append(p, problem_tensor(p, c->n, c->h, c->w, c->ins, FILL_UNIT), c, &y);
}

const family conv_family = {"conv", sizeof conv_cases / sizeof *conv_cases, build};

/* Layers of MobileNet 0.75 at 257x257 and of ResNet50: what the stopwatch is for. */
static const conv_case layer_cases[] = {
    {1, 257, 257, 3, 24, 1, {3, 3}, {2, 2}, {1, 1}, {1, 1, 1, 1}, RELU6, NO_EXTRA},
    {1, 129, 129, 24, 24, 24, {3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}, RELU6, NO_EXTRA},
    {1, 129, 129, 24, 48, 1, {1, 1}, {1, 1}, {1, 1}, {0, 0, 0, 0}, RELU6, NO_EXTRA},
    {1, 129, 129, 48, 48, 48, {3, 3}, {2, 2}, {1, 1}, {1, 1, 1, 1}, RELU6, NO_EXTRA},
    {1, 33, 33, 192, 192, 192, {3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}, RELU6, NO_EXTRA},
    {1, 33, 33, 192, 192, 1, {1, 1}, {1, 1}, {1, 1}, {0, 0, 0, 0}, RELU6, NO_EXTRA},
    {1, 17, 17, 384, 384, 1, {1, 1}, {1, 1}, {1, 1}, {0, 0, 0, 0}, RELU6, NO_EXTRA},
    {1, 17, 17, 768, 768, 768, {3, 3}, {1, 1}, {2, 2}, {2, 2, 2, 2}, RELU6, NO_EXTRA},
    {1, 17, 17, 768, 17, 1, {1, 1}, {1, 1}, {1, 1}, {0, 0, 0, 0}, LINEAR, NO_EXTRA},
    {1, 65, 65, 64, 64, 1, {3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}, RELU, NO_EXTRA},
    {1, 65, 65, 48, 272, 1, {1, 1}, {1, 1}, {1, 1}, {0, 0, 0, 0}, RELU, RESIDUAL},
    {1, 65, 65, 64, 256, 1, {1, 1}, {1, 1}, {1, 1}, {0, 0, 0, 0}, RELU, RESIDUAL},
    {1, 33, 33, 128, 128, 1, {3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}, RELU, NO_EXTRA},
    {1, 17, 17, 256, 256, 1, {3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}, RELU, NO_EXTRA},
    {1, 17, 17, 512, 512, 1, {3, 3}, {1, 1}, {2, 2}, {2, 2, 2, 2}, RELU, NO_EXTRA},
};

static status build_layer(problem *p, int index)
{
    const conv_case *c = &layer_cases[index];
    int y;
    name(p, c);
    return append(p, problem_tensor(p, c->n, c->h, c->w, c->ins, FILL_UNIT), c, &y);
}

const family layer_family = {"layer", sizeof layer_cases / sizeof *layer_cases, build_layer};

/* MobileNet's block: a depthwise convolution, then a 1x1 one. outs, act and extras are the
 * second's. */
typedef struct block_case {
    conv_case depthwise;
    int outs;
    clamp act;
    int extras;
} block_case;

static const block_case block_cases[] = {
    {{1, 1, 1, 1, 1, 1, {3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}, RELU6, NO_EXTRA}, 1, RELU6, 0},
    {{1, 2, 3, 5, 5, 5, {3, 3}, {2, 2}, {1, 1}, {1, 1, 1, 1}, RELU6, NO_BIAS}, 7, LINEAR, 0},
    {{3, 19, 13, 24, 24, 24, {3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}, RELU6, 0}, 48, RELU6, 0},
    {{1, 19, 13, 48, 48, 48, {3, 3}, {2, 2}, {1, 1}, {1, 1, 1, 1}, RELU6, 0}, 96, RELU6, NO_BIAS},
    {{3, 18, 14, 33, 33, 33, {3, 3}, {2, 2}, {1, 1}, {0, 0, 1, 1}, RELU6, 0}, 65, BAND, 0},
    {{1, 17, 17, 96, 96, 96, {3, 3}, {1, 1}, {2, 2}, {2, 2, 2, 2}, RELU6, 0}, 96, RELU6, 0},
    {{1, 7, 9, 40, 40, 40, {3, 3}, {1, 1}, {4, 4}, {4, 4, 4, 4}, LINEAR, 0}, 17, RELU, 0},
    {{1, 9, 9, 16, 16, 16, {3, 3}, {1, 1}, {1, 1}, {0, 0, 0, 0}, RELU, 0}, 113, RELU6, 0},
    {{1, 17, 17, 384, 384, 384, {3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}, RELU6, 0}, 384, RELU6, 0},
    {{2, 9, 6, 192, 192, 192, {3, 3}, {2, 2}, {1, 1}, {1, 1, 1, 1}, BAND, 0}, 392, RELU6, RESIDUAL},
    {{1, 5, 7, 184, 184, 184, {3, 3}, {1, 1}, {1, 1}, {2, 0, 1, 2}, LINEAR, 0}, 360, BAND, NO_BIAS},
    {{2, 7, 5, 288, 288, 288, {3, 3}, {2, 2}, {1, 1}, {0, 0, 1, 1}, RELU, 0}, 376, LINEAR, 0},
    {{1, 33, 33, 192, 192, 192, {3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}, RELU6, 0}, 192, RELU6, 0},
    {{1, 129, 129, 48, 48, 48, {3, 3}, {2, 2}, {1, 1}, {1, 1, 1, 1}, RELU6, 0}, 96, RELU6, 0},
    {{1, 17, 17, 768, 768, 768, {3, 3}, {1, 1}, {2, 2}, {2, 2, 2, 2}, RELU6, 0}, 768, RELU6, 0},
    {{1, 161, 161, 24, 24, 24, {3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}, RELU6, 0}, 48, RELU6, 0},
    {{3, 7, 9, 72, 72, 72, {3, 3}, {1, 1}, {1, 1}, {0, 2, 1, 1}, LINEAR, 0}, 136, BAND, RESIDUAL},
    {{2, 5, 8, 8, 8, 8, {3, 3}, {3, 3}, {1, 1}, {1, 1, 1, 1}, BAND, NO_BIAS}, 8, LINEAR, NO_BIAS},
    {{1, 9, 11, 200, 200, 200, {3, 3}, {1, 2}, {3, 1}, {3, 1, 3, 1}, RELU6, 0}, 392, RELU6, 0},
    {{3, 61, 83, 72, 72, 72, {3, 3}, {2, 2}, {1, 1}, {0, 0, 1, 1}, BAND, 0}, 264, RELU, RESIDUAL},
    {{2, 37, 29, 88, 88, 88, {3, 3}, {1, 1}, {2, 2}, {2, 1, 2, 3}, RELU, 0}, 392, BAND, RESIDUAL},
    {{1, 1, 1, 8, 8, 8, {3, 3}, {2, 2}, {1, 1}, {1, 1, 1, 1}, RELU, NO_BIAS}, 8, LINEAR, NO_BIAS},
    {{20, 9, 13, 40, 40, 40, {3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}, RELU6, 0}, 392, BAND, RESIDUAL},
    {{140, 5, 7, 16, 16, 16, {3, 3}, {2, 2}, {1, 1}, {1, 1, 1, 1}, RELU6, 0}, 8, RELU6, 0},
    {{9, 17, 17, 72, 72, 72, {3, 3}, {1, 1}, {2, 2}, {2, 2, 2, 2}, RELU6, 0}, 520, RELU6, 0},
};

static status build_block(problem *p, int index)
{
    const block_case *c = &block_cases[index];
    conv_case pointwise = {.outs = c->outs,
                           .groups = 1,
                           .kernel = {1, 1},
                           .stride = {1, 1},
                           .dilation = {1, 1},
                           .act = c->act,
                           .extras = c->extras};
    int x = problem_tensor(p, c->depthwise.n, c->depthwise.h, c->depthwise.w, c->depthwise.ins,
                           FILL_UNIT);
    name(p, &c->depthwise);
    size_t length = strlen(p->name);
    snprintf(p->name + length, sizeof p->name - length, ", 1x1 ->%d", c->outs);
    TRY(append(p, x, &c->depthwise, &x));
    return append(p, x, &pointwise, &x);
}

const family depthwise_pointwise_family = {"depthwise_pointwise",
                                           sizeof block_cases / sizeof *block_cases, build_block};
