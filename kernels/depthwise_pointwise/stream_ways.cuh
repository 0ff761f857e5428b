// The ways of depthwise_pointwise_stream_cuda: a kernel and its tile of channels, a chunk of
// depthwise channels, a tile of the map and the rings' lengths; best first by a rough model.
#ifndef POSENET_KERNELS_DEPTHWISE_POINTWISE_STREAM_WAYS_CUH
#define POSENET_KERNELS_DEPTHWISE_POINTWISE_STREAM_WAYS_CUH

#include <math.h>

#include "kernels/cuda/device.h"
#include "kernels/depthwise_pointwise/depthwise_pointwise_stream_cuda.cuh"

namespace
{

const int MOST_WAYS = 12; // offered to the tuner: the model of their cost is seldom wrong by more
const int MOST_WINDOW = 256; // of a side, and a limit of the copy engine
const int chunk_sizes[] = {64, 32}, strip_lines[] = {4, 3, 2};

struct stream_kernel {
    int pixels, channels;
    void (*kernel)(CUtensorMap, stream_arguments);
};

template <int PIXELS, int CHANNELS> constexpr stream_kernel kernel_of()
{
    return {PIXELS, CHANNELS, depthwise_pointwise_stream<stream_tile<PIXELS, CHANNELS>>};
}

const stream_kernel kernels[] = {kernel_of<64, 128>(), kernel_of<64, 192>(), kernel_of<64, 256>(),
                                 kernel_of<128, 64>(), kernel_of<128, 96>(), kernel_of<128, 128>()};

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
        block_clamp(&s[i], &a.low[i], &a.high[i]);
    }
    return a;
}

void set_tile(stream_arguments *a, int pictures, int height, int width, int lines)
{
    a->lines = lines;
    a->tile_height = height;
    a->tile_width = width;
    a->window_height = (height - 1) * a->stride + 2 * a->dilation + 1;
    a->window_width = (width - 1) * a->stride + 2 * a->dilation + 1;
    if (lines == 3) a->window_width |= 1; // see conflicts
    a->down = divided(a->out_height, height);
    a->across = divided(a->out_width, width);
    a->tiles = pictures * a->down * a->across;
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

// What convolve_chunk has strips for.
bool has_strips(const stream_arguments &a, int lines)
{
    if (a.dilation == 2) return lines == 2;
    return a.stride == 1 || lines != 3;
}

// How often shared memory is asked for one load of a warp. With chunks of 32 channels half a warp
// reads 64 bytes of a line; the other half's strip lies a multiple of 128 bytes away and so in the
// same banks, unless it is below by an odd number of lines of an odd width.
int conflicts(const stream_arguments &a)
{
    bool below = a.lines == 3 && a.tile_height / 3 % 2 == 0;
    return a.chunk == 32 && !below ? 2 : 1;
}

// Instructions of a depthwise strip's thread, as they are in the machine code.
double strip_instructions(const stream_arguments &a)
{
    int down = (a.lines - 1) * a.stride + 2 * a.dilation + 1;
    int across = (STREAM_STRIP - 1) * a.stride + 2 * a.dilation + 1;
    int sums = a.lines * STREAM_STRIP * 2;
    return sums * STREAM_TAPS + down * across * 3 + down + sums * 2.5 + 45;
}

// Cycles of a multiprocessor: its schedulers' for depthwise warps, two on each, as far as two fill
// one; the tensor cores'; what the copy engine and the stores move. Good enough to leave hopeless
// ways out.
double cost_of(const way &way)
{
    const double busy = 0.7, product_rate = 1600, copy_rate = 28, store_rate = 28, meeting = 200,
                 start = 3000, sum_instructions = 4;
    const stream_arguments &a = way.arguments;
    stream_layout l = stream_layout_of(a, way.kernel->pixels, way.kernel->channels);
    int strips = a.tile_height / a.lines * (a.tile_width / STREAM_STRIP);
    int rounds = divided(strips * a.chunk / 2, STREAM_HALF);
    double sums = static_cast<double>(way.kernel->pixels) * way.kernel->channels;
    double depthwise = rounds * strip_instructions(a) * (STREAM_HALF / 128) / busy;
    int loads = ((a.lines - 1) * a.stride + 2 * a.dilation + 1) *
                ((STREAM_STRIP - 1) * a.stride + 2 * a.dilation + 1);
    double shared = divided(strips * a.chunk / 2, 32) *
                    (loads * conflicts(a) + (STREAM_TAPS + 1) * 2 + a.lines * STREAM_STRIP) * 1.5;
    if (depthwise < shared) depthwise = shared;
    double product = sums * a.chunk / product_rate;
    double copied = (l.window + (a.slots == a.chunks ? 0 : l.slot)) / copy_rate;
    double stored = sums / 128 * sum_instructions;
    if (stored < sums * 2 / store_rate) stored = sums * 2 / store_rate;
    double tile = a.chunks * (depthwise + meeting);
    double other = a.chunks * (product + meeting) + stored;
    if (tile < other) tile = other;
    if (tile < a.chunks * copied) tile = a.chunks * copied;
    return start + divided(a.tiles, way.blocks / a.splits) * tile;
}

// The best tile for a kernel, a chunk and strips of so many lines.
bool choose_tile(const cuda_device &g, int pictures, int lines, way *best)
{
    way a = *best;
    const int pixels = a.kernel->pixels;
    best->cost = INFINITY;
    if (!has_strips(a.arguments, lines)) return false;
    for (int height = lines; height <= pixels / STREAM_STRIP; height += lines)
        for (int width = STREAM_STRIP; width * height <= pixels; width += STREAM_STRIP) {
            set_tile(&a.arguments, pictures, height, width, lines);
            const stream_arguments &t = a.arguments;
            if (t.window_height > MOST_WINDOW || t.window_width > MOST_WINDOW) continue;
            if (!fit_rings(&a, g)) continue;
            int columns = g.multiprocessors / t.splits;
            if (columns < 1) columns = 1;
            a.blocks = (columns < t.tiles ? columns : t.tiles) * t.splits;
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
        for (int chunk : chunk_sizes)
            for (int lines : strip_lines) {
                way a = {&k, shape_of(net, w), 0, 0, 0};
                a.arguments.chunk = chunk;
                a.arguments.chunks = divided(x->dims[AXIS_C], chunk);
                a.arguments.splits = divided(a.arguments.channels, k.channels);
                if (choose_tile(g, x->dims[AXIS_N], lines, &a)) block_insert(a, ways, count);
            }
    return STATUS_OK;
}

} // namespace

#endif
