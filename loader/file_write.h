/* Files that are there whole or not at all: written beside their place, then renamed into it.
 *
 *   file_writer w;
 *   TRY(file_write_begin(&w, path, 0666));
 *   status s = file_write(&w, bytes, size);
 *   return file_write_end(&w, s);
 */
#ifndef POSENET_LOADER_FILE_WRITE_H
#define POSENET_LOADER_FILE_WRITE_H

#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

#include "kernels/status.h"

enum { FILE_WRITE_PATH = 4096 };

typedef struct file_writer {
    FILE *file;
    char path[FILE_WRITE_PATH], temporary[FILE_WRITE_PATH + 48];
} file_writer;

/* Opens a file beside `path`, one of its own for every call: of several writers the last one wins.
 * `mode` says who may read it, less the process's umask. What stands at `path` and is no regular
 * file is refused; a link to one is replaced, not followed. */
status file_write_begin(file_writer *w, const char *path, mode_t mode) STATUS_MUST_CHECK;

status file_write(file_writer *w, const void *bytes, size_t size) STATUS_MUST_CHECK;

/* Puts the file into its place if `so_far` is STATUS_OK and everything has reached the disk;
 * removes it otherwise. Must follow every file_write_begin that succeeded; returns `so_far`, or
 * what failed.
 */
status file_write_end(file_writer *w, status so_far) STATUS_MUST_CHECK;

#endif
