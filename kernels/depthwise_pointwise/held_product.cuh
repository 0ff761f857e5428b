// The 1x1 convolution of block_held.cuh: its filter in registers, products, sums, and out to y.
#ifndef POSENET_KERNELS_DEPTHWISE_POINTWISE_HELD_PRODUCT_CUH
#define POSENET_KERNELS_DEPTHWISE_POINTWISE_HELD_PRODUCT_CUH

#include "kernels/cuda/element.cuh"
#include "kernels/cuda/mma.cuh"
#include "kernels/depthwise_pointwise/block_product.cuh"

// LANES depthwise channels a thread, HELD steps of the depth a warp.
template <int PIXELS, int CHANNELS, int ROWS, int COLUMNS, int SHARES, int LANES_, int HELD_>
struct held_tile : block_tile<PIXELS, CHANNELS, ROWS, COLUMNS, SHARES> {
    static constexpr int LANES = LANES_, HELD = HELD_;
    static_assert(LANES == 2 || LANES == BLOCK_LANES);
};

// ---- the filter --------------------------------------------------------------------------------

template <typename T> using held_filter = uint4[T::HELD][T::ACROSS * 2];

// The depth goes round from the block's own part on: the warp's step number i of it.
template <typename T> __device__ inline int held_step(const block_arguments &a, int first, int i)
{
    int step = first + static_cast<int>(threadIdx.x) / 32 / T::WARPS + i * T::SHARES;
    return step < a.steps ? step : step - a.steps;
}

template <typename T> __device__ inline bool held_is_step(const block_arguments &a, int i)
{
    return static_cast<int>(threadIdx.x) / 32 / T::WARPS + i * T::SHARES < a.steps;
}

// Volatile, so that it stays before the wait.
__device__ inline uint4 held_load(const uint4 *from)
{
#if __CUDA_ARCH__ >= 800
    uint4 out;
    asm volatile("ld.global.nc.v4.u32 {%0, %1, %2, %3}, [%4];"
                 : "=r"(out.x), "=r"(out.y), "=r"(out.z), "=r"(out.w)
                 : "l"(from));
    return out;
#else
    return *from;
#endif
}

template <typename T>
__device__ void held_load_filter(const block_arguments &a, int first_channel, int first_step,
                                 held_filter<T> &filter)
{
    const int HALF = 32, STEP = 2 * HALF; // vectors
    int lane = threadIdx.x % 32, column = threadIdx.x / 32 % T::COLUMNS;
    int first = first_channel / 32 + column * T::ACROSS, blocks = (a.channels + 31) / 32;
#pragma unroll
    for (int n = 0; n < T::ACROSS; n++) {
        const uint4 *from = a.filter + static_cast<int64_t>(first + n) * a.steps * STEP + lane;
#pragma unroll
        for (int i = 0; i < T::HELD; i++) {
            filter[i][n * 2] = filter[i][n * 2 + 1] = {};
            if (!held_is_step<T>(a, i) || first + n >= blocks) continue;
            const uint4 *here = from + held_step<T>(a, first_step, i) * STEP;
            filter[i][n * 2] = held_load(here);
            filter[i][n * 2 + 1] = held_load(here + HALF);
        }
    }
}

// ---- products ----------------------------------------------------------------------------------

// Rounds FIRST..LAST - 1 of the warp's steps; FULL: all of them are there.
template <typename T, int FIRST, int LAST, bool FULL>
__device__ inline void held_rounds(const block_arguments &a, const block_layout &l,
                                   const held_filter<T> &filter, unsigned shared, int first_step,
                                   block_sums<T> &sums)
{
    int lane = threadIdx.x % 32, row = threadIdx.x / 32 % T::WARPS / T::COLUMNS;
    unsigned rows = shared + (row * T::DOWN * 16 + lane % 16) * l.pitch + lane / 16 * 16;
    unsigned in[LAST - FIRST][T::DOWN][4];
#pragma unroll
    for (int i = FIRST; i < LAST; i++)
#pragma unroll
        for (int d = 0; d < T::DOWN; d++)
            if (FULL || held_is_step<T>(a, i))
                load_matrices(in[i - FIRST][d],
                              rows + d * 16 * l.pitch +
                                  held_step<T>(a, first_step, i) * BLOCK_STEP * 2);
#pragma unroll
    for (int i = FIRST; i < LAST; i++) {
        if (!FULL && !held_is_step<T>(a, i)) continue;
#pragma unroll
        for (int j = 0; j < T::ACROSS * 2; j++) {
            const uint4 &w = filter[i][j];
#pragma unroll
            for (int d = 0; d < T::DOWN; d++) {
                multiply_add(sums[d][j * 2], in[i - FIRST][d], w.x, w.y);
                multiply_add(sums[d][j * 2 + 1], in[i - FIRST][d], w.z, w.w);
            }
        }
    }
}

// ALONE rounds before those that take parts of others in the cluster, which are waited for.
template <typename T, int ALONE, bool FULL>
__device__ inline void held_multiply(const block_arguments &a, const block_layout &l,
                                     const held_filter<T> &filter, unsigned shared, int first_step,
                                     block_sums<T> &sums)
{
    if constexpr (ALONE > 0) held_rounds<T, 0, ALONE, FULL>(a, l, filter, shared, first_step, sums);
    if constexpr (ALONE < T::HELD) {
        wait_for_sent(shared + l.barrier);
        held_rounds<T, ALONE, T::HELD, FULL>(a, l, filter, shared, first_step, sums);
    }
}

