/* Plans and proposals by what the convolution is. */
#include "kernels/conv/cudnn/plans.h"

#include <stdlib.h>
#include <string.h>

enum { WORKSPACE_ROOM = 256 * 1024 * 1024 };

/* All that engines see of a convolution; zeroed before it is filled, compared as bytes. */
typedef struct conv_kind {
    int x_dims[AXES], y_dims[AXES];
    int kernel[2], stride[2], dilation[2], pads[4], groups;
    int half, rounds, bias, residual;
    int act;
    float low, high;
} conv_kind;

typedef struct kept_plan {
    conv_plan plan; /* first: callers hold this */
    conv_kind kind;
    int way;
} kept_plan;

/* What one mode of the heuristics proposes. */
typedef struct proposals {
    conv_kind kind;
    int fused;
    cudnnBackendHeurMode_t mode;
    int count;
    cudnnBackendDescriptor_t configs[CONV_WAYS_A_LIST];
    uint64_t prints[CONV_WAYS_A_LIST];
    struct proposals *next;
} proposals;

typedef struct conv_plans {
    conv_plan *plans;
    proposals *lists;
} conv_plans;

static const cudnnBackendHeurMode_t modes[] = {CUDNN_HEUR_MODE_A, CUDNN_HEUR_MODE_B,
                                               CUDNN_HEUR_MODE_FALLBACK};
enum { MODES = CONV_LISTS / 2 };

int conv_plan_can_fuse(const activation *act)
{
    return act->kind == ACTIVATION_NONE ||
           (act->kind == ACTIVATION_CLAMP && act->low == 0 && act->high > 0);
}

static conv_kind kind_of(const network *net, const step *s, int rounds)
{
    const conv_params *p = &s->as.conv;
    conv_kind k;
    memset(&k, 0, sizeof k);
    memcpy(k.x_dims, net->tensors[s->inputs[0]].dims, sizeof k.x_dims);
    memcpy(k.y_dims, net->tensors[s->output].dims, sizeof k.y_dims);
    memcpy(k.kernel, p->kernel, sizeof k.kernel);
    memcpy(k.stride, p->stride, sizeof k.stride);
    memcpy(k.dilation, p->dilation, sizeof k.dilation);
    memcpy(k.pads, p->pads, sizeof k.pads);
    k.groups = p->groups;
    k.half = net->tensors[s->inputs[0]].type == TYPE_FP16;
    k.rounds = rounds;
    k.bias = p->bias != NULL;
    k.residual = s->input_count > 1;
    k.act = (int)p->act.kind;
    if (p->act.kind == ACTIVATION_CLAMP) {
        k.low = p->act.low;
        k.high = p->act.high;
    }
    return k;
}

/* ---- what is kept beside the handle ---------------------------------------------------------- */

/* The lists of one kind; NULL: all. */
static void drop_lists(cudnn *lib, conv_plans *all, const conv_kind *kind)
{
    for (proposals **at = &all->lists; *at;) {
        proposals *list = *at;
        if (kind && memcmp(&list->kind, kind, sizeof *kind) != 0) {
            at = &list->next;
            continue;
        }
        *at = list->next;
        for (int i = 0; i < list->count; i++) (void)lib->unmake(list->configs[i]);
        free(list);
    }
}

static void release_kept(cudnn *lib)
{
    conv_plans *all = lib->kept;
    drop_lists(lib, all, NULL);
    for (conv_plan *next, *p = all->plans; p; p = next) {
        next = p->next;
        (void)lib->unmake(p->plan);
        free(p);
    }
    free(all);
    lib->kept = NULL;
}

static status kept_of(cudnn *lib, conv_plans **out)
{
    if (!lib->kept) {
        lib->kept = heap_array(1, sizeof(conv_plans));
        if (!lib->kept) return STATUS_MEMORY;
        lib->release_kept = release_kept;
    }
    *out = lib->kept;
    return STATUS_OK;
}

/* ---- proposals ------------------------------------------------------------------------------- */

