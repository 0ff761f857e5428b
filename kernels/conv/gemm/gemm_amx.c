/* The inner loops in AMX: fp32 products on a matrix unit that multiplies bf16 and sums in fp32.
 *
 * Every fp32 number is the exact sum of three bf16 numbers, high + middle + low (3 x 8 bits of
 * mantissa). Of the nine products of two such sums the six largest are added up: high*high,
 * high*middle, middle*high, high*low, middle*middle, low*high. What is left out is below 2^-24 of
 * the product, half an ulp of fp32, so the result is as good as one of fp32 products, at more than
 * twice the speed of the fp32 units. Numbers below 2^-110 lose their low parts, and an infinite
 * input gives NaN where fp32 might give an infinite sum. */
#include "kernels/conv/gemm/gemm_loops.h"

#include <string.h>

#include "kernels/conv/gemm/lanes_avx512.h"

/* A tile is 16 rows of 64 bytes: 16 x 32 bf16 of the left side, 16 pairs of depth x 16 columns of
 * the filter, 16 x 16 sums. */
enum { TILE = 16, DEPTH = 32, PLANES = 3, TILE_BYTES = 1024, CHUNK_BYTES = 768 * 1024 };
enum { HIGH, MIDDLE, LOW };

static int blocks_of(int depth)
{
    return (depth + DEPTH - 1) / DEPTH;
}

/* ---- the filter ------------------------------------------------------------------------------ */

