/* test_duckdb_load.c: what is in the file, and what is counted, after loads whose answer can be worked out by hand. */
#include "duckdb_fixture.h"

static const float east[WIDTH] = {1, 0, 0, 0};
static const float north[WIDTH] = {0, 1, 0, 0};

static struct heddle_target targets[TARGETS];
static struct fixture fixture;

static int setup(void **state)
{
    (void)state;
    targets_fill(targets);
    fixture_make(&fixture);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fixture_remove(&fixture);
    return 0;
}

static void nodes_vectors_and_relationships_are_what_the_rows_say(void **state)
{
    (void)state;
    const struct removal rows[4] = {
        {1, "leak", "N1", east}, {2, NULL, "N2", NULL}, {3, "crack", "N1", north}, {4, "", NULL, NULL}};
    fixture_open(&fixture, targets, TARGETS);
    rows_write(&fixture, rows, 4, all_targets, TARGETS);
    load_finish(&fixture);
    assert_string_equal(counts_text(&fixture, REMOVAL), "4 0 0 0 2");
    assert_string_equal(counts_text(&fixture, AIRCRAFT), "2 0 1 1 0");
    assert_string_equal(counts_text(&fixture, REMOVED_FROM), "3 0 0 1 0");
    fixture_close(&fixture);
    assert_string_equal(
        file_ask(&fixture,
                 "SELECT string_agg(concat(removal_id, '=', removal_reason, ':', embedding::VARCHAR), ' ' "
                 "ORDER BY removal_id) FROM \"RemovalEvent\""),
        "1=leak:[1.0, 0.0, 0.0, 0.0] 2=: 3=crack:[0.0, 1.0, 0.0, 0.0] 4=:");
    assert_string_equal(
        file_ask(&fixture, "SELECT string_agg(aircraft_id, ' ' ORDER BY aircraft_id) FROM \"Aircraft\""),
        "N1 N2");
    assert_string_equal(
        file_ask(&fixture, "SELECT string_agg(concat(start_removal_id, '>', end_aircraft_id, ' ', why), ', ' "
                           "ORDER BY start_removal_id) FROM \"REMOVED_FROM\""),
        "1>N1 leak, 2>N2 , 3>N1 crack");
    assert_int_equal(fixture.reject_count, 2);
    assert_string_equal(fixture.rejects[0].code, "KEY_NULL");
    assert_string_equal(fixture.rejects[1].code, "END_KEY_NULL");
}

static void a_merge_folds_in_order_and_a_missing_vector_keeps_the_earlier_one(void **state)
{
    (void)state;
    const size_t only[1] = {REMOVAL};
    const struct removal first[4] = {
        {1, "a", "N1", east}, {1, "b", "N1", north}, {1, "c", "N1", NULL}, {2, "x", "N1", NULL}};
    const struct removal second[3] = {{2, "y", "N1", east}, {1, NULL, "N1", NULL}, {3, "z", "N1", NULL}};
    fixture_open(&fixture, targets, TARGETS);
    rows_write(&fixture, first, 4, only, 1);
    rows_write(&fixture, second, 3, only, 1);
    load_finish(&fixture);
    assert_string_equal(counts_text(&fixture, REMOVAL), "3 0 4 0 3");
    fixture_close(&fixture);
    assert_string_equal(
        file_ask(&fixture, "SELECT string_agg(concat(removal_id, '=', removal_reason, ':', embedding[1], "
                           "embedding[2]), ' ' ORDER BY removal_id) FROM \"RemovalEvent\""),
        "1=:0.01.0 2=y:1.00.0 3=z:");
}

