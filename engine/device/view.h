/* A tensor of anyone's, by strides: how what callers give and take meets what the plan computes. */
#ifndef POSENET_ENGINE_DEVICE_VIEW_H
#define POSENET_ENGINE_DEVICE_VIEW_H

#include "kernels/op.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Element (n, y, x, c) lies at data + n*strides[0] + y*strides[1] + x*strides[2] + c*strides[3]
 * elements. */
typedef struct view {
    void *data;
    element_type type;
    int dims[AXES];
    int64_t strides[AXES];
    int on_device; /* device memory; else host memory */
} view;

/* The dense view of `dims` elements of `type` at `data`. */
view view_dense(void *data, element_type type, const int dims[AXES], int on_device);

/* 1 if elements follow each other in NHWC order without gaps. */
int view_is_dense(const view *v);

/* Copies every element from host memory to host memory, converting the type. Same dims. */
void view_copy(const view *from, const view *to);

#ifdef __cplusplus
}
#endif
#endif
