/* Names from a file, made fit for a sentence. */
#include "loader/names.h"

#include <stdio.h>
#include <string.h>

#include "loader/limits.h"

/* Bytes of the UTF-8 character at `s` if it is printable and whole, else 0. Overlong forms and
 * surrogates are let through: no terminal is harmed by them. */
static size_t printable_length(const unsigned char *s, size_t left)
{
    if (s[0] >= 0x20 && s[0] < 0x7f) return 1;
    size_t length = s[0] >= 0xf5 ? 0 : s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : s[0] >= 0xc2 ? 2 : 0;
    if (length == 0 || length > left) return 0;
    for (size_t i = 1; i < length; i++)
        if ((s[i] & 0xc0) != 0x80) return 0;
    if (length == 2 && s[0] == 0xc2 && s[1] < 0xa0) return 0; /* C1 control characters */
    return length;
}

void name_print(char *buffer, size_t size, const char *text, size_t length)
{
    const unsigned char *s = (const unsigned char *)text;
    size_t used = 0, whole = 0; /* `whole`: where "..." still fits after a full character */
    for (size_t i = 0; i < length;) {
        char piece[5];
        size_t take = printable_length(s + i, length - i);
        size_t bytes = take ? take : 4;
        if (take) {
            memcpy(piece, s + i, take);
        } else {
            snprintf(piece, sizeof piece, "\\x%02x", s[i]);
            take = 1;
        }
        if (used + bytes >= size) {
            memcpy(buffer + whole, "...", 4);
            return;
        }
        memcpy(buffer + used, piece, bytes);
        used += bytes;
        i += take;
        if (used + 4 <= size) whole = used;
    }
    buffer[used] = '\0';
}

shown_name name_show(const char *text)
{
    shown_name shown;
    name_print(shown.text, sizeof shown.text, text ? text : "", text ? strlen(text) : 0);
    return shown;
}

shown_path path_show(const char *path)
{
    shown_path shown;
    name_print(shown.text, sizeof shown.text, path, strlen(path));
    return shown;
}

status name_copy(pool *p, const char *text, const char **out)
{
    size_t length = text ? strlen(text) : 0;
    if (length > LIMIT_NAME_BYTES)
        return fail(STATUS_MODEL, "the name \"%s\" is %zu bytes long, more than %d",
                    name_show(text).text, length, LIMIT_NAME_BYTES);
    size_t escaped = 0;
    for (size_t i = 0; i < length;) {
        size_t take = printable_length((const unsigned char *)text + i, length - i);
        escaped += take ? take : 4;
        i += take ? take : 1;
    }
    char *copy = pool_array(p, escaped + 8, 1);
    if (!copy) return STATUS_MEMORY;
    name_print(copy, escaped + 8, text ? text : "", length);
    *out = copy;
    return STATUS_OK;
}
