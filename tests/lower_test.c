/* What graphs become: which steps, of which dims, how their axes are named, and what is refused. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>

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

/* What is wrong only behind an output that nobody wants is not noticed. */
Test(lower, outputs_left_out_cannot_fail)
{
    int x = make_input(g, "x", 4), y = make_conv(g, x, 2, 3, 1);
    make_output(g, MAKE(g, GRAPH_RESHAPE, y, INTEGERS(g, 7, 7)), "bad");
    make_output(g, MAKE(g, GRAPH_RELU, y), "good");
    int keep[2] = {0, 1};
    lowered l;
    cr_assert_eq(lower_graph(g, DIMS(1, 3, 4, 5), keep, &l), STATUS_OK, "%s", fail_text());
    expect_ops(&l, "conv");
    cr_assert_eq(l.outputs[0].tensor, -1);
    cr_assert_eq(l.net.steps[0].as.conv.act.kind, ACTIVATION_CLAMP);
    refuse_whole(g, DIMS(1, 3, 4, 5), "test.onnx: node \"Reshape_1\" (Reshape, opset 13): ",
                 "1x2x4x5 cannot become 7x7");
}

Test(lower, refusals_of_convolutions)
{
    int x = make_input(g, "x", 4);
    make_output(g, make_conv(g, x, 4, 3, 3), "y");
    refuse_whole(g, DIMS(1, 5, 4, 4), "node \"Conv_0\" (Conv, opset 13)", "3 channels");
    refuse_whole(g, DIMS(1, 3, 0, 4), "input \"x\"", "0 for its dim 2");
    last_node(g)->as.window.groups = 3;
    refuse_whole(g, DIMS(1, 3, 4, 4), "node \"Conv_0\" (Conv, opset 13)", "3 groups");
    last_node(g)->as.window.groups = 1;
    last_node(g)->as.window.auto_pad = PAD_VALID;
    refuse_whole(g, DIMS(1, 3, 2, 2), "Conv_0", "larger than the padded input");
    last_node(g)->as.window.kernel[0] = 5;
    refuse_whole(g, DIMS(1, 3, 9, 9), "Conv_0", "kernel_shape says 5");
}

Test(lower, refusals)
{
    int x = make_input(g, "x", 4), y = make_conv(g, x, 4, 3, 1);
    static const int64_t dims[4] = {1, 3, 4, 4};
    int bad[] = {MAKE(g, GRAPH_UNSQUEEZE, y, INTEGERS(g, 0)),
                 MAKE(g, GRAPH_RESHAPE, y, INTEGERS(g, -1, -1)),
                 MAKE(g, GRAPH_GATHER, y, INTEGERS(g, 9)),
                 MAKE(g, GRAPH_CONCAT, y, make_reals(g, 4, DIMS(1, 1, 4, 5), NULL)),
                 MAKE(g, GRAPH_ADD, y, make_reals(g, 1, DIMS(3), NULL)),
                 MAKE(g, GRAPH_ADD, y, INTEGERS(g, 1)),
                 MAKE(g, GRAPH_CLIP, y, make_real(g, NAN)),
                 MAKE(g, GRAPH_CLIP, y, x),
                 MAKE(g, GRAPH_SLICE, y, INTEGERS(g, 4), INTEGERS(g, 9), INTEGERS(g, 3)),
                 MAKE(g, GRAPH_EXPAND, y, INTEGERS(g, 1 << 30, 1, 4, 4, 4)),
                 MAKE(g, GRAPH_CAST, y)};
    static const char *const why[] = {"rank 5",         "both -1",          "index 9",
                                      "differ",         "do not broadcast", "holds integers",
                                      "not one number", "only at run time", "no elements",
                                      "elements",       "become integers"};
    last_node(g)->as.cast_to = ELEMENT_INTEGER;
    for (size_t i = 0; i < COUNT(bad); i++) {
        make_output(g, bad[i], "y");
        g->output_count = 1;
        g->outputs[0] = bad[i];
        int keep[1] = {1};
        lowered l;
        int64_t input[1][GRAPH_MAX_RANK] = {{dims[0], dims[1], dims[2], dims[3]}};
        lower_request request = {g, (const int64_t(*)[GRAPH_MAX_RANK])input, keep};
        fail_clear();
        cr_assert_neq(lower(&request, g->pool, &l), STATUS_OK, "%s", why[i]);
        cr_assert(strstr(fail_text(), why[i]) && strstr(fail_text(), "node \""), "%zu: %s", i,
                  fail_text());
    }
}

