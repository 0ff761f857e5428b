// MobileNet's block for large maps: blocks of threads that stay and take tile after tile. Half of
// their warps compute the depthwise results of the next chunk of channels while the other half, two
// warpgroups, multiplies the last one by the 1x1 filter; one more warp only orders copies.
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
#include "kernels/depthwise_pointwise/stream_tile.cuh"

// ---- copies: one thread ------------------------------------------------------------------------

struct stream_copies {
    const CUtensorMap *map;
    unsigned shared;               // address
    int step, first_block, blocks; // tiles from one to the next; of 32 channels
    int tile, chunk, stage;        // of the next window
    int filter_left, filter_chunk, slot;
};

__device__ inline void copy_next_window(const stream_arguments &a, const stream_layout &l,
                                        stream_copies &n)
{
    if (n.tile >= a.tiles) return;
    stream_place p = stream_place_of(a, n.tile);
    unsigned to = n.shared + l.at_windows + n.stage * l.stage,
             barrier = n.shared + l.at_barriers + n.stage * 8;
    unsigned taps = (STREAM_TAPS + 1) * a.chunk * 4;
    expect_bytes(barrier, l.window + taps);
    copy_window(to, n.map, n.chunk * a.chunk, p.left * a.stride - a.pads[1],
                p.top * a.stride - a.pads[0], p.picture, barrier);
    copy_bulk(to + l.window, a.taps + static_cast<int64_t>(n.chunk) * taps, taps, barrier);
    if (++n.stage == a.stages) n.stage = 0;
    if (++n.chunk < a.chunks) return;
    n.chunk = 0;
    n.tile += n.step;
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

// ---- depthwise ---------------------------------------------------------------------------------

// Two channels of a strip: two lines of STREAM_STRIP pixels, every input read once. `first`: the
// row of the first pixel, a multiple of STREAM_STRIP; `column`: byte of the row.
template <int STRIDE, int DILATION>
__device__ void convolve_strip(const stream_arguments &a, const unsigned char *window,
                               const unsigned char *taps, unsigned char *results, int first,
                               int column)
{
    const int LINES = STRIDE + 2 * DILATION + 1;
    const int COLUMNS = (STREAM_STRIP - 1) * STRIDE + 2 * DILATION + 1;
    float2 weights[STREAM_TAPS + 1], sums[2][STREAM_STRIP] = {};
#pragma unroll
    for (int tap = 0; tap <= STREAM_TAPS; tap++)
        weights[tap] = *reinterpret_cast<const float2 *>(taps + tap * a.chunk * 4);
    int pixel = a.chunk * 2, line = a.window_width * pixel;
#pragma unroll
    for (int x = 0; x < COLUMNS; x++)
#pragma unroll
        for (int y = 0; y < LINES; y++) {
            float2 in =
                __half22float2(*reinterpret_cast<const __half2 *>(window + y * line + x * pixel));
#pragma unroll
            for (int i = 0; i < 2 * STREAM_STRIP; i++) {
                int ky = y - i / STREAM_STRIP * STRIDE, kx = x - i % STREAM_STRIP * STRIDE;
                if (ky < 0 || kx < 0 || ky % DILATION || kx % DILATION) continue;
                if (ky > 2 * DILATION || kx > 2 * DILATION) continue;
                float2 w = weights[ky / DILATION * 3 + kx / DILATION];
                float2 &sum = sums[i / STREAM_STRIP][i % STREAM_STRIP];
                sum.x = fmaf(in.x, w.x, sum.x);
                sum.y = fmaf(in.y, w.y, sum.y);
            }
        }
    __half2 low = __float2half2_rn(a.low[0]), high = __float2half2_rn(a.high[0]);
    float2 bias = weights[STREAM_TAPS];
#pragma unroll
    for (int i = 0; i < 2 * STREAM_STRIP; i++) {
        float2 sum = sums[i / STREAM_STRIP][i % STREAM_STRIP];
        int row = first + i / STREAM_STRIP * a.tile_width + i % STREAM_STRIP;
        *reinterpret_cast<unsigned *>(results + row * STREAM_ROW + (column ^ row % 8 * 16)) =
            clamped_halves(sum.x + bias.x, sum.y + bias.y, low, high);
    }
}

// A chunk of a tile from its window to `results`.
__device__ inline void convolve_chunk(const stream_arguments &a, const stream_layout &l,
                                      const unsigned char *shared, const unsigned char *window,
                                      unsigned char *results)
{
    const int2 *strips = reinterpret_cast<const int2 *>(shared + l.at_strips);
    int lanes = a.chunk / 2, thread = threadIdx.x % STREAM_HALF, lane = thread % lanes;
    int count = a.tile_height / 2 * (a.tile_width / STREAM_STRIP);
    const unsigned char *taps = window + l.window + lane * 8;
    for (int s = thread / lanes; s < count; s += STREAM_HALF / lanes) {
        int2 place = strips[s];
        const unsigned char *from = window + place.x + lane * 4;
        if (a.dilation == 2)
            convolve_strip<1, 2>(a, from, taps, results, place.y, lane * 4);
        else if (a.stride == 2)
            convolve_strip<2, 1>(a, from, taps, results, place.y, lane * 4);
        else
            convolve_strip<1, 1>(a, from, taps, results, place.y, lane * 4);
    }
}

// ---- the matrix product ------------------------------------------------------------------------

// Sums of a warp: 16 pixels by 8 channels each.
template <typename T> using stream_sums = float[T::ACROSS * 4][4];

// STEPS of 16 inputs. `results` and `filter`: rows of the warpgroup's pixels and channels.
template <typename T, int STEPS>
__device__ void stream_multiply(stream_sums<T> &sums, unsigned results, unsigned filter)
{
    const int WIDE = T::ACROSS / 4, REST = T::ACROSS % 4;    // 128 channels at once
    const int wide = 128 * STREAM_ROW / 16, half = wide / 2; // in describe_rows' unit
    uint64_t x = describe_rows(results), w = describe_rows(filter);
    begin_products();
#pragma unroll
    for (int k = 0; k < STEPS * 2; k += 2) {
        if constexpr (WIDE > 0)
            multiply_tile(reinterpret_cast<float(&)[16][4]>(sums), x + k, w + k);
        if constexpr (REST >= 2)
            multiply_tile(reinterpret_cast<float(&)[8][4]>(sums[WIDE * 16]), x + k,
                          w + WIDE * wide + k);
        if constexpr (REST % 2 > 0)
            multiply_tile(reinterpret_cast<float(&)[4][4]>(sums[T::ACROSS * 4 - 4]), x + k,
                          w + WIDE * wide + REST / 2 * half + k);
    }
    end_products();
    wait_for_products<0>();
}

// The filter's rows are ordered so that lane % 4 has 8 neighbouring channels of each 32.
template <typename T>
__device__ void stream_store(const stream_arguments &a, const stream_layout &l,
                             const stream_sums<T> &sums, const unsigned char *shared,
                             const stream_place &p, int first_channel)
{
    const int *pixels = reinterpret_cast<const int *>(shared + l.at_pixels);
    int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    int row = warp % T::ROWS * 16 + lane / 4;
    int column = warp / T::ROWS * T::ACROSS * 32 + lane % 4 * 8;
    __half2 low = __float2half2_rn(a.low[1]), high = __float2half2_rn(a.high[1]);
    int64_t start = static_cast<int64_t>(p.picture) * a.out_height;
#pragma unroll
    for (int i = 0; i < 2; i++) {
        int pixel = pixels[row + i * 8], y = p.top + pixel / 65536, x = p.left + pixel % 65536;
        if (pixel < 0 || y >= a.out_height || x >= a.out_width) continue;
        int64_t at = ((start + y) * a.out_width + x) * a.channels + first_channel + column;
#pragma unroll
        for (int j = 0; j < T::ACROSS; j++) {
            if (first_channel + column + j * 32 >= a.channels) break;
            const float *bias =
                reinterpret_cast<const float *>(shared + l.at_bias) + column + j * 32;
            vector<__half, 8> more = {};
            if (a.residual)
                more = *reinterpret_cast<const vector<__half, 8> *>(a.residual + at + j * 32);
            unsigned out[4];
#pragma unroll
            for (int t = 0; t < 4; t++) {
                const float *s = &sums[j * 4 + t][i * 2];
                out[t] = clamped_halves(s[0] + bias[t * 2] + to_float(more.value[t * 2]),
                                        s[1] + bias[t * 2 + 1] + to_float(more.value[t * 2 + 1]),
                                        low, high);
            }
            *reinterpret_cast<uint4 *>(a.y + at + j * 32) = {out[0], out[1], out[2], out[3]};
        }
    }
}

// ---- the three kinds of warps -------------------------------------------------------------------

// Where pixels and strips of a tile lie, and the channels' bias: the same for all tiles.
template <typename T>
__device__ void stream_tables(const stream_arguments &a, const stream_layout &l,
                              unsigned char *shared, int first_channel)
{
    int *pixels = reinterpret_cast<int *>(shared + l.at_pixels);
    for (int i = threadIdx.x; i < T::PIXELS; i += STREAM_THREADS)
        pixels[i] =
            i < a.tile_height * a.tile_width ? i / a.tile_width * 65536 + i % a.tile_width : -1;
    int2 *strips = reinterpret_cast<int2 *>(shared + l.at_strips);
    int across = a.tile_width / STREAM_STRIP;
    for (int i = threadIdx.x; i < a.tile_height / 2 * across; i += STREAM_THREADS) {
        int y = i / across * 2, x = i % across * STREAM_STRIP;
        strips[i] = {(y * a.window_width + x) * a.stride * a.chunk * 2, y * a.tile_width + x};
    }
    float *bias = reinterpret_cast<float *>(shared + l.at_bias);
    for (int c = threadIdx.x; c < T::CHANNELS; c += STREAM_THREADS)
        bias[c] = a.bias && first_channel + c < a.channels ? a.bias[first_channel + c] : 0;
}

// At chunk i all depthwise threads are past chunk i - 1 and the products past chunk i - 2 once the
// buffer of chunk i is empty: so the next copies go where those lay.
__device__ inline void stream_copy(const stream_arguments &a, const stream_layout &l,
                                   stream_copies &copies, int count)
{
    for (int i = 0; i < count; i++) {
        named_barrier_sync(STREAM_EMPTY + i % 2, STREAM_THREADS);
        bool copier = threadIdx.x == STREAM_WORKERS;
        if (copier && i >= 1) copy_next_window(a, l, copies);
        if (copier && i >= 2) copy_next_filter(a, l, copies);
        __syncwarp();
    }
}

__device__ inline void stream_depthwise(const stream_arguments &a, const stream_layout &l,
                                        unsigned char *shared, int count)
{
    unsigned at = shared_address(shared);
    int stage = 0, phase = 0;
    for (int i = 0; i < count; i++) {
        named_barrier_sync(STREAM_EMPTY + i % 2, STREAM_THREADS);
        wait_for_bytes(at + l.at_barriers + stage * 8, phase);
        convolve_chunk(a, l, shared, shared + l.at_windows + stage * l.stage,
                       shared + i % 2 * l.results);
        show_writes();
        named_barrier_arrive(STREAM_FULL + i % 2, STREAM_WORKERS);
        if (++stage == a.stages) {
            stage = 0;
            phase ^= 1;
        }
    }
}

template <typename T>
__device__ void stream_products(const stream_arguments &a, const stream_layout &l,
                                const unsigned char *shared, unsigned at, int first_tile, int step,
                                int count, int first_channel)
{
    named_barrier_arrive(STREAM_EMPTY, STREAM_THREADS);
    if (count > 1) named_barrier_arrive(STREAM_EMPTY + 1, STREAM_THREADS);
    bool stays = a.slots == a.chunks;
    int warpgroup = threadIdx.x / 128, slot = 0, phase = 0, i = 0;
    unsigned results = at + (T::ROWS == 8 ? warpgroup * 64 * STREAM_ROW : 0);
    unsigned filter =
        at + l.at_filter + (T::ROWS == 8 ? 0 : warpgroup * T::ACROSS * 32 * STREAM_ROW);
    for (int tile = first_tile; tile < a.tiles; tile += step) {
        stream_sums<T> sums = {};
        for (int chunk = 0; chunk < a.chunks; chunk++, i++) {
            wait_for_bytes(at + l.at_barriers + (STREAM_MOST_STAGES + slot) * 8, phase);
            named_barrier_sync(STREAM_FULL + i % 2, STREAM_WORKERS);
            if (a.chunk == 64)
                stream_multiply<T, 4>(sums, results + i % 2 * l.results, filter + slot * l.slot);
            else
                stream_multiply<T, 2>(sums, results + i % 2 * l.results, filter + slot * l.slot);
            if (i + 2 < count) named_barrier_arrive(STREAM_EMPTY + i % 2, STREAM_THREADS);
            if (++slot == a.slots) {
                slot = 0;
                if (!stays) phase ^= 1;
            }
        }
#pragma unroll
        for (int j = 0; j < T::ACROSS * 16; j++) settle(sums[j / 4][j % 4]);
        stream_store<T>(a, l, sums, shared, stream_place_of(a, tile), first_channel);
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
    bool copier = threadIdx.x == STREAM_WORKERS;
    stream_copies copies = {};
    copies.map = &map;
    copies.shared = at;
    copies.step = step;
    copies.first_block = first_channel / 32;
    copies.blocks = min(T::CHANNELS / 32, (a.channels + 31) / 32 - copies.first_block);
    copies.tile = first_tile;
    copies.filter_left = a.slots == a.chunks ? a.chunks : count;
    if (copier) {
        for (int i = 0; i < STREAM_MOST_STAGES + STREAM_MOST_SLOTS; i++)
            make_barrier(at + l.at_barriers + i * 8);
        show_barriers();
        for (int i = 0; i < a.slots; i++) copy_next_filter(a, l, copies);
    }
    stream_tables<T>(a, l, shared, first_channel);
    let_next_start();
    __syncthreads();
    wait_for_previous();
    if (copier)
        for (int i = 0; i < a.stages; i++) copy_next_window(a, l, copies);
    if (threadIdx.x >= STREAM_WORKERS)
        stream_copy(a, l, copies, count);
    else if (threadIdx.x >= STREAM_HALF)
        stream_depthwise(a, l, shared, count);
    else
        stream_products<T>(a, l, shared, at, first_tile, step, count, first_channel);
#endif
}

#endif
