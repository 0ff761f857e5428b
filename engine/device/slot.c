#include "engine/device/slot.h"

#include <stdlib.h>

/* Aligned as every member type needs. */
static size_t part(size_t count, size_t size)
{
    return (count * size + 15) / 16 * 16;
}

static status allocate_frame(slot *s)
{
    size_t batch = (size_t)s->plan->batch, poses = batch * (size_t)s->plan->max_poses;
    device *d = s->device;
    s->images = heap_array(batch, sizeof *s->images);
    if (!s->images) return STATUS_MEMORY;

    size_t pictures = part(batch, sizeof *s->pictures);
    s->descriptor_bytes = pictures + part(1, sizeof *s->row_options);
    TRY(d->calls->allocate_pinned(d, s->descriptor_bytes, &s->descriptor));
    s->pictures = s->descriptor;
    s->row_options = (decode_options *)((char *)s->descriptor + pictures);

    size_t counts = part(batch, sizeof *s->counts);
    s->results_bytes = counts + poses * sizeof *s->poses;
    TRY(d->calls->allocate_pinned(d, s->results_bytes, &s->results));
    s->counts = s->results;
    s->poses = (pose *)((char *)s->results + counts);
    return STATUS_OK;
}

static status slot_make(slot *s, int profile)
{
    device *d = s->device;
    void *arena;
    TRY(allocate_frame(s));
    TRY(d->calls->allocate(d, s->plan->arena_bytes, &arena));
    s->run.arena = arena;
    if (profile) {
        s->microseconds = heap_array((size_t)s->plan->work_count, sizeof *s->microseconds);
        if (!s->microseconds) return STATUS_MEMORY;
    }
    return d->calls->record(d, s);
}

status slot_new(device *d, const plan *p, int profile, slot **out)
{
    slot *s = heap_array(1, sizeof *s);
    *out = s;
    if (!s) return STATUS_MEMORY;
    s->device = d;
    s->plan = p;
    status code = slot_make(s, profile);
    if (code != STATUS_OK) slot_free(out);
    return code;
}

void slot_free(slot **s)
{
    if (!s || !*s) return;
    device *d = (*s)->device;
    d->calls->forget(d, *s);
    d->calls->release(d, (*s)->run.arena);
    d->calls->release_pinned(d, (*s)->descriptor);
    d->calls->release_pinned(d, (*s)->results);
    d->calls->release_pinned(d, (*s)->frame);
    free((*s)->images);
    free((*s)->microseconds);
    free(*s);
    *s = NULL;
}

status slot_reserve(slot *s, size_t bytes)
{
    if (bytes <= s->frame_bytes) return STATUS_OK;
    void *frame;
    TRY(s->device->calls->allocate_pinned(s->device, bytes, &frame));
    s->device->calls->release_pinned(s->device, s->frame);
    s->frame = frame;
    s->frame_bytes = bytes;
    return STATUS_OK;
}

void slot_describe(slot *s, const slot_image *images, int count, const decode_options *options)
{
    s->image_count = count;
    for (int i = 0; i < s->plan->batch; i++) s->images[i] = images[i < count ? i : 0];
    s->options = *options;
}

view slot_tensor(const slot *s, int number)
{
    const tensor *t = &s->plan->net.tensors[number];
    int on_device = s->device->kind == DEVICE_CUDA;
    view v = view_dense(tensor_at(&s->plan->net, number, &s->run), t->type, t->dims,
                        on_device && !t->constant);
    tensor_strides(t, v.strides);
    return v;
}

status slot_write(slot *s, int number, const view *v)
{
    view to = slot_tensor(s, number);
    return s->device->calls->transfer(s->device, v, &to);
}

status slot_read(slot *s, int number, const view *v)
{
    view from = slot_tensor(s, number);
    return s->device->calls->transfer(s->device, &from, v);
}
