// The sums' way from the registers of a tile's warps to y: to the blocks that finish its rows,
// through bias, residual and activation, and out. See mma_tile.cuh.
#ifndef POSENET_KERNELS_CONV_MMA_MMA_OUTPUT_CUH
#define POSENET_KERNELS_CONV_MMA_MMA_OUTPUT_CUH

#include "kernels/conv/mma/mma_tile.cuh"
#include "kernels/cuda/bulk.cuh"
#include "kernels/cuda/element.cuh"

// Where the sum of a row's channel lies: pieces of 8 floats permuted by the row against conflicts.
template <typename T> __device__ int sum_index(int row, int channel)
{
    return row * T::CHANNELS + (channel ^ (row & 3) * 8);
}

// Sends each row of the tile to the block that finishes it: block r of those that share the tile
// has rows r * rows.., and a place for those of every block's share; `barrier`, there, counts what
// comes. Block 0 has rank first_rank.
template <typename T>
__device__ void send_sums(const float (&sums)[T::ACROSS][T::DOWN * 2][4], unsigned to, int rows,
                          int split, int share, int first_rank, unsigned barrier)
{
    int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
#pragma unroll
    for (int i = 0; i < T::ACROSS * 2; i++) {
        int row = (warp / T::COLUMNS * T::ACROSS * 2 + i) * 8 + lane / 4;
        unsigned there = 0, done = 0;
        if (split > 1) {
            int rank = row / rows;
            row += (share - rank) * rows;
            there = address_in_cluster(to, first_rank + rank);
            done = address_in_cluster(barrier, first_rank + rank);
        }
#pragma unroll
        for (int j = 0; j < T::DOWN * 2; j++) {
            int channel = (warp % T::COLUMNS * T::DOWN * 2 + j) * 8 + lane % 4 * 2;
            unsigned at = sum_index<T>(row, channel) * 4;
            const float *two = &sums[i / 2][j][i % 2 * 2];
            if (split > 1)
                send_in_cluster(there + at, two[0], two[1], done);
            else
                store_shared(to + at, two[0], two[1]);
        }
    }
}

// Out of line: double precision in every unrolled copy would crowd out the kernel.
static __device__ __noinline__ float mma_sigmoid(float x)
{
    return decode_sigmoid(x);
}

template <int COUNT>
__device__ inline void activate_vectors(const activation &act, float (&values)[COUNT][8])
{
    if (act.kind == ACTIVATION_CLAMP) {
#pragma unroll
        for (int i = 0; i < COUNT * 8; i++)
            values[i / 8][i % 8] = clamped(values[i / 8][i % 8], act.low, act.high);
    } else if (act.kind == ACTIVATION_SIGMOID) {
#pragma unroll
        for (int i = 0; i < COUNT * 8; i++)
            values[i / 8][i % 8] = mma_sigmoid(values[i / 8][i % 8]);
    }
}

template <typename E> __device__ inline void store_vector(E *to, const float (&values)[8])
{
    vector<E, 8> out;
#pragma unroll
    for (int i = 0; i < 8; i++) out.value[i] = from_float<E>(values[i]);
#pragma unroll
    for (int i = 0; i < static_cast<int>(sizeof out / 16); i++)
        reinterpret_cast<uint4 *>(to)[i] = reinterpret_cast<const uint4 *>(&out)[i];
}

