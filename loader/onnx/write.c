/* Graphs as ONNX files. */
#include "loader/onnx/write.h"

#include <stdlib.h>
#include <string.h>

#include "loader/file_write.h"
#include "loader/limits.h"
#include "loader/names.h"
#include "loader/onnx/write_node.h"
#include "loader/value_names.h"

enum { TYPE_FLOAT = 1, TYPE_INT64 = 7 }; /* ONNX's numbers of element types */

/* The IR that came with each opset, from 8 on. */
static const int ir_versions[] = {3, 4, 5, 6, 7, 7, 7, 8, 8, 8, 8, 9, 9, 10};

static int element_number(element type)
{
    return type == ELEMENT_REAL ? TYPE_FLOAT : TYPE_INT64;
}

/* Bytes of a constant in the order that raw_data has: little endian, as the host's are here. */
status onnx_write_tensor(onnx_writer *w, const constant *c, const char *name,
                         Onnx__TensorProto *out)
{
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "raw_data is little endian: swap the bytes of weights here"
#endif
    onnx__tensor_proto__init(out);
    out->name = (char *)name;
    out->has_data_type = 1;
    out->data_type = element_number(c->type);
    out->n_dims = (size_t)c->rank;
    out->dims = pool_array(w->pool, out->n_dims, sizeof *out->dims);
    if (!out->dims) return STATUS_MEMORY;
    if (c->rank) memcpy(out->dims, c->dims, out->n_dims * sizeof *out->dims);
    out->has_raw_data = 1;
    out->raw_data.len =
        (size_t)c->count * (c->type == ELEMENT_REAL ? sizeof(float) : sizeof(int64_t));
    out->raw_data.data =
        c->type == ELEMENT_REAL ? (uint8_t *)(void *)c->reals : (uint8_t *)(void *)c->integers;
    return STATUS_OK;
}

/* The name of a dimension that the file does not know; equal names promise equal sizes, so only
 * the batch is shared, and an input's sides have the names that everyone gives them. */
static char *dim_name(onnx_writer *w, int id, int axis, int is_input)
{
    const onnx_shape *v = &w->shapes[id];
    if (axis == 0) return "batch";
    if (is_input && v->rank == 4) {
        int channels_last = v->dims[3] >= 1 && v->dims[3] <= 4;
        int side = axis - (channels_last ? 1 : 2);
        if (side == 0) return "height";
        if (side == 1) return "width";
    }
    return pool_format(w->pool, "%s_dim_%d", w->names[id], axis);
}

static status describe_shape(onnx_writer *w, int id, int is_input, Onnx__TensorShapeProto *shape)
{
    const onnx_shape *v = &w->shapes[id];
    onnx__tensor_shape_proto__init(shape);
    shape->n_dim = (size_t)v->rank;
    shape->dim = pool_array(w->pool, shape->n_dim, sizeof *shape->dim);
    Onnx__TensorShapeProto__Dimension *dims = pool_array(w->pool, shape->n_dim, sizeof *dims);
    if (!shape->dim || !dims) return STATUS_MEMORY;
    for (int i = 0; i < v->rank; i++) {
        onnx__tensor_shape_proto__dimension__init(&dims[i]);
        shape->dim[i] = &dims[i];
        if (v->dims[i] >= 0) {
            dims[i].value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
            dims[i].dim_value = v->dims[i];
            continue;
        }
        dims[i].value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM;
        dims[i].dim_param = dim_name(w, id, i, is_input);
        if (!dims[i].dim_param) return STATUS_MEMORY;
    }
    return STATUS_OK;
}

static status describe_value(onnx_writer *w, int id, int is_input, Onnx__ValueInfoProto **out)
{
    const value *v = &w->g->values[id];
    if (w->shapes[id].rank < 0)
        return fail(STATUS_UNSUPPORTED, "\"%s\" has no known rank, which ONNX asks for",
                    name_show(v->name).text);
    Onnx__ValueInfoProto *info = pool_array(w->pool, 1, sizeof *info);
    Onnx__TypeProto *type = pool_array(w->pool, 1, sizeof *type);
    Onnx__TypeProto__Tensor *tensor = pool_array(w->pool, 1, sizeof *tensor);
    Onnx__TensorShapeProto *shape = pool_array(w->pool, 1, sizeof *shape);
    if (!info || !type || !tensor || !shape) return STATUS_MEMORY;
    onnx__value_info_proto__init(info);
    onnx__type_proto__init(type);
    onnx__type_proto__tensor__init(tensor);
    info->name = (char *)w->names[id];
    info->type = type;
    type->value_case = ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
    type->tensor_type = tensor;
    tensor->has_elem_type = 1;
    tensor->elem_type = element_number(v->type);
    tensor->shape = shape;
    *out = info;
    return describe_shape(w, id, is_input, shape);
}

static status write_nodes(onnx_writer *w, Onnx__GraphProto *out)
{
    out->n_node = w->g->node_count;
    out->node = pool_array(w->pool, out->n_node, sizeof *out->node);
    Onnx__NodeProto *nodes = pool_array(w->pool, out->n_node, sizeof *nodes);
    if (!out->node || !nodes) return STATUS_MEMORY;
    for (size_t i = 0; i < out->n_node; i++) {
        out->node[i] = &nodes[i];
        TRY(onnx_write_node(w, &w->g->nodes[i], &nodes[i]));
    }
    for (size_t i = 0; i < w->g->output_count; i++)
        if (w->g->values[w->g->outputs[i]].constant) w->initializer[w->g->outputs[i]] = 1;
    return STATUS_OK;
}

