/* Drawn poses: sides in their colours, guesses left out, nothing outside the picture harmed. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "tools/annotate.h"

enum { SIDE = 400, LEFT_SHOULDER = 5, RIGHT_SHOULDER = 6, LEFT_HIP = 11, RIGHT_HIP = 12 };

static image grey_picture(int width, int height)
{
    image picture;
    cr_assert_eq(image_new(width, height, "test", &picture), STATUS_OK);
    memset(picture.pixels, 100, (size_t)width * height * IMAGE_CHANNELS);
    return picture;
}

/* A trunk: the right side of the person at x 100, the left at 300, from y 100 to 300. */
static posenet_pose trunk(float score)
{
    posenet_pose pose = {.score = score};
    pose.keypoints[RIGHT_SHOULDER] = (posenet_keypoint){100, 100, score};
    pose.keypoints[RIGHT_HIP] = (posenet_keypoint){100, 300, score};
    pose.keypoints[LEFT_SHOULDER] = (posenet_keypoint){300, 100, score};
    pose.keypoints[LEFT_HIP] = (posenet_keypoint){300, 300, score};
    return pose;
}

static const uint8_t *at(const image *picture, int x, int y)
{
    return picture->pixels + ((size_t)y * picture->width + x) * IMAGE_CHANNELS;
}

static int untouched(const image *picture)
{
    size_t count = (size_t)picture->width * picture->height * IMAGE_CHANNELS;
    for (size_t i = 0; i < count; i++)
        if (picture->pixels[i] != 100) return 0;
    return 1;
}

Test(annotate, sides_have_their_colours)
{
    image picture = grey_picture(SIDE, SIDE);
    posenet_pose pose = trunk(0.9F);
    cr_assert_eq(annotate(&picture, &pose, 1), STATUS_OK);
    const uint8_t *right = at(&picture, 100, 200), *left = at(&picture, 300, 200);
    const uint8_t *middle = at(&picture, 200, 100), *between = at(&picture, 200, 200);
    cr_assert(left[0] > 200 && left[2] < 100, "left is warm");
    cr_assert(right[2] > 200 && right[0] < 100, "right is cool");
    cr_assert(middle[0] > 200 && middle[1] > 200 && middle[2] > 200, "across is pale");
    cr_assert(between[0] == 100 && between[1] == 100 && between[2] == 100, "the rest stays");
    cr_assert(at(&picture, 200, 75)[0] != 100, "a label above");
    image_free(&picture);
}

Test(annotate, guesses_are_left_out)
{
    image picture = grey_picture(SIDE, SIDE);
    posenet_pose poses[] = {trunk(0.1F), trunk(0.9F)};
    for (int k = 0; k < POSENET_PARTS; k++) poses[1].keypoints[k].score = 0.1F;
    cr_assert_eq(annotate(&picture, poses, 2), STATUS_OK);
    cr_assert(untouched(&picture));
    cr_assert_eq(annotate(&picture, poses, 0), STATUS_OK);
    cr_assert(untouched(&picture));
    image_free(&picture);
}

Test(annotate, any_picture_and_any_point)
{
    static const int sides[] = {1, 2, 47, 48, 300};
    static const float points[] = {-1e30F, -1e6F, -1.0F, 0.0F, 1e6F, 1e30F, INFINITY, -INFINITY};
    for (size_t i = 0; i < sizeof sides / sizeof *sides; i++)
        for (size_t k = 0; k < sizeof points / sizeof *points; k++) {
            image picture = grey_picture(sides[i], sides[i] / 2 + 1);
            posenet_pose pose = trunk(1.0F);
            pose.keypoints[LEFT_HIP].x = points[k];
            pose.keypoints[RIGHT_HIP].y = points[k];
            cr_assert_eq(annotate(&picture, &pose, 1), STATUS_OK, "%s", fail_text());
            image_free(&picture);
        }
}
