/* What the tuner asks of a GPU. */
#include <stdlib.h>

#include "engine/device_cuda.h"
#include "kernels/cuda/compare.h"
#include "kernels/cuda/cuda.h"

enum { FRAMES = 4 }; /* back to back in one sample */

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* GPU time from before the first to after the last of `count` networks in a row. */
static status time_networks(const recorded *r, cudaEvent_t start, cudaEvent_t end, int count,
                            double *microseconds)
{
    float milliseconds = 0;
    TRY(cuda_check(cudaEventRecord(start, r->stream), "marking the start"));
    for (int i = 0; i < count; i++)
        TRY(cuda_check(cudaGraphLaunch(r->network, r->stream), "launching the network"));
    TRY(cuda_check(cudaEventRecord(end, r->stream), "marking the end"));
    TRY(cuda_check(cudaEventSynchronize(end), "computing the network"));
    TRY(cuda_check(cudaEventElapsedTime(&milliseconds, start, end), "reading the time"));
    *microseconds = (double)milliseconds * 1000;
    return STATUS_OK;
}

/* The launch from the host is in every sample once; the difference of two leaves it out. */
static status take_samples(const recorded *r, cudaEvent_t start, cudaEvent_t end, int repeats,
                           double *samples)
{
    for (int i = -1; i < repeats; i++) {
        double one, several;
        TRY(time_networks(r, start, end, 1, &one));
        TRY(time_networks(r, start, end, 1 + FRAMES, &several));
        if (i >= 0) samples[i] = (several - one) / FRAMES;
    }
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
    qsort(samples, (size_t)repeats, sizeof *samples, by_value);
    *microseconds = samples[repeats / 2];
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
