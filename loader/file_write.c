/* Files that are there whole or not at all. */
#include "loader/file_write.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

status file_write_begin(file_writer *w, const char *path)
{
    struct stat about;
    size_t length = strlen(path);
    if (length == 0 || length >= sizeof w->path)
        return fail(STATUS_ARGUMENT, "a file name of %zu bytes cannot be written", length);
    /* A rename would put a file in the place of a device or a pipe. */
    if (stat(path, &about) == 0 && !S_ISREG(about.st_mode))
        return fail(STATUS_FILE, "%s: cannot be written: it is no regular file", path);
    memcpy(w->path, path, length + 1);
    snprintf(w->temporary, sizeof w->temporary, "%s.%ld.part", path, (long)getpid());
    int descriptor = open(w->temporary, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    if (descriptor < 0)
        return fail(STATUS_FILE, "%s: cannot be written: %s", path, strerror(errno));
    w->file = fdopen(descriptor, "wb");
    if (w->file) return STATUS_OK;
    close(descriptor);
    unlink(w->temporary);
    return fail(STATUS_MEMORY, "%s: cannot be written: out of memory", path);
}

status file_write(file_writer *w, const void *bytes, size_t size)
{
    if (fwrite(bytes, 1, size, w->file) == size) return STATUS_OK;
    return fail(STATUS_FILE, "%s: cannot be written: %s", w->path, strerror(errno));
}

status file_write_end(file_writer *w, status so_far)
{
    int closed = fclose(w->file) == 0;
    w->file = NULL;
    if (so_far == STATUS_OK && !closed)
        so_far = fail(STATUS_FILE, "%s: cannot be written: %s", w->path, strerror(errno));
    if (so_far == STATUS_OK && rename(w->temporary, w->path) != 0)
        so_far = fail(STATUS_FILE, "%s: cannot be written: %s", w->path, strerror(errno));
    if (so_far != STATUS_OK) unlink(w->temporary);
    return so_far;
}
