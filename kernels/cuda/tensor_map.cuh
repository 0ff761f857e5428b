// The driver's maps of tensors, by which the copy engine finds boxes of them (bulk.cuh). A row asks
// for its encoders in prepare (cuda_driver_function) and makes its maps anew for every launch,
// since they hold addresses.
#ifndef POSENET_KERNELS_CUDA_TENSOR_MAP_CUH
#define POSENET_KERNELS_CUDA_TENSOR_MAP_CUH

#include <cudaTypedefs.h>

#include "kernels/cuda/cuda.h"

// What encoding a map for step `s` came to.
static inline status map_made(CUresult error, const step *s)
{
    if (error == CUDA_SUCCESS) return STATUS_OK;
    return fail(STATUS_DEVICE, "%s: the driver makes no tensor map: error %d", s->nodes,
                static_cast<int>(error));
}

// A box whose rows are 128, 64 or 32 bytes: its 16-byte pieces are permuted by the row, as products
// read them (wgmma.cuh).
static inline CUtensorMapSwizzle map_permuted(int row_bytes)
{
    return row_bytes == 128  ? CU_TENSOR_MAP_SWIZZLE_128B
           : row_bytes == 64 ? CU_TENSOR_MAP_SWIZZLE_64B
                             : CU_TENSOR_MAP_SWIZZLE_32B;
}

#endif
