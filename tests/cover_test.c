/* Which rows compute a list of steps: against every cover there is, on random lists and costs. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "engine/plan/cover.h"

enum { MOST_STEPS = 9, ROWS = 6 };

/* What the rows of a test take: takes[row][first] steps, at costs[row][first]. */
static int takes[ROWS][MOST_STEPS];
static double costs[ROWS][MOST_STEPS];

static int covers_a(const network *net, int first, precision p)
{
    (void)net, (void)p;
    return takes[0][first];
}

static int covers_b(const network *net, int first, precision p)
{
    (void)net, (void)p;
    return takes[1][first];
}

static int covers_c(const network *net, int first, precision p)
{
    (void)net, (void)p;
    return takes[2][first];
}

static int covers_d(const network *net, int first, precision p)
{
    (void)net, (void)p;
    return takes[3][first];
}

static int covers_e(const network *net, int first, precision p)
{
    (void)net, (void)p;
    return takes[4][first];
}

static int covers_f(const network *net, int first, precision p)
{
    (void)net, (void)p;
    return takes[5][first];
}

static const row row_a = {.name = "a", .device = DEVICE_REF, .covers = covers_a};
static const row row_b = {.name = "b", .device = DEVICE_CPU, .covers = covers_b};
static const row row_c = {.name = "c", .device = DEVICE_CPU, .covers = covers_c};
static const row row_e = {
    .name = "e", .device = DEVICE_CPU, .covers = covers_e, .writes = ROW_WRITES_ALL};
static const row row_f = {.name = "f", .device = DEVICE_CPU, .covers = covers_f, .writes = 2};
static const row row_d = {.name = "d", .device = DEVICE_CUDA, .covers = covers_d};
static const row *const rows[] = {&row_a, &row_b, &row_c, &row_d, &row_e, &row_f, NULL};

static double cost_of(void *user, const network *net, const row *candidate, int first, int count)
{
    (void)user, (void)net, (void)count;
    for (int r = 0; r < ROWS; r++)
        if (rows[r] == candidate) return costs[r][first];
    return NAN;
}

/* Steps in a chain, step i reads tensor i and writes i + 1; one later step may read tensor 4, too.
 */
typedef struct chain {
    network net;
    tensor tensors[MOST_STEPS + 1];
    step steps[MOST_STEPS];
    unsigned char kept[MOST_STEPS + 1];
} chain;

static void make_chain(chain *c, int steps, int second_reader)
{
    memset(c, 0, sizeof *c);
    memset(takes, 0, sizeof takes);
    for (int i = 0; i <= steps; i++) c->tensors[i] = (tensor){.name = "t", .dims = {1, 2, 3, 4}};
    for (int i = 0; i < steps; i++) {
        c->steps[i] = (step){.op = OP_COPY, .input_count = 1, .inputs = {i}, .output = i + 1};
        c->steps[i].nodes = i == 2 ? "Third_2" : "other";
    }
    if (second_reader > 3 && second_reader < steps) {
        c->steps[second_reader].inputs[1] = 4;
        c->steps[second_reader].input_count = 2;
    }
    c->net = (network){steps + 1, steps, c->tensors, c->steps};
}

static status find(const chain *c, device_kind device, pool *p, work **works, int *count)
{
    cover_request request = {
        .net = &c->net, .kept = c->kept, .rows = rows, .device = device, .cost = cost_of};
    return cover_find(&request, p, works, count);
}

static int allowed(const chain *c, int r, int first, device_kind device)
{
    device_kind own = rows[r]->device;
    if (own != device && !(own == DEVICE_REF && device == DEVICE_CPU)) return 0;
    int count = takes[r][first], end = first + count;
    if (count < 1 || end > c->net.step_count) return 0;
    for (int t = first + 1; t < end; t++) {
        if (end - t < rows[r]->writes) continue;
        if (c->kept[t]) return 0;
        for (int s = end; s < c->net.step_count; s++)
            for (int k = 0; k < c->steps[s].input_count; k++)
                if (c->steps[s].inputs[k] == t) return 0;
    }
    return 1;
}

/* The least cost of steps `first` on, by trying everything. */
static double least(const chain *c, int first, device_kind device)
{
    if (first == c->net.step_count) return 0;
    double best = INFINITY;
    for (int r = 0; r < ROWS; r++) {
        if (!allowed(c, r, first, device)) continue;
        double total = costs[r][first] + least(c, first + takes[r][first], device);
        if (total < best) best = total;
    }
    return best;
}

