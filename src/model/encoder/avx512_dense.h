/* avx512_dense.h: dense layers of the AVX-512 kernels with bf16 activations: y = ending(x . W).
 *
 * The multipliers are what a core has too few of; bias, GELU, scaling and rounding use the units beside them. So a tile
 * leaves its sums in a block that stays in L1, and the next tile turns them into outputs, a row after every few steps of its
 * own: both go on at once, as far as the CPU looks ahead, and the multipliers hardly wait.
 *
 * Bit-identity: a sum is one chain over the steps, and a row is finished by itself, whichever tile does it.
 */
#ifndef HEDDLE_MODEL_ENCODER_AVX512_DENSE_H
#define HEDDLE_MODEL_ENCODER_AVX512_DENSE_H

#include "model/encoder/avx512_narrow.h"

/* What becomes of sums, and where it goes. */
struct ending {
    const float *bias;     /* (N) */
    const float *residual; /* (T,N) */
    void *output;          /* (T,N), of floats (residual) or bf16 */
    size_t outputs;        /* N */
    /* int8 only: a sum of integers s means token_scale x weight_scale x s - token_zero x weight_sum. */
    const float *token_scales;  /* (T) */
    const float *token_zeros;   /* (T), times token_scale */
    const float *weight_scales; /* (N) */
    const float *weight_sums;   /* (N), times weight_scale */
};

/* Fetches what finish_row() will touch a tile later: else its stores wait for memory, one by one. */
static inline __attribute__((always_inline)) void expect_finish(const enum heddle_epilogue epilogue,
                                                                const struct ending *ending, size_t panel,
                                                                size_t first, size_t rows)
{
    const bool is_float = epilogue == HEDDLE_EPILOGUE_RESIDUAL;
    for (size_t r = first; r < first + rows; r++) {
        const size_t place = r * ending->outputs + panel;
        if (is_float) {
            __builtin_prefetch((const float *)ending->output + place, 1);
            __builtin_prefetch((const float *)ending->output + place + V_FLOATS, 1);
            __builtin_prefetch(ending->residual + place);
            __builtin_prefetch(ending->residual + place + V_FLOATS);
        } else {
            __builtin_prefetch((const uint16_t *)ending->output + place, 1);
        }
    }
}

/* 16 sums of a token, for the outputs from n on, as numbers with bias. */
static inline __attribute__((always_inline)) vector
value_of(const enum product product, const struct ending *ending, const float *sums, size_t token, size_t n)
{
    const vector bias = v_load(ending->bias + n);
    if (product == PRODUCT_BF16) {
        return v_add(v_load(sums), bias);
    }
    const vector whole = _mm512_cvtepi32_ps(_mm512_load_si512(sums));
    const vector zero = v_all(ending->token_zeros[token]);
    const vector shifted = _mm512_fnmadd_ps(zero, v_load(ending->weight_sums + n), bias);
    const vector scale = v_mul(v_load(ending->weight_scales + n), v_all(ending->token_scales[token]));
    return v_fma(whole, scale, shifted);
}

/* A block (rows,32) of sums that waits to be finished: those of the tokens from `first` on, in the columns from `panel` on. */
struct pending {
    const float *sums;
    size_t panel;
    size_t first;
    size_t rows;
};

/* `product` and `epilogue` are constants. */
static inline __attribute__((always_inline)) void finish_row(const enum product product,
                                                             const enum heddle_epilogue epilogue,
                                                             const struct ending *ending,
                                                             const struct pending *block, size_t row)
{
    const size_t token = block->first + row;
    const size_t place = token * ending->outputs + block->panel;
    const float *sums = block->sums + row * TILE_COLUMNS;
    vector left = value_of(product, ending, sums, token, block->panel);
    vector right = value_of(product, ending, sums + V_FLOATS, token, block->panel + V_FLOATS);
    if (epilogue == HEDDLE_EPILOGUE_RESIDUAL) {
        float *output = (float *)ending->output + place;
        v_store(output, v_add(left, v_load(ending->residual + place)));
        v_store(output + V_FLOATS, v_add(right, v_load(ending->residual + place + V_FLOATS)));
        return;
    }
    if (epilogue == HEDDLE_EPILOGUE_GELU) {
        const struct gelu_table table = gelu_table_load();
        left = gelu(&table, left);
        right = gelu(&table, right);
    }
    store_narrow_pair((uint16_t *)ending->output + place, left, right);
}

/* ---- tiles ---- */

