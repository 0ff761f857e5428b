/* The inner loops in plain C, for machines without AVX-512; the compiler makes of it what it can.
 * There oneDNN is the faster choice, and the rows' estimates say so. */
#include "kernels/conv/gemm.h"

static float clamped(float x, float low, float high)
{
    if (x < low) x = low;
    if (x > high) x = high;
    return x;
}

/* One row of one panel. */
static void panel_row(const gemm_job *job, int r, const float *panel, int lanes, int first)
{
    float sums[GEMM_VECTORS * GEMM_LANES];
    const float *a = job->a + r * job->a_stride;
    for (int c = 0; c < lanes; c++) sums[c] = panel[c];
    for (int k = 0; k < job->depth; k++) {
        const float *filter = panel + (int64_t)(k + 1) * lanes;
        for (int c = 0; c < lanes; c++) sums[c] += a[k] * filter[c];
    }
    int64_t at = r * job->y_stride + first;
    for (int c = 0; c < lanes && first + c < job->columns; c++) {
        float sum = job->residual ? sums[c] + job->residual[at + c] : sums[c];
        job->y[at + c] = clamped(sum, job->low, job->high);
    }
}

static void gemm(const gemm_job *job)
{
    const float *panel = job->panels;
    int first = 0;
    for (int left = gemm_vectors(job->columns), vectors; left > 0; left -= vectors) {
        vectors = gemm_panel_vectors(left);
        int lanes = vectors * GEMM_LANES;
        for (int r = 0; r < job->rows; r++) panel_row(job, r, panel, lanes, first);
        panel += (int64_t)(job->depth + 1) * lanes;
        first += lanes;
    }
}

static void depthwise_pixel(const depthwise_job *job, int y_row, int column, float *to)
{
    int lanes = gemm_vectors(job->channels) * GEMM_LANES;
    for (int c = 0; c < job->channels; c++) to[c] = job->filter[c];
    for (int tap = 0; tap < 9; tap++) {
        int y = y_row * job->stride[0] - job->pads[0] + tap / 3 * job->dilation[0];
        int x = column * job->stride[1] - job->pads[1] + tap % 3 * job->dilation[1];
        if (y < 0 || x < 0 || y >= job->height || x >= job->width) continue;
        const float *from = job->x + ((int64_t)y * job->width + x) * job->channels;
        const float *filter = job->filter + (tap + 1) * lanes;
        for (int c = 0; c < job->channels; c++) to[c] += from[c] * filter[c];
    }
    for (int c = 0; c < job->channels; c++) to[c] = clamped(to[c], job->low, job->high);
}

static void depthwise(const depthwise_job *job, int y_row, int first, int count, float *to,
                      int64_t to_stride)
{
    for (int i = 0; i < count; i++) depthwise_pixel(job, y_row, first + i, to + i * to_stride);
}

const gemm_kernels gemm_plain = {gemm, depthwise, 0};
