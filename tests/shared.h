/* Models and golden data, which do not lie in the repository: tests that need them are skipped
 * where they are not there. */
#ifndef POSENET_TESTS_SHARED_H
#define POSENET_TESTS_SHARED_H

#include <stdio.h>
#include <stdlib.h>

enum { SHARED_PATH_BYTES = 4096 };

static inline int shared_readable(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (f) fclose(f);
    return f != NULL;
}

/* The file `name` of $POSENET_SHARED, or of ../shared beside the source; 0 if it is not there. */
static inline int shared_file(const char *name, char path[SHARED_PATH_BYTES])
{
    const char *folder = getenv("POSENET_SHARED"), *source = getenv("POSENET_SOURCE");
    if (folder)
        snprintf(path, SHARED_PATH_BYTES, "%s/%s", folder, name);
    else
        snprintf(path, SHARED_PATH_BYTES, "%s/../shared/%s", source ? source : ".", name);
    return shared_readable(path);
}

/* The file `name` of $POSENET_MODELS, or of the shared models; 0 if it is not there. */
static inline int shared_model(const char *name, char path[SHARED_PATH_BYTES])
{
    const char *folder = getenv("POSENET_MODELS");
    if (folder) {
        snprintf(path, SHARED_PATH_BYTES, "%s/%s", folder, name);
        if (shared_readable(path)) return 1;
    }
    char below[256];
    snprintf(below, sizeof below, "models/%s", name);
    return shared_file(below, path);
}

#endif
