// The ways of depthwise_pointwise_cuda: a kernel and its tile, a cluster, and how much of the 1x1
// filter is in shared memory at once; best first by a rough model.
#ifndef POSENET_KERNELS_DEPTHWISE_POINTWISE_BLOCK_WAYS_CUH
#define POSENET_KERNELS_DEPTHWISE_POINTWISE_BLOCK_WAYS_CUH

#include "kernels/cuda/device.h"
#include "kernels/cuda/ways.cuh"
#include "kernels/depthwise_pointwise/block_held.cuh"

namespace
{

const int MOST_WAYS = 24;      // offered to the tuner
const int CHUNK = 4;           // steps in a slot where the filter does not stay whole
const int LARGEST_CLUSTER = 6; // more leave multiprocessors without a block
const int CLUSTERS[] = {1, 2, 3, 4, LARGEST_CLUSTER};

struct tile_kernel {
    int pixels, channels, threads;
    int held;                           // steps of the filter in registers; 0: in shared memory
    void (*kernel[2])(block_arguments); // by stride where it is held
    block_layout (*layout)(int steps, int chunk, int cluster);
};

template <int PIXELS, int CHANNELS, int ROWS, int COLUMNS, int SHARES> constexpr tile_kernel tile()
{
    typedef block_tile<PIXELS, CHANNELS, ROWS, COLUMNS, SHARES> t;
    return {PIXELS,
            CHANNELS,
            t::THREADS,
            0,
            {depthwise_pointwise<t>, depthwise_pointwise<t>},
            block_layout_of<t>};
}

template <int PIXELS, int CHANNELS, int ROWS, int COLUMNS, int SHARES, int LANES, int HELD>
constexpr tile_kernel held()
{
    typedef held_tile<PIXELS, CHANNELS, ROWS, COLUMNS, SHARES, LANES, HELD> t;
    return {PIXELS,
            CHANNELS,
            t::THREADS,
            HELD * SHARES,
            {depthwise_pointwise_held<t, 1>, depthwise_pointwise_held<t, 2>},
            block_layout_of<t>};
}

const tile_kernel tiles[] = {
    tile<16, 64, 1, 2, 4>(),       tile<32, 32, 2, 1, 4>(),        tile<32, 64, 2, 2, 2>(),
    tile<32, 96, 2, 3, 1>(),       tile<32, 128, 1, 4, 2>(),       tile<64, 64, 2, 2, 2>(),
    tile<64, 96, 2, 3, 1>(),       tile<64, 128, 2, 4, 1>(),       tile<64, 256, 2, 4, 1>(),
    tile<128, 64, 4, 2, 1>(),      tile<128, 128, 4, 2, 1>(),      held<16, 64, 1, 2, 4, 2, 6>(),
    held<16, 64, 1, 2, 4, 4, 6>(), held<32, 64, 2, 2, 2, 2, 6>(),  held<32, 64, 2, 2, 2, 4, 6>(),
    held<32, 96, 2, 3, 1, 4, 6>(), held<128, 64, 4, 2, 1, 4, 2>(), held<144, 64, 9, 1, 1, 4, 2>()};

int steps_of(const conv_params *pointwise)
{
    return (pointwise->in_channels + BLOCK_STEP - 1) / BLOCK_STEP;
}

int groups_of(const tensor *y)
{
    return y->dims[AXIS_N] * divided(y->dims[AXIS_H], 2) * divided(y->dims[AXIS_W], 2);
}

struct way {
    const tile_kernel *tile;
    int chunk, cluster, shared_bytes;
    double cost;
};

// Cycles of a multiprocessor that has its part of the blocks, by rates and delays as measured on
// one: good enough to leave hopeless ways out, and to begin with.
double cost_of(const cuda_device &g, const network *net, const work *w, const way &a)
{
    const bool held = a.tile->held > 0;
    const double depthwise_rate = held ? 8 : 5, product_rate = held ? 900 : 600, copy_rate = 40,
                 delay = held ? 1200 : 1500, meeting = held ? 100 * a.cluster : 600;
    const conv_params *p = &net->steps[w->first + 1].as.conv;
    double pixels = a.tile->pixels, depth = steps_of(p) * BLOCK_STEP;
    int blocks = divided(groups_of(&net->tensors[net->steps[w->first + 1].output]) * BLOCK_GROUP,
                         a.tile->pixels) *
                 divided(divided(p->out_channels, a.tile->channels), a.cluster) * a.cluster;
    int at_once = g.shared_bytes / (a.shared_bytes + CUDA_BLOCK_RESERVE);
    if (at_once > 2048 / a.tile->threads) at_once = 2048 / a.tile->threads;
    if (at_once > 2) at_once = 2;
    double rounds = divided(blocks, g.multiprocessors * at_once);
    double each = pixels * depth / a.cluster / depthwise_rate +
                  pixels * depth * a.tile->channels / product_rate +
                  (held ? 0 : a.tile->channels * depth * 2 / copy_rate);
    double most = divided(blocks, g.multiprocessors);
    if (held && most > 1) rounds += 0.2; // leaves the next kernel little room to start early
    return delay * rounds + most * each + (a.cluster > 1 ? meeting : 0) +
           (a.shared_bytes * 2 > g.shared_bytes ? delay / 2 : 0);
}

// A filter that is held fits the warps' registers, and each block of a cluster computes as much.
bool can_hold(const conv_params *depthwise, int steps, const way &a)
{
    const int *stride = depthwise->stride, *dilation = depthwise->dilation;
    return steps <= a.tile->held && steps == a.chunk && steps % a.cluster == 0 &&
           stride[0] == stride[1] && stride[0] <= 2 && dilation[0] == 1 && dilation[1] == 1;
}

bool possible(const cuda_device &g, const step *s, int steps, const way &a)
{
    const conv_params *p = &s[1].as.conv;
    int across = divided(p->out_channels, a.tile->channels);
    if (a.tile->held ? !can_hold(&s->as.conv, steps, a) : a.cluster % 3 == 0) return false;
    if (a.cluster > 1 && (g.compute < 90 || across < a.cluster)) return false;
    if (a.tile->channels > 64 && a.tile->channels >= p->out_channels + 64) return false;
    return a.shared_bytes <= g.block_shared_bytes;
}

// The ways that fit the device into `ways`, the cheapest first; how many.
int find_ways(const cuda_device &g, const network *net, const work *w, way (&ways)[MOST_WAYS])
{
    const step *s = &net->steps[w->first];
    int steps = steps_of(&s[1].as.conv), count = 0;
    for (const tile_kernel &t : tiles)
        for (int whole = 1; whole >= 0; whole--)
            for (int cluster : CLUSTERS) {
                if (!whole && steps <= CHUNK) continue;
                way a = {&t, whole ? steps : CHUNK, cluster, 0, 0};
                a.shared_bytes = t.layout(steps, a.chunk, cluster).end;
                if (!possible(g, s, steps, a)) continue;
                a.cost = cost_of(g, net, w, a);
                keep_way(ways, &count, MOST_WAYS, a);
            }
    return count;
}

} // namespace

#endif
