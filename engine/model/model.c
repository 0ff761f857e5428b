#include "engine/model/model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/model/heads.h"
#include "engine/model/network.h"
#include "engine/model/normalize.h"
#include "engine/rewrite/rewrite.h"

enum { DEFAULT_SIDE = 513 };

/* Where nothing is fixed, a size whose cells are no head's channels at any stride, and not square,
 * so that shapes tell height from width and channels from both. */
enum { PROBE_WIDTH = 225, PROBE_HEIGHT = 161 };

static int ends_with(const char *text, const char *ending)
{
    size_t length = strlen(text), tail = strlen(ending);
    return length >= tail && !strcmp(text + length - tail, ending);
}

/* 1 if the file's first byte that is no space opens a JSON object. */
static int begins_like_json(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (!f) return 0; /* the reader says why */
    int c;
    do c = getc(f);
    while (c == ' ' || c == '\t' || c == '\r' || c == '\n');
    fclose(f);
    return c == '{';
}

static status read_graph(const model_request *q, graph **out)
{
    if (!q->path) return onnx_read_memory(q->bytes, q->byte_count, out);
    if (ends_with(q->path, ".onnx")) return onnx_read_file(q->path, out);
    if (ends_with(q->path, ".json") || begins_like_json(q->path))
        return tfjs_read_file(q->path, out);
    return onnx_read_file(q->path, out);
}

/* A dim that the file fixes; 0 in *fixed if it does not. */
static status find_fixed(const graph *g, const char *word, int64_t dim, int low, int high,
                         int *fixed)
{
    if (dim == GRAPH_UNKNOWN_DIM) return STATUS_OK;
    if (dim < low || dim > high)
        return fail(STATUS_UNSUPPORTED, "%s: the file fixes its input %s at %lld, outside %d..%d",
                    g->source, word, (long long)dim, low, high);
    *fixed = (int)dim;
    return STATUS_OK;
}

/* Where the one input's axes are, and which of its sides the file fixes. Of whole numbers it takes
 * pixels as they are: *wish. */
static status find_input(model *m, posenet_normalize *wish)
{
    const graph *g = m->graph;
    if (g->input_count != 1)
        return fail(STATUS_MODEL, "%s: %zu inputs; a PoseNet has one", g->source, g->input_count);
    const value *v = &g->values[g->inputs[0]];
    int rank, axis_of[AXES];
    TRY(lower_input_axes(g, 0, &rank, axis_of));
    if (rank != AXES)
        return fail(STATUS_MODEL,
                    "%s: input \"%s\" is no batch of pictures (it has rank %d, not 4)", g->source,
                    v->name, rank);
    if (v->type == ELEMENT_INTEGER) {
        TRY(graph_take_whole_pixels(m->graph, g->inputs[0]));
        if (*wish == POSENET_NORMALIZE_AUTO) *wish = POSENET_NORMALIZE_NONE;
    }
    m->input_nchw = axis_of[1] == AXIS_C;
    if (v->rank != AXES) return STATUS_OK;
    if (v->dims[1] == 3 && v->dims[3] != 3) m->input_nchw = 1;
    if (v->dims[3] == 3 && v->dims[1] != 3) m->input_nchw = 0;
    int64_t channels = v->dims[m->input_nchw ? 1 : 3];
    if (channels != 3 && channels != GRAPH_UNKNOWN_DIM)
        return fail(STATUS_MODEL, "%s: input \"%s\" has %lld channels; a picture has 3", g->source,
                    v->name, (long long)channels);
    TRY(find_fixed(g, "batch", v->dims[0], 1, MODEL_MAX_BATCH, &m->fixed_batch));
    TRY(find_fixed(g, "height", v->dims[m->input_nchw ? 2 : 1], POSENET_MIN_SIDE, POSENET_MAX_SIDE,
                   &m->fixed_height));
    return find_fixed(g, "width", v->dims[m->input_nchw ? 3 : 2], POSENET_MIN_SIDE,
                      POSENET_MAX_SIDE, &m->fixed_width);
}

/* How many different heads' channel counts the outputs have on `axis`. */
static int kinds_of_channels(const lowered *low, size_t count, int axis)
{
    int kinds = 0;
    for (int head = 0; head < DECODE_BACKWARD; head++) {
        int seen = 0;
        for (size_t i = 0; i < count; i++)
            seen |=
                low->outputs[i].rank == AXES && low->outputs[i].dims[axis] == decode_channels[head];
        kinds += seen;
    }
    return kinds;
}

