/* test_duckdb_search.c: the nearest vectors of a file, with the scores that Neo4j gives, and what cannot be searched. */
#include "duckdb_fixture.h"

static struct heddle_target targets[TARGETS];
static struct fixture fixture;
static const float east[WIDTH] = {2, 0, 0, 0};
static const float north_east[WIDTH] = {1, 1, 0, 0};
static const float west[WIDTH] = {-1, 0, 0, 0};
static const float nowhere[WIDTH] = {0, 0, 0, 0};
static const float question[WIDTH] = {1, 0, 0, 0};

static const struct removal removals[5] = {{1, "west", "N1", west},
                                           {2, "north east", "N1", north_east},
                                           {3, NULL, "N2", east},
                                           {4, "no text", "N2", NULL},
                                           {5, "zero", "N2", nowhere}};

static int setup(void **state)
{
    (void)state;
    targets_fill(targets);
    fixture_make(&fixture);
    fixture_open(&fixture, targets, TARGETS);
    rows_write(&fixture, removals, 5, all_targets, TARGETS);
    load_finish(&fixture);
    fixture_close(&fixture);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fixture_remove(&fixture);
    return 0;
}

/* Searches with the question; the hits as "score name=value …" lines. */
static const char *hits_of(const struct heddle_search_options *options, size_t k)
{
    static char text[1024];
    struct heddle_error error = {0};
    struct heddle_search_result result = {0};
    void *search = NULL;
    size_t used = 0;
    assert_int_equal(heddle_arena_create(0, &result.arena, NULL), HEDDLE_OK);
    int status = heddle_sink_duckdb.search_open(options, &search, &error);
    if (status == HEDDLE_OK) {
        status = heddle_sink_duckdb.search_query(search, question, WIDTH, k, &result, &error);
    }
    text[0] = '\0';
    for (size_t i = 0; i < result.count; i++) {
        used += (size_t)snprintf(text + used, sizeof text - used, "%.4f", result.hits[i].score);
        for (size_t j = 0; j < result.hits[i].field_count; j++) {
            const struct heddle_search_field *field = &result.hits[i].fields[j];
            const char *quote = field->is_text ? "'" : "";
            used += (size_t)snprintf(text + used, sizeof text - used, " %s=%s%s%s", field->name, quote,
                                     field->value, quote);
        }
        used += (size_t)snprintf(text + used, sizeof text - used, "\n");
    }
    heddle_sink_duckdb.search_close(search);
    heddle_arena_destroy(result.arena);
    if (status != HEDDLE_OK) {
        snprintf(text, sizeof text, "%s", error.message);
    }
    return text;
}

static void the_best_come_first_with_neo4js_scores(void **state)
{
    (void)state;
    const struct heddle_search_options options = {.to = fixture.to};
    /* (1 + cos) / 2: 0 degrees 1, 45 degrees (1 + 0.7071) / 2, 180 degrees 0. */
    assert_string_equal(hits_of(&options, 10), "1.0000 removal_id=3\n"
                                               "0.8536 removal_id=2 removal_reason='north east'\n"
                                               "0.0000 removal_id=1 removal_reason='west'\n");
    assert_string_equal(hits_of(&options, 1), "1.0000 removal_id=3\n");
}

static void only_what_is_asked_for_is_shown_and_what_is_not_there_is_null(void **state)
{
    (void)state;
    const char *const show[3] = {"removal_reason", "colour", "removal_id"};
    const struct heddle_search_options options = {
        .to = fixture.to, .index = "removal_embedding", .show = show, .show_count = 3};
    assert_string_equal(hits_of(&options, 2),
                        "1.0000 removal_reason=null colour=null removal_id=3\n"
                        "0.8536 removal_reason='north east' colour=null removal_id=2\n");
}

static void lists_and_maps_are_shown_as_json_and_the_other_types_as_text(void **state)
{
    (void)state;
    const char *const show[5] = {"list", "pairs", "flag", "real", "day"};
    const struct heddle_search_options options = {
        .to = fixture.to, .label = "Typed", .show = show, .show_count = 5};
    file_change(&fixture, "CREATE TABLE \"Typed\" AS SELECT [1, 0, 0, 0]::FLOAT[4] AS v, ['a\"b', 'c'] AS "
                          "list, MAP {'k': 1} AS "
                          "pairs, true AS flag, 1.5::DOUBLE AS real, DATE '2024-05-01' AS day");
    assert_string_equal(
        hits_of(&options, 1),
        "1.0000 list=[\"a\\\"b\",\"c\"] pairs={\"k\":1} flag=true real=1.5 day='2024-05-01'\n");
}

static void the_subject_says_which_model_made_the_vectors(void **state)
{
    (void)state;
    const struct heddle_search_options options = {.to = fixture.to, .label = "RemovalEvent"};
    struct heddle_search_subject subject;
    void *search = NULL;
    assert_int_equal(heddle_sink_duckdb.search_open(&options, &search, NULL), HEDDLE_OK);
    assert_int_equal(heddle_sink_duckdb.search_describe(search, &subject, NULL), HEDDLE_OK);
    assert_string_equal(subject.label, "RemovalEvent");
    assert_string_equal(subject.property, "embedding");
    assert_string_equal(subject.model, "all-MiniLM-L6-v2");
    assert_string_equal(subject.precision, "fp32");
    assert_string_equal(subject.index, "");
    assert_int_equal(subject.dimensions, WIDTH);
    heddle_sink_duckdb.search_close(search);
}

