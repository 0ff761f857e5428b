/* A number on a dark plate. A digit is one stroke through points of a grid 6 wide and 9 high: a
 * smooth curve, with a corner where a point stands twice. */
#include "tools/label.h"

#include <string.h>

static const double ADVANCE = 0.86, POINT_ADVANCE = 0.42, MARGIN = 0.5; /* in digit heights */

/* Each pair is x, then y from the top. */
static const char *const strokes[10] = {
    "3051646558391805041130",   "1212404049",     "02113051635508090969",
    "013051533434555758390808", "66660606404049", "50501010040433546658390808",
    "502205071839586655341507", "0000606029",     "341311305153341507183958675534",
    "194764625130110314355462",
};

static double advance(char c)
{
    return c == '.' ? POINT_ADVANCE : ADVANCE;
}

double label_width(const char *text, double size)
{
    double width = 2.0 * MARGIN - (ADVANCE - 6.0 / 9.0);
    for (; *text; text++) width += advance(*text);
    return width * size;
}

double label_height(double size)
{
    return (1.0 + 2.0 * MARGIN) * size;
}

/* A Catmull-Rom curve through the points; a point that repeats its neighbour makes a corner. */
static void digit_path(cairo_t *cairo, const char *stroke, double size, double x, double y)
{
    int count = (int)strlen(stroke) / 2;
    double at[16][2] = {{0}};
    for (int i = 0; i < count; i++) {
        at[i][0] = x + (stroke[2 * i] - '0') * size / 9.0;
        at[i][1] = y + (stroke[2 * i + 1] - '0') * size / 9.0;
    }
    cairo_move_to(cairo, at[0][0], at[0][1]);
    for (int i = 0; i + 1 < count; i++) {
        const double *before = at[i ? i - 1 : 0], *from = at[i], *to = at[i + 1];
        const double *after = at[i + 2 < count ? i + 2 : i + 1];
        int corner_from = before[0] == from[0] && before[1] == from[1];
        int corner_to = after[0] == to[0] && after[1] == to[1];
        double bend_from = corner_from ? 0.0 : 1.0 / 6.0, bend_to = corner_to ? 0.0 : 1.0 / 6.0;
        cairo_curve_to(cairo, from[0] + (to[0] - before[0]) * bend_from,
                       from[1] + (to[1] - before[1]) * bend_from,
                       to[0] - (after[0] - from[0]) * bend_to,
                       to[1] - (after[1] - from[1]) * bend_to, to[0], to[1]);
    }
}

static void plate(cairo_t *cairo, double x, double y, double width, double height)
{
    const double quarter = 1.5707963267948966;
    double r = 0.28 * height;
    cairo_new_sub_path(cairo);
    cairo_arc(cairo, x + width - r, y + r, r, -quarter, 0.0);
    cairo_arc(cairo, x + width - r, y + height - r, r, 0.0, quarter);
    cairo_arc(cairo, x + r, y + height - r, r, quarter, 2.0 * quarter);
    cairo_arc(cairo, x + r, y + r, r, 2.0 * quarter, 3.0 * quarter);
    cairo_close_path(cairo);
    cairo_set_source_rgba(cairo, 0.08, 0.09, 0.11, 0.72);
    cairo_fill(cairo);
}

void label_draw(cairo_t *cairo, const char *text, double size, double x, double y)
{
    plate(cairo, x, y, label_width(text, size), label_height(size));
    cairo_set_source_rgb(cairo, 1.0, 1.0, 1.0);
    cairo_set_line_width(cairo, 0.15 * size);
    cairo_set_line_cap(cairo, CAIRO_LINE_CAP_ROUND);
    cairo_set_line_join(cairo, CAIRO_LINE_JOIN_ROUND);
    x += MARGIN * size;
    y += MARGIN * size;
    for (; *text; x += advance(*text++) * size) {
        if (*text == '.') {
            cairo_arc(cairo, x + 0.1 * size, y + 0.97 * size, 0.11 * size, 0.0, 6.283185307179586);
            cairo_fill(cairo);
        } else if (*text >= '0' && *text <= '9') {
            digit_path(cairo, strokes[*text - '0'], size, x, y);
            cairo_stroke(cairo);
        }
    }
}
