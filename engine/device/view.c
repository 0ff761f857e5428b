#include "engine/device/view.h"

#include <string.h>

#include "kernels/element.h"

view view_dense(void *data, element_type type, const int dims[AXES], int on_device)
{
    view v = {.data = data, .type = type, .on_device = on_device};
    int64_t stride = 1;
    for (int axis = AXES - 1; axis >= 0; axis--) {
        v.dims[axis] = dims[axis];
        v.strides[axis] = stride;
        stride *= dims[axis];
    }
    return v;
}

int view_is_dense(const view *v)
{
    int64_t stride = 1;
    for (int axis = AXES - 1; axis >= 0; axis--) {
        if (v->dims[axis] != 1 && v->strides[axis] != stride) return 0;
        stride *= v->dims[axis];
    }
    return 1;
}

static int64_t row_index(const view *v, int n, int y, int x)
{
    return n * v->strides[AXIS_N] + y * v->strides[AXIS_H] + x * v->strides[AXIS_W];
}

void view_copy(const view *from, const view *to)
{
    const int *dims = from->dims;
    if (from->type == to->type && view_is_dense(from) && view_is_dense(to)) {
        size_t count = (size_t)dims[AXIS_N] * dims[AXIS_H] * dims[AXIS_W] * dims[AXIS_C];
        memcpy(to->data, from->data, count * type_bytes(from->type));
        return;
    }
    for (int n = 0; n < dims[AXIS_N]; n++)
        for (int y = 0; y < dims[AXIS_H]; y++)
            for (int x = 0; x < dims[AXIS_W]; x++) {
                int64_t source = row_index(from, n, y, x), target = row_index(to, n, y, x);
                for (int c = 0; c < dims[AXIS_C]; c++)
                    element_store(
                        to->data, to->type, target + c * to->strides[AXIS_C],
                        element_load(from->data, from->type, source + c * from->strides[AXIS_C]));
            }
}
