/* `posenet convert`: any PoseNet that the engine reads as one plain ONNX file that every runtime
 * takes: NCHW, one input "image", the four heads by their usual names, nothing else. */
#include <stdio.h>
#include <string.h>

#include "engine/model/model.h"
#include "engine/rewrite/rewrite.h"
#include "loader/channels_first.h"
#include "loader/onnx/write.h"
#include "tools/model_find.h"
#include "tools/options.h"

static const char *const head_names[DECODE_HEADS] = {
    [DECODE_HEATMAP] = "heatmaps",
    [DECODE_OFFSET] = "offsets",
    [DECODE_FORWARD] = "displacement_fwd",
    [DECODE_BACKWARD] = "displacement_bwd",
};

/* What an output is made of, if all that stands between is Identity. */
static int behind_identities(const graph *g, int id)
{
    for (size_t i = 0; i < g->node_count; i++) {
        int producer = g->values[id].producer;
        if (producer == GRAPH_ABSENT || g->nodes[producer].op != GRAPH_IDENTITY) break;
        int from = g->nodes[producer].inputs[0];
        if (g->values[from].producer == GRAPH_ABSENT) break;
        id = from;
    }
    return id;
}

static int is_repeated(const int *list, int count)
{
    for (int i = 0; i < count; i++)
        for (int k = 0; k < i; k++)
            if (list[i] == list[k]) return 1;
    return 0;
}

/* SAME with dilation as pads: many runtimes refuse the former, and at stride 1 the pads are the
 * same for every size. */
static void write_out_pads(graph *g)
{
    for (size_t i = 0; i < g->node_count; i++) {
        window *w = &g->nodes[i].as.window;
        if (g->nodes[i].op != GRAPH_CONV || (w->dilation[0] == 1 && w->dilation[1] == 1) ||
            w->stride[0] != 1 || w->stride[1] != 1)
            continue;
        if (w->auto_pad != PAD_SAME_UPPER && w->auto_pad != PAD_SAME_LOWER) continue;
        for (int axis = 0; axis < 2; axis++) {
            int reach = (w->kernel[axis] - 1) * w->dilation[axis], half = reach / 2;
            w->pads[axis] = w->auto_pad == PAD_SAME_UPPER ? half : reach - half;
            w->pads[axis + 2] = reach - w->pads[axis];
        }
        w->auto_pad = PAD_EXPLICIT;
    }
}

/* Leaves the four heads, in order, as the graph's only outputs. */
static status clean(model *m)
{
    graph *g = m->graph;
    int heads[DECODE_HEADS], direct[DECODE_HEADS];
    for (int i = 0; i < DECODE_HEADS; i++) {
        heads[i] = g->outputs[m->heads[i]];
        direct[i] = behind_identities(g, heads[i]);
    }
    g->output_count = 0;
    for (int i = 0; i < DECODE_HEADS; i++)
        TRY(graph_add_output(g, is_repeated(direct, DECODE_HEADS) ? heads[i] : direct[i]));
    graph_channels_first(g);
    write_out_pads(g);
    for (int i = 0; i < DECODE_HEADS; i++) g->values[g->outputs[i]].name = head_names[i];
    if (g->input_count == 1) g->values[g->inputs[0]].name = "image";
    return graph_drop_dead(g);
}

static status convert(const char *from, const char *to, const posenet_settings *settings, int opset)
{
    char path[MODEL_PATH_BYTES];
    TRY(model_find(from, path));
    /* Pixels are none of this command's business: any normalisation will do. */
    model_request request = {.path = path, .normalize = POSENET_NORMALIZE_NONE};
    memcpy(request.heads, settings->heads, sizeof request.heads);
    model *m = NULL;
    TRY(model_open(&request, &m));
    status s = clean(m);
    if (s == STATUS_OK) s = onnx_write_opset(m->graph, to, opset);
    model_close(&m);
    return s;
}

exit_status convert_command(int argc, char **argv)
{
    int opset = 0;
    posenet_settings settings;
    posenet_default_settings(&settings, sizeof settings);
    heads_option heads;
    const option options[] = {
        option_heads(&heads, &settings),
        {.name = "--opset",
         .value = "N",
         .help = "ONNX opset to write (default 13, or what the model needs)",
         .take = take_whole,
         .target = &opset,
         .low = ONNX_WRITE_OLDEST,
         .high = ONNX_WRITE_NEWEST},
    };
    const usage use = {
        .command = "convert",
        .arguments = "[options] IN OUT.onnx",
        .purpose = "Writes a PoseNet, TF.js or ONNX, as plain ONNX for any runtime: batch\n"
                   "normalisation folded, NCHW input \"image\", outputs heatmaps, offsets,\n"
                   "displacement_fwd and displacement_bwd. IN is a file or a model's name.",
        .options = options,
        .option_count = sizeof options / sizeof *options,
        .closing = model_help,
    };
    int count = 0;
    exit_status leave = EXIT_BAD;
    if (!options_parse(&use, argc, argv, &count, &leave)) return leave;
    if (count != 2) return complain("convert: needs two files, IN and OUT.onnx");
    size_t length = strlen(argv[1]);
    if (length < 5 || strcmp(argv[1] + length - 5, ".onnx") != 0)
        return complain("convert: %s: the file to write must end in .onnx", argv[1]);
    if (convert(argv[0], argv[1], &settings, opset) != STATUS_OK)
        return complain("convert: %s", fail_text());
    return EXIT_DONE;
}
