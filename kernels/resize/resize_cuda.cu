// OP_RESIZE on the device: src = scale * dst + shift on each axis, held within the input; the
// nearest element, or the blend of the two neighbours in height and width. In double, as ref.
#include "kernels/cuda/element_row.cuh"
#include "kernels/resize/resize.h"
#include "kernels/rows.h"

namespace
{

struct compute_resize {
    cuda_view x, y;
    resize_params resize;

    static compute_resize of(const operands &o)
    {
        return {o.input(0), o.output(), o.covered().as.resize};
    }

    __device__ double load(position p, int iy, int ix) const
    {
        p.at[AXIS_H] = iy;
        p.at[AXIS_W] = ix;
        return element_load(x.data, x.type, index_of(p, x.dims));
    }

    __device__ float value_linear(const position &p) const
    {
        double y_at = resize_held(resize_source(&resize, AXIS_H, p.at[AXIS_H]), x.dims[AXIS_H]);
        double x_at = resize_held(resize_source(&resize, AXIS_W, p.at[AXIS_W]), x.dims[AXIS_W]);
        int top = static_cast<int>(y_at), left = static_cast<int>(x_at);
        int bottom = min(top + 1, x.dims[AXIS_H] - 1), right = min(left + 1, x.dims[AXIS_W] - 1);
        double above = blend(load(p, top, left), load(p, top, right), x_at - left);
        double below = blend(load(p, bottom, left), load(p, bottom, right), x_at - left);
        return static_cast<float>(blend(above, below, y_at - top));
    }

    __device__ static double blend(double a, double b, double part)
    {
        return a + exact_product_double(b - a, part);
    }

    __device__ void operator()(unsigned i) const
    {
        position p = position_of(i, y.dims);
        float value;
        if (resize.kind == KIND_LINEAR) {
            value = value_linear(p);
        } else {
            for (int axis = 0; axis < AXES; axis++)
                p.at[axis] = resize_nearest(resize.rounding,
                                            resize_source(&resize, axis, p.at[axis]), x.dims[axis]);
            value = element_load(x.data, x.type, index_of(p, x.dims));
        }
        element_store(y.data, y.type, i, value);
    }
};

} // namespace

extern "C" constinit const row resize_cuda =
    element_row("resize_cuda", covers_op<OP_RESIZE>, enqueue_each<compute_resize>, 0, 5e-4,
                "ref's own double arithmetic; in fp16 half a unit of the last place");
