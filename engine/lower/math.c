/* Lowering of what computes element by element: arithmetic, activations, batch normalisation. */
#include <math.h>
#include <string.h>

#include "engine/lower/build.h"
#include "loader/names.h"

/* The naming of `rank` axes in which the last ones are the operand's own. */
static void naming_of(const operand *o, int rank, int naming[AXES])
{
    naming_default(rank, naming);
    if (o->known || o->tensor < 0) return;
    int taken[AXES] = {0}, lead = rank - o->shape.rank;
    for (int i = 0; i < o->shape.rank; i++) {
        naming[lead + i] = o->axis_of[i];
        taken[o->axis_of[i]] = 1;
    }
    for (int i = lead - 1, next = AXES - 1; i >= 0; i--) {
        while (taken[next]) next--;
        naming[i] = next--;
    }
}

/* Whether the result should be laid out as `b` is: the smaller one is permuted if they differ. */
static status prefers(const operand *a, const operand *b, int *second)
{
    int64_t ca, cb;
    TRY(shape_count(&a->shape, &ca));
    TRY(shape_count(&b->shape, &cb));
    *second = a->known ? !b->known : !b->known && cb > ca;
    return STATUS_OK;
}

/* lower_bring under the last axes of a naming of `rank` axes. */
static status bring_last(lowering *l, operand *o, int rank, const int naming[AXES], int *tensor)
{
    int last[AXES] = {0};
    for (int i = 0; i < o->shape.rank && i < AXES; i++) last[i] = naming[rank - o->shape.rank + i];
    return lower_bring(l, o, last, tensor);
}

status lower_binary(lowering *l, binary_kind kind, operand *a, operand *b, operand *to)
{
    shape s;
    int naming[AXES], inputs[2], second;
    TRY(shape_broadcast(&a->shape, &b->shape, &s));
    TRY(lower_rank(to->name, s.rank));
    TRY(prefers(a, b, &second));
    naming_of(second ? b : a, s.rank, naming);
    TRY(bring_last(l, a, s.rank, naming, &inputs[0]));
    TRY(bring_last(l, b, s.rank, naming, &inputs[1]));
    step *step;
    TRY(lower_emit(l, OP_BINARY, inputs, 2, to, &s, naming, &step));
    step->as.binary.kind = kind;
    return STATUS_OK;
}

status lower_activate(lowering *l, activation act, operand *x, operand *to)
{
    int naming[AXES], tensor;
    naming_of(x, x->shape.rank, naming);
    TRY(lower_bring(l, x, naming, &tensor));
    step *step;
    TRY(lower_emit(l, OP_ACTIVATE, &tensor, 1, to, &x->shape, naming, &step));
    step->as.act = act;
    return STATUS_OK;
}

static status lower_unary(lowering *l, unary_kind kind, operand *to)
{
    operand *x;
    int naming[AXES], tensor;
    TRY(lower_operand(l, 0, &x));
    naming_of(x, x->shape.rank, naming);
    TRY(lower_bring(l, x, naming, &tensor));
    step *step;
    TRY(lower_emit(l, OP_UNARY, &tensor, 1, to, &x->shape, naming, &step));
    step->as.unary = kind;
    return STATUS_OK;
}

enum { UNIFORM = 4096 }; /* elements looked at: no exporter spreads one number wider */

/* The one number that a constant holds in all its elements, if applying it element by element to
 * a tensor of shape `s` leaves that shape. */
static int uniform(const operand *o, const shape *s, float *number)
{
    const constant *c = o->known;
    if (!c || !c->reals || c->count < 1 || c->count > UNIFORM) return 0;
    if (o->shape.rank > s->rank) return 0;
    for (int64_t i = 0; i < c->count; i++) {
        if (c->reals[i] != c->reals[0]) return 0;
    }
    for (int i = 0; i < o->shape.rank; i++) {
        int64_t dim = s->dims[i + s->rank - o->shape.rank];
        if (o->shape.dims[i] != 1 && o->shape.dims[i] != dim) return 0;
    }
    *number = c->reals[0];
    return 1;
}

