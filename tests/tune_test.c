/* The tuner on the host: what it picks among rows that are slow, wrong or failing, and what
 * it makes of a cache that is stale, damaged, shared or cannot be written. */
#define _DEFAULT_SOURCE
#include <criterion/criterion.h>
#include <dirent.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "engine/inside.h"
#include "kernels/rows.h"
#include "tests/tiny_model.h"

enum { PATH_BYTES = 512, FILE_BYTES = 4096, MUTATIONS = 120, WRITERS = 4, TENSORS = 16 };

/* ---- rows ------------------------------------------------------------------------------------ */

static int covers_conv(const network *net, int first, precision p)
{
    return conv_ref.covers(net, first, p);
}

static status prepare_conv(const prepare_context *context, const network *net, work *w)
{
    return conv_ref.prepare ? conv_ref.prepare(context, net, w) : STATUS_OK;
}

static void release_conv(work *w)
{
    if (conv_ref.release) conv_ref.release(w);
}

static status enqueue_slow(const work *w, const network *net, const run *r)
{
    nanosleep(&(struct timespec){.tv_nsec = 3000000}, NULL);
    return conv_ref.enqueue(w, net, r);
}

static float *last_value(const work *w, const network *net, const run *r)
{
    int output = net->steps[w->first].output;
    return (float *)tensor_at(net, output, r) + tensor_count(&net->tensors[output]) - 1;
}

static status enqueue_wrong(const work *w, const network *net, const run *r)
{
    TRY(conv_ref.enqueue(w, net, r));
    *last_value(w, net, r) += 0.01f;
    return STATUS_OK;
}

static status enqueue_nan(const work *w, const network *net, const run *r)
{
    TRY(conv_ref.enqueue(w, net, r));
    *last_value(w, net, r) = NAN;
    return STATUS_OK;
}

static status enqueue_failing(const work *w, const network *net, const run *r)
{
    (void)w, (void)net, (void)r;
    return fail(STATUS_DEVICE, "this row never works");
}

static status enqueue_idle(const work *w, const network *net, const run *r)
{
    (void)w, (void)net, (void)r;
    return STATUS_OK;
}

static status prepare_absent(const prepare_context *context, const network *net, work *w)
{
    (void)context, (void)net, (void)w;
    return fail(STATUS_UNSUPPORTED, "not on this device");
}

/* Two ways, the second without the sleep. */
static int variants_two(const prepare_context *context, const network *net, const work *w)
{
    (void)context, (void)net, (void)w;
    return 2;
}

static status enqueue_two(const work *w, const network *net, const run *r)
{
    return w->variant ? conv_ref.enqueue(w, net, r) : enqueue_slow(w, net, r);
}

#define PLANTED                                                                                    \
    .device = DEVICE_REF, .covers = covers_conv, .prepare = prepare_conv, .release = release_conv

static const row slow = {.name = "slow", PLANTED, .enqueue = enqueue_slow, .plain = 1};
static const row wrong = {.name = "wrong", PLANTED, .enqueue = enqueue_wrong};
static const row not_number = {.name = "not_number", PLANTED, .enqueue = enqueue_nan};
static const row failing = {.name = "failing", PLANTED, .enqueue = enqueue_failing};
static const row idle = {.name = "idle", PLANTED, .enqueue = enqueue_idle};
static const row absent = {.name = "absent",
                           .device = DEVICE_REF,
                           .covers = covers_conv,
                           .prepare = prepare_absent,
                           .enqueue = enqueue_idle};
static const row two = {
    .name = "two", PLANTED, .variants = variants_two, .enqueue = enqueue_two, .plain = 0};

/* A max pooling and the convolution after it, which reads what lies in the workspace. */
static int covers_both(const network *net, int first, precision p)
{
    return first + 1 < net->step_count && max_pool_ref.covers(net, first, p) &&
                   covers_conv(net, first + 1, p) &&
                   net->steps[first + 1].inputs[0] == net->steps[first].output
               ? 2
               : 0;
}

