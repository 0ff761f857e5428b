/* TensorFlow's pixel-wise operators, and the pieces that every handler is made of. */
#include <stdlib.h>
#include <string.h>

#include "loader/names.h"
#include "loader/tfjs/translate.h"

status tfjs_picture(const tfjs_translation *t, int id, int index, tfjs_result *out)
{
    const tfjs_node *n = &t->model->nodes[id];
    if (index >= n->input_count) return fail(STATUS_MODEL, "has no input %d", index);
    int from = n->inputs[index];
    *out = t->results[from];
    if (out->value == GRAPH_ABSENT)
        return fail(STATUS_UNSUPPORTED, "its input \"%s\" is no picture",
                    name_show(t->model->nodes[from].name).text);
    out->shared |= t->model->nodes[from].readers > 1;
    return STATUS_OK;
}

status tfjs_whole_picture(const tfjs_translation *t, int id, int index, tfjs_result *out)
{
    TRY(tfjs_picture(t, id, index, out));
    if (out->sandwich < 0) return STATUS_OK;
    int open = t->sandwiches[out->sandwich].node;
    return fail(STATUS_UNSUPPORTED, "stands between SpaceToBatchND \"%s\" and its BatchToSpaceND",
                name_show(t->model->nodes[open].name).text);
}

const constant *tfjs_constant_input(const tfjs_translation *t, int id, int index)
{
    const tfjs_node *n = &t->model->nodes[id];
    if (index >= n->input_count) return NULL;
    n = &t->model->nodes[n->inputs[index]];
    /* A chain of Identity is at most as long as there are nodes: it has no cycle (order_nodes). */
    while (!n->constant && !strcmp(n->op, "Identity") && n->input_count == 1)
        n = &t->model->nodes[n->inputs[0]];
    return n->constant;
}

status tfjs_channels_input(const tfjs_translation *t, int id, int index, int64_t channels,
                           const constant **out)
{
    const constant *c = tfjs_constant_input(t, id, index);
    if (!c || c->type != ELEMENT_REAL || c->rank != 1)
        return fail(STATUS_UNSUPPORTED, "its input %d is no constant list of numbers", index);
    if (channels >= 0 && c->count != channels)
        return fail(STATUS_MODEL, "its input %d has %lld numbers for %lld channels", index,
                    (long long)c->count, (long long)channels);
    *out = c;
    return STATUS_OK;
}

status tfjs_emit(tfjs_translation *t, graph_op op, const char *name, const int *inputs,
                 int input_count, int64_t channels, node **out, int *value)
{
    int made;
    TRY(graph_add_value(t->g, name, ELEMENT_REAL, &made));
    struct value *v = &t->g->values[made];
    v->rank = 4;
    for (int i = 0; i < 4; i++) v->dims[i] = GRAPH_UNKNOWN_DIM;
    v->dims[1] = channels;
    TRY(graph_add_node(t->g, op, name, inputs, input_count, &made, 1, out));
    *value = made;
    return STATUS_OK;
}

status tfjs_add_reordered(tfjs_translation *t, const char *name, const constant *c,
                          const int order[4], int *value)
{
    float *reals = pool_array(t->g->pool, (size_t)c->count, sizeof *reals);
    if (!reals) return STATUS_MEMORY;
    constant r = {.type = ELEMENT_REAL, .rank = 4, .count = c->count, .reals = reals};
    int64_t stride[4] = {c->dims[1] * c->dims[2] * c->dims[3], c->dims[2] * c->dims[3], c->dims[3],
                         1};
    for (int i = 0; i < 4; i++) r.dims[i] = c->dims[order[i]];
    for (int64_t a = 0; a < r.dims[0]; a++)
        for (int64_t b = 0; b < r.dims[1]; b++)
            for (int64_t d = 0; d < r.dims[2]; d++)
                for (int64_t e = 0; e < r.dims[3]; e++)
                    *reals++ = c->reals[a * stride[order[0]] + b * stride[order[1]] +
                                        d * stride[order[2]] + e * stride[order[3]]];
    return graph_add_constant(t->g, name, &r, value);
}

