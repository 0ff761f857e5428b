/* Plans of whole PoseNets: how much room they take, and that sharing it changes nothing. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "engine/inside.h"
#include "loader/generate.h"
#include "tests/shared.h"

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

static void check_sharing(const model *m, device_kind kind, int width, int height)
{
    bench_device b = open_device(kind);
    plan *shared = make_plan(m, &b, width, height, 0), *apart = make_plan(m, &b, width, height, 1);
    cr_assert_lt(shared->arena_bytes, apart->arena_bytes);
    slot *got = run_picture(&b, shared), *want = run_picture(&b, apart);
    for (int h = 0; h < DECODE_HEADS; h++) {
        const tensor *t = &shared->net.tensors[shared->heads[h]];
        size_t bytes = tensor_bytes(t);
        const unsigned char *one = got->run.arena + t->offset;
        const unsigned char *other = want->run.arena + apart->net.tensors[apart->heads[h]].offset;
        cr_assert_eq(memcmp(one, other, bytes), 0, "head %d at %dx%d", h, width, height);
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
        if (!p->has_room[i]) continue;
        const tensor *t = &p->net.tensors[i];
        cr_expect_eq(t->offset % 256, 0);
        cr_expect_leq(t->offset + tensor_bytes(t), p->arena_bytes);
    }
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
    check_model(open_generated(GENERATE_RESNET50, 32));
}

Test(plan, of_resnet50_with_dilation)
{
    check_model(open_generated(GENERATE_RESNET50, 16));
}

Test(plan, of_mobilenet_at_stride_8)
{
    check_model(open_generated(GENERATE_MOBILENET_V1, 8));
}
