/* A 3x3 depthwise convolution and the 1x1 convolution after it, MobileNet's block, as one: some
 * pixels go through the first into a buffer that stays in the cache, and from there through the
 * second. The tensor between the two never reaches memory. */
#include <stdlib.h>

#include "kernels/conv/gemm.h"
#include "kernels/rows.h"
#include "kernels/threads.h"

enum { CHUNK_BYTES = 192 * 1024, SMALLEST_SHARE = 32, STEPS = 2 };

typedef struct block_state {
    const gemm_kernels *kernels;
    const float *filter, *panels;
    int threads, chunk; /* pixels that go through at once */
} block_state;

typedef struct block_task {
    const block_state *state;
    const conv_params *depthwise, *pointwise;
    const tensor *x, *y;
    const float *from;
    float *to, *buffers;
} block_task;

static int is_depthwise(const step *s)
{
    const conv_params *p = &s->as.conv;
    return s->op == OP_CONV && s->input_count == 1 && p->groups == p->in_channels &&
           p->groups == p->out_channels && p->kernel[0] == 3 && p->kernel[1] == 3;
}

static int is_pointwise(const step *s)
{
    const conv_params *p = &s->as.conv;
    return s->op == OP_CONV && s->input_count == 1 && p->groups == 1 && p->kernel[0] == 1 &&
           p->kernel[1] == 1 && p->stride[0] == 1 && p->stride[1] == 1 && !p->pads[0] &&
           !p->pads[1] && !p->pads[2] && !p->pads[3];
}

static int covers(const network *net, int first, precision precision)
{
    float low, high;
    if (precision != PRECISION_FP32 || first + 1 >= net->step_count) return 0;
    const step *s = &net->steps[first], *next = s + 1;
    if (!is_depthwise(s) || !is_pointwise(next) || next->inputs[0] != s->output) return 0;
    const tensor *x = &net->tensors[s->inputs[0]], *y = &net->tensors[next->output];
    int64_t pixels = (int64_t)y->dims[AXIS_N] * y->dims[AXIS_H] * y->dims[AXIS_W];
    return x->type == TYPE_FP32 && y->type == TYPE_FP32 &&
                   net->tensors[s->output].type == TYPE_FP32 && pixels <= INT32_MAX &&
                   gemm_limits(&s->as.conv.act, &low, &high) &&
                   gemm_limits(&next->as.conv.act, &low, &high)
               ? STEPS
               : 0;
}

/* Rows of the buffer are a cache line longer than they need be: rows of 4096 bytes would all fall
 * into the same places of the cache. */
static int64_t buffer_stride(const conv_params *depthwise)
{
    return (int64_t)(gemm_vectors(depthwise->out_channels) + 1) * GEMM_LANES;
}

static status prepare(const prepare_context *context, const network *net, work *w)
{
    const step *s = &net->steps[w->first];
    const tensor *y = &net->tensors[s[1].output];
    block_state *state = heap_array(1, sizeof *state);
    if (!state) return STATUS_MEMORY;
    w->state = state;
    int pixels = y->dims[AXIS_N] * y->dims[AXIS_H] * y->dims[AXIS_W];
    int shares = (pixels + SMALLEST_SHARE - 1) / SMALLEST_SHARE;
    state->threads = threads_resolve(context->threads);
    if (state->threads > shares) state->threads = shares;
    state->kernels = gemm_choose();
    size_t row_bytes = (size_t)buffer_stride(&s->as.conv) * sizeof(float);
    state->chunk = (int)(CHUNK_BYTES / row_bytes) / GEMM_ROWS * GEMM_ROWS;
    if (state->chunk < 2 * GEMM_ROWS) state->chunk = 2 * GEMM_ROWS;
    w->workspace_bytes = (size_t)state->threads * (size_t)state->chunk * row_bytes;
    status packed = gemm_pack_depthwise(context, &s->as.conv, &state->filter);
    if (packed == STATUS_OK) packed = gemm_pack(context, &s[1].as.conv, &state->panels);
    if (packed != STATUS_OK) {
        free(state);
        w->state = NULL;
    }
    return packed;
}

static void release(work *w)
{
    free(w->state);
    w->state = NULL;
}

/* Pixels first..first+count-1 of the batch, which may span rows and pictures, into the buffer. */
static void depthwise(const block_task *t, depthwise_job *job, int first, int count, float *to)
{
    int64_t stride = buffer_stride(t->depthwise);
    int across = t->y->dims[AXIS_W], down = t->y->dims[AXIS_H];
    while (count > 0) {
        int column = first % across, here = across - column < count ? across - column : count;
        job->x =
            t->from + (int64_t)(first / across / down) * job->height * job->width * job->channels;
        t->state->kernels->depthwise(job, first / across % down, column, here, to, stride);
        first += here;
        count -= here;
        to += here * stride;
    }
}

static void compute(void *data, int index, int threads)
{
    const block_task *t = data;
    const conv_params *d = t->depthwise, *p = t->pointwise;
    int chunk = t->state->chunk, first, end;
    int pixels = t->y->dims[AXIS_N] * t->y->dims[AXIS_H] * t->y->dims[AXIS_W];
    float *buffer = t->buffers + (int64_t)index * chunk * buffer_stride(d);
    depthwise_job before = {.height = t->x->dims[AXIS_H],
                            .width = t->x->dims[AXIS_W],
                            .channels = d->out_channels,
                            .stride = {d->stride[0], d->stride[1]},
                            .dilation = {d->dilation[0], d->dilation[1]},
                            .pads = {d->pads[0], d->pads[1]},
                            .filter = t->state->filter};
    gemm_job job = {.a = buffer,
                    .a_stride = buffer_stride(d),
                    .depth = p->in_channels,
                    .columns = p->out_channels,
                    .panels = t->state->panels,
                    .y_stride = p->out_channels};
    gemm_limits(&d->act, &before.low, &before.high);
    gemm_limits(&p->act, &job.low, &job.high);
    threads_share(pixels, 1, index, threads, &first, &end);
    for (; first < end; first += chunk) {
        job.rows = end - first < chunk ? end - first : chunk;
        job.y = t->to + (int64_t)first * p->out_channels;
        depthwise(t, &before, first, job.rows, buffer);
        t->state->kernels->gemm(&job);
    }
}

static status enqueue(const work *w, const network *net, const run *r)
{
    const step *s = &net->steps[w->first];
    const block_state *state = w->state;
    block_task task = {.state = state,
                       .depthwise = &s->as.conv,
                       .pointwise = &s[1].as.conv,
                       .x = &net->tensors[s->inputs[0]],
                       .y = &net->tensors[s[1].output],
                       .from = tensor_at(net, s->inputs[0], r),
                       .to = tensor_at(net, s[1].output, r),
                       .buffers = (float *)(void *)(r->arena + w->workspace)};
    threads_run(state->threads, compute, &task);
    return STATUS_OK;
}

/* Against 2 for one oneDNN call a step. */
static double estimate(const network *net, int first, int count)
{
    (void)net;
    (void)first;
    (void)count;
    return gemm_choose()->fast ? 1.2 : 20;
}

const row depthwise_pointwise_cpu = {
    .name = "depthwise_pointwise_cpu",
    .device = DEVICE_CPU,
    .covers = covers,
    .prepare = prepare,
    .enqueue = enqueue,
    .release = release,
    .estimate = estimate,
    .limit = 2e-5,
    .limit_because = "fp32 sums of up to a few thousand products, one after another",
};
