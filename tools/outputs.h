/* Where results go: files, folders, and a name for each of several pictures. */
#ifndef POSENET_TOOLS_OUTPUTS_H
#define POSENET_TOOLS_OUTPUTS_H

#include <stdio.h>

#include "kernels/status.h"

enum { OUTPUT_PATH_BYTES = 4096 };

/* Opens a result's file in *out; "-" is stdout. */
status output_open(const char *path, FILE **out) STATUS_MUST_CHECK;

/* Ends what output_open began; returns `so_far`, or that the file cannot be written. Of a failed
 * file nothing is left. stdout stays open: finish_stdout looks after it. */
status output_close(FILE *file, const char *path, status so_far) STATUS_MUST_CHECK;

int is_folder(const char *path);

/* Makes the folder unless it is there; its parent must be. */
status make_folder(const char *path) STATUS_MUST_CHECK;

/* FOLDER/NAME of picture `index` of `count`: its file's name without folder and ending, with "-2",
 * "-3" where an earlier one has the same, then `ending`. No two pictures get the same NAME. */
status output_path(const char *folder, char *const *images, int count, int index,
                   const char *ending, char path[OUTPUT_PATH_BYTES]) STATUS_MUST_CHECK;

/* Fails if writing `path` would overwrite one of the files `inputs`. */
status check_no_input(const char *path, char *const *inputs, int count) STATUS_MUST_CHECK;

#endif
