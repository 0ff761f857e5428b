// fp16 convolution on the tensor cores (mma/mma_tile.cuh): any window, stride, dilation and pads,
// input channels in multiples of 8, bias, residual and any activation inside. Made for batch 1,
// where a layer has too few tiles for the multiprocessors and launches cost as much as products.

#include "kernels/conv/mma/conv_mma_ways.cuh"
#include "kernels/conv/weights_cuda.h"
#include "kernels/cuda/estimate.h"
#include "kernels/rows.h"

namespace
{

struct plan {
    const tile_kind *tile;
    conv_mma_arguments arguments; // but for what is in the arena
    int shared_bytes;
};

int covers(const network *net, int first, precision)
{
    if (!conv_cuda_covers(net, first)) return 0;
    const step *s = &net->steps[first];
    const conv_params *p = &s->as.conv;
    if (!cuda_reads_halves(net, s)) return 0;
    const int far = 1 << 20; // places of a window are counted in int
    for (int i = 0; i < 2; i++)
        if (p->kernel[i] > 64 || p->dilation[i] > far / 64 || p->pads[i] > far) return 0;
    return p->groups == 1 && p->in_channels % 8 == 0;
}

int variants(const prepare_context *context, const network *net, const work *w)
{
    way ways[MOST_WAYS];
    return list_ways(describe_device(context), net, &net->steps[w->first], ways);
}

status choose(const prepare_context *context, const network *net, const work *w, plan *out)
{
    const step *s = &net->steps[w->first];
    way ways[MOST_WAYS];
    if (w->variant >= list_ways(describe_device(context), net, s, ways))
        return fail(STATUS_UNSUPPORTED, "conv_mma_cuda has no way %d here", w->variant);
    out->tile = &tiles[ways[w->variant].tile];
    out->arguments = shape_of(net, s);
    set_way(&out->arguments, *out->tile, ways[w->variant].split);
    out->shared_bytes = static_cast<int>(shared_bytes(*out->tile, out->arguments));
    return STATUS_OK;
}

status prepare(const prepare_context *context, const network *net, work *w)
{
    const conv_params *p = &net->steps[w->first].as.conv;
    plan made = {};
    void *filter;
    TRY(choose(context, net, w, &made));
    TRY(conv_cuda_pack_fragments(context, p, &filter));
    TRY(conv_cuda_pack_bias(context, p, &made.arguments.bias));
    made.arguments.filter = static_cast<const uint4 *>(filter);
    const void *kernel = reinterpret_cast<const void *>(made.tile->kernel);
    TRY(cuda_allow_shared_memory(static_cast<const cuda_device *>(context->device), kernel));
    TRY(cuda_prefer_shared_memory(kernel));
    return work_keep(w, &made, sizeof made);
}

status enqueue(const work *w, const network *net, const run *r)
{
    const plan *made = static_cast<const plan *>(w->state);
    const step *s = &net->steps[w->first];
    conv_mma_arguments a = made->arguments;
    a.x = static_cast<const __half *>(tensor_at(net, s->inputs[0], r));
    if (s->input_count > 1)
        a.residual = static_cast<const __half *>(tensor_at(net, s->inputs[1], r));
    a.y = tensor_at(net, s->output, r);
    return cuda_launch_check(launch_clusters(r, made->tile->kernel, dim3(a.split),
                                             blocks_of(*made->tile, a), made->tile->threads,
                                             made->shared_bytes, a),
                             w, net);
}

double estimate(const network *net, int first, int)
{
    static const cuda_rates rates = {3, 0, 60e6, 60e6, 3e6};
    return cuda_estimate(net, &net->steps[first], &rates);
}

} // namespace

extern "C" const row conv_mma_cuda = {
    .name = "conv_mma_cuda",
    .device = DEVICE_CUDA,
    .least_compute = 80,
    .covers = covers,
    .variants = variants,
    .revision = 2,
    .prepare = prepare,
    .enqueue = enqueue,
    .release = work_release,
    .estimate = estimate,
    .limit = 1e-4,
    .limit_fp16 = 4e-2,
    .limit_because = "fp32 sums of fp16 products; filters have 10 bits: seen 2e-2 from libraries "
                     "where MobileNet's first pointwise layer cancels",
    .in_place = 1,
};
