// The operands of conv_unit.cuh, what lies where in shared memory, and x's way there.
#ifndef POSENET_KERNELS_CONV_UNIT_UNIT_RING_CUH
#define POSENET_KERNELS_CONV_UNIT_UNIT_RING_CUH

#include <cuda_fp16.h>

#include "kernels/cuda/bulk.cuh"

struct conv_unit_arguments {
    const unsigned char *filters[3]; // conv_cuda_pack_rows; the last one's channels turned
    const unsigned char *projection; // the shortcut's, as the last one's; if `projected`
    const float *biases[4];          // or NULL; [3]: the shortcut's
    __half *y;
    __half *thinned; // every UNIT_EVERY-th pixel of every such line of y, once more; or NULL
    int thin_height, thin_width;
    int projected, adds_x;           // what the shortcut is, if there is one
    int height, width, chunks, outs; // chunks: of 64 of x's channels
    int added;                       // such chunks of the residual that come to stages, too
    int slots;                   // stages that a tile takes: chunks, added, h if it is made here
    int tile_height, tile_width; // pixels of y
    int across, down, tiles;     // of them in a line, in a column of a picture, and in all
    int stages;                  // of a warpgroup's ring
    float low[3], high[3];

    typedef void (*kernel)(CUtensorMap, conv_unit_arguments);
    static constexpr bool NEXT = false; // whether these are conv_next_arguments
};

enum {
    UNIT_MIDDLE = 64,                     // channels of the two tensors inside
    UNIT_ROW = 128,                       // bytes of 64 halves
    UNIT_FILTER = UNIT_MIDDLE * UNIT_ROW, // a step of k
    UNIT_PACKED = 128 * UNIT_ROW,         // the same in conv_cuda_pack_rows's filters, padded
    UNIT_TAPS = 9,
    UNIT_EVERY = 2,
    UNIT_PIXELS = 64,     // at most of a tile
    UNIT_MOST_ROWS = 112, // of a stage: a tile and what is around it
    UNIT_ALIGN = 1024,
    UNIT_MOST_CHUNKS = 4, // of x's channels, and of y's
    UNIT_WEIGHTS = 3      // barriers: of each filter
};

// Bytes from the first multiple of UNIT_ALIGN on. `rows`: of a stage.
struct unit_layout {
    int filters[3], projection, stages, biases, barriers, end;
};

__host__ __device__ inline unit_layout unit_layout_of(const conv_unit_arguments &a, int rows,
                                                      int groups)
{
    unit_layout l;
    l.filters[0] = 0;
    l.filters[1] = a.chunks * UNIT_FILTER;
    l.filters[2] = l.filters[1] + UNIT_TAPS * UNIT_FILTER;
    l.projection = l.filters[2] + a.outs * UNIT_ROW;
    l.stages = l.projection + (a.projected ? a.outs * UNIT_ROW : 0);
    l.biases = l.stages + groups * a.stages * rows * UNIT_ROW;
    l.barriers = l.biases + (2 * UNIT_MIDDLE + a.outs) * 4;
    l.end = l.barriers + (UNIT_WEIGHTS + groups * a.stages) * 8;
    return l;
}

// A tile's first pixel.
struct unit_place {
    int x, y, picture;

    __device__ unit_place(const conv_unit_arguments &a, int tile)
    {
        int line = tile / a.across;
        picture = line / a.down;
        x = (tile - line * a.across) * a.tile_width;
        y = (line - picture * a.down) * a.tile_height;
    }
};

// A warpgroup's stages, round and round. Of each of its tiles they get x's chunks, 64 channels of
// the tile and of the pixels around it, and the residual's, of the tile alone, from the copy
// engine; then what the first convolution, if it is here, makes of x, from the warpgroup.
template <int ROWS> class unit_ring
{
    static const int BYTES = ROWS * UNIT_ROW;
    const conv_unit_arguments &a_;
    const CUtensorMap *x_, *residual_;
    unsigned stages_, barriers_, phases_ = 0; // bit i: of stage i
    int stage_ = 0;
    // What is requested next, and to where. Divisions for each request would hold the warp up.
    int tile_, apart_, slot_ = 0, free_ = 0;
    unit_place place_; // of tile_

    static __device__ bool one_thread()
    {
        return threadIdx.x % 128 == 0;
    }

    __device__ int after(int stage) const
    {
        return stage + 1 == a_.stages ? 0 : stage + 1;
    }

    __device__ void copy(const CUtensorMap *map, int chunk, int around)
    {
        unsigned barrier = barriers_ + free_ * 8;
        int pixels = (a_.tile_height + 2 * around) * (a_.tile_width + 2 * around);
        expect_bytes(barrier, pixels * UNIT_ROW);
        copy_window(stages_ + free_ * BYTES, map, chunk * UNIT_MIDDLE, place_.x - around,
                    place_.y - around, place_.picture, barrier);
    }

    __device__ void request()
    {
        if (tile_ >= a_.tiles) return;
        if (slot_ < a_.chunks)
            copy(x_, slot_, 1);
        else if (slot_ < a_.chunks + a_.added)
            copy(residual_, slot_ - a_.chunks, 0);
        free_ = after(free_);
        if (++slot_ < a_.slots) return;
        slot_ = 0;
        tile_ += apart_;
        place_ = unit_place(a_, tile_);
    }

  public:
    // Of all warpgroups' stages and barriers; the warpgroup's first tile, and how far it is to the
    // next. `residual`: any where none is added.
    __device__ unit_ring(const conv_unit_arguments &a, const CUtensorMap *x,
                         const CUtensorMap *residual, unsigned stages, unsigned barriers, int tile,
                         int apart)
        : a_(a), x_(x), residual_(residual), tile_(tile), apart_(apart), place_(a, tile)
    {
        int group = threadIdx.x / 128;
        stages_ = stages + group * a.stages * BYTES;
        barriers_ = barriers + group * a.stages * 8;
    }

    __device__ void begin()
    {
        if (one_thread())
            for (int i = 0; i < a_.stages; i++) request();
        __syncwarp();
    }

    // The next stage, for the warpgroup to write.
    __device__ unsigned take()
    {
        unsigned at = stages_ + stage_ * BYTES;
        stage_ = after(stage_);
        return at;
    }

    // The next stage, once the chunk is there.
    __device__ unsigned await()
    {
        wait_for_bytes(barriers_ + stage_ * 8, phases_ >> stage_ & 1);
        phases_ ^= 1u << stage_;
        return take();
    }

    // The warp is done with the oldest stage; once all are, it gets what comes next.
    __device__ void leave()
    {
        meet();
        if (one_thread()) request();
        __syncwarp();
    }

    // Until all warps of the warpgroup are here.
    __device__ void meet() const
    {
        named_barrier_sync(1 + threadIdx.x / 128, 128);
    }
};

#endif