/* MIN, MAX of any number of operands; with a number it is an activation. */
static status lower_extremum(lowering *l, operand *to)
{
    const node *n = l->node;
    int is_min = n->op == GRAPH_MIN;
    operand *first, sum;
    TRY(lower_operand(l, 0, &first));
    lower_alias(first, NULL, &first->shape, to);
    for (int i = 1; i < n->input_count; i++) {
        operand *next;
        float number;
        TRY(lower_operand(l, i, &next));
        sum = *to;
        operand *a = sum.known ? next : &sum, *b = sum.known ? &sum : next;
        const char *name = to->name;
        operand_clear(to, name);
        if (uniform(b, &a->shape, &number)) {
            activation act = {ACTIVATION_CLAMP, is_min ? -INFINITY : number,
                              is_min ? number : INFINITY};
            TRY(lower_activate(l, act, a, to));
        } else {
            TRY(lower_binary(l, is_min ? BINARY_MIN : BINARY_MAX, a, b, to));
        }
    }
    return STATUS_OK;
}

static status clip_limit(lowering *l, int i, const char *what, float *limit)
{
    const constant *c;
    TRY(lower_known(l, i, what, &c));
    if (!c) return STATUS_OK;
    if (!c->reals || c->count != 1 || isnan(c->reals[0])) {
        return fail(STATUS_MODEL, "%s is not one number", what);
    }
    *limit = c->reals[0];
    return STATUS_OK;
}

static status lower_clip(lowering *l, operand *to)
{
    operand *x;
    activation act = {ACTIVATION_CLAMP, -INFINITY, INFINITY};
    TRY(lower_operand(l, 0, &x));
    TRY(clip_limit(l, 1, "min", &act.low));
    TRY(clip_limit(l, 2, "max", &act.high));
    /* ONNX: then all becomes max. Rows may count on limits in order. */
    if (act.low > act.high) act.low = act.high;
    return lower_activate(l, act, x, to);
}

static status lower_arithmetic(lowering *l, operand *to)
{
    operand *a, *b;
    TRY(lower_operand(l, 0, &a));
    TRY(lower_operand(l, 1, &b));
    binary_kind kind = l->node->op == GRAPH_ADD   ? BINARY_ADD
                       : l->node->op == GRAPH_SUB ? BINARY_SUB
                       : l->node->op == GRAPH_MUL ? BINARY_MUL
                                                  : BINARY_DIV;
    return lower_binary(l, kind, a, b, to);
}

static status lower_named(lowering *l, activation act, operand *to)
{
    operand *x;
    TRY(lower_operand(l, 0, &x));
    return lower_activate(l, act, x, to);
}

/* One of BATCH_NORMALIZATION's four lists: `channels` reals. */
static status batch_norm_list(lowering *l, int i, const char *what, int64_t channels,
                              const float **out)
{
    const constant *c;
    TRY(lower_known(l, i, what, &c));
    if (!c || !c->reals || c->count != channels) {
        return fail(STATUS_MODEL, "%s is not a list of %lld numbers", what, (long long)channels);
    }
    *out = c->reals;
    return STATUS_OK;
}

/* What no convolution took in: x * scale + shift, each of one number a channel. */
status lower_batch_norm(lowering *l, operand *to)
{
    static const char *const names[4] = {"scale", "bias", "mean", "variance"};
    operand *x, scale, shift, scaled;
    const float *lists[4];
    TRY(lower_operand(l, 0, &x));
    if (x->shape.rank < 2 || x->shape.rank > AXES) {
        return fail(STATUS_UNSUPPORTED, "it has an input of rank %d", x->shape.rank);
    }
    shape s = {.rank = x->shape.rank - 1, .dims = {x->shape.dims[1], 1, 1, 1}};
    for (int i = 0; i < 4; i++) {
        TRY(batch_norm_list(l, i + 1, names[i], s.dims[0], &lists[i]));
    }
    folded a, b;
    TRY(fold_new(&l->folder, ELEMENT_REAL, &s, &a));
    TRY(fold_new(&l->folder, ELEMENT_REAL, &s, &b));
    for (int64_t c = 0; c < s.dims[0]; c++) {
        double factor = lists[0][c] / sqrt((double)lists[3][c] + l->node->as.epsilon);
        a.reals[c] = (float)factor;
        b.reals[c] = (float)(lists[1][c] - lists[2][c] * factor);
    }
    operand_clear(&scale, to->name);
    operand_clear(&shift, to->name);
    operand_clear(&scaled, to->name);
    scale.known = a.constant;
    shift.known = b.constant;
    scale.shape = shift.shape = s;
    TRY(lower_binary(l, BINARY_MUL, x, &scale, &scaled));
    return lower_binary(l, BINARY_ADD, &scaled, &shift, to);
}

