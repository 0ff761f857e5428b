/* Network rewrite: an addition goes into the convolution that made one of its operands; the other
 * operand becomes the convolution's residual. Of two convolutions the later one takes it. */
#include <string.h>

#include "engine/rewrite/rewrite.h"

/* The convolution that could take the addition for its operand k, or -1. */
static int candidate(const network_index *x, const step *add, int k)
{
    const network *net = x->net;
    const tensor *sum = &net->tensors[add->output];
    const tensor *own = &net->tensors[add->inputs[k]], *other = &net->tensors[add->inputs[!k]];
    int maker = network_sole_producer(x, add->inputs[k]);
    if (maker < 0 || other->constant) return -1;
    if (memcmp(own->dims, sum->dims, sizeof sum->dims) != 0) return -1;
    if (memcmp(other->dims, sum->dims, sizeof sum->dims) != 0) return -1;
    const step *conv = &net->steps[maker];
    int free_conv =
        conv->op == OP_CONV && conv->input_count == 1 && conv->as.conv.act.kind == ACTIVATION_NONE;
    return free_conv ? maker : -1;
}

status network_residual_into_conv(network_index *x)
{
    for (int i = 0; i < x->net->step_count; i++) {
        const step *add = &x->net->steps[i];
        if (x->dead[i] || add->op != OP_BINARY || add->as.binary.kind != BINARY_ADD) continue;
        int first = candidate(x, add, 0), second = candidate(x, add, 1);
        int k = second > first, conv = k ? second : first;
        if (conv < 0) continue;
        step merged = x->net->steps[conv];
        merged.inputs[1] = add->inputs[!k];
        merged.input_count = 2;
        merged.as.conv.act = add->as.binary.act;
        int late = x->producer[merged.inputs[1]] > conv;
        TRY(network_merge(x, conv, i, late, &merged));
    }
    return STATUS_OK;
}