template <typename T, bool FULL>
__device__ inline void held_multiply_all(const block_arguments &a, const block_layout &l,
                                         const held_filter<T> &filter, unsigned shared, int own,
                                         int first_step, block_sums<T> &sums)
{
    int alone = own / T::SHARES;
    if (a.cluster == 1)
        held_multiply<T, T::HELD, FULL>(a, l, filter, shared, first_step, sums);
    else if (T::HELD > 3 && alone == 3)
        held_multiply<T, 3, FULL>(a, l, filter, shared, first_step, sums);
    else if (T::HELD > 2 && alone == 2)
        held_multiply<T, 2, FULL>(a, l, filter, shared, first_step, sums);
    else if (alone > 0)
        held_multiply<T, 1, FULL>(a, l, filter, shared, first_step, sums);
    else
        held_multiply<T, 0, FULL>(a, l, filter, shared, first_step, sums);
}

// ---- results -----------------------------------------------------------------------------------

// Each share of the depth ends with a part of the 16 x 8 sums; `sums` are all that a warp has.
template <typename T> using held_part = float[T::DOWN][T::ACROSS * 4 / T::SHARES][4];

// The shares' sums, added in the shares' order.
template <typename T>
__device__ void held_add(const block_sums<T> &sums, unsigned char *shared, held_part<T> &part)
{
    const int EACH = T::ACROSS * 4 / T::SHARES, COUNT = T::DOWN * EACH;
    int lane = threadIdx.x % 32, warp = threadIdx.x / 32, mine = warp / T::WARPS;
    float4 *room = reinterpret_cast<float4 *>(shared) + warp % T::WARPS * COUNT * 32 + lane;
    const int FROM = T::WARPS * COUNT * 32, TO = FROM * (T::SHARES - 1);
    if (T::SHARES > 1) __syncthreads(); // nobody reads what lies there any more
#pragma unroll
    for (int share = 0; share < T::SHARES; share++)
#pragma unroll
        for (int i = 0; i < COUNT; i++) {
            const float *s = sums[i / EACH][share * EACH + i % EACH];
            float *kept = part[i / EACH][i % EACH];
            if (share == mine)
                for (int k = 0; k < 4; k++) kept[k] = s[k];
            else
                room[share * TO + (mine - (mine > share)) * FROM + i * 32] = {s[0], s[1], s[2],
                                                                              s[3]};
        }
    if (T::SHARES == 1) return;
    __syncthreads();
#pragma unroll
    for (int i = 0; i < COUNT; i++) {
        float *kept = part[i / EACH][i % EACH], all[4] = {};
#pragma unroll
        for (int share = 0; share < T::SHARES; share++) {
            float4 more = {kept[0], kept[1], kept[2], kept[3]};
            if (share != mine) more = room[mine * TO + (share - (share > mine)) * FROM + i * 32];
            all[0] += more.x;
            all[1] += more.y;
            all[2] += more.z;
            all[3] += more.w;
        }
        for (int k = 0; k < 4; k++) kept[k] = all[k];
    }
}

// As store_pixels, but each share of the depth stores a part of the 8 neighbouring channels that a
// lane has of each 32.
template <typename T>
__device__ void held_finish(const block_arguments &a, const block_layout &l,
                            const block_sums<T> &sums, unsigned char *shared, int first_channel)
{
    static_assert(T::SHARES == 1 || T::ACROSS == 1);
    const int EACH = T::ACROSS * 4 / T::SHARES, WORDS = EACH < 4 ? EACH : 4;
    typedef vector<unsigned, WORDS> words;
    const int *pixels = reinterpret_cast<const int *>(shared + l.pixels);
    int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    int row = warp % T::WARPS / T::COLUMNS * T::DOWN * 16 + lane / 4;
    int column = warp % T::COLUMNS * T::ACROSS * 32 + lane % 4 * 8 + warp / T::WARPS * EACH * 2;
    __half2 low = __float2half2_rn(a.low[1]), high = __float2half2_rn(a.high[1]);
    held_part<T> part;
    held_add<T>(sums, shared, part);
#pragma unroll
    for (int run = 0; run < EACH / WORDS; run++) {
        int c = column + run * 32;
        if (first_channel + c >= a.channels) break;
        const float *bias = reinterpret_cast<const float *>(shared + l.bias) + c;
#pragma unroll
        for (int i = 0; i < T::DOWN * 2; i++) {
            int pixel = pixels[row + i * 8];
            if (pixel < 0) continue;
            int64_t at = static_cast<int64_t>(pixel) * a.channels + first_channel + c;
            vector<__half2, WORDS> more = {};
            if (a.residual)
                more = *reinterpret_cast<const vector<__half2, WORDS> *>(a.residual + at);
            words out;
#pragma unroll
            for (int t = 0; t < WORDS; t++) {
                const float *s = &part[i / 2][run * 4 + t][i % 2 * 2];
                float2 two = __half22float2(more.value[t]);
                out.value[t] = clamped_halves(s[0] + bias[t * 2] + two.x,
                                              s[1] + bias[t * 2 + 1] + two.y, low, high);
            }
            *reinterpret_cast<words *>(a.y + at) = out;
        }
    }
}

#endif
