// What the rows of units share: which steps are a unit, what the kernels are told
// of them, weights, choosing a way and launching it.
#ifndef POSENET_KERNELS_CONV_UNIT_CONV_UNIT_ROW_CUH
#define POSENET_KERNELS_CONV_UNIT_CONV_UNIT_ROW_CUH

#include "kernels/conv/conv.h"
#include "kernels/conv/weights_cuda.h"
#include "kernels/conv_unit/conv_unit_ways.cuh"
#include "kernels/cuda/estimate.h"
#include "kernels/cuda/tensor_map.cuh"
#include "kernels/max_pool/max_pool.h"

namespace
{

// A: as unit_kernel's.
template <typename A> struct plan {
    A arguments; // but for what is in the arena
    const unit_kernel<A> *kernel;
    int blocks, threads, shared_bytes;
    PFN_cuTensorMapEncodeTiled_v12000 encode;
};

// ---- what is covered ----------------------------------------------------------------------------

const int MOST_CHANNELS = UNIT_MOST_CHUNKS * UNIT_MIDDLE;

inline bool fits(const network *net, const step *s, int ins, int outs)
{
    const conv_params *p = &s->as.conv;
    return conv_cuda_covers_plain(net, static_cast<int>(s - net->steps)) &&
           cuda_reads_halves(net, s) && p->groups == 1 && p->in_channels == ins &&
           p->out_channels == outs && p->act.kind != ACTIVATION_SIGMOID;
}

inline bool is_outer(int channels)
{
    return channels % UNIT_MIDDLE == 0 && channels <= MOST_CHANNELS;
}

inline bool is_3x3(const step *s)
{
    const conv_params *p = &s->as.conv;
    for (int i = 0; i < 2; i++)
        if (p->kernel[i] != 3 || p->stride[i] != 1 || p->dilation[i] != 1) return false;
    for (int pad : p->pads)
        if (pad != 1) return false;
    return s->op == OP_CONV && s->input_count == 1;
}

// The three convolutions from s on, the last of which adds this tensor or nothing.
inline bool is_unit(const network *net, const step *s, int shortcut)
{
    const step *middle = s + 1, *last = s + 2;
    if (!conv_is_pointwise(s) || !is_3x3(middle) || !conv_is_pointwise(last)) return false;
    int ins = s->as.conv.in_channels, outs = last->as.conv.out_channels;
    return is_outer(ins) && is_outer(outs) && fits(net, s, ins, UNIT_MIDDLE) &&
           fits(net, middle, UNIT_MIDDLE, UNIT_MIDDLE) && fits(net, last, UNIT_MIDDLE, outs) &&
           s->input_count == 1 && middle->inputs[0] == s->output &&
           last->inputs[0] == middle->output &&
           (last->input_count == 1 || last->inputs[1] == shortcut);
}

// A pooling that keeps the pixels of y that kernels write once more.
inline bool is_thinning(const network *net, const step *s, int y)
{
    const int *every = s->as.pool.stride;
    return max_pool_thins(s, y) && every[0] == UNIT_EVERY && every[1] == UNIT_EVERY &&
           net->tensors[s->output].type == TYPE_FP16;
}

// ---- ways ---------------------------------------------------------------------------------------

// Of the unit from s on.
inline conv_unit_arguments shape_of(const network *net, const step *s, bool projected)
{
    const tensor *y = &net->tensors[s[2].output];
    conv_unit_arguments a = {};
    a.projected = projected;
    a.adds_x = !projected && s[2].input_count > 1;
    a.height = y->dims[AXIS_H];
    a.width = y->dims[AXIS_W];
    a.chunks = s->as.conv.in_channels / UNIT_MIDDLE;
    a.slots = a.chunks + 1;
    a.outs = y->dims[AXIS_C];
    for (int i = 0; i < 3; i++) activation_limits(&s[i].as.conv.act, &a.low[i], &a.high[i]);
    return a;
}

// `pool`: the step that keeps some of y.
inline void set_thinned(const network *net, const step *pool, conv_unit_arguments *a)
{
    const int *dims = net->tensors[pool->output].dims;
    a->thin_height = dims[AXIS_H];
    a->thin_width = dims[AXIS_W];
}

inline int pictures_of(const network *net, const step *s)
{
    return net->tensors[s->output].dims[AXIS_N];
}

// None where this build has the kernels empty.
template <typename A>
status find_ways(const prepare_context *context, const A &a, int pictures, unit_kernels<A> &of_kind,
                 unit_way<A> (&ways)[MOST_WAYS], int *count)
{
    int built;
    TRY(cuda_kernel_is_built(reinterpret_cast<const void *>(of_kind[0].kernel), &built));
    *count = 0;
    if (!built) return STATUS_OK;
    for (const unit_kernel<A> &k : of_kind)
        add_ways(a, pictures, k, *static_cast<const cuda_device *>(context->device), ways, count);
    return STATUS_OK;
}

template <typename A>
int count_ways(const prepare_context *context, const A &a, int pictures, unit_kernels<A> &of_kind)
{
    unit_way<A> ways[MOST_WAYS];
    int count;
    status found = find_ways(context, a, pictures, of_kind, ways, &count);
    return found == STATUS_OK && count > 0 ? count : 1;
}

// ---- weights ------------------------------------------------------------------------------------

// [k / 64][channel][64] halves, rows permuted (kernels/cuda/wgmma.cuh), of every 64 channels each
// where its column of the products is; BOTH: k, too.
template <bool BOTH> void write_turned(const void *user, void *host, size_t)
{
    const conv_params *p = static_cast<const conv_params *>(user);
    __half *to = static_cast<__half *>(host);
    auto turned = [](int channel) {
        return channel / UNIT_MIDDLE * UNIT_MIDDLE + unit_column(channel % UNIT_MIDDLE);
    };
    for (int channel = 0; channel < p->out_channels; channel++)
        for (int in = 0; in < p->in_channels; in++) {
            int row = turned(channel), k = BOTH ? turned(in) : in, step = k / UNIT_MIDDLE;
            to[(step * p->out_channels + row) * UNIT_MIDDLE + (k % UNIT_MIDDLE / 8 ^ row % 8) * 8 +
               k % 8] = __float2half_rn(p->filter[channel * p->in_channels + in]);
        }
}

template <bool BOTH>
status pack_turned(const prepare_context *context, const conv_params *p,
                   const unsigned char **filter)
{
    const char *name = BOTH ? "conv_unit_cuda turned twice" : "conv_unit_cuda turned";
    const pack_key key = {name, p->filter, nullptr, 0};
    void *memory;
    TRY(cuda_pack(context, &key,
                  static_cast<size_t>(p->out_channels) * p->in_channels * sizeof(__half),
                  write_turned<BOTH>, p, &memory));
    *filter = static_cast<const unsigned char *>(memory);
    return STATUS_OK;
}

inline status pack_rows(const prepare_context *context, const conv_params *p,
                        const unsigned char **filter)
{
    void *memory;
    TRY(conv_cuda_pack_rows(context, p, &memory));
    *filter = static_cast<const unsigned char *>(memory);
    return STATUS_OK;
}

// Of the unit from s on; of the projection before it.
inline status pack_weights(const prepare_context *context, const step *s, conv_unit_arguments *a)
{
    for (int i = 0; i < 3; i++) TRY(conv_cuda_pack_bias(context, &s[i].as.conv, &a->biases[i]));
    for (int i = 0; i < 2; i++) TRY(pack_rows(context, &s[i].as.conv, &a->filters[i]));
    TRY(pack_turned<false>(context, &s[2].as.conv, &a->filters[2]));
    if (!a->projected) return STATUS_OK;
    TRY(conv_cuda_pack_bias(context, &s[-1].as.conv, &a->biases[3]));
    return pack_turned<false>(context, &s[-1].as.conv, &a->projection);
}

// ---- prepare and run ----------------------------------------------------------------------------

// `s`: the unit's first step that is covered; `shape`: what the kernels are told of it, weights
// among that.
template <typename A>
status prepare_unit(const prepare_context *context, const network *net, const step *s,
                    const A &shape, unit_kernels<A> &of_kind, work *w)
{
    unit_way<A> ways[MOST_WAYS];
    int count, pictures = pictures_of(net, s);
    TRY(find_ways(context, shape, pictures, of_kind, ways, &count));
    if (w->variant >= count)
        return fail(STATUS_UNSUPPORTED, "%s has no way %d here", w->row->name, w->variant);
    const unit_way<A> &way = ways[w->variant];
    const cuda_device *device = static_cast<const cuda_device *>(context->device);
    plan<A> made = {shape, way.kernel, 0, way.groups * 128, way.shared_bytes, nullptr};
    A &a = made.arguments;
    a.stages = way.stages;
    set_tile(&a, pictures, way.tile_height, way.tile_width);
    made.blocks = a.tiles < device->multiprocessors ? a.tiles : device->multiprocessors;
    const void *kernel = reinterpret_cast<const void *>(way.kernel->kernel);
    TRY(find_map_encoder(&made.encode));
    TRY(cuda_allow_shared_memory(device, kernel));
    TRY(cuda_prefer_shared_memory(kernel));
    return work_keep(w, &made, sizeof made);
}

// A map of a tensor that a step reads: boxes of 64 channels of a tile and of `around` pixels on all
// its sides.
template <typename A>
status map_tiles(const plan<A> *made, const network *net, int tensor, int around, const step *s,
                 const run *r, CUtensorMap *map)
{
    const A &a = made->arguments;
    return map_pixels(made->encode, tensor_at(net, tensor, r), net->tensors[tensor].dims,
                      UNIT_MIDDLE, a.tile_width + 2 * around, a.tile_height + 2 * around,
                      map_permuted(UNIT_ROW), s, map);
}

// The kernel's operands: maps, then the plan's arguments with what is in the arena.
template <typename A, typename... OPERANDS>
status launch_unit(const work *w, const network *net, const run *r, const OPERANDS &...operands)
{
    const plan<A> *made = static_cast<const plan<A> *>(w->state);
    return cuda_launch_check(launch_kernel(r, made->kernel->kernel, dim3(made->blocks),
                                           dim3(made->threads), made->shared_bytes, operands...),
                             w, net);
}

// Of the unit from s on; `thinned`: NULL, or where its thinned results go.
inline status enqueue_unit(const work *w, const network *net, const step *s, const run *r,
                           void *thinned)
{
    const plan<conv_unit_arguments> *made =
        static_cast<const plan<conv_unit_arguments> *>(w->state);
    const step *last = s + 2;
    conv_unit_arguments a = made->arguments;
    CUtensorMap x;
    TRY(map_tiles(made, net, s->inputs[0], 1, s, r, &x));
    a.y = static_cast<__half *>(tensor_at(net, last->output, r));
    a.thinned = static_cast<__half *>(thinned);
    return launch_unit<conv_unit_arguments>(w, net, r, x, a);
}

const double unit_bytes_us = 3e6;

// What goes in and out once, and the products, which wait longest for x where it has many channels:
// of `count` steps, the last of which writes y.
inline double unit_estimate(const network *net, int first, int count)
{
    const double start_us = 5, flops_us = count == 4 ? 400e6 : 270e6;
    const step *s = &net->steps[first], *last = s + count - 1;
    double flops = 0, bytes = tensor_bytes(&net->tensors[s->inputs[0]]);
    for (int i = 0; i < count; i++) flops += step_flops(net, s + i);
    bytes += tensor_bytes(&net->tensors[last->output]);
    double compute = flops / flops_us, move = bytes / unit_bytes_us;
    return start_us + (compute > move ? compute : move);
}

} // namespace

#endif
