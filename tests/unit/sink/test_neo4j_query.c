/* test_neo4j_query.c: how a statement of the user's names its rows, and the rows that it is sent. */
#include "rows_fixture.h"

#include "base/memory.h"
#include "sink/neo4j/query_target.h"

static void assert_wrapped(const char *query, const char *expected, const char *parameter)
{
    const struct heddle_target target = {.kind = HEDDLE_TARGET_QUERY, .name = "q", .query = query};
    struct heddle_buffer text = {0};
    struct heddle_error error = {0};
    const char *name = NULL;
    if (heddle_query_wrap(&text, &target, &name, &error) != HEDDLE_OK) {
        fail_msg("%s: %s", query, error.message);
    }
    assert_string_equal(heddle_buffer_text(&text), expected);
    assert_string_equal(name, parameter);
    heddle_buffer_free(&text);
}

static void assert_refused(const char *query, const char *part)
{
    const struct heddle_target target = {.kind = HEDDLE_TARGET_QUERY, .name = "q", .query = query};
    struct heddle_buffer text = {0};
    struct heddle_error error = {0};
    const char *name = NULL;
    assert_int_equal(heddle_query_wrap(&text, &target, &name, &error), HEDDLE_INVALID);
    if (strstr(error.message, part) == NULL) {
        fail_msg("%s: %s", query, error.message);
    }
    heddle_buffer_free(&text);
}

static void rows_are_known_as_the_statement_calls_them(void **state)
{
    (void)state;
    assert_wrapped("UNWIND $rows AS row CREATE (:A {id: row.id})",
                   "UNWIND $rows AS row CREATE (:A {id: row.id})", "rows");
    assert_wrapped("UNWIND $events AS event CREATE (:A)", "UNWIND $events AS event CREATE (:A)", "events");
    assert_wrapped("UNWIND events AS e CREATE (:A {id: e.id})",
                   "WITH $rows AS events UNWIND events AS e CREATE (:A {id: e.id})", "rows");
    assert_wrapped("\n    MATCH (o:Order {id: event['order_id']})",
                   "UNWIND $rows AS event \n    MATCH (o:Order {id: event['order_id']})", "rows");
}

static void only_words_of_the_statement_count(void **state)
{
    (void)state;
    assert_wrapped(
        "CREATE (:A {t: '$rows', u: \"events \\\" $events\"}) // UNWIND $rows\nSET event.x = 1 /* events */",
        "UNWIND $rows AS event CREATE (:A {t: '$rows', u: \"events \\\" $events\"}) // UNWIND $rows\nSET "
        "event.x = 1 /* events */",
        "rows");
    assert_wrapped(
        "MATCH (n {id: event.id}) WITH n, collect(event) AS events RETURN events",
        "UNWIND $rows AS event MATCH (n {id: event.id}) WITH n, collect(event) AS events RETURN events",
        "rows");
    assert_wrapped("MERGE (`events`:A {events: event.events})",
                   "UNWIND $rows AS event MERGE (`events`:A {events: event.events})", "rows");
    assert_wrapped("MATCH (n) WHERE n.events = event.n SET n.rows = 1",
                   "UNWIND $rows AS event MATCH (n) WHERE n.events = event.n SET n.rows = 1", "rows");
}

static void a_version_and_its_options_stay_in_front(void **state)
{
    (void)state;
    assert_wrapped("CYPHER 25 runtime=slotted CREATE (:A {id: event.id})",
                   "CYPHER 25 runtime=slotted UNWIND $rows AS event  CREATE (:A {id: event.id})", "rows");
    assert_wrapped("cypher 5\nMATCH (n {id: event.id}) SET n.x = 1",
                   "cypher 5 UNWIND $rows AS event \nMATCH (n {id: event.id}) SET n.x = 1", "rows");
}

static void a_statement_that_never_names_a_row_is_refused_with_the_remedy(void **state)
{
    (void)state;
    assert_refused("MATCH (n) DETACH DELETE n", "event.COLUMN");
    assert_refused("RETURN 'event'", "heddle cypher");
    assert_refused("UNWIND $rows AS r UNWIND $events AS e RETURN r, e", "one of them");
    assert_refused("RETURN 'open", "never names the row");
    assert_refused("RETURN `open /* ", "never names the row");
    assert_refused("", "never names the row");
}

static void a_row_is_a_map_of_all_columns(void **state)
{
    (void)state;
    const struct removal removal = {7, NULL, "N1", "C1", 5, false};
    struct heddle_batch *batch = fixture_batch(&removal, 1, 0, 0);
    struct heddle_rows *rows = NULL;
    struct heddle_target_rows *ready = NULL;
    struct fixture_rejects rejects = {0};
    const struct heddle_reject_sink sink = {fixture_reject, &rejects};
    const struct heddle_target target = {.kind = HEDDLE_TARGET_QUERY, .name = "q", .query = "event"};
    assert_int_equal(heddle_rows_create(batch, &rows, NULL), HEDDLE_OK);
    assert_int_equal(heddle_rows_convert(rows, &target, 0, &sink, &ready, NULL), HEDDLE_OK);
    assert_int_equal(ready->row_count, 1);
    struct heddle_buffer bytes = {0};
    struct heddle_pack pack;
    const struct heddle_pack_dialect dialect = {.utc = true};
    heddle_pack_init(&pack, &bytes, dialect);
    heddle_pack_message_begin(&pack, 0x10, 1);
    heddle_query_put_row(&pack, ready, 0);
    heddle_pack_message_end(&pack);
    /* Behind the chunk's header and the message's tag: a map of five, its first two entries. */
    assert_memory_equal(bytes.bytes + 4, "\xa5\x83:ID\x07\x8aRMV_REA_TX\xc0", 18);
    heddle_buffer_free(&bytes);
    heddle_rows_release(rows);
    heddle_batch_release(batch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_known_as_the_statement_calls_them),
        cmocka_unit_test(only_words_of_the_statement_count),
        cmocka_unit_test(a_version_and_its_options_stay_in_front),
        cmocka_unit_test(a_statement_that_never_names_a_row_is_refused_with_the_remedy),
        cmocka_unit_test(a_row_is_a_map_of_all_columns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
