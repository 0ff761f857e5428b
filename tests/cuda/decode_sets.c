/* Heads made at random, of the kinds that a decoder meets. */
#include "tests/cuda/decode_sets.h"

#include <stdio.h>
#include <stdlib.h>

#include "kernels/element.h"
#include "kernels/pool.h"

enum { MAX_SIDE = 81, GOLDEN_SIDE = 17 };

static uint64_t state;

static uint64_t random_bits(void)
{
    uint64_t z = state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static int random_below(int end)
{
    return (int)(random_bits() % (uint64_t)end);
}

float sets_random(void)
{
    return (float)(random_bits() >> 40) * 0x1p-23f - 1;
}

void sets_seed(uint64_t seed)
{
    state = seed;
}

/* ---- random heads ---------------------------------------------------------------------------- */

typedef enum kind { EMPTY, NOISE, TIES, SATURATED, PLATEAUS, PEAKS, BROKEN, KINDS } kind;

static const char *const kind_names[KINDS] = {"empty",    "noise", "ties",  "saturated",
                                              "plateaus", "peaks", "broken"};

static float heatmap_value(kind k, int x, int y)
{
    switch (k) {
    case EMPTY: return -60 + sets_random();
    case NOISE: return 4 * sets_random();
    case TIES: return (float)(random_below(5) - 2);
    case SATURATED: return random_below(3) ? 30 + 40 * sets_random() : 17 + sets_random();
    case PLATEAUS: return (float)((x / 3 + y / 3) % 4);
    case PEAKS: return random_below(97) ? -8 + sets_random() : 3 + 2 * sets_random();
    case BROKEN:
        switch (random_below(12)) {
        case 0: return NAN;
        case 1: return INFINITY;
        case 2: return -INFINITY;
        default: return 5 * sets_random();
        }
    case KINDS: break;
    }
    return 0;
}

static float vector_value(kind k, int stride)
{
    if (k == BROKEN && random_below(40) == 0) return random_below(2) ? NAN : 3e38f;
    float reach = random_below(8) ? 2.0f * (float)stride : 300;
    return reach * sets_random();
}

/* Dense, or with gaps between channels' ends and the next cell. */
static status make_head(decode_set *s, int which, kind k, int n, int h, int w)
{
    head_view *v = &s->heads.head[which];
    int channels = decode_channels[which],
        pitch = channels + (random_below(3) ? 0 : random_below(9));
    *v = (head_view){.type = s->heads.head[0].type,
                     .dims = {n, h, w, channels},
                     .strides = {(int64_t)h * w * pitch, (int64_t)w * pitch, pitch, 1}};
    size_t count = (size_t)n * (size_t)h * (size_t)w * (size_t)pitch;
    s->bytes[which] = count * type_bytes(v->type);
    void *data = heap_array(count, type_bytes(v->type));
    if (!data) return STATUS_MEMORY;
    v->data = data;
    for (size_t i = 0; i < count; i++) {
        int x = (int)(i / (size_t)pitch % (size_t)w),
            y = (int)(i / (size_t)pitch / (size_t)w % (size_t)h);
        float value = vector_value(k, s->heads.stride);
        if (which == DECODE_HEATMAP) {
            value = heatmap_value(k, x, y);
            if (!s->heads.logits) value = k == TIES ? (value + 2) / 4 : 1 / (1 + expf(-value));
        }
        element_store(data, v->type, (int64_t)i, value);
    }
    return STATUS_OK;
}

void sets_free(decode_set *s)
{
    for (int i = 0; i < DECODE_HEADS; i++) free((void *)(uintptr_t)s->heads.head[i].data);
}

status sets_make(decode_set *s, int number)
{
    static const float thresholds[] = {0.5f, 0, 0.1f, 0.9f, 1};
    kind k = (kind)(number % KINDS);
    int side = number % 5 ? 33 : MAX_SIDE;
    int n = 1 + random_below(SETS_MAX_BATCH), h = 1 + random_below(side),
        w = 1 + random_below(side);
    *s = (decode_set){.kind = kind_names[k]};
    s->heads.stride = 8 << random_below(3);
    s->heads.logits = random_below(3) > 0;
    s->options =
        (decode_options){.single = random_below(4) == 0,
                         .max_poses = random_below(6) ? 1 + random_below(20) : DECODE_MAX_POSES,
                         .score_threshold = thresholds[random_below(5)],
                         .nms_radius = random_below(4) ? 20 : 0.5f + 60 * fabsf(sets_random())};
    s->heads.head[0].type = random_below(2) ? TYPE_FP32 : TYPE_FP16;
    for (int i = 0; i < DECODE_HEADS; i++) TRY(make_head(s, i, k, n, h, w));
    return STATUS_OK;
}

/* ---- golden heads ---------------------------------------------------------------------------- */

static status read_head(const char *folder, const char *name, int which, decode_set *s)
{
    static const char *const files[] = {"heatmaps", "offsets", "displacement_fwd",
                                        "displacement_bwd"};
    char path[4096];
    snprintf(path, sizeof path, "%s/golden/heads/%s.257.%s.f32", folder, name, files[which]);
    head_view *v = &s->heads.head[which];
    int channels = decode_channels[which];
    *v = (head_view){.type = TYPE_FP32,
                     .dims = {1, GOLDEN_SIDE, GOLDEN_SIDE, channels},
                     .strides = {0, (int64_t)GOLDEN_SIDE * channels, channels, 1}};
    s->bytes[which] = (size_t)GOLDEN_SIDE * GOLDEN_SIDE * (size_t)channels * sizeof(float);
    void *data = heap_array(s->bytes[which], 1);
    if (!data) return STATUS_MEMORY;
    v->data = data;
    FILE *f = fopen(path, "rb");
    if (!f) return fail(STATUS_FILE, "%s cannot be opened", path);
    size_t read = fread(data, 1, s->bytes[which], f);
    fclose(f);
    return read == s->bytes[which] ? STATUS_OK : fail(STATUS_FILE, "%s is too short", path);
}

status sets_read(decode_set *s, const char *shared, const char *name)
{
    *s = (decode_set){.kind = "golden", .heads = {.stride = 16}, .options = {0, 20, 0.5f, 20}};
    for (int which = 0; which < DECODE_HEADS; which++) TRY(read_head(shared, name, which, s));
    return STATUS_OK;
}
