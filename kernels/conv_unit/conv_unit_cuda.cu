// A bottleneck unit of ResNet's first block as one launch (conv_unit.cuh): 64 channels inside, up
// to 256 outside. There the separate convolutions are bound by what they move, and most of that is
// what they hand to one another.

#include "kernels/conv/conv.h"
#include "kernels/conv/weights_cuda.h"
#include "kernels/conv_unit/conv_unit_ways.cuh"
#include "kernels/cuda/estimate.h"
#include "kernels/cuda/tensor_map.cuh"
#include "kernels/rows.h"

namespace
{

struct plan {
    conv_unit_arguments arguments; // but for what is in the arena
    const unit_kernel *kernel;
    int blocks, threads, shared_bytes;
    PFN_cuTensorMapEncodeTiled_v12000 encode;
};

// ---- what is covered ----------------------------------------------------------------------------

const int MOST_CHANNELS = UNIT_MOST_CHUNKS * UNIT_MIDDLE;

bool fits(const network *net, const step *s, int ins, int outs)
{
    const conv_params *p = &s->as.conv;
    return conv_cuda_covers_plain(net, static_cast<int>(s - net->steps)) &&
           cuda_reads_halves(net, s) && p->groups == 1 && p->in_channels == ins &&
           p->out_channels == outs && p->act.kind != ACTIVATION_SIGMOID;
}

bool is_outer(int channels)
{
    return channels % UNIT_MIDDLE == 0 && channels <= MOST_CHANNELS;
}

bool is_3x3(const step *s)
{
    const conv_params *p = &s->as.conv;
    for (int i = 0; i < 2; i++)
        if (p->kernel[i] != 3 || p->stride[i] != 1 || p->dilation[i] != 1) return false;
    for (int pad : p->pads)
        if (pad != 1) return false;
    return s->op == OP_CONV && s->input_count == 1;
}

// The three convolutions from s on, whatever the last one adds.
bool is_unit(const network *net, const step *s)
{
    const step *middle = s + 1, *last = s + 2;
    if (!conv_is_pointwise(s) || !is_3x3(middle) || !conv_is_pointwise(last)) return false;
    int ins = s->as.conv.in_channels, outs = last->as.conv.out_channels;
    return is_outer(ins) && is_outer(outs) && fits(net, s, ins, UNIT_MIDDLE) &&
           fits(net, middle, UNIT_MIDDLE, UNIT_MIDDLE) && fits(net, last, UNIT_MIDDLE, outs) &&
           s->input_count == 1 && middle->inputs[0] == s->output &&
           last->inputs[0] == middle->output &&
           (last->input_count == 1 ||
            (last->inputs[1] != s->output && last->inputs[1] != middle->output));
}

// A shortcut for the unit after it.
bool is_projection(const network *net, const step *s)
{
    const step *first = s + 1, *last = s + 3;
    return conv_is_pointwise(s) && s->input_count == 1 && s->inputs[0] == first->inputs[0] &&
           fits(net, s, UNIT_MIDDLE, last->as.conv.out_channels) &&
           s->as.conv.act.kind == ACTIVATION_NONE && last->input_count == 2 &&
           last->inputs[1] == s->output;
}

int covers(const network *net, int first, precision)
{
    const step *s = &net->steps[first];
    int left = net->step_count - first;
    if (left >= 4 && is_unit(net, s + 1) && is_projection(net, s)) return 4;
    return left >= 3 && is_unit(net, s) ? 3 : 0;
}

// ---- ways ---------------------------------------------------------------------------------------

conv_unit_arguments shape_of(const network *net, const work *w)
{
    const step *last = &net->steps[w->first + w->count - 1], *s = last - 2;
    const tensor *y = &net->tensors[last->output];
    conv_unit_arguments a = {};
    a.projected = w->count == 4;
    a.height = y->dims[AXIS_H];
    a.width = y->dims[AXIS_W];
    a.chunks = s->as.conv.in_channels / UNIT_MIDDLE;
    a.outs = y->dims[AXIS_C];
    for (int i = 0; i < 3; i++) activation_limits(&s[i].as.conv.act, &a.low[i], &a.high[i]);
    return a;
}

int pictures_of(const network *net, const work *w)
{
    return net->tensors[net->steps[w->first].output].dims[AXIS_N];
}

// None where this build has the kernels empty.
status find_ways(const prepare_context *context, const network *net, const work *w,
                 unit_way (&ways)[MOST_WAYS], int *count)
{
    int built;
    TRY(cuda_kernel_is_built(reinterpret_cast<const void *>(kernels[0].kernel), &built));
    *count = 0;
    if (!built) return STATUS_OK;
    conv_unit_arguments a = shape_of(net, w);
    for (const unit_kernel &k : kernels)
        if (k.projected == a.projected)
            add_ways(a, pictures_of(net, w), k, *static_cast<const cuda_device *>(context->device),
                     ways, count);
    return STATUS_OK;
}

int variants(const prepare_context *context, const network *net, const work *w)
{
    unit_way ways[MOST_WAYS];
    int count;
    return find_ways(context, net, w, ways, &count) == STATUS_OK && count > 0 ? count : 1;
}

// ---- weights ------------------------------------------------------------------------------------

// [channel][64] halves, rows permuted (kernels/cuda/wgmma.cuh), of every 64 channels each where
// its column of the products is.
void write_turned(const void *user, void *host, size_t)
{
    const conv_params *p = static_cast<const conv_params *>(user);
    __half *to = static_cast<__half *>(host);
    for (int channel = 0; channel < p->out_channels; channel++) {
        int column = unit_column(channel % UNIT_MIDDLE);
        int row = channel / UNIT_MIDDLE * UNIT_MIDDLE + column;
        for (int in = 0; in < UNIT_MIDDLE; in++)
            to[row * UNIT_MIDDLE + (in / 8 ^ row % 8) * 8 + in % 8] =
                __float2half_rn(p->filter[channel * UNIT_MIDDLE + in]);
    }
}

status pack_turned(const prepare_context *context, const conv_params *p,
                   const unsigned char **filter)
{
    const pack_key key = {"conv_unit_cuda turned", p->filter, nullptr, 0};
    void *memory;
    TRY(cuda_pack(context, &key, static_cast<size_t>(p->out_channels) * UNIT_ROW, write_turned, p,
                  &memory));
    *filter = static_cast<const unsigned char *>(memory);
    return STATUS_OK;
}

status pack_rows(const prepare_context *context, const conv_params *p, const unsigned char **filter)
{
    void *memory;
    TRY(conv_cuda_pack_rows(context, p, &memory));
    *filter = static_cast<const unsigned char *>(memory);
    return STATUS_OK;
}

status pack_weights(const prepare_context *context, const network *net, const work *w,
                    conv_unit_arguments *a)
{
    const step *s = &net->steps[w->first + w->count - 3];
    for (int i = 0; i < 3; i++) TRY(conv_cuda_pack_bias(context, &s[i].as.conv, &a->biases[i]));
    for (int i = 0; i < 2; i++) TRY(pack_rows(context, &s[i].as.conv, &a->filters[i]));
    TRY(pack_turned(context, &s[2].as.conv, &a->filters[2]));
    if (!a->projected) return STATUS_OK;
    TRY(conv_cuda_pack_bias(context, &s[-1].as.conv, &a->biases[3]));
    return pack_turned(context, &s[-1].as.conv, &a->projection);
}

// ---- prepare and run ----------------------------------------------------------------------------

status prepare(const prepare_context *context, const network *net, work *w)
{
    unit_way ways[MOST_WAYS];
    int count;
    TRY(find_ways(context, net, w, ways, &count));
    if (w->variant >= count)
        return fail(STATUS_UNSUPPORTED, "conv_unit_cuda has no way %d here", w->variant);
    const unit_way &way = ways[w->variant];
    const cuda_device *device = static_cast<const cuda_device *>(context->device);
    plan made = {shape_of(net, w), way.kernel, 0, way.groups * 128, way.shared_bytes, nullptr};
    conv_unit_arguments &a = made.arguments;
    a.stages = way.stages;
    set_tile(&a, pictures_of(net, w), way.tile_height, way.tile_width);
    made.blocks = a.tiles < device->multiprocessors ? a.tiles : device->multiprocessors;
    const void *kernel = reinterpret_cast<const void *>(way.kernel->kernel);
    TRY(find_map_encoder(&made.encode));
    TRY(cuda_allow_shared_memory(device, kernel));
    TRY(cuda_prefer_shared_memory(kernel));
    TRY(pack_weights(context, net, w, &a));
    return work_keep(w, &made, sizeof made);
}

status enqueue(const work *w, const network *net, const run *r)
{
    const step *s = &net->steps[w->first], *last = s + w->count - 1;
    const plan *made = static_cast<const plan *>(w->state);
    conv_unit_arguments a = made->arguments;
    CUtensorMap x; // boxes of 64 channels of a tile and the pixels around it
    TRY(map_pixels(made->encode, tensor_at(net, s->inputs[0], r), net->tensors[s->inputs[0]].dims,
                   UNIT_MIDDLE, a.tile_width + 2, a.tile_height + 2, map_permuted(UNIT_ROW), s,
                   &x));
    if (!a.projected && last->input_count > 1)
        a.residual = static_cast<const __half *>(tensor_at(net, last->inputs[1], r));
    a.y = static_cast<__half *>(tensor_at(net, last->output, r));
    return cuda_launch_check(launch_kernel(r, made->kernel->kernel, dim3(made->blocks),
                                           dim3(made->threads), made->shared_bytes, x, a),
                             w, net);
}

// What goes in and out once, and the products, which wait longest for x where it has many channels.
double estimate(const network *net, int first, int count)
{
    const double start_us = 5, flops_us = count == 4 ? 400e6 : 270e6, bytes_us = 3e6;
    const step *s = &net->steps[first], *last = s + count - 1;
    double flops = 0, bytes = tensor_bytes(&net->tensors[s->inputs[0]]);
    for (int i = 0; i < count; i++) flops += step_flops(net, s + i);
    bytes += tensor_bytes(&net->tensors[last->output]);
    double compute = flops / flops_us, move = bytes / bytes_us;
    return start_us + (compute > move ? compute : move);
}

} // namespace

extern "C" const row conv_unit_cuda = {
    .name = "conv_unit_cuda",
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
    .limit_because =
        "fp16 operands of 10 bits, the results inside among them, whose fp32 sums cancel: as "
        "conv_pair_cuda",
};
