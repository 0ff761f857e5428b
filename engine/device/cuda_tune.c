/* What the tuner asks of a GPU. */
#include <stdlib.h>

#include "engine/device/cuda.h"
#include "kernels/cuda/compare.h"
#include "kernels/cuda/cuda.h"
#include "kernels/median.h"

/* Networks in one sample: as many as fit into this time, but not more than that. */
static const double sample_us = 1200;
enum { MOST_NETWORKS = 8 };

/* One of `count` networks back to back behind another one, so that the host's launch of the first
 * is not in it. */
static status take_sample(const recorded *r, cudaEvent_t start, cudaEvent_t end, int count,
                          double *microseconds)
{
    float milliseconds = 0;
    TRY(cuda_check(cudaGraphLaunch(r->network, r->stream), "launching the network"));
    TRY(cuda_check(cudaEventRecord(start, r->stream), "marking the start"));
    for (int i = 0; i < count; i++)
        TRY(cuda_check(cudaGraphLaunch(r->network, r->stream), "launching the network"));
    TRY(cuda_check(cudaEventRecord(end, r->stream), "marking the end"));
    TRY(cuda_check(cudaEventSynchronize(end), "computing the network"));
    TRY(cuda_check(cudaEventElapsedTime(&milliseconds, start, end), "reading the time"));
    *microseconds = (double)milliseconds * 1000 / count;
    return STATUS_OK;
}

/* The first is only to see how long one takes, and to warm up. */
static status take_samples(const recorded *r, cudaEvent_t start, cudaEvent_t end, int repeats,
                           double *samples)
{
    double one;
    TRY(take_sample(r, start, end, 1, &one));
    int count = one * MOST_NETWORKS < sample_us ? MOST_NETWORKS : (int)(sample_us / one);
    for (int i = 0; i < repeats; i++)
        TRY(take_sample(r, start, end, count > 1 ? count : 1, &samples[i]));
    return STATUS_OK;
}

status gpu_measure(device *d, slot *s, int repeats, double *microseconds)
{
    const recorded *r = s->recorded;
    TRY(cuda_device_use(((gpu *)d)->cuda));
    if (!r->network) return fail(STATUS_STATE, "the slot has no graph of its network alone");
    double *samples = heap_array((size_t)repeats, sizeof *samples);
    if (!samples) return STATUS_MEMORY;
    cudaEvent_t start = NULL, end = NULL;
    status code = cuda_check(cudaEventCreate(&start), "making an event");
    if (code == STATUS_OK) code = cuda_check(cudaEventCreate(&end), "making an event");
    if (code == STATUS_OK) code = take_samples(r, start, end, repeats, samples);
    if (end) (void)cudaEventDestroy(end);
    if (start) (void)cudaEventDestroy(start);
    if (code == STATUS_OK) *microseconds = median(samples, repeats);
    free(samples);
    return code;
}

status gpu_compare(device *d, const void *got, const void *want, element_type type, int64_t count,
                   double *worst)
{
    gpu *g = (gpu *)d;
    TRY(cuda_device_use(g->cuda));
    TRY(gpu_reserve_scratch(g, sizeof(unsigned)));
    return cuda_compare(got, want, type, count, (unsigned *)(void *)g->scratch, worst);
}

status gpu_identify(device *d, char *text, size_t bytes)
{
    gpu *g = (gpu *)d;
    TRY(cuda_device_use(g->cuda));
    return cuda_device_versions(g->cuda, text, bytes);
}
