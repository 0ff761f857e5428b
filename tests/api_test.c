/* The public interface: what it refuses, the order of frames, sizes, batches, and the decoder
 * alone.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "engine/posenet.h"
#include "tests/api_check.h"

/* ---- defaults and structs -------------------------------------------------------------------- */

Test(api, defaults_fill_as_much_as_there_is)
{
    unsigned char large[sizeof(posenet_settings) + 64], small[sizeof(posenet_settings)];
    memset(large, 0xff, sizeof large);
    posenet_default_settings((posenet_settings *)large, sizeof large);
    size_t size;
    memcpy(&size, large, sizeof size);
    cr_assert_eq(size, sizeof(posenet_settings));
    for (size_t i = sizeof size; i < sizeof large; i++) cr_assert_eq(large[i], 0);
    memset(small, 0xff, sizeof small);
    posenet_default_settings((posenet_settings *)small, 16);
    memcpy(&size, small, sizeof size);
    cr_assert_eq(size, 16);
    cr_assert_eq(small[15], 0);
    cr_assert_eq(small[16], 0xff);
    posenet_default_settings(NULL, 100);
    posenet_decode_options o;
    posenet_default_decode_options(&o, sizeof o);
    cr_assert(o.score_threshold == 0.5f && o.nms_radius == 20.0f && !o.single && !o.max_poses);
}

Test(api, shorter_structs_mean_defaults_longer_ones_are_refused)
{
    posenet_settings s = tiny_settings();
    s.max_poses = 9;
    s.size = offsetof(posenet_settings, max_poses);
    posenet *engine = open_tiny(&s);
    test_picture p;
    paint(&p, 1);
    posenet_pose poses[MAX_POSES];
    int count;
    posenet_decode_options o = {.size = offsetof(posenet_decode_options, score_threshold),
                                .max_poses = 5,
                                .score_threshold = -7};
    cr_assert_eq(posenet_estimate(engine, &p.image, 1, &o, poses, &count), POSENET_OK);
    o.max_poses = 6; /* settings.max_poses became the default, 5 */
    cr_assert_eq(posenet_estimate(engine, &p.image, 1, &o, poses, &count), POSENET_ERROR_ARGUMENT);
    posenet_close(&engine);
    s.size = sizeof s + 8;
    cr_assert_eq(try_open(&engine, &(tiny_spec){0}, &s), POSENET_ERROR_ARGUMENT);
    cr_assert(strstr(posenet_last_error(), "newer posenet"));
    s.size = 0;
    cr_assert_eq(try_open(&engine, &(tiny_spec){0}, &s), POSENET_ERROR_ARGUMENT);
    cr_assert(strstr(posenet_last_error(), "sizeof"));
    cr_assert_null(engine);
}

Test(api, settings_are_checked_field_by_field)
{
    posenet_settings good = tiny_settings(), s;
    posenet *engine = (posenet *)&s;
#define REFUSED(field, value, words)                                                               \
    s = good;                                                                                      \
    s.field = value;                                                                               \
    cr_expect_eq(try_open(&engine, &(tiny_spec){0}, &s), POSENET_ERROR_ARGUMENT);                  \
    cr_expect_null(engine);                                                                        \
    cr_expect(strstr(posenet_last_error(), words), "%s", posenet_last_error())
    REFUSED(device, (posenet_device)4, "settings.device");
    REFUSED(device, (posenet_device)-1, "settings.device");
    REFUSED(device_index, -1, "settings.device_index");
    REFUSED(precision, (posenet_precision)9, "settings.precision");
    REFUSED(normalize, (posenet_normalize)9, "settings.normalize");
    REFUSED(wait, (posenet_wait_mode)9, "settings.wait");
    REFUSED(batch, -1, "settings.batch");
    REFUSED(batch, 257, "settings.batch");
    REFUSED(slots, 65, "settings.slots");
    REFUSED(slots, -1, "settings.slots");
    REFUSED(max_plans, 1000, "settings.max_plans");
    REFUSED(threads, -2, "settings.threads");
    REFUSED(max_poses, 257, "settings.max_poses");
    REFUSED(max_poses, -1, "settings.max_poses");
    REFUSED(width, 32, "an input width of 32 is outside 33..2049");
    REFUSED(height, 2050, "an input height of 2050 is outside");
    REFUSED(width, -1, "an input width of -1");
#undef REFUSED
}

