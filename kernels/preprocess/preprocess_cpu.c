/* OP_PREPROCESS on all cores: the lines of kernels/preprocess/lines.c shared out. */
#include <stdlib.h>

#include "kernels/preprocess/lines.h"
#include "kernels/rows.h"
#include "kernels/threads.h"

typedef struct preprocess_state {
    int threads;
} preprocess_state;

static int covers(const network *net, int first, precision precision)
{
    const step *s = &net->steps[first];
    (void)precision;
    return s->op == OP_PREPROCESS && net->tensors[s->output].dims[AXIS_C] == PREPROCESS_COLORS;
}

/* The workspace holds the taps of every column, worked out once a picture. */
static status prepare(const prepare_context *context, const network *net, work *w)
{
    const tensor *y = &net->tensors[net->steps[w->first].output];
    preprocess_state *state = heap_array(1, sizeof *state);
    if (!state) return STATUS_MEMORY;
    state->threads = threads_resolve(context->threads);
    if (state->threads > y->dims[AXIS_H]) state->threads = y->dims[AXIS_H];
    w->state = state;
    w->workspace_bytes = (size_t)y->dims[AXIS_W] * sizeof(resize_tap);
    return STATUS_OK;
}

static void release(work *w)
{
    free(w->state);
    w->state = NULL;
}

static void compute(void *data, int index, int threads)
{
    const preprocess_job *job = data;
    int first, end;
    threads_share(job->box.input_height, 1, index, threads, &first, &end);
    preprocess_lines(job, first, end);
}

static status enqueue(const work *w, const network *net, const run *r)
{
    const step *s = &net->steps[w->first];
    const tensor *y = &net->tensors[s->output];
    const preprocess_state *state = w->state;
    int height = y->dims[AXIS_H], width = y->dims[AXIS_W];
    size_t bytes = tensor_bytes(y) / (size_t)y->dims[AXIS_N];
    unsigned char *to = tensor_at(net, s->output, r);
    resize_tap *columns = (resize_tap *)(void *)(r->arena + w->workspace);
    for (int image = 0; image < y->dims[AXIS_N]; image++) {
        const picture *from = &r->pictures[image];
        letterbox box = letterbox_fit(from->width, from->height, width, height, from->flip);
        preprocess_job job = {
            from, box, s->as.preprocess.normalize, columns, to + (size_t)image * bytes, y->type};
        preprocess_columns(&box, columns);
        threads_run(state->threads, compute, &job);
    }
    return STATUS_OK;
}

const row preprocess_cpu = {
    .name = "preprocess_cpu",
    .device = DEVICE_CPU,
    .covers = covers,
    .prepare = prepare,
    .enqueue = enqueue,
    .release = release,
    .limit_because = "the same arithmetic in the same order",
};