static status write_initializers(onnx_writer *w, Onnx__GraphProto *out)
{
    const graph *g = w->g;
    size_t count = 0;
    for (size_t i = 0; i < g->value_count; i++) count += w->initializer[i];
    out->initializer = pool_array(w->pool, count, sizeof *out->initializer);
    Onnx__TensorProto *tensors = pool_array(w->pool, count, sizeof *tensors);
    if (!out->initializer || !tensors) return STATUS_MEMORY;
    for (size_t i = 0; i < g->value_count; i++) {
        if (!w->initializer[i]) continue;
        Onnx__TensorProto *t = &tensors[out->n_initializer];
        TRY(onnx_write_tensor(w, g->values[i].constant, w->names[i], t));
        out->initializer[out->n_initializer++] = t;
    }
    return STATUS_OK;
}

/* Before IR 4, that is, opset 9, initialisers must be among the inputs too. */
static status write_edges(onnx_writer *w, int ir_version, Onnx__GraphProto *out)
{
    const graph *g = w->g;
    size_t room = g->input_count + (ir_version < 4 ? out->n_initializer : 0);
    out->input = pool_array(w->pool, room, sizeof *out->input);
    out->output = pool_array(w->pool, g->output_count, sizeof *out->output);
    if (!out->input || !out->output) return STATUS_MEMORY;
    for (size_t i = 0; i < g->input_count; i++)
        TRY(describe_value(w, g->inputs[i], 1, &out->input[out->n_input++]));
    for (size_t i = 0; ir_version < 4 && i < g->value_count; i++)
        if (w->initializer[i]) TRY(describe_value(w, (int)i, 0, &out->input[out->n_input++]));
    for (size_t i = 0; i < g->output_count; i++)
        TRY(describe_value(w, g->outputs[i], 0, &out->output[out->n_output++]));
    return STATUS_OK;
}

/* protobuf-c's way out: a buffer that hands everything on to the file. */
typedef struct file_sink {
    ProtobufCBuffer base;
    file_writer file;
    status result; /* of the first write that failed */
} file_sink;

static void append_to_file(ProtobufCBuffer *buffer, size_t size, const uint8_t *bytes)
{
    file_sink *sink = (file_sink *)(void *)buffer;
    if (sink->result == STATUS_OK) sink->result = file_write(&sink->file, bytes, size);
}

static status pack_model(const Onnx__ModelProto *model, const char *path)
{
    file_sink sink = {.base = {.append = append_to_file}};
    if (onnx__model_proto__get_packed_size(model) >= (size_t)LIMIT_FILE_BYTES)
        return fail(STATUS_UNSUPPORTED, "%lld bytes or more, which protobuf cannot hold",
                    (long long)LIMIT_FILE_BYTES);
    TRY(file_write_begin(&sink.file, path, 0666));
    onnx__model_proto__pack_to_buffer(model, &sink.base);
    return file_write_end(&sink.file, sink.result);
}

static status write_model(onnx_writer *w, const char *path)
{
    Onnx__GraphProto graph_proto = ONNX__GRAPH_PROTO__INIT;
    Onnx__OperatorSetIdProto opset = ONNX__OPERATOR_SET_ID_PROTO__INIT, *opsets = &opset;
    Onnx__ModelProto model = ONNX__MODEL_PROTO__INIT;
    int ir_version = ir_versions[w->opset - ONNX_WRITE_OLDEST];
    graph_proto.name = "posenet";
    opset.domain = "";
    opset.has_version = 1;
    opset.version = w->opset;
    model.has_ir_version = 1;
    model.ir_version = ir_version;
    model.producer_name = "posenet";
    model.graph = &graph_proto;
    model.n_opset_import = 1;
    model.opset_import = &opsets;

    w->initializer = pool_array(w->pool, w->g->value_count, sizeof *w->initializer);
    if (!w->initializer) return STATUS_MEMORY;
    TRY(graph_value_names(w->g, w->pool, &w->names));
    TRY(onnx_find_shapes(w));
    TRY(write_nodes(w, &graph_proto));
    TRY(write_initializers(w, &graph_proto));
    TRY(write_edges(w, ir_version, &graph_proto));
    return pack_model(&model, path);
}

static status choose_opset(const graph *g, int opset, int *out)
{
    int least = opset ? opset : ONNX_WRITE_DEFAULT;
    if (least < ONNX_WRITE_OLDEST || least > ONNX_WRITE_NEWEST)
        return fail(STATUS_ARGUMENT, "opset %d is outside %d..%d", opset, ONNX_WRITE_OLDEST,
                    ONNX_WRITE_NEWEST);
    for (size_t i = 0; i < g->node_count; i++) {
        int needed = onnx_least_opset(g, &g->nodes[i]);
        if (needed <= least) continue;
        if (opset)
            return fail(STATUS_UNSUPPORTED, "node \"%s\" (%s) needs opset %d, not %d",
                        name_show(g->nodes[i].name).text, graph_op_name(g->nodes[i].op), needed,
                        opset);
        least = needed;
    }
    *out = least;
    return STATUS_OK;
}

status onnx_write_opset(const graph *g, const char *path, int opset)
{
    onnx_writer w = {.g = g};
    TRY(choose_opset(g, opset, &w.opset));
    TRY(pool_new(&w.pool));
    status s = write_model(&w, path);
    pool_free(&w.pool);
    return s;
}

status onnx_write_file(const graph *g, const char *path)
{
    return onnx_write_opset(g, path, 0);
}
