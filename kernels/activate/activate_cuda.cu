// OP_ACTIVATE on the device: the activation, element by element.
#include "kernels/cuda/element.cuh"
#include "kernels/rows.h"

namespace
{

struct compute_activate {
    cuda_view x, y;
    activation act;

    __device__ void operator()(unsigned i) const
    {
        element_store(y.data, y.type, i, activate(act, element_load(x.data, x.type, i)));
    }
};

int covers(const network *net, int first, precision)
{
    const step *s = &net->steps[first];
    return s->op == OP_ACTIVATE && cuda_countable(net, s);
}

status enqueue(const work *w, const network *net, const run *r)
{
    const step *s = &net->steps[w->first];
    compute_activate compute = {cuda_input(w, net, r, 0), cuda_output(w, net, r), s->as.act};
    return launch_each(w, net, r, compute, tensor_count(&net->tensors[s->output]));
}

} // namespace

extern "C" const row activate_cuda = {
    .name = "activate_cuda",
    .device = DEVICE_CUDA,
    .covers = covers,
    .prepare = cuda_operands_prepare,
    .enqueue = enqueue,
    .release = cuda_operands_release,
    .estimate = nullptr,
    .limit = 1e-6,
    .limit_fp16 = 1e-3,
    .limit_because = "a sigmoid may differ in the last bit of its double, hence of its result",
};
