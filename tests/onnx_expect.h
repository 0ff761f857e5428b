/* What the ONNX reader must make of a model that a test built. */
#ifndef POSENET_TESTS_ONNX_EXPECT_H
#define POSENET_TESTS_ONNX_EXPECT_H

#include <criterion/criterion.h>

#include "loader/graph.h"
#include "tests/onnx_builder.h"

#define DIMS(...) ((const int64_t[]){__VA_ARGS__})

/* The last failure is one sentence on one line that holds every one of `words`. */
static inline void expect_sentence(const char *where, const char *const *words)
{
    const char *text = fail_text();
    cr_assert(*text && !strchr(text, '\n'), "%s: no line: \"%s\"", where, text);
    for (; *words; words++)
        cr_assert(strstr(text, *words), "%s: \"%s\" is not in \"%s\"", where, *words, text);
}

/* Reads the built model and frees the builder; the graph is the caller's. */
static inline graph *expect_graph(onnx_builder *b)
{
    unsigned char *bytes;
    graph *g = NULL;
    size_t size = onnx_build_pack(b, &bytes);
    onnx_builder_free(&b);
    fail_clear();
    status s = onnx_read_memory(bytes, size, &g);
    free(bytes);
    cr_assert(s == STATUS_OK, "refused: %s", fail_text());
    return g;
}

static inline void expect_bytes_refused(const unsigned char *bytes, size_t size, status code,
                                        const char *const *words)
{
    graph *g = NULL;
    fail_clear();
    status s = onnx_read_memory(bytes, size, &g);
    cr_assert(s == code, "status %d, not %d: %s", s, code, fail_text());
    cr_assert_null(g);
    expect_sentence("refusal", words);
}

/* Reads the built model, which must be refused with `code` and the words that follow, and frees
 * the builder. */
#define EXPECT_REFUSED(builder, code, ...)                                                         \
    expect_refused(builder, code, (const char *const[]){__VA_ARGS__, NULL})

static inline void expect_refused(onnx_builder *b, status code, const char *const *words)
{
    unsigned char *bytes;
    size_t size = onnx_build_pack(b, &bytes);
    onnx_builder_free(&b);
    expect_bytes_refused(bytes, size, code, words);
    free(bytes);
}

/* ---- models of one node ---------------------------------------------------------------------- */

/* One node from input "x" (1, 3, 8, 8) to output "y"; the test adds what else there is. */
static inline onnx_builder *one_node_model(int64_t opset, const char *op, const char *inputs,
                                           const char *outputs, Onnx__NodeProto **n)
{
    onnx_builder *b = onnx_builder_new(opset);
    onnx_build_input(b, "x", 4, DIMS(1, 3, 8, 8));
    *n = onnx_build_node(b, op, inputs, outputs);
    onnx_build_output(b, "y");
    return b;
}

static inline const node *only_node(const graph *g, graph_op op, int inputs)
{
    cr_assert_eq(g->node_count, 1);
    cr_assert_eq(g->nodes[0].op, op);
    cr_assert_eq(g->nodes[0].input_count, inputs, "%d inputs", g->nodes[0].input_count);
    return &g->nodes[0];
}

static inline const constant *input_constant(const graph *g, const node *n, int i)
{
    const constant *c = node_constant(g, n, i);
    cr_assert_not_null(c);
    return c;
}

#endif
