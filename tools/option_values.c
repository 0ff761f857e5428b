/* Option values: each function reads one kind of text, and says what it should have been. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/options.h"

const char *const head_keys[POSENET_HEADS] = {"heatmap", "offset", "fwd", "bwd"};

/* Which of the names, NULL for none, the first `length` bytes of `text` are, or -1. */
static int choose(const char *const *names, int count, const char *text, size_t length)
{
    for (int i = 0; i < count; i++)
        if (names[i] && strlen(names[i]) == length && memcmp(names[i], text, length) == 0) return i;
    return -1;
}

static int read_whole(const char *text, long low, long high, int *out)
{
    char *end;
    if (*text < '0' || *text > '9') return 0;
    long value = strtol(text, &end, 10);
    if (*end || value < low || value > high) return 0;
    *out = (int)value;
    return 1;
}

static int read_real(const char *text, float *out)
{
    char *end;
    if (!strchr("0123456789.+-", *text) || strpbrk(text, "xX")) return 0;
    float value = strtof(text, &end);
    if (end == text || *end || !isfinite(value)) return 0;
    *out = value;
    return 1;
}

/* ---- plain values --------------------------------------------------------------------------- */

status take_flag(const option *o, const char *value)
{
    (void)value;
    *(int *)o->target = 1;
    return STATUS_OK;
}

status take_text(const option *o, const char *value)
{
    if (!*value) return fail(STATUS_ARGUMENT, "%s needs a value, %s", o->name, o->value);
    *(const char **)o->target = value;
    return STATUS_OK;
}

status take_whole(const option *o, const char *value)
{
    if (read_whole(value, (long)o->low, (long)o->high, o->target)) return STATUS_OK;
    return fail(STATUS_ARGUMENT, "%s needs a whole number from %.0f to %.0f, not \"%s\"", o->name,
                o->low, o->high, value);
}

status take_real(const option *o, const char *value)
{
    float real;
    if (!read_real(value, &real) || real < o->low || real > o->high)
        return fail(STATUS_ARGUMENT, "%s needs a number from %g to %g, not \"%s\"", o->name, o->low,
                    o->high, value);
    *(float *)o->target = real;
    return STATUS_OK;
}

status take_positive(const option *o, const char *value)
{
    float real;
    if (!read_real(value, &real) || real <= 0.0F)
        return fail(STATUS_ARGUMENT, "%s needs a number above 0, not \"%s\"", o->name, value);
    *(float *)o->target = real;
    return STATUS_OK;
}

/* ---- settings ------------------------------------------------------------------------------- */

status take_size(const option *o, const char *value)
{
    posenet_settings *settings = o->target;
    const char *cross = strchr(value, 'x');
    char width[8];
    size_t length = cross ? (size_t)(cross - value) : 0;
    if (length == 0 || length >= sizeof width)
        return fail(STATUS_ARGUMENT, "--size needs WxH, such as 513x513, not \"%s\"", value);
    memcpy(width, value, length);
    width[length] = '\0';
    int w, h;
    if (!read_whole(width, 0, 9999999, &w) || !read_whole(cross + 1, 0, 9999999, &h))
        return fail(STATUS_ARGUMENT, "--size needs WxH, such as 513x513, not \"%s\"", value);
    if (w < POSENET_MIN_SIDE || w > POSENET_MAX_SIDE || h < POSENET_MIN_SIDE ||
        h > POSENET_MAX_SIDE)
        return fail(STATUS_ARGUMENT, "--size %s: a side must be from %d to %d", value,
                    POSENET_MIN_SIDE, POSENET_MAX_SIDE);
    settings->width = w;
    settings->height = h;
    return STATUS_OK;
}

status take_device(const option *o, const char *value)
{
    static const char *const devices[] = {[POSENET_DEVICE_AUTO] = "auto",
                                          [POSENET_DEVICE_CPU] = "cpu",
                                          [POSENET_DEVICE_REF] = "ref",
                                          [POSENET_DEVICE_CUDA] = "cuda"};
    posenet_settings *settings = o->target;
    const char *colon = strchr(value, ':');
    int device = choose(devices, 4, value, colon ? (size_t)(colon - value) : strlen(value));
    int index = 0;
    if (colon && (device != POSENET_DEVICE_CUDA || !read_whole(colon + 1, 0, 1023, &index)))
        device = -1;
    if (device < 0) return fail(STATUS_ARGUMENT, "--device needs %s, not \"%s\"", o->value, value);
    settings->device = (posenet_device)device;
    settings->device_index = index;
    return STATUS_OK;
}

