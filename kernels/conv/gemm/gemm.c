/* Plans of products, their packed filters, and the loop over chunks and threads. */
#include "kernels/conv/gemm/gemm.h"

#include "kernels/threads.h"

/* Rows worth a thread; what is gathered at a time before it is staged: a few lines of the picture,
 * so that the lines of input that they share are read once. */
enum { SMALLEST_SHARE = 32, PIECE_BYTES = 128 * 1024, LARGE_BYTES = 4 * 1024 * 1024 };

typedef struct filling {
    const conv_params *p;
    const gemm_kernels *kernels;
} filling;

static status fill(void *user, void *memory, size_t bytes)
{
    const filling *f = user;
    (void)bytes;
    f->kernels->pack(f->p, memory);
    return STATUS_OK;
}

static size_t padded(size_t bytes)
{
    return (bytes + POOL_ALIGNMENT - 1) / POOL_ALIGNMENT * POOL_ALIGNMENT;
}

/* Rows in the buffer are a cache line longer than they need be: rows of 4096 bytes would all fall
 * into the same places of the cache. */
static void plan_buffers(gemm_plan *g, int gathered)
{
    size_t row = ((size_t)gemm_vectors(g->depth) + 1) * GEMM_LANES;
    int staged = g->kernels->stage != NULL;
    g->buffer_stride = (int64_t)row;
    int piece = (int)(PIECE_BYTES / (row * sizeof(float))) / g->kernels->grain * g->kernels->grain;
    if (piece < g->kernels->grain) piece = g->kernels->grain;
    g->piece = staged && piece < g->chunk ? piece : g->chunk;
    g->buffer_bytes = gathered ? padded((size_t)g->piece * row * sizeof(float)) : 0;
    g->staged_bytes = staged ? padded(g->kernels->staged_bytes(g->chunk, g->depth)) : 0;
}

status gemm_plan_make(const prepare_context *context, const gemm_kernels *kernels,
                      const conv_params *p, const tensor *y, int gathered, gemm_plan *out,
                      size_t *workspace)
{
    if (!kernels) return fail(STATUS_DEVICE, "this processor lacks the instructions of this row");
    gemm_plan g = {.kernels = kernels,
                   .pixels = y->dims[AXIS_N] * y->dims[AXIS_H] * y->dims[AXIS_W],
                   .depth = p->kernel[0] * p->kernel[1] * p->in_channels,
                   .columns = p->out_channels};
    activation_limits(&p->act, &g.low, &g.high);
    int shares = (g.pixels + SMALLEST_SHARE - 1) / SMALLEST_SHARE;
    g.threads = threads_resolve(context->threads);
    if (g.threads > shares) g.threads = shares;
    g.chunk = kernels->chunk_rows(g.depth);
    plan_buffers(&g, gathered);
    filling from = {p, kernels};
    pack_key key = {kernels->name, p->filter, &p->bias, sizeof p->bias};
    void *panels = NULL;
    TRY(pack_get(context->packs, &key, kernels->panel_bytes(g.depth, g.columns), fill, &from,
                 &panels));
    g.panels = panels;
    *workspace = (size_t)g.threads * (g.buffer_bytes + g.staged_bytes);
    *out = g;
    return STATUS_OK;
}

/* Brings rows first..first+job->rows-1 to where gemm reads them. */
static void bring(const gemm_run *r, int first, float *buffer, void *staged, gemm_job *job)
{
    const gemm_plan *g = r->plan;
    job->a = buffer;
    job->a_stride = g->buffer_stride;
    job->staged = staged;
    for (int done = 0, count; done < job->rows; done += count) {
        count = job->rows - done < g->piece ? job->rows - done : g->piece;
        if (r->rows) {
            job->a = r->rows + (int64_t)(first + done) * g->depth;
            job->a_stride = g->depth;
        } else {
            r->gather(r->user, first + done, count, buffer, g->buffer_stride);
        }
        if (g->kernels->stage)
            g->kernels->stage(job->a, job->a_stride, count, g->depth, done, staged);
    }
}

/* A result that does not stay in the cache until it is read is better not fetched into it first. */
static int is_large(const gemm_run *r)
{
    const gemm_plan *g = r->plan;
    int64_t bytes = (int64_t)g->pixels * g->columns * (int64_t)sizeof(float);
    int aligned = (uintptr_t)r->y % (GEMM_LANES * sizeof(float)) == 0;
    return bytes > LARGE_BYTES && aligned && g->columns % GEMM_LANES == 0;
}

static void compute(void *data, int index, int threads)
{
    const gemm_run *r = data;
    const gemm_plan *g = r->plan;
    unsigned char *mine = r->workspace + (size_t)index * (g->buffer_bytes + g->staged_bytes);
    gemm_job job = {.depth = g->depth,
                    .columns = g->columns,
                    .panels = g->panels,
                    .y_stride = g->columns,
                    .low = g->low,
                    .high = g->high,
                    .past_cache = is_large(r)};
    int first, end;
    threads_share(g->pixels, g->kernels->grain, index, threads, &first, &end);
    for (; first < end; first += job.rows) {
        int64_t at = (int64_t)first * g->columns;
        job.rows = end - first < g->chunk ? end - first : g->chunk;
        bring(r, first, (float *)(void *)mine, mine + g->buffer_bytes, &job);
        job.y = r->y + at;
        job.residual = r->residual ? r->residual + at : NULL;
        g->kernels->gemm(&job);
    }
}

void gemm_compute(const gemm_run *r)
{
    threads_run(r->plan->threads, compute, (void *)(uintptr_t)r);
}

static status fill_depthwise(void *user, void *memory, size_t bytes)
{
    const conv_params *p = user;
    int lanes = gemm_vectors(p->out_channels) * GEMM_LANES;
    float *to = memory;
    (void)bytes;
    for (int c = 0; c < lanes; c++) *to++ = gemm_bias_at(p, c);
    for (int k = 0; k < p->kernel[0] * p->kernel[1]; k++)
        for (int c = 0; c < lanes; c++) *to++ = gemm_filter_at(p, k, c);
    return STATUS_OK;
}

status gemm_pack_depthwise(const prepare_context *context, const conv_params *p,
                           const float **filter)
{
    pack_key key = {"gemm depthwise", p->filter, &p->bias, sizeof p->bias};
    size_t lanes = (size_t)gemm_vectors(p->out_channels) * GEMM_LANES;
    size_t rows = 1 + (size_t)p->kernel[0] * (size_t)p->kernel[1];
    void *packed = NULL;
    TRY(pack_get(context->packs, &key, rows * lanes * sizeof(float), fill_depthwise,
                 (void *)(uintptr_t)p, &packed));
    *filter = packed;
    return STATUS_OK;
}
