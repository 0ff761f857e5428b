// The ways of conv_tma_cuda: a kernel, blocks that share k, tiles of pixels that share the filter's
// copies, tiles of channels that share x's, and how much shared memory a block takes; best first by
// a rough model.
#ifndef POSENET_KERNELS_CONV_TMA_TMA_WAYS_CUH
#define POSENET_KERNELS_CONV_TMA_TMA_WAYS_CUH

#include "kernels/conv/tma/conv_tma_split.cuh"
#include "kernels/cuda/device.h"
#include "kernels/cuda/ways.cuh"

namespace
{

// A kernel for tiles of a shape.
struct tma_shape {
    int rows, pixels, channels, groups, threads, panel; // tma_tile's
    bool apart, each, split;                            // each: has store_each
    int x_bytes, filter_bytes, stage_bytes, bias_bytes, output_bytes, barrier_bytes;
};

template <typename A> struct tma_kernel : tma_shape {
    void (*kernel)(CUtensorMap, CUtensorMap, CUtensorMap, A);
    void (*split_kernel)(CUtensorMap, A); // one of the two
};

template <typename A, typename T, bool SPLIT = false> constexpr tma_kernel<A> kernel_of()
{
    tma_kernel<A> k = {{T::ROWS, T::PIXELS, T::CHANNELS, T::GROUPS, T::THREADS, T::PANEL, T::APART,
                        SPLIT || T::ROWS * T::CHANNELS <= 128, SPLIT, T::X_BYTES, T::FILTER_BYTES,
                        T::STAGE_BYTES, T::BIAS_BYTES, T::OUTPUT_BYTES, T::BARRIER_BYTES},
                       nullptr,
                       nullptr};
    if constexpr (SPLIT)
        k.split_kernel = conv_tma_split<T, A>;
    else
        k.kernel = conv_tma<T, A>;
    return k;
}

template <typename A>
const tma_kernel<A> kernels[] = {
    kernel_of<A, tma_tile<2, 128, 2, true, 4>>(),  kernel_of<A, tma_tile<1, 256, 2, true, 4>>(),
    kernel_of<A, tma_tile<1, 192, 2, true, 3>>(),  kernel_of<A, tma_tile<2, 96, 2, true, 3>>(),
    kernel_of<A, tma_tile<2, 64, 2, true, 2>>(),   kernel_of<A, tma_tile<2, 48, 2, true, 3>>(),
    kernel_of<A, tma_tile<1, 256, 2, false, 4>>(), kernel_of<A, tma_tile<2, 128, 2, false, 4>>(),
    kernel_of<A, tma_tile<1, 192, 2, false, 3>>(), kernel_of<A, tma_tile<2, 96, 2, false, 3>>(),
    kernel_of<A, tma_tile<1, 128, 2, false, 2>>(), kernel_of<A, tma_tile<1, 64, 2, false, 1>>(),
    kernel_of<A, tma_tile<1, 32, 1, false, 1>>(),  kernel_of<A, tma_tile<1, 48, 1, false, 3>>(),
    kernel_of<A, tma_tile<1, 64, 1, false, 1>>(),  kernel_of<A, tma_tile<1, 96, 1, false, 3>>(),
    kernel_of<A, tma_tile<1, 128, 1, false, 2>>(), kernel_of<A, tma_tile<2, 64, 1, false, 2>>(),
};

template <typename A>
const tma_kernel<A> split_kernels[] = {
    kernel_of<A, tma_tile<1, 32, 1, false, 1>, true>(),
    kernel_of<A, tma_tile<1, 64, 1, false, 1>, true>(),
    kernel_of<A, tma_tile<1, 128, 1, false, 2>, true>(),
    kernel_of<A, tma_tile<1, 64, 2, false, 1>, true>(),
    kernel_of<A, tma_tile<1, 128, 2, false, 2>, true>(),
};
const int splits[] = {1, 2, 3, 4, 6, 8}, togethers[] = {1, 2, 3, 4, 5}, slice_counts[] = {1, 2, 4};
const int MOST_WHOLE = 32, MOST_WAYS = 48, MOST_CLUSTER = 8;
const int MOST_OF_KERNEL = 4; // ways, so that the model's errors leave others to be timed

struct tma_way {
    const tma_shape *shape; // of a tma_kernel
    int split, together, slices, stages, blocks, shared_bytes;
    double cost; // expected clocks
};

inline int cluster_of(const tma_way &w)
{
    return w.split * w.together * w.slices;
}

// Biases beside the ring: see tma_ring. Blocks that share k add none there.
inline int biases_of(const tma_way &w, int steps)
{
    int biases = 1;
    while (biases * steps < w.stages) biases *= 2;
    return w.shape->split ? 0 : biases;
}

// What follows from a way for a step.
template <typename A> void set_way(A *a, const tma_way &w)
{
    int pixel_tiles = divided(a->pixels, w.shape->pixels);
    a->split = w.split;
    a->together = w.together;
    a->slices = w.slices;
    a->stages = w.stages;
    a->biases = biases_of(w, a->steps);
    a->units_row = divided(a->channels, w.shape->channels);
    if constexpr (A::TWIN) {
        a->tiles = a->units_row;
        a->units_row += divided(a->second.channels, w.shape->channels);
        a->second.split = w.split;
        a->second.together = w.together;
    }
    a->units_row /= w.slices; // is_possible: without remainder
    a->units = divided(pixel_tiles, w.together) * a->units_row;
}

// Of a block, with all of tma_ring.
int shared_bytes(const tma_way &w, int steps)
{
    const tma_shape &k = *w.shape;
    int sums = w.split * divided(k.pixels, w.split) * k.channels * static_cast<int>(sizeof(float));
    return w.stages * k.stage_bytes + (k.split ? sums : k.output_bytes) +
           biases_of(w, steps) * k.bias_bytes + k.barrier_bytes;
}

// Registers let so many blocks onto a multiprocessor if shared memory does: sums and about 56 more
// for each thread.
int resident_blocks(const tma_shape &k)
{
    int registers = k.rows * k.channels / 2 + 56;
    return 65536 / (registers * k.threads) > 1 ? 2 : 1;
}

// How many clusters run at once if `resident` blocks fit a multiprocessor: a cluster lies within a
// group of them, of which most have 16. prepare asks the driver, which knows.
int running_clusters(int multiprocessors, int resident, int cluster)
{
    const int group = 16;
    if (cluster <= 2) return multiprocessors * resident / cluster;
    return multiprocessors / group * (group * resident / cluster);
}

// Stages and blocks of a way whose blocks take up to `bytes` of shared memory and come `resident`
// to a multiprocessor; false where there is none.
template <typename A>
bool complete_way(A *a, tma_way *w, int multiprocessors, int bytes, int resident)
{
    const int least = 3, cluster = cluster_of(*w);
    set_way(a, *w);
    int places = running_clusters(multiprocessors, resident, cluster), clusters = a->units;
    if (places < 1) return false; // in a slice of a GPU
    if (!w->shape->split && clusters > places) clusters = places;
    int share = divided(a->steps, w->split) * divided(a->units, clusters);
    w->stages = share < TMA_MOST_STAGES ? share : TMA_MOST_STAGES;
    while (w->stages > 0 && shared_bytes(*w, a->steps) > bytes) w->stages--;
    if (w->stages < least && w->stages < share) return false;
    w->blocks = clusters * cluster;
    w->shared_bytes = shared_bytes(*w, a->steps);
    return true;
}

template <typename A>
bool is_possible(const A &a, const tma_shape &k, int split, int together, int slices)
{
    int channels = a.channels, tiles = divided(a.channels, k.channels);
    if constexpr (A::TWIN) {
        channels += a.second.channels;
        tiles += divided(a.second.channels, k.channels);
    }
    if (!a.mapped && !k.each) return false;
    if (split > a.steps || (split > 1) != k.split) return false;
    if (tiles % slices != 0 || (slices > 1 && split > 1)) return false;
    if (split * together * slices > MOST_CLUSTER) return false;
    if (together > divided(a.pixels, k.pixels)) return false;
    return k.channels < 2 * channels || k.channels <= 32;
}

// A step takes as long as its products, or its way through shared memory, or what all blocks ask of
// the cache; a tile its steps and its results, side by side where warpgroups work apart.
double expected_clocks(const conv_tma_arguments &a, const tma_way &w, int multiprocessors,
                       int resident)
{
    const double products_a_clock = 2048 * 0.9, shared_a_clock = 128, cached_a_clock = 3700;
    const double stored_a_clock = 32, sent_a_clock = 14, step_start = 90, start = 3500;
    const double latency = 1000, cluster_start = 150, together_waits = 0.02; // of a step
    const tma_shape &k = *w.shape;
    double products = k.pixels * k.channels * MMA_STEP / products_a_clock;
    double read = k.pixels / 64 * (64 + k.channels) * TMA_ROW;
    double shared = (read + k.x_bytes + k.filter_bytes) / shared_a_clock;
    int cluster = cluster_of(w);
    int places = running_clusters(multiprocessors, resident, cluster) * cluster;
    int busy = w.blocks < places ? w.blocks : places;
    int beside = divided(busy, multiprocessors);
    double cached = (static_cast<double>(k.x_bytes) / w.slices +
                     static_cast<double>(k.filter_bytes) / w.together) *
                    busy;
    double step = (products > shared ? products : shared) * beside;
    if (step < products + step_start) step = products + step_start;
    if (step < cached / cached_a_clock) step = cached / cached_a_clock;
    if (w.stages < divided(a.steps, w.split) && step < latency / (w.stages - 1))
        step = latency / (w.stages - 1);
    double steps =
        divided(a.steps, w.split) * step * (1 + together_waits * (w.together + w.slices - 2));
    double results = k.pixels / w.split * k.channels * (a.residual ? 4.0 : 2.0) / stored_a_clock;
    results = results * beside + 500;
    double both = k.apart || beside > 1 ? (steps + results) / 2 : steps + results;
    if (both < steps) both = steps;
    int rounds = divided(a.units, w.blocks / cluster);
    if (k.split) rounds = divided(w.blocks, places);
    double sums = 4.0 * k.pixels * k.channels * (w.split - 1) / w.split / sent_a_clock;
    return start + rounds * both + (both < steps + results ? steps + results - both : 0) +
           (w.split > 1 ? 700 + sums * beside : 0) + (cluster > 1 ? cluster_start : 0);
}

// Those of one kernel with this split, together and slices: beside which the next kernel may start,
// and with all of the shared memory.
template <typename A>
void add_ways(const cuda_device &g, A a, const tma_shape &k, int split, int together, int slices,
              tma_way *ways, int *count)
{
    if (!is_possible(a, k, split, together, slices)) return;
    int before = 0;
    for (int half = 1; half >= 0; half--) {
        int bytes = half ? g.shared_bytes / 2 - CUDA_BLOCK_RESERVE : g.block_shared_bytes;
        int resident = half ? resident_blocks(k) : 1;
        tma_way w = {&k, split, together, slices, 0, 0, 0, 0};
        if (!complete_way(&a, &w, g.multiprocessors, bytes, resident)) continue;
        if (w.stages == before) continue; // the same again
        before = w.stages;
        w.cost = expected_clocks(a, w, g.multiprocessors, resident);
        keep_way(ways, count, MOST_OF_KERNEL, w);
    }
}

// The best MOST_OF_KERNEL of a kernel's that share x or, `sliced` false, do not, among the best
// `most` of `out`.
template <typename A>
void list_kernel(const cuda_device &g, const A &a, const tma_shape &k, bool sliced, int most,
                 tma_way *out, int *count)
{
    tma_way ways[MOST_OF_KERNEL];
    int own = 0;
    for (int together : togethers)
        for (int split : splits)
            for (int slices : slice_counts)
                if ((slices > 1) == sliced) add_ways(g, a, k, split, together, slices, ways, &own);
    for (int i = 0; i < own; i++) keep_way(out, count, most, ways[i]);
}

// The best ways into `out`, which has room for MOST_WAYS: those that do not share x, then those
// that do, each best first; how many. Apart, since the model knows too little to hold one kind
// against the other. `a.residual`: whether there is one.
template <typename A> int list_ways(const cuda_device &g, const A &a, tma_way *out)
{
    int count = 0, sliced = 0;
    for (const tma_shape &k : kernels<A>) list_kernel(g, a, k, false, MOST_WHOLE, out, &count);
    if constexpr (!A::THIN) // which are thinned only by panels
        for (const tma_shape &k : split_kernels<A>)
            list_kernel(g, a, k, false, MOST_WHOLE, out, &count);
    for (const tma_shape &k : kernels<A>)
        list_kernel(g, a, k, true, MOST_WAYS - MOST_WHOLE, out + count, &sliced);
    return count + sliced;
}

} // namespace

#endif