status tfjs_add_list(tfjs_translation *t, const char *name, const constant *c, int *value)
{
    float *reals = pool_array(t->g->pool, (size_t)c->count, sizeof *reals);
    if (!reals) return STATUS_MEMORY;
    if (c->count) memcpy(reals, c->reals, (size_t)c->count * sizeof *reals);
    constant copy = *c;
    copy.reals = reals;
    return graph_add_constant(t->g, name, &copy, value);
}

status tfjs_add_operand(tfjs_translation *t, const char *name, const constant *c, int *value)
{
    static const int to_nchw[4] = {0, 3, 1, 2};
    if (c->type != ELEMENT_REAL || c->rank > 4)
        return fail(STATUS_UNSUPPORTED, "its constant is no picture of real numbers");
    if (c->rank == 0) return tfjs_add_list(t, name, c, value);
    constant four = {.type = ELEMENT_REAL, .rank = 4, .count = c->count, .reals = c->reals};
    for (int i = 0; i < 4; i++) four.dims[i] = i < 4 - c->rank ? 1 : c->dims[i - (4 - c->rank)];
    return tfjs_add_reordered(t, name, &four, to_nchw, value);
}

status tfjs_emit_bias(tfjs_translation *t, const char *name, int x, const constant *bias,
                      int *value)
{
    char *bias_name = pool_format(t->g->pool, "%s/bias", name);
    if (!bias_name) return STATUS_MEMORY;
    int inputs[2] = {x, GRAPH_ABSENT};
    node *n;
    TRY(tfjs_add_operand(t, bias_name, bias, &inputs[1]));
    return tfjs_emit(t, GRAPH_ADD, name, inputs, 2, bias->count, &n, value);
}

/* Relu6's limits, made once. */
static status six_limits(tfjs_translation *t)
{
    if (t->six != GRAPH_ABSENT) return STATUS_OK;
    TRY(graph_add_real(t->g, "zero", 0.0f, &t->zero));
    return graph_add_real(t->g, "six", 6.0f, &t->six);
}

status tfjs_emit_activation(tfjs_translation *t, const char *op, const char *name, int x,
                            int *value)
{
    node *n;
    int64_t channels = t->g->values[x].dims[1];
    if (!strcmp(op, "Relu")) return tfjs_emit(t, GRAPH_RELU, name, &x, 1, channels, &n, value);
    if (!strcmp(op, "Sigmoid"))
        return tfjs_emit(t, GRAPH_SIGMOID, name, &x, 1, channels, &n, value);
    if (!strcmp(op, "Relu6")) {
        TRY(six_limits(t));
        int inputs[3] = {x, t->zero, t->six};
        return tfjs_emit(t, GRAPH_CLIP, name, inputs, 3, channels, &n, value);
    }
    return fail(STATUS_UNSUPPORTED, "its activation \"%s\" is none of Relu, Relu6 and Sigmoid",
                name_show(op).text);
}

static status activation(tfjs_translation *t, int id)
{
    const tfjs_node *n = &t->model->nodes[id];
    tfjs_result *r = &t->results[id];
    TRY(tfjs_picture(t, id, 0, r));
    r->shared = 0;
    return tfjs_emit_activation(t, n->op, n->name, r->value, &r->value);
}

status tfjs_relu(tfjs_translation *t, int id)
{
    return activation(t, id);
}

status tfjs_relu6(tfjs_translation *t, int id)
{
    return activation(t, id);
}

status tfjs_sigmoid(tfjs_translation *t, int id)
{
    return activation(t, id);
}

status tfjs_identity(tfjs_translation *t, int id)
{
    const tfjs_node *n = &t->model->nodes[id];
    if (n->input_count != 1) return fail(STATUS_MODEL, "needs one input");
    t->results[id] = t->results[n->inputs[0]];
    t->results[id].shared |= t->model->nodes[n->inputs[0]].readers > 1;
    return STATUS_OK;
}

/* One side of a binary operator. */
typedef struct operand {
    tfjs_result picture;
    const constant *constant; /* NULL: it is a picture */
    int value;
} operand;

