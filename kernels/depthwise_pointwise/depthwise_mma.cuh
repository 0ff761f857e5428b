// A 3x3 depthwise convolution on the tensor cores: 16 groups of 2 x 2 pixels by 8 channels a warp.
//
// The product of a 16x8x16 is spent on two channels: its 16 rows are groups of pixels, its 8
// columns the 4 pixels of a group by the two channels, its depth 8 inputs of a group's window by
// the two channels. So column (pixel, channel) of the filter's matrix holds the channel's taps
// where that pixel meets them, and zeros. Lane l, q = l % 4 and g = l / 4, loads 16 bytes, 8
// channels, of an input of groups g and g + 8: a register each for four products. It ends with
// pixel q of these two groups, all 8 channels, so one 16-byte store each.
//
// A tap is the sum of two halves, together 22 bits: with 11 bits poses moved. A channel's taps are
// multiplied by a power of two so that the lesser half keeps its bits, and results by its inverse.
//
// Zeros are multiplied too: an infinite or NaN input reaches all pixels of its groups in two
// channels.
#ifndef POSENET_KERNELS_DEPTHWISE_POINTWISE_DEPTHWISE_MMA_CUH
#define POSENET_KERNELS_DEPTHWISE_POINTWISE_DEPTHWISE_MMA_CUH

#include <cuda_fp16.h>

#include "kernels/cuda/element.cuh"
#include "kernels/cuda/mma.cuh"
#include "kernels/depthwise_pointwise/block_cuda.cuh"

enum {
    DEPTHWISE_OCTET = 8,  // channels at once
    DEPTHWISE_WORDS = 10, // a channel's taps, and a zero
};

// The filter of 8 channels, in four pairs.
struct alignas(16) depthwise_octet {
    unsigned taps[DEPTHWISE_OCTET][DEPTHWISE_WORDS]; // the greater half is the lower 16 bits
    float start[4][4];                               // what a lane's sums begin with
    __half2 unit[4];                                 // what results are multiplied by
};
static_assert(sizeof(depthwise_octet) % 16 == 0);

// The filter on the device: octets of all channels, zeros up to a multiple of 64.
status depthwise_pack(const prepare_context *context, const conv_params *depthwise,
                      const depthwise_octet **octets);

// ---- inputs ------------------------------------------------------------------------------------

// Inputs of a group that a lane has, one in each slot.
template <int STRIDE> constexpr int depthwise_slots = STRIDE == 1 ? 4 : 7;

// Which input: by lines and columns (times the dilation) from the first of the group's window,
// which is 4 x 4 at stride 1 and 5 x 5 at stride 2. In slot 6 only lanes with q == 0 count; what
// the others have is multiplied by zeros, so it may be any input of the same group or a neighbour.
struct depthwise_input {
    int y, x;
};

template <int STRIDE> __device__ constexpr depthwise_input depthwise_input_of(int slot, int q)
{
    if (STRIDE == 1 || slot < 5) return {slot, q};
    return slot == 5 ? depthwise_input{q, 4} : depthwise_input{4, 4};
}

// ---- the filter --------------------------------------------------------------------------------

// The same for all octets: where a lane's taps lie in one, and which bytes of a word make the
// operands, the even channel's in the lower half and the odd one's in the upper.
template <int STRIDE> struct depthwise_lane {
    int at[depthwise_slots<STRIDE>];
    unsigned greater, lesser;
};

template <int STRIDE> __device__ inline depthwise_lane<STRIDE> depthwise_lane_of()
{
    static_assert(STRIDE == 1 || STRIDE == 2);
    const int ZERO = DEPTHWISE_WORDS - 1;
    int q = threadIdx.x % 4, g = threadIdx.x % 32 / 4, channel = g % 2;
    int down = g / 4 * STRIDE, right = g / 2 % 2 * STRIDE;
    depthwise_lane<STRIDE> lane;
#pragma unroll
    for (int slot = 0; slot < depthwise_slots<STRIDE>; slot++) {
        depthwise_input in = depthwise_input_of<STRIDE>(slot, q);
        int ky = in.y - down, kx = in.x - right;
        bool met = ky >= 0 && ky < 3 && kx >= 0 && kx < 3 && (slot < 6 || q == 0);
        lane.at[slot] = (channel * DEPTHWISE_WORDS + (met ? ky * 3 + kx : ZERO)) * 4;
    }
    lane.greater = channel ? 0x1044 : 0x4410;
    lane.lesser = channel ? 0x3244 : 0x4432;
    return lane;
}