/* The sums of a tile (rows,32) to `sums`; between its steps the rows of the block before are finished. */
static inline __attribute__((always_inline)) void dense_tile(const enum product product,
                                                             const enum heddle_epilogue epilogue,
                                                             const size_t rows, const struct factors *factors,
                                                             size_t steps, const struct ending *ending,
                                                             const struct pending *before, float *sums)
{
    vector left[TILE_ROWS];
    vector right[TILE_ROWS];
    tile_clear(rows, left, right);
    size_t step = 0;
    for (size_t row = 0; row < before->rows; row++) {
        const size_t until = steps * (row + 1) / (before->rows + 1);
        tile_steps(product, rows, factors, step, until, left, right);
        finish_row(product, epilogue, ending, before, row);
        step = until;
    }
    tile_steps(product, rows, factors, step, steps, left, right);
    tile_store(rows, sums, TILE_COLUMNS, left, right);
}

typedef void dense_function(const struct factors *factors, size_t steps, const struct ending *ending,
                            const struct pending *before, float *sums);

#define DENSE_OF(name, product, epilogue, rows)                                                              \
    static __attribute__((noinline)) void name##_##rows(const struct factors *factors, size_t steps,         \
                                                        const struct ending *ending,                         \
                                                        const struct pending *before, float *sums)           \
    {                                                                                                        \
        dense_tile(product, epilogue, rows, factors, steps, ending, before, sums);                           \
    }
#define BIAS_OF(name, product, rows) DENSE_OF(name, product, HEDDLE_EPILOGUE_BIAS, rows)
#define GELU_OF(name, product, rows) DENSE_OF(name, product, HEDDLE_EPILOGUE_GELU, rows)
#define RESIDUAL_OF(name, product, rows) DENSE_OF(name, product, HEDDLE_EPILOGUE_RESIDUAL, rows)

/* ---- layers ---- */

/* All of y = ending(x . W): a panel of 32 outputs stays in L1 and L2 while all tokens pass over it. `row_bytes` is the size of
 * one token's inputs, and of one output's weights. Meanwhile the tiles fetch the next panel; behind the last stands, in the
 * block of all weights, the next layer's first. */
static inline __attribute__((always_inline)) void
dense_layer(const enum product product, const enum heddle_epilogue epilogue, dense_function *const *tiles,
            const struct ending *ending, const char *input, const char *weights, size_t row_bytes,
            size_t tokens)
{
    alignas(64) float sums[2][TILE_ROWS * TILE_COLUMNS];
    const size_t steps = row_bytes / STEP_BYTES;
    const size_t panel_bytes = steps * PANEL_STEP_BYTES;
    const size_t count = tile_count(tokens);
    struct factors factors = {.a_step = row_bytes, .ahead_step = (panel_bytes / count + steps - 1) / steps};
    struct pending before = {0};
    size_t turn = 0;
    for (size_t panel = 0; panel < ending->outputs; panel += TILE_COLUMNS) {
        factors.b = weights;
        for (size_t i = 0; i < count; i++, turn ^= 1) {
            const size_t first = tokens * i / count;
            const size_t rows = tokens * (i + 1) / count - first;
            expect_finish(epilogue, ending, panel, first, rows);
            factors.a = input + first * row_bytes;
            factors.ahead = weights + panel_bytes + panel_bytes * i / count;
            tiles[rows](&factors, steps, ending, &before, sums[turn]);
            before = (struct pending){sums[turn], panel, first, rows};
        }
        weights += panel_bytes;
    }
    for (size_t row = 0; row < before.rows; row++) {
        finish_row(product, epilogue, ending, &before, row);
    }
}

/* Defines `dense`, a kernel's dense layers in that product. */
#define DENSE(product)                                                                                       \
    TILES_BY(BIAS_OF, dense_function, bias_tiles, product)                                                   \
    TILES_BY(GELU_OF, dense_function, gelu_tiles, product)                                                   \
    TILES_BY(RESIDUAL_OF, dense_function, residual_tiles, product)                                           \
    static void dense(enum heddle_epilogue epilogue, const struct ending *ending, const char *input,         \
                      const char *weights, size_t row_bytes, size_t tokens)                                  \
    {                                                                                                        \
        switch (epilogue) {                                                                                  \
        case HEDDLE_EPILOGUE_BIAS:                                                                           \
            dense_layer(product, HEDDLE_EPILOGUE_BIAS, bias_tiles, ending, input, weights, row_bytes,        \
                        tokens);                                                                             \
            break;                                                                                           \
        case HEDDLE_EPILOGUE_GELU:                                                                           \
            dense_layer(product, HEDDLE_EPILOGUE_GELU, gelu_tiles, ending, input, weights, row_bytes,        \
                        tokens);                                                                             \
            break;                                                                                           \
        case HEDDLE_EPILOGUE_RESIDUAL:                                                                       \
            dense_layer(product, HEDDLE_EPILOGUE_RESIDUAL, residual_tiles, ending, input, weights,           \
                        row_bytes, tokens);                                                                  \
            break;                                                                                           \
        }                                                                                                    \
    }

#endif
