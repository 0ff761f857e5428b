#include "engine/settings.h"

#include <math.h>
#include <string.h>

enum {
    MAX_PITCH = 1 << 30,
    MAX_STRUCT = 4096 /* no struct will ever be as large: its size was not set */
};
#define MAX_STRIDE ((int64_t)1 << 40) /* elements: times any dim it fits 64 bits */

const posenet_settings settings_default = {.size = sizeof settings_default};
const posenet_decode_options options_default = {
    .size = sizeof options_default, .score_threshold = 0.5f, .nms_radius = 20.0f};

/* Puts the caller's struct over `to`, which holds the defaults. */
static status read_struct(const void *from, void *to, size_t known, const char *what)
{
    if (!from) return fail(STATUS_ARGUMENT, "%s is NULL", what);
    size_t size;
    memcpy(&size, from, sizeof size);
    if (size < sizeof size)
        return fail(STATUS_ARGUMENT, "%s.size is %zu: set it to sizeof the struct", what, size);
    if (size > known)
        return fail(STATUS_ARGUMENT,
                    "%s.size is %zu, this library knows %zu: the program needs a newer posenet",
                    what, size, known);
    memcpy(to, from, size);
    return STATUS_OK;
}

status settings_give(void *to, const void *from, size_t known, const char *what)
{
    if (!to) return fail(STATUS_ARGUMENT, "%s is NULL", what);
    size_t size;
    memcpy(&size, to, sizeof size);
    if (size < sizeof size || size > MAX_STRUCT)
        return fail(STATUS_ARGUMENT, "%s.size is %zu: set it to sizeof the struct", what, size);
    size_t shared = size < known ? size : known, head = sizeof size;
    memcpy((char *)to + head, (const char *)from + head, shared - head);
    memset((char *)to + shared, 0, size - shared);
    return STATUS_OK;
}

const void *settings_element(const void *from, size_t size, int index)
{
    return (const char *)from + size * (size_t)index;
}

static status check_range(const char *what, int value, int low, int high)
{
    if (value >= low && value <= high) return STATUS_OK;
    return fail(STATUS_ARGUMENT, "%s is %d, outside %d..%d", what, value, low, high);
}

static void default_to(int *value, int otherwise)
{
    if (*value == 0) *value = otherwise;
}

status settings_read(const posenet_settings *from, posenet_settings *to)
{
    *to = settings_default;
    TRY(read_struct(from, to, sizeof *to, "settings"));
    to->size = sizeof *to;
    TRY(check_range("settings.device", (int)to->device, 0, POSENET_DEVICE_CUDA));
    TRY(check_range("settings.device_index", to->device_index, 0, 1023));
    TRY(check_range("settings.precision", (int)to->precision, 0, POSENET_PRECISION_FP16));
    TRY(check_range("settings.normalize", (int)to->normalize, 0, POSENET_NORMALIZE_NONE));
    TRY(check_range("settings.wait", (int)to->wait, 0, POSENET_WAIT_BLOCK));
    TRY(check_range("settings.tune", (int)to->tune, 0, POSENET_TUNE_AGAIN));
    default_to(&to->slots, 2);
    default_to(&to->max_plans, 4);
    default_to(&to->max_poses, 5);
    TRY(check_range("settings.batch", to->batch, 0, SETTINGS_MAX_BATCH));
    TRY(check_range("settings.slots", to->slots, 1, SETTINGS_MAX_SLOTS));
    TRY(check_range("settings.max_plans", to->max_plans, 1, SETTINGS_MAX_PLANS));
    TRY(check_range("settings.threads", to->threads, 0, SETTINGS_MAX_THREADS));
    return check_range("settings.max_poses", to->max_poses, 1, POSENET_MAX_POSES);
}

status options_read(const posenet_decode_options *from, int most, decode_options *to)
{
    posenet_decode_options o = options_default;
    if (from) TRY(read_struct(from, &o, sizeof o, "options"));
    default_to(&o.max_poses, most);
    TRY(check_range("options.max_poses", o.max_poses, 1, most));
    if (!(o.score_threshold >= 0 && o.score_threshold <= 1))
        return fail(STATUS_ARGUMENT, "options.score_threshold is %g, outside 0..1",
                    (double)o.score_threshold);
    if (!(o.nms_radius > 0 && isfinite(o.nms_radius)))
        return fail(STATUS_ARGUMENT, "options.nms_radius is %g, not a positive number",
                    (double)o.nms_radius);
    *to = (decode_options){.single = o.single != 0,
                           .max_poses = o.max_poses,
                           .score_threshold = o.score_threshold,
                           .nms_radius = o.nms_radius};
    return STATUS_OK;
}

