/* The shape rules against tables: sizes from onnx.shape_inference 1.23 (dropped windows of ceil
 * mode from ONNX Runtime 1.32, which follows ONNX's text there), pads worked out by hand. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "engine/lower/shape.h"

typedef struct window_case {
    auto_pad mode;
    int in, kernel, stride, dilation, before, after, pooling, ceil_mode;
    int out, top, bottom;
} window_case;

/* clang-format off */
static const window_case windows[] = {
    {PAD_SAME_UPPER, 257, 3, 2, 1, 0, 0, 0, 0, 129, 1, 1},
    {PAD_SAME_UPPER, 256, 3, 2, 1, 0, 0, 0, 0, 128, 0, 1},
    {PAD_SAME_UPPER, 513, 3, 2, 1, 0, 0, 0, 0, 257, 1, 1},
    {PAD_SAME_UPPER, 224, 7, 2, 1, 0, 0, 0, 0, 112, 2, 3},
    {PAD_SAME_UPPER, 225, 7, 2, 1, 0, 0, 0, 0, 113, 3, 3},
    {PAD_SAME_UPPER,  33, 3, 1, 2, 0, 0, 0, 0,  33, 2, 2},
    {PAD_SAME_UPPER,  33, 3, 1, 4, 0, 0, 0, 0,  33, 4, 4},
    {PAD_SAME_UPPER,  17, 3, 2, 2, 0, 0, 0, 0,   9, 2, 2},
    {PAD_SAME_UPPER,  16, 3, 2, 2, 0, 0, 0, 0,   8, 1, 2},
    {PAD_SAME_UPPER,   5, 1, 2, 1, 0, 0, 0, 0,   3, 0, 0},
    {PAD_SAME_UPPER,   6, 1, 2, 1, 0, 0, 0, 0,   3, 0, 0},
    {PAD_SAME_UPPER,   1, 3, 1, 1, 0, 0, 0, 0,   1, 1, 1},
    {PAD_SAME_UPPER,   4, 2, 2, 1, 0, 0, 0, 0,   2, 0, 0},
    {PAD_SAME_UPPER,   5, 2, 2, 1, 0, 0, 0, 0,   3, 0, 1},
    {PAD_SAME_UPPER,   5, 2, 1, 1, 0, 0, 0, 0,   5, 0, 1},
    {PAD_SAME_UPPER,   7, 5, 3, 1, 0, 0, 0, 0,   3, 2, 2},
    {PAD_SAME_LOWER, 257, 3, 2, 1, 0, 0, 0, 0, 129, 1, 1},
    {PAD_SAME_LOWER, 256, 3, 2, 1, 0, 0, 0, 0, 128, 1, 0},
    {PAD_SAME_LOWER, 224, 7, 2, 1, 0, 0, 0, 0, 112, 3, 2},
    {PAD_SAME_LOWER,  16, 3, 2, 2, 0, 0, 0, 0,   8, 2, 1},
    {PAD_SAME_LOWER,   5, 2, 1, 1, 0, 0, 0, 0,   5, 1, 0},
    {PAD_SAME_UPPER, 256, 3, 2, 1, 0, 0, 1, 1, 128, 0, 1},
    {PAD_EXPLICIT,   257, 3, 2, 1, 1, 1, 0, 0, 129, 1, 1},
    {PAD_EXPLICIT,   257, 3, 2, 1, 0, 1, 0, 0, 128, 0, 1},
    {PAD_EXPLICIT,   256, 3, 2, 1, 0, 1, 0, 0, 128, 0, 1},
    {PAD_EXPLICIT,    10, 3, 1, 3, 3, 3, 0, 0,  10, 3, 3},
    {PAD_EXPLICIT,   224, 7, 2, 1, 3, 3, 0, 0, 112, 3, 3},
    {PAD_EXPLICIT,     5, 5, 1, 1, 0, 0, 0, 0,   1, 0, 0},
    {PAD_EXPLICIT,   112, 3, 2, 1, 1, 1, 1, 0,  56, 1, 1},
    {PAD_EXPLICIT,   112, 3, 2, 1, 0, 0, 1, 1,  56, 0, 1},
    {PAD_EXPLICIT,   112, 3, 2, 1, 1, 1, 1, 1,  57, 1, 2},
    {PAD_EXPLICIT,     5, 2, 2, 1, 0, 0, 1, 1,   3, 0, 1},
    {PAD_EXPLICIT,     5, 2, 2, 1, 0, 0, 1, 0,   2, 0, 0},
    {PAD_EXPLICIT,     6, 3, 4, 1, 1, 1, 1, 1,   2, 1, 1},
    {PAD_EXPLICIT,     7, 2, 3, 1, 1, 1, 1, 1,   3, 1, 1},
    {PAD_EXPLICIT,     5, 3, 2, 2, 1, 1, 1, 1,   2, 1, 1},
    {PAD_EXPLICIT,    10, 3, 3, 1, 0, 2, 1, 1,   4, 0, 2},
    {PAD_EXPLICIT,     2, 3, 2, 1, 0, 0, 1, 1,   1, 0, 1},
    {PAD_VALID,      257, 3, 2, 1, 9, 9, 0, 0, 128, 0, 0},
    {PAD_VALID,      256, 3, 2, 1, 9, 9, 0, 0, 127, 0, 0},
    {PAD_VALID,      256, 3, 2, 1, 9, 9, 1, 1, 128, 0, 1},
    {PAD_VALID,        5, 5, 1, 1, 9, 9, 0, 0,   1, 0, 0},
    {PAD_VALID,        9, 3, 2, 2, 9, 9, 0, 0,   3, 0, 0},
};
/* clang-format on */

