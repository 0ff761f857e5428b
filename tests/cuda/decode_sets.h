/* Heads to decode, made at random or read: what the decoder on the GPU and the one on the host are
 * compared on. */
#ifndef POSENET_TESTS_CUDA_DECODE_SETS_H
#define POSENET_TESTS_CUDA_DECODE_SETS_H

#include "kernels/decode/decode.h"

enum { SETS_MAX_BATCH = 3 };

typedef struct decode_set {
    decode_heads heads; /* data: host */
    size_t bytes[DECODE_HEADS];
    decode_options options;
    const char *kind;
} decode_set;

/* Where the random sets begin. */
void sets_seed(uint64_t seed);

/* Within -1..1. */
float sets_random(void);

/* Set `number`, whose kind follows from it, from empty to thousands of candidates, with ties,
 * plateaus, saturated scores and NaN, fp32 and fp16, dense and strided. */
status sets_make(decode_set *s, int number) STATUS_MUST_CHECK;

/* The golden heads of picture `name` at 257x257, below $POSENET_SHARED. */
status sets_read(decode_set *s, const char *shared, const char *name) STATUS_MUST_CHECK;

/* Fine for sets that could not be made. */
void sets_free(decode_set *s);

#endif
