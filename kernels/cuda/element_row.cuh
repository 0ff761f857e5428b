// Rows of operations that compute each output element by itself, one thread an element.
//
//   struct compute_pad {
//       cuda_view x, y;
//       static compute_pad of(const operands &o);          // what the kernel needs of the step
//       __device__ void operator()(unsigned i) const;      // writes element i of the output
//   };
//   extern "C" constinit const row pad_cuda =
//       element_row("pad_cuda", covers_op<OP_PAD>, enqueue_each<compute_pad>, limit, fp16,
//       because);
#ifndef POSENET_KERNELS_CUDA_ELEMENT_ROW_CUH
#define POSENET_KERNELS_CUDA_ELEMENT_ROW_CUH

#include "kernels/cuda/element.cuh"

// The step that a work covers, and where its tensors are.
struct operands {
    const work *w;
    const network *net;
    const run *r;

    const step &covered() const
    {
        return net->steps[w->first];
    }
    cuda_view input(int number) const
    {
        return cuda_input(w, net, r, number);
    }
    cuda_view output() const
    {
        return cuda_output(w, net, r);
    }
};

template <op which> static int covers_op(const network *net, int first, precision)
{
    const step *s = &net->steps[first];
    return s->op == which && cuda_countable(net, s);
}

template <typename Compute>
static status enqueue_each(const work *w, const network *net, const run *r)
{
    const operands o = {w, net, r};
    return launch_each(w, net, r, Compute::of(o), tensor_count(&net->tensors[o.covered().output]));
}

static constexpr row element_row(const char *name, decltype(row::covers) covers,
                                 decltype(row::enqueue) enqueue, double limit, double limit_fp16,
                                 const char *limit_because)
{
    return {.name = name,
            .device = DEVICE_CUDA,
            .covers = covers,
            .prepare = cuda_operands_prepare,
            .enqueue = enqueue,
            .release = work_release,
            .limit = limit,
            .limit_fp16 = limit_fp16,
            .limit_because = limit_because};
}

#endif
