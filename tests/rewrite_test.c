/* The rewrites: that they happen where they keep the results, and nowhere else. */
#include <criterion/criterion.h>
#include <math.h>
#include <time.h>

#include "loader/limits.h"
#include "tests/lower_make.h"

static graph *g;

static void setup(void)
{
    g = make_graph();
}

static void teardown(void)
{
    graph_free(&g);
}

TestSuite(rewrite, .init = setup, .fini = teardown);

/* A 1x1 convolution from one channel to two: filters 1 and 2, biases 10 and 20. */
static int two_channels(int x)
{
    int filter = make_reals(g, 4, DIMS(2, 1, 1, 1), REALS(1, 2));
    int bias = make_reals(g, 1, DIMS(2), REALS(10, 20));
    int y = MAKE(g, GRAPH_CONV, x, filter, bias);
    last_node(g)->as.window = (window){.stride = {1, 1}, .dilation = {1, 1}, .groups = 1};
    return y;
}

static int batch_norm(int x, const float scale[2], const float bias[2], const float mean[2],
                      const float variance[2], double epsilon)
{
    int y = MAKE(g, GRAPH_BATCH_NORMALIZATION, x, make_reals(g, 1, DIMS(2), scale),
                 make_reals(g, 1, DIMS(2), bias), make_reals(g, 1, DIMS(2), mean),
                 make_reals(g, 1, DIMS(2), variance));
    last_node(g)->as.epsilon = epsilon;
    return y;
}

static void expect_conv(const step *s, float f0, float f1, float b0, float b1)
{
    const conv_params *c = &s->as.conv;
    cr_assert_eq(s->op, OP_CONV);
    cr_assert(c->filter[0] == f0 && c->filter[1] == f1, "filters %g %g", (double)c->filter[0],
              (double)c->filter[1]);
    cr_assert(c->bias && c->bias[0] == b0 && c->bias[1] == b1, "biases %g %g", (double)c->bias[0],
              (double)c->bias[1]);
}

Test(rewrite, batch_norm_into_conv)
{
    int x = make_input(g, "x", 4);
    int y = batch_norm(two_channels(x), REALS(4, 3), REALS(1, 2), REALS(6, 0), REALS(3, 8), 1);
    make_output(g, MAKE(g, GRAPH_CLIP, y, make_real(g, 0), make_real(g, 6)), "y");
    lowered l = lower_whole(g, DIMS(1, 1, 3, 3));
    expect_ops(&l, "conv");
    /* (10 - 6) * 4 / 2 + 1, (20 - 0) * 3 / 3 + 2 */
    expect_conv(&l.net.steps[0], 2, 2, 9, 22);
    cr_assert_str_eq(l.net.steps[0].nodes, "Conv_0, BatchNormalization_1, Clip_2");
    cr_assert_eq(l.net.steps[0].as.conv.act.high, 6);
}

Test(rewrite, arithmetic_into_conv)
{
    int x = make_input(g, "x", 4), k = make_reals(g, 3, DIMS(2, 1, 1), REALS(3, 4));
    int y = MAKE(g, GRAPH_MUL, two_channels(x), k);
    y = MAKE(g, GRAPH_ADD, make_real(g, 1), y);
    y = MAKE(g, GRAPH_SUB, k, y);
    y = MAKE(g, GRAPH_DIV, y, make_reals(g, 4, DIMS(1, 2, 1, 1), REALS(2, 4)));
    make_output(g, MAKE(g, GRAPH_SUB, y, make_real(g, 5)), "y");
    lowered l = lower_whole(g, DIMS(1, 1, 3, 3));
    expect_ops(&l, "conv");
    /* (3 - (1 + 3 * 10)) / 2 - 5, (4 - (1 + 4 * 20)) / 4 - 5 */
    expect_conv(&l.net.steps[0], -1.5f, -2, -19, -24.25f);
}

