// MobileNet's block for large maps: blocks of threads that stay and take tile after tile. Half of
// their warps compute the depthwise results of the next chunk of channels while the other half, two
// warpgroups, multiplies the last one by the 1x1 filter. One thread orders copies.
//
//   copy engine -> windows of x, with taps (STAGES ring) -> depthwise warps -> results (two
//   buffers of a tile's pixels by a chunk) -> product warps -> y
//   copy engine -> chunks of the 1x1 filter (ring, or all of it once) -> product warps
//
// The copy engine fetches a tile's window with its border and puts zeros outside the picture.
// Chunks are counted through all tiles of a block, so nothing drains between two tiles.
#ifndef POSENET_KERNELS_DEPTHWISE_POINTWISE_STREAM_CUDA_CUH
#define POSENET_KERNELS_DEPTHWISE_POINTWISE_STREAM_CUDA_CUH

#include <cuda_fp16.h>

#include "kernels/cuda/element.cuh"
#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/mma.cuh"
#include "kernels/cuda/wgmma.cuh"
#include "kernels/depthwise_pointwise/block_cuda.cuh"
#include "kernels/depthwise_pointwise/stream_depthwise.cuh"
#include "kernels/depthwise_pointwise/stream_tile.cuh"

// ---- copies ------------------------------------------------------------------------------------

// Of one thread, which has them in shared memory for want of registers.
struct stream_copies {
    unsigned shared;         // address
    int first_block, blocks; // of 32 channels
    stream_place place;      // of the next window
    int chunk, stage;
    int filter_left, filter_chunk, slot;
};
static_assert(sizeof(stream_copies) <= STREAM_COPIES);

__device__ inline void copy_next_window(const stream_arguments &a, const stream_layout &l,
                                        const CUtensorMap &map, stream_copies &n)
{
    if (n.place.picture >= a.pictures) return;
    unsigned to = n.shared + l.at_windows + n.stage * l.stage,
             barrier = n.shared + l.at_barriers + n.stage * 8;
    unsigned taps = a.octets * sizeof(depthwise_octet);
    expect_bytes(barrier, l.window + taps);
    copy_window(to, &map, n.chunk * a.chunk, n.place.column * a.tile_width * a.stride - a.pads[1],
                n.place.line * a.tile_height * a.stride - a.pads[0], n.place.picture, barrier);
    copy_bulk(to + l.at_taps, a.taps + n.chunk * a.octets, taps, barrier);
    if (++n.stage == a.stages) n.stage = 0;
    if (++n.chunk < a.chunks) return;
    n.chunk = 0;
    stream_advance(a, n.place);
}

__device__ inline void copy_next_filter(const stream_arguments &a, const stream_layout &l,
                                        stream_copies &n)
{
    if (n.filter_left-- <= 0) return;
    unsigned barrier = n.shared + l.at_barriers + (STREAM_MOST_STAGES + n.slot) * 8;
    const unsigned block = 32 * STREAM_ROW;
    int64_t from = static_cast<int64_t>(n.filter_chunk) * ((a.channels + 31) / 32) + n.first_block;
    expect_bytes(barrier, n.blocks * block);
    copy_bulk(n.shared + l.at_filter + n.slot * l.slot, a.filter + from * block, n.blocks * block,
              barrier);
    if (++n.slot == a.slots) n.slot = 0;
    if (++n.filter_chunk == a.chunks) n.filter_chunk = 0;
}

// ---- the matrix product ------------------------------------------------------------------------

// Sums of a warp: 16 pixels by 8 channels each.
template <typename T> using stream_sums = float[T::ACROSS * 4][4];

// STEPS of 16 inputs. `results` and `filter`: rows of the warpgroup's pixels and channels.
template <typename T, int STEPS>
__device__ void stream_multiply(stream_sums<T> &sums, unsigned results, unsigned filter)
{
    uint64_t x = describe_rows(results), w = describe_rows(filter);
    begin_products();
    multiply_rows<STEPS * 16>(sums, x, w);
    end_products();
}

// The filter's rows are ordered so that lane % 4 has 8 neighbouring channels of each 32: the first
// of them in the tile.
template <typename T> __device__ inline int stream_column()
{
    return static_cast<int>(threadIdx.x) / 32 / T::ROWS * T::ACROSS * 32 + threadIdx.x % 4 * 8;
}

