/* golden_ids.h: golden texts, as tokens of the original, through the encoder alone: no tokenizer, no embedder around it. */
#ifndef HEDDLE_TESTS_UNIT_MODEL_GOLDEN_IDS_H
#define HEDDLE_TESTS_UNIT_MODEL_GOLDEN_IDS_H

#include <math.h>

#include "model_fixture.h"

#include "model/directory.h"
#include "model/encoder/encoder.h"
#include "model/pooling.h"

static inline double cosine(const float *a, const float *b, size_t width)
{
    double product = 0;
    double squares_a = 0;
    double squares_b = 0;
    for (size_t i = 0; i < width; i++) {
        product += (double)a[i] * (double)b[i];
        squares_a += (double)a[i] * (double)a[i];
        squares_b += (double)b[i] * (double)b[i];
    }
    return product / sqrt(squares_a * squares_b);
}

struct batch {
    struct heddle_sequence sequences[GOLDEN_TEXTS];
    float vectors[GOLDEN_TEXTS][GOLDEN_WIDTH];
    size_t texts[GOLDEN_TEXTS]; /* which golden text each is */
    size_t count;
    size_t tokens;
};

/* Every `step`-th golden text of at most `longest` tokens. */
static inline struct batch *make_batch(const struct golden *golden, size_t step, size_t longest)
{
    struct batch *batch = calloc(1, sizeof *batch);
    assert_non_null(batch);
    for (size_t i = 0; i < GOLDEN_TEXTS; i += step) {
        const json_t *ids = json_object_get(golden->rows[i], "ids");
        const size_t tokens = json_array_size(ids);
        if (tokens > longest) {
            continue;
        }
        uint32_t *copy = calloc(tokens, sizeof *copy);
        assert_non_null(copy);
        for (size_t t = 0; t < tokens; t++) {
            copy[t] = (uint32_t)json_integer_value(json_array_get(ids, t));
        }
        batch->sequences[batch->count] = (struct heddle_sequence){.ids = copy, .tokens = tokens};
        batch->texts[batch->count++] = i;
        batch->tokens += tokens;
    }
    return batch;
}

static inline void free_batch(struct batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        free((void *)(uintptr_t)batch->sequences[i].ids);
    }
    free(batch);
}

struct loaded {
    struct heddle_model_config config;
    struct heddle_weights *weights;
    struct heddle_encoder_workspace *workspace;
};

static inline struct loaded load(const char *directory, const struct heddle_kernel *kernel)
{
    struct loaded loaded = {0};
    assert_int_equal(heddle_model_config_read(directory, &loaded.config, NULL), HEDDLE_OK);
    assert_int_equal(heddle_weights_load(directory, &loaded.config, kernel, &loaded.weights, NULL),
                     HEDDLE_OK);
    assert_int_equal(heddle_encoder_workspace_create(&loaded.config, kernel, &loaded.workspace, NULL),
                     HEDDLE_OK);
    return loaded;
}

static inline void unload(struct loaded *loaded)
{
    heddle_encoder_workspace_destroy(loaded->workspace);
    heddle_weights_destroy(loaded->weights);
}

/* One group: token states, their mean, at unit length. */
static inline void encode_group(const struct loaded *loaded, const struct heddle_sequence *sequences,
                                size_t count, float (*vectors)[GOLDEN_WIDTH])
{
    const struct heddle_pooling_plan plan = {.modes = {HEDDLE_POOLING_MEAN}, .count = 1};
    const float *rows = heddle_encoder_run(loaded->weights, loaded->workspace, sequences, count);
    for (size_t i = 0; i < count; i++) {
        heddle_pool(&plan, GOLDEN_WIDTH, rows, sequences[i].tokens, 0, vectors[i]);
        heddle_vector_normalize(vectors[i], GOLDEN_WIDTH);
        rows += sequences[i].tokens * GOLDEN_WIDTH;
    }
}

/* Groups as full as they get, as a worker makes them. */
static inline void encode(const struct loaded *loaded, struct batch *batch)
{
    const size_t room = heddle_encoder_group_tokens(&loaded->config);
    for (size_t first = 0, last = 0; first < batch->count; first = last) {
        size_t tokens = 0;
        while (last < batch->count && tokens + batch->sequences[last].tokens <= room) {
            tokens += batch->sequences[last++].tokens;
        }
        encode_group(loaded, batch->sequences + first, last - first, batch->vectors + first);
    }
}

/* How far a batch's vectors are from those of the original. */
struct likeness {
    double cosine_min;
    double cosine_mean;
    double component_max;
};

static inline struct likeness compare(const struct batch *batch, const struct golden *golden)
{
    struct likeness likeness = {.cosine_min = 2};
    for (size_t i = 0; i < batch->count; i++) {
        const float *got = batch->vectors[i];
        const float *expected = golden->vectors[batch->texts[i]];
        const double alike = cosine(got, expected, GOLDEN_WIDTH);
        likeness.cosine_min = fmin(likeness.cosine_min, alike);
        likeness.cosine_mean += alike / (double)batch->count;
        for (size_t j = 0; j < GOLDEN_WIDTH; j++) {
            likeness.component_max = fmax(likeness.component_max, fabs((double)got[j] - (double)expected[j]));
        }
    }
    return likeness;
}

#endif
