// The 1x1 convolution of depthwise_pointwise_cuda.cuh: depthwise results in shared memory times the
// filter, and out to y.
#ifndef POSENET_KERNELS_DEPTHWISE_POINTWISE_BLOCK_PRODUCT_CUH
#define POSENET_KERNELS_DEPTHWISE_POINTWISE_BLOCK_PRODUCT_CUH

#include "kernels/cuda/element.cuh"
#include "kernels/cuda/mma.cuh"
#include "kernels/depthwise_pointwise/block_cuda.cuh"
#include "kernels/depthwise_pointwise/block_tile.cuh"

// Sums of a warp: 16 pixels by 8 channels each.
template <typename T> using block_sums = float[T::DOWN][T::ACROSS * 4][4];

// Steps of the depth first.., which lie in `slot`.
template <typename T>
__device__ void multiply_chunk(const block_arguments &a, const block_layout &l, block_sums<T> &sums,
                               unsigned shared, unsigned slot, int first, int count)
{
    int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    int share = warp / T::WARPS, row = warp % T::WARPS / T::COLUMNS, column = warp % T::COLUMNS;
    unsigned rows = shared + (row * T::DOWN * 16 + lane % 16) * l.pitch + lane / 16 * 16;
    unsigned filter = slot + column * T::ACROSS * a.chunk * BLOCK_FRAGMENT + lane * 16;
#pragma unroll 2
    for (int k = share; k < count; k += T::SHARES) {
        unsigned in[T::DOWN][4];
#pragma unroll
        for (int i = 0; i < T::DOWN; i++)
            load_matrices(in[i], rows + i * 16 * l.pitch + (first + k) * BLOCK_STEP * 2);
#pragma unroll
        for (int j = 0; j < T::ACROSS * 2; j++) {
            uint4 w = load_shared(filter + (j / 2 * a.chunk + k) * BLOCK_FRAGMENT +
                                  j % 2 * (BLOCK_FRAGMENT / 2));
#pragma unroll
            for (int i = 0; i < T::DOWN; i++) {
                multiply_add(sums[i][j * 2], in[i], w.x, w.y);
                multiply_add(sums[i][j * 2 + 1], in[i], w.z, w.w);
            }
        }
    }
}

// Adds the shares of the depth in their order; only the first share's warps have the sum.
template <typename T> __device__ void add_shares(block_sums<T> &sums, unsigned char *shared)
{
    const int COUNT = T::DOWN * T::ACROSS * 4;
    int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    float4 *held = reinterpret_cast<float4 *>(shared) + warp % T::WARPS * COUNT * 32 + lane;
    __syncthreads(); // nobody reads what lies there any more
    for (int share = 1; share < T::SHARES; share++)
#pragma unroll
        for (int i = 0; i < COUNT; i++) {
            const float *s = sums[i / (T::ACROSS * 4)][i % (T::ACROSS * 4)];
            if (warp / T::WARPS == share)
                held[((share - 1) * T::WARPS * COUNT + i) * 32] = {s[0], s[1], s[2], s[3]};
        }
    __syncthreads();
    if (warp >= T::WARPS) return;
    for (int share = 1; share < T::SHARES; share++)
#pragma unroll
        for (int i = 0; i < COUNT; i++) {
            float4 more = held[((share - 1) * T::WARPS * COUNT + i) * 32];
            float *s = sums[i / (T::ACROSS * 4)][i % (T::ACROSS * 4)];
            s[0] += more.x;
            s[1] += more.y;
            s[2] += more.z;
            s[3] += more.w;
        }
}

// The filter's columns are ordered so that lane % 4 has 8 neighbouring channels of each 32.
template <typename T>
__device__ void store_pixels(const block_arguments &a, const block_layout &l,
                             const block_sums<T> &sums, const unsigned char *shared,
                             int first_channel)
{
    const int *pixels = reinterpret_cast<const int *>(shared + l.pixels);
    int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    int row = warp / T::COLUMNS * T::DOWN * 16 + lane / 4;
    int column = warp % T::COLUMNS * T::ACROSS * 32 + lane % 4 * 8;
    __half2 low = __float2half2_rn(a.low[1]), high = __float2half2_rn(a.high[1]);
#pragma unroll
    for (int j = 0; j < T::ACROSS; j++) {
        int c = column + j * 32;
        if (first_channel + c >= a.channels) break;
        const float *bias = reinterpret_cast<const float *>(shared + l.bias) + c;
#pragma unroll
        for (int i = 0; i < T::DOWN * 2; i++) {
            int pixel = pixels[row + i * 8];
            if (pixel < 0) continue;
            int64_t at = static_cast<int64_t>(pixel) * a.channels + first_channel + c;
            vector<__half, 8> more = {};
            if (a.residual) more = *reinterpret_cast<const vector<__half, 8> *>(a.residual + at);
            unsigned out[4];
#pragma unroll
            for (int t = 0; t < 4; t++) {
                const float *s = &sums[i / 2][j * 4 + t][i % 2 * 2];
                out[t] = clamped_halves(s[0] + bias[t * 2] + to_float(more.value[t * 2]),
                                        s[1] + bias[t * 2 + 1] + to_float(more.value[t * 2 + 1]),
                                        low, high);
            }
            *reinterpret_cast<uint4 *>(a.y + at) = {out[0], out[1], out[2], out[3]};
        }
    }
}

#endif
