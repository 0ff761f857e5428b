/* A network as a file describes it: values, constants and nodes in topological order.
 *
 * Every reader (ONNX, TF.js, generated) makes this, every writer takes it, and the engine rewrites
 * it. No type of a file format leaves its reader. Node semantics are ONNX's, in ONE form whatever
 * opset the file was written in: the newest, where limits, pads, axes, sizes and the like are
 * inputs. A reader turns the attribute forms of older opsets into constants.
 *
 * Ownership: the graph owns everything reachable from it, in one pool. Value and node numbers are
 * indices into its arrays; -1 means absent.
 */
#ifndef POSENET_LOADER_GRAPH_H
#define POSENET_LOADER_GRAPH_H

#include <stdint.h>

#include "kernels/pool.h"
#include "kernels/status.h"

enum { GRAPH_MAX_RANK = 8, GRAPH_ABSENT = -1, GRAPH_UNKNOWN_DIM = -1, GRAPH_UNKNOWN_RANK = -1 };

/* Elements are of two kinds once read: what flows through the network, and what shapes are made of.
 * float16, float32 and double become REAL (float; double is rounded once), every integer type and
 * bool become INTEGER (int64). */
typedef enum element { ELEMENT_REAL, ELEMENT_INTEGER } element;

/* A constant tensor, row-major, `count` elements. Exactly one of the two arrays is set. */
typedef struct constant {
    element type;
    int rank;
    int64_t dims[GRAPH_MAX_RANK];
    int64_t count;
    const float *reals;
    const int64_t *integers;
} constant;

typedef struct value {
    const char *name; /* as in the file; never NULL, "" if it has none */
    element type;
    int rank;                     /* GRAPH_UNKNOWN_RANK if the file does not say */
    int64_t dims[GRAPH_MAX_RANK]; /* GRAPH_UNKNOWN_DIM where the file does not say */
    const constant *constant;     /* NULL: known only when the network runs */
    int holds_bytes;              /* an integer input whose type in the file holds 0..255 */
    int producer;                 /* the node that makes it, or GRAPH_ABSENT */
} value;

/* Operators, by their ONNX names. Inputs are listed in loader/onnx/operators.c's table and follow
 * the newest ONNX form, for example CLIP(x, min, max), PAD(x, pads, value, axes), SLICE(x, starts,
 * ends, axes, steps), RESIZE(x, roi, scales, sizes), SQUEEZE(x, axes), SPLIT(x, sizes). */
typedef enum graph_op {
    GRAPH_ADD,
    GRAPH_BATCH_NORMALIZATION,
    GRAPH_CAST,
    GRAPH_CEIL,
    GRAPH_CLIP,
    GRAPH_CONCAT,
    GRAPH_CONSTANT_OF_SHAPE,
    GRAPH_CONV,
    GRAPH_DIV,
    GRAPH_EXPAND,
    GRAPH_FLATTEN,
    GRAPH_FLOOR,
    GRAPH_GATHER,
    GRAPH_IDENTITY, /* Dropout is read as this */
    GRAPH_MAX,
    GRAPH_MAX_POOL,
    GRAPH_MIN,
    GRAPH_MUL,
    GRAPH_PAD,
    GRAPH_RELU,
    GRAPH_RESHAPE,
    GRAPH_RESIZE, /* Upsample is read as this, coordinates asymmetric, nearest mode floor */
    GRAPH_SHAPE,
    GRAPH_SIGMOID,
    GRAPH_SLICE,
    GRAPH_SPLIT,
    GRAPH_SQRT,
    GRAPH_SQUEEZE,
    GRAPH_SUB,
    GRAPH_TRANSPOSE,
    GRAPH_UNSQUEEZE,
    GRAPH_OP_COUNT
} graph_op;

typedef enum auto_pad { PAD_EXPLICIT, PAD_SAME_UPPER, PAD_SAME_LOWER, PAD_VALID } auto_pad;

/* Convolution and pooling window, two spatial axes (height, then width). A convolution's kernel of
 * 0 is whatever its filter says. */
typedef struct window {
    auto_pad auto_pad;
    int kernel[2], stride[2], dilation[2];
    int pads[4];   /* top, left, bottom, right; meaningful for PAD_EXPLICIT only */
    int groups;    /* convolution only; 1 otherwise */
    int ceil_mode; /* pooling only */
} window;

typedef enum pad_mode {
    PAD_MODE_CONSTANT,
    PAD_MODE_REFLECT,
    PAD_MODE_EDGE,
    PAD_MODE_WRAP
} pad_mode;

typedef enum resize_mode { RESIZE_NEAREST, RESIZE_LINEAR } resize_mode;
typedef enum resize_coordinates {
    RESIZE_HALF_PIXEL,
    RESIZE_PYTORCH_HALF_PIXEL,
    RESIZE_ALIGN_CORNERS,
    RESIZE_ASYMMETRIC
} resize_coordinates;
typedef enum resize_rounding {
    RESIZE_ROUND_PREFER_FLOOR,
    RESIZE_ROUND_PREFER_CEIL,
    RESIZE_FLOOR,
    RESIZE_CEIL
} resize_rounding;

typedef struct resize_rule {
    resize_mode mode;
    resize_coordinates coordinates;
    resize_rounding rounding; /* nearest only */
} resize_rule;

