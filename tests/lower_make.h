/* Lowering a graph of tests/graph_make.h, and looking at what came out. */
#ifndef POSENET_TESTS_LOWER_MAKE_H
#define POSENET_TESTS_LOWER_MAKE_H

#include <stdlib.h>

#include "engine/lower/lower.h"
#include "engine/rewrite/rewrite.h"
#include "tests/graph_make.h"

/* Rewrites and lowers a graph of one input; the result lives as long as the graph. */
static inline status lower_graph(graph *g, const int64_t *dims, const int *keep, lowered *out)
{
    int64_t input[1][GRAPH_MAX_RANK] = {{0}};
    int rank = g->values[g->inputs[0]].rank;
    for (int i = 0; i < rank; i++) input[0][i] = dims[i];
    TRY(graph_rewrite(g));
    lower_request request = {g, (const int64_t(*)[GRAPH_MAX_RANK])input, keep};
    TRY(lower(&request, g->pool, out));
    return network_rewrite(out, g->pool);
}

static inline lowered lower_whole(graph *g, const int64_t *dims)
{
    lowered out;
    cr_assert_eq(lower_graph(g, dims, NULL, &out), STATUS_OK, "%s", fail_text());
    return out;
}

/* Expects a refusal whose sentence has all the parts. */
static inline void refuse_whole(graph *g, const int64_t *dims, const char *part, const char *other)
{
    lowered out;
    fail_clear();
    cr_assert_neq(lower_graph(g, dims, NULL, &out), STATUS_OK, "not refused: %s", part);
    cr_assert(strstr(fail_text(), part) && strstr(fail_text(), other), "%s", fail_text());
}

/* The steps' operations as "conv binary copy". */
static inline void expect_ops(const lowered *l, const char *want)
{
    char got[1024] = "";
    for (int i = 0; i < l->net.step_count; i++) {
        strcat(strcat(got, i ? " " : ""), op_name(l->net.steps[i].op));
        cr_assert_lt(strlen(got), sizeof got - 64);
    }
    cr_assert_str_eq(got, want);
}

/* The dims of a tensor as n h w c. */
static inline void expect_tensor(const lowered *l, int t, int n, int h, int w, int c)
{
    cr_assert_geq(t, 0);
    const int *d = l->net.tensors[t].dims;
    cr_assert(d[0] == n && d[1] == h && d[2] == w && d[3] == c, "%d %d %d %d", d[0], d[1], d[2],
              d[3]);
}

static inline void expect_axes(const lowered_value *v, int a, int b, int c, int d)
{
    const int *axes = v->axis_of;
    cr_assert(axes[0] == a && axes[1] == b && axes[2] == c && axes[3] == d, "%d %d %d %d", axes[0],
              axes[1], axes[2], axes[3]);
}

#endif