Test(rewrite, arithmetic_behind_transpose)
{
    int x = make_input(g, "x", 4);
    int y = make_transpose(g, two_channels(make_transpose(g, x, 0, 3, 1, 2)), 0, 2, 3, 1);
    y = MAKE(g, GRAPH_ADD, y, make_reals(g, 1, DIMS(2), REALS(1, 2)));
    make_output(g, MAKE(g, GRAPH_RELU, y), "y");
    lowered l = lower_whole(g, DIMS(1, 3, 3, 1));
    expect_ops(&l, "conv");
    expect_conv(&l.net.steps[0], 1, 2, 11, 22);
}

Test(rewrite, arithmetic_that_must_stay)
{
    int x = make_input(g, "x", 4);
    int along_width = make_reals(g, 1, DIMS(2), REALS(1, 2));
    make_output(g, MAKE(g, GRAPH_ADD, two_channels(x), along_width), "width");
    int batches = make_reals(g, 4, DIMS(2, 1, 1, 1), REALS(1, 2));
    make_output(g, MAKE(g, GRAPH_ADD, two_channels(x), batches), "batches");
    make_output(g, MAKE(g, GRAPH_DIV, make_real(g, 1), two_channels(x)), "inverse");
    make_output(g, MAKE(g, GRAPH_DIV, two_channels(x), make_real(g, 0)), "by zero");
    make_output(g, MAKE(g, GRAPH_MUL, two_channels(x), make_real(g, INFINITY)), "infinite");
    lowered l = lower_whole(g, DIMS(1, 1, 2, 2));
    expect_ops(&l, "conv binary conv binary conv binary conv binary conv binary");
}

/* The convolution's own result is wanted too: nothing may change it. */
Test(rewrite, results_that_others_read_stay)
{
    int x = make_input(g, "x", 4), y = two_channels(x);
    make_output(g, MAKE(g, GRAPH_MUL, y, make_real(g, 2)), "double");
    make_output(g, y, "single");
    int z = two_channels(x);
    make_output(g, MAKE(g, GRAPH_RELU, z), "positive");
    make_output(g, MAKE(g, GRAPH_ADD, z, MAKE(g, GRAPH_SIGMOID, z)), "sum");
    lowered l = lower_whole(g, DIMS(1, 1, 2, 2));
    expect_ops(&l, "conv binary conv activate activate binary");
    expect_conv(&l.net.steps[0], 1, 2, 10, 20);
    cr_assert_eq(l.net.steps[2].as.conv.act.kind, ACTIVATION_NONE);
}

/* A filter that two convolutions share is scaled for the one only. */
Test(rewrite, shared_filters)
{
    int x = make_input(g, "x", 4), y = two_channels(x);
    make_output(g, MAKE(g, GRAPH_MUL, y, make_real(g, 2)), "y");
    int z = MAKE(g, GRAPH_CONV, x, g->nodes[0].inputs[1], g->nodes[0].inputs[2]);
    last_node(g)->as = g->nodes[0].as;
    make_output(g, z, "z");
    lowered l = lower_whole(g, DIMS(1, 1, 2, 2));
    expect_ops(&l, "conv conv");
    expect_conv(&l.net.steps[0], 2, 4, 20, 40);
    expect_conv(&l.net.steps[1], 1, 2, 10, 20);
}

/* Addresses of weights identify packed copies: a second plan must find the first one's. */
Test(rewrite, weights_stay_where_they_are)
{
    int x = make_input(g, "x", 4);
    make_output(g, MAKE(g, GRAPH_MUL, two_channels(x), make_real(g, 2)), "y");
    lowered a = lower_whole(g, DIMS(1, 1, 2, 2)), b = lower_whole(g, DIMS(1, 1, 9, 9));
    cr_assert_eq(a.net.steps[0].as.conv.filter, b.net.steps[0].as.conv.filter);
    cr_assert_eq(a.net.steps[0].as.conv.bias, b.net.steps[0].as.conv.bias);
}

