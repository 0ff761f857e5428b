/* What this machine does at best, to hold steps against. */
#include "bench/bench.h"

#include <dnnl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { COPY_BYTES = 256 << 20, SIDE = 2048, REPEATS = 5, MAX_THREADS = 256 };

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

typedef struct part {
    unsigned char *to;
    const unsigned char *from;
    size_t bytes;
} part;

static void *copy_part(void *data)
{
    const part *p = data;
    memcpy(p->to, p->from, p->bytes);
    return NULL;
}

/* One copy by all threads; the first part is the caller's own. */
static void copy_all(part *parts, int threads)
{
    pthread_t ids[MAX_THREADS];
    int started[MAX_THREADS] = {0};
    for (int i = 1; i < threads; i++)
        started[i] = !pthread_create(&ids[i], NULL, copy_part, &parts[i]);
    copy_part(&parts[0]);
    for (int i = 1; i < threads; i++) {
        if (started[i])
            pthread_join(ids[i], NULL);
        else
            copy_part(&parts[i]);
    }
}

double ceiling_copy(int threads)
{
    part parts[MAX_THREADS];
    if (threads < 1) threads = 1;
    if (threads > MAX_THREADS) threads = MAX_THREADS;
    unsigned char *from = malloc(COPY_BYTES), *to = malloc(COPY_BYTES);
    double best = 0;
    if (from && to) {
        memset(from, 1, COPY_BYTES);
        memset(to, 2, COPY_BYTES);
        size_t each = COPY_BYTES / (size_t)threads;
        for (int i = 0; i < threads; i++)
            parts[i] = (part){to + each * (size_t)i, from + each * (size_t)i, each};
        for (int i = 0; i < REPEATS; i++) {
            double start = now_s();
            copy_all(parts, threads);
            double rate = 2e-9 * (double)(each * (size_t)threads) / (now_s() - start);
            if (rate > best) best = rate;
        }
    }
    free(from);
    free(to);
    return best;
}

/* oneDNN's own product, with as many threads as the environment gives OpenMP. */
double ceiling_matrix(void)
{
    size_t count = (size_t)SIDE * SIDE;
    float *a = malloc(count * sizeof *a), *b = malloc(count * sizeof *b),
          *c = malloc(count * sizeof *c);
    double best = 0;
    if (a && b && c) {
        for (size_t i = 0; i < count; i++) a[i] = b[i] = (float)(i % 7) - 3;
        for (int i = 0; i <= REPEATS; i++) {
            double start = now_s();
            if (dnnl_sgemm('N', 'N', SIDE, SIDE, SIDE, 1, a, SIDE, b, SIDE, 0, c, SIDE) !=
                dnnl_success)
                break;
            double rate = 2e-9 * (double)count * SIDE / (now_s() - start);
            if (rate > best) best = rate;
        }
    }
    free(a);
    free(b);
    free(c);
    return best;
}
