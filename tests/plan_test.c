/* Plans of whole PoseNets: how much room they take, and that sharing it changes nothing. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "engine/inside.h"
#include "kernels/rows.h"
#include "loader/generate/generate.h"
#include "tests/shared.h"
#include "tests/tiny_model.h"

enum { PICTURE = 200 };

/* What a plan needs beside its model. */
typedef struct bench_device {
    device *device;
    pack_cache *packs;
} bench_device;

static bench_device open_device(device_kind kind)
{
    bench_device b;
    cr_assert_eq(device_host_open(kind, &b.device), STATUS_OK);
    pack_memory memory = device_pack_memory(b.device);
    cr_assert_eq(pack_cache_new(&memory, &b.packs), STATUS_OK);
    return b;
}

static void close_device(bench_device *b)
{
    pack_cache_free(&b->packs);
    device_close(&b->device);
}

static plan *make_plan(const model *m, const bench_device *b, int width, int height, int keep_all)
{
    plan_request request = {.model = m,
                            .device = b->device,
                            .packs = b->packs,
                            .width = width,
                            .height = height,
                            .batch = 1,
                            .max_poses = 5,
                            .keep_all = keep_all};
    plan *p;
    cr_assert_eq(plan_make(&request, &p), STATUS_OK, "%s", fail_text());
    return p;
}

static model *open_file(const char *name)
{
    char path[SHARED_PATH_BYTES];
    if (!shared_model(name, path)) cr_skip_test("skipped: no model %s", name);
    model *m;
    model_request request = {.path = path};
    cr_assert_eq(model_open(&request, &m), STATUS_OK, "%s", fail_text());
    return m;
}

static model *open_generated(generate_architecture architecture, int stride)
{
    char path[] = "/tmp/posenet-plan-XXXXXX";
    int file = mkstemp(path);
    cr_assert_geq(file, 0);
    graph *g;
    generate_settings settings = {
        .architecture = architecture, .stride = stride, .multiplier = 50, .seed = 1};
    cr_assert_eq(generate_graph(&settings, &g), STATUS_OK, "%s", fail_text());
    cr_assert_eq(onnx_write_file(g, path), STATUS_OK, "%s", fail_text());
    graph_free(&g);
    model *m;
    model_request request = {.path = path};
    cr_assert_eq(model_open(&request, &m), STATUS_OK, "%s", fail_text());
    remove(path);
    return m;
}

/* Every tensor of a frame's network part, by a plan whose tensors share no room. */
static slot *run_picture(const bench_device *b, const plan *p)
{
    static uint8_t pixels[PICTURE * PICTURE * 3];
    for (size_t i = 0; i < sizeof pixels; i++) pixels[i] = (uint8_t)(i * i % 251);
    slot_image image = {.picture = {.data = pixels,
                                    .width = PICTURE,
                                    .height = PICTURE,
                                    .pitch = (int64_t)PICTURE * 3,
                                    .format = PIXEL_RGB}};
    decode_options options = {
        .max_poses = 5, .score_threshold = options_default.score_threshold, .nms_radius = 20};
    slot *s;
    cr_assert_eq(slot_new(b->device, p, 0, &s), STATUS_OK);
    memset(s->run.arena, 0xff, p->arena_bytes); /* NaN: nothing may be read before it is written */
    slot_describe(s, &image, 1, &options);
    cr_assert_eq(b->device->calls->launch(b->device, s), STATUS_OK, "%s", fail_text());
    return s;
}

/* A head's elements, one after the other; the caller frees them. */
static float *read_head(slot *s, int head, size_t *bytes)
{
    int number = s->plan->heads[head];
    const tensor *t = &s->plan->net.tensors[number];
    *bytes = tensor_bytes(t);
    float *data = malloc(*bytes);
    cr_assert_not_null(data);
    view dense = view_dense(data, TYPE_FP32, t->dims, 0);
    cr_assert_eq(slot_read(s, number, &dense), STATUS_OK);
    return data;
}

static void check_sharing(const model *m, device_kind kind, int width, int height)
{
    bench_device b = open_device(kind);
    plan *shared = make_plan(m, &b, width, height, 0), *apart = make_plan(m, &b, width, height, 1);
    cr_assert_lt(shared->arena_bytes, apart->arena_bytes);
    slot *got = run_picture(&b, shared), *want = run_picture(&b, apart);
    for (int h = 0; h < DECODE_HEADS; h++) {
        size_t bytes;
        float *one = read_head(got, h, &bytes), *other = read_head(want, h, &bytes);
        cr_assert_eq(memcmp(one, other, bytes), 0, "head %d at %dx%d", h, width, height);
        free(one);
        free(other);
    }
    cr_assert_eq(got->counts[0], want->counts[0]);
    cr_assert_eq(memcmp(got->poses, want->poses, (size_t)got->counts[0] * sizeof *got->poses), 0);
    slot_free(&got);
    slot_free(&want);
    plan_free(&shared);
    plan_free(&apart);
    close_device(&b);
}

static void check_room(const model *m, int width, int height)
{
    bench_device b = open_device(DEVICE_CPU);
    plan *p = make_plan(m, &b, width, height, 0);
    double ratio = (double)p->arena_bytes / (double)p->arena_bound;
    cr_expect_leq(ratio, 1.15, "%dx%d: %f", width, height, ratio);
    cr_log_info("%s at %dx%d: %d works, %zu bytes of arena, %.4f of the bound", m->graph->source,
                width, height, p->work_count, p->arena_bytes, ratio);
    for (int i = 0; i < p->net.tensor_count; i++) {
        const tensor *t = &p->net.tensors[i];
        if (!p->has_room[i] || t->window.channels) continue;
        cr_expect_eq(t->offset % 256, 0);
        cr_expect_leq(t->offset + tensor_bytes(t), p->arena_bytes);
    }
    plan_free(&p);
    close_device(&b);
}

