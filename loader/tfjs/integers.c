/* Chains of integers in a TF.js graph. */
#include "loader/tfjs/integers.h"

#include <string.h>

#include "loader/names.h"

/* Chains are short; a file may nest them as deep as it has nodes. */
enum { CHAIN_DEPTH = 32 };

typedef struct evaluation {
    const tfjs_translation *t;
    const tfjs_probe *probe;
    int steps; /* left: a chain in which everything is read twice at every level has 2^depth */
} evaluation;

typedef status chain_op(evaluation *e, const tfjs_node *n, const tfjs_integers *in, int count,
                        tfjs_integers *out);

static status refuse_constant(void)
{
    return fail(STATUS_UNSUPPORTED, "reads a constant that is no short list of integers");
}

static status from_constant(const constant *c, tfjs_integers *out)
{
    if (c->type != ELEMENT_INTEGER || c->rank > 3 || c->count > TFJS_INTEGERS)
        return refuse_constant();
    *out = (tfjs_integers){.rank = c->rank, .count = (int)c->count};
    for (int i = 0; i < c->rank; i++) {
        if (c->dims[i] > TFJS_INTEGERS) return refuse_constant();
        out->dims[i] = (int)c->dims[i];
    }
    for (int i = 0; i < out->count; i++) out->values[i] = c->integers[i];
    return STATUS_OK;
}

static status evaluate(evaluation *e, int id, int depth, tfjs_integers *out);

static status shape_of(evaluation *e, const tfjs_node *n, tfjs_integers *out)
{
    if (n->input_count != 1) return fail(STATUS_MODEL, "has no input");
    const tfjs_result *r = &e->t->results[n->inputs[0]];
    if (r->value == GRAPH_ABSENT || r->sandwich >= 0 || r->origin != e->probe->origin)
        return fail(STATUS_UNSUPPORTED, "takes the shape of another picture than the one it pads");
    *out = (tfjs_integers){.rank = 1, .dims = {4}, .count = 4};
    memcpy(out->values, e->probe->dims, sizeof e->probe->dims);
    return STATUS_OK;
}

/* One element or a range of a list: begin, end and stride of one number each. */
static status slice(evaluation *e, const tfjs_node *n, const tfjs_integers *in, int count,
                    tfjs_integers *out)
{
    (void)e;
    int64_t begin_mask = 0, end_mask = 0, shrink = 0, ellipsis = 0, new_axis = 0;
    TRY(tfjs_attr_integer(n->attr, "begin_mask", &begin_mask));
    TRY(tfjs_attr_integer(n->attr, "end_mask", &end_mask));
    TRY(tfjs_attr_integer(n->attr, "shrink_axis_mask", &shrink));
    TRY(tfjs_attr_integer(n->attr, "ellipsis_mask", &ellipsis));
    TRY(tfjs_attr_integer(n->attr, "new_axis_mask", &new_axis));
    if (ellipsis || new_axis || count != 4 || in[0].rank != 1 || in[1].count != 1 ||
        in[2].count != 1 || in[3].count != 1 || in[3].values[0] != 1)
        return fail(STATUS_UNSUPPORTED, "takes more than a plain range of a list");
    int64_t length = in[0].count, begin = in[1].values[0], end = in[2].values[0];
    if (begin < 0) begin += length;
    if (end < 0) end += length;
    if (shrink & 1) {
        if (begin < 0 || begin >= length)
            return fail(STATUS_MODEL, "takes an element that the list lacks");
        *out = (tfjs_integers){.rank = 0, .count = 1, .values = {in[0].values[begin]}};
        return STATUS_OK;
    }
    if (begin_mask & 1 || begin < 0) begin = 0;
    if (end_mask & 1 || end > length) end = length;
    int taken = end > begin ? (int)(end - begin) : 0;
    *out = (tfjs_integers){.rank = 1, .dims = {taken}, .count = taken};
    for (int i = 0; i < taken; i++) out->values[i] = in[0].values[begin + i];
    return STATUS_OK;
}

/* Stacks along a new first axis. */
static status pack(evaluation *e, const tfjs_node *n, const tfjs_integers *in, int count,
                   tfjs_integers *out)
{
    (void)e;
    int64_t axis = 0;
    TRY(tfjs_attr_integer(n->attr, "axis", &axis));
    if (axis != 0 || count < 1 || in[0].rank > 2)
        return fail(STATUS_UNSUPPORTED, "stacks along another axis than a new first one");
    *out = (tfjs_integers){.rank = in[0].rank + 1, .dims = {count}};
    for (int i = 0; i < in[0].rank; i++) out->dims[i + 1] = in[0].dims[i];
    for (int k = 0; k < count; k++) {
        if (in[k].rank != in[0].rank || memcmp(in[k].dims, in[0].dims, sizeof in[k].dims) != 0)
            return fail(STATUS_MODEL, "stacks lists of different shapes");
        if (out->count + in[k].count > TFJS_INTEGERS)
            return fail(STATUS_UNSUPPORTED, "makes more than %d integers", TFJS_INTEGERS);
        memcpy(out->values + out->count, in[k].values, (size_t)in[k].count * sizeof *in[k].values);
        out->count += in[k].count;
    }
    return STATUS_OK;
}

