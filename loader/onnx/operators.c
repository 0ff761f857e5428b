/* The ONNX operators that the engine knows, one row a range of opsets.
 *
 * To add an operator: a graph_op, its rows here, its element types in element_types.c, and what it
 * computes in engine/lower/lower.c.
 */
#include "loader/onnx/operators.h"

#include <string.h>

#include "loader/names.h"
#include "loader/onnx/operator_readers.h"

/* From 22 to 28 these operators only took in types that no PoseNet has. */
enum { OLDEST = 7, NEWEST = 28, MANY = LIMIT_LIST };

/* clang-format off */
static const operator_row rows[] = {
    /* name                opsets           op                        inputs   outputs  attributes */
    {"Add",                OLDEST, NEWEST,  GRAPH_ADD,                 2, 2,    1, 1,    NULL},
    {"BatchNormalization", OLDEST, NEWEST,  GRAPH_BATCH_NORMALIZATION, 5, 5,    1, 5,    read_batch_normalization},
    {"Cast",               OLDEST, NEWEST,  GRAPH_CAST,                1, 1,    1, 1,    read_cast},
    {"Ceil",               OLDEST, NEWEST,  GRAPH_CEIL,                1, 1,    1, 1,    NULL},
    {"Clip",               OLDEST, 10,      GRAPH_CLIP,                1, 1,    1, 1,    read_clip_6},
    {"Clip",               11,     NEWEST,  GRAPH_CLIP,                1, 3,    1, 1,    NULL},
    {"Concat",             OLDEST, NEWEST,  GRAPH_CONCAT,              1, MANY, 1, 1,    read_concat},
    {"ConstantOfShape",    9,      NEWEST,  GRAPH_CONSTANT_OF_SHAPE,   1, 1,    1, 1,    read_constant_of_shape},
    {"Conv",               OLDEST, NEWEST,  GRAPH_CONV,                2, 3,    1, 1,    read_conv},
    {"Div",                OLDEST, NEWEST,  GRAPH_DIV,                 2, 2,    1, 1,    NULL},
    {"Dropout",            OLDEST, 11,      GRAPH_IDENTITY,            1, 1,    1, 2,    read_dropout},
    {"Dropout",            12,     NEWEST,  GRAPH_IDENTITY,            1, 3,    1, 2,    read_dropout},
    {"Expand",             8,      NEWEST,  GRAPH_EXPAND,              2, 2,    1, 1,    NULL},
    {"Flatten",            OLDEST, NEWEST,  GRAPH_FLATTEN,             1, 1,    1, 1,    read_flatten},
    {"Floor",              OLDEST, NEWEST,  GRAPH_FLOOR,               1, 1,    1, 1,    NULL},
    {"Gather",             OLDEST, NEWEST,  GRAPH_GATHER,              2, 2,    1, 1,    read_axis_0},
    {"Identity",           OLDEST, NEWEST,  GRAPH_IDENTITY,            1, 1,    1, 1,    NULL},
    {"Max",                OLDEST, NEWEST,  GRAPH_MAX,                 1, MANY, 1, 1,    NULL},
    {"MaxPool",            OLDEST, 7,       GRAPH_MAX_POOL,            1, 1,    1, 1,    read_max_pool},
    {"MaxPool",            8,      NEWEST,  GRAPH_MAX_POOL,            1, 1,    1, 2,    read_max_pool},
    {"Min",                OLDEST, NEWEST,  GRAPH_MIN,                 1, MANY, 1, 1,    NULL},
    {"Mul",                OLDEST, NEWEST,  GRAPH_MUL,                 2, 2,    1, 1,    NULL},
    {"Pad",                OLDEST, 10,      GRAPH_PAD,                 1, 1,    1, 1,    read_pad_2},
    {"Pad",                11,     17,      GRAPH_PAD,                 2, 3,    1, 1,    read_pad},
    {"Pad",                18,     NEWEST,  GRAPH_PAD,                 2, 4,    1, 1,    read_pad},
    {"Relu",               OLDEST, NEWEST,  GRAPH_RELU,                1, 1,    1, 1,    NULL},
    {"Reshape",            OLDEST, 13,      GRAPH_RESHAPE,             2, 2,    1, 1,    NULL},
    {"Reshape",            14,     NEWEST,  GRAPH_RESHAPE,             2, 2,    1, 1,    read_reshape_14},
    {"Resize",             10,     10,      GRAPH_RESIZE,              2, 2,    1, 1,    read_resize_10},
    {"Resize",             11,     NEWEST,  GRAPH_RESIZE,              1, 4,    1, 1,    read_resize},
    {"Shape",              OLDEST, NEWEST,  GRAPH_SHAPE,               1, 1,    1, 1,    read_shape},
    {"Sigmoid",            OLDEST, NEWEST,  GRAPH_SIGMOID,             1, 1,    1, 1,    NULL},
    {"Slice",              OLDEST, 9,       GRAPH_SLICE,               1, 1,    1, 1,    read_slice_1},
    {"Slice",              10,     NEWEST,  GRAPH_SLICE,               3, 5,    1, 1,    NULL},
    {"Split",              OLDEST, 12,      GRAPH_SPLIT,               1, 1,    1, MANY, read_split_2},
    {"Split",              13,     17,      GRAPH_SPLIT,               1, 2,    1, MANY, read_axis_0},
    {"Split",              18,     NEWEST,  GRAPH_SPLIT,               1, 2,    1, MANY, read_split_18},
    {"Sqrt",               OLDEST, NEWEST,  GRAPH_SQRT,                1, 1,    1, 1,    NULL},
    {"Squeeze",            OLDEST, 12,      GRAPH_SQUEEZE,             1, 1,    1, 1,    read_squeeze_1},
    {"Squeeze",            13,     NEWEST,  GRAPH_SQUEEZE,             1, 2,    1, 1,    NULL},
    {"Sub",                OLDEST, NEWEST,  GRAPH_SUB,                 2, 2,    1, 1,    NULL},
    {"Transpose",          OLDEST, NEWEST,  GRAPH_TRANSPOSE,           1, 1,    1, 1,    read_transpose},
    {"Unsqueeze",          OLDEST, 12,      GRAPH_UNSQUEEZE,           1, 1,    1, 1,    read_unsqueeze_1},
    {"Unsqueeze",          13,     NEWEST,  GRAPH_UNSQUEEZE,           2, 2,    1, 1,    NULL},
    {"Upsample",           OLDEST, 8,       GRAPH_RESIZE,              1, 1,    1, 1,    read_upsample_7},
    {"Upsample",           9,      9,       GRAPH_RESIZE,              2, 2,    1, 1,    read_upsample_9},
};
/* clang-format on */

