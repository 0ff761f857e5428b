// MobileNet's block as one kernel: a 3x3 depthwise convolution, then a 1x1 one on the tensor cores.
//
// A block of threads computes a tile of pixels by channels. First the depthwise results of the
// tile's pixels go to shared memory, rounded to fp16 as if they had been a tensor; then they are
// multiplied by the 1x1 filter. Blocks with the same pixels and other channels may form a cluster:
// each computes a share of the depthwise channels and gives it to all through distributed shared
// memory.
//
// Pixels come in groups of 2 x 2, so that a thread, which computes 4 channels of a group, needs 16
// inputs for 36 products at stride 1. The 1x1 filter and the depthwise one are requested before the
// kernel waits for the one before it, so they come while that one still computes.
//
// Any stride and dilation, and up to 1024 depthwise channels. block_held.cuh's kernel takes strides
// 1 and 2 without dilation and up to 384 channels: where it can be, an H200's tuner prefers it for
// a picture of 257x257 (all blocks of MobileNet 0.75 but the last one, which is dilated).
#ifndef POSENET_KERNELS_DEPTHWISE_POINTWISE_CUDA_CUH
#define POSENET_KERNELS_DEPTHWISE_POINTWISE_CUDA_CUH

#include <cuda_fp16.h>

#include "kernels/cuda/element.cuh"
#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/mma.cuh"
#include "kernels/depthwise_pointwise/block_product.cuh"

// ---- before the wait ---------------------------------------------------------------------------

template <typename T>
__device__ void copy_taps(const block_arguments &a, const block_layout &l, unsigned shared,
                          int first_channel, int first_vector)
{
    int vectors = a.steps * (BLOCK_STEP / BLOCK_LANES);
    for (int v = threadIdx.x; v < l.share; v += T::THREADS) {
        if (first_vector + v >= vectors) break;
#pragma unroll
        for (int tap = 0; tap <= BLOCK_TAPS; tap++)
            copy_async(shared + l.taps + (tap * l.share + v) * 16,
                       a.taps + (static_cast<int64_t>(tap) * vectors + first_vector + v) * 4);
    }
    int padded = (a.channels + 31) / 32 * 32;
    for (int c = threadIdx.x * 4; c < T::CHANNELS; c += T::THREADS * 4)
        if (first_channel + c < padded)
            copy_async(shared + l.bias + c * 4, a.bias + first_channel + c);
}

// Chunk number `chunk` of the filter, if there is one, into its slot.
template <typename T>
__device__ void copy_chunk(const block_arguments &a, const block_layout &l, unsigned shared,
                           int first_channel, int chunk)
{
    const int units = BLOCK_FRAGMENT / 16;
    unsigned to = shared + l.ring + chunk % BLOCK_SLOTS * l.slot + threadIdx.x * 16;
    int first = chunk * a.chunk, count = min(a.chunk, a.steps - first) * units;
    int blocks = (a.channels + 31) / 32;
#pragma unroll
    for (int n = 0; n < T::CHANNELS / 32; n++) {
        int block = first_channel / 32 + n;
        if (block >= blocks) break;
        const uint4 *from = a.filter + (static_cast<int64_t>(block) * a.steps + first) * units;
        for (int i = threadIdx.x; i < count; i += T::THREADS)
            copy_async(to + (i - threadIdx.x) * 16, from + i);
        to += a.chunk * BLOCK_FRAGMENT;
    }
}

template <typename T>
__device__ void find_places(const block_arguments &a, const block_layout &l, unsigned char *shared)
{
    block_place *places = reinterpret_cast<block_place *>(shared + l.places);
    int *pixels = reinterpret_cast<int *>(shared + l.pixels);
    int first = blockIdx.x * T::GROUPS;
    for (int g = threadIdx.x; g < T::GROUPS; g += T::THREADS) {
        int line = (first + g) / a.across, picture = line / a.down;
        int oy = (line - picture * a.down) * 2, ox = (first + g - line * a.across) * 2;
        int top = oy * a.stride[0] - a.pads[0], left = ox * a.stride[1] - a.pads[1];
        int from = ((picture * a.height + top) * a.width + left) * a.depth;
        bool inside = first + g < a.groups;
        places[g] = {inside ? top : -(1 << 30), left, from, 0};
#pragma unroll
        for (int i = 0; i < BLOCK_GROUP; i++) {
            int y = oy + i / 2, x = ox + i % 2;
            bool kept = inside && y < a.out_height && x < a.out_width;
            pixels[g * BLOCK_GROUP + i] =
                kept ? (picture * a.out_height + y) * a.out_width + x : -1;
        }
    }
}