/* The case on one axis, a plain 1x1 window of 4 on the other. */
static window window_of(const window_case *c, int axis)
{
    window w = {.auto_pad = c->mode, .groups = 1, .ceil_mode = c->ceil_mode};
    for (int a = 0; a < 2; a++) {
        w.stride[a] = a == axis ? c->stride : 1;
        w.dilation[a] = a == axis ? c->dilation : 1;
    }
    w.pads[axis] = c->before;
    w.pads[axis + 2] = c->after;
    return w;
}

Test(shape, windows)
{
    for (size_t i = 0; i < sizeof windows / sizeof *windows; i++) {
        for (int axis = 0; axis < 2; axis++) {
            const window_case *c = &windows[i];
            window w = window_of(c, axis);
            int64_t in[2] = {4, 4}, out[2];
            int kernel[2] = {1, 1}, pads[4];
            in[axis] = c->in;
            kernel[axis] = c->kernel;
            if (c->mode == PAD_VALID) w.pads[axis] = w.pads[axis + 2] = 9;
            cr_assert_eq(shape_window(&w, kernel, in, c->pooling, out, pads), STATUS_OK, "%zu: %s",
                         i, fail_text());
            cr_assert_eq(out[axis], c->out, "case %zu: size %d", i, (int)out[axis]);
            cr_assert_eq(pads[axis], c->top, "case %zu: before %d", i, pads[axis]);
            cr_assert_eq(pads[axis + 2], c->bottom, "case %zu: after %d", i, pads[axis + 2]);
            cr_assert_eq(out[!axis], 4);
        }
    }
}

Test(shape, windows_that_make_no_sense)
{
    static const window_case bad[] = {
        {PAD_EXPLICIT, 2, 3, 1, 1, 0, 0, 0, 0, 0, 0, 0}, /* larger than the input */
        {PAD_EXPLICIT, 5, 3, 1, 3, 0, 0, 0, 0, 0, 0, 0}, /* larger for its dilation */
        {PAD_VALID, 2, 3, 1, 1, 0, 0, 0, 0, 0, 0, 0},
        {PAD_EXPLICIT, 2, 3, 1, 1, 0, 0, 1, 1, 0, 0, 0},  /* not even ceil mode has a window */
        {PAD_EXPLICIT, 5, 3, 0, 1, 0, 0, 0, 0, 0, 0, 0},  /* stride 0 */
        {PAD_EXPLICIT, 5, 3, 1, 0, 0, 0, 0, 0, 0, 0, 0},  /* dilation 0 */
        {PAD_EXPLICIT, 5, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0},  /* kernel 0 */
        {PAD_EXPLICIT, 5, 3, 1, 1, -1, 0, 0, 0, 0, 0, 0}, /* negative pad */
        {PAD_EXPLICIT, 5, 3, 1, 1, 3, 0, 1, 0, 0, 0, 0},  /* a window of padding only */
        {PAD_EXPLICIT, 0, 3, 1, 1, 1, 1, 0, 0, 0, 0, 0},
        {PAD_EXPLICIT, 5, 1 << 20, 1, 1, 1 << 20, 0, 0, 0, 0, 0, 0},
        {PAD_SAME_UPPER, 5, 3, 1 << 20, 1, 0, 0, 0, 0, 0, 0, 0},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        window w = window_of(&bad[i], 0);
        int64_t in[2] = {bad[i].in, 4}, out[2];
        int kernel[2] = {bad[i].kernel, 1}, pads[4];
        fail_clear();
        cr_assert_neq(shape_window(&w, kernel, in, bad[i].pooling, out, pads), STATUS_OK,
                      "case %zu", i);
        cr_assert(*fail_text(), "case %zu", i);
    }
}

