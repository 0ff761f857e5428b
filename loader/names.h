/* Names from a file, made fit for a sentence: one line, printable, valid UTF-8, bounded. */
#ifndef POSENET_LOADER_NAMES_H
#define POSENET_LOADER_NAMES_H

#include <stddef.h>

#include "kernels/pool.h"
#include "kernels/status.h"

enum { NAME_SHOWN_BYTES = 160, PATH_SHOWN_BYTES = 400 }; /* in a sentence, terminator included */

typedef struct shown_name {
    char text[NAME_SHOWN_BYTES];
} shown_name;

typedef struct shown_path {
    char text[PATH_SHOWN_BYTES];
} shown_path;

/* Writes at most size - 1 bytes and a terminator: control characters and whatever is no
 * UTF-8 become \xNN; a text that does not fit ends in "...". `size` is at least 8. */
void name_print(char *buffer, size_t size, const char *text, size_t length);

/* `text` (NULL: "") for a sentence: name_show(name).text. */
shown_name name_show(const char *text);

/* A file's path for a sentence: path_show(path).text. */
shown_path path_show(const char *path);

/* A printable copy in the pool; more than LIMIT_NAME_BYTES are refused. NULL is "". */
status name_copy(pool *p, const char *text, const char **out) STATUS_MUST_CHECK;

#endif
