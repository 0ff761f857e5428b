/* Where results go. */
#include "tools/outputs.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

int is_folder(const char *path)
{
    struct stat about;
    return stat(path, &about) == 0 && S_ISDIR(about.st_mode);
}

status make_folder(const char *path)
{
    if (mkdir(path, 0777) == 0 || (errno == EEXIST && is_folder(path))) return STATUS_OK;
    const char *why = errno == EEXIST ? "a file of that name is in the way" : strerror(errno);
    return fail(STATUS_FILE, "%s: cannot be made a folder: %s", path, why);
}

/* The file's name without folder and ending. */
static const char *stem(const char *path, int *length)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    const char *point = strrchr(name, '.');
    *length = (int)(point && point != name ? (size_t)(point - name) : strlen(name));
    return name;
}

status output_path(const char *folder, char *const *images, int index, const char *ending,
                   char path[OUTPUT_PATH_BYTES])
{
    int length, same = 1;
    const char *name = stem(images[index], &length);
    for (int i = 0; i < index; i++) {
        int other_length;
        const char *other = stem(images[i], &other_length);
        same += other_length == length && memcmp(other, name, (size_t)length) == 0;
    }
    char number[16] = "";
    if (same > 1) snprintf(number, sizeof number, "-%d", same);
    int used =
        snprintf(path, OUTPUT_PATH_BYTES, "%s/%.*s%s%s", folder, length, name, number, ending);
    if (used < OUTPUT_PATH_BYTES) return STATUS_OK;
    return fail(STATUS_ARGUMENT, "%s: the name of its output in %s is too long", images[index],
                folder);
}

status check_not_same_file(const char *path, const char *input)
{
    struct stat to, from;
    if (stat(path, &to) != 0 || stat(input, &from) != 0) return STATUS_OK;
    if (to.st_dev != from.st_dev || to.st_ino != from.st_ino) return STATUS_OK;
    return fail(STATUS_ARGUMENT, "%s: would overwrite the picture it was made from", path);
}
