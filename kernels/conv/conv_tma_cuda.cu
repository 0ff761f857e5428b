// fp16 convolution on Hopper, fed by its copy engine (tma/conv_tma.cuh): any window that an im2col
// map expresses, input channels in multiples of 8, bias, residual and clamp inside. Made for large
// layers, where products set the pace, and as quick as the libraries' on small ones.

#include "kernels/conv/conv.h"
#include "kernels/conv/tma/tma_maps.cuh"
#include "kernels/conv/tma/tma_ways.cuh"
#include "kernels/conv/weights_cuda.h"
#include "kernels/cuda/estimate.h"
#include "kernels/rows.h"

namespace
{

struct plan {
    conv_tma_arguments arguments; // but for what is in the arena
    tma_way way;
    tma_encoders encode;
};

// ---- what is covered, and its ways --------------------------------------------------------------

int covers(const network *net, int first, precision)
{
    if (!conv_cuda_covers(net, first)) return 0;
    const step *s = &net->steps[first];
    const conv_params *p = &s->as.conv;
    const tensor *x = &net->tensors[s->inputs[0]], *y = &net->tensors[s->output];
    if (!cuda_reads_halves(net, s)) return 0;
    if (p->groups != 1 || p->in_channels % 8 != 0) return 0;
    if (p->act.kind == ACTIVATION_SIGMOID) return 0;
    return conv_is_pointwise(s) || fits_windows(p, x, y);
}

// What the kernels need to know of a step, without its operands and its way.
conv_tma_arguments shape_of(const network *net, const step *s)
{
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
    a.mapped = !a.y_fp32 && a.channels % 8 == 0;
    a.act = p->act;
    activation_limits(&p->act, &a.low, &a.high);
    return a;
}

// None where this build has the kernels empty.
status find_ways(const prepare_context *context, const network *net, const step *s, tma_way *ways,
                 int *count)
{
    int built;
    *count = 0;
    TRY(cuda_kernel_is_built(reinterpret_cast<const void *>(kernels[0].kernel), &built));
    if (!built) return STATUS_OK;
    conv_tma_arguments a = shape_of(net, s);
    static const __half any = {};
    if (s->input_count > 1) a.residual = &any;
    *count = list_ways(*static_cast<const cuda_device *>(context->device), a, ways);
    return STATUS_OK;
}

int variants(const prepare_context *context, const network *net, const work *w)
{
    tma_way ways[MOST_WAYS];
    int count;
    return find_ways(context, net, &net->steps[w->first], ways, &count) == STATUS_OK && count > 0
               ? count
               : 1;
}

// ---- weights ------------------------------------------------------------------------------------

size_t filter_bytes(const conv_params *p)
{
    size_t steps =
        static_cast<size_t>(p->kernel[0]) * p->kernel[1] * divided(p->in_channels, MMA_STEP);
    return steps * (divided(p->out_channels, CONV_CUDA_ROWS) * CONV_CUDA_ROWS) * TMA_ROW;
}

// As conv_cuda_pack_rows, but every tap begins with a step of its own.
void write_taps(const void *user, void *host, size_t)
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

struct bias {
    const float *values; // or NULL
    int count;
};

void write_bias(const void *user, void *host, size_t)
{
    const bias *b = static_cast<const bias *>(user);
    for (int i = 0; b->values && i < b->count; i++) static_cast<float *>(host)[i] = b->values[i];
}

// Zeros follow, as many as a last tile may have too many channels.
status pack_bias(const prepare_context *context, const conv_params *p, const void **out)
{
    const bias b = {p->bias, p->out_channels};
    size_t bytes = (static_cast<size_t>(divided(b.count, 256)) + 1) * 256 * sizeof(float);
    const pack_key with = {"conv_tma_cuda bias", p->filter, b.values, b.count * sizeof(float)};
    const pack_key without = {"conv_tma_cuda no bias", p->filter, nullptr, 0};
    void *memory;
    TRY(cuda_pack(context, b.values ? &with : &without, bytes, write_bias, &b, &memory));
    *out = memory;
    return STATUS_OK;
}

status pack_weights(const prepare_context *context, const conv_params *p, conv_tma_arguments *a)
{
    const pack_key key = {"conv_tma_cuda taps", p->filter, nullptr, 0};
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

// ---- prepare and run ----------------------------------------------------------------------------

// Blocks stay for all of their tiles, so no more than run at once.
status fit_blocks(const cuda_device *device, const void *kernel, tma_way *w)
{
    const int cluster = w->split * w->together;
    int clusters;
    cudaLaunchAttribute attribute;
    attribute.id = cudaLaunchAttributeClusterDimension;
    attribute.val.clusterDim.x = cluster;
    attribute.val.clusterDim.y = attribute.val.clusterDim.z = 1;
    cudaLaunchConfig_t config = {};
    config.gridDim = dim3(w->blocks);
    config.blockDim = dim3(w->kernel->threads);
    config.dynamicSmemBytes = w->shared_bytes;
    config.attrs = &attribute;
    config.numAttrs = 1;
    if (cluster > 1) {
        TRY(cuda_check(cudaOccupancyMaxActiveClusters(&clusters, kernel, &config),
                       "asking how many clusters fit"));
    } else {
        TRY(cuda_check(cudaOccupancyMaxActiveBlocksPerMultiprocessor(
                           &clusters, kernel, w->kernel->threads, w->shared_bytes),
                       "asking how many blocks fit"));
        clusters *= device->multiprocessors;
    }
    if (clusters < 1)
        return fail(STATUS_UNSUPPORTED, "conv_tma_cuda: no cluster of %d blocks fits", cluster);
    if (!w->kernel->split && w->blocks > clusters * cluster) w->blocks = clusters * cluster;
    return STATUS_OK;
}

status prepare(const prepare_context *context, const network *net, work *w)
{
    const step *s = &net->steps[w->first];
    tma_way ways[MOST_WAYS];
    int count;
    TRY(find_ways(context, net, s, ways, &count));
    if (w->variant >= count)
        return fail(STATUS_UNSUPPORTED, "conv_tma_cuda has no way %d here", w->variant);
    plan made = {shape_of(net, s), ways[w->variant], {}};
    const tma_kernel &k = *made.way.kernel;
    set_way(&made.arguments, made.way);
    TRY(find_encoders(&made.encode));
    const void *kernel = k.split ? reinterpret_cast<const void *>(k.split)
                                 : reinterpret_cast<const void *>(k.kernel);
    const cuda_device *device = static_cast<const cuda_device *>(context->device);
    TRY(cuda_allow_shared_memory(device, kernel));
    TRY(cuda_prefer_shared_memory(kernel));
    TRY(fit_blocks(device, kernel, &made.way));
    TRY(pack_weights(context, &s->as.conv, &made.arguments));
    return work_keep(w, &made, sizeof made);
}

status map_x(const plan &made, const network *net, const step *s, const run *r, CUtensorMap *map)
{
    const tensor *x = &net->tensors[s->inputs[0]];
    void *at = tensor_at(net, s->inputs[0], r);
    if (made.arguments.windows)
        return map_windows(made.encode, net, s, at, made.way.kernel->pixels, map);
    return map_rows(made.encode, s, at, x->dims[AXIS_C], made.arguments.pixels, MMA_STEP,
                    made.way.kernel->pixels, map);
}

status enqueue(const work *w, const network *net, const run *r)
{
    const plan *made = static_cast<const plan *>(w->state);
    const step *s = &net->steps[w->first];
    const tma_kernel &k = *made->way.kernel;
    conv_tma_arguments a = made->arguments;
    void *residual = s->input_count > 1 ? tensor_at(net, s->inputs[1], r) : nullptr;
    a.residual = static_cast<const __half *>(residual);
    a.y = tensor_at(net, s->output, r);
    dim3 cluster(a.split * a.together), blocks(made->way.blocks);
    CUtensorMap x_map, y_map = {}, residual_map = {};
    TRY(map_x(*made, net, s, r, &x_map));
    if (k.split)
        return cuda_launch_check(launch_clusters(r, k.split, cluster, blocks, dim3(k.threads),
                                                 made->way.shared_bytes, x_map, a),
                                 w, net);
    if (a.mapped) {
        TRY(map_rows(made->encode, s, a.y, a.channels, a.pixels, k.panel, 16, &y_map));
        residual_map = y_map;
        if (residual)
            TRY(map_rows(made->encode, s, residual, a.channels, a.pixels, k.panel, 16,
                         &residual_map));
    }
    return cuda_launch_check(launch_clusters(r, k.kernel, cluster, blocks, dim3(k.threads),
                                             made->way.shared_bytes, x_map, y_map, residual_map, a),
                             w, net);
}

// conv_mma_cuda's start, but cuDNN's pace.
double estimate(const network *net, int first, int)
{
    static const cuda_rates rates = {3, 0, 400e6, 400e6, 3e6};
    return cuda_estimate(net, &net->steps[first], &rates);
}

} // namespace

extern "C" const row conv_tma_cuda = {
    .name = "conv_tma_cuda",
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
    .limit_because = "fp32 sums of fp16 products of 10 bits, which cancel: as conv_mma_cuda",
    .in_place = 1,
};
