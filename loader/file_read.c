/* Files into memory, with the sizes checked first. */
#include "loader/file_read.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "loader/names.h"

/* A regular file, open, and its size: of the file that is read, whoever puts another one in its
 * place meanwhile. A pipe is not waited for. */
static status open_regular(const char *path, int *descriptor, int64_t *bytes)
{
    struct stat about;
    *descriptor = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (*descriptor < 0 || fstat(*descriptor, &about) != 0) {
        status s =
            fail(STATUS_FILE, "%s: cannot be opened: %s", path_show(path).text, strerror(errno));
        if (*descriptor >= 0) close(*descriptor);
        return s;
    }
    if (S_ISREG(about.st_mode)) {
        *bytes = about.st_size;
        return STATUS_OK;
    }
    close(*descriptor);
    return fail(STATUS_FILE, "%s: is %s", path_show(path).text,
                S_ISDIR(about.st_mode) ? "a folder, not a file" : "not a regular file");
}

static status read_from(int descriptor, const char *path, int64_t offset, size_t size,
                        unsigned char *bytes)
{
    while (size) {
        ssize_t count = pread(descriptor, bytes, size, (off_t)offset);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0)
            return fail(STATUS_FILE, "%s: cannot be read: %s", path_show(path).text,
                        strerror(errno));
        if (count == 0)
            return fail(STATUS_FILE, "%s: became shorter while it was read", path_show(path).text);
        bytes += count;
        offset += count;
        size -= (size_t)count;
    }
    return STATUS_OK;
}

status file_size(const char *path, int64_t *bytes)
{
    int descriptor;
    TRY(open_regular(path, &descriptor, bytes));
    close(descriptor);
    return STATUS_OK;
}

status file_read_part(const char *path, int64_t offset, size_t size, unsigned char *bytes)
{
    int descriptor;
    int64_t whole;
    TRY(open_regular(path, &descriptor, &whole));
    status s = read_from(descriptor, path, offset, size, bytes);
    close(descriptor);
    return s;
}

/* Room for `whole` bytes, and the file in it. */
static status read_whole(int descriptor, const char *path, int64_t whole, int64_t most,
                         unsigned char **bytes)
{
    if (whole == 0) return fail(STATUS_FILE, "%s: is empty", path_show(path).text);
    if (whole > most)
        return fail(STATUS_FILE, "%s: has %lld bytes, more than %lld", path_show(path).text,
                    (long long)whole, (long long)most);
    unsigned char *room = malloc((size_t)whole); /* not zeroed: every byte is read */
    if (!room)
        return fail(STATUS_MEMORY, "%s: out of memory: %lld bytes", path_show(path).text,
                    (long long)whole);
    status s = read_from(descriptor, path, 0, (size_t)whole, room);
    if (s == STATUS_OK)
        *bytes = room;
    else
        free(room);
    return s;
}

status file_read(const char *path, int64_t most, unsigned char **bytes, size_t *size)
{
    int descriptor;
    int64_t whole;
    *bytes = NULL;
    TRY(open_regular(path, &descriptor, &whole));
    status s = read_whole(descriptor, path, whole, most, bytes);
    close(descriptor);
    *size = s == STATUS_OK ? (size_t)whole : 0;
    return s;
}
