/* Reads ONNX: bytes -> protobuf-c's structures (onnx_message) -> constants (onnx_tensor), nodes
 * (operators) and, here, the graph that joins them. */
#include <stdlib.h>
#include <string.h>

#include "loader/file_read.h"
#include "loader/name_table.h"
#include "loader/names.h"
#include "loader/onnx/constant.h"
#include "loader/onnx/operators.h"

enum { OPSET_OLDEST = 7, OPSET_NEWEST = 28 };

typedef struct reader {
    graph *g;
    onnx_message message;
    onnx_data data;
    name_table values; /* name -> value; the names are the message's */
    int opset;
    node_draft draft; /* of the node at hand: large, so it is made once */
} reader;

static const char *text_of(const char *text)
{
    return text ? text : "";
}

/* ---- the model as a whole -------------------------------------------------------------------- */

static int is_onnx_domain(const char *domain)
{
    return !domain || !*domain || strcmp(domain, "ai.onnx") == 0;
}

static status find_opset(reader *r)
{
    const Onnx__ModelProto *m = r->message.model;
    int64_t opset = 0;
    for (size_t i = 0; i < m->n_opset_import; i++) {
        const Onnx__OperatorSetIdProto *import = m->opset_import[i];
        if (!is_onnx_domain(import->domain)) continue;
        if (opset && opset != import->version)
            return fail(STATUS_MODEL, "%s: names two ONNX opsets, %lld and %lld", r->g->source,
                        (long long)opset, (long long)import->version);
        opset = import->version;
    }
    if (opset == 0)
        return fail(STATUS_MODEL, "%s: is no ONNX model: it names no ONNX opset", r->g->source);
    if (opset < OPSET_OLDEST || opset > OPSET_NEWEST)
        return fail(STATUS_UNSUPPORTED, "%s: ONNX opset %lld is not supported, %d to %d are",
                    r->g->source, (long long)opset, OPSET_OLDEST, OPSET_NEWEST);
    r->opset = r->g->opset = (int)opset;
    return STATUS_OK;
}

static status check_model(const reader *r)
{
    const Onnx__GraphProto *g = r->message.model->graph;
    if (!g) return fail(STATUS_MODEL, "%s: is no ONNX model: it holds no graph", r->g->source);
    if (g->n_sparse_initializer)
        return fail(STATUS_UNSUPPORTED, "%s: sparse constants are not supported", r->g->source);
    if (g->n_output == 0) return fail(STATUS_MODEL, "%s: has no outputs", r->g->source);
    return STATUS_OK;
}

/* ---- values ---------------------------------------------------------------------------------- */

/* The value of that name, made when it is met first; "" is an optional one left out. */
static status value_named(reader *r, const char *name, int *id)
{
    *id = GRAPH_ABSENT;
    if (!name || !*name) return STATUS_OK;
    *id = name_table_find(&r->values, name, GRAPH_ABSENT);
    if (*id != GRAPH_ABSENT) return STATUS_OK;
    TRY(graph_add_value(r->g, name, ELEMENT_REAL, id));
    return name_table_add(&r->values, name, *id);
}

/* Refuses a name that is empty or already has a value; `what` says whose name it is. */
static status check_new(const reader *r, const char *what, const char *name)
{
    if (!name || !*name) return fail(STATUS_MODEL, "%s: %s has no name", r->g->source, what);
    if (name_table_find(&r->values, name, GRAPH_ABSENT) != GRAPH_ABSENT)
        return fail(STATUS_MODEL, "%s: %s \"%s\": there are two values of that name", r->g->source,
                    what, name_show(name).text);
    return STATUS_OK;
}

static status add_constant(reader *r, const char *name, const constant *c)
{
    int id;
    TRY(graph_add_constant(r->g, name, c, &id));
    return name_table_add(&r->values, name, id);
}

static status read_initializers(reader *r)
{
    const Onnx__GraphProto *g = r->message.model->graph;
    for (size_t i = 0; i < g->n_initializer; i++) {
        Onnx__TensorProto *t = g->initializer[i];
        constant c;
        TRY(check_new(r, "a constant", t->name));
        status s = onnx_tensor_read(&r->data, t, r->g->pool, name_show(t->name).text, &c);
        if (s != STATUS_OK) return fail(s, "%s: constant %s", r->g->source, fail_text());
        TRY(add_constant(r, t->name, &c));
    }
    return STATUS_OK;
}

