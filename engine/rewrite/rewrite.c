/* Which rewrites there are, and in which order. */
#include "engine/rewrite/rewrite.h"

#include <stdlib.h>

/* Fills `uses`, whose arrays have room for all values. */
static void find_uses(const graph *g, value_uses *uses)
{
    for (size_t i = 0; i < g->node_count; i++) {
        for (int k = 0; k < g->nodes[i].input_count; k++) {
            int id = g->nodes[i].inputs[k];
            if (id == GRAPH_ABSENT) continue;
            uses->count[id]++;
            uses->reader[id] = (int)i;
        }
    }
    for (size_t i = 0; i < g->output_count; i++) {
        uses->count[g->outputs[i]]++;
        uses->reader[g->outputs[i]] = GRAPH_ABSENT;
    }
}

static status scale_into_conv(graph *g)
{
    value_uses uses = {heap_array(g->value_count, sizeof *uses.count),
                       heap_array(g->value_count, sizeof *uses.reader)};
    status code = STATUS_MEMORY;
    if (uses.count && uses.reader) {
        find_uses(g, &uses);
        code = graph_scale_into_conv(g, &uses);
    }
    free(uses.count);
    free(uses.reader);
    return code;
}

status graph_rewrite(graph *g)
{
    TRY(graph_fold_constants(g));
    TRY(graph_skip_identities(g));
    TRY(graph_drop_dead(g));
    TRY(scale_into_conv(g));
    return graph_drop_dead(g);
}

/* Finds producers and readers anew; a step that nobody reads any more is dead and reads nothing. */
static void find_readers(network_index *x, const lowered *out)
{
    const network *net = x->net;
    for (int t = 0; t < net->tensor_count; t++) {
        x->producer[t] = -1;
        x->readers[t] = 0;
    }
    for (size_t i = 0; i < out->output_count; i++) {
        if (out->outputs[i].tensor >= 0) x->readers[out->outputs[i].tensor]++;
    }
    for (int i = net->step_count; i-- > 0;) {
        const step *s = &net->steps[i];
        if (!x->readers[s->output]) x->dead[i] = 1;
        if (x->dead[i]) continue;
        x->producer[s->output] = i;
        for (int k = 0; k < s->input_count; k++) x->readers[s->inputs[k]]++;
    }
}

status network_rewrite(lowered *out, pool *p)
{
    network_index x = {.net = &out->net, .pool = p};
    size_t tensors = (size_t)out->net.tensor_count, steps = (size_t)out->net.step_count;
    x.producer = pool_array(p, tensors, sizeof *x.producer);
    x.readers = pool_array(p, tensors, sizeof *x.readers);
    x.dead = pool_array(p, steps, sizeof *x.dead);
    if (!x.producer || !x.readers || !x.dead) return STATUS_MEMORY;
    find_readers(&x, out);
    TRY(network_skip_copies(&x, out));
    find_readers(&x, out);
    TRY(network_pad_into_window(&x));
    find_readers(&x, out);
    TRY(network_residual_into_conv(&x));
    TRY(network_activation_into_step(&x));
    find_readers(&x, out);
    return network_drop_dead(&x, out);
}
