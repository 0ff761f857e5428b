/* OP_CONCAT in fp32 on all cores: along its axis each input is one run of consecutive elements for
 * every position on the axes before. */
#include <string.h>

#include "kernels/rows.h"
#include "kernels/threaded.h"
#include "kernels/threads.h"

typedef struct concat_task {
    int count, outer;
    const float *from[STEP_MAX_INPUTS];
    int64_t run[STEP_MAX_INPUTS]; /* elements */
    float *to;
} concat_task;

static int covers(const network *net, int first, precision precision)
{
    const step *s = &net->steps[first];
    if (s->op != OP_CONCAT || precision != PRECISION_FP32) return 0;
    for (int i = 0; i < s->input_count; i++)
        if (net->tensors[s->inputs[i]].type != TYPE_FP32) return 0;
    return net->tensors[s->output].type == TYPE_FP32;
}

/* Positions on the axes before the one along which tensors are joined. */
static int outer_positions(const network *net, const step *s)
{
    int positions = 1;
    for (int axis = 0; axis < s->as.concat_axis; axis++)
        positions *= net->tensors[s->output].dims[axis];
    return positions;
}

static status prepare(const prepare_context *context, const network *net, work *w)
{
    return threaded_prepare(context, outer_positions(net, &net->steps[w->first]), w);
}

static void compute(void *data, int index, int threads)
{
    const concat_task *t = data;
    int first, end;
    int64_t length = 0;
    for (int i = 0; i < t->count; i++) length += t->run[i];
    threads_share(t->outer, 1, index, threads, &first, &end);
    for (int64_t at = first; at < end; at++) {
        float *to = t->to + at * length;
        for (int i = 0; i < t->count; i++) {
            memcpy(to, t->from[i] + at * t->run[i], (size_t)t->run[i] * sizeof *to);
            to += t->run[i];
        }
    }
}

static status enqueue(const work *w, const network *net, const run *r)
{
    const step *s = &net->steps[w->first];
    concat_task task = {.count = s->input_count,
                        .outer = outer_positions(net, s),
                        .to = tensor_at(net, s->output, r)};
    for (int i = 0; i < s->input_count; i++) {
        task.from[i] = tensor_at(net, s->inputs[i], r);
        task.run[i] = tensor_count(&net->tensors[s->inputs[i]]) / task.outer;
    }
    threads_run(threaded_count(w), compute, &task);
    return STATUS_OK;
}

const row concat_cpu = {
    .name = "concat_cpu",
    .device = DEVICE_CPU,
    .covers = covers,
    .prepare = prepare,
    .enqueue = enqueue,
    .release = work_release,
    .limit_because = "the same elements",
};