static proposals *find_list(const conv_plans *all, const conv_kind *kind, int fused,
                            cudnnBackendHeurMode_t mode)
{
    for (proposals *list = all->lists; list; list = list->next)
        if (list->fused == fused && list->mode == mode &&
            memcmp(&list->kind, kind, sizeof *kind) == 0)
            return list;
    return NULL;
}

static int is_proposed(const conv_plans *all, const proposals *mine, uint64_t print)
{
    for (int i = 0; i < MODES; i++) {
        const proposals *list = find_list(all, &mine->kind, mine->fused, modes[i]);
        for (int k = 0; list && k < list->count; k++)
            if (list->prints[k] == print) return 1;
    }
    for (int k = 0; k < mine->count; k++)
        if (mine->prints[k] == print) return 1;
    return 0;
}

/* Engines on matrix units where operands may be rounded, else those beside them; none that is
 * compiled at run time: half a second each. */
static void fill_list(cudnn *lib, const conv_plans *all, const conv_graph *graph, proposals *list)
{
    cudnnBackendDescriptor_t configs[GRAPH_MAX_CONFIGS];
    conv_engines engines = list->kind.rounds ? ENGINES_MATRIX : ENGINES_PLAIN;
    int count = conv_graph_propose(graph, list->mode, configs);
    for (int i = 0; i < count; i++) {
        conv_config about = conv_graph_config(lib, configs[i]);
        int wanted = list->count < CONV_WAYS_A_LIST && about.fit && !about.compiles_at_run_time &&
                     about.matrix == (engines == ENGINES_MATRIX) &&
                     !is_proposed(all, list, about.print);
        if (!wanted) {
            (void)lib->unmake(configs[i]);
            continue;
        }
        list->prints[list->count] = about.print;
        list->configs[list->count++] = configs[i];
    }
}

/* The list of one mode, which holds nothing of the modes before it. */
static status list_of(cudnn *lib, const network *net, const step *s, const conv_kind *kind,
                      int fused, int mode, proposals **out)
{
    conv_plans *all;
    TRY(kept_of(lib, &all));
    for (int i = 0; i <= mode; i++) {
        *out = find_list(all, kind, fused, modes[i]);
        if (*out) continue;
        conv_graph graph;
        status built = conv_graph_build(lib, net, s, fused, &graph);
        proposals *list = built == STATUS_OK ? heap_array(1, sizeof *list) : NULL;
        if (list) {
            list->kind = *kind;
            list->fused = fused;
            list->mode = modes[i];
            fill_list(lib, all, &graph, list);
            list->next = all->lists;
            all->lists = list;
        }
        conv_graph_free(&graph);
        TRY(built);
        if (!list) return STATUS_MEMORY;
        *out = list;
    }
    return STATUS_OK;
}

/* ---- way 0 ----------------------------------------------------------------------------------- */

/* Best first: whole in one graph, as the library proposes, then on the matrix units among what it
 * falls back to (the others there are many times slower), then on any; and where nothing fuses,
 * the convolution alone and an epilogue. */
typedef struct attempt {
    int fused;
    cudnnBackendHeurMode_t mode;
    conv_engines engines; /* in fp16 and tf32; true fp32 has plain engines only */
} attempt;

static const attempt attempts[] = {{1, CUDNN_HEUR_MODE_A, ENGINES_ANY},
                                   {1, CUDNN_HEUR_MODE_FALLBACK, ENGINES_MATRIX},
                                   {1, CUDNN_HEUR_MODE_FALLBACK, ENGINES_ANY},
                                   {0, CUDNN_HEUR_MODE_A, ENGINES_ANY},
                                   {0, CUDNN_HEUR_MODE_FALLBACK, ENGINES_ANY}};

static status try_attempt(cudnn *lib, const attempt *a, int rounds, const network *net,
                          const step *s, conv_plan *made)
{
    if (a->fused && !conv_plan_can_fuse(&s->as.conv.act)) return STATUS_UNSUPPORTED;
    if (a->engines == ENGINES_MATRIX && !rounds) return STATUS_UNSUPPORTED;
    conv_graph graph;
    status result = conv_graph_build(lib, net, s, a->fused, &graph);
    if (result == STATUS_OK)
        result = conv_graph_plan(&graph, a->mode, rounds ? a->engines : ENGINES_PLAIN,
                                 WORKSPACE_ROOM, &made->plan, &made->workspace_bytes);
    conv_graph_free(&graph);
    made->fused = a->fused;
    return result;
}

