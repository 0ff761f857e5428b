/* The definition of OP_COPY: the same elements in memory order, converted to the output's type. */
#include "kernels/element.h"
#include "kernels/rows.h"

static int covers(const network *net, int first, precision precision)
{
    (void)precision;
    return net->steps[first].op == OP_COPY;
}

static status enqueue(const work *w, const network *net, const run *r)
{
    const step *s = &net->steps[w->first];
    const tensor *x = &net->tensors[s->inputs[0]], *y = &net->tensors[s->output];
    const void *from = tensor_at(net, s->inputs[0], r);
    void *to = tensor_at(net, s->output, r);
    if (x->type == y->type)
        memmove(to, from, tensor_bytes(y));
    else
        for (int64_t i = 0, count = tensor_count(y); i < count; i++)
            element_store(to, y->type, i, element_load(from, x->type, i));
    return STATUS_OK;
}

const row copy_ref = {
    .name = "copy_ref",
    .device = DEVICE_REF,
    .covers = covers,
    .enqueue = enqueue,
    .limit_because = "it is the definition",
};
