/* OP_PREPROCESS in fp32 on all cores, with the bits of preprocess_ref: the same operations in the
 * same order, but a line of the picture is blended across once for all output rows that read it.
 *
 *   fetch    the pixels that the columns read, packed into words: the only loads at odd places
 *   across   words -> a plane of floats for each color
 *   down     two such lines -> an output row, still in planes, then woven together
 *
 * All after the first is plain vectors. */
#include <string.h>

#include "kernels/preprocess/letterbox.h"
#include "kernels/preprocess/pixel.h"
#include "kernels/rows.h"
#include "kernels/threaded.h"
#include "kernels/threads.h"

/* Output rows that a thread takes at a time: neighbours share lines of a picture that grows. */
enum { COLORS = 3, NEIGHBOURS = 2, ROWS_AT_A_TIME = 8 };

/* One of the two neighbours that each column blends: its x in the picture. Those of the columns
 * outside first..end-1 lie in the padding, left and right. */
typedef struct side {
    int *x;
    int first, end;
} side;

typedef struct picture_task {
    const picture *from;
    letterbox box;
    normalization rule;
    int width, height; /* of the output */
    float *to;
    side side[NEIGHBOURS];
    float *fraction;      /* of each column */
    unsigned char *lanes; /* of each thread */
    size_t lane_bytes;
} picture_task;

/* What a thread works with: two lines of the picture, blended across, and the output row that they
 * make. */
typedef struct lane {
    int line[NEIGHBOURS]; /* which they are; OUTSIDE: in the padding; NO_LINE: none yet */
    float *plane[NEIGHBOURS][COLORS];
    float *blended[COLORS];
    uint32_t *word[NEIGHBOURS];
} lane;

enum { OUTSIDE = -1, NO_LINE = -2 };

/* Elements from one array of `width` to the next: whole cache lines. */
static size_t array_stride(int width)
{
    return ((size_t)width + 15) / 16 * 16;
}

static int covers(const network *net, int first, precision precision)
{
    const step *s = &net->steps[first];
    if (s->op != OP_PREPROCESS || precision != PRECISION_FP32) return 0;
    const tensor *y = &net->tensors[s->output];
    return y->dims[AXIS_C] == COLORS && y->type == TYPE_FP32;
}

static size_t table_bytes(int width)
{
    return (NEIGHBOURS * sizeof(int) + sizeof(float)) * array_stride(width);
}

static size_t lane_bytes(int width)
{
    size_t floats = (NEIGHBOURS + 1) * COLORS, words = NEIGHBOURS;
    return (floats * sizeof(float) + words * sizeof(uint32_t)) * array_stride(width);
}

static status prepare(const prepare_context *context, const network *net, work *w)
{
    const int *dims = net->tensors[net->steps[w->first].output].dims;
    TRY(threaded_prepare(context, (dims[AXIS_H] + ROWS_AT_A_TIME - 1) / ROWS_AT_A_TIME, w));
    w->workspace_bytes =
        table_bytes(dims[AXIS_W]) + (size_t)threaded_count(w) * lane_bytes(dims[AXIS_W]);
    return STATUS_OK;
}

/* ---- fetch ----------------------------------------------------------------------------------- */

static inline uint32_t load_3_bytes(const uint8_t *at)
{
    return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16;
}

