// Convolution by Hopper's warpgroup products (kernels/cuda/wgmma.cuh): x comes row by row for every
// tap as in conv_mma.cuh, the filter by bulk copies, one a step, which one thread orders. The ways
// of mma_tile.cuh, but for the order of the filter (conv_cuda_pack_rows).
//
// `together` tiles of pixels that need the same part of the filter may form a cluster: each fetches
// a part of every step for all, so it crosses the cache's wires once instead of `together` times.
// Then all of a block's steps are in shared memory at once: nobody asks when a stage is free.
#ifndef POSENET_KERNELS_CONV_MMA_CONV_WGMMA_CUH
#define POSENET_KERNELS_CONV_MMA_CONV_WGMMA_CUH

#include "kernels/conv/mma/conv_mma.cuh"
#include "kernels/cuda/wgmma.cuh"

enum { WGMMA_ALIGN = 1024, WGMMA_FILTER_STAGES = 40, WGMMA_ROWS = 64 };

// A block's steps of the filter: a ring of `stages`, each with a barrier.
template <typename T> class wgmma_filter
{
    const unsigned char *from_;
    int64_t step_bytes_;
    unsigned ring_, barriers_, part_, part_bytes_, blocks_;
    int stages_;

  public:
    // From step `first` on; the block is `place`-th of its a.together.
    __device__ wgmma_filter(const conv_mma_arguments &a, unsigned ring, unsigned barriers,
                            int first_channel, int first, int share, int place)
        : ring_(ring), barriers_(barriers), blocks_(0), stages_(a.filter_stages)
    {
        const unsigned units = T::FILTER_BYTES / 16;
        step_bytes_ = static_cast<int64_t>(a.filter_channels) * MMA_STEP * 2;
        part_ = place * units / a.together * 16;
        part_bytes_ = (place + 1) * units / a.together * 16 - part_;
        from_ = reinterpret_cast<const unsigned char *>(a.filter) + first * step_bytes_ +
                first_channel * MMA_STEP * 2 + part_;
        for (int i = 0; i < a.together; i++) blocks_ |= 1u << (i * a.split + share);
    }

    // One thread's: the share's step `step` into its stage.
    __device__ void copy(int step, int together)
    {
        int stage = step % stages_;
        unsigned to = ring_ + stage * T::FILTER_BYTES + part_, barrier = barriers_ + stage * 8;
        expect_bytes(barrier, T::FILTER_BYTES);
        if (together > 1)
            copy_bulk(to, from_ + step * step_bytes_, part_bytes_, barrier, blocks_);
        else
            copy_bulk(to, from_ + step * step_bytes_, part_bytes_, barrier);
    }
};

// Blocks: (pixel tiles rounded up to `together` * split, channel tiles), clusters of split *
// together along x. Shared memory: room to align, stages of x, of the filter, sums; an unsplit
// tile's overlay the stages.
template <typename T> __global__ void __launch_bounds__(T::THREADS) conv_wgmma(conv_mma_arguments a)
{
#ifdef __CUDA_ARCH_FEAT_SM90_ALL
    extern __shared__ __align__(128) unsigned char shared[];
    __shared__ __align__(8) uint64_t arrived[WGMMA_FILTER_STAGES + 1]; // last: sums
    const mma_share<T> share(a);
    const int count = share.count;
    unsigned ring = (shared_address(shared) + WGMMA_ALIGN - 1) & ~(WGMMA_ALIGN - 1u);
    unsigned filters = ring + min((a.steps + a.split - 1) / a.split, T::STAGES) * T::X_BYTES;
    unsigned barriers = shared_address(arrived);
    unsigned sums_at = a.split > 1 ? filters + a.filter_stages * T::FILTER_BYTES : ring;
    wgmma_filter<T> filter(a, filters, barriers, share.first_channel, share.first, share.number,
                           share.place);
    if (threadIdx.x == 0) {
        for (int i = 0; i < a.filter_stages; i++) make_barrier(barriers + i * 8);
        show_barriers();
    }
    if (a.together > 1) {        // others write here
        cluster_arrive_unseen(); // show_barriers has shown them
        cluster_wait();
    } else {
        __syncthreads();
    }
    if (threadIdx.x == 0)
        for (int i = 0; i < min(count, a.filter_stages); i++) filter.copy(i, a.together);
    unsigned sums_barrier = barriers + WGMMA_FILTER_STAGES * 8;
    await_sums<T>(a, sums_barrier, share.finished());
    mma_input<T> input(a, share.first_pixel, share.first);
    int own = share.first_pixel + share.number * share.rows; // the first that this block finishes
    mma_output<T> output(a, own, min(share.finished(), a.pixels - own), share.first_channel);

    wait_for_previous();
#pragma unroll
    for (int s = 0; s < T::STAGES; s++) {
        if (s < count) input.copy(a, ring + s * T::X_BYTES);
        copy_group();
    }
    output.fetch_residual(a);

    float sums[1][T::DOWN * 2][4] = {};
    unsigned warpgroup = threadIdx.x / 128 * WGMMA_ROWS * MMA_STEP * 2;
    int stage = 0, freed = 0, filter_stage = 0, phase = 0; // freed: that of step i - 2
    for (int i = 0; i < count; i++) {
        if (i == 0)
            wait_for_copies<T::STAGES - 1>();
        else if (i == 1)
            wait_for_copies<T::STAGES - 2>();
        else
            wait_for_copies<T::STAGES - 3>();
        show_writes();
        wait_for_bytes(barriers + filter_stage * 8, phase);
        __syncthreads();
        if (i > 1) { // every warpgroup has left the stages of step i - 2
            int next = i - 2 + a.filter_stages;
            if (threadIdx.x == 0 && next < count) filter.copy(next, 1);
            if (i - 2 + T::STAGES < count) input.copy(a, ring + freed * T::X_BYTES);
            copy_group();
            if (++freed == T::STAGES) freed = 0;
        }
        uint64_t x = describe_rows(ring + stage * T::X_BYTES + warpgroup);
        uint64_t w = describe_rows(filters + filter_stage * T::FILTER_BYTES);
        begin_products();
#pragma unroll
        for (int k = 0; k < MMA_STEP / 16; k++) multiply_tile(sums[0], x + k * 2, w + k * 2);
        end_products();
        wait_for_products<1>();
        if (++stage == T::STAGES) stage = 0;
        if (++filter_stage == a.filter_stages) {
            filter_stage = 0;
            phase ^= 1;
        }
    }
    wait_for_products<0>();
#pragma unroll
    for (int j = 0; j < T::DOWN * 2; j++)
#pragma unroll
        for (int l = 0; l < 4; l++) settle(sums[0][j][l]);
    if (a.split == 1) __syncthreads(); // the stages are free
    finish_tile<T>(a, sums, sums_at, share.rows, share.number, output, sums_barrier,
                   share.place * a.split);
#endif
}

#endif
