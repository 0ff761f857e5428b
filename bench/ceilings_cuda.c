/* What the first GPU does at best, to hold steps against: see bench.h. */
#include "bench/bench.h"

#if defined(POSENET_HAVE_CUDA)

#include <cublas_v2.h>
#include <cuda_runtime_api.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const size_t COPY_BYTES = (size_t)1 << 30;

enum { SIDE = 8192, REPEATS = 8 };

/* Something that is put on the default stream: 0 or -1. */
typedef int (*launch)(void *of);

/* The least time of one, in seconds; 0: it failed. */
static double least_s(launch enqueue, void *of)
{
    cudaEvent_t start = NULL, end = NULL;
    double best = 0;
    if (cudaEventCreate(&start) != cudaSuccess || cudaEventCreate(&end) != cudaSuccess) return 0;
    for (int i = 0; i <= REPEATS; i++) { /* the first is a warm-up */
        float ms = 0;
        if (cudaEventRecord(start, NULL) != cudaSuccess || enqueue(of) ||
            cudaEventRecord(end, NULL) != cudaSuccess || cudaEventSynchronize(end) != cudaSuccess ||
            cudaEventElapsedTime(&ms, start, end) != cudaSuccess) {
            best = 0;
            break;
        }
        if (i && (best <= 0 || (double)ms * 1e-3 < best)) best = (double)ms * 1e-3;
    }
    cudaEventDestroy(start);
    cudaEventDestroy(end);
    return best;
}

static int enqueue_copy(void *of)
{
    unsigned char *memory = of;
    return cudaMemcpyAsync(memory + COPY_BYTES, memory, COPY_BYTES, cudaMemcpyDeviceToDevice,
                           NULL) == cudaSuccess
               ? 0
               : -1;
}

double ceiling_copy_cuda(void)
{
    void *memory;
    if (cudaMalloc(&memory, 2 * COPY_BYTES) != cudaSuccess) return 0;
    cudaMemset(memory, 1, 2 * COPY_BYTES);
    double s = least_s(enqueue_copy, memory);
    cudaFree(memory);
    return s > 0 ? 2e-9 * (double)COPY_BYTES / s : 0;
}

/* The few functions that a product takes, from the library that is installed. */
typedef struct blas {
    void *library;
    cublasStatus_t (*create)(cublasHandle_t *handle);
    cublasStatus_t (*destroy)(cublasHandle_t handle);
    cublasStatus_t (*product)(cublasHandle_t handle, cublasOperation_t transpose_a,
                              cublasOperation_t transpose_b, int m, int n, int k, const void *alpha,
                              const void *a, cudaDataType a_type, int lda, const void *b,
                              cudaDataType b_type, int ldb, const void *beta, void *c,
                              cudaDataType c_type, int ldc, cublasComputeType_t compute,
                              cublasGemmAlgo_t algorithm);
    cublasHandle_t handle;
    cudaDataType type;
    cublasComputeType_t compute;
    void *memory[3];
} blas;

static int find(void *library, const char *name, void *function, size_t bytes)
{
    void *symbol = dlsym(library, name);
    memcpy(function, &symbol, bytes);
    return symbol ? 0 : -1;
}

static int blas_open(blas *b)
{
    char name[32];
    snprintf(name, sizeof name, "libcublas.so.%d", CUBLAS_VER_MAJOR);
    b->library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (!b->library || find(b->library, "cublasCreate_v2", &b->create, sizeof b->create) ||
        find(b->library, "cublasDestroy_v2", &b->destroy, sizeof b->destroy) ||
        find(b->library, "cublasGemmEx", &b->product, sizeof b->product))
        return -1;
    return b->create(&b->handle) == CUBLAS_STATUS_SUCCESS ? 0 : -1;
}

enum { PATTERN_BYTES = 1 << 20 }; /* 64 rows of a matrix of halves */

/* Numbers near 1 of either sign. */
static void fill_pattern(const blas *b, unsigned char *pattern)
{
    unsigned state = 1;
    for (size_t i = 0; i < PATTERN_BYTES; i++) {
        state = state * 1664525u + 1013904223u;
        int high = b->type == CUDA_R_16F ? i % 2 == 1 : i % 4 == 3; /* sign and exponent */
        pattern[i] = high ? (unsigned char)(0x38 | (state >> 24 & 0x80)) : (state >> 24) & 0xff;
    }
}

static int fill_operands(const blas *b, const unsigned char *pattern, size_t bytes)
{
    for (int i = 0; i < 2; i++)
        for (size_t at = 0; at < bytes; at += PATTERN_BYTES)
            if (cudaMemcpy((unsigned char *)b->memory[i] + at, pattern, PATTERN_BYTES,
                           cudaMemcpyHostToDevice) != cudaSuccess)
                return -1;
    return 0;
}

/* Zeros, and what repeats along a row, would spare the GPU the power that numbers take, and so
 * flatter it. */
static int blas_fill(blas *b)
{
    size_t bytes = (size_t)SIDE * SIDE * (b->type == CUDA_R_16F ? 2 : 4);
    for (int i = 0; i < 3; i++)
        if (cudaMalloc(&b->memory[i], bytes) != cudaSuccess) return -1;
    unsigned char *pattern = malloc(PATTERN_BYTES);
    if (!pattern) return -1;
    fill_pattern(b, pattern);
    int failed = fill_operands(b, pattern, bytes);
    free(pattern);
    return failed;
}

static int enqueue_product(void *of)
{
    const blas *b = of;
    static const float one = 1, zero = 0;
    return b->product(b->handle, CUBLAS_OP_T, CUBLAS_OP_N, SIDE, SIDE, SIDE, &one, b->memory[0],
                      b->type, SIDE, b->memory[1], b->type, SIDE, &zero, b->memory[2], b->type,
                      SIDE, b->compute, CUBLAS_GEMM_DEFAULT) == CUBLAS_STATUS_SUCCESS
               ? 0
               : -1;
}

double ceiling_matrix_cuda(const char *precision)
{
    blas b = {.type = CUDA_R_32F, .compute = CUBLAS_COMPUTE_32F_PEDANTIC};
    if (!strcmp(precision, "fp16") || !strcmp(precision, "default")) {
        b.type = CUDA_R_16F;
        b.compute = CUBLAS_COMPUTE_32F;
    } else if (!strcmp(precision, "tf32")) {
        b.compute = CUBLAS_COMPUTE_32F_FAST_TF32;
    }
    double s = blas_open(&b) || blas_fill(&b) ? 0 : least_s(enqueue_product, &b);
    for (int i = 0; i < 3; i++) cudaFree(b.memory[i]);
    if (b.handle) b.destroy(b.handle);
    if (b.library) dlclose(b.library);
    return s > 0 ? 2e-9 * (double)SIDE * SIDE * SIDE / s : 0;
}

#else

double ceiling_copy_cuda(void)
{
    return 0;
}

double ceiling_matrix_cuda(const char *precision)
{
    (void)precision;
    return 0;
}

#endif
