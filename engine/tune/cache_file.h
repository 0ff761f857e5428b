/* The folder of the tuner's choices, and its files: small texts, read whole and written whole. */
#ifndef POSENET_ENGINE_TUNE_CACHE_FILE_H
#define POSENET_ENGINE_TUNE_CACHE_FILE_H

#include "kernels/pool.h"

enum { TUNE_PATH_BYTES = 4096 };

/* Where choices are kept: `wish`, else $POSENET_CACHE, $XDG_CACHE_HOME/posenet or
 * ~/.cache/posenet. "" where nothing is to be kept: an empty wish or variable, or no home. */
void tune_cache_folder(const char *wish, char path[TUNE_PATH_BYTES]);

/* The path of file `name` in the folder; "" where it would be too long. */
void tune_file_path(const char *folder, const char *name, char path[TUNE_PATH_BYTES]);

/* The file's text from `p`; NULL in *text where there is none: no file, one that cannot be read, no
 * regular one (a pipe would be waited for), none of at most a megabyte, or no text. Fails only for
 * want of memory. */
status tune_file_read(const char *path, pool *p, char **text) STATUS_MUST_CHECK;

/* Makes the folders on the way and the file, for the user alone. Who reads meanwhile sees the old
 * file or the new one (loader/file_write.h). What else stood there, a link or a pipe, is replaced.
 */
status tune_file_write(const char *path, const char *text) STATUS_MUST_CHECK;

#endif
