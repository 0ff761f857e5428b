/* The definition of OP_SLICE: output index i of an axis reads input index begin + i * step. */
#include "kernels/element.h"
#include "kernels/rows.h"

static int covers(const network *net, int first, precision precision)
{
    (void)precision;
    return net->steps[first].op == OP_SLICE;
}

static void source(const step *s, const tensor *x, const int at[AXES], int place[AXES])
{
    (void)x;
    for (int axis = 0; axis < AXES; axis++)
        place[axis] = s->as.slice.begin[axis] + at[axis] * s->as.slice.step[axis];
}

static status enqueue(const work *w, const network *net, const run *r)
{
    return move_elements(w, net, r, source);
}

const row slice_ref = {
    .name = "slice_ref",
    .device = DEVICE_REF,
    .covers = covers,
    .enqueue = enqueue,
    .limit_because = "it is the definition",
};
