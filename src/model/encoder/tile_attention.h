/* tile_attention.h: attention of one sequence over the tile primitives, behind tile_dense.h.
 *
 * A unit of work is one head and 16 queries: scores (tiles), their softmax (vectors), the blend of values (tiles). Three
 * units are under way: between the rows of one unit's softmax, tiles score the next unit and blend the one before. The
 * row-wise maxima and sums of a unit are taken for 16 rows at once, by a tree of shuffles: for short texts the reductions
 * would else cost more than the exponentials.
 *
 * Weights of a row are exp(score - largest), rounded to bf16; the sum is taken before rounding and divides the blend at
 * the end. Keys and queries beyond the sequence are rows of somebody else: their scores are left out, never used.
 */

/* Registers besides those of the dense layers; sums and weights share numbers with them, at other times. */
#define SCORES 0
#define BLEND_LEFT 2
#define BLEND_RIGHT 3
#define QUERIES 4
#define KEYS 5
#define SHARES 6
#define VALUES 7

enum { SCORE_NUMBERS = TILE * TILE };

/* The sequence, and the scratch: keys and values of one head as right sides of tile_dp, scores and shares of two units. */
struct attending {
    const struct heddle_attention *call;
    const uint16_t *qkv;
    size_t hidden;
    size_t chunks;          /* of 32 columns of a head */
    size_t groups;          /* of 16 queries: units of a head */
    size_t pairs;           /* of 32 keys, the last may be part empty */
    uint16_t *keys;         /* (groups)(chunks)(16 pairs of columns)(16 keys)(2) */
    uint16_t *values;       /* (pairs)(chunks)(2)(16 pairs of keys)(16 columns)(2) */
    float *scores[2];       /* (groups)(16 queries)(16 keys) */
    uint16_t *shares[2];    /* (pairs)(16 queries)(32 keys) */
    float inverse[2][TILE]; /* 1 / sum of a query's shares */
};

static size_t attention_bytes(size_t tokens, size_t head_width)
{
    const size_t room = (tokens + BLOCK - 1) / BLOCK * BLOCK;
    return room *
           (2 * head_width * sizeof(uint16_t) + 2 * TILE * sizeof(float) + 2 * TILE * sizeof(uint16_t));
}

static struct attending make_attending(const struct heddle_attention *call)
{
    const size_t pairs = (call->tokens + BLOCK - 1) / BLOCK;
    const size_t room = pairs * BLOCK;
    struct attending work = {
        .call = call,
        .qkv = call->qkv,
        .hidden = call->heads * call->head_width,
        .chunks = call->head_width / BLOCK,
        .groups = (call->tokens + TILE - 1) / TILE,
        .pairs = pairs,
    };
    work.scores[0] = call->scratch;
    work.scores[1] = work.scores[0] + room * TILE;
    work.shares[0] = (uint16_t *)(void *)(work.scores[1] + room * TILE);
    work.shares[1] = work.shares[0] + room * TILE;
    work.keys = work.shares[1] + room * TILE;
    work.values = work.keys + room * call->head_width;
    return work;
}

static inline size_t queries_of(const struct attending *work, size_t unit)
{
    const size_t first = unit % work->groups * TILE;
    return work->call->tokens - first < TILE ? work->call->tokens - first : TILE;
}

/* ---- packing ---- */

/* 16 rows of 16 dwords -> their transpose. */
static inline void transpose(const uint16_t *rows, size_t step, uint16_t *out)
{
    __m512i a[TILE];
    __m512i b[TILE];
#pragma GCC unroll 16
    for (size_t i = 0; i < TILE; i++) {
        a[i] = _mm512_load_si512(rows + i * step);
    }
#pragma GCC unroll 8
    for (size_t i = 0; i < TILE; i += 2) {
        b[i] = _mm512_unpacklo_epi32(a[i], a[i + 1]);
        b[i + 1] = _mm512_unpackhi_epi32(a[i], a[i + 1]);
    }
#pragma GCC unroll 4
    for (size_t i = 0; i < TILE; i += 4) {
        a[i] = _mm512_unpacklo_epi64(b[i], b[i + 2]);
        a[i + 1] = _mm512_unpackhi_epi64(b[i], b[i + 2]);
        a[i + 2] = _mm512_unpacklo_epi64(b[i + 1], b[i + 3]);
        a[i + 3] = _mm512_unpackhi_epi64(b[i + 1], b[i + 3]);
    }
    /* a[4 r + c] holds column 4 q + c of rows 4 r .. 4 r + 3 in its quarter q */
    enum { EVEN = 0x88, ODD = 0xdd };
#pragma GCC unroll 4
    for (size_t i = 0; i < 4; i++) {
        const __m512i top_even = _mm512_shuffle_i32x4(a[i], a[i + 4], EVEN);
        const __m512i top_odd = _mm512_shuffle_i32x4(a[i], a[i + 4], ODD);
        const __m512i low_even = _mm512_shuffle_i32x4(a[i + 8], a[i + 12], EVEN);
        const __m512i low_odd = _mm512_shuffle_i32x4(a[i + 8], a[i + 12], ODD);
        _mm512_store_si512(out + i * LINE, _mm512_shuffle_i32x4(top_even, low_even, EVEN));
        _mm512_store_si512(out + (i + 4) * LINE, _mm512_shuffle_i32x4(top_odd, low_odd, EVEN));
        _mm512_store_si512(out + (i + 8) * LINE, _mm512_shuffle_i32x4(top_even, low_even, ODD));
        _mm512_store_si512(out + (i + 12) * LINE, _mm512_shuffle_i32x4(top_odd, low_odd, ODD));
    }
}

