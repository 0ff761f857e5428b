/* Pictures on their way to the GPU: what is already there, what can be copied as it is, and what
 * has to be made contiguous in pinned memory first. */
#include <string.h>

#include "engine/device_cuda.h"
#include "kernels/cuda/cuda.h"

enum { PIXELS_ALIGNMENT = 256 };

/* One plane of a picture: `rows` rows of `bytes` bytes, `pitch` apart. */
typedef struct plane {
    const uint8_t *data;
    int64_t pitch;
    size_t bytes, rows;
} plane;

static int planes_of(const picture *p, plane planes[2])
{
    size_t width = (size_t)p->width, height = (size_t)p->height;
    int wide = p->format == PIXEL_RGBA || p->format == PIXEL_BGRA;
    if (p->format != PIXEL_NV12) {
        planes[0] = (plane){p->data, p->pitch, width * (wide ? 4 : 3), height};
        return 1;
    }
    planes[0] = (plane){p->data, p->pitch, width, height};
    planes[1] = (plane){p->chroma, p->chroma_pitch, (width + 1) / 2 * 2, (height + 1) / 2};
    return 2;
}

static size_t plane_span(const plane *p)
{
    return (size_t)p->pitch * (p->rows - 1) + p->bytes;
}

static int is_pinned_byte(const slot *s, const uint8_t *at)
{
    uintptr_t place = (uintptr_t)at, frame = (uintptr_t)s->frame;
    if (s->frame && place >= frame && place - frame < s->frame_bytes) return 1;
    struct cudaPointerAttributes attributes;
    if (cudaPointerGetAttributes(&attributes, at) != cudaSuccess) {
        (void)cudaGetLastError();
        return 0;
    }
    return attributes.type == cudaMemoryTypeHost;
}

/* Bytes from p->data on that one copy can take as they are; 0: they have to be staged. */
static size_t direct_bytes(const slot *s, const picture *p)
{
    plane planes[2];
    int count = planes_of(p, planes);
    size_t span = plane_span(&planes[0]);
    if (count == 2) {
        if (p->chroma != p->data + p->pitch * p->height) return 0;
        span = (size_t)(p->chroma - p->data) + plane_span(&planes[1]);
    }
    return is_pinned_byte(s, p->data) && is_pinned_byte(s, p->data + span - 1) ? span : 0;
}

static size_t staged_bytes(const picture *p)
{
    plane planes[2];
    size_t sum = 0;
    for (int i = 0, count = planes_of(p, planes); i < count; i++)
        sum += planes[i].bytes * planes[i].rows;
    return sum;
}

/* Rows without gaps to `to`. */
static void stage(const picture *p, unsigned char *to)
{
    plane planes[2];
    for (int i = 0, count = planes_of(p, planes); i < count; i++) {
        const plane *from = &planes[i];
        if (from->pitch == (int64_t)from->bytes) {
            memcpy(to, from->data, from->bytes * from->rows);
            to += from->bytes * from->rows;
            continue;
        }
        for (size_t row = 0; row < from->rows; row++, to += from->bytes)
            memcpy(to, from->data + (int64_t)row * from->pitch, from->bytes);
    }
}

static size_t aligned(size_t bytes)
{
    return (bytes + PIXELS_ALIGNMENT - 1) / PIXELS_ALIGNMENT * PIXELS_ALIGNMENT;
}

status gpu_reserve_pixels(recorded *r, size_t bytes)
{
    if (bytes <= r->pixels_bytes) return STATUS_OK;
    void *grown;
    TRY(cuda_check(cudaMalloc(&grown, bytes), "allocating room for pictures"));
    (void)cudaFree(r->pixels);
    r->pixels = grown;
    r->pixels_bytes = bytes;
    return STATUS_OK;
}

static status reserve_stage(recorded *r, size_t bytes)
{
    if (bytes <= r->stage_bytes) return STATUS_OK;
    void *grown;
    TRY(cuda_check(cudaMallocHost(&grown, bytes), "allocating pinned room for pictures"));
    (void)cudaFreeHost(r->stage);
    r->stage = grown;
    r->stage_bytes = bytes;
    return STATUS_OK;
}

/* What every host picture needs, before anything moves: bytes of its copy, and of staging. */
static status measure(slot *s, recorded *r, int count)
{
    size_t pixels = 0, staging = 0;
    for (int i = 0; i < count; i++) {
        const slot_image *image = &s->images[i];
        upload *up = &r->uploads[i];
        *up = (upload){NULL, NULL, 0};
        if (image->on_device || !image->picture.data) continue;
        up->bytes = direct_bytes(s, &image->picture);
        if (up->bytes)
            up->from = image->picture.data;
        else {
            up->bytes = staged_bytes(&image->picture);
            staging += aligned(up->bytes);
        }
        pixels += aligned(up->bytes);
    }
    TRY(gpu_reserve_pixels(r, pixels));
    return reserve_stage(r, staging);
}

/* The picture as rows read it once its bytes are at `to`. */
static picture moved(const picture *from, uint8_t *to, int staged)
{
    picture p = *from;
    plane planes[2];
    planes_of(from, planes);
    p.data = to;
    if (staged) p.pitch = (int64_t)planes[0].bytes;
    if (from->format == PIXEL_NV12) {
        p.chroma = to + p.pitch * p.height;
        if (staged) p.chroma_pitch = (int64_t)planes[1].bytes;
    }
    return p;
}

static status wait_for_stream(recorded *r, void *stream)
{
    TRY(cuda_check(cudaEventRecord(r->ready, stream), "marking the picture's stream"));
    return cuda_check(cudaStreamWaitEvent(r->stream, r->ready, 0), "waiting for the picture");
}

status gpu_place_pictures(slot *s, recorded *r)
{
    int batch = s->plan->batch;
    int count = s->image_count < 1 || s->image_count > batch ? batch : s->image_count;
    TRY(measure(s, r, count));
    unsigned char *to = r->pixels, *staging = r->stage;
    for (int i = 0; i < count; i++) {
        const slot_image *image = &s->images[i];
        upload *up = &r->uploads[i];
        s->pictures[i] = image->picture;
        if (image->on_device && image->stream) TRY(wait_for_stream(r, image->stream));
        if (!up->bytes) continue;
        int staged = !up->from;
        if (staged) {
            stage(&image->picture, staging);
            up->from = staging;
            staging += aligned(up->bytes);
            s->ledger.bytes_staged += (int64_t)up->bytes;
        }
        up->to = to;
        to += aligned(up->bytes);
        s->pictures[i] = moved(&image->picture, up->to, staged);
        s->ledger.bytes_up += (int64_t)up->bytes;
    }
    for (int i = count; i < batch; i++) { /* images without a frame: the first one again */
        s->pictures[i] = s->pictures[0];
        r->uploads[i] = (upload){NULL, NULL, 0};
    }
    return STATUS_OK;
}
