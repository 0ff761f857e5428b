#include "engine/frames.h"

#include <stddef.h>
#include <string.h>

/* Poses go to the caller as they are. */
#define SAME_PLACE(ours, theirs)                                                                   \
    _Static_assert(offsetof(pose, ours) == offsetof(posenet_pose, theirs), "pose layout")
SAME_PLACE(score, score);
SAME_PLACE(keypoints, keypoints);
SAME_PLACE(keypoints[1].x, keypoints[1].x);
SAME_PLACE(keypoints[1].y, keypoints[1].y);
SAME_PLACE(keypoints[1].score, keypoints[1].score);
_Static_assert(sizeof(pose) == sizeof(posenet_pose), "pose layout");
#define SAME_NUMBER(ours, theirs) _Static_assert((int)(ours) == (int)(theirs), "numbers")
SAME_NUMBER(PARTS, POSENET_PARTS);
SAME_NUMBER(EDGES, POSENET_EDGES);
SAME_NUMBER(DECODE_MAX_POSES, POSENET_MAX_POSES);
SAME_NUMBER(DECODE_HEATMAP, POSENET_HEAD_HEATMAP);
SAME_NUMBER(DECODE_OFFSET, POSENET_HEAD_OFFSET);
SAME_NUMBER(DECODE_FORWARD, POSENET_HEAD_FORWARD);
SAME_NUMBER(DECODE_BACKWARD, POSENET_HEAD_BACKWARD);

/* The lowest slot that is not in flight, in *index. */
static status free_slot(const posenet *e, int *index)
{
    int busy[SETTINGS_MAX_SLOTS] = {0};
    for (int i = 0; i < e->in_flight; i++) busy[e->flight[i]] = 1;
    for (int i = 0; i < e->settings.slots; i++) {
        if (busy[i]) continue;
        *index = i;
        return STATUS_OK;
    }
    return fail(STATUS_STATE, "all %d slots are in flight: wait for a frame first",
                e->settings.slots);
}

static slot *slot_at(const posenet *e, int index)
{
    return e->plans[e->current].slots[index];
}

status frames_lend(posenet *e, size_t bytes, void **out)
{
    int index = 0;
    TRY(free_slot(e, &index));
    slot *s = slot_at(e, index);
    TRY(slot_reserve(s, bytes));
    *out = s->frame;
    return STATUS_OK;
}

static status read_images(posenet *e, const posenet_image *images, int count)
{
    int batch = inside_plan(e)->batch;
    if (!images) return fail(STATUS_ARGUMENT, "images is NULL");
    if (count < 1 || count > batch)
        return fail(STATUS_ARGUMENT, "%d images for a batch of %d", count, batch);
    for (int i = 0; i < count; i++) {
        status code =
            image_read(settings_element(images, images->size, i), e->device, &e->images[i]);
        if (code != STATUS_OK && count > 1) return fail(code, "image %d: %s", i, fail_text());
        TRY(code);
    }
    return STATUS_OK;
}

status frames_submit(posenet *e, const posenet_image *images, int count,
                     const posenet_decode_options *options)
{
    decode_options decode;
    int index = 0;
    TRY(free_slot(e, &index));
    TRY(read_images(e, images, count));
    TRY(options_read(options, e->settings.max_poses, &decode));
    slot *s = slot_at(e, index);
    if (e->last == s) e->last = NULL;
    slot_describe(s, e->images, count, &decode);
    TRY(e->device->calls->launch(e->device, s));
    e->flight[e->in_flight++] = index;
    return STATUS_OK;
}

static slot *oldest(posenet *e)
{
    slot *s = slot_at(e, e->flight[0]);
    e->in_flight--;
    memmove(e->flight, e->flight + 1, (size_t)e->in_flight * sizeof *e->flight);
    return s;
}

status frames_wait(posenet *e, posenet_pose *poses, int *counts)
{
    if (!e->in_flight) return fail(STATUS_STATE, "no frame is in flight");
    slot *s = oldest(e);
    TRY(e->device->calls->wait(e->device, s));
    size_t room = (size_t)s->plan->max_poses;
    for (int i = 0; i < s->image_count; i++) {
        counts[i] = s->counts[i];
        if (s->counts[i] > 0)
            memcpy(poses + (size_t)i * room, s->poses + (size_t)i * room,
                   (size_t)s->counts[i] * sizeof *poses);
    }
    e->last = s;
    e->ledger = s->ledger;
    e->has_ledger = 1;
    return STATUS_OK;
}

void frames_drain(posenet *e)
{
    while (e->in_flight) {
        slot *s = oldest(e);
        if (e->device->calls->wait(e->device, s) != STATUS_OK) continue; /* it is over either way */
    }
}

static status check_dims(const view *v, const char *what, const tensor *want)
{
    const int *have = v->dims, *dims = want->dims;
    if (!memcmp(have, dims, sizeof want->dims)) return STATUS_OK;
    return fail(STATUS_ARGUMENT, "%s is %dx%dx%dx%d, the plan's is %dx%dx%dx%d", what, have[AXIS_N],
                have[AXIS_H], have[AXIS_W], have[AXIS_C], dims[AXIS_N], dims[AXIS_H], dims[AXIS_W],
                dims[AXIS_C]);
}

/* The caller's four tensors; data stays NULL for those that are not wanted. */
static status read_heads(const posenet *e, const posenet_tensor *heads, view views[DECODE_HEADS])
{
    static const char *const names[DECODE_HEADS] = {"heads[0]", "heads[1]", "heads[2]", "heads[3]"};
    const plan *p = inside_plan(e);
    for (int i = 0; i < DECODE_HEADS; i++) {
        const posenet_tensor *head = settings_element(heads, heads->size, i);
        TRY(tensor_read(head, names[i], e->device, &views[i]));
        if (!views[i].data) continue;
        TRY(check_dims(&views[i], names[i], &p->net.tensors[p->heads[i]]));
    }
    return STATUS_OK;
}

/* With all tensors in device memory nothing has to wait in between. */
static status infer(device *d, slot *s, const view *input, const view heads[DECODE_HEADS])
{
    const plan *p = s->plan;
    int apart = !d->calls->infer || !input->on_device;
    for (int i = 0; i < DECODE_HEADS; i++) apart |= heads[i].data && !heads[i].on_device;
    if (!apart) return d->calls->infer(d, s, input, heads);
    TRY(slot_write(s, p->input, input));
    TRY(d->calls->compute(d, s, p->network_first, p->network_count));
    for (int i = 0; i < DECODE_HEADS; i++)
        if (heads[i].data) TRY(slot_read(s, p->heads[i], &heads[i]));
    return STATUS_OK;
}

status frames_infer(posenet *e, const posenet_tensor *input, const posenet_tensor *heads)
{
    const plan *p = inside_plan(e);
    view in, out[DECODE_HEADS];
    int index = 0;
    TRY(tensor_read(input, "input", e->device, &in));
    if (!in.data) return fail(STATUS_ARGUMENT, "input.data is NULL");
    TRY(check_dims(&in, "input", &p->net.tensors[p->input]));
    TRY(read_heads(e, heads, out));
    TRY(free_slot(e, &index));
    slot *s = slot_at(e, index);
    e->last = NULL;
    TRY(infer(e->device, s, &in, out));
    e->last = s;
    return STATUS_OK;
}
