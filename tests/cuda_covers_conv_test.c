/* Which convolutions the CUDA rows made for some of them take, and how many of the steps after
 * them. No GPU is needed for that. */
#include <criterion/criterion.h>

#ifdef POSENET_HAVE_CUDA

#include <math.h>

#include "kernels/rows.h"

enum { STEPS = 4, TENSORS = STEPS + 2 };

/* Tensor 0 is x, tensor i + 1 the output of step i, the last one any other. */
typedef struct problem {
    tensor tensors[TENSORS];
    step steps[STEPS];
    network net;
} problem;

static const float filter[1]; /* covers looks at its address only */

static void begin(problem *p, int n, int h, int w, int channels)
{
    *p = (problem){.net = {TENSORS, 0, p->tensors, p->steps}};
    p->tensors[0] = (tensor){.type = TYPE_FP16, .dims = {n, h, w, channels}};
}

/* A step of square windows that keeps the size at stride 1. */
static step *add_step(problem *p, op o, int input, int side, int stride, int outs)
{
    int i = p->net.step_count++;
    tensor *y = &p->tensors[i + 1];
    *y = p->tensors[input];
    for (int k = 0; k < 2; k++) {
        int padded = y->dims[AXIS_H + k] + side / 2 * 2;
        y->dims[AXIS_H + k] = (padded - side) / stride + 1;
    }
    y->dims[AXIS_C] = outs;
    p->steps[i] =
        (step){.op = o, .input_count = 1, .inputs = {input}, .output = i + 1, .nodes = "made up"};
    return &p->steps[i];
}

static void add_conv(problem *p, int input, int side, int stride, int outs)
{
    add_step(p, OP_CONV, input, side, stride, outs)->as.conv =
        (conv_params){.groups = 1,
                      .kernel = {side, side},
                      .stride = {stride, stride},
                      .dilation = {1, 1},
                      .pads = {side / 2, side / 2, side / 2, side / 2},
                      .in_channels = p->tensors[input].dims[AXIS_C],
                      .out_channels = outs,
                      .filter = filter};
}

static void add_pool(problem *p, int input, int side, int stride)
{
    add_step(p, OP_MAX_POOL, input, side, stride, p->tensors[input].dims[AXIS_C])->as.pool =
        (pool_params){.kernel = {side, side},
                      .stride = {stride, stride},
                      .dilation = {1, 1},
                      .pads = {side / 2, side / 2, side / 2, side / 2}};
}

/* Step i adds tensor `residual`, which gets the dims that it must have if it is the last. */
static void add_residual(problem *p, int i, int residual)
{
    p->steps[i].inputs[p->steps[i].input_count++] = residual;
    if (residual == TENSORS - 1) p->tensors[residual] = p->tensors[i + 1];
}

static int covered(const problem *p, const row *r)
{
    return r->covers(&p->net, 0, PRECISION_FP16);
}

/* What may be otherwise of convolution `i`. */
typedef enum change {
    SIGMOID,
    GROUPS,
    STRIDE_ACROSS,
    DILATION_ACROSS,
    PAD_BELOW,
    X_IN_FP32,
    Y_IN_FP32,
    X_CONSTANT,
    CHANGES
} change;

/* A change that does not change a window of one tap. */
static const unsigned one_tap = 1u << DILATION_ACROSS;

static void make_change(problem *p, int i, change what)
{
    conv_params *c = &p->steps[i].as.conv;
    tensor *x = &p->tensors[p->steps[i].inputs[0]], *y = &p->tensors[p->steps[i].output];
    switch (what) {
    case SIGMOID: c->act.kind = ACTIVATION_SIGMOID; break;
    case GROUPS: c->groups = 2; break;
    case STRIDE_ACROSS:
        c->stride[1] = c->stride[1] % 2 + 1;
        y->dims[AXIS_W] =
            (x->dims[AXIS_W] + c->pads[1] + c->pads[3] - c->kernel[1]) / c->stride[1] + 1;
        break;
    case DILATION_ACROSS:
        c->dilation[1] = 2;
        y->dims[AXIS_W] -= c->kernel[1] - 1;
        break;
    case PAD_BELOW:
        c->pads[2]++;
        y->dims[AXIS_H]++;
        break;
    case X_IN_FP32: x->type = TYPE_FP32; break;
    case Y_IN_FP32: y->type = TYPE_FP32; break;
    case X_CONSTANT: x->constant = filter; break;
    case CHANGES: break;
    }
}

