// What depthwise_pointwise_cuda.cuh is told, its tiles, and where they lie in shared memory.
#ifndef POSENET_KERNELS_DEPTHWISE_POINTWISE_BLOCK_TILE_CUH
#define POSENET_KERNELS_DEPTHWISE_POINTWISE_BLOCK_TILE_CUH

#include <cuda_fp16.h>

enum {
    BLOCK_GROUP = 4,       // pixels, 2 x 2
    BLOCK_LANES = 4,       // depthwise channels of a thread
    BLOCK_TAPS = 9,        // and the bias is a tenth
    BLOCK_SLOTS = 3,       // of the filter's ring
    BLOCK_FRAGMENT = 1024, // bytes of the filter of 32 channels in a step of 16
    BLOCK_STEP = 16        // depthwise channels of one matrix product
};

struct block_arguments {
    const __half *x, *residual; // residual: NULL, or y's dims
    __half *y;
    const float *taps;        // [10][steps * 16]: the depthwise filter, then its bias
    const uint4 *filter;      // [channels / 32][steps][2][32 lanes], in the order of the fragments
    const float *bias;        // [channels / 32 * 32]
    int height, width, depth; // of x
    int out_height, out_width, channels;
    int down, across, groups; // groups of a picture by height and width, and of all pictures
    int stride[2], dilation[2], pads[2];
    int steps;             // of 16 depthwise channels
    int chunk;             // steps in a slot of the ring
    int cluster;           // blocks
    float low[2], high[2]; // of the depthwise and the 1x1 activation
};

// PIXELS x CHANNELS a block, by ROWS x COLUMNS warps, and SHARES of them for each part of the
// depth.
template <int PIXELS_, int CHANNELS_, int ROWS_, int COLUMNS_, int SHARES_> struct block_tile {
    static constexpr int PIXELS = PIXELS_, CHANNELS = CHANNELS_;
    static constexpr int ROWS = ROWS_, COLUMNS = COLUMNS_, SHARES = SHARES_;
    static constexpr int WARPS = ROWS * COLUMNS, THREADS = WARPS * SHARES * 32;
    static constexpr int GROUPS = PIXELS / BLOCK_GROUP;
    static constexpr int DOWN = PIXELS / ROWS / 16;        // of a warp: 16-pixel fragments
    static constexpr int ACROSS = CHANNELS / COLUMNS / 32; // and 32-channel ones
    static constexpr int HELD = 0; // steps of the depth whose filter a warp keeps in registers
    static_assert(DOWN * ROWS * 16 == PIXELS && ACROSS * COLUMNS * 32 == CHANNELS);
};

// A group's window in x and its pixels in y.
struct block_place {
    int top, left, from; // of its first pixel's window; `from` counts x's elements
    int unused;
};

// Where things lie in a block's shared memory, in bytes.
struct block_layout {
    int pitch; // of the depthwise results' rows: an odd number of 16 bytes, against bank conflicts
    int slot;  // bytes of a slot
    int ring, taps, bias, places, pixels, barrier, end;
    int share; // depthwise vectors of BLOCK_LANES channels that a block of the cluster computes
};

template <typename T>
__host__ __device__ inline block_layout block_layout_of(int steps, int chunk, int cluster)
{
    block_layout l;
    int vectors = steps * BLOCK_STEP / BLOCK_LANES, chunks = (steps + chunk - 1) / chunk;
    l.share = (vectors + cluster - 1) / cluster;
    l.pitch = steps * BLOCK_STEP * 2 + 16;
    l.slot = T::HELD ? 0 : T::CHANNELS / 32 * chunk * BLOCK_FRAGMENT;
    l.ring = T::PIXELS * l.pitch;
    l.taps = l.ring + l.slot * (chunks < BLOCK_SLOTS ? chunks : BLOCK_SLOTS);
    int sums = T::PIXELS * T::CHANNELS * 4 * (T::SHARES - 1); // overlay all before
    if (l.taps < sums) l.taps = sums;
    l.bias = l.taps + (BLOCK_TAPS + 1) * l.share * BLOCK_LANES * 4;
    l.places = l.bias + T::CHANNELS * 4;
    l.pixels = l.places + T::GROUPS * static_cast<int>(sizeof(block_place));
    l.barrier = l.pixels + T::PIXELS * 4;
    l.end = l.barrier + 16;
    return l;
}

#endif
