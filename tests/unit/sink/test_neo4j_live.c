/* test_neo4j_live.c: the Neo4j sink against a real server: what is in the graph afterwards, that the counters agree, that
 * verification and search see it.
 */
#include "live_fixture.h"

#include "sink/search.h"

static void removals_become_a_graph_that_equals_the_source(void **state)
{
    (void)state;
    struct live live;
    struct generated made = generate(5000, 40);
    const size_t aircraft = distinct(made.aircraft, made.count);
    const size_t components = distinct(made.component, made.count);
    live_init(&live, 2);
    live_open(&live);
    assert_non_null(strstr(heddle_sink_description(live.sink), "Neo4j "));
    write_all(&live, &made, 700);
    must_flush(&live);
    assert_counts(&live, TARGET_REMOVAL, 5000, 5000, 0, 0, 0);
    assert_counts(&live, TARGET_AIRCRAFT, 5000, aircraft, 0, 5000 - aircraft, 0);
    assert_counts(&live, TARGET_COMPONENT, 5000, components, 0, 5000 - components, 0);
    assert_counts(&live, TARGET_REMOVED_FROM, 5000, 5000, 0, 0, 0);
    assert_counts(&live, TARGET_OF_COMPONENT, 5000, 5000, 0, 0, 0);
    assert_int_equal(counts_of(&live, TARGET_REMOVAL).vectors, 4500);
    assert_int_equal(live.rejects.count, 0);
    must_finish(&live);
    assert_int_equal(number("MATCH (n:HeddleTestRemoval) RETURN count(n)"), 5000);
    assert_int_equal(number("MATCH (n:HeddleTestRemoval) WHERE size(n.embedding) = 32 RETURN count(n)"),
                     4500);
    assert_int_equal(number("MATCH (r:HeddleTestRemoval)-[x:HEDDLE_TEST_REMOVED_FROM]->(:HeddleTestAircraft) "
                            "WHERE x.hours = r.hours AND r.hours = r.removal_id % 977 RETURN count(x)"),
                     5000);
    assert_int_equal(number("MATCH (:HeddleTestAircraft {aircraft_id: 'N0'})<-[x]-() RETURN count(x)"),
                     (int64_t)occurrences(made.aircraft, made.count, "N0"));
    struct heddle_verification verification;
    struct heddle_error error = {0};
    assert_int_equal(heddle_sink_verify(live.sink, true, &verification, &error), HEDDLE_OK);
    print_message("%s: %s\n", heddle_sink_description(live.sink), verification.summary);
    assert_true(verification.ok);
    assert_string_equal(verification.index_state, "ONLINE");
    assert_true(verification.recall > 0.5);
    live_close(&live);
    generated_free(&made);
}

static void loading_again_matches_everything_and_changes_nothing(void **state)
{
    (void)state;
    struct live live;
    struct generated made = generate(3000, 40);
    live_init(&live, 2);
    live_open(&live);
    write_all(&live, &made, 1000);
    must_flush(&live);
    heddle_sink_close(live.sink);
    live_open(&live);
    write_all(&live, &made, 1000);
    must_flush(&live);
    const size_t aircraft = distinct(made.aircraft, made.count);
    assert_counts(&live, TARGET_REMOVAL, 3000, 0, 3000, 0, 0);
    assert_counts(&live, TARGET_AIRCRAFT, 3000, 0, aircraft, 3000 - aircraft, 0);
    assert_counts(&live, TARGET_REMOVED_FROM, 3000, 0, 3000, 0, 0);
    assert_int_equal(number("MATCH (:HeddleTestRemoval)-[x]->() RETURN count(x)"), 6000);
    live_close(&live);
    generated_free(&made);
}

