/* The definition of OP_GATHER: output index i of one axis reads input index indices[i]. */
#include "kernels/element.h"
#include "kernels/rows.h"

static int covers(const network *net, int first, precision precision)
{
    (void)precision;
    return net->steps[first].op == OP_GATHER;
}

static void source(const step *s, const tensor *x, const int at[AXES], int place[AXES])
{
    const gather_params *p = &s->as.gather;
    (void)x;
    for (int axis = 0; axis < AXES; axis++) place[axis] = at[axis];
    place[p->axis] = p->indices[at[p->axis]];
}

static status enqueue(const work *w, const network *net, const run *r)
{
    return move_elements(w, net, r, source);
}

const row gather_ref = {
    .name = "gather_ref",
    .device = DEVICE_REF,
    .covers = covers,
    .enqueue = enqueue,
    .limit_because = "it is the definition",
};
