/* Weights of a generated network: random filters, then the statistics of a picture sent through.
 *
 * Sums are in float, in a fixed order, and nothing is contracted (-ffp-contract=off): the same
 * bits everywhere.
 */
#include <string.h>

#include "loader/generate/layers.h"

/* Side of the picture: k * 16 + 1, small enough to be quick, large enough for 64 cells. */
enum { SIDE = 113 };

/* ---- random integers: splitmix64 ---- */

static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* 0 <= result < 1, a multiple of 2^-24, exactly a float. */
static float random_unit(uint64_t *state)
{
    return (float)(next_random(state) >> 40) * (1.0f / 16777216.0f);
}

static float random_between(uint64_t *state, float least, float most)
{
    return least + (most - least) * random_unit(state);
}

/* Near enough to a normal distribution of deviation 1: four 16-bit numbers' sum. */
static float random_normal(uint64_t *state)
{
    uint64_t r = next_random(state);
    int64_t sum = (int64_t)(r & 0xffff) + (int64_t)(r >> 16 & 0xffff) +
                  (int64_t)(r >> 32 & 0xffff) + (int64_t)(r >> 48) - 131070;
    return (float)sum * (1.0f / 37837.0f);
}

/* ---- the picture ---- */

/* Boxes of colour on a gradient, and noise: edges, areas and texture. HWC, 0..255. */
static void draw_picture(uint64_t *state, float *pixels)
{
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++)
            for (int c = 0; c < 3; c++)
                pixels[(y * SIDE + x) * 3 + c] = (float)(40 + x + (c == 1 ? y : SIDE - y));
    for (int box = 0; box < 60; box++) {
        int x0 = (int)(next_random(state) % SIDE), y0 = (int)(next_random(state) % SIDE);
        int x1 = x0 + 2 + (int)(next_random(state) % 20),
            y1 = y0 + 2 + (int)(next_random(state) % 20);
        float colour[3];
        for (int c = 0; c < 3; c++) colour[c] = random_between(state, 0, 255);
        for (int y = y0; y < y1 && y < SIDE; y++)
            for (int x = x0; x < x1 && x < SIDE; x++)
                memcpy(pixels + (y * SIDE + x) * 3, colour, sizeof colour);
    }
    for (int i = 0; i < SIDE * SIDE * 3; i++) {
        float noisy = pixels[i] + 12.0f * random_normal(state);
        pixels[i] = noisy < 0 ? 0 : noisy > 255 ? 255 : noisy;
    }
}

static void normalise_picture(generate_architecture architecture, float *pixels)
{
    static const float mean[3] = {123.15f, 115.90f, 103.06f};
    for (int i = 0; i < SIDE * SIDE * 3; i++)
        pixels[i] =
            architecture == GENERATE_RESNET50 ? pixels[i] - mean[i % 3] : pixels[i] / 127.5f - 1.0f;
}

/* ---- layers forward: HWC ---- */

typedef struct map {
    int height, width, channels;
    float *data;
} map;

/* TensorFlow's SAME, or half the kernel on every side. */
static void output_size(const layer *l, int input, int *output, int *before)
{
    int reach = (l->kernel - 1) * l->dilation + 1;
    if (!l->same) {
        *before = reach / 2;
        *output = (input + 2 * *before - reach) / l->stride + 1;
        return;
    }
    *output = (input + l->stride - 1) / l->stride;
    int pad = (*output - 1) * l->stride + reach - input;
    *before = pad > 0 ? pad / 2 : 0;
}

/* One tap of all filters: out += in * weights, for every pixel that the tap meets. */
typedef struct tap {
    const layer *l;
    const map *in;
    map *out;
    int dy, dx;     /* from an output pixel's first input pixel */
    float *filters; /* [in][out] of this tap, or [channel] */
} tap;

