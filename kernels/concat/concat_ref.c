/* The definition of OP_CONCAT: the inputs one after another along one axis. */
#include "kernels/element.h"
#include "kernels/rows.h"

static int covers(const network *net, int first, precision precision)
{
    (void)precision;
    return net->steps[first].op == OP_CONCAT;
}

static status enqueue(const work *w, const network *net, const run *r)
{
    const step *s = &net->steps[w->first];
    const tensor *y = &net->tensors[s->output];
    void *to = tensor_at(net, s->output, r);
    int axis = s->as.concat_axis, before = 0;
    for (int i = 0; i < s->input_count; i++) {
        const tensor *x = &net->tensors[s->inputs[i]];
        const void *from = tensor_at(net, s->inputs[i], r);
        int at[AXES] = {0};
        int64_t index = 0;
        do {
            int place[AXES] = {at[0], at[1], at[2], at[3]};
            place[axis] += before;
            float value = element_load(from, x->type, index++);
            element_store(to, y->type, tensor_index(y, place), value);
        } while (tensor_next(x, at));
        before += x->dims[axis];
    }
    return STATUS_OK;
}

const row concat_ref = {
    .name = "concat_ref",
    .device = DEVICE_REF,
    .covers = covers,
    .enqueue = enqueue,
    .limit_because = "it is the definition",
};
