/* PNG files of every kind become the RGB they stand for; damaged ones are refused. */
#include <png.h>

#include "tests/image_check.h"

/* `samples` as libpng wants its rows: packed for depths below 8, big-endian for 16. */
typedef struct png_kind {
    int colour, depth, interlaced; /* PNG_COLOR_TYPE_..., bits, 0 or 1 */
    const uint8_t (*palette)[3];
    int palette_count;
    const uint8_t *transparent; /* tRNS of a palette */
    int transparent_count;
    const uint8_t *exif;
    size_t exif_size;
} png_kind;

static void append(png_structp png, png_bytep data, png_size_t size)
{
    file_bytes *out = png_get_io_ptr(png);
    out->bytes = realloc(out->bytes, out->size + size);
    memcpy(out->bytes + out->size, data, size);
    out->size += size;
}

static file_bytes png_file(const uint8_t *samples, size_t row_bytes, int width, int height,
                           const png_kind *kind)
{
    file_bytes out = {0};
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    png_set_write_fn(png, &out, append, NULL);
    png_set_IHDR(png, info, (png_uint_32)width, (png_uint_32)height, kind->depth, kind->colour,
                 kind->interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    if (kind->palette) {
        png_color colours[256];
        for (int i = 0; i < kind->palette_count; i++)
            colours[i] = (png_color){kind->palette[i][0], kind->palette[i][1], kind->palette[i][2]};
        png_set_PLTE(png, info, colours, kind->palette_count);
    }
    if (kind->transparent)
        png_set_tRNS(png, info, (png_bytep)(uintptr_t)kind->transparent, kind->transparent_count,
                     NULL);
    if (kind->exif)
        png_set_eXIf_1(png, info, (png_uint_32)kind->exif_size, (png_bytep)(uintptr_t)kind->exif);
    png_write_info(png, info);
    int passes = png_set_interlace_handling(png);
    for (int pass = 0; pass < passes; pass++)
        for (int y = 0; y < height; y++) png_write_row(png, samples + (size_t)y * row_bytes);
    png_write_end(png, info);
    png_destroy_write_struct(&png, &info);
    return out;
}

Test(image_png, one_pixel)
{
    uint8_t pixel[3] = {10, 200, 90};
    png_kind kind = {.colour = PNG_COLOR_TYPE_RGB, .depth = 8};
    image picture = decoded(png_file(pixel, 3, 1, 1, &kind));
    cr_assert(picture.width == 1 && picture.height == 1);
    expect_pixel(&picture, 0, 0, 10, 200, 90, 0);
    image_free(&picture);
}

/* Where the corner (0, 0) of the stored picture is seen, for each orientation, and its neighbour to
 * the right (1, 0): written down from EXIF's own table of rows and columns. */
Test(image_png, exif_orientations)
{
    static const struct {
        int turned, x0, y0, x1, y1;
    } seen[9] = {{0, 0, 0, 1, 0},         {0, 0, 0, 1, 0},
                 {0, W - 1, 0, W - 2, 0}, {0, W - 1, H - 1, W - 2, H - 1},
                 {0, 0, H - 1, 1, H - 1}, {1, 0, 0, 0, 1},
                 {1, H - 1, 0, H - 1, 1}, {1, H - 1, W - 1, H - 1, W - 2},
                 {1, 0, W - 1, 0, W - 2}};
    uint8_t pixels[W * H * 3], block[EXIF_BYTES];
    gradient(pixels, W, H, 3);
    pixels[0] = 255;
    pixels[3] = 128;
    for (int orientation = 0; orientation <= 9; orientation++) {
        int row = orientation <= 8 ? orientation : 0;
        for (int little = 0; little < 2; little++) {
            exif_block(block, orientation, little);
            png_kind kind = {
                .colour = PNG_COLOR_TYPE_RGB, .depth = 8, .exif = block, .exif_size = EXIF_BYTES};
            image picture = decoded(png_file(pixels, W * 3, W, H, &kind));
            cr_assert_eq(picture.width, seen[row].turned ? H : W);
            cr_assert_eq(picture.height, seen[row].turned ? W : H);
            expect_pixel(&picture, seen[row].x0, seen[row].y0, 255, 0, 200, 0);
            expect_pixel(&picture, seen[row].x1, seen[row].y1, 128, 0, 198, 0);
            image_free(&picture);
        }
    }
}

Test(image_png, exif_blocks_that_lie)
{
    uint8_t block[EXIF_BYTES];
    for (int little = 0; little < 2; little++) {
        exif_block(block, 6, little);
        cr_assert_eq(exif_orientation(block, EXIF_BYTES), 6);
        for (size_t size = 0; size < 20; size++) {
            uint8_t *exact = malloc(size + 1);
            memcpy(exact, block, size);
            cr_assert_eq(exif_orientation(exact, size), 1);
            free(exact);
        }
        for (int at = 0; at < EXIF_BYTES; at++) {
            uint8_t changed[EXIF_BYTES];
            memcpy(changed, block, EXIF_BYTES);
            changed[at] ^= 0xff;
            int orientation = exif_orientation(changed, EXIF_BYTES);
            cr_assert(orientation == 1 || orientation == 6);
        }
    }
}

Test(image_png, interlaced_and_alpha_dropped)
{
    uint8_t pixels[W * H * 4];
    gradient(pixels, W, H, 4); /* the fourth channel varies from 0: blending would show */
    for (int interlaced = 0; interlaced < 2; interlaced++) {
        png_kind kind = {.colour = PNG_COLOR_TYPE_RGBA, .depth = 8, .interlaced = interlaced};
        image picture = decoded(png_file(pixels, W * 4, W, H, &kind));
        for (int y = 0; y < H; y++)
            for (int x = 0; x < W; x++) expect_pixel(&picture, x, y, 4 * x, 4 * y, 200 - 2 * x, 0);
        image_free(&picture);
    }
}

Test(image_png, sixteen_bits_keep_the_high_byte)
{
    static const uint8_t samples[12] = {0x12, 0xff, 0x80, 0x7f, 0xfe, 0x80,
                                        0x00, 0xff, 0xff, 0x00, 0x7f, 0xff};
    image picture = decoded(
        png_file(samples, 12, 2, 1, &(png_kind){.colour = PNG_COLOR_TYPE_RGB, .depth = 16}));
    expect_pixel(&picture, 0, 0, 0x12, 0x80, 0xfe, 0);
    expect_pixel(&picture, 1, 0, 0x00, 0xff, 0x7f, 0);
    image_free(&picture);
    picture = decoded(
        png_file(samples, 8, 2, 1, &(png_kind){.colour = PNG_COLOR_TYPE_GRAY_ALPHA, .depth = 16}));
    expect_pixel(&picture, 0, 0, 0x12, 0x12, 0x12, 0);
    expect_pixel(&picture, 1, 0, 0xfe, 0xfe, 0xfe, 0);
    image_free(&picture);
}

Test(image_png, grey_of_every_depth)
{
    static const uint8_t row[1] = {0xb0}; /* 1011 0000 */
    static const struct {
        int depth, first, second;
    } depths[] = {{1, 255, 0}, {2, 170, 255}, {4, 187, 0}, {8, 0xb0, -1}};
    for (size_t i = 0; i < 4; i++) {
        int width = depths[i].second < 0 ? 1 : 2;
        png_kind kind = {.colour = PNG_COLOR_TYPE_GRAY, .depth = depths[i].depth};
        image picture = decoded(png_file(row, 1, width, 1, &kind));
        int v = depths[i].first;
        expect_pixel(&picture, 0, 0, v, v, v, 0);
        v = depths[i].second;
        if (v >= 0) expect_pixel(&picture, 1, 0, v, v, v, 0);
        image_free(&picture);
    }
}

Test(image_png, palette_with_transparency_ignored)
{
    static const uint8_t palette[3][3] = {{1, 2, 3}, {250, 100, 50}, {7, 8, 9}};
    static const uint8_t transparent[2] = {0, 128}, row[1] = {0x18}; /* 00 01 10 00 */
    png_kind kind = {.colour = PNG_COLOR_TYPE_PALETTE,
                     .depth = 2,
                     .palette = palette,
                     .palette_count = 3,
                     .transparent = transparent,
                     .transparent_count = 2};
    image picture = decoded(png_file(row, 1, 3, 1, &kind));
    for (int x = 0; x < 3; x++)
        expect_pixel(&picture, x, 0, palette[x][0], palette[x][1], palette[x][2], 0);
    image_free(&picture);
}

Test(image_png, truncated_or_changed_anywhere)
{
    uint8_t pixels[W * H * 3];
    gradient(pixels, W, H, 3);
    file_bytes file =
        png_file(pixels, W * 3, W, H, &(png_kind){.colour = PNG_COLOR_TYPE_RGB, .depth = 8});
    for (size_t size = 8; size < file.size; size++) {
        uint8_t *exact = malloc(size);
        memcpy(exact, file.bytes, size);
        expect_refused(exact, size, "truncated PNG");
        free(exact);
    }
    for (size_t at = 8; at < file.size; at++) { /* every byte is under a checksum or a length */
        file.bytes[at] ^= 0x55;
        expect_refused(file.bytes, file.size, "test.jpg");
        file.bytes[at] ^= 0x55;
    }
    free(file.bytes);
}

Test(image_png, sizes_outside_1_to_16384)
{
    uint8_t *row = calloc(16385, 3);
    png_kind kind = {.colour = PNG_COLOR_TYPE_RGB, .depth = 8};
    file_bytes wide = png_file(row, 16385 * 3, 16385, 1, &kind);
    expect_refused(wide.bytes, wide.size, "16385 x 1");
    wide.bytes[18] = wide.bytes[19] = 0;
    expect_refused(wide.bytes, wide.size, "0 x 1");
    memset(wide.bytes + 16, 0xff, 4);
    expect_refused(wide.bytes, wide.size, "4294967295 x 1");
    free(wide.bytes);
    image picture = decoded(png_file(row, 16384 * 3, 16384, 1, &kind));
    cr_assert_eq(picture.width, 16384);
    image_free(&picture);
    free(row);
}

/* A file of some hundred bytes must not make us reserve 800 MB. */
Test(image_png, sizes_that_the_file_cannot_hold)
{
    uint8_t pixels[W * H * 3];
    gradient(pixels, W, H, 3);
    file_bytes file =
        png_file(pixels, W * 3, W, H, &(png_kind){.colour = PNG_COLOR_TYPE_RGB, .depth = 8});
    file.bytes[18] = file.bytes[22] = 0x3e;
    expect_refused(file.bytes, file.size, "cannot hold");
    free(file.bytes);
}
