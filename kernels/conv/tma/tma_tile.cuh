// What conv_tma.cuh's kernels are told, their tiles, and what lies where in shared memory.
//
// sums[pixel][channel] = sum over k of x[pixel][k] * filter[channel][k], k = (tap, input channel),
// in steps of 64: taps one after the other, each with its channels filled up to whole steps.
// Pixels are counted through all pictures of the batch.
#ifndef POSENET_KERNELS_CONV_TMA_TMA_TILE_CUH
#define POSENET_KERNELS_CONV_TMA_TMA_TILE_CUH

#include "kernels/conv/mma/mma_output.cuh"
#include "kernels/cuda/wgmma.cuh"

// conv_mma_arguments: `filter` as [step][filter_channels][64] halves, rows permuted (wgmma.cuh);
// `bias` never NULL, and zeros up to where a last tile ends. A cluster has `together` tiles of
// pixels that share the filter's copies, times `slices` tiles of channels that share x's, each tile
// `split` times; one of the latter two is 1.
struct conv_tma_arguments : conv_mma_arguments {
    int windows;         // x's map is an im2col map; else one of rows, the pixels
    int mapped;          // y and the residual have maps
    int chunks;          // of 64 input channels, of a tap
    int filter_channels; // with padding
    int together, slices;
    int stages;           // of the ring
    int biases;           // of tiles whose steps may be in the ring at once; a power of 2, or 0
    int units, units_row; // clusters' worth of work; as many have the same pixels
    float low, high;      // the clamp

    static constexpr bool TWIN = false, THIN = false; // whether these are one of the next
};

// The same for two 1x1 convolutions of one x, without residual: a row of tiles has `tiles` of this
// one's channels, then those of `second`, of which only the filter, the results, split and together
// count.
struct conv_twin_arguments : conv_tma_arguments {
    conv_tma_arguments second;
    int tiles;

    static constexpr bool TWIN = true;
    static constexpr int mapped = 1; // both are
    static constexpr const __half *residual = nullptr;
};

// The same for a convolution of whose results every every[0]-th line's every[1]-th pixel is written
// to `thinned`, too.
struct conv_thin_arguments : conv_tma_arguments {
    __half *thinned;
    int every[2], thin_height, thin_width;

    static constexpr bool THIN = true;
    static constexpr int mapped = 1; // results are
};

enum { TMA_ALIGN = 1024, TMA_MOST_STAGES = 16, TMA_ROW = MMA_STEP * 2, TMA_GROUP = 64 };
enum { TMA_PRODUCERS = 64 }; // threads

// A warpgroup of GROUPS computes ROWS * 64 pixels by CHANNELS: of one tile all of them share, or,
// APART, of a tile of its own, so that one stores while another multiplies. Results leave through
// SLOTS panels of 16 pixels by PANEL channels of shared memory a warp.
template <int ROWS_, int CHANNELS_, int GROUPS_, bool APART_, int SLOTS_> struct tma_tile {
    static constexpr int ROWS = ROWS_, CHANNELS = CHANNELS_, GROUPS = GROUPS_, SLOTS = SLOTS_;
    static constexpr bool APART = APART_;
    static constexpr int SHARING = APART ? 1 : GROUPS; // warpgroups that read a stage
    static constexpr int PIXELS = ROWS * TMA_GROUP * SHARING;
    static constexpr int X_BYTES = PIXELS * TMA_ROW, FILTER_BYTES = CHANNELS * TMA_ROW;
    static constexpr int STAGE_BYTES = X_BYTES + FILTER_BYTES, BIAS_BYTES = CHANNELS * 4;
    static constexpr int WORKERS = GROUPS * 128, THREADS = WORKERS + TMA_PRODUCERS;
    static constexpr int PANEL = CHANNELS % 64 == 0 ? 64 : CHANNELS % 32 == 0 ? 32 : 16;
    static constexpr int PANEL_BYTES = 16 * PANEL * 2;
    static constexpr int ACROSS = CHANNELS / PANEL, PANELS = ROWS * ACROSS; // of a warp
    static constexpr int OUTPUT_BYTES = GROUPS * 4 * SLOTS * PANEL_BYTES;
    static constexpr bool LATE_RESIDUAL = OUTPUT_BYTES > 32768; // see tma_output::begin
    static constexpr int BARRIER_BYTES = (2 * TMA_MOST_STAGES + GROUPS * 4 * SLOTS) * 8;
    static_assert(PIXELS <= 256 && CHANNELS <= 256 && CHANNELS % PANEL == 0);
    static_assert(STAGE_BYTES % TMA_ALIGN == 0);
    static_assert(!APART || GROUPS == 2);
    static_assert(PANELS % SLOTS == 0 && (SLOTS > 1 || PANELS == 1));
};

