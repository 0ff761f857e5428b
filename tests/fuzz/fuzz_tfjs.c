/* Any bytes as a TF.js model: a graph, or a refusal of one line. What is accepted is written as
 * ONNX, and as TF.js if that can say it, and must be read back.
 *
 * An input is two lengths (16 bits, little endian), model.json, shard "a", and the rest as shard
 * "b". make_tfjs_corpus.py writes such files.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loader/tfjs/write.h"
#include "tests/fuzz/scratch.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* Every number in a graph that was accepted is within its list, every window sensible. */
static void check(const graph *g)
{
    for (size_t i = 0; i < g->node_count; i++) {
        const node *n = &g->nodes[i];
        if (!n->name || !*n->name || (unsigned)n->op >= GRAPH_OP_COUNT) abort();
        for (int k = 0; k < n->input_count; k++) {
            if (n->inputs[k] < 0 || (size_t)n->inputs[k] >= g->value_count) abort();
            const value *v = &g->values[n->inputs[k]];
            if (!v->constant && v->producer >= (int)i) abort(); /* producers come first */
        }
        for (int k = 0; k < 4 && n->op == GRAPH_CONV; k++)
            if (n->as.window.pads[k] < 0 || n->as.window.dilation[k / 2] < 1) abort();
    }
    for (size_t i = 0; i < g->value_count; i++) {
        const constant *c = g->values[i].constant;
        if (c && (c->rank > GRAPH_MAX_RANK || !c->reals == !c->integers)) abort();
    }
}

static void check_sentence(void)
{
    if (!*fail_text() || strchr(fail_text(), '\n')) abort();
}

static void expect(status s)
{
    if (s == STATUS_OK) return;
    fprintf(stderr, "%s\n", fail_text());
    abort();
}

static void as_onnx(const graph *g)
{
    char path[SCRATCH_PATH];
    graph *back = NULL;
    if (onnx_write_file(g, scratch_path("model.onnx", path)) != STATUS_OK) {
        check_sentence();
        return;
    }
    expect(onnx_read_file(path, &back));
    if (back->node_count != g->node_count || back->output_count != g->output_count) abort();
    graph_free(&back);
}

/* Pads become nodes of their own. */
static void as_tfjs(const graph *g, int weight_bytes)
{
    char path[SCRATCH_PATH];
    graph *back = NULL;
    scratch_path("group1-shard1of1.bin", path);
    if (tfjs_write_file(g, scratch_path("written.json", path), weight_bytes) != STATUS_OK) {
        check_sentence();
        return;
    }
    expect(tfjs_read_file(path, &back));
    if (back->node_count < g->node_count || back->output_count != g->output_count) abort();
    graph_free(&back);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    if (size < 4) return 0;
    size_t json = bytes[0] | (size_t)bytes[1] << 8, first = bytes[2] | (size_t)bytes[3] << 8;
    bytes += 4;
    size -= 4;
    if (json > size) json = size;
    if (first > size - json) first = size - json;
    char path[SCRATCH_PATH];
    scratch_put("a", bytes + json, first, path);
    scratch_put("b", bytes + json + first, size - json - first, path);
    scratch_put("model.json", bytes, json, path);

    graph *g = NULL;
    fail_clear();
    if (tfjs_read_file(path, &g) == STATUS_OK) {
        check(g);
        as_onnx(g);
        as_tfjs(g, 1 << size % 3);
    } else {
        if (g) abort();
        check_sentence();
    }
    graph_free(&g);
    return 0;
}
