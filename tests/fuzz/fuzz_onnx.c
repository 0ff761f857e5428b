/* Any bytes as an ONNX model: a graph, or a refusal of one line. What is accepted is written and
 * must be read back; what has external data is read from a folder, too, where a file "data" lies.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loader/graph.h"
#include "tests/fuzz/scratch.h"

enum { DATA_BYTES = 4096 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* Every number in a graph that was accepted is within its list. */
static void check(const graph *g)
{
    for (size_t i = 0; i < g->node_count; i++) {
        const node *n = &g->nodes[i];
        if (!n->name || !*n->name || (unsigned)n->op >= GRAPH_OP_COUNT) abort();
        for (int k = 0; k < n->input_count + n->output_count; k++) {
            int id = n->inputs[k]; /* the outputs follow the inputs */
            if (id != GRAPH_ABSENT && (size_t)id >= g->value_count) abort();
            if (k >= n->input_count && id != GRAPH_ABSENT && g->values[id].producer != (int)i)
                abort();
        }
    }
    for (size_t i = 0; i < g->value_count; i++) {
        const constant *c = g->values[i].constant;
        if (c && (c->rank > GRAPH_MAX_RANK || !c->reals == !c->integers)) abort();
    }
}

static void check_sentence(const graph *g)
{
    if (g || !*fail_text() || strchr(fail_text(), '\n')) abort();
}

static void write_and_read(const graph *g)
{
    char path[SCRATCH_PATH];
    graph *back = NULL;
    if (onnx_write_file(g, scratch_path("written.onnx", path)) != STATUS_OK) {
        check_sentence(NULL);
        return;
    }
    if (onnx_read_file(path, &back) != STATUS_OK) {
        fprintf(stderr, "%s\n", fail_text());
        abort();
    }
    check(back);
    if (back->node_count != g->node_count || back->input_count != g->input_count ||
        back->output_count != g->output_count)
        abort();
    graph_free(&back);
}

static int read_from_folder(const uint8_t *bytes, size_t size, graph **g)
{
    static int there;
    char path[SCRATCH_PATH];
    if (!there++) {
        unsigned char data[DATA_BYTES];
        for (int i = 0; i < DATA_BYTES; i++) data[i] = (unsigned char)(i % 4 == 3 ? 63 : i);
        scratch_put("data", data, sizeof data, path);
    }
    scratch_put("model.onnx", bytes, size, path);
    return onnx_read_file(path, g) == STATUS_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    graph *g = NULL;
    fail_clear();
    int accepted = onnx_read_memory(bytes, size, &g) == STATUS_OK;
    if (!accepted) {
        check_sentence(g);
        if (strstr(fail_text(), "external data")) accepted = read_from_folder(bytes, size, &g);
    }
    if (accepted) {
        check(g);
        write_and_read(g);
    } else {
        check_sentence(g);
    }
    graph_free(&g);
    return 0;
}