// A ring of stages, each x and filter; behind it what warps put their results in, biases, barriers.
// Stage i is full once both producers' bytes have come, and empty once all warps that read it, in
// all blocks that share its copies, are done with it. A tile's bias comes with its first step;
// where it goes is free by then, since its stage is: the bias before was read `stages` steps ago or
// more.
template <typename T> struct tma_ring {
    unsigned stages, biases, full, empty; // shared addresses; 8 bytes a barrier

    // In shared memory from `shared` on, which is at TMA_ALIGN; `output_bytes`: for results. The
    // compiler must not find addresses anew for every step.
    __device__ tma_ring(const conv_tma_arguments &a, unsigned shared, int output_bytes)
    {
        stages = shared;
        biases = x(a.stages) + output_bytes;
        full = biases + a.biases * T::BIAS_BYTES;
        asm volatile("" : "+r"(stages), "+r"(full));
        empty = full + TMA_MOST_STAGES * 8;
    }

    // The barriers' end.
    __device__ unsigned end() const
    {
        return empty + TMA_MOST_STAGES * 8;
    }

    __device__ unsigned x(int stage) const
    {
        return stages + stage * T::STAGE_BYTES;
    }

    __device__ unsigned filter(int stage) const
    {
        return x(stage) + T::X_BYTES;
    }

    // Of the block's tile `number`.
    __device__ unsigned bias(const conv_tma_arguments &a, int number) const
    {
        return biases + (number & (a.biases - 1)) * T::BIAS_BYTES;
    }
};

// Where in the ring one is: `done` steps have gone by.
struct tma_turn {
    int stage, phase, done;

    __device__ void skip(int steps, int stages)
    {
        done += steps;
        stage += steps;
        int laps = stage / stages;
        stage -= laps * stages;
        phase ^= laps & 1;
    }

    __device__ void next(int stages)
    {
        done++;
        if (++stage < stages) return;
        stage = 0;
        phase ^= 1;
    }
};

// The block's part of the work: `units` first, first + apart, ..; of each, steps first_step..
struct tma_share {
    int place, slice, number; // among the tiles that share a filter; x; among the blocks of a k
    int first, apart, units;
    int first_step, steps;

    // Divisions take long at the start of a block, so only those that there is need for.
    __device__ explicit tma_share(const conv_tma_arguments &a)
        : place(0), slice(0), number(0), first(blockIdx.x), apart(gridDim.x), units(1),
          first_step(0), steps(a.steps)
    {
        if (a.split * a.together * a.slices > 1) {
            const cluster_place cluster;
            first = cluster.number;
            apart = cluster.count;
            place = cluster.rank;
        }
        if (a.slices > 1) {
            int rank = place;
            place = rank / a.slices;
            slice = rank - place * a.slices;
        }
        if (a.split > 1) {
            int rank = place;
            place = rank / a.split;
            number = rank - place * a.split;
            first_step = number * a.steps / a.split;
            steps = (number + 1) * a.steps / a.split - first_step;
        }
        if (first + apart < a.units) units = (a.units - first + apart - 1) / apart;
    }

    // Of the cluster's block with another tile and this one's share of k.
    __device__ int rank(const conv_tma_arguments &a, int its_place, int its_slice) const
    {
        return (its_place * a.slices + its_slice) * a.split + number;
    }
};

// The tile of a unit.
struct tma_place {
    int pixel, channel; // its first
    bool second;        // it is of conv_twin_arguments.second

    template <typename T, typename A>
    static __device__ tma_place of(const A &a, const tma_share &share, int unit)
    {
        int row = unit / a.units_row, column = (unit - row * a.units_row) * a.slices + share.slice;
        tma_place tile = {(row * a.together + share.place) * T::PIXELS, column * T::CHANNELS,
                          false};
        if constexpr (A::TWIN) {
            tile.second = tile.channel >= a.tiles * T::CHANNELS;
            if (tile.second) tile.channel -= a.tiles * T::CHANNELS;
        }
        return tile;
    }
};

// The convolution that a tile is of.
template <typename A>
__device__ const conv_tma_arguments &convolution_of(const A &a, const tma_place &tile)
{
    if constexpr (A::TWIN)
        if (tile.second) return a.second;
    return a;
}

#endif
