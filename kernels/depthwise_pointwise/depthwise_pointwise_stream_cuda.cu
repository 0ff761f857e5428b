// MobileNet's block for large maps: weights and launch. The kernel is in the .cuh beside, the
// choice of tiles in stream_ways.cuh.
#include "kernels/conv/weights_cuda.h"
#include "kernels/cuda/estimate.h"
#include "kernels/cuda/tensor_map.cuh"
#include "kernels/depthwise_pointwise/stream_ways.cuh"
#include "kernels/rows.h"

namespace
{

struct stream_state {
    stream_arguments arguments; // all but the tensors
    const stream_kernel *kernel;
    int blocks, shared_bytes;
    PFN_cuTensorMapEncodeTiled_v12000 encode;
};

// ---- what is covered ---------------------------------------------------------------------------

// Strides and dilations that stream_inputs and stream_post_of have.
int covers(const network *net, int first, precision)
{
    int steps = block_steps(net, first);
    if (!steps) return 0;
    const conv_params *p = &net->steps[first].as.conv;
    return p->stride[0] == p->stride[1] && p->dilation[0] == p->dilation[1] &&
                   p->stride[0] * p->dilation[0] <= 2
               ? steps
               : 0;
}

// ---- ways --------------------------------------------------------------------------------------

int variants(const prepare_context *context, const network *net, const work *w)
{
    way ways[MOST_WAYS];
    int count;
    return find_ways(context, net, w, ways, &count) == STATUS_OK && count > 0 ? count : 1;
}

// ---- weights -----------------------------------------------------------------------------------

struct weights {
    const conv_params *conv;
    int chunk;
};

// A row is a channel. Rows 8j .. 8j + 7 of 32, columns of a product, are channels 8i + 2j + e, so
// that a lane's sums of four products are neighbouring channels.
void write_filter(const void *user, void *host, size_t)
{
    const weights *w = static_cast<const weights *>(user);
    const conv_params *p = w->conv;
    __half *to = static_cast<__half *>(host);
    int rows = divided(p->out_channels, 32) * 32;
    for (int first = 0; first < p->in_channels; first += w->chunk)
        for (int row = 0; row < rows; row++, to += STREAM_ROW / 2) {
            int c = row / 32 * 32 + row % 8 / 2 * 8 + row % 32 / 8 * 2 + row % 2;
            for (int i = 0; i < w->chunk; i++)
                if (c < p->out_channels && first + i < p->in_channels)
                    to[(i / 8 ^ row % 8) * 8 + i % 8] = __float2half_rn(
                        p->filter[static_cast<size_t>(c) * p->in_channels + first + i]);
        }
}

status pack_weights(const prepare_context *context, const step *s, stream_arguments *a)
{
    const conv_params *q = &s[1].as.conv;
    const weights pointwise = {q, a->chunk};
    size_t channels = static_cast<size_t>(divided(q->out_channels, 32)) * 32;
    const pack_key key = {a->chunk == 64 ? "depthwise_pointwise_stream_cuda 64"
                                         : "depthwise_pointwise_stream_cuda 32",
                          q->filter, nullptr, 0};
    void *filter;
    TRY(depthwise_pack(context, &s[0].as.conv, &a->taps));
    TRY(cuda_pack(context, &key, a->chunks * channels * STREAM_ROW, write_filter, &pointwise,
                  &filter));
    TRY(conv_cuda_pack_bias(context, q, &a->bias));
    a->filter = static_cast<const unsigned char *>(filter);
    return STATUS_OK;
}

// ---- prepare and run ---------------------------------------------------------------------------

status prepare_way(const prepare_context *context, const network *net, work *w, const way &chosen)
{
    stream_state made = {chosen.arguments, chosen.kernel, chosen.blocks, chosen.shared_bytes,
                         nullptr};
    TRY(find_map_encoder(&made.encode));
    const void *kernel = reinterpret_cast<const void *>(chosen.kernel->kernel);
    TRY(cuda_allow_shared_memory(static_cast<const cuda_device *>(context->device), kernel));
    TRY(cuda_prefer_shared_memory(kernel));
    TRY(pack_weights(context, &net->steps[w->first], &made.arguments));
    return work_keep(w, &made, sizeof made);
}

status prepare(const prepare_context *context, const network *net, work *w)
{
    way ways[MOST_WAYS];
    int count;
    TRY(find_ways(context, net, w, ways, &count));
    if (w->variant >= count)
        return fail(STATUS_UNSUPPORTED, "depthwise_pointwise_stream_cuda has no way %d here",
                    w->variant);
    return prepare_way(context, net, w, ways[w->variant]);
}

status enqueue(const work *w, const network *net, const run *r)
{
    const step *s = &net->steps[w->first], *next = s + 1;
    const stream_state *state = static_cast<const stream_state *>(w->state);
    stream_arguments a = state->arguments;
    if (next->input_count > 1)
        a.residual = static_cast<const __half *>(tensor_at(net, next->inputs[1], r));
    a.y = static_cast<__half *>(tensor_at(net, next->output, r));
    CUtensorMap map;
    TRY(map_pixels(state->encode, tensor_at(net, s->inputs[0], r), net->tensors[s->inputs[0]].dims,
                   a.chunk, a.window_width, a.window_height,
                   map_permuted(a.chunk * static_cast<int>(sizeof(__half))), s, &map));
    return cuda_launch_check(launch_kernel(r, state->kernel->kernel, dim3(state->blocks),
                                           dim3(STREAM_THREADS), state->shared_bytes, map, a),
                             w, net);
}

// As depthwise_pointwise_cuda's: a longer start, then faster.
double estimate(const network *net, int first, int)
{
    static const cuda_rates rates = {5, 0, 170e6, 170e6, 1.75e6};
    return cuda_estimate(net, &net->steps[first + 1], &rates);
}

} // namespace

extern "C" const row depthwise_pointwise_stream_cuda = {
    .name = "depthwise_pointwise_stream_cuda",
    .device = DEVICE_CUDA,
    .least_compute = 90,
    .covers = covers,
    .variants = variants,
    .revision = 3,
    .prepare = prepare,
    .enqueue = enqueue,
    .release = work_release,
    .estimate = estimate,
    .limit = 0,
    .limit_fp16 = 4e-2,
    .limit_because = "fp16 operands of 10 bits, the depthwise results among them, whose fp32 sums "
                     "cancel: as conv_cublaslt",
};
