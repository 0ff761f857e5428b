/* The definition of OP_PAD: a border of one value, of the mirrored or the outermost elements, or of
 * the other side's; negative amounts crop. */
#include "kernels/element.h"
#include "kernels/pad/pad.h"
#include "kernels/rows.h"

static int covers(const network *net, int first, precision precision)
{
    (void)precision;
    return net->steps[first].op == OP_PAD;
}

static status enqueue(const work *w, const network *net, const run *r)
{
    const step *s = &net->steps[w->first];
    const pad_params *p = &s->as.pad;
    const tensor *x = &net->tensors[s->inputs[0]], *y = &net->tensors[s->output];
    const void *from = tensor_at(net, s->inputs[0], r);
    void *to = tensor_at(net, s->output, r);
    int at[AXES] = {0}, place[AXES];
    int64_t index = 0;
    do {
        int inside = 1;
        for (int axis = 0; axis < AXES; axis++) {
            place[axis] = pad_source(p->kind, at[axis] - p->before[axis], x->dims[axis]);
            inside = inside && place[axis] != PAD_OUTSIDE;
        }
        float value = inside ? element_load(from, x->type, tensor_index(x, place)) : p->value;
        element_store(to, y->type, index++, value);
    } while (tensor_next(y, at));
    return STATUS_OK;
}

const row pad_ref = {
    .name = "pad_ref",
    .device = DEVICE_REF,
    .covers = covers,
    .enqueue = enqueue,
    .limit_because = "it is the definition",
};
