/* Frames through the public interface: their order, batches, lent memory, sizes and plans. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "engine/inside.h"
#include "engine/posenet.h"
#include "tests/api_check.h"

Test(frames, results_come_in_the_order_of_submits)
{
    enum { FRAMES = 9, SLOTS = 3 };
    test_picture pictures[FRAMES];
    posenet_pose want[FRAMES][MAX_POSES], poses[MAX_POSES];
    int want_counts[FRAMES], count;
    for (int i = 0; i < FRAMES; i++) {
        paint(&pictures[i], (uint32_t)i + 1);
        want_counts[i] = answer(&pictures[i], want[i]);
    }
    posenet_settings s = tiny_settings();
    s.slots = SLOTS;
    posenet *engine = open_tiny(&s);
    cr_assert_eq(posenet_wait(engine, poses, &count), POSENET_ERROR_STATE);
    int done = 0;
    for (int i = 0; i < FRAMES; i++) {
        if (i - done == SLOTS) {
            posenet_status code = posenet_submit(engine, &pictures[i].image, 1, NULL);
            cr_assert_eq(code, POSENET_ERROR_STATE);
            cr_assert_eq(posenet_prepare(engine, 0, 0, 0), POSENET_ERROR_STATE);
            cr_assert_eq(posenet_estimate(engine, &pictures[i].image, 1, NULL, poses, &count),
                         POSENET_ERROR_STATE);
            for (int k = 0; k <= i % 2; k++, done++) {
                cr_assert_eq(posenet_wait(engine, poses, &count), POSENET_OK);
                expect_same(poses, count, want[done], want_counts[done]);
            }
        }
        cr_assert_eq(posenet_submit(engine, &pictures[i].image, 1, NULL), POSENET_OK);
    }
    for (; done < FRAMES; done++) {
        cr_assert_eq(posenet_wait(engine, poses, &count), POSENET_OK);
        expect_same(poses, count, want[done], want_counts[done]);
    }
    cr_assert_eq(posenet_submit(engine, &pictures[0].image, 1, NULL), POSENET_OK);
    posenet_close(&engine); /* with a frame in flight */
    cr_assert_null(engine);
}

Test(frames, a_batch_is_as_good_as_single_images)
{
    enum { BATCH = 3 };
    test_picture pictures[BATCH];
    posenet_image images[BATCH];
    posenet_pose want[BATCH][MAX_POSES], poses[BATCH * MAX_POSES];
    int want_counts[BATCH], counts[BATCH];
    for (int i = 0; i < BATCH; i++) {
        paint(&pictures[i], (uint32_t)i + 20);
        images[i] = pictures[i].image;
        want_counts[i] = answer(&pictures[i], want[i]);
    }
    posenet_settings s = tiny_settings();
    s.batch = BATCH;
    posenet *engine = open_tiny(&s);
    for (int used = 1; used <= BATCH; used++) {
        cr_assert_eq(posenet_estimate(engine, images, used, NULL, poses, counts), POSENET_OK);
        for (int i = 0; i < used; i++)
            expect_same(poses + (ptrdiff_t)i * MAX_POSES, counts[i], want[i], want_counts[i]);
    }
    images[1].width = 0;
    cr_assert_eq(posenet_estimate(engine, images, BATCH, NULL, poses, counts),
                 POSENET_ERROR_ARGUMENT);
    cr_assert(strstr(posenet_last_error(), "image 1: image.width"), "%s", posenet_last_error());
    posenet_close(&engine);
}

Test(frames, a_lent_frame_is_as_good_as_any_memory)
{
    posenet_settings s = tiny_settings();
    posenet *engine = open_tiny(&s);
    test_picture p;
    posenet_pose want[MAX_POSES], poses[MAX_POSES];
    paint(&p, 5);
    int want_count = answer(&p, want), count;
    for (int round = 0; round < 3; round++) {
        void *frame;
        cr_assert_eq(posenet_frame(engine, sizeof p.pixels, &frame), POSENET_OK);
        memcpy(frame, p.pixels, sizeof p.pixels);
        posenet_image image = p.image;
        image.data = frame;
        cr_assert_eq(posenet_estimate(engine, &image, 1, NULL, poses, &count), POSENET_OK);
        expect_same(poses, count, want, want_count);
    }
    posenet_ledger ledger = {.size = sizeof ledger};
    cr_assert_eq(posenet_get_ledger(engine, &ledger), POSENET_OK);
    cr_assert(!ledger.bytes_up && !ledger.bytes_down && !ledger.bytes_staged);
    cr_assert(ledger.launches == 1 && ledger.waits == 1);
    posenet_close(&engine);
}

