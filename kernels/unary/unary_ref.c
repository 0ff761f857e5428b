/* The definition of OP_UNARY: square root, floor or ceil, element by element. */
#include "kernels/element.h"
#include "kernels/rows.h"

static int covers(const network *net, int first, precision precision)
{
    (void)precision;
    return net->steps[first].op == OP_UNARY;
}

static float apply(unary_kind kind, float x)
{
    switch (kind) {
    case UNARY_SQRT: return sqrtf(x);
    case UNARY_FLOOR: return floorf(x);
    case UNARY_CEIL: return ceilf(x);
    }
    return NAN;
}

static status enqueue(const work *w, const network *net, const run *r)
{
    const step *s = &net->steps[w->first];
    const tensor *x = &net->tensors[s->inputs[0]], *y = &net->tensors[s->output];
    const void *from = tensor_at(net, s->inputs[0], r);
    void *to = tensor_at(net, s->output, r);
    for (int64_t i = 0, count = tensor_count(y); i < count; i++)
        element_store(to, y->type, i, apply(s->as.unary, element_load(from, x->type, i)));
    return STATUS_OK;
}

const row unary_ref = {
    .name = "unary_ref",
    .device = DEVICE_REF,
    .covers = covers,
    .enqueue = enqueue,
    .limit_because = "it is the definition",
};
