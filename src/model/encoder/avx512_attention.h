/* avx512_attention.h: attention in bf16 for the narrow AVX-512 kernels.
 *
 * Head by head: keys and values are packed as a dense layer's weights are, then up to 14 queries at once go through the
 * register tile: query . key into a block of scores, softmax of each row in floats, its weights rounded to bf16, weight .
 * value. Sums and softmax are fp32; a context is divided by the sum of its weights at the end.
 */
#ifndef HEDDLE_MODEL_ENCODER_AVX512_ATTENTION_H
#define HEDDLE_MODEL_ENCODER_AVX512_ATTENTION_H

#include "model/encoder/avx512_narrow.h"

TILES(bf16_tiles, PRODUCT_BF16)

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

/* The scratch of one head. */
struct head {
    char *keys;
    char *values;
    float *scores;
    uint16_t *weights;
    size_t tokens;
    size_t width;
};

/* `rows` queries of one head, `step` numbers apart, to contexts `hidden` apart. */
static void attend(const struct head *head, const uint16_t *queries, size_t step, size_t rows,
                   uint16_t *context, size_t hidden)
{
    alignas(64) float block[TILE_ROWS * TILE_COLUMNS];
    alignas(64) float scale[V_FLOATS];
    const size_t room = padded(head->tokens);
    const size_t key_steps = head->width / 2;
    const size_t value_steps = (head->tokens + 1) / 2;
    for (size_t panel = 0; panel < room; panel += TILE_COLUMNS) {
        bf16_tiles[rows]((const char *)queries, step * sizeof *queries,
                         head->keys + panel / TILE_COLUMNS * key_steps * PANEL_STEP_BYTES, key_steps,
                         head->scores + panel, room, head->values, 0);
    }
    soften(head->scores, room, rows, head->tokens, head->weights, scale);
    for (size_t i = 0; i < head->width; i += HEAD_STEP) {
        bf16_tiles[rows]((const char *)head->weights, room * sizeof *head->weights,
                         head->values + i / HEAD_STEP * value_steps * PANEL_STEP_BYTES, value_steps, block,
                         TILE_COLUMNS, head->values, 0);
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
            attend(&head, queries + first * step, step, tokens * (j + 1) / count - first,
                   context + first * hidden, hidden);
        }
    }
}

#endif
