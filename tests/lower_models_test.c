/* What real models come down to: convolutions alone. */
#include <criterion/criterion.h>

#include "tests/lower_make.h"
#include "tests/shared.h"

/* Skips the test if it is not there. */
static graph *open_model(const char *name)
{
    char path[SHARED_PATH_BYTES];
    if (!shared_model(name, path)) cr_skip_test("skipped: no %s", path);
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
