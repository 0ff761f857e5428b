/* Choosing an engine of cuDNN for a graph. */
#include <stdint.h>

#include "kernels/conv/cudnn/graph.h"

static void add_print(conv_config *about, int64_t value)
{
    about->print = (about->print ^ (uint64_t)value) * 0x100000001b3u;
}

static void read_notes(const cudnn *lib, cudnnBackendDescriptor_t engine, conv_config *about)
{
    cudnnBackendNumericalNote_t notes[CUDNN_NUMERICAL_NOTE_TYPE_COUNT];
    cudnnBackendBehaviorNote_t habits[CUDNN_BEHAVIOR_NOTE_TYPE_COUNT];
    int64_t count = 0;
    about->fit = lib->get(engine, CUDNN_ATTR_ENGINE_NUMERICAL_NOTE, CUDNN_TYPE_NUMERICAL_NOTE,
                          CUDNN_NUMERICAL_NOTE_TYPE_COUNT, &count, notes) == CUDNN_STATUS_SUCCESS;
    for (int64_t i = 0; about->fit && i < count; i++) {
        switch (notes[i]) {
        case CUDNN_NUMERICAL_NOTE_TENSOR_CORE: about->matrix = 1; break;
        case CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS:
        case CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION:
        case CUDNN_NUMERICAL_NOTE_FFT:
        case CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC:
        case CUDNN_NUMERICAL_NOTE_WINOGRAD:
        case CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_4x4:
        case CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_6x6:
        case CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_13x13: about->fit = 0; break;
        default: break;
        }
    }
    count = 0;
    if (lib->get(engine, CUDNN_ATTR_ENGINE_BEHAVIOR_NOTE, CUDNN_TYPE_BEHAVIOR_NOTE,
                 CUDNN_BEHAVIOR_NOTE_TYPE_COUNT, &count, habits) != CUDNN_STATUS_SUCCESS)
        count = 0;
    for (int64_t i = 0; i < count; i++)
        about->compiles_at_run_time |= habits[i] == CUDNN_BEHAVIOR_NOTE_RUNTIME_COMPILATION;
}

/* What the configuration sets beside its engine. */
static void read_knobs(const cudnn *lib, cudnnBackendDescriptor_t config, conv_config *about)
{
    cudnnBackendDescriptor_t knobs[CUDNN_KNOB_TYPE_COUNTS];
    int64_t room = 0, count = 0;
    while (room < CUDNN_KNOB_TYPE_COUNTS &&
           lib->make(CUDNN_BACKEND_KNOB_CHOICE_DESCRIPTOR, &knobs[room]) == CUDNN_STATUS_SUCCESS)
        room++;
    if (lib->get(config, CUDNN_ATTR_ENGINECFG_KNOB_CHOICES, CUDNN_TYPE_BACKEND_DESCRIPTOR, room,
                 &count, knobs) != CUDNN_STATUS_SUCCESS)
        count = 0;
    for (int64_t i = 0; i < count && i < room; i++) {
        cudnnBackendKnobType_t type = CUDNN_KNOB_TYPE_COUNTS;
        int64_t value = 0, one = 0;
        (void)lib->get(knobs[i], CUDNN_ATTR_KNOB_CHOICE_KNOB_TYPE, CUDNN_TYPE_KNOB_TYPE, 1, &one,
                       &type);
        (void)lib->get(knobs[i], CUDNN_ATTR_KNOB_CHOICE_KNOB_VALUE, CUDNN_TYPE_INT64, 1, &one,
                       &value);
        add_print(about, (int64_t)type);
        add_print(about, value);
    }
    for (int64_t i = 0; i < room; i++) (void)lib->unmake(knobs[i]);
}

