/* Ranks, and what is known of dimensions without knowing the picture's size: ONNX asks for the rank
 * of every output, and a reader wants to see its channels. */
#include <string.h>

#include "loader/onnx/write_node.h"

static onnx_shape unknown_dims(int rank)
{
    onnx_shape s = {.rank = rank >= 0 && rank <= GRAPH_MAX_RANK ? rank : GRAPH_UNKNOWN_RANK};
    for (int i = 0; i < s.rank; i++) s.dims[i] = GRAPH_UNKNOWN_DIM;
    return s;
}

/* Convolution and pooling keep the batch; a convolution has a channel for each of its filters. */
static onnx_shape window_shape(const graph *g, const node *n, const onnx_shape *x)
{
    onnx_shape s = unknown_dims(4);
    const constant *weights = n->op == GRAPH_CONV ? node_constant(g, n, 1) : NULL;
    if (x->rank == 4) s.dims[0] = x->dims[0];
    if (weights)
        s.dims[1] = weights->dims[0];
    else if (n->op == GRAPH_MAX_POOL && x->rank == 4)
        s.dims[1] = x->dims[1];
    return s;
}

static onnx_shape transposed(const node *n, const onnx_shape *x)
{
    onnx_shape s = *x;
    for (int i = 0; i < s.rank; i++) {
        int axis = n->as.permutation.rank ? n->as.permutation.axes[i] : s.rank - 1 - i;
        s.dims[i] = axis >= 0 && axis < x->rank ? x->dims[axis] : GRAPH_UNKNOWN_DIM;
    }
    return s;
}

/* NumPy's broadcasting: where one has 1, or lacks the axis, the other's size holds. */
static onnx_shape broadcast(const onnx_shape *a, const onnx_shape *b)
{
    if (a->rank < 0 || b->rank < 0) return unknown_dims(GRAPH_UNKNOWN_RANK);
    onnx_shape s = unknown_dims(a->rank > b->rank ? a->rank : b->rank);
    for (int i = 0; i < s.rank; i++) {
        int ia = i - (s.rank - a->rank), ib = i - (s.rank - b->rank);
        int64_t da = ia < 0 ? 1 : a->dims[ia], db = ib < 0 ? 1 : b->dims[ib];
        s.dims[i] = da == 1 ? db : db == 1 || da == db ? da : GRAPH_UNKNOWN_DIM;
    }
    return s;
}

static int squeezed_rank(const graph *g, const node *n, int rank)
{
    const constant *axes = node_constant(g, n, 1);
    if (rank < 0 || !axes || axes->count > GRAPH_MAX_RANK) return GRAPH_UNKNOWN_RANK;
    return n->op == GRAPH_SQUEEZE ? rank - (int)axes->count : rank + (int)axes->count;
}

static onnx_shape node_shape(const onnx_writer *w, const node *n)
{
    const graph *g = w->g;
    onnx_shape none = unknown_dims(GRAPH_UNKNOWN_RANK);
    const onnx_shape *x =
        n->input_count && n->inputs[0] != GRAPH_ABSENT ? &w->shapes[n->inputs[0]] : &none;
    const constant *second = node_constant(g, n, 1);
    switch (n->op) {
    case GRAPH_CONV:
    case GRAPH_MAX_POOL: return window_shape(g, n, x);
    case GRAPH_TRANSPOSE: return transposed(n, x);
    case GRAPH_BATCH_NORMALIZATION:
    case GRAPH_CAST:
    case GRAPH_CEIL:
    case GRAPH_CLIP:
    case GRAPH_FLOOR:
    case GRAPH_IDENTITY:
    case GRAPH_RELU:
    case GRAPH_SIGMOID:
    case GRAPH_SQRT: return *x;
    case GRAPH_ADD:
    case GRAPH_SUB:
    case GRAPH_MUL:
    case GRAPH_DIV:
    case GRAPH_MAX:
    case GRAPH_MIN: {
        onnx_shape s = *x;
        for (int i = 1; i < n->input_count; i++) s = broadcast(&s, &w->shapes[n->inputs[i]]);
        return s;
    }
    case GRAPH_CONCAT:
    case GRAPH_PAD:
    case GRAPH_RESIZE:
    case GRAPH_SLICE:
    case GRAPH_SPLIT: return unknown_dims(x->rank);
    case GRAPH_FLATTEN: return unknown_dims(2);
    case GRAPH_SHAPE: return unknown_dims(1);
    case GRAPH_SQUEEZE:
    case GRAPH_UNSQUEEZE: return unknown_dims(squeezed_rank(g, n, x->rank));
    case GRAPH_RESHAPE: return unknown_dims(second ? (int)second->count : GRAPH_UNKNOWN_RANK);
    default: return none;
    }
}

status onnx_find_shapes(onnx_writer *w)
{
    const graph *g = w->g;
    w->shapes = pool_array(w->pool, g->value_count, sizeof *w->shapes);
    if (!w->shapes) return STATUS_MEMORY;
    for (size_t i = 0; i < g->value_count; i++) {
        w->shapes[i] = unknown_dims(g->values[i].rank);
        if (w->shapes[i].rank > 0)
            memcpy(w->shapes[i].dims, g->values[i].dims, sizeof g->values[i].dims);
    }
    for (size_t i = 0; i < g->node_count; i++) {
        const node *n = &g->nodes[i];
        onnx_shape s = node_shape(w, n);
        for (int k = 0; k < n->output_count; k++)
            if (n->outputs[k] != GRAPH_ABSENT && w->shapes[n->outputs[k]].rank < 0)
                w->shapes[n->outputs[k]] = s;
    }
    return STATUS_OK;
}
