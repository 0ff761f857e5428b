/* Convolutions of whose results a pooling keeps some pixels, as blocks of ResNet end. */
#include <math.h>
#include <stdio.h>

#include "family.h"

/* kernel: square, padded so that sizes stay; every: the pooling's stride, height and width. */
typedef struct thin_case {
    int n, h, w, ins, outs, kernel, residual, clamped, every[2];
} thin_case;

static const thin_case thin_cases[] = {
    /* n  h  w  ins outs kernel residual clamped every */
    {1, 1, 1, 8, 8, 1, 0, 0, {2, 2}},
    {1, 1, 3, 64, 64, 1, 1, 1, {1, 2}},
    {1, 5, 7, 24, 40, 3, 0, 1, {2, 2}},
    {2, 11, 13, 72, 264, 1, 1, 1, {2, 2}},
    {3, 7, 9, 200, 392, 1, 1, 0, {3, 1}},
    {2, 16, 10, 48, 96, 3, 1, 1, {2, 5}},
    {1, 9, 31, 128, 136, 1, 0, 1, {4, 1}},
    {3, 8, 6, 64, 48, 5, 1, 1, {1, 1}},
    {5, 19, 17, 64, 200, 1, 1, 1, {20, 20}},
    {1, 65, 65, 64, 256, 1, 1, 1, {2, 2}}, /* ResNet50 at 257x257 */
    {1, 33, 33, 128, 512, 1, 1, 1, {2, 2}},
    {8, 65, 65, 64, 256, 1, 1, 1, {2, 2}}, /* eight of them */
    {8, 33, 33, 128, 512, 1, 1, 1, {2, 2}},
    {1, 91, 161, 128, 512, 1, 1, 1, {2, 2}}, /* at 1281x721 */
};

static status build(problem *p, int index)
{
    const thin_case *c = &thin_cases[index];
    snprintf(p->name, sizeof p->name, "%dx%dx%dx%d->%d k%d%s%s every %d,%d", c->n, c->h, c->w,
             c->ins, c->outs, c->kernel, c->clamped ? " relu" : "", c->residual ? " residual" : "",
             c->every[0], c->every[1]);
    int x = problem_tensor(p, c->n, c->h, c->w, c->ins, FILL_UNIT), pad = c->kernel / 2, y;
    conv_params params = {.groups = 1,
                          .kernel = {c->kernel, c->kernel},
                          .stride = {1, 1},
                          .dilation = {1, 1},
                          .pads = {pad, pad, pad, pad},
                          .out_channels = c->outs};
    if (c->clamped) params.act = (activation){ACTIVATION_CLAMP, 0, INFINITY};
    TRY(problem_conv(p, x, params, 1, c->residual ? PROBLEM_NEW_TENSOR : PROBLEM_NO_TENSOR, &y));
    problem_thinning(p, y, c->every);
    return STATUS_OK;
}

const family conv_thin_family = {"conv_thin", sizeof thin_cases / sizeof *thin_cases, build};
