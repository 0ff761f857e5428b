/* Problems: a pool, a generator, and shorthand for tensors and steps. */
#include "problem.h"

#include <stdlib.h>

#include "kernels/element.h"

status problem_new(uint64_t seed, element_type type, problem **out)
{
    problem *p = heap_array(1, sizeof *p);
    *out = p;
    if (!p) return STATUS_MEMORY;
    p->random = seed;
    p->type = type;
    p->net.tensors = p->tensors;
    p->net.steps = p->steps;
    return pool_new(&p->pool);
}

void problem_free(problem **p)
{
    if (!*p) return;
    pool_free(&(*p)->pool);
    free(*p);
    *p = NULL;
}

/* splitmix64: one multiplication chain, every seed is as good as any other. */
static uint64_t next(problem *p)
{
    uint64_t z = p->random += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

uint32_t problem_random(problem *p, uint32_t bound)
{
    return (uint32_t)((next(p) >> 32) * bound >> 32);
}

float problem_random_real(problem *p, float low, float high)
{
    return low + (high - low) * ((float)(next(p) >> 40) * 0x1p-24f);
}

int problem_tensor(problem *p, int n, int h, int w, int c, fill how)
{
    int number = p->net.tensor_count++;
    p->tensors[number] = (tensor){.name = "t", .type = p->type, .dims = {n, h, w, c}};
    p->fills[number] = how;
    return number;
}

float *problem_reals(problem *p, size_t count, float limit)
{
    float *reals = pool_array(p->pool, count, sizeof *reals);
    for (size_t i = 0; reals && i < count; i++) reals[i] = problem_random_real(p, -limit, limit);
    return reals;
}

step *problem_step(problem *p, op o)
{
    step *s = &p->steps[p->net.step_count++];
    s->op = o;
    s->nodes = op_name(o);
    s->output = PROBLEM_NO_TENSOR;
    return s;
}

static int output_side(const conv_params *p, const tensor *x, int i)
{
    int window = (p->kernel[i] - 1) * p->dilation[i] + 1;
    return (x->dims[AXIS_H + i] + p->pads[i] + p->pads[i + 2] - window) / p->stride[i] + 1;
}

status problem_conv(problem *p, int x, conv_params params, int with_bias, int residual, int *out)
{
    const tensor *from = &p->tensors[x];
    params.in_channels = from->dims[AXIS_C];
    size_t fan_in = (size_t)(params.in_channels / params.groups) * (size_t)params.kernel[0] *
                    (size_t)params.kernel[1];
    params.filter =
        problem_reals(p, fan_in * (size_t)params.out_channels, 2.0f / sqrtf((float)fan_in));
    if (!params.filter) return STATUS_MEMORY;
    params.bias = with_bias ? problem_reals(p, (size_t)params.out_channels, 1.0f) : NULL;
    if (with_bias && !params.bias) return STATUS_MEMORY;
    int dims[AXES] = {from->dims[AXIS_N], output_side(&params, from, 0),
                      output_side(&params, from, 1), params.out_channels};
    if (residual == PROBLEM_NEW_TENSOR)
        residual = problem_tensor(p, dims[0], dims[1], dims[2], dims[3], FILL_UNIT);
    *out = problem_tensor(p, dims[0], dims[1], dims[2], dims[3], FILL_UNIT);
    step *s = problem_step(p, OP_CONV);
    s->inputs[s->input_count++] = x;
    if (residual >= 0) s->inputs[s->input_count++] = residual;
    s->output = *out;
    s->as.conv = params;
    return STATUS_OK;
}

int problem_thinning(problem *p, int x, const int stride[2])
{
    const int *dims = p->tensors[x].dims;
    step *s = problem_step(p, OP_MAX_POOL);
    s->inputs[s->input_count++] = x;
    s->output = problem_tensor(p, dims[AXIS_N], (dims[AXIS_H] - 1) / stride[0] + 1,
                               (dims[AXIS_W] - 1) / stride[1] + 1, dims[AXIS_C], FILL_UNIT);
    s->as.pool =
        (pool_params){.kernel = {1, 1}, .stride = {stride[0], stride[1]}, .dilation = {1, 1}};
    return s->output;
}

static float value(problem *p, fill how)
{
    switch (how) {
    case FILL_UNIT: return problem_random_real(p, -1, 1);
    case FILL_WIDE: return problem_random_real(p, -20, 20);
    case FILL_POSITIVE: return problem_random_real(p, 0.25f, 2);
    case FILL_EVERY: {
        uint32_t which = problem_random(p, 24);
        if (which < 3) return which == 0 ? INFINITY : which == 1 ? -INFINITY : NAN;
        return problem_random_real(p, -4, 4);
    }
    case FILL_TIES: {
        uint32_t which = problem_random(p, 64);
        if (which == 0) return NAN;
        return which < 8 ? 40.0f + (float)which : (float)(which % 16) * 0.5f - 6.0f;
    }
    }
    return 0;
}

void problem_fill(problem *p, int number, void *to)
{
    const tensor *t = &p->tensors[number];
    for (int64_t i = 0, count = tensor_count(t); i < count; i++)
        element_store(to, t->type, i, value(p, p->fills[number]));
}

int problem_is_made(const problem *p, int number)
{
    for (int i = 0; i < p->net.step_count; i++)
        if (p->steps[i].output == number) return 1;
    return 0;
}
