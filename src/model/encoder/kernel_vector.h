/* kernel_vector.h: what the vector kernels share, written once over a few primitives of an instruction set.
 *
 * A source file defines the primitives, then includes this file, then fills its kernel table:
 *   vector, V_FLOATS (floats in a vector), TILE_ROWS (rows of the register tile: 6, 12 or 14),
 *   v_load v_store v_all (broadcast) v_add v_sub v_mul v_fma (a x b + c) v_min v_max v_round (to nearest)
 *   v_scale (x times 2 to the whole-numbered n) v_sum v_largest (over the lanes).
 *
 * One micro-kernel does all the fp32 multiplying: a tile of TILE_ROWS x 2 vectors of results is kept in registers while it
 * runs down the common dimension; each step loads one row of b (two vectors) and broadcasts TILE_ROWS numbers of a.
 * For 16 + 16 floats that is 28 multiply-adds for 2 loads and 14 broadcasts, which the load ports carry. The dense
 * layers, query . key and weight . value are the same tile with other strides. Results go through a block that stays
 * in L1, where bias, GELU and residual are added: less than 1 % of the time, and no code for each combination.
 *
 * Bit-identity: a result is one chain of v_fma over k = 0, 1, 2, …, whatever the number of rows in its tile. The
 * compiler must not fuse or reorder behind that: files are built with -ffp-contract=off.
 */
#include <stdalign.h>
#include <stdint.h>
#include <string.h>

#include "model/encoder/kernel.h"
#include "model/encoder/vector_spread.h"

enum { TILE_COLUMNS = 2 * V_FLOATS };

/* ---- the register tile ---- */

/* c (rows, TILE_COLUMNS) = a (rows, depth) . b (depth, TILE_COLUMNS); the steps count floats; c is dense. `rows` is a
 * constant wherever this is inlined: the loops over it vanish and the sums are registers. */
static inline __attribute__((always_inline)) void tile(const size_t rows, const float *a, size_t a_step,
                                                       const float *b, size_t depth, float *c)
{
    vector left[TILE_ROWS];
    vector right[TILE_ROWS];
#pragma GCC unroll 16
    for (size_t r = 0; r < rows; r++) {
        left[r] = v_all(0);
        right[r] = v_all(0);
    }
    for (size_t k = 0; k < depth; k++) {
        const vector b_left = v_load(b + k * TILE_COLUMNS);
        const vector b_right = v_load(b + k * TILE_COLUMNS + V_FLOATS);
#pragma GCC unroll 16
        for (size_t r = 0; r < rows; r++) {
            const vector x = v_all(a[r * a_step + k]);
            left[r] = v_fma(x, b_left, left[r]);
            right[r] = v_fma(x, b_right, right[r]);
        }
    }
#pragma GCC unroll 16
    for (size_t r = 0; r < rows; r++) {
        v_store(c + r * TILE_COLUMNS, left[r]);
        v_store(c + r * TILE_COLUMNS + V_FLOATS, right[r]);
    }
}

#define TILE_OF(rows)                                                                                        \
    static __attribute__((noinline)) void tile_##rows(const float *a, size_t a_step, const float *b,         \
                                                      size_t depth, float *c)                                \
    {                                                                                                        \
        tile(rows, a, a_step, b, depth, c);                                                                  \
    }

TILE_OF(1)
TILE_OF(2)
TILE_OF(3)
TILE_OF(4)
TILE_OF(5)
TILE_OF(6)
#if TILE_ROWS >= 12
TILE_OF(7)
TILE_OF(8)
TILE_OF(9)
TILE_OF(10)
TILE_OF(11)
TILE_OF(12)
#endif
#if TILE_ROWS >= 14
TILE_OF(13)
TILE_OF(14)
#endif

typedef void tile_function(const float *a, size_t a_step, const float *b, size_t depth, float *c);

static tile_function *const tiles[TILE_ROWS + 1] = {
    NULL,    tile_1,  tile_2, tile_3,  tile_4,  tile_5,  tile_6,
#if TILE_ROWS >= 12
    tile_7,  tile_8,  tile_9, tile_10, tile_11, tile_12,
#endif
#if TILE_ROWS >= 14
    tile_13, tile_14,
#endif
};

/* Rows are shared out evenly over the fewest tiles: 16 rows are 8 + 8, not 14 + 2. */
static size_t tile_count(size_t rows)
{
    return (rows + TILE_ROWS - 1) / TILE_ROWS;
}

/* ---- functions of a vector ---- */

/* exp(x) for x <= 0, relative error 2e-7: x = n ln 2 + f, polynomial in f (Cephes expf), times 2^n. */
static inline vector v_exp(vector x)
{
    x = v_max(x, v_all(-87.0f)); /* below, 2^n would be subnormal; exp(-87) is nothing beside exp(0) */
    const vector n = v_round(v_mul(x, v_all(1.44269504f)));
    vector f = v_fma(n, v_all(-0.693359375f), x);
    f = v_fma(n, v_all(2.12194440e-4f), f);
    vector p = v_all(1.9875691500e-4f);
    p = v_fma(p, f, v_all(1.3981999507e-3f));
    p = v_fma(p, f, v_all(8.3334519073e-3f));
    p = v_fma(p, f, v_all(4.1665795894e-2f));
    p = v_fma(p, f, v_all(1.6666665459e-1f));
    p = v_fma(p, f, v_all(5.0000001201e-1f));
    p = v_fma(p, v_mul(f, f), v_add(f, v_all(1.0f)));
    return v_scale(p, n);
}

