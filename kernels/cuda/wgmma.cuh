// Hopper's own instructions (compute capability 9.0 alone, compiled for sm_90a): matrix products of
// a warpgroup, which reads the filter, and x unless held, from shared memory; bulk.cuh brings them.
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

// What multiply_tile reads for rows that begin at `rows`.
__device__ inline uint64_t describe_rows(unsigned rows)
{
    const uint64_t eight_rows = 1024 / 16, permuted = 1;
    return (rows & 0x3ffff) / 16 | uint64_t{1} << 16 | eight_rows << 32 | permuted << 62;
}

// The same from `columns` columns on, a multiple of 16 within the 64. Cheaper than adding to all 64
// bits, which matters between products.
__device__ inline uint64_t skip_columns(uint64_t rows, int columns)
{
    unsigned low = static_cast<unsigned>(rows) + columns / 8;
    return rows >> 32 << 32 | low;
}

// The same for rows of 8 halves that follow each other, 16 bytes each, unpermuted; the next 8
// columns of all of them lie `apart` bytes on, or back. Both are any multiples of 16 bytes; one row
// on it is 1 more.
__device__ inline uint64_t describe_pieces(unsigned rows, unsigned apart)
{
    const uint64_t eight_rows = 128 / 16;
    return (rows & 0x3ffff) / 16 | uint64_t{(apart & 0x3ffff) / 16} << 16 | eight_rows << 32;
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

// Operands of the product: the sums of so many tiles of 8 columns come first.
#define NAMES_4                                                                                    \
    "%0, %1, %2, %3, %4, %5, %6, %7"                                                               \
    ", %8, %9, %10, %11, %12, %13, %14, %15"
#define NAMES_5  NAMES_4 ", %16, %17, %18, %19"
#define NAMES_6  NAMES_5 ", %20, %21, %22, %23"
#define NAMES_7  NAMES_6 ", %24, %25, %26, %27"
#define NAMES_8  NAMES_7 ", %28, %29, %30, %31"
#define NAMES_9  NAMES_8 ", %32, %33, %34, %35"
#define NAMES_10 NAMES_9 ", %36, %37, %38, %39"
#define NAMES_12 NAMES_10 ", %40, %41, %42, %43, %44, %45, %46, %47"
#define NAMES_13 NAMES_12 ", %48, %49, %50, %51"
#define NAMES_14 NAMES_13 ", %52, %53, %54, %55"
#define NAMES_16 NAMES_14 ", %56, %57, %58, %59, %60, %61, %62, %63"
#define NAMES_17 NAMES_16 ", %64, %65, %66, %67"
#define NAMES_18 NAMES_17 ", %68, %69, %70, %71"
#define NAMES_21                                                                                   \
    NAMES_18 ", %72, %73, %74, %75, %76, %77, %78, %79"                                            \
             ", %80, %81, %82, %83"
#define NAMES_24                                                                                   \
    NAMES_21 ", %84, %85, %86, %87, %88, %89, %90, %91"                                            \
             ", %92, %93, %94, %95"
#define NAMES_32                                                                                   \
    NAMES_24 ", %96, %97, %98, %99, %100, %101, %102, %103"                                        \
             ", %104, %105, %106, %107, %108, %109, %110, %111"                                    \
             ", %112, %113, %114, %115, %116, %117, %118, %119"                                    \
             ", %120, %121, %122, %123, %124, %125, %126, %127"

#define SUM(sums, j)  "+f"(sums[j][0]), "+f"(sums[j][1]), "+f"(sums[j][2]), "+f"(sums[j][3])
#define SUMS_4(sums)  SUM(sums, 0), SUM(sums, 1), SUM(sums, 2), SUM(sums, 3)
#define SUMS_5(sums)  SUMS_4(sums), SUM(sums, 4)
#define SUMS_6(sums)  SUMS_5(sums), SUM(sums, 5)
#define SUMS_7(sums)  SUMS_6(sums), SUM(sums, 6)
#define SUMS_8(sums)  SUMS_7(sums), SUM(sums, 7)
#define SUMS_9(sums)  SUMS_8(sums), SUM(sums, 8)
#define SUMS_10(sums) SUMS_9(sums), SUM(sums, 9)
#define SUMS_12(sums) SUMS_10(sums), SUM(sums, 10), SUM(sums, 11)
#define SUMS_13(sums) SUMS_12(sums), SUM(sums, 12)
#define SUMS_14(sums) SUMS_13(sums), SUM(sums, 13)
#define SUMS_16(sums) SUMS_14(sums), SUM(sums, 14), SUM(sums, 15)
#define SUMS_17(sums) SUMS_16(sums), SUM(sums, 16)
#define SUMS_18(sums) SUMS_17(sums), SUM(sums, 17)
#define SUMS_21(sums) SUMS_18(sums), SUM(sums, 18), SUM(sums, 19), SUM(sums, 20)
#define SUMS_24(sums) SUMS_21(sums), SUM(sums, 21), SUM(sums, 22), SUM(sums, 23)
#define SUMS_32(sums)                                                                              \
    SUMS_24(sums), SUM(sums, 24), SUM(sums, 25), SUM(sums, 26), SUM(sums, 27), SUM(sums, 28),      \
        SUM(sums, 29), SUM(sums, 30), SUM(sums, 31)

#ifdef __CUDA_ARCH_FEAT_SM90_ALL
#define PRODUCT(TILES, COLUMNS, X, FILTER)                                                         \
    asm volatile("wgmma.mma_async.sync.aligned.m64n" #COLUMNS "k16.f32.f16.f16 {" NAMES_##TILES    \
                 "}, %" #X ", %" #FILTER ", 1, 1, 1, 0, 0;"                                        \
                 : SUMS_##TILES(sums)                                                              \
                 : "l"(x), "l"(filter))
#else
#define PRODUCT(TILES, COLUMNS, X, FILTER) static_cast<void>(0)
#endif

// COLUMNS is 8 * TILES, X and FILTER are the places of the operands behind the sums.
#define MULTIPLY_TILE(TILES, COLUMNS, X, FILTER)                                                   \
    __device__ inline void multiply_tile(float(&sums)[TILES][4], uint64_t x, uint64_t filter)      \
    {                                                                                              \
        PRODUCT(TILES, COLUMNS, X, FILTER);                                                        \
    }

MULTIPLY_TILE(4, 32, 16, 17)
MULTIPLY_TILE(5, 40, 20, 21)
MULTIPLY_TILE(6, 48, 24, 25)
MULTIPLY_TILE(7, 56, 28, 29)
MULTIPLY_TILE(8, 64, 32, 33)
MULTIPLY_TILE(9, 72, 36, 37)
MULTIPLY_TILE(10, 80, 40, 41)
MULTIPLY_TILE(12, 96, 48, 49)
MULTIPLY_TILE(13, 104, 52, 53)
MULTIPLY_TILE(14, 112, 56, 57)
MULTIPLY_TILE(16, 128, 64, 65)
MULTIPLY_TILE(17, 136, 68, 69)
MULTIPLY_TILE(18, 144, 72, 73)
MULTIPLY_TILE(21, 168, 84, 85)
MULTIPLY_TILE(24, 192, 96, 97)
MULTIPLY_TILE(32, 256, 128, 129)

// The same over COLUMNS columns of what describe_rows describes.
template <int COLUMNS, int TILES>
__device__ inline void multiply_rows(float (&sums)[TILES][4], uint64_t x, uint64_t filter)
{
#pragma unroll
    for (int k = 0; k < COLUMNS; k += 16)
        multiply_tile(sums, skip_columns(x, k), skip_columns(filter, k));
}

// A product with x in registers, each warp's own 16 rows as mma.cuh has fragments, which must not
// be written to before the products are done. ADDS 0: sums = x filter'.
#ifdef __CUDA_ARCH_FEAT_SM90_ALL
#define PRODUCT_OF_HELD(TILES, COLUMNS, X, FILTER, ADDS)                                           \
    asm volatile("wgmma.mma_async.sync.aligned.m64n" #COLUMNS "k16.f32.f16.f16 {" NAMES_##TILES    \
                 "}, {" X "}, %" #FILTER ", %" #ADDS ", 1, 1, 0;"                                  \
                 : SUMS_##TILES(sums)                                                              \
                 : "r"(x[0]), "r"(x[1]), "r"(x[2]), "r"(x[3]), "l"(filter), "n"(ADDS_))
#else
#define PRODUCT_OF_HELD(TILES, COLUMNS, X, FILTER, ADDS) static_cast<void>(0)
#endif

#define MULTIPLY_HELD(TILES, COLUMNS, X, FILTER, ADDS)                                             \
    template <int ADDS_>                                                                           \
    __device__ inline void multiply_tile(float(&sums)[TILES][4], const unsigned(&x)[4],            \
                                         uint64_t filter)                                          \
    {                                                                                              \
        PRODUCT_OF_HELD(TILES, COLUMNS, X, FILTER, ADDS);                                          \
    }

MULTIPLY_HELD(4, 32, "%16, %17, %18, %19", 20, 21)
MULTIPLY_HELD(5, 40, "%20, %21, %22, %23", 24, 25)
MULTIPLY_HELD(8, 64, "%32, %33, %34, %35", 36, 37)
MULTIPLY_HELD(9, 72, "%36, %37, %38, %39", 40, 41)

#undef MULTIPLY_HELD
#undef PRODUCT_OF_HELD
#undef MULTIPLY_TILE
#undef PRODUCT
#undef SUM
#undef SUMS_4
#undef NAMES_4
#undef SUMS_5
#undef NAMES_5
#undef SUMS_6
#undef NAMES_6
#undef SUMS_7
#undef NAMES_7
#undef SUMS_8
#undef NAMES_8
#undef SUMS_9
#undef NAMES_9
#undef SUMS_10
#undef NAMES_10
#undef SUMS_12
#undef NAMES_12
#undef SUMS_13
#undef NAMES_13
#undef SUMS_14
#undef NAMES_14
#undef SUMS_16
#undef NAMES_16
#undef SUMS_17
#undef NAMES_17
#undef SUMS_18
#undef NAMES_18
#undef SUMS_21
#undef NAMES_21
#undef SUMS_24
#undef NAMES_24
#undef SUMS_32
#undef NAMES_32

#endif