/* The file of that name in $POSENET_MODELS or beside the source; skips the test if there is none.
 */
static graph *open_model(const char *name)
{
    char path[1024];
    const char *folder = getenv("POSENET_MODELS"), *source = getenv("POSENET_SOURCE");
    if (folder) {
        snprintf(path, sizeof path, "%s/%s", folder, name);
    } else {
        snprintf(path, sizeof path, "%s/../shared/models/%s", source ? source : ".", name);
    }
    FILE *f = fopen(path, "rb");
    if (!f) cr_skip_test("skipped: no %s", path);
    fclose(f);
    graph *model;
    cr_assert_eq(onnx_read_file(path, &model), STATUS_OK, "%s", fail_text());
    return model;
}

static void expect_convolutions(const lowered *l, int count)
{
    cr_assert_eq(l->net.step_count, count, "%d steps", l->net.step_count);
    cr_assert_eq(l->net.tensor_count, count + 1, "%d tensors", l->net.tensor_count);
    for (int i = 0; i < count; i++) {
        const step *s = &l->net.steps[i];
        cr_assert_eq(s->op, OP_CONV, "step %d is %s", i, op_name(s->op));
        activation_kind want = i < count - 4 ? ACTIVATION_CLAMP : ACTIVATION_NONE;
        cr_assert_eq(s->as.conv.act.kind, want, "step %d", i);
    }
}

Test(lower_models, posenet_is_31_convolutions)
{
    graph *model = open_model("posenet_mobilenet_v1_075_stride16.onnx");
    lowered l = lower_whole(model, DIMS(1, 3, 257, 353));
    expect_convolutions(&l, 31);
    expect_tensor(&l, l.inputs[0].tensor, 1, 257, 353, 3);
    expect_tensor(&l, l.outputs[0].tensor, 1, 17, 23, 17);
    expect_tensor(&l, l.net.steps[0].output, 1, 129, 177, 24);
    graph_free(&model);
}

Test(lower_models, bodypix_with_four_heads_is_convolutions)
{
    graph *model = open_model("bodypix_mobilenet_v1_050_stride16.onnx");
    static const char *const wanted[] = {"heatmaps", "short_offsets", "displacement_fwd",
                                         "displacement_bwd"};
    int keep[64] = {0};
    for (size_t i = 0; i < model->output_count; i++) {
        for (size_t k = 0; k < COUNT(wanted); k++) {
            keep[i] |= strcmp(model->values[model->outputs[i]].name, wanted[k]) == 0;
        }
    }
    lowered l;
    cr_assert_eq(lower_graph(model, DIMS(1, 513, 257, 3), keep, &l), STATUS_OK, "%s", fail_text());
    expect_convolutions(&l, 31);
    expect_tensor(&l, l.inputs[0].tensor, 1, 513, 257, 3);
    for (size_t i = 0; i < model->output_count; i++) {
        cr_assert_eq(l.outputs[i].tensor >= 0, keep[i]);
        if (keep[i]) expect_axes(&l.outputs[i], AXIS_N, AXIS_H, AXIS_W, AXIS_C);
    }
    graph_free(&model);
}

/* Everything that the file can make: the Reshape by a gathered Shape is a renaming, and the clamp
 * written as Min and Max is in its convolution. */
Test(lower_models, bodypix_whole_is_convolutions)
{
    graph *model = open_model("bodypix_mobilenet_v1_050_stride16.onnx");
    lowered l = lower_whole(model, DIMS(1, 257, 257, 3));
    cr_assert_eq(l.net.step_count, 35, "%d steps", l.net.step_count);
    for (int i = 0; i < l.net.step_count; i++) cr_assert_eq(l.net.steps[i].op, OP_CONV);
    graph_free(&model);
}
