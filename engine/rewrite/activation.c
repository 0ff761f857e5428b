/* Network rewrite: a clamp goes into the convolution, arithmetic or clamp that made its input. A
 * sigmoid stays a step of its own: it is double arithmetic that few fused rows have. */
#include "engine/rewrite/rewrite.h"

static float clamp(float x, const activation *a)
{
    float low = x > a->low ? x : a->low;
    return low < a->high ? low : a->high;
}

/* First `first`, then the clamp `then`: again a clamp, between the images of the first's limits. */
static int compose(const activation *first, const activation *then, activation *both)
{
    *both = *then;
    if (first->kind == ACTIVATION_SIGMOID) return 0;
    if (first->kind == ACTIVATION_CLAMP) {
        both->low = clamp(first->low, then);
        both->high = clamp(first->high, then);
    }
    return 1;
}

status network_activation_into_step(network_index *x)
{
    for (int i = 0; i < x->net->step_count; i++) {
        const step *s = &x->net->steps[i];
        if (x->dead[i] || s->op != OP_ACTIVATE || s->as.act.kind != ACTIVATION_CLAMP) continue;
        int maker = network_sole_producer(x, s->inputs[0]);
        if (maker < 0) continue;
        step merged = x->net->steps[maker];
        activation *act = step_activation(&merged), both;
        if (!act || !compose(act, &s->as.act, &both)) continue;
        *act = both;
        TRY(network_merge(x, maker, i, 0, &merged));
    }
    return STATUS_OK;
}