conv_config conv_graph_config(const cudnn *lib, cudnnBackendDescriptor_t config)
{
    conv_config about = {.print = 0xcbf29ce484222325u};
    cudnnBackendDescriptor_t engine = NULL;
    int64_t count = 0, number = 0;
    if (lib->make(CUDNN_BACKEND_ENGINE_DESCRIPTOR, &engine) != CUDNN_STATUS_SUCCESS) return about;
    if (lib->get(config, CUDNN_ATTR_ENGINECFG_ENGINE, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &count,
                 &engine) == CUDNN_STATUS_SUCCESS) {
        read_notes(lib, engine, &about);
        (void)lib->get(engine, CUDNN_ATTR_ENGINE_GLOBAL_INDEX, CUDNN_TYPE_INT64, 1, &count,
                       &number);
        add_print(&about, number);
        read_knobs(lib, config, &about);
    }
    (void)lib->unmake(engine);
    return about;
}

static int is_fit(const cudnn *lib, cudnnBackendDescriptor_t config, conv_engines engines)
{
    conv_config about = conv_graph_config(lib, config);
    return about.fit && (engines == ENGINES_ANY || about.matrix == (engines == ENGINES_MATRIX));
}

cudnnBackendDescriptor_t conv_graph_finish(cudnn *lib, cudnnBackendDescriptor_t config, size_t room,
                                           size_t *workspace)
{
    cudnnBackendDescriptor_t plan = NULL;
    int64_t bytes = 0, count = 0;
    if (lib->make(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR, &plan) != CUDNN_STATUS_SUCCESS)
        return NULL;
    if (lib->set(plan, CUDNN_ATTR_EXECUTION_PLAN_HANDLE, CUDNN_TYPE_HANDLE, 1, &lib->handle) ==
            CUDNN_STATUS_SUCCESS &&
        lib->set(plan, CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1,
                 &config) == CUDNN_STATUS_SUCCESS &&
        lib->finalize(plan) == CUDNN_STATUS_SUCCESS &&
        lib->get(plan, CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE, CUDNN_TYPE_INT64, 1, &count,
                 &bytes) == CUDNN_STATUS_SUCCESS &&
        bytes >= 0 && (uint64_t)bytes <= room) {
        *workspace = (size_t)bytes;
        return plan;
    }
    (void)lib->unmake(plan);
    return NULL;
}

int conv_graph_propose(const conv_graph *g, cudnnBackendHeurMode_t mode,
                       cudnnBackendDescriptor_t configs[GRAPH_MAX_CONFIGS])
{
    const cudnn *lib = g->lib;
    cudnnBackendDescriptor_t heuristics = NULL;
    int64_t room = 0, count = 0;
    while (room < GRAPH_MAX_CONFIGS &&
           lib->make(CUDNN_BACKEND_ENGINECFG_DESCRIPTOR, &configs[room]) == CUDNN_STATUS_SUCCESS)
        room++;
    if (lib->make(CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR, &heuristics) == CUDNN_STATUS_SUCCESS) {
        if (lib->set(heuristics, CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH,
                     CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &g->graph) != CUDNN_STATUS_SUCCESS ||
            lib->set(heuristics, CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, 1, &mode) !=
                CUDNN_STATUS_SUCCESS ||
            lib->finalize(heuristics) != CUDNN_STATUS_SUCCESS ||
            lib->get(heuristics, CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_TYPE_BACKEND_DESCRIPTOR, room,
                     &count, configs) != CUDNN_STATUS_SUCCESS)
            count = 0;
        (void)lib->unmake(heuristics);
    }
    if (count > room) count = room;
    for (int64_t i = count; i < room; i++) (void)lib->unmake(configs[i]);
    return (int)count;
}

status conv_graph_plan(const conv_graph *g, cudnnBackendHeurMode_t mode, conv_engines engines,
                       size_t room, cudnnBackendDescriptor_t *plan, size_t *workspace)
{
    *plan = NULL;
    cudnnBackendDescriptor_t configs[GRAPH_MAX_CONFIGS];
    int count = conv_graph_propose(g, mode, configs);
    for (int i = 0; i < count; i++) {
        if (!*plan && is_fit(g->lib, configs[i], engines))
            *plan = conv_graph_finish(g->lib, configs[i], room, workspace);
        (void)g->lib->unmake(configs[i]);
    }
    if (*plan) return STATUS_OK;
    return fail(STATUS_UNSUPPORTED, "cuDNN has no engine for this convolution (of %d proposed)",
                count);
}
