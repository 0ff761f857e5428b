/* Two 1x1 convolutions of the same tensor, as a block of ResNet begins. */
#include <math.h>
#include <stdio.h>

#include "family.h"

/* biases, clamped: bit i: convolution i. */
typedef struct twin_case {
    int n, h, w, ins, outs[2], biases, clamped;
} twin_case;

static const twin_case twin_cases[] = {
    /* n  h  w  ins outs biases clamped */
    {1, 1, 1, 8, {8, 8}, 0, 0},
    {1, 1, 3, 64, {64, 64}, 3, 2},
    {1, 5, 7, 24, {40, 72}, 1, 3},
    {2, 11, 13, 72, {264, 56}, 2, 1},
    {3, 7, 9, 200, {16, 392}, 3, 0},
    {1, 9, 13, 128, {8, 136}, 3, 3},
    {2, 9, 5, 320, {504, 24}, 0, 2},
    {1, 17, 17, 256, {192, 200}, 3, 2},
    {1, 31, 29, 48, {96, 96}, 3, 1},
    {1, 65, 65, 64, {256, 64}, 3, 2}, /* ResNet50 at 257x257 */
    {1, 33, 33, 256, {512, 128}, 3, 2},
    {1, 17, 17, 512, {1024, 256}, 3, 2},
    {1, 17, 17, 1024, {2048, 512}, 3, 2},
    {8, 33, 33, 256, {512, 128}, 3, 2}, /* and eight of them */
    {8, 17, 17, 512, {1024, 256}, 3, 2},
    {1, 91, 161, 256, {512, 128}, 3, 2}, /* at 1281x721 */
    {1, 46, 81, 512, {1024, 256}, 3, 2},
};

static status build(problem *p, int index)
{
    const twin_case *c = &twin_cases[index];
    snprintf(p->name, sizeof p->name, "%dx%dx%dx%d->%d,%d biases %d relus %d", c->n, c->h, c->w,
             c->ins, c->outs[0], c->outs[1], c->biases, c->clamped);
    int x = problem_tensor(p, c->n, c->h, c->w, c->ins, FILL_UNIT), y;
    for (int i = 0; i < 2; i++) {
        conv_params params = {.groups = 1,
                              .kernel = {1, 1},
                              .stride = {1, 1},
                              .dilation = {1, 1},
                              .out_channels = c->outs[i]};
        if (c->clamped >> i & 1) params.act = (activation){ACTIVATION_CLAMP, 0, INFINITY};
        TRY(problem_conv(p, x, params, c->biases >> i & 1, PROBLEM_NO_TENSOR, &y));
    }
    return STATUS_OK;
}

const family conv_twin_family = {"conv_twin", sizeof twin_cases / sizeof *twin_cases, build};
