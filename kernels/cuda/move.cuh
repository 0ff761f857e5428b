// Rows that only move elements: every output element is one input element, whose place a small
// function object works out from the output's.
//
//   struct sliced {
//       static sliced of(const step &s);
//       __device__ position operator()(position p, const int dims[AXES]) const; // dims: the
//       input's
//   };
//   extern "C" constinit const row slice_cuda = moving_row<OP_SLICE, sliced>("slice_cuda");
#ifndef POSENET_KERNELS_CUDA_MOVE_CUH
#define POSENET_KERNELS_CUDA_MOVE_CUH

#include "kernels/cuda/element_row.cuh"

template <typename Source> struct compute_move {
    cuda_view x, y;
    Source source;

    static compute_move of(const operands &o)
    {
        return {o.input(0), o.output(), Source::of(o.covered())};
    }

    __device__ void operator()(unsigned i) const
    {
        position from = source(position_of(i, y.dims), x.dims);
        element_store(y.data, y.type, i, element_load(x.data, x.type, index_of(from, x.dims)));
    }
};

template <op which, typename Source> static constexpr row moving_row(const char *name)
{
    return element_row(name, covers_op<which>, enqueue_each<compute_move<Source>>, 0, 5e-4,
                       "moves elements; in fp16 half a unit of the last place");
}

#endif
