/* Layouts and sessions. */
#include "session.h"

#include <stdlib.h>
#include <string.h>

enum { ALIGNMENT = 256, GUARD = 256 };

static size_t rounded(size_t bytes)
{
    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static void poison(unsigned char *memory, size_t bytes)
{
    const uint32_t word = SESSION_POISON;
    for (size_t i = 0; i < bytes; i++) memory[i] = (unsigned char)(word >> 8 * (i % 4));
}

/* Takes a region between guards; its offset. */
static size_t take(size_t *cursor, size_t bytes)
{
    size_t offset = *cursor + GUARD;
    *cursor = offset + rounded(bytes);
    return offset;
}

static void place(problem *p, layout *l)
{
    size_t cursor = 0;
    for (int i = 0; i < p->net.tensor_count; i++)
        if (!p->tensors[i].constant)
            p->tensors[i].offset = take(&cursor, tensor_bytes(&p->tensors[i]));
    if (p->picture_count) l->pictures = take(&cursor, (size_t)p->picture_count * sizeof(picture));
    for (int i = 0; i < p->picture_count; i++) {
        l->pixels[i] = take(&cursor, p->picture_bytes[i]);
        l->chroma[i] = take(&cursor, p->chroma_bytes[i]);
    }
    if (p->pose_room) {
        size_t pictures = (size_t)p->picture_count;
        l->options = take(&cursor, sizeof p->options);
        l->poses = take(&cursor, pictures * (size_t)p->pose_room * sizeof(pose));
        l->counts = take(&cursor, pictures * sizeof(int));
    }
    l->end = cursor + GUARD;
    l->bytes = l->end;
}

status layout_make(problem *p, layout *l)
{
    *l = (layout){0};
    place(p, l);
    l->initial = pool_array(p->pool, l->bytes, 1);
    if (!l->initial) return STATUS_MEMORY;
    poison(l->initial, l->bytes);
    for (int i = 0; i < p->net.tensor_count; i++)
        if (!p->tensors[i].constant && !problem_is_made(p, i))
            problem_fill(p, i, l->initial + p->tensors[i].offset);
    for (int i = 0; i < p->picture_count; i++) {
        if (p->picture_bytes[i])
            memcpy(l->initial + l->pixels[i], p->pictures[i].data, p->picture_bytes[i]);
        if (p->chroma_bytes[i])
            memcpy(l->initial + l->chroma[i], p->pictures[i].chroma, p->chroma_bytes[i]);
    }
    if (l->options) memcpy(l->initial + l->options, &p->options, sizeof p->options);
    return STATUS_OK;
}

/* Prepares all works; their workspaces share the space behind the layout. */
static status prepare(session *s, precision precision, int threads, const row *const *rows,
                      const int *counts, int row_count, int variant)
{
    prepare_context context = {precision, threads, s->packs, s->device->context};
    size_t most = 0;
    int first = 0;
    for (int i = 0; i < row_count; i++) {
        work *w = &s->works[i];
        *w = (work){.row = rows[i], .first = first, .count = counts[i], .variant = variant};
        s->work_count = i + 1;
        if (rows[i]->prepare) TRY(rows[i]->prepare(&context, &s->p->net, w));
        w->workspace = s->l->end;
        if (w->workspace_bytes > most) most = w->workspace_bytes;
        first += counts[i];
    }
    s->bytes = s->l->end + rounded(most) + GUARD;
    return STATUS_OK;
}

/* Pictures point into the device's block. */
static void point_pictures(const session *s, unsigned char *image)
{
    for (int i = 0; i < s->p->picture_count; i++) {
        picture moved = s->p->pictures[i];
        moved.data = s->memory + s->l->pixels[i];
        moved.chroma = moved.chroma ? s->memory + s->l->chroma[i] : NULL;
        memcpy(image + s->l->pictures + (size_t)i * sizeof moved, &moved, sizeof moved);
    }
}

static status upload(session *s)
{
    unsigned char *image = heap_array(s->bytes, 1);
    if (!image) return STATUS_MEMORY;
    memcpy(image, s->l->initial, s->l->bytes);
    poison(image + s->l->bytes, s->bytes - s->l->bytes);
    point_pictures(s, image);
    status copied = s->device->copy_to(s->memory, image, s->bytes);
    free(image);
    return copied;
}

static void *within(const session *s, size_t offset)
{
    return offset ? s->memory + offset : NULL;
}

status session_open(session *s, const problem *p, const layout *l, const check_device *device,
                    precision precision, int threads, const row *const *rows, const int *counts,
                    int row_count, int variant)
{
    *s = (session){.p = p, .l = l, .device = device};
    TRY(pack_cache_new(device->packs, &s->packs));
    TRY(prepare(s, precision, threads, rows, counts, row_count, variant));
    void *memory = NULL;
    TRY(device->allocate(s->bytes, &memory));
    s->memory = memory;
    TRY(upload(s));
    s->run = (run){.arena = s->memory,
                   .pictures = within(s, l->pictures),
                   .options = within(s, l->options),
                   .poses = within(s, l->poses),
                   .counts = within(s, l->counts),
                   .stream = device->stream};
    return STATUS_OK;
}

int session_variants(const problem *p, precision precision, int threads, const row *candidate)
{
    prepare_context context = {precision, threads, NULL, device_of(candidate)->context};
    work w = {.row = candidate, .count = p->net.step_count};
    return work_ways(&context, &p->net, &w);
}

status session_enqueue_one(session *s, int index)
{
    const work *w = &s->works[index];
    return w->row->enqueue(w, &s->p->net, &s->run);
}

status session_enqueue(session *s)
{
    for (int i = 0; i < s->work_count; i++) TRY(session_enqueue_one(s, i));
    return STATUS_OK;
}

status session_result(session *s, unsigned char **out)
{
    *out = NULL;
    TRY(s->device->synchronize());
    *out = heap_array(s->bytes, 1);
    if (!*out) return STATUS_MEMORY;
    return s->device->copy_from(*out, s->memory, s->bytes);
}

void session_close(session *s)
{
    for (int i = 0; i < s->work_count; i++)
        if (s->works[i].row->release) s->works[i].row->release(&s->works[i]);
    pack_cache_free(&s->packs);
    if (s->memory) s->device->release(s->memory);
    *s = (session){0};
}
