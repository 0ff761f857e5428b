/* The plans of a handle: one current, a few more kept ready, the least recently used dropped. */
#ifndef POSENET_ENGINE_PLANS_H
#define POSENET_ENGINE_PLANS_H

#include "engine/inside.h"

/* Makes the plan of this size and batch current; 0: the file's, else the default. On failure the
 * plan from before stays current. No frame may be in flight. */
status plans_prepare(posenet *engine, int width, int height, int batch) STATUS_MUST_CHECK;

/* Drops all of them. */
void plans_free(posenet *engine);

#endif
