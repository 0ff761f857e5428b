/* The files that choices are kept in: where, who may read them, several writers at once, and what
 * is said where they cannot be written. */
#define _DEFAULT_SOURCE
#include <pthread.h>
#include <sys/stat.h>

#include "tests/tune_make.h"

enum { TEXT_BYTES = 4096, WRITERS = 4, WRITES = 50, READS = 5000, SIZE = 17 };

static void hear(void *user, const char *text, int done, int total)
{
    (void)done;
    if (!total && strstr(text, "not kept")) snprintf(user, PATH_BYTES, "%s", text);
}

/* No error, but who asks why every open takes so long is told. */
Test(tune_file, a_folder_that_cannot_be_written_is_no_error)
{
    bench b = open_bench();
    char said[PATH_BYTES], file[PATH_BYTES], below[PATH_BYTES], longest[TUNE_PATH_BYTES + 8];
    snprintf(file, sizeof file, "%.400s/file", b.folder);
    snprintf(below, sizeof below, "%.400s/file/below", b.folder);
    write_all(file, "x", 1);
    memset(longest, 'x', sizeof longest);
    longest[0] = '/';
    longest[sizeof longest - 1] = '\0';
    const char *const folders[] = {"/proc/nowhere/at/all", below, "", NULL, longest, longest + 7};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        tuning t = {.mode = TUNE_ON, .folder = folders[i], .report = hear, .report_user = said};
        *said = '\0';
        fail_clear();
        expect_rows(&b, good_rows, &t, SIZE, best);
        cr_assert_str_neq(said, "", "%zu", i);
        cr_assert_str_eq(fail_text(), "");
    }
    close_bench(&b);
}

/* As many folders on the way as there need be, each for the user alone. */
Test(tune_file, folders_are_made)
{
    bench b = open_bench();
    char inner[PATH_BYTES], outer[PATH_BYTES];
    snprintf(outer, sizeof outer, "%.400s/a", b.folder);
    snprintf(inner, sizeof inner, "%.400s/a/b", b.folder);
    tuning t = {.mode = TUNE_ON, .folder = inner};
    expect_rows(&b, good_rows, &t, SIZE, best);
    struct stat about;
    char path[PATH_BYTES];
    cr_assert_eq(list_files(inner, path), 1);
    cr_assert_eq(stat(outer, &about), 0);
    cr_assert_eq(about.st_mode & 0777, 0700);
    cr_assert_eq(stat(path, &about), 0);
    cr_assert_eq(about.st_mode & 0777, 0600);
    cr_assert_eq(remove(path), 0);
    cr_assert_eq(rmdir(inner), 0);
    close_bench(&b);
}

Test(tune_file, the_folder_is_the_wish_or_the_users)
{
    char path[TUNE_PATH_BYTES];
    setenv("POSENET_CACHE", "/kept", 1);
    setenv("XDG_CACHE_HOME", "/base", 1);
    setenv("HOME", "/home/one", 1);
    tune_cache_folder("/wish", path);
    cr_assert_str_eq(path, "/wish");
    tune_cache_folder(NULL, path);
    cr_assert_str_eq(path, "/kept");
    setenv("POSENET_CACHE", "", 1);
    tune_cache_folder(NULL, path);
    cr_assert_str_eq(path, "");
    unsetenv("POSENET_CACHE");
    tune_cache_folder(NULL, path);
    cr_assert_str_eq(path, "/base/posenet");
    setenv("XDG_CACHE_HOME", "relative", 1); /* to be ignored, say the rules */
    tune_cache_folder(NULL, path);
    cr_assert_str_eq(path, "/home/one/.cache/posenet");
    unsetenv("HOME");
    tune_cache_folder(NULL, path);
    cr_assert_str_eq(path, "");
}

typedef struct writer {
    const char *path;
    char letter;
    size_t length; /* each its own, so that a part of another one's text shows */
} writer;

static void *write_often(void *user)
{
    const writer *w = user;
    char text[TEXT_BYTES];
    memset(text, w->letter, w->length);
    text[w->length] = '\0';
    for (int i = 0; i < WRITES; i++)
        if (tune_file_write(w->path, text) != STATUS_OK) return user;
    return NULL;
}

static int is_whole(const char *text, const writer writers[WRITERS])
{
    for (int i = 0; i < WRITERS; i++)
        if (*text == writers[i].letter)
            return strlen(text) == writers[i].length &&
                   strspn(text, (char[]){*text, '\0'}) == writers[i].length;
    return 0;
}

static int count_whole(const char *path, const writer writers[WRITERS])
{
    int count = 0;
    pool *p;
    if (pool_new(&p) != STATUS_OK) return 0;
    for (int i = 0; i < READS; i++) {
        char *text;
        count += tune_file_read(path, p, &text) == STATUS_OK && text && is_whole(text, writers);
    }
    pool_free(&p);
    return count;
}

/* Whoever reads meanwhile sees one writer's whole file, and nothing is left beside it. */
Test(tune_file, writers_do_not_disturb_each_other)
{
    bench b = open_bench();
    pthread_t threads[WRITERS];
    writer writers[WRITERS];
    char path[PATH_BYTES];
    snprintf(path, sizeof path, "%.400s/shared", b.folder);
    cr_assert_eq(tune_file_write(path, "a"), STATUS_OK);
    for (int i = 0; i < WRITERS; i++) {
        size_t length = 1 + (size_t)i * (TEXT_BYTES - 2) / (WRITERS - 1);
        writers[i] = (writer){path, (char)('a' + i), length};
    }
    for (int i = 0; i < WRITERS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, write_often, &writers[i]), 0);
    int whole = count_whole(path, writers); /* not asserted yet: the threads use what is here */
    for (int i = 0; i < WRITERS; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        cr_assert_null(failed);
    }
    cr_assert_eq(whole, READS);
    cr_assert_eq(list_files(b.folder, NULL), 1);
    cr_assert_eq(remove(path), 0);
    close_bench(&b);
}
