/* The engine's version as text, made of the numbers in posenet.h: "0.1.0". */
#ifndef POSENET_ENGINE_VERSION_H
#define POSENET_ENGINE_VERSION_H

#include "engine/posenet.h"

#define VERSION_TEXT_OF(x) #x
#define VERSION_JOIN(major, minor, patch)                                                          \
    VERSION_TEXT_OF(major) "." VERSION_TEXT_OF(minor) "." VERSION_TEXT_OF(patch)
#define VERSION_TEXT                                                                               \
    VERSION_JOIN(POSENET_VERSION_MAJOR, POSENET_VERSION_MINOR, POSENET_VERSION_PATCH)

#endif