static uint16_t bf16_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    if ((bits & 0x7fffffffu) > 0x7f800000u) return (uint16_t)(bits >> 16 | 0x40u);
    return (uint16_t)((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}

static float float_of(uint16_t bf16)
{
    uint32_t bits = (uint32_t)bf16 << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static void split(float value, uint16_t planes[PLANES])
{
    for (int i = 0; i < PLANES; i++) {
        planes[i] = bf16_of(value);
        value -= float_of(planes[i]);
        if (!(value - value == 0)) value = 0; /* of an infinite number nothing is left */
    }
}

static size_t panel_bytes(int depth, int columns)
{
    size_t vectors = (size_t)gemm_vectors(columns);
    return vectors * (TILE * sizeof(float) + (size_t)blocks_of(depth) * PLANES * TILE_BYTES);
}

/* First the bias of all columns, then [16 columns][32 of depth][plane] one tile each. */
static void pack(const conv_params *p, void *panels)
{
    int depth = p->kernel[0] * p->kernel[1] * p->in_channels;
    int vectors = gemm_vectors(p->out_channels), blocks = blocks_of(depth);
    float *bias = panels;
    for (int c = 0; c < vectors * TILE; c++) bias[c] = gemm_bias_at(p, c);
    uint16_t *tiles = (uint16_t *)(void *)(bias + vectors * TILE);
    for (int v = 0; v < vectors; v++)
        for (int block = 0; block < blocks; block++, tiles += PLANES * TILE_BYTES / 2)
            for (int k = 0; k < DEPTH; k++)
                for (int c = 0; c < TILE; c++) {
                    uint16_t planes[PLANES];
                    split(gemm_filter_at(p, block * DEPTH + k, v * TILE + c), planes);
                    for (int i = 0; i < PLANES; i++) /* pairs are (k, k + 16): see stage_row */
                        tiles[i * TILE_BYTES / 2 + k % TILE * DEPTH + c * 2 + k / TILE] = planes[i];
                }
}

/* ---- the left side --------------------------------------------------------------------------- */

static size_t staged_bytes(int rows, int depth)
{
    size_t tiles = ((size_t)rows + 2 * TILE - 1) / (2 * TILE) * 2; /* computed in twos */
    return tiles * (size_t)blocks_of(depth) * PLANES * TILE_BYTES;
}

static int chunk_rows(int depth)
{
    int rows = CHUNK_BYTES / (PLANES * 2) / (depth < CHUNK_BYTES ? depth : CHUNK_BYTES);
    rows = rows / (2 * TILE) * 2 * TILE;
    return rows > 1024 ? 1024 : rows > 2 * TILE ? rows : 2 * TILE;
}

/* 32 numbers of one row into that row of the three tiles at `tiles`. Each plane takes the upper
 * half of what is left, so that nothing has to be rounded: number i stands beside number 16 + i,
 * and the filter is packed in that order. */
static inline void stage_row(__m512 first, __m512 second, unsigned char *tiles)
{
    const __m512i upper = _mm512_set1_epi32((int)0xffff0000u);
    for (int i = 0; i < PLANES; i++) {
        __m512i one = _mm512_castps_si512(first), other = _mm512_castps_si512(second);
        __m512i high_of_one = _mm512_and_si512(one, upper);
        __m512i high_of_other = _mm512_and_si512(other, upper);
        _mm512_store_si512(tiles + i * TILE_BYTES,
                           _mm512_or_si512(_mm512_srli_epi32(one, 16), high_of_other));
        first = _mm512_sub_ps(first, _mm512_castsi512_ps(high_of_one));
        second = _mm512_sub_ps(second, _mm512_castsi512_ps(high_of_other));
    }
}

/* [16 rows][32 of depth][plane] one tile each; what lies beyond the depth is zero. */
static void stage(const float *a, int64_t a_stride, int rows, int depth, int first_row,
                  void *staged)
{
    int blocks = blocks_of(depth);
    for (int r = 0; r < rows; r++, a += a_stride) {
        unsigned char *to = (unsigned char *)staged +
                            (int64_t)(first_row + r) / TILE * blocks * PLANES * TILE_BYTES +
                            (first_row + r) % TILE * 64;
        int k = 0;
        for (; k + DEPTH <= depth; k += DEPTH, to += PLANES * TILE_BYTES)
            stage_row(_mm512_loadu_ps(a + k), _mm512_loadu_ps(a + k + TILE), to);
        if (k < depth)
            stage_row(_mm512_maskz_loadu_ps(first_lanes(depth - k), a + k),
                      _mm512_maskz_loadu_ps(first_lanes(depth - k - TILE), a + k + TILE), to);
    }
}

/* ---- the product ----------------------------------------------------------------------------- */

typedef struct tile_config {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} tile_config;

static void configure(void)
{
    tile_config all = {.palette = 1};
    for (int i = 0; i < 8; i++) {
        all.row_bytes[i] = 64;
        all.rows[i] = TILE;
    }
    _tile_loadconfig(&all);
}

/* Tile registers: sums 0..3 (two by two), left side 4 and 5, filter 6 and 7. */
#define LOAD_LEFT(plane)                                                                           \
    _tile_loadd(4, a + (plane)*TILE_BYTES, 64);                                                    \
    _tile_loadd(5, a + a_down + (plane)*TILE_BYTES, 64)
#define LOAD_FILTER(plane)                                                                         \
    _tile_loadd(6, b + (plane)*TILE_BYTES, 64);                                                    \
    if (wide) _tile_loadd(7, b + b_across + (plane)*TILE_BYTES, 64)
#define MULTIPLY()                                                                                 \
    _tile_dpbf16ps(0, 4, 6);                                                                       \
    _tile_dpbf16ps(2, 5, 6);                                                                       \
    if (wide) {                                                                                    \
        _tile_dpbf16ps(1, 4, 7);                                                                   \
        _tile_dpbf16ps(3, 5, 7);                                                                   \
    }

/* 32 rows by 32 columns (16 if not `wide`) of sums, over all of the depth. */
static inline __attribute__((always_inline)) void multiply(const int wide, const unsigned char *a,
                                                           const unsigned char *b, int blocks,
                                                           float sums[4][TILE * TILE])
{
    const int64_t a_down = (int64_t)blocks * PLANES * TILE_BYTES, b_across = a_down;
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    /* The small products first, of the whole depth: their sum is 2^-8 of the final one, and so is
     * what rounding costs it. In one pass every large addition would be rounded six times. */
    for (int block = 0; block < blocks; block++) {
        LOAD_LEFT(HIGH);
        LOAD_FILTER(LOW);
        MULTIPLY();
        LOAD_FILTER(MIDDLE);
        MULTIPLY();
        LOAD_LEFT(MIDDLE);
        MULTIPLY();
        LOAD_FILTER(HIGH);
        MULTIPLY();
        LOAD_LEFT(LOW);
        MULTIPLY();
        a += PLANES * TILE_BYTES;
        b += PLANES * TILE_BYTES;
    }
    a -= a_down;
    b -= b_across;
    for (int block = 0; block < blocks; block++) {
        LOAD_LEFT(HIGH);
        LOAD_FILTER(HIGH);
        MULTIPLY();
        a += PLANES * TILE_BYTES;
        b += PLANES * TILE_BYTES;
    }
    _tile_stored(0, sums[0], 64);
    _tile_stored(2, sums[2], 64);
    if (wide) {
        _tile_stored(1, sums[1], 64);
        _tile_stored(3, sums[3], 64);
    }
}

/* Bias, residual and limits on 16 x 16 sums, and out. */
static void finish(const gemm_job *job, const float *sums, int first_row, int first_column)
{
    int rows = job->rows - first_row < TILE ? job->rows - first_row : TILE;
    __mmask16 lanes = first_lanes(job->columns - first_column);
    __m512 bias = _mm512_load_ps((const float *)job->panels + first_column);
    int64_t at = first_row * job->y_stride + first_column;
    for (int r = 0; r < rows; r++, at += job->y_stride) {
        __m512 sum = _mm512_add_ps(_mm512_load_ps(sums + r * TILE), bias);
        if (job->residual)
            sum = _mm512_add_ps(sum, _mm512_maskz_loadu_ps(lanes, job->residual + at));
        put(job->y + at, lanes, clamped(sum, job->low, job->high), job->past_cache);
    }
}

static void gemm(const gemm_job *job)
{
    int blocks = blocks_of(job->depth), vectors = gemm_vectors(job->columns);
    int64_t tiles_bytes = (int64_t)blocks * PLANES * TILE_BYTES;
    const unsigned char *filter =
        (const unsigned char *)job->panels + (size_t)vectors * TILE * sizeof(float);
    _Alignas(64) float sums[4][TILE * TILE];
    configure();
    for (int v = 0; v < vectors; v += 2) {
        int wide = v + 1 < vectors;
        for (int row = 0; row < job->rows; row += 2 * TILE) {
            const unsigned char *a = (const unsigned char *)job->staged + row / TILE * tiles_bytes;
            if (wide)
                multiply(1, a, filter + v * tiles_bytes, blocks, sums);
            else
                multiply(0, a, filter + v * tiles_bytes, blocks, sums);
            for (int i = 0; i < 4; i++)
                if (row + i / 2 * TILE < job->rows && i % 2 <= wide)
                    finish(job, sums[i], row + i / 2 * TILE, (v + i % 2) * TILE);
        }
    }
    _tile_release();
    if (job->past_cache) _mm_sfence();
}

const gemm_kernels gemm_loops_amx = {.name = "gemm amx",
                                     .grain = TILE,
                                     .chunk_rows = chunk_rows,
                                     .panel_bytes = panel_bytes,
                                     .pack = pack,
                                     .staged_bytes = staged_bytes,
                                     .stage = stage,
                                     .gemm = gemm,
                                     .gather = gemm_gather_avx512,
                                     .depthwise = gemm_depthwise_avx512};
