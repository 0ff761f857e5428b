/* ONNX models made in a test, through protobuf-c.
 *
 *   onnx_builder *b = onnx_builder_new(13);
 *   onnx_build_input(b, "x", 4, (int64_t[]){1, 3, 8, 8});
 *   Onnx__NodeProto *n = onnx_build_node(b, "Transpose", "x", "y");
 *   onnx_build_ints(b, n, "perm", 4, (int64_t[]){0, 2, 3, 1});
 *   onnx_build_output(b, "y");
 *   size_t size = onnx_build_pack(b, &bytes);        bytes: release with free()
 *   onnx_builder_free(&b);
 *
 * Lists of names are written "x,w,,b". Everything belongs to the builder's pool.
 */
#ifndef POSENET_TESTS_ONNX_BUILDER_H
#define POSENET_TESTS_ONNX_BUILDER_H

#include <onnx.pb-c.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/pool.h"

typedef struct onnx_builder {
    pool *p;
    Onnx__ModelProto model;
    Onnx__GraphProto graph;
    Onnx__OperatorSetIdProto opset;
    Onnx__OperatorSetIdProto *opsets[1];
} onnx_builder;

/* Tests have no use for a missing byte: they stop. */
static inline void *build_array(onnx_builder *b, size_t count, size_t size)
{
    void *array = pool_array(b->p, count, size);
    if (!array) abort();
    return array;
}

static inline char *build_text(onnx_builder *b, const char *text)
{
    char *copy = pool_text(b->p, text, strlen(text));
    if (!copy) abort();
    return copy;
}

/* Appends to a protobuf-c list; its room doubles, so a million elements are no trouble. */
static inline void build_append(onnx_builder *b, size_t *count, void ***list, void *element)
{
    if ((*count & (*count - 1)) == 0) {
        void **larger = build_array(b, *count ? 2 * *count : 1, sizeof *larger);
        if (*count) memcpy(larger, *list, *count * sizeof *larger);
        *list = larger;
    }
    (*list)[(*count)++] = element;
}

static inline onnx_builder *onnx_builder_new(int64_t opset)
{
    onnx_builder *b = calloc(1, sizeof *b);
    if (!b || pool_new(&b->p) != STATUS_OK) abort();
    onnx__model_proto__init(&b->model);
    onnx__graph_proto__init(&b->graph);
    onnx__operator_set_id_proto__init(&b->opset);
    b->opset.has_version = 1;
    b->opset.version = opset;
    b->opsets[0] = &b->opset;
    b->model.has_ir_version = 1;
    b->model.ir_version = 8;
    b->model.n_opset_import = 1;
    b->model.opset_import = b->opsets;
    b->model.graph = &b->graph;
    return b;
}

static inline void onnx_builder_free(onnx_builder **b)
{
    pool_free(&(*b)->p);
    free(*b);
    *b = NULL;
}

/* ---- tensors --------------------------------------------------------------------------------- */

static inline Onnx__TensorProto *onnx_build_tensor(onnx_builder *b, const char *name, int32_t type,
                                                   int rank, const int64_t *dims)
{
    Onnx__TensorProto *t = build_array(b, 1, sizeof *t);
    onnx__tensor_proto__init(t);
    t->name = build_text(b, name);
    t->has_data_type = 1;
    t->data_type = type;
    t->n_dims = (size_t)rank;
    t->dims = build_array(b, (size_t)rank, sizeof *t->dims);
    if (rank) memcpy(t->dims, dims, (size_t)rank * sizeof *t->dims);
    return t;
}

static inline void onnx_build_raw(onnx_builder *b, Onnx__TensorProto *t, const void *data,
                                  size_t bytes)
{
    t->has_raw_data = 1;
    t->raw_data.len = bytes;
    t->raw_data.data = build_array(b, bytes, 1);
    if (bytes && data) memcpy(t->raw_data.data, data, bytes);
}

