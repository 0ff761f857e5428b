/* Files that are there whole or not at all, whoever else writes the same one. */
#define _DEFAULT_SOURCE
#include "loader/file_write.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "loader/file_read.h"

enum { PATH_BYTES = 128 };

static void make_folder(char folder[PATH_BYTES], char path[PATH_BYTES])
{
    strcpy(folder, "/tmp/posenet-test-XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
    snprintf(path, PATH_BYTES, "%.100s/file", folder);
}

static void expect_text(const char *path, const char *text)
{
    unsigned char *bytes;
    size_t size;
    cr_assert_eq(file_read(path, 1000, &bytes, &size), STATUS_OK, "%s", fail_text());
    cr_assert(size == strlen(text) && memcmp(bytes, text, size) == 0);
    free(bytes);
}

/* As two threads may: each has a place of its own beside the file, and the last one wins. */
Test(file_write, two_writers_at_once)
{
    char folder[PATH_BYTES], path[PATH_BYTES];
    file_writer first, second;
    make_folder(folder, path);
    cr_assert_eq(file_write_begin(&first, path, 0666), STATUS_OK);
    cr_assert_eq(file_write_begin(&second, path, 0666), STATUS_OK);
    cr_assert_eq(file_write(&first, "first", 5), STATUS_OK);
    cr_assert_eq(file_write(&second, "the second", 10), STATUS_OK);
    cr_assert_eq(file_write_end(&first, STATUS_OK), STATUS_OK, "%s", fail_text());
    expect_text(path, "first");
    cr_assert_eq(file_write_end(&second, STATUS_OK), STATUS_OK, "%s", fail_text());
    expect_text(path, "the second");
    cr_assert_eq(unlink(path), 0);
    cr_assert_eq(rmdir(folder), 0, "something is left");
}

/* A file that lies where the writer would put its own, left by a process that was killed. */
Test(file_write, what_lies_beside_it_stays)
{
    char folder[PATH_BYTES], path[PATH_BYTES], left[PATH_BYTES + 32];
    file_writer w;
    make_folder(folder, path);
    cr_assert_eq(file_write_begin(&w, path, 0666), STATUS_OK);
    strcpy(left, w.temporary);
    cr_assert_eq(file_write_end(&w, STATUS_FILE), STATUS_FILE);
    size_t digits = strspn(strrchr(left, '-') + 1, "0123456789");
    unsigned long number = strtoul(strrchr(left, '-') + 1, NULL, 10);
    cr_assert(digits > 0);
    snprintf(strrchr(left, '-'), 32, "-%lu.part", number + 1);
    FILE *f = fopen(left, "wb");
    cr_assert_not_null(f);
    cr_assert_eq(fputs("left", f) < 0 || fclose(f), 0);
    cr_assert_eq(file_write_begin(&w, path, 0666), STATUS_OK, "%s", fail_text());
    cr_assert_eq(file_write(&w, "new", 3), STATUS_OK);
    cr_assert_eq(file_write_end(&w, STATUS_OK), STATUS_OK);
    expect_text(path, "new");
    expect_text(left, "left");
    cr_assert_eq(unlink(path) | unlink(left), 0);
    cr_assert_eq(rmdir(folder), 0, "something is left");
}

Test(file_write, a_failure_leaves_the_old_file)
{
    char folder[PATH_BYTES], path[PATH_BYTES];
    file_writer w;
    make_folder(folder, path);
    cr_assert_eq(file_write_begin(&w, path, 0640), STATUS_OK);
    cr_assert_eq(file_write(&w, "old", 3), STATUS_OK);
    cr_assert_eq(file_write_end(&w, STATUS_OK), STATUS_OK);
    struct stat about;
    cr_assert_eq(stat(path, &about), 0);
    cr_assert_eq(about.st_mode & 0777 & ~0640U, 0U);
    cr_assert_eq(file_write_begin(&w, path, 0666), STATUS_OK);
    cr_assert_eq(file_write(&w, "half of the ne", 14), STATUS_OK);
    cr_assert_eq(file_write_end(&w, STATUS_MODEL), STATUS_MODEL);
    expect_text(path, "old");
    cr_assert_eq(unlink(path), 0);
    cr_assert_eq(rmdir(folder), 0, "something is left");
}

Test(file_write, refusals_are_sentences_of_one_line)
{
    static const char *const paths[] = {"", "/tmp", "/dev/null", "/no/such\nfolder/file"};
    static const char *const words[] = {"0 bytes", "no regular file", "no regular file",
                                        "/no/such\\x0afolder/file: cannot be written"};
    file_writer w;
    for (int i = 0; i < 4; i++) {
        cr_assert_neq(file_write_begin(&w, paths[i], 0666), STATUS_OK);
        cr_assert(strstr(fail_text(), words[i]), "%s", fail_text());
    }
}
