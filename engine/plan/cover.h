/* Which rows compute a list of steps: the cheapest cover, as a shortest path.
 *
 * Node i is "steps 0..i-1 are computed", an edge is a row that covers steps i..i+n-1 as one.
 */
#ifndef POSENET_ENGINE_PLAN_COVER_H
#define POSENET_ENGINE_PLAN_COVER_H

#include "kernels/op.h"

/* What covering `count` steps from `first` on with `candidate` costs: at least 0, the same unit
 * for all; an infinity leaves the row out. */
typedef double (*cover_cost)(void *user, const network *net, const row *candidate, int first,
                             int count);

typedef struct cover_request {
    const network *net;
    const unsigned char *kept; /* one a tensor: 1 if it is read or written from outside the steps,
                                  so no row may keep it to itself */
    const row *const *rows;    /* NULL-terminated, as all_rows */
    device_kind device;        /* its own rows, and on the cpu ref's */
    int compute;               /* the device's; rows whose least_compute is above are left out */
    precision precision;
    cover_cost cost; /* NULL: cover_estimate */
    void *user;
} cover_request;

/* The works in order in *works (room from `p`), row, first and count set; *count of them. Between
 * covers of the same cost the one with fewer works wins, then the row that comes first in `rows`.
 * A step that no row takes is refused with its operation, its shape and its nodes. */
status cover_find(const cover_request *request, pool *p, work **works,
                  int *count) STATUS_MUST_CHECK;

/* The last step that reads each tensor (-1: none), from `p`; NULL with the sentence kept. */
int *cover_last_readers(const network *net, pool *p);

/* How many steps `candidate` may compute as one from `first` on; 0 where it does not cover, where
 * the device lacks what it needs, or where it would hide a tensor that others read. */
int cover_span(const cover_request *request, const int *last_readers, const row *candidate,
               int first);

/* The rows' own expectation: row->estimate, else 1 a step, 1000 for ref's. */
double cover_estimate(void *user, const network *net, const row *candidate, int first, int count);

#endif
