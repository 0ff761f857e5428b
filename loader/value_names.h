/* What a file that is written calls a graph's values. */
#ifndef POSENET_LOADER_VALUE_NAMES_H
#define POSENET_LOADER_VALUE_NAMES_H

#include "loader/graph.h"

/* A name a value in *names, from `p`, each only once: its own if it has one that nobody has taken,
 * "name_17" or "value_17" otherwise. Inputs and outputs come first, so that theirs stay. */
status graph_value_names(const graph *g, pool *p, const char ***names) STATUS_MUST_CHECK;

#endif
