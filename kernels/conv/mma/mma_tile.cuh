// What the convolutions on the tensor cores share (conv_mma.cuh, conv_patch_mma.cuh): what they are
// told, tiles, the filter's copies and the products of one step.
// mma_output.cuh has the sums' way from registers to y.
//
//   sums[pixel][channel] = sum over k of x[pixel][k] * filter[channel][k],  k = (tap, input
//   channel)
//
// A block computes a tile of pixels by channels over a share of k. `split` blocks that share a tile
// form a cluster: each sums its share of k, then sends every block of the cluster the rows that
// this one finishes, through distributed shared memory; these are added in the order of the shares,
// so the bits do not depend on timing.
//
// k goes in steps of 64 through a ring of STAGES stages of shared memory. The filter's first stages
// are requested before the kernel waits for the one before it, so weights come while that one still
// computes. The filter lies in the order of the fragments (conv_cuda_pack_fragments), so it takes
// one 16-byte load a lane for 16 channels by 16 k.
#ifndef POSENET_KERNELS_CONV_MMA_MMA_TILE_CUH
#define POSENET_KERNELS_CONV_MMA_MMA_TILE_CUH

#include <cuda_fp16.h>

#include "kernels/cuda/mma.cuh"
#include "kernels/op.h"

struct conv_mma_arguments {
    const __half *x, *residual; // residual: NULL, or y's dims
    const uint4 *filter;        // conv_cuda_pack_fragments, or as a row of its own says
    const float *bias;          // or NULL
    void *y;
    int y_fp32;
    int height, width, pieces; // of x; pieces: input channels / 8
    int out_height, out_width, channels, pixels;
    int kernel[2], stride[2], dilation[2], pads[2]; // pads: top, left
    int steps, split;                               // of k
    int patches, patch_bytes;                       // conv_patch_mma.cuh: the most of a block
    activation act;
};

enum { MMA_STEP = 64, MMA_PIECES = MMA_STEP / 8, MMA_FRAGMENT = 512 }; // bytes of 16 x 16 halves

// PIXELS x CHANNELS a block, ROWS x COLUMNS warps.
template <int PIXELS_, int CHANNELS_, int ROWS_, int COLUMNS_, int STAGES_> struct mma_tile {
    static constexpr int PIXELS = PIXELS_, CHANNELS = CHANNELS_, ROWS = ROWS_, COLUMNS = COLUMNS_;
    static constexpr int STAGES = STAGES_, THREADS = ROWS * COLUMNS * 32;
    static constexpr int ACROSS = PIXELS / ROWS / 16;    // of a warp: 16-pixel fragments
    static constexpr int DOWN = CHANNELS / COLUMNS / 16; // and 16-channel ones
    static constexpr int X_BYTES = PIXELS * MMA_STEP * 2, FILTER_BYTES = CHANNELS * MMA_STEP * 2;
    static constexpr int STAGE_BYTES = X_BYTES + FILTER_BYTES;
    static constexpr int VECTORS = CHANNELS / 8; // of a row of y
    // y's vectors of a thread, when the block finishes the tile alone
    static constexpr int HELD = PIXELS * VECTORS / THREADS;
    static_assert(THREADS % VECTORS == 0 && HELD > 0 && THREADS % MMA_PIECES == 0);
};

// What one block computes, and which rows of its tile it finishes: `rows` from number * rows on,
// as far as the tile has so many. Blocks along x: tile after tile of all pixels, each `split`
// times; along y: CHANNELS each.
template <typename T> struct mma_share {
    int tile, number; // along x; among the blocks that share it
    int first_pixel, first_channel;
    int first, count; // steps of k
    int stages;       // of conv_mma's ring: no more than any share has steps
    int rows;

    __device__ explicit mma_share(const conv_mma_arguments &a)
    {
        tile = blockIdx.x / a.split;
        number = blockIdx.x - tile * a.split;
        first_pixel = tile * T::PIXELS;
        first_channel = blockIdx.y * T::CHANNELS;
        first = number * a.steps / a.split;
        count = (number + 1) * a.steps / a.split - first;
        stages = min((a.steps + a.split - 1) / a.split, T::STAGES);
        rows = (T::PIXELS + a.split - 1) / a.split;
    }

    __device__ int finished() const
    {
        return min(rows, T::PIXELS - number * rows);
    }
};

// The filter of one step for the tile's channels.
template <typename T>
__device__ void copy_filter(const conv_mma_arguments &a, unsigned to, int first_channel, int step)
{
    const int units = MMA_STEP / 16 * MMA_FRAGMENT / 16; // of 16 channels in one step
#pragma unroll
    for (int i = 0; i < T::FILTER_BYTES / 16 / T::THREADS; i++) {
        int unit = threadIdx.x + i * T::THREADS;
        int64_t block = first_channel / 16 + unit / units;
        copy_async(to + unit * 16, a.filter + (block * a.steps + step) * units + unit % units);
    }
}

// One step. x[i]: where the lane's row (lane % 16) of the warp's i-th 16 pixels lies; its 16-byte
// pieces are permuted by turn[i], the row's place modulo 8.
template <typename T>
__device__ void multiply_step(float (&sums)[T::ACROSS][T::DOWN * 2][4],
                              const unsigned (&x)[T::ACROSS], const unsigned (&turn)[T::ACROSS],
                              unsigned filter)
{
    int lane = threadIdx.x % 32, column = threadIdx.x / 32 % T::COLUMNS;
    filter += lane * 16 + column * T::DOWN * (MMA_STEP / 16 * MMA_FRAGMENT);
#pragma unroll
    for (int k = 0; k < MMA_STEP / 16; k++) {
        unsigned a[T::ACROSS][4];
#pragma unroll
        for (int i = 0; i < T::ACROSS; i++)
            load_matrices(a[i], x[i] + ((k * 2 + lane / 16) ^ turn[i]) * 16);
#pragma unroll
        for (int j = 0; j < T::DOWN; j++) {
            uint4 b = load_shared(filter + (j * (MMA_STEP / 16) + k) * MMA_FRAGMENT);
#pragma unroll
            for (int i = 0; i < T::ACROSS; i++) {
                multiply_add(sums[i][j * 2], a[i], b.x, b.y);
                multiply_add(sums[i][j * 2 + 1], a[i], b.z, b.w);
            }
        }
    }
}

#endif
