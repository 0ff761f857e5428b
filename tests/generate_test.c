/* Generated networks: the architectures, the same bits everywhere, and TF.js there and back. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "loader/generate/generate.h"
#include "loader/tfjs/write.h"

static graph *generated(generate_settings s)
{
    graph *g = NULL;
    cr_assert(generate_graph(&s, &g) == STATUS_OK, "%s", fail_text());
    return g;
}

static const generate_settings small = {.architecture = GENERATE_MOBILENET_V1,
                                        .dialect = GENERATE_TF2ONNX_NHWC,
                                        .stride = 16,
                                        .multiplier = 50,
                                        .seed = 1};

/* FNV-1a of every weight's bits, in order. */
static uint64_t fingerprint(const graph *g)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < g->value_count; i++) {
        const constant *c = g->values[i].constant;
        for (int64_t k = 0; c && c->type == ELEMENT_REAL && k < c->count; k++) {
            uint32_t bits;
            memcpy(&bits, &c->reals[k], sizeof bits);
            hash = (hash ^ bits) * 0x100000001b3u;
        }
    }
    return hash;
}

static int count_op(const graph *g, graph_op op)
{
    int count = 0;
    for (size_t i = 0; i < g->node_count; i++) count += g->nodes[i].op == op;
    return count;
}

/* How many convolutions have this stride and dilation. */
static int count_windows(const graph *g, int kernel, int stride, int dilation)
{
    int count = 0;
    for (size_t i = 0; i < g->node_count; i++) {
        const window *w = &g->nodes[i].as.window;
        count += g->nodes[i].op == GRAPH_CONV && w->kernel[0] == kernel && w->stride[0] == stride &&
                 w->dilation[0] == dilation;
    }
    return count;
}

static int64_t weights_of(const graph *g)
{
    int64_t count = 0;
    for (size_t i = 0; i < g->value_count; i++)
        if (g->values[i].constant && g->values[i].rank > 0) count += g->values[i].constant->count;
    return count;
}

/* Compilers, options and machines must not matter: these numbers are part of what is promised. */
Test(generate, the_same_bits_everywhere, .timeout = 120)
{
    generate_settings resnet = small;
    resnet.architecture = GENERATE_RESNET50;
    graph *g = generated(small);
    cr_assert_eq(fingerprint(g), UINT64_C(0xb69814ea6ea47f87), "%llx",
                 (unsigned long long)fingerprint(g));
    graph_free(&g);
    g = generated(resnet);
    cr_assert_eq(fingerprint(g), UINT64_C(0xc82b2a17f19ef248), "%llx",
                 (unsigned long long)fingerprint(g));
    graph_free(&g);
}

Test(generate, seeds_differ_and_strides_share)
{
    generate_settings other = small, strided = small;
    other.seed = 2;
    strided.stride = 8;
    graph *a = generated(small), *b = generated(other), *c = generated(strided);
    cr_assert_neq(fingerprint(a), fingerprint(b));
    cr_assert_eq(fingerprint(a), fingerprint(c));
    graph_free(&a);
    graph_free(&b);
    graph_free(&c);
}

/* Rows: stride, then how many 3x3 convolutions have stride 1 and dilation 1, 2, 4, and stride 2. */
Test(generate, strides_become_dilations, .timeout = 240)
{
    static const struct {
        generate_architecture architecture;
        int multiplier, stride, plain, by_two, by_four, strided;
    } rows[] = {
        {GENERATE_RESNET50, 100, 32, 13, 0, 0, 3},    {GENERATE_RESNET50, 100, 16, 11, 3, 0, 2},
        {GENERATE_RESNET50, 100, 8, 6, 6, 3, 1},      {GENERATE_MOBILENET_V1, 100, 32, 9, 0, 0, 5},
        {GENERATE_MOBILENET_V1, 100, 16, 9, 1, 0, 4}, {GENERATE_MOBILENET_V1, 100, 8, 4, 6, 1, 3},
        {GENERATE_MOBILENET_V1, 101, 8, 4, 6, 1, 3},  {GENERATE_MOBILENET_V1, 75, 32, 9, 0, 0, 5},
        {GENERATE_MOBILENET_V1, 75, 16, 10, 0, 0, 4}, {GENERATE_MOBILENET_V1, 75, 8, 4, 7, 0, 3},
        {GENERATE_MOBILENET_V1, 50, 8, 4, 7, 0, 3},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        generate_settings s = small;
        s.architecture = rows[i].architecture;
        s.multiplier = rows[i].multiplier;
        s.stride = rows[i].stride;
        graph *g = generated(s);
        int got[4] = {count_windows(g, 3, 1, 1), count_windows(g, 3, 1, 2),
                      count_windows(g, 3, 1, 4), count_windows(g, 3, 2, 1)};
        cr_expect(got[0] == rows[i].plain && got[1] == rows[i].by_two &&
                      got[2] == rows[i].by_four && got[3] == rows[i].strided,
                  "row %zu: %d %d %d %d", i, got[0], got[1], got[2], got[3]);
        graph_free(&g);
    }
}

