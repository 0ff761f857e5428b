// Rows that only move elements: every output element is one input element, whose place a small
// function object works out from the output's: `position operator()(position p, const int dims[])`,
// dims the input's.
#ifndef POSENET_KERNELS_CUDA_MOVE_CUH
#define POSENET_KERNELS_CUDA_MOVE_CUH

#include "kernels/cuda/element.cuh"

template <typename Source> struct compute_move {
    cuda_view x, y;
    Source source;

    __device__ void operator()(unsigned i) const
    {
        position from = source(position_of(i, y.dims), x.dims);
        element_store(y.data, y.type, i, element_load(x.data, x.type, index_of(from, x.dims)));
    }
};

template <typename Source>
static status launch_move(const work *w, const network *net, const run *r, Source source)
{
    compute_move<Source> compute = {cuda_input(w, net, r, 0), cuda_output(w, net, r), source};
    return launch_each(w, net, r, compute,
                       tensor_count(&net->tensors[net->steps[w->first].output]));
}

#endif
