/* Short graphs for tests, built with loader/graph.h; any failure fails the test. */
#ifndef POSENET_TESTS_GRAPH_MAKE_H
#define POSENET_TESTS_GRAPH_MAKE_H

#include <criterion/criterion.h>
#include <string.h>

#include "loader/graph.h"

/* Lists for the builders below. */
#define DIMS(...)  ((const int64_t[]){__VA_ARGS__})
#define REALS(...) ((const float[]){__VA_ARGS__})

#define COUNT(array) (sizeof(array) / sizeof *(array))

static inline graph *make_graph(void)
{
    graph *g;
    cr_assert_eq(graph_new(&g, "test.onnx"), STATUS_OK);
    g->opset = 13;
    return g;
}

/* A runtime input of unknown dims. */
static inline int make_input(graph *g, const char *name, int rank)
{
    int id;
    cr_assert_eq(graph_add_value(g, name, ELEMENT_REAL, &id), STATUS_OK);
    g->values[id].rank = rank;
    for (int i = 0; i < rank; i++) g->values[id].dims[i] = GRAPH_UNKNOWN_DIM;
    cr_assert_eq(graph_add_input(g, id), STATUS_OK);
    return id;
}

/* A constant with those reals; `data` NULL: small numbers that repeat after a prime. */
static inline int make_reals(graph *g, int rank, const int64_t *dims, const float *data)
{
    constant c = {.type = ELEMENT_REAL, .rank = rank, .count = 1};
    for (int i = 0; i < rank; i++) c.count *= c.dims[i] = dims[i];
    float *reals = pool_array(g->pool, (size_t)c.count, sizeof *reals);
    cr_assert(reals);
    for (int64_t i = 0; i < c.count; i++) {
        reals[i] = data ? data[i] : (float)(i % 31 - 15) * 0.125f;
    }
    c.reals = reals;
    int id;
    cr_assert_eq(graph_add_constant(g, "", &c, &id), STATUS_OK);
    return id;
}

static inline int make_real(graph *g, float number)
{
    int id;
    cr_assert_eq(graph_add_real(g, "", number, &id), STATUS_OK);
    return id;
}

static inline int make_integers(graph *g, const int64_t *data, size_t count)
{
    int id;
    cr_assert_eq(graph_add_integers(g, "", data, count, 0, &id), STATUS_OK);
    return id;
}

/* A node with one output, whose number it returns. */
static inline int make_node(graph *g, graph_op op, const int *inputs, int count)
{
    int id;
    node *n;
    const char *name = graph_op_name(op);
    cr_assert_eq(graph_add_value(g, "", ELEMENT_REAL, &id), STATUS_OK);
    cr_assert_eq(graph_add_node(g, op, NULL, inputs, count, &id, 1, &n), STATUS_OK, "%s", name);
    return id;
}

static inline node *last_node(graph *g)
{
    return &g->nodes[g->node_count - 1];
}

#define MAKE(g, op, ...)                                                                           \
    make_node(g, op, (const int[]){__VA_ARGS__}, (int)COUNT(((const int[]){__VA_ARGS__})))
#define INTEGERS(g, ...)                                                                           \
    make_integers(g, (const int64_t[]){__VA_ARGS__}, COUNT(((const int64_t[]){__VA_ARGS__})))

/* A convolution with a bias, stride 1, the size kept. */
static inline int make_conv(graph *g, int x, int64_t out, int64_t in, int64_t kernel)
{
    int filter = make_reals(g, 4, (const int64_t[]){out, in, kernel, kernel}, NULL);
    int bias = make_reals(g, 1, (const int64_t[]){out}, NULL);
    int id = MAKE(g, GRAPH_CONV, x, filter, bias);
    last_node(g)->as.window =
        (window){.auto_pad = PAD_SAME_UPPER, .stride = {1, 1}, .dilation = {1, 1}, .groups = 1};
    return id;
}

static inline int make_transpose(graph *g, int x, int a, int b, int c, int d)
{
    int id = MAKE(g, GRAPH_TRANSPOSE, x);
    last_node(g)->as.permutation.rank = 4;
    memcpy(last_node(g)->as.permutation.axes, (int[]){a, b, c, d}, 4 * sizeof(int));
    return id;
}

static inline void make_output(graph *g, int id, const char *name)
{
    g->values[id].name = name;
    cr_assert_eq(graph_add_output(g, id), STATUS_OK);
}

#endif
