/* A problem laid out in one block of memory, and rows ready to compute it there.
 *
 * Every region (tensor, picture, poses, workspace) lies between guards. Guards, and whatever is to
 * be written, start as SESSION_POISON: NaN in fp32 and in fp16, with a payload that no arithmetic
 * makes. So reading past an end, or leaving an element out, shows in the result, and writing past
 * an end shows in the guard. */
#ifndef POSENET_TESTS_KERNEL_CHECK_SESSION_H
#define POSENET_TESTS_KERNEL_CHECK_SESSION_H

#include "device.h"
#include "problem.h"

#define SESSION_POISON 0xfffbfffau

/* The block as it is before anything runs; offsets of tensors are in the problem's tensors. */
typedef struct layout {
    unsigned char *initial;
    size_t bytes;
    size_t pictures, options, poses, counts; /* offsets; 0: the problem has none */
    size_t pixels[PROBLEM_PICTURES], chroma[PROBLEM_PICTURES];
    size_t end; /* where workspaces may begin */
} layout;

/* Lays `p` out and fills its inputs at random. `initial` comes from the problem's pool. */
status layout_make(problem *p, layout *out) STATUS_MUST_CHECK;

enum { SESSION_WORKS = PROBLEM_STEPS };

typedef struct session {
    const problem *p;
    const layout *l;
    const check_device *device;
    pack_cache *packs;
    unsigned char *memory; /* the device's */
    size_t bytes;
    work works[SESSION_WORKS];
    int work_count;
    run run;
} session;

/* Prepares way `variant` of `rows[i]` for `counts[i]` steps each, one after the other from the
 * first step on, and puts the block on the device. On failure too, session_close releases
 * everything. */
status session_open(session *s, const problem *p, const layout *l, const check_device *device,
                    precision precision, int threads, const row *const *rows, const int *counts,
                    int row_count, int variant) STATUS_MUST_CHECK;

/* How many ways `candidate` has to compute all steps of the problem. */
int session_variants(const problem *p, precision precision, int threads, const row *candidate);

/* Puts every work, or one of them, on the device. */
status session_enqueue(session *s) STATUS_MUST_CHECK;
status session_enqueue_one(session *s, int index) STATUS_MUST_CHECK;

/* Waits and copies the whole block (s->bytes) to a new array that the caller frees. */
status session_result(session *s, unsigned char **out) STATUS_MUST_CHECK;

void session_close(session *s);

#endif
