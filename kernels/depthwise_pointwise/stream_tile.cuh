// What depthwise_pointwise_stream_cuda.cuh is told, its tiles, and where they lie in shared memory.
#ifndef POSENET_KERNELS_DEPTHWISE_POINTWISE_STREAM_TILE_CUH
#define POSENET_KERNELS_DEPTHWISE_POINTWISE_STREAM_TILE_CUH

#include <cuda_fp16.h>

#include <stdint.h>

enum {
    STREAM_TAPS = 9,   // and the bias is a tenth
    STREAM_STRIP = 4,  // pixels across that a depthwise thread computes, of `lines` lines
    STREAM_ROW = 128,  // bytes of a row of an operand: 64 inputs, or 32 and as much unused
    STREAM_HALF = 256, // threads of each kind; products first
    STREAM_WORKERS = 512,
    STREAM_THREADS = 544, // and a warp that copies
    STREAM_MOST_STAGES = 4,
    STREAM_MOST_SLOTS = 32,
    STREAM_FULL = 1,
    STREAM_EMPTY = 3 // named barriers, two each
};

struct stream_arguments {
    const __half *residual; // NULL, or y's dims
    __half *y;
    const unsigned char *taps;   // [chunks][10][chunk] floats
    const unsigned char *filter; // [chunks][channels / 32][32] rows as wgmma.cuh has them
    const float *bias;           // [channels], or NULL
    int out_height, out_width, channels;
    int stride, dilation, pads[2];
    int lines;                       // of a strip: 2, or without dilation 4, or at stride 1 3
    int tile_height, tile_width;     // of y; multiples of `lines` and of STREAM_STRIP
    int window_height, window_width; // of x
    int down, across;                // tiles of a picture
    int tiles;                       // of all pictures
    int splits;                      // blocks that share a tile, each with channels of its own
    int chunk, chunks;               // depthwise channels: 32 or 64, and how often
    int stages, slots;               // slots == chunks: the filter stays
    float low[2], high[2];           // of the depthwise and the 1x1 activation
};

// PIXELS x CHANNELS a tile: of 128 pixels a warpgroup has 64, of 64 it has half the channels.
template <int PIXELS_, int CHANNELS_> struct stream_tile {
    static constexpr int PIXELS = PIXELS_, CHANNELS = CHANNELS_;
    static constexpr int ROWS = PIXELS / 16, COLUMNS = 8 / ROWS; // of warps
    static constexpr int ACROSS = CHANNELS / COLUMNS / 32;       // of a warp: times 32 channels
    static_assert((ROWS == 4 || ROWS == 8) && ACROSS * COLUMNS * 32 == CHANNELS);
};

// A row's pixel in the tile (y beyond any picture: none), and its element from the tile's first.
struct stream_pixel {
    short y, x;
    int at;
};

// Where things lie in a block's shared memory, in bytes.
struct stream_layout {
    int window, stage; // bytes of a window, and with its taps
    int slot;          // bytes of a chunk of the filter
    int results;       // bytes of one buffer of depthwise results
    int at_filter, at_windows, at_bias, at_pixels, at_strips, at_barriers, end;
};

__host__ __device__ inline stream_layout stream_layout_of(const stream_arguments &a, int pixels,
                                                          int channels)
{
    stream_layout l;
    l.window = a.window_height * a.window_width * a.chunk * 2;
    l.stage = (l.window + (STREAM_TAPS + 1) * a.chunk * 4 + 127) / 128 * 128;
    l.slot = channels * STREAM_ROW;
    l.results = pixels * STREAM_ROW;
    l.at_filter = l.results * 2;
    l.at_windows = l.at_filter + l.slot * a.slots;
    l.at_bias = l.at_windows + l.stage * a.stages;
    l.at_pixels = l.at_bias + channels * 4;
    l.at_strips = l.at_pixels + pixels * static_cast<int>(sizeof(stream_pixel));
    l.at_barriers = l.at_strips + pixels / (STREAM_STRIP * 2) * 8;
    l.end = l.at_barriers + (STREAM_MOST_STAGES + STREAM_MOST_SLOTS) * 8;
    return l;
}

// The tile that a block computes after the one before; the channels stay.
struct stream_place {
    int picture, top, left; // in y
};

__device__ inline stream_place stream_place_of(const stream_arguments &a, int tile)
{
    int line = tile / a.across, picture = line / a.down;
    return {picture, (line - picture * a.down) * a.tile_height,
            (tile - line * a.across) * a.tile_width};
}

#endif