/* The row takes `count` steps of the problem as it is, none after any change to convolution i but
 * those in `allowed`, bits. */
static void check(const problem *p, const row *r, int count, int i, unsigned allowed)
{
    cr_expect_eq(covered(p, r), count, "%s takes %d", r->name, covered(p, r));
    for (int what = 0; what < CHANGES; what++) {
        problem changed = *p;
        changed.net.tensors = changed.tensors;
        changed.net.steps = changed.steps;
        make_change(&changed, i, (change)what);
        int want = allowed >> what & 1 ? count : 0;
        cr_expect_eq(covered(&changed, r), want, "%s, change %d of step %d", r->name, what, i);
    }
}

Test(cuda_covers_conv, shift)
{
    problem p;
    static const struct {
        int n, h, w, ins, outs, covered;
    } cases[] = {
        {1, 1, 1, 64, 64, 1},
        {2, 5, 7, 192, 128, 1},
        {1, 5, 7, 96, 64, 0},
        {1, 5, 7, 32, 64, 0},
        {1, 5, 7, 64, 96, 0},
        {1, 5, 7, 4096, 64, 1},
        {1, 5, 7, 16384, 64, 0},          /* more than shared memory has room for */
        {1, 9, (1 << 14) - 2, 64, 64, 0}, /* of a line, and a line more around the tile */
        {1, 1 << 14, 1, 64, 64, 0},
        {64, 257, 257, 64, 64, 1},
        {256, 129, 129, 64, 64, 1},
        {256, 257, 257, 64, 64, 0}, /* more than an int when divided */
        {1, 1 << 13, 1 << 12, 64, 64, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        begin(&p, cases[i].n, cases[i].h, cases[i].w, cases[i].ins);
        add_conv(&p, 0, 3, 1, cases[i].outs);
        cr_expect_eq(covered(&p, &conv_shift_cuda), cases[i].covered, "case %zu", i);
    }
    begin(&p, 1, 5, 7, 64);
    add_conv(&p, 0, 3, 1, 64);
    check(&p, &conv_shift_cuda, 1, 0, 0);
    for (int dilation = 48; dilation <= 64; dilation += 16) { /* 64: too much for shared memory */
        problem apart = p;
        apart.net.tensors = apart.tensors;
        apart.net.steps = apart.steps;
        for (int k = 0; k < 4; k++) apart.steps[0].as.conv.pads[k] = dilation;
        for (int k = 0; k < 2; k++) apart.steps[0].as.conv.dilation[k] = dilation;
        cr_expect_eq(covered(&apart, &conv_shift_cuda), dilation == 48, "dilation %d", dilation);
    }
    add_residual(&p, 0, TENSORS - 1);
    cr_expect_eq(covered(&p, &conv_shift_cuda), 1);
    p.tensors[TENSORS - 1].type = TYPE_FP32;
    cr_expect_eq(covered(&p, &conv_shift_cuda), 0, "a residual in fp32");
    p.tensors[TENSORS - 1] = p.tensors[1];
    p.tensors[TENSORS - 1].constant = filter;
    cr_expect_eq(covered(&p, &conv_shift_cuda), 0, "a constant residual");
}

static void make_unit(problem *p, int projected, int ins, int middle, int outs)
{
    begin(p, 2, 9, 7, ins);
    if (projected) add_conv(p, 0, 1, 1, outs);
    add_conv(p, 0, 1, 1, middle);
    add_conv(p, projected + 1, 3, 1, middle);
    add_conv(p, projected + 2, 1, 1, outs);
}

Test(cuda_covers_conv, unit)
{
    problem p;
    make_unit(&p, 0, 256, 64, 256);
    add_residual(&p, 2, 0);
    for (int i = 0; i < 3; i++) check(&p, &conv_unit_cuda, 3, i, i == 1 ? 0 : one_tap);
    p.net.step_count = 2;
    cr_expect_eq(covered(&p, &conv_unit_cuda), 0, "one is missing");
    static const int channels[][3] = {
        {320, 64, 64}, {64, 64, 320}, {64, 128, 64}, {32, 64, 64}, {64, 64, 72}};
    for (size_t i = 0; i < sizeof channels / sizeof *channels; i++) {
        make_unit(&p, 0, channels[i][0], channels[i][1], channels[i][2]);
        cr_expect_eq(covered(&p, &conv_unit_cuda), 0, "channels %zu", i);
    }
    for (int inner = 1; inner <= 2; inner++) {
        make_unit(&p, 0, 64, 64, 64);
        add_residual(&p, 2, inner);
        cr_expect_eq(covered(&p, &conv_unit_cuda), 0, "tensor %d stays inside", inner);
    }
    make_unit(&p, 0, 64, 64, 64);
    add_residual(&p, 2, TENSORS - 1);
    cr_expect_eq(covered(&p, &conv_unit_cuda), 0, "another tensor than x is added");
    make_unit(&p, 0, 64, 64, 64);
    add_residual(&p, 1, 0);
    cr_expect_eq(covered(&p, &conv_unit_cuda), 0, "the middle one adds something");
}

Test(cuda_covers_conv, unit_with_projection)
{
    problem p;
    make_unit(&p, 1, 64, 64, 256);
    add_residual(&p, 3, 1);
    for (int i = 0; i < 4; i++) check(&p, &conv_unit_cuda, 4, i, i == 2 ? 0 : one_tap);
    p.steps[0].as.conv.act = (activation){ACTIVATION_CLAMP, 0, INFINITY};
    cr_expect_eq(covered(&p, &conv_unit_cuda), 0, "the shortcut is clamped");
    make_unit(&p, 1, 64, 64, 256);
    cr_expect_eq(covered(&p, &conv_unit_cuda), 0, "nobody adds it");
    make_unit(&p, 1, 128, 64, 256);
    add_residual(&p, 3, 1);
    cr_expect_eq(covered(&p, &conv_unit_cuda), 0, "of too many channels");
}

Test(cuda_covers_conv, unit_that_is_thinned)
{
    problem p;
    make_unit(&p, 0, 256, 64, 256);
    add_residual(&p, 2, 0);
    add_pool(&p, 3, 1, 2);
    for (int i = 0; i < 3; i++) check(&p, &conv_unit_thin_cuda, 4, i, i == 1 ? 0 : one_tap);
    cr_expect_eq(covered(&p, &conv_unit_cuda), 3, "without what comes after it");
    p.steps[3].inputs[0] = 0;
    cr_expect_eq(covered(&p, &conv_unit_thin_cuda), 0, "another tensor is thinned");
    p.steps[3].inputs[0] = 3;
    p.tensors[4].type = TYPE_FP32;
    cr_expect_eq(covered(&p, &conv_unit_thin_cuda), 0, "to fp32");
    p.tensors[4].type = TYPE_FP16;
    p.net.step_count = 3;
    cr_expect_eq(covered(&p, &conv_unit_thin_cuda), 0, "nobody thins it");
    static const int windows[][2] = {{1, 3}, {1, 1}, {3, 2}};
    for (int i = 0; i < 3; i++) {
        make_unit(&p, 0, 64, 64, 64);
        add_pool(&p, 3, windows[i][0], windows[i][1]);
        cr_expect_eq(covered(&p, &conv_unit_thin_cuda), 0, "window %d", i);
    }
}

/* From the 3x3 on: h is tensor 0, then m, y, the pool's, z; the residual another one. */
static void make_next(problem *p, int middle, int outs, int next, int every)
{
    begin(p, 2, 9, 7, 64);
    add_conv(p, 0, 3, 1, middle);
    add_conv(p, 1, 1, 1, outs);
    add_pool(p, 2, 1, every);
    add_conv(p, 2, 1, 1, next);
    add_residual(p, 1, TENSORS - 1);
}

Test(cuda_covers_conv, end_of_a_unit_and_beginning_of_the_next)
{
    problem p;
    make_next(&p, 64, 256, 64, 2);
    const int steps[] = {0, 1, 3};
    for (int i = 0; i < 3; i++)
        check(&p, &conv_unit_next_cuda, 4, steps[i], steps[i] ? one_tap : 0);
    p.steps[3].inputs[0] = 3;
    cr_expect_eq(covered(&p, &conv_unit_next_cuda), 0, "of the thinned results");
    p.steps[3].inputs[0] = 2;
    p.steps[2].inputs[0] = 1;
    cr_expect_eq(covered(&p, &conv_unit_next_cuda), 0, "another tensor is thinned");
    p.steps[2].inputs[0] = 2;
    p.tensors[3].type = TYPE_FP32;
    cr_expect_eq(covered(&p, &conv_unit_next_cuda), 0, "to fp32");
    p.tensors[3].type = TYPE_FP16;
    p.net.step_count = 3;
    cr_expect_eq(covered(&p, &conv_unit_next_cuda), 0, "nothing comes next");
    make_next(&p, 64, 256, 64, 2);
    p.steps[1].inputs[1] = 1;
    cr_expect_eq(covered(&p, &conv_unit_next_cuda), 0, "m stays inside");
    make_next(&p, 64, 256, 64, 2);
    add_residual(&p, 3, TENSORS - 1);
    cr_expect_eq(covered(&p, &conv_unit_next_cuda), 0, "the last one adds something");
    static const int others[][4] = {
        {128, 256, 64, 2}, {64, 320, 64, 2}, {64, 72, 64, 2}, {64, 256, 128, 2}, {64, 256, 64, 3}};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        make_next(&p, others[i][0], others[i][1], others[i][2], others[i][3]);
        cr_expect_eq(covered(&p, &conv_unit_next_cuda), 0, "other %zu", i);
    }
}

