// OP_EXPAND on the device: repeats axes of dim 1.
#include "kernels/cuda/move.cuh"
#include "kernels/rows.h"

namespace
{

struct repeated {
    __device__ position operator()(position p, const int dims[AXES]) const
    {
        for (int axis = 0; axis < AXES; axis++) {
            if (dims[axis] == 1) p.at[axis] = 0;
        }
        return p;
    }
};

int covers(const network *net, int first, precision)
{
    const step *s = &net->steps[first];
    return s->op == OP_EXPAND && cuda_countable(net, s);
}

status enqueue(const work *w, const network *net, const run *r)
{
    return launch_move(w, net, r, repeated{});
}

} // namespace

extern "C" const row expand_cuda = {
    .name = "expand_cuda",
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
