// From the sums of root_lines.cuh's products to y: through a box of shared memory, of two in turn,
// which the copy engine takes.
//
// sums[j] of lane 4g + q: of channels g and g + 8 of the warp's 16 at columns 8j + 2q, 8j + 2q + 1.
#ifndef POSENET_KERNELS_CONV_ROOT_LINES_OUTPUT_CUH
#define POSENET_KERNELS_CONV_ROOT_LINES_OUTPUT_CUH

#include "kernels/conv/root/lines.cuh"
#include "kernels/cuda/element.cuh"
#include "kernels/cuda/mma.cuh"
#include "kernels/cuda/wgmma.cuh"
#include "kernels/max_pool/largest.cuh"

enum { LINES_WRITTEN_BARRIER = 1 };

// The boxes' way out.
template <typename S> struct lines_boxes {
    const lines_arguments &a;
    const CUtensorMap *y;
    const lines_room<S> &room;
    int number;

    __device__ unsigned box() const
    {
        return room.base + S::OUTPUT_AT + number * S::OUTPUT_BYTES;
    }

    // Once every thread has written its part of the box. The other one is free then.
    __device__ void send(int column, int line, int n)
    {
        show_writes();
        if (threadIdx.x == 0) wait_for_reads<0>();
        named_barrier_sync(LINES_WRITTEN_BARRIER, LINES_GROUP);
        if (threadIdx.x == 0) {
            store_window(y, 0, column, line, n, box());
            end_stores();
        }
        number ^= 1;
    }
};

__device__ inline unsigned lines_word(__half2 two)
{
    return *reinterpret_cast<unsigned *>(&two);
}

// ---- lines as they are --------------------------------------------------------------------------

// Matrix m of four that are stored at once: group m / 2 of two, channels m % 2 of the warp's.
template <typename S> class lines_plain
{
    lines_boxes<S> boxes_;
    unsigned at_, rows_; // the lane's place in the box; bytes from group to group
    bool inside_;        // whether the lane's channels are in y

  public:
    __device__ lines_plain(const lines_arguments &a, const CUtensorMap *y,
                           const lines_room<S> &room)
        : boxes_{a, y, room, 0}
    {
        const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, matrix = lane / 8;
        int channel = (warp % 2 * 2 + matrix % 2) * 8, column = matrix / 2 * 8 + lane % 8;
        inside_ = channel < a.channels;
        at_ = (warp / 2 * S::COLUMNS + column) * a.channels * 2 + channel * 2;
        rows_ = 8 * a.channels * 2;
    }

    // Takes the sums of the groups from AT on.
    template <int AT, int COUNT> __device__ void take(const float (&sums)[COUNT][4], int, bool)
    {
        const lines_arguments &a = boxes_.a;
        const __half2 low = __float2half2_rn(a.low), high = __float2half2_rn(a.high);
        const unsigned spill = boxes_.room.base + S::SPILL_AT + threadIdx.x * 16;
#pragma unroll
        for (int i = 0; i < COUNT; i += 2) {
            const int other = i + 1 < COUNT ? i + 1 : i;
            const bool both = i + 1 < COUNT || threadIdx.x % 32 < 16;
            unsigned words[4] = {clamped_halves(sums[i][0], sums[i][1], low, high),
                                 clamped_halves(sums[i][2], sums[i][3], low, high),
                                 clamped_halves(sums[other][0], sums[other][1], low, high),
                                 clamped_halves(sums[other][2], sums[other][3], low, high)};
            unsigned to = boxes_.box() + lines_permute(at_ + (AT + i) * rows_, a.permuted);
            store_matrices_turned(inside_ && both ? to : spill, words);
        }
    }

    // After both parts of a step.
    __device__ void finish(const lines_walk &walk, int step)
    {
        boxes_.send(walk.conv_x, walk.conv_y + step * S::ABREAST, walk.n);
    }
};

// ---- pooled -------------------------------------------------------------------------------------

// Halves of two words, first the low ones', then the high ones'.
__device__ inline unsigned lines_lows(unsigned a, unsigned b)
{
    return __byte_perm(a, b, 0x5410);
}

__device__ inline unsigned lines_highs(unsigned a, unsigned b)
{
    return __byte_perm(a, b, 0x7632);
}

__device__ inline unsigned lines_larger(unsigned a, unsigned b)
{
    return lines_word(
        __hmax2_nan(*reinterpret_cast<__half2 *>(&a), *reinterpret_cast<__half2 *>(&b)));
}

