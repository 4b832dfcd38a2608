/* tile_model.h: the tile primitives of src/model/encoder/tile_amx.h as a model in plain C, after the pseudo-code of Intel's
 * Software Developer's Manual, volume 2 (LDTILECFG, TILELOADD, TILESTORED, TDPBF16PS, VCVTNE2PS2BF16).
 *
 * TDPBF16PS for one row and column: products of the even members of all pairs are summed in one chain of fused
 * multiply-adds from zero, those of the odd members in another; the two sums are added, then that to the tile. Each
 * operation rounds to nearest even, takes subnormal inputs as zero and makes subnormal results zero.
 *
 * What the CPU would refuse (#UD, #GP) fails the test: tiles in use before they are configured, or of shapes that do not
 * fit each other.
 */
#ifndef HEDDLE_TESTS_UNIT_MODEL_TILE_MODEL_H
#define HEDDLE_TESTS_UNIT_MODEL_TILE_MODEL_H

#include <float.h>
#include <immintrin.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { MODEL_TILES = 8, MODEL_ROWS = 16, MODEL_ROW_BYTES = 64, MODEL_COLUMNS = 16 };

struct tile_model {
    bool configured;
    unsigned rows[MODEL_TILES];
    unsigned row_bytes[MODEL_TILES];
    uint8_t tiles[MODEL_TILES][MODEL_ROWS][MODEL_ROW_BYTES];
    uint64_t multiplications; /* tile_dp so far, for the test to see that there were some */
};

static struct tile_model tile_model;

static void tiles_configure(const void *shapes)
{
    enum { BYTES = 16, ROWS = 48 }; /* where the two tables start */
    const uint8_t *bytes = shapes;
    assert_int_equal(bytes[0], 1);
    for (size_t i = 0; i < MODEL_TILES; i++) {
        tile_model.row_bytes[i] = bytes[BYTES + 2 * i] | (unsigned)bytes[BYTES + 2 * i + 1] << 8;
        tile_model.rows[i] = bytes[ROWS + i];
        assert_in_range(tile_model.row_bytes[i], 1, MODEL_ROW_BYTES);
        assert_in_range(tile_model.rows[i], 1, MODEL_ROWS);
    }
    memset(tile_model.tiles, 0, sizeof tile_model.tiles);
    tile_model.configured = true;
}

static void tiles_release(void)
{
    tile_model.configured = false;
}

static void tile_zero(size_t tile)
{
    assert_true(tile_model.configured);
    memset(tile_model.tiles[tile], 0, sizeof tile_model.tiles[tile]);
}

static void tile_load(size_t tile, const void *from, size_t step)
{
    tile_zero(tile);
    for (size_t r = 0; r < tile_model.rows[tile]; r++) {
        memcpy(tile_model.tiles[tile][r], (const char *)from + r * step, tile_model.row_bytes[tile]);
    }
}

static void tile_store(size_t tile, void *to, size_t step)
{
    assert_true(tile_model.configured);
    for (size_t r = 0; r < tile_model.rows[tile]; r++) {
        memcpy((char *)to + r * step, tile_model.tiles[tile][r], tile_model.row_bytes[tile]);
    }
}

/* The inner loops touch nothing but local arrays; sanitizers would make them a hundred times slower. */
#define MODEL_LOOP __attribute__((no_sanitize_address))

/* Subnormal -> zero of the same sign. */
static inline MODEL_LOOP float model_flush(float x)
{
    return __builtin_fabsf(x) < FLT_MIN ? __builtin_copysignf(0.0f, x) : x;
}

/* Half 0: the even member of a pair; half 1: the odd one. */
static inline MODEL_LOOP float model_half(uint32_t pair, unsigned half)
{
    const uint32_t bits = half == 0 ? pair << 16 : pair & 0xffff0000u;
    float value = 0;
    memcpy(&value, &bits, sizeof value);
    return model_flush(value);
}

/* One row of sums, `columns` wide: sums += a (pairs) . b (pairs, columns). */
static inline __attribute__((always_inline)) void
model_row(float *sums, const uint32_t *a, float (*b)[2][MODEL_COLUMNS], size_t pairs, size_t columns)
{
    float even[MODEL_COLUMNS] = {0};
    float odd[MODEL_COLUMNS] = {0};
    for (size_t k = 0; k < pairs; k++) {
        const float left = model_half(a[k], 0);
        const float right = model_half(a[k], 1);
        for (size_t n = 0; n < columns; n++) {
            even[n] = model_flush(__builtin_fmaf(left, b[k][0][n], even[n]));
            odd[n] = model_flush(__builtin_fmaf(right, b[k][1][n], odd[n]));
        }
    }
    for (size_t n = 0; n < columns; n++) {
        sums[n] = model_flush(model_flush(sums[n]) + model_flush(even[n] + odd[n]));
    }
}

static MODEL_LOOP void tile_dp(size_t sum, size_t a, size_t b)
{
    const size_t pairs = tile_model.row_bytes[a] / 4;
    const size_t columns = tile_model.row_bytes[sum] / 4;
    float right[MODEL_ROWS][2][MODEL_COLUMNS];
    assert_true(tile_model.configured);
    assert_true(sum != a && sum != b && a != b);
    assert_int_equal(tile_model.rows[sum], tile_model.rows[a]);
    assert_int_equal(tile_model.row_bytes[sum], tile_model.row_bytes[b]);
    assert_int_equal(pairs, tile_model.rows[b]);
    tile_model.multiplications++;
    for (size_t k = 0; k < pairs; k++) {
        uint32_t row[MODEL_COLUMNS];
        memcpy(row, tile_model.tiles[b][k], sizeof row);
        for (size_t n = 0; n < MODEL_COLUMNS; n++) {
            right[k][0][n] = model_half(row[n], 0);
            right[k][1][n] = model_half(row[n], 1);
        }
    }
    for (size_t r = 0; r < tile_model.rows[sum]; r++) {
        uint32_t left[MODEL_COLUMNS];
        float sums[MODEL_COLUMNS];
        memcpy(left, tile_model.tiles[a][r], sizeof left);
        memcpy(sums, tile_model.tiles[sum][r], sizeof sums);
        if (columns == MODEL_COLUMNS) {
            model_row(sums, left, right, pairs,
                      MODEL_COLUMNS); /* a constant: the compiler makes vectors of it */
        } else {
            model_row(sums, left, right, pairs, columns);
        }
        memcpy(tile_model.tiles[sum][r], sums, sizeof sums);
    }
}

/* One float to bf16: to nearest even; subnormals become zero, NaN quiet. */
static inline __m512i model_narrow(__m512 x)
{
    const __m512i bits = _mm512_castps_si512(x);
    const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
    const __m512i rounded = _mm512_add_epi32(bits, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff)));
    const __mmask16 tiny = _mm512_testn_epi32_mask(bits, _mm512_set1_epi32(0x7f800000));
    const __mmask16 nan = _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q);
    __m512i out = _mm512_mask_and_epi32(rounded, tiny, bits, _mm512_set1_epi32((int)0x80000000u));
    out = _mm512_mask_or_epi32(out, nan, bits, _mm512_set1_epi32(0x00400000));
    return _mm512_srli_epi32(out, 16);
}

static inline __m512i narrow_two(__m512 low, __m512 high)
{
    const __m256i first = _mm512_cvtepi32_epi16(model_narrow(low));
    const __m256i second = _mm512_cvtepi32_epi16(model_narrow(high));
    return _mm512_inserti64x4(_mm512_castsi256_si512(first), second, 1);
}

#endif
