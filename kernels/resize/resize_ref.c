/* The definition of OP_RESIZE: src = scale * dst + shift on each axis, held within the input; the
 * nearest element, or the blend of the two neighbours in height and width. */
#include "kernels/element.h"
#include "kernels/resize/resize.h"
#include "kernels/rows.h"

static int covers(const network *net, int first, precision precision)
{
    (void)precision;
    return net->steps[first].op == OP_RESIZE;
}

static float value_nearest(const resize_params *p, const tensor *x, const void *data,
                           const int at[AXES])
{
    int place[AXES];
    for (int axis = 0; axis < AXES; axis++)
        place[axis] = resize_nearest(p->rounding, resize_source(p, axis, at[axis]), x->dims[axis]);
    return element_load(data, x->type, tensor_index(x, place));
}

static float value_linear(const resize_params *p, const tensor *x, const void *data,
                          const int at[AXES])
{
    int low[2], high[2];
    double part[2];
    for (int i = 0; i < 2; i++) {
        int dim = x->dims[AXIS_H + i];
        double src = resize_held(resize_source(p, AXIS_H + i, at[AXIS_H + i]), dim);
        low[i] = (int)src;
        high[i] = low[i] + 1 < dim ? low[i] + 1 : low[i];
        part[i] = src - low[i];
    }
    double row[2];
    for (int i = 0; i < 2; i++) {
        int y = i ? high[0] : low[0];
        double left = element_load(data, x->type,
                                   tensor_index(x, (int[AXES]){at[AXIS_N], y, low[1], at[AXIS_C]}));
        double right = element_load(
            data, x->type, tensor_index(x, (int[AXES]){at[AXIS_N], y, high[1], at[AXIS_C]}));
        row[i] = left + (right - left) * part[1];
    }
    return (float)(row[0] + (row[1] - row[0]) * part[0]);
}

static status enqueue(const work *w, const network *net, const run *r)
{
    const step *s = &net->steps[w->first];
    const resize_params *p = &s->as.resize;
    const tensor *x = &net->tensors[s->inputs[0]], *y = &net->tensors[s->output];
    const void *from = tensor_at(net, s->inputs[0], r);
    void *to = tensor_at(net, s->output, r);
    int at[AXES] = {0};
    int64_t index = 0;
    do {
        float value =
            p->kind == KIND_LINEAR ? value_linear(p, x, from, at) : value_nearest(p, x, from, at);
        element_store(to, y->type, index++, value);
    } while (tensor_next(y, at));
    return STATUS_OK;
}

const row resize_ref = {
    .name = "resize_ref",
    .device = DEVICE_REF,
    .covers = covers,
    .enqueue = enqueue,
    .limit_because = "it is the definition",
};
