/* Reads ONNX's operator tests. */
#include "tests/onnx_operators/case.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loader/file_read.h"

enum { OPSET_OLDEST = 7, OPSET_NEWEST = 28, FILE_MOST = 64 * 1024 * 1024 };

/* ---- files ----------------------------------------------------------------------------------- */

static Onnx__TensorProto *read_tensor(const char *path)
{
    unsigned char *bytes;
    size_t size;
    int64_t known;
    if (file_size(path, &known) != STATUS_OK) return NULL;
    if (known == 0) return onnx__tensor_proto__unpack(NULL, 0, (const uint8_t *)"");
    if (file_read(path, FILE_MOST, &bytes, &size) != STATUS_OK) return NULL;
    Onnx__TensorProto *t = onnx__tensor_proto__unpack(NULL, size, bytes);
    free(bytes);
    return t;
}

static int read_tensors(const char *folder, int set, const char *kind, Onnx__TensorProto **list)
{
    char path[4096];
    int count = 0;
    for (; count < CASE_MAX_TENSORS; count++) {
        snprintf(path, sizeof path, "%s/test_data_set_%d/%s_%d.pb", folder, set, kind, count);
        list[count] = read_tensor(path);
        if (!list[count]) break;
    }
    return count;
}

static status read_model(const char *folder, Onnx__ModelProto **out)
{
    char path[4096];
    unsigned char *bytes;
    size_t size;
    snprintf(path, sizeof path, "%s/model.onnx", folder);
    TRY(file_read(path, FILE_MOST, &bytes, &size));
    *out = onnx__model_proto__unpack(NULL, size, bytes);
    free(bytes);
    if (!*out || !(*out)->graph) return fail(STATUS_MODEL, "%s: is no model", path);
    for (size_t i = 0; i < (*out)->n_opset_import; i++) {
        Onnx__OperatorSetIdProto *import = (*out)->opset_import[i];
        if (import->version > OPSET_NEWEST) import->version = OPSET_NEWEST;
        if (import->version == OPSET_OLDEST - 1) import->version = OPSET_OLDEST;
    }
    return STATUS_OK;
}

/* Packs and reads what a test put together. */
static status read_packed(const Onnx__ModelProto *model, graph **out)
{
    unsigned char *bytes = malloc(onnx__model_proto__get_packed_size(model) + 1);
    if (!bytes) return fail(STATUS_MEMORY, "out of memory");
    size_t size = onnx__model_proto__pack(model, bytes);
    status s = onnx_read_memory(bytes, size, out);
    free(bytes);
    return s;
}

/* ---- data ------------------------------------------------------------------------------------ */

/* The tensors as a model without nodes, so that the loader reads their elements. */
static status read_data(operator_case *c)
{
    Onnx__ModelProto model = ONNX__MODEL_PROTO__INIT;
    Onnx__GraphProto g = ONNX__GRAPH_PROTO__INIT;
    Onnx__OperatorSetIdProto opset = ONNX__OPERATOR_SET_ID_PROTO__INIT;
    Onnx__OperatorSetIdProto *opsets[] = {&opset};
    Onnx__TensorProto tensors[2 * CASE_MAX_TENSORS], *list[2 * CASE_MAX_TENSORS];
    Onnx__ValueInfoProto infos[2 * CASE_MAX_TENSORS], *outputs[2 * CASE_MAX_TENSORS];
    char names[2 * CASE_MAX_TENSORS][24];
    int count = c->input_count + c->output_count;
    for (int i = 0; i < count; i++) {
        int input = i < c->input_count;
        snprintf(names[i], sizeof names[i], "%s_%d", input ? "input" : "output",
                 input ? i : i - c->input_count);
        tensors[i] = input ? *c->inputs[i] : *c->outputs[i - c->input_count];
        tensors[i].name = names[i];
        list[i] = &tensors[i];
        onnx__value_info_proto__init(&infos[i]);
        infos[i].name = names[i];
        outputs[i] = &infos[i];
    }
    opset.has_version = 1;
    opset.version = OPSET_NEWEST;
    model.n_opset_import = 1;
    model.opset_import = opsets;
    model.graph = &g;
    g.n_initializer = g.n_output = (size_t)count;
    g.initializer = list;
    g.output = outputs;
    return read_packed(&model, &c->data);
}

const constant *case_input(const operator_case *c, int i)
{
    return c->data->values[c->data->outputs[i]].constant;
}

const constant *case_output(const operator_case *c, int i)
{
    return c->data->values[c->data->outputs[c->input_count + i]].constant;
}

static int has_initializer(const Onnx__GraphProto *g, const char *name)
{
    for (size_t i = 0; i < g->n_initializer; i++)
        if (strcmp(g->initializer[i]->name, name) == 0) return 1;
    return 0;
}

