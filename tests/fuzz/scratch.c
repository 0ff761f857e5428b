/* A folder in memory for one fuzzer's process, removed when it ends. */
#include "tests/fuzz/scratch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_FILES = 8 };

static char folder[64];
static const char *files[MOST_FILES];

static void remove_folder(void)
{
    char path[SCRATCH_PATH];
    for (int i = 0; i < MOST_FILES && files[i]; i++) unlink(scratch_path(files[i], path));
    rmdir(folder);
}

static void make_folder(void)
{
    const char *root = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    snprintf(folder, sizeof folder, "%s/posenet-fuzz-XXXXXX", root);
    if (!mkdtemp(folder)) abort();
    atexit(remove_folder);
}

const char *scratch_path(const char *name, char path[SCRATCH_PATH])
{
    if (!*folder) make_folder();
    int known = 0;
    while (known < MOST_FILES && files[known] && strcmp(files[known], name) != 0) known++;
    if (known == MOST_FILES) abort();
    files[known] = name;
    snprintf(path, SCRATCH_PATH, "%s/%s", folder, name);
    return path;
}

void scratch_put(const char *name, const void *bytes, size_t size, char path[SCRATCH_PATH])
{
    FILE *f = fopen(scratch_path(name, path), "wb");
    if (!f || fwrite(bytes, 1, size, f) != size || fclose(f) != 0) abort();
}
