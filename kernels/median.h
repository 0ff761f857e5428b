/* The middle of many measurements. */
#ifndef POSENET_KERNELS_MEDIAN_H
#define POSENET_KERNELS_MEDIAN_H

/* The median of `count` values, at least 1 (of an even number the upper one); they are sorted for
 * it, ascending. */
double median(double *values, int count);

#endif
