/* The definition of OP_BINARY: fp32 arithmetic on two inputs whose dims of 1 repeat, then the
 * activation. Minimum and maximum are NaN where either input is. */
#include "kernels/element.h"
#include "kernels/rows.h"

static int covers(const network *net, int first, precision precision)
{
    (void)precision;
    return net->steps[first].op == OP_BINARY;
}

static float combine(binary_kind kind, float a, float b)
{
    switch (kind) {
    case BINARY_ADD: return a + b;
    case BINARY_SUB: return a - b;
    case BINARY_MUL: return a * b;
    case BINARY_DIV: return a / b;
    case BINARY_MIN: return a < b || a != a ? a : b;
    case BINARY_MAX: return a > b || a != a ? a : b;
    }
    return NAN;
}

static float input_at(const network *net, const run *r, int number, const int at[AXES])
{
    const tensor *t = &net->tensors[number];
    int place[AXES];
    for (int axis = 0; axis < AXES; axis++) place[axis] = t->dims[axis] == 1 ? 0 : at[axis];
    return element_load(tensor_at(net, number, r), t->type, tensor_index(t, place));
}

static status enqueue(const work *w, const network *net, const run *r)
{
    const step *s = &net->steps[w->first];
    const tensor *y = &net->tensors[s->output];
    void *to = tensor_at(net, s->output, r);
    int at[AXES] = {0};
    int64_t index = 0;
    do {
        float a = input_at(net, r, s->inputs[0], at), b = input_at(net, r, s->inputs[1], at);
        float value = combine(s->as.binary.kind, a, b);
        element_store(to, y->type, index++, activate(&s->as.binary.act, value));
    } while (tensor_next(y, at));
    return STATUS_OK;
}

const row binary_ref = {
    .name = "binary_ref",
    .device = DEVICE_REF,
    .covers = covers,
    .enqueue = enqueue,
    .limit_because = "it is the definition",
};
