/* The pool of libgomp, by the entry points that its own compiler's parallel regions call: they are
 * part of its stable interface, and this way any compiler's build shares oneDNN's pool. */
#include "kernels/threads.h"

#include <pthread.h>

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

/* Of this thread: its pool has workers; the process is a child forked while it had, without them.
 */
static _Thread_local int has_pool, lost_pool;

static void in_child(void)
{
    lost_pool = has_pool;
}

static void watch_forks(void)
{
    (void)pthread_atfork(NULL, NULL, in_child); /* in vain only where memory is out */
}

static void note_pool(int count)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    if (has_pool || count <= 1) return;
    has_pool = 1;
    (void)pthread_once(&once, watch_forks);
}

status threads_check(void)
{
    if (!lost_pool) return STATUS_OK;
    return fail(STATUS_STATE, "this process was forked from one that had computed on the CPU, "
                              "whose threads it lacks: compute in a new thread, or fork earlier");
}

static void body(void *data)
{
    const region *r = data;
    int team = omp_get_num_threads();
    for (int i = omp_get_thread_num(); i < r->count; i += team) r->task(r->data, i, r->count);
}

void threads_run(int count, threads_task task, void *data)
{
    region r = {task, data, count};
    note_pool(count);
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
    note_pool(count);
    if (before != count) omp_set_num_threads(count);
    return before;
}
