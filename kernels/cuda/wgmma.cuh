// Hopper's own instructions (compute capability 9.0 alone, compiled for sm_90a): matrix products of
// a warpgroup, which reads both operands from shared memory by itself; bulk.cuh brings them there.
// Elsewhere these functions do nothing.
//
// Operands lie as rows of 64 halves, [row][64], 128 bytes each, whose 16-byte pieces are permuted
// by the row: piece p of row r at p ^ r % 8. Their first row is at a multiple of 1024 bytes. The
// sums of 64 rows by N columns are spread over the warpgroup's lanes as those of mma.cuh are over a
// warp's: warp w has rows 16w..16w + 15, sums[j] is its 16 x 8 tile j.
#ifndef POSENET_KERNELS_CUDA_WGMMA_CUH
#define POSENET_KERNELS_CUDA_WGMMA_CUH

#include <cuda_runtime.h>

#include <stdint.h>

#include "kernels/cuda/bulk.cuh"

// What multiply_tile reads for rows that begin at `rows`; 16 columns on it is 2 more.
__device__ inline uint64_t describe_rows(unsigned rows)
{
    const uint64_t eight_rows = 1024 / 16, permuted = 1;
    return (rows & 0x3ffff) / 16 | uint64_t{1} << 16 | eight_rows << 32 | permuted << 62;
}

// Before the first product of a group, after the sums were touched otherwise.
__device__ inline void begin_products()
{
#ifdef __CUDA_ARCH_FEAT_SM90_ALL
    asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
#endif
}

__device__ inline void end_products()
{
#ifdef __CUDA_ARCH_FEAT_SM90_ALL
    asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
#endif
}

// Until at most the last PENDING groups of products are under way.
template <int PENDING> __device__ inline void wait_for_products()
{
#ifdef __CUDA_ARCH_FEAT_SM90_ALL
    asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(PENDING) : "memory");
#endif
}

// Keeps reads of a sum behind what stands before this.
__device__ inline void settle(float &sum)
{
#ifdef __CUDA_ARCH_FEAT_SM90_ALL
    asm volatile("" : "+f"(sum)::"memory");
#endif
}

// Shows products and bulk copies what the thread has written to shared memory.
__device__ inline void show_writes()
{
#ifdef __CUDA_ARCH_FEAT_SM90_ALL
    asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
#endif
}

// ---- sums += x filter', 64 x N += 64 x 16 times (N x 16)', by a warpgroup ----------------------

#define SUMS_OF_TWO(sums, j)                                                                       \
    "+f"(sums[j][0]), "+f"(sums[j][1]), "+f"(sums[j][2]), "+f"(sums[j][3]),                        \
        "+f"(sums[(j) + 1][0]), "+f"(sums[(j) + 1][1]), "+f"(sums[(j) + 1][2]),                    \
        "+f"(sums[(j) + 1][3])

__device__ inline void multiply_tile(float (&sums)[4][4], uint64_t x, uint64_t filter)
{
#ifdef __CUDA_ARCH_FEAT_SM90_ALL
    asm volatile("wgmma.mma_async.sync.aligned.m64n32k16.f32.f16.f16 {"
                 "%0, %1, %2, %3, %4, %5, %6, %7, "
                 "%8, %9, %10, %11, %12, %13, %14, %15}, "
                 "%16, %17, 1, 1, 1, 0, 0;"
                 : SUMS_OF_TWO(sums, 0), SUMS_OF_TWO(sums, 2)
                 : "l"(x), "l"(filter));
#endif
}

__device__ inline void multiply_tile(float (&sums)[6][4], uint64_t x, uint64_t filter)
{
#ifdef __CUDA_ARCH_FEAT_SM90_ALL
    asm volatile("wgmma.mma_async.sync.aligned.m64n48k16.f32.f16.f16 {"
                 "%0, %1, %2, %3, %4, %5, %6, %7, "
                 "%8, %9, %10, %11, %12, %13, %14, %15, "
                 "%16, %17, %18, %19, %20, %21, %22, %23}, "
                 "%24, %25, 1, 1, 1, 0, 0;"
                 : SUMS_OF_TWO(sums, 0), SUMS_OF_TWO(sums, 2), SUMS_OF_TWO(sums, 4)
                 : "l"(x), "l"(filter));
#endif
}

