/* kernel_fp32_vector.h: the fp32 kernel over the vector primitives of kernel_vector.h: dense layers and attention whose
 * weights and activations are floats. Included by one source file an instruction set.
 */
#include "model/encoder/kernel_vector.h"

enum { LINE_FLOATS = 16 /* of a cache line of 64 bytes */ };

/* ---- dense layers ---- */

/* (N,K) -> panels (N/TILE_COLUMNS)(K)(TILE_COLUMNS): the order in which the tile reads. */
static void pack(const float *weights, size_t outputs, size_t inputs, void *packed_out)
{
    float *packed = packed_out;
    for (size_t panel = 0; panel < outputs; panel += TILE_COLUMNS) {
        for (size_t k = 0; k < inputs; k++) {
            for (size_t n = 0; n < TILE_COLUMNS; n++) {
                packed[k * TILE_COLUMNS + n] = weights[(panel + n) * inputs + k];
            }
        }
        packed += inputs * TILE_COLUMNS;
    }
}

/* Block (rows, TILE_COLUMNS) of sums -> output rows, `step` floats apart; residual has the output's layout. */
static void finish_block(const float *block, size_t rows, const float *bias, enum heddle_epilogue epilogue,
                         const float *residual, float *output, size_t step)
{
    for (size_t r = 0; r < rows; r++) {
        for (size_t n = 0; n < TILE_COLUMNS; n += V_FLOATS) {
            vector value = v_add(v_load(block + r * TILE_COLUMNS + n), v_load(bias + n));
            if (epilogue == HEDDLE_EPILOGUE_GELU) {
                value = v_gelu(value);
            } else if (epilogue == HEDDLE_EPILOGUE_RESIDUAL) {
                value = v_add(value, v_load(residual + r * step + n));
            }
            v_store(output + r * step + n, value);
        }
    }
}

/* Fetches what finish_block() will touch while the tile is still multiplying: else its stores wait for memory. */
static void expect_block(size_t rows, const float *residual, const float *output, size_t step)
{
    for (size_t r = 0; r < rows; r++) {
        for (size_t n = 0; n < TILE_COLUMNS; n += LINE_FLOATS) {
            __builtin_prefetch(output + r * step + n, 1);
            if (residual != NULL) {
                __builtin_prefetch(residual + r * step + n);
            }
        }
    }
}

static void gemm(const struct heddle_linear *linear, const void *input, size_t tokens,
                 enum heddle_epilogue epilogue, const float *residual, void *output, void *scratch)
{
    (void)scratch; /* nothing is kept between the steps */
    alignas(64) float block[TILE_ROWS * TILE_COLUMNS];
    const size_t inputs = linear->inputs;
    const size_t outputs = linear->outputs;
    const size_t count = tile_count(tokens);
    /* A panel of weights (K x TILE_COLUMNS) stays in L2 while all tokens pass over it. */
    for (size_t panel = 0; panel < outputs; panel += TILE_COLUMNS) {
        const float *weights = (const float *)linear->weights + panel * inputs;
        for (size_t i = 0; i < count; i++) {
            const size_t first = tokens * i / count;
            const size_t rows = tokens * (i + 1) / count - first;
            const size_t place = first * outputs + panel;
            expect_block(rows, residual == NULL ? NULL : residual + place, (const float *)output + place,
                         outputs);
            tiles[rows]((const float *)input + first * inputs, inputs, weights, inputs, block);
            finish_block(block, rows, linear->bias + panel, epilogue,
                         residual == NULL ? NULL : residual + place, (float *)output + place, outputs);
        }
    }
}

/* ---- attention ---- */

#ifndef V_TRANSPOSES
/* V_FLOATS numbers of each of V_FLOATS rows -> their columns (steps in bytes); rows from `real` on are zero. An instruction
 * set that does this in registers defines V_TRANSPOSES and brings its own. */
static inline void v_transpose(const void *from, size_t step, size_t real, void *out, size_t out_step)
{
    for (size_t i = 0; i < V_FLOATS; i++) {
        const float *row = (const float *)(const void *)((const char *)from + i * step);
        for (size_t j = 0; j < V_FLOATS; j++) {
            ((float *)(void *)((char *)out + j * out_step))[i] = i < real ? row[j] : 0;
        }
    }
}
#endif

/* Places of the last panel without a token hold zeros or what was there: their scores are left out. */
static void pack_keys(const float *keys, size_t step, size_t tokens, size_t width, float *packed)
{
    for (size_t first = 0; first < tokens; first += V_FLOATS) {
        float *panel = packed + first / TILE_COLUMNS * TILE_COLUMNS * width + first % TILE_COLUMNS;
        for (size_t i = 0; i < width; i += V_FLOATS) {
            v_transpose(keys + first * step + i, step * sizeof *keys, tokens - first,
                        panel + i * TILE_COLUMNS, TILE_COLUMNS * sizeof *packed);
        }
    }
}

static void pack_values(const float *values, size_t step, size_t tokens, size_t width, float *packed)
{
    for (size_t panel = 0; panel < width; panel += TILE_COLUMNS) {
        for (size_t t = 0; t < tokens; t++) {
            memcpy(packed, values + t * step + panel, TILE_COLUMNS * sizeof *packed);
            packed += TILE_COLUMNS;
        }
    }
}

static void attention(const struct heddle_attention *attention)
{
    const size_t tokens = attention->tokens;
    const size_t width = attention->head_width;
    const size_t hidden = attention->heads * width;
    const size_t step = 3 * hidden;
    const size_t count = tile_count(tokens);
    float *keys = attention->scratch;
    float *values = keys + padded(tokens) * width;
    float *scores = values + padded(tokens) * width;
    for (size_t head = 0; head < attention->heads; head++) {
        const float *queries = (const float *)attention->qkv + head * width;
        float *context = (float *)attention->context + head * width;
        pack_keys(queries + hidden, step, tokens, width, keys);
        pack_values(queries + 2 * hidden, step, tokens, width, values);
        for (size_t i = 0; i < count; i++) {
            const size_t first = tokens * i / count;
            const size_t rows = tokens * (i + 1) / count - first;
            attend(queries + first * step, step, rows, keys, values, tokens, width, scores,
                   context + first * hidden, hidden);
        }
    }
}
