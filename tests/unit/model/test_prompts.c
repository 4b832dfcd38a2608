/* test_prompts.c: which text a model wants in front of its inputs, by the rules of sentence-transformers. */
#include "model_fixture.h"

#include "model/prompts.h"

static char *directory;

static struct heddle_model_prompts read_of(const char *text)
{
    struct heddle_model_prompts prompts = {0};
    struct heddle_error error = {0};
    write_text(directory, "config_sentence_transformers.json", text);
    if (heddle_model_prompts_read(directory, &prompts, &error) != HEDDLE_OK) {
        fail_msg("%s", error.message);
    }
    return prompts;
}

/* What a query, a document and nothing said get in front. */
static void chooses(const char *text, const char *query, const char *document)
{
    struct heddle_model_prompts prompts = read_of(text);
    assert_string_equal(heddle_model_prompts_choose(&prompts, true), query);
    assert_string_equal(heddle_model_prompts_choose(&prompts, false), document);
    heddle_model_prompts_free(&prompts);
    assert_int_equal(prompts.count, 0);
}

static void refused(const char *text, const char *reason)
{
    struct heddle_model_prompts prompts = {0};
    struct heddle_error error = {0};
    write_text(directory, "config_sentence_transformers.json", text);
    assert_int_equal(heddle_model_prompts_read(directory, &prompts, &error), HEDDLE_MODEL);
    if (strstr(error.message, reason) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", error.message, reason);
    }
    assert_non_null(strstr(error.message, "config_sentence_transformers.json"));
    assert_null(prompts.json);
}

static void a_model_without_the_file_has_none(void **state)
{
    (void)state;
    struct heddle_model_prompts prompts = {0};
    remove_file(directory, "config_sentence_transformers.json");
    assert_int_equal(heddle_model_prompts_read(directory, &prompts, NULL), HEDDLE_OK);
    assert_int_equal(prompts.count, 0);
    assert_string_equal(prompts.similarity, "cosine");
    assert_string_equal(heddle_model_prompts_choose(&prompts, true), "");
    heddle_model_prompts_free(&prompts);
    assert_string_equal(heddle_model_prompts_choose(&(struct heddle_model_prompts){0}, true), "");
}

static void queries_and_documents_get_their_own(void **state)
{
    (void)state;
    chooses("{\"prompts\": {\"query\": \"query: \", \"passage\": \"passage: \"}}", "query: ", "passage: ");
    chooses("{\"prompts\": {\"corpus\": \"c \", \"passage\": \"p \", \"document\": \"d \"}}", "", "d ");
    chooses("{\"prompts\": {\"corpus\": \"c \", \"a\": \"all \"}, \"default_prompt_name\": \"a\"}", "all ",
            "c ");
    /* an empty prompt of that name keeps the default away */
    chooses("{\"prompts\": {\"query\": \"\", \"document\": null, \"a\": \"all \"}, \"default_prompt_name\": "
            "\"a\"}",
            "", "");
    chooses("{\"__version__\": {}}", "", "");
    chooses("{\"prompts\": null, \"default_prompt_name\": null}", "", "");
}

static void the_rest_of_the_file_is_read(void **state)
{
    (void)state;
    struct heddle_model_prompts prompts = read_of("{\"prompts\": {\"a\": \"x\", \"b\": \"\u00e9: \"}, "
                                                  "\"similarity_fn_name\": \"dot\", \"truncate_dim\": 256}");
    assert_int_equal(prompts.count, 2);
    assert_string_equal(heddle_model_prompts_find(&prompts, "b"), "\u00e9: ");
    assert_null(heddle_model_prompts_find(&prompts, "c"));
    assert_string_equal(prompts.similarity, "dot");
    assert_int_equal(prompts.dimensions, 256);
    heddle_model_prompts_free(&prompts);
    prompts = read_of("{\"similarity_fn_name\": \"maxsim\", \"truncate_dim\": null}");
    assert_string_equal(prompts.similarity, "cosine");
    assert_int_equal(prompts.dimensions, 0);
    heddle_model_prompts_free(&prompts);
}

static void what_makes_no_sense_is_refused(void **state)
{
    (void)state;
    refused("{\"prompts\": {\"a\": \"x\"}, \"default_prompt_name\": \"b\"}", "default_prompt_name b is none");
    refused("{\"default_prompt_name\": 5}", "default_prompt_name");
    refused("{\"prompts\": [\"x\"]}", "prompts must be");
    refused("{\"prompts\": {\"a\": 5}}", "prompt a is no text");
    refused("{\"truncate_dim\": 0}", "truncate_dim");
    refused("{\"prompts\": {\"a\": ", "not valid JSON");
    struct heddle_buffer text = {0};
    for (size_t i = 0; i <= HEDDLE_PROMPTS_MAX; i++) {
        heddle_buffer_append_format(&text, "%s\"%zu\": \"x\"", i == 0 ? "{\"prompts\": {" : ", ", i);
    }
    heddle_buffer_append_text(&text, "}}");
    refused(heddle_buffer_text(&text), "at most 256 prompts");
    heddle_buffer_reset(&text);
    heddle_buffer_append_text(&text, "{\"prompts\": {\"a\": \"");
    for (size_t i = 0; i <= HEDDLE_PROMPT_BYTES_MAX; i++) {
        heddle_buffer_append_byte(&text, 'x');
    }
    heddle_buffer_append_text(&text, "\"}}");
    refused(heddle_buffer_text(&text), "at prompt a: at most");
    heddle_buffer_free(&text);
}

static int before(void **state)
{
    (void)state;
    directory = make_directory();
    return 0;
}

static int after(void **state)
{
    (void)state;
    remove_directory(directory);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_model_without_the_file_has_none),
        cmocka_unit_test(queries_and_documents_get_their_own),
        cmocka_unit_test(the_rest_of_the_file_is_read),
        cmocka_unit_test(what_makes_no_sense_is_refused),
    };
    return cmocka_run_group_tests(tests, before, after);
}