static void a_second_load_matches_what_the_first_created(void **state)
{
    (void)state;
    const struct removal rows[3] = {
        {1, "leak", "N1", east}, {2, "crack", "N2", NULL}, {3, "wear", "N1", NULL}};
    const struct removal more[3] = {
        {3, "worn out", "N1", north}, {3, "worn", "N1", NULL}, {4, "new", "N3", NULL}};
    fixture_open(&fixture, targets, TARGETS);
    rows_write(&fixture, rows, 3, all_targets, TARGETS);
    load_finish(&fixture);
    fixture_close(&fixture);
    fixture_open(&fixture, targets, TARGETS);
    rows_write(&fixture, rows, 3, all_targets, TARGETS);
    rows_write(&fixture, more, 3, all_targets, TARGETS);
    load_finish(&fixture);
    assert_string_equal(counts_text(&fixture, REMOVAL), "1 3 2 0 2");
    assert_string_equal(counts_text(&fixture, AIRCRAFT), "1 2 3 0 0");
    assert_string_equal(counts_text(&fixture, REMOVED_FROM), "1 3 2 0 0");
    fixture_close(&fixture);
    assert_string_equal(
        file_ask(
            &fixture,
            "SELECT concat(removal_reason, embedding::VARCHAR) FROM \"RemovalEvent\" WHERE removal_id = 3"),
        "worn[0.0, 1.0, 0.0, 0.0]");
    assert_string_equal(file_ask(&fixture, "SELECT why FROM \"REMOVED_FROM\" WHERE start_removal_id = 3"),
                        "worn");
}

static void a_create_rejects_keys_that_are_there_and_keeps_the_rest(void **state)
{
    (void)state;
    const size_t only[1] = {REMOVAL};
    const struct removal first[2] = {{1, "a", "N1", NULL}, {2, "b", "N1", NULL}};
    const struct removal second[4] = {
        {3, "c", "N1", NULL}, {1, "d", "N1", NULL}, {3, "e", "N1", NULL}, {4, "f", "N1", east}};
    targets[REMOVAL].merge = false;
    fixture_open(&fixture, targets, 1);
    rows_write(&fixture, first, 2, only, 1);
    rows_write(&fixture, second, 4, only, 1);
    load_finish(&fixture);
    assert_string_equal(counts_text(&fixture, REMOVAL), "4 0 0 2 1");
    fixture_close(&fixture);
    assert_int_equal(fixture.reject_count, 2);
    assert_string_equal(fixture.rejects[0].code, "CONSTRAINT");
    assert_int_equal(fixture.rejects[0].row, 1);
    assert_string_equal(fixture.rejects[0].reason,
                        "a RemovalEvent with this key is there already, and the target creates");
    assert_int_equal(fixture.rejects[1].row, 2);
    assert_string_equal(fixture.events, "scsfsc");
    assert_string_equal(
        file_ask(&fixture, "SELECT string_agg(concat(removal_id, removal_reason), ' ' ORDER BY ALL) FROM "
                           "(SELECT removal_id, removal_reason FROM \"RemovalEvent\" ORDER BY 1)"),
        "1a 2b 3c 4f");
}

static void a_create_without_a_key_takes_every_row(void **state)
{
    (void)state;
    const size_t only[1] = {REMOVAL};
    const struct removal rows[2] = {{1, "a", "N1", NULL}, {1, "a", "N1", NULL}};
    targets[REMOVAL].merge = false;
    targets[REMOVAL].key_count = 0;
    fixture_open(&fixture, targets, 1);
    rows_write(&fixture, rows, 2, only, 1);
    load_finish(&fixture);
    assert_string_equal(counts_text(&fixture, REMOVAL), "2 0 0 0 0");
}