static status check_pitch(const char *what, size_t pitch, size_t row)
{
    if (pitch >= row && pitch <= MAX_PITCH) return STATUS_OK;
    return fail(STATUS_ARGUMENT, "%s is %zu bytes, a row has %zu", what, pitch, row);
}

/* The two planes of an NV12 picture. */
static status read_planes(const posenet_image *image, size_t pitch, picture *to)
{
    if (image->width % 2 || image->height % 2)
        return fail(STATUS_ARGUMENT, "an NV12 image of %dx%d: both sides must be even",
                    image->width, image->height);
    size_t chroma_pitch = image->chroma_pitch ? image->chroma_pitch : pitch;
    TRY(check_pitch("image.chroma_pitch", chroma_pitch, (size_t)image->width));
    const uint8_t *below = to->data + pitch * (size_t)image->height;
    to->chroma = image->chroma ? image->chroma : below;
    to->chroma_pitch = (int64_t)chroma_pitch;
    return STATUS_OK;
}

status image_read(const posenet_image *from, const device *d, slot_image *to)
{
    static const pixel_format formats[] = {
        [POSENET_FORMAT_RGB] = PIXEL_RGB,   [POSENET_FORMAT_BGR] = PIXEL_BGR,
        [POSENET_FORMAT_RGBA] = PIXEL_RGBA, [POSENET_FORMAT_BGRA] = PIXEL_BGRA,
        [POSENET_FORMAT_NV12] = PIXEL_NV12,
    };
    static const size_t pixel_bytes[] = {
        [PIXEL_RGB] = 3, [PIXEL_BGR] = 3, [PIXEL_RGBA] = 4, [PIXEL_BGRA] = 4, [PIXEL_NV12] = 1};
    posenet_image image = {0};
    TRY(read_struct(from, &image, sizeof image, "image"));
    if (!image.data) return fail(STATUS_ARGUMENT, "image.data is NULL");
    TRY(check_range("image.width", image.width, 1, IMAGE_MAX_SIDE));
    TRY(check_range("image.height", image.height, 1, IMAGE_MAX_SIDE));
    TRY(check_range("image.format", (int)image.format, 0, POSENET_FORMAT_NV12));
    if (image.on_device && d->kind != DEVICE_CUDA)
        return fail(STATUS_ARGUMENT, "image.on_device is set, but %s has no device memory",
                    d->name);
    pixel_format format = formats[image.format];
    size_t row = (size_t)image.width * pixel_bytes[format];
    size_t pitch = image.pitch ? image.pitch : row;
    TRY(check_pitch("image.pitch", pitch, row));
    *to = (slot_image){.picture = {.data = image.data,
                                   .width = image.width,
                                   .height = image.height,
                                   .pitch = (int64_t)pitch,
                                   .format = format,
                                   .flip = image.flip != 0},
                       .on_device = image.on_device != 0,
                       .stream = image.stream};
    return format == PIXEL_NV12 ? read_planes(&image, pitch, &to->picture) : STATUS_OK;
}

status tensor_read(const posenet_tensor *from, const char *what, const device *d, view *to)
{
    posenet_tensor t = {0};
    TRY(read_struct(from, &t, sizeof t, what));
    *to = (view){0};
    if (!t.data) return STATUS_OK;
    if (t.type != POSENET_TYPE_FP32 && t.type != POSENET_TYPE_FP16)
        return fail(STATUS_ARGUMENT, "%s.type is %d, neither fp32 nor fp16", what, (int)t.type);
    if (t.on_device && (!d || d->kind != DEVICE_CUDA))
        return fail(STATUS_ARGUMENT, "%s.on_device is set, but there is no device memory", what);
    int dense = 1;
    for (int axis = 0; axis < AXES; axis++) {
        if (t.dims[axis] < 1)
            return fail(STATUS_ARGUMENT, "%s.dims[%d] is %d", what, axis, t.dims[axis]);
        if (t.strides[axis] < -MAX_STRIDE || t.strides[axis] > MAX_STRIDE)
            return fail(STATUS_ARGUMENT, "%s.strides[%d] is %lld", what, axis,
                        (long long)t.strides[axis]);
        dense &= t.strides[axis] == 0;
    }
    *to = view_dense(t.data, t.type == POSENET_TYPE_FP16 ? TYPE_FP16 : TYPE_FP32, t.dims,
                     t.on_device != 0);
    if (!dense) memcpy(to->strides, t.strides, sizeof to->strides);
    return STATUS_OK;
}
