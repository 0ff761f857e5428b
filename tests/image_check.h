/* What the picture tests share: a picture whose pixels all differ, expectations, EXIF blocks. */
#ifndef POSENET_TESTS_IMAGE_CHECK_H
#define POSENET_TESTS_IMAGE_CHECK_H

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "tools/image.h"

/* A picture file in memory; free the bytes. */
typedef struct file_bytes {
    uint8_t *bytes;
    size_t size;
} file_bytes;

enum { W = 40, H = 24, EXIF_BYTES = 26 };

static inline image decoded(file_bytes file)
{
    image picture;
    status result = image_decode(file.bytes, file.size, "test", &picture);
    cr_assert_eq(result, STATUS_OK, "%s", fail_text());
    free(file.bytes);
    return picture;
}

static inline void expect_pixel(const image *picture, int x, int y, int r, int g, int b, int within)
{
    const uint8_t *p = picture->pixels + ((size_t)y * picture->width + x) * 3;
    cr_assert(abs(p[0] - r) <= within && abs(p[1] - g) <= within && abs(p[2] - b) <= within,
              "pixel %d,%d is %d %d %d for %d %d %d", x, y, p[0], p[1], p[2], r, g, b);
}

/* Refused with one sentence that begins with the name and holds `words`, and nothing kept. */
static inline void expect_refused(const uint8_t *bytes, size_t size, const char *words)
{
    image picture = {.width = 7};
    fail_clear();
    cr_assert_neq(image_decode(bytes, size, "test.jpg", &picture), STATUS_OK);
    cr_assert_null(picture.pixels);
    cr_assert(strncmp(fail_text(), "test.jpg: ", 10) == 0, "%s", fail_text());
    cr_assert_null(strchr(fail_text(), '\n'));
    cr_assert(strstr(fail_text(), words), "\"%s\" lacks \"%s\"", fail_text(), words);
}

/* A picture whose every pixel differs, smooth enough for JPEG. */
static inline void gradient(uint8_t *pixels, int width, int height, int channels)
{
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            for (int c = 0; c < channels; c++)
                pixels[((size_t)y * width + x) * channels + c] = (uint8_t)(c == 0   ? 4 * x
                                                                           : c == 1 ? 4 * y
                                                                           : c == 2 ? 200 - 2 * x
                                                                                    : 3 * y);
}

/* An EXIF block that states nothing but the orientation, in either byte order. */
static inline void exif_block(uint8_t block[EXIF_BYTES], int orientation, int little_endian)
{
    /* Header, directory at 8, one entry: tag 0x0112, SHORT, one, the value; no next directory. */
    static const uint8_t big[EXIF_BYTES] = {'M', 'M', 0, 42, 0, 0, 0, 8, 0, 1, 0x01, 0x12, 0,
                                            3,   0,   0, 0,  1, 0, 0, 0, 0, 0, 0,    0,    0};
    static const uint8_t little[EXIF_BYTES] = {'I', 'I', 42, 0, 8, 0, 0, 0, 1, 0, 0x12, 0x01, 3,
                                               0,   1,   0,  0, 0, 0, 0, 0, 0, 0, 0,    0,    0};
    memcpy(block, little_endian ? little : big, EXIF_BYTES);
    block[little_endian ? 18 : 19] = (uint8_t)orientation;
}

#endif
