/* posenet run: pictures in, poses out. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/posenet.h"
#include "tools/annotate.h"
#include "tools/image.h"
#include "tools/json.h"
#include "tools/model_find.h"
#include "tools/npy.h"
#include "tools/outputs.h"
#include "tools/run_options.h"
#include "tools/run_report.h"
#include "tools/tuning.h"

/* A running job: the options, the engine, and where results go. */
typedef struct job {
    const run_options *options;
    posenet *engine;
    int input_width, input_height;
    posenet_pose poses[POSENET_MAX_POSES];
    FILE *json; /* a stream into json_text; NULL until the first result */
    char *json_text;
    size_t json_bytes;
    int json_pictures;
} job;

/* The engine's codes and sentences are those of kernels/status.h. */
static status from_engine(posenet_status result)
{
    return (status)result;
}

/* ---- opening -------------------------------------------------------------------------------- */

static status open_engine(job *j)
{
    char path[MODEL_PATH_BYTES];
    const run_options *o = j->options;
    posenet_settings settings = o->settings;
    char *const inputs[] = {path};
    TRY(model_find(o->model, path));
    if (o->json) TRY(check_no_input(o->json, inputs, 1));
    if (o->json) TRY(check_no_input(o->json, o->images, o->image_count));
    settings.model = path;
    show_tuning(&settings, 0);
    progress("opening %s", path);
    TRY(from_engine(posenet_open(&j->engine, &settings)));
    return from_engine(posenet_get_input(j->engine, &j->input_width, &j->input_height, NULL, NULL));
}

/* ---- results -------------------------------------------------------------------------------- */

/* Results are kept in memory until the end, so that a failure leaves no half a file. */
static status add_json(job *j, const json_picture *picture)
{
    if (!j->json && !(j->json = open_memstream(&j->json_text, &j->json_bytes)))
        return fail(STATUS_MEMORY, "out of memory for the JSON");
    if (j->json_pictures++) fputs(",\n", j->json);
    json_write_picture(j->json, picture);
    return STATUS_OK;
}

/* One object for one IMAGE (nothing if it failed), an array for several. */
static status write_json(job *j)
{
    const char *path = j->options->json;
    int several = j->options->image_count > 1;
    int lost = j->json && ferror(j->json);
    if (j->json && fclose(j->json) != 0) lost = 1;
    j->json = NULL;
    if (lost) return fail(STATUS_MEMORY, "out of memory for the JSON");
    if (!path || (!several && !j->json_text)) return STATUS_OK;
    FILE *to;
    TRY(output_open(path, &to));
    const char *text = j->json_text ? j->json_text : "";
    fprintf(to, several ? "[%s]\n" : "%s\n", text);
    return output_close(to, path, STATUS_OK);
}

static status write_heads(job *j, int index)
{
    static const char *const names[POSENET_HEADS] = {"heatmaps", "offsets", "displacement_fwd",
                                                     "displacement_bwd"};
    char folder[OUTPUT_PATH_BYTES], path[OUTPUT_PATH_BYTES + 32];
    const run_options *o = j->options;
    if (o->image_count > 1) {
        TRY(output_path(o->heads_out, o->images, o->image_count, index, "", folder));
        TRY(make_folder(folder));
    } else if (snprintf(folder, sizeof folder, "%s", o->heads_out) >= (int)sizeof folder) {
        return fail(STATUS_ARGUMENT, "--heads-out: the folder's name is too long");
    }
    for (int h = 0; h < POSENET_HEADS; h++) {
        int dims[4];
        TRY(from_engine(posenet_get_head(j->engine, (posenet_head)h, dims, NULL, 0)));
        size_t count = (size_t)dims[0] * dims[1] * dims[2] * dims[3];
        float *data = malloc(count * sizeof *data);
        if (!data) return fail(STATUS_MEMORY, "out of memory for the heads");
        snprintf(path, sizeof path, "%s/%s.npy", folder, names[h]);
        status result =
            from_engine(posenet_get_head(j->engine, (posenet_head)h, dims, data, count));
        if (result == STATUS_OK) result = npy_write(path, data, dims[1], dims[2], dims[3]);
        free(data);
        TRY(result);
    }
    return STATUS_OK;
}

