/* A handle's life: from settings and a model to a device with its first plan, and back. */
#ifndef POSENET_ENGINE_HANDLE_H
#define POSENET_ENGINE_HANDLE_H

#include "engine/inside.h"

/* Fills a zeroed handle. `request` says where the model is if it is in memory; the rest of it comes
 * from the settings. On failure handle_close releases what there is. */
status handle_open(posenet *engine, const posenet_settings *settings,
                   model_request *request) STATUS_MUST_CHECK;

/* Waits for frames in flight; takes half-opened handles, too. */
void handle_close(posenet *engine);

#endif
