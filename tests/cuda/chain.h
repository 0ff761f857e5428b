/* Times a row on steps that repeat: a graph of calls, one after the other. */
#ifndef POSENET_TESTS_CUDA_CHAIN_H
#define POSENET_TESTS_CUDA_CHAIN_H

#include "kernels/op.h"
#include "kernels/pack.h"
#include "tests/kernel_check/problem.h"

enum { CHAIN_MOST_CALLS = 48, CHAIN_SHOWN = 5 };

/* `calls` times the same `steps`, with weights of their own. */
typedef struct chain {
    problem *p;
    int calls, steps;
    pack_cache *packs;
    unsigned char *arena;
    size_t bytes;
    work works[CHAIN_MOST_CALLS];
    int prepared;
} chain;

/* Places the tensors of c->p and makes c->packs; chain_close releases all. */
status chain_open(chain *c) STATUS_MUST_CHECK;
void chain_close(chain *c);

/* Prints the row's line, its best ways as "way:microseconds a call", and lowers *best to the best:
 * of works that cover `count` steps from step `first` of each call on. */
void chain_time_row(chain *c, const row *r, int first, int count, double *best);

/* The same for all CUDA rows whose name contains `rows` (NULL: all) and that cover just these steps
 * in fp16, but for conv_direct_cuda; 1 if there was one. */
int chain_time_rows(chain *c, const char *rows, int first, int count, double *best);

#endif
