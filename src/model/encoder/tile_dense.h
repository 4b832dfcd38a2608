/* tile_dense.h: dense layers and LayerNorm in bf16 over the tile primitives of tile_amx.h, or of a model of them.
 *
 * A tile instruction multiplies 16 tokens x 32 inputs by 32 inputs x 16 outputs in 16 cycles, if it is fed: the vector units
 * are the second wall, and L2 the third. Hence
 * - 2 x 2 tiles of sums: four loads feed four multiplications, and no sum waits for its own last step;
 * - the sums of a block (32 tokens x 32 outputs) are finished (bias, GELU, residual, rounding) between the steps of the
 *   next block, row by row, so that tiles and vectors work at the same time;
 * - weights and inputs lie in the order in which tiles read them, and each layer writes that order for the next: a step
 *   is 2 KB of one and 2 KB of the other, front to back, and hardware prefetches such streams;
 * - the weights of the next panel are prefetched into L2 a few lines a step: they come from L3 once a group.
 *
 * Block order of (T,K): (T/32)(K/32)(32)(32), so tokens 0..15 and 16..31 of a step are a tile each. All inputs of dense
 * layers have it; qkv alone is row-major, because attention starts at any token. The last block of tokens may reach
 * into the room behind them: its rows are read, multiplied and dropped, and a row never touches another.
 *
 * Bit-identity: a sum is one chain of steps of 32 inputs in order, whatever its block.
 */
#include <stdalign.h>
#include <stdint.h>
#include <string.h>

#include "model/encoder/kernel.h"
#include "model/encoder/vector_avx512.h"

enum {
    TILE = 16,            /* rows of a tile, and dwords of a row */
    TILE_NUMBERS = 512,   /* bf16 numbers of a tile */
    TILE_STEP = 64,       /* bytes from row to row where tiles are packed */
    BLOCK = 32,           /* tokens, inputs and outputs of a block: two tiles */
    BLOCK_NUMBERS = 1024, /* of a step: two tiles */
    LINE = 32,            /* bf16 numbers of a cache line */
};

/* Registers: sums by token half and output half, then inputs by token half, then weights by output half. */
#define SUM_LEFT 0
#define SUM_RIGHT 1
#define SUM_LOW_LEFT 2
#define SUM_LOW_RIGHT 3
#define INPUT 4
#define INPUT_LOW 5
#define WEIGHTS_LEFT 6
#define WEIGHTS_RIGHT 7

/* Every tile is whole: 16 rows of 64 bytes. */
static void begin(void)
{
    static const struct {
        uint8_t palette;
        uint8_t start_row;
        uint8_t reserved[14];
        uint16_t row_bytes[16];
        uint8_t rows[16];
    } shapes = {
        .palette = 1,
        .row_bytes = {64, 64, 64, 64, 64, 64, 64, 64},
        .rows = {TILE, TILE, TILE, TILE, TILE, TILE, TILE, TILE},
    };
    tiles_configure(&shapes);
}

/* A thread whose tiles are in use costs the system 8 KB at each switch. */
static void end(void)
{
    tiles_release();
}

/* Where (token, column) of a matrix of `width` columns stands in block order. */
static inline size_t place(size_t token, size_t column, size_t width)
{
    return (token / BLOCK * (width / BLOCK) + column / BLOCK) * BLOCK_NUMBERS + token % BLOCK * BLOCK +
           column % BLOCK;
}

/* ---- weights ---- */

static uint16_t narrow_one(float x)
{
    uint32_t bits = 0;
    memcpy(&bits, &x, sizeof bits);
    bits += 0x7fff + (bits >> 16 & 1); /* round to nearest, ties to even; weights are finite */
    return (uint16_t)(bits >> 16);
}

static size_t packed_bytes(size_t outputs, size_t inputs)
{
    return outputs * inputs * sizeof(uint16_t);
}

/* (N,K) -> (N/32)(K/32)(2 halves of outputs)(16 pairs of inputs)(16 outputs)(2): tiles as the right side of tile_dp. */
static void pack(const float *weights, size_t outputs, size_t inputs, void *packed_out)
{
    uint16_t *packed = packed_out;
    for (size_t n = 0; n < outputs; n++) {
        for (size_t k = 0; k < inputs; k++) {
            const size_t block = n / BLOCK * (inputs / BLOCK) + k / BLOCK;
            const size_t tile = block * 2 + n % BLOCK / TILE;
            packed[tile * TILE_NUMBERS + k % BLOCK / 2 * LINE + n % TILE * 2 + k % 2] =
                narrow_one(weights[n * inputs + k]);
        }
    }
}

/* ---- finishing a block ---- */

/* erf GELU: x Phi(x), Phi(x) = 0.5 + c P(2 c^2 / 4.4^2 - 1), c = x clamped to +-4.4; P is the weighted minimax polynomial of
 * degree 8. Absolute error 2.5e-5 for |x| <= 6: half of what bf16 leaves of a number of 0.01. */
