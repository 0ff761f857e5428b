/* Permute, slice, gather, expand and pad in fp32 on all cores. They only move elements, and each by
 * a rule for each axis alone: so where an output element comes from is a sum of four numbers, one a
 * table for each axis, worked out once. Pixels that lie together in the input too are copied at
 * once. */
#include <string.h>

#include "kernels/pad/pad.h"
#include "kernels/rows.h"
#include "kernels/threads.h"

enum { OUTSIDE = PAD_OUTSIDE, WORTH_A_COPY = 16 };

typedef struct move_state {
    int threads;
    int dims[AXES];        /* of the output */
    float value;           /* of what lies outside the input */
    int64_t *source[AXES]; /* what an index of each axis adds to the input's element; OUTSIDE */
    int channels_together; /* an output pixel is consecutive in the input */
    int together[2];       /* first and end of the pixels of a line that follow one another there */
    int64_t sources[];
} move_state;

typedef struct move_task {
    const move_state *state;
    const float *from;
    float *to;
} move_task;

static int covers(const network *net, int first, precision precision)
{
    const step *s = &net->steps[first];
    switch (s->op) {
    case OP_PERMUTE:
    case OP_SLICE:
    case OP_GATHER:
    case OP_EXPAND:
    case OP_PAD: break;
    default: return 0;
    }
    return precision == PRECISION_FP32 && net->tensors[s->inputs[0]].type == TYPE_FP32 &&
           net->tensors[s->output].type == TYPE_FP32;
}

/* ---- where elements come from ---------------------------------------------------------------- */

/* The index of input axis `axis` (permute: of the one that it was) for index i of the output. */
static int source_index(const step *s, const tensor *x, int axis, int i)
{
    switch (s->op) {
    case OP_SLICE: return s->as.slice.begin[axis] + i * s->as.slice.step[axis];
    case OP_GATHER: return axis == s->as.gather.axis ? s->as.gather.indices[i] : i;
    case OP_EXPAND: return x->dims[axis] == 1 ? 0 : i;
    case OP_PAD: return pad_source(s->as.pad.kind, i - s->as.pad.before[axis], x->dims[axis]);
    default: return i;
    }
}

static int64_t stride_of(const tensor *x, int axis)
{
    int64_t stride = 1;
    for (int i = axis + 1; i < AXES; i++) stride *= x->dims[i];
    return stride;
}

static void find_sources(const step *s, const tensor *x, move_state *state)
{
    int64_t *at = state->sources;
    for (int axis = 0; axis < AXES; axis++) {
        int64_t stride = stride_of(x, s->op == OP_PERMUTE ? s->as.permutation[axis] : axis);
        state->source[axis] = at;
        for (int i = 0; i < state->dims[axis]; i++) {
            int index = source_index(s, x, axis, i);
            *at++ = index == OUTSIDE ? OUTSIDE : index * stride;
        }
    }
}

/* The first pixels from one that is inside on; the rest of the line is moved one by one. */
static void find_together(move_state *state)
{
    const int64_t *pixel = state->source[AXIS_W], *channel = state->source[AXIS_C];
    int width = state->dims[AXIS_W], channels = state->dims[AXIS_C], first = 0;
    state->channels_together = channel[0] != OUTSIDE;
    for (int c = 1; c < channels; c++)
        if (channel[c] != channel[0] + c) state->channels_together = 0;
    while (first < width && pixel[first] == OUTSIDE) first++;
    int end = first;
    if (state->channels_together && first < width) do
            end++;
        while (end < width && pixel[end] == pixel[end - 1] + channels);
    state->together[0] = first;
    state->together[1] = end;
}

static status prepare(const prepare_context *context, const network *net, work *w)
{
    const step *s = &net->steps[w->first];
    const tensor *y = &net->tensors[s->output];
    size_t count = 0;
    for (int axis = 0; axis < AXES; axis++) count += (size_t)y->dims[axis];
    move_state *state = heap_array(1, sizeof *state + count * sizeof *state->sources);
    if (!state) return STATUS_MEMORY;
    memcpy(state->dims, y->dims, sizeof state->dims);
    int64_t lines = (int64_t)y->dims[AXIS_N] * y->dims[AXIS_H];
    state->threads = threads_resolve(context->threads);
    if (state->threads > lines) state->threads = (int)lines;
    state->value = s->op == OP_PAD ? s->as.pad.value : 0;
    find_sources(s, &net->tensors[s->inputs[0]], state);
    find_together(state);
    w->state = state;
    return STATUS_OK;
}

/* ---- moving ---------------------------------------------------------------------------------- */

static void fill(float value, int64_t count, float *to)
{
    for (int64_t i = 0; i < count; i++) to[i] = value;
}

static void move_pixel(const move_state *state, const float *from, float *to)
{
    const int64_t *source = state->source[AXIS_C];
    int channels = state->dims[AXIS_C];
    if (state->channels_together && channels >= WORTH_A_COPY)
        memcpy(to, from + source[0], (size_t)channels * sizeof *to);
    else
        for (int c = 0; c < channels; c++)
            to[c] = source[c] == OUTSIDE ? state->value : from[source[c]];
}

static void move_line(const move_state *state, const float *from, float *to)
{
    const int64_t *source = state->source[AXIS_W];
    int width = state->dims[AXIS_W], channels = state->dims[AXIS_C];
    int first = state->together[0], end = state->together[1];
    if (end > first)
        memcpy(to + (int64_t)first * channels, from + source[first] + state->source[AXIS_C][0],
               (size_t)(end - first) * (size_t)channels * sizeof *to);
    for (int x = 0; x < width; x++) {
        if (x == first) x = end;
        if (x == width) break;
        float *pixel = to + (int64_t)x * channels;
        if (source[x] == OUTSIDE)
            fill(state->value, channels, pixel);
        else
            move_pixel(state, from + source[x], pixel);
    }
}

/* Lines are counted through the whole batch. */
static void compute(void *data, int index, int threads)
{
    const move_task *t = data;
    const move_state *state = t->state;
    int height = state->dims[AXIS_H], first, end;
    int64_t length = (int64_t)state->dims[AXIS_W] * state->dims[AXIS_C];
    threads_share(state->dims[AXIS_N] * height, 1, index, threads, &first, &end);
    for (int line = first; line < end; line++) {
        int64_t image = state->source[AXIS_N][line / height];
        int64_t row = state->source[AXIS_H][line % height];
        if (image == OUTSIDE || row == OUTSIDE)
            fill(state->value, length, t->to + line * length);
        else
            move_line(state, t->from + image + row, t->to + line * length);
    }
}

static status enqueue(const work *w, const network *net, const run *r)
{
    const step *s = &net->steps[w->first];
    move_task task = {w->state, tensor_at(net, s->inputs[0], r), tensor_at(net, s->output, r)};
    threads_run(task.state->threads, compute, &task);
    return STATUS_OK;
}

const row move_cpu = {
    .name = "move_cpu",
    .device = DEVICE_CPU,
    .covers = covers,
    .prepare = prepare,
    .enqueue = enqueue,
    .release = work_release,
    .limit_because = "the same elements",
};
