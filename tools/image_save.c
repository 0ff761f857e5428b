/* Pictures to files: PNG by libpng's simple interface, JPEG by libjpeg. */
#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <jpeglib.h>
#include <png.h>

#include "tools/image.h"
#include "tools/outputs.h"

enum { JPEG_QUALITY = 92 };

static int ends_with(const char *path, const char *ending)
{
    size_t length = strlen(path), tail = strlen(ending);
    return length >= tail && strcasecmp(path + length - tail, ending) == 0;
}

static int is_jpeg(const char *path)
{
    return ends_with(path, ".jpg") || ends_with(path, ".jpeg");
}

int image_ending_known(const char *path)
{
    return ends_with(path, ".png") || is_jpeg(path);
}

/* ---- PNG ------------------------------------------------------------------------------------ */

static status write_png(FILE *file, const char *path, const image *picture)
{
    png_image png = {.version = PNG_IMAGE_VERSION,
                     .width = (png_uint_32)picture->width,
                     .height = (png_uint_32)picture->height,
                     .format = PNG_FORMAT_RGB};
    if (png_image_write_to_stdio(&png, file, 0, picture->pixels, 0, NULL)) return STATUS_OK;
    return fail(STATUS_FILE, "%s: cannot be written: %s", path, png.message);
}

/* ---- JPEG ----------------------------------------------------------------------------------- */

typedef struct writer {
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    jmp_buf on_error;
    const char *path;
    status result;
} writer;

static void leave(j_common_ptr jpeg)
{
    writer *w = jpeg->client_data;
    char text[JMSG_LENGTH_MAX];
    w->errors.format_message(jpeg, text);
    w->result = fail(STATUS_FILE, "%s: cannot be written: %s", w->path, text);
    longjmp(w->on_error, 1);
}

static void print_nothing(j_common_ptr jpeg)
{
    (void)jpeg;
}

static status compress(writer *w, FILE *file, const image *picture)
{
    if (setjmp(w->on_error)) return w->result;
    jpeg_create_compress(&w->jpeg);
    jpeg_stdio_dest(&w->jpeg, file);
    w->jpeg.image_width = (JDIMENSION)picture->width;
    w->jpeg.image_height = (JDIMENSION)picture->height;
    w->jpeg.input_components = IMAGE_CHANNELS;
    w->jpeg.in_color_space = JCS_RGB;
    jpeg_set_defaults(&w->jpeg);
    jpeg_set_quality(&w->jpeg, JPEG_QUALITY, TRUE);
    /* Full colour resolution: thin coloured lines smear otherwise. */
    w->jpeg.comp_info[0].h_samp_factor = w->jpeg.comp_info[0].v_samp_factor = 1;
    jpeg_start_compress(&w->jpeg, TRUE);
    while (w->jpeg.next_scanline < w->jpeg.image_height) {
        JSAMPROW row =
            picture->pixels + (size_t)w->jpeg.next_scanline * picture->width * IMAGE_CHANNELS;
        jpeg_write_scanlines(&w->jpeg, &row, 1);
    }
    jpeg_finish_compress(&w->jpeg);
    return STATUS_OK;
}

static status write_jpeg(FILE *file, const char *path, const image *picture)
{
    writer w = {.path = path};
    w.jpeg.err = jpeg_std_error(&w.errors);
    w.jpeg.client_data = &w;
    w.errors.error_exit = leave;
    w.errors.output_message = print_nothing;
    status result = compress(&w, file, picture);
    jpeg_destroy_compress(&w.jpeg);
    return result;
}

status image_save(const char *path, const image *picture)
{
    FILE *file;
    TRY(output_open(path, &file));
    return output_close(file, path,
                        is_jpeg(path) ? write_jpeg(file, path, picture)
                                      : write_png(file, path, picture));
}
