// OP_PERMUTE on the device: output axis i is input axis permutation[i].
#include "kernels/cuda/move.cuh"
#include "kernels/rows.h"

namespace
{

struct permuted {
    int permutation[AXES];

    __device__ position operator()(position p, const int *) const
    {
        position from;
        for (int axis = 0; axis < AXES; axis++) from.at[permutation[axis]] = p.at[axis];
        return from;
    }
};

int covers(const network *net, int first, precision)
{
    const step *s = &net->steps[first];
    return s->op == OP_PERMUTE && cuda_countable(net, s);
}

status enqueue(const work *w, const network *net, const run *r)
{
    const step *s = &net->steps[w->first];
    permuted source;
    for (int axis = 0; axis < AXES; axis++) source.permutation[axis] = s->as.permutation[axis];
    return launch_move(w, net, r, source);
}

} // namespace

extern "C" const row permute_cuda = {
    .name = "permute_cuda",
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
