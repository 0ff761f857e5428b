/* Nodes as ONNX writes them. Where an older opset has an attribute for what is an input in the
 * graph's form, the input must be constant and becomes that attribute. */
#include "loader/onnx/write_node.h"

#include <float.h>
#include <string.h>

#include "loader/names.h"

enum { ATTRIBUTES = 8 };

/* The message of one node while it is filled. */
typedef struct draft {
    onnx_writer *w;
    const node *n;
    Onnx__NodeProto *out;
} draft;

static status add_attribute(draft *d, const char *name, Onnx__AttributeProto__AttributeType type,
                            Onnx__AttributeProto **out)
{
    Onnx__AttributeProto *a = pool_array(d->w->pool, 1, sizeof *a);
    if (!a) return STATUS_MEMORY;
    onnx__attribute_proto__init(a);
    a->name = (char *)name;
    a->has_type = 1;
    a->type = type;
    d->out->attribute[d->out->n_attribute++] = a;
    *out = a;
    return STATUS_OK;
}

static status add_int(draft *d, const char *name, int64_t i)
{
    Onnx__AttributeProto *a;
    TRY(add_attribute(d, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT, &a));
    a->has_i = 1;
    a->i = i;
    return STATUS_OK;
}

static status add_float(draft *d, const char *name, double f)
{
    Onnx__AttributeProto *a;
    TRY(add_attribute(d, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT, &a));
    a->has_f = 1;
    a->f = (float)f;
    return STATUS_OK;
}

static status add_text(draft *d, const char *name, const char *text)
{
    Onnx__AttributeProto *a;
    TRY(add_attribute(d, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING, &a));
    a->has_s = 1;
    a->s = (ProtobufCBinaryData){.len = strlen(text), .data = (uint8_t *)text};
    return STATUS_OK;
}

static status add_ints(draft *d, const char *name, const int64_t *ints, int64_t count)
{
    Onnx__AttributeProto *a;
    TRY(add_attribute(d, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS, &a));
    a->ints = (int64_t *)ints;
    a->n_ints = (size_t)count;
    return STATUS_OK;
}

/* The same from ints that the caller does not keep. */
static status add_int_copies(draft *d, const char *name, const int *ints, int count)
{
    int64_t *copy = pool_array(d->w->pool, (size_t)count, sizeof *copy);
    if (!copy) return STATUS_MEMORY;
    for (int i = 0; i < count; i++) copy[i] = ints[i];
    return add_ints(d, name, copy, count);
}

static int has_input(const node *n, int index)
{
    return node_input(n, index) != GRAPH_ABSENT;
}

/* Input `index` as an attribute list: for opsets that know it as nothing else. */
static status input_to_ints(draft *d, int index, const char *name)
{
    if (!has_input(d->n, index)) return STATUS_OK;
    const constant *c = node_constant(d->w->g, d->n, index);
    if (!c || c->type != ELEMENT_INTEGER)
        return fail(STATUS_UNSUPPORTED, "%s is no constant, as opset %d needs", name, d->w->opset);
    return add_ints(d, name, c->integers, c->count);
}

static status input_to_float(draft *d, int index, const char *name, float fallback)
{
    float f = fallback;
    if (has_input(d->n, index)) {
        const constant *c = node_constant(d->w->g, d->n, index);
        if (!c || c->type != ELEMENT_REAL || c->count != 1)
            return fail(STATUS_UNSUPPORTED, "%s is no constant, as opset %d needs", name,
                        d->w->opset);
        f = c->reals[0];
    }
    return add_float(d, name, f);
}

static status write_window(draft *d, int convolution)
{
    static const char *const names[] = {
        [PAD_SAME_UPPER] = "SAME_UPPER", [PAD_SAME_LOWER] = "SAME_LOWER", [PAD_VALID] = "VALID"};
    const window *w = &d->n->as.window;
    if (w->auto_pad == PAD_EXPLICIT)
        TRY(add_int_copies(d, "pads", w->pads, 4));
    else
        TRY(add_text(d, "auto_pad", names[w->auto_pad]));
    if (w->kernel[0]) TRY(add_int_copies(d, "kernel_shape", w->kernel, 2));
    TRY(add_int_copies(d, "strides", w->stride, 2));
    if (convolution) TRY(add_int(d, "group", w->groups));
    if (convolution || w->dilation[0] != 1 || w->dilation[1] != 1)
        TRY(add_int_copies(d, "dilations", w->dilation, 2));
    return w->ceil_mode ? add_int(d, "ceil_mode", 1) : STATUS_OK;
}