/* Joins along the first axis; the axis is the last input. */
static status concat(evaluation *e, const tfjs_node *n, const tfjs_integers *in, int count,
                     tfjs_integers *out)
{
    (void)e;
    (void)n;
    if (count < 2 || in[count - 1].count != 1 || in[count - 1].values[0] != 0 || in[0].rank < 1)
        return fail(STATUS_UNSUPPORTED, "joins along another axis than the first");
    *out = in[0];
    for (int k = 1; k < count - 1; k++) {
        if (in[k].rank != in[0].rank ||
            memcmp(in[k].dims + 1, in[0].dims + 1, 2 * sizeof *in[k].dims) != 0)
            return fail(STATUS_MODEL, "joins lists of different shapes");
        if (out->count + in[k].count > TFJS_INTEGERS)
            return fail(STATUS_UNSUPPORTED, "makes more than %d integers", TFJS_INTEGERS);
        memcpy(out->values + out->count, in[k].values, (size_t)in[k].count * sizeof *in[k].values);
        out->count += in[k].count;
        out->dims[0] += in[k].dims[0];
    }
    return STATUS_OK;
}

static status combine(const char *op, int64_t a, int64_t b, int64_t *out)
{
    const int64_t most = 1LL << 40; /* sums and products of that stay within 2^63 */
    if (a > most || a < -most || b > most || b < -most)
        return fail(STATUS_MODEL, "computes with integers beyond 2^40");
    if (!strcmp(op, "Sub")) {
        *out = a - b;
    } else if (!strcmp(op, "FloorMod")) {
        if (b <= 0) return fail(STATUS_MODEL, "divides by %lld", (long long)b);
        *out = a % b + (a % b < 0 ? b : 0);
    } else {
        *out = a + b;
    }
    return STATUS_OK;
}

/* Element by element; one of the two may be a single number. */
static status arithmetic(evaluation *e, const tfjs_node *n, const tfjs_integers *in, int count,
                         tfjs_integers *out)
{
    (void)e;
    if (count != 2) return fail(STATUS_MODEL, "needs two inputs");
    int longer = in[0].count < in[1].count || (in[0].count == 1 && in[1].rank > in[0].rank);
    *out = in[longer];
    for (int k = 0; k < 2; k++)
        if (in[k].count != 1 &&
            (in[k].rank != out->rank || memcmp(in[k].dims, out->dims, sizeof out->dims) != 0))
            return fail(STATUS_UNSUPPORTED, "combines lists of different shapes");
    for (int i = 0; i < out->count; i++)
        TRY(combine(n->op, in[0].values[in[0].count == 1 ? 0 : i],
                    in[1].values[in[1].count == 1 ? 0 : i], &out->values[i]));
    return STATUS_OK;
}

static const struct {
    const char *name;
    chain_op *compute;
    int typed; /* an operator of pictures too: its attribute T says which */
} chain_ops[] = {
    {"StridedSlice", slice, 0},  {"Pack", pack, 0},      {"ConcatV2", concat, 0},
    {"FloorMod", arithmetic, 0}, {"Add", arithmetic, 1}, {"AddV2", arithmetic, 1},
    {"Sub", arithmetic, 1},
};

static chain_op *find_op(const tfjs_node *n)
{
    for (size_t i = 0; i < sizeof chain_ops / sizeof *chain_ops; i++) {
        if (strcmp(n->op, chain_ops[i].name) != 0) continue;
        tfjs_type type = TFJS_TYPE_ABSENT;
        if (chain_ops[i].typed && (tfjs_attr_type(n->attr, "T", &type) != STATUS_OK ||
                                   (type != TFJS_TYPE_INT32 && type != TFJS_TYPE_INT64)))
            return NULL;
        return chain_ops[i].compute;
    }
    return NULL;
}

int tfjs_is_integer(const tfjs_node *n)
{
    return !strcmp(n->op, "Shape") || find_op(n) != NULL;
}

static status compute(evaluation *e, const tfjs_node *n, int depth, tfjs_integers *out)
{
    if (n->constant) return from_constant(n->constant, out);
    if (!strcmp(n->op, "Shape")) return shape_of(e, n, out);
    if (!strcmp(n->op, "Identity") && n->input_count == 1)
        return evaluate(e, n->inputs[0], depth + 1, out);
    chain_op *op = find_op(n);
    if (!op)
        return fail(STATUS_UNSUPPORTED, "operator \"%s\" cannot make a size",
                    name_show(n->op).text);
    tfjs_integers in[TFJS_INTEGERS];
    if (n->input_count > TFJS_INTEGERS)
        return fail(STATUS_UNSUPPORTED, "has more than %d inputs", TFJS_INTEGERS);
    for (int i = 0; i < n->input_count; i++) TRY(evaluate(e, n->inputs[i], depth + 1, &in[i]));
    return op(e, n, in, n->input_count, out);
}

static status evaluate(evaluation *e, int id, int depth, tfjs_integers *out)
{
    const tfjs_node *n = &e->t->model->nodes[id];
    if (depth > CHAIN_DEPTH || --e->steps < 0)
        return fail(STATUS_UNSUPPORTED, "a chain of integers is too long at node \"%s\"",
                    name_show(n->name).text);
    return compute(e, n, depth, out);
}

status tfjs_evaluate(const tfjs_translation *t, int id, const tfjs_probe *probe, tfjs_integers *out)
{
    evaluation e = {.t = t, .probe = probe, .steps = 4096};
    status s = evaluate(&e, id, 0, out);
    return s == STATUS_OK ? s
                          : fail(s, "its size chain at node \"%s\": %s",
                                 name_show(t->model->nodes[id].name).text, fail_text());
}
