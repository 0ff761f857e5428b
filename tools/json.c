/* JSON, written as it comes. */
#include "tools/json.h"

#include <math.h>

/* Bytes of the UTF-8 character at `text`, 0 if none is well-formed there (Unicode's table 3-7). */
static int utf8_length(const unsigned char *text)
{
    static const struct {
        unsigned char first_low, first_high, second_low, second_high;
        int length;
    } forms[] = {
        {0x01, 0x7f, 0, 0, 1},       {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
        {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
        {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4}};
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        if (text[0] < forms[i].first_low || text[0] > forms[i].first_high) continue;
        if (forms[i].length == 1) return 1;
        if (text[1] < forms[i].second_low || text[1] > forms[i].second_high) return 0;
        for (int k = 2; k < forms[i].length; k++)
            if (text[k] < 0x80 || text[k] > 0xbf) return 0;
        return forms[i].length;
    }
    return 0;
}

void json_text(FILE *to, const char *text)
{
    fputc('"', to);
    for (const unsigned char *c = (const unsigned char *)text; *c;) {
        int length = utf8_length(c);
        if (*c == '"' || *c == '\\')
            fprintf(to, "\\%c", *c);
        else if (*c < ' ' || *c == 0x7f)
            fprintf(to, "\\u%04x", *c);
        else if (length == 0)
            fputs("\\ufffd", to);
        else
            fwrite(c, 1, (size_t)length, to);
        c += length ? length : 1;
    }
    fputc('"', to);
}

void json_number(FILE *to, double value, int decimals)
{
    fprintf(to, "%.*f", decimals, isfinite(value) ? value : 0.0);
}

static void write_keypoint(FILE *to, int part, const posenet_keypoint *point)
{
    fputs("{\"name\":", to);
    json_text(to, posenet_part_name(part));
    fputs(",\"x\":", to);
    json_number(to, point->x, 4);
    fputs(",\"y\":", to);
    json_number(to, point->y, 4);
    fputs(",\"score\":", to);
    json_number(to, point->score, 4);
    fputc('}', to);
}

void json_write_picture(FILE *to, const json_picture *picture)
{
    fputs("{\"image\":", to);
    json_text(to, picture->image);
    fprintf(to, ",\"width\":%d,\"height\":%d,\"input\":{\"width\":%d,\"height\":%d},\"poses\":[",
            picture->width, picture->height, picture->input_width, picture->input_height);
    for (int i = 0; i < picture->count; i++) {
        fputs(i ? ",{\"score\":" : "{\"score\":", to);
        json_number(to, picture->poses[i].score, 4);
        fputs(",\"keypoints\":[", to);
        for (int k = 0; k < POSENET_PARTS; k++) {
            if (k) fputc(',', to);
            write_keypoint(to, k, &picture->poses[i].keypoints[k]);
        }
        fputs("]}", to);
    }
    fputs("]}", to);
}
