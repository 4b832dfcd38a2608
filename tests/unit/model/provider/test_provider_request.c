/* test_provider_request.c: what each service is asked, byte for byte, where, and how much at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "model/provider/request.h"

static struct heddle_engine_item first = {.text = "a \"quoted\\\" line\n\x01 \xc3\xa9", .length = 21};
static struct heddle_engine_item second = {.text = "second, not terminated", .length = 6};
static const struct heddle_engine_item *const both[] = {&first, &second};

#define A "\"a \\\"quoted\\\\\\\" line\\n\\u0001 \xc3\xa9\""

static void assert_body(const struct heddle_request_form *form, const char *expected)
{
    struct heddle_buffer body = {0};
    size_t texts = 0;
    heddle_request_build(form, both, 2, &body);
    assert_string_equal(heddle_buffer_text(&body), expected);
    for (size_t i = 0; i < 2; i++) {
        texts += heddle_request_text_bytes(both[i]);
    }
    assert_true(body.length <= texts + 256); /* what the budget counts with */
    heddle_buffer_free(&body);
}

static void bodies_are_what_each_service_documents(void **state)
{
    (void)state;
    struct heddle_request_form form = {.shape = HEDDLE_REQUEST_OPENAI, .model = "text-\"3\""};
    first.length = strlen(first.text);
    assert_body(&form, "{\"model\":\"text-\\\"3\\\"\",\"input\":[" A ",\"second\"]}");
    form.base64 = true;
    form.dimensions = 256;
    assert_body(&form, "{\"model\":\"text-\\\"3\\\"\",\"input\":[" A
                       ",\"second\"],\"encoding_format\":\"base64\",\"dimensions\":256}");
    form = (struct heddle_request_form){.shape = HEDDLE_REQUEST_OPENAI};
    assert_body(&form, "{\"input\":[" A ",\"second\"]}");
    form.shape = HEDDLE_REQUEST_SPLIT;
    assert_body(&form, "{\"dataframe_split\":{\"columns\":[\"text\"],\"data\":[[" A "],[\"second\"]]}}");
    form.shape = HEDDLE_REQUEST_RECORDS;
    form.column = "te\"xt";
    assert_body(&form, "{\"dataframe_records\":[{\"te\\\"xt\":" A "},{\"te\\\"xt\":\"second\"}]}");
    form.shape = HEDDLE_REQUEST_INPUTS;
    assert_body(&form, "{\"inputs\":{\"te\\\"xt\":[" A ",\"second\"]}}");
    form.column = NULL;
    assert_body(&form, "{\"inputs\":[" A ",\"second\"]}");
    form.shape = HEDDLE_REQUEST_INSTANCES;
    assert_body(&form, "{\"instances\":[" A ",\"second\"]}");
    form.column = "text";
    assert_body(&form, "{\"instances\":[{\"text\":" A "},{\"text\":\"second\"}]}");
    form = (struct heddle_request_form){.shape = HEDDLE_REQUEST_TEI};
    assert_body(&form, "{\"inputs\":[" A ",\"second\"],\"truncate\":true}");
    form =
        (struct heddle_request_form){.shape = HEDDLE_REQUEST_OLLAMA, .model = "all-minilm", .dimensions = 64};
    assert_body(&form, "{\"model\":\"all-minilm\",\"input\":[" A
                       ",\"second\"],\"truncate\":true,\"dimensions\":64}");
}

