/* Picture files as such: what is no picture, what cannot be read, what was written. */
#include <stdio.h>
#include <unistd.h>

#include "tests/image_check.h"

Test(image_file, what_is_no_picture_is_named)
{
    static const struct {
        const char *bytes;
        size_t size;
        const char *words;
    } files[] = {{"", 0, "is empty"},
                 {"hello", 5, "neither a JPEG nor a PNG"},
                 {"\xff\xd8", 2, "neither a JPEG nor a PNG"},
                 {"\xff\xd8\xff", 3, "truncated JPEG"},
                 {"\0\0\0\x20"
                  "ftypisom....",
                  16, "a video"},
                 {"\0\0\0\x20"
                  "ftypheic....",
                  16, "a HEIF picture"},
                 {"\x1a\x45\xdf\xa3....", 8, "a video"},
                 {"RIFF....WEBPVP8 ", 16, "a WebP picture"},
                 {"GIF89a....", 10, "a GIF picture"},
                 {"BM........", 10, "a BMP picture"}};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        expect_refused((const uint8_t *)files[i].bytes, files[i].size, files[i].words);
}

Test(image_file, written_and_read_again)
{
    static const char *const endings[] = {".png", ".jpg", ".JPEG"};
    image picture, again;
    cr_assert_eq(image_new(W, H, "test", &picture), STATUS_OK);
    gradient(picture.pixels, W, H, 3);
    for (int i = 0; i < 3; i++) {
        char path[64];
        snprintf(path, sizeof path, "image_test.%ld%s", (long)getpid(), endings[i]);
        cr_assert(image_ending_known(path));
        cr_assert_eq(image_save(path, &picture), STATUS_OK, "%s", fail_text());
        cr_assert_eq(image_load(path, &again), STATUS_OK, "%s", fail_text());
        for (int x = 0; x < W; x++) expect_pixel(&again, x, 9, 4 * x, 36, 200 - 2 * x, i ? 6 : 0);
        image_free(&again);
        remove(path);
    }
    cr_assert_neq(image_save("/nonexistent/a.png", &picture), STATUS_OK);
    cr_assert(strstr(fail_text(), "/nonexistent/a.png"));
    image_free(&picture);
    cr_assert_not(image_ending_known("a.gif"));
}

Test(image_file, files_that_cannot_be_read)
{
    image picture;
    cr_assert_neq(image_load("/nonexistent.jpg", &picture), STATUS_OK);
    cr_assert(strstr(fail_text(), "/nonexistent.jpg: cannot be opened"));
    cr_assert_neq(image_load("/", &picture), STATUS_OK);
    cr_assert(strstr(fail_text(), "/: cannot be read"), "%s", fail_text());
}
