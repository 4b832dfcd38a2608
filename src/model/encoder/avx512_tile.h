/* avx512_tile.h: the register tile of the narrow AVX-512 kernels: c (rows,32) = a (rows,depth) . b (depth,32).
 *
 * One step of depth takes 4 bytes of a row of a (2 bf16 or 4 u8), broadcasts them, and multiplies them into 32 columns of
 * b, which is packed so that a step's 4 bytes of one column lie side by side: (steps)(32)(4 bytes). The sums of 14 rows x 2
 * vectors fill 28 of 32 registers: 28 multiply-adds for 2 loads and 14 broadcasts, which the load ports carry, so the
 * multipliers never wait. A sum is one chain over the steps, whatever the number of rows beside it: that is what makes
 * vectors independent of their batch.
 */
#ifndef HEDDLE_MODEL_ENCODER_AVX512_TILE_H
#define HEDDLE_MODEL_ENCODER_AVX512_TILE_H

#include <string.h>

#include "model/encoder/vector_avx512.h"

enum product {
    PRODUCT_BF16, /* pairs; the sums are floats */
    PRODUCT_INT8, /* a: u8, b: s8, quads; the sums are 32-bit integers in the bits of a vector */
};

enum { TILE_COLUMNS = 2 * V_FLOATS, STEP_BYTES = 4, PANEL_STEP_BYTES = TILE_COLUMNS * STEP_BYTES };

static inline __attribute__((always_inline)) vector multiply_add(const enum product product, vector sum,
                                                                 __m512i a, __m512i b)
{
    if (product == PRODUCT_BF16) {
        return _mm512_dpbf16_ps(sum, (__m512bh)a, (__m512bh)b);
    }
    /* In assembly, because gcc 12 moves the sums to memory where they are integers. */
    __asm__("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(a), "v"(b));
    return sum;
}

static inline __attribute__((always_inline)) void tile_clear(const size_t rows, vector left[static TILE_ROWS],
                                                             vector right[static TILE_ROWS])
{
#pragma GCC unroll 16
    for (size_t r = 0; r < rows; r++) {
        left[r] = v_all(0);
        right[r] = v_all(0);
    }
}

/* What a tile multiplies: rows of a are a_step bytes apart. A line of `ahead`, ahead_step bytes a step, is fetched into L2. */
struct factors {
    const char *a;
    size_t a_step;
    const char *b;
    const char *ahead;
    size_t ahead_step;
};

/* Adds steps from .. to - 1 to the sums of a tile. `rows` and `product` are constants wherever this is inlined: the loops
 * over rows vanish and the sums are registers. */
static inline __attribute__((always_inline)) void tile_steps(const enum product product, const size_t rows,
                                                             const struct factors *factors, size_t from,
                                                             size_t to, vector left[static TILE_ROWS],
                                                             vector right[static TILE_ROWS])
{
    for (size_t step = from; step < to; step++) {
        _mm_prefetch(factors->ahead + step * factors->ahead_step, _MM_HINT_T1);
        const __m512i b_left = _mm512_load_si512(factors->b + step * PANEL_STEP_BYTES);
        const __m512i b_right = _mm512_load_si512(factors->b + step * PANEL_STEP_BYTES + sizeof(vector));
#pragma GCC unroll 16
        for (size_t r = 0; r < rows; r++) {
            int few = 0;
            memcpy(&few, factors->a + r * factors->a_step + step * STEP_BYTES, sizeof few);
            const __m512i all = _mm512_set1_epi32(few);
            left[r] = multiply_add(product, left[r], all, b_left);
            right[r] = multiply_add(product, right[r], all, b_right);
        }
    }
}

/* Rows of c are c_step floats apart. */
static inline __attribute__((always_inline)) void tile_store(const size_t rows, float *c, size_t c_step,
                                                             const vector left[static TILE_ROWS],
                                                             const vector right[static TILE_ROWS])
{
#pragma GCC unroll 16
    for (size_t r = 0; r < rows; r++) {
        v_store(c + r * c_step, left[r]);
        v_store(c + r * c_step + V_FLOATS, right[r]);
    }
}

static inline __attribute__((always_inline)) void tile(const enum product product, const size_t rows,
                                                       const struct factors *factors, size_t steps, float *c,
                                                       size_t c_step)
{
    vector left[TILE_ROWS];
    vector right[TILE_ROWS];
    tile_clear(rows, left, right);
    tile_steps(product, rows, factors, 0, steps, left, right);
    tile_store(rows, c, c_step, left, right);
}

typedef void tile_function(const struct factors *factors, size_t steps, float *c, size_t c_step);

#define TILE_OF(name, product, rows)                                                                         \
    static __attribute__((noinline)) void name##_##rows(const struct factors *factors, size_t steps,         \
                                                        float *c, size_t c_step)                             \
    {                                                                                                        \
        tile(product, rows, factors, steps, c, c_step);                                                      \
    }

/* Defines `name`, a table of functions of `type` for 1 to 14 rows, each defined by DEFINE(name, product, rows). */
#define TILES_BY(DEFINE, type, name, product)                                                                \
    DEFINE(name, product, 1)                                                                                 \
    DEFINE(name, product, 2)                                                                                 \
    DEFINE(name, product, 3)                                                                                 \
    DEFINE(name, product, 4)                                                                                 \
    DEFINE(name, product, 5)                                                                                 \
    DEFINE(name, product, 6)                                                                                 \
    DEFINE(name, product, 7)                                                                                 \
    DEFINE(name, product, 8)                                                                                 \
    DEFINE(name, product, 9)                                                                                 \
    DEFINE(name, product, 10)                                                                                \
    DEFINE(name, product, 11)                                                                                \
    DEFINE(name, product, 12)                                                                                \
    DEFINE(name, product, 13)                                                                                \
    DEFINE(name, product, 14)                                                                                \
    static type *const name[TILE_ROWS + 1] = {                                                               \
        NULL,     name##_1, name##_2,  name##_3,  name##_4,  name##_5,  name##_6,  name##_7,                 \
        name##_8, name##_9, name##_10, name##_11, name##_12, name##_13, name##_14,                           \
    };

/* Rows are shared out evenly over the fewest tiles: 16 rows are 8 + 8, not 14 + 2. */
static inline size_t tile_count(size_t rows)
{
    return (rows + TILE_ROWS - 1) / TILE_ROWS;
}

#endif
