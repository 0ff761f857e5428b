/* JSON, written as it comes. Numbers are always finite and locale-free, text is always valid UTF-8
 * (other bytes become U+FFFD). */
#ifndef POSENET_TOOLS_JSON_H
#define POSENET_TOOLS_JSON_H

#include <stdio.h>

#include "engine/posenet.h"

/* A quoted, escaped string. */
void json_text(FILE *to, const char *text);

/* A number with `decimals` digits behind the point; 0 for what is not finite. */
void json_number(FILE *to, double value, int decimals);

/* One picture's results: the object that `posenet run --json` makes for each IMAGE. */
typedef struct json_picture {
    const char *image; /* as given on the command line */
    int width, height; /* after EXIF rotation */
    int input_width, input_height;
    const posenet_pose *poses;
    int count;
} json_picture;

void json_write_picture(FILE *to, const json_picture *picture);

#endif
