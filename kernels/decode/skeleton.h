/* The 17 parts and the tree of 16 edges that PoseNet's outputs are ordered by. */
#ifndef POSENET_KERNELS_DECODE_SKELETON_H
#define POSENET_KERNELS_DECODE_SKELETON_H

#include "kernels/op.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct skeleton_edge {
    int parent, child; /* parts */
} skeleton_edge;

/* Displacement channel e (y) and e + EDGES (x) belong to skeleton_edges[e]. */
extern const skeleton_edge skeleton_edges[EDGES];

/* "nose", "left_eye", …; NULL outside 0..PARTS-1. */
const char *skeleton_part_name(int part);

#ifdef __cplusplus
}
#endif
#endif
