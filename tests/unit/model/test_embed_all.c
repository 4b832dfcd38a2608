/* test_embed_all.c: what an embedder does around its engine: many threads in one call, a prompt, fewer dimensions. */
#include "model_fixture.h"

#include <math.h>

enum { TEXTS = 1500 };

static char *directory;

static struct heddle_embedder *open_with(const struct heddle_embedder_options *options)
{
    struct heddle_embedder *embedder = NULL;
    struct heddle_error error = {0};
    if (heddle_embedder_open(directory, options, &embedder, &error) != HEDDLE_OK) {
        fail_msg("%s", error.message);
    }
    return embedder;
}

static struct heddle_embed_text text_of(const char *text)
{
    return (struct heddle_embed_text){text, strlen(text)};
}

static void embed(const struct heddle_embedder *embedder, const char *text, float *vector)
{
    const struct heddle_embed_text one = text_of(text);
    assert_int_equal(heddle_embedder_embed_all(embedder, 1, &one, 1, vector, NULL, NULL, NULL), HEDDLE_OK);
}

/* Texts of the tiny vocabulary, most of them different. */
static struct heddle_embed_text *make_texts(void)
{
    static const char *const words[] = {"pumps", "valve", "leaking", "a", "pump"};
    struct heddle_embed_text *texts = calloc(TEXTS, sizeof *texts);
    uint64_t random = 5;
    assert_non_null(texts);
    for (size_t i = 0; i < TEXTS; i++) {
        char text[128] = "";
        size_t length = 0;
        for (uint64_t words_left = heddle_random_below(&random, 7); words_left > 0; words_left--) {
            length += (size_t)snprintf(text + length, sizeof text - length, "%s ",
                                       words[heddle_random_below(&random, 5)]);
        }
        texts[i] = (struct heddle_embed_text){strdup(text), length};
    }
    return texts;
}

static void free_texts(struct heddle_embed_text *texts)
{
    for (size_t i = 0; i < TEXTS; i++) {
        free((char *)texts[i].text);
    }
    free(texts);
}

static void any_number_of_threads_gives_the_same_vectors_and_statuses(void **state)
{
    (void)state;
    static const size_t threads[] = {1, 2, 3, 0, 100000};
    struct heddle_embedder *embedder = open_with(NULL);
    struct heddle_embed_text *texts = make_texts();
    float *expected = NULL;
    for (size_t t = 0; t < sizeof threads / sizeof threads[0]; t++) {
        float *vectors = calloc(TEXTS * TINY_WIDTH, sizeof *vectors);
        struct heddle_embed_status *status = calloc(TEXTS, sizeof *status);
        struct heddle_embed_statistics statistics = {0};
        assert_true(vectors != NULL && status != NULL);
        assert_int_equal(
            heddle_embedder_embed_all(embedder, threads[t], texts, TEXTS, vectors, status, &statistics, NULL),
            HEDDLE_OK);
        assert_int_equal(statistics.texts, TEXTS);
        assert_int_equal(statistics.texts_embedded + statistics.texts_folded, TEXTS);
        for (size_t i = 0; i < TEXTS; i++) {
            assert_int_equal(status[i].no_text, texts[i].length == 0);
            assert_true(status[i].tokens >= 2);
        }
        if (expected == NULL) {
            expected = vectors;
        } else {
            assert_memory_equal(vectors, expected, TEXTS * TINY_WIDTH * sizeof *vectors);
            free(vectors);
        }
        free(status);
    }
    free(expected);
    free_texts(texts);
    heddle_embedder_close(embedder);
}

static void no_texts_are_no_failure(void **state)
{
    (void)state;
    struct heddle_embedder *embedder = open_with(NULL);
    float nothing = 7;
    assert_int_equal(heddle_embedder_embed_all(embedder, 4, NULL, 0, &nothing, NULL, NULL, NULL), HEDDLE_OK);
    assert_true(nothing == 7);
    heddle_embedder_close(embedder);
}

static void a_prompt_is_put_in_front_of_each_text(void **state)
{
    (void)state;
    struct heddle_embedder *plain = open_with(NULL);
    struct heddle_embedder *prompted = open_with(&(struct heddle_embedder_options){.prompt = "pumps "});
    struct heddle_embedder_info info;
    float expected[TINY_WIDTH];
    float vector[TINY_WIDTH];
    heddle_embedder_describe(prompted, &info);
    assert_string_equal(info.prompt, "pumps ");
    embed(plain, "pumps valve", expected);
    embed(prompted, "valve", vector);
    assert_memory_equal(vector, expected, sizeof vector);
    embed(plain, "valve", expected);
    assert_memory_not_equal(vector, expected, sizeof vector);
    heddle_embedder_close(prompted);
    heddle_embedder_close(plain);
}

static void assert_prompt(const struct heddle_embedder_options *options, const char *expected)
{
    struct heddle_embedder_info info;
    struct heddle_embedder *embedder = open_with(options);
    heddle_embedder_describe(embedder, &info);
    assert_string_equal(info.prompt, expected);
    heddle_embedder_close(embedder);
}

static void the_models_own_prompts_are_chosen_by_use_and_by_name(void **state)
{
    (void)state;
    write_text(directory, "config_sentence_transformers.json",
               "{\"prompts\": {\"query\": \"a \", \"passage\": \"valve \", \"odd\": \"pumps \"}}");
    assert_prompt(NULL, "valve ");
    assert_prompt(&(struct heddle_embedder_options){.is_query = true}, "a ");
    assert_prompt(&(struct heddle_embedder_options){.prompt_name = "odd"}, "pumps ");
    assert_prompt(&(struct heddle_embedder_options){.prompt = ""}, "");
    struct heddle_embedder *embedder = NULL;
    struct heddle_error error = {0};
    const struct heddle_embedder_options unknown = {.prompt_name = "none"};
    assert_int_equal(heddle_embedder_open(directory, &unknown, &embedder, &error), HEDDLE_INVALID);
    assert_non_null(strstr(error.message, "'none'"));
    remove_file(directory, "config_sentence_transformers.json");
    assert_prompt(NULL, "");
}

