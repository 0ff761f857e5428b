/* A frame's way up: one kernel that reads host memory over the bus and leaves the frame's
 * descriptor, and of its pictures the rows that resizing reads, in device memory.
 *
 * Where a picture is much larger than the network's input most of its rows are never read, so less
 * crosses the bus than a copy would move; and a kernel is followed by kernels without a break.
 */
#ifndef POSENET_KERNELS_PREPROCESS_UPLOAD_CUDA_H
#define POSENET_KERNELS_PREPROCESS_UPLOAD_CUDA_H

#include "kernels/op.h"
#include "kernels/preprocess/letterbox.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { UPLOAD_ALIGNMENT = 16, UPLOAD_PLANES = 2 };

/* One plane of a picture. `from` is pinned host memory as the device addresses it; from and to, and
 * both pitches, are equal modulo UPLOAD_ALIGNMENT, so that rows move in pieces of that size. */
typedef struct upload_plane {
    const uint8_t *from;
    uint8_t *to;
    int64_t from_pitch, to_pitch;
    int bytes;  /* of a row */
    int halved; /* 1: a row belongs to two rows of the picture (NV12's chroma) */
} upload_plane;

/* One picture; `planes` 0: nothing is to be moved. */
typedef struct upload_image {
    letterbox box;
    int planes;
    upload_plane plane[UPLOAD_PLANES];
} upload_image;

typedef struct upload_request {
    const upload_image *images; /* `batch` of them, in pinned host memory: read when it runs */
    int batch, input_height;
    const void *descriptor_from; /* pinned host memory */
    void *descriptor_to;         /* device memory */
    size_t descriptor_bytes;     /* a multiple of UPLOAD_ALIGNMENT, as both addresses */
    void *stream;                /* cudaStream_t */
} upload_request;

/* Puts the kernel on the stream. Neither it nor the next kernel starts early. */
status upload_cuda_launch(const upload_request *request) STATUS_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
