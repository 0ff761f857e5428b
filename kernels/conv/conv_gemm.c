/* Convolutions without groups: the windows of some pixels are gathered (a 1x1 convolution reads
 * them where they lie) and multiplied by the filter. */
#include "kernels/conv/conv_gemm.h"

#include <stdlib.h>
#include <string.h>

typedef struct window_source {
    const conv_params *p;
    const tensor *x, *y;
    const float *from;
} window_source;

int conv_is_pointwise(const step *s)
{
    const conv_params *p = &s->as.conv;
    return s->op == OP_CONV && p->groups == 1 && p->kernel[0] == 1 && p->kernel[1] == 1 &&
           p->stride[0] == 1 && p->stride[1] == 1 && !p->pads[0] && !p->pads[1] && !p->pads[2] &&
           !p->pads[3];
}

int conv_gemm_covers(const network *net, int first, precision precision)
{
    const step *s = &net->steps[first];
    const conv_params *p = &s->as.conv;
    float low, high;
    if (s->op != OP_CONV || precision != PRECISION_FP32 || p->groups != 1) return 0;
    for (int i = 0; i < s->input_count; i++)
        if (net->tensors[s->inputs[i]].type != TYPE_FP32) return 0;
    const tensor *y = &net->tensors[s->output];
    int64_t pixels = (int64_t)y->dims[AXIS_N] * y->dims[AXIS_H] * y->dims[AXIS_W];
    int64_t depth = (int64_t)p->kernel[0] * p->kernel[1] * p->in_channels;
    return y->type == TYPE_FP32 && gemm_limits(&p->act, &low, &high) && pixels < INT32_MAX / 2 &&
           depth < INT32_MAX / 2;
}

status conv_gemm_prepare(const gemm_kernels *kernels, const prepare_context *context,
                         const network *net, work *w)
{
    const step *s = &net->steps[w->first];
    gemm_plan *plan = heap_array(1, sizeof *plan);
    if (!plan) return STATUS_MEMORY;
    w->state = plan;
    status made = gemm_plan_make(context, kernels, &s->as.conv, &net->tensors[s->output],
                                 !conv_is_pointwise(s), plan, &w->workspace_bytes);
    if (made != STATUS_OK) conv_gemm_release(w);
    return made;
}

void conv_gemm_release(work *w)
{
    free(w->state);
    w->state = NULL;
}

/* One row of the window that starts at (y, x) of the input, zeros outside; where it ends. */
static float *gather_row(const window_source *s, const float *image, int y, int x, float *to)
{
    const conv_params *p = s->p;
    int channels = p->in_channels, width = s->x->dims[AXIS_W];
    size_t pixel = (size_t)channels * sizeof(float);
    if (y < 0 || y >= s->x->dims[AXIS_H]) {
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

static void gather(const void *user, int first, int count, float *to, int64_t stride)
{
    const window_source *s = user;
    const conv_params *p = s->p;
    int across = s->y->dims[AXIS_W], down = s->y->dims[AXIS_H];
    int64_t image_size = (int64_t)s->x->dims[AXIS_H] * s->x->dims[AXIS_W] * p->in_channels;
    for (int i = first; i < first + count; i++, to += stride) {
        const float *image = s->from + i / across / down * image_size;
        int y = i / across % down * p->stride[0] - p->pads[0];
        int x = i % across * p->stride[1] - p->pads[1];
        float *end = to;
        for (int k = 0; k < p->kernel[0]; k++)
            end = gather_row(s, image, y + k * p->dilation[0], x, end);
    }
}

status conv_gemm_enqueue(const work *w, const network *net, const run *r)
{
    const step *s = &net->steps[w->first];
    window_source from = {&s->as.conv, &net->tensors[s->inputs[0]], &net->tensors[s->output],
                          tensor_at(net, s->inputs[0], r)};
    gemm_run all = {.plan = w->state,
                    .rows = conv_is_pointwise(s) ? from.from : NULL,
                    .gather = gather,
                    .user = &from,
                    .residual = s->input_count > 1 ? tensor_at(net, s->inputs[1], r) : NULL,
                    .y = tensor_at(net, s->output, r),
                    .workspace = r->arena + w->workspace};
    gemm_compute(&all);
    return STATUS_OK;
}
