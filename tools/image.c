/* What all picture formats share: reading the file, telling its format, turning it upright. */
#include "tools/image.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_FILE_BYTES = 1 << 30 };

/* ---- the file ------------------------------------------------------------------------------- */

static status read_to_end(FILE *file, const char *path, uint8_t **bytes, size_t *size)
{
    size_t capacity = 1 << 16, used = 0;
    uint8_t *buffer = malloc(capacity);
    if (!buffer) return fail(STATUS_MEMORY, "%s: out of memory", path);
    for (;;) {
        used += fread(buffer + used, 1, capacity - used, file);
        if (used < capacity) break;
        if (capacity >= MAX_FILE_BYTES) {
            free(buffer);
            return fail(STATUS_FILE, "%s: is larger than 1 GiB, too large for a picture", path);
        }
        uint8_t *larger = realloc(buffer, capacity *= 2);
        if (!larger) {
            free(buffer);
            return fail(STATUS_MEMORY, "%s: out of memory for %zu bytes", path, capacity);
        }
        buffer = larger;
    }
    if (ferror(file)) {
        free(buffer);
        return fail(STATUS_FILE, "%s: cannot be read: %s", path, strerror(errno));
    }
    *bytes = buffer;
    *size = used;
    return STATUS_OK;
}

status image_load(const char *path, image *out)
{
    *out = (image){0};
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "rb");
    if (!file) return fail(STATUS_FILE, "%s: cannot be opened: %s", path, strerror(errno));
    uint8_t *bytes = NULL;
    size_t size = 0;
    status result = read_to_end(file, path, &bytes, &size);
    if (file != stdin) fclose(file);
    if (result == STATUS_OK) result = image_decode(bytes, size, path, out);
    free(bytes);
    return result;
}

/* ---- the format ----------------------------------------------------------------------------- */

/* What people hand over by mistake, so that the message can say what it is. */
static const struct {
    size_t at, length;
    const char *bytes, *what;
} strangers[] = {
    {4, 8, "ftypheic", "a HEIF picture"},
    {4, 8, "ftypmif1", "a HEIF picture"},
    {4, 8, "ftypavif", "an AVIF picture"},
    {4, 4, "ftyp", "a video"},
    {0, 4, "\x1a\x45\xdf\xa3", "a video"},
    {8, 4, "AVI ", "a video"},
    {0, 3, "FLV", "a video"},
    {0, 4, "\0\0\1\xba", "a video"},
    {0, 4, "\0\0\1\xb3", "a video"},
    {8, 4, "WEBP", "a WebP picture"},
    {0, 4, "GIF8", "a GIF picture"},
    {0, 4, "II*\0", "a TIFF picture"},
    {0, 4, "MM\0*", "a TIFF picture"},
    {0, 2, "BM", "a BMP picture"},
};

static status refuse(const uint8_t *bytes, size_t size, const char *name)
{
    if (size == 0) return fail(STATUS_FILE, "%s: is empty", name);
    for (size_t i = 0; i < sizeof strangers / sizeof *strangers; i++) {
        size_t end = strangers[i].at + strangers[i].length;
        if (size < end || memcmp(bytes + strangers[i].at, strangers[i].bytes, strangers[i].length))
            continue;
        return fail(STATUS_UNSUPPORTED, "%s: is %s; posenet reads JPEG and PNG pictures", name,
                    strangers[i].what);
    }
    return fail(STATUS_FILE, "%s: is neither a JPEG nor a PNG picture", name);
}

status image_decode(const uint8_t *bytes, size_t size, const char *name, image *out)
{
    static const uint8_t png[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
    *out = (image){0};
    if (size >= 3 && bytes[0] == 0xff && bytes[1] == 0xd8 && bytes[2] == 0xff)
        return image_decode_jpeg(bytes, size, name, out);
    if (size >= sizeof png && memcmp(bytes, png, sizeof png) == 0)
        return image_decode_png(bytes, size, name, out);
    return refuse(bytes, size, name);
}

/* ---- pixels --------------------------------------------------------------------------------- */

status image_new(int64_t width, int64_t height, const char *name, image *out)
{
    *out = (image){0};
    if (width < 1 || height < 1)
        return fail(STATUS_FILE, "%s: says it is %lld x %lld pixels", name, (long long)width,
                    (long long)height);
    if (width > IMAGE_LARGEST_SIDE || height > IMAGE_LARGEST_SIDE)
        return fail(STATUS_UNSUPPORTED, "%s: is %lld x %lld pixels, more than %d a side", name,
                    (long long)width, (long long)height, IMAGE_LARGEST_SIDE);
    size_t bytes = (size_t)width * (size_t)height * IMAGE_CHANNELS;
    uint8_t *pixels = malloc(bytes);
    if (!pixels)
        return fail(STATUS_MEMORY, "%s: out of memory for %zu bytes of pixels", name, bytes);
    *out = (image){.width = (int)width, .height = (int)height, .pixels = pixels};
    return STATUS_OK;
}

void image_free(image *picture)
{
    free(picture->pixels);
    *picture = (image){0};
}

status image_orient(image *picture, int orientation)
{
    if (orientation < 2 || orientation > 8) return STATUS_OK;
    /* EXIF counts eight ways to hold a camera; each is a transpose, then a flip of x, y or both. */
    int transposed = orientation >= 5;
    int flip_x = orientation == 2 || orientation == 3 || orientation == 6 || orientation == 7;
    int flip_y = orientation == 3 || orientation == 4 || orientation == 7 || orientation == 8;
    image upright;
    TRY(image_new(transposed ? picture->height : picture->width,
                  transposed ? picture->width : picture->height, "a rotated picture", &upright));
    for (int y = 0; y < upright.height; y++) {
        uint8_t *to = upright.pixels + (size_t)y * upright.width * IMAGE_CHANNELS;
        int row = flip_y ? upright.height - 1 - y : y;
        for (int x = 0; x < upright.width; x++, to += IMAGE_CHANNELS) {
            int column = flip_x ? upright.width - 1 - x : x;
            size_t from = transposed ? (size_t)column * picture->width + row
                                     : (size_t)row * picture->width + column;
            memcpy(to, picture->pixels + from * IMAGE_CHANNELS, IMAGE_CHANNELS);
        }
    }
    image_free(picture);
    *picture = upright;
    return STATUS_OK;
}