static void pack_keys(const struct attending *work, size_t head)
{
    const size_t step = 3 * work->hidden;
    const uint16_t *keys = work->qkv + work->hidden + head * work->call->head_width;
    uint16_t *out = work->keys;
    for (size_t group = 0; group < work->groups; group++) {
        for (size_t chunk = 0; chunk < work->chunks; chunk++) {
            transpose(keys + group * TILE * step + chunk * BLOCK, step, out);
            out += TILE_NUMBERS;
        }
    }
}

/* Two tokens' 32 numbers each, interleaved: the first 16 columns into one tile, the others into the next. */
static inline void interleave(__m512i even, __m512i odd, uint16_t *out)
{
    alignas(64) static const uint16_t columns[2 * LINE] = {
        0,  32, 1,  33, 2,  34, 3,  35, 4,  36, 5,  37, 6,  38, 7,  39, 8,  40, 9,  41, 10, 42,
        11, 43, 12, 44, 13, 45, 14, 46, 15, 47, 16, 48, 17, 49, 18, 50, 19, 51, 20, 52, 21, 53,
        22, 54, 23, 55, 24, 56, 25, 57, 26, 58, 27, 59, 28, 60, 29, 61, 30, 62, 31, 63,
    };
    _mm512_store_si512(out, _mm512_permutex2var_epi16(even, _mm512_load_si512(columns), odd));
    _mm512_store_si512(out + TILE_NUMBERS,
                       _mm512_permutex2var_epi16(even, _mm512_load_si512(columns + LINE), odd));
}

/* Values of tokens that are not there are zero: their share is zero, but zero times anything must be zero too. */
static void pack_values(const struct attending *work, size_t head)
{
    const size_t step = 3 * work->hidden;
    const size_t tokens = work->call->tokens;
    const uint16_t *values = work->qkv + 2 * work->hidden + head * work->call->head_width;
    for (size_t t = 0; t < work->pairs * BLOCK; t += 2) {
        uint16_t *out = work->values + t / BLOCK * work->chunks * BLOCK_NUMBERS + t % BLOCK / 2 * LINE;
        for (size_t chunk = 0; chunk < work->chunks; chunk++) {
            const uint16_t *from = values + t * step + chunk * BLOCK;
            const __m512i none = _mm512_setzero_si512();
            interleave(t < tokens ? _mm512_load_si512(from) : none,
                       t + 1 < tokens ? _mm512_load_si512(from + step) : none, out + chunk * BLOCK_NUMBERS);
        }
    }
}

/* ---- the three parts of a unit ---- */

/* Scores of a unit's 16 queries against 16 keys. */
static inline void score(const struct attending *work, size_t unit, size_t group)
{
    const size_t step = 3 * work->hidden;
    const uint16_t *queries =
        work->qkv + unit / work->groups * work->call->head_width + unit % work->groups * TILE * step;
    const uint16_t *keys = work->keys + group * work->chunks * TILE_NUMBERS;
    tile_zero(SCORES);
    for (size_t chunk = 0; chunk < work->chunks; chunk++) {
        tile_load(QUERIES, queries + chunk * BLOCK, step * sizeof *queries);
        tile_load(KEYS, keys + chunk * TILE_NUMBERS, TILE_STEP);
        tile_dp(SCORES, QUERIES, KEYS);
    }
    tile_store(SCORES, work->scores[unit % 2] + group * SCORE_NUMBERS, TILE_STEP);
}