__device__ inline void multiply_tile(float (&sums)[8][4], uint64_t x, uint64_t filter)
{
#ifdef __CUDA_ARCH_FEAT_SM90_ALL
    asm volatile("wgmma.mma_async.sync.aligned.m64n64k16.f32.f16.f16 {"
                 "%0, %1, %2, %3, %4, %5, %6, %7, "
                 "%8, %9, %10, %11, %12, %13, %14, %15, "
                 "%16, %17, %18, %19, %20, %21, %22, %23, "
                 "%24, %25, %26, %27, %28, %29, %30, %31}, "
                 "%32, %33, 1, 1, 1, 0, 0;"
                 : SUMS_OF_TWO(sums, 0), SUMS_OF_TWO(sums, 2), SUMS_OF_TWO(sums, 4),
                   SUMS_OF_TWO(sums, 6)
                 : "l"(x), "l"(filter));
#endif
}

__device__ inline void multiply_tile(float (&sums)[12][4], uint64_t x, uint64_t filter)
{
#ifdef __CUDA_ARCH_FEAT_SM90_ALL
    asm volatile("wgmma.mma_async.sync.aligned.m64n96k16.f32.f16.f16 {"
                 "%0, %1, %2, %3, %4, %5, %6, %7, "
                 "%8, %9, %10, %11, %12, %13, %14, %15, "
                 "%16, %17, %18, %19, %20, %21, %22, %23, "
                 "%24, %25, %26, %27, %28, %29, %30, %31, "
                 "%32, %33, %34, %35, %36, %37, %38, %39, "
                 "%40, %41, %42, %43, %44, %45, %46, %47}, "
                 "%48, %49, 1, 1, 1, 0, 0;"
                 : SUMS_OF_TWO(sums, 0), SUMS_OF_TWO(sums, 2), SUMS_OF_TWO(sums, 4),
                   SUMS_OF_TWO(sums, 6), SUMS_OF_TWO(sums, 8), SUMS_OF_TWO(sums, 10)
                 : "l"(x), "l"(filter));
#endif
}

__device__ inline void multiply_tile(float (&sums)[16][4], uint64_t x, uint64_t filter)
{
#ifdef __CUDA_ARCH_FEAT_SM90_ALL
    asm volatile("wgmma.mma_async.sync.aligned.m64n128k16.f32.f16.f16 {"
                 "%0, %1, %2, %3, %4, %5, %6, %7, "
                 "%8, %9, %10, %11, %12, %13, %14, %15, "
                 "%16, %17, %18, %19, %20, %21, %22, %23, "
                 "%24, %25, %26, %27, %28, %29, %30, %31, "
                 "%32, %33, %34, %35, %36, %37, %38, %39, "
                 "%40, %41, %42, %43, %44, %45, %46, %47, "
                 "%48, %49, %50, %51, %52, %53, %54, %55, "
                 "%56, %57, %58, %59, %60, %61, %62, %63}, "
                 "%64, %65, 1, 1, 1, 0, 0;"
                 : SUMS_OF_TWO(sums, 0), SUMS_OF_TWO(sums, 2), SUMS_OF_TWO(sums, 4),
                   SUMS_OF_TWO(sums, 6), SUMS_OF_TWO(sums, 8), SUMS_OF_TWO(sums, 10),
                   SUMS_OF_TWO(sums, 12), SUMS_OF_TWO(sums, 14)
                 : "l"(x), "l"(filter));
#endif
}