Test(cuda_covers_conv, twin)
{
    problem p;
    begin(&p, 2, 9, 7, 72);
    add_conv(&p, 0, 1, 1, 40);
    add_conv(&p, 0, 1, 1, 8);
    for (int i = 0; i < 2; i++) check(&p, &conv_twin_cuda, 2, i, one_tap);
    add_residual(&p, 1, TENSORS - 1);
    cr_expect_eq(covered(&p, &conv_twin_cuda), 0, "one adds something");
    p.net.step_count = 1;
    cr_expect_eq(covered(&p, &conv_twin_cuda), 0, "one is missing");
    static const int outs[][2] = {{36, 8}, {8, 36}};
    for (int i = 0; i < 2; i++) {
        begin(&p, 2, 9, 7, 72);
        add_conv(&p, 0, 1, 1, outs[i][0]);
        add_conv(&p, 0, 1, 1, outs[i][1]);
        cr_expect_eq(covered(&p, &conv_twin_cuda), 0, "outs %d", i);
    }
    begin(&p, 2, 9, 7, 72);
    add_conv(&p, 0, 1, 1, 72);
    add_conv(&p, 1, 1, 1, 72);
    cr_expect_eq(covered(&p, &conv_twin_cuda), 0, "the second is of the first");
}

Test(cuda_covers_conv, thin)
{
    const unsigned any_window = 1u << STRIDE_ACROSS | 1u << DILATION_ACROSS | 1u << PAD_BELOW;
    problem p;
    begin(&p, 2, 9, 7, 72);
    add_conv(&p, 0, 3, 1, 40);
    add_pool(&p, 1, 1, 2);
    check(&p, &conv_thin_cuda, 2, 0, any_window);
    p.net.step_count = 1;
    cr_expect_eq(covered(&p, &conv_thin_cuda), 0, "nobody thins it");
    p.net.step_count = 2;
    p.tensors[2].type = TYPE_FP32;
    cr_expect_eq(covered(&p, &conv_thin_cuda), 0, "to fp32");
    p.tensors[2].type = TYPE_FP16;
    p.steps[1].inputs[0] = 0;
    cr_expect_eq(covered(&p, &conv_thin_cuda), 0, "another tensor is thinned");
    begin(&p, 2, 9, 7, 72);
    add_conv(&p, 0, 3, 1, 36);
    add_pool(&p, 1, 1, 2);
    cr_expect_eq(covered(&p, &conv_thin_cuda), 0, "of channels that no map has");
    begin(&p, 2, 9, 7, 72);
    add_conv(&p, 0, 3, 1, 40);
    add_pool(&p, 1, 3, 2);
    cr_expect_eq(covered(&p, &conv_thin_cuda), 0, "a pooling that compares");
}

