/* Frames of a slot on the GPU: one graph launched and one wait each; works one by one; the network
 * alone. */
#include <stdatomic.h>
#include <time.h>

#include "engine/device/cuda.h"
#include "kernels/cuda/cuda.h"

/* The decoder writes an image's count last, once its poses are on the host: until then it is... */
enum { COUNT_PENDING = -1 };

enum { LOOKS = 4096 }; /* at the counts, between two questions whether the frame failed */

/* Sleeping: the least step, which part of the time spent in steps the next one is, and which part
 * of the nap before them goes with every frame that was done by then. */
enum { STEP_NS = 20000, STEPS_GROW = 8, NAP_SHRINKS = 64 };

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* A signal may end it early. */
static void sleep_until(int64_t ns)
{
    struct timespec t = {.tv_sec = (time_t)(ns / 1000000000), .tv_nsec = (long)(ns % 1000000000)};
    (void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
}

/* ---- launch ---------------------------------------------------------------------------------- */

status gpu_launch(device *d, slot *s)
{
    recorded *r = s->recorded;
    TRY(cuda_device_use(((gpu *)d)->cuda));
    s->ledger = (slot_ledger){.launches = 1};
    TRY(gpu_place_pictures(s, r));
    *s->row_options = s->options;
    for (int i = 0; i < s->plan->batch; i++) s->counts[i] = COUNT_PENDING;
    TRY(cuda_check(cudaGraphLaunch(r->frame, r->stream), "launching the frame"));
    if (d->blocking) r->launched = now_ns();
    s->ledger.bytes_up = (int64_t)s->descriptor_bytes + gpu_uploaded_bytes(s, r);
    return STATUS_OK;
}

/* ---- wait ------------------------------------------------------------------------------------ */

/* 1 once every image's poses and count are there. */
static int is_written(const slot *s)
{
    const volatile int *counts = s->counts;
    for (int i = 0; i < s->plan->batch; i++)
        if (counts[i] == COUNT_PENDING) return 0;
    atomic_thread_fence(memory_order_acquire);
    return 1;
}

/* Looks at host memory, which costs the GPU nothing and sees the last write at once. A frame that
 * failed writes nothing more: that the stream knows. */
static cudaError_t spin(const slot *s, const recorded *r)
{
    for (;;) {
        for (int i = 0; i < LOOKS; i++)
            if (is_written(s)) return cudaSuccess;
        cudaError_t error = cudaStreamQuery(r->stream);
        if (error != cudaErrorNotReady) return error;
        (void)cudaGetLastError(); /* the runtime keeps "not ready" as an error */
    }
}

/* Sleeps for about as long as the slot's frames take, looks, and then sleeps in steps that grow
 * with the time spent so. Costs the host less than an event would that wakes it; the price is that
 * a frame is seen late, by a step and by what the system adds to every sleep (50 us on Linux unless
 * the program asks for less). `nap` drifts down while the first look finds the frame done and up
 * where it does not, by a quarter at most, so that one slow frame does not make the next ones late.
 */
static cudaError_t doze(const slot *s, recorded *r)
{
    int64_t nap = r->nap;
    if (now_ns() < r->launched + nap) {
        sleep_until(r->launched + nap);
        r->nap -= nap / NAP_SHRINKS;
    }
    int64_t looked = now_ns();
    while (!is_written(s)) {
        cudaError_t error = cudaStreamQuery(r->stream);
        if (error != cudaErrorNotReady) return error;
        (void)cudaGetLastError();
        int64_t now = now_ns(), since = now - r->launched, most = nap + nap / 4 + STEP_NS;
        r->nap = since < most ? since : most;
        int64_t step = (now - looked) / STEPS_GROW;
        sleep_until(now + (step > STEP_NS ? step : STEP_NS));
    }
    return cudaSuccess;
}

static int64_t downloaded_bytes(const slot *s)
{
    int64_t bytes = 0;
    for (int i = 0; i < s->plan->batch; i++)
        bytes += (int64_t)sizeof *s->counts + s->counts[i] * (int64_t)sizeof *s->poses;
    return bytes;
}

static status elapsed(const recorded *r, int from, int to, double *microseconds)
{
    float milliseconds = 0;
    TRY(cuda_check(cudaEventElapsedTime(&milliseconds, r->marks[from], r->marks[to]),
                   "reading a work's time"));
    *microseconds = (double)milliseconds * 1000;
    return STATUS_OK;
}

static status read_times(slot *s, const recorded *r)
{
    const plan *p = s->plan;
    int network = p->network_first + 1, decode = network + p->network_count;
    TRY(cuda_check(cudaStreamSynchronize(r->stream), "computing the frame"));
    for (int i = 0; i < p->work_count; i++) TRY(elapsed(r, i + 1, i + 2, &s->microseconds[i]));
    TRY(elapsed(r, 0, 1, &s->ledger.upload_us));
    TRY(elapsed(r, 1, network, &s->ledger.preprocess_us));
    TRY(elapsed(r, network, decode, &s->ledger.network_us));
    return elapsed(r, decode, r->mark_count - 1, &s->ledger.decode_us);
}

status gpu_wait(device *d, slot *s)
{
    recorded *r = s->recorded;
    TRY(cuda_device_use(((gpu *)d)->cuda));
    cudaError_t error = d->blocking ? doze(s, r) : spin(s, r);
    s->ledger.waits = 1;
    TRY(cuda_check(error, "computing the frame"));
    if (!is_written(s)) return fail(STATUS_DEVICE, "the frame ended without its poses");
    s->ledger.bytes_down = downloaded_bytes(s);
    return s->microseconds ? read_times(s, r) : STATUS_OK;
}

/* ---- compute --------------------------------------------------------------------------------- */

/* Works one by one. Only the first one (preprocess) and the last one (decode) read the frame. */
static status compute_works(slot *s, recorded *r, int first, int count)
{
    if (first == 0 || first + count == s->plan->work_count) {
        TRY(gpu_place_pictures(s, r));
        *s->row_options = s->options;
        TRY(gpu_enqueue_upload(s, r));
    }
    if (r->marks)
        TRY(cuda_check(cudaEventRecord(r->marks[first + 1], r->stream), "marking the start"));
    return gpu_enqueue_works(s, r, first, count, cudaEventRecordDefault);
}

status gpu_compute(device *d, slot *s, int first, int count)
{
    recorded *r = s->recorded;
    const plan *p = s->plan;
    TRY(cuda_device_use(((gpu *)d)->cuda));
    if (r->network && first == p->network_first && count == p->network_count)
        TRY(cuda_check(cudaGraphLaunch(r->network, r->stream), "launching the network"));
    else
        TRY(compute_works(s, r, first, count));
    TRY(cuda_check(cudaStreamSynchronize(r->stream), "computing works"));
    for (int i = first; s->microseconds && i < first + count; i++)
        TRY(elapsed(r, i + 1, i + 2, &s->microseconds[i]));
    return STATUS_OK;
}