/* The dims that the file declares for an input, those it leaves open as GRAPH_UNKNOWN_DIM. */
static status read_shape_of(const reader *r, const char *name, const Onnx__TensorShapeProto *shape,
                            value *v)
{
    int64_t known[GRAPH_MAX_RANK] = {0};
    int64_t count;
    if (!shape) return STATUS_OK;
    if (shape->n_dim > GRAPH_MAX_RANK)
        return fail(STATUS_UNSUPPORTED, "%s: input \"%s\" has %zu dimensions, more than %d",
                    r->g->source, name_show(name).text, shape->n_dim, GRAPH_MAX_RANK);
    v->rank = (int)shape->n_dim;
    for (int i = 0; i < v->rank; i++) {
        const Onnx__TensorShapeProto__Dimension *d = shape->dim[i];
        /* Some exporters, Paddle's among them, write -1 for a dim that they leave open. */
        int given = d->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE &&
                    d->dim_value != -1;
        v->dims[i] = given ? d->dim_value : GRAPH_UNKNOWN_DIM;
        known[i] = given ? d->dim_value : 1;
    }
    status s = graph_element_count(known, v->rank, name_show(name).text, &count);
    return s == STATUS_OK ? s : fail(s, "%s: input %s", r->g->source, fail_text());
}

/* Files of IR version 3 list every constant among the inputs, too. */
static status check_default(const reader *r, const value *declared, const value *v)
{
    int same = declared->type == v->type;
    if (declared->rank != GRAPH_UNKNOWN_RANK) same &= declared->rank == v->rank;
    for (int i = 0; same && i < declared->rank; i++)
        same &= declared->dims[i] == GRAPH_UNKNOWN_DIM || declared->dims[i] == v->dims[i];
    if (same) return STATUS_OK;
    return fail(STATUS_MODEL, "%s: constant \"%s\": its type or dims differ from the input's",
                r->g->source, name_show(v->name).text);
}

static status read_input(reader *r, const Onnx__ValueInfoProto *info)
{
    const char *name = text_of(info->name);
    const Onnx__TypeProto *type = info->type;
    if (!type || type->value_case != ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE)
        return fail(STATUS_UNSUPPORTED, "%s: input \"%s\" is no tensor", r->g->source,
                    name_show(name).text);
    value declared = {.rank = GRAPH_UNKNOWN_RANK};
    status s = onnx_element(type->tensor_type->elem_type, name_show(name).text, &declared.type);
    if (s != STATUS_OK) return fail(s, "%s: input %s", r->g->source, fail_text());
    declared.holds_bytes = onnx_holds_bytes(type->tensor_type->elem_type);
    TRY(read_shape_of(r, name, type->tensor_type->shape, &declared));

    int id = name_table_find(&r->values, name, GRAPH_ABSENT);
    if (id != GRAPH_ABSENT && r->g->values[id].constant)
        return check_default(r, &declared, &r->g->values[id]);
    TRY(check_new(r, "input", name));
    TRY(value_named(r, name, &id));
    value *v = &r->g->values[id];
    v->type = declared.type;
    v->holds_bytes = declared.holds_bytes;
    v->rank = declared.rank;
    memcpy(v->dims, declared.dims, sizeof v->dims);
    return graph_add_input(r->g, id);
}

static status read_inputs(reader *r)
{
    const Onnx__GraphProto *g = r->message.model->graph;
    for (size_t i = 0; i < g->n_input; i++) TRY(read_input(r, g->input[i]));
    return STATUS_OK;
}

static status read_outputs(reader *r)
{
    const Onnx__GraphProto *g = r->message.model->graph;
    for (size_t i = 0; i < g->n_output; i++) {
        const char *name = text_of(g->output[i]->name);
        int id = name_table_find(&r->values, name, GRAPH_ABSENT);
        if (id == GRAPH_ABSENT)
            return fail(STATUS_MODEL, "%s: nothing makes the network's output \"%s\"", r->g->source,
                        name_show(name).text);
        TRY(graph_add_output(r->g, id));
    }
    return STATUS_OK;
}

/* ---- nodes ----------------------------------------------------------------------------------- */

static node_place place_of(const reader *r, const Onnx__NodeProto *n)
{
    const char *name = n->name && *n->name ? n->name : n->n_output ? text_of(n->output[0]) : "";
    return (node_place){r->g->source, name, text_of(n->op_type), r->opset};
}

static int is_constant(const Onnx__NodeProto *n)
{
    return n->op_type && strcmp(n->op_type, "Constant") == 0 && is_onnx_domain(n->domain);
}

