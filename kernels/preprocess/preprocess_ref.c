/* The definition of OP_PREPROCESS: letterbox with zeros, bilinear, normalise, in fp32 and in one
 * fixed order of operations. The picture is never mirrored: flip concerns the way back only. */
#include "kernels/element.h"
#include "kernels/preprocess/letterbox.h"
#include "kernels/preprocess/pixel.h"
#include "kernels/rows.h"

enum { COLORS = 3 };

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

static void preprocess(const picture *from, normalization rule, const tensor *y, int image,
                       resize_tap *columns, void *to)
{
    int height = y->dims[AXIS_H], width = y->dims[AXIS_W];
    letterbox box = letterbox_fit(from->width, from->height, width, height, from->flip);
    int padded_width = letterbox_padded_width(&box), padded_height = letterbox_padded_height(&box);
    float ratio_x = (float)padded_width / (float)width;
    float ratio_y = (float)padded_height / (float)height;
    for (int x = 0; x < width; x++) columns[x] = letterbox_tap(x, ratio_x, padded_width);
    int64_t index = (int64_t)image * height * width * COLORS;
    for (int row = 0; row < height; row++) {
        resize_tap down = letterbox_tap(row, ratio_y, padded_height);
        for (int x = 0; x < width; x++) {
            float color[COLORS];
            resize_pixel(from, &box, down, columns[x], color);
            for (int c = 0; c < COLORS; c++)
                element_store(to, y->type, index++, pixel_normalize(rule, c, color[c]));
        }
    }
}

static status enqueue(const work *w, const network *net, const run *r)
{
    const step *s = &net->steps[w->first];
    const tensor *y = &net->tensors[s->output];
    resize_tap *columns = (resize_tap *)(void *)(r->arena + w->workspace);
    for (int image = 0; image < y->dims[AXIS_N]; image++)
        preprocess(&r->pictures[image], s->as.preprocess.normalize, y, image, columns,
                   tensor_at(net, s->output, r));
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