// A lane's taps of four pairs of channels.
template <int STRIDE> using depthwise_taps = unsigned[depthwise_slots<STRIDE>][4];

template <int STRIDE>
__device__ inline void depthwise_load_taps(depthwise_taps<STRIDE> &taps,
                                           const depthwise_lane<STRIDE> &lane,
                                           const depthwise_octet *octet)
{
    const unsigned char *from = reinterpret_cast<const unsigned char *>(octet);
#pragma unroll
    for (int slot = 0; slot < depthwise_slots<STRIDE>; slot++)
#pragma unroll
        for (int pair = 0; pair < 4; pair++)
            taps[slot][pair] = *reinterpret_cast<const unsigned *>(from + lane.at[slot] +
                                                                   pair * 2 * DEPTHWISE_WORDS * 4);
}

// ---- sums --------------------------------------------------------------------------------------

// Of four pairs of channels: [0..1] group g's pixel q, [2..3] group g + 8's.
using depthwise_sums = float[4][4];

__device__ inline void depthwise_start(depthwise_sums &sums, const depthwise_octet &octet)
{
#pragma unroll
    for (int pair = 0; pair < 4; pair++) {
        float4 start = *reinterpret_cast<const float4 *>(octet.start[pair]);
        sums[pair][0] = start.x;
        sums[pair][1] = start.y;
        sums[pair][2] = start.z;
        sums[pair][3] = start.w;
    }
}

// Adds all products: 16 of 16x8x16 at stride 1, 28 at stride 2. `first` and `second`: inputs of
// groups g and g + 8, [slot][pair of channels].
template <int STRIDE>
__device__ inline void depthwise_multiply(depthwise_sums &sums, const depthwise_taps<STRIDE> &taps,
                                          depthwise_lane<STRIDE> lane,
                                          const unsigned (&first)[depthwise_slots<STRIDE>][4],
                                          const unsigned (&second)[depthwise_slots<STRIDE>][4])
{
    // At stride 2 the words take 28 registers and would take twice that if a caller's loop kept
    // the operands that are made of them.
    if (STRIDE == 2) asm volatile("" : "+r"(lane.greater), "+r"(lane.lesser));
#pragma unroll
    for (int i = 0; i < depthwise_slots<STRIDE> / 2 * 8; i++) { // two pairs by turns, both halves
        int slot = i / 8 * 2, pair = i / 4 % 2 * 2 + i % 2;
        unsigned bytes = i / 2 % 2 == 0 ? lane.greater : lane.lesser;
        const unsigned in[4] = {first[slot][pair], second[slot][pair], first[slot + 1][pair],
                                second[slot + 1][pair]};
        multiply_add(sums[pair], in, __byte_perm(taps[slot][pair], 0, bytes),
                     __byte_perm(taps[slot + 1][pair], 0, bytes));
    }
    if constexpr (depthwise_slots<STRIDE> % 2 > 0) { // both halves at once
        const int last = depthwise_slots<STRIDE> - 1;
#pragma unroll
        for (int pair = 0; pair < 4; pair++) {
            const unsigned in[4] = {first[last][pair], second[last][pair], first[last][pair],
                                    second[last][pair]};
            multiply_add(sums[pair], in, __byte_perm(taps[last][pair], 0, lane.greater),
                         __byte_perm(taps[last][pair], 0, lane.lesser));
        }
    }
}

// Pixel q of group g (WHICH 0) or g + 8 (1): 8 channels, clamped. Multiplying by a power of two
// after rounding is exact but for results below the normal halves.
template <int WHICH>
__device__ inline uint4 depthwise_results(const depthwise_sums &sums, const depthwise_octet &octet,
                                          __half2 low, __half2 high)
{
    vector<__half2, 4> unit = *reinterpret_cast<const vector<__half2, 4> *>(octet.unit);
    vector<__half2, 4> out;
#pragma unroll
    for (int pair = 0; pair < 4; pair++) {
        const float *s = &sums[pair][WHICH * 2];
        __half2 scaled = __hmul2(__floats2half2_rn(s[0], s[1]), unit.value[pair]);
        out.value[pair] = clamped(scaled, low, high);
    }
    return *reinterpret_cast<uint4 *>(&out);
}

#endif
