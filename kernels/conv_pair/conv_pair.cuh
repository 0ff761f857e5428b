// Two 1x1 convolutions after one another by Hopper's warpgroup products, what ends a unit of ResNet
// and begins the next: y = act(filter0 x + bias0 + residual), z = act(filter1 y + bias1).
//
// A cluster of blocks owns a tile of pixels. Each block computes its share of y's channels, writes
// them, keeps them in shared memory, and multiplies them with its share of the second filter's k.
// What all blocks so summed goes through distributed shared memory: each finishes a slice of the
// tile's pixels and adds the shares in their order, so the bits do not depend on timing.
//
// Products have channels as rows and pixels as columns. So a piece of a filter, 64 channels by 64
// k, belongs to one warpgroup, which has a ring of such units of its own and waits for nobody else
// to fill it again. All of them, or as many as fit, are requested before the kernel waits for the
// one before it.
#ifndef POSENET_KERNELS_CONV_PAIR_CONV_PAIR_CUH
#define POSENET_KERNELS_CONV_PAIR_CONV_PAIR_CUH

#include "kernels/conv_pair/pair_units.cuh"
#include "kernels/cuda/element.cuh"
#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/wgmma.cuh"

// sums[j]: 16 channels of a warp by 8 pixels, of `steps` units and as many planes of pixels. The
// last products are still under way, and its unit is to be left.
template <typename T>
__device__ void pair_multiply(float (&sums)[T::PIXELS / 8][4], pair_units<T> &units,
                              unsigned planes, int steps)
{
#pragma unroll
    for (int j = 0; j < T::PIXELS / 8; j++)
#pragma unroll
        for (int l = 0; l < 4; l++) sums[j][l] = 0;
    for (int step = 0; step < steps; step++) {
        uint64_t filter = describe_rows(units.await());
        uint64_t pixels = describe_rows(planes + step * T::PLANE);
        begin_products();
        multiply_rows<PAIR_STEP>(sums, filter, pixels);
        end_products();
        if (step == 0) continue;
        wait_for_products<1>();
        units.leave();
    }
}

template <typename T>
__device__ void pair_settle(float (&sums)[T::PIXELS / 8][4], pair_units<T> &units)
{
    wait_for_products<0>();
#pragma unroll
    for (int j = 0; j < T::PIXELS / 8; j++)
#pragma unroll
        for (int l = 0; l < 4; l++) settle(sums[j][l]);
    units.leave();
}

// Where the 16-byte piece of a pixel's channels lies in a plane.
__device__ inline unsigned pair_piece(int pixel, int piece)
{
    return pixel * PAIR_ROW + (piece ^ pixel % 8) * 16;
}

// Zeros where there is no bias.
__device__ inline void pair_copy_bias(unsigned to, const float *from, int count, int threads)
{
    for (int i = threadIdx.x; i < count / 4; i += threads) {
        if (from)
            copy_async(to + i * 16, from + i * 4);
        else
            store_shared(to + i * 16, uint4{});
    }
}

template <typename T>
__device__ void pair_copy_x(const conv_pair_arguments &a, unsigned to, int first_pixel)
{
    for (int i = threadIdx.x; i < T::PIXELS * (a.ins / 8); i += T::THREADS) {
        int piece = i % 8, pixel = i / 8 % T::PIXELS, plane = i / 8 / T::PIXELS;
        bool inside = first_pixel + pixel < a.pixels;
        const __half *from =
            a.x + static_cast<int64_t>(first_pixel + pixel) * a.ins + plane * PAIR_STEP + piece * 8;
        copy_async(to + plane * T::PLANE + pair_piece(pixel, piece), inside ? from : a.x, inside);
    }
}

// What the warp itself will add, to where y comes.
template <typename T>
__device__ void pair_copy_residual(const conv_pair_arguments &a, unsigned to, int first_pixel,
                                   int first_channel, int planes)
{
    int lane = threadIdx.x % 32, piece = threadIdx.x / 32 % 4 * 2 + lane % 2;
    for (int plane = threadIdx.x / 128; plane < planes; plane += T::GROUPS)
#pragma unroll
        for (int i = 0; i < T::PIXELS / 16; i++) {
            int pixel = i * 16 + lane / 2;
            bool inside = first_pixel + pixel < a.pixels;
            const __half *from = a.residual + static_cast<int64_t>(first_pixel + pixel) * a.middle +
                                 first_channel + plane * PAIR_STEP + piece * 8;
            copy_async(to + plane * T::PLANE + pair_piece(pixel, piece), inside ? from : a.residual,
                       inside);
        }
}

