/* posenet inspect: what a model is made of, and what will compute it. */
#include <stdio.h>

#include "engine/inside.h"
#include "tools/json.h"
#include "tools/model_find.h"
#include "tools/options.h"
#include "tools/outputs.h"
#include "tools/tuning.h"

/* ---- words ---------------------------------------------------------------------------------- */

static const char *normalize_name(normalization n)
{
    return n == NORMALIZE_MOBILENET ? "mobilenet" : n == NORMALIZE_RESNET ? "resnet" : "none";
}

static const char *head_output(const model *m, int head)
{
    const graph *g = m->graph;
    return g->values[g->outputs[m->heads[head]]].name;
}

/* The tensor that a step writes; decode writes poses instead. */
static const tensor *output_of(const plan *p, const step *s)
{
    return s->output < 0 ? NULL : &p->net.tensors[s->output];
}

static int64_t total(const plan *p, int64_t (*of)(const network *, const step *))
{
    int64_t sum = 0;
    for (int i = 0; i < p->net.step_count; i++) sum += of(&p->net, &p->net.steps[i]);
    return sum;
}

/* ---- text ----------------------------------------------------------------------------------- */

static void print_graph(const graph *g)
{
    int counts[GRAPH_OP_COUNT] = {0};
    for (size_t i = 0; i < g->node_count; i++) counts[g->nodes[i].op]++;
    printf("  graph     opset %d, %zu nodes after rewriting:", g->opset, g->node_count);
    for (int op = 0; op < GRAPH_OP_COUNT; op++)
        if (counts[op]) printf(" %d %s", counts[op], graph_op_name((graph_op)op));
    putchar('\n');
}

static void print_model(const model *m)
{
    print_graph(m->graph);
    printf("  input     %s, %s", m->graph->values[m->graph->inputs[0]].name,
           m->input_nchw ? "NCHW" : "NHWC");
    if (m->fixed_width) printf(", fixed width %d", m->fixed_width);
    if (m->fixed_height) printf(", fixed height %d", m->fixed_height);
    printf(", pixels normalised as %s\n  heads     ", normalize_name(m->normalize));
    for (int h = 0; h < DECODE_HEADS; h++)
        printf("%s%s %s", h ? ", " : "", head_keys[h], head_output(m, h));
    printf(" (%s), stride %d\n", m->heads_nchw ? "NCHW" : "NHWC", m->stride);
}

static void print_plan(const posenet *engine, const plan *p)
{
    printf("  plan      %d x %d, batch %d, on %s in %s: %d steps by %d works\n", p->width,
           p->height, p->batch, posenet_device_name(engine), precision_name(p->precision),
           p->net.step_count, p->work_count);
    printf("  weights   %.2f MB\n", (double)plan_weight_bytes(p) / 1e6);
    printf("  arena     %.2f MB; the largest sum alive at one step is %.2f MB (ratio %.3f)\n",
           (double)p->arena_bytes / 1e6, (double)p->arena_bound / 1e6,
           p->arena_bound ? (double)p->arena_bytes / (double)p->arena_bound : 1.0);
    printf("  a frame   %.3f GFLOP, %.2f MB moved at least\n\n", (double)total(p, step_flops) / 1e9,
           (double)total(p, step_bytes) / 1e6);
}

static void print_steps(const plan *p)
{
    printf("  %4s  %-10s %-27s %-16s %-4s %9s %9s  %s\n", "step", "operation", "row", "output",
           "type", "MFLOP", "kB", "nodes");
    for (int i = 0; i < p->net.step_count; i++) {
        const step *s = &p->net.steps[i];
        const work *w = &p->works[p->work_of[i]];
        const tensor *t = output_of(p, s);
        char dims[64] = "poses", row[64] = "  with the one above";
        if (i == w->first) row_text(w->row->name, w->variant, row, sizeof row);
        if (t)
            snprintf(dims, sizeof dims, "%dx%dx%dx%d", t->dims[AXIS_N], t->dims[AXIS_H],
                     t->dims[AXIS_W], t->dims[AXIS_C]);
        printf("  %4d  %-10s %-27s %-16s %-4s %9.2f %9.1f  %s\n", i, op_name(s->op), row, dims,
               t && t->type == TYPE_FP16 ? "fp16" : "fp32", (double)step_flops(&p->net, s) / 1e6,
               (double)step_bytes(&p->net, s) / 1e3, s->nodes);
    }
}

/* ---- JSON ----------------------------------------------------------------------------------- */

static void json_key(FILE *to, const char *before, const char *key, const char *text)
{
    fprintf(to, "%s\"%s\":", before, key);
    json_text(to, text);
}

static void json_values(FILE *to, const graph *g, const char *key, const int *values, int count)
{
    fprintf(to, ",\"%s\":[", key);
    for (int i = 0; i < count; i++) {
        if (i) fputc(',', to);
        json_text(to, values[i] == GRAPH_ABSENT ? "" : g->values[values[i]].name);
    }
    fputc(']', to);
}

