// The end of a bottleneck unit of ResNet's first block, of whose results its shortcut keeps some
// pixels, and the first convolution of the unit that has the stride: one launch
// (conv_unit_next.cuh). The large tensor between them is never written.

#include "kernels/conv_unit/conv_unit_next.cuh"
#include "kernels/conv_unit/conv_unit_row.cuh"
#include "kernels/rows.h"

namespace
{

unit_kernels<conv_next_arguments> next_kernels = {
    {64, NEXT_GROUPS, conv_unit_next<64>},
    {96, NEXT_GROUPS, conv_unit_next<96>},
    {UNIT_MOST_ROWS, NEXT_GROUPS, conv_unit_next<UNIT_MOST_ROWS>}};

// The covered steps, in turn.
struct next_steps {
    const step *middle, *last, *pool, *next;

    next_steps(const network *net, int first)
        : middle(&net->steps[first]), last(middle + 1), pool(middle + 2), next(middle + 3)
    {
    }
};

int covers(const network *net, int first, precision)
{
    const next_steps s(net, first);
    if (first + 4 > net->step_count || !is_3x3(s.middle) || !conv_is_pointwise(s.last)) return 0;
    int outs = s.last->as.conv.out_channels;
    bool is_end = is_outer(outs) && fits(net, s.middle, UNIT_MIDDLE, UNIT_MIDDLE) &&
                  fits(net, s.last, UNIT_MIDDLE, outs) && s.last->inputs[0] == s.middle->output &&
                  (s.last->input_count == 1 || s.last->inputs[1] != s.middle->output);
    return is_end && is_thinning(net, s.pool, s.last->output) && conv_is_pointwise(s.next) &&
                   fits(net, s.next, outs, UNIT_MIDDLE) && s.next->input_count == 1 &&
                   s.next->inputs[0] == s.last->output
               ? 4
               : 0;
}

conv_next_arguments shape_of(const network *net, const next_steps &s)
{
    const tensor *y = &net->tensors[s.last->output];
    conv_next_arguments a = {};
    a.height = y->dims[AXIS_H];
    a.width = y->dims[AXIS_W];
    a.chunks = 1;
    a.outs = y->dims[AXIS_C];
    a.added = s.last->input_count > 1 ? a.outs / UNIT_MIDDLE : 0;
    a.slots = a.chunks + a.added;
    activation_limits(&s.middle->as.conv.act, &a.low[1], &a.high[1]);
    activation_limits(&s.last->as.conv.act, &a.low[2], &a.high[2]);
    activation_limits(&s.next->as.conv.act, &a.next_low, &a.next_high);
    set_thinned(net, s.pool, &a);
    return a;
}

int variants(const prepare_context *context, const network *net, const work *w)
{
    const next_steps s(net, w->first);
    return count_ways(context, shape_of(net, s), pictures_of(net, s.middle), next_kernels);
}

status prepare(const prepare_context *context, const network *net, work *w)
{
    const next_steps s(net, w->first);
    conv_next_arguments a = shape_of(net, s);
    TRY(pack_rows(context, &s.middle->as.conv, &a.filters[1]));
    TRY(pack_turned<false>(context, &s.last->as.conv, &a.filters[2]));
    TRY(pack_turned<true>(context, &s.next->as.conv, &a.next_filter));
    TRY(conv_cuda_pack_bias(context, &s.middle->as.conv, &a.biases[1]));
    TRY(conv_cuda_pack_bias(context, &s.last->as.conv, &a.biases[2]));
    TRY(conv_cuda_pack_bias(context, &s.next->as.conv, &a.next_bias));
    return prepare_unit(context, net, s.middle, a, next_kernels, w);
}

status enqueue(const work *w, const network *net, const run *r)
{
    const next_steps s(net, w->first);
    const plan<conv_next_arguments> *made =
        static_cast<const plan<conv_next_arguments> *>(w->state);
    conv_next_arguments a = made->arguments;
    CUtensorMap h, residual = {};
    TRY(map_tiles(made, net, s.middle->inputs[0], 1, s.middle, r, &h));
    if (a.added) TRY(map_tiles(made, net, s.last->inputs[1], 0, s.last, r, &residual));
    a.thinned = static_cast<__half *>(tensor_at(net, s.pool->output, r));
    a.z = static_cast<__half *>(tensor_at(net, s.next->output, r));
    return launch_unit<conv_next_arguments>(w, net, r, h, residual, a);
}

// As unit_estimate, but y only goes in, as the residual.
double estimate(const network *net, int first, int count)
{
    const double start_us = 5, flops_us = 400e6;
    const next_steps s(net, first);
    double flops = 0, bytes = tensor_bytes(&net->tensors[s.middle->inputs[0]]);
    for (int i = 0; i < count; i++) flops += step_flops(net, s.middle + i);
    const int moved[] = {s.last->output, s.pool->output, s.next->output};
    for (int tensor : moved) bytes += tensor_bytes(&net->tensors[tensor]);
    double compute = flops / flops_us, move = bytes / unit_bytes_us;
    return start_us + (compute > move ? compute : move);
}

} // namespace

extern "C" const row conv_unit_next_cuda = {
    .name = "conv_unit_next_cuda",
    .device = DEVICE_CUDA,
    .least_compute = 90,
    .covers = covers,
    .variants = variants,
    .revision = 1,
    .prepare = prepare,
    .enqueue = enqueue,
    .release = work_release,
    .estimate = estimate,
    .limit = 0,
    .limit_fp16 = 4e-2,
    .limit_because = "conv_unit_cuda's sums",
    .writes = 2,
};