/* Blends 32 columns of the context of a unit: divided by the sums, to its place among all tokens of the group. */
static inline void finish_blend(const struct attending *work, size_t unit, size_t chunk, const float *sums)
{
    const struct heddle_attention *call = work->call;
    uint16_t *context = (uint16_t *)call->context - call->first * work->hidden;
    const size_t token = call->first + unit % work->groups * TILE;
    const size_t column = unit / work->groups * call->head_width + chunk * BLOCK;
    const size_t rows = queries_of(work, unit);
    for (size_t r = 0; r < rows; r++) {
        const vector inverse = v_all(work->inverse[unit % 2][r]);
        _mm512_store_si512(context + place(token + r, column, work->hidden),
                           narrow_two(v_mul(v_load(sums + r * BLOCK), inverse),
                                      v_mul(v_load(sums + r * BLOCK + TILE), inverse)));
    }
}

/* Step 0 .. chunks x pairs - 1 of a unit's blend: 32 keys into 32 columns. */
static inline void blend(const struct attending *work, size_t unit, size_t step)
{
    const size_t chunk = step / work->pairs;
    const size_t pair = step % work->pairs;
    const uint16_t *values = work->values + (pair * work->chunks + chunk) * BLOCK_NUMBERS;
    if (pair == 0) {
        tile_zero(BLEND_LEFT);
        tile_zero(BLEND_RIGHT);
    }
    tile_load(SHARES, work->shares[unit % 2] + pair * TILE_NUMBERS, TILE_STEP);
    tile_load(VALUES, values, TILE_STEP);
    tile_dp(BLEND_LEFT, SHARES, VALUES);
    tile_load(VALUES, values + TILE_NUMBERS, TILE_STEP);
    tile_dp(BLEND_RIGHT, SHARES, VALUES);
    if (pair + 1 == work->pairs) {
        alignas(64) float sums[TILE * BLOCK];
        tile_store(BLEND_LEFT, sums, BLOCK * sizeof(float));
        tile_store(BLEND_RIGHT, sums + TILE, BLOCK * sizeof(float));
        finish_blend(work, unit, chunk, sums);
    }
}

