/* A convolution, with what follows it, as one cuDNN operation graph. Building one and its errors
 * need no GPU; choosing an engine for it does. */
#ifndef POSENET_KERNELS_CONV_CUDNN_GRAPH_H
#define POSENET_KERNELS_CONV_CUDNN_GRAPH_H

#include <stdint.h>

#include "kernels/cuda/cudnn.h"
#include "kernels/op.h"

/* The tensors that execution binds to memory, by these numbers. */
enum { GRAPH_X = 1, GRAPH_FILTER, GRAPH_BIAS, GRAPH_RESIDUAL, GRAPH_Y };

enum { GRAPH_MAX_DESCRIPTORS = 24 };

typedef struct conv_graph {
    cudnn *lib;
    cudnnBackendDescriptor_t graph; /* also among made */
    cudnnBackendDescriptor_t made[GRAPH_MAX_DESCRIPTORS];
    int count;
} conv_graph;

/* The graph of convolution step `s`. `fused`: with bias, residual and activation (which is nothing,
 * or a clamp whose lower end is 0); else the convolution alone. All tensors are of x's type, filter
 * [out][kernel h][kernel w][in], sums in fp32. Free it also after a failure. */
status conv_graph_build(cudnn *lib, const network *net, const step *s, int fused,
                        conv_graph *out) STATUS_MUST_CHECK;

void conv_graph_free(conv_graph *g);

enum { GRAPH_MAX_CONFIGS = 32 };

/* The configurations that one mode of the heuristics proposes, best first; how many. Each is
 * destroyed with lib->unmake. */
int conv_graph_propose(const conv_graph *g, cudnnBackendHeurMode_t mode,
                       cudnnBackendDescriptor_t configs[GRAPH_MAX_CONFIGS]);

/* What is known of a configuration without running it. */
typedef struct conv_config {
    int fit;    /* keeps to what conv_graph_plan promises */
    int matrix; /* on matrix units */
    int compiles_at_run_time;
    uint64_t print; /* of engine and knobs: the same for the same configuration */
} conv_config;

conv_config conv_graph_config(const cudnn *lib, cudnnBackendDescriptor_t config);

/* The plan of one configuration, destroyed with lib->unmake; NULL if the device cannot run it
 * within `room` bytes of workspace. */
cudnnBackendDescriptor_t conv_graph_finish(cudnn *lib, cudnnBackendDescriptor_t config, size_t room,
                                           size_t *workspace);

/* Which engines may compute: any, only those on matrix units, only those beside them. */
typedef enum conv_engines { ENGINES_ANY, ENGINES_MATRIX, ENGINES_PLAIN } conv_engines;

/* An execution plan for the graph on the handle's device: what the library's heuristics of `mode`
 * propose, in their order, without engines that round their inputs or their sums or add in an order
 * that changes; of at most `room` bytes of workspace. STATUS_UNSUPPORTED if none is left. The plan
 * is destroyed with lib->unmake. */
status conv_graph_plan(const conv_graph *g, cudnnBackendHeurMode_t mode, conv_engines engines,
                       size_t room, cudnnBackendDescriptor_t *plan,
                       size_t *workspace) STATUS_MUST_CHECK;

#endif
