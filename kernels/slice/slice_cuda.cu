// OP_SLICE on the device: output index i of an axis reads input index begin + i * step.
#include "kernels/cuda/move.cuh"
#include "kernels/rows.h"

namespace
{

struct sliced {
    slice_params slice;

    static sliced of(const step &s)
    {
        return {s.as.slice};
    }

    __device__ position operator()(position p, const int *) const
    {
        for (int axis = 0; axis < AXES; axis++)
            p.at[axis] = slice.begin[axis] + p.at[axis] * slice.step[axis];
        return p;
    }
};

} // namespace

extern "C" constinit const row slice_cuda = moving_row<OP_SLICE, sliced>("slice_cuda");
