// OP_BINARY on the device: fp32 arithmetic on two inputs whose dims of 1 repeat, then the
// activation.
#include "kernels/cuda/element_row.cuh"
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

    static compute_binary of(const operands &o)
    {
        return {o.input(0), o.input(1), o.output(), o.covered().as.binary.kind,
                o.covered().as.binary.act};
    }

    __device__ void operator()(unsigned i) const
    {
        position p = position_of(i, y.dims);
        float value = combine(kind, repeated(a, p), repeated(b, p));
        element_store(y.data, y.type, i, activate(act, value));
    }
};

} // namespace

extern "C" constinit const row binary_cuda =
    element_row("binary_cuda", covers_op<OP_BINARY>, enqueue_each<compute_binary>, 1e-6, 1e-3,
                "the arithmetic is ref's own; a sigmoid after it may differ in the last bit");
