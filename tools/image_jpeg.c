/* JPEG through libjpeg, with its own defaults: slow integer DCT, fancy upsampling. */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

#include <jerror.h>

#include "tools/image.h"

enum {
    MAX_SCANS = 500, /* a progressive file of a few kilobytes can hold enough to stop for hours */
    EXIF_MARKER = JPEG_APP0 + 1
};

/* libjpeg calls back with pointers to the first two members' insides. */
typedef struct reader {
    struct jpeg_decompress_struct jpeg;
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    jmp_buf on_error;
    char text[JMSG_LENGTH_MAX];
    const char *name;
    image *out;
    int orientation;
    uint8_t *cmyk; /* one row */
    status result;
} reader;

/* ---- errors --------------------------------------------------------------------------------- */

static void leave(j_common_ptr jpeg)
{
    reader *r = jpeg->client_data;
    r->errors.format_message(jpeg, r->text);
    r->result = fail(STATUS_FILE, "%s: is a damaged or truncated JPEG: %s", r->name, r->text);
    longjmp(r->on_error, 1);
}

/* Warnings mean that pixels were made up, so they are errors here; these few change no pixel. */
static void warn(j_common_ptr jpeg, int level)
{
    int code = jpeg->err->msg_code;
    if (level >= 0 || code == JWRN_EXTRANEOUS_DATA || code == JWRN_ADOBE_XFORM ||
        code == JWRN_JFIF_MAJOR || code == JWRN_TOO_MUCH_DATA)
        return;
    leave(jpeg);
}

static void print_nothing(j_common_ptr jpeg)
{
    (void)jpeg;
}

static void count_scans(j_common_ptr jpeg)
{
    reader *r = jpeg->client_data;
    if (r->jpeg.input_scan_number <= MAX_SCANS) return;
    r->result = fail(STATUS_FILE, "%s: is a JPEG of more than %d scans", r->name, MAX_SCANS);
    longjmp(r->on_error, 1);
}

/* ---- pixels --------------------------------------------------------------------------------- */

/* Every block of a Huffman-coded JPEG takes a bit at least (and arithmetic coding is not far from
 * it), so a small file cannot make us allocate for a huge picture. */
static status check_plausible(const reader *r, size_t size)
{
    uint64_t blocks =
        (((uint64_t)r->jpeg.image_width + 7) / 8) * (((uint64_t)r->jpeg.image_height + 7) / 8);
    uint64_t bits = (uint64_t)size * 8 * (r->jpeg.arith_code ? 64 : 1);
    if (blocks <= bits) return STATUS_OK;
    return fail(STATUS_FILE, "%s: is a truncated JPEG: %zu bytes cannot hold %u x %u pixels",
                r->name, size, r->jpeg.image_width, r->jpeg.image_height);
}

/* Adobe writes CMYK inverted: 255 is no ink. */
static void row_from_cmyk(const uint8_t *cmyk, int width, int inverted, uint8_t *rgb)
{
    for (int x = 0; x < width; x++, cmyk += 4, rgb += IMAGE_CHANNELS) {
        int black = inverted ? cmyk[3] : 255 - cmyk[3];
        for (int c = 0; c < IMAGE_CHANNELS; c++) {
            int ink = inverted ? cmyk[c] : 255 - cmyk[c];
            rgb[c] = (uint8_t)((ink * black + 127) / 255);
        }
    }
}

static status read_rows(reader *r)
{
    struct jpeg_decompress_struct *jpeg = &r->jpeg;
    int cmyk = jpeg->jpeg_color_space == JCS_CMYK || jpeg->jpeg_color_space == JCS_YCCK;
    jpeg->out_color_space = cmyk ? JCS_CMYK : JCS_RGB;
    TRY(image_new(jpeg->image_width, jpeg->image_height, r->name, r->out));
    if (cmyk && !(r->cmyk = malloc((size_t)r->out->width * 4)))
        return fail(STATUS_MEMORY, "%s: out of memory", r->name);
    jpeg_start_decompress(jpeg);
    while (jpeg->output_scanline < jpeg->output_height) {
        uint8_t *rgb =
            r->out->pixels + (size_t)jpeg->output_scanline * r->out->width * IMAGE_CHANNELS;
        uint8_t *row = cmyk ? r->cmyk : rgb;
        jpeg_read_scanlines(jpeg, &row, 1);
        if (cmyk) row_from_cmyk(r->cmyk, r->out->width, jpeg->saw_Adobe_marker, rgb);
    }
    jpeg_finish_decompress(jpeg);
    return STATUS_OK;
}

static int orientation_of(const struct jpeg_decompress_struct *jpeg)
{
    static const uint8_t exif[6] = {'E', 'x', 'i', 'f', 0, 0};
    for (jpeg_saved_marker_ptr m = jpeg->marker_list; m; m = m->next) {
        if (m->marker != EXIF_MARKER || m->data_length < sizeof exif) continue;
        if (memcmp(m->data, exif, sizeof exif) == 0)
            return exif_orientation(m->data + sizeof exif, m->data_length - sizeof exif);
    }
    return 1;
}

/* Everything that libjpeg may leave by longjmp; what it allocates hangs on `r`. */
static status decode(reader *r, const uint8_t *bytes, size_t size)
{
    if (setjmp(r->on_error)) return r->result;
    jpeg_create_decompress(&r->jpeg);
    r->jpeg.client_data = r;
    r->jpeg.progress = &r->progress;
    jpeg_mem_src(&r->jpeg, bytes, (unsigned long)size);
    jpeg_save_markers(&r->jpeg, EXIF_MARKER, 0xffff);
    jpeg_read_header(&r->jpeg, TRUE);
    TRY(check_plausible(r, size));
    r->orientation = orientation_of(&r->jpeg); /* finishing forgets the markers */
    TRY(read_rows(r));
    return image_orient(r->out, r->orientation);
}

status image_decode_jpeg(const uint8_t *bytes, size_t size, const char *name, image *out)
{
    reader r = {.name = name, .out = out};
    r.jpeg.err = jpeg_std_error(&r.errors);
    r.jpeg.client_data = &r;
    r.errors.error_exit = leave;
    r.errors.emit_message = warn;
    r.errors.output_message = print_nothing;
    r.progress.progress_monitor = count_scans;
    status result = decode(&r, bytes, size);
    jpeg_destroy_decompress(&r.jpeg);
    free(r.cmyk);
    if (result != STATUS_OK) image_free(out);
    return result;
}