static status write_pad(draft *d)
{
    static const char *const modes[] = {[PAD_MODE_CONSTANT] = "constant",
                                        [PAD_MODE_REFLECT] = "reflect",
                                        [PAD_MODE_EDGE] = "edge",
                                        [PAD_MODE_WRAP] = "wrap"};
    TRY(add_text(d, "mode", modes[d->n->as.pad_mode]));
    if (d->w->opset >= 11) return STATUS_OK;
    TRY(input_to_ints(d, 1, "pads"));
    return input_to_float(d, 2, "value", 0.0f);
}

static status write_resize(draft *d)
{
    static const char *const coordinates[] = {
        [RESIZE_HALF_PIXEL] = "half_pixel",
        [RESIZE_PYTORCH_HALF_PIXEL] = "pytorch_half_pixel",
        [RESIZE_ALIGN_CORNERS] = "align_corners",
        [RESIZE_ASYMMETRIC] = "asymmetric",
    };
    static const char *const roundings[] = {[RESIZE_ROUND_PREFER_FLOOR] = "round_prefer_floor",
                                            [RESIZE_ROUND_PREFER_CEIL] = "round_prefer_ceil",
                                            [RESIZE_FLOOR] = "floor",
                                            [RESIZE_CEIL] = "ceil"};
    const resize_rule *r = &d->n->as.resize;
    TRY(add_text(d, "mode", r->mode == RESIZE_LINEAR ? "linear" : "nearest"));
    TRY(add_text(d, "coordinate_transformation_mode", coordinates[r->coordinates]));
    return r->mode == RESIZE_NEAREST ? add_text(d, "nearest_mode", roundings[r->rounding])
                                     : STATUS_OK;
}

static status write_fill(draft *d)
{
    Onnx__AttributeProto *a;
    TRY(add_attribute(d, "value", ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSOR, &a));
    a->t = pool_array(d->w->pool, 1, sizeof *a->t);
    if (!a->t) return STATUS_MEMORY;
    constant one = *d->n->as.fill;
    one.rank = 1;
    one.dims[0] = 1;
    return onnx_write_tensor(d->w, &one, NULL, a->t);
}

static status write_split(draft *d)
{
    TRY(add_int(d, "axis", d->n->as.axis));
    if (d->w->opset < 13) return input_to_ints(d, 1, "split");
    return d->w->opset >= 18 && !has_input(d->n, 1) ? add_int(d, "num_outputs", d->n->output_count)
                                                    : STATUS_OK;
}

static status write_shape_range(draft *d)
{
    if (d->n->as.range.start) TRY(add_int(d, "start", d->n->as.range.start));
    return d->n->as.range.end != INT64_MAX ? add_int(d, "end", d->n->as.range.end) : STATUS_OK;
}

static status write_clip(draft *d)
{
    if (d->w->opset >= 11) return STATUS_OK;
    TRY(input_to_float(d, 1, "min", -FLT_MAX));
    return input_to_float(d, 2, "max", FLT_MAX);
}

static status write_attributes(draft *d)
{
    const node *n = d->n;
    switch (n->op) {
    case GRAPH_BATCH_NORMALIZATION: return add_float(d, "epsilon", n->as.epsilon);
    case GRAPH_CAST: return add_int(d, "to", n->as.cast_to == ELEMENT_REAL ? 1 : 7);
    case GRAPH_CLIP: return write_clip(d);
    case GRAPH_CONCAT:
    case GRAPH_FLATTEN:
    case GRAPH_GATHER: return add_int(d, "axis", n->as.axis);
    case GRAPH_CONSTANT_OF_SHAPE: return n->as.fill ? write_fill(d) : STATUS_OK;
    case GRAPH_CONV: return write_window(d, 1);
    case GRAPH_MAX_POOL: return write_window(d, 0);
    case GRAPH_PAD: return write_pad(d);
    case GRAPH_RESHAPE: return n->as.allow_zero ? add_int(d, "allowzero", 1) : STATUS_OK;
    case GRAPH_RESIZE: return write_resize(d);
    case GRAPH_SHAPE: return write_shape_range(d);
    case GRAPH_SPLIT: return write_split(d);
    case GRAPH_SQUEEZE:
    case GRAPH_UNSQUEEZE: return d->w->opset < 13 ? input_to_ints(d, 1, "axes") : STATUS_OK;
    case GRAPH_TRANSPOSE:
        return n->as.permutation.rank
                   ? add_int_copies(d, "perm", n->as.permutation.axes, n->as.permutation.rank)
                   : STATUS_OK;
    default: return STATUS_OK;
    }
}

