/* Pooling, element-wise arithmetic and activations. */
#include <math.h>
#include <stdio.h>

#include "family.h"

/* ---- max_pool -------------------------------------------------------------------------------- */

typedef struct pool_case {
    int n, h, w, c;
    pool_params params; /* kernel, stride, dilation, pads */
} pool_case;

static const pool_case pool_cases[] = {
    {1, 1, 1, 1, {{1, 1}, {1, 1}, {1, 1}, {0, 0, 0, 0}}},
    {1, 1, 1, 5, {{3, 3}, {2, 2}, {1, 1}, {1, 1, 1, 1}}},
    {3, 13, 11, 33, {{3, 3}, {2, 2}, {1, 1}, {1, 1, 1, 1}}},
    {1, 12, 10, 64, {{3, 3}, {2, 2}, {1, 1}, {0, 0, 1, 1}}},
    {1, 9, 9, 16, {{1, 1}, {2, 2}, {1, 1}, {0, 0, 0, 0}}},
    {1, 9, 8, 7, {{2, 3}, {1, 2}, {1, 1}, {1, 0, 0, 1}}},
    {1, 9, 9, 8, {{3, 3}, {1, 1}, {2, 2}, {2, 2, 2, 2}}},
    {1, 129, 129, 64, {{3, 3}, {2, 2}, {1, 1}, {1, 1, 1, 1}}},
};

static int pooled(const pool_case *c, int side, int i)
{
    const pool_params *p = &c->params;
    int window = (p->kernel[i] - 1) * p->dilation[i] + 1;
    return (side + p->pads[i] + p->pads[i + 2] - window) / p->stride[i] + 1;
}

static status build_pool(problem *p, int index)
{
    const pool_case *c = &pool_cases[index];
    const pool_params *params = &c->params;
    snprintf(p->name, sizeof p->name, "%dx%dx%dx%d k%dx%d s%dx%d d%dx%d p%d,%d,%d,%d", c->n, c->h,
             c->w, c->c, params->kernel[0], params->kernel[1], params->stride[0], params->stride[1],
             params->dilation[0], params->dilation[1], params->pads[0], params->pads[1],
             params->pads[2], params->pads[3]);
    int x = problem_tensor(p, c->n, c->h, c->w, c->c, FILL_UNIT);
    int y = problem_tensor(p, c->n, pooled(c, c->h, 0), pooled(c, c->w, 1), c->c, FILL_UNIT);
    step *s = problem_step(p, OP_MAX_POOL);
    s->inputs[s->input_count++] = x;
    s->output = y;
    s->as.pool = *params;
    return STATUS_OK;
}

const family max_pool_family = {"max_pool", sizeof pool_cases / sizeof *pool_cases, build_pool};

/* ---- binary ---------------------------------------------------------------------------------- */

typedef struct binary_case {
    int a[AXES], b[AXES];
    binary_kind kind;
    activation act;
    fill left, right;
} binary_case;

#define PLAIN                                                                                      \
    {                                                                                              \
        ACTIVATION_NONE, 0, 0                                                                      \
    }
#define RELU                                                                                       \
    {                                                                                              \
        ACTIVATION_CLAMP, 0, INFINITY                                                              \
    }

static const binary_case binary_cases[] = {
    {{1, 1, 1, 1}, {1, 1, 1, 1}, BINARY_ADD, PLAIN, FILL_UNIT, FILL_UNIT},
    {{3, 7, 5, 33}, {3, 7, 5, 33}, BINARY_ADD, RELU, FILL_UNIT, FILL_UNIT},
    {{1, 7, 5, 33}, {1, 1, 1, 33}, BINARY_ADD, {ACTIVATION_CLAMP, 0, 6}, FILL_WIDE, FILL_WIDE},
    {{1, 7, 5, 33}, {1, 1, 1, 1}, BINARY_SUB, PLAIN, FILL_WIDE, FILL_UNIT},
    {{1, 1, 1, 1}, {1, 7, 5, 3}, BINARY_SUB, PLAIN, FILL_UNIT, FILL_UNIT},
    {{1, 7, 1, 9}, {3, 1, 5, 1}, BINARY_MUL, PLAIN, FILL_UNIT, FILL_UNIT},
    {{1, 7, 5, 16}, {1, 7, 5, 16}, BINARY_MUL, {ACTIVATION_SIGMOID, 0, 0}, FILL_UNIT, FILL_UNIT},
    {{1, 7, 5, 9}, {1, 1, 1, 9}, BINARY_DIV, PLAIN, FILL_UNIT, FILL_POSITIVE},
    {{1, 7, 5, 9}, {1, 7, 5, 9}, BINARY_MIN, PLAIN, FILL_EVERY, FILL_EVERY},
    {{1, 7, 5, 9}, {1, 7, 5, 9}, BINARY_MAX, PLAIN, FILL_EVERY, FILL_EVERY},
    {{1, 7, 5, 9}, {1, 7, 5, 1}, BINARY_ADD, RELU, FILL_EVERY, FILL_UNIT},
    {{2, 1, 9, 7}, {1, 6, 1, 7}, BINARY_MAX, PLAIN, FILL_UNIT, FILL_EVERY},
    {{1, 33, 1, 1}, {1, 33, 65, 129}, BINARY_MUL, RELU, FILL_UNIT, FILL_UNIT},
    {{1, 257, 257, 3}, {1, 1, 1, 3}, BINARY_SUB, PLAIN, FILL_WIDE, FILL_UNIT},
    {{1, 65, 65, 256}, {1, 65, 65, 256}, BINARY_ADD, RELU, FILL_UNIT, FILL_UNIT},
};

