/* Shape rules of the operators: pure integer functions, no tensors, no nodes.
 *
 * Each gives the shape of a result, and where an operator's attributes need resolving (automatic
 * pads, negative axes, clamped slice bounds) what they come to. On failure the kept sentence says
 * only why; the caller puts the node's name before it (fail_in). Rules are ONNX's own, see
 * https://onnx.ai/onnx/operators/ ; dims of 0 pass wherever ONNX allows them.
 */
#ifndef POSENET_ENGINE_LOWER_SHAPE_H
#define POSENET_ENGINE_LOWER_SHAPE_H

#include "kernels/status.h"
#include "loader/graph.h"

typedef struct shape {
    int rank;
    int64_t dims[GRAPH_MAX_RANK];
} shape;

/* A list of integers that a node was given, such as axes or pads; `items` NULL: left out. */
typedef struct list {
    const int64_t *items;
    int64_t count;
} list;

/* Elements of a shape, checked against LIMIT_ELEMENTS. */
status shape_count(const shape *s, int64_t *count) STATUS_MUST_CHECK;

/* "2x3x4", or "scalar", into `text`, which is returned. */
enum { SHAPE_TEXT_BYTES = GRAPH_MAX_RANK * 21 };
const char *shape_text(const shape *s, char text[SHAPE_TEXT_BYTES]);

/* An axis of -rank..rank-1 as 0..rank-1. */
status shape_axis(int64_t axis, int rank, int *out) STATUS_MUST_CHECK;

/* Output size (height, width) and pads (top, left, bottom, right) of a convolution or a pool over
 * `in` with a kernel of `kernel`; the kernel in `w` is not looked at. In ceil mode the pads grow
 * until they hold the last window. A pool's pads must be smaller than its window. */
status shape_window(const window *w, const int kernel[2], const int64_t in[2], int pooling,
                    int64_t out[2], int pads[4]) STATUS_MUST_CHECK;

/* numpy's rule: aligned at the last axis, 1 repeats. `out` may be `a` or `b`. */
status shape_broadcast(const shape *a, const shape *b, shape *out) STATUS_MUST_CHECK;

/* RESHAPE: one -1 is inferred; 0 copies, unless allow_zero. */
status shape_reshape(const shape *in, list target, int allow_zero, shape *out) STATUS_MUST_CHECK;

/* FLATTEN: everything before `axis`, everything from it on. */
status shape_flatten(const shape *in, int64_t axis, shape *out) STATUS_MUST_CHECK;

/* SQUEEZE: the axes, or all of dim 1 where the list is left out. */
status shape_squeeze(const shape *in, list axes, shape *out) STATUS_MUST_CHECK;

/* UNSQUEEZE: `axes` are those of the result. */
status shape_unsqueeze(const shape *in, list axes, shape *out) STATUS_MUST_CHECK;

/* TRANSPOSE: output axis i is input axis axes[i], reversed where n says no permutation. */
status shape_transpose(const shape *in, const node *n, int axes[GRAPH_MAX_RANK],
                       shape *out) STATUS_MUST_CHECK;

/* SLICE: output index i of an axis reads input index begin + i * step. */
typedef struct slice {
    int64_t begin[GRAPH_MAX_RANK], step[GRAPH_MAX_RANK];
} slice;
status shape_slice(const shape *in, list starts, list ends, list axes, list steps, slice *cut,
                   shape *out) STATUS_MUST_CHECK;

/* SPLIT of an axis of `dim` into `parts`, whose sizes go to `out`. Without sizes: equal parts, the
 * last one smaller if `uneven` allows it (opset 18 on). */
status shape_split(int64_t dim, list sizes, int parts, int uneven, int64_t *out) STATUS_MUST_CHECK;

/* GATHER: the axis is replaced by the indices' axes. */
status shape_gather(const shape *in, int axis, const shape *indices, shape *out) STATUS_MUST_CHECK;

/* CONCAT of one more part onto `sum`, which starts as the first one. */
status shape_concat(shape *sum, const shape *part, int axis) STATUS_MUST_CHECK;

/* PAD: `pads` are all befores, then all afters, of `axes` (left out: all axes). */
typedef struct padding {
    int64_t before[GRAPH_MAX_RANK], after[GRAPH_MAX_RANK];
} padding;
status shape_pad(const shape *in, list pads, list axes, pad_mode mode, padding *amounts,
                 shape *out) STATUS_MUST_CHECK;

/* CONSTANT_OF_SHAPE, EXPAND: a list of dims as a shape. */
status shape_from_list(list dims, shape *out) STATUS_MUST_CHECK;

/* RESIZE of one axis by a factor: floor(dim * factor), in single precision as ONNX has it. */
status shape_resize(int64_t dim, float factor, int64_t *out) STATUS_MUST_CHECK;

/* RESIZE of one axis from `in` to `out` elements, `factor` as given or out / in: the source
 * coordinate of output index i is *scale * i + *shift. */
void shape_resize_coordinates(resize_coordinates kind, int64_t in, int64_t out, double factor,
                              double *scale, double *shift);

#endif
