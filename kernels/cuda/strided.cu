// Copies between tensors of any strides, up to four with one launch.
#include "kernels/cuda/strided.h"

#include "kernels/cuda/element.cuh"

namespace
{

struct one_copy {
    cuda_copy of;
    int64_t count;
    bool dense; // on both sides: element i is the i-th in memory
};

struct all_copies {
    one_copy copy[CUDA_COPIES];
};

__device__ int64_t place(const cuda_strided &t, const int64_t (&at)[AXES])
{
    int64_t index = 0;
    for (int axis = 0; axis < AXES; axis++) index += at[axis] * t.strides[axis];
    return index;
}

__device__ void copy_element(const one_copy &c, int64_t i)
{
    int64_t from = i, to = i;
    if (!c.dense) {
        int64_t at[AXES], rest = i;
        for (int axis = AXES - 1; axis >= 0; axis--) {
            at[axis] = rest % c.of.dims[axis];
            rest /= c.of.dims[axis];
        }
        from = place(c.of.from, at);
        to = place(c.of.to, at);
    }
    element_store(c.of.to.data, c.of.to.type, to,
                  element_load(c.of.from.data, c.of.from.type, from));
}

__global__ void copy_strided(const __grid_constant__ all_copies all)
{
    const one_copy &c = all.copy[blockIdx.y];
    int64_t step = static_cast<int64_t>(gridDim.x) * blockDim.x;
    for (int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < c.count;
         i += step)
        copy_element(c, i);
}

bool is_dense(const cuda_strided &t, const int dims[AXES])
{
    int64_t stride = 1;
    for (int axis = AXES - 1; axis >= 0; axis--) {
        if (t.strides[axis] != stride && dims[axis] != 1) return false;
        stride *= dims[axis];
    }
    return true;
}

} // namespace

extern "C" status cuda_copy_strided(const cuda_copy *copies, int count, void *stream)
{
    const int threads = 256, most_blocks = 1 << 16;
    all_copies all = {};
    int64_t most = 0;
    for (int i = 0; i < count; i++) {
        const int *dims = copies[i].dims;
        int64_t elements = 1;
        for (int axis = 0; axis < AXES; axis++) elements *= dims[axis];
        all.copy[i] = {copies[i], elements,
                       is_dense(copies[i].from, dims) && is_dense(copies[i].to, dims)};
        if (elements > most) most = elements;
    }
    if (!most) return STATUS_OK;
    int64_t blocks = (most + threads - 1) / threads;
    dim3 grid(static_cast<unsigned>(blocks < most_blocks ? blocks : most_blocks), count);
    copy_strided<<<grid, threads, 0, static_cast<cudaStream_t>(stream)>>>(all);
    return cuda_check(cudaGetLastError(), "launching a strided copy");
}
