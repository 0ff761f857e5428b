/* Choices of the tuner that are kept: when they are used, and what becomes of files that are stale,
 * damaged, impossible, or no files at all. */
#define _DEFAULT_SOURCE
#include <sys/stat.h>

#include "engine/plan/signature.h"
#include "tests/tune_make.h"

enum { FILE_BYTES = 4096, MUTATIONS = 120, SIZE = 17 };

/* ---- files ----------------------------------------------------------------------------------- */

static size_t read_all(const char *path, char *bytes)
{
    FILE *f = fopen(path, "rb");
    cr_assert_not_null(f);
    size_t size = fread(bytes, 1, FILE_BYTES, f);
    fclose(f);
    return size;
}

/* A plan is tuned, and its choice kept in one file: its path and its text. */
static bench keep_one(const row *const *rows, char path[PATH_BYTES], char text[FILE_BYTES])
{
    bench b = open_bench();
    tuning t = {.mode = TUNE_ON, .folder = b.folder};
    expect_rows(&b, rows, &t, SIZE, best);
    cr_assert_eq(list_files(b.folder, path), 1);
    size_t size = read_all(path, text);
    cr_assert_lt(size, FILE_BYTES);
    text[size] = '\0';
    return b;
}

/* 1 if the plan comes from the file; else it is tuned anew, and the same plan, too. */
static int is_used(const bench *b, const row *const *rows)
{
    tuning t = {.mode = TUNE_ON, .folder = b->folder};
    expect_rows(b, rows, &t, SIZE, best);
    return t.from_cache;
}

static const row *const two_only[] = {&preprocess_ref, &two, &decode_ref, NULL};

/* ---- what is used ---------------------------------------------------------------------------- */

Test(tune_cache, a_choice_comes_back_from_the_disk)
{
    bench b = open_bench();
    tuning t = {.mode = TUNE_ON, .folder = b.folder};
    static const row *const others[] = {&preprocess_ref, &slow, &wrong, &decode_ref, NULL};
    expect_rows(&b, good_rows, &t, 33, best);
    cr_assert_eq(t.from_cache, 0);
    cr_assert_eq(list_files(b.folder, NULL), 1);
    expect_rows(&b, good_rows, &t, 33, best);
    cr_assert_eq(t.from_cache, 1);
    expect_rows(&b, good_rows, &t, 17, best); /* another size is another choice */
    cr_assert_eq(t.from_cache, 0);
    expect_rows(&b, others, &t, 33, "preprocess_ref/0 slow/0 decode_ref/0"); /* and other rows */
    cr_assert_eq(t.from_cache, 0);
    cr_assert_eq(list_files(b.folder, NULL), 3);
    t.mode = TUNE_AGAIN;
    expect_rows(&b, good_rows, &t, 33, best);
    cr_assert_eq(t.from_cache, 0);
    close_bench(&b);
}

/* The same row after its ways were given other numbers: its old choices are another one's. */
Test(tune_cache, a_raised_revision_is_another_choice)
{
    char path[PATH_BYTES], text[FILE_BYTES];
    bench b = keep_one(two_only, path, text);
    row raised = two;
    raised.revision++;
    const row *const rows[] = {&preprocess_ref, &raised, &decode_ref, NULL};
    cr_assert_eq(is_used(&b, rows), 0);
    cr_assert_eq(is_used(&b, rows), 1);
    cr_assert_eq(is_used(&b, two_only), 1);
    cr_assert_eq(list_files(b.folder, NULL), 2);
    close_bench(&b);
}

static int variants_three(const prepare_context *context, const network *net, const work *w)
{
    (void)context, (void)net, (void)w;
    return 3;
}