/* The picture in another format, with `gap` bytes behind each row. */
static posenet_image rearrange(const test_picture *p, posenet_format format, int gap, uint8_t *room)
{
    int wide = format == POSENET_FORMAT_RGBA || format == POSENET_FORMAT_BGRA;
    int swapped = format == POSENET_FORMAT_BGR || format == POSENET_FORMAT_BGRA;
    int bytes = wide ? 4 : 3;
    posenet_image image = p->image;
    image.data = room;
    image.format = format;
    image.pitch = gap ? (size_t)(PICTURE_WIDTH * bytes + gap) : 0;
    for (int y = 0; y < PICTURE_HEIGHT; y++)
        for (int x = 0; x < PICTURE_WIDTH; x++) {
            const uint8_t *from = p->pixels + (y * PICTURE_WIDTH + x) * 3;
            uint8_t *to = room + y * (PICTURE_WIDTH * bytes + gap) + x * bytes;
            for (int c = 0; c < 3; c++) to[swapped ? 2 - c : c] = from[c];
            if (wide) to[3] = (uint8_t)x; /* alpha, dropped */
        }
    return image;
}

Test(frames, formats_and_pitches_say_the_same)
{
    static uint8_t room[PICTURE_HEIGHT * (PICTURE_WIDTH * 4 + 16)];
    posenet_settings s = tiny_settings();
    posenet *engine = open_tiny(&s);
    test_picture p;
    posenet_pose want[MAX_POSES], poses[MAX_POSES];
    paint(&p, 5);
    int want_count = answer(&p, want), count;
    for (posenet_format format = POSENET_FORMAT_RGB; format <= POSENET_FORMAT_BGRA; format++)
        for (int gap = 0; gap <= 16; gap += 8) {
            posenet_image image = rearrange(&p, format, gap, room);
            cr_assert_eq(posenet_estimate(engine, &image, 1, NULL, poses, &count), POSENET_OK);
            expect_same(poses, count, want, want_count);
        }
    p.image.flip = 1;
    cr_assert_eq(posenet_estimate(engine, &p.image, 1, NULL, poses, &count), POSENET_OK);
    cr_assert_eq(count, want_count);
    for (int i = 0; i < count; i++)
        for (int k = 0; k < POSENET_PARTS; k++) {
            cr_assert_float_eq(poses[i].keypoints[k].x, PICTURE_WIDTH - 1 - want[i].keypoints[k].x,
                               1e-3f);
            cr_assert_eq(poses[i].keypoints[k].y, want[i].keypoints[k].y);
        }
    posenet_close(&engine);
}

Test(frames, nv12_chroma_lies_below_or_elsewhere)
{
    static uint8_t planes[PICTURE_WIDTH * PICTURE_HEIGHT * 3 / 2];
    posenet_settings s = tiny_settings();
    posenet *engine = open_tiny(&s);
    posenet_pose below[MAX_POSES], apart[MAX_POSES];
    int below_count, apart_count;
    for (size_t i = 0; i < sizeof planes; i++) planes[i] = (uint8_t)(i * i >> 3);
    posenet_image image = {.size = sizeof image,
                           .data = planes,
                           .width = PICTURE_WIDTH,
                           .height = PICTURE_HEIGHT,
                           .format = POSENET_FORMAT_NV12};
    cr_assert_eq(posenet_estimate(engine, &image, 1, NULL, below, &below_count), POSENET_OK);
    image.chroma = planes + (size_t)PICTURE_WIDTH * PICTURE_HEIGHT;
    image.chroma_pitch = PICTURE_WIDTH;
    cr_assert_eq(posenet_estimate(engine, &image, 1, NULL, apart, &apart_count), POSENET_OK);
    expect_same(apart, apart_count, below, below_count);
    posenet_close(&engine);
}

Test(frames, one_handle_takes_every_size_and_keeps_a_few)
{
    static const int sides[] = {33, 513, 65, 2049, 33, 1025, 97, 2049, 49, 33, 257, 97};
    enum { SIDES = sizeof sides / sizeof *sides };
    posenet_settings s = tiny_settings();
    s.max_plans = 3;
    posenet *engine = open_tiny(&s);
    test_picture p;
    posenet_pose first[MAX_POSES], poses[MAX_POSES];
    int first_count = 0, count;
    paint(&p, 5);
    for (int i = 0; i < SIDES; i++) {
        cr_assert_eq(posenet_prepare(engine, sides[i], 33 + sides[i] / 32 * 16, 0), POSENET_OK,
                     "%s", posenet_last_error());
        int width, height, stride, batch;
        cr_assert_eq(posenet_get_input(engine, &width, &height, &stride, &batch), POSENET_OK);
        cr_assert(width == sides[i] && height == 33 + sides[i] / 32 * 16 && stride == 16);
        cr_assert_leq(engine->plan_count, 3);
        cr_assert_eq(posenet_estimate(engine, &p.image, 1, NULL, poses, &count), POSENET_OK);
        if (i == 0) memcpy(first, poses, sizeof first), first_count = count;
        if (sides[i] == 33) expect_same(poses, count, first, first_count);
    }
    cr_assert_eq(engine->plan_count, 3);
    cr_assert_eq(posenet_prepare(engine, 3000, 33, 0), POSENET_ERROR_ARGUMENT);
    int width;
    cr_assert_eq(posenet_get_input(engine, &width, NULL, NULL, NULL), POSENET_OK);
    cr_assert_eq(width, 97, "a failed prepare leaves the plan as it was");
    cr_assert_eq(posenet_estimate(engine, &p.image, 1, NULL, poses, &count), POSENET_OK);
    posenet_close(&engine);
}

