// OP_UNARY on the device: square root, floor or ceil, element by element.
#include "kernels/cuda/element.cuh"
#include "kernels/rows.h"

namespace
{

struct compute_unary {
    cuda_view x, y;
    unary_kind kind;

    __device__ void operator()(unsigned i) const
    {
        float value = element_load(x.data, x.type, i);
        switch (kind) {
        case UNARY_SQRT: value = __fsqrt_rn(value); break;
        case UNARY_FLOOR: value = floorf(value); break;
        case UNARY_CEIL: value = ceilf(value); break;
        }
        element_store(y.data, y.type, i, value);
    }
};

int covers(const network *net, int first, precision)
{
    const step *s = &net->steps[first];
    return s->op == OP_UNARY && cuda_countable(net, s);
}

status enqueue(const work *w, const network *net, const run *r)
{
    const step *s = &net->steps[w->first];
    compute_unary compute = {cuda_input(w, net, r, 0), cuda_output(w, net, r), s->as.unary};
    return launch_each(w, net, r, compute, tensor_count(&net->tensors[s->output]));
}

} // namespace

extern "C" const row unary_cuda = {
    .name = "unary_cuda",
    .device = DEVICE_CUDA,
    .covers = covers,
    .prepare = cuda_operands_prepare,
    .enqueue = enqueue,
    .release = cuda_operands_release,
    .estimate = nullptr,
    .limit = 0,
    .limit_fp16 = 5e-4,
    .limit_because = "one correctly rounded operation; in fp16 half a unit of the last place",
};
