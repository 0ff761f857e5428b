/* Where an element of OP_RESIZE's output reads, the same on the host and in CUDA. */
#ifndef POSENET_KERNELS_RESIZE_RESIZE_H
#define POSENET_KERNELS_RESIZE_RESIZE_H

#include <math.h>

#include "kernels/exact.h"
#include "kernels/op.h"

HOST_DEVICE static inline double resize_source(const resize_params *p, int axis, int output)
{
    return exact_product_double(p->scale[axis], output) + p->shift[axis];
}

/* Within the input. */
HOST_DEVICE static inline double resize_held(double source, int dim)
{
    return source > dim - 1 ? dim - 1 : source > 0 ? source : 0;
}

HOST_DEVICE static inline int resize_nearest(nearest_rounding rounding, double source, int dim)
{
    switch (rounding) {
    case NEAREST_PREFER_FLOOR: source = ceil(source - 0.5); break;
    case NEAREST_PREFER_CEIL: source = floor(source + 0.5); break;
    case NEAREST_FLOOR: source = floor(source); break;
    case NEAREST_CEIL: source = ceil(source); break;
    }
    return (int)resize_held(source, dim);
}

#endif
