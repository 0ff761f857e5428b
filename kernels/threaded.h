/* What most cpu rows keep from prepare on: how many threads they use. */
#ifndef POSENET_KERNELS_THREADED_H
#define POSENET_KERNELS_THREADED_H

#include "kernels/op.h"

/* Makes w->state (work_release releases it) for work that falls into `parts` parts at most: no more
 * threads than that. */
status threaded_prepare(const prepare_context *context, int64_t parts, work *w) STATUS_MUST_CHECK;

/* For threads_run. */
int threaded_count(const work *w);

#endif