static status prepare_both(const prepare_context *context, const network *net, work *w)
{
    work second = {.row = &conv_ref, .first = w->first + 1, .count = 1};
    TRY(prepare_conv(context, net, &second));
    w->state = second.state;
    w->workspace_bytes = tensor_bytes(&net->tensors[net->steps[w->first].output]);
    return STATUS_OK;
}

static status enqueue_both(const work *w, const network *net, const run *r)
{
    tensor tensors[TENSORS];
    cr_assert_leq(net->tensor_count, TENSORS);
    memcpy(tensors, net->tensors, (size_t)net->tensor_count * sizeof *tensors);
    tensors[net->steps[w->first].output].offset = w->workspace;
    const network inside = {net->tensor_count, net->step_count, tensors, net->steps};
    const work first = {.row = &max_pool_ref, .first = w->first, .count = 1},
               second = {.row = &conv_ref, .first = w->first + 1, .count = 1, .state = w->state};
    TRY(max_pool_ref.enqueue(&first, &inside, r));
    return conv_ref.enqueue(&second, &inside, r);
}

static const row both = {.name = "both",
                         .device = DEVICE_REF,
                         .covers = covers_both,
                         .prepare = prepare_both,
                         .enqueue = enqueue_both,
                         .release = release_conv};

static const row *const bad_rows[] = {&preprocess_ref, &slow,   &wrong,      &not_number, &failing,
                                      &idle,           &absent, &decode_ref, NULL};
static const row *const good_rows[] = {&preprocess_ref, &wrong, &failing,    &slow,
                                       &absent,         &two,   &decode_ref, NULL};

/* ---- tuning ---------------------------------------------------------------------------------- */

typedef struct bench {
    model *model;
    device *device;
    pack_cache *packs;
    char folder[PATH_BYTES];
} bench;

static bench open_bench_of(const tiny_spec *spec)
{
    bench b;
    size_t size;
    uint8_t *bytes = tiny_model(spec, &size);
    model_request request = {
        .bytes = bytes, .byte_count = size, .normalize = POSENET_NORMALIZE_NONE};
    cr_assert_eq(model_open(&request, &b.model), STATUS_OK, "%s", fail_text());
    free(bytes);
    cr_assert_eq(device_host_open(DEVICE_REF, &b.device), STATUS_OK);
    pack_memory memory = device_pack_memory(b.device);
    cr_assert_eq(pack_cache_new(&memory, &b.packs), STATUS_OK);
    strcpy(b.folder, "/tmp/posenet-tune-XXXXXX");
    cr_assert_not_null(mkdtemp(b.folder));
    return b;
}

static bench open_bench(void)
{
    return open_bench_of(&(tiny_spec){0});
}

static int list_files(const char *folder, char last[PATH_BYTES])
{
    int count = 0;
    DIR *d = opendir(folder);
    for (struct dirent *e; d && (e = readdir(d));) {
        if (e->d_name[0] == '.') continue;
        if (last) snprintf(last, PATH_BYTES, "%.200s/%.250s", folder, e->d_name);
        count++;
    }
    if (d) closedir(d);
    return count;
}

static void close_bench(bench *b)
{
    char path[PATH_BYTES];
    while (list_files(b->folder, path)) cr_assert_eq(remove(path), 0);
    rmdir(b->folder);
    pack_cache_free(&b->packs);
    device_close(&b->device);
    model_close(&b->model);
}

static status tune(const bench *b, const row *const *rows, tuning *t, int size, plan **out)
{
    plan_request request = {.model = b->model,
                            .device = b->device,
                            .packs = b->packs,
                            .width = size,
                            .height = size,
                            .batch = 1,
                            .max_poses = 5,
                            .rows = rows,
                            .choose = tune_choose,
                            .choose_user = t};
    return plan_make(&request, out);
}