static void addresses_are_completed(void **state)
{
    (void)state;
    static const struct {
        enum heddle_provider_kind kind;
        const char *given;
        const char *model;
        const char *expected;
    } cases[] = {
        {HEDDLE_PROVIDER_OPENAI, "https://api.example", "m", "https://api.example/v1/embeddings"},
        {HEDDLE_PROVIDER_OPENAI, "https://api.example/", "m", "https://api.example/v1/embeddings"},
        {HEDDLE_PROVIDER_OPENAI, "https://h:8443/v1/", "m", "https://h:8443/v1/embeddings"},
        {HEDDLE_PROVIDER_OPENAI, "https://h/openai/deployments/x/embeddings?api-version=1", "m",
         "https://h/openai/deployments/x/embeddings?api-version=1"},
        {HEDDLE_PROVIDER_DATABRICKS, "https://dbc.example/", "my-model_2",
         "https://dbc.example/serving-endpoints/my-model_2/invocations"},
        {HEDDLE_PROVIDER_DATABRICKS, "https://dbc.example/serving-endpoints/e/invocations", "",
         "https://dbc.example/serving-endpoints/e/invocations"},
        {HEDDLE_PROVIDER_TEI, "http://127.0.0.1:8080", "", "http://127.0.0.1:8080/embed"},
        {HEDDLE_PROVIDER_TEI, "http://h/tei/embed", "", "http://h/tei/embed"},
        {HEDDLE_PROVIDER_OLLAMA, "http://h:11434#x", "m", "http://h:11434/api/embed"},
    };
    char *url = NULL;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(heddle_request_url(cases[i].kind, cases[i].given, cases[i].model, &url, NULL),
                         HEDDLE_OK);
        assert_string_equal(url, cases[i].expected);
        free(url);
    }
    static const char *const names[] = {"", "a/b", "a b", "../x", "a?b", "a%2f"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        assert_int_equal(heddle_request_url(HEDDLE_PROVIDER_DATABRICKS, "https://h", names[i], &url, NULL),
                         HEDDLE_INVALID);
    }
    assert_int_equal(heddle_request_info_url("http://h/tei/embed?x=/embed", &url, NULL), HEDDLE_OK);
    assert_string_equal(url, "http://h/tei/info");
    free(url);
    heddle_memory_fail_at(0);
    assert_int_equal(heddle_request_url(HEDDLE_PROVIDER_TEI, "http://h", "", &url, NULL),
                     HEDDLE_OUT_OF_MEMORY);
    heddle_memory_fail_at(1);
    assert_int_equal(heddle_request_url(HEDDLE_PROVIDER_TEI, "http://h", "", &url, NULL),
                     HEDDLE_OUT_OF_MEMORY);
    heddle_memory_fail_at(-1);
}

static void a_request_keeps_to_each_budget_and_holds_at_least_one_text(void **state)
{
    (void)state;
    enum { COUNT = 10 };
    static const char text[401] = "";
    struct heddle_engine_item items[COUNT];
    const struct heddle_engine_item *pointers[COUNT];
    char letters[sizeof text];
    memset(letters, 'x', sizeof letters);
    for (size_t i = 0; i < COUNT; i++) {
        items[i] = (struct heddle_engine_item){.text = letters, .length = 400};
        pointers[i] = &items[i];
    }
    struct heddle_request_budget budget = {4, SIZE_MAX, SIZE_MAX};
    assert_int_equal(heddle_request_take(pointers, COUNT, &budget), 4);
    budget = (struct heddle_request_budget){SIZE_MAX, 320, SIZE_MAX}; /* 102 tokens each */
    assert_int_equal(heddle_request_take(pointers, COUNT, &budget), 3);
    budget = (struct heddle_request_budget){SIZE_MAX, SIZE_MAX, 256 + 424 * 5};
    assert_int_equal(heddle_request_take(pointers, COUNT, &budget), 5);
    budget = (struct heddle_request_budget){SIZE_MAX, SIZE_MAX, SIZE_MAX};
    assert_int_equal(heddle_request_take(pointers, COUNT, &budget), COUNT);
    budget = (struct heddle_request_budget){1, 1, 1};
    assert_int_equal(heddle_request_take(pointers, COUNT, &budget), 1);
}

static void tokens_are_estimated_by_script(void **state)
{
    (void)state;
    const struct heddle_engine_item english = {.text = "worn brake discs", .length = 16};
    const struct heddle_engine_item chinese = {.text = "\xe4\xb8\xad\xe6\x96\x87", .length = 6};
    assert_int_equal(heddle_request_text_tokens(&english), 6);
    assert_int_equal(heddle_request_text_tokens(&chinese), 5);
}

static void names_are_known(void **state)
{
    (void)state;
    enum heddle_provider_kind kind;
    enum heddle_request_shape shape;
    static const char *const kinds[] = {"openai", "databricks", "tei", "ollama"};
    for (size_t i = 0; i < 4; i++) {
        assert_true(heddle_provider_kind_parse(kinds[i], &kind));
        assert_string_equal(heddle_provider_kind_name(kind), kinds[i]);
    }
    assert_false(heddle_provider_kind_parse("native", &kind));
    assert_true(heddle_request_shape_parse("dataframe_split", &shape) && shape == HEDDLE_REQUEST_SPLIT);
    assert_false(heddle_request_shape_parse("tei", &shape));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bodies_are_what_each_service_documents),
        cmocka_unit_test(addresses_are_completed),
        cmocka_unit_test(a_request_keeps_to_each_budget_and_holds_at_least_one_text),
        cmocka_unit_test(tokens_are_estimated_by_script),
        cmocka_unit_test(names_are_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
