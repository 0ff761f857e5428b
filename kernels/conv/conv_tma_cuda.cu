// fp16 convolution on Hopper, fed by its copy engine (tma/conv_tma.cuh): any window that an im2col
// map expresses, input channels in multiples of 8, bias, residual and clamp inside. Made for large
// layers, where products set the pace, and as quick as the libraries' on small ones.

#include "kernels/conv/tma/tma_row.cuh"
#include "kernels/rows.h"

namespace
{

using plan = tma_plan<conv_tma_arguments>;

int covers(const network *net, int first, precision)
{
    return tma_covers(net, first);
}

int variants(const prepare_context *context, const network *net, const work *w)
{
    return count_ways(context, shape_of(net, &net->steps[w->first]));
}

status prepare(const prepare_context *context, const network *net, work *w)
{
    const step *s = &net->steps[w->first];
    plan made;
    TRY(plan_way(context, w, shape_of(net, s), &made));
    TRY(pack_weights(context, &s->as.conv, &made.arguments));
    return work_keep(w, &made, sizeof made);
}

status enqueue(const work *w, const network *net, const run *r)
{
    const plan *made = static_cast<const plan *>(w->state);
    conv_tma_arguments a = made->arguments;
    CUtensorMap maps[3] = {};
    TRY(map_step(*made, net, &net->steps[w->first], r, &a, maps));
    return launch_way(w, net, r, made->way, a, maps);
}

double estimate(const network *net, int first, int)
{
    return cuda_estimate(net, &net->steps[first], &tma_rates);
}

} // namespace

extern "C" const row conv_tma_cuda = {
    .name = "conv_tma_cuda",
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
    .limit_because = "fp32 sums of fp16 products of 10 bits, which cancel: as conv_mma_cuda",
    .in_place = 1,
};
