/* Tensors through the public interface: the network alone, and the decoder alone. */
#include <criterion/criterion.h>
#include <string.h>

#include "engine/posenet.h"
#include "kernels/element.h"
#include "tests/api_check.h"

enum { CELLS = (SIDE - 1) / TINY_STRIDE + 1 };

static float head_value(const float *input, int head, int y, int x, int c)
{
    const float *pixel = input + ((y * TINY_STRIDE) * SIDE + x * TINY_STRIDE) * 3;
    double sum = (double)tiny_bias(head, c);
    for (int i = 0; i < 3; i++) sum += (double)tiny_weight(head, c, i) * (double)pixel[i];
    return (float)sum;
}

static posenet_tensor tensor_of(void *data, int channels, int cells)
{
    return (posenet_tensor){
        .size = sizeof(posenet_tensor), .data = data, .dims = {1, cells, cells, channels}};
}

static void check_heads(posenet *engine, const float *input)
{
    for (int h = 0; h < POSENET_HEADS; h++) {
        float data[CELLS * CELLS * 34];
        int dims[4];
        cr_assert_eq(posenet_get_head(engine, (posenet_head)h, dims, data, sizeof data / 4),
                     POSENET_OK, "%s", posenet_last_error());
        cr_assert(dims[0] == 1 && dims[1] == CELLS && dims[2] == CELLS);
        cr_assert_eq(dims[3], decode_channels[h]);
        for (int i = 0; i < CELLS * CELLS * dims[3]; i++) {
            int cell = i / dims[3];
            float want = head_value(input, h, cell / CELLS, cell % CELLS, i % dims[3]);
            cr_assert_float_eq(data[i], want, 1e-4f, "head %d, %d: %g for %g", h, i,
                               (double)data[i], (double)want);
        }
    }
}

Test(tensors, infer_computes_the_heads)
{
    static float input[SIDE * SIDE * 3];
    static uint16_t halves[3][SIDE + 1][SIDE + 2];
    for (int i = 0; i < SIDE * SIDE * 3; i++) /* exact in fp16 */
        input[i] = (float)((i * 37) % 512 - 256) / 256.0f;
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++)
            for (int c = 0; c < 3; c++)
                halves[c][y][x] = float_to_half(input[(y * SIDE + x) * 3 + c]);
    static const tiny_spec specs[] = {
        {.nhwc = 0}, {.nhwc = 1}, {.turned = 1}, {.nhwc = 1, .turned = 1}};
    for (int way = 0; way < 8; way++) {
        posenet_settings s = tiny_settings();
        s.device = way & 1 ? POSENET_DEVICE_REF : POSENET_DEVICE_CPU;
        posenet *engine;
        cr_assert_eq(try_open(&engine, &specs[way / 2], &s), POSENET_OK, "%s",
                     posenet_last_error());
        int dims[4];
        posenet_tensor none[POSENET_HEADS];
        for (int h = 0; h < POSENET_HEADS; h++) none[h] = tensor_of(NULL, 1, 1);
        cr_assert_eq(posenet_get_head(engine, POSENET_HEAD_OFFSET, dims, NULL, 0), POSENET_OK);
        cr_assert_eq(posenet_get_head(engine, POSENET_HEAD_OFFSET, dims, input, 1 << 20),
                     POSENET_ERROR_STATE);
        posenet_tensor in = tensor_of(input, 3, SIDE);
        cr_assert_eq(posenet_infer(engine, &in, none), POSENET_OK, "%s", posenet_last_error());
        check_heads(engine, input);

        /* Planes of fp16 with gaps between rows and planes are the same picture. */
        posenet_tensor planes = tensor_of(halves, 3, SIDE);
        planes.type = POSENET_TYPE_FP16;
        memcpy(planes.strides, (int64_t[]){0, SIDE + 2, 1, (SIDE + 1) * (SIDE + 2)},
               sizeof planes.strides);
        cr_assert_eq(posenet_infer(engine, &planes, none), POSENET_OK, "%s", posenet_last_error());
        check_heads(engine, input);
        cr_assert_eq(posenet_get_head(engine, POSENET_HEAD_OFFSET, dims, input, 10),
                     POSENET_ERROR_ARGUMENT);
        cr_assert_eq(posenet_get_head(engine, (posenet_head)4, dims, input, 10),
                     POSENET_ERROR_ARGUMENT);

        in.dims[1]--;
        cr_assert_eq(posenet_infer(engine, &in, none), POSENET_ERROR_ARGUMENT);
        cr_assert(strstr(posenet_last_error(), "input is 1x96x97x3, the plan's is 1x97x97x3"), "%s",
                  posenet_last_error());
        posenet_close(&engine);
    }
}