static inline uint32_t load_4_bytes(const uint8_t *at)
{
    return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

/* The fourth byte is the next pixel's and is not looked at; a line's last pixel has none. */
static void fetch_3_bytes(const uint8_t *line, int width, const int *restrict x, int first, int end,
                          uint32_t *restrict word)
{
    int whole = end;
    while (whole > first && x[whole - 1] == width - 1) whole--;
    for (int i = first; i < whole; i++) word[i] = load_4_bytes(line + 3 * (int64_t)x[i]);
    for (int i = whole; i < end; i++) word[i] = load_3_bytes(line + 3 * (int64_t)x[i]);
}

static void fetch_4_bytes(const uint8_t *line, const int *restrict x, int first, int end,
                          uint32_t *restrict word)
{
    for (int i = first; i < end; i++) word[i] = load_4_bytes(line + 4 * (int64_t)x[i]);
}

static void fetch_nv12(const uint8_t *line, const uint8_t *chroma, const int *restrict x, int first,
                       int end, uint32_t *restrict word)
{
    for (int i = first; i < end; i++) {
        const uint8_t *uv = chroma + x[i] / 2 * 2;
        word[i] = line[x[i]] | (uint32_t)uv[0] << 8 | (uint32_t)uv[1] << 16;
    }
    for (int i = first; i < end; i++) {
        int luma = word[i] & 255, u = word[i] >> 8 & 255, v = word[i] >> 16 & 255;
        pixel p = pixel_from_yuv(luma, u, v);
        word[i] = p.red | (uint32_t)p.green << 8 | (uint32_t)p.blue << 16;
    }
}

static void fetch(const picture *from, int y, const side *s, int width, uint32_t *word)
{
    const uint8_t *line = from->data + y * from->pitch;
    memset(word, 0, (size_t)s->first * sizeof *word);
    memset(word + s->end, 0, (size_t)(width - s->end) * sizeof *word);
    switch (from->format) {
    case PIXEL_RGB:
    case PIXEL_BGR: fetch_3_bytes(line, from->width, s->x, s->first, s->end, word); break;
    case PIXEL_RGBA:
    case PIXEL_BGRA: fetch_4_bytes(line, s->x, s->first, s->end, word); break;
    case PIXEL_NV12:
        fetch_nv12(line, from->chroma + y / 2 * from->chroma_pitch, s->x, s->first, s->end, word);
        break;
    }
}

/* ---- across, down ---------------------------------------------------------------------------- */

static void blend_across(const uint32_t *restrict left, const uint32_t *restrict right,
                         const float *restrict fraction, int shift, int width, float *restrict to)
{
    for (int i = 0; i < width; i++)
        to[i] = letterbox_blend((float)(int)(left[i] >> shift & 255),
                                (float)(int)(right[i] >> shift & 255), fraction[i]);
}

/* The slot of the lane that holds line `y` of the picture; not slot `busy`, if it has to be filled.
 */
static int hold_line(const picture_task *t, lane *l, int y, int busy)
{
    if (y < 0 || y >= t->from->height) y = OUTSIDE;
    for (int i = 0; i < NEIGHBOURS; i++)
        if (l->line[i] == y) return i;
    int slot = busy == 0 ? 1 : 0;
    l->line[slot] = y;
    if (y == OUTSIDE) {
        for (int c = 0; c < COLORS; c++)
            memset(l->plane[slot][c], 0, (size_t)t->width * sizeof(float));
        return slot;
    }
    for (int i = 0; i < NEIGHBOURS; i++) fetch(t->from, y, &t->side[i], t->width, l->word[i]);
    int swapped = t->from->format == PIXEL_BGR || t->from->format == PIXEL_BGRA;
    for (int c = 0; c < COLORS; c++)
        blend_across(l->word[0], l->word[1], t->fraction, 8 * (swapped ? COLORS - 1 - c : c),
                     t->width, l->plane[slot][c]);
    return slot;
}

static void blend_down(const float *restrict above, const float *restrict below, float fraction,
                       normalization rule, int channel, int width, float *restrict to)
{
    for (int i = 0; i < width; i++)
        to[i] = pixel_normalize(rule, channel, letterbox_blend(above[i], below[i], fraction));
}

static void interleave(float *const plane[COLORS], int width, float *restrict to)
{
    const float *restrict red = plane[0], *restrict green = plane[1], *restrict blue = plane[2];
    for (int i = 0; i < width; i++) {
        to[COLORS * i] = red[i];
        to[COLORS * i + 1] = green[i];
        to[COLORS * i + 2] = blue[i];
    }
}

static void compute_row(const picture_task *t, lane *l, resize_tap tap, float *to)
{
    int above = hold_line(t, l, tap.lower - t->box.top, -1);
    int below = hold_line(t, l, tap.upper - t->box.top, above);
    for (int c = 0; c < COLORS; c++)
        blend_down(l->plane[above][c], l->plane[below][c], tap.fraction, t->rule, c, t->width,
                   l->blended[c]);
    interleave(l->blended, t->width, to);
}

/* ---- pictures -------------------------------------------------------------------------------- */

static lane lane_at(void *memory, int width)
{
    size_t stride = array_stride(width);
    lane l = {.line = {NO_LINE, NO_LINE}};
    float *planes = memory;
    for (int i = 0; i < NEIGHBOURS; i++)
        for (int c = 0; c < COLORS; c++, planes += stride) l.plane[i][c] = planes;
    for (int c = 0; c < COLORS; c++, planes += stride) l.blended[c] = planes;
    uint32_t *words = (uint32_t *)(void *)planes;
    for (int i = 0; i < NEIGHBOURS; i++, words += stride) l.word[i] = words;
    return l;
}

static void compute(void *data, int index, int threads)
{
    const picture_task *t = data;
    lane l = lane_at(t->lanes + (size_t)index * t->lane_bytes, t->width);
    int padded = letterbox_padded_height(&t->box);
    float ratio = (float)padded / (float)t->height;
    for (int block = index; block * ROWS_AT_A_TIME < t->height; block += threads) {
        int first = block * ROWS_AT_A_TIME, end = first + ROWS_AT_A_TIME;
        for (int row = first; row < end && row < t->height; row++)
            compute_row(t, &l, letterbox_tap(row, ratio, padded),
                        t->to + (int64_t)row * t->width * COLORS);
    }
}

/* Taps rise with the column, so those inside the picture lie together. */
static void find_columns(picture_task *t)
{
    int padded = letterbox_padded_width(&t->box);
    float ratio = (float)padded / (float)t->width;
    for (int i = 0; i < t->width; i++) {
        resize_tap tap = letterbox_tap(i, ratio, padded);
        t->side[0].x[i] = tap.lower - t->box.left;
        t->side[1].x[i] = tap.upper - t->box.left;
        t->fraction[i] = tap.fraction;
    }
    for (int i = 0; i < NEIGHBOURS; i++) {
        side *s = &t->side[i];
        s->first = 0;
        while (s->first < t->width && s->x[s->first] < 0) s->first++;
        s->end = s->first;
        while (s->end < t->width && s->x[s->end] < t->from->width) s->end++;
    }
}

static status enqueue(const work *w, const network *net, const run *r)
{
    const step *s = &net->steps[w->first];
    const tensor *y = &net->tensors[s->output];
    int width = y->dims[AXIS_W], height = y->dims[AXIS_H];
    unsigned char *tables = r->arena + w->workspace;
    int *columns = (int *)(void *)tables;
    size_t stride = array_stride(width);
    for (int image = 0; image < y->dims[AXIS_N]; image++) {
        const picture *from = &r->pictures[image];
        picture_task t = {
            .from = from,
            .box = letterbox_fit(from->width, from->height, width, height, from->flip),
            .rule = s->as.preprocess.normalize,
            .width = width,
            .height = height,
            .to = (float *)tensor_at(net, s->output, r) + (int64_t)image * height * width * COLORS,
            .side = {{.x = columns}, {.x = columns + stride}},
            .fraction = (float *)(void *)(columns + NEIGHBOURS * stride),
            .lanes = tables + table_bytes(width),
            .lane_bytes = lane_bytes(width)};
        find_columns(&t);
        threads_run(threaded_count(w), compute, &t);
    }
    return STATUS_OK;
}

const row preprocess_cpu = {
    .name = "preprocess_cpu",
    .device = DEVICE_CPU,
    .covers = covers,
    .prepare = prepare,
    .enqueue = enqueue,
    .release = work_release,
    .limit_because = "the same operations in the same order",
};
