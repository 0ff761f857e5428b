// OP_PAD on the device: a border of one value, of the mirrored or the outermost elements, or of the
// other side's; negative amounts crop.
#include "kernels/cuda/element_row.cuh"
#include "kernels/pad/pad.h"
#include "kernels/rows.h"

namespace
{

struct compute_pad {
    cuda_view x, y;
    pad_params pad;

    static compute_pad of(const operands &o)
    {
        return {o.input(0), o.output(), o.covered().as.pad};
    }

    __device__ void operator()(unsigned i) const
    {
        position p = position_of(i, y.dims);
        bool inside = true;
        for (int axis = 0; axis < AXES; axis++) {
            p.at[axis] = pad_source(pad.kind, p.at[axis] - pad.before[axis], x.dims[axis]);
            inside = inside && p.at[axis] >= 0;
        }
        float value = inside ? element_load(x.data, x.type, index_of(p, x.dims)) : pad.value;
        element_store(y.data, y.type, i, value);
    }
};

} // namespace

extern "C" constinit const row pad_cuda =
    element_row("pad_cuda", covers_op<OP_PAD>, enqueue_each<compute_pad>, 0, 5e-4,
                "moves elements; in fp16 half a unit of the last place");