static inline vector gelu(vector x)
{
    static const float coefficients[] = {
        -7.884176449e-03f, 1.098784136e-02f, -1.597699533e-02f, 2.680218903e-02f,
        -4.008923202e-02f, 5.525052171e-02f, -7.861231332e-02f, 1.604044199e-01f,
    };
    const float edge = 4.4f;
    enum { SMALLER_MAGNITUDE_SIGN_OF_FIRST = 2 };
    const vector c = _mm512_range_ps(x, v_all(edge), SMALLER_MAGNITUDE_SIGN_OF_FIRST);
    const vector u = v_fma(v_mul(c, c), v_all(2.0f / (edge * edge)), v_all(-1.0f));
    vector p = v_all(2.754166316e-03f);
#pragma GCC unroll 16
    for (size_t i = 0; i < sizeof coefficients / sizeof coefficients[0]; i++) {
        p = v_fma(p, u, v_all(coefficients[i]));
    }
    return v_mul(x, v_fma(c, p, v_all(0.5f)));
}

/* A block of sums that waits to be finished. */
struct pending {
    const float *sums; /* (32,32) */
    size_t rows;       /* that are tokens */
    const float *bias;
    const float *residual; /* of its first row */
    char *output;
    size_t step; /* numbers from row to row of output and residual */
};

static inline __attribute__((always_inline)) void finish_row(const struct pending *block, size_t row,
                                                             const enum heddle_epilogue epilogue)
{
    const float *sums = block->sums + row * BLOCK;
    vector left = v_add(v_load(sums), v_load(block->bias));
    vector right = v_add(v_load(sums + TILE), v_load(block->bias + TILE));
    if (epilogue == HEDDLE_EPILOGUE_RESIDUAL) {
        const float *residual = block->residual + row * block->step;
        float *output = (float *)(void *)block->output + row * block->step;
        v_store(output, v_add(left, v_load(residual)));
        v_store(output + TILE, v_add(right, v_load(residual + TILE)));
        return;
    }
    if (epilogue == HEDDLE_EPILOGUE_GELU) {
        left = gelu(left);
        right = gelu(right);
    }
    uint16_t *output = (uint16_t *)(void *)block->output + row * block->step;
    _mm512_store_si512(output, narrow_two(left, right));
}

/* ---- dense layers ---- */

/* sums += input (32 tokens, 32 inputs) . weights (32 inputs, 32 outputs); only the first 16 tokens where not `both`. */
static inline __attribute__((always_inline)) void multiply_step(const uint16_t *input,
                                                                const uint16_t *weights, bool both)
{
    tile_load(INPUT, input, TILE_STEP);
    tile_load(WEIGHTS_LEFT, weights, TILE_STEP);
    tile_dp(SUM_LEFT, INPUT, WEIGHTS_LEFT);
    tile_load(WEIGHTS_RIGHT, weights + TILE_NUMBERS, TILE_STEP);
    tile_dp(SUM_RIGHT, INPUT, WEIGHTS_RIGHT);
    if (both) {
        tile_load(INPUT_LOW, input + TILE_NUMBERS, TILE_STEP);
        tile_dp(SUM_LOW_LEFT, INPUT_LOW, WEIGHTS_LEFT);
        tile_dp(SUM_LOW_RIGHT, INPUT_LOW, WEIGHTS_RIGHT);
    }
}

static inline __attribute__((always_inline)) void store_sums(float *sums, bool both)
{
    enum { ROW_BYTES = BLOCK * sizeof(float) };
    tile_store(SUM_LEFT, sums, ROW_BYTES);
    tile_store(SUM_RIGHT, sums + TILE, ROW_BYTES);
    if (both) {
        tile_store(SUM_LOW_LEFT, sums + TILE * BLOCK, ROW_BYTES);
        tile_store(SUM_LOW_RIGHT, sums + TILE * BLOCK + TILE, ROW_BYTES);
    }
}

/* What one pass over a panel of 32 outputs needs besides the block that is computed. */
struct panel {
    const uint16_t *weights;
    const uint16_t *next; /* weights of the next panel */
    size_t steps;         /* blocks of inputs */
};

/* Computes a block of sums, finishing the one before on the way. `from` .. `to`: lines of each step of the next panel that
 * are prefetched meanwhile. */
static inline __attribute__((always_inline)) void
multiply_block(const struct panel *panel, const uint16_t *input, bool both, size_t from, size_t to,
               const struct pending *before, const enum heddle_epilogue epilogue, float *sums)
{
    size_t row = 0;
    size_t due = 0;
    tile_zero(SUM_LEFT);
    tile_zero(SUM_RIGHT);
    tile_zero(SUM_LOW_LEFT);
    tile_zero(SUM_LOW_RIGHT);
    for (size_t step = 0; step < panel->steps; step++) {
        const size_t at = step * BLOCK_NUMBERS;
        for (size_t line = from; line < to; line++) {
            _mm_prefetch((const char *)(panel->next + at + line * LINE), _MM_HINT_T1);
        }
        multiply_step(input + at, panel->weights + at, both);
        /* rows x (step + 1) / steps rows are finished behind this step */
        for (due += before->rows; due >= panel->steps; due -= panel->steps) {
            finish_row(before, row++, epilogue);
        }
    }
    store_sums(sums, both);
}

