/* Our own code's allocations: counted, and failed on demand. */
#ifndef POSENET_TESTS_FAULTS_ALLOCATIONS_H
#define POSENET_TESTS_FAULTS_ALLOCATIONS_H

/* From now on the `number`-th allocation (from 1) fails, and with `all` every later one, too; 0:
 * none. Starts counting anew. */
void allocations_fail(long number, int all);

/* Since then. */
long allocations_count(void);

/* Allocated and not given back, ever. */
long allocations_live(void);

#endif
