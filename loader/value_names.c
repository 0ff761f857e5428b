/* What a file that is written calls a graph's values. */
#include "loader/value_names.h"

#include "loader/name_table.h"

typedef struct naming {
    const graph *g;
    pool *pool;
    const char **names;
    name_table taken;
} naming;

static status name_value(naming *n, int id)
{
    if (n->names[id]) return STATUS_OK;
    const char *name = n->g->values[id].name;
    if (!*name || name_table_find(&n->taken, name, -1) >= 0) {
        const char *stem = *name ? name : "value";
        for (int i = id;; i++) {
            name = pool_format(n->pool, "%s_%d", stem, i);
            if (!name) return STATUS_MEMORY;
            if (name_table_find(&n->taken, name, -1) < 0) break;
        }
    }
    n->names[id] = name;
    return name_table_add(&n->taken, name, id);
}

static status name_all(naming *n)
{
    const graph *g = n->g;
    for (size_t i = 0; i < g->input_count; i++) TRY(name_value(n, g->inputs[i]));
    for (size_t i = 0; i < g->output_count; i++) TRY(name_value(n, g->outputs[i]));
    for (size_t i = 0; i < g->value_count; i++) TRY(name_value(n, (int)i));
    return STATUS_OK;
}

status graph_value_names(const graph *g, pool *p, const char ***names)
{
    naming n = {.g = g, .pool = p, .names = pool_array(p, g->value_count, sizeof *n.names)};
    if (!n.names) return STATUS_MEMORY;
    name_table_begin(&n.taken);
    status s = name_all(&n);
    name_table_end(&n.taken);
    *names = n.names;
    return s;
}
