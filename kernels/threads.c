/* The pool of libgomp, by the entry points that its own compiler's parallel regions call: they are
 * part of its stable interface, and this way any compiler's build shares oneDNN's pool. */
#include "kernels/threads.h"

extern void GOMP_parallel(void (*body)(void *), void *data, unsigned threads, unsigned flags);
extern int omp_get_thread_num(void);
extern int omp_get_num_threads(void);
extern int omp_get_max_threads(void);
extern int omp_get_num_procs(void);
extern void omp_set_num_threads(int count);

typedef struct region {
    threads_task task;
    void *data;
    int count;
} region;

static void body(void *data)
{
    const region *r = data;
    int team = omp_get_num_threads();
    for (int i = omp_get_thread_num(); i < r->count; i += team) r->task(r->data, i, r->count);
}

void threads_run(int count, threads_task task, void *data)
{
    region r = {task, data, count};
    if (count > 1)
        GOMP_parallel(body, &r, (unsigned)count, 0);
    else
        task(data, 0, 1);
}

int threads_resolve(int wanted)
{
    return wanted > 0 ? wanted : omp_get_num_procs();
}

int threads_swap_limit(int count)
{
    int before = omp_get_max_threads();
    if (before != count) omp_set_num_threads(count);
    return before;
}
