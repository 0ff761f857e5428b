// The larger of the elements of two vectors of 16 bytes; NaN wins.
#ifndef POSENET_KERNELS_MAX_POOL_LARGEST_CUH
#define POSENET_KERNELS_MAX_POOL_LARGEST_CUH

#include <cuda_fp16.h>

struct alignas(16) half_vector {
    __half2 two[4];
};

// -inf twice, which loses against anything else.
__device__ inline __half2 lowest_half2()
{
    return __half2half2(__ushort_as_half(0xfc00));
}

__device__ inline half_vector largest(half_vector a, const half_vector &b)
{
#pragma unroll
    for (int i = 0; i < 4; i++) a.two[i] = __hmax2_nan(a.two[i], b.two[i]);
    return a;
}

__device__ inline float largest(float a, float b)
{
    return b > a || b != b ? b : a;
}

__device__ inline float4 largest(float4 a, const float4 &b)
{
    return {largest(a.x, b.x), largest(a.y, b.y), largest(a.z, b.z), largest(a.w, b.w)};
}

#endif
