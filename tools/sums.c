/* SHA-256 of files, and the lock file. */
#include "tools/sums.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "loader/file_read.h"
#include "loader/file_write.h"

enum { LOCK_BYTES = 1024 * 1024, BLOCK_BYTES = 65536, DIGEST_BYTES = 32 };

static status hash(FILE *f, const char *path, EVP_MD_CTX *context, char sum[SUM_TEXT])
{
    unsigned char block[BLOCK_BYTES], digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    int good = EVP_DigestInit_ex(context, EVP_sha256(), NULL);
    for (size_t got; good && (got = fread(block, 1, sizeof block, f)) > 0;)
        good = EVP_DigestUpdate(context, block, got);
    if (ferror(f)) return fail(STATUS_FILE, "%s: cannot be read: %s", path, strerror(errno));
    if (!good || !EVP_DigestFinal_ex(context, digest, &size) || size != DIGEST_BYTES)
        return fail(STATUS_UNSUPPORTED, "SHA-256 is not available in this libcrypto");
    for (unsigned i = 0; i < size; i++) snprintf(sum + 2 * i, 3, "%02x", digest[i]);
    return STATUS_OK;
}

status sum_file(const char *path, char sum[SUM_TEXT])
{
    FILE *f = fopen(path, "rb");
    if (!f) return fail(STATUS_FILE, "%s: cannot be opened: %s", path, strerror(errno));
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    status s = context ? hash(f, path, context, sum) : fail(STATUS_MEMORY, "out of memory");
    EVP_MD_CTX_free(context);
    fclose(f);
    return s;
}

static size_t place_of(const sum_list *list, const char *file)
{
    size_t i = 0;
    while (i < list->count && strcmp(list->entries[i].file, file) < 0) i++;
    return i;
}

const char *sums_find(const sum_list *list, const char *file)
{
    size_t i = place_of(list, file);
    return i < list->count && !strcmp(list->entries[i].file, file) ? list->entries[i].sum : NULL;
}

status sums_record(sum_list *list, const char *file, const char sum[SUM_TEXT])
{
    size_t i = place_of(list, file);
    if (i == list->count || strcmp(list->entries[i].file, file) != 0) {
        char *copy = pool_text(list->pool, file, strlen(file));
        if (!copy) return STATUS_MEMORY;
        TRY(heap_grow((void **)&list->entries, &list->capacity, list->count + 1,
                      sizeof *list->entries));
        memmove(&list->entries[i + 1], &list->entries[i],
                (list->count - i) * sizeof *list->entries);
        list->count++;
        list->entries[i].file = copy;
    }
    memcpy(list->entries[i].sum, sum, SUM_TEXT);
    return STATUS_OK;
}

/* "64 digits, two blanks, a name". */
static status read_line(sum_list *list, const char *path, int number, char *line)
{
    char sum[SUM_TEXT];
    size_t digits = strspn(line, "0123456789abcdef");
    if (digits != SUM_TEXT - 1 || strncmp(line + digits, "  ", 2) != 0 || !line[digits + 2])
        return fail(STATUS_FILE, "%s: line %d is no SHA-256 and a file name", path, number);
    memcpy(sum, line, digits);
    sum[digits] = '\0';
    return sums_record(list, line + digits + 2, sum);
}

static status read_lines(sum_list *list, const char *path, char *text)
{
    int number = 1;
    for (char *line = text, *next; line; line = next, number++) {
        next = strchr(line, '\n');
        if (next) *next++ = '\0';
        if (*line) TRY(read_line(list, path, number, line));
    }
    return STATUS_OK;
}

status sums_read(const char *path, sum_list *out)
{
    *out = (sum_list){.pool = NULL};
    TRY(pool_new(&out->pool));
    int64_t size = 0;
    if (access(path, F_OK) != 0) return STATUS_OK;
    TRY(file_size(path, &size));
    if (size == 0) return STATUS_OK;
    unsigned char *bytes = NULL;
    size_t count;
    TRY(file_read(path, LOCK_BYTES, &bytes, &count));
    char *text = pool_text(out->pool, (const char *)bytes, count);
    free(bytes);
    return text ? read_lines(out, path, text) : STATUS_MEMORY;
}

status sums_write(const sum_list *list, const char *path)
{
    file_writer f;
    TRY(file_write_begin(&f, path, 0666));
    status s = STATUS_OK;
    for (size_t i = 0; s == STATUS_OK && i < list->count; i++) {
        char *line =
            pool_format(list->pool, "%s  %s\n", list->entries[i].sum, list->entries[i].file);
        s = line ? file_write(&f, line, strlen(line)) : STATUS_MEMORY;
    }
    return file_write_end(&f, s);
}

void sums_free(sum_list *list)
{
    free(list->entries);
    pool_free(&list->pool);
    list->entries = NULL;
}
