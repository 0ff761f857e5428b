/* OP_MAX_POOL in fp32 on all cores: rows of channels, which the compiler turns into vectors. */
#include <math.h>

#include "kernels/rows.h"
#include "kernels/threaded.h"
#include "kernels/threads.h"

typedef struct pool_task {
    const pool_params *p;
    const tensor *x, *y;
    const float *from;
    float *to;
} pool_task;

static int covers(const network *net, int first, precision precision)
{
    const step *s = &net->steps[first];
    return s->op == OP_MAX_POOL && precision == PRECISION_FP32 &&
           net->tensors[s->inputs[0]].type == TYPE_FP32 &&
           net->tensors[s->output].type == TYPE_FP32;
}

/* NaN wins over everything. */
static void keep_larger(const float *restrict from, int channels, float *restrict to)
{
    for (int c = 0; c < channels; c++) {
        float value = from[c], best = to[c];
        to[c] = best >= value || best != best ? best : value;
    }
}

static void pool_pixel(const pool_task *t, const float *image, int row, int column, float *to)
{
    const pool_params *p = t->p;
    int channels = t->x->dims[AXIS_C], width = t->x->dims[AXIS_W];
    for (int c = 0; c < channels; c++) to[c] = -INFINITY;
    for (int ky = 0; ky < p->kernel[0]; ky++) {
        int y = row * p->stride[0] - p->pads[0] + ky * p->dilation[0];
        if (y < 0 || y >= t->x->dims[AXIS_H]) continue;
        for (int kx = 0; kx < p->kernel[1]; kx++) {
            int x = column * p->stride[1] - p->pads[1] + kx * p->dilation[1];
            if (x < 0 || x >= width) continue;
            keep_larger(image + ((int64_t)y * width + x) * channels, channels, to);
        }
    }
}

/* Output rows are counted through the whole batch. */
static void compute(void *data, int index, int threads)
{
    const pool_task *t = data;
    int height = t->y->dims[AXIS_H], width = t->y->dims[AXIS_W], channels = t->y->dims[AXIS_C];
    int64_t image = (int64_t)t->x->dims[AXIS_H] * t->x->dims[AXIS_W] * channels;
    int first, end;
    threads_share(t->y->dims[AXIS_N] * height, 1, index, threads, &first, &end);
    for (int row = first; row < end; row++)
        for (int column = 0; column < width; column++)
            pool_pixel(t, t->from + row / height * image, row % height, column,
                       t->to + ((int64_t)row * width + column) * channels);
}

static status prepare(const prepare_context *context, const network *net, work *w)
{
    const int *dims = net->tensors[net->steps[w->first].output].dims;
    return threaded_prepare(context, (int64_t)dims[AXIS_N] * dims[AXIS_H], w);
}

static status enqueue(const work *w, const network *net, const run *r)
{
    const step *s = &net->steps[w->first];
    pool_task task = {&s->as.pool, &net->tensors[s->inputs[0]], &net->tensors[s->output],
                      tensor_at(net, s->inputs[0], r), tensor_at(net, s->output, r)};
    threads_run(threaded_count(w), compute, &task);
    return STATUS_OK;
}

const row max_pool_cpu = {
    .name = "max_pool_cpu",
    .device = DEVICE_CPU,
    .covers = covers,
    .prepare = prepare,
    .enqueue = enqueue,
    .release = work_release,
    .limit_because = "the largest of the same numbers",
};