static status build_binary(problem *p, int index)
{
    static const char *const kinds[] = {"add", "sub", "mul", "div", "min", "max"};
    const binary_case *c = &binary_cases[index];
    int dims[AXES];
    for (int i = 0; i < AXES; i++) dims[i] = c->a[i] > c->b[i] ? c->a[i] : c->b[i];
    snprintf(p->name, sizeof p->name, "%s %dx%dx%dx%d with %dx%dx%dx%d%s%s", kinds[c->kind],
             c->a[0], c->a[1], c->a[2], c->a[3], c->b[0], c->b[1], c->b[2], c->b[3],
             c->act.kind ? " activated" : "", c->left == FILL_EVERY ? " infinities" : "");
    int a = problem_tensor(p, c->a[0], c->a[1], c->a[2], c->a[3], c->left);
    int b = problem_tensor(p, c->b[0], c->b[1], c->b[2], c->b[3], c->right);
    int y = problem_tensor(p, dims[0], dims[1], dims[2], dims[3], FILL_UNIT);
    step *s = problem_step(p, OP_BINARY);
    s->inputs[s->input_count++] = a;
    s->inputs[s->input_count++] = b;
    s->output = y;
    s->as.binary.kind = c->kind;
    s->as.binary.act = c->act;
    return STATUS_OK;
}

const family binary_family = {"binary", sizeof binary_cases / sizeof *binary_cases, build_binary};

/* ---- activate, unary ------------------------------------------------------------------------- */

typedef struct activate_case {
    const char *name;
    activation act;
    fill how;
    int n, h, w, c;
} activate_case;

static const activate_case activate_cases[] = {
    {"relu", RELU, FILL_EVERY, 1, 1, 1, 1},
    {"relu", RELU, FILL_EVERY, 3, 5, 7, 33},
    {"relu6", {ACTIVATION_CLAMP, 0, 6}, FILL_WIDE, 1, 5, 7, 16},
    {"band", {ACTIVATION_CLAMP, -0.5f, 0.75f}, FILL_EVERY, 1, 3, 3, 9},
    {"no low limit", {ACTIVATION_CLAMP, -INFINITY, 1}, FILL_EVERY, 1, 3, 3, 9},
    {"sigmoid", {ACTIVATION_SIGMOID, 0, 0}, FILL_WIDE, 1, 9, 9, 17},
    {"sigmoid", {ACTIVATION_SIGMOID, 0, 0}, FILL_EVERY, 1, 3, 3, 17},
    {"none", PLAIN, FILL_EVERY, 1, 3, 3, 5},
    {"relu6", {ACTIVATION_CLAMP, 0, 6}, FILL_WIDE, 1, 33, 33, 17},
};

static status build_activate(problem *p, int index)
{
    const activate_case *c = &activate_cases[index];
    snprintf(p->name, sizeof p->name, "%s %dx%dx%dx%d", c->name, c->n, c->h, c->w, c->c);
    int x = problem_tensor(p, c->n, c->h, c->w, c->c, c->how);
    int y = problem_tensor(p, c->n, c->h, c->w, c->c, FILL_UNIT);
    step *s = problem_step(p, OP_ACTIVATE);
    s->inputs[s->input_count++] = x;
    s->output = y;
    s->as.act = c->act;
    return STATUS_OK;
}

const family activate_family = {"activate", sizeof activate_cases / sizeof *activate_cases,
                                build_activate};

static status build_unary(problem *p, int index)
{
    static const char *const kinds[] = {"square root", "floor", "ceil"};
    unary_kind kind = (unary_kind)(index % 3);
    int large = index >= 3;
    snprintf(p->name, sizeof p->name, "%s%s", kinds[kind], large ? " 3x5x7x33" : " 1x1x1x1");
    fill how = kind == UNARY_SQRT ? FILL_POSITIVE : FILL_WIDE;
    int x = large ? problem_tensor(p, 3, 5, 7, 33, how) : problem_tensor(p, 1, 1, 1, 1, how);
    int y = large ? problem_tensor(p, 3, 5, 7, 33, how) : problem_tensor(p, 1, 1, 1, 1, how);
    step *s = problem_step(p, OP_UNARY);
    s->inputs[s->input_count++] = x;
    s->output = y;
    s->as.unary = kind;
    return STATUS_OK;
}

const family unary_family = {"unary", 6, build_unary};
