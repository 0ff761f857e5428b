// OP_EXPAND on the device: repeats axes of dim 1.
#include "kernels/cuda/move.cuh"
#include "kernels/rows.h"

namespace
{

struct repeated {
    static repeated of(const step &)
    {
        return {};
    }

    __device__ position operator()(position p, const int dims[AXES]) const
    {
        for (int axis = 0; axis < AXES; axis++) {
            if (dims[axis] == 1) p.at[axis] = 0;
        }
        return p;
    }
};

} // namespace

extern "C" constinit const row expand_cuda = moving_row<OP_EXPAND, repeated>("expand_cuda");
