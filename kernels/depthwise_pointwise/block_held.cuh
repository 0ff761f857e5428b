// MobileNet's block where there are few pixels, so that waiting takes longer than computing: what
// does not depend on x is done before the kernel waits for the one before it, and little is waited
// for after that.
//
// As in depthwise_pointwise_cuda.cuh a block computes the depthwise results of its pixels, or its
// share of their channels, and multiplies them by the 1x1 filter. But the filter is in registers by
// then, in the order of the products' fragments; a thread knows the inputs of its first window;
// results go to the others of a cluster by sends that a barrier counts; and the block begins with
// the part of the depth that it computed itself.
#ifndef POSENET_KERNELS_DEPTHWISE_POINTWISE_BLOCK_HELD_CUH
#define POSENET_KERNELS_DEPTHWISE_POINTWISE_BLOCK_HELD_CUH

#include "kernels/cuda/bulk.cuh"
#include "kernels/depthwise_pointwise/depthwise_pointwise_cuda.cuh"
#include "kernels/depthwise_pointwise/held_product.cuh"

// ---- windows -----------------------------------------------------------------------------------

// A thread's channels of a group.
struct held_item {
    int from;        // the window's first input, in x
    unsigned inside; // which inputs are in the picture; a bit each
    int taps, to;    // in shared memory
};

template <typename T, int STRIDE>
__device__ held_item held_item_at(const block_arguments &a, const block_layout &l,
                                  const unsigned char *shared, int first_vector, int i)
{
    const int SIDE = STRIDE + 3, PER_VECTOR = BLOCK_LANES / T::LANES;
    int per_group = l.share * PER_VECTOR, g = min(i / per_group, T::GROUPS - 1);
    int v = i % per_group, c = first_vector * BLOCK_LANES + v * T::LANES;
    const block_place p = reinterpret_cast<const block_place *>(shared + l.places)[g];
    unsigned lines = 0, columns = 0;
#pragma unroll
    for (int k = 0; k < SIDE; k++) {
        columns |= static_cast<unsigned>(p.left + k) < static_cast<unsigned>(a.width) ? 1u << k : 0;
        lines |=
            static_cast<unsigned>(p.top + k) < static_cast<unsigned>(a.height) ? 1u << k * SIDE : 0;
    }
    return {p.from + c, c < a.depth ? lines * columns : 0, l.taps + v * T::LANES * 4,
            g * BLOCK_GROUP * l.pitch + c * 2};
}

// What is worked out stays worked out where this stands.
__device__ inline void held_keep(held_item &item)
{
#if __CUDA_ARCH__ >= 800
    asm volatile("" : "+r"(item.from), "+r"(item.inside), "+r"(item.taps), "+r"(item.to));
#endif
}

// ---- depthwise ---------------------------------------------------------------------------------

// Channels of an input, by one access.
__device__ inline void held_input(unsigned (&to)[1], const __half *from)
{
    to[0] = *reinterpret_cast<const unsigned *>(from);
}

__device__ inline void held_input(unsigned (&to)[2], const __half *from)
{
    uint2 both = *reinterpret_cast<const uint2 *>(from);
    to[0] = both.x;
    to[1] = both.y;
}

// Results of a group: pixels by pairs of channels.
template <typename T> using held_results = unsigned[BLOCK_GROUP][T::LANES / 2];

template <typename T, int STRIDE>
__device__ void held_compute(const block_arguments &a, const block_layout &l,
                             const unsigned char *shared, const held_item &item,
                             held_results<T> &out)
{
    const int SIDE = STRIDE + 3;
    unsigned in[SIDE][SIDE][T::LANES / 2];
    const __half *line = a.x + item.from;
#pragma unroll
    for (int y = 0; y < SIDE; y++, line += a.width * a.depth)
#pragma unroll
        for (int x = 0; x < SIDE; x++) {
            for (int w = 0; w < T::LANES / 2; w++) in[y][x][w] = 0;
            if (item.inside >> (y * SIDE + x) & 1) held_input(in[y][x], line + x * a.depth);
        }
    typedef vector<float, T::LANES> floats;
    const unsigned char *taps = shared + item.taps;
    floats weights[BLOCK_TAPS + 1];
#pragma unroll
    for (int tap = 0; tap <= BLOCK_TAPS; tap++)
        weights[tap] = *reinterpret_cast<const floats *>(taps + tap * l.share * 16);
    float sums[BLOCK_GROUP][T::LANES];
#pragma unroll
    for (int i = 0; i < BLOCK_GROUP * T::LANES; i++)
        sums[i / T::LANES][i % T::LANES] = weights[BLOCK_TAPS].value[i % T::LANES];
#pragma unroll
    for (int y = 0; y < SIDE; y++)
#pragma unroll
        for (int x = 0; x < SIDE; x++)
#pragma unroll
            for (int w = 0; w < T::LANES / 2; w++) {
                float2 two = two_floats(in[y][x][w]);
#pragma unroll
                for (int i = 0; i < BLOCK_GROUP; i++) {
                    int ky = y - i / 2 * STRIDE, kx = x - i % 2 * STRIDE;
                    if (ky < 0 || ky > 2 || kx < 0 || kx > 2) continue;
                    const float *tap = weights[ky * 3 + kx].value + w * 2;
                    sums[i][w * 2] = fmaf(two.x, tap[0], sums[i][w * 2]);
                    sums[i][w * 2 + 1] = fmaf(two.y, tap[1], sums[i][w * 2 + 1]);
                }
            }
    __half2 low = __float2half2_rn(a.low[0]), high = __float2half2_rn(a.high[0]);
#pragma unroll
    for (int i = 0; i < BLOCK_GROUP; i++)
#pragma unroll
        for (int w = 0; w < T::LANES / 2; w++)
            out[i][w] = clamped_halves(sums[i][w * 2], sums[i][w * 2 + 1], low, high);
}

