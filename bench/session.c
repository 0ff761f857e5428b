/* The engine's own worker: its buffers and its calls. */
#include "bench/session.h"

#include <stdlib.h>
#include <string.h>

#include "bench/bench.h"
#include "bench/device.h"

void session_close(session *s)
{
    posenet_close(&s->engine);
    device_release(s->device_input.data);
    for (int i = 0; i < POSENET_HEADS; i++) device_release(s->device_heads[i].data);
    free(s->input.data);
    for (int i = 0; i < POSENET_HEADS; i++) free(s->heads[i].data);
    free(s->pixels);
    free(s->images);
    free(s->poses);
    free(s->counts);
    memset(s, 0, sizeof *s);
}

size_t session_elements(const posenet_tensor *t)
{
    return (size_t)t->dims[0] * (size_t)t->dims[1] * (size_t)t->dims[2] * (size_t)t->dims[3];
}

static int tensor_new(posenet_tensor *t, int n, int height, int width, int channels)
{
    *t = (posenet_tensor){.size = sizeof *t, .dims = {n, height, width, channels}};
    t->data = calloc(session_elements(t), sizeof(float));
    return t->data ? 0 : -1;
}

/* Copies of the network's tensors on the device, heads in the type that the network computes in. */
static int device_tensors(session *s)
{
    s->device_input = s->input;
    s->device_input.on_device = 1;
    s->device_input.data = device_memory(session_elements(&s->input) * sizeof(float));
    if (!s->device_input.data) return -1;
    for (int i = 0; i < POSENET_HEADS; i++) {
        posenet_tensor *t = &s->device_heads[i];
        *t = s->heads[i];
        t->on_device = 1;
        if (s->half) t->type = POSENET_TYPE_FP16;
        t->data = device_memory(session_elements(t) * (s->half ? 2 : sizeof(float)));
        if (!t->data) return -1;
    }
    return 0;
}

int session_buffers(session *s)
{
    static const int channels[POSENET_HEADS] = {POSENET_PARTS, 2 * POSENET_PARTS, 2 * POSENET_EDGES,
                                                2 * POSENET_EDGES};
    int width, height, stride;
    if (posenet_get_input(s->engine, &width, &height, &stride, NULL)) return -1;
    if (tensor_new(&s->input, s->batch, height, width, 3)) return -1;
    for (int i = 0; i < POSENET_HEADS; i++) {
        int h = (height - 1) / stride + 1, w = (width - 1) / stride + 1;
        if (tensor_new(&s->heads[i], s->batch, h, w, channels[i])) return -1;
    }
    if (!s->on_cpu && device_tensors(s)) return -1;
    s->images = calloc((size_t)s->batch, sizeof *s->images);
    s->poses = calloc((size_t)s->batch * (size_t)s->max_poses, sizeof *s->poses);
    s->counts = calloc((size_t)s->batch, sizeof *s->counts);
    return s->images && s->poses && s->counts ? 0 : -1;
}

/* The next slot's own buffer (pinned with CUDA), with the picture in it once for every image: where
 * a camera or a renderer would have put it. Only the first frames of each slot copy. */
static posenet_status lend_frame(session *s)
{
    size_t bytes = (size_t)FRAME_WIDTH * FRAME_HEIGHT * 3;
    void *memory;
    posenet_status code = posenet_frame(s->engine, bytes * (size_t)s->batch, &memory);
    if (code != POSENET_OK) return code;
    int known = 0;
    while (known < MAX_SLOTS && s->filled[known] && s->filled[known] != memory) known++;
    int fresh = known == MAX_SLOTS || !s->filled[known];
    if (fresh && known < MAX_SLOTS) s->filled[known] = memory;
    for (int i = 0; i < s->batch; i++) {
        unsigned char *pixels = (unsigned char *)memory + bytes * (size_t)i;
        if (fresh) memcpy(pixels, s->pixels, bytes);
        s->images[i] = (posenet_image){.size = sizeof *s->images,
                                       .data = pixels,
                                       .width = FRAME_WIDTH,
                                       .height = FRAME_HEIGHT};
    }
    return POSENET_OK;
}

posenet_status session_submit(session *s)
{
    posenet_status code = lend_frame(s);
    return code == POSENET_OK ? posenet_submit(s->engine, s->images, s->batch, NULL) : code;
}

posenet_status session_call(session *s)
{
    if (!s->frame && s->on_cpu) return posenet_infer(s->engine, &s->input, s->heads);
    if (!s->frame) return posenet_infer(s->engine, &s->device_input, s->device_heads);
    posenet_status code = session_submit(s);
    return code == POSENET_OK ? posenet_wait(s->engine, s->poses, s->counts) : code;
}
