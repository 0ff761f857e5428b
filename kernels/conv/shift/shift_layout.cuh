// What conv_shift.cuh is told, and what lies where in a block's shared memory.
#ifndef POSENET_KERNELS_CONV_SHIFT_SHIFT_LAYOUT_CUH
#define POSENET_KERNELS_CONV_SHIFT_SHIFT_LAYOUT_CUH

#include <cuda_fp16.h>

#include <stdint.h>

// Pictures are seen as one row of pixels, with zeros in between: `dilation` columns before each
// line and as many lines before each picture, so every tap of a pixel lies as far from it as of any
// other.
struct conv_shift_arguments {
    const __half *x, *residual;  // residual: NULL, or y's dims
    const unsigned char *filter; // units: [outs / 64][ins / 16]
    const float *bias;           // or NULL
    __half *y;
    int pictures, height, width, ins, outs, dilation;
    int lines, pitch;            // from a picture to the next, from a line to the next
    unsigned by_lines, by_pitch; // inverse_of these
    int share_bits;    // a cluster has 1 << share_bits blocks, which share the input channels
    int units, stages; // of the filter: a block's, and those in shared memory at once
    int plane;         // pixels of x from 8 channels to the next 8
    int apart;         // sums have a place of their own in shared memory, not that of the operands
    int patient;       // the next kernel starts once x has come, so that its first fetches do not
                       // come in between
    float low, high;
};

enum {
    SHIFT_CHANNELS = 64, // of y, a block's
    SHIFT_STEP = 16,     // input channels of a unit of the filter
    SHIFT_TAPS = 9,
    SHIFT_PIECE = 16, // bytes of 8 halves
    SHIFT_HALF_TAP = SHIFT_CHANNELS * SHIFT_PIECE,
    SHIFT_UNIT = SHIFT_TAPS * 2 * SHIFT_HALF_TAP, // [tap][k / 8][channel, shift_row's order][8]
    SHIFT_THREADS = 256,
    SHIFT_TILE = 512 // bytes of the sums of 16 channels of 8 pixels
};

// The row of products that has a channel: 16 by 16 such that a lane, once its sums are turned, has
// 4 channels that follow each other.
__host__ __device__ inline int shift_row(int channel)
{
    return channel / 16 * 16 + channel % 4 / 2 * 8 + channel % 16 / 4 * 2 + channel % 2;
}

// What __umulhi divides n by `d` with, n * d below 2^32 and d above 1.
__host__ __device__ inline unsigned inverse_of(int d)
{
    return 0xffffffffu / d + 1;
}

// Pixels of x that a block with so many of y reads.
__host__ __device__ inline int shift_window(const conv_shift_arguments &a, int pixels)
{
    return pixels + 2 * a.dilation * (a.pitch + 1);
}

// Bytes. Stages come first; the sums have [share][tile of the block][lane][4].
struct shift_layout {
    int x, sums, biases, barriers, end, tiles; // tiles: the most that a block finishes
};

__host__ __device__ inline shift_layout shift_layout_of(const conv_shift_arguments &a, int pixels)
{
    shift_layout l;
    l.x = a.stages * SHIFT_UNIT;
    int operands = l.x + a.units * 2 * a.plane * SHIFT_PIECE;
    l.tiles = (pixels / 2 + (1 << a.share_bits) - 1) >> a.share_bits;
    l.sums = a.apart ? operands : 0;
    int sums_end = l.sums + (l.tiles << a.share_bits) * SHIFT_TILE;
    l.biases = operands > sums_end ? operands : sums_end;
    l.barriers = l.biases + SHIFT_CHANNELS * 4;
    l.end = l.barriers + (a.stages + 1) * 8; // last: sums
    return l;
}

#endif