status operator_find(const node_place *place, const operator_row **out)
{
    int known = 0;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (strcmp(rows[i].name, place->op) != 0) continue;
        known = 1;
        if (place->opset < rows[i].first || place->opset > rows[i].last) continue;
        *out = &rows[i];
        return STATUS_OK;
    }
    return place_fail(place, STATUS_UNSUPPORTED, "operator %s is not %s", name_show(place->op).text,
                      known ? "part of this opset" : "one that posenet knows");
}

/* ---- drafts ---------------------------------------------------------------------------------- */

static status check_counts(const operator_row *row, const node_draft *d)
{
    if (d->input_count < row->least_inputs || d->input_count > row->most_inputs)
        return place_fail(&d->place, STATUS_MODEL, "has %d inputs, not %d to %d", d->input_count,
                          row->least_inputs, row->most_inputs);
    if (d->output_count < row->least_outputs || d->output_count > row->most_outputs)
        return place_fail(&d->place, STATUS_MODEL, "has %d outputs, not %d to %d", d->output_count,
                          row->least_outputs, row->most_outputs);
    int needed = row->most_inputs == MANY ? d->input_count : row->least_inputs;
    for (int i = 0; i < needed; i++)
        if (d->inputs[i] == GRAPH_ABSENT)
            return place_fail(&d->place, STATUS_MODEL, "input %d is missing", i);
    if (row->most_outputs != MANY && d->outputs[0] == GRAPH_ABSENT)
        return place_fail(&d->place, STATUS_MODEL, "its output has no name");
    return STATUS_OK;
}

status operator_read(const operator_row *row, node_draft *d)
{
    d->made = (node){.op = row->op};
    TRY(check_counts(row, d));
    if (row->read) TRY(row->read(d));
    return attributes_end(&d->attributes);
}

const constant *draft_constant(const node_draft *d, int index)
{
    if (index >= d->input_count || d->inputs[index] == GRAPH_ABSENT) return NULL;
    return d->graph->values[d->inputs[index]].constant;
}

void draft_set_input(node_draft *d, int index, int value_id)
{
    while (d->input_count <= index) d->inputs[d->input_count++] = GRAPH_ABSENT;
    d->inputs[index] = value_id;
}

status draft_ints_to_input(node_draft *d, const char *name, int index)
{
    const int64_t *list;
    size_t count;
    int id;
    TRY(attribute_ints(&d->attributes, name, &list, &count));
    if (!attribute_given(&d->attributes, name)) return STATUS_OK;
    TRY(graph_add_integers(d->graph, NULL, list, count, 0, &id));
    draft_set_input(d, index, id);
    return STATUS_OK;
}

status draft_floats_to_input(node_draft *d, const char *name, int index)
{
    const float *list;
    size_t count;
    int id;
    TRY(attribute_floats(&d->attributes, name, &list, &count));
    if (!attribute_given(&d->attributes, name)) return STATUS_OK;
    float *reals = pool_array(d->graph->pool, count, sizeof *reals);
    if (!reals) return STATUS_MEMORY;
    if (count) memcpy(reals, list, count * sizeof *reals);
    constant c = {.type = ELEMENT_REAL,
                  .rank = 1,
                  .dims = {(int64_t)count},
                  .count = (int64_t)count,
                  .reals = reals};
    TRY(graph_add_constant(d->graph, NULL, &c, &id));
    draft_set_input(d, index, id);
    return STATUS_OK;
}
