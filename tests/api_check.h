/* What the tests of the public interface share: a handle on a tiny model, pictures, answers. */
#ifndef POSENET_TESTS_API_CHECK_H
#define POSENET_TESTS_API_CHECK_H

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "engine/posenet.h"
#include "tests/tiny_model.h"

enum { SIDE = 97, PICTURE_WIDTH = 120, PICTURE_HEIGHT = 90, MAX_POSES = 5 };

static inline posenet_settings tiny_settings(void)
{
    posenet_settings s;
    posenet_default_settings(&s, sizeof s);
    s.normalize = POSENET_NORMALIZE_MOBILENET;
    s.device = POSENET_DEVICE_CPU;
    s.width = s.height = SIDE;
    return s;
}

static inline posenet_status try_open(posenet **engine, const tiny_spec *spec,
                                      const posenet_settings *settings)
{
    size_t size;
    uint8_t *bytes = tiny_model(spec, &size);
    posenet_status code = posenet_open_memory(engine, bytes, size, settings);
    free(bytes);
    return code;
}

static inline posenet *open_tiny(const posenet_settings *settings)
{
    posenet *engine;
    posenet_status code = try_open(&engine, &(tiny_spec){0}, settings);
    cr_assert_eq(code, POSENET_OK, "%s", posenet_last_error());
    return engine;
}

typedef struct test_picture {
    uint8_t pixels[PICTURE_WIDTH * PICTURE_HEIGHT * 3];
    posenet_image image;
} test_picture;

static inline void paint(test_picture *p, uint32_t seed)
{
    for (size_t i = 0; i < sizeof p->pixels; i++) {
        seed = seed * 1664525u + 1013904223u;
        p->pixels[i] = (uint8_t)(seed >> 24);
    }
    p->image = (posenet_image){.size = sizeof p->image,
                               .data = p->pixels,
                               .width = PICTURE_WIDTH,
                               .height = PICTURE_HEIGHT};
}

/* A fresh handle's answer for one picture. */
static inline int answer(const test_picture *p, posenet_pose poses[MAX_POSES])
{
    posenet_settings s = tiny_settings();
    posenet *engine = open_tiny(&s);
    int count = -1;
    cr_assert_eq(posenet_estimate(engine, &p->image, 1, NULL, poses, &count), POSENET_OK);
    posenet_close(&engine);
    cr_assert_gt(count, 0, "the test's pictures must have poses");
    return count;
}

static inline void expect_same(const posenet_pose *got, int got_count, const posenet_pose *want,
                               int want_count)
{
    cr_assert_eq(got_count, want_count);
    cr_assert_eq(memcmp(got, want, (size_t)want_count * sizeof *want), 0);
}

#endif
