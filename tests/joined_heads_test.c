/* Heads as windows of one convolution's output: which are joined, and what comes of it. */
#include <criterion/criterion.h>
#include <string.h>

#include "engine/rewrite/joined_heads.h"

enum { X, OTHER, HEAD, WHOLE = HEAD + DECODE_HEADS, TENSORS };

static const int channels[DECODE_HEADS] = {2, 3, 1, 4};
static const int heads[DECODE_HEADS] = {HEAD, HEAD + 1, HEAD + 2, HEAD + 3};
static const float filters[DECODE_HEADS][4 * 2] = {
    {1, 2, 3, 4}, {5, 6, 7, 8, 9, 10}, {11, 12}, {13, 14, 15, 16, 17, 18, 19, 20}};
static const float biases[DECODE_HEADS][4] = {{-1, -2}, {-3, -4, -5}, {-6}, {-7, -8, -9, -10}};
static const char *const nodes[DECODE_HEADS] = {"a", "b", "c", "d"};

static tensor tensors[TENSORS];
static step steps[DECODE_HEADS + 2];
static network net;
static pool *made;

/* Four 1x1 convolutions of X, two channels, then decode. */
static void setup(void)
{
    cr_assert_eq(pool_new(&made), STATUS_OK);
    net = (network){.tensors = tensors, .steps = steps, .tensor_count = WHOLE};
    tensors[X] = tensors[OTHER] = (tensor){.name = "x", .dims = {1, 5, 7, 2}};
    for (int h = 0; h < DECODE_HEADS; h++) {
        tensors[HEAD + h] = (tensor){.name = nodes[h], .dims = {1, 5, 7, channels[h]}};
        steps[h] = (step){.op = OP_CONV,
                          .input_count = 1,
                          .inputs = {X},
                          .output = HEAD + h,
                          .nodes = nodes[h],
                          .as.conv = {.groups = 1,
                                      .kernel = {1, 1},
                                      .stride = {1, 1},
                                      .dilation = {1, 1},
                                      .out_channels = channels[h],
                                      .in_channels = 2,
                                      .filter = filters[h],
                                      .bias = biases[h]}};
    }
    steps[DECODE_HEADS] =
        (step){.op = OP_DECODE, .input_count = DECODE_HEADS, .output = -1, .nodes = ""};
    memcpy(steps[DECODE_HEADS].inputs, heads, sizeof heads);
    net.step_count = DECODE_HEADS + 1;
}

static void teardown(void)
{
    pool_free(&made);
}

TestSuite(joined_heads, .init = setup, .fini = teardown);

static joined_heads make(void)
{
    joined_heads weights;
    cr_assert_eq(joined_heads_make(&net, heads, made, &weights), STATUS_OK, "%s", fail_text());
    return weights;
}

static joined_heads join(void)
{
    joined_heads weights = make();
    cr_assert_eq(network_join_heads(&net, heads, &weights, made), STATUS_OK, "%s", fail_text());
    return weights;
}

static void expect_window(int head, int of, int first, int all)
{
    const tensor *t = &tensors[head];
    cr_assert(t->window.of == of && t->window.first == first && t->window.channels == all,
              "head %d: %d %d %d", head - HEAD, t->window.of, t->window.first, t->window.channels);
}

Test(joined_heads, four_become_one)
{
    joined_heads weights = join();
    cr_assert_eq(weights.channels, 16);
    for (int i = 0; i < 16 * 2; i++) cr_expect_eq(weights.filter[i], i < 20 ? i + 1 : 0);
    for (int i = 0; i < 16; i++) cr_expect_eq(weights.bias[i], i < 10 ? -i - 1 : 0);
    cr_assert_eq(net.step_count, 2);
    cr_assert_eq(net.tensor_count, TENSORS);
    cr_assert(steps[0].op == OP_CONV && steps[1].op == OP_DECODE);
    cr_assert_eq(steps[0].output, WHOLE);
    cr_assert_eq(steps[0].as.conv.out_channels, 16);
    cr_assert_eq(steps[0].as.conv.filter, weights.filter);
    cr_assert_eq(steps[0].as.conv.bias, weights.bias);
    cr_assert_str_eq(steps[0].nodes, "a, b, c, d");
    cr_assert_eq(tensors[WHOLE].dims[AXIS_C], 16);
    cr_assert_eq(tensors[WHOLE].window.channels, 0);
    expect_window(HEAD, WHOLE, 0, 16);
    expect_window(HEAD + 1, WHOLE, 2, 16);
    expect_window(HEAD + 2, WHOLE, 5, 16);
    expect_window(HEAD + 3, WHOLE, 6, 16);
    cr_assert_eq(tensors[HEAD + 1].dims[AXIS_C], 3);
    int64_t strides[AXES];
    tensor_strides(&tensors[HEAD + 1], strides);
    cr_assert(strides[0] == 5 * 7 * 16 && strides[1] == 7 * 16 && strides[2] == 16 &&
              strides[3] == 1);
    cr_assert(tensor_home(&net, HEAD + 1) == WHOLE && tensor_home(&net, X) == X);
}

