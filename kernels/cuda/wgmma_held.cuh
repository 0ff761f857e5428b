// Products of a warpgroup whose rows, 64, lie in its registers and whose columns lie in shared
// memory as pieces of 16 bytes (8 of k), not permuted: column after column of a piece stands 16
// bytes behind the one before it, wherever the other piece of a product's 16 k is. So windows that
// overlap in memory are columns as they lie. See wgmma.cuh for the rest.
#ifndef POSENET_KERNELS_CUDA_WGMMA_HELD_CUH
#define POSENET_KERNELS_CUDA_WGMMA_HELD_CUH

#include "kernels/cuda/wgmma.cuh"

// What multiply_held reads: of the first column the first 8 k at `at`, the other 8 `other` bytes
// behind them; both multiples of 16.
__device__ inline uint64_t describe_pieces(unsigned at, unsigned other)
{
    const uint64_t eight_columns = 128 / 16;
    return ((at & 0x3ffff) / 16 | (other & 0x3ffff) / 16 << 16) | eight_columns << 32;
}

// The warpgroup's threads have COUNT registers from now on, a multiple of 8; more only once others
// have fewer.
template <int COUNT> __device__ inline void give_registers()
{
#ifdef __CUDA_ARCH_FEAT_SM90_ALL
    asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(COUNT));
#endif
}

template <int COUNT> __device__ inline void take_registers()
{
#ifdef __CUDA_ARCH_FEAT_SM90_ALL
    asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(COUNT));
#endif
}

// ---- sums (ADD: +)= rows columns, 64 x N (+)= 64 x 16 times 16 x N -----------------------------
//
// rows: fragments as mma.cuh's a, warp w has rows 16w..16w + 15. sums[j]: the warp's 16 x 8 tile j.

#define SUMS_OF_ONE(sums, j) "+f"(sums[j][0]), "+f"(sums[j][1]), "+f"(sums[j][2]), "+f"(sums[j][3])

template <int ADD>
__device__ inline void multiply_held(float (&sums)[4][4], const unsigned (&rows)[4],
                                     uint64_t columns)
{
#ifdef __CUDA_ARCH_FEAT_SM90_ALL
    asm volatile("wgmma.mma_async.sync.aligned.m64n32k16.f32.f16.f16 {"
                 "%0, %1, %2, %3, %4, %5, %6, %7, "
                 "%8, %9, %10, %11, %12, %13, %14, %15}, "
                 "{%16, %17, %18, %19}, %20, %21, 1, 1, 0;"
                 : SUMS_OF_ONE(sums, 0), SUMS_OF_ONE(sums, 1), SUMS_OF_ONE(sums, 2),
                   SUMS_OF_ONE(sums, 3)
                 : "r"(rows[0]), "r"(rows[1]), "r"(rows[2]), "r"(rows[3]), "l"(columns), "n"(ADD));
#endif
}

template <int ADD>
__device__ inline void multiply_held(float (&sums)[5][4], const unsigned (&rows)[4],
                                     uint64_t columns)
{
#ifdef __CUDA_ARCH_FEAT_SM90_ALL
    asm volatile("wgmma.mma_async.sync.aligned.m64n40k16.f32.f16.f16 {"
                 "%0, %1, %2, %3, %4, %5, %6, %7, "
                 "%8, %9, %10, %11, %12, %13, %14, %15, "
                 "%16, %17, %18, %19}, "
                 "{%20, %21, %22, %23}, %24, %25, 1, 1, 0;"
                 : SUMS_OF_ONE(sums, 0), SUMS_OF_ONE(sums, 1), SUMS_OF_ONE(sums, 2),
                   SUMS_OF_ONE(sums, 3), SUMS_OF_ONE(sums, 4)
                 : "r"(rows[0]), "r"(rows[1]), "r"(rows[2]), "r"(rows[3]), "l"(columns), "n"(ADD));
#endif
}

template <int ADD>
__device__ inline void multiply_held(float (&sums)[8][4], const unsigned (&rows)[4],
                                     uint64_t columns)
{
#ifdef __CUDA_ARCH_FEAT_SM90_ALL
    asm volatile("wgmma.mma_async.sync.aligned.m64n64k16.f32.f16.f16 {"
                 "%0, %1, %2, %3, %4, %5, %6, %7, "
                 "%8, %9, %10, %11, %12, %13, %14, %15, "
                 "%16, %17, %18, %19, %20, %21, %22, %23, "
                 "%24, %25, %26, %27, %28, %29, %30, %31}, "
                 "{%32, %33, %34, %35}, %36, %37, 1, 1, 0;"
                 : SUMS_OF_ONE(sums, 0), SUMS_OF_ONE(sums, 1), SUMS_OF_ONE(sums, 2),
                   SUMS_OF_ONE(sums, 3), SUMS_OF_ONE(sums, 4), SUMS_OF_ONE(sums, 5),
                   SUMS_OF_ONE(sums, 6), SUMS_OF_ONE(sums, 7)
                 : "r"(rows[0]), "r"(rows[1]), "r"(rows[2]), "r"(rows[3]), "l"(columns), "n"(ADD));
#endif
}

template <int ADD>
__device__ inline void multiply_held(float (&sums)[9][4], const unsigned (&rows)[4],
                                     uint64_t columns)
{
#ifdef __CUDA_ARCH_FEAT_SM90_ALL
    asm volatile("wgmma.mma_async.sync.aligned.m64n72k16.f32.f16.f16 {"
                 "%0, %1, %2, %3, %4, %5, %6, %7, "
                 "%8, %9, %10, %11, %12, %13, %14, %15, "
                 "%16, %17, %18, %19, %20, %21, %22, %23, "
                 "%24, %25, %26, %27, %28, %29, %30, %31, "
                 "%32, %33, %34, %35}, "
                 "{%36, %37, %38, %39}, %40, %41, 1, 1, 0;"
                 : SUMS_OF_ONE(sums, 0), SUMS_OF_ONE(sums, 1), SUMS_OF_ONE(sums, 2),
                   SUMS_OF_ONE(sums, 3), SUMS_OF_ONE(sums, 4), SUMS_OF_ONE(sums, 5),
                   SUMS_OF_ONE(sums, 6), SUMS_OF_ONE(sums, 7), SUMS_OF_ONE(sums, 8)
                 : "r"(rows[0]), "r"(rows[1]), "r"(rows[2]), "r"(rows[3]), "l"(columns), "n"(ADD));
#endif
}

#undef SUMS_OF_ONE

#endif
