/* test_golden_vectors.c: every kernel gives the vectors of the original implementation for 400 texts, as exactly as its
 * precision promises, and the same order of similarity between texts.
 *
 * Under a sanitizer each kernel embeds a sample of 24 texts, one of each 17, the slow scalar kernel only those of at most
 * 32 tokens, and the order is not asked for; in other builds all 400 by every kernel.
 */
#include "model_fixture.h"

#include <math.h>

enum { PAIRS = GOLDEN_TEXTS * (GOLDEN_TEXTS - 1) / 2, NEIGHBOURS = 10 };

static const char *model;

/* What a precision promises against the original's fp32. The reference's own noise between batch sizes is 2.7e-7 a
 * component. Neighbours: the mean share of a text's ten most similar others that stay among the ten. */
struct gate {
    double cosine_min;
    double cosine_mean;
    double component_max;
    double spearman; /* rank correlation of the cosines of all pairs */
    double neighbours;
};

static const struct gate gates[] = {
    [HEDDLE_PRECISION_FP32] = {0.999999, 0.999999, 2e-6, 0.999999, 0.999},
    [HEDDLE_PRECISION_BF16] = {0.9998, 0.99997, 5e-3, 0.9999, 0.99},
    [HEDDLE_PRECISION_INT8] = {0.99, 0.998, 5e-2, 0.998, 0.95},
};

static double cosine(const float *a, const float *b)
{
    double product = 0;
    double squares_a = 0;
    double squares_b = 0;
    for (size_t i = 0; i < GOLDEN_WIDTH; i++) {
        product += (double)a[i] * (double)b[i];
        squares_a += (double)a[i] * (double)a[i];
        squares_b += (double)b[i] * (double)b[i];
    }
    return product / sqrt(squares_a * squares_b);
}

/* ---- order ---- */

struct ranked {
    double value;
    size_t index;
};

static int by_value(const void *a, const void *b)
{
    const double x = ((const struct ranked *)a)->value;
    const double y = ((const struct ranked *)b)->value;
    return (x > y) - (x < y);
}

/* Ranks of the cosines of all pairs; equal ones share the mean of theirs. */
static double *ranks_of_pairs(const float vectors[static GOLDEN_TEXTS][GOLDEN_WIDTH])
{
    struct ranked *pairs = calloc(PAIRS, sizeof *pairs);
    double *ranks = calloc(PAIRS, sizeof *ranks);
    assert_true(pairs != NULL && ranks != NULL);
    size_t count = 0;
    for (size_t i = 0; i < GOLDEN_TEXTS; i++) {
        for (size_t j = 0; j < i; j++, count++) {
            pairs[count] = (struct ranked){cosine(vectors[i], vectors[j]), count};
        }
    }
    qsort(pairs, PAIRS, sizeof *pairs, by_value);
    for (size_t first = 0, last = 0; first < PAIRS; first = last) {
        for (last = first; last < PAIRS && pairs[last].value <= pairs[first].value; last++) {
        }
        for (size_t i = first; i < last; i++) {
            ranks[pairs[i].index] = (double)(first + last - 1) / 2;
        }
    }
    free(pairs);
    return ranks;
}

static double rank_correlation(const float a[static GOLDEN_TEXTS][GOLDEN_WIDTH],
                               const float b[static GOLDEN_TEXTS][GOLDEN_WIDTH])
{
    double *x = ranks_of_pairs(a);
    double *y = ranks_of_pairs(b);
    const double mean = (PAIRS - 1) / 2.0;
    double product = 0;
    double squares_x = 0;
    double squares_y = 0;
    for (size_t i = 0; i < PAIRS; i++) {
        product += (x[i] - mean) * (y[i] - mean);
        squares_x += (x[i] - mean) * (x[i] - mean);
        squares_y += (y[i] - mean) * (y[i] - mean);
    }
    free(x);
    free(y);
    return product / sqrt(squares_x * squares_y);
}

/* The texts most similar to text `of`, most similar last. */
static void nearest(const float vectors[static GOLDEN_TEXTS][GOLDEN_WIDTH], size_t of,
                    size_t out[static NEIGHBOURS])
{
    struct ranked others[GOLDEN_TEXTS];
    for (size_t i = 0; i < GOLDEN_TEXTS; i++) {
        others[i] = (struct ranked){i == of ? -2 : cosine(vectors[of], vectors[i]), i};
    }
    qsort(others, GOLDEN_TEXTS, sizeof *others, by_value);
    for (size_t i = 0; i < NEIGHBOURS; i++) {
        out[i] = others[GOLDEN_TEXTS - NEIGHBOURS + i].index;
    }
}

