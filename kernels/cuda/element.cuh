// Elements, positions and the plain "one thread an output element" launch, for CUDA rows.
#ifndef POSENET_KERNELS_CUDA_ELEMENT_CUH
#define POSENET_KERNELS_CUDA_ELEMENT_CUH

#include <cuda_fp16.h>
#include <cuda_runtime.h>

#include "kernels/cuda/cuda.h"
#include "kernels/cuda/launch.cuh"
#include "kernels/decode/decode.h"

__device__ static inline float element_load(const void *data, element_type type, int64_t index)
{
    return type == TYPE_FP16 ? __half2float(static_cast<const __half *>(data)[index])
                             : static_cast<const float *>(data)[index];
}

__device__ static inline void element_store(void *data, element_type type, int64_t index,
                                            float value)
{
    if (type == TYPE_FP16)
        static_cast<__half *>(data)[index] = __float2half_rn(value);
    else
        static_cast<float *>(data)[index] = value;
}

__device__ static inline float to_float(float value)
{
    return value;
}

__device__ static inline float to_float(__half value)
{
    return __half2float(value);
}

template <typename T> __device__ static inline T from_float(float value);

template <> __device__ inline float from_float<float>(float value)
{
    return value;
}

template <> __device__ inline __half from_float<__half>(float value)
{
    return __float2half_rn(value);
}

// NaN stays NaN.
__device__ static inline float clamped(float x, float low, float high)
{
    x = x < low ? low : x;
    return x > high ? high : x;
}

__device__ static inline __half2 clamped(__half2 two, __half2 low, __half2 high)
{
    return __hmin2_nan(__hmax2_nan(two, low), high);
}

// Two results as they are stored. Rounding keeps order, so clamping after it gives the same as
// before it.
__device__ static inline unsigned clamped_halves(float first, float second, __half2 low,
                                                 __half2 high)
{
    __half2 two = clamped(__floats2half2_rn(first, second), low, high);
    return *reinterpret_cast<unsigned *>(&two);
}

// The way back.
__device__ static inline float2 two_floats(unsigned halves)
{
    return __half22float2(*reinterpret_cast<const __half2 *>(&halves));
}

__device__ static inline float activate(const activation &act, float x)
{
    if (act.kind == ACTIVATION_SIGMOID) return decode_sigmoid(x);
    if (act.kind == ACTIVATION_CLAMP) {
        if (x < act.low) x = act.low;
        if (x > act.high) x = act.high;
    }
    return x;
}

// A vector of N elements, moved with one access where N * sizeof(T) is at most 16 bytes.
template <typename T, int N> struct alignas(sizeof(T) * N) vector {
    T value[N];
};

// n, y, x and c of the element number `index` of a dense tensor.
struct position {
    int at[AXES];
};

__device__ static inline position position_of(unsigned index, const int dims[AXES])
{
    position p;
    for (int axis = AXES - 1; axis > 0; axis--) {
        p.at[axis] = static_cast<int>(index % static_cast<unsigned>(dims[axis]));
        index /= static_cast<unsigned>(dims[axis]);
    }
    p.at[0] = static_cast<int>(index);
    return p;
}

__device__ static inline int64_t index_of(const position &p, const int dims[AXES])
{
    int64_t index = p.at[0];
    for (int axis = 1; axis < AXES; axis++) index = index * dims[axis] + p.at[axis];
    return index;
}

template <typename F> __global__ void each_element(F compute, unsigned count)
{
    wait_for_previous();
    for (unsigned i = blockIdx.x * blockDim.x + threadIdx.x; i < count; i += gridDim.x * blockDim.x)
        compute(i);
}

// Runs compute(i) for every i below `count` (at most 2^31 - 1: see cuda_countable).
template <typename F>
static status launch_each(const work *w, const network *net, const run *r, F compute, int64_t count)
{
    const int threads = 256, most_blocks = 1 << 20;
    int64_t blocks = (count + threads - 1) / threads;
    dim3 grid(static_cast<unsigned>(blocks < most_blocks ? blocks : most_blocks));
    return cuda_launch_check(
        launch_kernel(r, each_element<F>, grid, dim3(threads), 0, compute, count), w, net);
}

#endif
