/* Network rewrite: steps whose results nobody reads go, and tensors that no step has. */
#include "engine/rewrite/rewrite.h"

/* Drops every step that is merged or unread, and marks the tensors that stay. */
static void drop_steps(network_index *x, unsigned char *read)
{
    network *net = x->net;
    for (int i = net->step_count; i-- > 0;) {
        const step *s = &net->steps[i];
        if (!read[s->output]) x->dead[i] = 1;
        for (int k = 0; !x->dead[i] && k < s->input_count; k++) read[s->inputs[k]] = 1;
    }
    int count = 0;
    for (int i = 0; i < net->step_count; i++) {
        if (!x->dead[i]) net->steps[count++] = net->steps[i];
    }
    net->step_count = count;
}

status network_drop_dead(network_index *x, lowered *out, size_t input_count, size_t output_count)
{
    network *net = x->net;
    size_t tensors = (size_t)net->tensor_count;
    unsigned char *read = pool_array(x->pool, tensors, sizeof *read);
    int *number = pool_array(x->pool, tensors, sizeof *number);
    if (!read || !number) return STATUS_MEMORY;
    for (size_t i = 0; i < output_count; i++) {
        if (out->outputs[i].tensor >= 0) read[out->outputs[i].tensor] = 1;
    }
    drop_steps(x, read);
    for (size_t i = 0; i < input_count; i++) {
        if (out->inputs[i].tensor >= 0) read[out->inputs[i].tensor] = 1;
    }
    int count = 0;
    for (size_t t = 0; t < tensors; t++) {
        number[t] = count;
        if (read[t]) net->tensors[count++] = net->tensors[t];
    }
    net->tensor_count = count;
    for (int i = 0; i < net->step_count; i++) {
        step *s = &net->steps[i];
        s->output = number[s->output];
        for (int k = 0; k < s->input_count; k++) s->inputs[k] = number[s->inputs[k]];
    }
    for (size_t i = 0; i < input_count; i++) {
        int *t = &out->inputs[i].tensor;
        if (*t >= 0) *t = number[*t];
    }
    for (size_t i = 0; i < output_count; i++) {
        int *t = &out->outputs[i].tensor;
        if (*t >= 0) *t = number[*t];
    }
    return STATUS_OK;
}
