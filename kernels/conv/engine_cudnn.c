/* Choosing an engine of cuDNN for a graph. */
#include <stdint.h>

#include "kernels/conv/graph_cudnn.h"

enum { MAX_CONFIGS = 32 };

/* 1 if the engine behind `config` keeps to what conv_graph_plan promises. */
static int is_fit(const cudnn *lib, cudnnBackendDescriptor_t config, conv_engines engines)
{
    cudnnBackendDescriptor_t engine = NULL;
    cudnnBackendNumericalNote_t notes[CUDNN_NUMERICAL_NOTE_TYPE_COUNT];
    int64_t count = 0;
    int fit = 0, matrix = 0;
    if (lib->make(CUDNN_BACKEND_ENGINE_DESCRIPTOR, &engine) != CUDNN_STATUS_SUCCESS) return 0;
    if (lib->get(config, CUDNN_ATTR_ENGINECFG_ENGINE, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &count,
                 &engine) == CUDNN_STATUS_SUCCESS &&
        lib->get(engine, CUDNN_ATTR_ENGINE_NUMERICAL_NOTE, CUDNN_TYPE_NUMERICAL_NOTE,
                 CUDNN_NUMERICAL_NOTE_TYPE_COUNT, &count, notes) == CUDNN_STATUS_SUCCESS)
        fit = 1;
    for (int64_t i = 0; fit && i < count; i++) {
        switch (notes[i]) {
        case CUDNN_NUMERICAL_NOTE_TENSOR_CORE: matrix = 1; break;
        case CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS:
        case CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION:
        case CUDNN_NUMERICAL_NOTE_FFT:
        case CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC:
        case CUDNN_NUMERICAL_NOTE_WINOGRAD:
        case CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_4x4:
        case CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_6x6:
        case CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_13x13: fit = 0; break;
        default: break;
        }
    }
    (void)lib->unmake(engine);
    return fit && (engines == ENGINES_ANY || matrix == (engines == ENGINES_MATRIX));
}

/* The plan of one configuration; NULL if the device cannot run it within `room`. */
static cudnnBackendDescriptor_t try_config(cudnn *lib, cudnnBackendDescriptor_t config, size_t room,
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

/* The configurations that one mode of the heuristics proposes, best first; how many. */
static int64_t propose(const conv_graph *g, cudnnBackendHeurMode_t mode,
                       cudnnBackendDescriptor_t configs[MAX_CONFIGS])
{
    const cudnn *lib = g->lib;
    cudnnBackendDescriptor_t heuristics = NULL;
    int64_t room = 0, count = 0;
    while (room < MAX_CONFIGS &&
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
    return count;
}

status conv_graph_plan(const conv_graph *g, cudnnBackendHeurMode_t mode, conv_engines engines,
                       size_t room, cudnnBackendDescriptor_t *plan, size_t *workspace)
{
    *plan = NULL;
    cudnnBackendDescriptor_t configs[MAX_CONFIGS];
    int64_t count = propose(g, mode, configs);
    for (int64_t i = 0; i < count; i++) {
        if (!*plan && is_fit(g->lib, configs[i], engines))
            *plan = try_config(g->lib, configs[i], room, workspace);
        (void)g->lib->unmake(configs[i]);
    }
    if (*plan) return STATUS_OK;
    return fail(STATUS_UNSUPPORTED, "cuDNN has no engine for this convolution (of %d proposed)",
                (int)count);
}