static void a_relationship_without_its_end_is_rejected_by_name(void **state)
{
    (void)state;
    const size_t nodes[2] = {REMOVAL, AIRCRAFT};
    const size_t link[1] = {REMOVED_FROM};
    const struct removal there[1] = {{1, "a", "N1", NULL}};
    const struct removal rows[5] = {{1, "a", "N1", NULL},
                                    {9, "b", "N1", NULL},
                                    {1, "c", "N9", NULL},
                                    {9, "d", "N9", NULL},
                                    {9, "e", "N1", NULL}};
    fixture_open(&fixture, targets, TARGETS);
    rows_write(&fixture, there, 1, nodes, 2);
    rows_write(&fixture, rows, 5, link, 1);
    load_finish(&fixture);
    assert_string_equal(counts_text(&fixture, REMOVED_FROM), "1 0 0 4 0");
    assert_int_equal(fixture.reject_count, 4);
    assert_string_equal(fixture.rejects[0].reason, "there is no start node RemovalEvent for 9 -> N1");
    assert_int_equal(fixture.rejects[0].row, 1);
    assert_int_equal(fixture.rejects[1].row, 4); /* the same identity: rejected with it */
    assert_string_equal(fixture.rejects[2].reason, "there is no end node Aircraft for 1 -> N9");
    assert_string_equal(fixture.rejects[3].reason,
                        "there is no start node RemovalEvent and no end node Aircraft for 9 -> N9");
    for (size_t i = 0; i < 4; i++) {
        assert_string_equal(fixture.rejects[i].code, "END_MISSING");
    }
    fixture_close(&fixture);
    assert_string_equal(file_ask(&fixture, "SELECT count(*)::VARCHAR FROM \"RemovalEvent\""), "1");
    assert_string_equal(file_ask(&fixture, "SELECT count(*)::VARCHAR FROM \"REMOVED_FROM\""), "1");
}

static void merged_ends_are_made_where_they_are_missing(void **state)
{
    (void)state;
    const size_t link[1] = {REMOVED_FROM};
    const struct removal rows[3] = {{1, "a", "N1", NULL}, {2, "b", "N1", NULL}, {1, "c", "N2", NULL}};
    targets[REMOVED_FROM].merge_ends = true;
    fixture_open(&fixture, targets, TARGETS);
    rows_write(&fixture, rows, 3, link, 1);
    load_finish(&fixture);
    assert_string_equal(counts_text(&fixture, REMOVED_FROM), "3 0 0 0 0");
    assert_int_equal(fixture.reject_count, 0);
    fixture_close(&fixture);
    assert_string_equal(
        file_ask(&fixture,
                 "SELECT concat((SELECT count(*) FROM \"RemovalEvent\"), ' ', (SELECT count(*) FROM "
                 "\"Aircraft\"))"),
        "2 2");
}

static void created_relationships_are_kept_each(void **state)
{
    (void)state;
    const struct removal rows[3] = {{1, "a", "N1", NULL}, {1, "b", "N1", NULL}, {1, "a", "N1", NULL}};
    targets[REMOVED_FROM].merge = false;
    fixture_open(&fixture, targets, TARGETS);
    rows_write(&fixture, rows, 3, all_targets, TARGETS);
    load_finish(&fixture);
    assert_string_equal(counts_text(&fixture, REMOVED_FROM), "3 0 0 0 0");
}

static void a_constraint_beyond_the_key_is_found_by_halving(void **state)
{
    (void)state;
    static const char *const unique_property[1] = {"removal_reason"};
    static const struct heddle_target_schema unique[1] = {{.kind = HEDDLE_TARGET_UNIQUE,
                                                           .name = "one_reason",
                                                           .labels = removal_labels,
                                                           .label_count = 1,
                                                           .properties = unique_property,
                                                           .property_count = 1}};
    const size_t only[1] = {REMOVAL};
    const struct removal rows[7] = {{1, "a", "N", NULL}, {2, "b", "N", NULL}, {3, "a", "N", NULL},
                                    {4, "c", "N", NULL}, {5, "d", "N", NULL}, {6, "b", "N", NULL},
                                    {7, "e", "N", east}};
    for (int merge = 0; merge < 2; merge++) {
        targets[REMOVAL].merge = merge == 1;
        targets[REMOVAL].schema = unique;
        targets[REMOVAL].schema_count = 1;
        fixture.reject_count = 0;
        fixture_open(&fixture, targets, 1);
        rows_write(&fixture, rows, 7, only, 1);
        load_finish(&fixture);
        assert_string_equal(counts_text(&fixture, REMOVAL), "5 0 0 2 1");
        assert_int_equal(fixture.reject_count, 2);
        assert_int_equal(fixture.rejects[0].row, 2);
        assert_int_equal(fixture.rejects[1].row, 5);
        assert_string_equal(fixture.rejects[0].code, "CONSTRAINT");
        fixture_close(&fixture);
        assert_int_equal(unlink(fixture.path), 0);
    }
}