static void bad_rows_are_rejected_with_their_reason_and_the_rest_is_loaded(void **state)
{
    (void)state;
    static const size_t without_components[] = {TARGET_REMOVAL, TARGET_AIRCRAFT, TARGET_REMOVED_FROM,
                                                TARGET_OF_COMPONENT};
    const struct removal rows[] = {
        {1, "pump", "N1", "C1", 5, true},        {-1, "no key", "N1", "C1", 5, true},
        {2, "no aircraft", NULL, "C1", 5, true}, {3, "no component", "N2", "C9", 5, false},
        {4, "fine", "N1", "C1", 5, true},
    };
    struct live live;
    live_init(&live, 2);
    live_open(&live);
    ask("CREATE (:HeddleTestComponent {component_id: 'C1'})");
    struct heddle_batch *batch = fixture_batch(rows, 5, 0, 1000);
    assert_int_equal(heddle_sink_write(live.sink, batch, without_components, 4, NULL), HEDDLE_OK);
    heddle_batch_release(batch);
    must_flush(&live);
    assert_counts(&live, TARGET_REMOVAL, 5, 4, 0, 0, 1);
    assert_counts(&live, TARGET_AIRCRAFT, 5, 2, 0, 2, 1);
    assert_counts(&live, TARGET_REMOVED_FROM, 5, 3, 0, 0, 2);
    assert_counts(&live, TARGET_OF_COMPONENT, 5, 3, 0, 0, 2);
    assert_int_equal(fixture_count_rejects(&live.rejects, "removal", "KEY_NULL"), 1);
    assert_int_equal(fixture_count_rejects(&live.rejects, "aircraft", "KEY_NULL"), 1);
    assert_int_equal(fixture_count_rejects(&live.rejects, "removed_from", "END_KEY_NULL"), 2);
    assert_int_equal(fixture_count_rejects(&live.rejects, "of_component", "END_KEY_NULL"), 1);
    assert_int_equal(fixture_count_rejects(&live.rejects, "of_component", "END_MISSING"), 1);
    for (size_t i = 0; i < live.rejects.count; i++) {
        if (strcmp(live.rejects.kept[i].code, "END_MISSING") == 0) {
            assert_int_equal(live.rejects.kept[i].row, 1003);
            assert_int_equal(live.rejects.kept[i].stage, HEDDLE_STAGE_MATCH);
            assert_string_equal(live.rejects.kept[i].key, "3 -> C9");
            assert_non_null(strstr(live.rejects.kept[i].reason, "end node HeddleTestComponent"));
        }
    }
    assert_int_equal(number("MATCH (:HeddleTestRemoval)-[x]->() RETURN count(x)"), 6);
    live_close(&live);
}

static void many_missing_ends_are_all_named_and_nothing_else_is_lost(void **state)
{
    (void)state;
    struct live live;
    struct generated made = generate(4000, 100);
    size_t missing = 0;
    live_init(&live, 2);
    live_open(&live);
    for (size_t i = 0; i < made.count; i++) {
        missing += i % 37 == 0 ? 1 : 0;
    }
    /* Removals with these ids are not loaded, but their relationships are asked for. */
    struct removal *nodes = calloc(made.count, sizeof *nodes);
    assert_non_null(nodes);
    size_t kept = 0;
    for (size_t i = 0; i < made.count; i++) {
        if (i % 37 != 0) {
            nodes[kept++] = made.rows[i];
        }
    }
    static const size_t node_targets[] = {TARGET_REMOVAL, TARGET_AIRCRAFT};
    static const size_t relationship_targets[] = {TARGET_REMOVED_FROM};
    live.job.targets[TARGET_REMOVED_FROM].follows_its_nodes = false;
    struct heddle_batch *batch = fixture_batch(nodes, kept, 0, 0);
    assert_int_equal(heddle_sink_write(live.sink, batch, node_targets, 2, NULL), HEDDLE_OK);
    heddle_batch_release(batch);
    must_flush(&live);
    batch = fixture_batch(made.rows, made.count, 1, 0);
    assert_int_equal(heddle_sink_write(live.sink, batch, relationship_targets, 1, NULL), HEDDLE_OK);
    heddle_batch_release(batch);
    must_flush(&live);
    assert_counts(&live, TARGET_REMOVED_FROM, made.count, made.count - missing, 0, 0, missing);
    for (size_t i = 0; i < live.rejects.count && i < 256; i++) {
        assert_string_equal(live.rejects.kept[i].code, "END_MISSING");
        assert_int_equal(live.rejects.kept[i].row % 37, 0);
    }
    assert_int_equal(number("MATCH (:HeddleTestRemoval)-[x]->() RETURN count(x)"),
                     (int64_t)(made.count - missing));
    live_close(&live);
    free(nodes);
    generated_free(&made);
}

static void of_repeated_rows_the_last_one_wins_and_all_are_accounted_for(void **state)
{
    (void)state;
    enum { ROWS = 3000, KEYS = 100 };
    static struct removal rows[ROWS];
    struct live live;
    live_init(&live, 2);
    live_open(&live);
    for (int i = 0; i < ROWS; i++) {
        rows[i] = (struct removal){i % KEYS, i >= ROWS - KEYS ? "last" : "early", "N1", "C1", i, i < KEYS};
    }
    for (size_t i = 0; i < ROWS; i += 250) {
        must_write(&live, rows + i, 250);
    }
    must_flush(&live);
    assert_counts(&live, TARGET_REMOVAL, ROWS, KEYS, 0, ROWS - KEYS, 0);
    assert_counts(&live, TARGET_REMOVED_FROM, ROWS, KEYS, 0, ROWS - KEYS, 0);
    assert_counts(&live, TARGET_OF_COMPONENT, ROWS, KEYS, 0, ROWS - KEYS, 0);
    assert_int_equal(
        number("MATCH (n:HeddleTestRemoval) WHERE n.reason = 'last' AND n.hours = 2900 + n.removal_id "
               "AND n.embedding IS NOT NULL RETURN count(n)"),
        KEYS);
    assert_int_equal(number("MATCH (n:HeddleTestRemoval)-[x:HEDDLE_TEST_REMOVED_FROM]->() "
                            "WHERE x.hours = 2900 + n.removal_id RETURN count(x)"),
                     KEYS);
    live_close(&live);
}

