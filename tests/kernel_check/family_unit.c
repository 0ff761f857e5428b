/* Bottleneck units of ResNet: 1x1, 3x3, 1x1 with a residual, maybe after the 1x1 that projects x to
 * it, or before a pooling that keeps some pixels; and from the 3x3 on, to the first 1x1 of the next
 * unit. */
#include <math.h>
#include <stdio.h>

#include "family.h"

/* What the last convolution adds. */
typedef enum shortcut { NOTHING, THE_INPUT, ANOTHER, PROJECTED } shortcut;

typedef struct unit_case {
    int n, h, w, ins, outs;
    shortcut adds;
    int biases, clamped, every; /* every: the pooling's stride; 0: there is none */
} unit_case;

static const unit_case unit_cases[] = {
    {1, 1, 1, 64, 64, THE_INPUT, 1, 1, 0},     {1, 1, 9, 128, 64, NOTHING, 0, 1, 0},
    {1, 6, 1, 64, 128, NOTHING, 1, 0, 0},      {2, 7, 5, 192, 192, THE_INPUT, 1, 1, 0},
    {1, 8, 8, 256, 256, THE_INPUT, 1, 1, 0},   {2, 13, 21, 256, 256, THE_INPUT, 1, 1, 0},
    {3, 11, 6, 128, 256, NOTHING, 0, 1, 0},    {1, 31, 17, 64, 192, NOTHING, 1, 0, 0},
    {1, 65, 65, 256, 256, THE_INPUT, 1, 1, 0}, {4, 65, 65, 64, 64, THE_INPUT, 1, 1, 0},
    {1, 1, 1, 64, 64, PROJECTED, 1, 1, 0},     {1, 5, 3, 64, 128, PROJECTED, 0, 1, 0},
    {2, 9, 14, 64, 256, PROJECTED, 1, 1, 0},   {3, 20, 7, 64, 192, PROJECTED, 1, 0, 0},
    {1, 65, 65, 64, 256, PROJECTED, 1, 1, 0},  {4, 65, 65, 64, 64, PROJECTED, 1, 1, 0},
    {1, 1, 1, 64, 64, THE_INPUT, 1, 1, 2},     {1, 2, 9, 128, 64, NOTHING, 0, 1, 2},
    {2, 7, 5, 192, 192, THE_INPUT, 1, 0, 2},   {3, 12, 21, 256, 256, THE_INPUT, 1, 1, 2},
    {1, 9, 14, 64, 128, THE_INPUT, 1, 1, 3},   {2, 65, 65, 256, 256, THE_INPUT, 1, 1, 2},
};

static conv_params window(const unit_case *c, int side, int outs)
{
    conv_params p = {.groups = 1,
                     .kernel = {side, side},
                     .stride = {1, 1},
                     .dilation = {1, 1},
                     .pads = {side / 2, side / 2, side / 2, side / 2},
                     .out_channels = outs};
    if (c->clamped) p.act = (activation){ACTIVATION_CLAMP, 0, INFINITY};
    return p;
}

static status build(problem *p, int index)
{
    static const char *const names[] = {"", " residual", " other-residual", " projected"};
    const unit_case *c = &unit_cases[index];
    int added = c->adds == ANOTHER ? PROBLEM_NEW_TENSOR : PROBLEM_NO_TENSOR, y;
    snprintf(p->name, sizeof p->name, "%dx%dx%dx%d->64->64->%d%s%s%s%s", c->n, c->h, c->w, c->ins,
             c->outs, c->clamped ? " relu" : "", c->biases ? "" : " no-bias", names[c->adds],
             c->every ? " thinned" : "");
    int x = problem_tensor(p, c->n, c->h, c->w, c->ins, FILL_UNIT);
    if (c->adds == THE_INPUT) added = x;
    if (c->adds == PROJECTED) {
        conv_params projection = window(c, 1, c->outs);
        projection.act.kind = ACTIVATION_NONE;
        TRY(problem_conv(p, x, projection, c->biases, PROBLEM_NO_TENSOR, &added));
    }
    TRY(problem_conv(p, x, window(c, 1, 64), c->biases, PROBLEM_NO_TENSOR, &y));
    TRY(problem_conv(p, y, window(c, 3, 64), c->biases, PROBLEM_NO_TENSOR, &y));
    TRY(problem_conv(p, y, window(c, 1, c->outs), c->biases, added, &y));
    if (c->every) problem_thinning(p, y, (int[]){c->every, c->every});
    return STATUS_OK;
}

static const unit_case next_cases[] = {
    {1, 1, 1, 64, 64, ANOTHER, 1, 1, 2},    {1, 2, 9, 64, 128, NOTHING, 0, 1, 2},
    {2, 7, 5, 64, 192, ANOTHER, 1, 0, 2},   {3, 12, 21, 64, 256, ANOTHER, 1, 1, 2},
    {1, 8, 33, 64, 256, ANOTHER, 0, 1, 2},  {1, 5, 6, 64, 64, THE_INPUT, 1, 1, 2},
    {2, 65, 65, 64, 256, ANOTHER, 1, 1, 2}, {1, 91, 161, 64, 256, ANOTHER, 1, 1, 2},
};

static status build_next(problem *p, int index)
{
    const unit_case *c = &next_cases[index];
    int added = c->adds == ANOTHER ? PROBLEM_NEW_TENSOR : PROBLEM_NO_TENSOR, y;
    snprintf(p->name, sizeof p->name, "%dx%dx%dx64->64->%d->64%s%s%s", c->n, c->h, c->w, c->outs,
             c->clamped ? " relu" : "", c->biases ? "" : " no-bias",
             c->adds == NOTHING ? "" : " residual");
    int x = problem_tensor(p, c->n, c->h, c->w, 64, FILL_UNIT);
    if (c->adds == THE_INPUT) added = x;
    TRY(problem_conv(p, x, window(c, 3, 64), c->biases, PROBLEM_NO_TENSOR, &y));
    TRY(problem_conv(p, y, window(c, 1, c->outs), c->biases, added, &y));
    problem_thinning(p, y, (int[]){c->every, c->every});
    return problem_conv(p, y, window(c, 1, 64), c->biases, PROBLEM_NO_TENSOR, &y);
}

const family conv_unit_next_family = {"conv_unit_next", sizeof next_cases / sizeof *next_cases,
                                      build_next};
const family conv_unit_family = {"conv_unit", sizeof unit_cases / sizeof *unit_cases, build};