Test(cover, is_the_cheapest_of_all)
{
    uint32_t random = 1;
    int covered = 0, refused = 0;
    for (int round = 0; round < 2000; round++) {
        chain c;
        random = random * 1664525u + 1013904223u;
        int steps = 1 + (int)(random >> 8) % MOST_STEPS;
        make_chain(&c, steps, (int)(random >> 20) % 12);
        c.kept[(random >> 4) % MOST_STEPS] = 1;
        for (int r = 0; r < ROWS; r++)
            for (int i = 0; i < steps; i++) {
                random = random * 1664525u + 1013904223u;
                takes[r][i] = (int)(random >> 8) % 5;
                costs[r][i] = (double)((random >> 16) % 50);
            }
        device_kind device = (device_kind)(round % 3);
        pool *p;
        work *works;
        int count;
        cr_assert_eq(pool_new(&p), STATUS_OK);
        double want = least(&c, 0, device), got = 0;
        status code = find(&c, device, p, &works, &count);
        cr_assert_eq(code, isinf(want) ? STATUS_UNSUPPORTED : STATUS_OK);
        if (code == STATUS_OK) {
            int at = 0;
            for (int i = 0; i < count; at += works[i++].count) {
                int r = 0;
                while (rows[r] != works[i].row) r++;
                cr_assert(allowed(&c, r, at, device));
                cr_assert_eq(works[i].first, at);
                cr_assert_eq(works[i].count, takes[r][at]);
                got += costs[r][at];
            }
            cr_assert_eq(at, steps);
            cr_assert_eq(got, want);
            covered++;
        } else
            refused++;
        pool_free(&p);
    }
    cr_assert(covered > 300 && refused > 300, "%d covered, %d refused", covered, refused);
}

Test(cover, prefers_fewer_works_and_then_the_earlier_row)
{
    chain c;
    pool *p;
    work *works;
    int count;
    make_chain(&c, 2, 0);
    takes[0][0] = takes[0][1] = takes[1][0] = takes[1][1] = 1;
    takes[2][0] = 2;
    costs[0][0] = costs[0][1] = costs[1][0] = costs[1][1] = 1;
    costs[2][0] = 2;
    cr_assert_eq(pool_new(&p), STATUS_OK);
    cr_assert_eq(find(&c, DEVICE_CPU, p, &works, &count), STATUS_OK);
    cr_assert(count == 1 && works[0].row == &row_c);
    takes[2][0] = 0;
    cr_assert_eq(find(&c, DEVICE_CPU, p, &works, &count), STATUS_OK);
    cr_assert(count == 2 && works[0].row == &row_a && works[1].row == &row_a);
    pool_free(&p);
}

Test(cover, hides_no_tensor_but_from_rows_that_write_it)
{
    chain c;
    pool *p;
    work *works;
    int count;
    make_chain(&c, 6, 5);
    for (int i = 0; i < 6; i++) takes[1][i] = 1, costs[1][i] = 1;
    takes[2][3] = takes[4][3] = 2; /* step 3 writes tensor 4, which step 5 reads */
    cr_assert_eq(pool_new(&p), STATUS_OK);
    cr_assert_eq(find(&c, DEVICE_CPU, p, &works, &count), STATUS_OK);
    cr_assert(count == 5 && works[3].row == &row_e && works[3].count == 2);
    cr_assert(work_writes(&works[3], &c.net, 3) && work_writes(&works[3], &c.net, 4));
    takes[4][3] = 0;
    cr_assert_eq(find(&c, DEVICE_CPU, p, &works, &count), STATUS_OK);
    cr_assert_eq(count, 6);
    takes[5][2] = 3; /* of steps 2 to 4 the last two */
    cr_assert_eq(find(&c, DEVICE_CPU, p, &works, &count), STATUS_OK);
    cr_assert(count == 4 && works[2].row == &row_f && works[2].count == 3);
    for (int i = 2; i < 5; i++) cr_assert_eq(work_writes(&works[2], &c.net, i), i > 2);
    c.kept[3] = 1; /* what step 2 writes */
    cr_assert_eq(find(&c, DEVICE_CPU, p, &works, &count), STATUS_OK);
    cr_assert_eq(count, 6);
    pool_free(&p);
}

Test(cover, leaves_out_rows_of_no_cost)
{
    static const double bad[] = {INFINITY, NAN, -1};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        chain c;
        pool *p;
        work *works;
        int count;
        make_chain(&c, 1, 0);
        takes[1][0] = 1;
        costs[1][0] = bad[i];
        cr_assert_eq(pool_new(&p), STATUS_OK);
        cr_assert_eq(find(&c, DEVICE_CPU, p, &works, &count), STATUS_UNSUPPORTED);
        pool_free(&p);
    }
}

Test(cover, names_the_step_that_no_row_takes)
{
    chain c;
    pool *p;
    work *works;
    int count;
    make_chain(&c, 4, 0);
    takes[1][0] = 2;
    takes[1][3] = 1;
    cr_assert_eq(pool_new(&p), STATUS_OK);
    cr_assert_eq(find(&c, DEVICE_CPU, p, &works, &count), STATUS_UNSUPPORTED);
    cr_assert_str_eq(fail_text(),
                     "step 2, copy to 1x2x3x4 (Third_2): no cpu implementation takes it");
    pool_free(&p);
}

Test(cover, estimates_ref_as_the_last_resort)
{
    chain c;
    pool *p;
    work *works;
    int count;
    make_chain(&c, 1, 0);
    takes[0][0] = takes[1][0] = 1;
    cover_request request = {.net = &c.net, .kept = c.kept, .rows = rows, .device = DEVICE_CPU};
    cr_assert_eq(pool_new(&p), STATUS_OK);
    cr_assert_eq(cover_find(&request, p, &works, &count), STATUS_OK);
    cr_assert_eq(works[0].row, &row_b);
    pool_free(&p);
}
