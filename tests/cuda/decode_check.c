/* The decoder on the GPU against the one on the host, on the same tensors: the same poses in the
 * same order, bit for bit.
 *
 *   decode_check [--seed N] [--sets N]     exit 0: equal, 1: not, 77: no GPU
 *
 * Random heads from empty to thousands of candidates, with ties, plateaus, saturated scores and
 * NaN, fp32 and fp16, dense and strided; the golden heads where $POSENET_SHARED has them; and the
 * sigmoid alone, of every fp16 logit and of random fp32 ones. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/cuda/cuda.h"
#include "kernels/cuda/device.h"
#include "kernels/decode/decode_cuda.h"
#include "kernels/element.h"
#include "kernels/rows.h"

enum { MAX_BATCH = 3, MAX_SIDE = 81, GOLDEN_SIDE = 17, SKIPPED = 77 };

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

/* Within -1..1. */
static float random_unit(void)
{
    return (float)(random_bits() >> 40) * 0x1p-23f - 1;
}

/* ---- one set of heads on both sides ---------------------------------------------------------- */

typedef struct set {
    decode_heads heads; /* data: host */
    size_t bytes[DECODE_HEADS];
    decode_options options;
    const char *kind;
} set;

typedef enum kind { EMPTY, NOISE, TIES, SATURATED, PLATEAUS, PEAKS, BROKEN, KINDS } kind;

static const char *const kind_names[KINDS] = {"empty",    "noise", "ties",  "saturated",
                                              "plateaus", "peaks", "broken"};

static float heatmap_value(kind k, int x, int y)
{
    switch (k) {
    case EMPTY: return -60 + random_unit();
    case NOISE: return 4 * random_unit();
    case TIES: return (float)(random_below(5) - 2);
    case SATURATED: return random_below(3) ? 30 + 40 * random_unit() : 17 + random_unit();
    case PLATEAUS: return (float)((x / 3 + y / 3) % 4);
    case PEAKS: return random_below(97) ? -8 + random_unit() : 3 + 2 * random_unit();
    case BROKEN:
        switch (random_below(12)) {
        case 0: return NAN;
        case 1: return INFINITY;
        case 2: return -INFINITY;
        default: return 5 * random_unit();
        }
    case KINDS: break;
    }
    return 0;
}

static float vector_value(kind k, int stride)
{
    if (k == BROKEN && random_below(40) == 0) return random_below(2) ? NAN : 3e38f;
    float reach = random_below(8) ? 2.0f * (float)stride : 300;
    return reach * random_unit();
}

/* Dense, or with gaps between channels' ends and the next cell. */
static status make_head(set *s, int which, kind k, int n, int h, int w)
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

static void free_set(set *s)
{
    for (int i = 0; i < DECODE_HEADS; i++) free((void *)(uintptr_t)s->heads.head[i].data);
}

static status make_set(set *s, int number)
{
    static const float thresholds[] = {0.5f, 0, 0.1f, 0.9f, 1};
    kind k = (kind)(number % KINDS);
    int side = number % 5 ? 33 : MAX_SIDE;
    int n = 1 + random_below(MAX_BATCH), h = 1 + random_below(side), w = 1 + random_below(side);
    *s = (set){.kind = kind_names[k]};
    s->heads.stride = 8 << random_below(3);
    s->heads.logits = random_below(3) > 0;
    s->options =
        (decode_options){.single = random_below(4) == 0,
                         .max_poses = random_below(6) ? 1 + random_below(20) : DECODE_MAX_POSES,
                         .score_threshold = thresholds[random_below(5)],
                         .nms_radius = random_below(4) ? 20 : 0.5f + 60 * fabsf(random_unit())};
    s->heads.head[0].type = random_below(2) ? TYPE_FP32 : TYPE_FP16;
    for (int i = 0; i < DECODE_HEADS; i++) TRY(make_head(s, i, k, n, h, w));
    return STATUS_OK;
}

/* ---- both decoders --------------------------------------------------------------------------- */

typedef struct decoded {
    pose *poses; /* DECODE_MAX_POSES an image */
    int counts[MAX_BATCH];
} decoded;

static status decode_here(const set *s, decoded *out)
{
    const int *dims = s->heads.head[0].dims;
    void *workspace = heap_array(decode_workspace_bytes(dims[AXIS_H], dims[AXIS_W]), 1);
    if (!workspace) return STATUS_MEMORY;
    for (int i = 0; i < dims[AXIS_N]; i++)
        decode_image(&s->heads, i, &s->options, NULL, workspace, out->poses + i * DECODE_MAX_POSES,
                     &out->counts[i]);
    free(workspace);
    return STATUS_OK;
}

