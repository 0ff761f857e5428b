/* What the convolutions of ResNet50 (stride 16, 257x257) take by each CUDA row and each of its
 * ways: microseconds a call within a graph of calls with weights of their own, about as many bytes
 * of them as the whole network has, so that caches are as warm as there.
 *
 *   conv_times [ROWS [LAYERS]]      only rows and layers whose names contain these texts
 *
 * A row's line has its best ways, "way:microseconds", best first. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cuda_runtime_api.h>

#include "kernels/cuda/cuda.h"
#include "kernels/rows.h"
#include "tests/kernel_check/device.h"
#include "tests/kernel_check/problem.h"

enum {
    NETWORK_WEIGHTS = 23000000,
    MOST_CALLS = 48,
    LEAST_CALLS = 8,
    REPEATS = 15,
    WARM = 3,
    SHOWN = 5
};

typedef struct layer {
    const char *name;
    int side, ins, outs, kernel, stride, dilation, residual, fp32, count;
} layer;

static const layer layers[] = {
    {"64-64_k1_65", 65, 64, 64, 1, 1, 1, 0, 0, 1},
    {"64-256_k1_65", 65, 64, 256, 1, 1, 1, 1, 0, 3},
    {"64-64_k3_65", 65, 64, 64, 3, 1, 1, 0, 0, 2},
    {"256-64_k1_65", 65, 256, 64, 1, 1, 1, 0, 0, 2},
    {"64-64_k3s2_65", 65, 64, 64, 3, 2, 1, 0, 0, 1},
    {"256-128_k1_33", 33, 256, 128, 1, 1, 1, 0, 0, 1},
    {"128-128_k3_33", 33, 128, 128, 3, 1, 1, 0, 0, 3},
    {"128-512_k1_33", 33, 128, 512, 1, 1, 1, 1, 0, 3},
    {"512-128_k1_33", 33, 512, 128, 1, 1, 1, 0, 0, 3},
    {"256-512_k1_33", 33, 256, 512, 1, 1, 1, 0, 0, 1},
    {"128-128_k3s2_33", 33, 128, 128, 3, 2, 1, 0, 0, 1},
    {"256-256_k3_17", 17, 256, 256, 3, 1, 1, 0, 0, 6},
    {"256-1024_k1_17", 17, 256, 1024, 1, 1, 1, 1, 0, 6},
    {"1024-256_k1_17", 17, 1024, 256, 1, 1, 1, 0, 0, 5},
    {"512-512_k3d2_17", 17, 512, 512, 3, 1, 2, 0, 0, 3},
    {"512-2048_k1_17", 17, 512, 2048, 1, 1, 1, 1, 0, 3},
    {"1024-2048_k1_17", 17, 1024, 2048, 1, 1, 1, 0, 0, 1},
    {"2048-512_k1_17", 17, 2048, 512, 1, 1, 1, 0, 0, 2},
    {"2048-115_k1_17", 17, 2048, 115, 1, 1, 1, 0, 1, 1},
};

typedef struct chain {
    const layer *of;
    problem *p;
    pack_cache *packs;
    unsigned char *arena;
    size_t bytes;
    work works[MOST_CALLS];
    int prepared;
} chain;

/* The steps of all calls read one input; filters begin at different places of one array. */
static status build(chain *c)
{
    const layer *l = c->of;
    int weights = l->ins * l->outs * l->kernel * l->kernel, calls = NETWORK_WEIGHTS / weights;
    if (calls > MOST_CALLS) calls = MOST_CALLS;
    if (calls < LEAST_CALLS) calls = LEAST_CALLS;
    TRY(problem_new(1, TYPE_FP16, &c->p));
    problem *p = c->p;
    int pad = l->kernel / 2 * l->dilation, out = (l->side - 1) / l->stride + 1;
    const float *filters = problem_reals(p, (size_t)(weights + calls), 0.05f);
    const float *bias = problem_reals(p, (size_t)l->outs, 1.0f);
    if (!filters || !bias) return STATUS_MEMORY;
    int x = problem_tensor(p, 1, l->side, l->side, l->ins, FILL_UNIT);
    int residual = problem_tensor(p, 1, out, out, l->outs, FILL_UNIT);
    for (int i = 0; i < calls; i++) {
        step *s = problem_step(p, OP_CONV);
        s->inputs[s->input_count++] = x;
        if (l->residual) s->inputs[s->input_count++] = residual;
        s->output = problem_tensor(p, 1, out, out, l->outs, FILL_UNIT);
        if (l->fp32) p->tensors[s->output].type = TYPE_FP32;
        s->as.conv =
            (conv_params){.groups = 1,
                          .kernel = {l->kernel, l->kernel},
                          .stride = {l->stride, l->stride},
                          .dilation = {l->dilation, l->dilation},
                          .pads = {pad, pad, pad, pad},
                          .out_channels = l->outs,
                          .in_channels = l->ins,
                          .filter = filters + i,
                          .bias = bias,
                          .act = {l->fp32 ? ACTIVATION_NONE : ACTIVATION_CLAMP, 0, INFINITY}};
    }
    for (int i = 0; i < p->net.tensor_count; i++) {
        p->tensors[i].offset = c->bytes;
        c->bytes += (tensor_bytes(&p->tensors[i]) + 255) / 256 * 256;
    }
    return pack_cache_new(device_cuda()->packs, &c->packs);
}