/* Lists in tests: LIST(1, 2) */
#define LIST(...)                                                                                  \
    (list)                                                                                         \
    {                                                                                              \
        (const int64_t[]){__VA_ARGS__}, sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t)   \
    }
static const list none = {NULL, 0};

static void expect(const shape *got, const char *want)
{
    char text[SHAPE_TEXT_BYTES];
    cr_assert_str_eq(shape_text(got, text), want);
}

Test(shape, reshape)
{
    shape in = {3, {2, 3, 4}}, out;
    cr_assert_eq(shape_reshape(&in, LIST(4, -1), 0, &out), STATUS_OK);
    expect(&out, "4x6");
    cr_assert_eq(shape_reshape(&in, LIST(0, 0, -1, 2), 0, &out), STATUS_OK);
    expect(&out, "2x3x2x2");
    cr_assert_eq(shape_reshape(&in, LIST(-1), 0, &out), STATUS_OK);
    expect(&out, "24");
    cr_assert_eq(shape_reshape(&in, LIST(-1, -1), 0, &out), STATUS_MODEL);
    cr_assert_eq(shape_reshape(&in, LIST(5, -1), 0, &out), STATUS_MODEL);
    cr_assert_eq(shape_reshape(&in, LIST(25), 0, &out), STATUS_MODEL);
    cr_assert_eq(shape_reshape(&in, LIST(2, 3, 4, 0), 0, &out), STATUS_MODEL);
    cr_assert_eq(shape_reshape(&in, LIST(-2, -12), 0, &out), STATUS_MODEL);
    cr_assert_eq(shape_reshape(&in, LIST(1LL << 40, -1), 0, &out), STATUS_MODEL);
    cr_assert_eq(shape_reshape(&in, LIST(1, 1, 1, 1, 1, 1, 1, 1, 24), 0, &out), STATUS_UNSUPPORTED);
    shape empty = {2, {0, 3}}, scalar = {0, {0}};
    cr_assert_eq(shape_reshape(&empty, LIST(3, 0), 1, &out), STATUS_OK);
    expect(&out, "3x0");
    cr_assert_eq(shape_reshape(&empty, LIST(0, -1), 1, &out), STATUS_MODEL);
    cr_assert_eq(shape_reshape(&scalar, LIST(1, -1), 0, &out), STATUS_OK);
    expect(&out, "1x1");
    cr_assert_eq(shape_reshape(&(shape){1, {1}}, (list){LIST(0).items, 0}, 0, &out), STATUS_OK);
    expect(&out, "scalar");
}

Test(shape, flatten_squeeze_unsqueeze)
{
    shape in = {4, {1, 3, 1, 5}}, out;
    cr_assert_eq(shape_flatten(&in, 2, &out), STATUS_OK);
    expect(&out, "3x5");
    cr_assert_eq(shape_flatten(&in, 0, &out), STATUS_OK);
    expect(&out, "1x15");
    cr_assert_eq(shape_flatten(&in, -1, &out), STATUS_OK);
    expect(&out, "3x5");
    cr_assert_eq(shape_flatten(&in, 4, &out), STATUS_OK);
    expect(&out, "15x1");
    cr_assert_eq(shape_flatten(&in, 5, &out), STATUS_MODEL);
    cr_assert_eq(shape_squeeze(&in, none, &out), STATUS_OK);
    expect(&out, "3x5");
    cr_assert_eq(shape_squeeze(&in, LIST(-2), &out), STATUS_OK);
    expect(&out, "1x3x5");
    cr_assert_eq(shape_squeeze(&in, LIST(1), &out), STATUS_MODEL);
    cr_assert_eq(shape_squeeze(&in, LIST(0, -4), &out), STATUS_MODEL);
    cr_assert_eq(shape_unsqueeze(&(shape){2, {3, 5}}, LIST(0, -1), &out), STATUS_OK);
    expect(&out, "1x3x5x1");
    cr_assert_eq(shape_unsqueeze(&(shape){2, {3, 5}}, LIST(2, 3, 4, 5, 6, 7, 8), &out),
                 STATUS_UNSUPPORTED);
    cr_assert_eq(shape_unsqueeze(&(shape){2, {3, 5}}, LIST(3), &out), STATUS_MODEL);
}

typedef struct slice_case {
    int64_t dim, start, end, step, taken, begin;
} slice_case;

