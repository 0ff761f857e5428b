// OP_UNARY on the device: square root, floor or ceil, element by element.
#include "kernels/cuda/element_row.cuh"
#include "kernels/rows.h"

namespace
{

struct compute_unary {
    cuda_view x, y;
    unary_kind kind;

    static compute_unary of(const operands &o)
    {
        return {o.input(0), o.output(), o.covered().as.unary};
    }

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

} // namespace

extern "C" constinit const row unary_cuda =
    element_row("unary_cuda", covers_op<OP_UNARY>, enqueue_each<compute_unary>, 0, 5e-4,
                "one correctly rounded operation; in fp16 half a unit of the last place");
