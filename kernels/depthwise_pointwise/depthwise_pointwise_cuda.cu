// MobileNet's block on the tensor cores: weights and launch. The kernels are in the .cuh beside and
// in block_held.cuh, the choice between them and their tiles in block_ways.cuh.
#include "kernels/cuda/estimate.h"
#include "kernels/depthwise_pointwise/block_ways.cuh"
#include "kernels/rows.h"

namespace
{

const int MOST_DEPTH = 1024; // so that the smallest tile fits every GPU's shared memory

struct block_state {
    const float *taps;
    const uint4 *filter;
    const float *bias;
    const tile_kernel *tile;
    void (*kernel)(block_arguments);
    int chunk, cluster, shared_bytes;
};

int covers(const network *net, int first, precision)
{
    int steps = block_steps(net, first);
    return steps && net->steps[first].as.conv.in_channels <= MOST_DEPTH ? steps : 0;
}

// ---- ways --------------------------------------------------------------------------------------

int variants(const prepare_context *context, const network *net, const work *w)
{
    way ways[MOST_WAYS];
    return find_ways(*static_cast<const cuda_device *>(context->device), net, w, ways);
}

// ---- weights -----------------------------------------------------------------------------------

void write_taps(const void *user, void *host, size_t)
{
    const conv_params *p = static_cast<const conv_params *>(user);
    float *to = static_cast<float *>(host);
    int padded = divided(p->out_channels, BLOCK_STEP) * BLOCK_STEP;
    for (int c = 0; c < p->out_channels; c++) {
        for (int tap = 0; tap < BLOCK_TAPS; tap++)
            to[tap * padded + c] = p->filter[c * BLOCK_TAPS + tap];
        to[BLOCK_TAPS * padded + c] = p->bias ? p->bias[c] : 0;
    }
}

void write_filter(const void *user, void *host, size_t)
{
    const conv_params *p = static_cast<const conv_params *>(user);
    __half *to = static_cast<__half *>(host);
    for (int c = 0; c < p->out_channels; c += 32)
        for (int in = 0; in < p->in_channels; in += BLOCK_STEP, to += BLOCK_FRAGMENT_HALVES)
            block_write_fragment(p, c, in, to);
}

void write_bias(const void *user, void *host, size_t)
{
    const conv_params *p = static_cast<const conv_params *>(user);
    for (int c = 0; p->bias && c < p->out_channels; c++) static_cast<float *>(host)[c] = p->bias[c];
}

status pack_weights(const prepare_context *context, const step *s, block_state *state)
{
    const conv_params *p = &s[0].as.conv, *q = &s[1].as.conv;
    size_t depth = static_cast<size_t>(steps_of(q)) * BLOCK_STEP;
    size_t channels = static_cast<size_t>(divided(q->out_channels, 32)) * 32;
    const pack_key taps_key = {"depthwise_pointwise_cuda taps", p->filter, p->bias,
                               p->bias ? p->out_channels * sizeof(float) : 0};
    const pack_key filter_key = {"depthwise_pointwise_cuda", q->filter, nullptr, 0};
    const pack_key bias_key = {"depthwise_pointwise_cuda bias", nullptr,
                               q->bias ? static_cast<const void *>(q->bias) : &q->out_channels,
                               q->bias ? q->out_channels * sizeof(float) : sizeof(int)};
    void *taps, *filter, *bias;
    TRY(cuda_pack(context, &taps_key, (BLOCK_TAPS + 1) * depth * sizeof(float), write_taps, p,
                  &taps));
    TRY(cuda_pack(context, &filter_key, depth * channels * sizeof(__half), write_filter, q,
                  &filter));
    TRY(cuda_pack(context, &bias_key, channels * sizeof(float), write_bias, q, &bias));
    state->taps = static_cast<const float *>(taps);
    state->filter = static_cast<const uint4 *>(filter);
    state->bias = static_cast<const float *>(bias);
    return STATUS_OK;
}

// ---- prepare and run ---------------------------------------------------------------------------

status prepare(const prepare_context *context, const network *net, work *w)
{
    const cuda_device *g = static_cast<const cuda_device *>(context->device);
    way ways[MOST_WAYS];
    if (w->variant >= find_ways(*g, net, w, ways))
        return fail(STATUS_UNSUPPORTED, "depthwise_pointwise_cuda has no way %d here", w->variant);
    const way *chosen = &ways[w->variant];
    block_state made = {};
    made.tile = chosen->tile;
    made.chunk = chosen->chunk;
    made.cluster = chosen->cluster;
    made.shared_bytes = chosen->shared_bytes;
    made.kernel = chosen->tile->kernel[net->steps[w->first].as.conv.stride[0] == 2];
    const void *kernel = reinterpret_cast<const void *>(made.kernel);
    TRY(cuda_allow_shared_memory(g, kernel));
    TRY(cuda_prefer_shared_memory(kernel));
    TRY(pack_weights(context, &net->steps[w->first], &made));
    return work_keep(w, &made, sizeof made);
}

block_arguments arguments_of(const work *w, const network *net, const run *r)
{
    const step *s = &net->steps[w->first], *next = s + 1;
    const conv_params *p = &s->as.conv;
    const tensor *x = &net->tensors[s->inputs[0]], *y = &net->tensors[next->output];
    const block_state *state = static_cast<const block_state *>(w->state);
    block_arguments a = {};
    a.x = static_cast<const __half *>(tensor_at(net, s->inputs[0], r));
    if (next->input_count > 1)
        a.residual = static_cast<const __half *>(tensor_at(net, next->inputs[1], r));
    a.y = static_cast<__half *>(tensor_at(net, next->output, r));
    a.taps = state->taps;
    a.filter = state->filter;
    a.bias = state->bias;
    a.height = x->dims[AXIS_H];
    a.width = x->dims[AXIS_W];
    a.depth = x->dims[AXIS_C];
    a.out_height = y->dims[AXIS_H];
    a.out_width = y->dims[AXIS_W];
    a.channels = y->dims[AXIS_C];
    a.down = divided(a.out_height, 2);
    a.across = divided(a.out_width, 2);
    a.groups = groups_of(y);
    for (int i = 0; i < 2; i++) {
        a.stride[i] = p->stride[i];
        a.dilation[i] = p->dilation[i];
        a.pads[i] = p->pads[i];
        activation_limits(&s[i].as.conv.act, &a.low[i], &a.high[i]);
    }
    a.steps = steps_of(&next->as.conv);
    a.chunk = state->chunk;
    a.cluster = state->cluster;
    return a;
}

status enqueue(const work *w, const network *net, const run *r)
{
    const block_state *state = static_cast<const block_state *>(w->state);
    block_arguments a = arguments_of(w, net, r);
    dim3 blocks(divided(a.groups * BLOCK_GROUP, state->tile->pixels),
                divided(divided(a.channels, state->tile->channels), a.cluster) * a.cluster);
    return cuda_launch_check(launch_clusters(r, state->kernel, dim3(1, a.cluster), blocks,
                                             state->tile->threads, state->shared_bytes, a),
                             w, net);
}

// The pointwise step's, whose input is the depthwise one's: what is not moved in between is what a
// block saves.
double estimate(const network *net, int first, int)
{
    static const cuda_rates rates = {3.5, 0, 100e6, 100e6, 1.3e6};
    return cuda_estimate(net, &net->steps[first + 1], &rates);
}

} // namespace

extern "C" const row depthwise_pointwise_cuda = {
    .name = "depthwise_pointwise_cuda",
    .device = DEVICE_CUDA,
    .least_compute = 80,
    .covers = covers,
    .variants = variants,
    .revision = 2,
    .prepare = prepare,
    .enqueue = enqueue,
    .release = work_release,
    .estimate = estimate,
    .limit = 0,
    .limit_fp16 = 4e-2,
    .limit_because = "fp16 operands of 10 bits, the depthwise results among them, whose fp32 sums "
                     "cancel: as conv_cublaslt",
};