static void apply_tap(const tap *t)
{
    const layer *l = t->l;
    int channels = l->channels, inputs = l->kind == LAYER_DEPTHWISE ? 1 : l->channels_in;
    for (int y = 0; y < t->out->height; y++) {
        int iy = y * l->stride + t->dy;
        for (int x = 0; x < t->out->width && iy >= 0 && iy < t->in->height; x++) {
            int ix = x * l->stride + t->dx;
            if (ix < 0 || ix >= t->in->width) continue;
            const float *in = t->in->data + ((size_t)iy * (size_t)t->in->width + (size_t)ix) *
                                                (size_t)t->in->channels;
            float *out =
                t->out->data + ((size_t)y * (size_t)t->out->width + (size_t)x) * (size_t)channels;
            if (l->kind == LAYER_DEPTHWISE) {
                for (int c = 0; c < channels; c++) out[c] += in[c] * t->filters[c];
                continue;
            }
            for (int i = 0; i < inputs; i++) {
                const float *row = t->filters + (size_t)i * (size_t)channels;
                float value = in[i];
                if (value == 0) continue;
                for (int c = 0; c < channels; c++) out[c] += value * row[c];
            }
        }
    }
}

static status convolve(const layer *l, const map *in, map *out, pool *p)
{
    int inputs = l->kind == LAYER_DEPTHWISE ? 1 : l->channels_in, taps = l->kernel * l->kernel;
    int top, left, ignored;
    output_size(l, in->height, &ignored, &top);
    output_size(l, in->width, &ignored, &left);
    tap t = {.l = l, .in = in, .out = out};
    t.filters = pool_array(p, (size_t)inputs * (size_t)l->channels, sizeof *t.filters);
    if (!t.filters) return STATUS_MEMORY;
    for (int k = 0; k < taps; k++) {
        t.dy = k / l->kernel * l->dilation - top;
        t.dx = k % l->kernel * l->dilation - left;
        for (int o = 0; o < l->channels; o++)
            for (int i = 0; i < inputs; i++)
                t.filters[(size_t)i * (size_t)l->channels + (size_t)o] =
                    l->weights[((size_t)o * (size_t)inputs + (size_t)i) * (size_t)taps + (size_t)k];
        apply_tap(&t);
    }
    return STATUS_OK;
}

static void max_pool(const layer *l, const map *in, map *out)
{
    int top, left, ignored;
    output_size(l, in->height, &ignored, &top);
    output_size(l, in->width, &ignored, &left);
    for (int i = 0; i < out->height * out->width * out->channels; i++) {
        int c = i % out->channels, x = i / out->channels % out->width;
        int y = i / out->channels / out->width, seen = 0;
        float best = 0;
        for (int k = 0; k < l->kernel * l->kernel; k++) {
            int iy = y * l->stride - top + k / l->kernel, ix = x * l->stride - left + k % l->kernel;
            if (iy < 0 || ix < 0 || iy >= in->height || ix >= in->width) continue;
            float v =
                in->data[((size_t)iy * (size_t)in->width + (size_t)ix) * (size_t)in->channels +
                         (size_t)c];
            if (!seen || v > best) best = v;
            seen = 1;
        }
        out->data[i] = best;
    }
}

static void activate(layer_activation activation, map *m)
{
    size_t count = (size_t)m->height * (size_t)m->width * (size_t)m->channels;
    for (size_t i = 0; i < count && activation != LAYER_LINEAR; i++) {
        if (m->data[i] < 0) m->data[i] = 0;
        if (activation == LAYER_RELU6 && m->data[i] > 6) m->data[i] = 6;
    }
}

/* ---- weights and statistics ---- */

