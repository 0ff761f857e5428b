/* Operators of elements and shapes through opsets 7 to 28, as they arrive in the graph, and what is
 * refused. */
#include "tests/onnx_expect.h"

static void expect_integers(const constant *c, int64_t count, const int64_t *data)
{
    cr_assert_eq(c->type, ELEMENT_INTEGER);
    cr_assert_eq(c->count, count);
    for (int64_t i = 0; i < count; i++) cr_assert_eq(c->integers[i], data[i]);
}

Test(operators, clip_of_opset_6_gets_its_limits_as_inputs)
{
    Onnx__NodeProto *n;
    onnx_builder *b = one_node_model(8, "Clip", "x", "y", &n);
    onnx_build_float(b, n, "max", 6);
    graph *g = expect_graph(b);
    const node *clip = only_node(g, GRAPH_CLIP, 3);
    cr_assert_eq(clip->inputs[1], GRAPH_ABSENT);
    cr_assert_eq(input_constant(g, clip, 2)->reals[0], 6);
    graph_free(&g);

    b = one_node_model(10, "Clip", "x", "y", &n);
    onnx_build_float(b, n, "min", -1);
    g = expect_graph(b);
    clip = only_node(g, GRAPH_CLIP, 2);
    cr_assert_eq(input_constant(g, clip, 1)->reals[0], -1);
    cr_assert_eq(input_constant(g, clip, 1)->rank, 0);
    graph_free(&g);

    b = one_node_model(11, "Clip", "x", "y", &n);
    onnx_build_float(b, n, "min", -1);
    EXPECT_REFUSED(b, STATUS_UNSUPPORTED, "node \"y_node\" (Clip, opset 11)", "attribute \"min\"");
}

Test(operators, clip_of_opset_11_keeps_its_inputs)
{
    Onnx__NodeProto *n;
    onnx_builder *b = one_node_model(11, "Clip", "x,,hi", "y", &n);
    onnx_build_floats(b, "hi", 0, NULL, (const float[]){6});
    graph *g = expect_graph(b);
    const node *clip = only_node(g, GRAPH_CLIP, 3);
    cr_assert_eq(clip->inputs[1], GRAPH_ABSENT);
    cr_assert_eq(input_constant(g, clip, 2)->reals[0], 6);
    graph_free(&g);
}

Test(operators, pad_of_opset_2_gets_its_pads_as_input)
{
    Onnx__NodeProto *n;
    const int64_t pads[] = {0, 0, 1, 1, 0, 0, 2, 2};
    onnx_builder *b = one_node_model(7, "Pad", "x", "y", &n);
    onnx_build_ints(b, n, "pads", 8, pads);
    onnx_build_float(b, n, "value", 0.5f);
    onnx_build_string(b, n, "mode", "edge");
    graph *g = expect_graph(b);
    const node *pad = only_node(g, GRAPH_PAD, 3);
    cr_assert_eq(pad->as.pad_mode, PAD_MODE_EDGE);
    expect_integers(input_constant(g, pad, 1), 8, pads);
    cr_assert_eq(input_constant(g, pad, 2)->reals[0], 0.5f);
    graph_free(&g);

    b = one_node_model(7, "Pad", "x", "y", &n);
    EXPECT_REFUSED(b, STATUS_MODEL, "(Pad, opset 7)", "pads are missing");
    b = one_node_model(13, "Pad", "x,p", "y", &n);
    onnx_build_integers(b, "p", 8, pads);
    onnx_build_string(b, n, "mode", "wrap");
    EXPECT_REFUSED(b, STATUS_MODEL, "(Pad, opset 13)", "wrap");
    b = one_node_model(13, "Pad", "x,p", "y", &n);
    onnx_build_integers(b, "p", 8, pads);
    onnx_build_string(b, n, "mode", "mirror\n");
    EXPECT_REFUSED(b, STATUS_UNSUPPORTED, "mode \"mirror\\x0a\" is not supported");
}

Test(operators, slice_of_opset_1_gets_its_lists_as_inputs)
{
    Onnx__NodeProto *n;
    onnx_builder *b = one_node_model(9, "Slice", "x", "y", &n);
    onnx_build_ints(b, n, "starts", 1, DIMS(1));
    onnx_build_ints(b, n, "ends", 1, DIMS(-1));
    onnx_build_ints(b, n, "axes", 1, DIMS(2));
    graph *g = expect_graph(b);
    const node *slice = only_node(g, GRAPH_SLICE, 4);
    expect_integers(input_constant(g, slice, 1), 1, DIMS(1));
    expect_integers(input_constant(g, slice, 2), 1, DIMS(-1));
    expect_integers(input_constant(g, slice, 3), 1, DIMS(2));
    graph_free(&g);

    b = one_node_model(9, "Slice", "x", "y", &n);
    onnx_build_ints(b, n, "ends", 1, DIMS(-1));
    EXPECT_REFUSED(b, STATUS_MODEL, "(Slice, opset 9)", "starts or ends are missing");
}

