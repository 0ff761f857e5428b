/* cuBLASLt 13, found at run time, and one handle a device. */
#ifndef POSENET_KERNELS_CUDA_CUBLASLT_H
#define POSENET_KERNELS_CUDA_CUBLASLT_H

#include <cublasLt.h>

#include "kernels/cuda/device.h"

typedef struct cublaslt {
    void *library;
    cublasLtHandle_t handle;

    size_t (*version)(void);
    cublasStatus_t (*create)(cublasLtHandle_t *handle);
    cublasStatus_t (*destroy)(cublasLtHandle_t handle);
    const char *(*status_string)(cublasStatus_t code);
    cublasStatus_t (*matmul_create)(cublasLtMatmulDesc_t *out, cublasComputeType_t compute,
                                    cudaDataType_t scale);
    cublasStatus_t (*matmul_destroy)(cublasLtMatmulDesc_t matmul);
    cublasStatus_t (*matmul_set)(cublasLtMatmulDesc_t matmul, cublasLtMatmulDescAttributes_t name,
                                 const void *value, size_t bytes);
    cublasStatus_t (*layout_create)(cublasLtMatrixLayout_t *out, cudaDataType type, uint64_t rows,
                                    uint64_t columns, int64_t leading);
    cublasStatus_t (*layout_destroy)(cublasLtMatrixLayout_t layout);
    cublasStatus_t (*preference_create)(cublasLtMatmulPreference_t *out);
    cublasStatus_t (*preference_destroy)(cublasLtMatmulPreference_t preference);
    cublasStatus_t (*preference_set)(cublasLtMatmulPreference_t preference,
                                     cublasLtMatmulPreferenceAttributes_t name, const void *value,
                                     size_t bytes);
    cublasStatus_t (*heuristic)(cublasLtHandle_t handle, cublasLtMatmulDesc_t matmul,
                                cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
                                cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,
                                cublasLtMatmulPreference_t preference, int room,
                                cublasLtMatmulHeuristicResult_t *results, int *count);
    cublasStatus_t (*matmul)(cublasLtHandle_t handle, cublasLtMatmulDesc_t matmul,
                             const void *alpha, const void *a, cublasLtMatrixLayout_t a_layout,
                             const void *b, cublasLtMatrixLayout_t b_layout, const void *beta,
                             const void *c, cublasLtMatrixLayout_t c_layout, void *d,
                             cublasLtMatrixLayout_t d_layout, const cublasLtMatmulAlgo_t *algorithm,
                             void *workspace, size_t workspace_bytes, cudaStream_t stream);
} cublaslt;

/* The device's own; opened by the first call. */
status cublaslt_of(cuda_device *d, cublaslt **out) STATUS_MUST_CHECK;

/* STATUS_OK, or "cuBLASLt: `doing` failed: its own words". */
status cublaslt_check(const cublaslt *lib, cublasStatus_t code,
                      const char *doing) STATUS_MUST_CHECK;

#endif
