/* Choices of the tuner kept on disk: one small text file for what one network on one device came
 * to. Files are written beside their place and moved there whole, so that processes may share the
 * folder; whatever a file says is checked before it is used. */
#ifndef POSENET_ENGINE_TUNE_CACHE_H
#define POSENET_ENGINE_TUNE_CACHE_H

#include "engine/plan/plan.h"

enum { TUNE_PATH_BYTES = 4096 };

/* Where choices are kept: `wish`, else $POSENET_CACHE, $XDG_CACHE_HOME/posenet or
 * ~/.cache/posenet. "" where nothing is to be kept: an empty wish or variable, or no home. */
void tune_cache_folder(const char *wish, char path[TUNE_PATH_BYTES]);

/* Everything that the choice depends on as lines of text, from `p`: version, device, libraries,
 * precision, size, rows, and the network's signature. */
status tune_cache_key(const plan_request *request, const cover_request *cover, pool *p,
                      char **key) STATUS_MUST_CHECK;

/* The choice kept under the key: *count works from `p`, whole and valid for the network. *count is
 * 0 where there is none, or a stale or damaged one. Fails only for want of memory. */
status tune_cache_load(const char *folder, const char *key, const plan_request *request,
                       const cover_request *cover, pool *p, work **works,
                       int *count) STATUS_MUST_CHECK;

/* Keeps it. Where the folder cannot be written, it is not kept, and that is no error. */
void tune_cache_save(const char *folder, const char *key, const work *works, int count);

#endif