static void keys_and_constraints_at_fault_in_one_batch_each_cost_only_their_rows(void **state)
{
    (void)state;
    static const char *const unique_property[1] = {"removal_reason"};
    static const struct heddle_target_schema unique[1] = {{.kind = HEDDLE_TARGET_UNIQUE,
                                                           .name = "one_reason",
                                                           .labels = removal_labels,
                                                           .label_count = 1,
                                                           .properties = unique_property,
                                                           .property_count = 1}};
    const size_t only[1] = {REMOVAL};
    const struct removal rows[6] = {{1, "a", "N", NULL}, {2, "b", "N", NULL}, {3, "a", "N", NULL},
                                    {1, "c", "N", NULL}, {5, "d", "N", NULL}, {2, "e", "N", NULL}};
    targets[REMOVAL].merge = false;
    targets[REMOVAL].schema = unique;
    targets[REMOVAL].schema_count = 1;
    fixture_open(&fixture, targets, 1);
    rows_write(&fixture, rows, 6, only, 1);
    load_finish(&fixture);
    assert_string_equal(counts_text(&fixture, REMOVAL), "3 0 0 3 0");
    fixture_close(&fixture);
    assert_string_equal(
        file_ask(&fixture, "SELECT string_agg(removal_id, ' ' ORDER BY removal_id) FROM \"RemovalEvent\""),
        "1 2 5");
}

static void a_transaction_holds_the_rows_that_the_settings_allow(void **state)
{
    (void)state;
    const size_t only[1] = {REMOVAL};
    const struct removal rows[5] = {{1, "a", "N", NULL},
                                    {2, "b", "N", NULL},
                                    {3, "c", "N", NULL},
                                    {4, "d", "N", NULL},
                                    {5, "e", "N", NULL}};
    struct heddle_sink_progress progress;
    targets[REMOVAL].batch_rows = 2;
    fixture_open(&fixture, targets, 1);
    rows_write(&fixture, rows, 5, only, 1);
    heddle_sink_duckdb.progress(fixture.sink, &progress);
    assert_int_equal(progress.transactions, 3);
    assert_int_equal(progress.batch_rows, 2);
    assert_int_equal(progress.rows_done, 5);
    assert_string_equal(fixture.events, "scscsc");
    fixture_close(&fixture);
    targets[REMOVAL].batch_rows = 0;
    targets[REMOVAL].batch_bytes = 20; /* a row is 8 + 1 bytes */
    fixture_open(&fixture, targets, 1);
    rows_write(&fixture, rows, 5, only, 1);
    heddle_sink_duckdb.progress(fixture.sink, &progress);
    assert_int_equal(progress.transactions, 3);
}

static void other_labels_are_kept_beside_the_first(void **state)
{
    (void)state;
    static const char *const labels[3] = {"RemovalEvent", "Event", "It's"};
    const size_t only[1] = {REMOVAL};
    const struct removal rows[2] = {{1, "a", "N", NULL}, {1, "b", "N", NULL}};
    targets[REMOVAL].labels = labels;
    targets[REMOVAL].label_count = 3;
    fixture_open(&fixture, targets, 1);
    rows_write(&fixture, rows, 1, only, 1);
    rows_write(&fixture, rows + 1, 1, only, 1);
    load_finish(&fixture);
    fixture_close(&fixture);
    assert_string_equal(
        file_ask(&fixture, "SELECT concat(removal_reason, labels::VARCHAR) FROM \"RemovalEvent\""),
        "b[Event, 'It\\'s']");
}

