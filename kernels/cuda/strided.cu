#include "kernels/cuda/strided.h"

#include "kernels/cuda/element.cuh"

namespace
{

__device__ int64_t place(const cuda_strided &t, const int64_t (&at)[AXES])
{
    int64_t index = 0;
    for (int axis = 0; axis < AXES; axis++) index += at[axis] * t.strides[axis];
    return index;
}

struct extent {
    int dims[AXES];
};

__global__ void copy_strided(cuda_strided from, cuda_strided to, extent e, int64_t count)
{
    int64_t step = static_cast<int64_t>(gridDim.x) * blockDim.x;
    for (int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < count;
         i += step) {
        int64_t at[AXES], rest = i;
        for (int axis = AXES - 1; axis >= 0; axis--) {
            at[axis] = rest % e.dims[axis];
            rest /= e.dims[axis];
        }
        element_store(to.data, to.type, place(to, at),
                      element_load(from.data, from.type, place(from, at)));
    }
}

} // namespace

extern "C" status cuda_copy_strided(const cuda_strided *from, const cuda_strided *to,
                                    const int dims[AXES], void *stream)
{
    const int threads = 256, most_blocks = 1 << 16;
    extent e;
    int64_t count = 1;
    for (int axis = 0; axis < AXES; axis++) {
        e.dims[axis] = dims[axis];
        count *= dims[axis];
    }
    int64_t blocks = (count + threads - 1) / threads;
    copy_strided<<<static_cast<unsigned>(blocks < most_blocks ? blocks : most_blocks), threads, 0,
                   static_cast<cudaStream_t>(stream)>>>(*from, *to, e, count);
    return cuda_check(cudaGetLastError(), "launching a strided copy");
}