Test(operators, axes_and_split_become_inputs)
{
    static const char *const ops[] = {"Squeeze", "Unsqueeze", "Split"};
    static const char *const names[] = {"axes", "axes", "split"};
    static const graph_op kinds[] = {GRAPH_SQUEEZE, GRAPH_UNSQUEEZE, GRAPH_SPLIT};
    Onnx__NodeProto *n;
    for (int i = 0; i < 3; i++) {
        onnx_builder *b = one_node_model(11, ops[i], "x", "y", &n);
        onnx_build_ints(b, n, names[i], 1, DIMS(3));
        graph *g = expect_graph(b);
        expect_integers(input_constant(g, only_node(g, kinds[i], 2), 1), 1, DIMS(3));
        graph_free(&g);

        b = one_node_model(13, ops[i], "x,a", "y", &n);
        onnx_build_integers(b, "a", 1, DIMS(3));
        g = expect_graph(b);
        expect_integers(input_constant(g, only_node(g, kinds[i], 2), 1), 1, DIMS(3));
        graph_free(&g);

        b = one_node_model(13, ops[i], "x,a", "y", &n);
        onnx_build_integers(b, "a", 1, DIMS(3));
        onnx_build_ints(b, n, names[i], 1, DIMS(3));
        EXPECT_REFUSED(b, STATUS_UNSUPPORTED, ops[i], "opset 13", names[i]);
    }
    EXPECT_REFUSED(one_node_model(11, "Unsqueeze", "x", "y", &n), STATUS_MODEL, "axes are missing");
    onnx_builder *b = one_node_model(18, "Split", "x", "y,z", &n);
    onnx_build_int(b, n, "num_outputs", 3);
    EXPECT_REFUSED(b, STATUS_MODEL, "num_outputs is 3, it has 2 outputs");
}

Test(operators, dropout_passes_its_input_on)
{
    Onnx__NodeProto *n;
    onnx_builder *b = one_node_model(7, "Dropout", "x", "y,mask", &n);
    onnx_build_float(b, n, "ratio", 0.5f);
    graph *g = expect_graph(b);
    cr_assert_eq(only_node(g, GRAPH_IDENTITY, 1)->output_count, 1);
    graph_free(&g);

    b = one_node_model(13, "Dropout", "x,ratio,training", "y", &n);
    onnx_build_floats(b, "ratio", 0, NULL, (const float[]){0.5f});
    Onnx__TensorProto *t =
        onnx_build_tensor(b, "training", ONNX__TENSOR_PROTO__DATA_TYPE__BOOL, 0, NULL);
    onnx_build_raw(b, t, "\0", 1);
    onnx_build_initializer(b, t);
    g = expect_graph(b);
    only_node(g, GRAPH_IDENTITY, 1);
    graph_free(&g);

    b = one_node_model(13, "Dropout", "x,,training", "y", &n);
    t = onnx_build_tensor(b, "training", ONNX__TENSOR_PROTO__DATA_TYPE__BOOL, 0, NULL);
    onnx_build_raw(b, t, "\1", 1);
    onnx_build_initializer(b, t);
    EXPECT_REFUSED(b, STATUS_UNSUPPORTED, "(Dropout, opset 13)", "training_mode");

    b = one_node_model(7, "Dropout", "x", "z,mask", &n);
    onnx_build_node(b, "Relu", "mask", "y");
    EXPECT_REFUSED(b, STATUS_MODEL, "\"y_node\" (Relu): nothing makes its input \"mask\"");
}

static onnx_builder *batch_normalization(int64_t opset, const char *outputs, Onnx__NodeProto **n)
{
    onnx_builder *b = one_node_model(opset, "BatchNormalization", "x,s,b,m,v", outputs, n);
    const char *const names[] = {"s", "b", "m", "v"};
    for (int i = 0; i < 4; i++) onnx_build_floats(b, names[i], 1, DIMS(3), NULL);
    return b;
}