/* And if whoever added a way forgot to raise it. */
Test(tune_cache, another_number_of_ways_is_noticed)
{
    char path[PATH_BYTES], text[FILE_BYTES];
    bench b = keep_one(two_only, path, text);
    row longer = two;
    longer.variants = variants_three;
    const row *const rows[] = {&preprocess_ref, &longer, &decode_ref, NULL};
    tuning t = {.mode = TUNE_ON, .folder = b.folder};
    plan *p;
    cr_assert_eq(tune(&b, rows, &t, SIZE, &p), STATUS_OK, "%s", fail_text());
    cr_assert_eq(t.from_cache, 0);
    cr_assert_eq(p->works[1].row, &longer);
    plan_free(&p);
    close_bench(&b);
}

Test(tune_cache, rows_with_ways_have_a_revision)
{
    for (const row *const *r = all_rows; *r; r++)
        cr_assert((*r)->variants ? (*r)->revision > 0 : (*r)->revision == 0, "%s", (*r)->name);
}

static int way_is_gone;

static status prepare_going(const prepare_context *context, const network *net, work *w)
{
    if (way_is_gone && w->variant) return fail(STATUS_UNSUPPORTED, "the library dropped it");
    return prepare_conv(context, net, w);
}

/* The row may have others, so it is not left out: the plan fails, and its maker chooses again. */
Test(tune_cache, a_kept_way_that_is_gone_fails_the_plan)
{
    static const row going = {.name = "going",
                              .device = DEVICE_REF,
                              .covers = covers_conv,
                              .variants = variants_two,
                              .prepare = prepare_going,
                              .release = release_conv,
                              .enqueue = enqueue_two};
    static const row *const rows[] = {&preprocess_ref, &slow, &going, &decode_ref, NULL};
    bench b = open_bench();
    tuning t = {.mode = TUNE_ON, .folder = b.folder};
    plan *p;
    expect_rows(&b, rows, &t, SIZE, "preprocess_ref/0 going/1 decode_ref/0");
    way_is_gone = 1;
    cr_assert_eq(tune(&b, rows, &t, SIZE, &p), STATUS_UNSUPPORTED);
    cr_assert_eq(t.from_cache, 1);
    cr_assert(strstr(fail_text(), "the library dropped it"), "%s", fail_text());
    t.mode = TUNE_AGAIN;
    cr_assert_eq(tune(&b, rows, &t, SIZE, &p), STATUS_OK, "%s", fail_text());
    cr_assert_eq(p->works[1].variant, 0);
    plan_free(&p);
    close_bench(&b);
}

/* ---- what is not ----------------------------------------------------------------------------- */

/* Cut, changed or lengthened: tuned anew, without a word. */
Test(tune_cache, damaged_files_are_replaced)
{
    char path[PATH_BYTES], good[FILE_BYTES], bad[FILE_BYTES + 64];
    bench b = keep_one(two_only, path, good);
    size_t size = strlen(good);
    uint32_t noise = 1;
    for (int i = 0; i < MUTATIONS; i++) {
        noise = noise * 1664525u + 1013904223u;
        memcpy(bad, good, size);
        size_t at = (noise >> 8) % size, length = i % 3 == 1 ? at : size;
        if (i % 3 == 0) bad[at] = (char)(bad[at] ^ (1 + (noise >> 3) % 255));
        if (i % 3 == 2) memset(bad + length, (int)(noise >> 5), 1 + at % 60), length += 1 + at % 60;
        write_all(path, bad, length);
        fail_clear();
        cr_assert_eq(is_used(&b, two_only), 0, "mutation %d", i);
        cr_assert_str_eq(fail_text(), "");
        size_t got = read_all(path, bad);
        cr_assert(got == size && memcmp(good, bad, size) == 0, "mutation %d stayed", i);
    }
    cr_assert_eq(is_used(&b, two_only), 1);
    close_bench(&b);
}

