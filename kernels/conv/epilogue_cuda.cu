// What follows a convolution that a library computed alone, one thread an element.
#include "kernels/conv/epilogue_cuda.h"

#include "kernels/cuda/element.cuh"

namespace
{

struct compute_epilogue {
    cuda_view y, residual; // residual.data: NULL where there is none
    const float *bias;
    activation act;

    __device__ void operator()(unsigned i) const
    {
        float value = element_load(y.data, y.type, i);
        if (bias) value += bias[i % static_cast<unsigned>(y.dims[AXIS_C])];
        if (residual.data) value += element_load(residual.data, residual.type, i);
        element_store(y.data, y.type, i, activate(act, value));
    }
};

} // namespace

extern "C" status conv_epilogue(const work *w, const network *net, const run *r, const float *bias,
                                int residual)
{
    const step *s = &net->steps[w->first];
    compute_epilogue compute = {cuda_tensor(net, r, s->output), {}, bias, s->as.conv.act};
    if (residual) compute.residual = cuda_tensor(net, r, s->inputs[1]);
    return launch_each(w, net, r, compute, tensor_count(&net->tensors[s->output]));
}
