/* The definition of OP_MAX_POOL: the largest element of the window that lies inside the input;
 * NaN where the window has one. */
#include "kernels/element.h"
#include "kernels/rows.h"

static int covers(const network *net, int first, precision precision)
{
    (void)precision;
    return net->steps[first].op == OP_MAX_POOL;
}

static float largest(const pool_params *p, const tensor *x, const void *data, const int at[AXES])
{
    float best = -INFINITY;
    int top = at[AXIS_H] * p->stride[0] - p->pads[0], left = at[AXIS_W] * p->stride[1] - p->pads[1];
    for (int ky = 0; ky < p->kernel[0]; ky++) {
        int y = top + ky * p->dilation[0];
        if (y < 0 || y >= x->dims[AXIS_H]) continue;
        for (int kx = 0; kx < p->kernel[1]; kx++) {
            int column = left + kx * p->dilation[1];
            if (column < 0 || column >= x->dims[AXIS_W]) continue;
            int64_t index = tensor_index(x, (int[AXES]){at[AXIS_N], y, column, at[AXIS_C]});
            float value = element_load(data, x->type, index);
            if (value > best || value != value) best = value;
        }
    }
    return best;
}

static status enqueue(const work *w, const network *net, const run *r)
{
    const step *s = &net->steps[w->first];
    const tensor *x = &net->tensors[s->inputs[0]], *y = &net->tensors[s->output];
    const void *from = tensor_at(net, s->inputs[0], r);
    void *to = tensor_at(net, s->output, r);
    int at[AXES] = {0};
    int64_t index = 0;
    do element_store(to, y->type, index++, largest(&s->as.pool, x, from, at));
    while (tensor_next(y, at));
    return STATUS_OK;
}

const row max_pool_ref = {
    .name = "max_pool_ref",
    .device = DEVICE_REF,
    .covers = covers,
    .enqueue = enqueue,
    .limit_because = "it is the definition",
};