static inline Onnx__TensorProto *onnx_build_initializer(onnx_builder *b, Onnx__TensorProto *t)
{
    build_append(b, &b->graph.n_initializer, (void ***)&b->graph.initializer, t);
    return t;
}

/* A float constant with raw data; `data` NULL: zeros. */
static inline Onnx__TensorProto *onnx_build_floats(onnx_builder *b, const char *name, int rank,
                                                   const int64_t *dims, const float *data)
{
    size_t count = 1;
    for (int i = 0; i < rank; i++) count *= (size_t)dims[i];
    Onnx__TensorProto *t =
        onnx_build_tensor(b, name, ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT, rank, dims);
    onnx_build_raw(b, t, data, count * sizeof *data);
    return onnx_build_initializer(b, t);
}

/* An int64 constant of rank 1 with raw data. */
static inline Onnx__TensorProto *onnx_build_integers(onnx_builder *b, const char *name,
                                                     int64_t count, const int64_t *data)
{
    Onnx__TensorProto *t =
        onnx_build_tensor(b, name, ONNX__TENSOR_PROTO__DATA_TYPE__INT64, 1, &count);
    onnx_build_raw(b, t, data, (size_t)count * sizeof *data);
    return onnx_build_initializer(b, t);
}

static inline void onnx_build_external(onnx_builder *b, Onnx__TensorProto *t, const char *key,
                                       const char *value)
{
    Onnx__StringStringEntryProto *e = build_array(b, 1, sizeof *e);
    onnx__string_string_entry_proto__init(e);
    e->key = build_text(b, key);
    e->value = build_text(b, value);
    t->has_data_location = 1;
    t->data_location = ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL;
    build_append(b, &t->n_external_data, (void ***)&t->external_data, e);
}

/* ---- inputs and outputs ---------------------------------------------------------------------- */

static inline Onnx__ValueInfoProto *build_info(onnx_builder *b, const char *name)
{
    Onnx__ValueInfoProto *info = build_array(b, 1, sizeof *info);
    onnx__value_info_proto__init(info);
    info->name = build_text(b, name);
    return info;
}

/* A dim of INT64_MIN is a dim_param. */
static inline Onnx__ValueInfoProto *onnx_build_typed_input(onnx_builder *b, const char *name,
                                                           int32_t type, int rank,
                                                           const int64_t *dims)
{
    Onnx__ValueInfoProto *info = build_info(b, name);
    info->type = build_array(b, 1, sizeof *info->type);
    onnx__type_proto__init(info->type);
    Onnx__TypeProto__Tensor *tensor = build_array(b, 1, sizeof *tensor);
    onnx__type_proto__tensor__init(tensor);
    info->type->value_case = ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
    info->type->tensor_type = tensor;
    tensor->has_elem_type = 1;
    tensor->elem_type = type;
    tensor->shape = build_array(b, 1, sizeof *tensor->shape);
    onnx__tensor_shape_proto__init(tensor->shape);
    for (int i = 0; i < rank; i++) {
        Onnx__TensorShapeProto__Dimension *d = build_array(b, 1, sizeof *d);
        onnx__tensor_shape_proto__dimension__init(d);
        if (dims[i] == INT64_MIN) {
            d->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM;
            d->dim_param = build_text(b, "any");
        } else {
            d->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
            d->dim_value = dims[i];
        }
        build_append(b, &tensor->shape->n_dim, (void ***)&tensor->shape->dim, d);
    }
    build_append(b, &b->graph.n_input, (void ***)&b->graph.input, info);
    return info;
}

static inline void onnx_build_input(onnx_builder *b, const char *name, int rank,
                                    const int64_t *dims)
{
    onnx_build_typed_input(b, name, ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT, rank, dims);
}

static inline void onnx_build_output(onnx_builder *b, const char *name)
{
    build_append(b, &b->graph.n_output, (void ***)&b->graph.output, build_info(b, name));
}