// One plane of y, by a warpgroup, in place of the residual.
template <typename T>
__device__ void pair_finish_y(const conv_pair_arguments &a, const float (&sums)[T::PIXELS / 8][4],
                              unsigned plane, unsigned biases)
{
    int lane = threadIdx.x % 32, warp = threadIdx.x / 32 % 4, matrix = lane / 8, row = lane % 8;
    unsigned at = plane + matrix / 2 * 8 * PAIR_ROW + pair_piece(row, warp * 2 + matrix % 2);
    float bias[2];
#pragma unroll
    for (int half = 0; half < 2; half++)
        bias[half] = load_shared_float(biases + (warp * 16 + half * 8 + lane / 4) * 4);
#pragma unroll
    for (int j = 0; j < T::PIXELS / 8; j += 2, at += 16 * PAIR_ROW) {
        unsigned words[4] = {};
        if (a.residual) load_matrices_turned(words, at);
#pragma unroll
        for (int m = 0; m < 4; m++) {
            float2 more = two_floats(words[m]);
            const float *two = &sums[j + m / 2][m % 2 * 2];
            __half2 out =
                __floats2half2_rn(clamped(two[0] + bias[m % 2] + more.x, a.low[0], a.high[0]),
                                  clamped(two[1] + bias[m % 2] + more.y, a.low[0], a.high[0]));
            words[m] = *reinterpret_cast<const unsigned *>(&out);
        }
        store_matrices_turned(at, words);
    }
}

__device__ inline void pair_store_pooled(const conv_pair_arguments &a, int pixel, int channel,
                                         const uint4 &value)
{
    int line = pixel / a.width, picture = line / a.height;
    int x = pixel - line * a.width, y = line - picture * a.height;
    if (x % a.stride[1] != 0 || y % a.stride[0] != 0) return;
    int64_t to =
        (static_cast<int64_t>(picture) * a.pooled_height + y / a.stride[0]) * a.pooled_width +
        x / a.stride[1];
    *reinterpret_cast<uint4 *>(a.pooled + to * a.middle + channel) = value;
}

template <typename T>
__device__ void pair_store_y(const conv_pair_arguments &a, unsigned from, int first_pixel,
                             int first_channel, int planes)
{
    for (int i = threadIdx.x; i < T::PIXELS * 8 * planes; i += T::THREADS) {
        int piece = i % 8, row = i / 8 % T::PIXELS, plane = i / 8 / T::PIXELS;
        int pixel = first_pixel + row, channel = first_channel + plane * PAIR_STEP + piece * 8;
        if (pixel >= a.pixels) continue;
        uint4 value = load_shared(from + plane * T::PLANE + pair_piece(row, piece));
        *reinterpret_cast<uint4 *>(a.y + static_cast<int64_t>(pixel) * a.middle + channel) = value;
        if (a.pooled) pair_store_pooled(a, pixel, channel, value);
    }
}

// Block r finishes pixels r * PIXELS / blocks.. of the tile: it has [share][pixel / 2][channel][2].
template <typename T>
__device__ void pair_send(const conv_pair_arguments &a, const float (&sums)[T::PIXELS / 8][4],
                          unsigned to, int first_channel, int share, unsigned barrier)
{
    int lane = threadIdx.x % 32, slice = T::PIXELS / a.blocks;
    int channel = first_channel + threadIdx.x / 32 % 4 * 16 + lane / 4;
#pragma unroll
    for (int j = 0; j < T::PIXELS / 8; j++) {
        int pixel = j * 8 + lane % 4 * 2, rank = pixel * a.blocks / T::PIXELS;
        int pair = share * (slice / 2) + (pixel - rank * slice) / 2;
        unsigned at = to + (pair * a.outs + channel) * 8;
        if (a.blocks > 1) {
            unsigned there = address_in_cluster(at, rank);
            unsigned done = address_in_cluster(barrier, rank);
            send_in_cluster(there, sums[j][0], sums[j][1], done);
            send_in_cluster(there + 64, sums[j][2], sums[j][3], done);
        } else {
            store_shared(at, sums[j][0], sums[j][1]);
            store_shared(at + 64, sums[j][2], sums[j][3]);
        }
    }
}

