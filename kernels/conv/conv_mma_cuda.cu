// fp16 convolution on the tensor cores (conv_mma.cuh): any window, stride, dilation and pads, input
// channels in multiples of 8, bias, residual and any activation inside. Made for batch 1, where a
// layer has too few tiles for the multiprocessors and launches cost as much as products.
//
// Its ways are pairs of a tile and a number of blocks that share k, best first by a rough model.
#include <stdlib.h>

#include "kernels/conv/conv_mma.cuh"
#include "kernels/conv/weights_cuda.h"
#include "kernels/rows.h"

namespace
{

struct tile_kind {
    int pixels, channels, stages, threads, stage_bytes;
    void (*kernel)(conv_mma_arguments);
};

template <typename T> constexpr tile_kind kind_of()
{
    return {T::PIXELS, T::CHANNELS, T::STAGES, T::THREADS, T::STAGE_BYTES, conv_mma<T>};
}

// Two blocks of up to 112 KiB fit a multiprocessor: one computes, the next kernel's waits.
const tile_kind tiles[] = {
    kind_of<mma_tile<32, 32, 2, 2, 8>>(),   kind_of<mma_tile<32, 64, 2, 2, 8>>(),
    kind_of<mma_tile<64, 32, 2, 2, 8>>(),   kind_of<mma_tile<64, 64, 2, 2, 6>>(),
    kind_of<mma_tile<64, 128, 2, 4, 4>>(),  kind_of<mma_tile<128, 64, 4, 2, 4>>(),
    kind_of<mma_tile<128, 128, 2, 4, 3>>(),
};
const int splits[] = {1, 2, 3, 4, 6, 8};
const int TILES = sizeof tiles / sizeof *tiles, SPLITS = sizeof splits / sizeof *splits;
const int MOST_WAYS = 16;

struct way {
    int tile, split;
    double clocks; // expected
};

struct device_limits {
    int multiprocessors, shared_bytes, clusters;
};

struct plan {
    way chosen;
    void *filter;
    const void *bias;
};

status read_limits(device_limits *out)
{
    int device = 0, major = 0;
    TRY(cuda_check(cudaGetDevice(&device), "asking for the device"));
    const char *doing = "asking what the device can do";
    TRY(cuda_check(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device),
                   doing));
    TRY(cuda_check(
        cudaDeviceGetAttribute(&out->multiprocessors, cudaDevAttrMultiProcessorCount, device),
        doing));
    TRY(cuda_check(
        cudaDeviceGetAttribute(&out->shared_bytes, cudaDevAttrMaxSharedMemoryPerBlockOptin, device),
        doing));
    out->clusters = major >= 9;
    return STATUS_OK;
}

int ratio_up(int a, int b)
{
    return (a + b - 1) / b;
}

int steps_of(const conv_params *p)
{
    return ratio_up(p->kernel[0] * p->kernel[1] * p->in_channels, MMA_STEP);
}

int pixels_of(const network *net, const step *s)
{
    const int *dims = net->tensors[s->output].dims;
    return dims[AXIS_N] * dims[AXIS_H] * dims[AXIS_W];
}

int sum_bytes(const tile_kind &tile, int split)
{
    return split * ratio_up(tile.pixels, split) * tile.channels * static_cast<int>(sizeof(float));
}

int shared_bytes(const tile_kind &tile, int split, int steps)
{
    int share = ratio_up(steps, split);
    int ring = (share < tile.stages ? share : tile.stages) * tile.stage_bytes;
    if (split > 1) return ring + sum_bytes(tile, split);
    return ring > sum_bytes(tile, 1) ? ring : sum_bytes(tile, 1);
}

int most_shared_bytes(const tile_kind &tile)
{
    int most = 0;
    for (int split : splits) {
        int bytes = shared_bytes(tile, split, tile.stages * split);
        if (bytes > most) most = bytes;
    }
    return most;
}

// A block's share at what a multiprocessor multiplies and fetches a clock, times the blocks that it
// gets, and what a launch and a sum across blocks cost.
double expected_clocks(const tile_kind &tile, int split, int pixels, int channels, int steps,
                       int multiprocessors)
{
    double products = tile.pixels * tile.channels * MMA_STEP / 1100.0;
    double fetches = tile.stage_bytes / 48.0;
    double written = tile.pixels * tile.channels / split / 24.0;
    int blocks = ratio_up(pixels, tile.pixels) * ratio_up(channels, tile.channels) * split;
    double step = products > fetches ? products : fetches;
    return ratio_up(blocks, multiprocessors) * (ratio_up(steps, split) * step + written) +
           (split > 1 ? 900 + 40 * split : 0);
}

// The best `MOST_WAYS` ways into `out`, best first; how many.
int list_ways(const device_limits &limits, const network *net, const step *s, way *out)
{
    const conv_params *p = &s->as.conv;
    int count = 0, steps = steps_of(p);
    for (int t = 0; t < TILES; t++) {
        for (int i = 0; i < SPLITS; i++) {
            int split = splits[i];
            if (split > steps || (split > 1 && !limits.clusters) ||
                most_shared_bytes(tiles[t]) > limits.shared_bytes)
                continue;
            way w = {t, split,
                     expected_clocks(tiles[t], split, pixels_of(net, s), p->out_channels, steps,
                                     limits.multiprocessors)};
            int at = count < MOST_WAYS ? count++ : MOST_WAYS;
            for (; at > 0 && out[at - 1].clocks > w.clocks; at--)
                if (at < MOST_WAYS) out[at] = out[at - 1];
            if (at < MOST_WAYS) out[at] = w;
        }
    }
    return count;
}

