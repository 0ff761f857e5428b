/* See chain.h. */
#include "chain.h"

#include <stdio.h>
#include <string.h>

#include <cuda_runtime_api.h>

#include "kernels/cuda/cuda.h"
#include "kernels/rows.h"
#include "tests/kernel_check/device.h"

enum { REPEATS = 15, WARM = 3 };

status chain_open(chain *c)
{
    for (int i = 0; i < c->p->net.tensor_count; i++) {
        c->p->tensors[i].offset = c->bytes;
        c->bytes += (tensor_bytes(&c->p->tensors[i]) + 255) / 256 * 256;
    }
    return pack_cache_new(device_cuda()->packs, &c->packs);
}

void chain_close(chain *c)
{
    pack_cache_free(&c->packs);
    problem_free(&c->p);
}

static void release_works(chain *c)
{
    for (int i = 0; i < c->prepared; i++)
        if (c->works[i].row->release) c->works[i].row->release(&c->works[i]);
    c->prepared = 0;
    if (c->arena) device_cuda()->release(c->arena);
    c->arena = NULL;
}

static status prepare_works(chain *c, const row *r, int first, int count, int variant)
{
    prepare_context context = {PRECISION_FP16, 1, c->packs, device_cuda()->context};
    size_t workspace = 0;
    for (int i = 0; i < c->calls; i++) {
        work *w = &c->works[i];
        *w = (work){.row = r,
                    .first = i * c->steps + first,
                    .count = count,
                    .variant = variant,
                    .workspace = c->bytes};
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

/* Puts a way among the CHAIN_SHOWN best, best first. */
static void keep_way(timed_way *best, int *count, timed_way w)
{
    int at = *count < CHAIN_SHOWN ? (*count)++ : CHAIN_SHOWN;
    for (; at > 0 && best[at - 1].us > w.us; at--)
        if (at < CHAIN_SHOWN) best[at] = best[at - 1];
    if (at < CHAIN_SHOWN) best[at] = w;
}

void chain_time_row(chain *c, const row *r, int first, int count, double *best)
{
    prepare_context context = {PRECISION_FP16, 1, c->packs, device_cuda()->context};
    work asked = {.row = r, .first = first, .count = count};
    int variants = work_ways(&context, &c->p->net, &asked);
    timed_way ways[CHAIN_SHOWN];
    int shown = 0;
    for (int v = 0; v < variants; v++) {
        timed_way w = {v, 0};
        status done = prepare_works(c, r, first, count, v);
        if (done == STATUS_OK) done = time_works(c, &w.us);
        release_works(c);
        if (done == STATUS_OK)
            keep_way(ways, &shown, w);
        else if (done != STATUS_UNSUPPORTED)
            printf("  way %d: %s\n", v, fail_text());
    }
    printf("  %-31s", r->name);
    for (int i = 0; i < shown; i++) printf(" %d:%.2f", ways[i].way, ways[i].us);
    printf("\n");
    fflush(stdout);
    if (shown > 0 && ways[0].us < *best) *best = ways[0].us;
}

int chain_time_rows(chain *c, const char *rows, int first, int count, double *best)
{
    int timed = 0;
    for (int i = 0; all_rows[i]; i++) {
        const row *r = all_rows[i];
        if (r->device != DEVICE_CUDA || !device_serves(device_cuda(), r) ||
            (rows && !strstr(r->name, rows)) || strcmp(r->name, "conv_direct_cuda") == 0)
            continue;
        if (r->covers(&c->p->net, first, PRECISION_FP16) != count) continue;
        chain_time_row(c, r, first, count, best);
        timed = 1;
    }
    return timed;
}
