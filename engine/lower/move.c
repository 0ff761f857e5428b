/* Lowering of what moves elements: reshapes, transposes, slices, gathers, concatenation, padding.
 */
#include <inttypes.h>
#include <limits.h>
#include <string.h>

#include "engine/lower/build.h"

/* Input 0 as a tensor: in its own naming, or if it is a constant in the default one. */
static status bring_own(lowering *l, operand **x, int naming[AXES], int *tensor)
{
    TRY(lower_operand(l, 0, x));
    naming_default((*x)->shape.rank, naming);
    if ((*x)->tensor >= 0) memcpy(naming, (*x)->axis_of, sizeof(*x)->axis_of);
    return lower_bring(l, *x, naming, tensor);
}

status lower_relabel(lowering *l, operand *out)
{
    operand *x;
    list items;
    shape s;
    TRY(lower_operand(l, 0, &x));
    TRY(lower_list(l, 1, "the shape or axes", &items));
    switch (l->node->op) {
    case GRAPH_RESHAPE:
        if (!items.items) return fail(STATUS_MODEL, "it has no shape");
        TRY(shape_reshape(&x->shape, items, l->node->as.allow_zero, &s));
        break;
    case GRAPH_FLATTEN: TRY(shape_flatten(&x->shape, l->node->as.axis, &s)); break;
    case GRAPH_SQUEEZE: TRY(shape_squeeze(&x->shape, items, &s)); break;
    default: TRY(shape_unsqueeze(&x->shape, items, &s)); break;
    }
    return lower_reshape(l, x, &s, out);
}

status lower_transpose(lowering *l, operand *out)
{
    operand *x;
    int naming[AXES], tensor, axes[GRAPH_MAX_RANK];
    shape s;
    TRY(bring_own(l, &x, naming, &tensor));
    TRY(shape_transpose(&x->shape, l->node, axes, &s));
    lower_alias(x, axes, &s, out);
    return STATUS_OK;
}

/* An OP_SLICE step of the tensor that `x` is in `naming`. */
static status emit_slice(lowering *l, const int naming[AXES], int tensor, const slice *cut,
                         const shape *s, operand *out)
{
    step *step;
    TRY(lower_emit(l, OP_SLICE, &tensor, 1, out, s, naming, &step));
    slice_params *p = &step->as.slice;
    for (int i = 0; i < AXES; i++) p->step[i] = 1;
    for (int i = 0; i < s->rank; i++) {
        p->begin[naming[i]] = (int)cut->begin[i];
        p->step[naming[i]] = (int)cut->step[i];
    }
    return STATUS_OK;
}

status lower_slice(lowering *l, operand *out)
{
    operand *x;
    int naming[AXES], tensor;
    shape s;
    list starts, ends, axes, steps;
    slice cut;
    TRY(bring_own(l, &x, naming, &tensor));
    TRY(lower_list(l, 1, "starts", &starts));
    TRY(lower_list(l, 2, "ends", &ends));
    TRY(lower_list(l, 3, "axes", &axes));
    TRY(lower_list(l, 4, "steps", &steps));
    TRY(shape_slice(&x->shape, starts, ends, axes, steps, &cut, &s));
    return emit_slice(l, naming, tensor, &cut, &s, out);
}

status lower_split(lowering *l)
{
    const node *n = l->node;
    operand *x;
    int naming[AXES], tensor, axis;
    list sizes;
    TRY(bring_own(l, &x, naming, &tensor));
    TRY(lower_list(l, 1, "sizes", &sizes));
    TRY(shape_axis(n->as.axis, x->shape.rank, &axis));
    int64_t *parts = pool_array(l->pool, (size_t)n->output_count, sizeof *parts);
    if (!parts) return STATUS_MEMORY;
    int uneven = l->graph->opset >= 18;
    TRY(shape_split(x->shape.dims[axis], sizes, n->output_count, uneven, parts));
    slice cut = {.step = {1, 1, 1, 1}};
    for (int i = 0; i < n->output_count; i++) {
        shape s = x->shape;
        s.dims[axis] = parts[i];
        if (n->outputs[i] != GRAPH_ABSENT && l->needed[n->outputs[i]]) {
            TRY(emit_slice(l, naming, tensor, &cut, &s, &l->values[n->outputs[i]]));
        }
        cut.begin[axis] += parts[i];
    }
    return STATUS_OK;
}

/* Along one axis by a list of indices; then, for indices of another rank than 1, a reshape. */
status lower_gather(lowering *l, operand *out)
{
    operand *x, flat;
    const constant *at;
    int naming[AXES], tensor, axis;
    TRY(bring_own(l, &x, naming, &tensor));
    TRY(lower_known(l, 1, "the indices", &at));
    if (!at || !at->integers) return fail(STATUS_MODEL, "it has no integer indices");
    TRY(shape_axis(l->node->as.axis, x->shape.rank, &axis));
    shape indices = fold_shape(at), s, taken = x->shape;
    TRY(shape_gather(&x->shape, axis, &indices, &s));
    if (at->count > l->folder.budget) {
        return fail(STATUS_UNSUPPORTED, "it has %" PRId64 " indices", at->count);
    }
    l->folder.budget -= at->count;
    int64_t dim = x->shape.dims[axis];
    int32_t *list = pool_array(l->pool, (size_t)at->count, sizeof *list);
    if (!list) return STATUS_MEMORY;
    for (int64_t i = 0; i < at->count; i++) {
        int64_t index = at->integers[i];
        if (index < -dim || index >= dim) {
            return fail(STATUS_MODEL, "index %" PRId64 " is outside 0..%" PRId64, index, dim - 1);
        }
        list[i] = (int32_t)(index < 0 ? index + dim : index);
    }
    taken.dims[axis] = at->count;
    operand_clear(&flat, out->name);
    step *step;
    TRY(lower_emit(l, OP_GATHER, &tensor, 1, &flat, &taken, naming, &step));
    step->as.gather = (gather_params){naming[axis], (int)at->count, list};
    return lower_reshape(l, &flat, &s, out);
}

