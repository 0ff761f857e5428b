/* Two steps into one, for the rewrites that do so. */
#include "engine/rewrite/rewrite.h"

#include <string.h>

enum { JOINED_BYTES = 2000 }; /* of names; a hostile file could ask for far more */

const char *rewrite_join_names(pool *p, const char *a, const char *b)
{
    if (strlen(a) > JOINED_BYTES) return a;
    return pool_format(p, "%s, %.*s", a, JOINED_BYTES, b);
}

int network_sole_producer(const network_index *x, int tensor)
{
    return x->readers[tensor] == 1 ? x->producer[tensor] : -1;
}

status network_merge(network_index *x, int first, int second, int late, const step *merged)
{
    step *steps = x->net->steps;
    const char *names = rewrite_join_names(x->pool, steps[first].nodes, steps[second].nodes);
    if (!names) return STATUS_MEMORY;
    int output = steps[second].output, place = late ? second : first;
    steps[place] = *merged;
    steps[place].output = output;
    steps[place].nodes = names;
    x->dead[late ? first : second] = 1;
    x->producer[output] = place;
    return STATUS_OK;
}
