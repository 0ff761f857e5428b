/* Graph rewrite: batch normalisation, and any addition or multiplication by one constant number a
 * channel, goes into the filter and bias of the convolution before it, also behind a Transpose.
 *
 * Sums and products are kept in double along the whole chain and rounded once. What comes before a
 * convolution is left alone: with zero padding it cannot be folded, since the padding is not
 * scaled.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/rewrite/rewrite.h"

enum { CHAIN = 64 }; /* nodes taken in by one convolution; no exporter writes nearly as many */

/* Weights that may be scaled in all: convolutions that share a filter get one each, so a hostile
 * file could ask for far more than it holds. What is over stays a step. */
enum { SCALED = 1 << 26 };

/* What became of a convolution's output so far: x * scale[c] + shift[c]. */
typedef struct chain {
    int channels, axis;    /* of the value reached; the axis where its channels are */
    double *scale, *shift; /* one a channel */
    int taken;
} chain;

/* The value's constant if it has reals: `per` numbers a channel, by broadcasting along c->axis. */
static const constant *per_channel(const graph *g, int id, const chain *c, int *step)
{
    const constant *k = id == GRAPH_ABSENT ? NULL : g->values[id].constant;
    if (!k || !k->reals || k->rank > 4 || k->count < 1) return NULL;
    for (int i = 0; i < k->rank; i++) {
        int axis = i + 4 - k->rank;
        if (k->dims[i] != 1 && (axis != c->axis || k->dims[i] != c->channels)) return NULL;
    }
    for (int64_t i = 0; i < k->count; i++) {
        if (!isfinite(k->reals[i])) return NULL;
    }
    *step = k->count > 1;
    return k;
}

/* Takes in ADD, SUB, MUL or DIV of `value` and a constant; 0: it cannot be. */
static int take_arithmetic(const graph *g, const node *n, int value, chain *c)
{
    if (n->input_count != 2) return 0;
    int second = n->inputs[1] == value, step;
    const constant *k = per_channel(g, n->inputs[!second], c, &step);
    if (!k || (n->op == GRAPH_DIV && second)) return 0;
    for (int64_t i = 0; n->op == GRAPH_DIV && i < k->count; i++) {
        if (k->reals[i] == 0) return 0;
    }
    for (int i = 0; i < c->channels; i++) {
        double by = k->reals[i * step];
        switch (n->op) {
        case GRAPH_ADD: c->shift[i] += by; break;
        case GRAPH_SUB:
            c->scale[i] = second ? -c->scale[i] : c->scale[i];
            c->shift[i] = second ? by - c->shift[i] : c->shift[i] - by;
            break;
        case GRAPH_MUL:
            c->scale[i] *= by;
            c->shift[i] *= by;
            break;
        default:
            c->scale[i] /= by;
            c->shift[i] /= by;
            break;
        }
    }
    return 1;
}

static int take_batch_norm(const graph *g, const node *n, chain *c)
{
    const float *lists[4];
    if (c->axis != 1 || n->input_count != 5) return 0;
    for (int i = 0; i < 4; i++) {
        const constant *k = node_constant(g, n, i + 1);
        if (!k || !k->reals || k->count != c->channels) return 0;
        lists[i] = k->reals;
    }
    for (int i = 0; i < c->channels; i++) {
        double factor = lists[0][i] / sqrt((double)lists[3][i] + n->as.epsilon);
        c->scale[i] *= factor;
        c->shift[i] = (c->shift[i] - lists[2][i]) * factor + lists[1][i];
    }
    return 1;
}

/* Follows the channels through a Transpose of rank 4. */
static int pass_transpose(const node *n, chain *c)
{
    int given = n->as.permutation.rank;
    if (given && given != 4) return 0;
    for (int i = 0; i < 4; i++) {
        if ((given ? n->as.permutation.axes[i] : 3 - i) != c->axis) continue;
        c->axis = i;
        return 1;
    }
    return 0;
}

/* Takes in what can be of the nodes behind the convolution; each was the only reader of its
 * input, whose producer makes its output from then on. */
