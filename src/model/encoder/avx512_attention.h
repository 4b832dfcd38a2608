/* avx512_attention.h: attention in bf16 for the narrow AVX-512 kernels.
 *
 * Head by head: keys and values are packed as a dense layer's weights are, then up to 14 queries at once go through the
 * register tile: query . key into scores, exp of these in bf16 as softmax's weights, weight . value. Sums are fp32; a
 * context is divided by the sum of its weights at the end.
 */
#ifndef HEDDLE_MODEL_ENCODER_AVX512_ATTENTION_H
#define HEDDLE_MODEL_ENCODER_AVX512_ATTENTION_H

#include "model/encoder/avx512_narrow.h"

TILES_BY(TILE_OF, tile_function, bf16_tiles, PRODUCT_BF16)

enum { PAIR_BYTES = 4, HEAD_STEP = 32 /* bf16 in a vector: head widths are multiples of it */ };

/* Tokens in whole panels. */
static size_t padded(size_t tokens)
{
    return (tokens + TILE_COLUMNS - 1) / TILE_COLUMNS * TILE_COLUMNS;
}

/* Keys (T/32)(width/2)(32)(2) and values (width/32)(T/2)(32)(2) of one head, scores (14)(T) floats, weights (14)(T). */
static size_t narrow_attention_bytes(size_t tokens, size_t head_width)
{
    return padded(tokens) *
           (2 * head_width * sizeof(uint16_t) + TILE_ROWS * (sizeof(float) + sizeof(uint16_t)));
}

/* Keys, `step` numbers apart -> panels of 32 tokens. Places of the last panel without a token hold anything: their scores
 * are left out. */
static void pack_keys(const uint16_t *keys, size_t step, size_t tokens, size_t width, char *packed)
{
    for (size_t first = 0; first < tokens; first += V_FLOATS) {
        char *panel = packed + first / TILE_COLUMNS * TILE_COLUMNS * width * sizeof *keys +
                      first % TILE_COLUMNS * PAIR_BYTES;
        for (size_t i = 0; i < width; i += HEAD_STEP) {
            v_transpose(keys + first * step + i, step * sizeof *keys, tokens - first,
                        panel + i / 2 * PANEL_STEP_BYTES, PANEL_STEP_BYTES);
        }
    }
}

/* Values -> panels of 32 columns, two tokens side by side; an odd last token has a neighbour of zeros. */
static void pack_values(const uint16_t *values, size_t step, size_t tokens, size_t width, char *packed)
{
    alignas(64) static const uint16_t interleave[2][HEAD_STEP] = {
        {0, 32, 1, 33, 2,  34, 3,  35, 4,  36, 5,  37, 6,  38, 7,  39,
         8, 40, 9, 41, 10, 42, 11, 43, 12, 44, 13, 45, 14, 46, 15, 47},
        {16, 48, 17, 49, 18, 50, 19, 51, 20, 52, 21, 53, 22, 54, 23, 55,
         24, 56, 25, 57, 26, 58, 27, 59, 28, 60, 29, 61, 30, 62, 31, 63},
    };
    const __m512i left = _mm512_load_si512(interleave[0]);
    const __m512i right = _mm512_load_si512(interleave[1]);
    for (size_t i = 0; i < width; i += HEAD_STEP) {
        for (size_t t = 0; t < tokens; t += 2) {
            const __m512i even = _mm512_load_si512(values + t * step + i);
            const __m512i odd =
                t + 1 < tokens ? _mm512_load_si512(values + (t + 1) * step + i) : _mm512_setzero_si512();
            _mm512_store_si512(packed, _mm512_permutex2var_epi16(even, left, odd));
            _mm512_store_si512(packed + sizeof even, _mm512_permutex2var_epi16(even, right, odd));
            packed += PANEL_STEP_BYTES;
        }
    }
}

/* One vector of each row -> its largest lane, or the sum of its lanes, of all rows at once: reducing row by row would be a
 * chain of waiting. Rows from `rows` on count as zeros. */
static inline vector reduce_rows(const float vectors[static V_FLOATS * V_FLOATS], size_t rows, bool is_sum)
{
    alignas(64) float columns[V_FLOATS * V_FLOATS];
    v_transpose(vectors, sizeof(vector), rows, columns, sizeof(vector));
    vector result = v_load(columns);
#pragma GCC unroll 16
    for (size_t i = 1; i < V_FLOATS; i++) {
        const vector column = v_load(columns + i * V_FLOATS);
        result = is_sum ? v_add(result, column) : v_max(result, column);
    }
    return result;
}