/* The data belong, in order, to the inputs without an initialiser. */
static status name_inputs(operator_case *c)
{
    const Onnx__GraphProto *g = c->model->graph;
    int count = 0;
    for (size_t i = 0; i < g->n_input; i++) {
        if (has_initializer(g, g->input[i]->name)) continue;
        if (count == CASE_MAX_TENSORS) break;
        c->names[count++] = g->input[i]->name;
    }
    if (count == c->input_count) return STATUS_OK;
    return fail(STATUS_MODEL, "the model has %d inputs, the data %d", count, c->input_count);
}

/* ---- integers as floats ---------------------------------------------------------------------- */

static status make_real(Onnx__TensorProto *t, const constant *c)
{
    float *reals = malloc((size_t)c->count * sizeof *reals + 1);
    if (!reals) return fail(STATUS_MEMORY, "out of memory");
    for (int64_t i = 0; i < c->count; i++) reals[i] = (float)c->integers[i];
    free(t->raw_data.data);
    t->has_raw_data = 0;
    t->raw_data = (ProtobufCBinaryData){0};
    t->n_float_data = (size_t)c->count;
    t->float_data = reals;
    t->data_type = ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT;
    return STATUS_OK;
}

/* The number of the input that the node takes as its input `at`, or -1. */
static int data_of(const operator_case *c, const Onnx__NodeProto *n, size_t at)
{
    for (int i = 0; i < c->input_count; i++)
        if (at < n->n_input && strcmp(c->names[i], n->input[at]) == 0) return i;
    return -1;
}

static status make_all_real(operator_case *c)
{
    const Onnx__GraphProto *g = c->model->graph;
    const Onnx__NodeProto *n = g->n_node == 1 ? g->node[0] : NULL;
    if (!n || (strcmp(n->op_type, "Pad") != 0 && strcmp(n->op_type, "MaxPool") != 0))
        return STATUS_OK;
    for (size_t at = 0; at <= 2; at += 2) { /* the data, and Pad's value */
        int i = data_of(c, n, at);
        if (i < 0 || case_input(c, i)->type == ELEMENT_REAL) continue;
        TRY(make_real(c->inputs[i], case_input(c, i)));
        g->input[i]->type->tensor_type->elem_type = ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT;
    }
    if (case_output(c, 0)->type == ELEMENT_REAL) return STATUS_OK;
    return make_real(c->outputs[0], case_output(c, 0));
}

static status read_data_again(operator_case *c)
{
    graph_free(&c->data);
    return read_data(c);
}

status case_read(const char *folder, int set, operator_case *out)
{
    *out = (operator_case){0};
    out->output_count = read_tensors(folder, set, "output", out->outputs);
    if (out->output_count == 0) return fail(STATUS_FILE, "%s: has no outputs", folder);
    out->input_count = read_tensors(folder, set, "input", out->inputs);
    status s = read_model(folder, &out->model);
    if (s == STATUS_OK) s = name_inputs(out);
    if (s == STATUS_OK) s = read_data(out);
    if (s == STATUS_OK) s = make_all_real(out);
    if (s == STATUS_OK) s = read_data_again(out);
    if (s != STATUS_OK) case_free(out);
    return s;
}

void case_free(operator_case *c)
{
    for (int i = 0; i < c->input_count; i++) onnx__tensor_proto__free_unpacked(c->inputs[i], NULL);
    for (int i = 0; i < c->output_count; i++)
        onnx__tensor_proto__free_unpacked(c->outputs[i], NULL);
    if (c->model) onnx__model_proto__free_unpacked(c->model, NULL);
    graph_free(&c->data);
    *c = (operator_case){0};
}

/* ---- the model ------------------------------------------------------------------------------- */

/* Operators that take what flows through the network at every input. */
static int all_flow(const char *op)
{
    static const char *const names[] = {"Add", "Concat", "Div", "Max", "Min", "Mul", "Sub"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(op, names[i]) == 0) return 1;
    return 0;
}

static int is_parameter(const Onnx__GraphProto *g, const char *name)
{
    for (size_t i = 0; i < g->n_node; i++)
        for (size_t k = 1; k < g->node[i]->n_input; k++)
            if (strcmp(g->node[i]->input[k], name) == 0 && !all_flow(g->node[i]->op_type)) return 1;
    return 0;
}

status case_graph(const operator_case *c, int all_constant, graph **out)
{
    Onnx__GraphProto g = *c->model->graph;
    Onnx__ModelProto model = *c->model;
    Onnx__TensorProto named[CASE_MAX_TENSORS], *list[2 * CASE_MAX_TENSORS];
    if (g.n_initializer > CASE_MAX_TENSORS)
        return fail(STATUS_MODEL, "the model has %zu initialisers", g.n_initializer);
    if (g.n_initializer) memcpy(list, g.initializer, g.n_initializer * sizeof *list);
    g.initializer = list;
    for (int i = 0; i < c->input_count; i++) {
        int real = case_input(c, i)->type == ELEMENT_REAL;
        if (real && !all_constant && !is_parameter(&g, c->names[i])) continue;
        named[i] = *c->inputs[i];
        named[i].name = (char *)(uintptr_t)c->names[i];
        list[g.n_initializer++] = &named[i];
    }
    model.graph = &g;
    return read_packed(&model, out);
}
