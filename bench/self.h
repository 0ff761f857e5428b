/* What the files of the engine's own worker share: replies, what a command says, and the commands
 * that run the engine. */
#ifndef POSENET_BENCH_SELF_H
#define POSENET_BENCH_SELF_H

#include <cjson/cJSON.h>

#include "bench/session.h"

/* {"ok": false, "why": why} */
cJSON *self_failure(const char *why);

/* {"ok": true} */
cJSON *self_success(void);

/* The command's value of that key, or `otherwise`. */
const char *self_text(const cJSON *command, const char *key, const char *otherwise);
int self_number(const cJSON *command, const char *key, int otherwise);

/* ---- self_calls.c: the commands of bench/peers/README.md; each gives the reply.
 * ------------------------------------------------ */

cJSON *self_infer(session *s, const cJSON *command);
cJSON *self_poses(session *s, const cJSON *command);
cJSON *self_time(session *s, const cJSON *command);

/* The steps of the last frame, and its whole time by the clock. */
cJSON *self_steps(session *s);

#endif
