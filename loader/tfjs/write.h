/* Graphs as TF.js graph models: the inverse of tfjs_read_file. */
#ifndef POSENET_LOADER_TFJS_WRITE_H
#define POSENET_LOADER_TFJS_WRITE_H

#include "loader/graph.h"

/* Writes model.json to `path` and group1-shard1ofN.bin, ... of at most 4 MiB beside it. Weights
 * take 4 bytes, or are quantised to `bytes` 1 or 2 as TF.js's converter does: evenly between each
 * tensor's smallest and largest number, zero kept exact. The graph must be NCHW inside with
 * Transposes at its edges, of the operators that Google's PoseNets have; dilation is written as
 * TensorFlow writes it for pictures of any size. Anything else is refused, naming the node, and no
 * file is written. */
status tfjs_write_file(const graph *g, const char *path, int bytes) STATUS_MUST_CHECK;

#endif
