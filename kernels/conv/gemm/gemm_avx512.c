/* The inner loops in AVX-512: tiles of 9 x 48 sums in registers. Compiled for AVX-512 as a whole,
 * called only where the processor has it (see gemm_cpu.c). */
#include "kernels/conv/gemm/gemm_loops.h"

#include "kernels/conv/gemm/lanes_avx512.h"

/* A tile of the result: 27 of 32 registers, with three for the filter and one for the input. */
enum { ROWS = 9, VECTORS = 3, CHUNK_BYTES = 192 * 1024 };

enum { AHEAD = 8 }; /* rows of the filter that are fetched before they are needed */

INLINE void store(const gemm_job *job, int64_t at, __mmask16 lanes, __m512 sum)
{
    if (job->residual) sum = _mm512_add_ps(sum, _mm512_maskz_loadu_ps(lanes, job->residual + at));
    put(job->y + at, lanes, clamped(sum, job->low, job->high), job->past_cache);
}

/* `rows` and `vectors` are constants wherever this is expanded: the sums stay in registers. */
INLINE void tile(const int rows, const int vectors, const gemm_job *job, int first_row,
                 const float *panel, int first_column)
{
    const float *a = job->a + first_row * job->a_stride;
    const int64_t stride = job->a_stride;
    const int depth = job->depth;
    __m512 sums[ROWS][VECTORS];
#pragma GCC unroll 9
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 3
        for (int v = 0; v < vectors; v++) sums[r][v] = _mm512_load_ps(panel + v * GEMM_LANES);
    for (int k = 0; k < depth; k++) {
        __m512 filter[VECTORS];
        panel += vectors * GEMM_LANES;
#pragma GCC unroll 3
        for (int v = 0; v < vectors; v++) {
            filter[v] = _mm512_load_ps(panel + v * GEMM_LANES);
            _mm_prefetch((const char *)(panel + (AHEAD * vectors + v) * GEMM_LANES), _MM_HINT_T0);
        }
#pragma GCC unroll 9
        for (int r = 0; r < rows; r++) {
            __m512 x = _mm512_set1_ps(a[r * stride + k]);
#pragma GCC unroll 3
            for (int v = 0; v < vectors; v++)
                sums[r][v] = _mm512_fmadd_ps(x, filter[v], sums[r][v]);
        }
    }
#pragma GCC unroll 3
    for (int v = 0; v < vectors; v++) {
        __mmask16 lanes = first_lanes(job->columns - first_column - v * GEMM_LANES);
        int64_t at = first_row * job->y_stride + first_column + v * GEMM_LANES;
#pragma GCC unroll 9
        for (int r = 0; r < rows; r++, at += job->y_stride) store(job, at, lanes, sums[r][v]);
    }
}

#define ROWS_CASE(rows)                                                                            \
    case rows:                                                                                     \
        if (vectors == 3)                                                                          \
            tile(rows, 3, job, first_row, panel, first_column);                                    \
        else if (vectors == 2)                                                                     \
            tile(rows, 2, job, first_row, panel, first_column);                                    \
        else                                                                                       \
            tile(rows, 1, job, first_row, panel, first_column);                                    \
        break

static void tile_of(int rows, int vectors, const gemm_job *job, int first_row, const float *panel,
                    int first_column)
{
    switch (rows) {
        ROWS_CASE(1);
        ROWS_CASE(2);
        ROWS_CASE(3);
        ROWS_CASE(4);
        ROWS_CASE(5);
        ROWS_CASE(6);
        ROWS_CASE(7);
        ROWS_CASE(8);
        ROWS_CASE(9);
    }
}

/* Vectors in the panel that starts with `left` vectors to go: 3, but never a lonely one at the end
 * where two panels of 2 do. */
static int panel_vectors(int left)
{
    return left == 4 || left == 2 ? 2 : left < VECTORS ? left : VECTORS;
}

static size_t panel_bytes(int depth, int columns)
{
    return (size_t)gemm_vectors(columns) * GEMM_LANES * ((size_t)depth + 1) * sizeof(float);
}

/* Panels of 1 to 3 vectors of columns, each [1 + depth][vectors][GEMM_LANES], bias first. */
static void pack(const conv_params *p, void *panels)
{
    int depth = p->kernel[0] * p->kernel[1] * p->in_channels, first = 0;
    float *to = panels;
    for (int left = gemm_vectors(p->out_channels), vectors; left > 0; left -= vectors) {
        vectors = panel_vectors(left);
        int end = first + vectors * GEMM_LANES;
        for (int c = first; c < end; c++) *to++ = gemm_bias_at(p, c);
        for (int k = 0; k < depth; k++)
            for (int c = first; c < end; c++) *to++ = gemm_filter_at(p, k, c);
        first = end;
    }
}

static int chunk_rows(int depth)
{
    int rows = CHUNK_BYTES / (int)sizeof(float) / (depth < CHUNK_BYTES ? depth : CHUNK_BYTES);
    return rows > 2 * ROWS ? rows / ROWS * ROWS : 2 * ROWS;
}

/* Tiles share the rows evenly: a last tile of one row would wait for its own sums. */
static void gemm(const gemm_job *job)
{
    int tiles = (job->rows + ROWS - 1) / ROWS;
    const float *panel = job->panels;
    int first_column = 0;
    for (int left = gemm_vectors(job->columns), vectors; left > 0; left -= vectors) {
        vectors = panel_vectors(left);
        for (int i = 0; i < tiles; i++) {
            int first = (int)((int64_t)job->rows * i / tiles);
            int end = (int)((int64_t)job->rows * (i + 1) / tiles);
            tile_of(end - first, vectors, job, first, panel, first_column);
        }
        panel += (int64_t)(job->depth + 1) * vectors * GEMM_LANES;
        first_column += vectors * GEMM_LANES;
    }
    if (job->past_cache) _mm_sfence();
}

const gemm_kernels gemm_loops_avx512 = {.name = "gemm avx512",
                                        .grain = 1,
                                        .chunk_rows = chunk_rows,
                                        .panel_bytes = panel_bytes,
                                        .pack = pack,
                                        .gemm = gemm,
                                        .gather = gemm_gather_avx512,
                                        .depthwise = gemm_depthwise_avx512};
