/* Choices of the tuner kept on disk: one small text file for what one network on one device came
 * to, named by a hash of its key.
 *
 *   posenet 0.1.0: a choice of the tuner, format 2
 *   device …                 the key: all that the choice depends on
 *   …
 *   0 1 0 1 preprocess_cuda  first step, steps, way, how many ways there were, row
 *   1 1 7 14 conv_mma_cuda
 *   …
 *   end 6c62272e07bb0142     a hash of all the lines above
 *
 * Any other file there is as good as none, and is replaced. One that is whole is checked before it
 * is used, so that who else may write to the folder can make a network slow but not break it. */
#ifndef POSENET_ENGINE_TUNE_CACHE_H
#define POSENET_ENGINE_TUNE_CACHE_H

#include "engine/plan/plan.h"
#include "engine/tune/cache_file.h"

/* The place of one choice. */
typedef struct tune_cache {
    const plan_request *request;
    const cover_request *cover;
    pool *pool; /* of what is read and written */
    char *key;
    char path[TUNE_PATH_BYTES]; /* "": nothing is kept */
} tune_cache;

/* `folder` NULL or "": nothing is kept, and nothing found. Close it, also after a failure. */
status tune_cache_open(tune_cache *c, const char *folder, const plan_request *request,
                       const cover_request *cover) STATUS_MUST_CHECK;
void tune_cache_close(tune_cache *c);

/* The choice that is kept: *count works from `p`, which cover the network. *count is 0 where there
 * is none. Fails only for want of memory. */
status tune_cache_load(const tune_cache *c, pool *p, work **works, int *count) STATUS_MUST_CHECK;

/* Keeps it; STATUS_FILE with the sentence where that cannot be. */
status tune_cache_save(const tune_cache *c, const work *works, int count) STATUS_MUST_CHECK;

#endif
