// The driver's maps of tensors, by which the copy engine finds boxes of them (bulk.cuh). A row asks
// for its encoders in prepare (find_map_encoder, cuda_driver_function) and makes its maps anew for
// every launch, since they hold addresses.
#ifndef POSENET_KERNELS_CUDA_TENSOR_MAP_CUH
#define POSENET_KERNELS_CUDA_TENSOR_MAP_CUH

#include <cudaTypedefs.h>
#include <cuda_fp16.h>

#include "kernels/cuda/cuda.h"

static inline status find_map_encoder(PFN_cuTensorMapEncodeTiled_v12000 *out)
{
    void *encode;
    TRY(cuda_driver_function("cuTensorMapEncodeTiled", 12000, &encode));
    *out = reinterpret_cast<PFN_cuTensorMapEncodeTiled_v12000>(encode);
    return STATUS_OK;
}

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

// The axes of a dense tensor of halves as the driver counts them, from the innermost.
struct map_axes {
    cuuint64_t sizes[AXES], strides[AXES - 1]; // strides in bytes

    explicit map_axes(const int dims[AXES])
    {
        cuuint64_t bytes = sizeof(__half);
        for (int i = 0; i < AXES; i++) sizes[i] = static_cast<cuuint64_t>(dims[AXIS_C - i]);
        for (int i = 0; i < AXES - 1; i++) strides[i] = bytes *= sizes[i];
    }
};

// A dense tensor of halves; a box is so many channels of width x height pixels of one picture, and
// zero where that is outside.
static inline status map_pixels(PFN_cuTensorMapEncodeTiled_v12000 encode, void *at,
                                const int dims[AXES], int channels, int width, int height,
                                CUtensorMapSwizzle permuted, const step *s, CUtensorMap *map)
{
    const map_axes axes(dims);
    const cuuint32_t box[AXES] = {static_cast<cuuint32_t>(channels), static_cast<cuuint32_t>(width),
                                  static_cast<cuuint32_t>(height), 1};
    const cuuint32_t steps[AXES] = {1, 1, 1, 1};
    return map_made(encode(map, CU_TENSOR_MAP_DATA_TYPE_FLOAT16, AXES, at, axes.sizes, axes.strides,
                           box, steps, CU_TENSOR_MAP_INTERLEAVE_NONE, permuted,
                           CU_TENSOR_MAP_L2_PROMOTION_L2_256B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE),
                    s);
}

#endif
