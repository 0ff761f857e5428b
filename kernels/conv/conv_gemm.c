/* Convolutions without groups: the windows of some pixels are gathered (a 1x1 convolution reads
 * them where they lie) and multiplied by the filter. */
#include "kernels/conv/conv_gemm.h"

#include "kernels/conv/conv.h"

typedef struct window_source {
    const gemm_kernels *kernels;
    window_job job; /* x: the first picture */
    int pixels;     /* of each picture's output */
} window_source;

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
    return y->type == TYPE_FP32 && activation_limits(&p->act, &low, &high) &&
           pixels < INT32_MAX / 2 && depth < INT32_MAX / 2;
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
    if (made != STATUS_OK) work_release(w);
    return made;
}

/* Pixels first..first+count-1 of the batch, which may span pictures. */
static void gather(const void *user, int first, int count, float *to, int64_t stride)
{
    const window_source *s = user;
    window_job job = s->job;
    int64_t image_size = (int64_t)job.height * job.width * job.channels;
    for (int here; count > 0; first += here, count -= here, to += here * stride) {
        int within = first % s->pixels;
        here = s->pixels - within < count ? s->pixels - within : count;
        job.x = s->job.x + first / s->pixels * image_size;
        s->kernels->gather(&job, within, here, to, stride);
    }
}

status conv_gemm_enqueue(const work *w, const network *net, const run *r)
{
    const step *s = &net->steps[w->first];
    const conv_params *p = &s->as.conv;
    const tensor *x = &net->tensors[s->inputs[0]], *y = &net->tensors[s->output];
    const gemm_plan *plan = w->state;
    window_source from = {.kernels = plan->kernels,
                          .job = {.x = tensor_at(net, s->inputs[0], r),
                                  .height = x->dims[AXIS_H],
                                  .width = x->dims[AXIS_W],
                                  .channels = x->dims[AXIS_C],
                                  .y_width = y->dims[AXIS_W],
                                  .kernel = {p->kernel[0], p->kernel[1]},
                                  .stride = {p->stride[0], p->stride[1]},
                                  .dilation = {p->dilation[0], p->dilation[1]},
                                  .pads = {p->pads[0], p->pads[1]}},
                          .pixels = y->dims[AXIS_H] * y->dims[AXIS_W]};
    gemm_run all = {.plan = plan,
                    .rows = conv_is_pointwise(s) ? from.job.x : NULL,
                    .gather = gather,
                    .user = &from,
                    .residual = s->input_count > 1 ? tensor_at(net, s->inputs[1], r) : NULL,
                    .y = tensor_at(net, s->output, r),
                    .workspace = r->arena + w->workspace};
    gemm_compute(&all);
    return STATUS_OK;
}