/* 256 pictures of 2049x2049 are more numbers than a tensor may have: no kernel ever counts beyond
 * an int. */
Test(frames, a_batch_too_large_for_a_tensor_is_refused)
{
    posenet_settings s = tiny_settings();
    posenet *engine = open_tiny(&s);
    cr_assert_eq(posenet_prepare(engine, 2049, 2049, 256), POSENET_ERROR_UNSUPPORTED);
    cr_assert(strstr(posenet_last_error(), "\"image\" of 256x3x2049x2049 would have more than "
                                           "2147483647 elements"),
              "%s", posenet_last_error());
    int batch;
    cr_assert_eq(posenet_get_input(engine, NULL, NULL, NULL, &batch), POSENET_OK);
    cr_assert_eq(batch, 1, "the plan stays as it was");
    posenet_close(&engine);
}

Test(frames, the_least_recently_used_plan_goes_first)
{
    posenet_settings s = tiny_settings();
    s.max_plans = 2;
    posenet *engine = open_tiny(&s);
    const plan *kept = inside_plan(engine);
    cr_assert_eq(posenet_prepare(engine, 33, 33, 1), POSENET_OK);
    cr_assert_eq(posenet_prepare(engine, SIDE, SIDE, 1), POSENET_OK);
    cr_assert_eq(inside_plan(engine), kept, "the plan is found, not made again");
    cr_assert_eq(posenet_prepare(engine, 65, 65, 1), POSENET_OK);
    cr_assert_eq(posenet_prepare(engine, SIDE, SIDE, 1), POSENET_OK);
    cr_assert_eq(inside_plan(engine), kept);
    posenet_close(&engine);
}

Test(frames, a_file_of_fixed_size_takes_no_other)
{
    posenet_settings s = tiny_settings();
    posenet *engine;
    tiny_spec spec = {.batch = 1, .height = 64, .width = 128};
    cr_assert_eq(try_open(&engine, &spec, &s), POSENET_ERROR_UNSUPPORTED);
    cr_assert(strstr(posenet_last_error(), "the file fixes its input width at 128, not 97"), "%s",
              posenet_last_error());
    s.width = s.height = 0;
    cr_assert_eq(try_open(&engine, &spec, &s), POSENET_OK, "%s", posenet_last_error());
    int width, height, stride, batch;
    cr_assert_eq(posenet_get_input(engine, &width, &height, &stride, &batch), POSENET_OK);
    cr_assert(width == 128 && height == 64 && stride == 16 && batch == 1);
    cr_assert_eq(posenet_prepare(engine, 0, 0, 2), POSENET_ERROR_UNSUPPORTED);
    cr_assert(strstr(posenet_last_error(), "fixes its batch at 1, not 2"), "%s",
              posenet_last_error());
    posenet_close(&engine);
}

enum { THREADS = 3, ROUNDS = 8 };

typedef struct worker {
    pthread_t thread;
    test_picture picture;
    posenet_pose want[MAX_POSES];
    int want_count;
    int wrong;
} worker;

/* Frames, other sizes and failures, on a handle of its own. */
static void *work_alone(void *argument)
{
    worker *w = argument;
    posenet_settings s = tiny_settings();
    posenet *engine = open_tiny(&s);
    for (int i = 0; i < ROUNDS; i++) {
        posenet_pose poses[MAX_POSES];
        int count = -1, bad_width = 3000 + w->want_count * 10 + i;
        w->wrong |=
            posenet_estimate(engine, &w->picture.image, 1, NULL, poses, &count) != POSENET_OK;
        w->wrong |=
            count != w->want_count || memcmp(poses, w->want, (size_t)count * sizeof *poses) != 0;
        char words[64];
        snprintf(words, sizeof words, "an input width of %d is", bad_width);
        w->wrong |= posenet_prepare(engine, bad_width, 33, 0) != POSENET_ERROR_ARGUMENT;
        w->wrong |= !strstr(posenet_last_error(), words);
        w->wrong |= posenet_prepare(engine, 33 + 16 * i, 33, 0) != POSENET_OK;
        w->wrong |= posenet_prepare(engine, SIDE, SIDE, 0) != POSENET_OK;
    }
    posenet_close(&engine);
    return NULL;
}

Test(frames, handles_of_different_threads_do_not_meet)
{
    static worker workers[THREADS];
    for (int i = 0; i < THREADS; i++) {
        paint(&workers[i].picture, (uint32_t)i + 40);
        workers[i].want_count = answer(&workers[i].picture, workers[i].want);
    }
    for (int i = 0; i < THREADS; i++)
        cr_assert_eq(pthread_create(&workers[i].thread, NULL, work_alone, &workers[i]), 0);
    for (int i = 0; i < THREADS; i++) pthread_join(workers[i].thread, NULL);
    for (int i = 0; i < THREADS; i++) cr_assert(!workers[i].wrong, "thread %d", i);
}
