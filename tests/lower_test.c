/* What graphs become: which steps, of which dims, and how their axes are named. */
#include <criterion/criterion.h>
#include <math.h>

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

TestSuite(lower, .init = setup, .fini = teardown);

Test(lower, nchw_input_lies_nhwc)
{
    int x = make_input(g, "x", 4);
    make_output(g, make_conv(g, x, 5, 3, 3), "y");
    lowered l = lower_whole(g, DIMS(2, 3, 7, 9));
    expect_ops(&l, "conv");
    expect_tensor(&l, l.inputs[0].tensor, 2, 7, 9, 3);
    expect_axes(&l.inputs[0], AXIS_N, AXIS_C, AXIS_H, AXIS_W);
    expect_tensor(&l, l.outputs[0].tensor, 2, 7, 9, 5);
    cr_assert(l.outputs[0].rank == 4 && l.outputs[0].dims[1] == 5 && l.outputs[0].dims[3] == 9);
    cr_assert(l.net.steps[0].as.conv.pads[0] == 1 && l.net.steps[0].as.conv.pads[3] == 1);
}

Test(lower, nhwc_input_lies_nhwc)
{
    int x = make_input(g, "x", 4);
    int scaled = MAKE(g, GRAPH_SUB, MAKE(g, GRAPH_DIV, x, make_real(g, 127.5f)), make_real(g, 1));
    int y = make_conv(g, make_transpose(g, scaled, 0, 3, 1, 2), 5, 3, 3);
    make_output(g, make_transpose(g, y, 0, 2, 3, 1), "y");
    lowered l = lower_whole(g, DIMS(2, 7, 9, 3));
    expect_ops(&l, "binary binary conv");
    expect_tensor(&l, l.inputs[0].tensor, 2, 7, 9, 3);
    expect_axes(&l.inputs[0], AXIS_N, AXIS_H, AXIS_W, AXIS_C);
    expect_tensor(&l, l.outputs[0].tensor, 2, 7, 9, 5);
    expect_axes(&l.outputs[0], AXIS_N, AXIS_H, AXIS_W, AXIS_C);
    cr_assert_eq(l.net.steps[0].as.binary.kind, BINARY_DIV);
    cr_assert_eq(l.net.steps[1].as.binary.kind, BINARY_SUB);
}

Test(lower, input_axes_before_any_size)
{
    int x = make_input(g, "x", 4), rank, axes[AXES];
    make_output(g, make_conv(g, make_transpose(g, x, 3, 1, 0, 2), 5, 3, 3), "y");
    cr_assert_eq(lower_input_axes(g, 0, &rank, axes), STATUS_OK);
    cr_assert(rank == 4 && axes[3] == AXIS_N && axes[1] == AXIS_C && axes[0] == AXIS_H &&
              axes[2] == AXIS_W);
    g->values[x].rank = 5;
    cr_assert_eq(lower_input_axes(g, 0, &rank, axes), STATUS_UNSUPPORTED);
}

/* A constant of one number a channel, written for NHWC, meets a tensor of axes n, h, w, c. */
Test(lower, constants_follow_the_naming)
{
    int x = make_input(g, "x", 4);
    int pool = MAKE(g, GRAPH_MAX_POOL, make_transpose(g, x, 0, 3, 1, 2));
    last_node(g)->as.window =
        (window){.kernel = {2, 2}, .stride = {2, 2}, .dilation = {1, 1}, .groups = 1};
    int back = make_transpose(g, pool, 0, 2, 3, 1);
    make_output(g, MAKE(g, GRAPH_MUL, back, make_reals(g, 1, DIMS(3), REALS(1, 2, 3))), "y");
    int table = make_reals(g, 3, DIMS(3, 1, 2), REALS(1, 2, 3, 4, 5, 6));
    make_output(g, MAKE(g, GRAPH_ADD, pool, table), "z");
    lowered l = lower_whole(g, DIMS(1, 4, 4, 3));
    expect_ops(&l, "max_pool binary binary");
    const tensor *scale = &l.net.tensors[l.net.steps[1].inputs[1]];
    cr_assert(scale->constant && scale->dims[AXIS_C] == 3 && scale->constant[2] == 3);
    const tensor *moved = &l.net.tensors[l.net.steps[2].inputs[1]];
    cr_assert(moved->dims[AXIS_W] == 2 && moved->dims[AXIS_C] == 3 && moved->dims[AXIS_H] == 1);
    static const float want[6] = {1, 3, 5, 2, 4, 6};
    for (int i = 0; i < 6; i++) cr_assert_eq(moved->constant[i], want[i]);
}