static void the_record_of_the_load_names_model_and_vectors(void **state)
{
    (void)state;
    fixture_open(&fixture, targets, TARGETS);
    load_finish(&fixture);
    fixture_close(&fixture);
    assert_string_equal(
        file_ask(&fixture, "SELECT string_agg(concat(kind, '/', name, '=', value), ' ' ORDER BY kind, name) "
                           "FROM heddle_meta"),
        "file/format=1 load/id=ab12 load/job=removals load/model=all-MiniLM-L6-v2 load/precision=fp32 "
        "node/Aircraft=aircraft_id node/RemovalEvent=removal_id relationship/REMOVED_FROM=RemovalEvent -> "
        "Aircraft "
        "vector.dimensions/RemovalEvent=4 vector.index/removal_embedding=RemovalEvent "
        "vector.model/RemovalEvent=all-MiniLM-L6-v2 vector.precision/RemovalEvent=fp32 "
        "vector.property/RemovalEvent=embedding");
    assert_string_equal(
        file_ask(&fixture, "SELECT sql FROM duckdb_tables() WHERE table_name = 'RemovalEvent'"),
        "CREATE TABLE RemovalEvent(removal_id BIGINT, removal_reason VARCHAR, embedding FLOAT[4], "
        "PRIMARY "
        "KEY(removal_id));");
}

static void verify_sees_what_is_there_and_what_was_taken_away(void **state)
{
    (void)state;
    const struct removal rows[3] = {
        {1, "leak", "N1", east}, {2, "crack", "N2", NULL}, {3, "wear", "N1", north}};
    struct heddle_verification found;
    fixture_open(&fixture, targets, TARGETS);
    rows_write(&fixture, rows, 3, all_targets, TARGETS);
    load_finish(&fixture);
    assert_int_equal(heddle_sink_duckdb.verify(fixture.sink, true, &found, NULL), HEDDLE_OK);
    assert_true(found.ok);
    assert_string_equal(
        found.summary, "8 rows looked up by key, all there; 2 vectors measured, all sound; the counts of all "
                       "tables are right");
    assert_string_equal(found.index_state, "");
}

/* Another connection of the same process takes rows away between the load and its check. */
static void verify_fails_when_rows_or_norms_are_gone(void **state)
{
    (void)state;
    static const float nothing[WIDTH] = {0, 0, 0, 0};
    const size_t only[1] = {REMOVAL};
    const struct removal rows[2] = {{1, "leak", "N1", nothing}, {2, "crack", "N2", east}};
    struct heddle_verification found;
    fixture_open(&fixture, targets, TARGETS);
    rows_write(&fixture, rows, 2, only, 1);
    assert_int_equal(heddle_sink_duckdb.verify(fixture.sink, true, &found, NULL), HEDDLE_OK);
    assert_false(found.ok);
    assert_string_equal(found.summary,
                        "of 2 rows looked up by key 0 are missing; of 2 vectors 1 have no usable norm");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nodes_vectors_and_relationships_are_what_the_rows_say, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_merge_folds_in_order_and_a_missing_vector_keeps_the_earlier_one,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_second_load_matches_what_the_first_created, setup, teardown),
        cmocka_unit_test_setup_teardown(a_create_rejects_keys_that_are_there_and_keeps_the_rest, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_create_without_a_key_takes_every_row, setup, teardown),
        cmocka_unit_test_setup_teardown(a_relationship_without_its_end_is_rejected_by_name, setup, teardown),
        cmocka_unit_test_setup_teardown(merged_ends_are_made_where_they_are_missing, setup, teardown),
        cmocka_unit_test_setup_teardown(created_relationships_are_kept_each, setup, teardown),
        cmocka_unit_test_setup_teardown(a_constraint_beyond_the_key_is_found_by_halving, setup, teardown),
        cmocka_unit_test_setup_teardown(keys_and_constraints_at_fault_in_one_batch_each_cost_only_their_rows,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_transaction_holds_the_rows_that_the_settings_allow, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(other_labels_are_kept_beside_the_first, setup, teardown),
        cmocka_unit_test_setup_teardown(the_record_of_the_load_names_model_and_vectors, setup, teardown),
        cmocka_unit_test_setup_teardown(verify_sees_what_is_there_and_what_was_taken_away, setup, teardown),
        cmocka_unit_test_setup_teardown(verify_fails_when_rows_or_norms_are_gone, setup, teardown),
    };
    const int missing = duckdb_missing();
    return missing != 0 ? missing : cmocka_run_group_tests(tests, NULL, NULL);
}