// The sums begin with the bias.
template <typename T>
__device__ void stream_start(const stream_layout &l, stream_sums<T> &sums,
                             const unsigned char *shared)
{
    const float *bias = reinterpret_cast<const float *>(shared + l.at_bias) + stream_column<T>();
#pragma unroll
    for (int j = 0; j < T::ACROSS; j++) {
        vector<float, 4> four[2];
#pragma unroll
        for (int i = 0; i < 2; i++)
            four[i] = *reinterpret_cast<const vector<float, 4> *>(bias + j * 32 + i * 4);
#pragma unroll
        for (int i = 0; i < 16; i++)
            sums[j * 4 + i / 4][i % 4] = four[i / 8].value[i / 4 % 2 * 2 + i % 2];
    }
}

// 8 channels of a pixel.
__device__ inline void stream_add(const __half *from, float (*sums)[4], int i)
{
    vector<__half, 8> more = *reinterpret_cast<const vector<__half, 8> *>(from);
#pragma unroll
    for (int t = 0; t < 8; t++) sums[t / 2][i * 2 + t % 2] += to_float(more.value[t]);
}

template <typename T>
__device__ void stream_store(const stream_arguments &a, const stream_layout &l,
                             stream_sums<T> &sums, const unsigned char *shared,
                             const stream_place &p, int first_channel)
{
    const stream_pixel *pixels = reinterpret_cast<const stream_pixel *>(shared + l.at_pixels);
    int row = static_cast<int>(threadIdx.x) / 32 % T::ROWS * 16 + threadIdx.x % 32 / 4;
    int column = first_channel + stream_column<T>();
    __half2 low = __float2half2_rn(a.low[1]), high = __float2half2_rn(a.high[1]);
    int top = p.line * a.tile_height, left = p.column * a.tile_width;
    int64_t line = static_cast<int64_t>(p.picture) * a.out_height + top;
    int64_t start = (line * a.out_width + left) * a.channels + column;
    int down = a.out_height - top, across = a.out_width - left;
#pragma unroll
    for (int i = 0; i < 2; i++) {
        stream_pixel pixel = pixels[row + i * 8];
        if (pixel.y >= down || pixel.x >= across) continue;
        __half *to = a.y + start + pixel.at;
#pragma unroll
        for (int j = 0; j < T::ACROSS; j++) {
            if (column + j * 32 >= a.channels) break;
            if (a.residual) stream_add(a.residual + start + pixel.at + j * 32, sums + j * 4, i);
            unsigned out[4];
#pragma unroll
            for (int t = 0; t < 4; t++) {
                const float *s = &sums[j * 4 + t][i * 2];
                out[t] = clamped_halves(s[0], s[1], low, high);
            }
            *reinterpret_cast<uint4 *>(to + j * 32) = {out[0], out[1], out[2], out[3]};
        }
    }
}

// ---- the two kinds of warps ---------------------------------------------------------------------

// Where pixels and posts of a tile lie, and the channels' bias: the same for all tiles. Octets that
// no depthwise warp writes stay zero.
template <typename T>
__device__ void stream_tables(const stream_arguments &a, const stream_layout &l,
                              unsigned char *shared, int first_channel)
{
    stream_pixel *pixels = reinterpret_cast<stream_pixel *>(shared + l.at_pixels);
    for (int i = threadIdx.x; i < T::PIXELS; i += STREAM_THREADS) {
        stream_spot at = stream_spot_of(a, i);
        const short never = 0x7fff;
        pixels[i] = {at.y < a.tile_height ? static_cast<short>(at.y) : never,
                     static_cast<short>(at.x), (at.y * a.out_width + at.x) * a.channels};
    }
    int *posts = reinterpret_cast<int *>(shared + l.at_posts);
    int live = a.tile_height * a.tile_width / STREAM_POST;
    for (int i = threadIdx.x; i < T::PIXELS / STREAM_POST; i += STREAM_THREADS) {
        stream_spot at = stream_post_of(a, i);
        posts[i] = i < live ? (at.y * a.window_width + at.x) * a.stride * a.chunk * 2 : 0;
    }
    float *bias = reinterpret_cast<float *>(shared + l.at_bias);
    for (int c = threadIdx.x; c < T::CHANNELS; c += STREAM_THREADS)
        bias[c] = a.bias && first_channel + c < a.channels ? a.bias[first_channel + c] : 0;
    if (a.octets * DEPTHWISE_OCTET == a.chunk) return;
    for (int i = threadIdx.x * 16; i < l.results * 2; i += STREAM_THREADS * 16)
        *reinterpret_cast<uint4 *>(shared + i) = {};
    show_writes();
}

