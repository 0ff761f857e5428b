/* How many threads a work uses. */
#include "kernels/threaded.h"

#include "kernels/threads.h"

typedef struct threaded_state {
    int threads;
} threaded_state;

status threaded_prepare(const prepare_context *context, int64_t parts, work *w)
{
    threaded_state *state = heap_array(1, sizeof *state);
    if (!state) return STATUS_MEMORY;
    state->threads = threads_resolve(context->threads);
    if (state->threads > parts) state->threads = (int)parts;
    w->state = state;
    return STATUS_OK;
}

int threaded_count(const work *w)
{
    const threaded_state *state = w->state;
    return state->threads;
}
