#include "engine/lower/build.h"

#include <inttypes.h>
#include <limits.h>
#include <string.h>

#include "loader/limits.h"
#include "loader/names.h"

const int naming_nchw[AXES] = {AXIS_N, AXIS_C, AXIS_H, AXIS_W};

void naming_default(int rank, int axis_of[AXES])
{
    for (int i = 0; i < AXES; i++) axis_of[i] = i < rank ? AXES - rank + i : 0;
}

status lower_rank(const char *name, int rank)
{
    if (rank <= AXES) return STATUS_OK;
    return fail(STATUS_UNSUPPORTED, "\"%s\" has rank %d; at run time it is %d at most",
                name_show(name).text, rank, AXES);
}

void operand_clear(operand *o, const char *name)
{
    *o = (operand){
        .name = name, .tensor = -1, .other_tensor = -1, .shape = {.rank = GRAPH_UNKNOWN_RANK}};
}

status lower_operand(lowering *l, int i, operand **out)
{
    int id = node_input(l->node, i);
    if (id == GRAPH_ABSENT) return fail(STATUS_MODEL, "input %d is missing", i);
    *out = &l->values[id];
    if ((*out)->shape.rank == GRAPH_UNKNOWN_RANK) {
        return fail(STATUS_MODEL, "its input \"%s\" is made by nothing before it",
                    name_show((*out)->name).text);
    }
    return STATUS_OK;
}

status lower_known(lowering *l, int i, const char *what, const constant **out)
{
    *out = NULL;
    if (node_input(l->node, i) == GRAPH_ABSENT) return STATUS_OK;
    operand *o;
    TRY(lower_operand(l, i, &o));
    if (!o->known) {
        return fail(STATUS_UNSUPPORTED, "%s (\"%s\") is known only at run time", what,
                    name_show(o->name).text);
    }
    *out = o->known;
    return STATUS_OK;
}

status lower_list(lowering *l, int i, const char *what, list *out)
{
    const constant *c;
    TRY(lower_known(l, i, what, &c));
    return fold_list(c, what, out);
}

/* Makes room for one more element of a pool array. */
static status grow(pool *p, void **array, size_t *capacity, size_t used, size_t size)
{
    if (used < *capacity) return STATUS_OK;
    size_t wanted = *capacity ? 2 * *capacity : 64;
    void *larger = pool_array(p, wanted, size);
    if (!larger) return STATUS_MEMORY;
    if (used) memcpy(larger, *array, used * size);
    *array = larger;
    *capacity = wanted;
    return STATUS_OK;
}

/* Appends a tensor of shape `s` under `naming`. */
static status add_tensor(lowering *l, const char *name, const shape *s, const int naming[AXES],
                         const float *constant, int *out)
{
    TRY(lower_rank(name, s->rank));
    int64_t count;
    if (shape_count(s, &count) != STATUS_OK) {
        char text[SHAPE_TEXT_BYTES];
        return fail(STATUS_UNSUPPORTED, "\"%s\" of %s would have more than %lld elements",
                    name_show(name).text, shape_text(s, text), (long long)LIMIT_ELEMENTS);
    }
    if (count < 1) return fail(STATUS_UNSUPPORTED, "\"%s\" has no elements", name_show(name).text);
    tensor t = {.name = name, .type = TYPE_FP32, .dims = {1, 1, 1, 1}, .constant = constant};
    for (int i = 0; i < s->rank; i++) {
        if (s->dims[i] > INT_MAX) {
            return fail(STATUS_UNSUPPORTED, "\"%s\" has a side of %" PRId64, name_show(name).text,
                        s->dims[i]);
        }
        t.dims[naming[i]] = (int)s->dims[i];
    }
    network *net = &l->net;
    void *tensors = net->tensors;
    TRY(grow(l->pool, &tensors, &l->tensor_capacity, (size_t)net->tensor_count, sizeof t));
    net->tensors = tensors;
    *out = net->tensor_count++;
    net->tensors[*out] = t;
    return STATUS_OK;
}

static status add_step(lowering *l, op op, const int *inputs, int input_count, int output,
                       step **out)
{
    network *net = &l->net;
    void *steps = net->steps;
    TRY(grow(l->pool, &steps, &l->step_capacity, (size_t)net->step_count, sizeof **out));
    net->steps = steps;
    *out = &net->steps[net->step_count++];
    **out = (step){.op = op, .input_count = input_count, .output = output, .nodes = l->node->name};
    memcpy((*out)->inputs, inputs, (size_t)input_count * sizeof *inputs);
    return STATUS_OK;
}

status lower_emit(lowering *l, op op, const int *inputs, int input_count, operand *o,
                  const shape *s, const int naming[AXES], step **out)
{
    int tensor;
    TRY(add_tensor(l, o->name, s, naming, NULL, &tensor));
    TRY(add_step(l, op, inputs, input_count, tensor, out));
    o->tensor = tensor;
    o->shape = *s;
    memcpy(o->axis_of, naming, sizeof o->axis_of);
    return STATUS_OK;
}

status lower_input(lowering *l, operand *o, const shape *s, const int naming[AXES])
{
    TRY(add_tensor(l, o->name, s, naming, NULL, &o->tensor));
    o->shape = *s;
    memcpy(o->axis_of, naming, sizeof o->axis_of);
    return STATUS_OK;
}

