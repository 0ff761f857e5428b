/* Network rewrite: convolutions that make heads out of the same tensor become one, whose output has
 * the heads side by side; each head becomes a window of it. One launch instead of four, and as many
 * channels as matrix rows like.
 *
 *   once a model   joined_heads_make: the weights. Their addresses name packed copies that outlive
 *                  a plan (kernels/pack.h), so they have to stay as long as the model
 *   once a plan    network_join_heads: the steps
 */
#ifndef POSENET_ENGINE_REWRITE_JOINED_HEADS_H
#define POSENET_ENGINE_REWRITE_JOINED_HEADS_H

#include "kernels/decode/decode.h"
#include "kernels/op.h"

enum { JOINED_CHANNELS = 8 }; /* channels are filled up with zeros to a multiple of this */

typedef struct joined_heads {
    const float *filters[DECODE_HEADS]; /* of the heads that are joined; NULL: stays alone */
    int channels;                       /* of all together, filled up; 0: none are joined */
    const float *filter, *bias;         /* theirs, in the order of heads */
} joined_heads;

/* Finds the heads (tensors of `net`, at any size, with or without OP_DECODE) that can be joined: at
 * least two plain convolutions that differ in filter and bias only, and whose results no step but
 * OP_DECODE reads. Their weights come from `p`. */
status joined_heads_make(const network *net, const int heads[DECODE_HEADS], pool *p,
                         joined_heads *out) STATUS_MUST_CHECK;

/* Joins them in `net`, which has room for one more tensor. Does nothing where the network does not
 * have the convolutions of `weights`. */
status network_join_heads(network *net, const int heads[DECODE_HEADS], const joined_heads *weights,
                          pool *p) STATUS_MUST_CHECK;

#endif
