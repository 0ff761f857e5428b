// A bottleneck unit of ResNet's first block, and the pooling that thins out its results for the
// shortcut of a unit with a stride: one launch of conv_unit.cuh's kernels, which write the pixels
// that are kept once more.

#include "kernels/conv_unit/conv_unit_row.cuh"
#include "kernels/rows.h"

namespace
{

int covers(const network *net, int first, precision)
{
    const step *s = &net->steps[first];
    if (first + 4 > net->step_count || !is_unit(net, s, s->inputs[0])) return 0;
    return is_thinning(net, s + 3, s[2].output) ? 4 : 0;
}

conv_unit_arguments shape_of(const network *net, const work *w)
{
    const step *s = &net->steps[w->first];
    conv_unit_arguments a = shape_of(net, s, false);
    set_thinned(net, s + 3, &a);
    return a;
}

int variants(const prepare_context *context, const network *net, const work *w)
{
    int pictures = pictures_of(net, &net->steps[w->first]);
    return count_ways(context, shape_of(net, w), pictures, kernels<false, true>);
}

status prepare(const prepare_context *context, const network *net, work *w)
{
    const step *s = &net->steps[w->first];
    conv_unit_arguments a = shape_of(net, w);
    TRY(pack_weights(context, s, &a));
    return prepare_unit(context, net, s, a, kernels<false, true>, w);
}

status enqueue(const work *w, const network *net, const run *r)
{
    const step *s = &net->steps[w->first];
    return enqueue_unit(w, net, s, r, tensor_at(net, s[3].output, r));
}

// The unit's, and what is written more.
double estimate(const network *net, int first, int)
{
    const tensor *thinned = &net->tensors[net->steps[first + 3].output];
    return unit_estimate(net, first, 3) +
           static_cast<double>(tensor_bytes(thinned)) / unit_bytes_us;
}

} // namespace

extern "C" const row conv_unit_thin_cuda = {
    .name = "conv_unit_thin_cuda",
    .device = DEVICE_CUDA,
    .least_compute = 90,
    .covers = covers,
    .variants = variants,
    .revision = 2,
    .prepare = prepare,
    .enqueue = enqueue,
    .release = work_release,
    .estimate = estimate,
    .limit = 0,
    .limit_fp16 = 4e-2,
    .limit_because = "conv_unit_cuda's sums",
    .writes = 2,
};
