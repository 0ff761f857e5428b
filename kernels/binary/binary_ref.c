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

/* An input that repeats along its dims of 1. */
typedef struct operand {
    const tensor *t;
    const void *data;
    int along; /* elements from channel to channel: 0 or 1 */
} operand;

static operand operand_of(const network *net, const run *r, int number)
{
    const tensor *t = &net->tensors[number];
    return (operand){t, tensor_at(net, number, r), t->dims[AXIS_C] != 1};
}

/* Where the channels of an output pixel start in an operand. */
static int64_t start_of(const operand *o, int n, int y, int x)
{
    const int *dims = o->t->dims;
    return tensor_index(o->t, (int[AXES]){dims[AXIS_N] == 1 ? 0 : n, dims[AXIS_H] == 1 ? 0 : y,
                                          dims[AXIS_W] == 1 ? 0 : x, 0});
}

static status enqueue(const work *w, const network *net, const run *r)
{
    const step *s = &net->steps[w->first];
    const tensor *y = &net->tensors[s->output];
    void *to = tensor_at(net, s->output, r);
    operand a = operand_of(net, r, s->inputs[0]), b = operand_of(net, r, s->inputs[1]);
    int at[AXES] = {0};
    int64_t index = 0;
    do {
        int64_t from_a = start_of(&a, at[AXIS_N], at[AXIS_H], at[AXIS_W]);
        int64_t from_b = start_of(&b, at[AXIS_N], at[AXIS_H], at[AXIS_W]);
        for (int c = 0; c < y->dims[AXIS_C]; c++) {
            float value =
                combine(s->as.binary.kind, element_load(a.data, a.t->type, from_a + c * a.along),
                        element_load(b.data, b.t->type, from_b + c * b.along));
            element_store(to, y->type, index++, activate(&s->as.binary.act, value));
        }
        at[AXIS_C] = y->dims[AXIS_C] - 1;
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