static inline struct pending make_pending(const struct heddle_linear *linear, const float *sums, size_t token,
                                          size_t tokens, size_t column, enum heddle_epilogue epilogue,
                                          const float *residual, void *output)
{
    const bool in_blocks = epilogue == HEDDLE_EPILOGUE_GELU;
    const size_t at = in_blocks ? place(token, column, linear->outputs) : token * linear->outputs + column;
    const bool is_float = epilogue == HEDDLE_EPILOGUE_RESIDUAL;
    return (struct pending){
        .sums = sums,
        .rows = tokens - token < BLOCK ? tokens - token : BLOCK,
        .bias = linear->bias + column,
        .residual = is_float ? residual + at : NULL,
        .output = (char *)output + at * (is_float ? sizeof(float) : sizeof(uint16_t)),
        .step = in_blocks ? BLOCK : linear->outputs,
    };
}

static inline __attribute__((always_inline)) void multiply(const struct heddle_linear *linear,
                                                           const uint16_t *input, size_t tokens,
                                                           const enum heddle_epilogue epilogue,
                                                           const float *residual, void *output)
{
    alignas(64) float sums[2][BLOCK * BLOCK];
    const size_t blocks = (tokens + BLOCK - 1) / BLOCK;
    const size_t size = BLOCK * linear->inputs; /* numbers of a panel, and of a block of tokens */
    struct pending before = {0};
    size_t turn = 0;
    for (size_t column = 0; column < linear->outputs; column += BLOCK) {
        const uint16_t *weights = (const uint16_t *)linear->weights + column * linear->inputs;
        const bool is_last = column + BLOCK == linear->outputs;
        const struct panel panel = {weights, is_last ? weights : weights + size, linear->inputs / BLOCK};
        for (size_t i = 0; i < blocks; i++, turn ^= 1) {
            const bool both = tokens - i * BLOCK > TILE;
            multiply_block(&panel, input + i * size, both, i * BLOCK / blocks, (i + 1) * BLOCK / blocks,
                           &before, epilogue, sums[turn]);
            before = make_pending(linear, sums[turn], i * BLOCK, tokens, column, epilogue, residual, output);
        }
    }
    for (size_t row = 0; row < before.rows; row++) {
        finish_row(&before, row, epilogue);
    }
}

/* One loop an epilogue: inside, nothing is asked. */
static void gemm(const struct heddle_linear *linear, const void *input, size_t tokens,
                 enum heddle_epilogue epilogue, const float *residual, void *output, void *scratch)
{
    (void)scratch; /* nothing is kept between the steps */
    switch (epilogue) {
    case HEDDLE_EPILOGUE_BIAS: multiply(linear, input, tokens, HEDDLE_EPILOGUE_BIAS, NULL, output); break;
    case HEDDLE_EPILOGUE_GELU: multiply(linear, input, tokens, HEDDLE_EPILOGUE_GELU, NULL, output); break;
    case HEDDLE_EPILOGUE_RESIDUAL:
        multiply(linear, input, tokens, HEDDLE_EPILOGUE_RESIDUAL, residual, output);
        break;
    }
}

/* ---- LayerNorm ---- */

static void layer_norm(float *values, size_t tokens, size_t width, const float *gain, const float *bias,
                       float epsilon, void *narrow_out)
{
    for (size_t t = 0; t < tokens; t++) {
        float *x = values + t * width;
        uint16_t *narrow = (uint16_t *)narrow_out + place(t, 0, width);
        vector left = v_all(0);
        vector right = v_all(0);
        for (size_t i = 0; i < width; i += BLOCK) {
            left = v_add(left, v_load(x + i));
            right = v_add(right, v_load(x + i + TILE));
        }
        const float mean = v_sum(v_add(left, right)) / (float)width;
        left = v_all(0);
        right = v_all(0);
        for (size_t i = 0; i < width; i += BLOCK) {
            const vector a = v_sub(v_load(x + i), v_all(mean));
            const vector b = v_sub(v_load(x + i + TILE), v_all(mean));
            left = v_fma(a, a, left);
            right = v_fma(b, b, right);
        }
        const float squares = v_sum(v_add(left, right));
        const float scale = 1.0f / __builtin_sqrtf(squares / (float)width + epsilon);
        const vector shift = v_all(-mean * scale);
        for (size_t i = 0; i < width; i += BLOCK) {
            const vector a = v_fma(v_load(x + i), v_all(scale), shift);
            const vector b = v_fma(v_load(x + i + TILE), v_all(scale), shift);
            const vector low = v_fma(a, v_load(gain + i), v_load(bias + i));
            const vector high = v_fma(b, v_load(gain + i + TILE), v_load(bias + i + TILE));
            v_store(x + i, low);
            v_store(x + i + TILE, high);
            _mm512_store_si512(narrow + i / BLOCK * BLOCK_NUMBERS, narrow_two(low, high));
        }
    }
}