Test(api, devices_that_cannot_are_refused)
{
    posenet_settings s = tiny_settings();
    posenet *engine;
    s.precision = POSENET_PRECISION_FP16;
    cr_assert_eq(try_open(&engine, &(tiny_spec){0}, &s), POSENET_ERROR_UNSUPPORTED);
    cr_assert_str_eq(posenet_last_error(), "cpu computes in fp32 only; fp16 needs cuda");
    s.device = POSENET_DEVICE_REF;
    s.precision = POSENET_PRECISION_TF32;
    cr_assert_eq(try_open(&engine, &(tiny_spec){0}, &s), POSENET_ERROR_UNSUPPORTED);
    s = tiny_settings();
    s.device = POSENET_DEVICE_CUDA;
    s.device_index = 1000; /* no machine has that many */
    cr_assert_eq(try_open(&engine, &(tiny_spec){0}, &s), POSENET_ERROR_DEVICE);
    int names_it = strstr(posenet_last_error(), "cuda:1000") ||
                   strstr(posenet_last_error(), "no CUDA device"); /* there is none at all */
    cr_assert(names_it, "%s", posenet_last_error());
    s.device = POSENET_DEVICE_AUTO;
    cr_assert_eq(try_open(&engine, &(tiny_spec){0}, &s), POSENET_OK);
    cr_assert_str_eq(posenet_device_name(engine), "cpu");
    posenet_close(&engine);
}

/* ---- misuse ---------------------------------------------------------------------------------- */

Test(api, null_pointers_are_refused)
{
    posenet_settings s = tiny_settings();
    posenet *engine = NULL, *nothing = NULL;
    void *frame;
    int n, dims[4];
    posenet_pose poses[MAX_POSES];
    posenet_ledger ledger = {.size = sizeof ledger};
    posenet_step_info info = {.size = sizeof info};
    posenet_tensor heads[POSENET_HEADS] = {{.size = sizeof heads[0]}};
    test_picture p;
    paint(&p, 1);
    cr_expect_eq(posenet_open(NULL, &s), POSENET_ERROR_ARGUMENT);
    cr_expect_eq(posenet_open(&engine, NULL), POSENET_ERROR_ARGUMENT);
    cr_expect_eq(posenet_open(&engine, &s), POSENET_ERROR_ARGUMENT);
    cr_expect_str_eq(posenet_last_error(), "settings.model is NULL");
    cr_expect_eq(posenet_open_memory(NULL, "x", 1, &s), POSENET_ERROR_ARGUMENT);
    cr_expect_eq(posenet_open_memory(&engine, NULL, 1, &s), POSENET_ERROR_ARGUMENT);
    cr_expect_neq(posenet_open_memory(&engine, "", 0, &s), POSENET_OK);
    cr_expect_eq(posenet_prepare(NULL, 0, 0, 0), POSENET_ERROR_ARGUMENT);
    cr_expect_eq(posenet_get_input(NULL, &n, &n, &n, &n), POSENET_ERROR_ARGUMENT);
    cr_expect_eq(posenet_frame(NULL, 1, &frame), POSENET_ERROR_ARGUMENT);
    cr_expect_eq(posenet_submit(NULL, &p.image, 1, NULL), POSENET_ERROR_ARGUMENT);
    cr_expect_eq(posenet_wait(NULL, poses, &n), POSENET_ERROR_ARGUMENT);
    cr_expect_eq(posenet_estimate(NULL, &p.image, 1, NULL, poses, &n), POSENET_ERROR_ARGUMENT);
    cr_expect_eq(posenet_infer(NULL, heads, heads), POSENET_ERROR_ARGUMENT);
    cr_expect_eq(posenet_decode(NULL, NULL, 16, 1, NULL, 5, poses, &n), POSENET_ERROR_ARGUMENT);
    cr_expect_eq(posenet_get_head(NULL, POSENET_HEAD_OFFSET, dims, NULL, 0),
                 POSENET_ERROR_ARGUMENT);
    cr_expect_eq(posenet_get_ledger(NULL, &ledger), POSENET_ERROR_ARGUMENT);
    cr_expect_eq(posenet_get_step_count(NULL, &n), POSENET_ERROR_ARGUMENT);
    cr_expect_eq(posenet_get_step(NULL, 0, &info), POSENET_ERROR_ARGUMENT);
    cr_expect_str_eq(posenet_device_name(NULL), "");
    posenet_close(NULL);
    posenet_close(&nothing);

    engine = open_tiny(&s);
    cr_expect_eq(posenet_frame(engine, 1, NULL), POSENET_ERROR_ARGUMENT);
    cr_expect_eq(posenet_frame(engine, 0, &frame), POSENET_ERROR_ARGUMENT);
    cr_expect_eq(posenet_submit(engine, NULL, 1, NULL), POSENET_ERROR_ARGUMENT);
    cr_expect_eq(posenet_estimate(engine, &p.image, 1, NULL, NULL, &n), POSENET_ERROR_ARGUMENT);
    cr_expect_eq(posenet_estimate(engine, &p.image, 1, NULL, poses, NULL), POSENET_ERROR_ARGUMENT);
    cr_expect_eq(posenet_infer(engine, NULL, heads), POSENET_ERROR_ARGUMENT);
    cr_expect_eq(posenet_infer(engine, heads, NULL), POSENET_ERROR_ARGUMENT);
    cr_expect_eq(posenet_get_step_count(engine, NULL), POSENET_ERROR_ARGUMENT);
    cr_expect_eq(posenet_get_step(engine, 0, NULL), POSENET_ERROR_ARGUMENT);
    cr_expect_eq(posenet_get_step(engine, -1, &info), POSENET_ERROR_ARGUMENT);
    cr_expect_eq(posenet_get_step(engine, 1000, &info), POSENET_ERROR_ARGUMENT);
    cr_expect_eq(posenet_get_input(engine, NULL, NULL, NULL, NULL), POSENET_OK);
    posenet_close(&engine);
}

