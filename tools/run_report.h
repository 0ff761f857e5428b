/* What `posenet run` prints for people: the table of poses, the profile. */
#ifndef POSENET_TOOLS_RUN_REPORT_H
#define POSENET_TOOLS_RUN_REPORT_H

#include <stdio.h>

#include "engine/posenet.h"
#include "tools/json.h"

/* The poses of one picture as a table. */
void report_poses(FILE *to, const json_picture *picture);

/* The ledger of the last frame and the time of each of its steps. */
posenet_status report_profile(FILE *to, const posenet *engine, const char *image);

#endif
