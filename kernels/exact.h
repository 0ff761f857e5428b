/* Arithmetic that gives the same bits on the host and in CUDA kernels.
 *
 * The host compiles with -ffp-contract=off, nvcc fuses a product and a sum by itself. A product
 * written with these is rounded before anything is added to it, on both. */
#ifndef POSENET_KERNELS_EXACT_H
#define POSENET_KERNELS_EXACT_H

#if defined(__CUDACC__)
#define HOST_DEVICE __host__ __device__
#else
#define HOST_DEVICE
#endif

HOST_DEVICE static inline float exact_product(float a, float b)
{
#if defined(__CUDA_ARCH__)
    return __fmul_rn(a, b);
#else
    return a * b;
#endif
}

HOST_DEVICE static inline double exact_product_double(double a, double b)
{
#if defined(__CUDA_ARCH__)
    return __dmul_rn(a, b);
#else
    return a * b;
#endif
}

/* IEEE division, also where nvcc is told to be fast. */
HOST_DEVICE static inline float exact_quotient(float a, float b)
{
#if defined(__CUDA_ARCH__)
    return __fdiv_rn(a, b);
#else
    return a / b;
#endif
}

#endif
