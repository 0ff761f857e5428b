/* What MobileNet's parts take by each CUDA row and each of its ways: microseconds a call within a
 * graph of calls, fp16, for the root and every different block of two networks: 0.75 at 257x257,
 * batch 64, and 1.00 at 1281x721.
 *
 *   block_times [ROWS [PARTS]]      only rows and parts whose names contain these texts
 *
 * A block's lines are rows that compute it whole, then rows of its depthwise and of its 1x1
 * convolution; "best" is the cheaper, times how often the network has it. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "chain.h"
#include "tests/kernel_check/device.h"

enum { CALLS = 4 };

typedef struct part {
    const char *name;
    int n, h, w, ins, outs, stride, dilation, count; /* outs of a root (ins 3): 3x3 to there */
} part;

static const part parts[] = {
    {"b64_root", 64, 257, 257, 3, 24, 2, 1, 1},
    {"b64_0_24-48_129", 64, 129, 129, 24, 48, 1, 1, 1},
    {"b64_1_48-96_s2_129", 64, 129, 129, 48, 96, 2, 1, 1},
    {"b64_2_96-96_65", 64, 65, 65, 96, 96, 1, 1, 1},
    {"b64_3_96-192_s2_65", 64, 65, 65, 96, 192, 2, 1, 1},
    {"b64_4_192-192_33", 64, 33, 33, 192, 192, 1, 1, 1},
    {"b64_5_192-384_s2_33", 64, 33, 33, 192, 384, 2, 1, 1},
    {"b64_6_384-384_17", 64, 17, 17, 384, 384, 1, 1, 5},
    {"b64_11_384-768_17", 64, 17, 17, 384, 768, 1, 1, 1},
    {"b64_12_768-768_d2_17", 64, 17, 17, 768, 768, 1, 2, 1},
    {"big_root", 1, 721, 1281, 3, 32, 2, 1, 1},
    {"big_0_32-64_361x641", 1, 361, 641, 32, 64, 1, 1, 1},
    {"big_1_64-128_s2_361x641", 1, 361, 641, 64, 128, 2, 1, 1},
    {"big_2_128-128_181x321", 1, 181, 321, 128, 128, 1, 1, 1},
    {"big_3_128-256_s2_181x321", 1, 181, 321, 128, 256, 2, 1, 1},
    {"big_4_256-256_91x161", 1, 91, 161, 256, 256, 1, 1, 1},
    {"big_5_256-512_s2_91x161", 1, 91, 161, 256, 512, 2, 1, 1},
    {"big_6_512-512_46x81", 1, 46, 81, 512, 512, 1, 1, 5},
    {"big_11_512-1024_46x81", 1, 46, 81, 512, 1024, 1, 1, 1},
    {"big_12_1024-1024_d2_46x81", 1, 46, 81, 1024, 1024, 1, 2, 1},
};

static conv_params window(int groups, int outs, int side, int stride, int dilation)
{
    int pad = side / 2 * dilation;
    return (conv_params){.groups = groups,
                         .kernel = {side, side},
                         .stride = {stride, stride},
                         .dilation = {dilation, dilation},
                         .pads = {pad, pad, pad, pad},
                         .out_channels = outs,
                         .act = {ACTIVATION_CLAMP, 0, 6}};
}

/* All calls read one input. */
static status build(const part *t, chain *c)
{
    TRY(problem_new(1, TYPE_FP16, &c->p));
    int x = problem_tensor(c->p, t->n, t->h, t->w, t->ins, FILL_UNIT), root = t->ins == 3, y;
    for (int i = 0; i < CALLS; i++) {
        conv_params first =
            window(root ? 1 : t->ins, root ? t->outs : t->ins, 3, t->stride, t->dilation);
        TRY(problem_conv(c->p, x, first, 1, PROBLEM_NO_TENSOR, &y));
        if (!root)
            TRY(problem_conv(c->p, y, window(1, t->outs, 1, 1, 1), 1, PROBLEM_NO_TENSOR, &y));
    }
    c->calls = CALLS;
    c->steps = root ? 1 : 2;
    return chain_open(c);
}

static double time_part(const part *t, const char *rows)
{
    chain c = {0};
    double whole = INFINITY, first = INFINITY, second = INFINITY;
    status done = build(t, &c);
    if (done != STATUS_OK) {
        printf("%s: %s\n", t->name, fail_text());
    } else {
        printf("%s\n", t->name);
        (void)chain_time_rows(&c, rows, 0, c.steps, &whole);
        if (c.steps == 2) {
            (void)chain_time_rows(&c, rows, 0, 1, &first);
            (void)chain_time_rows(&c, rows, 1, 1, &second);
        }
    }
    chain_close(&c);
    double best = whole < first + second ? whole : first + second;
    printf("  best %.2f x %d: whole %.2f, %.2f + %.2f\n", best, t->count, whole, first, second);
    return best * t->count;
}

int main(int argc, char **argv)
{
    const char *rows = argc > 1 ? argv[1] : NULL, *wanted = argc > 2 ? argv[2] : NULL;
    if (device_cuda()->missing) {
        printf("skipped: %s\n", device_cuda()->missing);
        return 77;
    }
    double sums[2] = {0, 0};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (!wanted || strstr(parts[i].name, wanted))
            sums[strncmp(parts[i].name, "big", 3) == 0] += time_part(&parts[i], rows);
    printf("sums of the best: batch 64 %.1f us, 1281x721 %.1f us\n", sums[0], sums[1]);
    return 0;
}
