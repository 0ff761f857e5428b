/* PNG through libpng: palettes, grey, interlacing and 16 bits become 8-bit RGB, alpha is dropped.
 */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <png.h>

#include "tools/image.h"

enum {
    MAX_CHUNK_BYTES = 8 << 20, /* of a decompressed text or profile, which nobody here reads */
    MAX_CHUNKS = 1000,
    DEFLATE_RATIO = 1032, /* one byte of deflate stands for at most this many */
    HEADER_BYTES = 33     /* signature, then IHDR: length, name, 13 bytes, checksum */
};

typedef struct reader {
    png_structp png;
    png_infop info;
    const uint8_t *bytes;
    size_t size, at;
    const char *name;
    image *out;
    png_bytep *rows;
    status result;
} reader;

static void leave(png_structp png, png_const_charp text)
{
    reader *r = png_get_error_ptr(png);
    r->result = fail(STATUS_FILE, "%s: is a damaged or truncated PNG: %s", r->name, text);
    png_longjmp(png, 1);
}

static void warn_nobody(png_structp png, png_const_charp text)
{
    (void)png, (void)text;
}

static void next_bytes(png_structp png, png_bytep to, size_t count)
{
    reader *r = png_get_io_ptr(png);
    if (count > r->size - r->at) png_error(png, "the file ends too early");
    memcpy(to, r->bytes + r->at, count);
    r->at += count;
}

static uint32_t big_endian(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

/* Size and memory are settled before libpng sees the file, so the messages can be ours. */
static status make_room(reader *r)
{
    if (r->size < HEADER_BYTES || memcmp(r->bytes + 12, "IHDR", 4) != 0)
        return fail(STATUS_FILE, "%s: is a damaged or truncated PNG: it has no header", r->name);
    uint32_t width = big_endian(r->bytes + 16), height = big_endian(r->bytes + 20);
    if (width <= IMAGE_LARGEST_SIDE && height <= IMAGE_LARGEST_SIDE &&
        (uint64_t)width * height / 8 > (uint64_t)r->size * DEFLATE_RATIO)
        return fail(STATUS_FILE, "%s: is a truncated PNG: %zu bytes cannot hold %u x %u pixels",
                    r->name, r->size, width, height);
    TRY(image_new(width, height, r->name, r->out));
    r->rows = calloc(height, sizeof *r->rows);
    if (!r->rows) return fail(STATUS_MEMORY, "%s: out of memory", r->name);
    for (uint32_t y = 0; y < height; y++)
        r->rows[y] = r->out->pixels + (size_t)y * width * IMAGE_CHANNELS;
    return STATUS_OK;
}

static void ask_for_rgb(png_structp png, png_infop info)
{
    int colour = png_get_color_type(png, info), depth = png_get_bit_depth(png, info);
    if (colour == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(png);
    if (colour == PNG_COLOR_TYPE_GRAY && depth < 8) png_set_expand_gray_1_2_4_to_8(png);
    if (depth == 16) png_set_strip_16(png);
    if (!(colour & PNG_COLOR_MASK_COLOR)) png_set_gray_to_rgb(png);
    png_set_strip_alpha(png);
}

static int orientation_of(png_structp png, png_infop info)
{
    png_uint_32 size = 0;
    png_bytep exif = NULL;
    if (!png_get_eXIf_1(png, info, &size, &exif)) return 1;
    return exif_orientation(exif, size);
}

/* Everything that libpng may leave by longjmp; what it allocates hangs on `r`. */
static status decode(reader *r)
{
    if (setjmp(png_jmpbuf(r->png))) return r->result;
    png_set_read_fn(r->png, r, next_bytes);
    png_set_user_limits(r->png, IMAGE_LARGEST_SIDE, IMAGE_LARGEST_SIDE);
    png_set_chunk_malloc_max(r->png, MAX_CHUNK_BYTES);
    png_set_chunk_cache_max(r->png, MAX_CHUNKS);
    png_read_info(r->png, r->info);
    ask_for_rgb(r->png, r->info);
    png_set_interlace_handling(r->png);
    png_read_update_info(r->png, r->info);
    if (png_get_rowbytes(r->png, r->info) != (size_t)r->out->width * IMAGE_CHANNELS)
        png_error(r->png, "its pixels do not become RGB");
    png_read_image(r->png, r->rows);
    png_read_end(r->png, r->info);
    return image_orient(r->out, orientation_of(r->png, r->info));
}

status image_decode_png(const uint8_t *bytes, size_t size, const char *name, image *out)
{
    reader r = {.bytes = bytes, .size = size, .name = name, .out = out};
    status result = make_room(&r);
    if (result == STATUS_OK) {
        r.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &r, leave, warn_nobody);
        r.info = r.png ? png_create_info_struct(r.png) : NULL;
        result = r.info ? decode(&r) : fail(STATUS_MEMORY, "%s: out of memory", name);
        png_destroy_read_struct(&r.png, &r.info, NULL);
    }
    free(r.rows);
    if (result != STATUS_OK) image_free(out);
    return result;
}
