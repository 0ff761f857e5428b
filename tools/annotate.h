/* Poses drawn onto a picture: limbs, joints, and each pose's score. */
#ifndef POSENET_TOOLS_ANNOTATE_H
#define POSENET_TOOLS_ANNOTATE_H

#include "engine/posenet.h"
#include "tools/image.h"

/* Draws `count` poses, whose coordinates are pixels of this picture, into it. */
status annotate(image *picture, const posenet_pose *poses, int count) STATUS_MUST_CHECK;

#endif
