/* The calls that our code makes to the CUDA runtime, and its allocations on the host: counted, and
 * failed on demand. */
#ifndef POSENET_TESTS_CUDA_FAULT_CALLS_H
#define POSENET_TESTS_CUDA_FAULT_CALLS_H

/* From now on the `number`-th call (from 1) fails; 0: none. Starts counting anew. */
void calls_fail(long number);

/* Calls since then. */
long calls_count(void);

/* The name of the call that failed; NULL: none has. */
const char *calls_failed(void);

/* 1 if what failed only gives something back, so that the user need not notice. */
int calls_failed_releasing(void);

/* Memory, streams, events and graphs that were made and not destroyed, ever. */
long calls_live(void);

#endif
