/* The tuner: which rows, in which of their ways, compute a network fastest on this device.
 *
 *   ways.c    what there is to choose from: sites, and the ways to compute each
 *   stage.c   a plan of plain rows that keeps the values of a real frame
 *   try.c     every way tried once on the stage, and checked
 *   rounds.c  ways timed in the place where they would stand, many at once
 *   covers.c  the cheapest cover by what was measured, and covers with one way forced
 *   whole.c   the cheapest cover's runners-up in the whole network
 *   cache.c   choices kept on disk; cache_file.c, the folder and the files
 *   tune.c    all of it as a plan_choose
 *
 * A plan that is to be tuned is made with
 *
 *   tuning t = {.mode = TUNE_AUTO, .folder = folder};
 *   plan_request request = {…, .choose = tune_choose, .choose_user = &t};
 */
#ifndef POSENET_ENGINE_TUNE_TUNE_H
#define POSENET_ENGINE_TUNE_TUNE_H

#include "engine/plan/plan.h"

typedef enum tune_mode {
    TUNE_AUTO, /* on a GPU: as kept on disk, else by timing; elsewhere: by the rows' estimates */
    TUNE_OFF,  /* by the rows' estimates */
    TUNE_ON,   /* on any device as kept on disk, else by timing */
    TUNE_AGAIN /* by timing, whatever is kept */
} tune_mode;

/* How the tuner says what it does. `done` of `total` is under way; with total 0, `text` is one line
 * about a way or a decision: for those who want to know why. */
typedef void (*tune_report)(void *user, const char *text, int done, int total);

typedef struct tuning {
    tune_mode mode;
    const char *folder; /* of the disk cache; NULL: nothing is kept */
    tune_report report; /* or NULL */
    void *report_user;
    int from_cache; /* out: the choice came from the disk */
} tuning;

/* A plan_choose; `user` is a tuning. */
status tune_choose(void *user, const plan_request *request, const cover_request *cover, pool *p,
                   work **works, int *count) STATUS_MUST_CHECK;

#endif