// ---- depthwise ---------------------------------------------------------------------------------

__device__ inline float4 block_taps(const unsigned char *taps, int tap, int share)
{
    return *reinterpret_cast<const float4 *>(taps + tap * share * 16);
}

__device__ inline void block_multiply(float (&sums)[BLOCK_LANES], const uint2 &in, const float4 &w)
{
    float2 low = two_floats(in.x);
    float2 high = two_floats(in.y);
    sums[0] = fmaf(low.x, w.x, sums[0]);
    sums[1] = fmaf(low.y, w.y, sums[1]);
    sums[2] = fmaf(high.x, w.z, sums[2]);
    sums[3] = fmaf(high.y, w.w, sums[3]);
}

__device__ inline uint2 block_input(const block_arguments &a, const block_place &p, int c, int y,
                                    int x)
{
    uint2 zero = {0, 0};
    bool inside = static_cast<unsigned>(p.top + y) < static_cast<unsigned>(a.height) &&
                  static_cast<unsigned>(p.left + x) < static_cast<unsigned>(a.width);
    if (!inside) return zero;
    return *reinterpret_cast<const uint2 *>(a.x + p.from + (y * a.width + x) * a.depth + c);
}

// A group's sums without dilation, every input loaded once.
template <int STRIDE>
__device__ void sum_window(const block_arguments &a, const block_place &p, int c,
                           const unsigned char *taps, int share,
                           float (&sums)[BLOCK_GROUP][BLOCK_LANES])
{
    const int SIDE = STRIDE + 3;
    uint2 in[SIDE][SIDE];
    float4 weights[BLOCK_TAPS];
#pragma unroll
    for (int y = 0; y < SIDE; y++)
#pragma unroll
        for (int x = 0; x < SIDE; x++) in[y][x] = block_input(a, p, c, y, x);
#pragma unroll
    for (int tap = 0; tap < BLOCK_TAPS; tap++) weights[tap] = block_taps(taps, tap, share);
#pragma unroll
    for (int y = 0; y < SIDE; y++)
#pragma unroll
        for (int x = 0; x < SIDE; x++)
#pragma unroll
            for (int i = 0; i < BLOCK_GROUP; i++) {
                int ky = y - i / 2 * STRIDE, kx = x - i % 2 * STRIDE;
                if (ky >= 0 && ky < 3 && kx >= 0 && kx < 3)
                    block_multiply(sums[i], in[y][x], weights[ky * 3 + kx]);
            }
}

// Any stride and dilation.
__device__ inline void sum_taps(const block_arguments &a, const block_place &p, int c,
                                const unsigned char *taps, int share,
                                float (&sums)[BLOCK_GROUP][BLOCK_LANES])
{
#pragma unroll
    for (int tap = 0; tap < BLOCK_TAPS; tap++) {
        float4 weights = block_taps(taps, tap, share);
#pragma unroll
        for (int i = 0; i < BLOCK_GROUP; i++) {
            int y = i / 2 * a.stride[0] + tap / 3 * a.dilation[0];
            int x = i % 2 * a.stride[1] + tap % 3 * a.dilation[1];
            block_multiply(sums[i], block_input(a, p, c, y, x), weights);
        }
    }
}