/* Stride from both sides of the heatmap. */
static status find_stride(model *m, const lowered_value *heatmap, int width, int height)
{
    int64_t rows = heatmap->dims[m->heads_nchw ? 2 : 1];
    int64_t columns = heatmap->dims[m->heads_nchw ? 3 : 2];
    int by_height = rows <= height ? heads_stride(height, (int)rows) : 0;
    int by_width = columns <= width ? heads_stride(width, (int)columns) : 0;
    m->stride = by_height ? by_height : by_width;
    if (!m->stride || (by_width && by_width != m->stride))
        return fail(STATUS_MODEL,
                    "%s: a heatmap of %lldx%lld cells for %dx%d pixels has no one stride",
                    m->graph->source, (long long)columns, (long long)rows, width, height);
    return STATUS_OK;
}

/* Lowers the graph once, at the file's size or one that leaves no doubt, and reads shapes. */
static status probe(model *m, const model_request *q, pool *p)
{
    const graph *g = m->graph;
    size_t count = g->output_count;
    head_candidate *candidates = pool_array(p, count, sizeof *candidates);
    int *keep = pool_array(p, count, sizeof *keep);
    if (!candidates || !keep) return STATUS_MEMORY;
    for (size_t i = 0; i < count; i++) candidates[i].name = g->values[g->outputs[i]].name;
    heads_worth_lowering(candidates, (int)count, q->heads, keep);

    int width = m->fixed_width ? m->fixed_width : PROBE_WIDTH;
    int height = m->fixed_height ? m->fixed_height : PROBE_HEIGHT;
    int batch = m->fixed_batch ? m->fixed_batch : 1;
    lowered low;
    TRY(network_lower(g, m->input_nchw, width, height, batch, keep, p, &low));

    int as_nchw = kinds_of_channels(&low, count, 1), as_nhwc = kinds_of_channels(&low, count, 3);
    m->heads_nchw = as_nchw == as_nhwc ? m->input_nchw : as_nchw > as_nhwc;
    for (size_t i = 0; i < count; i++) {
        const lowered_value *v = &low.outputs[i];
        if (!keep[i]) continue;
        int is_map = v->rank == AXES && v->tensor >= 0;
        candidates[i].channels = is_map ? (int)v->dims[m->heads_nchw ? 1 : 3] : HEAD_NO_MAP;
    }
    TRY(heads_find(g->source, candidates, (int)count, q->heads, m->heads));
    TRY(find_stride(m, &low.outputs[m->heads[DECODE_HEATMAP]], width, height));
    int tensors[DECODE_HEADS];
    for (int head = 0; head < DECODE_HEADS; head++)
        tensors[head] = low.outputs[m->heads[head]].tensor;
    return joined_heads_make(&low.net, tensors, m->graph->pool, &m->joined);
}

static status model_make(const model_request *q, model *m)
{
    TRY(read_graph(q, &m->graph));
    posenet_normalize wish = q->normalize;
    TRY(find_input(m, &wish));
    /* Before the rewrites, which may fold a scaling of the input away. */
    TRY(normalize_choose(m->graph, wish, &m->normalize));
    TRY(graph_rewrite(m->graph));
    pool *p;
    TRY(pool_new(&p));
    status code = probe(m, q, p);
    pool_free(&p);
    return code;
}

status model_open(const model_request *request, model **out)
{
    *out = heap_array(1, sizeof **out);
    if (!*out) return STATUS_MEMORY;
    status code = model_make(request, *out);
    if (code != STATUS_OK) model_close(out);
    return code;
}

void model_close(model **m)
{
    if (!m || !*m) return;
    graph_free(&(*m)->graph);
    free(*m);
    *m = NULL;
}

static status settle_side(const model *m, const char *word, int fixed, int *side)
{
    int asked = *side ? *side : fixed ? fixed : DEFAULT_SIDE;
    if (asked < POSENET_MIN_SIDE || asked > POSENET_MAX_SIDE)
        return fail(STATUS_ARGUMENT, "an input %s of %d is outside %d..%d", word, asked,
                    POSENET_MIN_SIDE, POSENET_MAX_SIDE);
    /* A fixed size is taken as it is, even sides too. */
    int legal = asked == fixed || (asked - 1) % m->stride == 0;
    *side = legal ? asked : asked / m->stride * m->stride + 1;
    if (fixed && *side != fixed)
        return fail(STATUS_UNSUPPORTED, "%s: the file fixes its input %s at %d, not %d",
                    m->graph->source, word, fixed, asked);
    if (*side < POSENET_MIN_SIDE || *side > POSENET_MAX_SIDE)
        return fail(STATUS_ARGUMENT, "an input %s of %d at stride %d is outside %d..%d", word,
                    asked, m->stride, POSENET_MIN_SIDE, POSENET_MAX_SIDE);
    return STATUS_OK;
}

status model_input_size(const model *m, int *width, int *height)
{
    TRY(settle_side(m, "width", m->fixed_width, width));
    return settle_side(m, "height", m->fixed_height, height);
}
