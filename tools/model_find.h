/* From what --model says, or from nothing, to a model's file. */
#ifndef POSENET_TOOLS_MODEL_FIND_H
#define POSENET_TOOLS_MODEL_FIND_H

#include <stddef.h>

#include "kernels/status.h"

enum { MODEL_PATH_BYTES = 4096 };

/* The file in `path`. `asked` is a file, a folder holding model-stride*.json, or a name; a name is
 * looked up in each folder as NAME, NAME.onnx and NAME/model-stride*.json. NULL: the first folder
 * that holds any model decides, by the order of MODEL_HELP. */
status model_find(const char *asked, char path[MODEL_PATH_BYTES]) STATUS_MUST_CHECK;

/* For --help: the folders and the order of names, in words. */
extern const char model_help[];

#endif
