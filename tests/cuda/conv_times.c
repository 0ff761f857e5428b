/* What the convolutions of ResNet50 at stride 16 take by each CUDA row and each of its ways:
 * microseconds a call within a graph of calls with weights of their own, about as many bytes of
 * them as the whole network has, so that caches are as warm as there.
 *
 *   conv_times [WIDTHxHEIGHT[xBATCH] [ROWS [LAYERS]]]
 *
 * Of pictures of that size (257x257x1); only rows and layers whose names contain these texts.
 * A row's line has its best ways, "way:microseconds", best first. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "chain.h"
#include "tests/kernel_check/device.h"

enum { NETWORK_WEIGHTS = 23000000, LEAST_CALLS = 8, MANY_RESULTS = 4000000 };

typedef struct size {
    int width, height, batch;
} size;

/* `above`: input pixels from one of x's to the next; `twin`: channels of a 1x1 convolution of the
 * same x that follows, 0: there is none; `thin`: the stride of a pooling that thins out results.
 * Layers with either are timed by rows that take both, and are not in the sum. */
typedef struct layer {
    const char *name;
    int above, ins, outs, kernel, stride, dilation, residual, fp32, count, twin, thin;
} layer;

static const layer layers[] = {
    {"64-64_k1_s4", 4, 64, 64, 1, 1, 1, 0, 0, 1, 0, 0},
    {"64-256_k1_s4", 4, 64, 256, 1, 1, 1, 1, 0, 3, 0, 0},
    {"64-64_k3_s4", 4, 64, 64, 3, 1, 1, 0, 0, 2, 0, 0},
    {"256-64_k1_s4", 4, 256, 64, 1, 1, 1, 0, 0, 2, 0, 0},
    {"64-64_k3s2_s4", 4, 64, 64, 3, 2, 1, 0, 0, 1, 0, 0},
    {"256-128_k1_s8", 8, 256, 128, 1, 1, 1, 0, 0, 1, 0, 0},
    {"128-128_k3_s8", 8, 128, 128, 3, 1, 1, 0, 0, 3, 0, 0},
    {"128-512_k1_s8", 8, 128, 512, 1, 1, 1, 1, 0, 4, 0, 0},
    {"512-128_k1_s8", 8, 512, 128, 1, 1, 1, 0, 0, 3, 0, 0},
    {"256-512_k1_s8", 8, 256, 512, 1, 1, 1, 0, 0, 1, 0, 0},
    {"128-128_k3s2_s8", 8, 128, 128, 3, 2, 1, 0, 0, 1, 0, 0},
    {"512-256_k1_s16", 16, 512, 256, 1, 1, 1, 0, 0, 1, 0, 0},
    {"512-1024_k1_s16", 16, 512, 1024, 1, 1, 1, 0, 0, 1, 0, 0},
    {"256-256_k3_s16", 16, 256, 256, 3, 1, 1, 0, 0, 6, 0, 0},
    {"256-1024_k1_s16", 16, 256, 1024, 1, 1, 1, 1, 0, 6, 0, 0},
    {"1024-256_k1_s16", 16, 1024, 256, 1, 1, 1, 0, 0, 5, 0, 0},
    {"1024-512_k1_s16", 16, 1024, 512, 1, 1, 1, 0, 0, 1, 0, 0},
    {"512-512_k3d2_s16", 16, 512, 512, 3, 1, 2, 0, 0, 3, 0, 0},
    {"512-2048_k1_s16", 16, 512, 2048, 1, 1, 1, 1, 0, 3, 0, 0},
    {"1024-2048_k1_s16", 16, 1024, 2048, 1, 1, 1, 0, 0, 1, 0, 0},
    {"2048-512_k1_s16", 16, 2048, 512, 1, 1, 1, 0, 0, 2, 0, 0},
    {"2048-115_k1_s16", 16, 2048, 115, 1, 1, 1, 0, 1, 1, 0, 0},
    {"64-256+64_k1_s4", 4, 64, 256, 1, 1, 1, 0, 0, 0, 64, 0},
    {"256-512+128_k1_s8", 8, 256, 512, 1, 1, 1, 0, 0, 0, 128, 0},
    {"512-1024+256_k1_s16", 16, 512, 1024, 1, 1, 1, 0, 0, 0, 256, 0},
    {"1024-2048+512_k1_s16", 16, 1024, 2048, 1, 1, 1, 0, 0, 0, 512, 0},
    {"64-256_k1_s4_thin", 4, 64, 256, 1, 1, 1, 1, 0, 0, 0, 2},
    {"128-512_k1_s8_thin", 8, 128, 512, 1, 1, 1, 1, 0, 0, 0, 2},
};

