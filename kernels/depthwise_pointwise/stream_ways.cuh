// The ways of depthwise_pointwise_stream_cuda: a kernel and its tile of channels, a chunk of
// depthwise channels, a tile of the map and the rings' lengths; best first by a rough model.
#ifndef POSENET_KERNELS_DEPTHWISE_POINTWISE_STREAM_WAYS_CUH
#define POSENET_KERNELS_DEPTHWISE_POINTWISE_STREAM_WAYS_CUH

#include <math.h>

#include "kernels/cuda/device.h"
#include "kernels/cuda/ways.cuh"
#include "kernels/depthwise_pointwise/depthwise_pointwise_stream_cuda.cuh"

namespace
{

const int MOST_WAYS = 12; // offered to the tuner: the model of their cost is seldom wrong by more
const int MOST_WINDOW = 256; // of a side, and a limit of the copy engine
const int chunk_sizes[] = {64, 32};

struct stream_kernel {
    int pixels, channels;
    void (*kernel)(CUtensorMap, stream_arguments);
};

template <int PIXELS, int CHANNELS> constexpr stream_kernel kernel_of()
{
    return {PIXELS, CHANNELS, depthwise_pointwise_stream<stream_tile<PIXELS, CHANNELS>>};
}

const stream_kernel kernels[] = {kernel_of<64, 128>(), kernel_of<64, 192>(), kernel_of<64, 256>(),
                                 kernel_of<128, 64>(), kernel_of<128, 96>(), kernel_of<128, 128>(),
                                 kernel_of<128, 192>()};

struct way {
    const stream_kernel *kernel;
    stream_arguments arguments;
    int blocks, shared_bytes;
    double cost;
};

stream_arguments shape_of(const network *net, const work *w)
{
    const step *s = &net->steps[w->first], *next = s + 1;
    const conv_params *p = &s->as.conv;
    const tensor *y = &net->tensors[next->output];
    stream_arguments a = {};
    a.out_height = y->dims[AXIS_H];
    a.out_width = y->dims[AXIS_W];
    a.channels = y->dims[AXIS_C];
    a.stride = p->stride[0];
    a.dilation = p->dilation[0];
    for (int i = 0; i < 2; i++) {
        a.pads[i] = p->pads[i];
        activation_limits(&s[i].as.conv.act, &a.low[i], &a.high[i]);
    }
    return a;
}

void set_tile(stream_arguments *a, int pictures, int height, int width)
{
    a->tile_height = height;
    a->tile_width = width;
    a->window_height = (height - 1) * a->stride + 2 * a->dilation + 1;
    a->window_width = (width - 1) * a->stride + 2 * a->dilation + 1;
    a->down = divided(a->out_height, height);
    a->across = divided(a->out_width, width);
    a->pictures = pictures;
    a->tiles = pictures * a->down * a->across;
    a->units = divided(height * width, STREAM_UNIT);
}

// The longest rings that fit, or false.
bool fit_rings(way *way, const cuda_device &g)
{
    stream_arguments *a = &way->arguments;
    const struct {
        int stages, slots;
    } rings[] = {{3, a->chunks}, {2, a->chunks}, {4, 4}, {3, 4}, {3, 3}, {2, 3}, {2, 2}};
    for (const auto &r : rings) {
        if (r.slots > a->chunks || r.slots > STREAM_MOST_SLOTS) continue;
        a->stages = r.stages;
        a->slots = r.slots;
        way->shared_bytes = stream_layout_of(*a, way->kernel->pixels, way->kernel->channels).end;
        if (way->shared_bytes <= g.block_shared_bytes) return true;
    }
    return false;
}

// What a depthwise warp needs for a unit of a tile, and for an octet's taps before.
struct unit_cost {
    double instructions, tap_instructions; // as they are in the machine code
    double loads, products;                // of 512 bytes, of 16x8x16
    double delay;                          // cycles, alone
};

const unit_cost unit_costs[] = {{150, 64, 6, 16, 350}, {282, 44, 12, 28, 550}}; // stride 1 and 2

// Cycles of a multiprocessor for a chunk until all depthwise warps have met: the schedulers', then
// those of waiting, the tensor cores', shared memory's, the copy engine's. Each as far as it can be
// filled.
double chunk_cost(const way &way, double product)
{
    const double busy = 0.8, fragment_rate = 1260, shared_rate = 100, copy_rate = 28, meeting = 150;
    const stream_arguments &a = way.arguments;
    const unit_cost &u = unit_costs[a.stride - 1];
    const int pixels = way.kernel->pixels, warps = STREAM_HALF / 32;
    stream_layout l = stream_layout_of(a, pixels, way.kernel->channels);
    int units = a.octets * a.units, rounds = divided(a.units, warps / a.octets);
    double taps = a.chunks == 1 ? 0 : a.octets * u.tap_instructions;
    double issued = (units * u.instructions + taps) / 4 / busy + meeting;
    double waited = rounds * u.delay + meeting + (taps > 0 ? 120 : 0);
    double multiplied = product + units * u.products * 2048 / fragment_rate;
    // Each warpgroup reads its pixels and its channels.
    double operands = (128 + way.kernel->channels * (pixels / 64)) * a.chunk * 2.0;
    double copies = l.window + (a.slots == a.chunks ? 0 : l.slot);
    double moved = (copies + operands + units * (u.loads + 6) * 512) / shared_rate;
    double copied = (copies + a.octets * sizeof(depthwise_octet)) / copy_rate;
    return fmax(fmax(issued, waited), fmax(multiplied, fmax(moved, copied)));
}

// Good enough to leave hopeless ways out.
double cost_of(const way &way)
{
    const double product_rate = 1700, store_rate = 28, meeting = 150, start = 3000;
    const stream_arguments &a = way.arguments;
    double sums = static_cast<double>(way.kernel->pixels) * way.kernel->channels;
    double product = sums * a.chunk / product_rate;
    double tile = a.chunks * chunk_cost(way, product);
    double other = a.chunks * (product + meeting) + sums * 2 / store_rate;
    return start + divided(a.tiles, way.blocks / a.splits) * fmax(tile, other);
}

// The best tile for a kernel and a chunk.
bool choose_tile(const cuda_device &g, int pictures, way *best)
{
    way a = *best;
    const int pixels = a.kernel->pixels, down = 4 * a.arguments.dilation, across = down / 2;
    best->cost = INFINITY;
    for (int height = down; height <= pixels / across; height += down)
        for (int width = across; width * height <= pixels; width += across) {
            set_tile(&a.arguments, pictures, height, width);
            const stream_arguments &t = a.arguments;
            if (t.window_height > MOST_WINDOW || t.window_width > MOST_WINDOW) continue;
            if (!fit_rings(&a, g)) continue;
            int columns = g.multiprocessors / t.splits;
            if (columns < 1) columns = 1;
            if (columns > t.tiles) columns = t.tiles;
            a.blocks = columns * t.splits;
            a.arguments.step = stream_place_of(t, columns);
            a.cost = cost_of(a);
            if (a.cost < best->cost) *best = a;
        }
    return best->cost < INFINITY;
}

status find_ways(const prepare_context *context, const network *net, const work *w,
                 way (&ways)[MOST_WAYS], int *count)
{
    const cuda_device &g = *static_cast<const cuda_device *>(context->device);
    const tensor *x = &net->tensors[net->steps[w->first].inputs[0]];
    int built;
    TRY(cuda_kernel_is_built(reinterpret_cast<const void *>(kernels[0].kernel), &built));
    *count = 0;
    if (!built) return STATUS_OK;
    for (const stream_kernel &k : kernels)
        for (int chunk : chunk_sizes) {
            way a = {&k, shape_of(net, w), 0, 0, 0};
            a.arguments.chunk = chunk;
            a.arguments.chunks = divided(x->dims[AXIS_C], chunk);
            a.arguments.octets = divided(a.arguments.chunks == 1 ? x->dims[AXIS_C] : chunk, 8);
            a.arguments.splits = divided(a.arguments.channels, k.channels);
            if (choose_tile(g, x->dims[AXIS_N], &a)) keep_way(ways, count, MOST_WAYS, a);
        }
    return STATUS_OK;
}

} // namespace

#endif
