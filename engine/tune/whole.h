/* Covers of the whole network, as whole.c builds and compares them: one among them is the best
 * so far, and a trial is a cover in which one way is forced. */
#ifndef POSENET_ENGINE_TUNE_WHOLE_H
#define POSENET_ENGINE_TUNE_WHOLE_H

#include "engine/tune/ways.h"

/* A cover with its plan, slot and time. */
typedef struct whole {
    work *works;
    int count;
    plan *plan;
    slot *slot;
    double us;
} whole;

typedef struct chooser {
    tuner *t;
    pool *pool;
    double overhead_us; /* of a mark between two works: in every measured time */
    const whole *best;  /* while a trial's cover is looked for: it stays where it can */
    const tune_way *forced;
    double *lost_us; /* one a way: what its trial lost a place */
    int trials, taken;
} chooser;

/* A way's microseconds without a mark's. */
double chooser_cost(const chooser *c, const tune_way *way);

/* The cheapest cover of all, or with a way forced the one nearest to the best: works and count,
 * from the chooser's pool. STATUS_UNSUPPORTED where the forced way's places lie in each other's
 * way. */
status whole_find(chooser *c, whole *w) STATUS_MUST_CHECK;

int whole_is_same(const whole *a, const whole *b);

/* By what was measured in marked frames. */
double whole_expected_us(const chooser *c, const whole *w);

#endif
