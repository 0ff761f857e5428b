/* JPEG files of every kind become the RGB they stand for; damaged ones are refused. */
#include <stdio.h>

#include <jpeglib.h>

#include "tests/image_check.h"

/* What a JPEG is made from; `pixels` is width x height x components: 3 components are RGB (stored
 * as YCbCr), 1 grey, 4 CMYK (255 is full ink; `adobe` stores it inverted with Adobe's marker,
 * `ycck` as YCCK). */
typedef struct jpeg_kind {
    int components, adobe, ycck, progressive;
    const uint8_t *exif; /* written as APP1 after "Exif\0\0"; NULL: none */
    size_t exif_size;
} jpeg_kind;

static file_bytes jpeg_file(const uint8_t *pixels, int width, int height, const jpeg_kind *kind)
{
    static const uint8_t marker[6] = {'E', 'x', 'i', 'f', 0, 0};
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    file_bytes out = {0};
    unsigned char *bytes = NULL;
    unsigned long size = 0;
    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_compress(&jpeg);
    jpeg_mem_dest(&jpeg, &bytes, &size);
    jpeg.image_width = (JDIMENSION)width;
    jpeg.image_height = (JDIMENSION)height;
    jpeg.input_components = kind->components;
    jpeg.in_color_space = kind->components == 1   ? JCS_GRAYSCALE
                          : kind->components == 3 ? JCS_RGB
                                                  : JCS_CMYK;
    jpeg_set_defaults(&jpeg);
    jpeg_set_quality(&jpeg, 100, TRUE);
    if (kind->components == 4) jpeg_set_colorspace(&jpeg, kind->ycck ? JCS_YCCK : JCS_CMYK);
    jpeg.comp_info[0].h_samp_factor = jpeg.comp_info[0].v_samp_factor = 1;
    if (kind->components == 4) {
        jpeg.comp_info[3].h_samp_factor = jpeg.comp_info[3].v_samp_factor = 1;
        jpeg.write_Adobe_marker = kind->adobe || kind->ycck;
    }
    if (kind->progressive) jpeg_simple_progression(&jpeg);
    jpeg_start_compress(&jpeg, TRUE);
    if (kind->exif) {
        uint8_t block[256];
        memcpy(block, marker, sizeof marker);
        memcpy(block + sizeof marker, kind->exif, kind->exif_size);
        jpeg_write_marker(&jpeg, JPEG_APP0 + 1, block, (unsigned)(sizeof marker + kind->exif_size));
    }
    int row_bytes = width * kind->components;
    uint8_t *row = malloc((size_t)row_bytes);
    for (int y = 0; y < height; y++) {
        for (int i = 0; i < row_bytes; i++) {
            uint8_t sample = pixels[(size_t)y * row_bytes + i];
            row[i] = jpeg.write_Adobe_marker && kind->components == 4 ? 255 - sample : sample;
        }
        jpeg_write_scanlines(&jpeg, &row, 1);
    }
    free(row);
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
    out.bytes = bytes;
    out.size = size;
    return out;
}

Test(image_jpeg, one_pixel)
{
    uint8_t pixel[3] = {10, 200, 90};
    image picture = decoded(jpeg_file(pixel, 1, 1, &(jpeg_kind){.components = 3}));
    cr_assert(picture.width == 1 && picture.height == 1);
    expect_pixel(&picture, 0, 0, 10, 200, 90, 4);
    image_free(&picture);
}

/* Ends up as tall as it was wide, the corner where EXIF says: the PNG test has every orientation.
 */