Test(operators, batch_normalization_is_for_inference)
{
    Onnx__NodeProto *n;
    onnx_builder *b = batch_normalization(7, "y", &n);
    onnx_build_float(b, n, "epsilon", 0.001f);
    onnx_build_float(b, n, "momentum", 0.99f);
    onnx_build_int(b, n, "spatial", 1);
    graph *g = expect_graph(b);
    cr_assert_eq((float)only_node(g, GRAPH_BATCH_NORMALIZATION, 5)->as.epsilon, 0.001f);
    graph_free(&g);

    g = expect_graph(batch_normalization(15, "y", &n));
    cr_assert_eq((float)only_node(g, GRAPH_BATCH_NORMALIZATION, 5)->as.epsilon, 1e-5f);
    graph_free(&g);

    b = batch_normalization(7, "y", &n);
    onnx_build_int(b, n, "spatial", 0);
    EXPECT_REFUSED(b, STATUS_UNSUPPORTED, "(BatchNormalization, opset 7)", "spatial is 0");
    b = batch_normalization(14, "y", &n);
    onnx_build_int(b, n, "training_mode", 1);
    EXPECT_REFUSED(b, STATUS_UNSUPPORTED, "training_mode is set");
    EXPECT_REFUSED(batch_normalization(9, "y,mean,var", &n), STATUS_UNSUPPORTED,
                   "it gives 2 outputs, as in training");
}

Test(operators, cast_knows_two_kinds_of_elements)
{
    static const struct {
        int to;
        element element;
    } cases[] = {{ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT16, ELEMENT_REAL},
                 {ONNX__TENSOR_PROTO__DATA_TYPE__DOUBLE, ELEMENT_REAL},
                 {ONNX__TENSOR_PROTO__DATA_TYPE__INT32, ELEMENT_INTEGER},
                 {ONNX__TENSOR_PROTO__DATA_TYPE__INT64, ELEMENT_INTEGER}};
    Onnx__NodeProto *n;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        onnx_builder *b = one_node_model(13, "Cast", "x", "y", &n);
        onnx_build_int(b, n, "to", cases[i].to);
        graph *g = expect_graph(b);
        cr_assert_eq(only_node(g, GRAPH_CAST, 1)->as.cast_to, cases[i].element);
        cr_assert_eq(g->values[g->outputs[0]].type, cases[i].element);
        graph_free(&g);
    }
    static const int bad[] = {ONNX__TENSOR_PROTO__DATA_TYPE__BOOL,
                              ONNX__TENSOR_PROTO__DATA_TYPE__UINT8,
                              ONNX__TENSOR_PROTO__DATA_TYPE__STRING, 77, -1};
    static const char *const words[] = {"bool", "8 or 16 bits", "string", "77", "-1"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        onnx_builder *b = one_node_model(13, "Cast", "x", "y", &n);
        onnx_build_int(b, n, "to", bad[i]);
        EXPECT_REFUSED(b, i == 4 ? STATUS_MODEL : STATUS_UNSUPPORTED, "(Cast, opset 13)", words[i]);
    }
    EXPECT_REFUSED(one_node_model(13, "Cast", "x", "y", &n), STATUS_MODEL, "to is missing");
}

Test(operators, shape_reshape_transpose_and_axes)
{
    Onnx__NodeProto *n;
    onnx_builder *b = one_node_model(15, "Shape", "x", "y", &n);
    onnx_build_int(b, n, "start", -2);
    graph *g = expect_graph(b);
    const node *shape = only_node(g, GRAPH_SHAPE, 1);
    cr_assert(shape->as.range.start == -2 && shape->as.range.end == INT64_MAX);
    cr_assert_eq(g->values[g->outputs[0]].type, ELEMENT_INTEGER);
    graph_free(&g);

    b = one_node_model(13, "Shape", "x", "y", &n);
    onnx_build_int(b, n, "start", 1);
    EXPECT_REFUSED(b, STATUS_UNSUPPORTED, "attribute \"start\" is not supported");

    b = one_node_model(14, "Reshape", "x,s", "y", &n);
    onnx_build_integers(b, "s", 2, DIMS(0, -1));
    onnx_build_int(b, n, "allowzero", 1);
    g = expect_graph(b);
    cr_assert(only_node(g, GRAPH_RESHAPE, 2)->as.allow_zero);
    graph_free(&g);

    b = one_node_model(13, "Transpose", "x", "y", &n);
    onnx_build_ints(b, n, "perm", 4, DIMS(0, 2, 3, 1));
    g = expect_graph(b);
    cr_assert_eq(only_node(g, GRAPH_TRANSPOSE, 1)->as.permutation.rank, 4);
    cr_assert_eq(g->nodes[0].as.permutation.axes[3], 1);
    graph_free(&g);
    static const int64_t bad[][4] = {{0, 1, 2, 4}, {0, 0, 1, 2}, {-1, 0, 1, 2}};
    for (int i = 0; i < 3; i++) {
        b = one_node_model(13, "Transpose", "x", "y", &n);
        onnx_build_ints(b, n, "perm", 4, bad[i]);
        EXPECT_REFUSED(b, STATUS_MODEL, "perm is no permutation");
    }

    static const struct {
        const char *op, *inputs;
        int64_t fallback;
    } axes[] = {{"Gather", "x,i", 0}, {"Flatten", "x", 1}, {"Split", "x", 0}};
    for (int i = 0; i < 3; i++) {
        b = one_node_model(13, axes[i].op, axes[i].inputs, "y", &n);
        onnx_build_integers(b, "i", 1, DIMS(0));
        g = expect_graph(b);
        cr_assert_eq(g->nodes[0].as.axis, axes[i].fallback);
        graph_free(&g);
    }
    EXPECT_REFUSED(one_node_model(13, "Concat", "x,x", "y", &n), STATUS_MODEL, "axis is missing");
}