// The depthwise results of 4 pixels, to every block of the cluster.
__device__ inline void store_depthwise(const block_arguments &a, unsigned char *to, int pitch,
                                       const float (&sums)[BLOCK_GROUP][BLOCK_LANES],
                                       const float4 &bias)
{
    __half2 low = __float2half2_rn(a.low[0]), high = __float2half2_rn(a.high[0]);
#pragma unroll
    for (int i = 0; i < BLOCK_GROUP; i++, to += pitch) {
        unsigned first = clamped_halves(sums[i][0] + bias.x, sums[i][1] + bias.y, low, high);
        unsigned second = clamped_halves(sums[i][2] + bias.z, sums[i][3] + bias.w, low, high);
        if (a.cluster == 1) {
            *reinterpret_cast<uint2 *>(to) = {first, second};
            continue;
        }
        for (int rank = 0; rank < a.cluster; rank++)
            store_in_cluster(shared_address(to), rank, __uint_as_float(first),
                             __uint_as_float(second));
    }
}

template <typename T>
__device__ void compute_depthwise(const block_arguments &a, const block_layout &l,
                                  unsigned char *shared, int first_vector)
{
    const block_place *places = reinterpret_cast<const block_place *>(shared + l.places);
    bool plain = a.dilation[0] == 1 && a.dilation[1] == 1 && a.stride[0] == a.stride[1];
    int count = min(l.share, a.steps * (BLOCK_STEP / BLOCK_LANES) - first_vector);
    for (int i = threadIdx.x; i < T::GROUPS * count; i += T::THREADS) {
        int g = i / count, v = i - g * count, c = (first_vector + v) * BLOCK_LANES;
        const unsigned char *taps = shared + l.taps + v * 16;
        float sums[BLOCK_GROUP][BLOCK_LANES] = {};
        block_place place = places[g];
        if (c >= a.depth) place.top = -(1 << 30); // the last step's padding
        if (plain && a.stride[0] == 1)
            sum_window<1>(a, place, c, taps, l.share, sums);
        else if (plain && a.stride[0] == 2)
            sum_window<2>(a, place, c, taps, l.share, sums);
        else
            sum_taps(a, place, c, taps, l.share, sums);
        store_depthwise(a, shared + g * BLOCK_GROUP * l.pitch + c * 2, l.pitch, sums,
                        block_taps(taps, BLOCK_TAPS, l.share));
    }
}

// ---- the kernel --------------------------------------------------------------------------------

// Blocks: (tiles of pixels, tiles of channels), clusters along the second.
template <typename T>
__global__ void __launch_bounds__(T::THREADS, 2) depthwise_pointwise(block_arguments a)
{
#if __CUDA_ARCH__ >= 800
    extern __shared__ __align__(128) unsigned char shared[];
    block_layout l = block_layout_of<T>(a.steps, a.chunk, a.cluster);
    unsigned at = shared_address(shared);
    int first_channel = blockIdx.y * T::CHANNELS;
    int first_vector = static_cast<int>(blockIdx.y) % a.cluster * l.share;
    if (a.cluster > 1) cluster_arrive();
    copy_taps<T>(a, l, at, first_channel, first_vector);
    copy_group();
    for (int chunk = 0; chunk < BLOCK_SLOTS - 1; chunk++) {
        copy_chunk<T>(a, l, at, first_channel, chunk);
        copy_group();
    }
    find_places<T>(a, l, shared);
    wait_for_copies<BLOCK_SLOTS - 1>();
    __syncthreads();
    if (a.cluster > 1) cluster_wait(); // all have started

    wait_for_previous();
    compute_depthwise<T>(a, l, shared, first_vector);
    if (a.cluster > 1) {
        cluster_arrive();
        cluster_wait();
    }

    // One group of copies a chunk, empty or not.
    block_sums<T> sums = {};
    for (int chunk = 0; chunk * a.chunk < a.steps; chunk++) {
        wait_for_copies<BLOCK_SLOTS - 2>();
        __syncthreads();
        copy_chunk<T>(a, l, at, first_channel, chunk + BLOCK_SLOTS - 1);
        copy_group();
        int first = chunk * a.chunk;
        multiply_chunk<T>(a, l, sums, at, at + l.ring + chunk % BLOCK_SLOTS * l.slot, first,
                          min(a.chunk, a.steps - first));
    }
    if (T::SHARES > 1) add_shares<T>(sums, shared);
    if (threadIdx.x / 32 < T::WARPS) store_pixels<T>(a, l, sums, shared, first_channel);
#endif
}

#endif