/* How many of the node's inputs this opset knows as inputs. */
static int inputs_written(const onnx_writer *w, const node *n)
{
    int count = n->input_count;
    while (count && n->inputs[count - 1] == GRAPH_ABSENT) count--;
    int only_first = (w->opset < 11 && (n->op == GRAPH_CLIP || n->op == GRAPH_PAD)) ||
                     (w->opset < 13 &&
                      (n->op == GRAPH_SQUEEZE || n->op == GRAPH_UNSQUEEZE || n->op == GRAPH_SPLIT));
    return only_first && count > 1 ? 1 : count;
}

int onnx_least_opset(const graph *g, const node *n)
{
    const window *w = &n->as.window;
    switch (n->op) {
    case GRAPH_CONSTANT_OF_SHAPE: return 9;
    case GRAPH_MAX_POOL: return w->ceil_mode || w->dilation[0] != 1 || w->dilation[1] != 1 ? 10 : 8;
    case GRAPH_SLICE: return 10;
    case GRAPH_RESIZE: return 13; /* before, absent inputs had to be empty tensors */
    case GRAPH_MAX:
    case GRAPH_MIN: return g->values[n->inputs[0]].type == ELEMENT_INTEGER ? 12 : 8;
    case GRAPH_RESHAPE: return n->as.allow_zero ? 14 : 8;
    case GRAPH_SHAPE: return n->as.range.start || n->as.range.end != INT64_MAX ? 15 : 8;
    case GRAPH_PAD: return n->as.pad_mode == PAD_MODE_WRAP ? 19 : has_input(n, 3) ? 18 : 8;
    default: return 8;
    }
}

static status write_node(draft *d)
{
    onnx_writer *w = d->w;
    const node *n = d->n;
    Onnx__NodeProto *out = d->out;
    onnx__node_proto__init(out);
    out->op_type = (char *)graph_op_name(n->op);
    out->name = (char *)n->name;
    out->n_input = (size_t)inputs_written(w, n);
    out->n_output = (size_t)n->output_count;
    while (out->n_output > 1 && n->outputs[out->n_output - 1] == GRAPH_ABSENT) out->n_output--;
    out->input = pool_array(w->pool, out->n_input, sizeof *out->input);
    out->output = pool_array(w->pool, out->n_output, sizeof *out->output);
    out->attribute = pool_array(w->pool, ATTRIBUTES, sizeof *out->attribute);
    if (!out->input || !out->output || !out->attribute) return STATUS_MEMORY;
    for (size_t i = 0; i < out->n_input; i++) {
        int id = n->inputs[i];
        out->input[i] = id == GRAPH_ABSENT ? "" : (char *)w->names[id];
        if (id != GRAPH_ABSENT && w->g->values[id].constant) w->initializer[id] = 1;
    }
    for (size_t i = 0; i < out->n_output; i++)
        out->output[i] = n->outputs[i] == GRAPH_ABSENT ? "" : (char *)w->names[n->outputs[i]];
    return write_attributes(d);
}

status onnx_write_node(onnx_writer *w, const node *n, Onnx__NodeProto *out)
{
    draft d = {.w = w, .n = n, .out = out};
    status s = write_node(&d);
    return s == STATUS_MEMORY || s == STATUS_OK
               ? s
               : fail(s, "node \"%s\" (%s): %s", name_show(n->name).text, graph_op_name(n->op),
                      fail_text());
}