/* One head under another type and other strides; `planes`: channels outermost. */
static posenet_tensor rearrange(const posenet_tensor *dense, posenet_type type, int planes,
                                void *room)
{
    posenet_tensor t = *dense;
    int channels = t.dims[3], gap = planes ? 3 : 5;
    t.type = type;
    t.data = room;
    if (planes)
        memcpy(t.strides, (int64_t[]){0, CELLS + gap, 1, CELLS * (CELLS + gap)}, sizeof t.strides);
    else
        memcpy(t.strides, (int64_t[]){0, (int64_t)CELLS * (channels + gap), channels + gap, 1},
               sizeof t.strides);
    element_type stored = type == POSENET_TYPE_FP16 ? TYPE_FP16 : TYPE_FP32;
    for (int y = 0; y < CELLS; y++)
        for (int x = 0; x < CELLS; x++)
            for (int c = 0; c < channels; c++)
                element_store(room, stored, y * t.strides[1] + x * t.strides[2] + c * t.strides[3],
                              ((const float *)dense->data)[(y * CELLS + x) * channels + c]);
    return t;
}

Test(tensors, decode_takes_any_strides_and_types)
{
    static float values[POSENET_HEADS][CELLS * CELLS * 34], room[POSENET_HEADS][CELLS * 64 * 64];
    posenet_tensor dense[POSENET_HEADS], other[POSENET_HEADS];
    posenet_pose want[MAX_POSES], poses[MAX_POSES];
    int want_count, count;
    uint32_t random = 3;
    for (int h = 0; h < POSENET_HEADS; h++) {
        dense[h] = tensor_of(values[h], decode_channels[h], CELLS);
        for (int i = 0; i < CELLS * CELLS * decode_channels[h]; i++) { /* exact in fp16 */
            random = random * 1664525u + 1013904223u;
            values[h][i] = (float)((int)(random >> 24) - 128) / 16.0f;
        }
    }
    cr_assert_eq(posenet_decode(NULL, dense, 16, 1, NULL, MAX_POSES, want, &want_count), POSENET_OK,
                 "%s", posenet_last_error());
    cr_assert_eq(want_count, MAX_POSES);
    for (int way = 0; way < 4; way++) {
        for (int h = 0; h < POSENET_HEADS; h++)
            other[h] = rearrange(&dense[h], way & 1 ? POSENET_TYPE_FP16 : POSENET_TYPE_FP32,
                                 way >> 1, room[h]);
        cr_assert_eq(posenet_decode(NULL, other, 16, 1, NULL, MAX_POSES, poses, &count),
                     POSENET_OK);
        expect_same(poses, count, want, want_count);
    }
    posenet_decode_options o;
    posenet_default_decode_options(&o, sizeof o);
    o.single = 1;
    cr_assert_eq(posenet_decode(NULL, dense, 16, 1, &o, 1, poses, &count), POSENET_OK);
    cr_assert_eq(count, 1);
}

Test(tensors, decode_refuses_what_is_no_head)
{
    static float values[CELLS * CELLS * 34];
    posenet_tensor heads[POSENET_HEADS], good[POSENET_HEADS];
    posenet_pose poses[MAX_POSES];
    int count;
    for (int h = 0; h < POSENET_HEADS; h++) good[h] = tensor_of(values, decode_channels[h], CELLS);
#define REFUSED(change, stride, capacity)                                                          \
    memcpy(heads, good, sizeof heads);                                                             \
    change;                                                                                        \
    cr_expect_eq(posenet_decode(NULL, heads, stride, 1, NULL, capacity, poses, &count),            \
                 POSENET_ERROR_ARGUMENT);                                                          \
    cr_expect_neq(posenet_last_error()[0], '\0')
    REFUSED(heads[0].data = NULL, 16, MAX_POSES);
    REFUSED(heads[1].dims[3] = 17, 16, MAX_POSES);
    REFUSED(heads[2].dims[1] = CELLS + 1, 16, MAX_POSES);
    REFUSED(heads[3].dims[0] = 0, 16, MAX_POSES);
    REFUSED(heads[0].type = (posenet_type)2, 16, MAX_POSES);
    REFUSED(heads[0].on_device = 1, 16, MAX_POSES);
    REFUSED(heads[0].strides[1] = INT64_MAX, 16, MAX_POSES);
    REFUSED(heads[0].size = 0, 16, MAX_POSES);
    REFUSED((void)0, 0, MAX_POSES);
    REFUSED((void)0, -16, MAX_POSES);
    REFUSED((void)0, 16, 0);
    REFUSED((void)0, 16, 257);
#undef REFUSED
    cr_expect_eq(posenet_decode(NULL, good, 16, 1, NULL, MAX_POSES, poses, &count), POSENET_OK);
}
