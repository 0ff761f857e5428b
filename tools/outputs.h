/* Where results go: folders, and a name for each of several pictures. */
#ifndef POSENET_TOOLS_OUTPUTS_H
#define POSENET_TOOLS_OUTPUTS_H

#include "kernels/status.h"

enum { OUTPUT_PATH_BYTES = 4096 };

int is_folder(const char *path);

/* Makes the folder unless it is there; its parent must be. */
status make_folder(const char *path) STATUS_MUST_CHECK;

/* FOLDER/NAME of picture `index` of the list: its file's name without folder and ending, with "-2",
 * "-3" where an earlier one has the same, then `ending`. */
status output_path(const char *folder, char *const *images, int index, const char *ending,
                   char path[OUTPUT_PATH_BYTES]) STATUS_MUST_CHECK;

/* Fails if writing `path` would overwrite the file `input`. */
status check_not_same_file(const char *path, const char *input) STATUS_MUST_CHECK;

#endif
