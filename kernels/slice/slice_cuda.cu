// OP_SLICE on the device: output index i of an axis reads input index begin + i * step.
#include "kernels/cuda/move.cuh"
#include "kernels/rows.h"

namespace
{

struct sliced {
    slice_params slice;

    __device__ position operator()(position p, const int *) const
    {
        for (int axis = 0; axis < AXES; axis++)
            p.at[axis] = slice.begin[axis] + p.at[axis] * slice.step[axis];
        return p;
    }
};

int covers(const network *net, int first, precision)
{
    const step *s = &net->steps[first];
    return s->op == OP_SLICE && cuda_countable(net, s);
}

status enqueue(const work *w, const network *net, const run *r)
{
    const step *s = &net->steps[w->first];
    return launch_move(w, net, r, sliced{s->as.slice});
}

} // namespace

extern "C" const row slice_cuda = {
    .name = "slice_cuda",
    .device = DEVICE_CUDA,
    .covers = covers,
    .prepare = cuda_operands_prepare,
    .enqueue = enqueue,
    .release = cuda_operands_release,
    .estimate = nullptr,
    .limit = 0,
    .limit_fp16 = 5e-4,
    .limit_because = "moves elements; in fp16 half a unit of the last place",
};
