/* MobileNet's block: the product's rows are made by the depthwise convolution. */
#include "kernels/depthwise_pointwise/block.h"

#include "kernels/conv/conv.h"
#include "kernels/conv/conv_gemm.h"

enum { STEPS = 2 };

typedef struct block_state {
    gemm_plan plan;      /* of the 1x1 convolution */
    depthwise_job first; /* of the depthwise convolution; x is set for each picture */
} block_state;

typedef struct block_source {
    const block_state *state;
    const float *from; /* the first picture */
    int pixels;        /* of each picture's output */
} block_source;

int block_covers(const network *net, int first, precision precision)
{
    float low, high;
    if (first + 1 >= net->step_count) return 0;
    const step *s = &net->steps[first], *next = s + 1;
    if (!conv_is_depthwise_3x3(s) || s->input_count != 1 || !conv_is_pointwise(next) ||
        next->inputs[0] != s->output)
        return 0;
    if (next->input_count > 1 && next->inputs[1] == s->output) return 0;
    return net->tensors[s->inputs[0]].type == TYPE_FP32 &&
                   activation_limits(&s->as.conv.act, &low, &high) &&
                   conv_gemm_covers(net, first + 1, precision)
               ? STEPS
               : 0;
}

static status make_state(const gemm_kernels *kernels, const prepare_context *context,
                         const network *net, work *w)
{
    const step *s = &net->steps[w->first];
    const conv_params *p = &s->as.conv;
    const tensor *x = &net->tensors[s->inputs[0]];
    block_state *state = w->state;
    TRY(gemm_plan_make(context, kernels, &s[1].as.conv, &net->tensors[s[1].output], 1, &state->plan,
                       &w->workspace_bytes));
    state->first = (depthwise_job){.height = x->dims[AXIS_H],
                                   .width = x->dims[AXIS_W],
                                   .channels = p->out_channels,
                                   .y_width = net->tensors[s->output].dims[AXIS_W],
                                   .stride = {p->stride[0], p->stride[1]},
                                   .dilation = {p->dilation[0], p->dilation[1]},
                                   .pads = {p->pads[0], p->pads[1]}};
    activation_limits(&p->act, &state->first.low, &state->first.high);
    return gemm_pack_depthwise(context, p, &state->first.filter);
}

status block_prepare(const gemm_kernels *kernels, const prepare_context *context,
                     const network *net, work *w)
{
    w->state = heap_array(1, sizeof(block_state));
    if (!w->state) return STATUS_MEMORY;
    status made = make_state(kernels, context, net, w);
    if (made != STATUS_OK) work_release(w);
    return made;
}

/* Pixels first..first+count-1 of the batch, which may span pictures. */
static void gather(const void *user, int first, int count, float *to, int64_t stride)
{
    const block_source *s = user;
    depthwise_job job = s->state->first;
    int64_t image_size = (int64_t)job.height * job.width * job.channels;
    for (int here; count > 0; first += here, count -= here, to += here * stride) {
        int within = first % s->pixels;
        here = s->pixels - within < count ? s->pixels - within : count;
        job.x = s->from + first / s->pixels * image_size;
        s->state->plan.kernels->depthwise(&job, within, here, to, stride);
    }
}

status block_enqueue(const work *w, const network *net, const run *r)
{
    const step *s = &net->steps[w->first], *next = s + 1;
    const block_state *state = w->state;
    const tensor *y = &net->tensors[next->output];
    block_source from = {state, tensor_at(net, s->inputs[0], r), y->dims[AXIS_H] * y->dims[AXIS_W]};
    gemm_run all = {.plan = &state->plan,
                    .gather = gather,
                    .user = &from,
                    .residual = next->input_count > 1 ? tensor_at(net, next->inputs[1], r) : NULL,
                    .y = tensor_at(net, next->output, r),
                    .workspace = r->arena + w->workspace};
    gemm_compute(&all);
    return STATUS_OK;
}
