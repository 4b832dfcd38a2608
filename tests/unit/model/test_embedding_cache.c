/* test_embedding_cache.c: an embedder with a cache file answers what it answers without one. */
#include "model_fixture.h"

#include <sqlite3.h>

enum { TEXTS = 600, WORDS = 5, CUT = 32 };

static char *directory;
static char file[4200];
static char storage[TEXTS][96];
static struct heddle_embed_text texts[TEXTS];

/* What one opening of the model answers for all texts. */
struct answer {
    float *vectors;
    struct heddle_embed_status *status;
    struct heddle_embed_statistics statistics;
    size_t width;
    char problem[128];
};

static struct answer embed_with(const struct heddle_embedder_options *options, size_t threads)
{
    struct heddle_embedder *embedder = NULL;
    struct heddle_error error = {0};
    if (heddle_embedder_open(directory, options, &embedder, &error) != HEDDLE_OK) {
        fail_msg("%s", error.message);
    }
    struct answer answer = {.width = heddle_embedder_dimensions(embedder)};
    answer.vectors = calloc(TEXTS * answer.width, sizeof *answer.vectors);
    answer.status = calloc(TEXTS, sizeof *answer.status);
    assert_true(answer.vectors != NULL && answer.status != NULL);
    assert_int_equal(heddle_embedder_embed_all(embedder, threads, texts, TEXTS, answer.vectors, answer.status,
                                               &answer.statistics, NULL),
                     HEDDLE_OK);
    struct heddle_embedder_info info;
    heddle_embedder_describe(embedder, &info);
    snprintf(answer.problem, sizeof answer.problem, "%s", info.cache_problem);
    heddle_embedder_close(embedder);
    return answer;
}

static void free_answer(struct answer *answer)
{
    free(answer->vectors);
    free(answer->status);
}

static void assert_same(const struct answer *answer, const struct answer *expected)
{
    assert_int_equal(answer->width, expected->width);
    assert_memory_equal(answer->vectors, expected->vectors, TEXTS * expected->width * sizeof(float));
    for (size_t i = 0; i < TEXTS; i++) {
        assert_int_equal(answer->status[i].result, expected->status[i].result);
        assert_int_equal(answer->status[i].tokens, expected->status[i].tokens);
        assert_int_equal(answer->status[i].truncated, expected->status[i].truncated);
        assert_int_equal(answer->status[i].no_text, expected->status[i].no_text);
    }
    assert_int_equal(answer->statistics.texts, expected->statistics.texts);
    assert_int_equal(answer->statistics.truncated, expected->statistics.truncated);
    assert_int_equal(answer->statistics.no_text, expected->statistics.no_text);
    assert_int_equal(answer->statistics.failed, expected->statistics.failed);
}

/* The same with and without a cache file, new or used; a used one leaves nothing to the model. */
static void assert_cached(struct heddle_embedder_options options)
{
    struct answer plain = embed_with(&options, 1);
    options.cache_file = file;
    struct answer first = embed_with(&options, 1);
    struct answer second = embed_with(&options, 1);
    assert_same(&first, &plain);
    assert_same(&second, &plain);
    /* without a cache, a text that comes in two chunks of the call is embedded twice */
    assert_true(first.statistics.texts_embedded > 0);
    assert_int_equal(first.statistics.texts_embedded + first.statistics.texts_remembered,
                     plain.statistics.texts_embedded);
    assert_int_equal(second.statistics.texts_embedded, 0);
    assert_int_equal(second.statistics.tokens, 0);
    assert_int_equal(second.statistics.texts_remembered, plain.statistics.texts_embedded);
    assert_int_equal(second.statistics.texts_folded, plain.statistics.texts_folded);
    assert_true(plain.statistics.texts_folded > 0 && plain.statistics.truncated > 0);
    for (size_t i = 0; i < TEXTS; i++) {
        assert_int_equal(second.status[i].remembered, texts[i].text != NULL);
    }
    assert_int_equal(second.statistics.cache_failures, 0);
    assert_string_equal(second.problem, "");
    free_answer(&plain);
    free_answer(&first);
    free_answer(&second);
}

static void vectors_and_statuses_are_the_same_with_and_without_a_cache(void **state)
{
    (void)state;
    assert_cached((struct heddle_embedder_options){0});
}

