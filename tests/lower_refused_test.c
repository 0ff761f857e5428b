/* What cannot be lowered is refused by node and reason, unless nobody wants it. */
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

TestSuite(lower_refused, .init = setup, .fini = teardown);

/* What is wrong only behind an output that nobody wants is not noticed. */
Test(lower_refused, outputs_left_out_cannot_fail)
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

Test(lower_refused, refusals_of_convolutions)
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

Test(lower_refused, refusals)
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
