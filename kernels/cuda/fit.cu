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

extern "C" status cuda_kernels_fit(void)
{
    cudaFuncAttributes attributes;
    return cuda_check(cudaFuncGetAttributes(&attributes, nothing), "loading the kernels");
}
