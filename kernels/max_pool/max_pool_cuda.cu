// OP_MAX_POOL on the device: the largest element of the window that lies inside the input; NaN
// where the window has one.
#include <math_constants.h>

#include "kernels/cuda/element.cuh"
#include "kernels/rows.h"

namespace
{

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
                float value = element_load(x.data, x.type, index_of(in, x.dims));
                if (value > best || value != value) best = value;
            }
        }
        element_store(y.data, y.type, i, best);
    }
};

int covers(const network *net, int first, precision)
{
    const step *s = &net->steps[first];
    return s->op == OP_MAX_POOL && cuda_countable(net, s);
}

status enqueue(const work *w, const network *net, const run *r)
{
    const step *s = &net->steps[w->first];
    compute_max_pool compute = {cuda_input(w, net, r, 0), cuda_output(w, net, r), s->as.pool};
    return launch_each(w, net, r, compute, tensor_count(&net->tensors[s->output]));
}

} // namespace

extern "C" const row max_pool_cuda = {
    .name = "max_pool_cuda",
    .device = DEVICE_CUDA,
    .covers = covers,
    .prepare = cuda_operands_prepare,
    .enqueue = enqueue,
    .release = cuda_operands_release,
    .estimate = nullptr,
    .limit = 0,
    .limit_fp16 = 5e-4,
    .limit_because = "picks one of its inputs; in fp16 half a unit of the last place",
};
