// What the kernels of units (conv_unit.cuh, conv_unit_next.cuh) have in common: filters and biases
// to shared memory, then each warpgroup's tiles.
#ifndef POSENET_KERNELS_CONV_UNIT_UNIT_TILES_CUH
#define POSENET_KERNELS_CONV_UNIT_UNIT_TILES_CUH

#include "kernels/conv_unit/unit_part.cuh"
#include "kernels/conv_unit/unit_ring.cuh"
#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/mma.cuh"

// A are conv_unit_arguments, or some that have more, with the functions unit_layout_of,
// unit_fetch_filters (one thread's) and unit_fetch_biases; `shared` is dynamic shared memory,
// `residual` any where none is added by the ring.
// compute(layout, where it begins, part, ring, tile) is called for every tile.
template <int ROWS, typename A, typename COMPUTE>
__device__ void unit_tiles(const A &a, const CUtensorMap *x, const CUtensorMap *residual,
                           unsigned char *shared, const COMPUTE &compute)
{
    int group = threadIdx.x / 128, groups = blockDim.x / 128;
    const auto l = unit_layout_of(a, ROWS, groups);
    unsigned start = shared_address(shared), base = (start + UNIT_ALIGN - 1) & ~(UNIT_ALIGN - 1u);
    if (threadIdx.x == 0) {
        fetch_map(x);
        if (a.added) fetch_map(residual);
        for (int i = 0; i < UNIT_WEIGHTS + groups * a.stages; i++)
            make_barrier(base + l.barriers + i * 8);
        show_barriers();
        unit_fetch_filters(a, l, base);
    }
    unit_fetch_biases(a, reinterpret_cast<float *>(shared + (base - start) + l.biases));
    __syncthreads();
    wait_for_previous();

    int first = group * gridDim.x + blockIdx.x, apart = groups * gridDim.x;
    unit_ring<ROWS> ring(a, x, residual, base + l.stages, base + l.barriers + UNIT_WEIGHTS * 8,
                         first, apart);
    ring.begin();
    unit_part part(a);
    for (int tile = first; tile < a.tiles; tile += apart) {
        const unit_place place(a, tile);
        compute(l, base, part, ring, place);
    }
}

#endif