/* One OP_CONCAT of up to STEP_MAX_INPUTS tensors. */
static status emit_concat(lowering *l, const int *inputs, int count, const shape *s, int axis,
                          const int naming[AXES], operand *out)
{
    step *step;
    TRY(lower_emit(l, OP_CONCAT, inputs, count, out, s, naming, &step));
    step->as.concat_axis = naming[axis];
    return STATUS_OK;
}

/* The naming of the first input that is computed at run time. */
static status concat_naming(lowering *l, int naming[AXES])
{
    for (int i = 0; i < l->node->input_count; i++) {
        operand *x;
        TRY(lower_operand(l, i, &x));
        if (x->tensor < 0 || x->known) continue;
        memcpy(naming, x->axis_of, sizeof x->axis_of);
        return STATUS_OK;
    }
    return fail(STATUS_UNSUPPORTED, "no input is computed as a tensor");
}

status lower_concat(lowering *l, operand *out)
{
    const node *n = l->node;
    operand *x;
    int naming[AXES], axis, held[STEP_MAX_INPUTS], count = 0;
    shape sum = {.rank = GRAPH_UNKNOWN_RANK};
    TRY(concat_naming(l, naming));
    for (int i = 0; i < n->input_count; i++) {
        TRY(lower_operand(l, i, &x));
        TRY(shape_axis(n->as.axis, x->shape.rank, &axis));
        if (sum.rank == GRAPH_UNKNOWN_RANK) {
            sum = x->shape;
            sum.dims[axis] = 0;
        }
        TRY(shape_concat(&sum, &x->shape, axis));
        if (x->shape.dims[axis] == 0) continue;
        if (count == STEP_MAX_INPUTS) {
            /* Full: what is there becomes the first part of what follows. */
            operand part;
            shape so_far = sum;
            so_far.dims[axis] -= x->shape.dims[axis];
            operand_clear(&part, out->name);
            TRY(emit_concat(l, held, count, &so_far, axis, naming, &part));
            held[0] = part.tensor;
            count = 1;
        }
        TRY(lower_bring(l, x, naming, &held[count++]));
    }
    return emit_concat(l, held, count, &sum, axis, naming, out);
}

/* The number that constant padding fills in. */
static status pad_value(lowering *l, float *value)
{
    const constant *c;
    *value = 0;
    TRY(lower_known(l, 2, "the padding's value", &c));
    if (!c || c->count == 0) return STATUS_OK;
    if (!c->reals || c->count != 1) return fail(STATUS_MODEL, "its value is not one number");
    *value = c->reals[0];
    return STATUS_OK;
}

static pad_kind pad_kind_of(pad_mode mode)
{
    switch (mode) {
    case PAD_MODE_REFLECT: return PAD_REFLECT;
    case PAD_MODE_EDGE: return PAD_EDGE;
    case PAD_MODE_WRAP: return PAD_WRAP;
    default: return PAD_CONSTANT;
    }
}

status lower_pad(lowering *l, operand *out)
{
    operand *x;
    int naming[AXES], tensor;
    list pads, axes;
    shape s;
    padding amounts;
    pad_params p = {.kind = pad_kind_of(l->node->as.pad_mode)};
    TRY(bring_own(l, &x, naming, &tensor));
    TRY(lower_list(l, 1, "the pads", &pads));
    TRY(lower_list(l, 3, "the axes", &axes));
    TRY(pad_value(l, &p.value));
    TRY(shape_pad(&x->shape, pads, axes, l->node->as.pad_mode, &amounts, &s));
    for (int i = 0; i < s.rank; i++) {
        if (amounts.before[i] > INT_MAX || amounts.after[i] > INT_MAX) {
            return fail(STATUS_UNSUPPORTED, "axis %d is padded by too much", i);
        }
        p.before[naming[i]] = (int)amounts.before[i];
        p.after[naming[i]] = (int)amounts.after[i];
    }
    step *step;
    TRY(lower_emit(l, OP_PAD, &tensor, 1, out, &s, naming, &step));
    step->as.pad = p;
    return STATUS_OK;
}

status lower_expand(lowering *l, operand *out)
{
    operand *x, wide;
    list dims;
    shape want, s, framed;
    TRY(lower_operand(l, 0, &x));
    TRY(lower_list(l, 1, "the shape", &dims));
    if (!dims.items) return fail(STATUS_MODEL, "it has no shape");
    TRY(shape_from_list(dims, &want));
    TRY(shape_broadcast(&x->shape, &want, &s));
    framed = s;
    for (int i = 0; i < s.rank; i++) {
        int from = i - (s.rank - x->shape.rank);
        framed.dims[i] = from < 0 ? 1 : x->shape.dims[from];
    }
    operand_clear(&wide, out->name);
    TRY(lower_reshape(l, x, &framed, &wide));
    step *step;
    return lower_emit(l, OP_EXPAND, &wide.tensor, 1, out, &s, wide.axis_of, &step);
}
