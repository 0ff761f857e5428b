/* What the tuner's tests have in common: rows that are slow, wrong or failing, and plans of a tiny
 * model that are tuned with them on the host. */
#ifndef POSENET_TESTS_TUNE_MAKE_H
#define POSENET_TESTS_TUNE_MAKE_H

#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "engine/inside.h"
#include "kernels/rows.h"
#include "tests/tiny_model.h"

enum { PATH_BYTES = 512 };

/* ---- rows ------------------------------------------------------------------------------------ */

static inline int covers_conv(const network *net, int first, precision p)
{
    return conv_ref.covers(net, first, p);
}

static inline status prepare_conv(const prepare_context *context, const network *net, work *w)
{
    return conv_ref.prepare ? conv_ref.prepare(context, net, w) : STATUS_OK;
}

static inline void release_conv(work *w)
{
    if (conv_ref.release) conv_ref.release(w);
}

static inline status enqueue_slow(const work *w, const network *net, const run *r)
{
    nanosleep(&(struct timespec){.tv_nsec = 3000000}, NULL);
    return conv_ref.enqueue(w, net, r);
}

static inline status enqueue_wrong(const work *w, const network *net, const run *r)
{
    TRY(conv_ref.enqueue(w, net, r));
    int output = net->steps[w->first].output;
    float *values = tensor_at(net, output, r);
    values[tensor_count(&net->tensors[output]) - 1] += 0.01f;
    return STATUS_OK;
}

/* Two ways, the second without the sleep. */
static inline int variants_two(const prepare_context *context, const network *net, const work *w)
{
    (void)context, (void)net, (void)w;
    return 2;
}

static inline status enqueue_two(const work *w, const network *net, const run *r)
{
    return w->variant ? conv_ref.enqueue(w, net, r) : enqueue_slow(w, net, r);
}

#define PLANTED                                                                                    \
    .device = DEVICE_REF, .covers = covers_conv, .prepare = prepare_conv, .release = release_conv

static const row slow = {.name = "slow", PLANTED, .enqueue = enqueue_slow, .plain = 1};
static const row wrong = {.name = "wrong", PLANTED, .enqueue = enqueue_wrong};
static const row two = {
    .name = "two", PLANTED, .variants = variants_two, .revision = 1, .enqueue = enqueue_two};

static const row *const good_rows[] = {&preprocess_ref, &wrong, &slow, &two, &decode_ref, NULL};
static const char *const best = "preprocess_ref/0 two/1 decode_ref/0";

/* ---- tuning ---------------------------------------------------------------------------------- */

typedef struct bench {
    model *model;
    device *device;
    pack_cache *packs;
    char folder[PATH_BYTES];
} bench;

static inline bench open_bench_of(const tiny_spec *spec)
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

static inline bench open_bench(void)
{
    return open_bench_of(&(tiny_spec){0});
}

static inline void write_all(const char *path, const char *bytes, size_t size)
{
    FILE *f = fopen(path, "wb");
    cr_assert_not_null(f);
    cr_assert_eq(fwrite(bytes, 1, size, f), size);
    fclose(f);
}

static inline int list_files(const char *folder, char last[PATH_BYTES])
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

static inline void close_bench(bench *b)
{
    char path[PATH_BYTES];
    while (list_files(b->folder, path)) cr_assert_eq(remove(path), 0);
    rmdir(b->folder);
    pack_cache_free(&b->packs);
    device_close(&b->device);
    model_close(&b->model);
}

static inline status tune(const bench *b, const row *const *rows, tuning *t, int size, plan **out)
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
static inline void expect_rows(const bench *b, const row *const *rows, tuning *t, int size,
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

#endif
