/* Host threads for cpu rows: the one OpenMP pool of the process, which oneDNN uses too, so that two
 * pools never fight for the cores. */
#ifndef POSENET_KERNELS_THREADS_H
#define POSENET_KERNELS_THREADS_H

#include "kernels/status.h"

/* Fails where the others below would hang: in a child of fork, in the thread that called it, if it
 * had used the pool before. To be asked before anything is computed or prepared. */
status threads_check(void) STATUS_MUST_CHECK;

/* Runs task(data, index, count) for every index in 0..count-1, each on a thread of its own (the
 * caller's is number 0), and waits for all. `count` 1 costs a plain call. The pool may give fewer
 * threads than asked for: then some run several indices. */
typedef void (*threads_task)(void *data, int index, int count);
void threads_run(int count, threads_task task, void *data);

/* How many threads `wanted` means: 0 is one for every core that this process may use. */
int threads_resolve(int wanted);

/* Makes the OpenMP code that this thread calls (oneDNN) use `count` threads; returns what it was,
 * to be given back afterwards. */
int threads_swap_limit(int count);

/* The part [*first, *end) of 0..total-1 that thread `index` of `count` computes, in whole multiples
 * of `grain` where possible. */
static inline void threads_share(int total, int grain, int index, int count, int *first, int *end)
{
    int grains = (total + grain - 1) / grain;
    long long low = (long long)grains * index / count,
              high = (long long)grains * (index + 1) / count;
    *first = (int)(low * grain < total ? low * grain : total);
    *end = (int)(high * grain < total ? high * grain : total);
}

#endif
