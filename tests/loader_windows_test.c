/* Convolution, pooling and resizing through opsets 7 to 28, as they arrive in the graph, and what
 * is refused. */
#include "tests/onnx_expect.h"

Test(windows, upsample_is_read_as_resize)
{
    Onnx__NodeProto *n;
    const float scales[] = {1, 1, 2, 2};
    onnx_builder *b = one_node_model(8, "Upsample", "x", "y", &n);
    onnx_build_float_list(b, n, "scales", 4, scales);
    onnx_build_string(b, n, "mode", "linear");
    graph *g = expect_graph(b);
    const node *resize = only_node(g, GRAPH_RESIZE, 3);
    cr_assert_eq(resize->inputs[1], GRAPH_ABSENT);
    cr_assert_eq(input_constant(g, resize, 2)->reals[3], 2);
    cr_assert_eq(resize->as.resize.mode, RESIZE_LINEAR);
    cr_assert_eq(resize->as.resize.coordinates, RESIZE_ASYMMETRIC);
    cr_assert_eq(resize->as.resize.rounding, RESIZE_FLOOR);
    graph_free(&g);

    b = one_node_model(9, "Upsample", "x,s", "y", &n);
    onnx_build_floats(b, "s", 1, DIMS(4), scales);
    g = expect_graph(b);
    resize = only_node(g, GRAPH_RESIZE, 3);
    cr_assert_eq(resize->inputs[1], GRAPH_ABSENT);
    cr_assert_eq(input_constant(g, resize, 2)->reals[2], 2);
    graph_free(&g);

    EXPECT_REFUSED(one_node_model(8, "Upsample", "x", "y", &n), STATUS_MODEL, "scales are missing");
    b = one_node_model(9, "Upsample", "x,s", "y", &n);
    onnx_build_floats(b, "s", 1, DIMS(0), NULL);
    EXPECT_REFUSED(b, STATUS_MODEL, "scales are empty");
    EXPECT_REFUSED(one_node_model(9, "Relu", "x", "", &n), STATUS_MODEL, "its output has no name");
    EXPECT_REFUSED(one_node_model(10, "Upsample", "x", "y", &n), STATUS_UNSUPPORTED, "\"y_node\"",
                   "Upsample, opset 10", "not part of this opset");
}

Test(windows, resize_of_opset_10_rounds_by_its_scales)
{
    static const float scales[][2] = {{2, 1}, {0.5f, 1}, {0.5f, 2}};
    static const resize_rounding rounding[] = {RESIZE_FLOOR, RESIZE_CEIL};
    Onnx__NodeProto *n;
    for (int i = 0; i < 3; i++) {
        onnx_builder *b = one_node_model(10, "Resize", "x,s", "y", &n);
        const float all[] = {1, 1, scales[i][0], scales[i][1]};
        onnx_build_floats(b, "s", 1, DIMS(4), all);
        if (i == 2) {
            EXPECT_REFUSED(b, STATUS_UNSUPPORTED, "one axis grows while another shrinks");
            continue;
        }
        graph *g = expect_graph(b);
        cr_assert_eq(only_node(g, GRAPH_RESIZE, 3)->as.resize.rounding, rounding[i]);
        graph_free(&g);
    }
}

Test(windows, resize_of_opset_11_drops_what_means_nothing)
{
    Onnx__NodeProto *n;
    onnx_builder *b = one_node_model(11, "Resize", "x,roi,none,sizes", "y", &n);
    onnx_build_floats(b, "roi", 1, DIMS(0), NULL);
    onnx_build_floats(b, "none", 1, DIMS(0), NULL);
    onnx_build_integers(b, "sizes", 4, DIMS(1, 3, 16, 16));
    onnx_build_string(b, n, "coordinate_transformation_mode", "align_corners");
    onnx_build_string(b, n, "nearest_mode", "ceil");
    onnx_build_float(b, n, "cubic_coeff_a", -0.5f);
    graph *g = expect_graph(b);
    const node *resize = only_node(g, GRAPH_RESIZE, 4);
    cr_assert_eq(resize->inputs[1], GRAPH_ABSENT);
    cr_assert_eq(resize->inputs[2], GRAPH_ABSENT);
    cr_assert_eq(resize->as.resize.coordinates, RESIZE_ALIGN_CORNERS);
    cr_assert_eq(resize->as.resize.rounding, RESIZE_CEIL);
    graph_free(&g);
}