// Step 0 is the first pooled line's upper one, the odd ones are the middles, the others lower and
// upper ones. Pooled column i has the second column of pair i and both of pair i + 1; pair 4j + q
// is lane q's of group j.
template <typename S> class lines_pooled
{
    lines_boxes<S> boxes_;
    // So far, of the pooled line: pairs of columns, of each of the thread's channels.
    unsigned largest_[S::GROUPS][2];
    unsigned before_[2]; // the pairs of the group before

    // Pooled columns of groups i and i + 1 of the four, of channel `half` of the thread's.
    __device__ unsigned across(const unsigned (&pairs)[4][2], int i, int half) const
    {
        const int lane = threadIdx.x % 32;
        const unsigned a = pairs[i][half], b = pairs[i + 1][half];
        const unsigned before = i ? pairs[i - 1][half] : before_[half];
        unsigned seconds = lines_highs(a, b);
        // From the lane before: the last one's is of the group before.
        unsigned sent = lane % 4 == 3 ? lines_highs(before, a) : seconds;
        unsigned left = __shfl_sync(~0u, sent, (lane & ~3) | ((lane + 3) & 3));
        unsigned best = lines_larger(lines_larger(lines_lows(a, b), seconds), left);
        const __half2 low = __float2half2_rn(boxes_.a.low), high = __float2half2_rn(boxes_.a.high);
        return lines_word(clamped(*reinterpret_cast<__half2 *>(&best), low, high));
    }

    // Four groups from `group` on. Turned, a matrix has for its rows the pooled columns 4j + q of
    // two groups, q by q: matrix m is of groups m / 2 of two and channels m % 2. The very first
    // one, of a pair that nothing is to the left of, goes to the box's last row, which nobody
    // reads.
    __device__ void write(const unsigned (&pairs)[4][2], int group)
    {
        const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, matrix = lane / 8;
        unsigned words[4];
#pragma unroll
        for (int i = 0; i < 4; i++) words[i] = across(pairs, i / 2 * 2, i % 2);
        int row = matrix / 2 * 8 + lane % 2 * 4 + lane % 8 / 2 + group * 4 - 1;
        if (group == 0 && row < 0) row = S::OUTPUT_BYTES / S::ROW_BYTES - 1;
        unsigned at = row * S::ROW_BYTES + (warp * 2 + matrix % 2) * 16;
        store_matrices_turned(boxes_.box() + lines_permute(at, 7), words);
#pragma unroll
        for (int i = 0; i < 2; i++) before_[i] = pairs[3][i];
    }

    template <int AT, int COUNT>
    __device__ void end_line(const float (&sums)[COUNT][4], bool inside)
    {
#pragma unroll
        for (int group = 0; group < COUNT; group += 4) {
            unsigned pairs[4][2];
#pragma unroll
            for (int i = 0; i < 8; i++) {
                const int j = group + i / 2, half = i % 2;
                if (j < COUNT) {
                    unsigned &largest = largest_[AT + j][half], now = two(sums[j], half);
                    pairs[i / 2][half] = inside ? lines_larger(largest, now) : largest;
                    largest = now;
                } else {
                    pairs[i / 2][half] = pairs[i / 2 - 1][half]; // to rows that nobody reads
                }
            }
            write(pairs, AT + group);
        }
    }

    static __device__ unsigned two(const float (&sums)[4], int half)
    {
        return lines_word(__floats2half2_rn(sums[half * 2], sums[half * 2 + 1]));
    }

  public:
    __device__ lines_pooled(const lines_arguments &a, const CUtensorMap *y,
                            const lines_room<S> &room)
        : boxes_{a, y, room, 0}, before_{0, 0}
    {
    }

    // Takes the sums of the groups from AT on; `inside`: their line is one of the convolution's.
    template <int AT, int COUNT>
    __device__ void take(const float (&sums)[COUNT][4], int step, bool inside)
    {
        static_assert(AT % 4 == 0);
        if (step > 0 && step % 2 == 0) {
            end_line<AT>(sums, inside);
            return;
        }
        if (step == 0) {
#pragma unroll
            for (int i = 0; i < COUNT * 2; i++)
                largest_[AT + i / 2][i % 2] =
                    inside ? two(sums[i / 2], i % 2) : lines_word(lowest_half2());
        } else if (inside) {
#pragma unroll
            for (int i = 0; i < COUNT * 2; i++) {
                unsigned &largest = largest_[AT + i / 2][i % 2];
                largest = lines_larger(largest, two(sums[i / 2], i % 2));
            }
        }
    }

    __device__ void finish(const lines_walk &walk, int step)
    {
        if (step > 0 && step % 2 == 0)
            boxes_.send(walk.tile * S::OUT_COLUMNS, walk.first + step / 2 - 1, walk.n);
    }
};

#endif
