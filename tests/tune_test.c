/* The tuner on the host: what it picks among rows that are slow, wrong or failing. */
#define _DEFAULT_SOURCE
#include <math.h>

#include "tests/tune_make.h"

enum { TENSORS = 16 };

/* ---- rows ------------------------------------------------------------------------------------ */

static status enqueue_nan(const work *w, const network *net, const run *r)
{
    TRY(conv_ref.enqueue(w, net, r));
    int output = net->steps[w->first].output;
    float *values = tensor_at(net, output, r);
    values[tensor_count(&net->tensors[output]) - 1] = NAN;
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

static const row not_number = {.name = "not_number", PLANTED, .enqueue = enqueue_nan};
static const row failing = {.name = "failing", PLANTED, .enqueue = enqueue_failing};
static const row idle = {.name = "idle", PLANTED, .enqueue = enqueue_idle};
static const row absent = {.name = "absent",
                           .device = DEVICE_REF,
                           .covers = covers_conv,
                           .prepare = prepare_absent,
                           .enqueue = enqueue_idle};

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

/* The same, and what lies between is written, too; and a row that only says so. */
static status enqueue_written(const work *w, const network *net, const run *r)
{
    TRY(enqueue_both(w, net, r));
    const work first = {.row = &max_pool_ref, .first = w->first, .count = 1};
    return max_pool_ref.enqueue(&first, net, r);
}

#define WRITTEN                                                                                    \
    .device = DEVICE_REF, .covers = covers_both, .writes = ROW_WRITES_ALL,                         \
    .prepare = prepare_both, .release = release_conv

static const row written = {.name = "written", WRITTEN, .enqueue = enqueue_written};
static const row unwritten = {.name = "unwritten", WRITTEN, .enqueue = enqueue_both};

static const row *const bad_rows[] = {&preprocess_ref, &slow,   &wrong,      &not_number, &failing,
                                      &idle,           &absent, &decode_ref, NULL};

/* ---- choices --------------------------------------------------------------------------------- */

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
    static const row *const rows[] = {&preprocess_ref, &wrong, &failing,    &slow,
                                      &absent,         &two,   &decode_ref, NULL};
    expect_rows(&b, rows, &t, 33, best);
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

Test(tune, all_that_a_row_writes_is_compared)
{
    bench b = open_bench_of(&(tiny_spec){.pooled = 1});
    tuning t = {.mode = TUNE_ON};
    static const row *const good[] = {&preprocess_ref, &max_pool_ref, &slow,
                                      &written,        &decode_ref,   NULL};
    static const row *const bad[] = {&preprocess_ref, &max_pool_ref, &slow,
                                     &unwritten,      &decode_ref,   NULL};
    expect_rows(&b, good, &t, 33, "preprocess_ref/0 written/0 decode_ref/0");
    plan *p;
    cr_assert_eq(tune(&b, good, &t, 33, &p), STATUS_OK);
    const step *s = &p->net.steps[p->works[1].first];
    const int alive[] = {s->inputs[0], s[0].output, s[1].output};
    for (int i = 0; i < 3; i++) {
        const tensor *one = &p->net.tensors[alive[i]], *other = &p->net.tensors[alive[(i + 1) % 3]];
        cr_assert(p->has_room[alive[i]]);
        cr_assert(one->offset + tensor_bytes(one) <= other->offset ||
                  other->offset + tensor_bytes(other) <= one->offset);
    }
    plan_free(&p);
    expect_rows(&b, bad, &t, 33, "preprocess_ref/0 max_pool_ref/0 slow/0 decode_ref/0");
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