static status make_first(cudnn *lib, int rounds, const network *net, const step *s, conv_plan *made)
{
    status result = STATUS_UNSUPPORTED;
    for (size_t i = 0; result == STATUS_UNSUPPORTED && i < sizeof attempts / sizeof *attempts; i++)
        result = try_attempt(lib, &attempts[i], rounds, net, s, made);
    return result;
}

/* ---- the other ways -------------------------------------------------------------------------- */

static status make_proposed(cudnn *lib, const network *net, const step *s, const conv_kind *kind,
                            int way, conv_plan *made)
{
    int list_number = (way - 1) / CONV_WAYS_A_LIST, index = (way - 1) % CONV_WAYS_A_LIST;
    made->fused = list_number < MODES;
    int follows = kind->bias || kind->residual || s->as.conv.act.kind != ACTIVATION_NONE;
    if (made->fused ? !conv_plan_can_fuse(&s->as.conv.act) : !follows)
        return fail(STATUS_UNSUPPORTED, "way %d is none for this convolution", way);
    proposals *list = NULL;
    TRY(list_of(lib, net, s, kind, made->fused, list_number % MODES, &list));
    if (index >= list->count)
        return fail(STATUS_UNSUPPORTED, "cuDNN proposes no more than %d here", list->count);
    made->plan =
        conv_graph_finish(lib, list->configs[index], WORKSPACE_ROOM, &made->workspace_bytes);
    if (!made->plan) return fail(STATUS_UNSUPPORTED, "cuDNN cannot run what it proposes");
    return STATUS_OK;
}

/* ---- plans ----------------------------------------------------------------------------------- */

static status make_plan(cudnn *lib, const network *net, const step *s, const conv_kind *kind,
                        int way, kept_plan **out)
{
    kept_plan *made = heap_array(1, sizeof *made);
    *out = made;
    if (!made) return STATUS_MEMORY;
    made->kind = *kind;
    made->way = way;
    status result = way ? make_proposed(lib, net, s, kind, way, &made->plan)
                        : make_first(lib, kind->rounds, net, s, &made->plan);
    if (result != STATUS_OK) free(made);
    return result;
}

status conv_plan_get(cudnn *lib, const network *net, const step *s, int rounds, int way,
                     conv_plan **out)
{
    conv_plans *all;
    conv_kind kind = kind_of(net, s, rounds);
    kept_plan *made;
    TRY(kept_of(lib, &all));
    for (conv_plan *p = all->plans; p; p = p->next) {
        const kept_plan *kept = (const kept_plan *)p;
        if (kept->way != way || memcmp(&kept->kind, &kind, sizeof kind) != 0) continue;
        p->users++;
        *out = p;
        return STATUS_OK;
    }
    TRY(make_plan(lib, net, s, &kind, way, &made));
    made->plan.users = 1;
    made->plan.next = all->plans;
    all->plans = *out = &made->plan;
    return STATUS_OK;
}

/* Proposals go with the last plan of their kind, so that what is kept stays as small as what is in
 * use, however many sizes come and go. */
void conv_plan_put(cudnn *lib, conv_plan *p)
{
    if (!p || --p->users > 0) return;
    conv_plans *all = lib->kept;
    const conv_kind kind = ((const kept_plan *)p)->kind;
    int others = 0;
    conv_plan **found = NULL;
    for (conv_plan **at = &all->plans; *at; at = &(*at)->next) {
        if (*at == p)
            found = at;
        else
            others += memcmp(&((const kept_plan *)*at)->kind, &kind, sizeof kind) == 0;
    }
    *found = p->next;
    (void)lib->unmake(p->plan);
    free(p);
    if (!others) drop_lists(lib, all, &kind);
}
