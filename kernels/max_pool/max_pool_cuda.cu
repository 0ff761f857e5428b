// OP_MAX_POOL on the device: the largest element of the window that lies inside the input; NaN
// where the window has one. A thread has 16 bytes of channels where channels allow it.
#include <math_constants.h>

#include "kernels/cuda/element.cuh"
#include "kernels/cuda/estimate.h"
#include "kernels/cuda/launch.cuh"
#include "kernels/max_pool/largest.cuh"
#include "kernels/rows.h"

namespace
{

const int THREADS = 128;

struct compute_max_pool {
    cuda_view x, y;
    pool_params pool;

    __device__ void operator()(unsigned i) const
    {
        position out = position_of(i, y.dims), in = out;
        float best = -CUDART_INF_F;
        for (int ky = 0; ky < pool.kernel[0]; ky++) {
            in.at[AXIS_H] = out.at[AXIS_H] * pool.stride[0] - pool.pads[0] + ky * pool.dilation[0];
            if (in.at[AXIS_H] < 0 || in.at[AXIS_H] >= x.dims[AXIS_H]) continue;
            for (int kx = 0; kx < pool.kernel[1]; kx++) {
                in.at[AXIS_W] =
                    out.at[AXIS_W] * pool.stride[1] - pool.pads[1] + kx * pool.dilation[1];
                if (in.at[AXIS_W] < 0 || in.at[AXIS_W] >= x.dims[AXIS_W]) continue;
                best = largest(best, element_load(x.data, x.type, index_of(in, x.dims)));
            }
        }
        element_store(y.data, y.type, i, best);
    }
};

__device__ inline void make_lowest(half_vector &v)
{
    for (int i = 0; i < 4; i++) v.two[i] = lowest_half2();
}

__device__ inline void make_lowest(float4 &v)
{
    v = {-CUDART_INF_F, -CUDART_INF_F, -CUDART_INF_F, -CUDART_INF_F};
}

// x, y: [n][h][w][vectors]; `count` vectors of y.
template <typename V>
__global__ void __launch_bounds__(THREADS)
    max_pool(const V *x, V *y, pool_params pool, int height, int width, int out_height,
             int out_width, int vectors, unsigned count)
{
    unsigned i = blockIdx.x * THREADS + threadIdx.x;
    unsigned pixel = i / vectors, line = pixel / out_width, n = line / out_height;
    int top = static_cast<int>(line - n * out_height) * pool.stride[0] - pool.pads[0];
    int left = static_cast<int>(pixel - line * out_width) * pool.stride[1] - pool.pads[1];
    wait_for_previous();
    if (i >= count) return;
    const V *from = x + static_cast<int64_t>(n) * height * width * vectors + (i - pixel * vectors);
    V best;
    make_lowest(best);
    for (int ky = 0; ky < pool.kernel[0]; ky++) {
        int iy = top + ky * pool.dilation[0];
        if (iy < 0 || iy >= height) continue;
#pragma unroll 3
        for (int kx = 0; kx < pool.kernel[1]; kx++) {
            int ix = left + kx * pool.dilation[1];
            if (ix >= 0 && ix < width)
                best = largest(best, from[(static_cast<int64_t>(iy) * width + ix) * vectors]);
        }
    }
    y[i] = best;
}

template <typename V>
status launch(const work *w, const network *net, const run *r, const cuda_view &x,
              const cuda_view &y, int lanes)
{
    int vectors = y.dims[AXIS_C] / lanes;
    unsigned count =
        static_cast<unsigned>(tensor_count(&net->tensors[net->steps[w->first].output]) / lanes);
    return cuda_launch_check(launch_kernel(r, max_pool<V>, (count + THREADS - 1) / THREADS, THREADS,
                                           0, static_cast<const V *>(x.data),
                                           static_cast<V *>(y.data), net->steps[w->first].as.pool,
                                           x.dims[AXIS_H], x.dims[AXIS_W], y.dims[AXIS_H],
                                           y.dims[AXIS_W], vectors, count),
                             w, net);
}

int covers(const network *net, int first, precision)
{
    const step *s = &net->steps[first];
    return s->op == OP_MAX_POOL && cuda_countable(net, s);
}

status enqueue(const work *w, const network *net, const run *r)
{
    const step *s = &net->steps[w->first];
    cuda_view x = cuda_input(w, net, r, 0), y = cuda_output(w, net, r);
    if (x.type == TYPE_FP16 && y.type == TYPE_FP16 && y.dims[AXIS_C] % 8 == 0)
        return launch<half_vector>(w, net, r, x, y, 8);
    if (x.type == TYPE_FP32 && y.type == TYPE_FP32 && y.dims[AXIS_C] % 4 == 0)
        return launch<float4>(w, net, r, x, y, 4);
    compute_max_pool compute = {x, y, s->as.pool};
    return launch_each(w, net, r, compute, tensor_count(&net->tensors[s->output]));
}

double estimate(const network *net, int first, int)
{
    static const cuda_rates rates = {3, 0, 20e6, 20e6, 3e6};
    return cuda_estimate(net, &net->steps[first], &rates);
}

} // namespace

extern "C" const row max_pool_cuda = {
    .name = "max_pool_cuda",
    .device = DEVICE_CUDA,
    .covers = covers,
    .prepare = cuda_operands_prepare,
    .enqueue = enqueue,
    .release = work_release,
    .estimate = estimate,
    .limit = 0,
    .limit_fp16 = 5e-4,
    .limit_because = "picks one of its inputs; in fp16 half a unit of the last place",
};
