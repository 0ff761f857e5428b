// The ways of conv_mma_cuda: a kernel, a tile, a number of blocks that share k; best first by a
// rough model.
#ifndef POSENET_KERNELS_CONV_MMA_CONV_MMA_WAYS_CUH
#define POSENET_KERNELS_CONV_MMA_CONV_MMA_WAYS_CUH

#include "kernels/conv/mma/conv_mma.cuh"
#include "kernels/conv/mma/conv_patch_mma.cuh"
#include "kernels/cuda/cuda.h"
#include "kernels/cuda/device.h"
#include "kernels/cuda/ways.cuh"

namespace
{

enum kernel_kind { KERNEL_ROWS, KERNEL_PATCH }; // of conv_mma.cuh, of conv_patch_mma.cuh

struct tile_kind {
    int pixels, channels, stages, threads, x_bytes, filter_bytes; // bytes of a stage
    kernel_kind kind;
    void (*kernel)(conv_mma_arguments);
};

template <typename T> constexpr tile_kind rows_kind()
{
    return {T::PIXELS,  T::CHANNELS,     T::STAGES,   T::THREADS,
            T::X_BYTES, T::FILTER_BYTES, KERNEL_ROWS, conv_mma<T>};
}

template <typename T> constexpr tile_kind patch_kind()
{
    return {T::PIXELS, T::CHANNELS,     T::STAGES,    T::THREADS,
            0,         T::FILTER_BYTES, KERNEL_PATCH, conv_patch_mma<T>};
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
const int MOST_WAYS = 32;
const int OWN_SHARED = 1024; // at most of a kernel's own

struct way {
    int tile, split;
    double cost; // clocks
};

// What the ways depend on of a device.
struct mma_device {
    int multiprocessors, shared_bytes; // of a block
    int clusters;                      // 1: the loaded kernels can
};

// Clusters are asked of the loaded kernels, not of the GPU: older code that a newer GPU runs would
// launch as a cluster and not know of it.
mma_device describe_device(const prepare_context *context)
{
    const cuda_device *d = static_cast<const cuda_device *>(context->device);
    return {d->multiprocessors, d->block_shared_bytes, d->compute >= 90};
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
    a.steps = divided(p->kernel[0] * p->kernel[1] * p->in_channels, MMA_STEP);
    a.act = p->act;
    return a;
}

// ---- ways -------------------------------------------------------------------------------------

int64_t sum_bytes(const tile_kind &tile, const conv_mma_arguments &a)
{
    return a.split * divided(tile.pixels, a.split) * tile.channels *
           static_cast<int64_t>(sizeof(float));
}

void set_patches(conv_mma_arguments *a, const tile_kind &tile)
{
    int lines = (tile.pixels - 2) / a->out_width + 2; // that a tile may touch
    if (lines > a->out_height) lines = a->out_height;
    int rows = (lines - 1) * a->stride[0] + (a->kernel[0] - 1) * a->dilation[0] + 1;
    if (rows > a->height) rows = a->height;
    int64_t bytes = static_cast<int64_t>(rows) * a->width * PATCH_PIXEL, most = 1 << 20;
    a->patch_bytes = static_cast<int>(bytes < most ? bytes : most); // neither fits
    int taps = a->kernel[0] * a->kernel[1];
    for (int share = 0; share < a->split; share++) {
        int first = share * a->steps / a->split, last = (share + 1) * a->steps / a->split - 1;
        int patches = last / taps - first / taps + 1;
        if (patches > a->patches) a->patches = patches;
    }
}

// The split, and what follows from it for a tile.
void set_way(conv_mma_arguments *a, const tile_kind &tile, int split)
{
    a->split = split;
    a->patches = a->patch_bytes = 0;
    if (tile.kind == KERNEL_PATCH) set_patches(a, tile);
}

int64_t shared_bytes(const tile_kind &tile, const conv_mma_arguments &a)
{
    int share = divided(a.steps, a.split);
    int stages = share < tile.stages ? share : tile.stages;
    int64_t ring = stages * (tile.x_bytes + tile.filter_bytes), sums = sum_bytes(tile, a);
    if (tile.kind == KERNEL_PATCH)
        return PATCH_ZEROS + static_cast<int64_t>(a.patches) * a.patch_bytes + ring + sums;
    if (a.split > 1) return ring + sums;
    return ring > sums ? ring : sums;
}

dim3 blocks_of(const tile_kind &tile, const conv_mma_arguments &a)
{
    int pixel_tiles = divided(a.pixels, tile.pixels);
    if (tile.kind == KERNEL_PATCH) { // none has pixels of two pictures
        int out_pixels = a.out_height * a.out_width;
        pixel_tiles = a.pixels / out_pixels * divided(out_pixels, tile.pixels);
    }
    return dim3(pixel_tiles * a.split, divided(a.channels, tile.channels));
}

bool is_possible(const tile_kind &tile, const conv_mma_arguments &a, const mma_device &device)
{
    if (a.split > a.steps || (a.split > 1 && !device.clusters)) return false;
    if (tile.kind == KERNEL_PATCH && (a.kernel[0] * a.kernel[1] == 1 || a.pieces % MMA_PIECES != 0))
        return false;
    return shared_bytes(tile, a) + OWN_SHARED <= device.shared_bytes;
}

// A block's share at what a multiprocessor multiplies and fetches a clock and at what the cache
// gives all of them, times the blocks that it gets, and what a sum across blocks costs.
double expected_clocks(const tile_kind &tile, const conv_mma_arguments &a, const mma_device &device)
{
    const double products_a_clock = 1100, bytes_a_clock = 48, all_bytes_a_clock = 2600;
    const double sums_a_clock = 24;
    dim3 blocks = blocks_of(tile, a);
    double count = static_cast<double>(blocks.x) * blocks.y;
    double rounds = divided(static_cast<int>(count), device.multiprocessors);
    double products = tile.pixels * tile.channels * MMA_STEP / products_a_clock;
    double fetches = (tile.x_bytes + tile.filter_bytes) / bytes_a_clock;
    double cached = static_cast<double>(tile.x_bytes + tile.filter_bytes) *
                    (count < device.multiprocessors ? count : device.multiprocessors) /
                    all_bytes_a_clock;
    double once = static_cast<double>(a.patches) * a.patch_bytes / bytes_a_clock +
                  tile.pixels * tile.channels / a.split / sums_a_clock + 1000;
    double step = products > fetches ? products : fetches;
    if (step < cached) step = cached;
    return rounds * (divided(a.steps, a.split) * step + once) +
           (a.split > 1 ? 900 + 40 * a.split : 0);
}

// The best MOST_WAYS ways into `out`, best first; how many.
int list_ways(const mma_device &device, const network *net, const step *s, way *out)
{
    int count = 0;
    conv_mma_arguments a = shape_of(net, s);
    for (size_t t = 0; t < sizeof tiles / sizeof *tiles; t++) {
        for (int split : splits) {
            set_way(&a, tiles[t], split);
            if (!is_possible(tiles[t], a, device)) continue;
            way w = {static_cast<int>(t), split, expected_clocks(tiles[t], a, device)};
            keep_way(out, &count, MOST_WAYS, w);
        }
    }
    return count;
}

} // namespace

#endif
