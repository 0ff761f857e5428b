/* What the AVX-512 inner loops share. */
#ifndef POSENET_KERNELS_CONV_GEMM_LANES_AVX512_H
#define POSENET_KERNELS_CONV_GEMM_LANES_AVX512_H

#include <immintrin.h>

#define INLINE static inline __attribute__((always_inline))

/* The first `count` of 16 lanes; none below 1, all from 16 on. */
INLINE __mmask16 first_lanes(int64_t count)
{
    return (__mmask16)(count >= 16 ? 0xffff : count > 0 ? (1u << count) - 1 : 0);
}

/* NaN is kept: the second operand is the result where either is one. */
INLINE __m512 clamped(__m512 x, float low, float high)
{
    return _mm512_min_ps(_mm512_set1_ps(high), _mm512_max_ps(_mm512_set1_ps(low), x));
}

/* `past_cache`: see gemm_job; the caller fences at the end. */
INLINE void put(float *to, __mmask16 lanes, __m512 x, int past_cache)
{
    if (past_cache)
        _mm512_stream_ps(to, x);
    else
        _mm512_mask_storeu_ps(to, lanes, x);
}

#endif
