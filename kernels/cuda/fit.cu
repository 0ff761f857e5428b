// Whether this build has machine code, or code the driver can compile, for the current GPU.
#include <cuda_runtime.h>

#include "kernels/cuda/cuda.h"
#include "kernels/cuda/device.h"

namespace
{

__global__ void nothing()
{
}

} // namespace

extern "C" status cuda_kernels_fit(int *compute)
{
    cudaFuncAttributes attributes;
    TRY(cuda_check(cudaFuncGetAttributes(&attributes, nothing), "loading the kernels"));
    *compute = attributes.ptxVersion; // what __CUDA_ARCH__ was, in tens
    return STATUS_OK;
}