Test(lower, unlike_namings_are_permuted_once)
{
    int x = make_input(g, "x", 4);
    int a = make_conv(g, x, 3, 3, 1), b = make_conv(g, x, 3, 3, 3);
    int turned = make_transpose(g, b, 0, 1, 3, 2);
    make_output(g, MAKE(g, GRAPH_MUL, a, turned), "y");
    make_output(g, MAKE(g, GRAPH_SUB, a, turned), "z");
    lowered l = lower_whole(g, DIMS(1, 3, 5, 5));
    expect_ops(&l, "conv conv permute binary binary");
    const int *p = l.net.steps[2].as.permutation;
    cr_assert(p[0] == AXIS_N && p[1] == AXIS_W && p[2] == AXIS_H && p[3] == AXIS_C);
}

Test(lower, reshapes_that_only_rename)
{
    int x = make_input(g, "x", 4);
    int y = make_conv(g, x, 1, 3, 1);
    y = MAKE(g, GRAPH_RESHAPE, y, INTEGERS(g, 0, -1, 9, 1));
    y = MAKE(g, GRAPH_SQUEEZE, y, INTEGERS(g, 3));
    y = MAKE(g, GRAPH_UNSQUEEZE, y, INTEGERS(g, 0));
    make_output(g, y, "y");
    lowered l = lower_whole(g, DIMS(2, 3, 7, 9));
    expect_ops(&l, "conv");
    cr_assert(l.outputs[0].rank == 4 && l.outputs[0].dims[1] == 2 && l.outputs[0].dims[2] == 7);
    cr_assert(l.outputs[0].axis_of[1] == AXIS_N && l.outputs[0].axis_of[2] == AXIS_H &&
              l.outputs[0].axis_of[3] == AXIS_W);
}

Test(lower, reshapes_that_move)
{
    int x = make_input(g, "x", 4);
    make_output(g, MAKE(g, GRAPH_FLATTEN, make_conv(g, x, 2, 3, 1)), "y");
    last_node(g)->as.axis = 1;
    lowered l = lower_whole(g, DIMS(1, 3, 4, 5));
    expect_ops(&l, "conv permute copy");
    const int *p = l.net.steps[1].as.permutation;
    cr_assert(p[1] == AXIS_C && p[2] == AXIS_H && p[3] == AXIS_W);
    expect_tensor(&l, l.outputs[0].tensor, 1, 1, 1, 40);
}

/* tf2onnx: the sizes come out of Shape, Slice, Mul, Concat; nothing of it stays. */
Test(lower, chains_of_sizes_vanish)
{
    int x = make_input(g, "x", 4), y = make_conv(g, x, 2, 3, 1);
    int shape = MAKE(g, GRAPH_SHAPE, x);
    last_node(g)->as.range.end = INT64_MAX;
    int sides = MAKE(g, GRAPH_SLICE, shape, INTEGERS(g, 2), INTEGERS(g, 4), INTEGERS(g, 0));
    int twice = MAKE(g, GRAPH_MUL, sides, INTEGERS(g, 2));
    int batch = MAKE(g, GRAPH_GATHER, shape, INTEGERS(g, 0));
    int sizes = MAKE(g, GRAPH_CONCAT, batch, INTEGERS(g, 2), twice);
    make_output(g, MAKE(g, GRAPH_RESIZE, y, GRAPH_ABSENT, GRAPH_ABSENT, sizes), "y");
    last_node(g)->as.resize = (resize_rule){RESIZE_LINEAR, RESIZE_HALF_PIXEL, 0};
    make_output(g, sides, "sides");
    lowered l = lower_whole(g, DIMS(2, 3, 4, 5));
    expect_ops(&l, "conv resize");
    expect_tensor(&l, l.outputs[0].tensor, 2, 8, 10, 2);
    const resize_params *p = &l.net.steps[1].as.resize;
    cr_assert(p->scale[AXIS_H] == 0.5 && p->shift[AXIS_H] == -0.25 && p->scale[AXIS_C] == 1);
    cr_assert(l.outputs[1].tensor == -1 && l.outputs[1].known &&
              l.outputs[1].known->integers[1] == 5);
}