/* Another name for the input. */
static status lower_same(lowering *l, operand *to)
{
    operand *x;
    TRY(lower_operand(l, 0, &x));
    if (l->node->op == GRAPH_CAST && l->node->as.cast_to != ELEMENT_REAL) {
        return fail(STATUS_UNSUPPORTED, "\"%s\" would become integers at run time",
                    name_show(x->name).text);
    }
    lower_alias(x, NULL, &x->shape, to);
    return STATUS_OK;
}

static status lower_shape_of(lowering *l, operand *to)
{
    operand *x;
    TRY(lower_operand(l, 0, &x));
    TRY(fold_shape_node(&l->folder, l->node, &x->shape, &to->known));
    to->shape = fold_shape(to->known);
    return STATUS_OK;
}

status lower_node(lowering *l)
{
    const node *n = l->node;
    if (n->output_count < 1) return fail(STATUS_MODEL, "it has no output");
    if (n->op == GRAPH_SPLIT) return lower_split(l);
    if (n->outputs[0] == GRAPH_ABSENT) return STATUS_OK;
    /* Further outputs, such as MaxPool's indices, stay unmade: who reads one is refused. */
    operand *to = &l->values[n->outputs[0]];
    switch (n->op) {
    case GRAPH_CONV: return lower_conv(l, to);
    case GRAPH_MAX_POOL: return lower_max_pool(l, to);
    case GRAPH_BATCH_NORMALIZATION: return lower_batch_norm(l, to);
    case GRAPH_RESIZE: return lower_resize(l, to);
    case GRAPH_ADD:
    case GRAPH_SUB:
    case GRAPH_MUL:
    case GRAPH_DIV: return lower_arithmetic(l, to);
    case GRAPH_MIN:
    case GRAPH_MAX: return lower_extremum(l, to);
    case GRAPH_CLIP: return lower_clip(l, to);
    case GRAPH_RELU: return lower_named(l, (activation){ACTIVATION_CLAMP, 0, INFINITY}, to);
    case GRAPH_SIGMOID: return lower_named(l, (activation){ACTIVATION_SIGMOID, 0, 0}, to);
    case GRAPH_SQRT: return lower_unary(l, UNARY_SQRT, to);
    case GRAPH_FLOOR: return lower_unary(l, UNARY_FLOOR, to);
    case GRAPH_CEIL: return lower_unary(l, UNARY_CEIL, to);
    case GRAPH_CAST:
    case GRAPH_IDENTITY: return lower_same(l, to);
    case GRAPH_SHAPE: return lower_shape_of(l, to);
    case GRAPH_RESHAPE:
    case GRAPH_FLATTEN:
    case GRAPH_SQUEEZE:
    case GRAPH_UNSQUEEZE: return lower_relabel(l, to);
    case GRAPH_TRANSPOSE: return lower_transpose(l, to);
    case GRAPH_SLICE: return lower_slice(l, to);
    case GRAPH_GATHER: return lower_gather(l, to);
    case GRAPH_CONCAT: return lower_concat(l, to);
    case GRAPH_PAD: return lower_pad(l, to);
    case GRAPH_EXPAND: return lower_expand(l, to);
    default: return fail(STATUS_UNSUPPORTED, "it is not computed at run time");
    }
}
