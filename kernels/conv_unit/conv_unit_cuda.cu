// A bottleneck unit of ResNet's first block as one launch (conv_unit.cuh): 64 channels inside, up
// to 256 outside. There the separate convolutions are bound by what they move, and most of that is
// what they hand to one another.

#include "kernels/conv_unit/conv_unit_row.cuh"
#include "kernels/rows.h"

namespace
{

// A shortcut for the unit after it.
bool is_projection(const network *net, const step *s)
{
    const step *first = s + 1, *last = s + 3;
    return conv_is_pointwise(s) && s->input_count == 1 && s->inputs[0] == first->inputs[0] &&
           fits(net, s, UNIT_MIDDLE, last->as.conv.out_channels) &&
           s->as.conv.act.kind == ACTIVATION_NONE && last->input_count == 2;
}

int covers(const network *net, int first, precision)
{
    const step *s = &net->steps[first];
    int left = net->step_count - first;
    if (left >= 4 && is_projection(net, s) && is_unit(net, s + 1, s->output)) return 4;
    return left >= 3 && is_unit(net, s, s->inputs[0]) ? 3 : 0;
}

bool is_projected(const work *w)
{
    return w->count == 4;
}

const step *unit_of(const network *net, const work *w)
{
    return &net->steps[w->first + is_projected(w)];
}

unit_kernels<conv_unit_arguments> &kernels_of(const work *w)
{
    return is_projected(w) ? kernels<true, false> : kernels<false, false>;
}

int variants(const prepare_context *context, const network *net, const work *w)
{
    const step *s = unit_of(net, w);
    return count_ways(context, shape_of(net, s, is_projected(w)), pictures_of(net, s),
                      kernels_of(w));
}

status prepare(const prepare_context *context, const network *net, work *w)
{
    const step *s = unit_of(net, w);
    conv_unit_arguments a = shape_of(net, s, is_projected(w));
    TRY(pack_weights(context, s, &a));
    return prepare_unit(context, net, s, a, kernels_of(w), w);
}

status enqueue(const work *w, const network *net, const run *r)
{
    return enqueue_unit(w, net, unit_of(net, w), r, nullptr);
}

} // namespace

extern "C" const row conv_unit_cuda = {
    .name = "conv_unit_cuda",
    .device = DEVICE_CUDA,
    .least_compute = 90,
    .covers = covers,
    .variants = variants,
    .revision = 2,
    .prepare = prepare,
    .enqueue = enqueue,
    .release = work_release,
    .estimate = unit_estimate,
    .limit = 0,
    .limit_fp16 = 4e-2,
    .limit_because =
        "fp16 operands of 10 bits, the results inside among them, whose fp32 sums cancel: as "
        "conv_pair_cuda",
};
