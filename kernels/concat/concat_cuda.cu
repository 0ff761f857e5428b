// OP_CONCAT on the device: the inputs one after another along one axis, a launch an input.
#include "kernels/cuda/element_row.cuh"
#include "kernels/rows.h"

namespace
{

struct compute_concat {
    cuda_view x, y;
    int axis, before; // `before`: where this input begins along the axis

    __device__ void operator()(unsigned i) const
    {
        position p = position_of(i, x.dims);
        p.at[axis] += before;
        element_store(y.data, y.type, index_of(p, y.dims), element_load(x.data, x.type, i));
    }
};

status enqueue(const work *w, const network *net, const run *r)
{
    const step *s = &net->steps[w->first];
    int before = 0;
    for (int i = 0; i < s->input_count; i++) {
        const tensor *t = &net->tensors[s->inputs[i]];
        compute_concat compute = {cuda_input(w, net, r, i), cuda_output(w, net, r),
                                  s->as.concat_axis, before};
        TRY(launch_each(w, net, r, compute, tensor_count(t)));
        before += t->dims[s->as.concat_axis];
    }
    return STATUS_OK;
}

} // namespace

extern "C" constinit const row concat_cuda =
    element_row("concat_cuda", covers_op<OP_CONCAT>, enqueue, 0, 5e-4,
                "copies its inputs; in fp16 half a unit of the last place");