Test(shape, slice)
{
    /* numpy's x[start:end:step] on 0..dim-1: how many, and the first. */
    static const slice_case cases[] = {
        {10, 2, 5, 1, 3, 2},           {10, 0, INT64_MAX, 1, 10, 0},
        {10, -3, INT64_MAX, 1, 3, 7},  {10, -100, 100, 3, 4, 0},
        {10, 9, -11, -1, 10, 9},       {10, -1, INT64_MIN, -1, 10, 9},
        {10, 100, 2, -3, 3, 9},        {10, 5, 2, 1, 0, 0},
        {10, 12, 20, 1, 0, 0},         {10, 0, 10, INT64_MAX, 1, 0},
        {10, 9, -11, INT64_MIN, 1, 9}, {10, INT64_MIN, INT64_MAX, 4, 3, 0},
        {1, 0, -1, -1, 0, 0},          {0, 0, 5, 1, 0, 0},
        {0, -1, -5, -1, 0, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const slice_case *c = &cases[i];
        shape in = {2, {7, c->dim}}, out;
        slice cut;
        cr_assert_eq(
            shape_slice(&in, LIST(c->start), LIST(c->end), LIST(-1), LIST(c->step), &cut, &out),
            STATUS_OK);
        cr_assert_eq(out.dims[1], c->taken, "case %zu: %d", i, (int)out.dims[1]);
        cr_assert_eq(cut.begin[1], c->begin, "case %zu: %d", i, (int)cut.begin[1]);
        cr_assert_eq(out.dims[0], 7);
    }
    shape in = {2, {7, 9}}, out;
    slice cut;
    cr_assert_neq(shape_slice(&in, LIST(0), LIST(1), LIST(2), none, &cut, &out), STATUS_OK);
    cr_assert_neq(shape_slice(&in, LIST(0), LIST(1), none, LIST(0), &cut, &out), STATUS_OK);
    cr_assert_neq(shape_slice(&in, LIST(0, 0), LIST(1), none, none, &cut, &out), STATUS_OK);
    cr_assert_neq(shape_slice(&in, LIST(0, 0), LIST(1, 1), LIST(1, -1), none, &cut, &out),
                  STATUS_OK);
}

Test(shape, split)
{
    int64_t parts[4];
    cr_assert_eq(shape_split(6, none, 3, 0, parts), STATUS_OK);
    cr_assert(parts[0] == 2 && parts[2] == 2);
    cr_assert_eq(shape_split(7, none, 3, 0, parts), STATUS_MODEL);
    cr_assert_eq(shape_split(7, none, 3, 1, parts), STATUS_OK);
    cr_assert(parts[0] == 3 && parts[1] == 3 && parts[2] == 1);
    cr_assert_eq(shape_split(7, LIST(3, 0, 4), 3, 0, parts), STATUS_OK);
    cr_assert(parts[0] == 3 && parts[1] == 0 && parts[2] == 4);
    cr_assert_eq(shape_split(7, LIST(3, 3), 2, 0, parts), STATUS_MODEL);
    cr_assert_eq(shape_split(7, LIST(8, -1), 2, 0, parts), STATUS_MODEL);
    cr_assert_eq(shape_split(7, LIST(7), 2, 0, parts), STATUS_MODEL);
}

Test(shape, pad)
{
    shape in = {4, {1, 3, 5, 6}}, out;
    padding p;
    cr_assert_eq(shape_pad(&in, LIST(0, 0, 1, 2, 0, 0, 3, 4), none, PAD_MODE_CONSTANT, &p, &out),
                 STATUS_OK);
    expect(&out, "1x3x9x12");
    cr_assert_eq(shape_pad(&in, LIST(-1, 2), LIST(-2), PAD_MODE_CONSTANT, &p, &out), STATUS_OK);
    expect(&out, "1x3x6x6");
    cr_assert(p.before[2] == -1 && p.after[2] == 2 && p.before[3] == 0);
    cr_assert_eq(shape_pad(&in, LIST(4, 4), LIST(2), PAD_MODE_REFLECT, &p, &out), STATUS_OK);
    cr_assert_neq(shape_pad(&in, LIST(5, 4), LIST(2), PAD_MODE_REFLECT, &p, &out), STATUS_OK);
    cr_assert_neq(shape_pad(&in, LIST(-6, 0), LIST(2), PAD_MODE_CONSTANT, &p, &out), STATUS_OK);
    cr_assert_neq(shape_pad(&in, LIST(-3, -3), LIST(2), PAD_MODE_CONSTANT, &p, &out), STATUS_OK);
    cr_assert_neq(shape_pad(&in, LIST(1, 1, 1), none, PAD_MODE_CONSTANT, &p, &out), STATUS_OK);
    cr_assert_neq(shape_pad(&in, LIST(INT64_MAX, INT64_MAX), LIST(2), PAD_MODE_CONSTANT, &p, &out),
                  STATUS_OK);
}

Test(shape, broadcast_concat_gather_transpose)
{
    shape out, sum = {2, {2, 3}};
    cr_assert_eq(shape_broadcast(&(shape){3, {4, 1, 5}}, &(shape){2, {3, 1}}, &out), STATUS_OK);
    expect(&out, "4x3x5");
    cr_assert_eq(shape_broadcast(&(shape){0, {0}}, &(shape){1, {0}}, &out), STATUS_OK);
    expect(&out, "0");
    cr_assert_eq(shape_broadcast(&(shape){1, {2}}, &(shape){1, {3}}, &out), STATUS_MODEL);
    cr_assert_eq(shape_concat(&sum, &(shape){2, {2, 4}}, 1), STATUS_OK);
    expect(&sum, "2x7");
    cr_assert_eq(shape_concat(&sum, &(shape){2, {3, 4}}, 1), STATUS_MODEL);
    cr_assert_eq(shape_concat(&sum, &(shape){1, {2}}, 0), STATUS_MODEL);
    cr_assert_eq(shape_gather(&(shape){3, {2, 3, 4}}, 1, &(shape){2, {5, 6}}, &out), STATUS_OK);
    expect(&out, "2x5x6x4");
    cr_assert_eq(shape_gather(&(shape){1, {2}}, 0, &(shape){0, {0}}, &out), STATUS_OK);
    expect(&out, "scalar");
    node n = {.op = GRAPH_TRANSPOSE, .as.permutation = {3, {2, 0, 1}}};
    int axes[GRAPH_MAX_RANK];
    cr_assert_eq(shape_transpose(&(shape){3, {2, 3, 4}}, &n, axes, &out), STATUS_OK);
    expect(&out, "4x2x3");
    cr_assert_eq(shape_transpose(&(shape){2, {2, 3}}, &n, axes, &out), STATUS_MODEL);
    n.as.permutation.axes[2] = 0;
    cr_assert_eq(shape_transpose(&(shape){3, {2, 3, 4}}, &n, axes, &out), STATUS_MODEL);
    n.as.permutation.rank = 0;
    cr_assert_eq(shape_transpose(&(shape){2, {2, 3}}, &n, axes, &out), STATUS_OK);
    expect(&out, "3x2");
}

Test(shape, resize)
{
    int64_t out;
    double scale, shift;
    cr_assert_eq(shape_resize(10, 0.7f, &out), STATUS_OK);
    cr_assert_eq(out, 7);
    cr_assert_eq(shape_resize(17, 2.0f, &out), STATUS_OK);
    cr_assert_eq(out, 34);
    cr_assert_eq(shape_resize(3, 0.1f, &out), STATUS_MODEL);
    cr_assert_eq(shape_resize(3, -1.0f, &out), STATUS_MODEL);
    cr_assert_eq(shape_resize(3, NAN, &out), STATUS_MODEL);
    cr_assert_eq(shape_resize(3, INFINITY, &out), STATUS_MODEL);
    /* Output pixel 3 of 4 -> 8, and 7 of 8, worked out by hand. */
    shape_resize_coordinates(RESIZE_HALF_PIXEL, 4, 8, 2, &scale, &shift);
    cr_assert_float_eq(scale * 3 + shift, 1.25, 1e-12);
    shape_resize_coordinates(RESIZE_PYTORCH_HALF_PIXEL, 4, 8, 2, &scale, &shift);
    cr_assert_float_eq(scale * 3 + shift, 1.25, 1e-12);
    shape_resize_coordinates(RESIZE_PYTORCH_HALF_PIXEL, 4, 1, 0.25, &scale, &shift);
    cr_assert(scale * 0 + shift == 0);
    shape_resize_coordinates(RESIZE_ALIGN_CORNERS, 4, 8, 2, &scale, &shift);
    cr_assert_float_eq(scale * 7 + shift, 3, 1e-12);
    shape_resize_coordinates(RESIZE_ALIGN_CORNERS, 4, 1, 0.25, &scale, &shift);
    cr_assert(scale * 0 + shift == 0);
    shape_resize_coordinates(RESIZE_ASYMMETRIC, 4, 8, 2, &scale, &shift);
    cr_assert_float_eq(scale * 3 + shift, 1.5, 1e-12);
}
