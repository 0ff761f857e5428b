/* A number on a dark plate, drawn without any font, so that it is the same on every machine. */
#ifndef POSENET_TOOLS_LABEL_H
#define POSENET_TOOLS_LABEL_H

#include <cairo.h>

/* Width and height of the plate around `text` (digits and points), the digits `size` pixels high.
 */
double label_width(const char *text, double size);
double label_height(double size);

/* Draws it with its top left corner at (x, y). */
void label_draw(cairo_t *cairo, const char *text, double size, double x, double y);

#endif
