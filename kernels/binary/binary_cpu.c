/* OP_BINARY in fp32 on all cores, a line (fixed n and h) of contiguous numbers at a time. An
 * operand that repeats within a line is written out as one first: once for all lines that it
 * serves, so a bias or a scale costs next to nothing. */
#include <string.h>

#include "kernels/activate/activate.h"
#include "kernels/rows.h"
#include "kernels/threaded.h"
#include "kernels/threads.h"

enum { OPERANDS = 2 };

typedef struct operand {
    const float *data;
    int64_t stride[AXES]; /* elements; 0: repeats */
    int repeats;          /* within a line */
} operand;

typedef struct binary_task {
    const step *s;
    const tensor *y;
    operand operand[OPERANDS];
    float *to;
    unsigned char *workspace; /* a line of each operand for each thread */
} binary_task;

static int covers(const network *net, int first, precision precision)
{
    const step *s = &net->steps[first];
    return s->op == OP_BINARY && precision == PRECISION_FP32 &&
           net->tensors[s->inputs[0]].type == TYPE_FP32 &&
           net->tensors[s->inputs[1]].type == TYPE_FP32 &&
           net->tensors[s->output].type == TYPE_FP32;
}

static operand operand_of(const tensor *x, const tensor *y)
{
    operand o = {0};
    int64_t stride = 1;
    for (int axis = AXES - 1; axis >= 0; axis--) {
        o.stride[axis] = x->dims[axis] == 1 ? 0 : stride;
        stride *= x->dims[axis];
        if (axis >= AXIS_W && x->dims[axis] != y->dims[axis]) o.repeats = 1;
    }
    return o;
}

static int64_t line_length(const tensor *y)
{
    return (int64_t)y->dims[AXIS_W] * y->dims[AXIS_C];
}

/* Whole cache lines. */
static size_t line_bytes(const tensor *y)
{
    return ((size_t)line_length(y) * sizeof(float) + 63) / 64 * 64;
}

static status prepare(const prepare_context *context, const network *net, work *w)
{
    const step *s = &net->steps[w->first];
    const tensor *y = &net->tensors[s->output];
    int repeats = 0;
    TRY(threaded_prepare(context, (int64_t)y->dims[AXIS_N] * y->dims[AXIS_H], w));
    for (int i = 0; i < OPERANDS; i++)
        repeats |= operand_of(&net->tensors[s->inputs[i]], y).repeats;
    if (repeats) w->workspace_bytes = (size_t)threaded_count(w) * OPERANDS * line_bytes(y);
    return STATUS_OK;
}

/* Writes out line `from` of an operand that repeats within it. */
static void repeat(const operand *o, const float *from, const tensor *y, float *to)
{
    int channels = y->dims[AXIS_C];
    for (int x = 0; x < y->dims[AXIS_W]; x++, from += o->stride[AXIS_W])
        for (int c = 0; c < channels; c++) *to++ = from[c * o->stride[AXIS_C]];
}

/* Minimum and maximum are NaN where either input is. */
static void combine(binary_kind kind, const float *restrict a, const float *restrict b,
                    int64_t count, float *restrict y)
{
    switch (kind) {
    case BINARY_ADD:
        for (int64_t i = 0; i < count; i++) y[i] = a[i] + b[i];
        break;
    case BINARY_SUB:
        for (int64_t i = 0; i < count; i++) y[i] = a[i] - b[i];
        break;
    case BINARY_MUL:
        for (int64_t i = 0; i < count; i++) y[i] = a[i] * b[i];
        break;
    case BINARY_DIV:
        for (int64_t i = 0; i < count; i++) y[i] = a[i] / b[i];
        break;
    case BINARY_MIN:
        for (int64_t i = 0; i < count; i++) y[i] = a[i] < b[i] || a[i] != a[i] ? a[i] : b[i];
        break;
    case BINARY_MAX:
        for (int64_t i = 0; i < count; i++) y[i] = a[i] > b[i] || a[i] != a[i] ? a[i] : b[i];
        break;
    }
}

static void compute_line(const binary_task *t, const float *const line[OPERANDS], float *to)
{
    int64_t length = line_length(t->y);
    for (int64_t first = 0, count; first < length; first += count) {
        count = length - first < ACTIVATE_PIECE ? length - first : ACTIVATE_PIECE;
        combine(t->s->as.binary.kind, line[0] + first, line[1] + first, count, to + first);
        activate_floats(&t->s->as.binary.act, count, to + first);
    }
}

static void compute(void *data, int index, int threads)
{
    const binary_task *t = data;
    int height = t->y->dims[AXIS_H], first, end;
    const float *written[OPERANDS] = {NULL, NULL}; /* which lines the workspace holds */
    threads_share(t->y->dims[AXIS_N] * height, 1, index, threads, &first, &end);
    for (int row = first; row < end; row++) {
        const float *line[OPERANDS];
        for (int i = 0; i < OPERANDS; i++) {
            const operand *o = &t->operand[i];
            line[i] = o->data + row / height * o->stride[AXIS_N] + row % height * o->stride[AXIS_H];
            if (!o->repeats) continue;
            unsigned char *at = t->workspace + (size_t)(index * OPERANDS + i) * line_bytes(t->y);
            float *copy = (float *)(void *)at;
            if (line[i] != written[i]) repeat(o, line[i], t->y, copy);
            written[i] = line[i];
            line[i] = copy;
        }
        compute_line(t, line, t->to + row * line_length(t->y));
    }
}

static status enqueue(const work *w, const network *net, const run *r)
{
    const step *s = &net->steps[w->first];
    binary_task task = {.s = s,
                        .y = &net->tensors[s->output],
                        .to = tensor_at(net, s->output, r),
                        .workspace = r->arena + w->workspace};
    for (int i = 0; i < OPERANDS; i++) {
        task.operand[i] = operand_of(&net->tensors[s->inputs[i]], task.y);
        task.operand[i].data = tensor_at(net, s->inputs[i], r);
    }
    threads_run(threaded_count(w), compute, &task);
    return STATUS_OK;
}

const row binary_cpu = {
    .name = "binary_cpu",
    .device = DEVICE_CPU,
    .covers = covers,
    .prepare = prepare,
    .enqueue = enqueue,
    .release = work_release,
    .limit_because = "the same operations on the same numbers",
};