/* Without decode, as a model's first lowering has them. */
Test(joined_heads, weights_before_decode)
{
    net.step_count--;
    joined_heads weights = make();
    cr_assert_eq(weights.channels, 16);
    for (int h = 0; h < DECODE_HEADS; h++) cr_assert_eq(weights.filters[h], filters[h]);
}

Test(joined_heads, a_missing_bias_is_zero)
{
    steps[1].as.conv.bias = NULL;
    joined_heads weights = make();
    cr_assert(weights.bias[1] == -2 && weights.bias[2] == 0 && weights.bias[4] == 0 &&
              weights.bias[5] == -6);
}

/* What is not like the others stays as it is, and where it is. */
static void expect_alone(int alone)
{
    joined_heads weights = join();
    cr_assert_null(weights.filters[alone]);
    cr_assert_eq(net.step_count, 3);
    for (int h = 0, first = 0; h < DECODE_HEADS; h++) {
        if (h != alone) expect_window(HEAD + h, WHOLE, first, weights.channels);
        if (h != alone) first += channels[h];
    }
    cr_assert_eq(tensors[HEAD + alone].window.channels, 0);
    cr_assert(steps[0].output == HEAD + alone || steps[1].output == HEAD + alone);
    cr_assert(steps[0].output == WHOLE || steps[1].output == WHOLE);
}

Test(joined_heads, another_input)
{
    steps[0].inputs[0] = OTHER;
    expect_alone(0);
}

Test(joined_heads, another_stride)
{
    steps[1].as.conv.stride[1] = 2;
    expect_alone(1);
}

Test(joined_heads, another_padding)
{
    steps[2].as.conv.pads[3] = 1;
    expect_alone(2);
}

Test(joined_heads, another_activation)
{
    steps[3].as.conv.act = (activation){ACTIVATION_CLAMP, 0, 6};
    expect_alone(3);
}

Test(joined_heads, a_residual)
{
    steps[3].input_count = 2;
    steps[3].inputs[1] = OTHER;
    expect_alone(3);
}

Test(joined_heads, groups)
{
    steps[0].as.conv.groups = 2;
    expect_alone(0);
}

Test(joined_heads, that_another_step_reads)
{
    steps[DECODE_HEADS + 1] = steps[DECODE_HEADS];
    steps[DECODE_HEADS] = (step){
        .op = OP_ACTIVATE, .input_count = 1, .inputs = {HEAD + 2}, .output = OTHER, .nodes = "e"};
    net.step_count++;
    joined_heads weights = join();
    cr_assert_null(weights.filters[2]);
    cr_assert_eq(weights.channels, 16);
    cr_assert_eq(tensors[HEAD + 2].window.channels, 0);
    cr_assert_eq(net.step_count, 4);
}

Test(joined_heads, one_alone_is_none)
{
    for (int h = 0; h < DECODE_HEADS; h++) steps[h].as.conv.stride[0] = h + 1;
    cr_assert_eq(join().channels, 0);
    cr_assert_eq(net.step_count, DECODE_HEADS + 1);
    cr_assert_eq(net.tensor_count, WHOLE);
}

/* A network that does not have what the weights were made of is left alone. */
Test(joined_heads, other_weights)
{
    joined_heads weights = make();
    steps[1].as.conv.filter = filters[0];
    cr_assert_eq(network_join_heads(&net, heads, &weights, made), STATUS_OK);
    cr_assert_eq(net.step_count, DECODE_HEADS + 1);
    for (int h = 0; h < DECODE_HEADS; h++) cr_assert_eq(tensors[HEAD + h].window.channels, 0);
}
