// OP_ACTIVATE on the device: the activation, element by element.
#include "kernels/cuda/element_row.cuh"
#include "kernels/rows.h"

namespace
{

struct compute_activate {
    cuda_view x, y;
    activation act;

    static compute_activate of(const operands &o)
    {
        return {o.input(0), o.output(), o.covered().as.act};
    }

    __device__ void operator()(unsigned i) const
    {
        element_store(y.data, y.type, i, activate(act, element_load(x.data, x.type, i)));
    }
};

} // namespace

extern "C" constinit const row activate_cuda =
    element_row("activate_cuda", covers_op<OP_ACTIVATE>, enqueue_each<compute_activate>, 1e-6, 1e-3,
                "a sigmoid may differ in the last bit of its double, hence of its result");
