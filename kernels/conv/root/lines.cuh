// What root_lines.cuh's kernels are told, their shapes, and what lies where in shared memory.
//
// A line of x is stored as pieces of 8 halves, piece u from half 6u of the line on, which is where
// the window of result u begins: at stride 2 windows are 2 pixels, 6 halves, apart. So the pieces
// u and u + 1 are halves 0 to 13 of window u as products of a warpgroup read it (describe_pieces),
// enough for the 9 of a filter of 3. The 21 of a filter of 7 need a third piece, of halves 13 to
// 20, which is no piece of the line: it gets a row of pieces of its own, the tails. Where pieces
// overlap the filter has zeros.
#ifndef POSENET_KERNELS_CONV_ROOT_LINES_CUH
#define POSENET_KERNELS_CONV_ROOT_LINES_CUH

#include <cuda_fp16.h>

#include "kernels/cuda/bulk.cuh"

enum { LINES_DEPTH = 3, LINES_STRIDE = 2, LINES_ROWS = 64 }; // input channels; rows of a product
enum { LINES_APART = LINES_DEPTH * LINES_STRIDE };           // halves from window to window
enum { LINES_GROUP = 128, LINES_PARTERS = 96, LINES_THREADS = 2 * LINES_GROUP }; // threads
enum { LINES_POOL_KERNEL = 3, LINES_POOL_STRIDE = 2 };
enum { LINES_ALIGN = 1024 };             // the output's
enum { LINES_SPILL = 16 * LINES_GROUP }; // for what goes nowhere

// A filter of KERNEL x KERNEL by results of 8 * (FIRST + SECOND) columns, whose products are made
// in these two parts, so that those of one are under way while the other's sums are taken. POOL:
// one line of 64 channels a step, pooled; else two lines of up to 32 channels, line by line in a
// product's rows.
template <int KERNEL_, int FIRST_, int SECOND_, bool POOL_> struct lines_shape {
    static constexpr int KERNEL = KERNEL_, FIRST = FIRST_, SECOND = SECOND_;
    static constexpr bool POOL = POOL_, TAILS = KERNEL_ == 7;
    static constexpr int GROUPS = FIRST + SECOND, COLUMNS = GROUPS * 8;
    static constexpr int ABREAST = POOL ? 1 : 2;                       // lines of results a step
    static constexpr int CHANNELS = LINES_ROWS / ABREAST;              // room for each
    static constexpr int SPAN = KERNEL + (ABREAST - 1) * LINES_STRIDE; // lines of x under a step
    static constexpr int PAIRS = (SPAN + 1) / 2; // of lines of x, under a step
    static constexpr int PRODUCTS = SPAN + (TAILS ? (SPAN + 1) / 2 : 1);
    static constexpr int OUT_COLUMNS = POOL ? COLUMNS / 2 - 1 : COLUMNS; // of y

    // The patch: a ring of pairs of lines, each its pieces, then its tails.
    static constexpr int PIECES = COLUMNS + 1 + TAILS; // that a line is read as
    static constexpr int TAILS_AT = (COLUMNS + 1) * 16;
    static constexpr int LINE_BYTES = TAILS_AT + (TAILS ? COLUMNS * 16 : 0);
    static constexpr int PAIR_BYTES = 2 * LINE_BYTES, RING = 6;
    // As they are in x: whole pieces of 16 bytes around what is needed. Loads may begin before a
    // line, by as much as it is padded.
    static constexpr int RAW_HALVES = (PIECES - 1) * LINES_APART + 8 + TAILS;
    static constexpr int RAW_COLUMNS = (RAW_HALVES + LINES_DEPTH - 1) / LINES_DEPTH;
    static constexpr int RAW_BEFORE = 80;
    static constexpr int RAW_LINE_BYTES =
        RAW_BEFORE + (RAW_COLUMNS * LINES_DEPTH * 2 + 30) / 16 * 16 + 16;
    static constexpr int RAW_BYTES = 2 * RAW_LINE_BYTES, RAW = 4;

    static constexpr int ROW_BYTES = LINES_ROWS * 2; // pooled: of 64 channels
    static constexpr int OUTPUT_BYTES =
        POOL ? (GROUPS + 3) / 4 * 16 * ROW_BYTES : ABREAST * COLUMNS * CHANNELS * 2;

    // From a multiple of 1024 on.
    static constexpr int OUTPUT_AT = 0, SPILL_AT = 2 * OUTPUT_BYTES;
    static constexpr int PATCH_AT = SPILL_AT + LINES_SPILL;
    static constexpr int ONES_AT = PATCH_AT + RING * PAIR_BYTES; // behind all that goes with them
    static constexpr int RAW_AT = ONES_AT + COLUMNS * 16;
    static constexpr int BARRIERS_AT = RAW_AT + RAW * RAW_BYTES;
    static constexpr int SHARED_BYTES = BARRIERS_AT + 2 * (RING + RAW) * 8 + LINES_ALIGN;
    static_assert(OUTPUT_BYTES % LINES_ALIGN == 0 && RING > PAIRS + ABREAST);
};

