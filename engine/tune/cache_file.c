/* Reading and writing the files that choices are kept in. */
#include "engine/tune/cache_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "loader/file_read.h"
#include "loader/file_write.h"

enum { MOST_BYTES = 1 << 20 };

/* ---- paths ----------------------------------------------------------------------------------- */

static void join(const char *folder, const char *rest, char path[TUNE_PATH_BYTES])
{
    int length = snprintf(path, TUNE_PATH_BYTES, "%s%s", folder, rest);
    if (length < 0 || length >= TUNE_PATH_BYTES) *path = '\0';
}

void tune_cache_folder(const char *wish, char path[TUNE_PATH_BYTES])
{
    *path = '\0';
    if (!wish) wish = getenv("POSENET_CACHE");
    if (wish) {
        join(wish, "", path);
        return;
    }
    const char *base = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    if (base && *base == '/')
        join(base, "/posenet", path);
    else if (home && *home == '/')
        join(home, "/.cache/posenet", path);
}

void tune_file_path(const char *folder, const char *name, char path[TUNE_PATH_BYTES])
{
    join(folder, "/", path);
    size_t length = strlen(path);
    if (length && length + strlen(name) < TUNE_PATH_BYTES)
        strcpy(path + length, name);
    else
        *path = '\0';
}

/* Those that are there already are left as they are; whether all are, writing shows. */
static void make_folders(const char *path)
{
    char folder[TUNE_PATH_BYTES];
    join(path, "", folder);
    if (!*folder) return;
    for (char *at = folder + 1; *at; at++) {
        if (*at != '/') continue;
        *at = '\0';
        (void)mkdir(folder, 0700); /* as the base directory rules ask */
        *at = '/';
    }
}

/* ---- read ------------------------------------------------------------------------------------ */

status tune_file_read(const char *path, pool *p, char **text)
{
    unsigned char *bytes;
    size_t size;
    *text = NULL;
    status code = file_read(path, MOST_BYTES, &bytes, &size);
    if (code == STATUS_MEMORY) return code;
    if (code != STATUS_OK) {
        fail_clear(); /* that nothing is kept yet is no failure */
        return STATUS_OK;
    }
    int is_text = !memchr(bytes, '\0', size);
    if (is_text) *text = pool_text(p, (const char *)bytes, size);
    free(bytes);
    return *text || !is_text ? STATUS_OK : STATUS_MEMORY;
}

/* ---- write ----------------------------------------------------------------------------------- */

status tune_file_write(const char *path, const char *text)
{
    file_writer w;
    struct stat about;
    make_folders(path);
    if (lstat(path, &about) == 0 && !S_ISREG(about.st_mode)) (void)unlink(path); /* pipes, links */
    TRY(file_write_begin(&w, path, 0600)); /* for the user alone */
    return file_write_end(&w, file_write(&w, text, strlen(text)));
}
