/* Any bytes as an ONNX model, and on: what loads is planned twice, as a PoseNet if it is one, and
 * as any graph at a small size, which is then computed if it is cheap. */
#include <stdlib.h>
#include <string.h>

#include "engine/inside.h"
#include "engine/rewrite/rewrite.h"
#include "tests/onnx_operators/execute.h"

enum { SIDE = 9, MOST_SIDE = 64, POSENET_SIDE = 33, MOST_FLOPS = 4000000, MOST_ELEMENTS = 1000000 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* Every refusal is a sentence of one line. */
static int passed(status s)
{
    if (s != STATUS_OK && (!*fail_text() || strchr(fail_text(), '\n'))) abort();
    return s == STATUS_OK;
}

/* ---- as a PoseNet ---------------------------------------------------------------------------- */

static status plan_model(const model *m, device *d, pack_cache *packs)
{
    plan *p = NULL;
    plan_request request = {.model = m,
                            .device = d,
                            .packs = packs,
                            .width = POSENET_SIDE,
                            .height = POSENET_SIDE,
                            .batch = m->fixed_batch ? m->fixed_batch : 1,
                            .max_poses = 1};
    if (request.batch > 4) return fail(STATUS_ARGUMENT, "a large batch is only slow");
    TRY(model_input_size(m, &request.width, &request.height));
    TRY(plan_make(&request, &p));
    if (p->arena_bytes < p->arena_bound) abort();
    plan_free(&p);
    return STATUS_OK;
}

static status plan_posenet(const uint8_t *bytes, size_t size)
{
    model *m = NULL;
    device *d = NULL;
    pack_cache *packs = NULL;
    model_request request = {.bytes = bytes, .byte_count = size};
    status s = model_open(&request, &m);
    if (s == STATUS_OK) s = device_host_open(DEVICE_REF, &d);
    if (s == STATUS_OK) s = pack_cache_new(NULL, &packs);
    if (s == STATUS_OK) s = plan_model(m, d, packs);
    pack_cache_free(&packs);
    device_close(&d);
    model_close(&m);
    return s;
}

/* ---- as any graph ---------------------------------------------------------------------------- */

/* Small dims where the file leaves them open; the file's own where they are small. */
static status choose_dims(const graph *g, size_t input, constant *c)
{
    const value *v = &g->values[g->inputs[input]];
    int axis_of[AXES];
    *c = (constant){.type = ELEMENT_REAL};
    TRY(lower_input_axes(g, input, &c->rank, axis_of));
    for (int i = 0; i < c->rank; i++) {
        int64_t given = v->rank == c->rank ? v->dims[i] : GRAPH_UNKNOWN_DIM;
        int64_t open = axis_of[i] == AXIS_N ? 1 : axis_of[i] == AXIS_C ? 3 : SIDE;
        if (given > MOST_SIDE) return fail(STATUS_ARGUMENT, "a large input is only slow");
        c->dims[i] = given > 0 ? given : open;
    }
    return graph_element_count(c->dims, c->rank, "an input", &c->count);
}

static status fill(constant *c, pool *p)
{
    if (c->count > MOST_ELEMENTS) return fail(STATUS_ARGUMENT, "a large input is only slow");
    float *reals = pool_array(p, (size_t)c->count, sizeof *reals);
    if (!reals) return STATUS_MEMORY;
    for (int64_t i = 0; i < c->count; i++) reals[i] = (float)(i % 17) - 8;
    c->reals = reals;
    return STATUS_OK;
}

/* Steps and memory of the whole network, as far as they tell a slow input from a wrong one. */
static int is_cheap(const network *net)
{
    int64_t elements = 0, flops = 0;
    for (int i = 0; i < net->tensor_count; i++) {
        if (tensor_count(&net->tensors[i]) > MOST_ELEMENTS) return 0;
        elements += tensor_count(&net->tensors[i]);
    }
    for (int i = 0; i < net->step_count; i++) {
        int64_t more = step_flops(net, &net->steps[i]);
        if (more < 0 || more > MOST_FLOPS) return 0;
        flops += more;
    }
    return elements <= MOST_ELEMENTS && flops <= MOST_FLOPS;
}

static status plan_graph(graph *g, pool *p)
{
    constant *inputs = pool_array(p, g->input_count, sizeof *inputs);
    const constant **list = pool_array(p, g->input_count, sizeof *list);
    constant *outputs = pool_array(p, g->output_count, sizeof *outputs);
    int64_t(*dims)[GRAPH_MAX_RANK] = pool_array(p, g->input_count, sizeof *dims);
    lowered low;
    if (!inputs || !list || !outputs || !dims) return STATUS_MEMORY;
    TRY(graph_rewrite(g));
    for (size_t i = 0; i < g->input_count; i++) {
        TRY(choose_dims(g, i, &inputs[i]));
        TRY(fill(&inputs[i], p));
        list[i] = &inputs[i];
        memcpy(dims[i], inputs[i].dims, sizeof *dims);
    }
    lower_request request = {.graph = g, .input_dims = (const int64_t(*)[GRAPH_MAX_RANK])dims};
    TRY(lower(&request, p, &low));
    TRY(network_rewrite(&low, p));
    return is_cheap(&low.net) ? execute(g, DEVICE_REF, list, p, outputs) : STATUS_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    graph *g = NULL;
    pool *p = NULL;
    fail_clear();
    if (!passed(onnx_read_memory(bytes, size, &g))) return 0;
    if (passed(pool_new(&p))) passed(plan_graph(g, p));
    pool_free(&p);
    graph_free(&g);
    passed(plan_posenet(bytes, size));
    return 0;
}
