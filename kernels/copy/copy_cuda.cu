// OP_COPY on the device: the same elements in memory order, converted to the output's type.
#include "kernels/cuda/element_row.cuh"
#include "kernels/rows.h"

namespace
{

struct compute_copy {
    cuda_view x, y;

    __device__ void operator()(unsigned i) const
    {
        element_store(y.data, y.type, i, element_load(x.data, x.type, i));
    }
};

// For the same type: sixteen bytes at a time, as tensors are aligned.
struct compute_pieces {
    const char *x;
    char *y;
    size_t bytes;

    __device__ void operator()(unsigned i) const
    {
        size_t at = static_cast<size_t>(i) * sizeof(uint4);
        if (at + sizeof(uint4) <= bytes) {
            *reinterpret_cast<uint4 *>(y + at) = *reinterpret_cast<const uint4 *>(x + at);
            return;
        }
        for (; at < bytes; at++) y[at] = x[at];
    }
};

status enqueue(const work *w, const network *net, const run *r)
{
    const tensor *t = &net->tensors[net->steps[w->first].output];
    compute_copy compute = {cuda_input(w, net, r, 0), cuda_output(w, net, r)};
    if (compute.x.type != compute.y.type) return launch_each(w, net, r, compute, tensor_count(t));
    size_t bytes = tensor_bytes(t);
    compute_pieces pieces = {static_cast<const char *>(compute.x.data),
                             static_cast<char *>(compute.y.data), bytes};
    return launch_each(w, net, r, pieces,
                       static_cast<int64_t>((bytes + sizeof(uint4) - 1) / sizeof(uint4)));
}

} // namespace

extern "C" constinit const row copy_cuda =
    element_row("copy_cuda", covers_op<OP_COPY>, enqueue, 0, 5e-4,
                "a copy; in fp16 half a unit of the last place");
