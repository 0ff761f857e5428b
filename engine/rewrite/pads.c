/* Network rewrite: a convolution reads what a Pad with zeros reads and pads itself; so does a max
 * pool where its own padding, which never wins, gives the same: the Pad is with -inf, or with zeros
 * around what is never negative. The Pad is dropped with the dead steps once nobody reads it. */
#include <math.h>
#include <string.h>

#include "engine/rewrite/rewrite.h"
#include "loader/limits.h"

/* Whether the step's results are all at least zero. */
static int never_negative(const step *s)
{
    const activation *act = step_activation(s);
    return act && act->kind == ACTIVATION_CLAMP && act->low >= 0 && act->high >= 0;
}

/* Adds the Pad's amounts to the window's; 0: they do not fit. `most`: the largest sum allowed. */
static int add_pads(const pad_params *p, const int most[2], int pads[4])
{
    int sum[4];
    if (p->kind != PAD_CONSTANT || p->before[AXIS_N] || p->after[AXIS_N] || p->before[AXIS_C] ||
        p->after[AXIS_C]) {
        return 0;
    }
    for (int a = 0; a < 2; a++) {
        int before = p->before[AXIS_H + a], after = p->after[AXIS_H + a];
        if (before < 0 || after < 0 || before > LIMIT_WINDOW || after > LIMIT_WINDOW) return 0;
        sum[a] = pads[a] + before;
        sum[a + 2] = pads[a + 2] + after;
        if (sum[a] > most[a] || sum[a + 2] > most[a]) return 0;
    }
    memcpy(pads, sum, sizeof sum);
    return 1;
}

static int into_conv(conv_params *c, const pad_params *p)
{
    return p->value == 0 && add_pads(p, (const int[2]){LIMIT_WINDOW, LIMIT_WINDOW}, c->pads);
}

/* A window must keep an element of the input, or there is nothing for it to be the maximum of. */
static int into_pool(const network_index *x, pool_params *w, const pad_params *p, int source)
{
    if (w->dilation[0] != 1 || w->dilation[1] != 1) return 0;
    int maker = x->producer[source];
    int never_wins = (isinf(p->value) && p->value < 0) ||
                     (p->value == 0 && maker >= 0 && never_negative(&x->net->steps[maker]));
    if (!never_wins) return 0;
    return add_pads(p, (const int[2]){w->kernel[0] - 1, w->kernel[1] - 1}, w->pads);
}

status network_pad_into_window(network_index *x)
{
    for (int i = 0; i < x->net->step_count; i++) {
        step *s = &x->net->steps[i];
        if (s->op != OP_CONV && s->op != OP_MAX_POOL) continue;
        int maker = x->producer[s->inputs[0]];
        if (maker < 0 || x->net->steps[maker].op != OP_PAD) continue;
        const step *pad = &x->net->steps[maker];
        int source = pad->inputs[0];
        int moved = s->op == OP_CONV ? into_conv(&s->as.conv, &pad->as.pad)
                                     : into_pool(x, &s->as.pool, &pad->as.pad, source);
        if (!moved) continue;
        s->inputs[0] = source;
        s->nodes = rewrite_join_names(x->pool, pad->nodes, s->nodes);
        if (!s->nodes) return STATUS_MEMORY;
    }
    return STATUS_OK;
}
