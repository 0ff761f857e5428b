/* The engine's own worker: its buffers and its calls. */
#include "bench/session.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bench/device.h"

void session_close(session *s)
{
    posenet_close(&s->engine);
    if (s->input.on_device) device_release(s->input.data);
    for (int i = 0; i < POSENET_HEADS; i++) free(s->heads[i]);
    free(s->values);
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

static size_t input_bytes(const session *s)
{
    return session_elements(&s->input) * (s->half ? sizeof(uint16_t) : sizeof(float));
}

static int network_buffers(session *s, int height, int width)
{
    s->input = (posenet_tensor){.size = sizeof s->input,
                                .type = s->half ? POSENET_TYPE_FP16 : POSENET_TYPE_FP32,
                                .dims = {s->batch, height, width, 3},
                                .on_device = !s->on_cpu};
    s->values = calloc(session_elements(&s->input), sizeof *s->values);
    if (!s->values) return -1;
    s->input.data = s->on_cpu ? s->values : device_memory(input_bytes(s));
    return s->input.data ? 0 : -1;
}

/* To the nearest, ties to even. */
static uint16_t half_of(float value)
{
    const uint32_t least_normal = 0x38800000, too_large = 0x47800000, rebias = 0x38000000;
    float size = fabsf(value), at_half = size + 0.5f; /* an ulp of 0.5 is one of a subnormal half */
    uint32_t bits, shifted;
    memcpy(&bits, &size, sizeof bits);
    memcpy(&shifted, &at_half, sizeof shifted);
    uint32_t half = (bits + 0xfff + (bits >> 13 & 1) - rebias) >> 13;
    if (bits < least_normal) half = shifted - 0x3f000000;
    if (bits >= too_large) half = bits > 0x7f800000 ? 0x7e00 : 0x7c00;
    return (uint16_t)(half | (signbit(value) ? 0x8000u : 0));
}

int session_put_input(session *s)
{
    if (s->on_cpu) return 0;
    if (!s->half) return device_upload(s->input.data, s->values, input_bytes(s));
    size_t count = session_elements(&s->input);
    uint16_t *halves = malloc(count * sizeof *halves);
    if (!halves) return -1;
    for (size_t i = 0; i < count; i++) halves[i] = half_of(s->values[i]);
    int bad = device_upload(s->input.data, halves, input_bytes(s));
    free(halves);
    return bad;
}

int session_buffers(session *s)
{
    static const int channels[POSENET_HEADS] = {POSENET_PARTS, 2 * POSENET_PARTS, 2 * POSENET_EDGES,
                                                2 * POSENET_EDGES};
    int width, height, stride;
    if (posenet_get_input(s->engine, &width, &height, &stride, NULL)) return -1;
    if (network_buffers(s, height, width)) return -1;
    size_t cells = (size_t)((height - 1) / stride + 1) * (size_t)((width - 1) / stride + 1);
    for (int i = 0; i < POSENET_HEADS; i++) {
        s->head_elements[i] = (size_t)s->batch * cells * (size_t)channels[i];
        s->heads[i] = calloc(s->head_elements[i], sizeof *s->heads[i]);
        if (!s->heads[i]) return -1;
    }
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
    static const posenet_tensor kept[POSENET_HEADS] = {{.size = sizeof *kept},
                                                       {.size = sizeof *kept},
                                                       {.size = sizeof *kept},
                                                       {.size = sizeof *kept}};
    if (!s->frame) return posenet_infer(s->engine, &s->input, kept);
    posenet_status code = session_submit(s);
    return code == POSENET_OK ? posenet_wait(s->engine, s->poses, s->counts) : code;
}
