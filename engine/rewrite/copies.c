/* Network rewrite: permutations and copies that follow each other become one, and steps that leave
 * every element where it is, as exporters like to write them, become another name of their input.
 */
#include <math.h>
#include <string.h>

#include "engine/rewrite/rewrite.h"

/* Whether the permutation only moves axes of dim 1, so that memory stays as it is. */
static int keeps_memory(const tensor *from, const int permutation[AXES])
{
    int last = -1;
    for (int i = 0; i < AXES; i++) {
        if (from->dims[permutation[i]] == 1) continue;
        if (permutation[i] < last) return 0;
        last = permutation[i];
    }
    return 1;
}

/* Makes the step read what the step before it reads, where both only move elements. */
static void compose(network_index *x, step *s)
{
    int before = x->producer[s->inputs[0]];
    if (before < 0) return;
    const step *b = &x->net->steps[before];
    if (b->op != s->op) return;
    if (s->op == OP_PERMUTE) {
        int both[AXES];
        for (int i = 0; i < AXES; i++) both[i] = b->as.permutation[s->as.permutation[i]];
        memcpy(s->as.permutation, both, sizeof both);
    }
    s->inputs[0] = b->inputs[0];
}

/* Whether the step's result is its first input, element by element. */
static int changes_nothing(const network *net, const step *s)
{
    const tensor *from = &net->tensors[s->inputs[0]], *to = &net->tensors[s->output];
    if (from->type != to->type || memcmp(from->dims, to->dims, sizeof to->dims) != 0) return 0;
    int same = 1;
    switch (s->op) {
    case OP_COPY:
    case OP_EXPAND: return 1;
    case OP_CONCAT: return s->input_count == 1;
    case OP_ACTIVATE:
        return s->as.act.kind == ACTIVATION_CLAMP && s->as.act.low == -INFINITY &&
               s->as.act.high == INFINITY;
    case OP_PAD:
        for (int i = 0; i < AXES; i++) same &= !s->as.pad.before[i] && !s->as.pad.after[i];
        return same;
    case OP_SLICE:
        for (int i = 0; i < AXES; i++) same &= !s->as.slice.begin[i] && s->as.slice.step[i] == 1;
        return same;
    case OP_RESIZE:
        for (int i = 0; i < AXES; i++) {
            same &= s->as.resize.scale[i] == 1 && s->as.resize.shift[i] == 0;
        }
        return same;
    default: return 0;
    }
}

status network_skip_copies(network_index *x, lowered *out)
{
    network *net = x->net;
    int *same_as = pool_array(x->pool, (size_t)net->tensor_count, sizeof *same_as);
    if (!same_as) return STATUS_MEMORY;
    for (int t = 0; t < net->tensor_count; t++) same_as[t] = t;
    for (int i = 0; i < net->step_count; i++) {
        step *s = &net->steps[i];
        for (int k = 0; k < s->input_count; k++) s->inputs[k] = same_as[s->inputs[k]];
        if (s->op == OP_PERMUTE || s->op == OP_COPY) compose(x, s);
        if (s->op == OP_PERMUTE && keeps_memory(&net->tensors[s->inputs[0]], s->as.permutation)) {
            s->op = OP_COPY;
            compose(x, s);
        }
        if (changes_nothing(net, s)) same_as[s->output] = s->inputs[0];
    }
    for (size_t i = 0; i < out->output_count; i++) {
        int *t = &out->outputs[i].tensor;
        if (*t >= 0) *t = same_as[*t];
    }
    return STATUS_OK;
}