Test(lower, resize_in_nhwc)
{
    int x = make_input(g, "x", 4);
    int y = make_transpose(g, make_conv(g, make_transpose(g, x, 0, 3, 1, 2), 2, 3, 1), 0, 2, 3, 1);
    int scales = make_reals(g, 1, DIMS(4), REALS(1, 2, 3, 1));
    make_output(g, MAKE(g, GRAPH_RESIZE, y, GRAPH_ABSENT, scales), "y");
    last_node(g)->as.resize = (resize_rule){RESIZE_NEAREST, RESIZE_ASYMMETRIC, RESIZE_FLOOR};
    lowered l = lower_whole(g, DIMS(1, 4, 5, 3));
    expect_ops(&l, "conv resize");
    expect_tensor(&l, l.outputs[0].tensor, 1, 8, 15, 2);
    cr_assert_eq(l.net.steps[1].as.resize.rounding, NEAREST_FLOOR);
}

Test(lower, activations)
{
    int x = make_input(g, "x", 4);
    make_output(g, MAKE(g, GRAPH_CLIP, x, GRAPH_ABSENT, make_real(g, 6)), "a");
    make_output(g, MAKE(g, GRAPH_CLIP, x, make_real(g, 5), make_real(g, 2)), "b");
    make_output(g, MAKE(g, GRAPH_RELU, x), "c");
    make_output(g, MAKE(g, GRAPH_SIGMOID, x), "d");
    make_output(g, MAKE(g, GRAPH_MAX, make_real(g, -1), x), "e");
    make_output(g, MAKE(g, GRAPH_MIN, x, make_reals(g, 2, DIMS(1, 2), REALS(3, 3))), "f");
    make_output(g, MAKE(g, GRAPH_MIN, x, make_reals(g, 1, DIMS(2), REALS(3, 4))), "g");
    lowered l = lower_whole(g, DIMS(1, 3, 2, 2));
    expect_ops(&l, "activate activate activate activate activate activate binary");
    static const float limits[6][2] = {{-INFINITY, 6}, {2, 2},         {0, INFINITY},
                                       {0, 0},         {-1, INFINITY}, {-INFINITY, 3}};
    for (int i = 0; i < 6; i++) {
        const activation *act = &l.net.steps[i].as.act;
        cr_assert_eq(act->kind, i == 3 ? ACTIVATION_SIGMOID : ACTIVATION_CLAMP);
        cr_assert(act->low == limits[i][0] && act->high == limits[i][1], "%d", i);
    }
}

Test(lower, batch_normalisation_alone)
{
    int x = make_input(g, "x", 4);
    int scale = make_reals(g, 1, DIMS(2), REALS(2, 3)),
        bias = make_reals(g, 1, DIMS(2), REALS(1, 1));
    int mean = make_reals(g, 1, DIMS(2), REALS(4, 0)), var = make_reals(g, 1, DIMS(2), REALS(3, 8));
    make_output(g, MAKE(g, GRAPH_BATCH_NORMALIZATION, x, scale, bias, mean, var), "y");
    last_node(g)->as.epsilon = 1;
    lowered l = lower_whole(g, DIMS(1, 2, 3, 3));
    expect_ops(&l, "binary binary");
    const tensor *a = &l.net.tensors[l.net.steps[0].inputs[1]];
    const tensor *b = &l.net.tensors[l.net.steps[1].inputs[1]];
    cr_assert(a->dims[AXIS_C] == 2 && a->constant[0] == 1 && a->constant[1] == 1);
    cr_assert(b->constant[0] == -3 && b->constant[1] == 1);
}