static void json_graph(FILE *to, const graph *g)
{
    fprintf(to, ",\"opset\":%d,\"graph\":[", g->opset);
    for (size_t i = 0; i < g->node_count; i++) {
        const node *n = &g->nodes[i];
        json_key(to, i ? ",\n{" : "\n{", "op", graph_op_name(n->op));
        json_key(to, ",", "name", n->name);
        json_values(to, g, "inputs", n->inputs, n->input_count);
        json_values(to, g, "outputs", n->outputs, n->output_count);
        fputc('}', to);
    }
    fputs("]", to);
}

static void json_steps(FILE *to, const plan *p)
{
    fputs(",\"steps\":[", to);
    for (int i = 0; i < p->net.step_count; i++) {
        const step *s = &p->net.steps[i];
        const work *w = &p->works[p->work_of[i]];
        const tensor *t = output_of(p, s);
        json_key(to, i ? ",\n{" : "\n{", "op", op_name(s->op));
        json_key(to, ",", "row", w->row->name);
        fprintf(to, ",\"variant\":%d,\"covered\":%s", w->variant, i > w->first ? "true" : "false");
        if (t)
            fprintf(to, ",\"output\":[%d,%d,%d,%d],\"type\":\"%s\"", t->dims[AXIS_N],
                    t->dims[AXIS_H], t->dims[AXIS_W], t->dims[AXIS_C],
                    t->type == TYPE_FP16 ? "fp16" : "fp32");
        fprintf(to, ",\"flops\":%lld,\"bytes\":%lld", (long long)step_flops(&p->net, s),
                (long long)step_bytes(&p->net, s));
        json_key(to, ",", "nodes", s->nodes);
        fputc('}', to);
    }
    fputs("]", to);
}

static void write_all(FILE *to, const char *path, const posenet *engine)
{
    const model *m = engine->model;
    const plan *p = inside_plan(engine);
    json_key(to, "{", "model", path);
    json_key(to, ",", "device", posenet_device_name(engine));
    json_key(to, ",", "precision", precision_name(p->precision));
    json_key(to, ",", "normalize", normalize_name(m->normalize));
    fprintf(to, ",\"stride\":%d,\"input\":{\"width\":%d,\"height\":%d,\"batch\":%d},\"heads\":{",
            m->stride, p->width, p->height, p->batch);
    for (int h = 0; h < DECODE_HEADS; h++)
        json_key(to, h ? "," : "", head_keys[h], head_output(m, h));
    fprintf(to, "},\"weight_bytes\":%lld,\"arena\":{\"bytes\":%zu,\"largest_sum_alive\":%zu}",
            (long long)plan_weight_bytes(p), p->arena_bytes, p->arena_bound);
    fprintf(to, ",\"flops\":%lld,\"bytes\":%lld", (long long)total(p, step_flops),
            (long long)total(p, step_bytes));
    json_steps(to, p);
    json_graph(to, m->graph);
    fputs("}\n", to);
}

static status write_json(const char *json, const char *path, const posenet *engine)
{
    FILE *to;
    TRY(output_open(json, &to));
    write_all(to, path, engine);
    return output_close(to, json, STATUS_OK);
}

/* ---- the command ---------------------------------------------------------------------------- */

static status inspect(const char *asked, posenet_settings *settings, const char *json,
                      posenet **engine)
{
    char path[MODEL_PATH_BYTES];
    char *const inputs[] = {path};
    TRY(model_find(asked, path));
    if (json) TRY(check_no_input(json, inputs, 1));
    settings->model = path;
    TRY((status)posenet_open(engine, settings));
    if (json) return write_json(json, path, *engine);
    printf("%s\n", path);
    print_model((*engine)->model);
    print_plan(*engine, inside_plan(*engine));
    print_steps(inside_plan(*engine));
    return STATUS_OK;
}

exit_status inspect_command(int argc, char **argv)
{
    posenet_settings settings;
    posenet_default_settings(&settings, sizeof settings);
    const char *json = NULL;
    int verbose = 0;
    heads_option heads;
    const option list[] = {option_size(&settings),
                           option_device(&settings),
                           option_precision(&settings),
                           option_normalize(&settings),
                           option_heads(&heads, &settings),
                           option_json(&json),
                           option_tune(&settings),
                           {.name = "--verbose",
                            .help = "say on stderr what the tuner tries, measures and chooses",
                            .take = take_flag,
                            .target = &verbose}};
    const usage use = {.command = "inspect",
                       .arguments = "MODEL [options]",
                       .purpose = "Shows the model's graph, the steps that it becomes, which row "
                                  "computes each,\nbytes, floating-point operations and memory.",
                       .options = list,
                       .option_count = sizeof list / sizeof *list,
                       .closing = model_help};
    int count;
    exit_status result;
    if (!options_parse(&use, argc, argv, &count, &result)) return result;
    if (count != 1) return complain("inspect: needs one MODEL; see posenet inspect --help");
    progress_wanted(1);
    show_tuning(&settings, verbose);
    posenet *engine = NULL;
    if (inspect(argv[0], &settings, json, &engine) != STATUS_OK)
        result = complain("%s", fail_text());
    result = finish_stdout(result);
    if (result == EXIT_DONE) remark_size(&settings, engine);
    posenet_close(&engine);
    return result;
}
