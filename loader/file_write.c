/* Files that are there whole or not at all. */
#include "loader/file_write.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "loader/names.h"

static status refuse(const char *path, int reason)
{
    return fail(STATUS_FILE, "%s: cannot be written: %s", path_show(path).text, strerror(reason));
}

/* A new file beside w->path, open for writing; -1: errno says why not. */
static int open_temporary(file_writer *w, mode_t mode)
{
    static _Atomic unsigned calls;
    int descriptor;
    do {
        snprintf(w->temporary, sizeof w->temporary, "%s.%ld-%u.part", w->path, (long)getpid(),
                 calls++);
        descriptor = open(w->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    } while (descriptor < 0 && errno == EEXIST); /* left by a process that had this number */
    return descriptor;
}

status file_write_begin(file_writer *w, const char *path, mode_t mode)
{
    struct stat about;
    size_t length = strlen(path);
    if (length == 0 || length >= sizeof w->path)
        return fail(STATUS_ARGUMENT, "a file name of %zu bytes cannot be written", length);
    /* A rename would put a file in the place of a device or a pipe. */
    if (stat(path, &about) == 0 && !S_ISREG(about.st_mode))
        return fail(STATUS_FILE, "%s: cannot be written: it is no regular file",
                    path_show(path).text);
    memcpy(w->path, path, length + 1);
    int descriptor = open_temporary(w, mode);
    if (descriptor < 0) return refuse(path, errno);
    w->file = fdopen(descriptor, "wb");
    if (w->file) return STATUS_OK;
    close(descriptor);
    unlink(w->temporary);
    return fail(STATUS_MEMORY, "%s: cannot be written: out of memory", path_show(path).text);
}

status file_write(file_writer *w, const void *bytes, size_t size)
{
    if (fwrite(bytes, 1, size, w->file) == size) return STATUS_OK;
    return refuse(w->path, errno);
}

/* A rename may reach the disk before what it renames: a power cut would leave an empty file. */
status file_write_end(file_writer *w, status so_far)
{
    if (so_far == STATUS_OK && (fflush(w->file) != 0 || fsync(fileno(w->file)) != 0))
        so_far = refuse(w->path, errno);
    if (fclose(w->file) != 0 && so_far == STATUS_OK) so_far = refuse(w->path, errno);
    w->file = NULL;
    if (so_far == STATUS_OK && rename(w->temporary, w->path) != 0) so_far = refuse(w->path, errno);
    if (so_far != STATUS_OK) unlink(w->temporary);
    return so_far;
}