static void a_row_that_breaks_a_constraint_is_found_and_set_aside(void **state)
{
    (void)state;
    static char reasons[500][16];
    static struct removal rows[500];
    static const size_t only_removals[] = {TARGET_REMOVAL};
    struct live live;
    live_init(&live, 2);
    live_open(&live);
    ask("CREATE CONSTRAINT heddle_test_reason IF NOT EXISTS FOR (n:HeddleTestRemoval) REQUIRE n.reason IS "
        "UNIQUE");
    for (int i = 0; i < 500; i++) {
        snprintf(reasons[i], sizeof reasons[i], "reason %d", i == 123 ? 7 : i == 456 ? 9 : i);
        rows[i] = (struct removal){i, reasons[i], "N1", "C1", i, false};
    }
    struct heddle_batch *batch = fixture_batch(rows, 500, 0, 0);
    assert_int_equal(heddle_sink_write(live.sink, batch, only_removals, 1, NULL), HEDDLE_OK);
    heddle_batch_release(batch);
    must_flush(&live);
    assert_counts(&live, TARGET_REMOVAL, 500, 498, 0, 0, 2);
    assert_int_equal(fixture_count_rejects(&live.rejects, "removal", "CONSTRAINT"), 2);
    for (size_t i = 0; i < 2; i++) {
        const size_t row = live.rejects.kept[i].row;
        assert_true(row == 123 || row == 7 || row == 456 || row == 9);
        assert_int_equal(live.rejects.kept[i].stage, HEDDLE_STAGE_WRITE);
    }
    assert_int_equal(number("MATCH (n:HeddleTestRemoval) RETURN count(DISTINCT n.reason)"), 498);
    live_close(&live);
}

static void creating_keeps_every_row_and_rejects_what_a_constraint_forbids(void **state)
{
    (void)state;
    struct live live;
    struct generated made = generate(2500, 40);
    made.rows[2000].id = 5;
    live_init(&live, 2);
    live.job.targets[TARGET_REMOVAL].merge = false;
    live.job.targets[TARGET_REMOVED_FROM].merge = false;
    live_open(&live);
    write_all(&live, &made, 500);
    must_flush(&live);
    assert_counts(&live, TARGET_REMOVAL, 2500, 2499, 0, 0, 1);
    /* Both rows with id 5 name the one removal that is there. */
    assert_counts(&live, TARGET_REMOVED_FROM, 2500, 2500, 0, 0, 0);
    assert_int_equal(
        number("MATCH (:HeddleTestRemoval {removal_id: 5})-[x:HEDDLE_TEST_REMOVED_FROM]->() RETURN count(x)"),
        2);
    live_close(&live);
    generated_free(&made);
}

static void a_search_finds_model_and_nearest_nodes(void **state)
{
    (void)state;
    struct live live;
    struct heddle_search *search = NULL;
    struct heddle_search_subject subject;
    struct heddle_error error = {0};
    static const char *const show[] = {"removal_id", "reason"};
    struct generated made = generate(600, 40);
    float vector[FIXTURE_DIMENSIONS];
    live_init(&live, 2);
    live.options.vector_index = HEDDLE_VECTOR_INDEX_BEFORE;
    live_open(&live);
    write_all(&live, &made, 100);
    must_flush(&live);
    must_finish(&live);
    /* Another load is under way: its record tells nothing yet. */
    ask("MERGE (l:HeddleLoad {id: 'heddletest-under-way'})");
    const struct heddle_search_options options = {
        .to = test_uri(),
        .username = test_user(),
        .password = test_password(),
        .label = "HeddleTestRemoval",
        .show = show,
        .show_count = 2,
    };
    if (heddle_search_open(&options, &search, &error) != HEDDLE_OK) {
        fail_msg("%s", error.message);
    }
    assert_int_equal(heddle_search_describe(search, &subject, &error), HEDDLE_OK);
    assert_string_equal(subject.index, "heddle_test_embedding");
    assert_string_equal(subject.property, "embedding");
    assert_string_equal(subject.model, "a-model");
    assert_string_equal(subject.precision, "fp32");
    assert_int_equal(subject.dimensions, FIXTURE_DIMENSIONS);
    struct heddle_search_result result = {0};
    assert_int_equal(heddle_arena_create(0, &result.arena, NULL), HEDDLE_OK);
    fixture_vector(77, vector);
    if (heddle_search_query(search, vector, FIXTURE_DIMENSIONS, 5, &result, &error) != HEDDLE_OK) {
        fail_msg("%s", error.message);
    }
    assert_int_equal(result.count, 5);
    assert_true(result.hits[0].score > 0.999);
    assert_string_equal(result.hits[0].fields[0].name, "removal_id");
    assert_string_equal(result.hits[0].fields[0].value, "77");
    assert_false(result.hits[0].fields[0].is_text);
    assert_true(result.hits[0].fields[1].is_text);
    assert_true(result.hits[1].score <= result.hits[0].score);
    assert_int_equal(heddle_search_query(search, vector, 31, 5, &result, &error), HEDDLE_MODEL);
    heddle_arena_destroy(result.arena);
    heddle_search_close(search);
    struct heddle_search_options wrong = options;
    wrong.index = "no_such_index";
    assert_int_equal(heddle_search_open(&wrong, &search, &error), HEDDLE_INVALID);
    assert_non_null(strstr(error.message, "heddle_test_embedding"));
    live_close(&live);
    generated_free(&made);
}

