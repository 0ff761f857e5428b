/* Pictures on their way to the GPU: what is there already, what the upload can read where it is,
 * and what has to be brought into pinned memory first. */
#include <string.h>

#include "engine/device/cuda.h"
#include "kernels/cuda/cuda.h"

enum { PLANE_ALIGNMENT = 256 };

static size_t round_up(size_t bytes, size_t unit)
{
    return (bytes + unit - 1) / unit * unit;
}

/* ---- planes ---------------------------------------------------------------------------------- */

/* One plane of a picture as the caller has it. */
typedef struct plane {
    const uint8_t *data;
    int64_t pitch;
    size_t bytes, rows;
    int halved;
} plane;

static int planes_of(const picture *p, plane planes[UPLOAD_PLANES])
{
    size_t width = (size_t)p->width, height = (size_t)p->height;
    int wide = p->format == PIXEL_RGBA || p->format == PIXEL_BGRA;
    if (p->format != PIXEL_NV12) {
        planes[0] = (plane){p->data, p->pitch, width * (wide ? 4 : 3), height, 0};
        return 1;
    }
    planes[0] = (plane){p->data, p->pitch, width, height, 0};
    planes[1] = (plane){p->chroma, p->chroma_pitch, (width + 1) / 2 * 2, (height + 1) / 2, 1};
    return 2;
}

/* Where the device finds a byte of pinned host memory; NULL: it is not pinned. */
static const uint8_t *pinned_byte(const slot *s, const uint8_t *at)
{
    uintptr_t place = (uintptr_t)at, frame = (uintptr_t)s->frame;
    if (s->frame && place >= frame && place - frame < s->frame_bytes) return at;
    struct cudaPointerAttributes attributes;
    if (cudaPointerGetAttributes(&attributes, at) != cudaSuccess) {
        (void)cudaGetLastError();
        return NULL;
    }
    return attributes.type == cudaMemoryTypeHost ? attributes.devicePointer : NULL;
}

/* Where the device finds the plane; NULL: it has to be staged. */
static const uint8_t *pinned_plane(const slot *s, const plane *p)
{
    int64_t span = p->pitch * (int64_t)(p->rows - 1) + (int64_t)p->bytes;
    const uint8_t *first = pinned_byte(s, p->data);
    if (!first) return NULL;
    const uint8_t *last = pinned_byte(s, p->data + span - 1);
    return last && last - first == span - 1 ? first : NULL;
}

/* ---- room ------------------------------------------------------------------------------------ */

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

/* A plane's pitch and bytes on the device and in staging, rows aligned as those of `from`. */
static int64_t dense_pitch(const plane *p, int64_t from_pitch)
{
    return (int64_t)round_up(p->bytes, UPLOAD_ALIGNMENT) + from_pitch % UPLOAD_ALIGNMENT;
}

static size_t room_of(const plane *p)
{
    size_t pitch = round_up(p->bytes, UPLOAD_ALIGNMENT) + UPLOAD_ALIGNMENT;
    return round_up(pitch * p->rows + UPLOAD_ALIGNMENT, PLANE_ALIGNMENT);
}

static int comes_from_host(const slot_image *image)
{
    return !image->on_device && image->picture.data;
}

/* Room for every plane, on the device and staged, whether or not it will have to be. */
static status reserve(const slot *s, recorded *r, int count)
{
    size_t pixels = 0, staging = 0;
    for (int i = 0; i < count; i++) {
        plane planes[UPLOAD_PLANES];
        upload_image *up = &r->uploads[i];
        up->planes = 0;
        if (!comes_from_host(&s->images[i])) continue;
        up->planes = planes_of(&s->images[i].picture, planes);
        for (int k = 0; k < up->planes; k++) {
            up->plane[k].from = pinned_plane(s, &planes[k]);
            pixels += room_of(&planes[k]);
            if (!up->plane[k].from) staging += room_of(&planes[k]);
        }
    }
    TRY(gpu_reserve_pixels(r, pixels));
    return reserve_stage(r, staging);
}

/* ---- rows ------------------------------------------------------------------------------------ */

/* Rows of plane `k` that the upload moves. Where `from` is not NULL they are copied from there to
 * `to`, which has the pitch that the upload reads. */
