/* The two halves of `posenet validate`. */
#ifndef POSENET_TOOLS_VALIDATE_H
#define POSENET_TOOLS_VALIDATE_H

#include "engine/inside.h"
#include "tools/image.h"

/* One plan, all tensors kept, with a slot to run it step by step. */
typedef struct side {
    device *device;
    pack_cache *packs;
    plan *plan;
    slot *slot;
} side;

/* What is compared: a handle as opened, the same plan with every tensor kept, and ref. */
typedef struct comparison {
    posenet *engine;
    side tested; /* device and packs are the handle's */
    side ref;    /* everything is its own; has computed the whole picture */
    const image *picture;
} comparison;

/* Every work is fed ref's own input rounded to its type, and its output compared with what ref
 * makes of the same; prints a line for each, and the first that is out with its ONNX nodes. *bad
 * counts those out of their row's limit. */
status validate_steps(const comparison *c, int *bad) STATUS_MUST_CHECK;

/* The whole picture through the handle and through ref: heads, then poses in pixels of the
 * network's input. *bad counts what is out. */
status validate_poses(const comparison *c, int *bad) STATUS_MUST_CHECK;

#endif