static void prompts_widths_and_precisions_share_a_file_and_never_mix(void **state)
{
    (void)state;
    assert_cached((struct heddle_embedder_options){0});
    assert_cached((struct heddle_embedder_options){.prompt = "pumps "});
    assert_cached((struct heddle_embedder_options){.prompt = "pumps"}); /* stripped, it is another text */
    assert_cached((struct heddle_embedder_options){.dimensions = CUT});
    assert_cached((struct heddle_embedder_options){.dimensions = CUT + 1, .prompt = "pumps "});
    struct answer plain = embed_with(NULL, 1);
    const char *const precisions[] = {"fp32", "bf16", "int8"};
    char seen[16] = "";
    struct heddle_embedder *embedder = NULL;
    assert_int_equal(heddle_embedder_open(directory, NULL, &embedder, NULL), HEDDLE_OK);
    snprintf(seen, sizeof seen, "%s", heddle_precision_name(heddle_embedder_precision(embedder)));
    heddle_embedder_close(embedder);
    for (size_t i = 0; i < sizeof precisions / sizeof precisions[0]; i++) {
        struct heddle_embedder_options options = {0};
        assert_true(heddle_precision_parse(precisions[i], &options.precision));
        if (heddle_precision_runs(options.precision) && strcmp(precisions[i], seen) != 0) {
            assert_cached(options);
        }
    }
    free_answer(&plain);
}

static void another_model_under_the_same_name_is_another_model(void **state)
{
    (void)state;
    const struct heddle_embedder_options options = {.cache_file = file};
    struct answer before = embed_with(&options, 1);
    write_text(directory, "1_Pooling/config.json",
               "{\"word_embedding_dimension\": 64, \"pooling_mode_cls_token\": true, "
               "\"pooling_mode_mean_tokens\": false}");
    struct answer after = embed_with(&options, 1);
    struct answer expected = embed_with(NULL, 1);
    assert_int_equal(after.statistics.texts_embedded, before.statistics.texts_embedded);
    assert_same(&after, &expected);
    write_text(directory, "1_Pooling/config.json", TINY_POOLING);
    free_answer(&expected);
    free_answer(&after);
    after = embed_with(&options, 1);
    assert_int_equal(after.statistics.texts_embedded, 0);
    assert_same(&after, &before);
    free_answer(&after);
    free_answer(&before);
}

static void half_of_a_call_can_be_known(void **state)
{
    (void)state;
    struct answer plain = embed_with(NULL, 1);
    const struct heddle_embedder_options options = {.cache_file = file};
    struct heddle_embedder *embedder = NULL;
    struct heddle_embedder_worker *worker = NULL;
    float *vectors = calloc(TEXTS * TINY_WIDTH, sizeof *vectors);
    assert_non_null(vectors);
    assert_int_equal(heddle_embedder_open(directory, &options, &embedder, NULL), HEDDLE_OK);
    assert_int_equal(heddle_embedder_worker_create(embedder, &worker, NULL), HEDDLE_OK);
    const size_t half = TEXTS / 2;
    assert_int_equal(heddle_embedder_embed(worker, texts + half, TEXTS - half, vectors, NULL, NULL),
                     HEDDLE_OK);
    assert_int_equal(heddle_embedder_embed(worker, texts, TEXTS, vectors, NULL, NULL), HEDDLE_OK);
    assert_memory_equal(vectors, plain.vectors, TEXTS * TINY_WIDTH * sizeof *vectors);
    struct heddle_embed_statistics statistics;
    heddle_embedder_worker_statistics(worker, &statistics);
    assert_true(statistics.texts_remembered > 0);
    assert_true(statistics.texts_embedded > 0);
    assert_int_equal(statistics.texts_embedded + statistics.texts_folded + statistics.texts_remembered +
                         statistics.no_text,
                     statistics.texts + 2 /* the two empty ones */);
    heddle_embedder_worker_destroy(worker);
    heddle_embedder_close(embedder);
    free(vectors);
    free_answer(&plain);
}

static void threads_share_the_file(void **state)
{
    (void)state;
    struct answer plain = embed_with(NULL, 1);
    struct answer first = embed_with(&(struct heddle_embedder_options){.cache_file = file}, 3);
    struct answer second = embed_with(&(struct heddle_embedder_options){.cache_file = file}, 3);
    assert_same(&first, &plain);
    assert_same(&second, &plain);
    assert_int_equal(second.statistics.texts_embedded, 0);
    assert_int_equal(first.statistics.cache_failures, 0);
    free_answer(&plain);
    free_answer(&first);
    free_answer(&second);
}