// ---- the row ----------------------------------------------------------------------------------

int covers(const network *net, int first, precision)
{
    if (!conv_cuda_covers(net, first)) return 0;
    const step *s = &net->steps[first];
    const conv_params *p = &s->as.conv;
    for (int i = 0; i < s->input_count; i++)
        if (net->tensors[s->inputs[i]].type != TYPE_FP16) return 0;
    const int far = 1 << 20; // places of a window are counted in int
    for (int i = 0; i < 2; i++)
        if (p->kernel[i] > 64 || p->dilation[i] > far / 64 || p->pads[i] > far) return 0;
    return p->groups == 1 && p->in_channels % 8 == 0;
}

int variants(const prepare_context *, const network *net, const work *w)
{
    device_limits limits;
    way ways[MOST_WAYS];
    if (read_limits(&limits) != STATUS_OK) return 1;
    return list_ways(limits, net, &net->steps[w->first], ways);
}

status choose(const network *net, const work *w, way *out)
{
    device_limits limits;
    way ways[MOST_WAYS];
    TRY(read_limits(&limits));
    if (w->variant >= list_ways(limits, net, &net->steps[w->first], ways))
        return fail(STATUS_UNSUPPORTED, "conv_mma_cuda has no way %d here", w->variant);
    *out = ways[w->variant];
    return STATUS_OK;
}

// The largest that any step asks for, since this is the kernel's, not the launch's.
status allow_shared_memory(const tile_kind &tile)
{
    TRY(cuda_check(cudaFuncSetAttribute(tile.kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                        most_shared_bytes(tile)),
                   "asking for shared memory"));
    return cuda_check(cudaFuncSetAttribute(tile.kernel,
                                           cudaFuncAttributePreferredSharedMemoryCarveout,
                                           cudaSharedmemCarveoutMaxShared),
                      "asking for shared memory");
}

status prepare(const prepare_context *context, const network *net, work *w)
{
    const conv_params *p = &net->steps[w->first].as.conv;
    plan made = {};
    TRY(choose(net, w, &made.chosen));
    TRY(allow_shared_memory(tiles[made.chosen.tile]));
    TRY(conv_cuda_pack_fragments(context, p, &made.filter));
    if (p->bias)
        TRY(cuda_pack_array(context, p->bias, static_cast<size_t>(p->out_channels) * sizeof(float),
                            &made.bias));
    plan *kept = static_cast<plan *>(heap_array(1, sizeof *kept));
    if (!kept) return STATUS_MEMORY;
    *kept = made;
    w->state = kept;
    return STATUS_OK;
}

conv_mma_arguments arguments_of(const plan *made, const network *net, const step *s, const run *r)
{
    const conv_params *p = &s->as.conv;
    cuda_view x = cuda_tensor(net, r, s->inputs[0]), y = cuda_tensor(net, r, s->output);
    conv_mma_arguments a = {};
    a.x = static_cast<const __half *>(x.data);
    if (s->input_count > 1)
        a.residual = static_cast<const __half *>(cuda_tensor(net, r, s->inputs[1]).data);
    a.filter = static_cast<const uint4 *>(made->filter);
    a.bias = static_cast<const float *>(made->bias);
    a.y = y.data;
    a.y_fp32 = y.type == TYPE_FP32;
    a.height = x.dims[AXIS_H];
    a.width = x.dims[AXIS_W];
    a.pieces = x.dims[AXIS_C] / 8;
    a.out_height = y.dims[AXIS_H];
    a.out_width = y.dims[AXIS_W];
    a.channels = y.dims[AXIS_C];
    a.pixels = pixels_of(net, s);
    for (int i = 0; i < 2; i++) {
        a.kernel[i] = p->kernel[i];
        a.stride[i] = p->stride[i];
        a.dilation[i] = p->dilation[i];
        a.pads[i] = p->pads[i];
    }
    a.steps = steps_of(p);
    a.split = made->chosen.split;
    a.act = p->act;
    return a;
}

status enqueue(const work *w, const network *net, const run *r)
{
    const plan *made = static_cast<const plan *>(w->state);
    const step *s = &net->steps[w->first];
    const tile_kind &tile = tiles[made->chosen.tile];
    conv_mma_arguments a = arguments_of(made, net, s, r);
    dim3 blocks(ratio_up(a.pixels, tile.pixels) * a.split, ratio_up(a.channels, tile.channels));
    return cuda_check(launch_clusters(r, tile.kernel, dim3(a.split), blocks, tile.threads,
                                      shared_bytes(tile, a.split, a.steps), a),
                      s->nodes);
}

void release(work *w)
{
    free(w->state);
    w->state = NULL;
}

} // namespace

extern "C" const row conv_mma_cuda = {
    .name = "conv_mma_cuda",
    .device = DEVICE_CUDA,
    .least_compute = 80,
    .covers = covers,
    .variants = variants,
    .prepare = prepare,
    .enqueue = enqueue,
    .release = release,
    .estimate = nullptr,
    .limit = 1e-4,
    .limit_fp16 = 4e-2,
    .limit_because = "fp32 sums of fp16 products; filters have 10 bits: seen 2e-2 from libraries "
                     "where MobileNet's first pointwise layer cancels",
};
