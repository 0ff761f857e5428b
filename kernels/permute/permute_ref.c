/* The definition of OP_PERMUTE: output axis i is input axis permutation[i]. */
#include "kernels/element.h"
#include "kernels/rows.h"

static int covers(const network *net, int first, precision precision)
{
    (void)precision;
    return net->steps[first].op == OP_PERMUTE;
}

static void source(const step *s, const tensor *x, const int at[AXES], int place[AXES])
{
    (void)x;
    for (int axis = 0; axis < AXES; axis++) place[s->as.permutation[axis]] = at[axis];
}

static status enqueue(const work *w, const network *net, const run *r)
{
    return move_elements(w, net, r, source);
}

const row permute_ref = {
    .name = "permute_ref",
    .device = DEVICE_REF,
    .covers = covers,
    .enqueue = enqueue,
    .limit_because = "it is the definition",
};
