/* A picture for checks that need one and have none: two plain figures before a plain wall. */
#ifndef POSENET_TOOLS_SYNTHETIC_H
#define POSENET_TOOLS_SYNTHETIC_H

#include "tools/image.h"

status synthetic_picture(image *out) STATUS_MUST_CHECK;

#endif