/* The published checkpoints' sizes in bytes of float, as far as they are known. */
Test(generate, architectures_have_the_published_size)
{
    generate_settings s = small;
    s.multiplier = 75;
    graph *g = generated(s);
    cr_assert_eq(weights_of(g) * 4, 4194304 + 838476);
    cr_assert(count_op(g, GRAPH_CONV) == 27 + 4 && count_op(g, GRAPH_CLIP) == 27);
    graph_free(&g);
    s.architecture = GENERATE_RESNET50;
    g = generated(s);
    cr_assert_eq((weights_of(g) * 4 + 4194303) / 4194304, 23);
    cr_assert_eq(count_op(g, GRAPH_CONV), 53 + 4);
    cr_assert_eq(count_op(g, GRAPH_ADD), 16);
    graph_free(&g);
}

Test(generate, dialects)
{
    generate_settings s = small;
    s.dialect = GENERATE_TORCH_BN;
    graph *g = generated(s);
    cr_assert(count_op(g, GRAPH_BATCH_NORMALIZATION) == 27 && count_op(g, GRAPH_TRANSPOSE) == 0);
    for (size_t i = 0; i < g->node_count; i++)
        if (g->nodes[i].op == GRAPH_CONV)
            cr_assert_eq(g->nodes[i].as.window.auto_pad, PAD_EXPLICIT);
    graph_free(&g);
    s = small;
    s.sigmoid = s.scale_input = s.nameless = 1;
    g = generated(s);
    cr_assert(count_op(g, GRAPH_SIGMOID) == 1 && count_op(g, GRAPH_MUL) == 1 &&
              count_op(g, GRAPH_SUB) == 1 && count_op(g, GRAPH_TRANSPOSE) == 5);
    cr_assert_str_eq(g->values[g->outputs[0]].name, "output_0");
    graph_free(&g);
}

Test(generate, refuses_what_does_not_exist)
{
    generate_settings s = small;
    graph *g = NULL;
    s.stride = 24;
    cr_assert_eq(generate_graph(&s, &g), STATUS_ARGUMENT);
    cr_assert(strstr(fail_text(), "stride 24") && !g);
    s = small;
    s.multiplier = 60;
    cr_assert_eq(generate_graph(&s, &g), STATUS_ARGUMENT);
    cr_assert(strstr(fail_text(), "multiplier 0.60") && !g);
}

/* ---- TF.js there and back ---- */

static const constant *weights_at(const graph *g, int conv, int input)
{
    for (size_t i = 0; i < g->node_count; i++)
        if (g->nodes[i].op == GRAPH_CONV && conv-- == 0)
            return g->values[g->nodes[i].inputs[input]].constant;
    return NULL;
}

/* The largest difference between two networks' weights, in steps of `levels` between each
 * tensor's smallest and largest. */
static double worst_step(const graph *a, const graph *b, int levels)
{
    double worst = 0;
    for (int conv = 0; conv < 31; conv++) {
        for (int input = 1; input <= 2; input++) {
            const constant *x = weights_at(a, conv, input), *y = weights_at(b, conv, input);
            double low = 0, high = 0;
            cr_assert(x && y && x->count == y->count, "convolution %d", conv);
            for (int64_t i = 0; i < x->count; i++) {
                if ((double)x->reals[i] < low) low = x->reals[i];
                if ((double)x->reals[i] > high) high = x->reals[i];
            }
            for (int64_t i = 0; i < x->count; i++) {
                double off = (double)x->reals[i] - (double)y->reals[i];
                off = (off < 0 ? -off : off) * levels / (high - low);
                if (off > worst) worst = off;
            }
        }
    }
    return worst;
}

Test(generate, tfjs_there_and_back, .timeout = 120)
{
    char folder[] = "/tmp/posenet-test-XXXXXX", path[64], shard[64];
    cr_assert_not_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/model.json", folder);
    snprintf(shard, sizeof shard, "%s/group1-shard1of1.bin", folder);
    generate_settings s = small;
    s.stride = 8;
    graph *g = generated(s), *back = NULL;
    static const int bytes[] = {4, 2, 1}, levels[] = {1, 65535, 255};
    for (int i = 0; i < 3; i++) {
        cr_assert(tfjs_write_file(g, path, bytes[i]) == STATUS_OK, "%s", fail_text());
        cr_assert(tfjs_read_file(path, &back) == STATUS_OK, "%s", fail_text());
        double worst = worst_step(g, back, levels[i]);
        /* Half a step, and another half because zero is moved onto one. */
        cr_assert(bytes[i] == 4 ? worst == 0 : worst > 0.4 && worst < 1.02, "%d bytes: %g",
                  bytes[i], worst);
        cr_assert_eq(count_windows(back, 3, 1, 2), 7);
        graph_free(&back);
    }
    cr_assert_eq(tfjs_write_file(g, path, 3), STATUS_ARGUMENT);
    graph_free(&g);
    unlink(path);
    unlink(shard);
    rmdir(folder);
}