// Once the results of chunk i are there, the depthwise threads are past its window and the products
// past chunk i - 1. So the next copies go where those lay, while chunk i is multiplied.
template <typename T>
__device__ void stream_products(const stream_arguments &a, const stream_layout &l,
                                const CUtensorMap &map, const unsigned char *shared,
                                stream_copies &copies, stream_place place, int count,
                                int first_channel)
{
    named_barrier_arrive(STREAM_EMPTY, STREAM_THREADS);
    if (count > 1) named_barrier_arrive(STREAM_EMPTY + 1, STREAM_THREADS);
    unsigned at = shared_address(shared);
    bool stays = a.slots == a.chunks;
    int warpgroup = threadIdx.x / 128, slot = 0, phase = 0, i = 0;
    unsigned results = at + (T::ROWS == 8 ? warpgroup * 64 * STREAM_ROW : 0);
    unsigned filter =
        at + l.at_filter + (T::ROWS == 8 ? 0 : warpgroup * T::ACROSS * 32 * STREAM_ROW);
    for (; a.pictures > place.picture; stream_advance(a, place)) {
        stream_sums<T> sums;
        stream_start<T>(l, sums, shared);
        for (int chunk = 0; chunk < a.chunks; chunk++, i++) {
            wait_for_bytes(at + l.at_barriers + (STREAM_MOST_STAGES + slot) * 8, phase);
            named_barrier_sync(STREAM_FULL + i % 2, STREAM_THREADS);
            if (a.chunk == 64)
                stream_multiply<T, 4>(sums, results + i % 2 * l.results, filter + slot * l.slot);
            else
                stream_multiply<T, 2>(sums, results + i % 2 * l.results, filter + slot * l.slot);
            if (threadIdx.x == 0) {
                copy_next_window(a, l, map, copies);
                if (i > 0) copy_next_filter(a, l, copies);
            }
            __syncwarp();
            wait_for_products<0>();
            if (i + 2 < count) named_barrier_arrive(STREAM_EMPTY + i % 2, STREAM_THREADS);
            if (++slot == a.slots) {
                slot = 0;
                if (!stays) phase ^= 1;
            }
        }
#pragma unroll
        for (int j = 0; j < T::ACROSS * 16; j++) settle(sums[j / 4][j % 4]);
        stream_store<T>(a, l, sums, shared, place, first_channel);
    }
}

// Blocks: a multiple of a.splits; block b has the channels of split b % a.splits.
template <typename T>
__global__ void __launch_bounds__(STREAM_THREADS, 1)
    depthwise_pointwise_stream(const __grid_constant__ CUtensorMap map,
                               const __grid_constant__ stream_arguments a)
{
#ifdef __CUDA_ARCH_FEAT_SM90_ALL
    extern __shared__ __align__(1024) unsigned char shared[];
    stream_layout l = stream_layout_of(a, T::PIXELS, T::CHANNELS);
    unsigned at = shared_address(shared);
    int split = static_cast<int>(blockIdx.x) % a.splits, first_channel = split * T::CHANNELS;
    int first_tile = static_cast<int>(blockIdx.x) / a.splits;
    int step = static_cast<int>(gridDim.x) / a.splits;
    int count = (a.tiles - first_tile + step - 1) / step * a.chunks;
    const stream_place place = stream_place_of(a, first_tile);
    stream_copies &copies = *reinterpret_cast<stream_copies *>(shared + l.at_copies);
    if (threadIdx.x == 0) {
        for (int i = 0; i < STREAM_MOST_STAGES + STREAM_MOST_SLOTS; i++)
            make_barrier(at + l.at_barriers + i * 8);
        show_barriers();
        copies = {at, first_channel / 32, 0, place, 0, 0, 0, 0, 0};
        copies.blocks = min(T::CHANNELS / 32, (a.channels + 31) / 32 - copies.first_block);
        copies.filter_left = a.slots == a.chunks ? a.chunks : count;
        for (int i = 0; i < a.slots; i++) copy_next_filter(a, l, copies);
    }
    stream_tables<T>(a, l, shared, first_channel);
    __syncthreads();
    wait_for_previous();
    if (threadIdx.x == 0)
        for (int i = 0; i < a.stages; i++) copy_next_window(a, l, map, copies);
    __syncwarp();
    if (threadIdx.x < STREAM_HALF)
        stream_products<T>(a, l, map, shared, copies, place, count, first_channel);
    else if (a.stride == 1)
        stream_depthwise<1>(a, l, shared, count);
    else
        stream_depthwise<2>(a, l, shared, count);
#endif
}

#endif