static void a_file_whose_load_never_finished_can_be_searched(void **state)
{
    (void)state;
    const struct heddle_search_options options = {.to = fixture.to, .label = "RemovalEvent"};
    file_change(&fixture, "DROP TABLE heddle_meta");
    assert_string_equal(hits_of(&options, 1), "1.0000 removal_id=3\n");
}

static void what_cannot_be_searched_is_named(void **state)
{
    (void)state;
    struct heddle_search_options options = {.to = fixture.to, .label = "Aircraft"};
    assert_string_equal(hits_of(&options, 1),
                        "the DuckDB file has no vectors for label Aircraft; labels that have: RemovalEvent");
    options = (struct heddle_search_options){.to = fixture.to, .index = "unknown"};
    assert_string_equal(hits_of(&options, 1),
                        "the DuckDB file has no record of a vector index unknown: give the label "
                        "instead (--label)");
    options = (struct heddle_search_options){.to = "duckdb:/nowhere/at.all"};
    assert_non_null(strstr(hits_of(&options, 1), "there is no DuckDB file /nowhere/at.all: load it first"));
    file_change(&fixture, "CREATE TABLE \"Part\" (v FLOAT[3])");
    options = (struct heddle_search_options){.to = fixture.to};
    assert_string_equal(hits_of(&options, 1),
                        "several labels have vectors, choose one with --label: Part, RemovalEvent");
}

static void another_models_dimensions_are_refused_with_both_numbers(void **state)
{
    (void)state;
    const struct heddle_search_options options = {.to = fixture.to};
    const float wide[WIDTH + 1] = {1, 0, 0, 0, 0};
    struct heddle_error error = {0};
    struct heddle_search_result result = {0};
    void *search = NULL;
    assert_int_equal(heddle_arena_create(0, &result.arena, NULL), HEDDLE_OK);
    assert_int_equal(heddle_sink_duckdb.search_open(&options, &search, NULL), HEDDLE_OK);
    assert_int_equal(heddle_sink_duckdb.search_query(search, wide, WIDTH + 1, 1, &result, &error),
                     HEDDLE_MODEL);
    assert_string_equal(error.message,
                        "the vectors of label RemovalEvent have 4 dimensions and the query's model makes 5: "
                        "search with the model of the load (--model)");
    heddle_sink_duckdb.search_close(search);
    heddle_arena_destroy(result.arena);
}

static int search_failing_at(int64_t countdown, struct heddle_error *error)
{
    const char *const show[1] = {"removal_reason"};
    const struct heddle_search_options options = {.to = fixture.to, .show = show, .show_count = 1};
    struct heddle_search_result result = {0};
    struct heddle_search_subject subject;
    void *search = NULL;
    assert_int_equal(heddle_arena_create(0, &result.arena, NULL), HEDDLE_OK);
    heddle_memory_fail_at(countdown);
    int status = heddle_sink_duckdb.search_open(&options, &search, error);
    status = status != HEDDLE_OK ? status : heddle_sink_duckdb.search_describe(search, &subject, error);
    status = status != HEDDLE_OK
                 ? status
                 : heddle_sink_duckdb.search_query(search, question, WIDTH, 2, &result, error);
    heddle_memory_fail_at(-1);
    heddle_sink_duckdb.search_close(search);
    heddle_arena_destroy(result.arena);
    return status;
}

static void an_allocation_that_fails_is_reported(void **state)
{
    (void)state;
    int status = HEDDLE_OUT_OF_MEMORY;
    int64_t countdown = 0;
    for (; status != HEDDLE_OK && countdown < 1000; countdown += 2) {
        struct heddle_error error = {0};
        status = search_failing_at(countdown, &error);
        assert_true(status == HEDDLE_OK || (status == HEDDLE_OUT_OF_MEMORY && error.status == status));
    }
    assert_int_equal(status, HEDDLE_OK);
    assert_true(countdown > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_best_come_first_with_neo4js_scores, setup, teardown),
        cmocka_unit_test_setup_teardown(only_what_is_asked_for_is_shown_and_what_is_not_there_is_null, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(lists_and_maps_are_shown_as_json_and_the_other_types_as_text, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(the_subject_says_which_model_made_the_vectors, setup, teardown),
        cmocka_unit_test_setup_teardown(a_file_whose_load_never_finished_can_be_searched, setup, teardown),
        cmocka_unit_test_setup_teardown(what_cannot_be_searched_is_named, setup, teardown),
        cmocka_unit_test_setup_teardown(another_models_dimensions_are_refused_with_both_numbers, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(an_allocation_that_fails_is_reported, setup, teardown),
    };
    const int missing = duckdb_missing();
    return missing != 0 ? missing : cmocka_run_group_tests(tests, NULL, NULL);
}
