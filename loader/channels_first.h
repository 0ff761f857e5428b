/* NHWC at the edges of a graph whose inside is NCHW. */
#ifndef POSENET_LOADER_CHANNELS_FIRST_H
#define POSENET_LOADER_CHANNELS_FIRST_H

#include "loader/graph.h"

/* Where an input is read only by one Transpose from NHWC to NCHW, or an output made only by one
 * back, makes the input or output itself NCHW, under its own name; the Transpose becomes dead, or
 * reads nothing any more: drop it with graph_drop_dead. Other edges stay as they are. */
void graph_channels_first(graph *g);

#endif
