/* The definition of OP_PREPROCESS: letterbox with zeros, bilinear, normalise, in fp32 and in one
 * fixed order of operations. The picture is never mirrored: flip concerns the way back only. */
#include "kernels/element.h"
#include "kernels/preprocess/letterbox.h"
#include "kernels/preprocess/pixel.h"
#include "kernels/rows.h"

enum { COLORS = 3 };

/* The pixel at (x, y) of the padded picture: black outside the source. */
static void load_padded(const picture *from, const letterbox *box, int x, int y,
                        float color[COLORS])
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
                         resize_tap across, float color[COLORS])
{
    float top_left[COLORS], top_right[COLORS], bottom_left[COLORS], bottom_right[COLORS];
    load_padded(from, box, across.lower, down.lower, top_left);
    load_padded(from, box, across.upper, down.lower, top_right);
    load_padded(from, box, across.lower, down.upper, bottom_left);
    load_padded(from, box, across.upper, down.upper, bottom_right);
    for (int c = 0; c < COLORS; c++) {
        float top = letterbox_blend(top_left[c], top_right[c], across.fraction);
        float bottom = letterbox_blend(bottom_left[c], bottom_right[c], across.fraction);
        color[c] = letterbox_blend(top, bottom, down.fraction);
    }
}

static int covers(const network *net, int first, precision precision)
{
    const step *s = &net->steps[first];
    (void)precision;
    return s->op == OP_PREPROCESS && net->tensors[s->output].dims[AXIS_C] == COLORS;
}

/* The workspace holds the taps of every column, worked out once a picture. */
static status prepare(const prepare_context *context, const network *net, work *w)
{
    (void)context;
    const tensor *y = &net->tensors[net->steps[w->first].output];
    w->workspace_bytes = (size_t)y->dims[AXIS_W] * sizeof(resize_tap);
    return STATUS_OK;
}

/* One picture into `to`, [input_height][input_width][COLORS] of `type`. */
static void fill_picture(const picture *from, const letterbox *box, normalization normalize,
                         resize_tap *columns, void *to, element_type type)
{
    int padded_width = letterbox_padded_width(box), padded_height = letterbox_padded_height(box);
    float across = (float)padded_width / (float)box->input_width;
    float along = (float)padded_height / (float)box->input_height;
    int64_t index = 0;
    for (int x = 0; x < box->input_width; x++) columns[x] = letterbox_tap(x, across, padded_width);
    for (int line = 0; line < box->input_height; line++) {
        resize_tap down = letterbox_tap(line, along, padded_height);
        for (int x = 0; x < box->input_width; x++) {
            float color[COLORS];
            resize_pixel(from, box, down, columns[x], color);
            for (int c = 0; c < COLORS; c++)
                element_store(to, type, index++, pixel_normalize(normalize, c, color[c]));
        }
    }
}

static status enqueue(const work *w, const network *net, const run *r)
{
    const step *s = &net->steps[w->first];
    const tensor *y = &net->tensors[s->output];
    size_t bytes = tensor_bytes(y) / (size_t)y->dims[AXIS_N];
    unsigned char *to = tensor_at(net, s->output, r);
    resize_tap *columns = (resize_tap *)(void *)(r->arena + w->workspace);
    for (int image = 0; image < y->dims[AXIS_N]; image++) {
        const picture *from = &r->pictures[image];
        letterbox box =
            letterbox_fit(from->width, from->height, y->dims[AXIS_W], y->dims[AXIS_H], from->flip);
        fill_picture(from, &box, s->as.preprocess.normalize, columns, to + (size_t)image * bytes,
                     y->type);
    }
    return STATUS_OK;
}

const row preprocess_ref = {
    .name = "preprocess_ref",
    .device = DEVICE_REF,
    .covers = covers,
    .prepare = prepare,
    .enqueue = enqueue,
    .limit_because = "it is the definition",
};
