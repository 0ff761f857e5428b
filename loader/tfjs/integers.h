/* Chains of integers in a TF.js graph: sizes taken from a picture's shape, and what is computed of
 * them. They only ever say how much to pad and to crop, so they are computed here, for a given
 * picture size, and leave nothing in the graph. */
#ifndef POSENET_LOADER_TFJS_INTEGERS_H
#define POSENET_LOADER_TFJS_INTEGERS_H

#include "loader/tfjs/translate.h"

enum { TFJS_INTEGERS = 16 }; /* elements of one tensor of a chain; a 4 x 2 list of pads has 8 */

typedef struct tfjs_integers {
    int rank;
    int dims[3];
    int count;
    int64_t values[TFJS_INTEGERS];
} tfjs_integers;

/* The size of every picture that has the height and width of node `origin`'s. */
typedef struct tfjs_probe {
    int origin;
    int64_t dims[4]; /* NHWC */
} tfjs_probe;

/* 1 if the node computes integers, not a picture. */
int tfjs_is_integer(const tfjs_node *n);

/* The node's integers if pictures have that size. Refuses, in a sentence that names the node at
 * fault, what is no such chain or reads the shape of another picture. */
status tfjs_evaluate(const tfjs_translation *t, int id, const tfjs_probe *probe,
                     tfjs_integers *out) STATUS_MUST_CHECK;

#endif