static int walk_rows(const upload_image *up, int k, const plane *from, uint8_t *to)
{
    const upload_plane *p = &up->plane[k];
    int rows = 0;
    int next = 0; /* the first row that was not moved yet: chroma rows come up twice */
    for (int output = 0; output < up->box.input_height; output++) {
        int first, count = letterbox_new_rows(&up->box, output, &first);
        if (!count) continue;
        int last = (first + count - 1) >> p->halved;
        for (int row = first >> p->halved; row <= last; row++) {
            if (row < next) continue;
            next = row + 1;
            rows++;
            if (from)
                memcpy(to + row * p->from_pitch, from->data + row * from->pitch, (size_t)p->bytes);
        }
    }
    return rows;
}

/* Pictures of one size read the same rows, which are counted once. */
int64_t gpu_uploaded_bytes(const slot *s, const recorded *r)
{
    int64_t bytes = 0;
    for (int i = 0; i < s->plan->batch; i++) {
        const upload_image *up = &r->uploads[i];
        uploaded_rows *known = &r->uploaded[i];
        if (up->planes && (known->planes != up->planes ||
                           memcmp(&known->box, &up->box, sizeof known->box) != 0)) {
            known->box = up->box;
            known->planes = up->planes;
            for (int k = 0; k < up->planes; k++) known->rows[k] = walk_rows(up, k, NULL, NULL);
        }
        for (int k = 0; k < up->planes; k++) bytes += (int64_t)known->rows[k] * up->plane[k].bytes;
    }
    return bytes;
}

/* Describes a plane's way to `to`, through `staging` where it is pageable; bytes staged. */
static int64_t place_plane(upload_image *up, int k, const plane *from, uint8_t *to,
                           uint8_t *staging)
{
    upload_plane *p = &up->plane[k];
    int staged = !p->from;
    if (staged) p->from = staging;
    p->bytes = (int)from->bytes;
    p->halved = from->halved;
    p->from_pitch = staged ? dense_pitch(from, 0) : from->pitch;
    p->to_pitch = dense_pitch(from, p->from_pitch);
    p->to = to + (uintptr_t)p->from % UPLOAD_ALIGNMENT;
    return staged ? (int64_t)walk_rows(up, k, from, staging) * p->bytes : 0;
}

/* ---- a frame's pictures ---------------------------------------------------------------------- */

status gpu_wait_for_stream(recorded *r, void *stream)
{
    cudaError_t pending = cudaStreamQuery(stream);
    if (pending != cudaErrorNotReady) return cuda_check(pending, "looking at a caller's stream");
    (void)cudaGetLastError(); /* the runtime keeps "not ready" as an error */
    TRY(cuda_check(cudaEventRecord(r->ready, stream), "marking a caller's stream"));
    return cuda_check(cudaStreamWaitEvent(r->stream, r->ready, 0), "waiting for a caller's stream");
}

/* The picture as rows read it once it is up. */
static picture moved(const picture *from, const upload_image *up)
{
    picture p = *from;
    p.data = up->plane[0].to;
    p.pitch = up->plane[0].to_pitch;
    if (up->planes > 1) {
        p.chroma = up->plane[1].to;
        p.chroma_pitch = up->plane[1].to_pitch;
    }
    return p;
}

status gpu_place_pictures(slot *s, recorded *r)
{
    int batch = s->plan->batch;
    int count = s->image_count < 1 || s->image_count > batch ? batch : s->image_count;
    TRY(reserve(s, r, count));
    unsigned char *to = r->pixels, *staging = r->stage;
    for (int i = 0; i < count; i++) {
        const slot_image *image = &s->images[i];
        upload_image *up = &r->uploads[i];
        plane planes[UPLOAD_PLANES];
        s->pictures[i] = image->picture;
        if (image->on_device && image->stream) TRY(gpu_wait_for_stream(r, image->stream));
        if (!up->planes) continue;
        planes_of(&image->picture, planes);
        up->box = letterbox_fit(image->picture.width, image->picture.height, s->plan->width,
                                s->plan->height, 0);
        for (int k = 0; k < up->planes; k++) {
            int staged = !up->plane[k].from;
            s->ledger.bytes_staged += place_plane(up, k, &planes[k], to, staging);
            to += room_of(&planes[k]);
            if (staged) staging += room_of(&planes[k]);
        }
        s->pictures[i] = moved(&image->picture, up);
    }
    for (int i = count; i < batch; i++) { /* images without a frame: the first one again */
        s->pictures[i] = s->pictures[0];
        r->uploads[i].planes = 0;
    }
    return STATUS_OK;
}
