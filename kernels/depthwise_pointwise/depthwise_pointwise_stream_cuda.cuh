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

// Two channels of a strip: LINES lines of STREAM_STRIP pixels, every input read and widened once.
// `window`: the strip's; `first`: the row of its first pixel, a multiple of STREAM_STRIP; `column`:
// byte of the row.
template <int STRIDE, int DILATION, int CHUNK, int LINES>
__device__ void convolve_strip(const stream_arguments &a, const unsigned char *window,
                               const unsigned char *taps, unsigned char *results, int first,
                               int column)
{
    const int DOWN = (LINES - 1) * STRIDE + 2 * DILATION + 1;
    const int COLUMNS = (STREAM_STRIP - 1) * STRIDE + 2 * DILATION + 1;
    float2 weights[STREAM_TAPS + 1], sums[LINES][STREAM_STRIP];
#pragma unroll
    for (int tap = 0; tap <= STREAM_TAPS; tap++)
        weights[tap] = *reinterpret_cast<const float2 *>(taps + tap * CHUNK * 4);
#pragma unroll
    for (int i = 0; i < LINES * STREAM_STRIP; i++)
        sums[i / STREAM_STRIP][i % STREAM_STRIP] = weights[STREAM_TAPS];
    int line = a.window_width * CHUNK * 2;
#pragma unroll
    for (int y = 0; y < DOWN; y++, window += line)
#pragma unroll
        for (int x = 0; x < COLUMNS; x++) {
            float2 in = __half22float2(*reinterpret_cast<const __half2 *>(window + x * CHUNK * 2));
#pragma unroll
            for (int i = 0; i < LINES * STREAM_STRIP; i++) {
                int ky = y - i / STREAM_STRIP * STRIDE, kx = x - i % STREAM_STRIP * STRIDE;
                if (ky < 0 || kx < 0 || ky % DILATION || kx % DILATION) continue;
                if (ky > 2 * DILATION || kx > 2 * DILATION) continue;
                float2 w = weights[ky / DILATION * 3 + kx / DILATION];
                float2 &sum = sums[i / STREAM_STRIP][i % STREAM_STRIP];
                sum.x = fmaf(in.x, w.x, sum.x);
                sum.y = fmaf(in.y, w.y, sum.y);
            }
        }
    // Row r has its 16-byte pieces at p ^ r % 8. Bits of the column and of r * STREAM_ROW are
    // apart.
    __half2 low = __float2half2_rn(a.low[0]), high = __float2half2_rn(a.high[0]);
#pragma unroll
    for (int y = 0; y < LINES; y++, first += a.tile_width) {
        unsigned at = first * STREAM_ROW ^ column ^ (first & STREAM_STRIP) * 16;
#pragma unroll
        for (int x = 0; x < STREAM_STRIP; x++)
            *reinterpret_cast<unsigned *>(results + (at ^ x * 16) + x * STREAM_ROW) =
                clamped_halves(sums[y][x].x, sums[y][x].y, low, high);
    }
}

// A chunk of a tile from its window to `results`, by strips of `a.lines` lines.
template <int CHUNK>
__device__ void convolve_chunk(const stream_arguments &a, const stream_layout &l,
                               const unsigned char *shared, const unsigned char *window,
                               unsigned char *results)
{
    const int LANES = CHUNK / 2;
    const int2 *strips = reinterpret_cast<const int2 *>(shared + l.at_strips);
    int thread = threadIdx.x % STREAM_HALF, lane = thread % LANES;
    int count = a.tile_height / a.lines * (a.tile_width / STREAM_STRIP);
    const unsigned char *taps = window + l.window + lane * 8;
    for (int s = thread / LANES; s < count; s += STREAM_HALF / LANES) {
        int2 place = strips[s];
        const unsigned char *from = window + place.x + lane * 4;
        if (a.dilation == 2)
            convolve_strip<1, 2, CHUNK, 2>(a, from, taps, results, place.y, lane * 4);
        else if (a.stride == 2 && a.lines == 2)
            convolve_strip<2, 1, CHUNK, 2>(a, from, taps, results, place.y, lane * 4);
        else if (a.stride == 2)
            convolve_strip<2, 1, CHUNK, 4>(a, from, taps, results, place.y, lane * 4);
        else if (a.lines == 2)
            convolve_strip<1, 1, CHUNK, 2>(a, from, taps, results, place.y, lane * 4);
        else if (a.lines == 3)
            convolve_strip<1, 1, CHUNK, 3>(a, from, taps, results, place.y, lane * 4);
        else
            convolve_strip<1, 1, CHUNK, 4>(a, from, taps, results, place.y, lane * 4);
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
    int64_t line = static_cast<int64_t>(p.picture) * a.out_height + p.top;
    int64_t start = (line * a.out_width + p.left) * a.channels + column;
    int down = a.out_height - p.top, across = a.out_width - p.left;
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

// ---- the three kinds of warps -------------------------------------------------------------------

// Where pixels and strips of a tile lie, and the channels' bias: the same for all tiles.
template <typename T>
__device__ void stream_tables(const stream_arguments &a, const stream_layout &l,
                              unsigned char *shared, int first_channel)
{
    stream_pixel *pixels = reinterpret_cast<stream_pixel *>(shared + l.at_pixels);
    for (int i = threadIdx.x; i < T::PIXELS; i += STREAM_THREADS) {
        int y = i / a.tile_width, x = i - y * a.tile_width;
        const short never = 0x7fff;
        pixels[i] = {y < a.tile_height ? static_cast<short>(y) : never, static_cast<short>(x),
                     (y * a.out_width + x) * a.channels};
    }
    int2 *strips = reinterpret_cast<int2 *>(shared + l.at_strips);
    // By lines of the tile; those of 3 lines downwards, for the sake of banks.
    int down = a.tile_height / a.lines, across = a.tile_width / STREAM_STRIP;
    for (int i = threadIdx.x; i < down * across; i += STREAM_THREADS) {
        int y = (a.lines == 3 ? i % down : i / across) * a.lines;
        int x = (a.lines == 3 ? i / down : i % across) * STREAM_STRIP;
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
        const unsigned char *window = shared + l.at_windows + stage * l.stage;
        if (a.chunk == 64)
            convolve_chunk<64>(a, l, shared, window, shared + i % 2 * l.results);
        else
            convolve_chunk<32>(a, l, shared, window, shared + i % 2 * l.results);
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
        stream_sums<T> sums;
        stream_start<T>(l, sums, shared);
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