// What a thread finishes: 8 channels (always the same) of every THREADS / VECTORS-th of the block's
// rows. Bias and residual are fetched ahead; nothing may ask for a residual's value before the last
// product, or the kernel waits for it there. Fewer than 8, at the edge of a tensor whose channels
// are no multiple of 8, are rare and come one by one.
template <typename T> class mma_output
{
    static constexpr int APART = T::THREADS / T::VECTORS;
    float bias_[8];
    uint4 residual_[T::HELD]; // 8 halves
    int64_t first_;           // of the thread's values in y
    int row_, rows_, count_;
    bool whole_;

    __device__ bool mine(int i) const
    {
        return row_ + i * APART < rows_ && count_ > 0;
    }

    __device__ int64_t index(const conv_mma_arguments &a, int i) const
    {
        return first_ + i * APART * static_cast<int64_t>(a.channels);
    }

    __device__ void store_few(const conv_mma_arguments &a, const float (&values)[8], int64_t to)
    {
#pragma unroll
        for (int l = 0; l < 8; l++) {
            if (l >= count_) continue;
            if (a.y_fp32)
                static_cast<float *>(a.y)[to + l] = values[l];
            else
                static_cast<__half *>(a.y)[to + l] = from_float<__half>(values[l]);
        }
    }

    __device__ void add_residual(const conv_mma_arguments &a, float (&values)[8], int i)
    {
        if (whole_) {
            const __half *halves = reinterpret_cast<const __half *>(&residual_[i]);
#pragma unroll
            for (int l = 0; l < 8; l++) values[l] += to_float(halves[l]);
        } else if (mine(i)) {
#pragma unroll
            for (int l = 0; l < 8; l++)
                if (l < count_) values[l] += to_float(a.residual[index(a, i) + l]);
        }
    }

  public:
    // Rows first_pixel.. of y, `rows` of them.
    __device__ mma_output(const conv_mma_arguments &a, int first_pixel, int rows, int first_channel)
        : bias_(), residual_(), row_(threadIdx.x / T::VECTORS), rows_(rows),
          whole_(a.channels % 8 == 0)
    {
        int channel = first_channel + threadIdx.x % T::VECTORS * 8;
        count_ = min(a.channels - channel, 8);
        first_ = static_cast<int64_t>(first_pixel + row_) * a.channels + channel;
        if (!a.bias) return;
#pragma unroll
        for (int l = 0; l < 8; l++)
            if (l < count_) bias_[l] = a.bias[channel + l];
    }

    __device__ void fetch_residual(const conv_mma_arguments &a)
    {
        if (!a.residual || !whole_) return;
#pragma unroll
        for (int i = 0; i < T::HELD; i++)
            if (mine(i)) residual_[i] = *reinterpret_cast<const uint4 *>(a.residual + index(a, i));
    }

    // `sums`: the block's rows of every share, `apart` rows from share to share.
    __device__ void store(const conv_mma_arguments &a, unsigned sums, int apart)
    {
        float values[T::HELD][8] = {};
        for (int share = 0; share < a.split; share++) {
#pragma unroll
            for (int i = 0; i < T::HELD; i++) {
                if (!mine(i)) continue;
                int row = share * apart + row_ + i * APART;
                unsigned from = sums + sum_index<T>(row, threadIdx.x % T::VECTORS * 8) * 4;
                uint4 low = load_shared(from), high = load_shared(from + 16);
                const unsigned words[8] = {low.x,  low.y,  low.z,  low.w,
                                           high.x, high.y, high.z, high.w};
#pragma unroll
                for (int l = 0; l < 8; l++) values[i][l] += __uint_as_float(words[l]);
            }
        }
#pragma unroll
        for (int i = 0; i < T::HELD; i++) {
#pragma unroll
            for (int l = 0; l < 8; l++) values[i][l] += bias_[l];
        }
        if (a.residual) {
#pragma unroll
            for (int i = 0; i < T::HELD; i++) add_residual(a, values[i], i);
        }
        activate_vectors(a.act, values);
#pragma unroll
        for (int i = 0; i < T::HELD; i++) {
            if (!mine(i)) continue;
            if (!whole_)
                store_few(a, values[i], index(a, i));
            else if (a.y_fp32)
                store_vector(static_cast<float *>(a.y) + index(a, i), values[i]);
            else
                store_vector(static_cast<__half *>(a.y) + index(a, i), values[i]);
        }
    }
};

// What a block does before its first product, where a.split > 1, so that the others of its cluster
// may send it sums: those of `rows` rows, of every share. One thread makes the barrier.
template <typename T>
__device__ void await_sums(const conv_mma_arguments &a, unsigned barrier, int rows)
{
    if (a.split == 1) return;
    if (threadIdx.x == 0) {
        make_barrier(barrier);
        show_barriers();
        expect_bytes(barrier, rows * a.split * T::CHANNELS * static_cast<int>(sizeof(float)));
    }
    __syncwarp();
    cluster_arrive_unseen();
}

// What follows the last step: the block's own sums and the others' become rows of y. `tile_rows`:
// those of the tile that a share finishes; `sums_at`: free shared memory of all blocks for them;
// `barrier`: await_sums's; `first_rank`: in the cluster, of the tile's first block.
template <typename T>
__device__ void finish_tile(const conv_mma_arguments &a,
                            const float (&sums)[T::ACROSS][T::DOWN * 2][4], unsigned sums_at,
                            int tile_rows, int share, mma_output<T> &output, unsigned barrier,
                            int first_rank = 0)
{
    if (a.split > 1) cluster_wait(); // the others have started
    send_sums<T>(sums, sums_at, tile_rows, a.split, share, first_rank, barrier);
    if (a.split > 1)
        wait_for_sent(barrier);
    else
        __syncthreads();
    output.store(a, sums_at, tile_rows);
}

#endif