Test(lower, moves)
{
    int x = make_input(g, "x", 4), ids[2];
    node *n;
    for (int i = 0; i < 2; i++) cr_assert_eq(graph_add_value(g, "", ELEMENT_REAL, &ids[i]), 0);
    cr_assert_eq(graph_add_node(g, GRAPH_SPLIT, "split", &x, 1, ids, 2, &n), STATUS_OK);
    n->as.axis = 1;
    int y = MAKE(g, GRAPH_CONCAT, ids[1], ids[0], make_reals(g, 4, DIMS(1, 1, 3, 4), NULL));
    last_node(g)->as.axis = 1;
    y = MAKE(g, GRAPH_PAD, y, INTEGERS(g, 0, 1, 0, -1), make_real(g, 2.5f), INTEGERS(g, 2, 3));
    y = MAKE(g, GRAPH_GATHER, y, INTEGERS(g, 3, -1));
    last_node(g)->as.axis = 1;
    y = MAKE(g, GRAPH_SLICE, y, INTEGERS(g, -1), INTEGERS(g, INT64_MIN), INTEGERS(g, 3),
             INTEGERS(g, -2));
    make_output(g, MAKE(g, GRAPH_EXPAND, y, INTEGERS(g, 2, 1, 1, 1)), "y");
    lowered l = lower_whole(g, DIMS(1, 4, 3, 4));
    expect_ops(&l, "slice slice concat pad gather slice expand");
    expect_tensor(&l, l.outputs[0].tensor, 2, 3, 2, 2);
    cr_assert_eq(l.net.steps[1].as.slice.begin[AXIS_C], 2);
    cr_assert_eq(l.net.steps[2].as.concat_axis, AXIS_C);
    cr_assert(l.net.steps[3].as.pad.after[AXIS_H] == 0 &&
              l.net.steps[3].as.pad.before[AXIS_W] == 1 &&
              l.net.steps[3].as.pad.after[AXIS_W] == -1 && l.net.steps[3].as.pad.value == 2.5f);
    cr_assert(l.net.steps[4].as.gather.axis == AXIS_C && l.net.steps[4].as.gather.indices[1] == 4);
    cr_assert(l.net.steps[5].as.slice.begin[AXIS_W] == 3 &&
              l.net.steps[5].as.slice.step[AXIS_W] == -2);
}

Test(lower, long_concatenation)
{
    int x = make_input(g, "x", 4), inputs[40];
    for (int i = 0; i < 40; i++) inputs[i] = x;
    make_output(g, make_node(g, GRAPH_CONCAT, inputs, 40), "y");
    last_node(g)->as.axis = -1;
    lowered l = lower_whole(g, DIMS(1, 2, 3, 4));
    expect_ops(&l, "concat concat concat");
    expect_tensor(&l, l.outputs[0].tensor, 1, 3, 160, 2);
}

Test(lower, lower_ranks)
{
    int x = make_input(g, "x", 2);
    int y = MAKE(g, GRAPH_TRANSPOSE, x);
    make_output(g, MAKE(g, GRAPH_ADD, y, make_reals(g, 1, DIMS(3), REALS(1, 2, 3))), "y");
    make_output(g, MAKE(g, GRAPH_ADD, x, make_reals(g, 3, DIMS(2, 1, 1), REALS(1, 2))), "z");
    lowered l = lower_whole(g, DIMS(3, 5));
    expect_ops(&l, "binary binary");
    expect_tensor(&l, l.outputs[0].tensor, 1, 1, 3, 5);
    expect_tensor(&l, l.outputs[1].tensor, 1, 2, 3, 5);
    cr_assert(l.outputs[0].axis_of[0] == AXIS_C && l.outputs[0].axis_of[1] == AXIS_W);
}