// The block's slice of z: two channels of two pixels a thread at a time.
template <typename T>
__device__ void pair_finish_z(const conv_pair_arguments &a, unsigned sums, unsigned biases,
                              int first_pixel)
{
    int pairs = T::PIXELS / a.blocks / 2, half = a.outs / 2;
    for (int i = threadIdx.x; i < pairs * half; i += T::THREADS) {
        int pair = i / half, channel = (i - pair * half) * 2, pixel = first_pixel + pair * 2;
        float values[4] = {};
        for (int share = 0; share < a.blocks; share++) {
            uint4 more = load_shared(sums + ((share * pairs + pair) * a.outs + channel) * 8);
            values[0] += __uint_as_float(more.x);
            values[1] += __uint_as_float(more.y);
            values[2] += __uint_as_float(more.z);
            values[3] += __uint_as_float(more.w);
        }
        float first = load_shared_float(biases + channel * 4);
        float second = load_shared_float(biases + channel * 4 + 4);
#pragma unroll
        for (int p = 0; p < 2; p++) {
            if (pixel + p >= a.pixels) continue;
            __half2 out = __floats2half2_rn(clamped(values[p] + first, a.low[1], a.high[1]),
                                            clamped(values[p + 2] + second, a.low[1], a.high[1]));
            *reinterpret_cast<__half2 *>(a.z + static_cast<int64_t>(pixel + p) * a.outs + channel) =
                out;
        }
    }
}

// Blocks: tiles * a.blocks, clusters of a.blocks. Shared memory: room to align, pair_layout.
template <typename T>
__global__ void __launch_bounds__(T::THREADS)
    conv_pair(const __grid_constant__ conv_pair_arguments a)
{
#ifdef __CUDA_ARCH_FEAT_SM90_ALL
    extern __shared__ __align__(128) unsigned char shared[];
    int tile = blockIdx.x / a.blocks, share = blockIdx.x - tile * a.blocks;
    int group = threadIdx.x / 128, first_pixel = tile * T::PIXELS, own = a.middle / a.blocks;
    pair_layout l = pair_layout_of(a, T::PIXELS, T::GROUPS);
    unsigned base = (shared_address(shared) + PAIR_ALIGN - 1) & ~(PAIR_ALIGN - 1u);
    unsigned y_at = base + l.y, biases = base + l.biases;
    unsigned sums_barrier = base + l.barriers + T::GROUPS * a.stages * 8;
    pair_units<T> units(a, base + l.units, base + l.barriers, share);
    units.begin();
    if (threadIdx.x == 0 && a.blocks > 1) {
        make_barrier(sums_barrier);
        show_barriers();
        expect_bytes(sums_barrier, T::PIXELS * a.outs * 4);
    }
    pair_copy_bias(biases, a.biases[0] ? a.biases[0] + share * own : nullptr, own, T::THREADS);
    pair_copy_bias(biases + own * 4, a.biases[1], a.outs, T::THREADS);

    wait_for_previous();
    pair_copy_x<T>(a, base, first_pixel);
    copy_group();
    if (a.residual) pair_copy_residual<T>(a, y_at, first_pixel, share * own, own / PAIR_STEP);
    copy_group();
    wait_for_copies<1>(); // x is there
    show_writes();
    __syncthreads();

    float sums[T::PIXELS / 8][4];
    for (int plane = group; plane < own / PAIR_STEP; plane += T::GROUPS) {
        pair_multiply<T>(sums, units, base, a.ins / PAIR_STEP);
        wait_for_copies<0>(); // the warp's residual, too
        __syncwarp();
        pair_settle<T>(sums, units);
        pair_finish_y<T>(a, sums, y_at + plane * T::PLANE, biases + plane * PAIR_STEP * 4);
    }
    show_writes();
    __syncwarp();
    if (a.blocks > 1) cluster_arrive_unseen(); // this block is there, and done with x
    __syncthreads();

    int planes = a.outs / PAIR_STEP;
    for (int plane = group; plane < planes; plane += T::GROUPS) {
        pair_multiply<T>(sums, units, y_at, own / PAIR_STEP);
        if (plane == group) {
            pair_store_y<T>(a, y_at, first_pixel, share * own, own / PAIR_STEP);
            __syncwarp();
            if (a.blocks > 1) cluster_wait();
        }
        pair_settle<T>(sums, units);
        pair_send<T>(a, sums, base, plane * PAIR_STEP, share, sums_barrier);
    }
    if (group >= planes) {
        pair_store_y<T>(a, y_at, first_pixel, share * own, own / PAIR_STEP);
        __syncwarp();
        if (a.blocks > 1) cluster_wait();
    }
    if (a.blocks > 1) wait_for_sent(sums_barrier);
    __syncthreads();
    pair_finish_z<T>(a, base, biases + own * 4, first_pixel + share * (T::PIXELS / a.blocks));
#endif
}

#endif
