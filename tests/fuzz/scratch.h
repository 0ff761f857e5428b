/* A folder in memory for one fuzzer's process, removed when it ends. */
#ifndef POSENET_TESTS_FUZZ_SCRATCH_H
#define POSENET_TESTS_FUZZ_SCRATCH_H

#include <stddef.h>

enum { SCRATCH_PATH = 128 };

/* The path of a file of that name in the folder, which is made when first asked for. Every name
 * asked for is removed at the end; there may be 8 of them. */
const char *scratch_path(const char *name, char path[SCRATCH_PATH]);

/* Writes the file anew. */
void scratch_put(const char *name, const void *bytes, size_t size, char path[SCRATCH_PATH]);

#endif
