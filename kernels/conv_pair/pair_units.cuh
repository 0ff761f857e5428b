// The operands of conv_pair.cuh, what lies where in shared memory, and the filters' way there.
#ifndef POSENET_KERNELS_CONV_PAIR_PAIR_UNITS_CUH
#define POSENET_KERNELS_CONV_PAIR_PAIR_UNITS_CUH

#include <cuda_fp16.h>

#include "kernels/cuda/bulk.cuh"
#include "kernels/cuda/mma.cuh"

struct conv_pair_arguments {
    const __half *x, *residual;      // residual: NULL, or y's dims
    const unsigned char *filters[2]; // conv_cuda_pack_rows
    const float *biases[2];          // or NULL
    __half *y, *pooled, *z;          // pooled: NULL, or y's every stride-th line and column
    int pixels, ins, middle, outs;   // of all pictures; channels of x, y and z, multiples of 64
    int filter_rows[2];              // channels of a filter, padded
    int blocks, stages;              // of a cluster; units of a warpgroup in shared memory at once
    int height, width, stride[2], pooled_height, pooled_width; // height, width: of y
    float low[2], high[2];
};

enum {
    PAIR_STEP = 64, // of k, and channels of a unit
    PAIR_ROW = 128, // bytes of a step's halves
    PAIR_UNIT = PAIR_STEP * PAIR_ROW,
    PAIR_ALIGN = 1024,
    PAIR_MOST_STAGES = 16
};

template <int PIXELS_, int GROUPS_> struct pair_tile {
    static constexpr int PIXELS = PIXELS_, GROUPS = GROUPS_, THREADS = GROUPS * 128;
    static constexpr int PLANE = PIXELS * PAIR_ROW; // bytes of 64 channels of the tile
    static_assert(PIXELS % 16 == 0 && PLANE % PAIR_ALIGN == 0);
};

// Bytes from the first multiple of PAIR_ALIGN on. The sums overlay x, which nobody reads any more.
struct pair_layout {
    int y, units, biases, barriers, end;
};

__host__ __device__ inline pair_layout pair_layout_of(const conv_pair_arguments &a, int pixels,
                                                      int groups)
{
    int own = a.middle / a.blocks, x = pixels * a.ins * 2, sums = pixels * a.outs * 4;
    pair_layout l;
    l.y = x > sums ? x : sums;
    l.units = l.y + pixels * own * 2;
    l.biases = l.units + groups * a.stages * PAIR_UNIT;
    l.barriers = l.biases + (own + a.outs) * 4;
    l.end = l.barriers + (groups * a.stages + 1) * 8; // last: sums
    return l;
}

// A warpgroup's units in the order in which it needs them: of the first filter, then of the second,
// its every GROUPS-th 64 channels, k by k.
template <typename T> class pair_units
{
    const conv_pair_arguments &a_;
    unsigned ring_, barriers_;
    int group_, share_, steps_[2], firsts_, count_;
    int stage_ = 0, freed_ = 0;
    unsigned phase_ = 0;

    __device__ void load(int unit)
    {
        int stage = unit % a_.stages;
        bool second = unit >= firsts_;
        if (second) unit -= firsts_;
        int steps = second ? steps_[1] : steps_[0], tile = unit / steps, step = unit - tile * steps;
        int channel = (group_ + tile * T::GROUPS) * PAIR_STEP;
        if (second)
            step += share_ * steps;
        else
            channel += share_ * (a_.middle / a_.blocks);
        const unsigned char *from = second ? a_.filters[1] : a_.filters[0];
        int rows = second ? a_.filter_rows[1] : a_.filter_rows[0];
        unsigned barrier = barriers_ + stage * 8;
        expect_bytes(barrier, PAIR_UNIT);
        copy_bulk(ring_ + stage * PAIR_UNIT,
                  from + (static_cast<int64_t>(step) * rows + channel) * PAIR_ROW, PAIR_UNIT,
                  barrier);
    }

  public:
    __device__ pair_units(const conv_pair_arguments &a, unsigned ring, unsigned barriers, int share)
        : a_(a), group_(threadIdx.x / 128), share_(share)
    {
        int own = a.middle / a.blocks / PAIR_STEP, outs = a.outs / PAIR_STEP;
        ring_ = ring + group_ * a.stages * PAIR_UNIT;
        barriers_ = barriers + group_ * a.stages * 8;
        steps_[0] = a.ins / PAIR_STEP;
        steps_[1] = own;
        firsts_ = own / T::GROUPS * steps_[0];
        count_ = firsts_ + (outs - group_ + T::GROUPS - 1) / T::GROUPS * steps_[1];
    }

    // Makes the barriers, for the warpgroup to wait at after the block's next meeting, and requests
    // the first units: one thread.
    __device__ void begin()
    {
        if (threadIdx.x % 128 != 0) return;
        for (int stage = 0; stage < a_.stages; stage++) make_barrier(barriers_ + stage * 8);
        show_barriers();
        for (int unit = 0; unit < min(a_.stages, count_); unit++) load(unit);
    }

    // Where the next unit lies, once it is there.
    __device__ unsigned await()
    {
        int stage = stage_;
        wait_for_bytes(barriers_ + stage * 8, phase_);
        if (++stage_ == a_.stages) {
            stage_ = 0;
            phase_ ^= 1;
        }
        return ring_ + stage * PAIR_UNIT;
    }

    // The warp's products on the oldest unit have finished: it gives way to another.
    __device__ void leave()
    {
        if (freed_ + a_.stages >= count_) return;
        named_barrier_sync(1 + group_, 128);
        if (threadIdx.x % 128 == 0) load(freed_ + a_.stages);
        freed_++;
    }
};

#endif