/* erf GELU: x Phi(x), Phi(x) = 0.5 + x P(x^2) for |x| <= 5.25 and constant beyond, absolute error 8e-7 for |x| <= 6.
 * P is the weighted minimax polynomial of degree 13 in u = 2 x^2 / 5.25^2 - 1: in that variable, which runs from -1
 * to 1, its coefficients fall off and nothing cancels, as it would in powers of x^2. */
static inline vector v_gelu(vector x)
{
    static const float coefficients[] = {
        1.362166484e-03f,  -1.619677176e-03f, 2.112105954e-03f,  -4.827075638e-03f, 8.839717135e-03f,
        -1.309051178e-02f, 1.842543297e-02f,  -2.496542409e-02f, 3.204526007e-02f,  -3.977121785e-02f,
        4.964519292e-02f,  -6.712659448e-02f, 1.346593499e-01f,
    };
    const vector c = v_min(v_max(x, v_all(-5.25f)), v_all(5.25f));
    const vector u = v_fma(v_mul(c, c), v_all(2.0f / (5.25f * 5.25f)), v_all(-1.0f));
    vector p = v_all(-4.506530240e-04f);
#pragma GCC unroll 16
    for (size_t i = 0; i < sizeof coefficients / sizeof coefficients[0]; i++) {
        p = v_fma(p, u, v_all(coefficients[i]));
    }
    return v_mul(x, v_fma(c, p, v_all(0.5f)));
}

/* ---- LayerNorm ---- */

static void layer_norm(float *values, size_t tokens, size_t width, const float *gain, const float *bias,
                       float epsilon, void *narrow_out)
{
    (void)narrow_out; /* activations are float here */
    for (size_t t = 0; t < tokens; t++) {
        float *x = values + t * width;
        const struct spread spread = spread_of(x, width, epsilon);
        for (size_t i = 0; i < width; i += V_FLOATS) {
            v_store(x + i, spread_even(spread, v_load(x + i), gain + i, bias + i));
        }
    }
}

/* ---- attention ---- */

/* Scratch: keys as panels of TILE_COLUMNS tokens (T/TILE_COLUMNS)(width)(TILE_COLUMNS), values as panels of
 * TILE_COLUMNS columns (width/TILE_COLUMNS)(T)(TILE_COLUMNS), scores of one tile of queries (TILE_ROWS)(T). */
static size_t padded(size_t tokens)
{
    return (tokens + TILE_COLUMNS - 1) / TILE_COLUMNS * TILE_COLUMNS;
}

static size_t attention_bytes(size_t tokens, size_t head_width)
{
    return padded(tokens) * (2 * head_width + TILE_ROWS) * sizeof(float);
}

/* Scores -> exp(score - largest), not yet divided; answers 1 / their sum. Scores `tokens` .. `room` are not real. */
static float soften(float *scores, size_t tokens, size_t room)
{
    for (size_t t = tokens; t < room; t++) {
        scores[t] = -1e30f; /* becomes exp(-87): nothing beside the largest, which is exp(0) */
    }
    vector largest = v_load(scores);
    for (size_t t = V_FLOATS; t < room; t += V_FLOATS) {
        largest = v_max(largest, v_load(scores + t));
    }
    const vector top = v_all(v_largest(largest));
    vector sum = v_all(0);
    for (size_t t = 0; t < room; t += V_FLOATS) {
        const vector weight = v_exp(v_sub(v_load(scores + t), top));
        v_store(scores + t, weight);
        sum = v_add(sum, weight);
    }
    return 1.0f / v_sum(sum);
}

/* One tile of queries of one head. */
static void attend(const float *queries, size_t step, size_t rows, const float *keys, const float *values,
                   size_t tokens, size_t width, float *scores, float *context, size_t hidden)
{
    alignas(64) float block[TILE_ROWS * TILE_COLUMNS];
    float scale[TILE_ROWS];
    const size_t room = padded(tokens);
    for (size_t panel = 0; panel < room; panel += TILE_COLUMNS) {
        tiles[rows](queries, step, keys + panel * width, width, block);
        for (size_t r = 0; r < rows; r++) {
            memcpy(scores + r * room + panel, block + r * TILE_COLUMNS, TILE_COLUMNS * sizeof *block);
        }
    }
    for (size_t r = 0; r < rows; r++) {
        scale[r] = soften(scores + r * room, tokens, room);
    }
    for (size_t panel = 0; panel < width; panel += TILE_COLUMNS) {
        tiles[rows](scores, room, values + panel * tokens, tokens, block);
        for (size_t r = 0; r < rows; r++) {
            for (size_t n = 0; n < TILE_COLUMNS; n += V_FLOATS) {
                v_store(context + r * hidden + panel + n,
                        v_mul(v_load(block + r * TILE_COLUMNS + n), v_all(scale[r])));
            }
        }
    }
}
