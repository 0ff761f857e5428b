/* Where an element of OP_PAD's output reads, the same on the host and in CUDA. */
#ifndef POSENET_KERNELS_PAD_PAD_H
#define POSENET_KERNELS_PAD_PAD_H

#include "kernels/exact.h"
#include "kernels/op.h"

enum { PAD_OUTSIDE = -1 }; /* below every index */

/* The element of an axis of `dim` elements that belongs at index `i`, which may lie beside them;
 * PAD_OUTSIDE: the constant. */
HOST_DEVICE static inline int pad_source(pad_kind kind, int i, int dim)
{
    if (i >= 0 && i < dim) return i;
    if (kind == PAD_EDGE) return i < 0 ? 0 : dim - 1;
    if (kind == PAD_WRAP) return (i % dim + dim) % dim;
    if (kind == PAD_REFLECT) { /* the outermost element is the mirror and is not repeated */
        int period = dim > 1 ? 2 * (dim - 1) : 1;
        int phase = (i % period + period) % period;
        return phase < dim ? phase : period - phase;
    }
    return PAD_OUTSIDE;
}

#endif
