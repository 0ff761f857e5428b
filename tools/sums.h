/* SHA-256 of files, and the lock file that remembers them: a line a file, in the form that
 * `sha256sum -c` reads, paths relative to the lock file's folder. */
#ifndef POSENET_TOOLS_SUMS_H
#define POSENET_TOOLS_SUMS_H

#include "kernels/pool.h"
#include "kernels/status.h"

enum { SUM_TEXT = 65 }; /* 64 hexadecimal digits and the end */

typedef struct sum_entry {
    const char *file; /* relative */
    char sum[SUM_TEXT];
} sum_entry;

typedef struct sum_list {
    pool *pool;
    sum_entry *entries; /* on the heap, by file name */
    size_t count, capacity;
} sum_list;

status sum_file(const char *path, char sum[SUM_TEXT]) STATUS_MUST_CHECK;

/* Reads the lock file; none there is an empty list. Release with sums_free, after a failure too. */
status sums_read(const char *path, sum_list *out) STATUS_MUST_CHECK;

/* The recorded sum of a file, or NULL. */
const char *sums_find(const sum_list *list, const char *file);

/* Records a sum, in place of an earlier one. */
status sums_record(sum_list *list, const char *file, const char sum[SUM_TEXT]) STATUS_MUST_CHECK;

status sums_write(const sum_list *list, const char *path) STATUS_MUST_CHECK;

void sums_free(sum_list *list);

#endif