/* Constant nodes come first: what they make must be known where a node's form depends on it. */
static status read_constants(reader *r)
{
    const Onnx__GraphProto *g = r->message.model->graph;
    for (size_t i = 0; i < g->n_node; i++) {
        const Onnx__NodeProto *n = g->node[i];
        if (!is_constant(n)) continue;
        node_place place = place_of(r, n);
        constant c;
        if (n->n_input != 0 || n->n_output != 1)
            return place_fail(&place, STATUS_MODEL, "has %zu inputs and %zu outputs, not 0 and 1",
                              n->n_input, n->n_output);
        TRY(check_new(r, "a Constant node's output", n->output[0]));
        TRY(onnx_constant_read(&r->data, &place, n, r->g->pool, &c));
        TRY(add_constant(r, n->output[0], &c));
    }
    return STATUS_OK;
}

static status read_lists(reader *r, const Onnx__NodeProto *n)
{
    node_draft *d = &r->draft;
    if (n->n_input > LIMIT_LIST || n->n_output > LIMIT_LIST)
        return place_fail(&d->place, STATUS_MODEL, "has %zu inputs and %zu outputs, more than %d",
                          n->n_input, n->n_output, LIMIT_LIST);
    d->input_count = (int)n->n_input;
    d->output_count = (int)n->n_output;
    for (int i = 0; i < d->input_count; i++) TRY(value_named(r, n->input[i], &d->inputs[i]));
    for (int i = 0; i < d->output_count; i++) TRY(value_named(r, n->output[i], &d->outputs[i]));
    return STATUS_OK;
}

static status read_node(reader *r, const Onnx__NodeProto *n)
{
    node_draft *d = &r->draft;
    const operator_row *row = NULL;
    node *added;
    d->place = place_of(r, n);
    if (!is_onnx_domain(n->domain))
        return place_fail(&d->place, STATUS_UNSUPPORTED,
                          "operators of the domain \"%s\" are not supported",
                          name_show(n->domain).text);
    TRY(operator_find(&d->place, &row));
    TRY(read_lists(r, n));
    TRY(attributes_begin(&d->attributes, n, &d->place));
    TRY(operator_read(row, d));
    TRY(graph_add_node(r->g, d->made.op, n->name, d->inputs, d->input_count, d->outputs,
                       d->output_count, &added));
    added->as = d->made.as;
    return STATUS_OK;
}

static status read_nodes(reader *r)
{
    const Onnx__GraphProto *g = r->message.model->graph;
    for (size_t i = 0; i < g->n_node; i++)
        if (!is_constant(g->node[i])) TRY(read_node(r, g->node[i]));
    return STATUS_OK;
}

/* ---- reading --------------------------------------------------------------------------------- */

static status build(reader *r)
{
    TRY(check_model(r));
    TRY(find_opset(r));
    TRY(read_initializers(r));
    TRY(read_inputs(r));
    TRY(read_constants(r));
    TRY(read_nodes(r));
    TRY(read_outputs(r));
    TRY(graph_sort(r->g));
    return graph_set_types(r->g);
}

/* The graph of r->message in *out. */
static status build_graph(reader *r, const char *path, const char *source, graph **out)
{
    name_table_begin(&r->values);
    r->data = (onnx_data){.model_path = path, .message = &r->message};
    r->draft.data = &r->data;
    status s = graph_new(&r->g, source);
    if (s == STATUS_OK) {
        r->draft.graph = r->g;
        s = build(r);
    }
    name_table_end(&r->values);
    if (s == STATUS_OK)
        *out = r->g;
    else
        graph_free(&r->g);
    return s;
}

/* Takes `bytes` and frees `owned` (NULL: they are the caller's) as soon as they are unpacked. */
static status read_bytes(const char *path, const char *source, const unsigned char *bytes,
                         size_t size, void *owned, graph **out)
{
    reader *r = heap_array(1, sizeof *r);
    status s = r ? onnx_unpack(bytes, size, &r->message) : STATUS_MEMORY;
    free(owned);
    if (s == STATUS_OK) {
        s = build_graph(r, path, source, out);
        onnx_release(&r->message);
    } else {
        s = fail_in(s, path_show(source).text);
    }
    free(r);
    return s;
}

status onnx_read_file(const char *path, graph **out)
{
    unsigned char *bytes;
    size_t size;
    *out = NULL;
    TRY(file_read(path, LIMIT_FILE_BYTES, &bytes, &size));
    return read_bytes(path, path, bytes, size, bytes, out);
}

status onnx_read_memory(const void *bytes, size_t size, graph **out)
{
    *out = NULL;
    if (!bytes || size == 0) return fail(STATUS_MODEL, "model in memory: is empty");
    if (size > LIMIT_FILE_BYTES)
        return fail(STATUS_MODEL, "model in memory: has %zu bytes, more than %lld", size,
                    (long long)LIMIT_FILE_BYTES);
    return read_bytes(NULL, "model in memory", bytes, size, NULL, out);
}
