/* Folding of constants, against tables that numpy gave or that were worked out by hand. */
#include <criterion/criterion.h>
#include <math.h>

#include "engine/lower/fold.h"
#include "tests/graph_make.h"

static graph *g;

static void setup(void)
{
    g = make_graph();
}

static void teardown(void)
{
    graph_free(&g);
}

TestSuite(fold, .init = setup, .fini = teardown);

/* Folds the graph's last node into `outputs`. */
static status fold_last_into(const constant **outputs, int *done)
{
    const node *n = last_node(g);
    const constant *inputs[16] = {0};
    folder f = {g->pool, g->opset, FOLD_MAX_ELEMENTS};
    for (int i = 0; i < n->input_count; i++) {
        inputs[i] = n->inputs[i] == GRAPH_ABSENT ? NULL : g->values[n->inputs[i]].constant;
    }
    return fold_node(&f, n, inputs, outputs, done);
}

static const constant *fold_last(void)
{
    const constant *out[8] = {0};
    int done;
    cr_assert_eq(fold_last_into(out, &done), STATUS_OK, "%s", fail_text());
    cr_assert(done && out[0]);
    return out[0];
}

static void refuse_last(void)
{
    const constant *out[8] = {0};
    int done;
    fail_clear();
    cr_assert_neq(fold_last_into(out, &done), STATUS_OK);
    cr_assert(*fail_text());
}

static void expect_integers(const constant *c, const int64_t *want, int64_t count)
{
    cr_assert(c->integers && c->count == count, "%d elements", (int)c->count);
    for (int64_t i = 0; i < count; i++) {
        cr_assert_eq(c->integers[i], want[i], "[%d] is %lld", (int)i, (long long)c->integers[i]);
    }
}

static void expect_reals(const constant *c, const float *want, int64_t count)
{
    cr_assert(c->reals && c->count == count, "%d elements", (int)c->count);
    for (int64_t i = 0; i < count; i++) {
        int same = c->reals[i] == want[i] || (isnan(c->reals[i]) && isnan(want[i]));
        cr_assert(same, "[%d] is %.9g", (int)i, (double)c->reals[i]);
    }
}

#define EXPECT_INTEGERS(c, ...)                                                                    \
    expect_integers(c, (const int64_t[]){__VA_ARGS__}, COUNT(((const int64_t[]){__VA_ARGS__})))
#define EXPECT_REALS(c, ...)                                                                       \
    expect_reals(c, (const float[]){__VA_ARGS__}, COUNT(((const float[]){__VA_ARGS__})))

Test(fold, integers_as_twos_complement)
{
    int a = INTEGERS(g, INT64_MAX, -7, INT64_MIN), b = INTEGERS(g, 1, 2, -1);
    MAKE(g, GRAPH_ADD, a, b);
    EXPECT_INTEGERS(fold_last(), INT64_MIN, -5, INT64_MAX);
    MAKE(g, GRAPH_SUB, a, b);
    EXPECT_INTEGERS(fold_last(), INT64_MAX - 1, -9, INT64_MIN + 1);
    MAKE(g, GRAPH_MUL, a, b);
    EXPECT_INTEGERS(fold_last(), INT64_MAX, -14, INT64_MIN);
    MAKE(g, GRAPH_DIV, a, b);
    EXPECT_INTEGERS(fold_last(), INT64_MAX, -3, INT64_MIN);
    MAKE(g, GRAPH_MIN, a, b);
    EXPECT_INTEGERS(fold_last(), 1, -7, INT64_MIN);
    MAKE(g, GRAPH_MAX, a, b, INTEGERS(g, 0));
    EXPECT_INTEGERS(fold_last(), INT64_MAX, 2, 0);
    MAKE(g, GRAPH_DIV, a, INTEGERS(g, 1, 0, 1));
    refuse_last();
    MAKE(g, GRAPH_ADD, a, make_real(g, 1));
    refuse_last();
}