/* ---- nodes ----------------------------------------------------------------------------------- */

static inline void build_names(onnx_builder *b, const char *names, size_t *count, char ***list)
{
    char *rest = build_text(b, names);
    for (char *name = rest; rest; name = rest) {
        rest = strchr(name, ',');
        if (rest) *rest++ = '\0';
        build_append(b, count, (void ***)list, name);
    }
}

/* Named as its first output with "_node" behind. */
static inline Onnx__NodeProto *onnx_build_node(onnx_builder *b, const char *op, const char *inputs,
                                               const char *outputs)
{
    Onnx__NodeProto *n = build_array(b, 1, sizeof *n);
    onnx__node_proto__init(n);
    n->op_type = build_text(b, op);
    if (*inputs) build_names(b, inputs, &n->n_input, &n->input);
    build_names(b, outputs, &n->n_output, &n->output);
    n->name = pool_format(b->p, "%s_node", n->output[0]);
    if (!n->name) abort();
    build_append(b, &b->graph.n_node, (void ***)&b->graph.node, n);
    return n;
}

static inline Onnx__AttributeProto *onnx_build_attribute(onnx_builder *b, Onnx__NodeProto *n,
                                                         const char *name, int type)
{
    Onnx__AttributeProto *a = build_array(b, 1, sizeof *a);
    onnx__attribute_proto__init(a);
    a->name = build_text(b, name);
    a->has_type = 1;
    a->type = (Onnx__AttributeProto__AttributeType)type;
    build_append(b, &n->n_attribute, (void ***)&n->attribute, a);
    return a;
}

static inline void onnx_build_int(onnx_builder *b, Onnx__NodeProto *n, const char *name,
                                  int64_t number)
{
    Onnx__AttributeProto *a =
        onnx_build_attribute(b, n, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT);
    a->has_i = 1;
    a->i = number;
}

static inline void onnx_build_float(onnx_builder *b, Onnx__NodeProto *n, const char *name,
                                    float number)
{
    Onnx__AttributeProto *a =
        onnx_build_attribute(b, n, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT);
    a->has_f = 1;
    a->f = number;
}

static inline void onnx_build_string(onnx_builder *b, Onnx__NodeProto *n, const char *name,
                                     const char *text)
{
    Onnx__AttributeProto *a =
        onnx_build_attribute(b, n, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING);
    a->has_s = 1;
    a->s.len = strlen(text);
    a->s.data = (uint8_t *)build_text(b, text);
}

static inline void onnx_build_ints(onnx_builder *b, Onnx__NodeProto *n, const char *name,
                                   size_t count, const int64_t *list)
{
    Onnx__AttributeProto *a =
        onnx_build_attribute(b, n, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS);
    a->n_ints = count;
    a->ints = build_array(b, count, sizeof *list);
    if (count) memcpy(a->ints, list, count * sizeof *list);
}

static inline void onnx_build_float_list(onnx_builder *b, Onnx__NodeProto *n, const char *name,
                                         size_t count, const float *list)
{
    Onnx__AttributeProto *a =
        onnx_build_attribute(b, n, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOATS);
    a->n_floats = count;
    a->floats = build_array(b, count, sizeof *list);
    if (count) memcpy(a->floats, list, count * sizeof *list);
}

static inline void onnx_build_tensor_attribute(onnx_builder *b, Onnx__NodeProto *n,
                                               const char *name, Onnx__TensorProto *t)
{
    onnx_build_attribute(b, n, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSOR)->t = t;
}

/* ---- bytes ----------------------------------------------------------------------------------- */

static inline size_t onnx_build_pack(onnx_builder *b, unsigned char **bytes)
{
    size_t size = onnx__model_proto__get_packed_size(&b->model);
    *bytes = malloc(size ? size : 1);
    if (!*bytes) abort();
    return onnx__model_proto__pack(&b->model, *bytes);
}

#endif