__device__ inline void multiply_tile(float (&sums)[24][4], uint64_t x, uint64_t filter)
{
#ifdef __CUDA_ARCH_FEAT_SM90_ALL
    asm volatile("wgmma.mma_async.sync.aligned.m64n192k16.f32.f16.f16 {"
                 "%0, %1, %2, %3, %4, %5, %6, %7, "
                 "%8, %9, %10, %11, %12, %13, %14, %15, "
                 "%16, %17, %18, %19, %20, %21, %22, %23, "
                 "%24, %25, %26, %27, %28, %29, %30, %31, "
                 "%32, %33, %34, %35, %36, %37, %38, %39, "
                 "%40, %41, %42, %43, %44, %45, %46, %47, "
                 "%48, %49, %50, %51, %52, %53, %54, %55, "
                 "%56, %57, %58, %59, %60, %61, %62, %63, "
                 "%64, %65, %66, %67, %68, %69, %70, %71, "
                 "%72, %73, %74, %75, %76, %77, %78, %79, "
                 "%80, %81, %82, %83, %84, %85, %86, %87, "
                 "%88, %89, %90, %91, %92, %93, %94, %95}, "
                 "%96, %97, 1, 1, 1, 0, 0;"
                 : SUMS_OF_TWO(sums, 0), SUMS_OF_TWO(sums, 2), SUMS_OF_TWO(sums, 4),
                   SUMS_OF_TWO(sums, 6), SUMS_OF_TWO(sums, 8), SUMS_OF_TWO(sums, 10),
                   SUMS_OF_TWO(sums, 12), SUMS_OF_TWO(sums, 14), SUMS_OF_TWO(sums, 16),
                   SUMS_OF_TWO(sums, 18), SUMS_OF_TWO(sums, 20), SUMS_OF_TWO(sums, 22)
                 : "l"(x), "l"(filter));
#endif
}

__device__ inline void multiply_tile(float (&sums)[32][4], uint64_t x, uint64_t filter)
{
#ifdef __CUDA_ARCH_FEAT_SM90_ALL
    asm volatile("wgmma.mma_async.sync.aligned.m64n256k16.f32.f16.f16 {"
                 "%0, %1, %2, %3, %4, %5, %6, %7, "
                 "%8, %9, %10, %11, %12, %13, %14, %15, "
                 "%16, %17, %18, %19, %20, %21, %22, %23, "
                 "%24, %25, %26, %27, %28, %29, %30, %31, "
                 "%32, %33, %34, %35, %36, %37, %38, %39, "
                 "%40, %41, %42, %43, %44, %45, %46, %47, "
                 "%48, %49, %50, %51, %52, %53, %54, %55, "
                 "%56, %57, %58, %59, %60, %61, %62, %63, "
                 "%64, %65, %66, %67, %68, %69, %70, %71, "
                 "%72, %73, %74, %75, %76, %77, %78, %79, "
                 "%80, %81, %82, %83, %84, %85, %86, %87, "
                 "%88, %89, %90, %91, %92, %93, %94, %95, "
                 "%96, %97, %98, %99, %100, %101, %102, %103, "
                 "%104, %105, %106, %107, %108, %109, %110, %111, "
                 "%112, %113, %114, %115, %116, %117, %118, %119, "
                 "%120, %121, %122, %123, %124, %125, %126, %127}, "
                 "%128, %129, 1, 1, 1, 0, 0;"
                 : SUMS_OF_TWO(sums, 0), SUMS_OF_TWO(sums, 2), SUMS_OF_TWO(sums, 4),
                   SUMS_OF_TWO(sums, 6), SUMS_OF_TWO(sums, 8), SUMS_OF_TWO(sums, 10),
                   SUMS_OF_TWO(sums, 12), SUMS_OF_TWO(sums, 14), SUMS_OF_TWO(sums, 16),
                   SUMS_OF_TWO(sums, 18), SUMS_OF_TWO(sums, 20), SUMS_OF_TWO(sums, 22),
                   SUMS_OF_TWO(sums, 24), SUMS_OF_TWO(sums, 26), SUMS_OF_TWO(sums, 28),
                   SUMS_OF_TWO(sums, 30)
                 : "l"(x), "l"(filter));
#endif
}

#undef SUMS_OF_TWO

#endif