static double neighbours_kept(const float a[static GOLDEN_TEXTS][GOLDEN_WIDTH],
                              const float b[static GOLDEN_TEXTS][GOLDEN_WIDTH])
{
    size_t kept = 0;
    for (size_t i = 0; i < GOLDEN_TEXTS; i++) {
        size_t in_a[NEIGHBOURS];
        size_t in_b[NEIGHBOURS];
        nearest(a, i, in_a);
        nearest(b, i, in_b);
        for (size_t j = 0; j < NEIGHBOURS * NEIGHBOURS; j++) {
            kept += in_a[j / NEIGHBOURS] == in_b[j % NEIGHBOURS];
        }
    }
    return (double)kept / (GOLDEN_TEXTS * NEIGHBOURS);
}

static void assert_order(const struct heddle_embedder *embedder, const struct golden *golden,
                         const float vectors[static GOLDEN_TEXTS][GOLDEN_WIDTH])
{
    const struct gate *gate = &gates[heddle_embedder_precision(embedder)];
    const double spearman = rank_correlation(vectors, golden->vectors);
    const double neighbours = neighbours_kept(vectors, golden->vectors);
    print_message("%s: rank correlation of %d pairs %.7f, %.2f %% of ten neighbours kept\n",
                  heddle_embedder_kernel(embedder), PAIRS, spearman, 100 * neighbours);
    assert_true(spearman >= gate->spearman);
    assert_true(neighbours >= gate->neighbours);
}

/* ---- vectors ---- */

/* The texts for a kernel: all, or a sample. */
static size_t choose(const struct golden *golden, const char *kernel, size_t *chosen)
{
    const bool is_slow = SANITIZED && strcmp(kernel, "scalar") == 0;
    size_t count = 0;
    for (size_t i = 0; i < GOLDEN_TEXTS; i += SANITIZED ? 17 : 1) {
        const size_t tokens = json_array_size(json_object_get(golden->rows[i], "ids"));
        if (!is_slow || tokens <= 32) {
            chosen[count++] = i;
        }
    }
    return count;
}

static void assert_vectors(const struct heddle_embedder *embedder, const struct golden *golden,
                           const size_t *chosen, size_t count)
{
    struct heddle_embedder_worker *worker = NULL;
    struct heddle_embed_text *texts = calloc(count, sizeof *texts);
    float(*vectors)[GOLDEN_WIDTH] = calloc(count, sizeof *vectors);
    assert_true(texts != NULL && vectors != NULL);
    for (size_t i = 0; i < count; i++) {
        texts[i] = golden->texts[chosen[i]];
    }
    assert_int_equal(heddle_embedder_worker_create(embedder, &worker, NULL), HEDDLE_OK);
    assert_int_equal(heddle_embedder_embed(worker, texts, count, vectors[0], NULL, NULL), HEDDLE_OK);
    const struct gate *gate = &gates[heddle_embedder_precision(embedder)];
    double smallest = 2;
    double sum = 0;
    double largest = 0;
    for (size_t i = 0; i < count; i++) {
        const float *expected = golden->vectors[chosen[i]];
        const double alike = cosine(vectors[i], expected);
        smallest = fmin(smallest, alike);
        sum += alike;
        for (size_t j = 0; j < GOLDEN_WIDTH; j++) {
            largest = fmax(largest, fabs((double)vectors[i][j] - (double)expected[j]));
        }
    }
    print_message("%s: %zu texts, cosine at least %.9f, mean %.9f, largest difference of a component %.1e\n",
                  heddle_embedder_kernel(embedder), count, smallest, sum / (double)count, largest);
    assert_true(smallest >= gate->cosine_min);
    assert_true(sum / (double)count >= gate->cosine_mean);
    assert_true(largest <= gate->component_max);
    if (count == GOLDEN_TEXTS) {
        assert_order(embedder, golden, vectors);
    }
    heddle_embedder_worker_destroy(worker);
    free(vectors);
    free(texts);
}

static void every_kernel_gives_the_vectors_of_the_original(void **state)
{
    (void)state;
    struct golden *golden = read_golden();
    size_t chosen[GOLDEN_TEXTS];
    const char *const *kernels = heddle_embedder_kernel_names();
    for (size_t i = 0; kernels[i] != NULL; i++) {
        if (!heddle_embedder_kernel_runs(kernels[i])) {
            print_message("%s: skipped, this CPU cannot run it\n", kernels[i]);
            continue;
        }
        const struct heddle_embedder_options options = {.kernel = kernels[i]};
        struct heddle_embedder *embedder = NULL;
        struct heddle_error error = {0};
        if (heddle_embedder_open(model, &options, &embedder, &error) != HEDDLE_OK) {
            fail_msg("%s", error.message);
        }
        assert_int_equal(heddle_embedder_dimensions(embedder), GOLDEN_WIDTH);
        assert_int_equal(heddle_embedder_max_tokens(embedder), 256);
        const size_t count = choose(golden, kernels[i], chosen);
        assert_true(count >= (SANITIZED ? 12 : GOLDEN_TEXTS));
        assert_vectors(embedder, golden, chosen, count);
        heddle_embedder_close(embedder);
    }
    free_golden(golden);
}

int main(void)
{
    model = real_model();
    if (model == NULL) {
        return SKIPPED;
    }
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_kernel_gives_the_vectors_of_the_original)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