/* The sums of a ResNet's units lie where their shortcuts did: some room is saved, and what comes
 * out is the same (check_sharing). */
static void check_places(const model *m)
{
    bench_device b = open_device(DEVICE_REF);
    plan *p = make_plan(m, &b, 257, 257, 0);
    int replaced = 0;
    for (int i = 0; i < p->net.step_count; i++) {
        const step *s = &p->net.steps[i];
        if (s->op != OP_CONV || s->input_count < 2) continue;
        replaced += p->net.tensors[s->output].offset == p->net.tensors[s->inputs[1]].offset;
    }
    cr_expect_eq(replaced, 16, "%d", replaced);
    plan_free(&p);
    close_device(&b);
}

static void check_model(model *m)
{
    check_room(m, 33, 33);
    check_room(m, 257, 257);
    check_room(m, 513, 513);
    check_room(m, 1281, 705);
    check_sharing(m, DEVICE_CPU, 257, 193);
    check_sharing(m, DEVICE_REF, 33, 65);
    model_close(&m);
}

Test(plan, of_posenet_as_onnx)
{
    check_model(open_file("posenet_mobilenet_v1_075_stride16.onnx"));
}

Test(plan, of_bodypix)
{
    check_model(open_file("bodypix_mobilenet_v1_050_stride16.onnx"));
}

Test(plan, of_posenet_as_tfjs)
{
    check_model(open_file("tfjs_posenet_mobilenet_v1_075_stride16/model-stride16.json"));
}

Test(plan, of_resnet50)
{
    model *m = open_generated(GENERATE_RESNET50, 32);
    check_places(m);
    check_model(m);
}

Test(plan, of_resnet50_with_dilation)
{
    check_model(open_generated(GENERATE_RESNET50, 16));
}

Test(plan, of_mobilenet_at_stride_8)
{
    check_model(open_generated(GENERATE_MOBILENET_V1, 8));
}

/* ---- what rows can do to a plan -------------------------------------------------------------- */

static int prepare_calls, release_calls;

static int takes_convolutions(const network *net, int first, precision precision)
{
    (void)precision;
    return net->steps[first].op == OP_CONV;
}

/* The second convolution is one too many. */
static status prepare_some(const prepare_context *context, const network *net, work *w)
{
    (void)context, (void)net, (void)w;
    if (++prepare_calls == 2) return fail(STATUS_DEVICE, "the library is out of sorts");
    return STATUS_OK;
}

static void count_release(work *w)
{
    (void)w;
    release_calls++;
}

static const row moody = {.name = "conv_moody",
                          .device = DEVICE_CPU,
                          .covers = takes_convolutions,
                          .prepare = prepare_some,
                          .release = count_release};
static const row *const moody_rows[] = {&preprocess_ref, &activate_ref, &decode_ref, &moody, NULL};
static const row *const poor_rows[] = {&preprocess_ref, &activate_ref, &decode_ref, NULL};

static model *open_tiny_model(int sigmoid)
{
    size_t size;
    uint8_t *bytes = tiny_model(&(tiny_spec){.sigmoid = sigmoid}, &size);
    model_request request = {
        .bytes = bytes, .byte_count = size, .normalize = POSENET_NORMALIZE_NONE};
    model *m;
    cr_assert_eq(model_open(&request, &m), STATUS_OK, "%s", fail_text());
    free(bytes);
    return m;
}

Test(plan, that_a_row_cannot_prepare_is_given_back)
{
    model *m = open_tiny_model(1); /* the heatmap's convolution, and one for the other heads */
    bench_device b = open_device(DEVICE_CPU);
    plan_request request = {.model = m,
                            .device = b.device,
                            .packs = b.packs,
                            .width = 65,
                            .height = 65,
                            .batch = 1,
                            .max_poses = 5,
                            .rows = moody_rows};
    plan *p;
    cr_assert_eq(plan_make(&request, &p), STATUS_DEVICE);
    cr_assert_null(p);
    cr_assert(!strncmp(fail_text(), "conv_moody (offset_conv_node, displace", 38), "%s",
              fail_text());
    cr_assert(strstr(fail_text(), "): the library is out of sorts"), "%s", fail_text());
    cr_assert_eq(release_calls, 2, "the one that failed is released, too");
    request.rows = poor_rows;
    cr_assert_eq(plan_make(&request, &p), STATUS_UNSUPPORTED);
    cr_assert_null(p);
    cr_assert(strstr(fail_text(), "step 1, conv to 1x5x5x17 (heatmap_conv_node"), "%s",
              fail_text());
    close_device(&b);
    model_close(&m);
}

Test(plan, counts_each_weight_once)
{
    model *m = open_tiny_model(0);
    bench_device b = open_device(DEVICE_REF);
    plan *p = make_plan(m, &b, 65, 65, 0);
    cr_assert_eq(plan_weight_bytes(p), 120 * (3 + 1) * (int64_t)sizeof(float)); /* 115, filled up */
    cr_assert(p->logits && p->stride == TINY_STRIDE && p->network_count == 1);
    plan_free(&p);
    close_device(&b);
    model_close(&m);
}

Test(plan, keeps_the_heads_in_fp32)
{
    cr_assert_eq(plan_tensor_type(PRECISION_FP16, 0), TYPE_FP16);
    cr_assert_eq(plan_tensor_type(PRECISION_FP16, 1), TYPE_FP32);
    cr_assert_eq(plan_tensor_type(PRECISION_TF32, 0), TYPE_FP32);
    cr_assert_eq(plan_tensor_type(PRECISION_FP32, 0), TYPE_FP32);
}
