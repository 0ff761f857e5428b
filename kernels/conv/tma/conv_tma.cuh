// Convolution as Hopper's copy engine and tensor cores want it (compute capability 9.0 alone). Two
// warps only order copies: one the filter's, one x's, whose windows the engine itself takes apart
// (im2col maps, zeros outside the picture). They fill a ring of stages as far ahead as there is
// room, through all tiles of the block, so nothing drains between two of them. Warpgroups multiply
// (kernels/cuda/wgmma.cuh) and store.
//
// The filter's first stages are requested before the kernel waits for the one before it.
#ifndef POSENET_KERNELS_CONV_TMA_CONV_TMA_CUH
#define POSENET_KERNELS_CONV_TMA_CONV_TMA_CUH

#include "kernels/conv/tma/tma_fetch.cuh"
#include "kernels/conv/tma/tma_output.cuh"

// ---- the products: warpgroups -------------------------------------------------------------------

// How many blocks' copies arrive in a block's stages: those that share the filter, then those that
// share x.
__device__ inline int tma_sharing(const conv_tma_arguments &a)
{
    return a.together + a.slices - 1;
}

// The warp is done with a stage: unless nobody will fill it again, all blocks that share its copies
// learn of it. Without a branch, since it lies between products.
template <typename T>
__device__ void release_stage(const conv_tma_arguments &a, const tma_ring<T> &ring,
                              const tma_share &share, int stage, bool refilled)
{
    const int sharing = tma_sharing(a), lane = threadIdx.x % 32, other = lane - a.together;
    int rank = share.rank(a, lane < a.together ? lane : share.place, share.slice);
    if (other >= 0 && lane < sharing)
        rank = share.rank(a, share.place, other + (other >= share.slice));
    unsigned barrier = ring.empty + stage * 8;
    arrive_at(barrier, refilled && sharing == 1 && lane == 0);
    arrive_in_cluster(address_in_cluster(barrier, rank), refilled && sharing > 1 && lane < sharing);
}

// The sums begin with the bias; those of a share of k, which get it last, with 0.
template <typename T, bool BIASED> __device__ void start_sums(tma_sums<T> &sums, unsigned bias)
{
#pragma unroll
    for (int j = 0; j < T::CHANNELS / 8; j++) {
        float2 two = {};
        if (BIASED) two = load_shared_two(bias + j * 32 + threadIdx.x % 4 * 8);
#pragma unroll
        for (int i = 0; i < T::ROWS * 2; i++) {
            float *own = &sums[i / 2][j][i % 2 * 2];
            own[0] = two.x;
            own[1] = two.y;
            settle(own[0]); // zeros known as such would move in between products
            settle(own[1]);
        }
    }
}

// A stage as products read it: the warpgroup's rows of x, and the filter.
struct tma_operands {
    uint64_t x, filter;

    template <typename T> static __device__ tma_operands of(const tma_ring<T> &ring, int stage)
    {
        int group = T::SHARING == 1 ? 0 : threadIdx.x / 128;
        return {describe_rows(ring.x(stage) + group * T::ROWS * TMA_GROUP * TMA_ROW),
                describe_rows(ring.filter(stage))};
    }
};

template <typename T> __device__ void multiply_stage(tma_sums<T> &sums, const tma_operands &stage)
{
    const int rows = TMA_GROUP * TMA_ROW / 16;
    begin_products();
#pragma unroll
    for (int k = 0; k < MMA_STEP; k += 16)
#pragma unroll
        for (int m = 0; m < T::ROWS; m++)
            multiply_tile(sums[m], skip_columns(stage.x + m * rows, k),
                          skip_columns(stage.filter, k));
    end_products();
}

// All steps of a tile, the block's `number`th. `total`: of all tiles of the block; `then`: a named
// barrier where the other warpgroup waits for its turn, or 0. What a step needs is found while the
// one before is multiplied: products that are not ready when the last ones end leave the tensor
// cores idle.
template <typename T, bool BIASED>
__device__ void multiply_steps(const conv_tma_arguments &a, const tma_ring<T> &ring,
                               const tma_share &share, tma_turn &turn, int number, int total,
                               int then, tma_sums<T> &sums)
{
    wait_for_bytes(ring.full + turn.stage * 8, turn.phase);
    start_sums<T, BIASED>(sums, ring.bias(a, number));
    tma_operands operands = tma_operands::of(ring, turn.stage);
    bool come = true;
    int last = 0;
    for (int i = 0; i < share.steps; i++) {
        if (!come) wait_for_bytes(ring.full + turn.stage * 8, turn.phase);
        multiply_stage<T>(sums, operands);
        int stage = turn.stage;
        turn.next(a.stages);
        operands = tma_operands::of(ring, turn.stage);
        come = have_come(ring.full + turn.stage * 8, turn.phase);
        wait_for_products<1>();
        release_stage(a, ring, share, last, i > 0 && turn.done - 2 + a.stages < total);
        last = stage;
    }
    if (then) named_barrier_arrive(then, T::WORKERS);
    wait_for_products<0>();
#pragma unroll
    for (int i = 0; i < T::ROWS * T::CHANNELS / 2; i++)
        settle(sums[i / (T::CHANNELS / 2)][i / 4 % (T::CHANNELS / 8)][i % 4]);
    release_stage(a, ring, share, last, turn.done - 1 + a.stages < total);
}

