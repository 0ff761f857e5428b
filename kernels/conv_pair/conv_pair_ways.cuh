// The ways of conv_pair_cuda: a tile, the blocks of a cluster, and how much of the filters is in
// shared memory at once; best first by a rough model.
#ifndef POSENET_KERNELS_CONV_PAIR_CONV_PAIR_WAYS_CUH
#define POSENET_KERNELS_CONV_PAIR_CONV_PAIR_WAYS_CUH

#include "kernels/conv_pair/conv_pair.cuh"
#include "kernels/cuda/device.h"
#include "kernels/cuda/ways.cuh"

namespace
{

struct pair_kernel {
    int pixels, groups;
    void (*kernel)(conv_pair_arguments);
};

template <int PIXELS, int GROUPS> constexpr pair_kernel kernel_of()
{
    return {PIXELS, GROUPS, conv_pair<pair_tile<PIXELS, GROUPS>>};
}

const pair_kernel kernels[] = {kernel_of<32, 1>(), kernel_of<32, 2>(), kernel_of<32, 4>(),
                               kernel_of<48, 1>(), kernel_of<48, 2>(), kernel_of<64, 1>(),
                               kernel_of<64, 2>(), kernel_of<64, 4>(), kernel_of<128, 1>(),
                               kernel_of<128, 2>()};
const int clusters[] = {1, 2, 4, 8};
const int MOST_WAYS = 20;
const int MOST_OWN = 256; // channels of y that a block can surely hold, and of x and z:
const int MOST_CHANNELS = 512;

struct pair_way {
    const pair_kernel *kernel;
    int blocks, stages, shared_bytes;
    double cost;
};

int shared_bytes(const conv_pair_arguments &a, const pair_kernel &k)
{
    return PAIR_ALIGN + pair_layout_of(a, k.pixels, k.groups).end;
}

// Units of the warpgroup that has most.
int units_of(const conv_pair_arguments &a, const pair_kernel &k)
{
    int own = a.middle / a.blocks / PAIR_STEP;
    return own / k.groups * (a.ins / PAIR_STEP) + divided(a.outs / PAIR_STEP, k.groups) * own;
}

// As many stages as fit into `bytes`; false where these are too few.
bool set_stages(conv_pair_arguments *a, const pair_kernel &k, int bytes)
{
    const int least = 3;
    int units = units_of(*a, k);
    a->stages = units < PAIR_MOST_STAGES ? units : PAIR_MOST_STAGES;
    while (a->stages > 0 && shared_bytes(*a, k) > bytes) a->stages--;
    return a->stages >= least || a->stages == units;
}

// Clocks: what a multiprocessor fetches, or the cache gives to all, or is multiplied, whatever
// takes longest; turning sums into y; their exchange; times the blocks that it gets. A ring that is
// filled again waits for memory each time round.
double cost_of(const conv_pair_arguments &a, const pair_kernel &k, int multiprocessors, bool half)
{
    const double bytes_a_clock = 48, all_bytes_a_clock = 2600, sent_a_clock = 14, sums_a_clock = 64;
    const double products_a_clock = k.groups > 1 ? 1400 : 1000, latency = 300, start = 2500;
    const double finished_a_clock = k.groups > 1 ? 24 : 12;
    int own = a.middle / a.blocks, blocks = divided(a.pixels, k.pixels) * a.blocks;
    int places = multiprocessors * (half ? 2 : 1), busy = blocks < places ? blocks : places;
    int shared_by = divided(busy, multiprocessors);
    double products = static_cast<double>(k.pixels) * own * (a.ins + a.outs) / products_a_clock;
    double fetched =
        (half ? 1.0 : 2.0) * own * (a.ins + a.outs) + 2.0 * k.pixels * (a.ins + 2 * own);
    double fetches = fetched / bytes_a_clock * shared_by;
    double cached = fetched * busy / all_bytes_a_clock;
    double sums = 4.0 * k.pixels * a.outs, finish = k.pixels * own / finished_a_clock;
    double exchange =
        a.blocks > 1 ? 600 + sums * (a.blocks - 1) / a.blocks / sent_a_clock : sums / sums_a_clock;
    double busiest = fetches > cached ? fetches : cached;
    if (busiest < products * shared_by) busiest = products * shared_by;
    double refills = static_cast<double>(units_of(a, k) - a.stages) / a.stages * latency;
    return divided(blocks, places) * (start + busiest + finish + refills + exchange * shared_by);
}

void add_ways(const conv_pair_arguments &shape, const pair_kernel &k, const cuda_device &g,
              pair_way (&ways)[MOST_WAYS], int *count)
{
    // Two such blocks fit a multiprocessor: one computes, the next kernel's waits.
    const int half = g.shared_bytes / 2 - CUDA_BLOCK_RESERVE;
    for (int blocks : clusters) {
        conv_pair_arguments a = shape;
        a.blocks = blocks;
        if (a.middle % (blocks * PAIR_STEP * k.groups) != 0) continue;
        int before = 0;
        for (int bytes : {half, g.block_shared_bytes}) {
            if (!set_stages(&a, k, bytes) || a.stages == before) continue;
            before = a.stages;
            pair_way w = {&k, blocks, a.stages, shared_bytes(a, k), 0};
            w.cost = cost_of(a, k, g.multiprocessors, bytes == half);
            keep_way(ways, count, MOST_WAYS, w);
        }
    }
}

} // namespace

#endif