Test(image_jpeg, exif_is_found)
{
    uint8_t pixels[W * H * 3], block[EXIF_BYTES];
    memset(pixels, 20, sizeof pixels);
    for (int y = 0; y < 8; y++) memset(pixels + (size_t)y * W * 3, 220, 8 * 3);
    exif_block(block, 6, 1);
    jpeg_kind kind = {.components = 3, .exif = block, .exif_size = EXIF_BYTES};
    image picture = decoded(jpeg_file(pixels, W, H, &kind));
    cr_assert(picture.width == H && picture.height == W);
    expect_pixel(&picture, H - 3, 2, 220, 220, 220, 4);
    expect_pixel(&picture, 3, 2, 20, 20, 20, 4);
    image_free(&picture);
}

Test(image_jpeg, rgb_baseline_and_progressive)
{
    uint8_t pixels[W * H * 3];
    gradient(pixels, W, H, 3);
    for (int progressive = 0; progressive < 2; progressive++) {
        image picture = decoded(
            jpeg_file(pixels, W, H, &(jpeg_kind){.components = 3, .progressive = progressive}));
        cr_assert(picture.width == W && picture.height == H);
        for (int y = 0; y < H; y++)
            for (int x = 0; x < W; x++) expect_pixel(&picture, x, y, 4 * x, 4 * y, 200 - 2 * x, 3);
        image_free(&picture);
    }
}

Test(image_jpeg, grey)
{
    uint8_t pixels[W * H];
    gradient(pixels, W, H, 1);
    image picture = decoded(jpeg_file(pixels, W, H, &(jpeg_kind){.components = 1}));
    for (int x = 0; x < W; x++) expect_pixel(&picture, x, 5, 4 * x, 4 * x, 4 * x, 2);
    image_free(&picture);
}

/* Ink c, m, y, k of 255 gives light (255-c)(255-k)/255, however the file stores it. */
Test(image_jpeg, cmyk_plain_adobe_and_ycck)
{
    static const jpeg_kind kinds[] = {
        {.components = 4}, {.components = 4, .adobe = 1}, {.components = 4, .ycck = 1}};
    uint8_t pixels[W * H * 4];
    gradient(pixels, W, H, 4);
    for (size_t i = 0; i < 3; i++) {
        image picture = decoded(jpeg_file(pixels, W, H, &kinds[i]));
        for (int y = 0; y < H; y++)
            for (int x = 0; x < W; x++) {
                int light = 255 - 3 * y;
                expect_pixel(&picture, x, y, (255 - 4 * x) * light / 255,
                             (255 - 4 * y) * light / 255, (55 + 2 * x) * light / 255, 5);
            }
        image_free(&picture);
    }
}

Test(image_jpeg, truncated_anywhere)
{
    uint8_t pixels[W * H * 3];
    gradient(pixels, W, H, 3);
    for (int progressive = 0; progressive < 2; progressive++) {
        file_bytes file =
            jpeg_file(pixels, W, H, &(jpeg_kind){.components = 3, .progressive = progressive});
        for (size_t size = 3; size < file.size; size++) {
            uint8_t *exact = malloc(size);
            memcpy(exact, file.bytes, size);
            expect_refused(exact, size, "truncated JPEG");
            free(exact);
        }
        free(file.bytes);
    }
}

Test(image_jpeg, more_than_16384_a_side)
{
    uint8_t *row = calloc(16385, 3);
    file_bytes wide = jpeg_file(row, 16385, 1, &(jpeg_kind){.components = 3});
    expect_refused(wide.bytes, wide.size, "16385 x 1");
    free(wide.bytes);
    free(row);
}

/* A file of some hundred bytes must not make us reserve 800 MB. */
Test(image_jpeg, sizes_that_the_file_cannot_hold)
{
    uint8_t pixels[W * H * 3];
    gradient(pixels, W, H, 3);
    file_bytes file = jpeg_file(pixels, W, H, &(jpeg_kind){.components = 3});
    uint8_t *frame = file.bytes; /* the start-of-frame marker: length, precision, height, width */
    while (frame[0] != 0xff || frame[1] != 0xc0) frame++;
    frame[5] = frame[7] = 0x3e;
    expect_refused(file.bytes, file.size, "cannot hold");
    free(file.bytes);
}