typedef struct node {
    graph_op op;
    const char *name; /* of the file; a made-up "Conv_17" if it has none; never NULL or "" */
    int input_count;
    int *inputs; /* values; GRAPH_ABSENT for an optional input left out */
    int output_count;
    int *outputs;       /* values; GRAPH_ABSENT for an output nobody asked for */
    union {             /* by op; all zero for the others */
        window window;  /* CONV, MAX_POOL */
        double epsilon; /* BATCH_NORMALIZATION(x, scale, bias, mean, variance) */
        int64_t axis;   /* CONCAT, GATHER, SPLIT, FLATTEN; may be negative, as in the file */
        struct {
            int64_t start, end;
        } range; /* SHAPE: of its axes; end INT64_MAX: to the last */
        struct {
            int rank;
            int axes[GRAPH_MAX_RANK];
        } permutation;        /* TRANSPOSE; rank 0: reversed */
        element cast_to;      /* CAST */
        pad_mode pad_mode;    /* PAD */
        resize_rule resize;   /* RESIZE */
        int allow_zero;       /* RESHAPE: 0 in the shape means zero, not "copy" */
        const constant *fill; /* CONSTANT_OF_SHAPE: one element */
    } as;
} node;

typedef struct graph {
    pool *pool;
    char *source; /* for messages: "model.onnx", "memory", "generated resnet50" */
    int opset;
    size_t value_count, node_count, input_count, output_count;
    value *values;
    node *nodes;  /* in topological order */
    int *inputs;  /* values; constants are never among them */
    int *outputs; /* values, in the file's order */
    size_t value_capacity, node_capacity, input_capacity, output_capacity;
} graph;

/* Input i of a node: a value, or GRAPH_ABSENT. */
static inline int node_input(const node *n, int i)
{
    return i < n->input_count ? n->inputs[i] : GRAPH_ABSENT;
}

/* The same as a constant; NULL: left out, or known only when the network runs. */
static inline const constant *node_constant(const graph *g, const node *n, int i)
{
    int id = node_input(n, i);
    return id == GRAPH_ABSENT ? NULL : g->values[id].constant;
}

/* An empty graph in *out; `source` is copied, made fit for sentences. */
status graph_new(graph **out, const char *source) STATUS_MUST_CHECK;

/* Gives everything back and nulls the pointer; NULL and a null pointer are fine. */
void graph_free(graph **g);

/* Appends a value of unknown rank and gives its number in *id. `name` is copied (NULL: ""). */
status graph_add_value(graph *g, const char *name, element type, int *id) STATUS_MUST_CHECK;

/* Appends a constant value. The arrays are the graph's afterwards: they must come from g->pool. */
status graph_add_constant(graph *g, const char *name, const constant *c, int *id) STATUS_MUST_CHECK;

/* A constant of `count` integers, rank 1 (rank 0 if `scalar`). */
status graph_add_integers(graph *g, const char *name, const int64_t *data, size_t count, int scalar,
                          int *id) STATUS_MUST_CHECK;

/* A real scalar constant. */
status graph_add_real(graph *g, const char *name, float data, int *id) STATUS_MUST_CHECK;

/* Appends a node with copies of the two lists and sets its outputs' producer; *out (valid until the
 * next call) is there to set `as`. `name` NULL or "": made up from the operator and the number. */
status graph_add_node(graph *g, graph_op op, const char *name, const int *inputs, int input_count,
                      const int *outputs, int output_count, node **out) STATUS_MUST_CHECK;

status graph_add_input(graph *g, int value_id) STATUS_MUST_CHECK;
status graph_add_output(graph *g, int value_id) STATUS_MUST_CHECK;

/* Puts the nodes in topological order, keeping the file's order where it can. Refuses a cycle, a
 * value made twice, and an input that nothing makes, naming node and value. */
status graph_sort(graph *g) STATUS_MUST_CHECK;

/* Sets what kind of elements each node's outputs have, from its inputs; the nodes are sorted.
 * Refuses a node whose inputs are of kinds that its operator does not take. */
status graph_set_types(graph *g) STATUS_MUST_CHECK;

/* Product of dims, checked: negative dims, overflow and more than LIMIT_ELEMENTS (loader/limits.h)
 * are refused with `what` in the sentence. */
status graph_element_count(const int64_t *dims, int rank, const char *what,
                           int64_t *count) STATUS_MUST_CHECK;

/* "Conv", "MaxPool", … */
const char *graph_op_name(graph_op op);

/* Reads an ONNX file (opset 7 to 28), external data included, or an ONNX model in memory (which may
 * have no external data). Refuses, in one sentence, whatever is damaged or outside the operators
 * above. */
status onnx_read_file(const char *path, graph **out) STATUS_MUST_CHECK;
status onnx_read_memory(const void *bytes, size_t size, graph **out) STATUS_MUST_CHECK;

/* Reads a TF.js graph model: `path` is its model.json, shards lie beside it. The graph takes NHWC
 * pictures; Conv nodes stand between Transposes, as any ONNX exporter writes them. */
status tfjs_read_file(const char *path, graph **out) STATUS_MUST_CHECK;

/* Writes ONNX (opset 13, or g's own semantics' minimum) that onnx's checker accepts. */
status onnx_write_file(const graph *g, const char *path) STATUS_MUST_CHECK;

#endif