/* Weights that pass through nodes: folded once, before any size is known. */
Test(rewrite, constant_nodes_fold)
{
    int x = make_input(g, "x", 4), weights = make_reals(g, 4, DIMS(1, 1, 1, 2), REALS(1, 2));
    int filter = MAKE(g, GRAPH_CAST, make_transpose(g, weights, 3, 2, 0, 1));
    last_node(g)->as.cast_to = ELEMENT_REAL;
    int y = MAKE(g, GRAPH_CONV, x, MAKE(g, GRAPH_MUL, filter, make_real(g, 3)));
    last_node(g)->as.window = (window){.stride = {1, 1}, .dilation = {1, 1}, .groups = 1};
    make_output(g, MAKE(g, GRAPH_ADD, y, make_real(g, 1)), "y");
    lowered l = lower_whole(g, DIMS(1, 1, 2, 2));
    expect_ops(&l, "conv");
    expect_conv(&l.net.steps[0], 3, 6, 1, 1);
    cr_assert_eq(g->node_count, 1);
}

Test(rewrite, identities_keep_output_names)
{
    int x = make_input(g, "x", 4);
    int y = MAKE(g, GRAPH_IDENTITY, two_channels(MAKE(g, GRAPH_IDENTITY, x)));
    y = batch_norm(y, REALS(2, 2), REALS(0, 0), REALS(0, 0), REALS(1, 1), 0);
    make_output(g, MAKE(g, GRAPH_IDENTITY, y), "heatmaps");
    make_output(g, MAKE(g, GRAPH_IDENTITY, x), "copy");
    lowered l = lower_whole(g, DIMS(1, 1, 2, 2));
    expect_ops(&l, "conv");
    expect_conv(&l.net.steps[0], 2, 4, 20, 40);
    cr_assert_str_eq(g->values[g->outputs[0]].name, "heatmaps");
    cr_assert_eq(l.outputs[1].tensor, l.inputs[0].tensor);
}

Test(rewrite, residual_into_the_later_conv)
{
    int x = make_input(g, "x", 4);
    int shortcut = make_conv(g, x, 4, 3, 1), body = make_conv(g, x, 4, 3, 3);
    int sum = MAKE(g, GRAPH_ADD, body, shortcut);
    make_output(g, MAKE(g, GRAPH_RELU, sum), "y");
    lowered l = lower_whole(g, DIMS(1, 3, 4, 4));
    expect_ops(&l, "conv conv");
    const step *s = &l.net.steps[1];
    cr_assert(s->input_count == 2 && s->inputs[1] == l.net.steps[0].output);
    cr_assert_eq(s->as.conv.kernel[0], 3);
    cr_assert_eq(s->as.conv.act.kind, ACTIVATION_CLAMP);
    cr_assert_str_eq(s->nodes, "Conv_1, Add_2, Relu_3");
}

/* The other operand comes after the convolution: it moves behind it. */
Test(rewrite, residual_that_comes_later)
{
    int x = make_input(g, "x", 4), body = make_conv(g, x, 3, 3, 3);
    int other = MAKE(g, GRAPH_SIGMOID, x);
    make_output(g, MAKE(g, GRAPH_ADD, body, other), "y");
    lowered l = lower_whole(g, DIMS(1, 3, 4, 4));
    expect_ops(&l, "activate conv");
    cr_assert_eq(l.net.steps[1].inputs[1], l.net.steps[0].output);
    cr_assert_eq(l.outputs[0].tensor, l.net.steps[1].output);
}

Test(rewrite, additions_that_are_no_residual)
{
    int x = make_input(g, "x", 4), a = make_conv(g, x, 3, 3, 1), b = make_conv(g, x, 3, 3, 1);
    make_output(g, MAKE(g, GRAPH_ADD, a, a), "twice");
    make_output(g, MAKE(g, GRAPH_SUB, b, x), "difference");
    int c = MAKE(g, GRAPH_RELU, make_conv(g, x, 3, 3, 1));
    make_output(g, MAKE(g, GRAPH_ADD, c, x), "activated before");
    int d = make_conv(g, x, 1, 3, 1);
    make_output(g, MAKE(g, GRAPH_ADD, d, x), "broadcast");
    lowered l = lower_whole(g, DIMS(1, 3, 4, 4));
    expect_ops(&l, "conv conv binary binary conv binary conv binary");
    cr_assert_eq(l.net.steps[4].as.conv.act.kind, ACTIVATION_CLAMP);
}