static int reduced(int side, int by)
{
    return (side - 1) / by + 1;
}

/* Enough for the network's weights, few where a call is long. */
static int calls_of(int weights, int64_t results)
{
    int calls = results > MANY_RESULTS ? LEAST_CALLS : NETWORK_WEIGHTS / weights;
    if (calls > CHAIN_MOST_CALLS) calls = CHAIN_MOST_CALLS;
    return calls > LEAST_CALLS ? calls : LEAST_CALLS;
}

/* Appends the convolution to `outs` channels, whose output is y. */
static step *append(problem *p, const layer *l, int outs, int x, int y, const float *filter,
                    const float *bias)
{
    int pad = l->kernel / 2 * l->dilation;
    step *s = problem_step(p, OP_CONV);
    s->inputs[s->input_count++] = x;
    s->output = y;
    if (l->fp32) p->tensors[y].type = TYPE_FP32;
    s->as.conv = (conv_params){.groups = 1,
                               .kernel = {l->kernel, l->kernel},
                               .stride = {l->stride, l->stride},
                               .dilation = {l->dilation, l->dilation},
                               .pads = {pad, pad, pad, pad},
                               .out_channels = outs,
                               .in_channels = l->ins,
                               .filter = filter,
                               .bias = bias,
                               .act = {l->fp32 ? ACTIVATION_NONE : ACTIVATION_CLAMP, 0, INFINITY}};
    return s;
}

/* The steps of all calls read one input; filters begin at different places of one array. */
static status build(const layer *l, const size *z, chain *c)
{
    int weights = l->ins * (l->outs + l->twin) * l->kernel * l->kernel;
    int height = reduced(z->height, l->above), width = reduced(z->width, l->above);
    int out_height = reduced(height, l->stride), out_width = reduced(width, l->stride);
    int calls = calls_of(weights, (int64_t)z->batch * out_height * out_width * l->outs);
    TRY(problem_new(1, TYPE_FP16, &c->p));
    problem *p = c->p;
    const float *filters = problem_reals(p, (size_t)(weights + calls), 0.05f);
    const float *bias = problem_reals(p, (size_t)l->outs, 1.0f);
    if (!filters || !bias) return STATUS_MEMORY;
    int x = problem_tensor(p, z->batch, height, width, l->ins, FILL_UNIT);
    int residual = problem_tensor(p, z->batch, out_height, out_width, l->outs, FILL_UNIT);
    for (int i = 0; i < calls; i++) {
        int y = problem_tensor(p, z->batch, out_height, out_width, l->outs, FILL_UNIT);
        step *s = append(p, l, l->outs, x, y, filters + i, bias);
        if (l->residual) s->inputs[s->input_count++] = residual;
        if (l->thin) problem_thinning(p, y, (const int[2]){l->thin, l->thin});
        if (!l->twin) continue;
        y = problem_tensor(p, z->batch, out_height, out_width, l->twin, FILL_UNIT);
        (void)append(p, l, l->twin, x, y, filters + i + l->ins * l->outs, bias);
    }
    c->calls = calls;
    c->steps = l->twin || l->thin ? 2 : 1;
    return chain_open(c);
}

static double time_layer(const layer *l, const size *z, const char *rows)
{
    chain c = {0};
    double best = INFINITY;
    status done = build(l, z, &c);
    if (done != STATUS_OK)
        printf("%s: %s\n", l->name, fail_text());
    else {
        printf("%s, %d calls\n", l->name, c.calls);
        (void)chain_time_rows(&c, rows, 0, c.steps, &best);
    }
    chain_close(&c);
    return best;
}

int main(int argc, char **argv)
{
    const char *rows = argc > 2 ? argv[2] : NULL, *wanted = argc > 3 ? argv[3] : NULL;
    size z = {257, 257, 1};
    if (argc > 1 && sscanf(argv[1], "%dx%dx%d", &z.width, &z.height, &z.batch) < 2) return 2;
    if (device_cuda()->missing) {
        printf("skipped: %s\n", device_cuda()->missing);
        return 77;
    }
    double sum = 0;
    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++) {
        if (wanted && !strstr(layers[i].name, wanted)) continue;
        double best = time_layer(&layers[i], &z, rows);
        printf("  best %.2f x %d\n", best, layers[i].count);
        if (layers[i].count) sum += best * layers[i].count;
    }
    printf("sum of the best: %.1f us\n", sum);
    return 0;
}
