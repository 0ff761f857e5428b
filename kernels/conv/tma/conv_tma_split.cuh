// The same for so few tiles that the blocks of a cluster share the k of each: every block sums its
// steps, then the sums meet as those of the other convolutions do (conv/mma/mma_output.cuh).
#ifndef POSENET_KERNELS_CONV_TMA_CONV_TMA_SPLIT_CUH
#define POSENET_KERNELS_CONV_TMA_CONV_TMA_SPLIT_CUH

#include "kernels/conv/tma/conv_tma.cuh"

// Blocks: clusters of together * split, each for one unit. Shared memory: the ring, whose results
// are sums.
template <typename T, typename A>
__global__ void __launch_bounds__(T::THREADS, 1)
    conv_tma_split(const __grid_constant__ CUtensorMap x, const __grid_constant__ A a)
{
#ifdef __CUDA_ARCH_FEAT_SM90_ALL
    using tile = mma_tile<T::PIXELS, T::CHANNELS, T::WORKERS / 32, 1, 1>;
    extern __shared__ __align__(TMA_ALIGN) unsigned char shared[];
    const int rows = (T::PIXELS + a.split - 1) / a.split; // that a block finishes
    const tma_ring<T> ring(a, shared_address(shared), a.split * rows * T::CHANNELS * 4);
    const unsigned sums_barrier = ring.end();
    const tma_share share(a);
    const int own = min(rows, T::PIXELS - share.number * rows);
    const int warp = threadIdx.x / 32, last_warp = T::THREADS / 32 - 1;
    const bool one = threadIdx.x % 32 == 0;
    if (one && warp == last_warp) fetch_map(&x);
    make_ring(a, ring, 0);
    await_sums<tile>(a, sums_barrier, own);
    if (warp >= T::WORKERS / 32) {
        if (one && warp == last_warp) fetch_x(a, ring, share, &x);
        if (one && warp < last_warp) fetch_filter(a, ring, share);
        __syncwarp();
        cluster_wait();
        return;
    }
    tma_place place = tma_place::of<T>(a, share, share.first);
    const conv_tma_arguments &convolution = convolution_of(a, place);
    int pixel = place.pixel + share.number * rows;
    mma_output<tile> output(convolution, pixel, min(own, a.pixels - pixel), place.channel);
    wait_for_previous();
    output.fetch_residual(convolution);
    tma_sums<T> sums;
    tma_turn turn = {};
    multiply_steps<T, false>(a, ring, share, turn, 0, share.steps, 0, sums);
    finish_tile<tile>(convolution, sums, ring.x(a.stages), rows, share.number, output, sums_barrier,
                      share.place * a.split);
#endif
}

#endif
