/* The options of `posenet run`, and what of them does not go together. */
#include "tools/run_options.h"

#include "tools/image.h"
#include "tools/model_find.h"
#include "tools/options.h"
#include "tools/outputs.h"
#include "tools/tuning.h"

enum { RUN_OPTIONS = 17 };

static void list_options(run_options *o, option list[RUN_OPTIONS])
{
    int count = 0;
    list[count++] = (option){.name = "--model",
                             .value = "FILE|NAME",
                             .help = "the network, .onnx or TF.js .json; see below",
                             .take = take_text,
                             .target = &o->model};
    list[count++] = option_device(&o->settings);
    list[count++] = option_precision(&o->settings);
    list[count++] = option_size(&o->settings);
    list[count++] = option_tune(&o->settings);
    list[count++] = (option){.name = "--max-poses",
                             .value = "N",
                             .help = "people to find at most (default 5)",
                             .take = take_whole,
                             .target = &o->settings.max_poses,
                             .low = 1,
                             .high = POSENET_MAX_POSES};
    list[count++] = (option){.name = "--score-threshold",
                             .value = "S",
                             .help = "score of the part that a person is found by (default 0.5)",
                             .take = take_real,
                             .target = &o->decode.score_threshold,
                             .low = 0,
                             .high = 1};
    list[count++] = (option){.name = "--nms-radius",
                             .value = "R",
                             .help = "pixels of the network's input within which the same part\n"
                                     "is the same person's (default 20)",
                             .take = take_positive,
                             .target = &o->decode.nms_radius};
    list[count++] = (option){.name = "--single",
                             .help = "the best point of each part: exactly one pose, no\n"
                                     "threshold",
                             .take = take_flag,
                             .target = &o->decode.single};
    list[count++] = option_normalize(&o->settings);
    list[count++] = option_heads(&o->head_names, &o->settings);
    list[count++] = option_json(&o->json);
    list[count++] = (option){.name = "--annotate",
                             .value = "FILE|FOLDER",
                             .help = "draw the poses onto the picture, .png or .jpg; with\n"
                                     "several images a folder",
                             .take = take_text,
                             .target = &o->annotate};
    list[count++] = (option){.name = "--heads-out",
                             .value = "DIR",
                             .help = "write the four raw outputs there as .npy, (H, W, C)\n"
                                     "float32; with several images in a folder for each",
                             .take = take_text,
                             .target = &o->heads_out};
    list[count++] = (option){.name = "--flip",
                             .help = "a mirrored camera: x becomes width - 1 - x",
                             .take = take_flag,
                             .target = &o->flip};
    list[count++] = (option){.name = "--profile",
                             .help = "say on stderr what moved and how long each step took",
                             .take = take_flag,
                             .target = &o->profile};
    list[count++] = (option){.name = "--quiet",
                             .help = "nothing on stderr but complaints",
                             .take = take_flag,
                             .target = &o->quiet};
}

static exit_status check(const run_options *o)
{
    if (o->image_count == 0) return complain("run: no IMAGE given; see posenet run --help");
    for (int i = 0; i < o->image_count; i++)
        if (!*o->images[i]) return complain("run: an IMAGE without a name was given");
    if (o->annotate && o->image_count == 1 && !image_ending_known(o->annotate) &&
        !is_folder(o->annotate))
        return complain("run: --annotate %s: the name must end in .png, .jpg or .jpeg",
                        o->annotate);
    /* `--json photo.jpg`, the file forgotten, must not cost anyone a photo. */
    if (o->json && image_ending_known(o->json))
        return complain("run: --json %s: that is a picture's name; write to a .json or to -",
                        o->json);
    return EXIT_DONE;
}

int run_options_parse(int argc, char **argv, run_options *o, exit_status *leave)
{
    *o = (run_options){.images = argv};
    posenet_default_settings(&o->settings, sizeof o->settings);
    posenet_default_decode_options(&o->decode, sizeof o->decode);
    option list[RUN_OPTIONS];
    list_options(o, list);
    const usage use = {
        .command = "run",
        .arguments = "[options] IMAGE...",
        .purpose =
            "Finds the people in each picture (JPEG or PNG; -: from stdin): for each a score\n"
            "and 17 keypoints with x, y (pixels of the picture) and a score. With neither\n"
            "--json nor --annotate a table goes to stdout.",
        .options = list,
        .option_count = RUN_OPTIONS,
        .closing = model_help};
    if (!options_parse(&use, argc, argv, &o->image_count, leave)) return 0;
    o->settings.profile = o->profile;
    *leave = check(o);
    return *leave == EXIT_DONE;
}
