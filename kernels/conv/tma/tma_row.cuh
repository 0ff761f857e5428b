// What the rows of conv_tma.cuh's kernels share: what those are told of a step, weights, choosing a
// way, maps and launches.
#ifndef POSENET_KERNELS_CONV_TMA_TMA_ROW_CUH
#define POSENET_KERNELS_CONV_TMA_TMA_ROW_CUH

#include "kernels/conv/conv.h"
#include "kernels/conv/tma/tma_maps.cuh"
#include "kernels/conv/tma/tma_ways.cuh"
#include "kernels/conv/weights_cuda.h"
#include "kernels/cuda/estimate.h"

namespace
{

template <typename A> struct tma_plan {
    A arguments; // but for what is in the arena
    tma_way way;
    tma_encoders encode;
};

// conv_mma_cuda's start, but cuDNN's pace.
const cuda_rates tma_rates = {3, 0, 400e6, 400e6, 3e6};

// ---- of a step ----------------------------------------------------------------------------------

inline bool tma_covers(const network *net, int first)
{
    if (!conv_cuda_covers(net, first)) return false;
    const step *s = &net->steps[first];
    const conv_params *p = &s->as.conv;
    const tensor *x = &net->tensors[s->inputs[0]], *y = &net->tensors[s->output];
    if (!cuda_reads_halves(net, s)) return false;
    if (p->groups != 1 || p->in_channels % 8 != 0) return false;
    if (p->act.kind == ACTIVATION_SIGMOID) return false;
    return conv_is_pointwise(s) || fits_windows(p, x, y);
}

// Results go by the copy engine.
inline bool is_mapped(const tensor *y)
{
    return y->type == TYPE_FP16 && y->dims[AXIS_C] % 8 == 0;
}

// What the kernels need to know of a step, without its way. Of operands only whether there is a
// residual.
inline conv_tma_arguments shape_of(const network *net, const step *s)
{
    static const __half any = {};
    const conv_params *p = &s->as.conv;
    const tensor *y = &net->tensors[s->output];
    conv_tma_arguments a = {};
    a.y_fp32 = y->type == TYPE_FP32;
    a.out_height = y->dims[AXIS_H];
    a.out_width = y->dims[AXIS_W];
    a.channels = y->dims[AXIS_C];
    a.pixels = y->dims[AXIS_N] * a.out_height * a.out_width;
    a.filter_channels = divided(a.channels, CONV_CUDA_ROWS) * CONV_CUDA_ROWS;
    for (int i = 0; i < 2; i++) {
        a.kernel[i] = p->kernel[i];
        a.stride[i] = p->stride[i];
        a.dilation[i] = p->dilation[i];
        a.pads[i] = p->pads[i];
    }
    a.chunks = divided(p->in_channels, MMA_STEP);
    a.steps = p->kernel[0] * p->kernel[1] * a.chunks;
    a.windows = !conv_is_pointwise(s);
    a.mapped = is_mapped(y);
    if (s->input_count > 1) a.residual = &any;
    a.act = p->act;
    activation_limits(&p->act, &a.low, &a.high);
    return a;
}

// ---- weights ------------------------------------------------------------------------------------

inline size_t filter_bytes(const conv_params *p)
{
    size_t steps =
        static_cast<size_t>(p->kernel[0]) * p->kernel[1] * divided(p->in_channels, MMA_STEP);
    return steps * (divided(p->out_channels, CONV_CUDA_ROWS) * CONV_CUDA_ROWS) * TMA_ROW;
}

// As conv_cuda_pack_rows, but every tap begins with a step of its own.
inline void write_taps(const void *user, void *host, size_t)
{
    const conv_params *p = static_cast<const conv_params *>(user);
    __half *to = static_cast<__half *>(host);
    const float *from = p->filter;
    int taps = p->kernel[0] * p->kernel[1], chunks = divided(p->in_channels, MMA_STEP);
    size_t rows = static_cast<size_t>(divided(p->out_channels, CONV_CUDA_ROWS)) * CONV_CUDA_ROWS;
    for (int channel = 0; channel < p->out_channels; channel++)
        for (int in = 0; in < p->in_channels; in++)
            for (int tap = 0; tap < taps; tap++) {
                size_t step = static_cast<size_t>(tap) * chunks + in / MMA_STEP;
                int piece = in % MMA_STEP / 8 ^ channel % 8;
                to[(step * rows + channel) * MMA_STEP + piece * 8 + in % 8] =
                    __float2half_rn(*from++);
            }
}

struct tma_bias {
    const float *values; // or NULL
    int count;
};

inline void write_bias(const void *user, void *host, size_t)
{
    const tma_bias *b = static_cast<const tma_bias *>(user);
    for (int i = 0; b->values && i < b->count; i++) static_cast<float *>(host)[i] = b->values[i];
}

// Zeros follow, as many as a last tile may have too many channels.
inline status pack_bias(const prepare_context *context, const conv_params *p, const void **out)
{
    const tma_bias b = {p->bias, p->out_channels};
    size_t bytes = (static_cast<size_t>(divided(b.count, 256)) + 1) * 256 * sizeof(float);
    const pack_key with = {"conv_tma bias", p->filter, b.values, b.count * sizeof(float)};
    const pack_key without = {"conv_tma no bias", p->filter, nullptr, 0};
    void *memory;
    TRY(cuda_pack(context, b.values ? &with : &without, bytes, write_bias, &b, &memory));
    *out = memory;
    return STATUS_OK;
}

inline status pack_weights(const prepare_context *context, const conv_params *p,
                           conv_tma_arguments *a)
{
    const pack_key key = {"conv_tma taps", p->filter, nullptr, 0};
    void *filter;
    const void *bias;
    if (p->in_channels % MMA_STEP == 0)
        TRY(conv_cuda_pack_rows(context, p, &filter)); // the same
    else
        TRY(cuda_pack(context, &key, filter_bytes(p), write_taps, p, &filter));
    TRY(pack_bias(context, p, &bias));
    a->filter = static_cast<const uint4 *>(filter);
    a->bias = static_cast<const float *>(bias);
    return STATUS_OK;
}

// ---- ways ---------------------------------------------------------------------------------------

// None where this build has the kernels empty.
template <typename A>
status find_ways(const prepare_context *context, const A &shape, tma_way *ways, int *count)
{
    int built;
    *count = 0;
    TRY(cuda_kernel_is_built(reinterpret_cast<const void *>(kernels<A>[0].kernel), &built));
    if (built) *count = list_ways(*static_cast<const cuda_device *>(context->device), shape, ways);
    return STATUS_OK;
}

template <typename A> int count_ways(const prepare_context *context, const A &shape)
{
    tma_way ways[MOST_WAYS];
    int count;
    return find_ways(context, shape, ways, &count) == STATUS_OK && count > 0 ? count : 1;
}

template <typename A> const tma_kernel<A> &kernel_of_way(const tma_way &w)
{
    return *static_cast<const tma_kernel<A> *>(w.shape);
}

// Blocks stay for all of their tiles, so no more than run at once.
inline status fit_blocks(const cuda_device *device, const void *kernel, tma_way *w)
{
    const int cluster = cluster_of(*w);
    int clusters;
    cudaLaunchAttribute attribute;
    attribute.id = cudaLaunchAttributeClusterDimension;
    attribute.val.clusterDim.x = cluster;
    attribute.val.clusterDim.y = attribute.val.clusterDim.z = 1;
    cudaLaunchConfig_t config = {};
    config.gridDim = dim3(w->blocks);
    config.blockDim = dim3(w->shape->threads);
    config.dynamicSmemBytes = w->shared_bytes;
    config.attrs = &attribute;
    config.numAttrs = 1;
    if (cluster > 1) {
        TRY(cuda_check(cudaOccupancyMaxActiveClusters(&clusters, kernel, &config),
                       "asking how many clusters fit"));
    } else {
        TRY(cuda_check(cudaOccupancyMaxActiveBlocksPerMultiprocessor(
                           &clusters, kernel, w->shape->threads, w->shared_bytes),
                       "asking how many blocks fit"));
        clusters *= device->multiprocessors;
    }
    if (clusters < 1) return fail(STATUS_UNSUPPORTED, "no cluster of %d blocks fits", cluster);
    if (!w->shape->split && w->blocks > clusters * cluster) w->blocks = clusters * cluster;
    return STATUS_OK;
}

// The plan of way w->variant, but for its weights.
template <typename A>
status plan_way(const prepare_context *context, const work *w, const A &shape, tma_plan<A> *out)
{
    tma_way ways[MOST_WAYS];
    int count;
    TRY(find_ways(context, shape, ways, &count));
    if (w->variant >= count)
        return fail(STATUS_UNSUPPORTED, "%s has no way %d here", w->row->name, w->variant);
    *out = {shape, ways[w->variant], {}};
    set_way(&out->arguments, out->way);
    TRY(find_encoders(&out->encode));
    const tma_kernel<A> &k = kernel_of_way<A>(out->way);
    const void *kernel = k.split ? reinterpret_cast<const void *>(k.split_kernel)
                                 : reinterpret_cast<const void *>(k.kernel);
    const cuda_device *device = static_cast<const cuda_device *>(context->device);
    TRY(cuda_allow_shared_memory(device, kernel));
    TRY(cuda_prefer_shared_memory(kernel));
    return fit_blocks(device, kernel, &out->way);
}

// ---- run ----------------------------------------------------------------------------------------

template <typename A>
status map_x(const tma_plan<A> &made, const network *net, const step *s, const run *r,
             CUtensorMap *map)
{
    const tensor *x = &net->tensors[s->inputs[0]];
    void *at = tensor_at(net, s->inputs[0], r);
    const int pixels = made.way.shape->pixels / made.way.slices; // of a copy
    if (made.arguments.windows) return map_windows(made.encode, net, s, at, pixels, map);
    return map_rows(made.encode, s, at, x->dims[AXIS_C], made.arguments.pixels, MMA_STEP, pixels,
                    map);
}

// A tensor as panels leave for it or come from it.
template <typename A>
status map_panels(const tma_plan<A> &made, const network *net, const step *s, int number,
                  const run *r, CUtensorMap *map)
{
    return map_rows(made.encode, s, tensor_at(net, number, r), net->tensors[number].dims[AXIS_C],
                    made.arguments.pixels, made.way.shape->panel, 16, map);
}

// The maps of x, y and the residual of one step, the latter two where the kernel reads them, and
// their places.
template <typename A>
status map_step(const tma_plan<A> &made, const network *net, const step *s, const run *r,
                conv_tma_arguments *a, CUtensorMap (&maps)[3])
{
    a->y = tensor_at(net, s->output, r);
    if (s->input_count > 1) a->residual = static_cast<__half *>(tensor_at(net, s->inputs[1], r));
    TRY(map_x(made, net, s, r, &maps[0]));
    if (!a->mapped || made.way.shape->split) return STATUS_OK;
    TRY(map_panels(made, net, s, s->output, r, &maps[1]));
    maps[2] = maps[1];
    return s->input_count > 1 ? map_panels(made, net, s, s->inputs[1], r, &maps[2]) : STATUS_OK;
}

// `a`: the plan's arguments with what is in the arena; `maps`: x's, y's and the other, of which a
// split kernel reads the first.
template <typename A>
status launch_way(const work *w, const network *net, const run *r, const tma_way &way, const A &a,
                  const CUtensorMap (&maps)[3])
{
    const tma_kernel<A> &k = kernel_of_way<A>(way);
    dim3 cluster(cluster_of(way)), blocks(way.blocks), threads(k.threads);
    if (k.split)
        return cuda_launch_check(launch_clusters(r, k.split_kernel, cluster, blocks, threads,
                                                 way.shared_bytes, maps[0], a),
                                 w, net);
    return cuda_launch_check(launch_clusters(r, k.kernel, cluster, blocks, threads,
                                             way.shared_bytes, maps[0], maps[1], maps[2], a),
                             w, net);
}

} // namespace

#endif