// 8 channels of a pixel, into the block's own memory and that of all others in the cluster.
__device__ inline void held_give(const block_arguments &a, const block_layout &l,
                                 unsigned char *shared, int rank, int to, const uint4 &eight)
{
    *reinterpret_cast<uint4 *>(shared + to) = eight;
    for (int i = 1; i < a.cluster; i++) {
        if (++rank == a.cluster) rank = 0;
        send_in_cluster(address_in_cluster(shared_address(shared) + to, rank), eight,
                        address_in_cluster(shared_address(shared) + l.barrier, rank));
    }
}

// Lanes with neighbouring channels exchange results, so that each has pixels of its own with 8
// channels. Whole warps; `real` is the same for the lanes of 8 channels.
__device__ inline void held_store(const block_arguments &a, const block_layout &l,
                                  unsigned char *shared, int rank, const held_item &item, bool real,
                                  const unsigned (&out)[BLOCK_GROUP][2])
{
    int odd = threadIdx.x % 2;
#pragma unroll
    for (int i = 0; i < 2; i++) {
        unsigned mine[2], other[2];
#pragma unroll
        for (int w = 0; w < 2; w++) {
            mine[w] = odd ? out[2 + i][w] : out[i][w];
            other[w] = __shfl_xor_sync(~0u, odd ? out[i][w] : out[2 + i][w], 1);
        }
        uint4 eight = {mine[0], mine[1], other[0], other[1]};
        if (odd) eight = {other[0], other[1], mine[0], mine[1]};
        if (real)
            held_give(a, l, shared, rank, item.to - odd * BLOCK_LANES * 2 + (odd * 2 + i) * l.pitch,
                      eight);
    }
}

__device__ inline void held_store(const block_arguments &a, const block_layout &l,
                                  unsigned char *shared, int rank, const held_item &item, bool real,
                                  const unsigned (&out)[BLOCK_GROUP][1])
{
    int odd = threadIdx.x % 2, upper = threadIdx.x / 2 % 2;
    unsigned pairs[2][2]; // pixels odd and odd + 2: of the even lane, of the odd one
#pragma unroll
    for (int i = 0; i < 2; i++) {
        unsigned mine = odd ? out[i * 2 + 1][0] : out[i * 2][0];
        unsigned other = __shfl_xor_sync(~0u, odd ? out[i * 2][0] : out[i * 2 + 1][0], 1);
        pairs[i][0] = odd ? other : mine;
        pairs[i][1] = odd ? mine : other;
    }
    unsigned mine[2], other[2];
#pragma unroll
    for (int w = 0; w < 2; w++) {
        mine[w] = upper ? pairs[1][w] : pairs[0][w];
        other[w] = __shfl_xor_sync(~0u, upper ? pairs[0][w] : pairs[1][w], 2);
    }
    uint4 eight = {mine[0], mine[1], other[0], other[1]};
    if (upper) eight = {other[0], other[1], mine[0], mine[1]};
    int pixel = upper * 2 + odd;
    if (real) held_give(a, l, shared, rank, item.to - pixel * 4 + pixel * l.pitch, eight);
}

// ---- the kernel --------------------------------------------------------------------------------

// Blocks: (tiles of pixels, tiles of channels), clusters along the second; the steps are a multiple
// of the cluster.
template <typename T, int STRIDE>
__global__ void __launch_bounds__(T::THREADS, 2) depthwise_pointwise_held(block_arguments a)
{
#if __CUDA_ARCH__ >= 800
    extern __shared__ __align__(128) unsigned char shared[];
    const block_layout l = block_layout_of<T>(a.steps, a.chunk, a.cluster);
    unsigned at = shared_address(shared);
    int first_channel = blockIdx.y * T::CHANNELS, rank = blockIdx.y % a.cluster;
    int own = a.steps / a.cluster, first_step = rank * own, first_vector = rank * l.share;
    int items = T::GROUPS * l.share * (BLOCK_LANES / T::LANES);
    if (a.cluster > 1) {
        if (threadIdx.x == 0) {
            make_barrier(at + l.barrier);
            show_barriers();
            expect_bytes(at + l.barrier, T::PIXELS * (a.steps - own) * BLOCK_STEP * 2);
        }
        __syncwarp();
        cluster_arrive_unseen();
    }
    copy_taps<T>(a, l, at, first_channel, first_vector);
    copy_group();
    find_places<T>(a, l, shared);
    held_filter<T> filter;
    held_load_filter<T>(a, first_channel, first_step, filter);
    wait_for_copies<0>();
    __syncthreads();
    held_item item = held_item_at<T, STRIDE>(a, l, shared, first_vector, threadIdx.x);
    if (a.cluster > 1) cluster_wait(); // all have made their barriers
    held_keep(item);

    wait_for_previous();
    for (int lane = threadIdx.x % 32, i = threadIdx.x; i - lane < items;) {
        held_results<T> out;
        held_compute<T, STRIDE>(a, l, shared, item, out);
        held_store(a, l, shared, rank, item, i < items, out);
        i += T::THREADS;
        if (i - lane < items) item = held_item_at<T, STRIDE>(a, l, shared, first_vector, i);
    }
    __syncthreads();
    block_sums<T> sums = {};
    if (a.steps == T::HELD * T::SHARES)
        held_multiply_all<T, true>(a, l, filter, at, own, first_step, sums);
    else
        held_multiply_all<T, false>(a, l, filter, at, own, first_step, sums);
    held_finish<T>(a, l, sums, shared, first_channel);
#endif
}

#endif