static status write_annotated(const run_options *o, int index, image *picture,
                              const json_picture *found)
{
    char path[OUTPUT_PATH_BYTES];
    const char *source = o->images[index], *point = strrchr(source, '.');
    const char *ending = point && image_ending_known(source) ? point : ".png";
    if (o->image_count > 1 || is_folder(o->annotate))
        TRY(output_path(o->annotate, o->images, o->image_count, index, ending, path));
    else if (snprintf(path, sizeof path, "%s", o->annotate) >= (int)sizeof path)
        return fail(STATUS_ARGUMENT, "--annotate: the file's name is too long");
    TRY(check_no_input(path, o->images, o->image_count));
    if (o->flip) TRY(image_orient(picture, 2)); /* the poses are those of the mirrored picture */
    TRY(annotate(picture, found->poses, found->count));
    return image_save(path, picture);
}

static status check_finite(const json_picture *found)
{
    for (int i = 0; i < found->count; i++) {
        const posenet_pose *pose = &found->poses[i];
        int finite = isfinite(pose->score);
        for (int k = 0; k < POSENET_PARTS; k++)
            finite = finite && isfinite(pose->keypoints[k].x) && isfinite(pose->keypoints[k].y) &&
                     isfinite(pose->keypoints[k].score);
        if (!finite)
            return fail(STATUS_MODEL, "the model's outputs are not finite for this picture");
    }
    return STATUS_OK;
}

/* ---- one picture ---------------------------------------------------------------------------- */

static status estimate(job *j, int index, image *picture)
{
    const run_options *o = j->options;
    posenet_image pixels = {.size = sizeof pixels,
                            .data = picture->pixels,
                            .width = picture->width,
                            .height = picture->height,
                            .format = POSENET_FORMAT_RGB,
                            .flip = o->flip};
    json_picture found = {.image = o->images[index],
                          .width = picture->width,
                          .height = picture->height,
                          .input_width = j->input_width,
                          .input_height = j->input_height,
                          .poses = j->poses};
    status result =
        from_engine(posenet_estimate(j->engine, &pixels, 1, &o->decode, j->poses, &found.count));
    if (result == STATUS_OK) result = check_finite(&found);
    if (result != STATUS_OK) return fail_in(result, o->images[index]);
    if (o->heads_out) TRY(write_heads(j, index));
    if (o->json) TRY(add_json(j, &found));
    if (o->annotate) TRY(write_annotated(o, index, picture, &found));
    progress_clear();
    if (!o->json && !o->annotate) report_poses(stdout, &found);
    if (!o->profile) return STATUS_OK;
    return from_engine(report_profile(stderr, j->engine, o->images[index]));
}

/* Reads one picture and does with it what was asked. A failure names the picture. */
static status one_picture(job *j, int index)
{
    image picture;
    const run_options *o = j->options;
    progress("%d of %d: %s", index + 1, o->image_count, o->images[index]);
    TRY(image_load(o->images[index], &picture));
    status result = estimate(j, index, &picture);
    image_free(&picture);
    return result;
}

static exit_status every_picture(job *j)
{
    const run_options *o = j->options;
    if (o->annotate && o->image_count > 1 && make_folder(o->annotate) != STATUS_OK)
        return complain("run: --annotate %s", fail_text());
    if (o->heads_out && make_folder(o->heads_out) != STATUS_OK)
        return complain("run: --heads-out %s", fail_text());
    exit_status result = EXIT_DONE;
    for (int i = 0; i < o->image_count; i++)
        if (one_picture(j, i) != STATUS_OK) result = complain("%s", fail_text());
    if (write_json(j) != STATUS_OK) result = complain("%s", fail_text());
    return result;
}

exit_status run_command(int argc, char **argv)
{
    run_options options;
    exit_status result;
    if (!run_options_parse(argc, argv, &options, &result)) return result;
    progress_wanted(!options.quiet);
    job *j = calloc(1, sizeof *j);
    if (!j) return complain("out of memory");
    j->options = &options;
    result = open_engine(j) == STATUS_OK ? every_picture(j) : complain("%s", fail_text());
    result = finish_stdout(result);
    /* One bad picture is one line on stderr. */
    if ((result == EXIT_DONE || options.image_count > 1) && !options.quiet)
        remark_size(&options.settings, j->engine);
    posenet_close(&j->engine);
    free(j->json_text);
    free(j);
    return result;
}
