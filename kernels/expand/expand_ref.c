/* The definition of OP_EXPAND: an axis of dim 1 repeats. */
#include "kernels/element.h"
#include "kernels/rows.h"

static int covers(const network *net, int first, precision precision)
{
    (void)precision;
    return net->steps[first].op == OP_EXPAND;
}

static void source(const step *s, const tensor *x, const int at[AXES], int place[AXES])
{
    (void)s;
    for (int axis = 0; axis < AXES; axis++) place[axis] = x->dims[axis] == 1 ? 0 : at[axis];
}

static status enqueue(const work *w, const network *net, const run *r)
{
    return move_elements(w, net, r, source);
}

const row expand_ref = {
    .name = "expand_ref",
    .device = DEVICE_REF,
    .covers = covers,
    .enqueue = enqueue,
    .limit_because = "it is the definition",
};
