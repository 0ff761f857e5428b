// Copies between tensors of any strides, up to four with one launch.
#include "kernels/cuda/strided.h"

#include "kernels/cuda/element.cuh"

namespace
{

const int THREADS = 256;

typedef uint4 piece;
static_assert(sizeof(cuda_one_copy) % sizeof(piece) == 0);

__device__ int64_t place(const cuda_strided &t, const int64_t (&at)[AXES])
{
    int64_t index = 0;
    for (int axis = 0; axis < AXES; axis++) index += at[axis] * t.strides[axis];
    return index;
}

__device__ void copy_element(const cuda_one_copy &c, int64_t i)
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

__device__ void copy_elements(const cuda_one_copy &c)
{
    int64_t step = static_cast<int64_t>(gridDim.x) * blockDim.x;
    for (int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < c.count;
         i += step)
        copy_element(c, i);
}

__global__ void copy_strided(const __grid_constant__ cuda_copies all)
{
    copy_elements(all.copy[blockIdx.y]);
}

// Each block reads its description over the bus before it waits for the kernel before.
__global__ void __launch_bounds__(THREADS) copy_described(const cuda_copies *all)
{
    __shared__ __align__(16) cuda_one_copy copy;
    if (threadIdx.x < sizeof copy / sizeof(piece))
        reinterpret_cast<piece *>(&copy)[threadIdx.x] =
            reinterpret_cast<const piece *>(&all->copy[blockIdx.y])[threadIdx.x];
    __syncthreads();
    wait_for_previous();
    copy_elements(copy);
}

int is_dense(const cuda_strided &t, const int dims[AXES])
{
    int64_t stride = 1;
    for (int axis = AXES - 1; axis >= 0; axis--) {
        if (t.strides[axis] != stride && dims[axis] != 1) return 0;
        stride *= dims[axis];
    }
    return 1;
}

unsigned blocks_for(int64_t elements)
{
    const int64_t most = 1 << 16, blocks = (elements + THREADS - 1) / THREADS;
    return static_cast<unsigned>(blocks < most ? blocks : most);
}

} // namespace

extern "C" cuda_copies cuda_describe_copies(const cuda_copy *copies, int count)
{
    cuda_copies all = {};
    for (int i = 0; i < count; i++) {
        const int *dims = copies[i].dims;
        int64_t elements = 1;
        for (int axis = 0; axis < AXES; axis++) elements *= dims[axis];
        all.copy[i].of = copies[i];
        all.copy[i].count = elements;
        all.copy[i].dense = is_dense(copies[i].from, dims) && is_dense(copies[i].to, dims);
    }
    return all;
}

extern "C" status cuda_copy_strided(const cuda_copy *copies, int count, void *stream)
{
    const cuda_copies all = cuda_describe_copies(copies, count);
    int64_t most = 0;
    for (int i = 0; i < count; i++)
        if (all.copy[i].count > most) most = all.copy[i].count;
    if (!most) return STATUS_OK;
    dim3 grid(blocks_for(most), count);
    copy_strided<<<grid, THREADS, 0, static_cast<cudaStream_t>(stream)>>>(all);
    return cuda_check(cudaGetLastError(), "launching a strided copy");
}

extern "C" status cuda_copy_described(const cuda_copies *described, int count, int64_t elements,
                                      const run *r)
{
    dim3 grid(blocks_for(elements), count);
    return cuda_check(launch_kernel(r, copy_described, grid, dim3(THREADS), 0, described),
                      "launching a described copy");
}
