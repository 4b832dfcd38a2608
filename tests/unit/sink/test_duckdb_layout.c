/* test_duckdb_layout.c: which tables targets get, the exact SQL that is run, and targets that cannot share a file. */
#include "duckdb_fixture.h"

#include "sink/duckdb/layout.h"
#include "sink/duckdb/statements.h"

static struct heddle_target targets[TARGETS + 2];
static struct heddle_arena *arena;
static struct heddle_duckdb_layout layout;

static int setup(void **state)
{
    (void)state;
    targets_fill(targets);
    assert_int_equal(heddle_arena_create(0, &arena, NULL), HEDDLE_OK);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    heddle_arena_destroy(arena);
    return 0;
}

static void build(size_t count)
{
    struct heddle_error error = {0};
    if (heddle_duckdb_layout_build(arena, targets, count, &layout, &error) != HEDDLE_OK) {
        fail_msg("%s", error.message);
    }
}

static const char *refusal(size_t count)
{
    static struct heddle_error error;
    error = (struct heddle_error){0};
    assert_int_equal(heddle_duckdb_layout_build(arena, targets, count, &layout, &error), HEDDLE_INVALID);
    return error.message;
}

/* What `append` writes, in static memory. */
static const char *text_of(struct heddle_buffer *sql)
{
    static char text[2048];
    assert_false(sql->failed);
    snprintf(text, sizeof text, "%s", heddle_buffer_text(sql));
    heddle_buffer_free(sql);
    return text;
}

static void a_query_is_refused_by_name(void **state)
{
    (void)state;
    targets[TARGETS] = (struct heddle_target){.kind = HEDDLE_TARGET_QUERY, .name = "tidy"};
    assert_non_null(strstr(refusal(TARGETS + 1), "target tidy is a Cypher query"));
}

static void tables_have_the_columns_of_the_contract(void **state)
{
    (void)state;
    struct heddle_buffer sql = {0};
    build(TARGETS);
    heddle_duckdb_sql_create_table(&sql, &layout.tables[layout.roads[REMOVAL].table]);
    assert_string_equal(text_of(&sql),
                        "CREATE TABLE \"RemovalEvent\" (\"removal_id\" BIGINT, \"removal_reason\" VARCHAR, "
                        "\"embedding\" FLOAT[4], PRIMARY KEY (\"removal_id\"))");
    heddle_duckdb_sql_create_table(&sql, &layout.tables[layout.roads[REMOVED_FROM].table]);
    assert_string_equal(
        text_of(&sql),
        "CREATE TABLE \"REMOVED_FROM\" (\"start_removal_id\" BIGINT, \"end_aircraft_id\" VARCHAR, \"why\" "
        "VARCHAR, PRIMARY KEY (\"start_removal_id\", \"end_aircraft_id\"))");
    heddle_duckdb_sql_create_stage(&sql, &layout, REMOVED_FROM);
    assert_string_equal(text_of(&sql),
                        "CREATE OR REPLACE TEMP TABLE \"heddle_stage_2\" (ordinal BIGINT, c0 BIGINT, c1 "
                        "VARCHAR, c2 VARCHAR)");
}

static void merging_inserts_then_updates_and_leaves_vectors_where_there_is_none(void **state)
{
    (void)state;
    struct heddle_buffer sql = {0};
    build(TARGETS);
    heddle_duckdb_sql_insert(&sql, &layout, REMOVAL, HEDDLE_DUCKDB_INSERT_NEW, true);
    assert_string_equal(
        text_of(&sql),
        "INSERT INTO main.\"RemovalEvent\" (\"removal_id\", \"removal_reason\", \"embedding\") SELECT c0, "
        "c1, "
        "c2 FROM temp.main.\"heddle_stage_0\" WHERE ordinal >= $1 AND ordinal < $2 ON CONFLICT "
        "(\"removal_id\") DO NOTHING");
    heddle_duckdb_sql_insert(&sql, &layout, REMOVAL, HEDDLE_DUCKDB_INSERT_UPDATE, false);
    assert_string_equal(
        text_of(&sql),
        "INSERT INTO main.\"RemovalEvent\" (\"removal_id\", \"removal_reason\", \"embedding\") SELECT c0, "
        "c1, "
        "c2 FROM temp.main.\"heddle_stage_0\" WHERE c2 IS NOT NULL ON CONFLICT (\"removal_id\") DO UPDATE "
        "SET "
        "\"removal_reason\" = excluded.\"removal_reason\", \"embedding\" = excluded.\"embedding\"");
    heddle_duckdb_sql_insert(&sql, &layout, REMOVAL, HEDDLE_DUCKDB_INSERT_UPDATE_BUT_VECTOR, false);
    assert_string_equal(
        text_of(&sql),
        "INSERT INTO main.\"RemovalEvent\" (\"removal_id\", \"removal_reason\", \"embedding\") SELECT c0, "
        "c1, "
        "c2 FROM temp.main.\"heddle_stage_0\" WHERE c2 IS NULL ON CONFLICT (\"removal_id\") DO UPDATE SET "
        "\"removal_reason\" = excluded.\"removal_reason\"");
    assert_true(heddle_duckdb_road_updates(&layout, REMOVAL));
    assert_false(heddle_duckdb_road_updates(&layout, AIRCRAFT));
}

