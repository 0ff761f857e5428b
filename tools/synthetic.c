/* The built-in picture, the same on every machine: figures of capsules, lit from the left, with a
 * little noise so that no two cells tie. */
#include "tools/synthetic.h"

#include <math.h>

enum { WIDTH = 640, HEIGHT = 480 };

typedef struct capsule {
    double x0, y0, x1, y1, radius;
    uint8_t colour[3];
} capsule;

/* One figure, 100 units wide and 200 high, far parts first. */
static const capsule figure[] = {
    {44, 118, 40, 155, 8, {52, 60, 92}},       {40, 155, 38, 190, 6, {46, 54, 84}},
    {56, 118, 62, 155, 8, {56, 64, 98}},       {62, 155, 64, 190, 6, {48, 56, 88}},
    {35, 192, 40, 193, 4, {40, 30, 26}},       {62, 193, 68, 192, 4, {40, 30, 26}},
    {35, 62, 25, 90, 6, {164, 48, 44}},        {25, 90, 20, 112, 4.5, {214, 164, 136}},
    {65, 62, 76, 90, 6, {170, 52, 48}},        {76, 90, 82, 112, 4.5, {220, 170, 142}},
    {41, 66, 45, 112, 13, {176, 54, 50}},      {59, 66, 55, 112, 13, {184, 58, 54}},
    {50, 42, 50, 54, 5, {206, 156, 128}},      {50, 28, 50, 36, 12, {224, 176, 148}},
    {44, 19, 56, 19, 8, {60, 42, 30}},         {45.5, 29, 46, 29, 1.6, {30, 24, 22}},
    {54, 29, 54.5, 29, 1.6, {30, 24, 22}},     {50, 33, 50, 35, 1.3, {196, 140, 116}},
    {46.5, 40.5, 53.5, 40.5, 1, {150, 70, 66}}};

/* From 1 well inside the capsule to 0 outside, over one pixel of edge. */
static double coverage(const capsule *c, double x, double y, double scale)
{
    double dx = c->x1 - c->x0, dy = c->y1 - c->y0, length = dx * dx + dy * dy;
    double along = length > 0.0 ? ((x - c->x0) * dx + (y - c->y0) * dy) / length : 0.0;
    along = fmin(fmax(along, 0.0), 1.0);
    double distance = hypot(x - c->x0 - along * dx, y - c->y0 - along * dy);
    return fmin(fmax((c->radius - distance) * scale + 0.5, 0.0), 1.0);
}

static void draw_figure(const image *picture, double left, double top, double scale)
{
    for (int y = 0; y < picture->height; y++)
        for (int x = 0; x < picture->width; x++) {
            uint8_t *pixel = picture->pixels + ((size_t)y * picture->width + x) * IMAGE_CHANNELS;
            double fx = (x - left) / scale, fy = (y - top) / scale;
            if (fx < 0.0 || fx > 100.0 || fy < 0.0 || fy > 200.0) continue;
            for (size_t i = 0; i < sizeof figure / sizeof *figure; i++) {
                double cover = coverage(&figure[i], fx, fy, scale);
                double light = 1.12 - 0.0024 * fx;
                for (int c = 0; c < IMAGE_CHANNELS; c++)
                    pixel[c] =
                        (uint8_t)(pixel[c] +
                                  cover * (fmin(figure[i].colour[c] * light, 255) - pixel[c]));
            }
        }
}

status synthetic_picture(image *out)
{
    TRY(image_new(WIDTH, HEIGHT, "the built-in picture", out));
    uint32_t noise = 1;
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++) {
            uint8_t *pixel = out->pixels + ((size_t)y * WIDTH + x) * IMAGE_CHANNELS;
            noise = noise * 1664525u + 1013904223u;
            int shade = (int)(noise >> 29) + (y < 360 ? 176 - y / 8 + x / 24 : 96 + (y - 360) / 5);
            pixel[0] = (uint8_t)(shade + (y < 360 ? 6 : 24));
            pixel[1] = (uint8_t)(shade + (y < 360 ? 10 : 8));
            pixel[2] = (uint8_t)(shade + (y < 360 ? 18 : 0));
        }
    draw_figure(out, 90, 40, 2.05);
    draw_figure(out, 370, 90, 1.8);
    return STATUS_OK;
}
