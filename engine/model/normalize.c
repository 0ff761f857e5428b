#include "engine/model/normalize.h"

#include <stdlib.h>

static int scales(graph_op op)
{
    return op == GRAPH_ADD || op == GRAPH_SUB || op == GRAPH_MUL || op == GRAPH_DIV ||
           op == GRAPH_BATCH_NORMALIZATION;
}

/* The filter's shape, [out][in / groups][height][width]; NULL where it is no constant. */
static const int64_t *filter_dims(const graph *g, const node *n)
{
    const constant *filter = n->op == GRAPH_CONV ? node_constant(g, n, 1) : NULL;
    return filter && filter->rank == 4 ? filter->dims : NULL;
}

/* What lies between the input and the first convolutions. */
typedef struct beginning {
    int scaled;
    const node *first_conv; /* NULL: none */
} beginning;

/* Follows the picture from node to node. Shapes taken from it are no pictures any more. */
static status look_at_beginning(const graph *g, beginning *out)
{
    unsigned char *is_picture = heap_array(g->value_count, 1);
    if (!is_picture) return STATUS_MEMORY;
    *out = (beginning){0};
    is_picture[g->inputs[0]] = 1;
    for (size_t i = 0; i < g->node_count; i++) {
        const node *n = &g->nodes[i];
        int reads = 0;
        for (int k = 0; k < n->input_count; k++)
            reads |= n->inputs[k] >= 0 && is_picture[n->inputs[k]];
        if (!reads || n->op == GRAPH_SHAPE) continue;
        if (n->op == GRAPH_CONV) {
            if (!out->first_conv) out->first_conv = n;
            continue;
        }
        out->scaled |= scales(n->op);
        for (int k = 0; k < n->output_count; k++)
            if (n->outputs[k] >= 0) is_picture[n->outputs[k]] = 1;
    }
    free(is_picture);
    return STATUS_OK;
}

/* A filter that is still to be folded (kept as fp16, then cast) counts by its groups alone. */
static int has_depthwise(const graph *g)
{
    for (size_t i = 0; i < g->node_count; i++) {
        const node *n = &g->nodes[i];
        const int64_t *dims = filter_dims(g, n);
        if (n->op == GRAPH_CONV && n->as.window.groups > 1 && (!dims || dims[1] == 1)) return 1;
    }
    return 0;
}

static int is_resnet_root(const graph *g, const node *conv)
{
    if (!conv) return 0;
    const window *w = &conv->as.window;
    const int64_t *dims = filter_dims(g, conv);
    int64_t height = dims ? dims[2] : w->kernel[0], width = dims ? dims[3] : w->kernel[1];
    return height == 7 && width == 7 && w->stride[0] == 2 && w->stride[1] == 2;
}

status normalize_choose(const graph *g, posenet_normalize wish, normalization *out)
{
    switch (wish) {
    case POSENET_NORMALIZE_MOBILENET: *out = NORMALIZE_MOBILENET; return STATUS_OK;
    case POSENET_NORMALIZE_RESNET: *out = NORMALIZE_RESNET; return STATUS_OK;
    case POSENET_NORMALIZE_NONE: *out = NORMALIZE_NONE; return STATUS_OK;
    case POSENET_NORMALIZE_AUTO: break;
    }
    beginning b;
    TRY(look_at_beginning(g, &b));
    if (b.scaled)
        *out = NORMALIZE_NONE;
    else if (has_depthwise(g))
        *out = NORMALIZE_MOBILENET;
    else if (is_resnet_root(g, b.first_conv))
        *out = NORMALIZE_RESNET;
    else
        return fail(STATUS_MODEL,
                    "%s: neither a MobileNet nor a ResNet: say how pixels become input "
                    "(settings.normalize, --normalize)",
                    g->source);
    return STATUS_OK;
}