Test(operators, constant_of_shape_has_one_fill)
{
    Onnx__NodeProto *n;
    onnx_builder *b = one_node_model(9, "ConstantOfShape", "s", "y", &n);
    onnx_build_integers(b, "s", 2, DIMS(2, 2));
    graph *g = expect_graph(b);
    cr_assert_eq(only_node(g, GRAPH_CONSTANT_OF_SHAPE, 1)->as.fill->reals[0], 0);
    graph_free(&g);

    b = one_node_model(9, "ConstantOfShape", "s", "y", &n);
    onnx_build_integers(b, "s", 2, DIMS(2, 2));
    Onnx__TensorProto *t =
        onnx_build_tensor(b, "", ONNX__TENSOR_PROTO__DATA_TYPE__INT64, 1, DIMS(1));
    onnx_build_raw(b, t, "\7\0\0\0\0\0\0", 8);
    onnx_build_tensor_attribute(b, n, "value", t);
    g = expect_graph(b);
    cr_assert_eq(only_node(g, GRAPH_CONSTANT_OF_SHAPE, 1)->as.fill->integers[0], 7);
    cr_assert_eq(g->values[g->outputs[0]].type, ELEMENT_INTEGER);
    graph_free(&g);
    EXPECT_REFUSED(one_node_model(8, "ConstantOfShape", "x", "y", &n), STATUS_UNSUPPORTED,
                   "opset 8");
}

Test(operators, what_is_unknown_is_refused_by_name)
{
    Onnx__NodeProto *n;
    EXPECT_REFUSED(one_node_model(13, "Softmax", "x", "y", &n), STATUS_UNSUPPORTED,
                   "node \"y_node\" (Softmax, opset 13)", "operator Softmax is not one");
    EXPECT_REFUSED(one_node_model(7, "Expand", "x,x", "y", &n), STATUS_UNSUPPORTED,
                   "Expand, opset 7");
    onnx_builder *b = one_node_model(13, "Conv", "x,x", "y", &n);
    n->domain = build_text(b, "com.example");
    EXPECT_REFUSED(b, STATUS_UNSUPPORTED, "\"y_node\"", "\"com.example\"");
    b = one_node_model(13, "Relu", "x", "y", &n);
    n->domain = build_text(b, "ai.onnx");
    graph *g = expect_graph(b);
    graph_free(&g);
    b = one_node_model(13, "Relu", "x", "y", &n);
    onnx_build_float(b, n, "alpha", 1);
    EXPECT_REFUSED(b, STATUS_UNSUPPORTED, "(Relu, opset 13)", "attribute \"alpha\"");
    b = one_node_model(13, "Flatten", "x", "y", &n);
    onnx_build_float(b, n, "axis", 1);
    EXPECT_REFUSED(b, STATUS_MODEL, "attribute \"axis\" is not an integer");
    b = one_node_model(13, "Flatten", "x", "y", &n);
    onnx_build_int(b, n, "axis", 1);
    onnx_build_int(b, n, "axis", 2);
    EXPECT_REFUSED(b, STATUS_MODEL, "attribute \"axis\" is given twice");
    EXPECT_REFUSED(one_node_model(13, "Relu", "x,x", "y", &n), STATUS_MODEL,
                   "has 2 inputs, not 1 to 1");
    EXPECT_REFUSED(one_node_model(13, "Add", "x,", "y", &n), STATUS_MODEL, "input 1 is missing");
    EXPECT_REFUSED(one_node_model(13, "Relu", "x", "y,z", &n), STATUS_MODEL,
                   "has 2 outputs, not 1 to 1");
}

Test(operators, elements_of_the_wrong_kind_are_refused)
{
    Onnx__NodeProto *n;
    onnx_builder *b = one_node_model(13, "Add", "x,i", "y", &n);
    onnx_build_integers(b, "i", 1, DIMS(1));
    EXPECT_REFUSED(b, STATUS_MODEL, "\"y_node\" (Add)", "its input \"i\" has integer elements");
    EXPECT_REFUSED(one_node_model(13, "Reshape", "x,x", "y", &n), STATUS_MODEL,
                   "integer are needed");
    b = one_node_model(13, "Shape", "x", "s", &n);
    onnx_build_node(b, "Sigmoid", "s", "y");
    EXPECT_REFUSED(b, STATUS_MODEL, "(Sigmoid): its input \"s\" has integer elements");
}