/* The largest of each row's scores in each lane -> `vectors`. Places behind `tokens` in the last vector become the lowest. */
static inline void largest_of_rows(float *scores, size_t room, size_t rows, size_t tokens, float *vectors)
{
    const size_t last = (tokens - 1) / V_FLOATS * V_FLOATS; /* the vector that is perhaps not full */
    const __mmask16 real = (__mmask16)(0xffffu >> (last + V_FLOATS - tokens));
    for (size_t r = 0; r < rows; r++, scores += room) {
        vector largest = _mm512_mask_mov_ps(v_all(-1e30f), real, v_load(scores + last));
        v_store(scores + last, largest);
        for (size_t t = 0; t < last; t += V_FLOATS) {
            largest = v_max(largest, v_load(scores + t));
        }
        v_store(vectors + r * V_FLOATS, largest);
    }
}

/* Scores (rows,room) -> weights exp(score - largest), not yet divided; 1 / their sum of each row to scale_out. */
static void soften(float *scores, size_t room, size_t rows, size_t tokens, uint16_t *weights,
                   float scale_out[static V_FLOATS])
{
    alignas(64) float vectors[V_FLOATS * V_FLOATS];
    alignas(64) float tops[V_FLOATS];
    const vector to_base_2 = v_all(1.44269504f); /* exp(x) = 2^(x / ln 2) */
    largest_of_rows(scores, room, rows, tokens, vectors);
    v_store(tops, v_mul(reduce_rows(vectors, rows, false), to_base_2));
    for (size_t r = 0; r < rows; r++, scores += room, weights += room) {
        const vector top = v_all(tops[r]);
        vector sum = v_all(0);
        size_t t = 0;
        for (; t + V_FLOATS < tokens; t += TILE_COLUMNS) {
            const vector left = exp2_narrow(_mm512_fmsub_ps(v_load(scores + t), to_base_2, top));
            const vector right = exp2_narrow(_mm512_fmsub_ps(v_load(scores + t + V_FLOATS), to_base_2, top));
            store_narrow_pair(weights + t, left, right);
            sum = v_add(sum, v_add(left, right));
        }
        if (t < tokens) {
            const vector left = exp2_narrow(_mm512_fmsub_ps(v_load(scores + t), to_base_2, top));
            store_narrow(weights + t, left);
            sum = v_add(sum, left);
        }
        v_store(vectors + r * V_FLOATS, sum);
    }
    v_store(scale_out, _mm512_div_ps(v_all(1), reduce_rows(vectors, rows, true)));
}

/* ---- weights of small scores ---- */

/* A softmax needs its largest score only where exp of a score is not a number. Scores beyond +-44 are rare, so weights are
 * first made of the scores as they are, where they are, in registers; scores and largest are only then asked for when one
 * of the scores was beyond.
 *
 * exp(x) in bf16, relative error 1 %, for 32 numbers at once in half the instructions of exp2_narrow() for 16. A bf16 read
 * as an integer is 128 x (127 + its logarithm to base 2), were a fraction's logarithm a straight line. So: round
 * 128 (x / ln 2 + 64) to a whole number by adding 1.5 x 2^23, which leaves it in the low 14 bits, and in all others what
 * was added if |x / ln 2| < 64. Then add 128 x 63, and for the line's fraction f (the last 7 bits) 128 (2^f - 1 - f), looked
 * up by its upper 6 bits. */
enum { LINE_LENGTH = 128 * 128, LINE_ZERO = 0x4b400000 /* 1.5 x 2^23 */, LINE_START = 128 * (127 - 64) };

struct exp_table {
    __m512i low_words; /* of two vectors */
    __m512i curve[2];
};

