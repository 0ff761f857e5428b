// Two 1x1 convolutions of the same tensor, what begins a block of ResNet: its shortcut and the
// first unit's reduction. One launch of conv_tma_cuda's kernels, whose tiles belong to the one or
// the other, so x is read once and the second's tiles fill what the first's leave idle.

#include "kernels/conv/tma/tma_row.cuh"
#include "kernels/rows.h"

namespace
{

using plan = tma_plan<conv_twin_arguments>;

bool is_one(const network *net, int number)
{
    const step *s = &net->steps[number];
    return conv_is_pointwise(s) && s->input_count == 1 && tma_covers(net, number) &&
           is_mapped(&net->tensors[s->output]);
}

int covers(const network *net, int first, precision)
{
    const step *s = &net->steps[first];
    if (first + 2 > net->step_count || !is_one(net, first) || !is_one(net, first + 1)) return 0;
    return s[0].inputs[0] == s[1].inputs[0] ? 2 : 0;
}

conv_twin_arguments shape_of(const network *net, const work *w)
{
    const step *s = &net->steps[w->first];
    return {shape_of(net, s), shape_of(net, s + 1), 0};
}

int variants(const prepare_context *context, const network *net, const work *w)
{
    return count_ways(context, shape_of(net, w));
}

status prepare(const prepare_context *context, const network *net, work *w)
{
    const step *s = &net->steps[w->first];
    plan made;
    TRY(plan_way(context, w, shape_of(net, w), &made));
    TRY(pack_weights(context, &s[0].as.conv, &made.arguments));
    TRY(pack_weights(context, &s[1].as.conv, &made.arguments.second));
    return work_keep(w, &made, sizeof made);
}

status enqueue(const work *w, const network *net, const run *r)
{
    const step *s = &net->steps[w->first];
    const plan *made = static_cast<const plan *>(w->state);
    conv_twin_arguments a = made->arguments;
    CUtensorMap maps[3] = {};
    TRY(map_step(*made, net, s, r, &a, maps));
    a.second.y = tensor_at(net, s[1].output, r);
    if (!made->way.shape->split) TRY(map_panels(*made, net, s + 1, s[1].output, r, &maps[2]));
    return launch_way(w, net, r, made->way, a, maps);
}

// conv_tma_cuda's for both, with one start.
double estimate(const network *net, int first, int)
{
    cuda_rates more = tma_rates;
    more.start_us = 0;
    return cuda_estimate(net, &net->steps[first], &tma_rates) +
           cuda_estimate(net, &net->steps[first + 1], &more);
}

} // namespace

extern "C" const row conv_twin_cuda = {
    .name = "conv_twin_cuda",
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
};