static status take_chain(graph *g, const value_uses *uses, node *conv, chain *c)
{
    int value = conv->outputs[0];
    for (int left = CHAIN; left > 0 && uses->count[value] == 1; left--) {
        if (uses->reader[value] == GRAPH_ABSENT) break;
        node *n = &g->nodes[uses->reader[value]];
        int took = 0;
        if (n->output_count != 1 || n->outputs[0] == GRAPH_ABSENT) break;
        if (n->op == GRAPH_TRANSPOSE && pass_transpose(n, c)) {
            value = n->outputs[0];
            continue;
        }
        if (n->op == GRAPH_ADD || n->op == GRAPH_SUB || n->op == GRAPH_MUL || n->op == GRAPH_DIV) {
            took = take_arithmetic(g, n, value, c);
        } else if (n->op == GRAPH_BATCH_NORMALIZATION) {
            took = take_batch_norm(g, n, c);
        }
        if (!took) break;
        c->taken++;
        conv->name = rewrite_join_names(g->pool, conv->name, n->name);
        if (!conv->name) return STATUS_MEMORY;
        int maker = g->values[value].producer;
        value = n->outputs[0];
        g->nodes[maker].outputs[0] = value;
        g->values[value].producer = maker;
        n->output_count = 0;
    }
    return STATUS_OK;
}

/* Adds the constant; its name is that of the one it replaces. */
static status replace(graph *g, const constant *c, int old, int *id)
{
    return graph_add_constant(g, old == GRAPH_ABSENT ? NULL : g->values[old].name, c, id);
}

/* Gives the convolution its scaled filter and its bias. */
static status apply(graph *g, node *conv, const constant *filter, const constant *bias,
                    const chain *c)
{
    int64_t channels = c->channels, size = filter->count / channels;
    float *scaled = pool_array(g->pool, (size_t)filter->count, sizeof *scaled);
    float *shifted = pool_array(g->pool, (size_t)channels, sizeof *shifted);
    int *inputs = pool_array(g->pool, 3, sizeof *inputs);
    if (!scaled || !shifted || !inputs) return STATUS_MEMORY;
    for (int64_t o = 0; o < channels; o++) {
        for (int64_t i = o * size; i < (o + 1) * size; i++) {
            scaled[i] = (float)(filter->reals[i] * c->scale[o]);
        }
        shifted[o] = (float)((bias ? bias->reals[o] : 0) * c->scale[o] + c->shift[o]);
    }
    constant new_filter = *filter, new_bias = {.type = ELEMENT_REAL, .rank = 1, .count = channels};
    new_filter.reals = scaled;
    new_bias.dims[0] = channels;
    new_bias.reals = shifted;
    inputs[0] = conv->inputs[0];
    TRY(replace(g, &new_filter, conv->inputs[1], &inputs[1]));
    TRY(replace(g, &new_bias, bias ? conv->inputs[2] : GRAPH_ABSENT, &inputs[2]));
    conv->inputs = inputs;
    conv->input_count = 3;
    return STATUS_OK;
}

static status scale_one(graph *g, const value_uses *uses, node *conv, chain *c)
{
    const constant *filter = node_constant(g, conv, 1), *bias = NULL;
    if (node_input(conv, 2) != GRAPH_ABSENT) {
        bias = node_constant(g, conv, 2);
        if (!bias || !bias->reals || bias->count != c->channels) return STATUS_OK;
    }
    for (int i = 0; i < c->channels; i++) {
        c->scale[i] = 1;
        c->shift[i] = 0;
    }
    TRY(take_chain(g, uses, conv, c));
    return c->taken ? apply(g, conv, filter, bias, c) : STATUS_OK;
}

/* The number of output channels if the node is a convolution with a sound filter; else 0. */
static int conv_channels(const graph *g, const node *n)
{
    if (n->op != GRAPH_CONV || n->output_count != 1 || n->outputs[0] == GRAPH_ABSENT) return 0;
    const constant *f = node_constant(g, n, 1);
    if (!f || !f->reals || f->rank != 4 || f->count < 1 || f->dims[0] > 1 << 20) return 0;
    return (int)f->dims[0];
}

status graph_scale_into_conv(graph *g, const value_uses *uses)
{
    int64_t left = SCALED;
    for (size_t i = 0; i < g->node_count; i++) {
        chain c = {.channels = conv_channels(g, &g->nodes[i]), .axis = 1};
        if (!c.channels) continue;
        int64_t weights = g->values[g->nodes[i].inputs[1]].constant->count;
        if (weights + c.channels > left) continue;
        c.scale = heap_array(2 * (size_t)c.channels, sizeof *c.scale);
        if (!c.scale) return STATUS_MEMORY;
        c.shift = c.scale + c.channels;
        status code = scale_one(g, uses, &g->nodes[i], &c);
        free(c.scale);
        TRY(code);
        left -= c.channels + (c.taken ? weights : 0);
    }
    return STATUS_OK;
}
