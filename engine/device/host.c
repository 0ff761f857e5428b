/* ref and cpu: device memory is the heap, and a launch computes at once. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "engine/device/slot.h"
#include "engine/plan/arena.h"
#include "kernels/element.h"
#include "kernels/median.h"
#include "kernels/threads.h"

enum { PINNED_ALIGNMENT = 64 };

static void host_close(device *d)
{
    free(d);
}

static status allocate_aligned(size_t alignment, size_t bytes, void **out)
{
    *out = NULL;
    if (bytes <= SIZE_MAX - alignment) {
        size_t whole = (bytes + alignment - 1) / alignment * alignment;
        *out = aligned_alloc(alignment, whole ? whole : alignment);
    }
    return *out ? STATUS_OK : fail(STATUS_MEMORY, "out of memory: %zu bytes", bytes);
}

static status host_allocate(device *d, size_t bytes, void **out)
{
    (void)d;
    return allocate_aligned(ARENA_ALIGNMENT, bytes, out);
}

static status host_allocate_pinned(device *d, size_t bytes, void **out)
{
    (void)d;
    TRY(allocate_aligned(PINNED_ALIGNMENT, bytes, out));
    memset(*out, 0, bytes);
    return STATUS_OK;
}

static void host_release(device *d, void *memory)
{
    (void)d;
    free(memory);
}

static status host_transfer(device *d, const view *from, const view *to)
{
    if (from->on_device || to->on_device)
        return fail(STATUS_ARGUMENT, "device %s has no device memory", d->name);
    view_copy(from, to);
    return STATUS_OK;
}

static status host_record(device *d, slot *s)
{
    (void)d;
    s->run.pictures = s->pictures;
    s->run.options = s->row_options;
    s->run.poses = s->poses;
    s->run.counts = s->counts;
    return STATUS_OK;
}

static void host_forget(device *d, slot *s)
{
    (void)d;
    (void)s;
}

static double now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec * 1e-3;
}

static status host_compute(device *d, slot *s, int first, int count)
{
    (void)d;
    TRY(threads_check());
    for (int i = 0; i < s->plan->batch; i++) s->pictures[i] = s->images[i].picture;
    *s->row_options = s->options;
    for (int i = first; i < first + count; i++) {
        const work *w = &s->plan->works[i];
        double start = s->microseconds ? now_us() : 0;
        TRY(w->row->enqueue(w, &s->plan->net, &s->run));
        if (s->microseconds) s->microseconds[i] = now_us() - start;
    }
    return STATUS_OK;
}

static double sum_us(const slot *s, int first, int end)
{
    double sum = 0;
    for (int i = first; i < end; i++) sum += s->microseconds[i];
    return sum;
}

static status host_launch(device *d, slot *s)
{
    const plan *p = s->plan;
    s->ledger = (slot_ledger){.launches = 1};
    TRY(host_compute(d, s, 0, p->work_count));
    if (s->microseconds) {
        int decode = p->network_first + p->network_count;
        s->ledger.preprocess_us = sum_us(s, 0, p->network_first);
        s->ledger.network_us = sum_us(s, p->network_first, decode);
        s->ledger.decode_us = sum_us(s, decode, p->work_count);
    }
    return STATUS_OK;
}

static status host_wait(device *d, slot *s)
{
    (void)d;
    s->ledger.waits = 1;
    return STATUS_OK;
}

/* ---- for the tuner --------------------------------------------------------------------------- */

static status host_measure(device *d, slot *s, int repeats, double *microseconds)
{
    double *samples = heap_array((size_t)repeats, sizeof *samples);
    if (!samples) return STATUS_MEMORY;
    status code = STATUS_OK;
    for (int i = -1; i < repeats && code == STATUS_OK; i++) {
        double start = now_us();
        code = host_compute(d, s, s->plan->network_first, s->plan->network_count);
        if (i >= 0) samples[i] = now_us() - start;
    }
    *microseconds = median(samples, repeats);
    free(samples);
    return code;
}

static status host_compare(device *d, const void *got, const void *want, element_type type,
                           int64_t count, double *worst)
{
    (void)d;
    *worst = 0;
    for (int64_t i = 0; i < count; i++) {
        float g = element_load(got, type, i), w = element_load(want, type, i);
        if (g == w || (isnan(g) && isnan(w))) continue;
        double error = fabs((double)g - (double)w) / (1 + fabs((double)w));
        if (!(error <= *worst)) *worst = isnan(error) ? INFINITY : error;
    }
    return STATUS_OK;
}

static status host_identify(device *d, char *text, size_t bytes)
{
    snprintf(text, bytes, "%s, %ld processors", d->name, sysconf(_SC_NPROCESSORS_ONLN));
    return STATUS_OK;
}

static const device_calls host_calls = {
    .close = host_close,
    .allocate = host_allocate,
    .release = host_release,
    .allocate_pinned = host_allocate_pinned,
    .release_pinned = host_release,
    .transfer = host_transfer,
    .record = host_record,
    .forget = host_forget,
    .launch = host_launch,
    .wait = host_wait,
    .compute = host_compute,
    .measure = host_measure,
    .compare = host_compare,
    .identify = host_identify,
};

status device_host_open(device_kind kind, device **out)
{
    *out = heap_array(1, sizeof **out);
    if (!*out) return STATUS_MEMORY;
    (*out)->calls = &host_calls;
    (*out)->kind = kind;
    snprintf((*out)->name, sizeof(*out)->name, "%s", device_kind_name(kind));
    return STATUS_OK;
}