// Tile after tile of the block's; APART, every other one: a warpgroup multiplies only once the
// other has seen its last stage full. Without that it could wait for a stage's second time round
// before the first, which barriers cannot tell from the second's being over.
template <typename T, typename A>
__device__ void compute_tiles(const A &a, const tma_ring<T> &ring, const tma_share &share,
                              tma_output<T, A> &output)
{
    const int every = T::APART ? T::GROUPS : 1, total = share.units * share.steps;
    int first = T::APART ? threadIdx.x / 128 : 0;
    tma_turn turn = {};
    turn.skip(first * share.steps, a.stages);
    tma_place next = tma_place::of<T>(a, share, share.first + first * share.apart);
    if (!T::LATE_RESIDUAL && first < share.units) output.begin(next);
    for (int i = first; i < share.units; i += every) {
        tma_sums<T> sums;
        tma_place tile = next;
        if constexpr (A::THIN) output.find_kept(tile);
        if (T::APART && i > 0) named_barrier_sync(1 + first, T::WORKERS);
        if (T::LATE_RESIDUAL && i == first) {
            wait_for_bytes(ring.full + turn.stage * 8, turn.phase);
            output.begin(tile);
        }
        int then = T::APART && i + 1 < share.units ? 2 - first : 0;
        multiply_steps<T, true>(a, ring, share, turn, i, total, then, sums);
        next = tma_place::of<T>(a, share, share.first + (i + every) * share.apart);
        if (a.mapped)
            output.store(sums, tile, next, i + every < share.units);
        else if constexpr (T::ROWS * T::CHANNELS <= 128)
            output.store_each(sums, tile);
        turn.skip((every - 1) * share.steps, a.stages);
    }
    output.end();
}

// ---- the kernels --------------------------------------------------------------------------------

// Room for a stage is free from the beginning. Every warp makes some of the barriers, and of
// `others` behind them, since one takes long. Other blocks write here, so all must have got here.
template <typename T>
__device__ void make_ring(const conv_tma_arguments &a, const tma_ring<T> &ring, int others)
{
    const int warps = T::THREADS / 32;
    if (threadIdx.x % 32 == 0) {
        for (int i = threadIdx.x / 32; i < a.stages; i += warps) {
            make_barrier(ring.full + i * 8, 2);
            make_barrier(ring.empty + i * 8, T::SHARING * 4 * tma_sharing(a));
        }
        for (int i = threadIdx.x / 32; i < others; i += warps) make_barrier(ring.end() + i * 8);
        show_barriers();
    }
    if (tma_sharing(a) > 1) {
        __syncwarp();
        cluster_arrive_unseen(); // show_barriers has shown them
        cluster_wait();
    } else {
        __syncthreads();
    }
}

// Blocks: clusters of together * slices, each for some units. Shared memory: the ring, whose
// results are the warps' panels. `other`: the residual's map; of twins, the second's y's.
template <typename T, typename A>
__global__ void __launch_bounds__(T::THREADS, 1)
    conv_tma(const __grid_constant__ CUtensorMap x, const __grid_constant__ CUtensorMap y,
             const __grid_constant__ CUtensorMap other, const __grid_constant__ A a)
{
#ifdef __CUDA_ARCH_FEAT_SM90_ALL
    extern __shared__ __align__(TMA_ALIGN) unsigned char shared[];
    const int warp = threadIdx.x / 32, last_warp = T::THREADS / 32 - 1;
    const bool one = threadIdx.x % 32 == 0;
    if (one && warp == last_warp) fetch_map(&x);
    if (one && warp == 0 && a.mapped) {
        fetch_map(&y);
        fetch_map(&other);
    }
    const tma_ring<T> ring(a, shared_address(shared), T::OUTPUT_BYTES);
    const unsigned panels = ring.end();
    const tma_share share(a);
    make_ring(a, ring, T::GROUPS * 4 * T::SLOTS);
    if (warp == last_warp) {
        if (one) fetch_x(a, ring, share, &x);
    } else if (warp == T::WORKERS / 32) {
        if (one) fetch_filter(a, ring, share);
    } else {
        wait_for_previous();
        tma_output<T, A> output(a, &y, &other, ring.x(a.stages), panels);
        compute_tiles<T>(a, ring, share, output);
    }
#endif
}

#endif
