/* test_neo4j_wording.c: which statements say the rows of a transaction, on each road, with and without known ids, after
 * failures; and what is read from the answers.
 */
#include "rows_fixture.h"

#include "base/memory.h"
#include "bolt/connection_parts.h"
#include "sink/fold.h"
#include "sink/neo4j/load.h"
#include "sink/neo4j/wording.h"

enum { ROWS_MAX = 16 };

/* Rows of one relationship target, as a transaction would get them. */
struct worded {
    struct fixture_job job;
    struct heddle_sink_options options;
    struct heddle_write_plan *plans;
    struct heddle_fold *fold;
    struct heddle_rows *owner;
    struct heddle_lot lot;
    struct heddle_schedule_row rows[ROWS_MAX];
    size_t count;
    struct heddle_ids *ids;
    struct heddle_wording wording;
};

static struct removal removal_of(int64_t id, const char *other)
{
    return (struct removal){id, "reason", other, other, id, false};
}

static void worded_init(struct worded *worded)
{
    static const struct heddle_cypher_dialect dialect = {.scoped_call = true};
    size_t spaces = 0;
    *worded = (struct worded){0};
    fixture_job_init(&worded->job);
    worded->options = (struct heddle_sink_options){.targets = worded->job.targets, .target_count = TARGETS};
    assert_int_equal(heddle_plans_create(&worded->options, &dialect, &worded->plans, &spaces, NULL),
                     HEDDLE_OK);
    assert_int_equal(heddle_ids_create(0, &worded->ids, NULL), HEDDLE_OK);
}

static void worded_free(struct worded *worded)
{
    heddle_wording_free(&worded->wording);
    heddle_ids_destroy(worded->ids);
    heddle_rows_release(worded->owner);
    heddle_fold_destroy(worded->fold);
    heddle_plans_destroy(worded->plans, TARGETS);
}

/* Takes rows for a target; a fold of `remembered` identities has seen them. */
static void worded_take(struct worded *worded, size_t target, const struct removal *rows, size_t count,
                        size_t remembered, bool careful)
{
    static const struct heddle_reject_sink none;
    assert_int_equal(heddle_fold_create(7, remembered, &worded->fold, NULL), HEDDLE_OK);
    struct heddle_batch *batch = fixture_batch(rows, count, 0, 0);
    assert_int_equal(heddle_rows_create(batch, &worded->owner, NULL), HEDDLE_OK);
    heddle_batch_release(batch);
    worded->lot.plan = &worded->plans[target];
    assert_int_equal(heddle_rows_convert(worded->owner, &worded->job.targets[target], target, &none,
                                         &worded->lot.ready, NULL),
                     HEDDLE_OK);
    assert_int_equal(heddle_fold_rows(worded->fold, worded->lot.ready, NULL), HEDDLE_OK);
    worded->count = worded->lot.ready->row_count;
    for (size_t i = 0; i < worded->count; i++) {
        worded->rows[i] =
            (struct heddle_schedule_row){.batch = &worded->lot, .row = worded->lot.ready->rows[i]};
    }
    heddle_wording_start(&worded->wording, worded->lot.plan, worded->rows, worded->count, careful);
}

static void worded_choose(struct worded *worded, struct heddle_ids *ids)
{
    assert_int_equal(heddle_wording_choose(&worded->wording, ids, NULL), HEDDLE_OK);
}

/* Makes the ids of a row's ends known. */
static void know_ends(struct worded *worded, size_t at, int64_t start, int64_t end)
{
    const struct heddle_target_rows *ready = worded->lot.ready;
    const struct heddle_write_plan *plan = worded->lot.plan;
    struct heddle_buffer key = {0};
    const uint64_t hashes[2] = {
        heddle_ids_hash(ready->start_keys, 1, worded->rows[at].row, plan->id_space_a, &key),
        heddle_ids_hash(ready->end_keys, 1, worded->rows[at].row, plan->id_space_b, &key)};
    const int64_t ids[2] = {start, end};
    heddle_ids_put(worded->ids, hashes, ids, 2);
    heddle_buffer_free(&key);
}

static const struct removal distinct_rows[] = {{1, "a", "N1", "C1", 1, false},
                                               {2, "b", "N1", "C1", 2, false},
                                               {3, "c", "N2", "C2", 3, false},
                                               {4, "d", "N2", "C2", 4, false}};