Test(fold, reals_broadcast)
{
    int a = make_reals(g, 2, DIMS(2, 3), REALS(1, 2, 3, 4, 5, 6));
    int column = make_reals(g, 2, DIMS(2, 1), REALS(10, 20));
    MAKE(g, GRAPH_ADD, a, column);
    EXPECT_REALS(fold_last(), 11, 12, 13, 24, 25, 26);
    MAKE(g, GRAPH_SUB, make_reals(g, 1, DIMS(3), REALS(1, 1, 2)), a);
    EXPECT_REALS(fold_last(), 0, -1, -1, -3, -4, -4);
    MAKE(g, GRAPH_MUL, column, make_reals(g, 1, DIMS(2), REALS(1, -1)));
    EXPECT_REALS(fold_last(), 10, -10, 20, -20);
    MAKE(g, GRAPH_DIV, a, make_real(g, 4));
    EXPECT_REALS(fold_last(), 0.25f, 0.5f, 0.75f, 1, 1.25f, 1.5f);
    MAKE(g, GRAPH_MAX, a, make_real(g, NAN));
    EXPECT_REALS(fold_last(), NAN, NAN, NAN, NAN, NAN, NAN);
    MAKE(g, GRAPH_ADD, a, make_reals(g, 1, DIMS(2), NULL));
    refuse_last();
}

Test(fold, functions)
{
    int x = make_reals(g, 1, DIMS(4), REALS(-1.5f, 0, 2.25f, NAN));
    MAKE(g, GRAPH_SQRT, x);
    EXPECT_REALS(fold_last(), NAN, 0, 1.5f, NAN);
    MAKE(g, GRAPH_CEIL, x);
    EXPECT_REALS(fold_last(), -1, 0, 3, NAN);
    MAKE(g, GRAPH_FLOOR, x);
    EXPECT_REALS(fold_last(), -2, 0, 2, NAN);
    MAKE(g, GRAPH_RELU, x);
    EXPECT_REALS(fold_last(), 0, 0, 2.25f, NAN);
    MAKE(g, GRAPH_CLIP, x, make_real(g, -1), make_real(g, 1));
    EXPECT_REALS(fold_last(), -1, 0, 1, NAN);
    MAKE(g, GRAPH_CLIP, x, make_real(g, 3), make_real(g, 1));
    EXPECT_REALS(fold_last(), 1, 1, 1, NAN);
    MAKE(g, GRAPH_CLIP, x, GRAPH_ABSENT, make_real(g, 1));
    EXPECT_REALS(fold_last(), -1.5f, 0, 1, NAN);
    MAKE(g, GRAPH_SIGMOID, make_reals(g, 1, DIMS(3), REALS(0, 1000, -1000)));
    EXPECT_REALS(fold_last(), 0.5f, 1, 0);
}

Test(fold, casts)
{
    MAKE(g, GRAPH_CAST,
         make_reals(g, 1, DIMS(6), REALS(2.9f, -2.9f, NAN, 1e30f, -1e30f, 9223372036854775808.0f)));
    last_node(g)->as.cast_to = ELEMENT_INTEGER;
    EXPECT_INTEGERS(fold_last(), 2, -2, 0, INT64_MAX, INT64_MIN, INT64_MAX);
    MAKE(g, GRAPH_CAST, INTEGERS(g, 3, -16777217));
    last_node(g)->as.cast_to = ELEMENT_REAL;
    EXPECT_REALS(fold_last(), 3, -16777216);
}

Test(fold, moves)
{
    int x = make_reals(g, 3, DIMS(1, 2, 3), REALS(0, 1, 2, 3, 4, 5));
    MAKE(g, GRAPH_TRANSPOSE, x);
    EXPECT_REALS(fold_last(), 0, 3, 1, 4, 2, 5);
    MAKE(g, GRAPH_SLICE, x, INTEGERS(g, -1, 1), INTEGERS(g, INT64_MIN, 2), INTEGERS(g, 2, 1),
         INTEGERS(g, -2, 1));
    EXPECT_REALS(fold_last(), 5, 3);
    MAKE(g, GRAPH_EXPAND, x, INTEGERS(g, 2, 1, 1, 3));
    EXPECT_REALS(fold_last(), 0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4, 5);
    MAKE(g, GRAPH_GATHER, x, INTEGERS(g, -1, 0, 0));
    last_node(g)->as.axis = 2;
    EXPECT_REALS(fold_last(), 2, 0, 0, 5, 3, 3);
    MAKE(g, GRAPH_GATHER, x, INTEGERS(g, 2));
    last_node(g)->as.axis = 1;
    refuse_last();
    MAKE(g, GRAPH_CONCAT, x, make_reals(g, 3, DIMS(1, 1, 3), REALS(6, 7, 8)), x);
    last_node(g)->as.axis = -2;
    EXPECT_REALS(fold_last(), 0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 1, 2, 3, 4, 5);
    MAKE(g, GRAPH_CONCAT, x, make_reals(g, 2, DIMS(1, 3), NULL));
    refuse_last();
    MAKE(g, GRAPH_RESHAPE, x, INTEGERS(g, 3, -1));
    const constant *c = fold_last();
    cr_assert(c->rank == 2 && c->dims[0] == 3 && c->dims[1] == 2 && c->reals[5] == 5);
}