static void release_works(chain *c)
{
    for (int i = 0; i < c->prepared; i++)
        if (c->works[i].row->release) c->works[i].row->release(&c->works[i]);
    c->prepared = 0;
    if (c->arena) device_cuda()->release(c->arena);
    c->arena = NULL;
}

static status prepare_works(chain *c, const row *r, int variant)
{
    prepare_context context = {PRECISION_FP16, 1, c->packs, device_cuda()->context};
    size_t workspace = 0;
    for (int i = 0; i < c->p->net.step_count; i++) {
        work *w = &c->works[i];
        *w = (work){.row = r, .first = i, .count = 1, .variant = variant, .workspace = c->bytes};
        if (r->prepare) TRY(r->prepare(&context, &c->p->net, w));
        c->prepared = i + 1;
        if (w->workspace_bytes > workspace) workspace = w->workspace_bytes;
    }
    void *memory = NULL;
    TRY(device_cuda()->allocate(c->bytes + workspace, &memory));
    c->arena = memory;
    return cuda_check(cudaMemset(memory, 0x3c, c->bytes + workspace), "filling the arena");
}

static status enqueue_all(const chain *c, cudaStream_t stream)
{
    run r = {.arena = c->arena, .stream = stream};
    for (int i = 0; i < c->prepared; i++) {
        r.programmatic = i > 0;
        TRY(c->works[i].row->enqueue(&c->works[i], &c->p->net, &r));
    }
    return STATUS_OK;
}

static status time_graph(cudaGraphExec_t graph, cudaStream_t stream, double *us)
{
    cudaEvent_t start, end;
    float ms = 0;
    TRY(cuda_check(cudaEventCreate(&start), "timing"));
    TRY(cuda_check(cudaEventCreate(&end), "timing"));
    for (int i = 0; i < WARM; i++) TRY(cuda_check(cudaGraphLaunch(graph, stream), "running"));
    TRY(cuda_check(cudaEventRecord(start, stream), "timing"));
    for (int i = 0; i < REPEATS; i++) TRY(cuda_check(cudaGraphLaunch(graph, stream), "running"));
    TRY(cuda_check(cudaEventRecord(end, stream), "timing"));
    TRY(cuda_check(cudaEventSynchronize(end), "running"));
    TRY(cuda_check(cudaEventElapsedTime(&ms, start, end), "timing"));
    *us = 1e3 * (double)ms / REPEATS;
    (void)cudaEventDestroy(start);
    (void)cudaEventDestroy(end);
    return STATUS_OK;
}

