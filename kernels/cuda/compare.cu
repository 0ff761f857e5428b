// The largest difference between two arrays on the device.
#include "kernels/cuda/compare.h"

#include "kernels/cuda/element.cuh"

namespace
{

enum { THREADS = 256, MOST_BLOCKS = 1024 };

// Bits of floats from 0 up are ordered as they are, so the maximum of the bits is the float's.
__global__ void find_worst(const void *got, const void *want, element_type type, int64_t count,
                           unsigned *worst)
{
    float most = 0;
    int64_t stride = static_cast<int64_t>(gridDim.x) * THREADS;
    for (int64_t i = static_cast<int64_t>(blockIdx.x) * THREADS + threadIdx.x; i < count;
         i += stride) {
        float g = element_load(got, type, i), w = element_load(want, type, i);
        if (g == w || (isnan(g) && isnan(w))) continue;
        float error = fabsf(g - w) / (1 + fabsf(w));
        if (!(error <= most)) most = isnan(error) ? INFINITY : error;
    }
    atomicMax(worst, __float_as_uint(most));
}

} // namespace

extern "C" status cuda_compare(const void *got, const void *want, element_type type, int64_t count,
                               unsigned *scratch, double *worst)
{
    int64_t blocks = (count + THREADS - 1) / THREADS;
    if (blocks > MOST_BLOCKS) blocks = MOST_BLOCKS;
    float found;
    TRY(cuda_check(cudaMemset(scratch, 0, sizeof *scratch), "comparing tensors"));
    find_worst<<<static_cast<unsigned>(blocks), THREADS>>>(got, want, type, count, scratch);
    TRY(cuda_check(cudaGetLastError(), "comparing tensors"));
    TRY(cuda_check(cudaMemcpy(&found, scratch, sizeof found, cudaMemcpyDeviceToHost),
                   "comparing tensors"));
    *worst = found;
    return STATUS_OK;
}