static void names_from_outside_are_quoted_wherever_they_stand(void **state)
{
    (void)state;
    static const char *const evil[2] = {"a\"; DROP TABLE b; --", "it's"};
    struct heddle_buffer sql = {0};
    targets[AIRCRAFT].labels = evil;
    targets[AIRCRAFT].label_count = 2;
    build(TARGETS);
    heddle_duckdb_sql_insert(&sql, &layout, AIRCRAFT, HEDDLE_DUCKDB_INSERT_PLAIN, false);
    assert_string_equal(
        text_of(&sql),
        "INSERT INTO main.\"a\"\"; DROP TABLE b; --\" (\"aircraft_id\", \"labels\") SELECT c0, "
        "['it''s'] FROM temp.main.\"heddle_stage_1\"");
}

static void ends_are_asked_of_the_index_and_named_by_a_query(void **state)
{
    (void)state;
    struct heddle_buffer sql = {0};
    build(TARGETS);
    heddle_duckdb_sql_end_insert(&sql, &layout, REMOVED_FROM, HEDDLE_DUCKDB_END_END);
    assert_string_equal(text_of(&sql),
                        "INSERT INTO main.\"Aircraft\" (\"aircraft_id\") SELECT DISTINCT c1 FROM "
                        "temp.main.\"heddle_stage_2\" ON CONFLICT (\"aircraft_id\") DO NOTHING");
    heddle_duckdb_sql_missing(&sql, &layout, REMOVED_FROM);
    assert_string_equal(
        text_of(&sql),
        "SELECT * FROM (SELECT s.ordinal, NOT EXISTS (FROM main.\"RemovalEvent\" t WHERE t.\"removal_id\" = "
        "s.c0) AS no_start, NOT EXISTS (FROM main.\"Aircraft\" t WHERE t.\"aircraft_id\" = s.c1) AS no_end "
        "FROM temp.main.\"heddle_stage_2\" s) WHERE no_start OR no_end ORDER BY ordinal");
    targets[REMOVAL].merge = false;
    heddle_duckdb_sql_conflicts(&sql, &layout, REMOVAL);
    assert_string_equal(
        text_of(&sql),
        "SELECT s.ordinal FROM (SELECT *, row_number() OVER (PARTITION BY c0 ORDER BY ordinal) AS nth FROM "
        "temp.main.\"heddle_stage_0\") s WHERE s.nth > 1 OR EXISTS (FROM main.\"RemovalEvent\" t WHERE "
        "t.\"removal_id\" = s.c0) ORDER BY s.ordinal");
}

static void targets_of_one_label_share_a_table_and_its_columns(void **state)
{
    (void)state;
    static const struct heddle_target_property more[2] = {
        {.name = "removal_id", .field = "id", .column = 0, .typed = true, .type = HEDDLE_TYPE_INTEGER},
        {.name = "tracking", .field = "aircraft", .column = 2}};
    struct heddle_buffer sql = {0};
    targets[TARGETS] = targets[REMOVAL];
    targets[TARGETS].properties = more;
    targets[TARGETS].vector_property = NULL;
    build(TARGETS + 1);
    assert_int_equal(layout.table_count, 3);
    assert_int_equal(layout.roads[TARGETS].table, layout.roads[REMOVAL].table);
    heddle_duckdb_sql_create_table(&sql, &layout.tables[0]);
    assert_null(strstr(text_of(&sql), "tracking")); /* its type is not known before a batch */
    assert_int_equal(heddle_duckdb_layout_learn(&layout, TARGETS, &targets[TARGETS], &removal_schema, NULL),
                     HEDDLE_OK);
    heddle_duckdb_sql_create_table(&sql, &layout.tables[0]);
    assert_non_null(strstr(text_of(&sql), "\"tracking\" VARCHAR"));
}

static void a_type_between_different_labels_has_a_table_for_each_pair(void **state)
{
    (void)state;
    targets[TARGETS] = targets[REMOVED_FROM];
    targets[TARGETS].end =
        (struct heddle_target_end){.node = REMOVAL, .keys = removal_properties, .key_count = 1};
    build(TARGETS + 1);
    assert_string_equal(layout.tables[layout.roads[REMOVED_FROM].table].name,
                        "REMOVED_FROM_RemovalEvent_Aircraft");
    assert_string_equal(layout.tables[layout.roads[TARGETS].table].name,
                        "REMOVED_FROM_RemovalEvent_RemovalEvent");
}

