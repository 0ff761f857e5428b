/* Network rewrite: steps whose results nobody reads go, and tensors that no step has; what stays
 * is numbered anew. */
#include "engine/rewrite/rewrite.h"

status network_drop_dead(network_index *x, lowered *out)
{
    network *net = x->net;
    int *number = pool_array(x->pool, (size_t)net->tensor_count, sizeof *number);
    if (!number) return STATUS_MEMORY;
    for (size_t i = 0; i < out->input_count; i++) {
        if (out->inputs[i].tensor >= 0) x->readers[out->inputs[i].tensor]++;
    }
    int tensors = 0, steps = 0;
    for (int t = 0; t < net->tensor_count; t++) {
        number[t] = tensors;
        if (x->readers[t]) net->tensors[tensors++] = net->tensors[t];
    }
    for (int i = 0; i < net->step_count; i++) {
        step *s = &net->steps[i];
        if (x->dead[i]) continue;
        s->output = number[s->output];
        for (int k = 0; k < s->input_count; k++) s->inputs[k] = number[s->inputs[k]];
        net->steps[steps++] = *s;
    }
    net->tensor_count = tensors;
    net->step_count = steps;
    for (size_t i = 0; i < out->input_count; i++) {
        int *t = &out->inputs[i].tensor;
        if (*t >= 0) *t = number[*t];
    }
    for (size_t i = 0; i < out->output_count; i++) {
        int *t = &out->outputs[i].tensor;
        if (*t >= 0) *t = number[*t];
    }
    return STATUS_OK;
}