Test(windows, resize_refuses_by_name_what_it_cannot_do)
{
    static const struct {
        const char *name, *text;
        int64_t number;
    } cases[] = {
        {"coordinate_transformation_mode", "tf_crop_and_resize", 0},
        {"coordinate_transformation_mode", "half_pixel_symmetric", 0},
        {"mode", "cubic", 0},
        {"keep_aspect_ratio_policy", "not_larger", 0},
        {"exclude_outside", NULL, 1},
        {"antialias", NULL, 1},
        {"axes", NULL, -1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Onnx__NodeProto *n;
        onnx_builder *b = one_node_model(19, "Resize", "x,,s", "y", &n);
        onnx_build_floats(b, "s", 1, DIMS(4), (const float[]){1, 1, 2, 2});
        if (cases[i].text)
            onnx_build_string(b, n, cases[i].name, cases[i].text);
        else if (cases[i].number < 0)
            onnx_build_ints(b, n, cases[i].name, 2, DIMS(2, 3));
        else
            onnx_build_int(b, n, cases[i].name, cases[i].number);
        EXPECT_REFUSED(b, STATUS_UNSUPPORTED, "\"y_node\" (Resize, opset 19)", cases[i].name,
                       cases[i].text ? cases[i].text : "");
    }
    Onnx__NodeProto *n;
    EXPECT_REFUSED(one_node_model(13, "Resize", "x", "y", &n), STATUS_MODEL,
                   "neither scales and sizes");
}

static onnx_builder *conv(Onnx__NodeProto **n, int rank)
{
    onnx_builder *b = one_node_model(13, "Conv", "x,w", "y", n);
    onnx_build_floats(b, "w", rank, DIMS(4, 3, 5, 2, 2), NULL);
    return b;
}

Test(windows, conv_takes_its_kernel_from_the_filter)
{
    Onnx__NodeProto *n;
    onnx_builder *b = conv(&n, 4);
    graph *g = expect_graph(b);
    const window *w = &only_node(g, GRAPH_CONV, 2)->as.window;
    cr_assert(w->kernel[0] == 5 && w->kernel[1] == 2);
    cr_assert(w->stride[0] == 1 && w->dilation[1] == 1 && w->groups == 1);
    cr_assert_eq(w->auto_pad, PAD_EXPLICIT);
    graph_free(&g);

    b = conv(&n, 4);
    onnx_build_ints(b, n, "strides", 2, DIMS(2, 3));
    onnx_build_ints(b, n, "dilations", 2, DIMS(4, 5));
    onnx_build_ints(b, n, "pads", 4, DIMS(0, 1, 2, 3));
    onnx_build_ints(b, n, "kernel_shape", 2, DIMS(5, 2));
    onnx_build_string(b, n, "auto_pad", "NOTSET");
    onnx_build_int(b, n, "group", 1);
    g = expect_graph(b);
    w = &only_node(g, GRAPH_CONV, 2)->as.window;
    cr_assert(w->stride[0] == 2 && w->stride[1] == 3 && w->dilation[0] == 4 && w->dilation[1] == 5);
    cr_assert(w->pads[0] == 0 && w->pads[1] == 1 && w->pads[2] == 2 && w->pads[3] == 3);
    graph_free(&g);

    b = one_node_model(13, "Conv", "x,x", "y", &n); /* the filter is known later */
    g = expect_graph(b);
    cr_assert_eq(only_node(g, GRAPH_CONV, 2)->as.window.kernel[0], 0);
    graph_free(&g);
}

Test(windows, conv_knows_all_auto_pads)
{
    static const char *const names[] = {"NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"};
    static const auto_pad pads[] = {PAD_EXPLICIT, PAD_SAME_UPPER, PAD_SAME_LOWER, PAD_VALID};
    Onnx__NodeProto *n;
    for (int i = 0; i < 4; i++) {
        onnx_builder *b = conv(&n, 4);
        onnx_build_string(b, n, "auto_pad", names[i]);
        graph *g = expect_graph(b);
        cr_assert_eq(g->nodes[0].as.window.auto_pad, pads[i]);
        graph_free(&g);
    }
    onnx_builder *b = conv(&n, 4);
    onnx_build_string(b, n, "auto_pad", "SAME");
    EXPECT_REFUSED(b, STATUS_UNSUPPORTED, "auto_pad \"SAME\" is not supported");
}

Test(windows, conv_refuses_other_windows)
{
    static const struct {
        const char *name, *words;
        size_t count;
        int64_t list[4];
        status code;
    } cases[] = {
        {"strides",
         "strides has 1 elements; only windows over two axes",
         1,
         {1},
         STATUS_UNSUPPORTED},
        {"kernel_shape", "kernel_shape has 3", 3, {5, 2, 2}, STATUS_UNSUPPORTED},
        {"kernel_shape", "kernel_shape[0] is 3, the filter's side is 5", 2, {3, 2}, STATUS_MODEL},
        {"strides", "strides[0] is 0, not within 1..1024", 2, {0, 1}, STATUS_MODEL},
        {"dilations", "dilations[1] is 1099511627776", 2, {1, 1LL << 40}, STATUS_MODEL},
        {"pads", "pads[2] is -1, not within 0..1024", 4, {0, 0, -1, 0}, STATUS_MODEL},
    };
    Onnx__NodeProto *n;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        onnx_builder *b = conv(&n, 4);
        onnx_build_ints(b, n, cases[i].name, cases[i].count, cases[i].list);
        EXPECT_REFUSED(b, cases[i].code, "\"y_node\" (Conv, opset 13)", cases[i].words);
    }
    EXPECT_REFUSED(conv(&n, 3), STATUS_UNSUPPORTED, "the filter has 3 dimensions");
    EXPECT_REFUSED(conv(&n, 5), STATUS_UNSUPPORTED, "the filter has 5 dimensions");
    onnx_builder *b = conv(&n, 4);
    onnx_build_int(b, n, "group", 0);
    EXPECT_REFUSED(b, STATUS_MODEL, "group is 0");
}

