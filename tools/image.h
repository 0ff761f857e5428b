/* Pictures from files: JPEG and PNG in, 8-bit RGB out, upright.
 *
 *   image picture = {0};
 *   TRY(image_load("photo.jpg", &picture));
 *   ... picture.pixels, 3 * picture.width bytes a row ...
 *   image_free(&picture);
 *
 * The format is told by the content, never by the name's ending. JPEG pixels are libjpeg's defaults
 * (islow, fancy upsampling): with another decoder poses move. Alpha is dropped, not blended; of 16
 * bits the high byte stays; grey and CMYK become RGB; EXIF's orientation is applied.
 */
#ifndef POSENET_TOOLS_IMAGE_H
#define POSENET_TOOLS_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#include "kernels/status.h"

enum { IMAGE_LARGEST_SIDE = 16384, IMAGE_CHANNELS = 3 };

typedef struct image {
    int width, height;
    uint8_t *pixels; /* RGB rows from the top, tightly packed; on the heap */
} image;

/* Reads the picture at `path`, "-": from stdin. Failures name the path; *out stays empty. */
status image_load(const char *path, image *out) STATUS_MUST_CHECK;

/* The same from `size` bytes in memory; `name` is what messages call it. */
status image_decode(const uint8_t *bytes, size_t size, const char *name,
                    image *out) STATUS_MUST_CHECK;

/* Pixels for width x height (both 1..IMAGE_LARGEST_SIDE, else refused), not yet written. */
status image_new(int64_t width, int64_t height, const char *name, image *out) STATUS_MUST_CHECK;

/* Turns the picture upright from EXIF orientation 1..8; anything else leaves it as it is. */
status image_orient(image *picture, int orientation) STATUS_MUST_CHECK;

void image_free(image *picture);

/* Writes a PNG, or a JPEG (quality 92) if the name ends in .jpg or .jpeg. */
status image_save(const char *path, const image *picture) STATUS_MUST_CHECK;

/* 1 if image_save knows the name's ending. */
int image_ending_known(const char *path);

/* ---- the formats, each in its own file; called by image_decode
 * -----------------------------------
 */

status image_decode_jpeg(const uint8_t *bytes, size_t size, const char *name,
                         image *out) STATUS_MUST_CHECK;
status image_decode_png(const uint8_t *bytes, size_t size, const char *name,
                        image *out) STATUS_MUST_CHECK;

/* The orientation that an EXIF block (a TIFF header and what follows) states, 1 if none. */
int exif_orientation(const uint8_t *bytes, size_t size);

#endif
