/* Stands in for cuda.c in a build without CUDA. */
#include "engine/device/device.h"

status device_cuda_open(int index, device **out)
{
    *out = NULL;
    return fail(STATUS_DEVICE, "cuda:%d: this build of posenet has no CUDA", index);
}
