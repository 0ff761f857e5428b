/* Where results go. */
#include "tools/outputs.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

status output_open(const char *path, FILE **out)
{
    *out = strcmp(path, "-") == 0 ? stdout : fopen(path, "wb");
    if (*out) return STATUS_OK;
    return fail(STATUS_FILE, "%s: cannot be written: %s", path, strerror(errno));
}

status output_close(FILE *file, const char *path, status so_far)
{
    struct stat about;
    int why = errno; /* that of the write, if one failed */
    if (file == stdout) return so_far;
    int lost = ferror(file) != 0;
    if (fclose(file) != 0) lost = 1, why = errno;
    if (!lost && so_far == STATUS_OK) return STATUS_OK;
    if (lost) so_far = fail(STATUS_FILE, "%s: cannot be written: %s", path, strerror(why));
    if (stat(path, &about) == 0 && S_ISREG(about.st_mode)) unlink(path); /* no device, no pipe */
    return so_far;
}

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

/* 1 if the path's stem is `name`, `length` bytes of it, and then `tail`. */
static int has_stem(const char *path, const char *name, int length, const char *tail)
{
    int own_length, tail_length = (int)strlen(tail);
    const char *own = stem(path, &own_length);
    return own_length == length + tail_length && memcmp(own, name, (size_t)length) == 0 &&
           memcmp(own + length, tail, (size_t)tail_length) == 0;
}

status output_path(const char *folder, char *const *images, int count, int index,
                   const char *ending, char path[OUTPUT_PATH_BYTES])
{
    int length, again = 0;
    char number[16] = "";
    const char *name = stem(images[index], &length);
    for (int i = 0; i < index; i++) again += has_stem(images[i], name, length, "");
    /* The second of a name is NAME-2, unless a picture is itself called that. */
    for (int n = 2; again > 0; n++) {
        snprintf(number, sizeof number, "-%d", n);
        int taken = 0;
        for (int i = 0; i < count && !taken; i++) taken = has_stem(images[i], name, length, number);
        again -= !taken;
    }
    int used =
        snprintf(path, OUTPUT_PATH_BYTES, "%s/%.*s%s%s", folder, length, name, number, ending);
    if (used < OUTPUT_PATH_BYTES) return STATUS_OK;
    return fail(STATUS_ARGUMENT, "%s: the name of its output in %s is too long", images[index],
                folder);
}

status check_no_input(const char *path, char *const *inputs, int count)
{
    struct stat to, from;
    if (strcmp(path, "-") == 0 || stat(path, &to) != 0 || !S_ISREG(to.st_mode)) return STATUS_OK;
    for (int i = 0; i < count; i++) {
        if (stat(inputs[i], &from) != 0) continue;
        if (to.st_dev == from.st_dev && to.st_ino == from.st_ino)
            return fail(STATUS_ARGUMENT, "%s: would overwrite the input %s", path, inputs[i]);
    }
    return STATUS_OK;
}
