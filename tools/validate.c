/* posenet validate: does a device compute what the plain C reference computes? */
#include "tools/validate.h"

#include <stdio.h>

#include "tools/model_find.h"
#include "tools/options.h"
#include "tools/synthetic.h"
#include "tools/tuning.h"

/* ---- the two sides -------------------------------------------------------------------------- */

static status make_side(side *s, const posenet *engine, precision p)
{
    const plan *own = inside_plan(engine);
    plan_request request = {.model = engine->model,
                            .device = s->device,
                            .packs = s->packs,
                            .width = own->width,
                            .height = own->height,
                            .batch = own->batch,
                            .precision = p,
                            .max_poses = own->max_poses,
                            .threads = engine->settings.threads,
                            .keep_all = 1};
    if (s->device == engine->device) { /* what the handle runs is what is checked */
        request.choose = plan_choose_same;
        request.choose_user = (void *)(uintptr_t)own;
    }
    TRY(plan_make(&request, &s->plan));
    return slot_new(s->device, s->plan, 0, &s->slot);
}

static void describe(side *s, const image *picture)
{
    slot_image pixels = {.picture = {.data = picture->pixels,
                                     .width = picture->width,
                                     .height = picture->height,
                                     .pitch = (int64_t)picture->width * IMAGE_CHANNELS,
                                     .format = PIXEL_RGB}};
    decode_options options;
    posenet_decode_options given;
    posenet_default_decode_options(&given, sizeof given);
    options = (decode_options){.max_poses = s->plan->max_poses,
                               .score_threshold = given.score_threshold,
                               .nms_radius = given.nms_radius};
    slot_describe(s->slot, &pixels, 1, &options);
}

static status open_sides(comparison *c)
{
    c->tested.device = c->engine->device;
    c->tested.packs = c->engine->packs;
    TRY(make_side(&c->tested, c->engine, c->engine->precision));
    TRY(device_host_open(DEVICE_REF, &c->ref.device));
    pack_memory memory = device_pack_memory(c->ref.device);
    TRY(pack_cache_new(&memory, &c->ref.packs));
    TRY(make_side(&c->ref, c->engine, PRECISION_FP32));
    describe(&c->tested, c->picture);
    describe(&c->ref, c->picture);
    progress("computing the reference");
    return c->ref.device->calls->compute(c->ref.device, c->ref.slot, 0, c->ref.plan->work_count);
}

static void close_sides(comparison *c)
{
    slot_free(&c->tested.slot);
    plan_free(&c->tested.plan);
    slot_free(&c->ref.slot);
    plan_free(&c->ref.plan);
    pack_cache_free(&c->ref.packs);
    device_close(&c->ref.device);
}

/* ---- the command ---------------------------------------------------------------------------- */

static status validate(comparison *c, const char *asked, posenet_settings *settings,
                       const char *picture_name, int *bad)
{
    char path[MODEL_PATH_BYTES];
    TRY(model_find(asked, path));
    settings->model = path;
    TRY((status)posenet_open(&c->engine, settings));
    TRY(open_sides(c));
    const plan *p = c->tested.plan;
    progress_clear();
    printf("%s on %s in %s, %d x %d, %s\n\n", path, posenet_device_name(c->engine),
           precision_name(p->precision), p->width, p->height, picture_name);
    int bad_steps = 0, bad_poses = 0;
    TRY(validate_steps(c, &bad_steps));
    TRY(validate_poses(c, &bad_poses));
    *bad = bad_steps + bad_poses;
    puts(*bad ? "\nfailed" : "\npassed");
    return STATUS_OK;
}

exit_status validate_command(int argc, char **argv)
{
    posenet_settings settings;
    posenet_default_settings(&settings, sizeof settings);
    const char *file = NULL;
    heads_option heads;
    const option list[] = {option_size(&settings),
                           option_device(&settings),
                           option_precision(&settings),
                           option_normalize(&settings),
                           option_heads(&heads, &settings),
                           option_tune(&settings),
                           (option){.name = "--image",
                                    .value = "F",
                                    .help = "the picture to check with, -: from stdin (default: a\n"
                                            "built-in one)",
                                    .take = take_text,
                                    .target = &file}};
    const usage use = {
        .command = "validate",
        .arguments = "MODEL [options]",
        .purpose =
            "Feeds every step of the device the plain C reference's own input and compares\n"
            "what comes out, by the limits of the rows; then compares heads and poses end to\n"
            "end, in pixels of the network's input. Exit status 1 if anything is out.",
        .options = list,
        .option_count = sizeof list / sizeof *list,
        .closing = model_help};
    int count, bad = 0;
    exit_status result;
    if (!options_parse(&use, argc, argv, &count, &result)) return result;
    if (count != 1) return complain("validate: needs one MODEL; see posenet validate --help");
    progress_wanted(1);
    show_tuning(&settings, 0);
    image picture;
    status code = file ? image_load(file, &picture) : synthetic_picture(&picture);
    comparison c = {.picture = &picture};
    if (code == STATUS_OK)
        code = validate(&c, argv[0], &settings, file ? file : "the built-in picture", &bad);
    result = bad ? EXIT_CHECK_FAILED : EXIT_DONE;
    if (code != STATUS_OK) result = complain("%s", fail_text());
    result = finish_stdout(result);
    if (result != EXIT_BAD) remark_size(&settings, c.engine);
    close_sides(&c);
    posenet_close(&c.engine);
    image_free(&picture);
    return result;
}
