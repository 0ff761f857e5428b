// What root.cuh's kernels are told, and the way of x's lines to the patch in shared memory.
#ifndef POSENET_KERNELS_CONV_ROOT_ROOT_PATCH_CUH
#define POSENET_KERNELS_CONV_ROOT_ROOT_PATCH_CUH

#include <cuda_fp16.h>

enum { ROOT_THREADS = 256, ROOT_WARPS = ROOT_THREADS / 32, ROOT_MOST_CHANNELS = 64 };
enum { ROOT_POOL_KERNEL = 3, ROOT_POOL_STRIDE = 2 };

// The block's share of y, and what follows from it; lengths in 4-byte words.
struct root_tile {
    int height, width;                  // of y
    int conv_height, conv_width;        // results
    unsigned per_width, per_conv_width; // to divide by these: root_reciprocal
    int patch_height, patch_words, patch_pitch;
    int patch_shift;  // log2 of the times 32 words that a line of the patch takes
    int results_at;   // behind the patch
    int result_pitch; // from pixel to pixel
};

struct root_arguments {
    const __half *x;
    const uint4 *filter; // root_filter_write's
    const float *bias;   // or NULL
    __half *y;
    int height, width, depth;             // of x
    int conv_height, conv_width;          // of the convolution's output
    int out_height, out_width, channels;  // of y
    int stride[2], pads[2], pool_pads[2]; // pads: top, left
    float low, high;
    root_tile tile;
    int tiles_down, tiles_across, tiles; // tiles: of all pictures
};

// The words of a patch that a thread loads. Items, 32 words of a line each, go round the warps; the
// pieces of a line are a power of two that divides the warps, so all items of a warp have the same
// place in their lines.
struct root_share {
    const unsigned short *from; // of the first item
    unsigned low, high;         // whether the word's halves are in the picture
    int row, word;              // in the patch; row: of the first item
    int rows;                   // from item to item

    // `top` and `left`: of the patch in picture `n`.
    __device__ root_share(const root_arguments &a, int n, int top, int left)
    {
        int warp = threadIdx.x / 32, line = a.width * a.depth;
        word = (warp & ((1 << a.tile.patch_shift) - 1)) * 32 + threadIdx.x % 32;
        row = warp >> a.tile.patch_shift;
        rows = ROOT_WARPS >> a.tile.patch_shift;
        int at = left * a.depth + word * 2; // in the line
        bool wanted = word < a.tile.patch_words;
        low = wanted && static_cast<unsigned>(at) < static_cast<unsigned>(line);
        high = wanted && static_cast<unsigned>(at + 1) < static_cast<unsigned>(line);
        from =
            reinterpret_cast<const unsigned short *>(a.x) + (n * a.height + top + row) * line + at;
    }
};

// Some of them on their way.
template <int COUNT> struct root_words {
    unsigned short low[COUNT], high[COUNT];

    // Items first, first + 1 and so on of the warp.
    __device__ void ask(const root_arguments &a, const root_share &s, int first, int top)
    {
        int row = s.row + first * s.rows, step = s.rows * a.width * a.depth;
        const unsigned short *from = s.from + first * step;
#pragma unroll
        for (int i = 0; i < COUNT; i++, row += s.rows, from += step) {
            bool inside = row < a.tile.patch_height &&
                          static_cast<unsigned>(top + row) < static_cast<unsigned>(a.height);
            low[i] = high[i] = 0;
            if (inside && s.low) low[i] = from[0];
            if (inside && s.high) high[i] = from[1];
        }
    }

    __device__ void put(const root_arguments &a, const root_share &s, int first,
                        unsigned *patch) const
    {
        if (s.word >= a.tile.patch_words) return;
        int row = s.row + first * s.rows;
        unsigned *to = patch + row * a.tile.patch_pitch + s.word;
#pragma unroll
        for (int i = 0; i < COUNT; i++, row += s.rows, to += s.rows * a.tile.patch_pitch)
            if (row < a.tile.patch_height) *to = low[i] | static_cast<unsigned>(high[i]) << 16;
    }
};

// A warp's items of the patch from `first` on.
__device__ inline void root_load_patch(const root_arguments &a, const root_share &s, int first,
                                       int top, unsigned *patch)
{
    const int batch = 4; // words under way at a time
    for (; s.row + first * s.rows < a.tile.patch_height; first += batch) {
        root_words<batch> words;
        words.ask(a, s, first, top);
        words.put(a, s, first, patch);
    }
}

#endif
