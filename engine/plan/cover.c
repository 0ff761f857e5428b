#include "engine/plan/cover.h"

#include <math.h>

/* The cheapest way to have computed all steps before one. */
typedef struct path {
    const row *row; /* what computed the last of them; NULL: there is no way */
    int from;       /* and from which step on */
    double cost;
    int works;
} path;

double cover_estimate(void *user, const network *net, const row *candidate, int first, int count)
{
    (void)user;
    if (candidate->estimate) return candidate->estimate(net, first, count);
    return (candidate->device == DEVICE_REF ? 1000.0 : 1.0) * count;
}

static int serves(const row *candidate, const cover_request *q)
{
    if (candidate->least_compute > q->compute) return 0;
    return candidate->device == q->device ||
           (candidate->device == DEVICE_REF && q->device == DEVICE_CPU);
}

int *cover_last_readers(const network *net, pool *p)
{
    int *last = pool_array(p, (size_t)net->tensor_count, sizeof *last);
    if (!last) return NULL;
    for (int i = 0; i < net->tensor_count; i++) last[i] = -1;
    for (int i = 0; i < net->step_count; i++)
        for (int k = 0; k < net->steps[i].input_count; k++) last[net->steps[i].inputs[k]] = i;
    return last;
}

int cover_span(const cover_request *q, const int *last_reader, const row *candidate, int first)
{
    if (!serves(candidate, q)) return 0;
    int count = candidate->covers(q->net, first, q->precision);
    if (count <= 0 || count > q->net->step_count - first) return 0;
    for (int i = first; i < first + count - 1; i++) {
        int output = q->net->steps[i].output;
        if (output < 0 || row_writes(candidate, i, first + count - 1)) continue;
        if (q->kept[output] || last_reader[output] >= first + count) return 0;
    }
    return count;
}

/* Lengthens the path that ends before step `first` by every row that can start there. */
static void lengthen(const cover_request *q, const int *last_reader, int first, path *paths)
{
    cover_cost cost_of = q->cost ? q->cost : cover_estimate;
    for (const row *const *r = q->rows; *r; r++) {
        int count = cover_span(q, last_reader, *r, first);
        if (!count) continue;
        double cost = cost_of(q->user, q->net, *r, first, count);
        if (!(cost >= 0 && cost < INFINITY)) continue;
        path way = {*r, first, paths[first].cost + cost, paths[first].works + 1};
        path *best = &paths[first + count];
        if (!best->row || way.cost < best->cost ||
            (way.cost == best->cost && way.works < best->works))
            *best = way;
    }
}

static status refuse(const cover_request *q, int index)
{
    const step *s = &q->net->steps[index];
    int shown = s->output >= 0 ? s->output : s->inputs[0];
    const int *dims = q->net->tensors[shown].dims;
    return fail(STATUS_UNSUPPORTED,
                "step %d, %s to %dx%dx%dx%d (%s): no %s implementation takes it", index,
                op_name(s->op), dims[AXIS_N], dims[AXIS_H], dims[AXIS_W], dims[AXIS_C], s->nodes,
                device_kind_name(q->device));
}

status cover_find(const cover_request *request, pool *p, work **works, int *count)
{
    int steps = request->net->step_count;
    int *last_reader = cover_last_readers(request->net, p);
    path *paths = pool_array(p, (size_t)steps + 1, sizeof *paths);
    if (!last_reader || !paths) return STATUS_MEMORY;
    int furthest = 0;
    for (int i = 0; i < steps; i++) {
        if (i > 0 && !paths[i].row) continue;
        furthest = i;
        lengthen(request, last_reader, i, paths);
    }
    if (steps > 0 && !paths[steps].row) return refuse(request, furthest);
    *works = pool_array(p, (size_t)paths[steps].works, sizeof **works);
    if (!*works) return STATUS_MEMORY;
    *count = paths[steps].works;
    for (int at = steps, i = *count - 1; i >= 0; i--) {
        (*works)[i] =
            (work){.row = paths[at].row, .first = paths[at].from, .count = at - paths[at].from};
        at = paths[at].from;
    }
    return STATUS_OK;
}
