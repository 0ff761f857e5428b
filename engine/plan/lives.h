/* When each tensor of a plan is alive, and which of them lie in another one's room. */
#ifndef POSENET_ENGINE_PLAN_LIVES_H
#define POSENET_ENGINE_PLAN_LIVES_H

#include "engine/plan/arena.h"
#include "engine/plan/plan.h"

/* Of plan `p`, whose works are chosen, one of each a tensor: its bytes, and the works that write
 * and last read it (`first` -1: it has no room, as a row's inner tensors and constants); and in
 * whose room it lies: its own number, or that of a residual that it takes the place of
 * (row.in_place), whose life then lasts as long as both.
 * `keep_all`: every tensor lives from the first work to the last, in room of its own. */
void lives_find(const plan *p, int keep_all, arena_item *lives, int *room_of);

#endif
