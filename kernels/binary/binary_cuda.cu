// OP_BINARY on the device: fp32 arithmetic on two inputs whose dims of 1 repeat, then the
// activation.
#include "kernels/cuda/element.cuh"
#include "kernels/rows.h"

namespace
{

__device__ float combine(binary_kind kind, float a, float b)
{
    switch (kind) {
    case BINARY_ADD: return a + b;
    case BINARY_SUB: return a - b;
    case BINARY_MUL: return a * b;
    case BINARY_DIV: return exact_quotient(a, b);
    case BINARY_MIN: return a < b || a != a ? a : b;
    case BINARY_MAX: return a > b || a != a ? a : b;
    }
    return 0;
}

// The element of `x` that belongs to position `p` of the output.
__device__ float repeated(const cuda_view &x, position p)
{
    for (int axis = 0; axis < AXES; axis++) {
        if (x.dims[axis] == 1) p.at[axis] = 0;
    }
    return element_load(x.data, x.type, index_of(p, x.dims));
}

struct compute_binary {
    cuda_view a, b, y;
    binary_kind kind;
    activation act;

    __device__ void operator()(unsigned i) const
    {
        position p = position_of(i, y.dims);
        float value = combine(kind, repeated(a, p), repeated(b, p));
        element_store(y.data, y.type, i, activate(act, value));
    }
};

int covers(const network *net, int first, precision)
{
    const step *s = &net->steps[first];
    return s->op == OP_BINARY && cuda_countable(net, s);
}

status enqueue(const work *w, const network *net, const run *r)
{
    const step *s = &net->steps[w->first];
    compute_binary compute = {cuda_input(w, net, r, 0), cuda_input(w, net, r, 1),
                              cuda_output(w, net, r), s->as.binary.kind, s->as.binary.act};
    return launch_each(w, net, r, compute, tensor_count(&net->tensors[s->output]));
}

} // namespace

extern "C" const row binary_cuda = {
    .name = "binary_cuda",
    .device = DEVICE_CUDA,
    .covers = covers,
    .prepare = cuda_operands_prepare,
    .enqueue = enqueue,
    .release = cuda_operands_release,
    .estimate = nullptr,
    .limit = 1e-6,
    .limit_fp16 = 1e-3,
    .limit_because = "the arithmetic is ref's own; a sigmoid after it may differ in the last bit",
};
