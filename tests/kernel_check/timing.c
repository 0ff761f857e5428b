/* Medians over many runs. */
#include "timing.h"

#include <time.h>

#include "kernels/median.h"

enum { COPIES = 6, REPEATS = 60, WARM_UP = 3 };

double timing_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

typedef struct copy {
    problem *p;
    layout l;
    session s;
} copy;

static status open_copy(const timing_case *c, const row *candidate, int variant, int which,
                        copy *out)
{
    TRY(problem_new(c->seed + (uint64_t)which, c->type, &out->p));
    TRY(c->family->build(out->p, c->index));
    TRY(layout_make(out->p, &out->l));
    return session_open(&out->s, out->p, &out->l, device_of(candidate), c->precision, c->threads,
                        &candidate, &out->p->net.step_count, 1, variant);
}

static status measure(copy *copies, double *microseconds)
{
    const check_device *device = copies[0].s.device;
    double seconds[REPEATS];
    for (int i = -WARM_UP; i < REPEATS; i++) {
        double start = timing_now();
        for (int k = 0; k < device->burst; k++) {
            int turn = (i + WARM_UP) * device->burst + k;
            TRY(session_enqueue(&copies[turn % COPIES].s));
        }
        TRY(device->synchronize());
        if (i >= 0) seconds[i] = (timing_now() - start) / device->burst;
    }
    *microseconds = 1e6 * median(seconds, REPEATS);
    return STATUS_OK;
}

status timing_measure(const timing_case *c, const row *candidate, int variant, double *microseconds)
{
    copy copies[COPIES] = {{0}};
    status done = STATUS_OK;
    for (int i = 0; i < COPIES && done == STATUS_OK; i++)
        done = open_copy(c, candidate, variant, i, &copies[i]);
    if (done == STATUS_OK) done = measure(copies, microseconds);
    for (int i = 0; i < COPIES; i++) {
        session_close(&copies[i].s);
        problem_free(&copies[i].p);
    }
    return done;
}