static void rows_that_are_known_to_be_first_are_created(void **state)
{
    (void)state;
    struct worded worded;
    worded_init(&worded);
    worded.plans[TARGET_REMOVED_FROM].road.road = HEDDLE_ROAD_CREATE;
    worded_take(&worded, TARGET_REMOVED_FROM, distinct_rows, 4, 0, false);
    worded_choose(&worded, NULL);
    assert_int_equal(worded.wording.rewrite, HEDDLE_CYPHER_CREATE);
    assert_int_equal(worded.wording.sent, 4);
    assert_int_equal(worded.wording.by_id, 0);
    worded_free(&worded);
}

static void one_repeat_makes_the_whole_transaction_merge(void **state)
{
    (void)state;
    struct removal rows[3] = {distinct_rows[0], distinct_rows[1], distinct_rows[0]};
    struct worded worded;
    worded_init(&worded);
    worded.plans[TARGET_REMOVED_FROM].road.road = HEDDLE_ROAD_CREATE;
    worded_take(&worded, TARGET_REMOVED_FROM, rows, 3, 0, false);
    worded_choose(&worded, NULL);
    assert_int_equal(worded.wording.rewrite, HEDDLE_CYPHER_AS_WRITTEN);
    assert_int_equal(worded.wording.sent, 3);
    worded_free(&worded);
}

/* What a full table did not remember may be a repeat: then the guard decides, and it needs each identity once. */
static void rows_beyond_what_is_remembered_are_guarded_and_sent_once_each(void **state)
{
    (void)state;
    struct removal rows[6];
    struct worded worded;
    for (size_t i = 0; i < 6; i++) {
        rows[i] = removal_of((int64_t)(i % 4), "C");
    }
    worded_init(&worded);
    worded.plans[TARGET_OF_COMPONENT].road.road = HEDDLE_ROAD_CREATE;
    worded_take(&worded, TARGET_OF_COMPONENT, rows, 6, 1, false);
    assert_int_equal(worded.count, 5); /* one repeat was known, and is folded; another was not */
    worded_choose(&worded, NULL);
    assert_int_equal(worded.wording.rewrite, HEDDLE_CYPHER_GUARDED);
    assert_int_equal(worded.wording.sent, 4);
    const bool marked[5] = {false, true, false, false, true};
    assert_int_equal(heddle_wording_count_marked(&worded.wording, marked),
                     1); /* the last one did not travel */
    worded_free(&worded);
}

static void after_an_unknown_outcome_rows_are_sent_as_written(void **state)
{
    (void)state;
    struct worded worded;
    const struct heddle_bolt_answer answer = {.failed_run = -1};
    const struct heddle_error unknown = {.status = HEDDLE_NETWORK, .action = HEDDLE_ACTION_ASK};
    worded_init(&worded);
    worded.plans[TARGET_REMOVED_FROM].road.road = HEDDLE_ROAD_CREATE;
    worded_take(&worded, TARGET_REMOVED_FROM, distinct_rows, 4, 0, false);
    worded_choose(&worded, NULL);
    assert_true(heddle_wording_reword(&worded.wording, &answer, &unknown));
    worded_choose(&worded, NULL);
    assert_int_equal(worded.wording.rewrite, HEDDLE_CYPHER_AS_WRITTEN);
    assert_false(heddle_wording_reword(&worded.wording, &answer, &unknown));
    /* The halves of such a transaction are as doubtful. */
    heddle_wording_start(&worded.wording, worded.lot.plan, worded.rows, 2, worded.wording.careful);
    worded_choose(&worded, NULL);
    assert_int_equal(worded.wording.rewrite, HEDDLE_CYPHER_AS_WRITTEN);
    worded_free(&worded);
}

static void a_deadlock_rewords_nothing(void **state)
{
    (void)state;
    struct worded worded;
    const struct heddle_bolt_answer answer = {.failed_run = 0};
    const struct heddle_error deadlock = {.status = HEDDLE_DATABASE,
                                          .action = HEDDLE_ACTION_RETRY,
                                          .code = "Neo.TransientError.Transaction.DeadlockDetected"};
    worded_init(&worded);
    worded.plans[TARGET_REMOVED_FROM].road.road = HEDDLE_ROAD_CREATE;
    worded_take(&worded, TARGET_REMOVED_FROM, distinct_rows, 4, 0, false);
    worded_choose(&worded, worded.ids);
    assert_false(heddle_wording_reword(&worded.wording, &answer, &deadlock));
    worded_free(&worded);
}