Test(rewrite, clamps_compose)
{
    /* first limits, second limits, result */
    static const float cases[][6] = {
        {0, INFINITY, -INFINITY, 6, 0, 6},
        {0, 6, 2, 9, 2, 6},
        {0, 1, 2, 3, 2, 2},
        {2, 3, 0, 1, 1, 1},
        {5, 2, 0, 9, 2, 2},
        {0, 9, 5, 2, 2, 2},
    };
    int x = make_input(g, "x", 4);
    for (size_t i = 0; i < COUNT(cases); i++) {
        const float *c = cases[i];
        int y = MAKE(g, GRAPH_CLIP, x, make_real(g, c[0]), make_real(g, c[1]));
        make_output(g, MAKE(g, GRAPH_CLIP, y, make_real(g, c[2]), make_real(g, c[3])), "y");
    }
    lowered l = lower_whole(g, DIMS(1, 3, 4, 4));
    cr_assert_eq(l.net.step_count, (int)COUNT(cases));
    for (size_t i = 0; i < COUNT(cases); i++) {
        const activation *act = &l.net.steps[i].as.act;
        for (float v = -1; v <= 10; v += 0.5f) {
            const float *c = cases[i];
            float want = fminf(fmaxf(fminf(fmaxf(v, c[0]), c[1]), c[2]), c[3]);
            cr_assert_eq(fminf(fmaxf(v, act->low), act->high), want, "case %zu at %g", i,
                         (double)v);
        }
    }
}

Test(rewrite, sigmoid_stays_a_step)
{
    int x = make_input(g, "x", 4), y = MAKE(g, GRAPH_SIGMOID, make_conv(g, x, 2, 3, 1));
    make_output(g, MAKE(g, GRAPH_RELU, y), "y");
    lowered l = lower_whole(g, DIMS(1, 3, 4, 4));
    expect_ops(&l, "conv activate activate");
}

static int pad(int x, int top, int left, int bottom, int right, float value)
{
    return MAKE(g, GRAPH_PAD, x, INTEGERS(g, 0, 0, top, left, 0, 0, bottom, right),
                make_real(g, value));
}

static int max_pool(int x, int kernel, int stride)
{
    int y = MAKE(g, GRAPH_MAX_POOL, x);
    last_node(g)->as.window = (window){
        .kernel = {kernel, kernel}, .stride = {stride, stride}, .dilation = {1, 1}, .groups = 1};
    return y;
}

Test(rewrite, pads_into_windows)
{
    int x = make_input(g, "x", 4), padded = pad(x, 3, 3, 2, 2, 0);
    int filter = make_reals(g, 4, DIMS(4, 3, 7, 7), NULL);
    int y = MAKE(g, GRAPH_CONV, padded, filter);
    last_node(g)->as.window =
        (window){.pads = {0, 0, 1, 1}, .stride = {2, 2}, .dilation = {1, 1}, .groups = 1};
    y = MAKE(g, GRAPH_RELU, y);
    make_output(g, max_pool(pad(y, 1, 1, 1, 1, 0), 3, 2), "y");
    make_output(g, max_pool(pad(x, 1, 0, 1, 0, -INFINITY), 3, 2), "z");
    lowered l = lower_whole(g, DIMS(1, 3, 32, 32));
    expect_ops(&l, "conv max_pool max_pool");
    const int *p = l.net.steps[0].as.conv.pads;
    cr_assert(p[0] == 3 && p[1] == 3 && p[2] == 3 && p[3] == 3);
    cr_assert_str_eq(l.net.steps[0].nodes, "Pad_0, Conv_1, Relu_2");
    cr_assert(l.net.steps[1].as.pool.pads[0] == 1 && l.net.steps[2].as.pool.pads[1] == 0);
    expect_tensor(&l, l.outputs[0].tensor, 1, 8, 8, 4);
}