static status draw_weights(layer_list *list, layer *l, uint64_t *state)
{
    size_t inputs = l->kind == LAYER_DEPTHWISE ? 1 : (size_t)l->channels_in;
    size_t fan = inputs * (size_t)l->kernel * (size_t)l->kernel, channels = (size_t)l->channels;
    l->weights = pool_array(list->pool, fan * channels, sizeof *l->weights);
    l->gamma = pool_array(list->pool, channels, sizeof *l->gamma);
    l->beta = pool_array(list->pool, channels, sizeof *l->beta);
    l->mean = pool_array(list->pool, channels, sizeof *l->mean);
    l->variance = pool_array(list->pool, channels, sizeof *l->variance);
    if (!l->weights || !l->gamma || !l->beta || !l->mean || !l->variance) return STATUS_MEMORY;
    float deviation = (float)layer_root(2.0 / (double)fan);
    for (size_t i = 0; i < fan * channels; i++) l->weights[i] = deviation * random_normal(state);
    for (size_t c = 0; c < channels; c++) {
        l->gamma[c] = random_between(state, l->least, l->most);
        l->beta[c] = l->center + random_between(state, -l->shift, l->shift);
    }
    return STATUS_OK;
}

/* Measures each channel of `m`, and normalises it. A channel that hardly moves gets a quarter of
 * the average variance, so that no noise is blown up. */
static void normalise(const layer_list *list, layer *l, map *m)
{
    int pixels = m->height * m->width;
    double average = 0;
    for (int c = 0; c < l->channels; c++) {
        double sum = 0, squares = 0;
        for (int i = 0; i < pixels; i++) {
            double v = m->data[(size_t)i * (size_t)l->channels + (size_t)c];
            sum += v;
            squares += v * v;
        }
        double mean = sum / pixels, variance = squares / pixels - mean * mean;
        l->mean[c] = (float)mean;
        l->variance[c] = variance > 0 ? (float)variance : 0;
        average += l->variance[c] / l->channels;
    }
    float least = (float)(average / 4);
    for (int c = 0; c < l->channels; c++) {
        if (l->variance[c] < least) l->variance[c] = least;
        float scale = (float)layer_scale(list, l, c), bias = (float)layer_bias(list, l, c);
        for (int i = 0; i < pixels; i++) {
            float *v = &m->data[(size_t)i * (size_t)l->channels + (size_t)c];
            *v = *v * scale + bias;
        }
    }
}

static status run_layer(layer_list *list, layer *l, uint64_t *state, const map *maps, map *out,
                        pool *p)
{
    const map *in = &maps[l->input];
    int ignored;
    *out = (map){.channels = l->channels, .height = in->height, .width = in->width};
    if (l->kind != LAYER_ADD) {
        output_size(l, in->height, &out->height, &ignored);
        output_size(l, in->width, &out->width, &ignored);
    }
    size_t count = (size_t)out->height * (size_t)out->width * (size_t)out->channels;
    out->data = pool_array(p, count, sizeof *out->data);
    if (!out->data) return STATUS_MEMORY;
    if (l->kind == LAYER_MAX_POOL) {
        max_pool(l, in, out);
    } else if (l->kind == LAYER_ADD) {
        for (size_t i = 0; i < count; i++) out->data[i] = in->data[i] + maps[l->other].data[i];
    } else {
        TRY(draw_weights(list, l, state));
        TRY(convolve(l, in, out, p));
        normalise(list, l, out);
    }
    activate(l->activation, out);
    return STATUS_OK;
}

static status run_all(const generate_settings *settings, layer_list *list, pool *p)
{
    map maps[LAYERS_MOST + 1]; /* the picture, then the layers' results */
    uint64_t state = settings->seed * 0x2545f4914f6cdd1du + (uint64_t)settings->architecture +
                     2 * (uint64_t)settings->multiplier;
    maps[0] = (map){.height = SIDE, .width = SIDE, .channels = 3};
    maps[0].data = pool_array(p, SIDE * SIDE * 3, sizeof *maps[0].data);
    if (!maps[0].data) return STATUS_MEMORY;
    draw_picture(&state, maps[0].data);
    normalise_picture(settings->architecture, maps[0].data);
    for (int i = 0; i < list->count; i++)
        TRY(run_layer(list, &list->layers[i], &state, maps + 1, &maps[i + 1], p));
    return STATUS_OK;
}

status layers_calibrate(const generate_settings *settings, layer_list *list)
{
    pool *p;
    TRY(pool_new(&p));
    status s = run_all(settings, list, p);
    pool_free(&p);
    return s;
}
