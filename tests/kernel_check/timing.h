/* The stopwatch: one row on one case, or a whole model's layers. */
#ifndef POSENET_TESTS_KERNEL_CHECK_TIMING_H
#define POSENET_TESTS_KERNEL_CHECK_TIMING_H

#include "family.h"
#include "session.h"

/* Seconds since some moment. */
double timing_now(void);

/* What a case is built with. */
typedef struct timing_case {
    const family *family;
    int index;
    uint64_t seed;
    element_type type;
    precision precision;
    int threads;
} timing_case;

/* Median microseconds of way `variant` of `candidate` on the case. Several copies with weights and
 * tensors of their own take turns, so that caches are not warmer than in a network. */
status timing_measure(const timing_case *c, const row *candidate, int variant,
                      double *microseconds);

/* Times a model's convolutions one after another with the rows of the CPU (or only those whose
 * names contain `filter`, where one covers), and prints a line a row call and the sum. */
typedef struct timing_model {
    const char *name; /* mobilenet_v1_050, _075, _100, resnet50 */
    int size, stride, threads, repeats;
    const char *filter; /* NULL: all */
    uint64_t seed;
    int brief; /* only the sum */
} timing_model;

status timing_print_model(const timing_model *m);

#endif