static void targets_that_cannot_share_a_table_are_refused(void **state)
{
    (void)state;
    static const size_t second[1] = {1};
    targets[TARGETS] = targets[REMOVAL];
    targets[TARGETS].key = second;
    assert_non_null(strstr(refusal(TARGETS + 1),
                           "property removal_id of table RemovalEvent is used by another target with"));
    targets[TARGETS].key = first_property;
    targets[TARGETS].key_count = 0;
    targets[TARGETS].merge = false;
    assert_non_null(strstr(refusal(TARGETS + 1), "as part of another key"));
    targets[TARGETS] = targets[REMOVED_FROM];
    targets[TARGETS].merge = false;
    assert_non_null(strstr(refusal(TARGETS + 1), "table REMOVED_FROM would need two different primary keys"));
}

static void names_that_a_file_cannot_tell_apart_are_refused(void **state)
{
    (void)state;
    static const char *const labels[1] = {"REMOVALEVENT"};
    static const char *const meta[1] = {"Heddle_Meta"};
    static const struct heddle_target_property twins[2] = {
        {.name = "Id", .field = "id", .column = 0, .typed = true, .type = HEDDLE_TYPE_INTEGER},
        {.name = "id", .field = "id", .column = 0, .typed = true, .type = HEDDLE_TYPE_INTEGER}};
    targets[AIRCRAFT].labels = labels;
    assert_non_null(strstr(refusal(2), "RemovalEvent and REMOVALEVENT would be one table"));
    targets[AIRCRAFT].labels = meta;
    assert_non_null(strstr(refusal(2), "holds the load's record"));
    targets[AIRCRAFT].labels = aircraft_labels;
    targets[AIRCRAFT].properties = twins;
    targets[AIRCRAFT].property_count = 2;
    assert_non_null(strstr(refusal(2), "properties Id and id of table Aircraft differ only in case"));
    targets_fill(targets);
    targets[REMOVED_FROM].type = "aircraft";
    assert_non_null(strstr(refusal(TARGETS), "Aircraft and aircraft would be one table"));
}

static void an_end_whose_node_has_no_key_is_refused(void **state)
{
    (void)state;
    targets[REMOVAL].key_count = 0;
    targets[REMOVAL].merge = false;
    assert_non_null(
        strstr(refusal(TARGETS), "the start node's target has no key that the relationship names in full"));
}

static void a_shared_column_of_two_source_types_is_refused_by_name(void **state)
{
    (void)state;
    static const struct heddle_target_property number[2] = {
        {.name = "removal_id", .field = "id", .column = 0, .typed = true, .type = HEDDLE_TYPE_INTEGER},
        {.name = "note", .field = "id", .column = 0}};
    static const struct heddle_target_property text[2] = {
        {.name = "removal_id", .field = "id", .column = 0, .typed = true, .type = HEDDLE_TYPE_INTEGER},
        {.name = "note", .field = "reason", .column = 1}};
    struct heddle_error error = {0};
    targets[REMOVAL].properties = number;
    targets[AIRCRAFT] = targets[REMOVAL];
    targets[AIRCRAFT].name = "aircraft";
    targets[AIRCRAFT].properties = text;
    build(2);
    assert_int_equal(heddle_duckdb_layout_learn(&layout, 0, &targets[0], &removal_schema, &error), HEDDLE_OK);
    assert_int_equal(heddle_duckdb_layout_learn(&layout, 1, &targets[1], &removal_schema, &error),
                     HEDDLE_INVALID);
    assert_string_equal(error.message,
                        "target aircraft: field reason is string, but column note of table RemovalEvent is "
                        "integer: set target_property_type so that both agree");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_query_is_refused_by_name, setup, teardown),
        cmocka_unit_test_setup_teardown(tables_have_the_columns_of_the_contract, setup, teardown),
        cmocka_unit_test_setup_teardown(merging_inserts_then_updates_and_leaves_vectors_where_there_is_none,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(names_from_outside_are_quoted_wherever_they_stand, setup, teardown),
        cmocka_unit_test_setup_teardown(ends_are_asked_of_the_index_and_named_by_a_query, setup, teardown),
        cmocka_unit_test_setup_teardown(targets_of_one_label_share_a_table_and_its_columns, setup, teardown),
        cmocka_unit_test_setup_teardown(a_type_between_different_labels_has_a_table_for_each_pair, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(targets_that_cannot_share_a_table_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(names_that_a_file_cannot_tell_apart_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(an_end_whose_node_has_no_key_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_shared_column_of_two_source_types_is_refused_by_name, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
