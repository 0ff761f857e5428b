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
#include "tests/cuda/decode_sets.h"

enum { SKIPPED = 77 };

/* ---- both decoders --------------------------------------------------------------------------- */

typedef struct decoded {
    pose *poses; /* DECODE_MAX_POSES an image */
    int counts[SETS_MAX_BATCH];
} decoded;

static status decode_here(const decode_set *s, decoded *out)
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
static status decode_there(const decode_set *s, decoded *out)
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
static status compare(const decode_set *s, const char *name, int *equal, int *found)
{
    static decoded want, got;
    if (!want.poses) want.poses = heap_array(SETS_MAX_BATCH * DECODE_MAX_POSES, sizeof(pose));
    if (!got.poses) got.poses = heap_array(SETS_MAX_BATCH * DECODE_MAX_POSES, sizeof(pose));
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
        decode_set s;
        snprintf(name, sizeof name, "set %d", i);
        status code = sets_make(&s, i);
        if (code == STATUS_OK) code = compare(&s, name, &equal, &found);
        sets_free(&s);
        TRY(code);
        unequal += !equal;
    }
    printf("%d random sets: %d unequal, %d poses\n", sets, unequal, found);
    *failed += unequal;
    return STATUS_OK;
}

static status check_golden(const char *folder, int *failed)
{
    static const char *const names[] = {"couple", "tennis_in_crowd"};
    for (int i = 0; i < 4; i++) {
        int equal = 0, found = 0;
        decode_set s;
        status code = sets_read(&s, folder, names[i % 2]);
        s.options.single = i / 2;
        if (code == STATUS_OK) code = compare(&s, names[i % 2], &equal, &found);
        sets_free(&s);
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
        x[i] = i < 65536 ? half_to_float((uint16_t)i) : 30 * sets_random();
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
    uint64_t seed = 1;
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--seed") == 0) seed = strtoull(argv[i + 1], NULL, 10);
        if (strcmp(argv[i], "--sets") == 0) sets = atoi(argv[i + 1]);
    }
    cuda_device *device;
    if (cuda_device_open(0, &device) != STATUS_OK) {
        printf("skipped: %s\n", fail_text());
        return SKIPPED;
    }
    printf("%s, seed %llu\n", device->name, (unsigned long long)seed);
    sets_seed(seed);
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
