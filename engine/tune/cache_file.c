/* Reading and writing the files that choices are kept in. */
#include "engine/tune/cache_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "loader/file_read.h"
#include "loader/names.h"

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

static int write_all(int file, const char *text)
{
    for (size_t left = strlen(text); left;) {
        ssize_t wrote = write(file, text, left);
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote < 0) return 0;
        text += wrote;
        left -= (size_t)wrote;
    }
    return fsync(file) == 0;
}

static status refuse(const char *path, int reason)
{
    return fail(STATUS_FILE, "%s: cannot be written: %s", path_show(path).text, strerror(reason));
}

status tune_file_write(const char *path, const char *text)
{
    char temporary[TUNE_PATH_BYTES];
    join(path, ".XXXXXX", temporary);
    if (!*temporary) return refuse(path, ENAMETOOLONG);
    make_folders(path);
    int file = mkstemp(temporary); /* for the user alone */
    if (file < 0) return refuse(path, errno);
    int reason = write_all(file, text) ? 0 : errno;
    if (close(file) != 0 && !reason) reason = errno;
    if (!reason && rename(temporary, path) != 0) reason = errno;
    if (!reason) return STATUS_OK;
    (void)unlink(temporary);
    return refuse(path, reason);
}