/* Everything of one device decoding in one block. */
static status decode_there(const set *s, decoded *out)
{
    size_t images = (size_t)s->heads.head[0].dims[AXIS_N], at[DECODE_HEADS], bytes = 0;
    for (int i = 0; i < DECODE_HEADS; i++) {
        at[i] = bytes;
        bytes += (s->bytes[i] + 255) / 256 * 256;
    }
    size_t poses_bytes = images * DECODE_MAX_POSES * sizeof(pose);
    size_t options = bytes, counts = options + 256, poses = counts + 256;
    size_t workspace = poses + (poses_bytes + 255) / 256 * 256;
    void *allocated;
    TRY(cuda_check(cudaMalloc(&allocated, workspace + decode_cuda_workspace_bytes(&s->heads)),
                   "allocating"));
    unsigned char *memory = allocated;
    decode_cuda_request request = {.heads = s->heads,
                                   .options = (void *)(memory + options),
                                   .capacity = DECODE_MAX_POSES,
                                   .poses = (void *)(memory + poses),
                                   .counts = (void *)(memory + counts),
                                   .workspace = memory + workspace};
    status code =
        cuda_check(cudaMemcpy(memory + options, &s->options, sizeof s->options, cudaMemcpyDefault),
                   "uploading");
    for (int i = 0; i < DECODE_HEADS && code == STATUS_OK; i++) {
        request.heads.head[i].data = memory + at[i];
        code = cuda_check(
            cudaMemcpy(memory + at[i], s->heads.head[i].data, s->bytes[i], cudaMemcpyDefault),
            "uploading");
    }
    if (code == STATUS_OK)
        code = cuda_check(cudaMemset(memory + poses, 0xff, poses_bytes), "poisoning");
    if (code == STATUS_OK) code = decode_cuda_launch(&request);
    if (code == STATUS_OK)
        code = cuda_check(
            cudaMemcpy(out->counts, memory + counts, images * sizeof(int), cudaMemcpyDefault),
            "decoding");
    if (code == STATUS_OK)
        code = cuda_check(cudaMemcpy(out->poses, memory + poses, poses_bytes, cudaMemcpyDefault),
                          "downloading");
    (void)cudaFree(allocated);
    return code;
}

/* 1 if both decoders agree; *found is the number of poses. */
static status compare(const set *s, const char *name, int *equal, int *found)
{
    static decoded want, got;
    if (!want.poses) want.poses = heap_array(MAX_BATCH * DECODE_MAX_POSES, sizeof(pose));
    if (!got.poses) got.poses = heap_array(MAX_BATCH * DECODE_MAX_POSES, sizeof(pose));
    if (!want.poses || !got.poses) return STATUS_MEMORY;
    TRY(decode_check(&s->heads));
    TRY(decode_here(s, &want));
    TRY(decode_there(s, &got));
    *equal = 1;
    for (int i = 0; i < s->heads.head[0].dims[AXIS_N]; i++) {
        *found += want.counts[i];
        const pose *a = want.poses + i * DECODE_MAX_POSES, *b = got.poses + i * DECODE_MAX_POSES;
        int same_count = want.counts[i] == got.counts[i], at = 0;
        while (same_count && at < want.counts[i] && memcmp(&a[at], &b[at], sizeof *a) == 0) at++;
        if (same_count && at == want.counts[i]) continue;
        *equal = 0;
        printf(
            "FAILED  %s (%s, %dx%d, %s, threshold %g): image %d: %d poses on the host, %d on the "
            "GPU; pose %d differs: score %.9g and %.9g, nose at %.9g,%.9g and %.9g,%.9g\n",
            name, s->kind, s->heads.head[0].dims[AXIS_W], s->heads.head[0].dims[AXIS_H],
            s->options.single ? "single" : "several", (double)s->options.score_threshold, i,
            want.counts[i], got.counts[i], at, (double)a[at].score, (double)b[at].score,
            (double)a[at].keypoints[0].x, (double)a[at].keypoints[0].y,
            (double)b[at].keypoints[0].x, (double)b[at].keypoints[0].y);
    }
    return STATUS_OK;
}

/* ---- what is compared ------------------------------------------------------------------------ */

static status check_random(int sets, int *failed)
{
    int found = 0, unequal = 0;
    for (int i = 0; i < sets; i++) {
        char name[32];
        int equal = 0;
        set s;
        snprintf(name, sizeof name, "set %d", i);
        status code = make_set(&s, i);
        if (code == STATUS_OK) code = compare(&s, name, &equal, &found);
        free_set(&s);
        TRY(code);
        unequal += !equal;
    }
    printf("%d random sets: %d unequal, %d poses\n", sets, unequal, found);
    *failed += unequal;
    return STATUS_OK;
}

static status read_head(const char *folder, const char *name, int which, set *s)
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

