/* OP_ACTIVATE in fp32 on all cores. */
#include <string.h>

#include "kernels/activate/activate.h"
#include "kernels/rows.h"
#include "kernels/threaded.h"
#include "kernels/threads.h"

typedef struct activate_task {
    const activation *act;
    int64_t count;
    const float *from;
    float *to;
} activate_task;

static int covers(const network *net, int first, precision precision)
{
    const step *s = &net->steps[first];
    return s->op == OP_ACTIVATE && precision == PRECISION_FP32 &&
           net->tensors[s->inputs[0]].type == TYPE_FP32 &&
           net->tensors[s->output].type == TYPE_FP32;
}

static int64_t pieces(int64_t count)
{
    return (count + ACTIVATE_PIECE - 1) / ACTIVATE_PIECE;
}

static status prepare(const prepare_context *context, const network *net, work *w)
{
    return threaded_prepare(context,
                            pieces(tensor_count(&net->tensors[net->steps[w->first].output])), w);
}

static void compute(void *data, int index, int threads)
{
    const activate_task *t = data;
    int64_t end = pieces(t->count) * (index + 1) / threads;
    for (int64_t piece = pieces(t->count) * index / threads; piece < end; piece++) {
        int64_t first = piece * ACTIVATE_PIECE, count = t->count - first;
        if (count > ACTIVATE_PIECE) count = ACTIVATE_PIECE;
        memcpy(t->to + first, t->from + first, (size_t)count * sizeof(float));
        activate_floats(t->act, count, t->to + first);
    }
}

static status enqueue(const work *w, const network *net, const run *r)
{
    const step *s = &net->steps[w->first];
    activate_task task = {&s->as.act, tensor_count(&net->tensors[s->output]),
                          tensor_at(net, s->inputs[0], r), tensor_at(net, s->output, r)};
    threads_run(threaded_count(w), compute, &task);
    return STATUS_OK;
}

const row activate_cpu = {
    .name = "activate_cpu",
    .device = DEVICE_CPU,
    .covers = covers,
    .prepare = prepare,
    .enqueue = enqueue,
    .release = work_release,
    .limit_because = "the same operations on the same numbers",
};