static void a_name_taken_by_something_else_is_said_before_any_row(void **state)
{
    (void)state;
    struct live live;
    struct heddle_error error = {0};
    live_init(&live, 1);
    ask("CREATE CONSTRAINT heddle_test_aircraft FOR (n:HeddleTestOther) REQUIRE n.x IS UNIQUE");
    assert_int_equal(heddle_sink_open(&live.options, &live.sink, &error), HEDDLE_OK);
    assert_int_equal(heddle_sink_prepare(live.sink, &error), HEDDLE_INVALID);
    assert_non_null(strstr(error.message, "heddle_test_aircraft"));
    live_close(&live);
}

static void a_constraint_under_another_name_is_good_enough(void **state)
{
    (void)state;
    struct live live;
    const struct removal row = {1, "pump", "N1", "C1", 5, true};
    live_init(&live, 1);
    ask("CREATE CONSTRAINT heddle_test_by_hand FOR (n:HeddleTestAircraft) REQUIRE n.aircraft_id IS UNIQUE");
    live_open(&live);
    must_write(&live, &row, 1);
    must_flush(&live);
    assert_counts(&live, TARGET_AIRCRAFT, 1, 1, 0, 0, 0);
    live_close(&live);
}

static void an_index_of_other_dimensions_is_said_before_any_row(void **state)
{
    (void)state;
    struct live live;
    struct heddle_error error = {0};
    live_init(&live, 1);
    ask("CREATE VECTOR INDEX heddle_test_other FOR (n:HeddleTestRemoval) ON (n.embedding) "
        "OPTIONS {indexConfig: {`vector.dimensions`: 7, `vector.similarity_function`: 'cosine'}}");
    live.options.vector_index = HEDDLE_VECTOR_INDEX_BEFORE;
    assert_int_equal(heddle_sink_open(&live.options, &live.sink, &error), HEDDLE_OK);
    assert_int_equal(heddle_sink_prepare(live.sink, &error), HEDDLE_INVALID);
    assert_non_null(strstr(error.message, "7 dimensions"));
    live_close(&live);
}

static void a_wrong_password_names_the_user_and_not_the_password(void **state)
{
    (void)state;
    struct live live;
    struct heddle_error error = {0};
    live_init(&live, 1);
    live.options.password = "not-the-password-1";
    assert_int_equal(heddle_sink_open(&live.options, &live.sink, &error), HEDDLE_DATABASE);
    assert_non_null(strstr(error.message, test_user()));
    assert_null(strstr(error.message, "not-the-password-1"));
    live_close(&live);
}

static int run_live(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(removals_become_a_graph_that_equals_the_source),
        cmocka_unit_test(loading_again_matches_everything_and_changes_nothing),
        cmocka_unit_test(bad_rows_are_rejected_with_their_reason_and_the_rest_is_loaded),
        cmocka_unit_test(many_missing_ends_are_all_named_and_nothing_else_is_lost),
        cmocka_unit_test(of_repeated_rows_the_last_one_wins_and_all_are_accounted_for),
        cmocka_unit_test(a_row_that_breaks_a_constraint_is_found_and_set_aside),
        cmocka_unit_test(creating_keeps_every_row_and_rejects_what_a_constraint_forbids),
        cmocka_unit_test(a_search_finds_model_and_nearest_nodes),
        cmocka_unit_test(a_name_taken_by_something_else_is_said_before_any_row),
        cmocka_unit_test(a_constraint_under_another_name_is_good_enough),
        cmocka_unit_test(an_index_of_other_dimensions_is_said_before_any_row),
        cmocka_unit_test(a_wrong_password_names_the_user_and_not_the_password),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(void)
{
    return live_main(run_live);
}
