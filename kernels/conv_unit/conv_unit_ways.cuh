// The ways of the rows of units: how many pixels a stage has, with the tile that covers pictures of
// the size best, and how many warpgroups share a multiprocessor; best first by a rough model.
#ifndef POSENET_KERNELS_CONV_UNIT_CONV_UNIT_WAYS_CUH
#define POSENET_KERNELS_CONV_UNIT_CONV_UNIT_WAYS_CUH

#include "kernels/conv_unit/conv_unit.cuh"
#include "kernels/cuda/device.h"
#include "kernels/cuda/ways.cuh"

namespace
{

// A: conv_unit_arguments, or conv_next_arguments.
template <typename A> struct unit_kernel {
    int rows, most_groups;
    typename A::kernel kernel;
};

const int KERNELS = 3; // of a kind of unit
template <typename A> using unit_kernels = const unit_kernel<A>[KERNELS];

template <bool PROJECTED, bool THINNED>
unit_kernels<conv_unit_arguments> kernels = {
    {64, unit_groups<PROJECTED>, conv_unit<64, PROJECTED, THINNED>},
    {96, unit_groups<PROJECTED>, conv_unit<96, PROJECTED, THINNED>},
    {UNIT_MOST_ROWS, unit_groups<PROJECTED>, conv_unit<UNIT_MOST_ROWS, PROJECTED, THINNED>}};
const int MOST_WAYS = KERNELS * unit_groups<true>, MOST_STAGES = UNIT_MOST_CHUNKS + 1;

template <typename A> struct unit_way {
    const unit_kernel<A> *kernel;
    int tile_height, tile_width, groups, stages, shared_bytes;
    double cost;
};

void set_tile(conv_unit_arguments *a, int pictures, int height, int width)
{
    a->tile_height = height;
    a->tile_width = width;
    a->across = divided(a->width, width);
    a->down = divided(a->height, height);
    a->tiles = pictures * a->across * a->down;
}

// The fewest tiles, of these the ones with least around them.
void choose_tile(conv_unit_arguments *a, int pictures, int rows)
{
    int best_tiles = 0, best_rows = 0, best_height = 0, best_width = 0;
    for (int height = 1; height <= UNIT_PIXELS; height++)
        for (int width = 1; height * width <= UNIT_PIXELS; width++) {
            int around = (height + 2) * (width + 2);
            if (around > rows) continue;
            set_tile(a, pictures, height, width);
            if (best_tiles > 0 && a->tiles > best_tiles) continue;
            if (a->tiles == best_tiles && around >= best_rows) continue;
            best_tiles = a->tiles;
            best_rows = around;
            best_height = height;
            best_width = width;
        }
    set_tile(a, pictures, best_height, best_width);
}

template <typename A> int shared_bytes(const A &a, int rows, int groups)
{
    return UNIT_ALIGN + unit_layout_of(a, rows, groups).end;
}

// Clocks; of what costs the same the most warpgroups come first. A multiprocessor's tiles take
// turns at its shared memory, which products read from as fast as they multiply; one alone waits
// for all that it does.
template <typename A>
double cost_of(const A &a, const unit_kernel<A> &k, int groups, int multiprocessors)
{
    const double start = 3000, chunk_wait = 400, turn = 1.15, shared_a_clock = 128;
    double first = A::NEXT ? 0 : a.chunks * (k.rows * 2.0 + 64), outs = a.outs * 2.0;
    double products = first + UNIT_TAPS * 128 + outs * (1 + a.projected + A::NEXT);
    double moved = k.rows * UNIT_ROW * static_cast<double>(a.slots) + UNIT_PIXELS * a.outs * 4.0;
    double alone = products + 1500 + a.chunks * chunk_wait + outs;
    double shared = (products + moved / shared_a_clock) * turn;
    double tiles = divided(a.tiles, multiprocessors),
           rounds = divided(a.tiles, multiprocessors * groups);
    double together = tiles * shared, apart = rounds * alone;
    return start + (together > apart ? together : apart);
}

// `pictures`: of the batch.
template <typename A>
void add_ways(const A &shape, int pictures, const unit_kernel<A> &k, const cuda_device &g,
              unit_way<A> (&ways)[MOST_WAYS], int *count)
{
    A a = shape;
    choose_tile(&a, pictures, k.rows);
    for (int groups = k.most_groups; groups >= 1; groups--) {
        a.stages = MOST_STAGES;
        while (shared_bytes(a, k.rows, groups) > g.block_shared_bytes) a.stages--;
        if (a.stages < 2) continue;
        unit_way<A> w = {&k,
                         a.tile_height,
                         a.tile_width,
                         groups,
                         a.stages,
                         shared_bytes(a, k.rows, groups),
                         cost_of(a, k, groups, g.multiprocessors)};
        keep_way(ways, count, MOST_WAYS, w);
    }
}

} // namespace

#endif