Test(fold, split)
{
    int x = make_reals(g, 2, DIMS(2, 3), REALS(0, 1, 2, 3, 4, 5)), ids[3];
    node *n;
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(graph_add_value(g, "", ELEMENT_REAL, &ids[i]), STATUS_OK);
    }
    ids[1] = GRAPH_ABSENT;
    int inputs[2] = {x, INTEGERS(g, 1, 1, 1)}, done;
    cr_assert_eq(graph_add_node(g, GRAPH_SPLIT, "", inputs, 2, ids, 3, &n), STATUS_OK);
    n->as.axis = 1;
    const constant *out[3];
    cr_assert_eq(fold_last_into(out, &done), STATUS_OK);
    EXPECT_REALS(out[0], 0, 3);
    cr_assert_null(out[1]);
    EXPECT_REALS(out[2], 2, 5);
}

Test(fold, shapes_and_fills)
{
    int x = make_reals(g, 4, DIMS(1, 2, 3, 4), NULL);
    MAKE(g, GRAPH_SHAPE, x);
    last_node(g)->as.range.end = INT64_MAX;
    EXPECT_INTEGERS(fold_last(), 1, 2, 3, 4);
    last_node(g)->as.range.start = -3;
    last_node(g)->as.range.end = -1;
    EXPECT_INTEGERS(fold_last(), 2, 3);
    last_node(g)->as.range.start = 3;
    last_node(g)->as.range.end = -9;
    cr_assert_eq(fold_last()->count, 0);
    MAKE(g, GRAPH_CONSTANT_OF_SHAPE, INTEGERS(g, 2, 1));
    EXPECT_REALS(fold_last(), 0, 0);
    last_node(g)->as.fill = g->values[INTEGERS(g, 7)].constant;
    EXPECT_INTEGERS(fold_last(), 7, 7);
    MAKE(g, GRAPH_CONSTANT_OF_SHAPE, INTEGERS(g, 1 << 20, 1 << 20));
    refuse_last();
    MAKE(g, GRAPH_CONSTANT_OF_SHAPE, INTEGERS(g, -1));
    refuse_last();
    MAKE(g, GRAPH_CONSTANT_OF_SHAPE, INTEGERS(g, 1 << 15, 1 << 12));
    refuse_last();
}

/* The chain of a real exporter: half the height and width of a picture, as a list for Resize. */
Test(fold, chain_of_sizes)
{
    int shape = MAKE(g, GRAPH_SHAPE, make_reals(g, 4, DIMS(1, 3, 17, 9), NULL));
    last_node(g)->as.range.end = INT64_MAX;
    g->values[shape].constant = fold_last();
    int sides = MAKE(g, GRAPH_SLICE, shape, INTEGERS(g, 2), INTEGERS(g, 4), INTEGERS(g, 0));
    g->values[sides].constant = fold_last();
    int twice = MAKE(g, GRAPH_MUL, sides, INTEGERS(g, 2));
    g->values[twice].constant = fold_last();
    int less = MAKE(g, GRAPH_SUB, twice, INTEGERS(g, 1));
    g->values[less].constant = fold_last();
    MAKE(g, GRAPH_CONCAT, INTEGERS(g, 1, 3), less);
    EXPECT_INTEGERS(fold_last(), 1, 3, 33, 17);
}

Test(fold, what_is_not_folded)
{
    int x = make_reals(g, 4, DIMS(1, 1, 3, 3), NULL), done;
    const constant *out[1];
    make_conv(g, x, 1, 1, 1);
    cr_assert_eq(fold_last_into(out, &done), STATUS_OK);
    cr_assert_eq(done, 0);
}