/* `from` becomes `to`, and the file's last line what it would be had the tuner written that. */
static void rewrite(const char *path, const char *good, const char *from, const char *to)
{
    char text[FILE_BYTES + 64];
    const char *at = strstr(good, from), *end = strstr(good, "\nend ");
    cr_assert(at && end && at <= end, "%s", from);
    snprintf(text, sizeof text, "%.*s%s%.*s", (int)(at - good), good, to,
             (int)(end + 1 - at - (ptrdiff_t)strlen(from)), at + strlen(from));
    size_t length = strlen(text);
    snprintf(text + length, sizeof text - length, "end %016llx\n",
             (unsigned long long)signature_add(SIGNATURE_START, text, length));
    write_all(path, text, strlen(text));
}

/* Whole files that say what cannot be. */
Test(tune_cache, impossible_choices_are_refused)
{
    static const struct {
        char from[32], to[64];
    } changes[] = {{"1 1 1 2 two", "1 1 2 2 two"},
                   {"1 1 1 2 two", "1 1 1 3 two"},
                   {"1 1 1 2 two", "1 1 2 3 two"},
                   {"1 1 1 2 two", "1 1 -1 2 two"},
                   {"1 1 1 2 two", "1 1 4294967297 2 two"},
                   {"1 1 1 2 two", "1 1 99999999999999999999 2 two"},
                   {"1 1 1 2 two", "1 2 1 2 two"},
                   {"1 1 1 2 two", "1 0 1 2 two"},
                   {"1 1 1 2 two", "2 1 1 2 two"},
                   {"1 1 1 2 two", "1 1 1 2 tw"},
                   {"1 1 1 2 two", "1 1 1 2 twofold"},
                   {"1 1 1 2 two", "1 1 0 1 decode_ref"},
                   {"1 1 1 2 two", "1 1 1 2"},
                   {"1 1 1 2 two", ""},
                   {"1 1 1 2 two\n", ""},
                   {"2 1 0 1 decode_ref\n", ""},
                   {"2 1 0 1 decode_ref\n", "2 1 0 1 decode_ref\n3 1 0 1 decode_ref\n"},
                   {"batch 1", "batch 2"},
                   {"format 2", "format 3"}};
    char path[PATH_BYTES], good[FILE_BYTES];
    bench b = keep_one(two_only, path, good);
    rewrite(path, good, "1 1 1 2 two", "1 1 1 2 two");
    cr_assert_eq(is_used(&b, two_only), 1);
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        rewrite(path, good, changes[i].from, changes[i].to);
        cr_assert_eq(is_used(&b, two_only), 0, "%s", changes[i].to);
    }
    close_bench(&b);
}

/* A pipe that nobody writes to, a folder, a link to nowhere, to zeros without end or to a huge
 * file: nothing waits, nothing is read, and all but the folder are replaced. */
Test(tune_cache, what_is_no_file_does_no_harm, .timeout = 60)
{
    char path[PATH_BYTES], good[FILE_BYTES], huge[PATH_BYTES];
    bench b = keep_one(two_only, path, good);
    snprintf(huge, sizeof huge, "%.400s/.huge", b.folder);
    write_all(huge, "", 0);
    cr_assert_eq(truncate(huge, (off_t)1 << 40), 0);
    const char *const targets[] = {"/dev/zero", "/nowhere/at/all", huge, path};
    for (int i = 0; i < 5; i++) {
        cr_assert_eq(remove(path), 0);
        cr_assert_eq(i < 4 ? symlink(targets[i], path) : mkfifo(path, 0600), 0);
        cr_assert_eq(is_used(&b, two_only), 0, "%d", i);
        cr_assert_eq(is_used(&b, two_only), 1, "%d", i);
    }
    cr_assert_eq(remove(huge), 0);
    cr_assert_eq(remove(path), 0);
    cr_assert_eq(mkdir(path, 0700), 0);
    cr_assert_eq(is_used(&b, two_only), 0);
    cr_assert_eq(is_used(&b, two_only), 0);
    cr_assert_eq(list_files(b.folder, NULL), 1);
    close_bench(&b);
}