/* Whether the axes that matter, those of dim > 1, are on the same NHWC axes. */
static int same_naming(const shape *s, const int a[AXES], const int b[AXES])
{
    for (int i = 0; i < s->rank && i < AXES; i++) {
        if (s->dims[i] != 1 && a[i] != b[i]) return 0;
    }
    return 1;
}

/* The constant as a tensor under `naming`. */
static status bring_constant(lowering *l, const operand *o, const int naming[AXES], int *tensor)
{
    const constant *c = o->known;
    if (c->type != ELEMENT_REAL) {
        return fail(STATUS_MODEL, "\"%s\" holds integers where numbers are computed with",
                    name_show(o->name).text);
    }
    TRY(add_tensor(l, o->name, &o->shape, naming, c->reals, tensor));
    int sorted = 1, last = -1;
    for (int i = 0; i < o->shape.rank; i++) {
        if (o->shape.dims[i] == 1) continue;
        sorted = sorted && naming[i] > last;
        last = naming[i];
    }
    if (sorted) return STATUS_OK;
    int64_t dense[GRAPH_MAX_RANK], strides[GRAPH_MAX_RANK] = {0};
    fold_strides(&o->shape, dense);
    shape s = {.rank = AXES};
    for (int i = 0; i < AXES; i++) s.dims[i] = l->net.tensors[*tensor].dims[i];
    for (int i = 0; i < o->shape.rank; i++) {
        if (o->shape.dims[i] != 1) strides[naming[i]] = dense[i];
    }
    folded moved;
    TRY(fold_new(&l->folder, ELEMENT_REAL, &s, &moved));
    fold_view(c, 0, strides, &s, &moved);
    l->net.tensors[*tensor].constant = moved.reals;
    return STATUS_OK;
}

/* A PERMUTE step from the operand's own tensor to `naming`. */
static status bring_permuted(lowering *l, const operand *o, const int naming[AXES], int *tensor)
{
    int from[AXES] = {-1, -1, -1, -1}, taken[AXES] = {0};
    for (int i = 0; i < o->shape.rank; i++) {
        if (o->shape.dims[i] == 1) continue;
        from[naming[i]] = o->axis_of[i];
        taken[o->axis_of[i]] = 1;
    }
    /* The other axes have dim 1: any order will do. */
    for (int i = 0, next = 0; i < AXES; i++) {
        if (from[i] >= 0) continue;
        while (taken[next]) next++;
        from[i] = next++;
    }
    TRY(add_tensor(l, o->name, &o->shape, naming, NULL, tensor));
    step *s;
    TRY(add_step(l, OP_PERMUTE, &o->tensor, 1, *tensor, &s));
    memcpy(s->as.permutation, from, sizeof from);
    return STATUS_OK;
}

status lower_bring(lowering *l, operand *o, const int naming[AXES], int *tensor)
{
    if (o->tensor >= 0 && same_naming(&o->shape, o->axis_of, naming)) {
        *tensor = o->tensor;
        return STATUS_OK;
    }
    if (o->other_tensor >= 0 && same_naming(&o->shape, o->other_axis_of, naming)) {
        *tensor = o->other_tensor;
        return STATUS_OK;
    }
    if (o->known) {
        TRY(bring_constant(l, o, naming, tensor));
    } else if (o->tensor >= 0) {
        TRY(bring_permuted(l, o, naming, tensor));
    } else {
        return fail(STATUS_UNSUPPORTED, "\"%s\" is not computed as a tensor",
                    name_show(o->name).text);
    }
    o->other_tensor = *tensor;
    memcpy(o->other_axis_of, naming, sizeof o->other_axis_of);
    return STATUS_OK;
}

void lower_alias(const operand *from, const int *axes, const shape *s, operand *to)
{
    const char *name = to->name;
    *to = *from;
    to->name = name;
    to->shape = *s;
    to->other_tensor = -1;
    for (int i = 0; axes && i < s->rank && i < AXES; i++) to->axis_of[i] = from->axis_of[axes[i]];
}

/* Puts the axes of `to` where those of `from` are, in order, if only dims of 1 come and go. */
static int rename_axes(const operand *from, const shape *s, int axis_of[AXES])
{
    int taken[AXES] = {0}, next = 0;
    for (int i = 0; i < AXES; i++) axis_of[i] = -1;
    for (int i = 0; i < from->shape.rank; i++) {
        if (from->shape.dims[i] == 1) continue;
        while (next < s->rank && s->dims[next] == 1) next++;
        if (next == s->rank || s->dims[next] != from->shape.dims[i]) return 0;
        taken[from->axis_of[i]] = 1;
        axis_of[next++] = from->axis_of[i];
    }
    while (next < s->rank && s->dims[next] == 1) next++;
    if (next < s->rank) return 0;
    for (int i = 0, free_axis = 0; i < AXES; i++) {
        if (axis_of[i] >= 0) continue;
        while (taken[free_axis]) free_axis++;
        axis_of[i] = free_axis++;
    }
    return 1;
}

status lower_reshape(lowering *l, operand *from, const shape *s, operand *to)
{
    TRY(lower_rank(to->name, s->rank));
    int naming[AXES];
    if (!from->known && rename_axes(from, s, naming)) {
        lower_alias(from, NULL, s, to);
        memcpy(to->axis_of, naming, sizeof naming);
        return STATUS_OK;
    }
    int tensor;
    naming_default(from->shape.rank, naming);
    TRY(lower_bring(l, from, naming, &tensor));
    naming_default(s->rank, naming);
    step *copy;
    return lower_emit(l, OP_COPY, &tensor, 1, to, s, naming, &copy);
}