static status time_works(chain *c, double *us)
{
    cudaStream_t stream = device_cuda()->stream;
    cudaGraph_t graph;
    cudaGraphExec_t ready;
    TRY(enqueue_all(c, stream));
    TRY(cuda_check(cudaStreamSynchronize(stream), "running"));
    TRY(cuda_check(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal), "capturing"));
    status done = enqueue_all(c, stream);
    status ended = cuda_check(cudaStreamEndCapture(stream, &graph), "capturing");
    TRY(done);
    TRY(ended);
    TRY(cuda_check(cudaGraphInstantiate(&ready, graph, 0), "making a graph"));
    done = time_graph(ready, stream, us);
    *us /= c->prepared;
    (void)cudaGraphExecDestroy(ready);
    (void)cudaGraphDestroy(graph);
    return done;
}

typedef struct timed_way {
    int way;
    double us;
} timed_way;

/* Puts a way among the SHOWN best, best first. */
static void keep_way(timed_way *best, int *count, timed_way w)
{
    int at = *count < SHOWN ? (*count)++ : SHOWN;
    for (; at > 0 && best[at - 1].us > w.us; at--)
        if (at < SHOWN) best[at] = best[at - 1];
    if (at < SHOWN) best[at] = w;
}

/* The row's line, and its best time into *best. */
static void time_row(chain *c, const row *r, double *best)
{
    prepare_context context = {PRECISION_FP16, 1, c->packs, device_cuda()->context};
    work asked = {.row = r, .count = 1};
    int variants = work_ways(&context, &c->p->net, &asked);
    timed_way ways[SHOWN];
    int count = 0;
    for (int v = 0; v < variants; v++) {
        timed_way w = {v, 0};
        status done = prepare_works(c, r, v);
        if (done == STATUS_OK) done = time_works(c, &w.us);
        release_works(c);
        if (done == STATUS_OK)
            keep_way(ways, &count, w);
        else if (done != STATUS_UNSUPPORTED)
            printf("  way %d: %s\n", v, fail_text());
    }
    printf("  %-18s", r->name);
    for (int i = 0; i < count; i++) printf(" %d:%.2f", ways[i].way, ways[i].us);
    printf("\n");
    fflush(stdout);
    if (count > 0 && ways[0].us < *best) *best = ways[0].us;
}

static double time_layer(const layer *l, const char *rows)
{
    chain c = {.of = l};
    double best = INFINITY;
    status done = build(&c);
    if (done != STATUS_OK)
        printf("%s: %s\n", l->name, fail_text());
    else
        printf("%s, %d calls\n", l->name, c.p->net.step_count);
    for (int i = 0; all_rows[i] && done == STATUS_OK; i++) {
        const row *r = all_rows[i];
        if (r->device != DEVICE_CUDA || !device_serves(device_cuda(), r) ||
            (rows && !strstr(r->name, rows)) || strcmp(r->name, "conv_direct_cuda") == 0)
            continue;
        if (r->covers(&c.p->net, 0, PRECISION_FP16) == 1) time_row(&c, r, &best);
    }
    pack_cache_free(&c.packs);
    problem_free(&c.p);
    return best;
}

int main(int argc, char **argv)
{
    const char *rows = argc > 1 ? argv[1] : NULL, *wanted = argc > 2 ? argv[2] : NULL;
    if (device_cuda()->missing) {
        printf("skipped: %s\n", device_cuda()->missing);
        return 77;
    }
    double sum = 0;
    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++) {
        if (wanted && !strstr(layers[i].name, wanted)) continue;
        double best = time_layer(&layers[i], rows);
        printf("  best %.2f x %d\n", best, layers[i].count);
        sum += best * layers[i].count;
    }
    printf("sum of the best: %.1f us\n", sum);
    return 0;
}