static void rows_with_both_ids_go_by_id_and_the_others_by_key(void **state)
{
    (void)state;
    struct worded worded;
    worded_init(&worded);
    worded_take(&worded, TARGET_REMOVED_FROM, distinct_rows, 4, 0, false);
    know_ends(&worded, 1, 102, 201);
    know_ends(&worded, 3, 104, 202);
    worded_choose(&worded, worded.ids);
    assert_int_equal(worded.wording.rewrite, HEDDLE_CYPHER_AS_WRITTEN);
    assert_int_equal(worded.wording.by_id, 2);
    assert_int_equal(worded.wording.sent, 4);
    assert_int_equal(worded.wording.order[0].at, 1);
    assert_true(worded.wording.order[0].ids[0] == 102 && worded.wording.order[0].ids[1] == 201);
    assert_int_equal(worded.wording.order[1].at, 3);
    assert_true(worded.wording.order[1].ids[0] == 104 && worded.wording.order[1].ids[1] == 202);
    assert_int_equal(worded.wording.order[2].at, 0);
    assert_int_equal(worded.wording.order[3].at, 2);
    worded_free(&worded);
}

static void an_end_that_is_not_found_by_id_sends_the_rows_by_key(void **state)
{
    (void)state;
    struct worded worded;
    const struct heddle_error division = {.status = HEDDLE_DATABASE,
                                          .action = HEDDLE_ACTION_REJECT,
                                          .code = "Neo.ClientError.Statement.ArithmeticError"};
    worded_init(&worded);
    worded_take(&worded, TARGET_REMOVED_FROM, distinct_rows, 4, 0, false);
    for (size_t i = 0; i < 4; i++) {
        know_ends(&worded, i, 100 + (int64_t)i, 200 + (int64_t)i);
    }
    worded_choose(&worded, worded.ids);
    assert_int_equal(worded.wording.by_id, 4);
    assert_true(
        heddle_wording_reword(&worded.wording, &(struct heddle_bolt_answer){.failed_run = 0}, &division));
    worded_choose(&worded, worded.ids);
    assert_int_equal(worded.wording.by_id, 0);
    /* By key a division by zero is somebody else's. */
    assert_false(
        heddle_wording_reword(&worded.wording, &(struct heddle_bolt_answer){.failed_run = 0}, &division));
    worded_free(&worded);
}

static void without_a_table_or_with_one_that_was_given_up_rows_go_by_key(void **state)
{
    (void)state;
    struct worded worded;
    struct heddle_ids *small = NULL;
    worded_init(&worded);
    assert_int_equal(heddle_ids_create((size_t)16 * 1024, &small, NULL), HEDDLE_OK);
    for (int64_t i = 0; i < 1000; i++) {
        const uint64_t hash = heddle_hash_mix((uint64_t)i + 1);
        heddle_ids_put(small, &hash, &i, 1);
    }
    worded_take(&worded, TARGET_REMOVED_FROM, distinct_rows, 4, 0, false);
    worded_choose(&worded, small);
    assert_int_equal(worded.wording.by_id, 0);
    worded_choose(&worded, NULL);
    assert_int_equal(worded.wording.by_id, 0);
    heddle_ids_destroy(small);
    worded_free(&worded);
}

static void the_counts_of_both_statements_add_up(void **state)
{
    (void)state;
    const struct heddle_value numbers[2] = {{.type = HEDDLE_VALUE_INTEGER, .integer = 2},
                                            {.type = HEDDLE_VALUE_INTEGER, .integer = 1}};
    const struct heddle_value_list records[2] = {{&numbers[0], 1}, {&numbers[1], 1}};
    const struct heddle_bolt_answer answer = {
        .records = records, .record_count = 2, .counters = {.relationships_created = 2, .nodes_created = 0}};
    struct worded worded;
    worded_init(&worded);
    worded_take(&worded, TARGET_REMOVED_FROM, distinct_rows, 4, 0, false);
    worded_choose(&worded, NULL);
    const struct heddle_written written = heddle_wording_read(&worded.wording, &answer);
    assert_int_equal(written.matched, 3);
    assert_int_equal(written.created, 2);
    worded_free(&worded);
}

