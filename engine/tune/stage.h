/* The stage that ways are tried on: a plan of plain rows whose tensors all keep the values of one
 * frame, so that any run of steps can be computed again from its own inputs. */
#ifndef POSENET_ENGINE_TUNE_STAGE_H
#define POSENET_ENGINE_TUNE_STAGE_H

#include "engine/tune/ways.h"

/* Workspace that a way may ask for. */
#define STAGE_SPARE_BYTES ((size_t)256 << 20)

/* Makes t->stage and t->slot and computes the frame; room to put plain values aside and poison. */
status stage_open(tuner *t) STATUS_MUST_CHECK;

/* Gives back what stage_open and trying left, whole or not. */
void stage_close(tuner *t);

/* Where a tensor lies. */
void *stage_place(const tuner *t, int number);

/* Where the plain output of step `i` is put aside, of a run of steps from `first` on. */
void *stage_wanted(const tuner *t, int first, int i);

/* Puts the plain values of a site's outputs aside, or back. */
status stage_move_wanted(tuner *t, const tune_site *site, int back) STATUS_MUST_CHECK;

/* Where the results of `tried` will be there is nothing that could pass for them. */
status stage_poison(tuner *t, const work *tried) STATUS_MUST_CHECK;

#endif
