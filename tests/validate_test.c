/* `posenet validate` finds a planted fault: one row that is wrong in one element. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "kernels/rows.h"
#include "tools/synthetic.h"
#include "tools/validate.h"

enum { SIDE = 65, WRONG_STEP = 7, MAX_ROWS = 256 };

static status wrong_enqueue(const work *w, const network *net, const run *r)
{
    TRY(conv_ref.enqueue(w, net, r));
    float *output = tensor_at(net, net->steps[w->first].output, r);
    output[3] += w->first == WRONG_STEP ? 0.01F * (1.0F + output[3]) : 0.0F;
    return STATUS_OK;
}

static double cheapest(const network *net, int first, int count)
{
    (void)net, (void)first, (void)count;
    return 0.0;
}

static void open_side(side *s, const posenet *engine, const row *const *rows)
{
    plan_request request = {.model = engine->model,
                            .device = s->device,
                            .packs = s->packs,
                            .width = SIDE,
                            .height = SIDE,
                            .batch = 1,
                            .precision = PRECISION_FP32,
                            .max_poses = 5,
                            .keep_all = 1,
                            .rows = rows};
    cr_assert_eq(plan_make(&request, &s->plan), STATUS_OK, "%s", fail_text());
    cr_assert_eq(slot_new(s->device, s->plan, 0, &s->slot), STATUS_OK, "%s", fail_text());
}

static void close_side(side *s)
{
    slot_free(&s->slot);
    plan_free(&s->plan);
    pack_cache_free(&s->packs);
    device_close(&s->device);
}

/* How many works validate_steps calls out when the tested side computes with these rows. */
static int count_bad(const char *model, const row *const *rows)
{
    posenet_settings settings;
    posenet_default_settings(&settings, sizeof settings);
    settings.device = POSENET_DEVICE_REF;
    settings.width = settings.height = SIDE;
    settings.model = model;
    comparison c = {0};
    cr_assert_eq(posenet_open(&c.engine, &settings), POSENET_OK, "%s", fail_text());
    image picture;
    cr_assert_eq(synthetic_picture(&picture), STATUS_OK);
    c.picture = &picture;
    side *sides[] = {&c.tested, &c.ref};
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(device_host_open(DEVICE_REF, &sides[i]->device), STATUS_OK);
        cr_assert_eq(pack_cache_new(NULL, &sides[i]->packs), STATUS_OK);
        open_side(sides[i], c.engine, i ? NULL : rows);
        slot_image pixels = {.picture = {.data = picture.pixels,
                                         .width = picture.width,
                                         .height = picture.height,
                                         .pitch = picture.width * 3}};
        decode_options options = {.max_poses = 5, .score_threshold = 0.5F, .nms_radius = 20.0F};
        slot_describe(sides[i]->slot, &pixels, 1, &options);
    }
    status done = c.ref.device->calls->compute(c.ref.device, c.ref.slot, 0, c.ref.plan->work_count);
    cr_assert_eq(done, STATUS_OK, "%s", fail_text());
    int bad = -1;
    cr_assert_eq(validate_steps(&c, &bad), STATUS_OK, "%s", fail_text());
    close_side(&c.tested);
    close_side(&c.ref);
    image_free(&picture);
    posenet_close(&c.engine);
    return bad;
}

Test(validate, finds_the_one_wrong_step)
{
    const char *source = getenv("POSENET_SOURCE");
    char model[4096];
    snprintf(model, sizeof model, "%s/tools/demo/posenet_demo_mobilenet_v1_075_stride16.onnx",
             source ? source : ".");
    row wrong = conv_ref;
    wrong.name = "conv_wrong";
    wrong.enqueue = wrong_enqueue;
    wrong.estimate = cheapest;
    const row *rows[MAX_ROWS] = {&wrong};
    for (int i = 0; all_rows[i] && i + 2 < MAX_ROWS; i++) rows[i + 1] = all_rows[i];
    cr_assert_eq(count_bad(model, rows), 1);
    cr_assert_eq(count_bad(model, NULL), 0);
}