status take_choice(const option *o, const char *value, const char *const *names, int count,
                   int *index)
{
    *index = choose(names, count, value, strlen(value));
    if (*index >= 0) return STATUS_OK;
    return fail(STATUS_ARGUMENT, "%s needs %s, not \"%s\"", o->name, o->value, value);
}

status take_precision(const option *o, const char *value)
{
    static const char *const names[] = {[POSENET_PRECISION_FP32] = "fp32",
                                        [POSENET_PRECISION_TF32] = "tf32",
                                        [POSENET_PRECISION_FP16] = "fp16"};
    int index;
    TRY(take_choice(o, value, names, 4, &index));
    ((posenet_settings *)o->target)->precision = (posenet_precision)index;
    return STATUS_OK;
}

status take_normalize(const option *o, const char *value)
{
    static const char *const names[] = {[POSENET_NORMALIZE_AUTO] = "auto",
                                        [POSENET_NORMALIZE_MOBILENET] = "mobilenet",
                                        [POSENET_NORMALIZE_RESNET] = "resnet",
                                        [POSENET_NORMALIZE_NONE] = "none"};
    int index;
    TRY(take_choice(o, value, names, 4, &index));
    ((posenet_settings *)o->target)->normalize = (posenet_normalize)index;
    return STATUS_OK;
}

/* heatmap=NAME,offset=NAME,fwd=NAME,bwd=NAME in any order; what is left out is found by name. */
status take_heads(const option *o, const char *value)
{
    heads_option *names = o->target;
    if (snprintf(names->text, sizeof names->text, "%s", value) >= HEAD_NAMES_BYTES)
        return fail(STATUS_ARGUMENT, "--heads is longer than %d bytes", HEAD_NAMES_BYTES - 1);
    for (char *at = names->text, *next; at; at = next) {
        next = strchr(at, ',');
        if (next) *next++ = '\0';
        char *name = strchr(at, '=');
        if (name) *name++ = '\0';
        int which = 0;
        while (which < POSENET_HEADS && strcmp(at, head_keys[which]) != 0) which++;
        if (!name || !*name || which == POSENET_HEADS)
            return fail(STATUS_ARGUMENT, "--heads needs %s, not \"%s\"", o->value, value);
        names->settings->heads[which] = name;
    }
    return STATUS_OK;
}

/* ---- options that several commands have ----------------------------------------------------- */

option option_device(posenet_settings *settings)
{
    return (option){.name = "--device",
                    .value = "auto|cpu|ref|cuda[:N]",
                    .help = "where to compute; auto: cuda if it can run wholly, else cpu;\n"
                            "ref: plain loops, slow, the definition of every result",
                    .take = take_device,
                    .target = settings};
}

option option_precision(posenet_settings *settings)
{
    return (option){.name = "--precision",
                    .value = "fp32|tf32|fp16",
                    .help = "default fp16 on cuda, fp32 elsewhere",
                    .take = take_precision,
                    .target = settings};
}

option option_size(posenet_settings *settings)
{
    return (option){.name = "--size",
                    .value = "WxH",
                    .help = "the network's input, 33..2049 a side; a side that is not\n"
                            "k * stride + 1 is lowered to one (default: the file's\n"
                            "fixed size, else 513x513)",
                    .take = take_size,
                    .target = settings};
}

option option_normalize(posenet_settings *settings)
{
    return (option){.name = "--normalize",
                    .value = "auto|mobilenet|resnet|none",
                    .help = "how pixels become the network's input (default auto: by\n"
                            "what the graph looks like)",
                    .take = take_normalize,
                    .target = settings};
}

option option_heads(heads_option *names, posenet_settings *settings)
{
    names->settings = settings;
    return (option){.name = "--heads",
                    .value = "heatmap=NAME,offset=NAME,fwd=NAME,bwd=NAME",
                    .help = "the file's outputs, where their names do not tell",
                    .take = take_heads,
                    .target = names};
}

option option_json(const char **path)
{
    return (option){.name = "--json",
                    .value = "FILE|-",
                    .help = "write JSON there (-: stdout)",
                    .take = take_text,
                    .target = path};
}

void remark_size(const posenet_settings *asked, const posenet *engine)
{
    int width, height, stride;
    if (!asked->width || posenet_get_input(engine, &width, &height, &stride, NULL) != POSENET_OK ||
        (asked->width == width && asked->height == height))
        return;
    remark("size %dx%d became %dx%d: a side is a multiple of the stride, %d, plus 1", asked->width,
           asked->height, width, height, stride);
}
