/* Any bytes as a TF.js model: a graph, or a refusal of one line. What is accepted is written as
 * ONNX too, and must be read back.
 *
 * An input is two lengths (16 bits, little endian), model.json, shard "a", and the rest as shard
 * "b". make_tfjs_corpus.py writes such files.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "loader/graph.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static char folder[64];

static void remove_folder(void)
{
    static const char *const names[] = {"model.json", "a", "b", "model.onnx"};
    char path[128];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        unlink(path);
    }
    rmdir(folder);
}

static void make_folder(void)
{
    const char *root = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    snprintf(folder, sizeof folder, "%s/posenet-fuzz-XXXXXX", root);
    if (!mkdtemp(folder)) abort();
    atexit(remove_folder);
}

static void put(const char *name, const uint8_t *bytes, size_t size, char path[128])
{
    snprintf(path, 128, "%s/%s", folder, name);
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(bytes, 1, size, f) != size || fclose(f) != 0) abort();
}

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

static void write_and_read(const graph *g)
{
    char path[128];
    graph *back = NULL;
    snprintf(path, sizeof path, "%s/model.onnx", folder);
    if (onnx_write_file(g, path) != STATUS_OK) {
        check_sentence();
        return;
    }
    if (onnx_read_file(path, &back) != STATUS_OK) {
        fprintf(stderr, "%s\n", fail_text());
        abort();
    }
    if (back->node_count != g->node_count || back->output_count != g->output_count) abort();
    graph_free(&back);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    if (!*folder) make_folder();
    if (size < 4) return 0;
    size_t json = bytes[0] | (size_t)bytes[1] << 8, first = bytes[2] | (size_t)bytes[3] << 8;
    bytes += 4;
    size -= 4;
    if (json > size) json = size;
    if (first > size - json) first = size - json;
    char path[128], shard[128];
    put("a", bytes + json, first, shard);
    put("b", bytes + json + first, size - json - first, shard);
    put("model.json", bytes, json, path);

    graph *g = NULL;
    fail_clear();
    if (tfjs_read_file(path, &g) == STATUS_OK) {
        check(g);
        write_and_read(g);
    } else {
        if (g) abort();
        check_sentence();
    }
    graph_free(&g);
    return 0;
}