static status check_golden(const char *folder, int *failed)
{
    static const char *const names[] = {"couple", "tennis_in_crowd"};
    for (int i = 0; i < 4; i++) {
        int equal = 0, found = 0;
        set s = {.kind = "golden"};
        s.heads.stride = 16;
        s.options = (decode_options){i / 2, 20, 0.5f, 20};
        status code = STATUS_OK;
        for (int which = 0; which < DECODE_HEADS && code == STATUS_OK; which++)
            code = read_head(folder, names[i % 2], which, &s);
        if (code == STATUS_OK) code = compare(&s, names[i % 2], &equal, &found);
        free_set(&s);
        TRY(code);
        printf("golden %s, %s: %s, %d poses\n", names[i % 2], i / 2 ? "single" : "several",
               equal ? "equal" : "UNEQUAL", found);
        *failed += !equal;
    }
    return STATUS_OK;
}

enum { SIGMOIDS = 1 << 24 };

/* Through the activation's own row, which has the same function. */
static status sigmoid_there(const float *x, float *y)
{
    tensor tensors[2] = {{.name = "x", .type = TYPE_FP32, .dims = {1, 1, 1, SIGMOIDS}},
                         {.name = "y",
                          .type = TYPE_FP32,
                          .dims = {1, 1, 1, SIGMOIDS},
                          .offset = SIGMOIDS * sizeof(float)}};
    step one = {
        .op = OP_ACTIVATE, .input_count = 1, .inputs = {0}, .output = 1, .nodes = "sigmoid"};
    one.as.act = (activation){ACTIVATION_SIGMOID, 0, 0};
    network net = {2, 1, tensors, &one};
    prepare_context context = {.precision = PRECISION_FP32};
    work w = {.row = &activate_cuda, .count = 1};
    void *arena;
    TRY(cuda_check(cudaMalloc(&arena, 2 * SIGMOIDS * sizeof(float)), "allocating"));
    run r = {.arena = arena};
    status code =
        cuda_check(cudaMemcpy(arena, x, SIGMOIDS * sizeof(float), cudaMemcpyDefault), "uploading");
    if (code == STATUS_OK) code = w.row->prepare(&context, &net, &w);
    if (code == STATUS_OK) code = w.row->enqueue(&w, &net, &r);
    if (code == STATUS_OK)
        code = cuda_check(
            cudaMemcpy(y, r.arena + tensors[1].offset, SIGMOIDS * sizeof(float), cudaMemcpyDefault),
            "downloading");
    w.row->release(&w);
    (void)cudaFree(arena);
    return code;
}

/* Both round the same double expression to fp32; the two exp differ by an ulp of double here and
 * there, which moves the result only next to a rounding boundary: about once in 2^28. */
static status check_sigmoid(int *failed)
{
    float *x = heap_array(SIGMOIDS, sizeof *x), *y = heap_array(SIGMOIDS, sizeof *y);
    if (!x || !y) return STATUS_MEMORY;
    for (int i = 0; i < SIGMOIDS; i++)
        x[i] = i < 65536 ? half_to_float((uint16_t)i) : 30 * random_unit();
    TRY(sigmoid_there(x, y));
    int halves = 0, singles = 0;
    for (int i = 0; i < SIGMOIDS; i++) {
        float want = decode_sigmoid(x[i]);
        int same = memcmp(&want, &y[i], sizeof want) == 0 || (want != want && y[i] != y[i]);
        if (i < 65536)
            halves += !same;
        else
            singles += !same;
    }
    printf("sigmoid: %d of 65536 fp16 logits and %d of %d fp32 logits differ\n", halves, singles,
           SIGMOIDS - 65536);
    *failed += halves > 0 || singles > 2;
    free(x);
    free(y);
    return STATUS_OK;
}

int main(int argc, char **argv)
{
    int sets = 1000, failed = 0;
    state = 1;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--seed") == 0) state = strtoull(argv[i + 1], NULL, 10);
        if (strcmp(argv[i], "--sets") == 0) sets = atoi(argv[i + 1]);
    }
    cuda_device *device;
    if (cuda_device_open(0, &device) != STATUS_OK) {
        printf("skipped: %s\n", fail_text());
        return SKIPPED;
    }
    printf("%s, seed %llu\n", device->name, (unsigned long long)state);
    status code = check_random(sets, &failed);
    const char *shared = getenv("POSENET_SHARED");
    if (code == STATUS_OK && shared)
        code = check_golden(shared, &failed);
    else
        printf("golden heads skipped: POSENET_SHARED is not set\n");
    if (code == STATUS_OK) code = check_sigmoid(&failed);
    if (code != STATUS_OK) printf("FAILED  %s\n", fail_text());
    cuda_device_close(&device);
    return code != STATUS_OK || failed > 0;
}
