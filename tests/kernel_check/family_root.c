/* How networks begin: the first convolution of few channels, and with ResNet50's max pooling. */
#include <math.h>
#include <stdio.h>

#include "family.h"

typedef struct root_case {
    int n, h, w, ins, outs, kernel[2], stride[2], pads[4];
    float high; /* of the clamp, from 0; 0: no activation */
    int with_bias;
    int pool_pads[4];
} root_case;

static const root_case conv_cases[] = {
    {1, 257, 257, 3, 64, {7, 7}, {2, 2}, {3, 3, 3, 3}, INFINITY, 1, {0}},
    {2, 130, 67, 3, 32, {3, 3}, {2, 2}, {0, 0, 1, 1}, 6, 1, {0}},
    {1, 65, 129, 3, 8, {3, 3}, {2, 2}, {1, 1, 1, 1}, 6, 1, {0}},
    {2, 37, 565, 3, 24, {3, 3}, {2, 2}, {1, 1, 1, 1}, 6, 1, {0}},
    {3, 10, 279, 3, 16, {3, 3}, {2, 2}, {0, 1, 3, 0}, 0, 0, {0}},
    {1, 33, 65, 3, 48, {3, 3}, {2, 2}, {1, 1, 1, 1}, 0, 0, {0}},
    {1, 40, 30, 4, 24, {3, 3}, {1, 1}, {1, 1, 1, 1}, 6, 1, {0}},
    {1, 31, 77, 4, 16, {3, 4}, {2, 1}, {0, 2, 2, 1}, 6, 1, {0}},
    {3, 29, 35, 1, 64, {7, 7}, {1, 2}, {3, 3, 3, 3}, INFINITY, 1, {0}},
    {1, 9, 200, 2, 32, {7, 9}, {1, 1}, {6, 0, 0, 6}, 1, 1, {0}},
    {2, 14, 15, 3, 40, {7, 7}, {2, 2}, {2, 2, 3, 3}, INFINITY, 1, {0}},
    {65600, 2, 2, 3, 8, {3, 3}, {1, 1}, {1, 1, 1, 1}, 6, 1, {0}}, /* more than a grid is deep */
};

static const root_case conv_max_pool_cases[] = {
    {1, 1, 1, 3, 64, {7, 7}, {2, 2}, {3, 3, 3, 3}, INFINITY, 1, {1, 1, 1, 1}},
    {1, 17, 31, 3, 64, {7, 7}, {2, 2}, {3, 3, 3, 3}, INFINITY, 1, {1, 1, 1, 1}},
    {3, 66, 41, 3, 64, {7, 7}, {2, 2}, {2, 2, 3, 3}, INFINITY, 1, {0, 0, 1, 1}},
    {2, 50, 97, 3, 32, {7, 7}, {2, 2}, {3, 3, 3, 3}, 0, 0, {1, 0, 0, 2}},
    {1, 45, 60, 3, 64, {7, 7}, {1, 2}, {3, 3, 3, 3}, 6, 1, {2, 2, 2, 2}},
    {1, 39, 52, 4, 48, {3, 3}, {2, 2}, {1, 1, 1, 1}, 0, 1, {1, 1, 1, 1}},
    {1, 65, 33, 3, 16, {3, 3}, {2, 2}, {0, 0, 1, 1}, 0, 1, {0, 0, 0, 0}},
    {2, 27, 583, 3, 64, {7, 7}, {2, 2}, {3, 1, 0, 5}, 0, 1, {2, 2, 2, 2}},
    {3, 40, 148, 3, 64, {7, 7}, {2, 2}, {3, 3, 3, 3}, 6, 0, {0, 1, 1, 0}},
    {1, 257, 257, 3, 64, {7, 7}, {2, 2}, {3, 3, 3, 3}, INFINITY, 1, {1, 1, 1, 1}},
};

static void name(problem *p, const root_case *c, const char *then)
{
    snprintf(p->name, sizeof p->name, "%dx%dx%dx%d->%d k%dx%d s%dx%d p%d,%d,%d,%d clamp %g%s%s",
             c->n, c->h, c->w, c->ins, c->outs, c->kernel[0], c->kernel[1], c->stride[0],
             c->stride[1], c->pads[0], c->pads[1], c->pads[2], c->pads[3], (double)c->high,
             c->with_bias ? "" : " no-bias", then);
}

static status append_conv(problem *p, const root_case *c, int *out)
{
    conv_params params = {.groups = 1,
                          .kernel = {c->kernel[0], c->kernel[1]},
                          .stride = {c->stride[0], c->stride[1]},
                          .dilation = {1, 1},
                          .pads = {c->pads[0], c->pads[1], c->pads[2], c->pads[3]},
                          .out_channels = c->outs};
    if (c->high > 0) params.act = (activation){ACTIVATION_CLAMP, 0, c->high};
    int x = problem_tensor(p, c->n, c->h, c->w, c->ins, FILL_UNIT);
    return problem_conv(p, x, params, c->with_bias, PROBLEM_NO_TENSOR, out);
}

static status build_conv(problem *p, int index)
{
    int y;
    name(p, &conv_cases[index], "");
    return append_conv(p, &conv_cases[index], &y);
}

const family root_family = {"root", sizeof conv_cases / sizeof *conv_cases, build_conv};

static status build_conv_max_pool(problem *p, int index)
{
    const root_case *c = &conv_max_pool_cases[index];
    char then[40];
    snprintf(then, sizeof then, ", pool p%d,%d,%d,%d", c->pool_pads[0], c->pool_pads[1],
             c->pool_pads[2], c->pool_pads[3]);
    name(p, c, then);
    int x;
    TRY(append_conv(p, c, &x));
    const int *dims = p->tensors[x].dims;
    pool_params pool = {.kernel = {3, 3}, .stride = {2, 2}, .dilation = {1, 1}};
    for (int i = 0; i < 4; i++) pool.pads[i] = c->pool_pads[i];
    int y = problem_tensor(
        p, dims[AXIS_N], (dims[AXIS_H] + pool.pads[0] + pool.pads[2] - 3) / 2 + 1,
        (dims[AXIS_W] + pool.pads[1] + pool.pads[3] - 3) / 2 + 1, dims[AXIS_C], FILL_UNIT);
    step *s = problem_step(p, OP_MAX_POOL);
    s->inputs[s->input_count++] = x;
    s->output = y;
    s->as.pool = pool;
    return STATUS_OK;
}

const family conv_max_pool_family = {
    "conv_max_pool", sizeof conv_max_pool_cases / sizeof *conv_max_pool_cases, build_conv_max_pool};