Test(rewrite, pads_that_must_stay)
{
    int x = make_input(g, "x", 4), filter = make_reals(g, 4, DIMS(1, 3, 3, 3), NULL);
    static const window plain = {.stride = {1, 1}, .dilation = {1, 1}, .groups = 1};
    make_output(g, MAKE(g, GRAPH_CONV, pad(x, 1, 1, 1, 1, 0.5f), filter), "not zero");
    last_node(g)->as.window = plain;
    make_output(g, MAKE(g, GRAPH_CONV, pad(x, -1, 0, 0, 0, 0), filter), "cropped");
    last_node(g)->as.window = plain;
    make_output(g, max_pool(pad(x, 1, 1, 1, 1, 0), 3, 2), "maybe negative");
    make_output(g, max_pool(pad(MAKE(g, GRAPH_RELU, x), 3, 0, 0, 0, 0), 3, 2), "nothing but pads");
    int edge = pad(x, 1, 1, 1, 1, 0);
    last_node(g)->as.pad_mode = PAD_MODE_EDGE;
    make_output(g, MAKE(g, GRAPH_CONV, edge, filter), "edge");
    last_node(g)->as.window = plain;
    lowered l = lower_whole(g, DIMS(1, 3, 9, 9));
    expect_ops(&l, "pad conv pad conv pad max_pool activate pad max_pool pad conv");
}

/* A Pad of nothing, a Slice of everything, a Resize to the same size: all gone. */
Test(rewrite, steps_that_change_nothing)
{
    int x = make_input(g, "x", 4), y = pad(make_conv(g, x, 2, 3, 1), 0, 0, 0, 0, 1);
    y = MAKE(g, GRAPH_SLICE, y, INTEGERS(g, 0), INTEGERS(g, INT64_MAX), INTEGERS(g, 2));
    y = MAKE(g, GRAPH_EXPAND, y, INTEGERS(g, 1));
    y = MAKE(g, GRAPH_CONCAT, y);
    y = MAKE(g, GRAPH_CLIP, y);
    y = MAKE(g, GRAPH_RESIZE, y, GRAPH_ABSENT, GRAPH_ABSENT, INTEGERS(g, 1, 2, 4, 5));
    make_output(g, MAKE(g, GRAPH_RELU, y), "y");
    lowered l = lower_whole(g, DIMS(1, 3, 4, 5));
    expect_ops(&l, "conv");
    cr_assert_eq(l.net.tensor_count, 2);
    cr_assert_eq(l.outputs[0].tensor, l.net.steps[0].output);
}

Test(rewrite, permutations_and_copies_meet)
{
    int x = make_input(g, "x", 4), y = make_conv(g, x, 2, 3, 1);
    y = MAKE(g, GRAPH_RESHAPE, y, INTEGERS(g, 1, 40, 1, 1));
    y = MAKE(g, GRAPH_RESHAPE, y, INTEGERS(g, 8, 5));
    y = MAKE(g, GRAPH_RESHAPE, y, INTEGERS(g, 1, 2, 4, 5));
    make_output(g, y, "y");
    lowered l = lower_whole(g, DIMS(1, 3, 4, 5));
    expect_ops(&l, "conv permute");
    expect_tensor(&l, l.outputs[0].tensor, 1, 2, 4, 5);
}

static double milliseconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

/* 60,000 nodes that all fold or fuse: the time must grow with their number, not with its square. */
Test(rewrite, time_is_linear)
{
    int x = make_input(g, "x", 4), y = two_channels(x);
    enum { LAYERS = LIMIT_NODES / 3 }; /* of three nodes each */
    for (int i = 0; i < LAYERS; i++) {
        y = MAKE(g, GRAPH_ADD, y, make_real(g, 1));
        y = MAKE(g, GRAPH_RELU, y);
        y = make_transpose(g, y, 0, 1, 3, 2);
    }
    make_output(g, y, "y");
    double start = milliseconds();
    lowered l = lower_whole(g, DIMS(1, 1, 2, 2));
    cr_assert_eq(l.net.step_count, LAYERS, "%d", l.net.step_count);
    cr_assert_lt(milliseconds() - start, 5000);
}
