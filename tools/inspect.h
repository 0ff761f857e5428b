/* Words that inspect and validate share. */
#ifndef POSENET_TOOLS_INSPECT_H
#define POSENET_TOOLS_INSPECT_H

#include "kernels/op.h"

/* "fp32", "tf32", "fp16". */
const char *precision_name(precision p);

#endif
