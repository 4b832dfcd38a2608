/* test_golden_vectors.c: every kernel gives the vectors of the original implementation for 400 texts.
 *
 * Under a sanitizer each kernel embeds a sample of 24 texts, one of each 17, the slow scalar kernel only those of at most
 * 32 tokens; in other builds all 400 by every kernel. On an emulated CPU HEDDLE_TEST_SAMPLE=all, or =KERNEL, leaves only
 * those of at most 16 tokens for all kernels, or for one.
 */
#include "model_fixture.h"

#include <math.h>

static const char *model;

/* The gate of each precision. The reference's own noise between batch sizes is 2.7e-7 a component; bf16 keeps 8 bits of
 * each number and was measured at 0.99994 and 1.8e-3 at worst. */
static double cosine_min(const struct heddle_embedder *embedder)
{
    return heddle_embedder_precision(embedder) == HEDDLE_PRECISION_FP32 ? 0.999999 : 0.9999;
}

static double component_max(const struct heddle_embedder *embedder)
{
    return heddle_embedder_precision(embedder) == HEDDLE_PRECISION_FP32 ? 2e-6 : 5e-3;
}

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

static bool is_emulated(const char *kernel)
{
    const char *asked = getenv("HEDDLE_TEST_SAMPLE");
    return asked != NULL && (strcmp(asked, "all") == 0 || strcmp(asked, kernel) == 0);
}

/* The texts for a kernel: all, or a sample. */
static size_t choose(const struct golden *golden, const char *kernel, size_t *chosen)
{
    const bool is_slow = SANITIZED && strcmp(kernel, "scalar") == 0;
    const size_t longest = is_emulated(kernel) ? 16 : is_slow ? 32 : SIZE_MAX;
    size_t count = 0;
    for (size_t i = 0; i < GOLDEN_TEXTS; i += SANITIZED || is_emulated(kernel) ? 17 : 1) {
        const size_t tokens = json_array_size(json_object_get(golden->rows[i], "ids"));
        if (tokens <= longest) {
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
    double smallest = 2;
    double largest = 0;
    for (size_t i = 0; i < count; i++) {
        const float *expected = golden->vectors[chosen[i]];
        smallest = fmin(smallest, cosine(vectors[i], expected));
        for (size_t j = 0; j < GOLDEN_WIDTH; j++) {
            largest = fmax(largest, fabs((double)vectors[i][j] - (double)expected[j]));
        }
    }
    print_message("%s: %zu texts, smallest cosine %.9f, largest difference of a component %.1e\n",
                  heddle_embedder_kernel(embedder), count, smallest, largest);
    assert_true(smallest >= cosine_min(embedder));
    assert_true(largest <= component_max(embedder));
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
        assert_true(count >= (SANITIZED || is_emulated(kernels[i]) ? 10 : GOLDEN_TEXTS));
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
