// A convolution and the pooling that thins out its results, what ends a block of ResNet and begins
// the next unit's shortcut: one launch of conv_tma_cuda's kernels, which write the pixels that are
// kept while they lie in shared memory.

#include "kernels/conv/tma/tma_row.cuh"
#include "kernels/max_pool/max_pool.h"
#include "kernels/rows.h"

namespace
{

using plan = tma_plan<conv_thin_arguments>;

int covers(const network *net, int first, precision)
{
    const step *s = &net->steps[first], *pool = s + 1;
    if (first + 2 > net->step_count || !tma_covers(net, first)) return 0;
    if (!max_pool_thins(pool, s->output)) return 0;
    return is_mapped(&net->tensors[s->output]) && net->tensors[pool->output].type == TYPE_FP16 ? 2
                                                                                               : 0;
}

conv_thin_arguments shape_of(const network *net, const work *w)
{
    const step *s = &net->steps[w->first], *pool = s + 1;
    const int *dims = net->tensors[pool->output].dims, *stride = pool->as.pool.stride;
    return {shape_of(net, s), nullptr, {stride[0], stride[1]}, dims[AXIS_H], dims[AXIS_W]};
}

int variants(const prepare_context *context, const network *net, const work *w)
{
    return count_ways(context, shape_of(net, w));
}

status prepare(const prepare_context *context, const network *net, work *w)
{
    plan made;
    TRY(plan_way(context, w, shape_of(net, w), &made));
    TRY(pack_weights(context, &net->steps[w->first].as.conv, &made.arguments));
    return work_keep(w, &made, sizeof made);
}

status enqueue(const work *w, const network *net, const run *r)
{
    const step *s = &net->steps[w->first];
    const plan *made = static_cast<const plan *>(w->state);
    conv_thin_arguments a = made->arguments;
    CUtensorMap maps[3] = {};
    TRY(map_step(*made, net, s, r, &a, maps));
    a.thinned = static_cast<__half *>(tensor_at(net, s[1].output, r));
    return launch_way(w, net, r, made->way, a, maps);
}

// conv_tma_cuda's, and what is written more.
double estimate(const network *net, int first, int)
{
    const tensor *thinned = &net->tensors[net->steps[first + 1].output];
    return cuda_estimate(net, &net->steps[first], &tma_rates) +
           static_cast<double>(tensor_bytes(thinned)) / tma_rates.bytes_us;
}

} // namespace

extern "C" const row conv_thin_cuda = {
    .name = "conv_thin_cuda",
    .device = DEVICE_CUDA,
    .least_compute = 90,
    .covers = covers,
    .variants = variants,
    .revision = 4,
    .prepare = prepare,
    .enqueue = enqueue,
    .release = work_release,
    .estimate = estimate,
    .limit = 0,
    .limit_fp16 = 4e-2,
    .limit_because = "conv_tma_cuda's sums: fp32, of fp16 products of 10 bits, which cancel",
    .writes = ROW_WRITES_ALL,
    .in_place = 1,
};
