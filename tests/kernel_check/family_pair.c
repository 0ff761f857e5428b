/* Two 1x1 convolutions after one another, as between ResNet's units, maybe with the pooling between
 * them that thins out the next unit's shortcut. */
#include <math.h>
#include <stdio.h>

#include "family.h"

/* stride: of the pooling, height and width; 0: there is none. */
typedef struct pair_case {
    int n, h, w, ins, middle, outs, residual, biases, clamped, stride[2];
} pair_case;

static const pair_case pair_cases[] = {
    /* n  h  w  ins middle outs residual biases clamped stride */
    {1, 1, 1, 64, 64, 64, 0, 0, 0, {0, 0}},       {1, 1, 3, 64, 128, 64, 1, 1, 1, {0, 0}},
    {1, 5, 7, 128, 64, 192, 1, 1, 1, {0, 0}},     {1, 9, 13, 192, 256, 64, 0, 1, 1, {0, 0}},
    {2, 11, 13, 64, 256, 64, 1, 1, 1, {0, 0}},    {3, 7, 9, 64, 256, 64, 1, 0, 1, {2, 2}},
    {1, 13, 11, 128, 512, 128, 1, 1, 1, {2, 2}},  {2, 5, 8, 128, 512, 128, 1, 1, 0, {1, 3}},
    {1, 17, 17, 256, 1024, 256, 1, 1, 1, {0, 0}}, {1, 6, 5, 512, 2048, 512, 1, 1, 1, {0, 0}},
    {1, 3, 11, 512, 512, 512, 0, 1, 1, {3, 1}},   {1, 33, 33, 128, 512, 128, 1, 1, 1, {0, 0}},
    {1, 65, 65, 64, 256, 64, 1, 1, 1, {2, 2}},
};

static status append(problem *p, int x, int outs, const pair_case *c, int residual, int *out)
{
    conv_params params = {
        .groups = 1, .kernel = {1, 1}, .stride = {1, 1}, .dilation = {1, 1}, .out_channels = outs};
    if (c->clamped) params.act = (activation){ACTIVATION_CLAMP, 0, INFINITY};
    return problem_conv(p, x, params, c->biases, residual, out);
}

static status build(problem *p, int index)
{
    const pair_case *c = &pair_cases[index];
    int y, z;
    snprintf(p->name, sizeof p->name, "%dx%dx%dx%d->%d->%d%s%s%s%s", c->n, c->h, c->w, c->ins,
             c->middle, c->outs, c->clamped ? " relu" : "", c->biases ? "" : " no-bias",
             c->residual ? " residual" : "", c->stride[0] ? " pooled" : "");
    int x = problem_tensor(p, c->n, c->h, c->w, c->ins, FILL_UNIT);
    TRY(append(p, x, c->middle, c, c->residual ? PROBLEM_NEW_TENSOR : PROBLEM_NO_TENSOR, &y));
    if (c->stride[0]) problem_thinning(p, y, c->stride);
    return append(p, y, c->outs, c, PROBLEM_NO_TENSOR, &z);
}

const family conv_pair_family = {"conv_pair", sizeof pair_cases / sizeof *pair_cases, build};