Test(windows, max_pool_by_opset)
{
    Onnx__NodeProto *n;
    onnx_builder *b = one_node_model(12, "MaxPool", "x", "y,indices", &n);
    onnx_build_ints(b, n, "kernel_shape", 2, DIMS(3, 3));
    onnx_build_int(b, n, "ceil_mode", 1);
    onnx_build_int(b, n, "storage_order", 1);
    onnx_build_ints(b, n, "dilations", 2, DIMS(2, 2));
    graph *g = expect_graph(b);
    const node *pool = only_node(g, GRAPH_MAX_POOL, 1);
    cr_assert_eq(pool->output_count, 1);
    cr_assert(pool->as.window.ceil_mode && pool->as.window.dilation[0] == 2);
    graph_free(&g);

    b = one_node_model(8, "MaxPool", "x", "y", &n);
    onnx_build_ints(b, n, "kernel_shape", 2, DIMS(3, 3));
    onnx_build_int(b, n, "ceil_mode", 1);
    EXPECT_REFUSED(b, STATUS_UNSUPPORTED, "(MaxPool, opset 8)", "attribute \"ceil_mode\"");
    EXPECT_REFUSED(one_node_model(8, "MaxPool", "x", "y", &n), STATUS_MODEL,
                   "kernel_shape is missing");
    b = one_node_model(12, "MaxPool", "x", "z,indices", &n);
    onnx_build_ints(b, n, "kernel_shape", 2, DIMS(3, 3));
    onnx_build_node(b, "Identity", "indices", "y");
    EXPECT_REFUSED(b, STATUS_MODEL, "nothing makes its input \"indices\"");
}
