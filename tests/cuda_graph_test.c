/* Convolutions as cuDNN operation graphs, which can be built and checked without a GPU; choosing an
 * engine for them cannot. Skipped where the library is not installed. */
#include <criterion/criterion.h>

#ifdef POSENET_HAVE_CUDNN

#include <math.h>

#include "kernels/conv/cudnn/graph.h"
#include "kernels/rows.h"

static cudnn *lib;

static void open_library(void)
{
    if (cudnn_open(&lib) != STATUS_OK) cr_skip_test("%s", fail_text());
}

static void close_library(void)
{
    if (lib) cudnn_close(lib);
}

TestSuite(conv_graph, .init = open_library, .fini = close_library);

/* One convolution of 9x9 cells, 16 to 32 channels, to be changed by each test. */
typedef struct problem {
    tensor tensors[3];
    step step;
    network net;
    float filter[1];
} problem;

static void make(problem *p, element_type type)
{
    *p = (problem){.tensors = {{"x", type, {1, 9, 9, 16}, NULL, 0},
                               {"y", type, {1, 9, 9, 32}, NULL, 0},
                               {"r", type, {1, 9, 9, 32}, NULL, 0}}};
    p->step =
        (step){.op = OP_CONV, .input_count = 1, .inputs = {0, 2}, .output = 1, .nodes = "conv"};
    p->step.as.conv = (conv_params){.groups = 1,
                                    .kernel = {3, 3},
                                    .stride = {1, 1},
                                    .dilation = {1, 1},
                                    .pads = {1, 1, 1, 1},
                                    .out_channels = 32,
                                    .in_channels = 16,
                                    .filter = p->filter};
    p->net = (network){3, 1, p->tensors, &p->step};
}

/* Engines that the library knows for the graph of `p`. */
static int64_t engines(problem *p, int fused)
{
    conv_graph g;
    status built = conv_graph_build(lib, &p->net, &p->step, fused, &g);
    int64_t count = 0, written = 0;
    if (built == STATUS_OK)
        cr_assert_eq(lib->get(g.graph, CUDNN_ATTR_OPERATIONGRAPH_ENGINE_GLOBAL_COUNT,
                              CUDNN_TYPE_INT64, 1, &written, &count),
                     CUDNN_STATUS_SUCCESS);
    conv_graph_free(&g);
    cr_assert_eq(built, STATUS_OK, "%s", fail_text());
    return count;
}

Test(conv_graph, builds_every_kind_of_epilogue)
{
    static const activation acts[] = {
        {ACTIVATION_NONE, 0, 0}, {ACTIVATION_CLAMP, 0, INFINITY}, {ACTIVATION_CLAMP, 0, 6}};
    static const float bias[32];
    for (int type = TYPE_FP32; type <= TYPE_FP16; type++)
        for (int i = 0; i < 3 * 4; i++) {
            problem p;
            make(&p, (element_type)type);
            p.step.as.conv.act = acts[i % 3];
            if (i / 3 % 2) p.step.as.conv.bias = bias;
            if (i / 6) p.step.input_count = 2;
            cr_assert_gt(engines(&p, 1), 0, "activation %d, %s bias, %d inputs", i % 3,
                         p.step.as.conv.bias ? "with" : "without", p.step.input_count);
            cr_assert_gt(engines(&p, 0), 0);
        }
}

Test(conv_graph, builds_strides_dilations_and_one_sided_pads)
{
    static const struct {
        int kernel, stride, dilation, before, after, in, out;
    } windows[] = {{1, 1, 1, 0, 0, 9, 9}, {1, 2, 1, 0, 0, 9, 5}, {3, 2, 1, 1, 1, 9, 5},
                   {3, 1, 2, 2, 2, 9, 9}, {7, 2, 1, 3, 3, 9, 5}, {3, 2, 1, 0, 1, 8, 4}};
    for (size_t i = 0; i < sizeof windows / sizeof *windows; i++) {
        problem p;
        make(&p, TYPE_FP16);
        conv_params *c = &p.step.as.conv;
        c->kernel[0] = c->kernel[1] = windows[i].kernel;
        c->stride[0] = c->stride[1] = windows[i].stride;
        c->dilation[0] = c->dilation[1] = windows[i].dilation;
        c->pads[0] = c->pads[1] = windows[i].before;
        c->pads[2] = c->pads[3] = windows[i].after;
        p.tensors[0].dims[AXIS_H] = p.tensors[0].dims[AXIS_W] = windows[i].in;
        p.tensors[1].dims[AXIS_H] = p.tensors[1].dims[AXIS_W] = windows[i].out;
        cr_assert_gt(engines(&p, 0), 0, "window %zu", i);
    }
}

Test(conv_graph, says_what_does_not_fit)
{
    problem p;
    make(&p, TYPE_FP16);
    p.tensors[1].dims[AXIS_H] = 4; /* not what a 3x3 makes of 9 rows */
    conv_graph g;
    status built = conv_graph_build(lib, &p.net, &p.step, 1, &g);
    conv_graph_free(&g);
    cr_assert_eq(built, STATUS_DEVICE);
    cr_assert_not_null(strstr(fail_text(), "describing a convolution"), "%s", fail_text());
}

/* Without a device there is nothing to plan for: a refusal, not a crash. */
Test(conv_graph, plans_nothing_without_a_device)
{
    problem p;
    make(&p, TYPE_FP16);
    conv_graph g;
    cudnnBackendDescriptor_t plan = NULL;
    size_t workspace = 0;
    status built = conv_graph_build(lib, &p.net, &p.step, 1, &g);
    status planned =
        conv_graph_plan(&g, CUDNN_HEUR_MODE_A, ENGINES_ANY, 1 << 20, &plan, &workspace);
    conv_graph_free(&g);
    cr_assert_eq(built, STATUS_OK);
    cr_assert_eq(planned, STATUS_UNSUPPORTED);
    cr_assert_null(plan);
}

Test(conv_graph, row_takes_only_what_engines_take)
{
    problem p;
    make(&p, TYPE_FP16);
    cr_assert_eq(conv_cudnn.covers(&p.net, 0, PRECISION_FP16), 1);
    p.step.as.conv.pads[0] = 0; /* one-sided */
    cr_assert_eq(conv_cudnn.covers(&p.net, 0, PRECISION_FP16), 0);
    make(&p, TYPE_FP16);
    p.step.as.conv.groups = 16;
    cr_assert_eq(conv_cudnn.covers(&p.net, 0, PRECISION_FP16), 0);
    make(&p, TYPE_FP16);
    p.step.as.conv.act = (activation){ACTIVATION_CLAMP, -1, 1};
    cr_assert_eq(conv_cudnn.covers(&p.net, 0, PRECISION_FP16), 0);
    make(&p, TYPE_FP32);
    p.step.as.conv.act = (activation){ACTIVATION_CLAMP, -1, 1};
    cr_assert_eq(conv_cudnn.covers(&p.net, 0, PRECISION_FP32), 1);
}

#else

Test(conv_graph, build)
{
    cr_skip_test("built without cuDNN");
}

#endif
