/* OP_RESIZE in height and width in fp32 on all cores, with the bits of resize_ref: where an output
 * row and column read is worked out once for each, not for each element. */
#include <string.h>

#include "kernels/resize/resize.h"
#include "kernels/rows.h"
#include "kernels/threaded.h"
#include "kernels/threads.h"

/* Two neighbours and how far the second one counts; nearest: only the first. */
typedef struct resize_tap {
    int low, high;
    double part;
} resize_tap;

typedef struct resize_task {
    const resize_params *p;
    const tensor *x, *y;
    const float *from;
    float *to;
    const resize_tap *columns;
} resize_task;

static int covers(const network *net, int first, precision precision)
{
    const step *s = &net->steps[first];
    if (s->op != OP_RESIZE || precision != PRECISION_FP32) return 0;
    const tensor *x = &net->tensors[s->inputs[0]], *y = &net->tensors[s->output];
    return x->type == TYPE_FP32 && y->type == TYPE_FP32 && x->dims[AXIS_N] == y->dims[AXIS_N] &&
           x->dims[AXIS_C] == y->dims[AXIS_C];
}

/* The workspace holds the taps of every column. */
static status prepare(const prepare_context *context, const network *net, work *w)
{
    const int *dims = net->tensors[net->steps[w->first].output].dims;
    TRY(threaded_prepare(context, (int64_t)dims[AXIS_N] * dims[AXIS_H], w));
    w->workspace_bytes = (size_t)dims[AXIS_W] * sizeof(resize_tap);
    return STATUS_OK;
}

static resize_tap tap_at(const resize_params *p, int axis, int output, int dim)
{
    double source = resize_source(p, axis, output);
    if (p->kind == KIND_NEAREST) {
        int nearest = resize_nearest(p->rounding, source, dim);
        return (resize_tap){nearest, nearest, 0};
    }
    source = resize_held(source, dim);
    int low = (int)source;
    return (resize_tap){low, low + 1 < dim ? low + 1 : low, source - low};
}

/* Down for the row, across for the column. */
static void blend(const float *const corner[4], double down, double across, int channels,
                  float *restrict to)
{
    const float *restrict a = corner[0], *restrict b = corner[1], *restrict c = corner[2],
                          *restrict d = corner[3];
    for (int i = 0; i < channels; i++) {
        double top = a[i] + ((double)b[i] - a[i]) * across;
        double bottom = c[i] + ((double)d[i] - c[i]) * across;
        to[i] = (float)(top + (bottom - top) * down);
    }
}

static void compute_row(const resize_task *t, const float *image, int row, float *to)
{
    int channels = t->x->dims[AXIS_C], width = t->x->dims[AXIS_W];
    resize_tap down = tap_at(t->p, AXIS_H, row, t->x->dims[AXIS_H]);
    const float *above = image + (int64_t)down.low * width * channels;
    const float *below = image + (int64_t)down.high * width * channels;
    for (int i = 0; i < t->y->dims[AXIS_W]; i++, to += channels) {
        const resize_tap *across = &t->columns[i];
        int64_t low = (int64_t)across->low * channels, high = (int64_t)across->high * channels;
        const float *corner[4] = {above + low, above + high, below + low, below + high};
        if (t->p->kind == KIND_NEAREST)
            memcpy(to, corner[0], (size_t)channels * sizeof *to);
        else
            blend(corner, down.part, across->part, channels, to);
    }
}

/* Output rows are counted through the whole batch. */
static void compute(void *data, int index, int threads)
{
    const resize_task *t = data;
    int height = t->y->dims[AXIS_H], first, end;
    int64_t image = (int64_t)t->x->dims[AXIS_H] * t->x->dims[AXIS_W] * t->x->dims[AXIS_C];
    int64_t length = (int64_t)t->y->dims[AXIS_W] * t->y->dims[AXIS_C];
    threads_share(t->y->dims[AXIS_N] * height, 1, index, threads, &first, &end);
    for (int row = first; row < end; row++)
        compute_row(t, t->from + row / height * image, row % height, t->to + row * length);
}

static status enqueue(const work *w, const network *net, const run *r)
{
    const step *s = &net->steps[w->first];
    const tensor *x = &net->tensors[s->inputs[0]], *y = &net->tensors[s->output];
    resize_tap *columns = (resize_tap *)(void *)(r->arena + w->workspace);
    for (int i = 0; i < y->dims[AXIS_W]; i++)
        columns[i] = tap_at(&s->as.resize, AXIS_W, i, x->dims[AXIS_W]);
    resize_task task = {
        &s->as.resize, x, y, tensor_at(net, s->inputs[0], r), tensor_at(net, s->output, r),
        columns};
    threads_run(threaded_count(w), compute, &task);
    return STATUS_OK;
}

const row resize_cpu = {
    .name = "resize_cpu",
    .device = DEVICE_CPU,
    .covers = covers,
    .prepare = prepare,
    .enqueue = enqueue,
    .release = work_release,
    .limit_because = "the same operations in the same order",
};