static inline struct exp_table exp_table_load(void)
{
    alignas(64) static const uint16_t low_words[HEAD_STEP] = {
        0,  2,  4,  6,  8,  10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30,
        32, 34, 36, 38, 40, 42, 44, 46, 48, 50, 52, 54, 56, 58, 60, 62,
    };
    alignas(64) static const int16_t curve[2][HEAD_STEP] = {
        {0,  -1, -1, -2, -2, -3, -4,  -4,  -5,  -5,  -5,  -6,  -6,  -7,  -7,  -8,
         -8, -8, -9, -9, -9, -9, -10, -10, -10, -10, -10, -11, -11, -11, -11, -11},
        {-11, -11, -11, -11, -11, -11, -11, -11, -11, -10, -10, -10, -10, -10, -9, -9,
         -9,  -8,  -8,  -8,  -7,  -7,  -6,  -6,  -5,  -5,  -4,  -3,  -3,  -2,  -1, -1},
    };
    const __m512i start = _mm512_set1_epi16(LINE_START);
    return (struct exp_table){_mm512_load_si512(low_words),
                              {_mm512_add_epi16(start, _mm512_load_si512(curve[0])),
                               _mm512_add_epi16(start, _mm512_load_si512(curve[1]))}};
}

/* The whole numbers of 16 scores. */
static inline __m512i line_of(vector scores)
{
    const vector zero = v_all(12582912.0f + 128 * 64);
    return _mm512_castps_si512(v_fma(scores, v_all(128 * 1.44269504f), zero));
}

/* `seen`, and the bits of the lanes of `mask` that are not as in LINE_ZERO. */
static inline __m512i line_check(__m512i seen, __mmask16 mask, __m512i line)
{
    return _mm512_mask_ternarylogic_epi32(seen, mask, line, _mm512_set1_epi32(LINE_ZERO), 0xf6);
}

/* Weights of `rows` queries for the 32 keys of a panel, of which those in `real` exist, others become 0; true if a score is
 * too large or NaN and they mean nothing. */
static inline __attribute__((always_inline)) bool weigh(const enum product product, const size_t rows,
                                                        const struct factors *factors, size_t steps,
                                                        __mmask32 real, uint16_t *weights, size_t room)
{
    vector left[TILE_ROWS];
    vector right[TILE_ROWS];
    tile_clear(rows, left, right);
    tile_steps(product, rows, factors, 0, steps, left, right);
    const struct exp_table table = exp_table_load();
    __m512i seen = _mm512_setzero_si512();
#pragma GCC unroll 16
    for (size_t r = 0; r < rows; r++) {
        const __m512i lines[2] = {line_of(left[r]), line_of(right[r])};
        seen = line_check(seen, (__mmask16)real, lines[0]);
        seen = line_check(seen, (__mmask16)(real >> V_FLOATS), lines[1]);
        const __m512i line = _mm512_permutex2var_epi16(lines[0], table.low_words, lines[1]);
        const __m512i place = _mm512_srli_epi16(line, 1);
        const __m512i curve = _mm512_permutex2var_epi16(table.curve[0], place, table.curve[1]);
        _mm512_store_si512(weights + r * room, _mm512_maskz_add_epi16(real, line, curve));
    }
    return _mm512_test_epi32_mask(seen, _mm512_set1_epi32(-LINE_LENGTH)) != 0;
}

typedef bool weigh_function(const struct factors *factors, size_t steps, __mmask32 real, uint16_t *weights,
                            size_t room);

#define WEIGH_OF(name, product, rows)                                                                        \
    static __attribute__((noinline)) bool name##_##rows(const struct factors *factors, size_t steps,         \
                                                        __mmask32 real, uint16_t *weights, size_t room)      \
    {                                                                                                        \
        return weigh(product, rows, factors, steps, real, weights, room);                                    \
    }

TILES_BY(WEIGH_OF, weigh_function, weigh_tiles, PRODUCT_BF16)

/* 1 / the sum of each row's weights to scale_out. */
static void sum_weights(const uint16_t *weights, size_t room, size_t rows, float scale_out[static V_FLOATS])
{
    alignas(64) float vectors[V_FLOATS * V_FLOATS];
    const __m512bh ones = (__m512bh)_mm512_set1_epi16(0x3f80);
    for (size_t r = 0; r < rows; r++, weights += room) {
        vector sum = v_all(0);
        for (size_t t = 0; t < room; t += TILE_COLUMNS) {
            sum = _mm512_dpbf16_ps(sum, (__m512bh)_mm512_load_si512(weights + t), ones);
        }
        v_store(vectors + r * V_FLOATS, sum);
    }
    v_store(scale_out, _mm512_div_ps(v_all(1), reduce_rows(vectors, rows, true)));
}

/* ---- heads ---- */

/* The scratch of one head. */
struct head {
    char *keys;
    char *values;
    float *scores;
    uint16_t *weights;
    size_t tokens;
    size_t width;
};

