/* Poses drawn onto a picture with cairo: the person's left side warm, the right side cool, the
 * middle pale; a dark edge under every line, so that it shows on any background; a joint as strong
 * as its score. Lines scale with the picture and the person. */
#include "tools/annotate.h"

#include <math.h>
#include <stdio.h>

#include <cairo.h>

#include "tools/label.h"

enum { MIN_SIDE_FOR_LABEL = 48 };

static const float POSE_SHOWN = 0.15F; /* poses below are mostly a second look at another's parts */
static const float SCORE_SHOWN = 0.2F; /* joints and limbs below are guesses: left out */
static const float SCORE_SURE = 0.5F;  /* joints below are rings, not dots */

typedef struct colour {
    double red, green, blue;
} colour;

typedef enum side { MIDDLE, LEFT, RIGHT } side;

static const colour colours[] = {
    [MIDDLE] = {0.96, 0.96, 0.90}, [LEFT] = {1.00, 0.58, 0.10}, [RIGHT] = {0.10, 0.78, 1.00}};

/* What a viewer takes for a body: PoseNet's own tree goes from the nose to the shoulders, which
 * looks odd; across the shoulders and the hips looks right. */
static const struct {
    int from, to;
} limbs[] = {{0, 1}, {1, 3}, {0, 2}, {2, 4},  {5, 6},   {11, 12}, {5, 11},  {6, 12},
             {5, 7}, {7, 9}, {6, 8}, {8, 10}, {11, 13}, {13, 15}, {12, 14}, {14, 16}};

static side side_of(int part)
{
    return part == 0 ? MIDDLE : part % 2 ? LEFT : RIGHT;
}

static side side_of_limb(int from, int to)
{
    if (from == 0) return side_of(to);
    return side_of(from) == side_of(to) ? side_of(from) : MIDDLE;
}

/* ---- cairo's pixels ------------------------------------------------------------------------- */

static void to_surface(const image *picture, cairo_surface_t *surface)
{
    unsigned char *data = cairo_image_surface_get_data(surface);
    int pitch = cairo_image_surface_get_stride(surface);
    const uint8_t *from = picture->pixels;
    for (int y = 0; y < picture->height; y++) {
        uint32_t *row = (uint32_t *)(void *)(data + (size_t)y * pitch);
        for (int x = 0; x < picture->width; x++, from += IMAGE_CHANNELS)
            row[x] = (uint32_t)from[0] << 16 | (uint32_t)from[1] << 8 | from[2];
    }
    cairo_surface_mark_dirty(surface);
}

static void from_surface(cairo_surface_t *surface, image *picture)
{
    cairo_surface_flush(surface);
    const unsigned char *data = cairo_image_surface_get_data(surface);
    int pitch = cairo_image_surface_get_stride(surface);
    uint8_t *to = picture->pixels;
    for (int y = 0; y < picture->height; y++) {
        const uint32_t *row = (const uint32_t *)(const void *)(data + (size_t)y * pitch);
        for (int x = 0; x < picture->width; x++, to += IMAGE_CHANNELS) {
            to[0] = (uint8_t)(row[x] >> 16);
            to[1] = (uint8_t)(row[x] >> 8);
            to[2] = (uint8_t)row[x];
        }
    }
}

/* ---- one pose ------------------------------------------------------------------------------- */

/* What is drawn of a pose: its points kept near the picture (cairo's numbers end at 2^23), the box
 * around those that show, and the width of a limb. */
typedef struct figure {
    double x[POSENET_PARTS], y[POSENET_PARTS];
    float score[POSENET_PARTS];
    double left, top, right, bottom;
    int shown;
    double line;
} figure;

static double clamp(double value, double low, double high)
{
    return fmin(fmax(value, low), high);
}

static figure figure_of(const posenet_pose *pose, const image *picture)
{
    figure f = {.left = INFINITY, .top = INFINITY, .right = -INFINITY, .bottom = -INFINITY};
    for (int k = 0; k < POSENET_PARTS; k++) {
        const posenet_keypoint *point = &pose->keypoints[k];
        /* A pixel's centre is at half a pixel for cairo. */
        f.x[k] = clamp(point->x + 0.5, -picture->width, 2.0 * picture->width);
        f.y[k] = clamp(point->y + 0.5, -picture->height, 2.0 * picture->height);
        f.score[k] = point->score;
        if (point->score < SCORE_SHOWN) continue;
        f.shown++;
        f.left = fmin(f.left, f.x[k]);
        f.right = fmax(f.right, f.x[k]);
        f.top = fmin(f.top, f.y[k]);
        f.bottom = fmax(f.bottom, f.y[k]);
    }
    double shorter = fmin(picture->width, picture->height);
    double extent = f.shown ? hypot(f.right - f.left, f.bottom - f.top) : 0.0;
    f.line = clamp(extent / 55.0, fmax(1.2, shorter / 400.0), fmax(1.2, shorter / 90.0));
    return f;
}