/* 2^t for t <= 0, relative error 3e-6: 2^floor(t) times a polynomial of the fraction, minimax of degree 4. */
static inline vector power_of_two(vector t)
{
    t = v_max(
        t, v_all(-126.0f)); /* below, it would be subnormal; beside the largest, which is 1, it is nothing */
    const vector f = _mm512_reduce_ps(t, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
    vector p = v_all(1.353416755e-02f);
    p = v_fma(p, f, v_all(5.201146387e-02f));
    p = v_fma(p, f, v_all(2.414427529e-01f));
    p = v_fma(p, f, v_all(6.930038359e-01f));
    p = v_fma(p, f, v_all(1.000002593f));
    return v_scale(p, t);
}

/* Lane r of the answer is the sum, or the largest, of the 16 lanes of row r: a tree over all rows at once. */
static inline __attribute__((always_inline)) vector across(const float *rows, const bool largest)
{
    vector a[TILE];
#pragma GCC unroll 16
    for (size_t i = 0; i < TILE; i++) {
        a[i] = v_load(rows + i * TILE);
    }
#pragma GCC unroll 8
    for (size_t i = 0; i < 8; i++) {
        const vector low = _mm512_unpacklo_ps(a[2 * i], a[2 * i + 1]);
        const vector high = _mm512_unpackhi_ps(a[2 * i], a[2 * i + 1]);
        a[i] = largest ? v_max(low, high) : v_add(low, high);
    }
#pragma GCC unroll 4
    for (size_t i = 0; i < 4; i++) {
        const __m512d left = _mm512_castps_pd(a[2 * i]);
        const __m512d right = _mm512_castps_pd(a[2 * i + 1]);
        const vector low = _mm512_castpd_ps(_mm512_unpacklo_pd(left, right));
        const vector high = _mm512_castpd_ps(_mm512_unpackhi_pd(left, right));
        a[i] = largest ? v_max(low, high) : v_add(low, high);
    }
    /* each quarter of a[i] now holds four rows; the quarters are still to be taken together */
#pragma GCC unroll 3
    for (size_t count = 2; count > 0; count /= 2) {
#pragma GCC unroll 2
        for (size_t i = 0; i < count; i++) {
            const vector low = _mm512_shuffle_f32x4(a[2 * i], a[2 * i + 1], 0x88);
            const vector high = _mm512_shuffle_f32x4(a[2 * i], a[2 * i + 1], 0xdd);
            a[i] = largest ? v_max(low, high) : v_add(low, high);
        }
    }
    return a[0];
}

/* The first `count` of 16 lanes. */
static inline __mmask16 lanes(size_t count)
{
    return (__mmask16)(count >= TILE ? 0xffff : (1u << count) - 1);
}

/* Lanes whose largest is the largest score of one query; `scores` is its row in the first tile. */
static inline vector largest_of(const float *scores, size_t tokens)
{
    vector largest = v_all(-__builtin_inff());
    size_t t = 0;
    for (; t + TILE <= tokens; t += TILE) {
        largest = v_max(largest, v_load(scores + t * TILE));
    }
    return t == tokens ? largest
                       : _mm512_mask_max_ps(largest, lanes(tokens - t), largest, v_load(scores + t * TILE));
}

/* Scores of one query -> shares, not yet divided; answers lanes whose sum is theirs. */
static inline vector soften_row(const float *scores, size_t tokens, float largest, uint16_t *shares)
{
    const vector by = v_all(1.44269504f); /* log2 e */
    const vector top = v_all(-1.44269504f * largest);
    vector sum = v_all(0);
    size_t t = 0;
    for (; t + BLOCK <= tokens; t += BLOCK) {
        const vector low = power_of_two(v_fma(v_load(scores + t * TILE), by, top));
        const vector high = power_of_two(v_fma(v_load(scores + (t + TILE) * TILE), by, top));
        sum = v_add(sum, v_add(low, high));
        _mm512_store_si512(shares + t * TILE, narrow_two(low, high));
    }
    if (t < tokens) {
        const size_t left = tokens - t;
        const __mmask16 of_low = lanes(left);
        const __mmask16 of_high = lanes(left > TILE ? left - TILE : 0);
        const vector a = _mm512_maskz_load_ps(of_low, scores + t * TILE);
        const vector b = _mm512_maskz_load_ps(of_high, scores + (t + TILE) * TILE);
        const vector low = _mm512_maskz_mov_ps(of_low, power_of_two(v_fma(a, by, top)));
        const vector high = _mm512_maskz_mov_ps(of_high, power_of_two(v_fma(b, by, top)));
        sum = v_add(sum, v_add(low, high));
        _mm512_store_si512(shares + t * TILE, narrow_two(low, high));
    }
    return sum;
}

/* Softmax of a unit, while tiles score the next one (where there is one) and blend the one before. */
static void soften(struct attending *work, size_t unit, size_t units)
{
    alignas(64) float rows[TILE * TILE] = {0};
    alignas(64) float largest[TILE];
    const size_t tokens = work->call->tokens;
    const size_t count = queries_of(work, unit);
    const float *scores = work->scores[unit % 2];
    const size_t to_score = unit + 1 < units ? work->groups : 0;
    const size_t to_blend = unit > 0 ? work->chunks * work->pairs : 0;
    for (size_t r = 0; r < count; r++) {
        v_store(rows + r * TILE, largest_of(scores + r * TILE, tokens));
    }
    v_store(largest, across(rows, true));
    size_t scored = 0;
    size_t blended = 0;
    for (size_t r = 0; r < count; r++) {
        v_store(rows + r * TILE,
                soften_row(scores + r * TILE, tokens, largest[r], work->shares[unit % 2] + r * LINE));
        for (; scored * count < to_score * (r + 1); scored++) {
            score(work, unit + 1, scored);
        }
        for (; blended * count < to_blend * (r + 1); blended++) {
            blend(work, unit - 1, blended);
        }
    }
    _mm512_storeu_ps(work->inverse[unit % 2], _mm512_div_ps(v_all(1.0f), across(rows, false)));
}

/* Keys of a head are packed when its first unit is scored, values when it is blended: the head before is done with them. */
static void attention(const struct heddle_attention *call)
{
    struct attending work = make_attending(call);
    const size_t units = call->heads * work.groups;
    pack_keys(&work, 0);
    for (size_t group = 0; group < work.groups; group++) {
        score(&work, 0, group);
    }
    for (size_t unit = 0; unit < units; unit++) {
        if ((unit + 1) % work.groups == 0 && unit + 1 < units) {
            pack_keys(&work, (unit + 1) / work.groups);
        }
        if (unit > 0 && (unit - 1) % work.groups == 0) {
            pack_values(&work, (unit - 1) / work.groups);
        }
        soften(&work, unit, units);
    }
    if ((units - 1) % work.groups == 0) {
        pack_values(&work, call->heads - 1);
    }
    for (size_t step = 0; step < work.chunks * work.pairs; step++) {
        blend(&work, units - 1, step);
    }
}
