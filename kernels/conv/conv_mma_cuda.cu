// fp16 convolution on the tensor cores (mma_tile.cuh): any window, stride, dilation and pads, input
// channels in multiples of 8, bias, residual and any activation inside. Made for batch 1, where a
// layer has too few tiles for the multiprocessors and launches cost as much as products.
//
// Its ways are triples of a kernel, a tile and a number of blocks that share k, best first by a
// rough model.
#include <stdlib.h>

#include "kernels/conv/conv_mma.cuh"
#include "kernels/conv/conv_patch_mma.cuh"
#include "kernels/conv/weights_cuda.h"
#include "kernels/cuda/estimate.h"
#include "kernels/rows.h"

namespace
{

struct tile_kind {
    int pixels, channels, stages, threads, x_bytes, filter_bytes; // bytes of a stage
    int patch;                                                    // conv_patch_mma.cuh
    void (*kernel)(conv_mma_arguments);
};

template <typename T> constexpr tile_kind rows_kind()
{
    return {T::PIXELS,  T::CHANNELS,     T::STAGES, T::THREADS,
            T::X_BYTES, T::FILTER_BYTES, 0,         conv_mma<T>};
}

template <typename T> constexpr tile_kind patch_kind()
{
    return {T::PIXELS, T::CHANNELS,     T::STAGES, T::THREADS,
            0,         T::FILTER_BYTES, 1,         conv_patch_mma<T>};
}

// Two blocks of up to 113 KiB fit a multiprocessor: one computes, the next kernel's waits.
const tile_kind tiles[] = {
    rows_kind<mma_tile<32, 32, 2, 2, 8>>(),   rows_kind<mma_tile<32, 64, 2, 2, 8>>(),
    rows_kind<mma_tile<64, 32, 2, 2, 8>>(),   rows_kind<mma_tile<64, 64, 2, 2, 6>>(),
    rows_kind<mma_tile<64, 64, 4, 2, 6>>(),   rows_kind<mma_tile<64, 128, 2, 4, 4>>(),
    rows_kind<mma_tile<128, 64, 4, 2, 4>>(),  rows_kind<mma_tile<128, 128, 2, 4, 3>>(),
    patch_kind<mma_tile<32, 64, 2, 2, 9>>(),  patch_kind<mma_tile<64, 32, 2, 2, 9>>(),
    patch_kind<mma_tile<64, 64, 2, 2, 9>>(),  patch_kind<mma_tile<64, 64, 4, 2, 9>>(),
    patch_kind<mma_tile<128, 64, 4, 2, 9>>(),
};
const int splits[] = {1, 2, 3, 4, 6, 8};
const int MOST_WAYS = 16;

struct way {
    int tile, split;
    double clocks; // expected
};

struct device_limits {
    int multiprocessors, shared_bytes, clusters;
};

struct plan {
    const tile_kind *tile;
    conv_mma_arguments arguments; // but for what is in the arena
    int shared_bytes;
};

status read_limits(device_limits *out)
{
    const char *doing = "asking what the device can do";
    int device = 0, major = 0;
    TRY(cuda_check(cudaGetDevice(&device), doing));
    const struct {
        int *to;
        cudaDeviceAttr name;
    } wanted[] = {{&major, cudaDevAttrComputeCapabilityMajor},
                  {&out->multiprocessors, cudaDevAttrMultiProcessorCount},
                  {&out->shared_bytes, cudaDevAttrMaxSharedMemoryPerBlockOptin}};
    for (const auto &one : wanted)
        TRY(cuda_check(cudaDeviceGetAttribute(one.to, one.name, device), doing));
    out->clusters = major >= 9;
    return STATUS_OK;
}

int ratio_up(int a, int b)
{
    return (a + b - 1) / b;
}

// What the kernels need to know of a step, without its operands and its way.
conv_mma_arguments shape_of(const network *net, const step *s)
{
    const conv_params *p = &s->as.conv;
    const tensor *x = &net->tensors[s->inputs[0]], *y = &net->tensors[s->output];
    conv_mma_arguments a = {};
    a.y_fp32 = y->type == TYPE_FP32;
    a.height = x->dims[AXIS_H];
    a.width = x->dims[AXIS_W];
    a.pieces = x->dims[AXIS_C] / 8;
    a.out_height = y->dims[AXIS_H];
    a.out_width = y->dims[AXIS_W];
    a.channels = y->dims[AXIS_C];
    a.pixels = y->dims[AXIS_N] * a.out_height * a.out_width;
    for (int i = 0; i < 2; i++) {
        a.kernel[i] = p->kernel[i];
        a.stride[i] = p->stride[i];
        a.dilation[i] = p->dilation[i];
        a.pads[i] = p->pads[i];
    }
    a.steps = ratio_up(p->kernel[0] * p->kernel[1] * p->in_channels, MMA_STEP);
    a.act = p->act;
    return a;
}

// ---- ways -------------------------------------------------------------------------------------

// The split, and what follows from it for a tile.
void set_split(conv_mma_arguments *a, const tile_kind &tile, int split)
{
    a->split = split;
    a->patches = a->patch_bytes = 0;
    if (!tile.patch) return;
    int lines = (tile.pixels - 2) / a->out_width + 2; // that a tile may touch
    if (lines > a->out_height) lines = a->out_height;
    int rows = (lines - 1) * a->stride[0] + (a->kernel[0] - 1) * a->dilation[0] + 1;
    if (rows > a->height) rows = a->height;
    int64_t bytes = static_cast<int64_t>(rows) * a->width * PATCH_PIXEL, most = 1 << 20;
    a->patch_bytes = static_cast<int>(bytes < most ? bytes : most); // neither fits
    int taps = a->kernel[0] * a->kernel[1];
    for (int share = 0; share < split; share++) {
        int first = share * a->steps / split, last = (share + 1) * a->steps / split - 1;
        int patches = last / taps - first / taps + 1;
        if (patches > a->patches) a->patches = patches;
    }
}

int64_t shared_bytes(const tile_kind &tile, const conv_mma_arguments &a)
{
    int share = ratio_up(a.steps, a.split);
    int stages = share < tile.stages ? share : tile.stages;
    int64_t ring = stages * (tile.x_bytes + tile.filter_bytes);
    int64_t sums = a.split * ratio_up(tile.pixels, a.split) * tile.channels *
                   static_cast<int64_t>(sizeof(float));
    if (tile.patch)
        return PATCH_ZEROS + static_cast<int64_t>(a.patches) * a.patch_bytes + ring + sums;
    if (a.split > 1) return ring + sums;
    return ring > sums ? ring : sums;
}

dim3 blocks_of(const tile_kind &tile, const conv_mma_arguments &a)
{
    int pixel_tiles = ratio_up(a.pixels, tile.pixels);
    if (tile.patch) { // none has pixels of two pictures
        int out_pixels = a.out_height * a.out_width;
        pixel_tiles = a.pixels / out_pixels * ratio_up(out_pixels, tile.pixels);
    }
    return dim3(pixel_tiles * a.split, ratio_up(a.channels, tile.channels));
}

bool is_possible(const tile_kind &tile, const conv_mma_arguments &a, const device_limits &limits)
{
    if (a.split > a.steps || (a.split > 1 && !limits.clusters)) return false;
    if (tile.patch && (a.kernel[0] * a.kernel[1] == 1 || a.pieces % MMA_PIECES != 0)) return false;
    return shared_bytes(tile, a) <= limits.shared_bytes;
}

// A block's share at what a multiprocessor multiplies and fetches a clock, times the blocks that it
// gets, and what a sum across blocks costs.
double expected_clocks(const tile_kind &tile, const conv_mma_arguments &a,
                       const device_limits &limits)
{
    const double products_a_clock = 1100, bytes_a_clock = 48, sums_a_clock = 24;
    double products = tile.pixels * tile.channels * MMA_STEP / products_a_clock;
    double fetches = (tile.x_bytes + tile.filter_bytes) / bytes_a_clock;
    double once = static_cast<double>(a.patches) * a.patch_bytes / bytes_a_clock +
                  tile.pixels * tile.channels / a.split / sums_a_clock;
    dim3 blocks = blocks_of(tile, a);
    double rounds = ratio_up(static_cast<int>(blocks.x * blocks.y), limits.multiprocessors);
    double step = products > fetches ? products : fetches;
    return rounds * (ratio_up(a.steps, a.split) * step + once) +
           (a.split > 1 ? 900 + 40 * a.split : 0);
}

// The best MOST_WAYS ways into `out`, best first; how many.
int list_ways(const device_limits &limits, const network *net, const step *s, way *out)
{
    int count = 0;
    conv_mma_arguments a = shape_of(net, s);
    for (size_t t = 0; t < sizeof tiles / sizeof *tiles; t++) {
        for (int split : splits) {
            set_split(&a, tiles[t], split);
            if (!is_possible(tiles[t], a, limits)) continue;
            way w = {static_cast<int>(t), split, expected_clocks(tiles[t], a, limits)};
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

status choose(const network *net, const work *w, plan *out)
{
    const step *s = &net->steps[w->first];
    device_limits limits;
    way ways[MOST_WAYS];
    TRY(read_limits(&limits));
    if (w->variant >= list_ways(limits, net, s, ways))
        return fail(STATUS_UNSUPPORTED, "conv_mma_cuda has no way %d here", w->variant);
    out->tile = &tiles[ways[w->variant].tile];
    out->arguments = shape_of(net, s);
    set_split(&out->arguments, *out->tile, ways[w->variant].split);
    out->shared_bytes = static_cast<int>(shared_bytes(*out->tile, out->arguments));
    // Allowed for the kernel, not for a launch: all that the device has, whoever asks.
    return cuda_check(cudaFuncSetAttribute(out->tile->kernel,
                                           cudaFuncAttributeMaxDynamicSharedMemorySize,
                                           limits.shared_bytes),
                      "asking for shared memory");
}

status prepare(const prepare_context *context, const network *net, work *w)
{
    const conv_params *p = &net->steps[w->first].as.conv;
    plan made = {};
    void *filter;
    const void *bias = NULL;
    TRY(choose(net, w, &made));
    TRY(conv_cuda_pack_fragments(context, p, &filter));
    if (p->bias) {
        size_t bytes = static_cast<size_t>(p->out_channels) * sizeof(float);
        TRY(cuda_pack_array(context, p->bias, bytes, &bias));
    }
    made.arguments.filter = static_cast<const uint4 *>(filter);
    made.arguments.bias = static_cast<const float *>(bias);
    // All kernels of a chain split shared memory and cache alike, or none starts beside another.
    TRY(cuda_check(cudaFuncSetAttribute(made.tile->kernel,
                                        cudaFuncAttributePreferredSharedMemoryCarveout,
                                        cudaSharedmemCarveoutMaxShared),
                   "asking for shared memory"));
    plan *kept = static_cast<plan *>(heap_array(1, sizeof *kept));
    if (!kept) return STATUS_MEMORY;
    *kept = made;
    w->state = kept;
    return STATUS_OK;
}

status enqueue(const work *w, const network *net, const run *r)
{
    const plan *made = static_cast<const plan *>(w->state);
    const step *s = &net->steps[w->first];
    conv_mma_arguments a = made->arguments;
    a.x = static_cast<const __half *>(tensor_at(net, s->inputs[0], r));
    if (s->input_count > 1)
        a.residual = static_cast<const __half *>(tensor_at(net, s->inputs[1], r));
    a.y = tensor_at(net, s->output, r);
    return cuda_check(launch_clusters(r, made->tile->kernel, dim3(a.split),
                                      blocks_of(*made->tile, a), made->tile->threads,
                                      made->shared_bytes, a),
                      s->nodes);
}

void release(work *w)
{
    free(w->state);
    w->state = NULL;
}

double estimate(const network *net, int first, int)
{
    static const cuda_rates rates = {3, 0, 60e6, 60e6, 3e6};
    return cuda_estimate(net, &net->steps[first], &rates);
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
    .estimate = estimate,
    .limit = 1e-4,
    .limit_fp16 = 4e-2,
    .limit_because = "fp32 sums of fp16 products; filters have 10 bits: seen 2e-2 from libraries "
                     "where MobileNet's first pointwise layer cancels",
    .plain = 0,
};
