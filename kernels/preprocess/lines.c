/* Lines of the network's input from the pixels of a picture. */
#include "kernels/preprocess/lines.h"

#include "kernels/element.h"
#include "kernels/preprocess/pixel.h"

/* The pixel at (x, y) of the padded picture: black outside the source. */
static void load_padded(const picture *from, const letterbox *box, int x, int y,
                        float color[PREPROCESS_COLORS])
{
    x -= box->left;
    y -= box->top;
    color[0] = color[1] = color[2] = 0;
    if (x < 0 || y < 0 || x >= from->width || y >= from->height) return;
    pixel p = pixel_load(from, x, y);
    color[0] = p.red;
    color[1] = p.green;
    color[2] = p.blue;
}

static void resize_pixel(const picture *from, const letterbox *box, resize_tap down,
                         resize_tap across, float color[PREPROCESS_COLORS])
{
    float top_left[PREPROCESS_COLORS], top_right[PREPROCESS_COLORS], bottom_left[PREPROCESS_COLORS],
        bottom_right[PREPROCESS_COLORS];
    load_padded(from, box, across.lower, down.lower, top_left);
    load_padded(from, box, across.upper, down.lower, top_right);
    load_padded(from, box, across.lower, down.upper, bottom_left);
    load_padded(from, box, across.upper, down.upper, bottom_right);
    for (int c = 0; c < PREPROCESS_COLORS; c++) {
        float top = letterbox_blend(top_left[c], top_right[c], across.fraction);
        float bottom = letterbox_blend(bottom_left[c], bottom_right[c], across.fraction);
        color[c] = letterbox_blend(top, bottom, down.fraction);
    }
}

void preprocess_columns(const letterbox *box, resize_tap *columns)
{
    int padded = letterbox_padded_width(box);
    float ratio = (float)padded / (float)box->input_width;
    for (int x = 0; x < box->input_width; x++) columns[x] = letterbox_tap(x, ratio, padded);
}

void preprocess_lines(const preprocess_job *job, int first, int end)
{
    const letterbox *box = &job->box;
    int padded = letterbox_padded_height(box);
    float ratio = (float)padded / (float)box->input_height;
    int64_t index = (int64_t)first * box->input_width * PREPROCESS_COLORS;
    for (int line = first; line < end; line++) {
        resize_tap down = letterbox_tap(line, ratio, padded);
        for (int x = 0; x < box->input_width; x++) {
            float color[PREPROCESS_COLORS];
            resize_pixel(job->from, box, down, job->columns[x], color);
            for (int c = 0; c < PREPROCESS_COLORS; c++) {
                float value = pixel_normalize(job->normalize, c, color[c]);
                element_store(job->to, job->type, index++, value);
            }
        }
    }
}
