/* OP_CONV without groups on the CPU: gathers the window of some pixels (a 1x1 convolution needs no
 * gathering) and multiplies by the filter. All of it by kernels/conv/gemm.h. */
#include <stdlib.h>
#include <string.h>

#include "kernels/conv/gemm.h"
#include "kernels/rows.h"
#include "kernels/threads.h"

enum { CHUNK_BYTES = 192 * 1024, SMALLEST_SHARE = 32 /* pixels that are worth a thread */ };

typedef struct conv_state {
    const gemm_kernels *kernels;
    const float *panels;
    int threads, chunk; /* pixels gathered at once */
} conv_state;

typedef struct conv_task {
    const conv_state *state;
    const conv_params *p;
    const tensor *x, *y;
    const float *from, *residual;
    float *to, *buffers; /* one buffer a thread, of `chunk` rows */
} conv_task;

static int is_pointwise(const conv_params *p)
{
    return p->kernel[0] == 1 && p->kernel[1] == 1 && p->stride[0] == 1 && p->stride[1] == 1 &&
           !p->pads[0] && !p->pads[1] && !p->pads[2] && !p->pads[3];
}

static int64_t depth_of(const conv_params *p)
{
    return (int64_t)p->kernel[0] * p->kernel[1] * p->in_channels;
}

static int covers(const network *net, int first, precision precision)
{
    const step *s = &net->steps[first];
    float low, high;
    if (s->op != OP_CONV || precision != PRECISION_FP32 || s->as.conv.groups != 1) return 0;
    for (int i = 0; i < s->input_count; i++)
        if (net->tensors[s->inputs[i]].type != TYPE_FP32) return 0;
    const tensor *y = &net->tensors[s->output];
    int64_t pixels = (int64_t)y->dims[AXIS_N] * y->dims[AXIS_H] * y->dims[AXIS_W];
    return y->type == TYPE_FP32 && gemm_limits(&s->as.conv.act, &low, &high) &&
           pixels <= INT32_MAX && depth_of(&s->as.conv) <= INT32_MAX;
}

static status prepare(const prepare_context *context, const network *net, work *w)
{
    const step *s = &net->steps[w->first];
    const conv_params *p = &s->as.conv;
    const tensor *y = &net->tensors[s->output];
    conv_state *state = heap_array(1, sizeof *state);
    if (!state) return STATUS_MEMORY;
    w->state = state;
    int pixels = y->dims[AXIS_N] * y->dims[AXIS_H] * y->dims[AXIS_W];
    int shares = (pixels + SMALLEST_SHARE - 1) / SMALLEST_SHARE;
    state->threads = threads_resolve(context->threads);
    if (state->threads > shares) state->threads = shares;
    state->kernels = gemm_choose();
    size_t row_bytes = (size_t)depth_of(p) * sizeof(float);
    state->chunk = (int)(CHUNK_BYTES / row_bytes) / GEMM_ROWS * GEMM_ROWS;
    if (state->chunk < 2 * GEMM_ROWS) state->chunk = 2 * GEMM_ROWS;
    if (!is_pointwise(p))
        w->workspace_bytes = (size_t)state->threads * (size_t)state->chunk * row_bytes;
    status packed = gemm_pack(context, p, &state->panels);
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

/* One row of the window that starts at (y, x) of the input, zeros outside; where it ends. */
static float *gather_row(const conv_task *t, const float *image, int y, int x, float *to)
{
    const conv_params *p = t->p;
    int channels = p->in_channels, width = t->x->dims[AXIS_W];
    size_t pixel = (size_t)channels * sizeof(float);
    if (y < 0 || y >= t->x->dims[AXIS_H]) {
        memset(to, 0, (size_t)p->kernel[1] * pixel);
        return to + (int64_t)p->kernel[1] * channels;
    }
    const float *line = image + (int64_t)y * width * channels;
    if (p->dilation[1] == 1 && x >= 0 && x + p->kernel[1] <= width) {
        memcpy(to, line + (int64_t)x * channels, (size_t)p->kernel[1] * pixel);
        return to + (int64_t)p->kernel[1] * channels;
    }
    for (int k = 0; k < p->kernel[1]; k++, x += p->dilation[1], to += channels) {
        if (x < 0 || x >= width)
            memset(to, 0, pixel);
        else
            memcpy(to, line + (int64_t)x * channels, pixel);
    }
    return to;
}

static void gather(const conv_task *t, int first, int count, float *to)
{
    const conv_params *p = t->p;
    int across = t->y->dims[AXIS_W], down = t->y->dims[AXIS_H];
    int64_t image_size = (int64_t)t->x->dims[AXIS_H] * t->x->dims[AXIS_W] * p->in_channels;
    for (int i = first; i < first + count; i++) {
        const float *image = t->from + i / across / down * image_size;
        int y = i / across % down * p->stride[0] - p->pads[0];
        int x = i % across * p->stride[1] - p->pads[1];
        for (int k = 0; k < p->kernel[0]; k++)
            to = gather_row(t, image, y + k * p->dilation[0], x, to);
    }
}

static void compute(void *data, int index, int threads)
{
    const conv_task *t = data;
    const conv_params *p = t->p;
    int depth = (int)depth_of(p), chunk = t->state->chunk, first, end;
    int pixels = t->y->dims[AXIS_N] * t->y->dims[AXIS_H] * t->y->dims[AXIS_W];
    float *buffer = t->buffers + (int64_t)index * chunk * depth;
    gemm_job job = {.a_stride = depth,
                    .depth = depth,
                    .columns = p->out_channels,
                    .panels = t->state->panels,
                    .y_stride = p->out_channels};
    gemm_limits(&p->act, &job.low, &job.high);
    threads_share(pixels, 1, index, threads, &first, &end);
    for (; first < end; first += chunk) {
        int64_t at = (int64_t)first * p->out_channels;
        job.rows = end - first < chunk ? end - first : chunk;
        job.y = t->to + at;
        job.residual = t->residual ? t->residual + at : NULL;
        job.a = is_pointwise(p) ? t->from + (int64_t)first * depth : buffer;
        if (!is_pointwise(p)) gather(t, first, job.rows, buffer);
        t->state->kernels->gemm(&job);
    }
}

static status enqueue(const work *w, const network *net, const run *r)
{
    const step *s = &net->steps[w->first];
    const conv_state *state = w->state;
    conv_task task = {.state = state,
                      .p = &s->as.conv,
                      .x = &net->tensors[s->inputs[0]],
                      .y = &net->tensors[s->output],
                      .from = tensor_at(net, s->inputs[0], r),
                      .to = tensor_at(net, s->output, r),
                      .buffers = (float *)(void *)(r->arena + w->workspace)};
    if (s->input_count > 1) task.residual = tensor_at(net, s->inputs[1], r);
    threads_run(state->threads, compute, &task);
    return STATUS_OK;
}

/* Measured against conv_onednn on an AVX-512 machine; without it oneDNN is far ahead. */
static double estimate(const network *net, int first, int count)
{
    (void)net;
    (void)first;
    (void)count;
    return gemm_choose()->fast ? 0.8 : 10;
}

const row conv_cpu = {
    .name = "conv_cpu",
    .device = DEVICE_CPU,
    .covers = covers,
    .prepare = prepare,
    .enqueue = enqueue,
    .release = release,
    .estimate = estimate,
    .limit = 2e-5,
    .limit_because = "fp32 sums of up to a few thousand products, one after another",
};
