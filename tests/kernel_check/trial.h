/* One problem computed by the ref rows, and what a row makes of it in comparison. */
#ifndef POSENET_TESTS_KERNEL_CHECK_TRIAL_H
#define POSENET_TESTS_KERNEL_CHECK_TRIAL_H

#include "session.h"

typedef struct trial {
    problem *p;
    layout l;
    unsigned char *want;             /* the block after the ref rows ran, l.bytes of it */
    size_t want_at[PROBLEM_TENSORS]; /* where each tensor lies in it */
} trial;

/* Takes the problem over; lays it out and computes it with the ref rows. On failure too,
 * trial_close releases everything. */
status trial_open(trial *t, problem *p) STATUS_MUST_CHECK;
void trial_close(trial *t);

typedef struct verdict {
    int passed;
    int skipped;    /* this machine cannot run it: text says why. Empty: it has no such way */
    double worst;   /* the largest |got - want| / (1 + |want|) */
    char text[512]; /* what is wrong, if it did not pass */
} verdict;

/* Computes the problem with way `variant` of `candidate`, which covers all of its steps, and
 * compares; where the row says that it can, also with its first result in the residual's place.
 * Fails only for want of memory or the like; a row that refuses or breaks is a verdict.
 */
status trial_judge(const trial *t, const row *candidate, int variant, precision precision,
                   int threads, verdict *out) STATUS_MUST_CHECK;

#endif
