/* Which outputs of a model are PoseNet's four heads, and what they tell about it. */
#ifndef POSENET_ENGINE_MODEL_HEADS_H
#define POSENET_ENGINE_MODEL_HEADS_H

#include "kernels/decode/decode.h"
#include "kernels/op.h"
#include "loader/graph.h"

enum { HEAD_NO_MAP = -1 };

/* One output as far as heads are concerned. */
typedef struct head_candidate {
    const char *name;
    int channels; /* 0: unknown; HEAD_NO_MAP: a constant, or not of rank 4 */
} head_candidate;

/* Fills found[DECODE_HEATMAP..] with the outputs' numbers. `wanted[i]` (may be NULL) names head i
 * outright. By name: *heatmap*, *offset*, *displacement_fwd*, *displacement_bwd*, but nothing with
 * part_ or long_offset in it, case ignored; an output of known, wrong channels is no head. What
 * names do not tell, channels do (17, 34, 32) where just one output is left to choose; forward and
 * backward are never guessed. Everything else is refused in one sentence with `source` in it. */
status heads_find(const char *source, const head_candidate *outputs, int count,
                  const char *const wanted[DECODE_HEADS],
                  int found[DECODE_HEADS]) STATUS_MUST_CHECK;

/* keep[i] = 1 for every output that heads_find might choose before channels are known: by name
 * alone where all four heads have one, else all of them. */
void heads_worth_lowering(const head_candidate *outputs, int count,
                          const char *const wanted[DECODE_HEADS], int *keep);

/* Input pixels per cell, from one side of the input and of the heatmap; 0: no stride fits, or any
 * (one cell). A power of two with ceil(side / stride) == cells where there is one, so even sizes
 * work too. */
int heads_stride(int side, int cells);

/* 1 if tensor `number` comes out of a sigmoid (moved and reshaped since, maybe). */
int heads_has_sigmoid(const network *net, int number);

#endif