static void set_colour(cairo_t *cairo, side which, double opacity)
{
    const colour *c = &colours[which];
    cairo_set_source_rgba(cairo, c->red, c->green, c->blue, opacity);
}

static void draw_limb(cairo_t *cairo, const figure *f, int from, int to)
{
    float score = fminf(f->score[from], f->score[to]);
    if (score < SCORE_SHOWN) return;
    double opacity = clamp(0.35 + 0.65 * score / SCORE_SURE, 0.0, 1.0);
    int in_face = from <= 4 && to <= 4;
    double width = in_face ? 0.6 * f->line : f->line;
    cairo_move_to(cairo, f->x[from], f->y[from]);
    cairo_line_to(cairo, f->x[to], f->y[to]);
    cairo_set_source_rgba(cairo, 0.0, 0.0, 0.0, 0.45 * opacity);
    cairo_set_line_width(cairo, 1.6 * width);
    cairo_stroke_preserve(cairo);
    set_colour(cairo, side_of_limb(from, to), opacity);
    cairo_set_line_width(cairo, width);
    cairo_stroke(cairo);
}

static void draw_joint(cairo_t *cairo, const figure *f, int part)
{
    float score = f->score[part];
    if (score < SCORE_SHOWN) return;
    double in_face = part <= 4 ? 0.7 : 1.0;
    double radius = f->line * in_face * (0.55 + 0.65 * clamp(score, 0.0, 1.0));
    cairo_arc(cairo, f->x[part], f->y[part], radius, 0.0, 6.283185307179586);
    if (score >= SCORE_SURE) {
        set_colour(cairo, side_of(part), 1.0);
        cairo_fill_preserve(cairo);
    }
    cairo_set_line_width(cairo, 0.75 * radius);
    cairo_set_source_rgba(cairo, 0.0, 0.0, 0.0, 0.5);
    cairo_stroke_preserve(cairo);
    cairo_set_line_width(cairo, 0.4 * radius);
    if (score >= SCORE_SURE)
        cairo_set_source_rgba(cairo, 1.0, 1.0, 1.0, 0.95);
    else
        set_colour(cairo, side_of(part), 0.95);
    cairo_stroke(cairo);
}

/* The pose's score above its highest joint. */
static void draw_label(cairo_t *cairo, const figure *f, float score, const image *picture)
{
    if (picture->width < MIN_SIDE_FOR_LABEL || picture->height < MIN_SIDE_FOR_LABEL) return;
    char text[16];
    snprintf(text, sizeof text, "%.2f", (double)score);
    double size = clamp(3.0 * f->line, 8.0, fmax(8.0, picture->height / 34.0));
    double width = label_width(text, size), height = label_height(size);
    double x = 0.5 * (f->left + f->right - width), y = f->top - height - 3.0 * f->line - 0.4 * size;
    label_draw(cairo, text, size, clamp(x, 1.0, fmax(1.0, picture->width - width - 1.0)),
               clamp(y, 1.0, fmax(1.0, picture->height - height - 1.0)));
}

static void draw(cairo_t *cairo, const posenet_pose *poses, int count, const image *picture)
{
    cairo_set_line_cap(cairo, CAIRO_LINE_CAP_ROUND);
    /* The best pose last, over the others; labels over everything. */
    for (int i = count - 1; i >= 0; i--) {
        if (poses[i].score < POSE_SHOWN) continue;
        figure f = figure_of(&poses[i], picture);
        for (size_t l = 0; l < sizeof limbs / sizeof *limbs; l++)
            draw_limb(cairo, &f, limbs[l].from, limbs[l].to);
        for (int k = POSENET_PARTS - 1; k >= 0; k--) draw_joint(cairo, &f, k);
    }
    for (int i = count - 1; i >= 0; i--) {
        if (poses[i].score < POSE_SHOWN) continue;
        figure f = figure_of(&poses[i], picture);
        if (f.shown) draw_label(cairo, &f, poses[i].score, picture);
    }
}

status annotate(image *picture, const posenet_pose *poses, int count)
{
    cairo_surface_t *surface =
        cairo_image_surface_create(CAIRO_FORMAT_RGB24, picture->width, picture->height);
    cairo_status_t result = cairo_surface_status(surface);
    if (result == CAIRO_STATUS_SUCCESS) {
        to_surface(picture, surface);
        cairo_t *cairo = cairo_create(surface);
        draw(cairo, poses, count, picture);
        result = cairo_status(cairo);
        cairo_destroy(cairo);
        if (result == CAIRO_STATUS_SUCCESS) from_surface(surface, picture);
    }
    cairo_surface_destroy(surface);
    if (result == CAIRO_STATUS_SUCCESS) return STATUS_OK;
    return fail(result == CAIRO_STATUS_NO_MEMORY ? STATUS_MEMORY : STATUS_UNSUPPORTED,
                "the annotated picture cannot be drawn: %s", cairo_status_to_string(result));
}