static void the_models_own_number_of_dimensions_holds_unless_another_is_asked_for(void **state)
{
    (void)state;
    write_text(directory, "config_sentence_transformers.json", "{\"truncate_dim\": 16}");
    struct heddle_embedder *embedder = open_with(NULL);
    assert_int_equal(heddle_embedder_dimensions(embedder), 16);
    heddle_embedder_close(embedder);
    embedder = open_with(&(struct heddle_embedder_options){.dimensions = 20});
    assert_int_equal(heddle_embedder_dimensions(embedder), 20);
    heddle_embedder_close(embedder);
    remove_file(directory, "config_sentence_transformers.json");
}

static void an_empty_text_behind_a_prompt_still_says_that_it_was_empty(void **state)
{
    (void)state;
    struct heddle_embedder *embedder = open_with(&(struct heddle_embedder_options){.prompt = "pumps "});
    const struct heddle_embed_text texts[] = {text_of("  "), {NULL, 0}, text_of("valve")};
    struct heddle_embed_status status[3];
    float vectors[3 * TINY_WIDTH];
    assert_int_equal(heddle_embedder_embed_all(embedder, 1, texts, 3, vectors, status, NULL, NULL),
                     HEDDLE_OK);
    assert_true(status[0].no_text && status[0].tokens > 2);
    assert_true(status[1].no_text && status[1].tokens == 0);
    assert_false(status[2].no_text);
    heddle_embedder_close(embedder);
}

static void fewer_dimensions_are_the_first_ones_at_unit_length(void **state)
{
    (void)state;
    enum { CUT = 10 };
    struct heddle_embedder *whole = open_with(NULL);
    struct heddle_embedder *cut = open_with(&(struct heddle_embedder_options){.dimensions = CUT});
    const struct heddle_embed_text texts[] = {
        text_of("valve"), {NULL, 0}, text_of("pumps leaking"), text_of("valve")};
    float vectors[4 * CUT];
    float expected[TINY_WIDTH];
    assert_int_equal(heddle_embedder_dimensions(cut), CUT);
    assert_int_equal(heddle_embedder_embed_all(cut, 1, texts, 4, vectors, NULL, NULL, NULL), HEDDLE_OK);
    embed(whole, "pumps leaking", expected);
    double squares = 0;
    for (size_t i = 0; i < CUT; i++) {
        squares += (double)expected[i] * (double)expected[i];
    }
    for (size_t i = 0; i < CUT; i++) {
        assert_true(fabs((double)vectors[2 * CUT + i] - (double)expected[i] / sqrt(squares)) < 1e-6);
        assert_true(vectors[CUT + i] == 0);
    }
    assert_memory_equal(vectors, vectors + 3 * CUT, CUT * sizeof vectors[0]);
    heddle_embedder_close(cut);
    heddle_embedder_close(whole);
}

static void more_dimensions_than_the_model_has_and_unknown_providers_are_refused(void **state)
{
    (void)state;
    struct heddle_embedder *embedder = NULL;
    struct heddle_error error = {0};
    const struct heddle_embedder_options wide = {.dimensions = TINY_WIDTH + 1};
    const struct heddle_embedder_options strange = {.provider = "oracle"};
    assert_int_equal(heddle_embedder_open(directory, &wide, &embedder, &error), HEDDLE_INVALID);
    assert_non_null(strstr(error.message, "65"));
    assert_int_equal(heddle_embedder_open(directory, &strange, &embedder, &error), HEDDLE_INVALID);
    assert_non_null(strstr(error.message, "oracle"));
    assert_non_null(strstr(error.message, "native"));
    assert_null(embedder);
}

static void running_out_of_memory_is_an_error_and_leaks_nothing(void **state)
{
    (void)state;
    struct heddle_embedder *embedder = open_with(&(struct heddle_embedder_options){.prompt = "pumps "});
    const struct heddle_embed_text texts[] = {text_of("valve"), text_of("leaking")};
    float vectors[2 * TINY_WIDTH];
    size_t failures = 0;
    for (int64_t n = 0;; n++) {
        heddle_memory_fail_at(n);
        const int status = heddle_embedder_embed_all(embedder, 1, texts, 2, vectors, NULL, NULL, NULL);
        heddle_memory_fail_at(-1);
        if (status == HEDDLE_OK) {
            break;
        }
        assert_int_equal(status, HEDDLE_OUT_OF_MEMORY);
        failures++;
    }
    assert_true(failures > 5);
    heddle_embedder_close(embedder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_number_of_threads_gives_the_same_vectors_and_statuses),
        cmocka_unit_test(no_texts_are_no_failure),
        cmocka_unit_test(a_prompt_is_put_in_front_of_each_text),
        cmocka_unit_test(the_models_own_prompts_are_chosen_by_use_and_by_name),
        cmocka_unit_test(the_models_own_number_of_dimensions_holds_unless_another_is_asked_for),
        cmocka_unit_test(an_empty_text_behind_a_prompt_still_says_that_it_was_empty),
        cmocka_unit_test(fewer_dimensions_are_the_first_ones_at_unit_length),
        cmocka_unit_test(more_dimensions_than_the_model_has_and_unknown_providers_are_refused),
        cmocka_unit_test(running_out_of_memory_is_an_error_and_leaks_nothing),
    };
    directory = make_tiny_model();
    const int failed = cmocka_run_group_tests(tests, NULL, NULL);
    remove_directory(directory);
    return failed;
}
