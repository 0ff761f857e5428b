// What depthwise_pointwise_stream_cuda.cuh is told, its tiles, and where they lie in shared memory.
#ifndef POSENET_KERNELS_DEPTHWISE_POINTWISE_STREAM_TILE_CUH
#define POSENET_KERNELS_DEPTHWISE_POINTWISE_STREAM_TILE_CUH

#include <cuda_fp16.h>

#include <stdint.h>

#include "kernels/depthwise_pointwise/depthwise_mma.cuh"

enum {
    STREAM_POST = 8,    // pixels: two groups of 2 x 2 of depthwise_mma.cuh, one below the other
    STREAM_UNIT = 64,   // pixels that a depthwise warp computes at once: 8 posts
    STREAM_COPIES = 64, // bytes for what the thread that orders copies remembers
    STREAM_ROW = 128,   // bytes of a row of an operand: 64 inputs, or 32 and as much unused
    STREAM_HALF = 256,  // threads of each kind; products first
    STREAM_THREADS = 512,
    STREAM_MOST_STAGES = 4,
    STREAM_MOST_SLOTS = 32,
    STREAM_FULL = 1,
    STREAM_EMPTY = 3 // named barriers, two each
};

// A tile of the map.
struct stream_place {
    int picture, line, column; // the last two in tiles
};

struct stream_arguments {
    const __half *residual; // NULL, or y's dims
    __half *y;
    const depthwise_octet *taps; // [chunks][octets]
    const unsigned char *filter; // [chunks][channels / 32][32] rows as wgmma.cuh has them
    const float *bias;           // [channels], or NULL
    int out_height, out_width, channels;
    int stride, dilation, pads[2];
    int tile_height, tile_width;     // of y; multiples of 4 and 2, times the dilation
    int window_height, window_width; // of x
    int down, across;                // tiles of a picture
    int pictures, tiles;             // of all pictures
    stream_place step;               // from one tile of a block to the next
    int units;                       // of a tile
    int splits;                      // blocks that share a tile, each with channels of its own
    int chunk, chunks;               // depthwise channels: 32 or 64, and how often
    int octets;                      // of a chunk: fewer where it is the only one and not full
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
    int window, stage; // bytes of a window, which are copied, and with its taps
    int at_taps;       // in a stage
    int slot;          // bytes of a chunk of the filter
    int results;       // bytes of one buffer of depthwise results
    int at_filter, at_windows, at_bias, at_pixels, at_posts, at_copies, at_barriers, end;
};

__host__ __device__ inline stream_layout stream_layout_of(const stream_arguments &a, int pixels,
                                                          int channels)
{
    stream_layout l;
    l.window = a.window_height * a.window_width * a.chunk * 2;
    l.at_taps = (l.window + 127) / 128 * 128;
    l.stage =
        (l.at_taps + a.octets * static_cast<int>(sizeof(depthwise_octet)) + 1023) / 1024 * 1024;
    l.slot = channels * STREAM_ROW;
    l.results = pixels * STREAM_ROW;
    l.at_filter = l.results * 2;
    l.at_windows = l.at_filter + l.slot * a.slots;
    l.at_bias = l.at_windows + l.stage * a.stages;
    l.at_pixels = l.at_bias + channels * 4;
    l.at_posts = l.at_pixels + pixels * static_cast<int>(sizeof(stream_pixel));
    l.at_copies = l.at_posts + pixels / STREAM_POST * 4;
    l.at_barriers = l.at_copies + STREAM_COPIES;
    l.end = l.at_barriers + (STREAM_MOST_STAGES + STREAM_MOST_SLOTS) * 8;
    return l;
}

// Pixel of a tile.
struct stream_spot {
    int y, x;
};

// The first pixel of a post: at dilation 1 they come by lines, at dilation 2 four of them, which
// take turns of pixels, by areas of 8 lines of 4 pixels.
__host__ __device__ inline stream_spot stream_post_of(const stream_arguments &a, int post)
{
    int turns = a.dilation * a.dilation, area = post / turns, turn = post % turns;
    int across = a.tile_width / (2 * a.dilation), line = area / across;
    return {line * 4 * a.dilation + turn / a.dilation,
            (area - line * across) * 2 * a.dilation + turn % a.dilation};
}

// The pixel of a row of the depthwise results.
__host__ __device__ inline stream_spot stream_spot_of(const stream_arguments &a, int row)
{
    int lower = row % STREAM_UNIT / 32, pixel = row % 4;
    stream_spot at = stream_post_of(a, row / STREAM_UNIT * 8 + row % 32 / 4);
    return {at.y + (lower * 2 + pixel / 2) * a.dilation, at.x + pixel % 2 * a.dilation};
}

// Of `tile` tiles, which are counted by columns, lines, pictures.
__host__ __device__ inline stream_place stream_place_of(const stream_arguments &a, int tile)
{
    int line = tile / a.across, picture = line / a.down;
    return {picture, line - picture * a.down, tile - line * a.across};
}

// To the tile that a block computes after this one; the channels stay.
__device__ inline void stream_advance(const stream_arguments &a, stream_place &p)
{
    p.column += a.step.column;
    p.line += a.step.line;
    p.picture += a.step.picture;
    if (p.column >= a.across) {
        p.column -= a.across;
        p.line++;
    }
    if (p.line < a.down) return;
    p.line -= a.down;
    p.picture++;
}

#endif