/* The names of the plan's rows and their ways, "preprocess_ref/0 two/1 …". */
static void expect_rows(const bench *b, const row *const *rows, tuning *t, int size,
                        const char *want)
{
    plan *p;
    char got[PATH_BYTES] = "";
    cr_assert_eq(tune(b, rows, t, size, &p), STATUS_OK, "%s", fail_text());
    for (int i = 0; i < p->work_count; i++)
        snprintf(got + strlen(got), sizeof got - strlen(got), "%s%s/%d", i ? " " : "",
                 p->works[i].row->name, p->works[i].variant);
    cr_assert_str_eq(got, want);
    plan_free(&p);
}

static const char *const best = "preprocess_ref/0 two/1 decode_ref/0";

Test(tune, only_right_rows_are_taken)
{
    bench b = open_bench();
    tuning t = {.mode = TUNE_ON};
    expect_rows(&b, bad_rows, &t, 33, "preprocess_ref/0 slow/0 decode_ref/0");
    cr_assert_eq(t.from_cache, 0);
    close_bench(&b);
}

Test(tune, the_fastest_way_is_taken)
{
    bench b = open_bench();
    tuning t = {.mode = TUNE_ON};
    expect_rows(&b, good_rows, &t, 33, best);
    close_bench(&b);
}

Test(tune, steps_as_one_are_taken_where_that_is_faster)
{
    bench b = open_bench_of(&(tiny_spec){.pooled = 1});
    tuning t = {.mode = TUNE_ON};
    static const row *const rows[] = {&preprocess_ref, &max_pool_ref, &slow,
                                      &both,           &decode_ref,   NULL};
    expect_rows(&b, rows, &t, 33, "preprocess_ref/0 both/0 decode_ref/0");
    close_bench(&b);
}

Test(tune, the_host_is_not_tuned_unasked)
{
    bench b = open_bench();
    tuning t = {.mode = TUNE_AUTO, .folder = b.folder};
    static const row *const rows[] = {&preprocess_ref, &slow, &two, &decode_ref, NULL};
    expect_rows(&b, rows, &t, 33, "preprocess_ref/0 slow/0 decode_ref/0");
    cr_assert_eq(list_files(b.folder, NULL), 0);
    close_bench(&b);
}

Test(tune, a_row_that_is_not_there_gives_way)
{
    bench b = open_bench();
    tuning t = {.mode = TUNE_OFF};
    static const row *const rows[] = {&preprocess_ref, &absent, &slow, &decode_ref, NULL};
    expect_rows(&b, rows, &t, 33, "preprocess_ref/0 slow/0 decode_ref/0");
    static const row *const alone[] = {&preprocess_ref, &absent, &decode_ref, NULL};
    plan *p;
    cr_assert_eq(tune(&b, alone, &t, 33, &p), STATUS_UNSUPPORTED);
    cr_assert(strstr(fail_text(), "not on this device"), "%s", fail_text());
    cr_assert_null(p);
    close_bench(&b);
}

/* ---- cache ----------------------------------------------------------------------------------- */

Test(tune, a_choice_comes_back_from_the_disk)
{
    bench b = open_bench();
    tuning t = {.mode = TUNE_ON, .folder = b.folder};
    expect_rows(&b, good_rows, &t, 33, best);
    cr_assert_eq(t.from_cache, 0);
    cr_assert_eq(list_files(b.folder, NULL), 1);
    expect_rows(&b, good_rows, &t, 33, best);
    cr_assert_eq(t.from_cache, 1);
    expect_rows(&b, good_rows, &t, 17, best); /* another size is another choice */
    cr_assert_eq(t.from_cache, 0);
    expect_rows(&b, bad_rows, &t, 33, "preprocess_ref/0 slow/0 decode_ref/0"); /* and other rows */
    cr_assert_eq(t.from_cache, 0);
    cr_assert_eq(list_files(b.folder, NULL), 3);
    t.mode = TUNE_AGAIN;
    expect_rows(&b, good_rows, &t, 33, best);
    cr_assert_eq(t.from_cache, 0);
    close_bench(&b);
}

