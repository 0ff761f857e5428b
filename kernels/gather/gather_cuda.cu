// OP_GATHER on the device: output index i of the axis reads input index indices[i].
#include "kernels/cuda/move.cuh"
#include "kernels/rows.h"

namespace
{

struct gathered {
    const int32_t *indices;
    int axis;

    __device__ position operator()(position p, const int *) const
    {
        p.at[axis] = indices[p.at[axis]];
        return p;
    }
};

int covers(const network *net, int first, precision p)
{
    const step *s = &net->steps[first];
    return covers_op<OP_GATHER>(net, first, p) && !net->tensors[s->inputs[0]].constant;
}

status prepare(const prepare_context *context, const network *net, work *w)
{
    const gather_params *p = &net->steps[w->first].as.gather;
    const void *indices;
    TRY(cuda_pack_array(context, p->indices, p->count * sizeof *p->indices, &indices));
    w->state = const_cast<void *>(indices); // belongs to the cache
    return STATUS_OK;
}

status enqueue(const work *w, const network *net, const run *r)
{
    const step *s = &net->steps[w->first];
    compute_move<gathered> compute = {cuda_tensor(net, r, s->inputs[0]),
                                      cuda_output(w, net, r),
                                      {static_cast<const int32_t *>(w->state), s->as.gather.axis}};
    return launch_each(w, net, r, compute, tensor_count(&net->tensors[s->output]));
}

} // namespace

extern "C" const row gather_cuda = {
    .name = "gather_cuda",
    .device = DEVICE_CUDA,
    .covers = covers,
    .prepare = prepare,
    .enqueue = enqueue,
    .release = nullptr,
    .estimate = nullptr,
    .limit = 0,
    .limit_fp16 = 5e-4,
    .limit_because = "moves elements; in fp16 half a unit of the last place",
};