/* Weights of `rows` queries to head->weights, 1 / their sums to scale_out. */
static void weigh_keys(const struct head *head, const char *queries, size_t step, size_t rows,
                       float scale_out[static V_FLOATS])
{
    const size_t tokens = head->tokens;
    const size_t room = padded(tokens);
    const size_t steps = head->width / 2;
    const size_t panel_bytes = steps * PANEL_STEP_BYTES;
    bool is_beyond = false;
    for (size_t i = 0; i < room / TILE_COLUMNS; i++) {
        const size_t left = tokens - i * TILE_COLUMNS;
        const __mmask32 real = left < TILE_COLUMNS ? (__mmask32)((1u << left) - 1) : 0xffffffffu;
        const char *keys = head->keys + i * panel_bytes;
        const struct factors factors = {.a = queries, .a_step = step, .b = keys, .ahead = keys};
        is_beyond |= weigh_tiles[rows](&factors, steps, real, head->weights + i * TILE_COLUMNS, room);
    }
    if (!is_beyond) {
        sum_weights(head->weights, room, rows, scale_out);
        return;
    }
    for (size_t i = 0; i < room / TILE_COLUMNS; i++) {
        const char *keys = head->keys + i * panel_bytes;
        const struct factors factors = {.a = queries, .a_step = step, .b = keys, .ahead = keys};
        bf16_tiles[rows](&factors, steps, head->scores + i * TILE_COLUMNS, room);
    }
    soften(head->scores, room, rows, tokens, head->weights, scale_out);
}

/* `rows` queries of one head, `step` numbers apart, to contexts `hidden` apart. Meanwhile rows from `ahead` on, as far apart,
 * are fetched: one for every two tokens. */
static void attend(const struct head *head, const uint16_t *queries, size_t step, size_t rows,
                   uint16_t *context, size_t hidden, const uint16_t *ahead)
{
    alignas(64) float block[TILE_ROWS * TILE_COLUMNS];
    alignas(64) float scale[V_FLOATS];
    const size_t room = padded(head->tokens);
    const size_t value_steps = (head->tokens + 1) / 2;
    weigh_keys(head, (const char *)queries, step * sizeof *queries, rows, scale);
    for (size_t i = 0; i < head->width; i += HEAD_STEP) {
        const struct factors factors = {
            .a = (const char *)head->weights,
            .a_step = room * sizeof *head->weights,
            .b = head->values + i / HEAD_STEP * value_steps * PANEL_STEP_BYTES,
            .ahead = (const char *)ahead,
            .ahead_step = step * sizeof *ahead,
        };
        bf16_tiles[rows](&factors, value_steps, block, TILE_COLUMNS);
        for (size_t r = 0; r < rows; r++) {
            const vector by = v_all(scale[r]);
            store_narrow_pair(context + r * hidden + i, v_mul(v_load(block + r * TILE_COLUMNS), by),
                              v_mul(v_load(block + r * TILE_COLUMNS + V_FLOATS), by));
        }
    }
}

static void narrow_attention(const struct heddle_attention *attention)
{
    const size_t tokens = attention->tokens;
    const size_t width = attention->head_width;
    const size_t hidden = attention->heads * width;
    const size_t step = 3 * hidden;
    const size_t room = padded(tokens);
    struct head head = {.keys = attention->scratch, .tokens = tokens, .width = width};
    head.values = head.keys + room * width * sizeof(uint16_t);
    head.scores = (float *)(void *)(head.values + room * width * sizeof(uint16_t));
    head.weights = (uint16_t *)(void *)(head.scores + TILE_ROWS * room);
    const size_t count = tile_count(tokens);
    for (size_t i = 0; i < attention->heads; i++) {
        const uint16_t *queries = (const uint16_t *)attention->qkv + i * width;
        uint16_t *context = (uint16_t *)attention->context + i * width;
        pack_keys(queries + hidden, step, tokens, width, head.keys);
        pack_values(queries + 2 * hidden, step, tokens, width, head.values);
        for (size_t j = 0; j < count; j++) {
            const size_t first = tokens * j / count;
            /* Of the next head, half the keys (1), values (2) or queries (0): lines far apart, which no CPU foresees. */
            const size_t kind = (j / 2 + 1) % 3;
            const uint16_t *ahead = queries + width + kind * hidden + j % 2 * (tokens / 2) * step;
            attend(&head, queries + first * step, step, tokens * (j + 1) / count - first,
                   context + first * hidden, hidden, ahead);
        }
    }
}

#endif
