// The depthwise warps of depthwise_pointwise_stream_cuda.cuh: from windows to rows of results, by
// depthwise_mma.cuh. A warp has 8 channels of a chunk, and of a tile's units all or every second,
// fourth, ...
#ifndef POSENET_KERNELS_DEPTHWISE_POINTWISE_STREAM_DEPTHWISE_CUH
#define POSENET_KERNELS_DEPTHWISE_POINTWISE_STREAM_DEPTHWISE_CUH

#include "kernels/cuda/mma.cuh"
#include "kernels/cuda/wgmma.cuh"
#include "kernels/depthwise_pointwise/depthwise_mma.cuh"
#include "kernels/depthwise_pointwise/stream_tile.cuh"

// Where a depthwise warp reads and writes, the same in all chunks.
struct stream_unit {
    int octet;       // its 8 channels of a chunk
    int first, step; // its units of a tile
    int row;         // bytes of a pixel in a window
    unsigned permuted;
};

__device__ inline stream_unit stream_unit_of(const stream_arguments &a)
{
    const int warps = STREAM_HALF / 32;
    int warp = static_cast<int>(threadIdx.x) % STREAM_HALF / 32;
    stream_unit u;
    u.step = warps / a.octets;
    u.octet = warp % a.octets;
    u.first = warp < u.step * a.octets ? warp / a.octets : STREAM_UNIT; // none
    u.row = a.chunk * 2;
    u.permuted = a.chunk == 64 ? 0x70 : 0x30;
    return u;
}

// 8 channels of an input. The copy engine permutes the 16-byte pieces of 128 bytes as it writes.
__device__ inline void stream_input(unsigned (&in)[4], const unsigned char *shared, unsigned at,
                                    unsigned permuted)
{
    uint4 from = *reinterpret_cast<const uint4 *>(shared + (at ^ (at >> 3 & permuted)));
    in[0] = from.x;
    in[1] = from.y;
    in[2] = from.z;
    in[3] = from.w;
}

__device__ inline void stream_share(unsigned (&to)[4], const unsigned (&from)[4])
{
#pragma unroll
    for (int i = 0; i < 4; i++) to[i] = from[i];
}

// The inputs of both groups of the lane's post, whose window begins at `at`; what both have is
// loaded once. A line on is `line` bytes, a column `column`.
__device__ inline void stream_inputs(unsigned (&first)[4][4], unsigned (&second)[4][4],
                                     const unsigned char *shared, unsigned at, unsigned line,
                                     unsigned column, unsigned permuted)
{
    at += threadIdx.x % 4 * column;
#pragma unroll
    for (int y = 0; y < 6; y++, at += line) {
        if (y < 4) stream_input(first[y], shared, at, permuted);
        if (y >= 4) stream_input(second[y - 2], shared, at, permuted);
        if (y >= 2 && y < 4) stream_share(second[y - 2], first[y]);
    }
}

__device__ inline void stream_inputs(unsigned (&first)[7][4], unsigned (&second)[7][4],
                                     const unsigned char *shared, unsigned at, unsigned line,
                                     unsigned column, unsigned permuted)
{
    unsigned from = at + threadIdx.x % 4 * column, right = at + 4 * column;
#pragma unroll
    for (int y = 0; y < 9; y++, from += line) {
        if (y < 5) stream_input(first[y], shared, from, permuted);
        if (y > 4) stream_input(second[y - 4], shared, from, permuted);
    }
    stream_share(second[0], first[4]);
    stream_input(first[5], shared, right + threadIdx.x % 4 * line, permuted);
    stream_input(second[5], shared, right + (threadIdx.x % 4 + 4) * line, permuted);
    stream_share(first[6], second[5]);
    stream_input(second[6], shared, right + 8 * line, permuted);
}

// The warp's part of a chunk of a tile, from the window at `window` to the rows at `results`.
template <int STRIDE>
__device__ inline void stream_convolve(const stream_arguments &a, const stream_layout &l,
                                       const stream_unit &u, const depthwise_lane<STRIDE> &lane,
                                       const depthwise_taps<STRIDE> &taps,
                                       const depthwise_octet *octet, unsigned char *shared,
                                       unsigned window, unsigned results)
{
    const int *posts = reinterpret_cast<const int *>(shared + l.at_posts);
    int thread = threadIdx.x % 32;
    unsigned line = a.window_width * a.dilation * u.row, column = a.dilation * u.row;
    unsigned piece = (u.octet ^ thread % 8) * 16;
    __half2 low = __float2half2_rn(a.low[0]), high = __float2half2_rn(a.high[0]);
    for (int unit = u.first; unit < a.units; unit += u.step) {
        unsigned first[depthwise_slots<STRIDE>][4], second[depthwise_slots<STRIDE>][4];
        stream_inputs(first, second, shared, window + posts[unit * 8 + thread / 4] + u.octet * 16,
                      line, column, u.permuted);
        depthwise_sums sums;
        depthwise_start(sums, *octet);
        depthwise_multiply<STRIDE>(sums, taps, lane, first, second);
        unsigned char *to = shared + results + (unit * STREAM_UNIT + thread) * STREAM_ROW + piece;
        uint4 upper = depthwise_results<0>(sums, *octet, low, high);
        uint4 lower = depthwise_results<1>(sums, *octet, low, high);
        *reinterpret_cast<uint4 *>(to) = upper;
        *reinterpret_cast<uint4 *>(to + 32 * STREAM_ROW) = lower;
    }
}

// Chunk after chunk. The taps come while the buffer for the results is still being multiplied.
template <int STRIDE>
__device__ inline void stream_depthwise(const stream_arguments &a, const stream_layout &l,
                                        unsigned char *shared, int count)
{
    const depthwise_lane<STRIDE> lane = depthwise_lane_of<STRIDE>();
    const stream_unit u = stream_unit_of(a);
    depthwise_taps<STRIDE> taps;
    unsigned at = shared_address(shared);
    int stage = 0, phase = 0;
    for (int i = 0; i < count; i++) {
        wait_for_bytes(at + l.at_barriers + stage * 8, phase);
        unsigned window = l.at_windows + stage * l.stage;
        const depthwise_octet *octet =
            reinterpret_cast<const depthwise_octet *>(shared + window + l.at_taps) + u.octet;
        if (i == 0 || a.chunks > 1) depthwise_load_taps<STRIDE>(taps, lane, octet);
        named_barrier_sync(STREAM_EMPTY + i % 2, STREAM_THREADS);
        stream_convolve<STRIDE>(a, l, u, lane, taps, octet, shared, window, i % 2 * l.results);
        show_writes();
        named_barrier_arrive(STREAM_FULL + i % 2, STREAM_THREADS);
        if (++stage == a.stages) {
            stage = 0;
            phase ^= 1;
        }
    }
}

#endif