static status read_operand(tfjs_translation *t, int id, int index, operand *out)
{
    *out = (operand){.constant = tfjs_constant_input(t, id, index)};
    if (!out->constant) {
        TRY(tfjs_picture(t, id, index, &out->picture));
        out->value = out->picture.value;
        return STATUS_OK;
    }
    const char *name = t->model->nodes[t->model->nodes[id].inputs[index]].name;
    return tfjs_add_operand(t, name, out->constant, &out->value);
}

/* A constant that says the same about every pixel commutes with the split into phases. */
static int same_everywhere(const constant *c)
{
    for (int i = 0; i < c->rank - 1; i++)
        if (c->dims[i] != 1) return 0;
    return 1;
}

static int64_t common_channels(const tfjs_translation *t, const operand *a, const operand *b)
{
    int64_t x = t->g->values[a->value].dims[1], y = GRAPH_UNKNOWN_DIM;
    if (!b->constant)
        y = t->g->values[b->value].dims[1];
    else if (b->constant->rank == 0)
        return x;
    else
        y = b->constant->dims[b->constant->rank - 1];
    return x == y || y == 1 ? x : x == 1 ? y : GRAPH_UNKNOWN_DIM;
}

static status binary(tfjs_translation *t, int id, graph_op op)
{
    const tfjs_node *n = &t->model->nodes[id];
    tfjs_result *r = &t->results[id];
    operand a, b;
    if (n->input_count != 2) return fail(STATUS_MODEL, "needs two inputs");
    TRY(read_operand(t, id, 0, &a));
    TRY(read_operand(t, id, 1, &b));
    if (a.constant && b.constant) return fail(STATUS_UNSUPPORTED, "combines two constants");
    const operand *first = a.constant ? &b : &a, *second = a.constant ? &a : &b;
    int split =
        first->picture.sandwich >= 0 || (!second->constant && second->picture.sandwich >= 0);
    if (split && (!second->constant || !same_everywhere(second->constant)))
        return fail(STATUS_UNSUPPORTED,
                    "combines pictures between SpaceToBatchND and BatchToSpaceND");
    int same_size = second->constant || first->picture.origin == second->picture.origin;
    *r = (tfjs_result){.origin = same_size ? first->picture.origin : id,
                       .sandwich = first->picture.sandwich};
    int inputs[2] = {a.value, b.value};
    node *made;
    return tfjs_emit(t, op, n->name, inputs, 2, common_channels(t, first, second), &made,
                     &r->value);
}

status tfjs_add(tfjs_translation *t, int id)
{
    return binary(t, id, GRAPH_ADD);
}

status tfjs_sub(tfjs_translation *t, int id)
{
    return binary(t, id, GRAPH_SUB);
}

status tfjs_mul(tfjs_translation *t, int id)
{
    return binary(t, id, GRAPH_MUL);
}

status tfjs_div(tfjs_translation *t, int id)
{
    return binary(t, id, GRAPH_DIV);
}

status tfjs_emit_batch_norm(tfjs_translation *t, int id, int first, const char *name, int x,
                            int *value)
{
    const tfjs_node *n = &t->model->nodes[id];
    double epsilon = 0.0001; /* TensorFlow's default */
    TRY(tfjs_attr_real(n->attr, "epsilon", &epsilon));
    if (!(epsilon >= 0)) return fail(STATUS_MODEL, "its epsilon is negative");
    int inputs[5] = {x};
    int64_t channels = t->g->values[x].dims[1];
    for (int i = 0; i < 4; i++) {
        const constant *c = NULL;
        TRY(tfjs_channels_input(t, id, first + i, channels, &c));
        channels = c->count;
        const char *list = t->model->nodes[n->inputs[first + i]].name;
        TRY(tfjs_add_list(t, list, c, &inputs[i + 1]));
    }
    node *made;
    TRY(tfjs_emit(t, GRAPH_BATCH_NORMALIZATION, name, inputs, 5, channels, &made, value));
    made->as.epsilon = epsilon;
    return STATUS_OK;
}

status tfjs_batch_norm(tfjs_translation *t, int id)
{
    tfjs_result *r = &t->results[id];
    TRY(tfjs_check_format(t->model->nodes[id].attr));
    TRY(tfjs_picture(t, id, 0, r));
    r->shared = 0;
    return tfjs_emit_batch_norm(t, id, 1, t->model->nodes[id].name, r->value, &r->value);
}
