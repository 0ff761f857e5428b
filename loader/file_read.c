/* Files into memory, with the sizes checked first. */
#include "loader/file_read.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "loader/names.h"

status file_size(const char *path, int64_t *bytes)
{
    struct stat about;
    if (stat(path, &about) != 0)
        return fail(STATUS_FILE, "%s: cannot be opened: %s", path_show(path).text, strerror(errno));
    if (S_ISDIR(about.st_mode))
        return fail(STATUS_FILE, "%s: is a folder, not a file", path_show(path).text);
    if (!S_ISREG(about.st_mode))
        return fail(STATUS_FILE, "%s: is not a regular file", path_show(path).text);
    *bytes = about.st_size;
    return STATUS_OK;
}

static status read_from(FILE *file, const char *path, int64_t offset, size_t size,
                        unsigned char *bytes)
{
    if (fseeko(file, (off_t)offset, SEEK_SET) != 0)
        return fail(STATUS_FILE, "%s: cannot be read: %s", path_show(path).text, strerror(errno));
    if (fread(bytes, 1, size, file) == size) return STATUS_OK;
    if (ferror(file))
        return fail(STATUS_FILE, "%s: cannot be read: %s", path_show(path).text, strerror(errno));
    return fail(STATUS_FILE, "%s: became shorter while it was read", path_show(path).text);
}

status file_read_part(const char *path, int64_t offset, size_t size, unsigned char *bytes)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        return fail(STATUS_FILE, "%s: cannot be opened: %s", path_show(path).text, strerror(errno));
    setvbuf(file, NULL, _IONBF, 0); /* one large read: a buffer of the library's would only copy */
    status s = read_from(file, path, offset, size, bytes);
    fclose(file);
    return s;
}

status file_read(const char *path, int64_t most, unsigned char **bytes, size_t *size)
{
    *bytes = NULL;
    int64_t whole = 0;
    TRY(file_size(path, &whole));
    if (whole == 0) return fail(STATUS_FILE, "%s: is empty", path_show(path).text);
    if (whole > most)
        return fail(STATUS_FILE, "%s: has %lld bytes, more than %lld", path_show(path).text,
                    (long long)whole, (long long)most);
    unsigned char *room = malloc((size_t)whole); /* not zeroed: every byte is read */
    if (!room)
        return fail(STATUS_MEMORY, "%s: out of memory: %lld bytes", path_show(path).text,
                    (long long)whole);
    status s = file_read_part(path, 0, (size_t)whole, room);
    if (s != STATUS_OK) {
        free(room);
        return s;
    }
    *bytes = room;
    *size = (size_t)whole;
    return STATUS_OK;
}
