/* `posenet generate`: a PoseNet of the exact architecture with seeded weights, for tests and
 * benchmarks where the official checkpoints are out of reach. */
#include "loader/generate/generate.h"

#include <stdio.h>
#include <string.h>

#include "loader/onnx/write.h"
#include "loader/tfjs/write.h"
#include "tools/options.h"

enum { NO_DIALECT = -1 };

typedef struct generate_options {
    generate_settings settings;
    float multiplier;
    int dialect; /* NO_DIALECT: not said */
    int seed, opset, quant_bytes;
} generate_options;

static int ends_in(const char *text, const char *ending)
{
    size_t length = strlen(text), tail = strlen(ending);
    return length > tail && !strcmp(text + length - tail, ending);
}

static status choose_architecture(const char *name, generate_settings *s)
{
    if (!strcmp(name, "resnet50"))
        s->architecture = GENERATE_RESNET50;
    else if (!strcmp(name, "mobilenet_v1"))
        s->architecture = GENERATE_MOBILENET_V1;
    else
        return fail(STATUS_ARGUMENT, "\"%s\" is no architecture: resnet50 or mobilenet_v1", name);
    return STATUS_OK;
}

static status take_dialect(const option *o, const char *value)
{
    static const char *const names[] = {[GENERATE_NCHW] = "nchw",
                                        [GENERATE_TF2ONNX_NHWC] = "tf2onnx-nhwc",
                                        [GENERATE_TORCH_BN] = "torch-bn"};
    return take_choice(o, value, names, 3, o->target);
}

static status generate(generate_options *o, const char *architecture, const char *path)
{
    int onnx = ends_in(path, ".onnx"), tfjs = ends_in(path, ".json");
    if (!onnx && !tfjs)
        return fail(STATUS_ARGUMENT,
                    "%s: the file to write must end in .onnx, or in .json for TF.js", path);
    if (tfjs && (o->dialect != NO_DIALECT || o->opset))
        return fail(STATUS_ARGUMENT, "%s: --dialect and --opset are for ONNX", path);
    if (onnx && o->quant_bytes)
        return fail(STATUS_ARGUMENT, "%s: --quant-bytes is for TF.js, which ends in .json", path);
    TRY(choose_architecture(architecture, &o->settings));
    o->settings.dialect = o->dialect != NO_DIALECT ? (generate_dialect)o->dialect
                          : tfjs                   ? GENERATE_TF2ONNX_NHWC
                                                   : GENERATE_NCHW;
    o->settings.multiplier = (int)((double)o->multiplier * 100 + 0.5);
    o->settings.seed = (uint64_t)o->seed;
    graph *g = NULL;
    TRY(generate_graph(&o->settings, &g));
    status s = onnx ? onnx_write_opset(g, path, o->opset)
                    : tfjs_write_file(g, path, o->quant_bytes ? o->quant_bytes : 4);
    graph_free(&g);
    return s;
}

enum { GENERATE_OPTIONS = 9 };

static int list_options(generate_options *o, option list[GENERATE_OPTIONS])
{
    const option all[GENERATE_OPTIONS] = {
        {"--stride", "8|16|32", "pixels of the input per cell of the output (default 16)",
         take_whole, &o->settings.stride, 8, 32},
        {"--multiplier", "M", "share of MobileNet's channels: 0.50, 0.75 (default), 1.00 or 1.01",
         take_real, &o->multiplier, 0, 2},
        {"--seed", "N", "other weights for another number (default 1)", take_whole, &o->seed, 0,
         2147483647},
        {"--dialect", "nchw|tf2onnx-nhwc|torch-bn",
         "how ONNX is written: nchw (default); tf2onnx-nhwc, with\n"
         "Transposes at its edges; torch-bn, with BatchNormalization and\n"
         "explicit pads",
         take_dialect, &o->dialect, 0, 0},
        {"--opset", "N", "of ONNX (default 13)", take_whole, &o->opset, ONNX_WRITE_OLDEST,
         ONNX_WRITE_NEWEST},
        {"--quant-bytes", "1|2|4", "bytes a weight of TF.js takes (default 4)", take_whole,
         &o->quant_bytes, 1, 4},
        {"--sigmoid", NULL, "heatmaps are scores, not logits", take_flag, &o->settings.sigmoid, 0,
         0},
        {"--scale-input", NULL, "the network takes pixels 0..255 and scales them itself", take_flag,
         &o->settings.scale_input, 0, 0},
        {"--nameless", NULL, "outputs are named output_0 to output_3", take_flag,
         &o->settings.nameless, 0, 0},
    };
    memcpy(list, all, sizeof all);
    return GENERATE_OPTIONS;
}

exit_status generate_command(int argc, char **argv)
{
    generate_options o = {
        .settings = {.stride = 16}, .multiplier = 0.75f, .dialect = NO_DIALECT, .seed = 1};
    option options[GENERATE_OPTIONS];
    const usage use = {
        .command = "generate",
        .arguments = "resnet50|mobilenet_v1 [options] OUT",
        .purpose = "Writes a PoseNet of the exact architecture with seeded weights in a trained\n"
                   "network's range. It finds nobody; it is there to test and to measure with.\n"
                   "OUT ends in .onnx, or in .json for TF.js with shards beside it.",
        .options = options,
        .option_count = list_options(&o, options),
    };
    int count = 0;
    exit_status leave = EXIT_BAD;
    if (!options_parse(&use, argc, argv, &count, &leave)) return leave;
    if (count != 2)
        return complain("generate: needs an architecture, resnet50 or mobilenet_v1, and a file");
    if (generate(&o, argv[0], argv[1]) != STATUS_OK) return complain("generate: %s", fail_text());
    return EXIT_DONE;
}