static void nodes_that_were_written_are_found_by_id_afterwards(void **state)
{
    (void)state;
    const struct heddle_value ids[2] = {{.type = HEDDLE_VALUE_INTEGER, .integer = 501},
                                        {.type = HEDDLE_VALUE_INTEGER, .integer = 502}};
    const struct heddle_value list = {.type = HEDDLE_VALUE_LIST, .list = {ids, 2}};
    const struct heddle_value_list record = {&list, 1};
    struct worded worded;
    struct heddle_buffer key = {0};
    worded_init(&worded);
    worded_take(&worded, TARGET_AIRCRAFT, distinct_rows, 4, 0, false); /* N1 and N2 */
    assert_int_equal(worded.count, 2);
    worded_choose(&worded, worded.ids);
    struct heddle_written written = heddle_wording_read(
        &worded.wording, &(struct heddle_bolt_answer){
                             .records = &record, .record_count = 1, .counters = {.nodes_created = 1}});
    assert_int_equal(written.matched, 2);
    assert_int_equal(written.created, 1);
    const uint64_t hash = heddle_ids_hash(worded.lot.ready->keys, 1, worded.rows[1].row,
                                          worded.plans[TARGET_REMOVED_FROM].id_space_b, &key);
    int64_t found = 0;
    heddle_ids_get(worded.ids, &hash, &found, 1);
    assert_int_equal(found, 502);
    /* A list that does not pair up with the rows tells nothing. */
    const struct heddle_value more = {.type = HEDDLE_VALUE_LIST, .list = {ids, 1}};
    const struct heddle_value_list odd = {&more, 1};
    written = heddle_wording_read(&worded.wording,
                                  &(struct heddle_bolt_answer){.records = &odd, .record_count = 1});
    assert_int_equal(heddle_ids_count(worded.ids), 2);
    heddle_buffer_free(&key);
    worded_free(&worded);
}

/* True where the request that says the rows holds these words. */
static bool request_says(struct worded *worded, const char *words)
{
    const struct heddle_bolt_request_options options = {0};
    struct heddle_bolt_request *request = NULL;
    assert_int_equal(heddle_bolt_request_create(&request, NULL), HEDDLE_OK);
    heddle_bolt_request_begin(request, (struct heddle_pack_dialect){.utc = true}, &options);
    heddle_wording_write(&worded->wording, request);
    assert_int_equal(heddle_bolt_request_commit(request, NULL), HEDDLE_OK);
    const bool found = memmem(request->buffer.bytes, request->buffer.length, words, strlen(words)) != NULL;
    heddle_bolt_request_destroy(request);
    return found;
}

/* One row without a vector, and the procedure would fail the whole transaction. */
static void only_where_all_rows_have_vectors_does_the_statement_take_it_for_granted(void **state)
{
    (void)state;
    for (size_t without = 0; without <= 4; without++) {
        struct removal rows[4];
        struct worded worded;
        for (size_t i = 0; i < 4; i++) {
            rows[i] = distinct_rows[i];
            rows[i].vector = i != without;
        }
        worded_init(&worded);
        worded_take(&worded, TARGET_REMOVAL, rows, 4, 0, false);
        worded_choose(&worded, NULL);
        assert_int_equal(request_says(&worded, "IS NOT NULL"), without < 4);
        assert_true(request_says(&worded, "setNodeVectorProperty"));
        worded_free(&worded);
    }
}

static void running_out_of_memory_is_said_and_nothing_leaks(void **state)
{
    (void)state;
    struct removal rows[5];
    for (size_t i = 0; i < 5; i++) {
        rows[i] = removal_of((int64_t)(i % 4), "C");
    }
    int64_t failed = 0;
    for (int status = HEDDLE_OUT_OF_MEMORY; status == HEDDLE_OUT_OF_MEMORY; failed++) {
        struct worded worded;
        worded_init(&worded);
        worded.plans[TARGET_OF_COMPONENT].road.road = HEDDLE_ROAD_GUARDED;
        worded_take(&worded, TARGET_OF_COMPONENT, rows, 5, 1, false);
        heddle_memory_fail_at(failed);
        status = heddle_wording_choose(&worded.wording, worded.ids, NULL);
        heddle_memory_fail_at(-1);
        worded_choose(&worded, worded.ids);
        assert_int_equal(worded.wording.sent, 4);
        worded_free(&worded);
    }
    assert_true(failed > 4); /* three arrays, a table, a key */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_that_are_known_to_be_first_are_created),
        cmocka_unit_test(one_repeat_makes_the_whole_transaction_merge),
        cmocka_unit_test(rows_beyond_what_is_remembered_are_guarded_and_sent_once_each),
        cmocka_unit_test(after_an_unknown_outcome_rows_are_sent_as_written),
        cmocka_unit_test(a_deadlock_rewords_nothing),
        cmocka_unit_test(rows_with_both_ids_go_by_id_and_the_others_by_key),
        cmocka_unit_test(an_end_that_is_not_found_by_id_sends_the_rows_by_key),
        cmocka_unit_test(without_a_table_or_with_one_that_was_given_up_rows_go_by_key),
        cmocka_unit_test(the_counts_of_both_statements_add_up),
        cmocka_unit_test(nodes_that_were_written_are_found_by_id_afterwards),
        cmocka_unit_test(only_where_all_rows_have_vectors_does_the_statement_take_it_for_granted),
        cmocka_unit_test(running_out_of_memory_is_said_and_nothing_leaks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