Test(api, images_are_checked_field_by_field)
{
    posenet_settings s = tiny_settings();
    posenet *engine = open_tiny(&s);
    posenet_pose poses[MAX_POSES];
    int count;
    test_picture p;
    paint(&p, 1);
    posenet_image image;
#define REFUSED(field, value, words)                                                               \
    image = p.image;                                                                               \
    image.field = value;                                                                           \
    cr_expect_eq(posenet_estimate(engine, &image, 1, NULL, poses, &count),                         \
                 POSENET_ERROR_ARGUMENT);                                                          \
    cr_expect(strstr(posenet_last_error(), words), "%s", posenet_last_error())
    REFUSED(size, 0, "image.size");
    REFUSED(size, sizeof image + 1, "image.size");
    REFUSED(size, sizeof(size_t), "image.data");
    REFUSED(data, NULL, "image.data");
    REFUSED(width, 0, "image.width is 0");
    REFUSED(width, -4, "image.width is -4");
    REFUSED(height, 16385, "image.height is 16385");
    REFUSED(format, (posenet_format)5, "image.format");
    REFUSED(format, (posenet_format)-1, "image.format");
    REFUSED(pitch, 3 * PICTURE_WIDTH - 1, "image.pitch");
    REFUSED(pitch, SIZE_MAX, "image.pitch");
    REFUSED(on_device, 1, "cpu has no device memory");
    p.image.format = POSENET_FORMAT_NV12;
    REFUSED(width, 33, "both sides must be even");
    REFUSED(chroma_pitch, PICTURE_WIDTH - 1, "image.chroma_pitch");
#undef REFUSED
    p.image.format = POSENET_FORMAT_RGB;
    cr_expect_eq(posenet_estimate(engine, &p.image, 0, NULL, poses, &count),
                 POSENET_ERROR_ARGUMENT);
    cr_expect_eq(posenet_estimate(engine, &p.image, 2, NULL, poses, &count),
                 POSENET_ERROR_ARGUMENT);
    cr_expect_str_eq(posenet_last_error(), "2 images for a batch of 1");
    cr_expect_eq(posenet_estimate(engine, &p.image, 1, NULL, poses, &count), POSENET_OK);
    posenet_close(&engine);
}