static void a_cache_that_is_full_or_damaged_on_the_way_changes_no_vector(void **state)
{
    (void)state;
    struct answer plain = embed_with(NULL, 1);
    struct heddle_embedder_options options = {.cache_file = file, .cache_bytes_max = 65536};
    struct answer full = embed_with(&options, 1);
    assert_same(&full, &plain);
    assert_true(full.statistics.cache_failures > 0);
    assert_non_null(strstr(full.problem, "limit"));
    free_answer(&full);
    assert_int_equal(remove(file), 0);
    options.cache_bytes_max = 0;
    full = embed_with(&options, 1);
    free_answer(&full);
    sqlite3 *raw = NULL;
    assert_int_equal(sqlite3_open(file, &raw), SQLITE_OK);
    assert_int_equal(
        sqlite3_exec(raw, "UPDATE vector SET vector = zeroblob(256) WHERE hash % 3 = 0", NULL, NULL, NULL),
        SQLITE_OK);
    assert_int_equal(sqlite3_close(raw), SQLITE_OK);
    full = embed_with(&options, 1);
    assert_same(&full, &plain);
    assert_true(full.statistics.cache_failures > 0 && full.statistics.texts_embedded > 0);
    assert_non_null(strstr(full.problem, "damaged"));
    free_answer(&full);
    free_answer(&plain);
}

static void a_file_that_is_no_cache_is_refused_by_name(void **state)
{
    (void)state;
    write_text(directory, "cache", "no database at all, but long enough to look like something");
    struct heddle_embedder *embedder = NULL;
    struct heddle_error error = {0};
    const struct heddle_embedder_options options = {.cache_file = file};
    assert_int_equal(heddle_embedder_open(directory, &options, &embedder, &error), HEDDLE_IO);
    assert_non_null(strstr(error.message, file));
    assert_null(embedder);
}

static void every_allocation_that_fails_is_an_error_and_no_leak(void **state)
{
    (void)state;
    int status = HEDDLE_OUT_OF_MEMORY;
    const struct heddle_embedder_options options = {.cache_file = file};
    float *vectors = calloc(TEXTS * TINY_WIDTH, sizeof *vectors);
    assert_non_null(vectors);
    for (int64_t failing = 0; status != HEDDLE_OK; failing++) {
        struct heddle_embedder *embedder = NULL;
        struct heddle_embedder_worker *worker = NULL;
        assert_true(failing < 2000);
        heddle_memory_fail_at(failing);
        status = heddle_embedder_open(directory, &options, &embedder, NULL);
        status = status == HEDDLE_OK ? heddle_embedder_worker_create(embedder, &worker, NULL) : status;
        status = status == HEDDLE_OK ? heddle_embedder_embed(worker, texts, 8, vectors, NULL, NULL) : status;
        heddle_memory_fail_at(-1);
        heddle_embedder_worker_destroy(worker);
        heddle_embedder_close(embedder);
    }
    free(vectors);
}

/* Texts of the tiny vocabulary: repeated, cut, empty, and null ones among them. */
static void make_texts(void)
{
    static const char *const words[WORDS] = {"pumps", "valve", "leaking", "a", "pump"};
    uint64_t random = 5;
    for (size_t i = 0; i < TEXTS; i++) {
        size_t length = 0;
        for (uint64_t left = heddle_random_below(&random, 6) + 1; left > 0; left--) {
            length += (size_t)snprintf(storage[i] + length, sizeof storage[i] - length, "%s ",
                                       words[heddle_random_below(&random, WORDS)]);
        }
        texts[i] = (struct heddle_embed_text){storage[i], length};
    }
    static const char longest[] =
        "a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a";
    texts[10] = (struct heddle_embed_text){longest, sizeof longest - 1};
    texts[20] = (struct heddle_embed_text){NULL, 0};
    texts[30] = (struct heddle_embed_text){"", 0};
    texts[40] = (struct heddle_embed_text){" \t", 2};
}

static int start(void **state)
{
    (void)state;
    directory = make_tiny_model();
    snprintf(file, sizeof file, "%s/cache", directory);
    make_texts();
    return 0;
}

static int end(void **state)
{
    (void)state;
    remove_file(directory, "cache");
    remove_file(directory, "cache-wal");
    remove_file(directory, "cache-shm");
    remove_directory(directory);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(vectors_and_statuses_are_the_same_with_and_without_a_cache),
        TEST(prompts_widths_and_precisions_share_a_file_and_never_mix),
        TEST(another_model_under_the_same_name_is_another_model),
        TEST(half_of_a_call_can_be_known),
        TEST(threads_share_the_file),
        TEST(a_cache_that_is_full_or_damaged_on_the_way_changes_no_vector),
        TEST(a_file_that_is_no_cache_is_refused_by_name),
        TEST(every_allocation_that_fails_is_an_error_and_no_leak),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