struct lines_arguments {
    const __half *x;
    const uint4 *filter; // lines_filter_write's
    int height, width;   // of x
    int halves;          // all of x
    int conv_height, conv_width;
    int rows, tiles, total;    // of results down a picture, pooled or ABREAST lines each; tiles
                               // across; rows of all tiles
    int pads[2], pool_pads[2]; // top, left
    int channels;
    unsigned permuted; // how y's box is (lines_permute)
    float low, high;
};

// Where byte `at` of a box goes that the copy engine permutes: 16-byte pieces by rows of 128 bytes.
__device__ inline unsigned lines_permute(unsigned at, unsigned permuted)
{
    return at ^ (at >> 7 & permuted) << 4;
}

// Round and round through slots; `phase` of the barriers there.
struct lines_turn {
    int slot, phase;

    __device__ void next(int slots)
    {
        if (++slot < slots) return;
        slot = 0;
        phase ^= 1;
    }
};

// The block's share of all rows, counted through tiles and pictures, piece by piece of the same
// tile; of x a piece has the pairs of lines under its first step and ABREAST more for every other.
struct lines_walk {
    int row, end;             // row: of all
    int n, tile, first, rows; // the piece's
    int conv_y, conv_x;       // its first result
    int top, left;            // where that one's window begins in x

    template <typename S> __device__ void begin(const lines_arguments &a)
    {
        row = static_cast<int64_t>(a.total) * blockIdx.x / gridDim.x;
        end = static_cast<int64_t>(a.total) * (blockIdx.x + 1) / gridDim.x;
        find<S>(a);
    }

    template <typename S> __device__ void next(const lines_arguments &a)
    {
        row += rows;
        find<S>(a);
    }

    __device__ bool more() const
    {
        return row < end;
    }

    template <typename S> __device__ void find(const lines_arguments &a)
    {
        int column = row / a.rows;
        first = row - column * a.rows;
        rows = min(end - row, a.rows - first);
        n = column / a.tiles;
        tile = column - n * a.tiles;
        conv_y = first * 2 - (S::POOL ? a.pool_pads[0] : 0);
        // Pooled: a pair of columns before the first, whose second counts
        conv_x = S::POOL ? tile * S::OUT_COLUMNS * 2 - a.pool_pads[1] - 1 : tile * S::COLUMNS;
        top = conv_y * LINES_STRIDE - a.pads[0];
        left = conv_x * LINES_STRIDE - a.pads[1];
    }

    template <typename S> __device__ int steps() const
    {
        return S::POOL ? rows * 2 + 1 : rows;
    }

    template <typename S> __device__ int pairs() const
    {
        return (steps<S>() - 1) * S::ABREAST + S::PAIRS;
    }
};

// Shared addresses.
template <typename S> struct lines_room {
    unsigned base;

    __device__ explicit lines_room(unsigned shared)
        : base((shared + LINES_ALIGN - 1) & ~(LINES_ALIGN - 1u))
    {
        asm volatile("" : "+r"(base)); // or the compiler finds it anew for every address
    }

    __device__ unsigned pair(int slot) const
    {
        return base + S::PATCH_AT + slot * S::PAIR_BYTES;
    }

    __device__ unsigned raw(int slot, int lower) const
    {
        return base + S::RAW_AT + S::RAW_BEFORE + slot * S::RAW_BYTES + lower * S::RAW_LINE_BYTES;
    }

    // Of a pair of the patch: it is there; it is not needed any more. Of a raw one: likewise.
    __device__ unsigned full(int slot) const
    {
        return base + S::BARRIERS_AT + slot * 8;
    }

    __device__ unsigned empty(int slot) const
    {
        return full(S::RING + slot);
    }

    __device__ unsigned come(int slot) const
    {
        return full(2 * S::RING + slot);
    }

    __device__ unsigned parted(int slot) const
    {
        return come(S::RAW + slot);
    }
};

#endif