static size_t read_all(const char *path, char *bytes)
{
    FILE *f = fopen(path, "rb");
    cr_assert_not_null(f);
    size_t size = fread(bytes, 1, FILE_BYTES, f);
    fclose(f);
    return size;
}

static void write_all(const char *path, const char *bytes, size_t size)
{
    FILE *f = fopen(path, "wb");
    cr_assert_not_null(f);
    cr_assert_eq(fwrite(bytes, 1, size, f), size);
    fclose(f);
}

/* Cut, changed or lengthened: either the file still says something possible, or it is tuned anew;
 * a plan comes out of it in every case. */
Test(tune, damaged_files_do_no_harm)
{
    bench b = open_bench();
    static const row *const rows[] = {&preprocess_ref, &two, &decode_ref, NULL};
    char path[PATH_BYTES], good[FILE_BYTES], bad[FILE_BYTES + 64];
    tuning t = {.mode = TUNE_ON, .folder = b.folder};
    expect_rows(&b, rows, &t, 17, best);
    cr_assert_eq(list_files(b.folder, path), 1);
    size_t size = read_all(path, good);
    cr_assert_lt(size, FILE_BYTES);
    uint32_t noise = 1;
    int refused = 0;
    for (int i = 0; i < MUTATIONS; i++) {
        noise = noise * 1664525u + 1013904223u;
        memcpy(bad, good, size);
        size_t at = (noise >> 8) % size, length = i % 3 == 1 ? at : size;
        if (i % 3 == 0) bad[at] = (char)(noise >> 3);
        if (i % 3 == 2) memset(bad + length, (int)(noise >> 5), 1 + at % 60), length += 1 + at % 60;
        write_all(path, bad, length);
        plan *p;
        cr_assert_eq(tune(&b, rows, &t, 17, &p), STATUS_OK, "mutation %d: %s", i, fail_text());
        cr_assert_eq(p->work_count, 3);
        refused += !t.from_cache;
        plan_free(&p);
    }
    cr_assert_gt(refused, MUTATIONS * 2 / 3);
    close_bench(&b);
}

Test(tune, a_folder_that_cannot_be_written_is_no_error)
{
    bench b = open_bench();
    tuning t = {.mode = TUNE_ON, .folder = "/proc/nowhere/at/all"};
    expect_rows(&b, good_rows, &t, 17, best);
    t.folder = "";
    expect_rows(&b, good_rows, &t, 17, best);
    close_bench(&b);
}

static void *write_often(void *user)
{
    bench *b = user;
    static const work works[] = {{.row = &preprocess_ref, .first = 0, .count = 1},
                                 {.row = &two, .first = 1, .count = 1, .variant = 1},
                                 {.row = &decode_ref, .first = 2, .count = 1}};
    for (int i = 0; i < 50; i++) tune_cache_save(b->folder, "some key\n", works, 3);
    return NULL;
}

/* Whoever is last has written a whole file, and nothing is left beside it. */
Test(tune, writers_do_not_disturb_each_other)
{
    bench b = open_bench();
    pthread_t threads[WRITERS];
    char path[PATH_BYTES], bytes[FILE_BYTES];
    for (int i = 0; i < WRITERS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, write_often, &b), 0);
    for (int i = 0; i < WRITERS; i++) pthread_join(threads[i], NULL);
    cr_assert_eq(list_files(b.folder, path), 1);
    size_t size = read_all(path, bytes);
    bytes[size] = '\0';
    cr_assert_str_eq(bytes, "some key\n0 1 0 preprocess_ref\n1 1 1 two\n2 1 0 decode_ref\nend\n");
    close_bench(&b);
}