Test(api, options_are_checked_field_by_field)
{
    posenet_settings s = tiny_settings();
    posenet *engine = open_tiny(&s);
    posenet_pose poses[MAX_POSES];
    int count;
    test_picture p;
    paint(&p, 1);
    posenet_decode_options o;
#define ANSWERS(want, field, value)                                                                \
    posenet_default_decode_options(&o, sizeof o);                                                  \
    o.field = value;                                                                               \
    cr_expect_eq(posenet_estimate(engine, &p.image, 1, &o, poses, &count), want, "%s",             \
                 posenet_last_error())
    ANSWERS(POSENET_ERROR_ARGUMENT, size, 1);
    ANSWERS(POSENET_ERROR_ARGUMENT, max_poses, 6);
    ANSWERS(POSENET_ERROR_ARGUMENT, max_poses, -1);
    ANSWERS(POSENET_ERROR_ARGUMENT, score_threshold, -0.01f);
    ANSWERS(POSENET_ERROR_ARGUMENT, score_threshold, 1.01f);
    ANSWERS(POSENET_ERROR_ARGUMENT, score_threshold, NAN);
    ANSWERS(POSENET_ERROR_ARGUMENT, nms_radius, 0);
    ANSWERS(POSENET_ERROR_ARGUMENT, nms_radius, -1);
    ANSWERS(POSENET_ERROR_ARGUMENT, nms_radius, NAN);
    ANSWERS(POSENET_ERROR_ARGUMENT, nms_radius, INFINITY);
    ANSWERS(POSENET_OK, score_threshold, 0);
    ANSWERS(POSENET_OK, score_threshold, 1);
    ANSWERS(POSENET_OK, max_poses, 1);
    cr_expect_leq(count, 1);
    ANSWERS(POSENET_OK, single, 1);
    cr_expect_eq(count, 1);
#undef ANSWERS
    posenet_close(&engine);
}

/* ---- what a handle tells --------------------------------------------------------------------- */

Test(api, steps_and_ledger_tell_what_was_done)
{
    posenet_settings s = tiny_settings();
    s.profile = 1;
    posenet *engine = open_tiny(&s);
    posenet_ledger ledger = {.size = sizeof ledger};
    cr_assert_eq(posenet_get_ledger(engine, &ledger), POSENET_ERROR_STATE);
    test_picture p;
    posenet_pose poses[MAX_POSES];
    int count, steps;
    paint(&p, 5);
    cr_assert_eq(posenet_estimate(engine, &p.image, 1, NULL, poses, &count), POSENET_OK);
    cr_assert_eq(posenet_get_ledger(engine, &ledger), POSENET_OK);
    cr_assert(ledger.preprocess_us > 0 && ledger.network_us > 0 && ledger.decode_us > 0);
    cr_assert_eq(posenet_get_step_count(engine, &steps), POSENET_OK);
    cr_assert_eq(steps, 3); /* preprocess, all heads at once, decode */
    double sum = 0;
    for (int i = 0; i < steps; i++) {
        posenet_step_info info = {.size = sizeof info};
        cr_assert_eq(posenet_get_step(engine, i, &info), POSENET_OK);
        cr_assert_str_eq(info.op, i == 0 ? "preprocess" : i + 1 == steps ? "decode" : "conv");
        cr_assert(info.row && info.nodes && info.bytes > 0 && info.microseconds > 0);
        cr_assert_eq(info.covered, 0);
        sum += info.microseconds;
    }
    double stages = ledger.preprocess_us + ledger.network_us + ledger.decode_us;
    cr_assert_float_eq(sum, stages, 1e-6 * stages);
    posenet_step_info part = {.size = offsetof(posenet_step_info, nodes), .nodes = "untouched"};
    cr_assert_eq(posenet_get_step(engine, 1, &part), POSENET_OK);
    cr_assert_str_eq(part.nodes, "untouched");
    posenet_close(&engine);
}

Test(api, names_and_version)
{
    cr_assert_str_eq(posenet_part_name(0), "nose");
    cr_assert_str_eq(posenet_part_name(16), "right_ankle");
    cr_assert_null(posenet_part_name(-1));
    cr_assert_null(posenet_part_name(17));
    cr_assert_str_eq(posenet_version(), "0.1.0");
}
