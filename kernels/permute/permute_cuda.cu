// OP_PERMUTE on the device: output axis i is input axis permutation[i].
#include "kernels/cuda/move.cuh"
#include "kernels/rows.h"

namespace
{

struct permuted {
    int permutation[AXES];

    static permuted of(const step &s)
    {
        permuted source;
        for (int axis = 0; axis < AXES; axis++) source.permutation[axis] = s.as.permutation[axis];
        return source;
    }

    __device__ position operator()(position p, const int *) const
    {
        position from;
        for (int axis = 0; axis < AXES; axis++) from.at[permutation[axis]] = p.at[axis];
        return from;
    }
};

} // namespace

extern "C" constinit const row permute_cuda = moving_row<OP_PERMUTE, permuted>("permute_cuda");
