/* test_sink.c: which backend a URI leads to, and what is said where none does. */
#include "rows_fixture.h"

#include "sink/search.h"

static void an_unknown_scheme_is_answered_with_the_list(void **state)
{
    (void)state;
    static const char *const wrong[] = {"http://localhost:7474", "neo4js://localhost", "localhost:7687",
                                        "neo4j:localhost"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct heddle_error error = {0};
        struct heddle_sink *sink = NULL;
        struct heddle_search *search = NULL;
        const struct heddle_sink_options options = {.to = wrong[i]};
        const struct heddle_search_options search_options = {.to = wrong[i]};
        assert_int_equal(heddle_sink_open(&options, &sink, &error), HEDDLE_INVALID);
        assert_non_null(strstr(error.message, "neo4j+s"));
        assert_non_null(strstr(error.message, "duckdb"));
        assert_null(sink);
        assert_int_equal(heddle_search_open(&search_options, &search, &error), HEDDLE_INVALID);
        assert_null(search);
    }
}

static void what_follows_an_unknown_scheme_is_not_repeated(void **state)
{
    (void)state;
    struct heddle_error error = {0};
    struct heddle_sink *sink = NULL;
    const struct heddle_sink_options options = {.to = "https://neo4j:hunter22@example.org"};
    assert_int_equal(heddle_sink_open(&options, &sink, &error), HEDDLE_INVALID);
    assert_null(strstr(error.message, "hunter22"));
}

static void no_target_at_all_is_said_so(void **state)
{
    (void)state;
    struct heddle_error error = {0};
    struct heddle_sink *sink = NULL;
    const struct heddle_sink_options options = {.to = NULL};
    assert_int_equal(heddle_sink_open(&options, &sink, &error), HEDDLE_INVALID);
    assert_non_null(strstr(error.message, "no target"));
}

static void a_server_that_is_not_there_is_named(void **state)
{
    (void)state;
    struct heddle_error error = {0};
    struct heddle_sink *sink = NULL;
    /* Port 1 of the own machine: nothing listens there, and nothing leaves the machine. */
    const struct heddle_sink_options options = {.to = "bolt://127.0.0.1:1"};
    assert_int_equal(heddle_sink_open(&options, &sink, &error), HEDDLE_NETWORK);
    assert_non_null(strstr(error.message, "127.0.0.1:1"));
}

static void closing_nothing_is_fine(void **state)
{
    (void)state;
    heddle_sink_close(NULL);
    heddle_search_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_unknown_scheme_is_answered_with_the_list),
        cmocka_unit_test(what_follows_an_unknown_scheme_is_not_repeated),
        cmocka_unit_test(no_target_at_all_is_said_so),
        cmocka_unit_test(a_server_that_is_not_there_is_named),
        cmocka_unit_test(closing_nothing_is_fine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
