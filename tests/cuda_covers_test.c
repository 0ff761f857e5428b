/* What CUDA rows leave alone because they would count beyond an int or make a grid that is too
 * large. Which steps a row covers needs no GPU. */
#include <criterion/criterion.h>

#ifdef POSENET_HAVE_CUDA

#include "kernels/cuda/cuda.h"
#include "kernels/rows.h"

/* One step or two, and their tensors. */
typedef struct problem {
    tensor tensors[3];
    step steps[2];
    network net;
} problem;

static const float filter[1]; /* covers looks at its address only */

static void set_conv(step *s, int x, int y, int ins, int outs, int groups, int side)
{
    *s = (step){.op = OP_CONV, .input_count = 1, .inputs = {x}, .output = y, .nodes = "made up"};
    s->as.conv = (conv_params){.groups = groups,
                               .kernel = {side, side},
                               .stride = {1, 1},
                               .dilation = {1, 1},
                               .pads = {side / 2, side / 2, side / 2, side / 2},
                               .in_channels = ins,
                               .out_channels = outs,
                               .filter = filter};
}

static void set_tensor(tensor *t, element_type type, int n, int h, int w, int c)
{
    *t = (tensor){.name = "made up", .type = type, .dims = {n, h, w, c}};
}

/* One convolution of n x h x w pixels from `ins` to `outs` channels. */
static void set_problem(problem *p, element_type type, const int nhw[3], int ins, int outs,
                        int groups, int side)
{
    set_tensor(&p->tensors[0], type, nhw[0], nhw[1], nhw[2], ins);
    set_tensor(&p->tensors[1], type, nhw[0], nhw[1], nhw[2], outs);
    set_conv(&p->steps[0], 0, 1, ins, outs, groups, side);
    p->net = (network){2, 1, p->tensors, p->steps};
}

static int covered(const problem *p, const row *r)
{
    return r->covers(&p->net, 0, PRECISION_FP16);
}

Test(cuda_covers, batches_beyond_a_grid)
{
    problem p;
    set_problem(&p, TYPE_FP16, (int[]){CUDA_MOST_BLOCKS, 2, 3}, 3, 8, 1, 3);
    cr_expect_eq(covered(&p, &conv_root_cuda), 1);
    set_problem(&p, TYPE_FP16, (int[]){CUDA_MOST_BLOCKS + 1, 2, 3}, 3, 8, 1, 3);
    cr_expect_eq(covered(&p, &conv_root_cuda), 0);
    cr_expect_eq(covered(&p, &conv_direct_cuda), 1, "one dimension holds all of its pixels");

    set_tensor(&p.tensors[0], TYPE_FP32, CUDA_MOST_BLOCKS, 33, 33, 3);
    p.steps[0] = (step){.op = OP_PREPROCESS, .output = 0, .nodes = "made up"};
    cr_expect_eq(covered(&p, &preprocess_cuda), 1);
    p.tensors[0].dims[AXIS_N]++;
    cr_expect_eq(covered(&p, &preprocess_cuda), 0);
    set_tensor(&p.tensors[0], TYPE_FP32, 1, 1 << 20, 33, 3);
    cr_expect_eq(covered(&p, &preprocess_cuda), 0);
}

Test(cuda_covers, channels_beyond_a_grid)
{
    static const row *const rows[] = {&conv_mma_cuda, &conv_direct_cuda};
    problem p;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        set_problem(&p, TYPE_FP16, (int[]){1, 1, 1}, 8, CUDA_MOST_CHANNELS, 1, 1);
        cr_expect_eq(covered(&p, rows[i]), 1, "%s", rows[i]->name);
        set_problem(&p, TYPE_FP16, (int[]){1, 1, 1}, 8, CUDA_MOST_CHANNELS + 8, 1, 1);
        cr_expect_eq(covered(&p, rows[i]), 0, "%s", rows[i]->name);
    }
    static const row *const blocks[] = {&depthwise_pointwise_cuda,
                                        &depthwise_pointwise_stream_cuda};
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++)
        for (int more = 0; more <= 8; more += 8) {
            int outs = CUDA_MOST_CHANNELS + more;
            set_problem(&p, TYPE_FP16, (int[]){1, 1, 1}, 8, 8, 8, 3);
            set_tensor(&p.tensors[2], TYPE_FP16, 1, 1, 1, outs);
            set_conv(&p.steps[1], 1, 2, 8, outs, 1, 1);
            p.net.tensor_count = 3;
            p.net.step_count = 2;
            cr_expect_eq(covered(&p, blocks[i]), more ? 0 : 2, "%s", blocks[i]->name);
        }
}

/* Of 2^31 - 1 elements, which a file may claim, and of some fewer. */
Test(cuda_covers, elements_beyond_an_int)
{
    static const struct {
        op op;
        const row *row;
        int inputs;
    } cases[] = {{OP_MAX_POOL, &max_pool_cuda, 1}, {OP_BINARY, &binary_cuda, 2},
                 {OP_ACTIVATE, &activate_cuda, 1}, {OP_UNARY, &unary_cuda, 1},
                 {OP_PAD, &pad_cuda, 1},           {OP_PERMUTE, &permute_cuda, 1},
                 {OP_COPY, &copy_cuda, 1},         {OP_SLICE, &slice_cuda, 1},
                 {OP_GATHER, &gather_cuda, 1},     {OP_CONCAT, &concat_cuda, 2},
                 {OP_RESIZE, &resize_cuda, 1},     {OP_EXPAND, &expand_cuda, 1}};
    problem p = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int large = 0; large <= 1; large++) {
            int width = large ? INT32_MAX : INT32_MAX - (1 << 20);
            for (int t = 0; t < 2; t++) set_tensor(&p.tensors[t], TYPE_FP16, 1, 1, width, 1);
            p.steps[0] = (step){.op = cases[i].op,
                                .input_count = cases[i].inputs,
                                .inputs = {0, 0},
                                .output = 1,
                                .nodes = "made up"};
            p.net = (network){2, 1, p.tensors, p.steps};
            cr_expect_eq(covered(&p, cases[i].row), !large, "%s", cases[i].row->name);
        }
    static const row *const convs[] = {&conv_mma_cuda, &conv_direct_cuda};
    for (size_t i = 0; i < sizeof convs / sizeof *convs; i++) {
        set_problem(&p, TYPE_FP16, (int[]){1, 1 << 14, 1 << 14}, 8, 8, 1, 1); /* 2^31 */
        cr_expect_eq(covered(&p, convs[i]), 0, "%s", convs[i]->name);
        set_problem(&p, TYPE_FP16, (int[]){1, 1 << 14, (1 << 14) - 16}, 8, 8, 1, 1);
        cr_expect_eq(covered(&p, convs[i]), 1, "%s", convs[i]->name);
    }
}

#else

Test(cuda_covers, build)
{
    cr_skip_test("built without CUDA");
}

#endif
