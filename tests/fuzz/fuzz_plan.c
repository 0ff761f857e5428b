/* Any bytes as an ONNX model, and on: what loads is planned twice, as a PoseNet if it is one, and
 * as any graph at a small size. Both are then computed if that is cheap. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/inside.h"
#include "engine/rewrite/rewrite.h"
#include "tests/onnx_operators/execute.h"

enum { SIDE = 9, MOST_SIDE = 64, MOST_POSENET_SIDE = 257 };
enum { MOST_FLOPS = 4000000, MOST_ELEMENTS = 1000000 };

#define COUNT(list) (sizeof(list) / sizeof *(list))

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* Every refusal is a sentence of one line. */
static int passed(status s)
{
    if (s != STATUS_OK && (!*fail_text() || strchr(fail_text(), '\n'))) abort();
    return s == STATUS_OK;
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

/* ---- as a PoseNet ---------------------------------------------------------------------------- */

/* One frame of a small picture, whose results must be numbers whatever the weights are. */
static status compute_frame(const plan *p, device *d, int single)
{
    static const uint8_t pixels[7 * 5 * 3] = {0, 255, 9, 100};
    slot_image image = {.picture = {.data = pixels, .width = 7, .height = 5, .pitch = 7 * 3}};
    decode_options options = {
        .single = single, .max_poses = p->max_poses, .score_threshold = 0.25f, .nms_radius = 20};
    slot *s = NULL;
    TRY(slot_new(d, p, 0, &s));
    slot_describe(s, &image, 1, &options);
    status code = d->calls->launch(d, s);
    if (code == STATUS_OK) code = d->calls->wait(d, s);
    if (code == STATUS_OK && (s->counts[0] < 0 || s->counts[0] > p->max_poses)) abort();
    for (int i = 0; code == STATUS_OK && i < s->counts[0]; i++) {
        const pose *found = &s->poses[i];
        for (int k = 0; k < POSENET_PARTS; k++)
            if (!isfinite(found->keypoints[k].x) || !isfinite(found->keypoints[k].y)) abort();
        if (!isfinite(found->score)) abort();
    }
    slot_free(&s);
    return code;
}

/* `dice` chooses what a caller may choose. */
static status plan_model(const model *m, device *d, pack_cache *packs, unsigned dice)
{
    static const int sides[] = {33, 34, 47, 64, 65, 97};
    plan *p = NULL;
    plan_request request = {.model = m,
                            .device = d,
                            .packs = packs,
                            .width = m->fixed_width ? 0 : sides[dice % COUNT(sides)],
                            .height = m->fixed_height ? 0 : sides[dice / 8 % COUNT(sides)],
                            .batch = m->fixed_batch ? m->fixed_batch : 1 + (int)(dice / 64 % 3),
                            .max_poses = 1 + (int)(dice / 256 % 4),
                            .threads = 1,
                            .keep_all = (int)(dice / 1024 % 2)};
    if (request.batch > 4) return fail(STATUS_ARGUMENT, "a large batch is only slow");
    TRY(model_input_size(m, &request.width, &request.height));
    if (request.width > MOST_POSENET_SIDE || request.height > MOST_POSENET_SIDE)
        return fail(STATUS_ARGUMENT, "a large input is only slow");
    TRY(plan_make(&request, &p));
    if (p->arena_bytes < p->arena_bound) abort();
    status code = is_cheap(&p->net) ? compute_frame(p, d, (int)(dice / 2048 % 2)) : STATUS_OK;
    plan_free(&p);
    return code;
}

static status plan_posenet(const uint8_t *bytes, size_t size)
{
    model *m = NULL;
    device *d = NULL;
    pack_cache *packs = NULL;
    model_request request = {.bytes = bytes, .byte_count = size};
    unsigned dice = 0;
    for (size_t i = 0; i < size; i++) dice = (dice ^ bytes[i]) * 16777619u;
    dice ^= dice >> 15;
    status s = model_open(&request, &m);
    if (s == STATUS_OK) s = device_host_open(dice / 4096 % 4 ? DEVICE_REF : DEVICE_CPU, &d);
    if (s == STATUS_OK) {
        pack_memory memory = device_pack_memory(d);
        s = pack_cache_new(&memory, &packs);
    }
    if (s == STATUS_OK) s = plan_model(m, d, packs, dice);
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