Test(cuda_covers_conv, root)
{
    const unsigned pads = 1u << PAD_BELOW;
    problem p;
    begin(&p, 2, 9, 7, 3);
    add_conv(&p, 0, 3, 2, 24);
    check(&p, &conv_root_wgmma_cuda, 1, 0, pads);
    p.steps[0].as.conv.pads[0] = 3;
    cr_expect_eq(covered(&p, &conv_root_wgmma_cuda), 0, "lines of nothing but padding");
    add_residual(&p, 0, TENSORS - 1);
    p.steps[0].as.conv.pads[0] = 1;
    cr_expect_eq(covered(&p, &conv_root_wgmma_cuda), 0, "it adds something");
    static const struct {
        int n, side, ins, outs, covered;
    } cases[] = {{1, 1, 3, 8, 1},  {256, 2049, 3, 8, 0}, {128, 2049, 3, 32, 0}, {64, 2049, 3, 8, 1},
                 {1, 33, 4, 8, 0}, {1, 33, 8, 8, 0},     {1, 33, 3, 12, 0},     {1, 33, 3, 40, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        begin(&p, cases[i].n, cases[i].side, cases[i].side, cases[i].ins);
        add_conv(&p, 0, 3, 2, cases[i].outs);
        cr_expect_eq(covered(&p, &conv_root_wgmma_cuda), cases[i].covered, "case %zu", i);
    }
}

Test(cuda_covers_conv, root_and_max_pool)
{
    const unsigned pads = 1u << PAD_BELOW;
    problem p;
    begin(&p, 2, 29, 17, 3);
    add_conv(&p, 0, 7, 2, 64);
    add_pool(&p, 1, 3, 2);
    check(&p, &conv_max_pool_wgmma_cuda, 2, 0, pads);
    p.net.step_count = 1;
    cr_expect_eq(covered(&p, &conv_max_pool_wgmma_cuda), 0, "nobody pools it");
    p.net.step_count = 2;
    p.steps[1].as.pool.pads[3] = 3;
    cr_expect_eq(covered(&p, &conv_max_pool_wgmma_cuda), 0, "windows of nothing but padding");
    p.steps[1].as.pool.pads[3] = 1;
    p.tensors[2].type = TYPE_FP32;
    cr_expect_eq(covered(&p, &conv_max_pool_wgmma_cuda), 0, "to fp32");
    begin(&p, 2, 29, 17, 3);
    add_conv(&p, 0, 7, 2, 32);
    add_pool(&p, 1, 3, 2);
    cr_expect_eq(covered(&p, &conv_max_pool_wgmma_cuda), 0, "of half the channels");
}

#else

Test(cuda_covers_conv, build)
{
    cr_skip_test("built without CUDA");
}

#endif
