/* test_neo4j_transaction.c: every answer that a server can give to a transaction, played by a script: what is sent again,
 * what is cut in two, which row is set aside, when the load stops. No socket, no thread.
 */
#include "scripted_fixture.h"

#include "base/clock.h"
#include "base/memory.h"

/* Adds `count` removals for one target and writes them as one transaction. */
static int scripted_write(struct scripted *test, size_t target, size_t count, struct heddle_error *error)
{
    static const char *const texts[] = {"a", "b", "c", "d", "e", "f", "g", "h"};
    struct removal rows[8];
    struct heddle_schedule_work *work = NULL;
    assert_true(count <= 8);
    for (size_t i = 0; i < count; i++) {
        rows[i] = (struct removal){(int64_t)i, texts[i], texts[i], texts[i], 5, false};
    }
    struct heddle_batch *batch = fixture_batch(rows, count, 3, 0);
    assert_int_equal(heddle_load_add(&test->load, batch, &target, 1, NULL), HEDDLE_OK);
    heddle_batch_release(batch);
    assert_int_equal(heddle_scheduler_pick(test->load.scheduler, 1, &work, NULL), HEDDLE_OK);
    assert_int_equal(work->count, count);
    const int status = heddle_settle_rows(&test->writer, test->transaction, &test->load.plans[work->stream],
                                          work->rows, work->count, error);
    heddle_scheduler_done(test->load.scheduler, work);
    return status;
}

/* Plays a script to the end for `count` rows of a target that must go through. */
static struct scripted *play(const char *const *lines, size_t target, size_t count)
{
    struct scripted *test = calloc(1, sizeof *test);
    struct heddle_error error = {0};
    assert_non_null(test);
    scripted_init(test, lines);
    scripted_start(test);
    if (scripted_write(test, target, count, &error) != HEDDLE_OK) {
        fail_msg("%s", error.message);
    }
    bolt_script_check(&test->script);
    assert_null(test->load.first); /* every row's fate is known, the batch is let go */
    assert_int_equal(test->load.open_rows, 0);
    assert_int_equal(test->load.open_bytes, 0);
    return test;
}

static void finish(struct scripted *test)
{
    scripted_free(test);
    free(test);
}

static void a_committed_transaction_is_counted_by_the_server(void **state)
{
    (void)state;
    static const char *const lines[] = {LOGIN, SENT, COMMITTED("{\"nodes-created\": 2}"), NULL};
    struct scripted *test = play(lines, TARGET_REMOVAL, 3);
    assert_counts(test, TARGET_REMOVAL, 2, 1, 0);
    assert_int_equal(test->told.sent, 1);
    assert_int_equal(test->told.verdicts[HEDDLE_VERDICT_SETTLED], 1);
    assert_int_equal(test->load.progress.transactions, 1);
    finish(test);
}

static void a_deadlock_is_tried_again_with_the_same_rows(void **state)
{
    (void)state;
    static const char *const lines[] = {LOGIN,
                                        SENT,
                                        FAILED(DEADLOCK),
                                        RESET,
                                        SENT,
                                        RESET_DONE,
                                        FAILED(DEADLOCK),
                                        RESET,
                                        SENT,
                                        RESET_DONE,
                                        COMMITTED("{\"nodes-created\": 3}"),
                                        NULL};
    struct scripted *test = play(lines, TARGET_REMOVAL, 3);
    assert_counts(test, TARGET_REMOVAL, 3, 0, 0);
    assert_int_equal(test->load.progress.retries, 2);
    assert_int_equal(test->load.progress.deadlocks, 2);
    assert_int_equal(test->told.sent, 1);
    assert_int_equal(test->told.verdicts[HEDDLE_VERDICT_VOID], 0);
    assert_int_equal(test->told.verdicts[HEDDLE_VERDICT_SETTLED], 1);
    finish(test);
}

static void a_transaction_too_large_for_the_server_goes_in_halves(void **state)
{
    (void)state;
    static const char *const lines[] = {LOGIN,
                                        SENT,
                                        FAILED(TOO_LARGE),
                                        RESET,
                                        SENT,
                                        RESET_DONE,
                                        COMMITTED("{\"nodes-created\": 2}"),
                                        SENT,
                                        COMMITTED("{\"nodes-created\": 2}"),
                                        NULL};
    struct scripted *test = play(lines, TARGET_REMOVAL, 4);
    assert_counts(test, TARGET_REMOVAL, 4, 0, 0);
    assert_int_equal(test->load.progress.transactions, 2);
    finish(test);
}

static void the_one_bad_row_is_found_by_halving(void **state)
{
    (void)state;
    /* Rows 0 1 | 2 3: the second half fails, row 2 fails alone, row 3 goes through. */
    static const char *const lines[] = {LOGIN,
                                        SENT,
                                        FAILED(CONSTRAINT),
                                        RESET,
                                        SENT,
                                        RESET_DONE,
                                        COMMITTED("{\"nodes-created\": 2}"),
                                        SENT,
                                        FAILED(CONSTRAINT),
                                        RESET,
                                        SENT,
                                        RESET_DONE,
                                        FAILED(CONSTRAINT),
                                        RESET,
                                        SENT,
                                        RESET_DONE,
                                        COMMITTED("{\"nodes-created\": 1}"),
                                        NULL};
    struct scripted *test = play(lines, TARGET_REMOVAL, 4);
    assert_counts(test, TARGET_REMOVAL, 3, 0, 1);
    assert_int_equal(test->rejects.count, 1);
    assert_string_equal(test->rejects.kept[0].code, "CONSTRAINT");
    assert_string_equal(test->rejects.kept[0].key, "2");
    assert_int_equal(test->rejects.kept[0].stage, HEDDLE_STAGE_WRITE);
    assert_non_null(strstr(test->rejects.kept[0].reason, "because of the test"));
    finish(test);
}

static void rows_whose_ends_are_missing_are_asked_for_and_rejected(void **state)
{
    (void)state;
    static const char *const lines[] = {LOGIN,
                                        SENT,
                                        MATCHED("2", "{\"relationships-created\": 2}"),
                                        "C: RUN OPTIONAL MATCH",
                                        "C: PULL",
                                        "S: SUCCESS {\"fields\": [\"missing\"]}",
                                        "S: RECORD [[[1, true, false]]]",
                                        "S: SUCCESS {}",
                                        NULL};
    struct scripted *test = play(lines, TARGET_OF_COMPONENT, 3);
    assert_counts(test, TARGET_OF_COMPONENT, 2, 0, 1);
    assert_string_equal(test->rejects.kept[0].code, "END_MISSING");
    assert_string_equal(test->rejects.kept[0].key, "1 -> b");
    assert_non_null(strstr(test->rejects.kept[0].reason, "end node HeddleTestComponent"));
    finish(test);
}

/* Plays a script whose transaction must fail; the error is left in *error. */
static void play_failing(const char *const *lines, bool merge, int wanted, struct heddle_error *error,
                         struct told *told)
{
    struct scripted *test = calloc(1, sizeof *test);
    assert_non_null(test);
    scripted_init(test, lines);
    test->job.targets[TARGET_REMOVAL].merge = merge;
    scripted_start(test);
    assert_int_equal(scripted_write(test, TARGET_REMOVAL, 4, error), wanted);
    bolt_script_check(&test->script);
    assert_int_equal(test->rejects.count, 0);
    assert_int_equal(test->load.counts[TARGET_REMOVAL].created, 0);
    *told = test->told;
    finish(test);
}

static void an_unknown_outcome_stops_rows_that_are_created(void **state)
{
    (void)state;
    static const char *const lines[] = {LOGIN, SENT, "S: CLOSE", NULL};
    struct heddle_error error = {0};
    struct told told;
    play_failing(lines, false, HEDDLE_DATABASE, &error, &told);
    assert_int_equal(error.action, HEDDLE_ACTION_ASK);
    assert_non_null(strstr(error.message, "nobody knows"));
    assert_int_equal(told.verdicts[HEDDLE_VERDICT_SETTLED] + told.verdicts[HEDDLE_VERDICT_VOID], 0);
}

static void an_unknown_outcome_is_repeated_where_rows_are_merged(void **state)
{
    (void)state;
    static const char *const lines[] = {LOGIN, SENT, "S: CLOSE", LOGIN, SENT, COMMITTED("{}"), NULL};
    struct scripted *test = play(lines, TARGET_REMOVAL, 3);
    assert_counts(test, TARGET_REMOVAL, 0, 3, 0); /* the first try had come through */
    assert_int_equal(test->told.verdicts[HEDDLE_VERDICT_SETTLED], 1);
    finish(test);
}

static void a_failure_that_cannot_be_helped_stops_with_the_servers_code(void **state)
{
    (void)state;
    static const char *const lines[] = {LOGIN, SENT, FAILED(READ_ONLY), NULL};
    struct heddle_error error = {0};
    struct told told;
    play_failing(lines, true, HEDDLE_DATABASE, &error, &told);
    assert_string_equal(error.code, READ_ONLY);
    assert_int_equal(told.verdicts[HEDDLE_VERDICT_SETTLED] + told.verdicts[HEDDLE_VERDICT_VOID], 0);
    assert_int_equal(told.sent, 1);
}

static void a_missing_end_that_nobody_can_name_stops_the_load(void **state)
{
    (void)state;
    static const char *const lines[] = {LOGIN,
                                        SENT,
                                        MATCHED("2", "{\"relationships-created\": 2}"),
                                        "C: RUN OPTIONAL MATCH",
                                        "C: PULL",
                                        "S: SUCCESS {\"fields\": [\"missing\"]}",
                                        "S: RECORD [[]]",
                                        "S: SUCCESS {}",
                                        NULL};
    struct scripted *test = calloc(1, sizeof *test);
    struct heddle_error error = {0};
    assert_non_null(test);
    scripted_init(test, lines);
    scripted_start(test);
    assert_int_equal(scripted_write(test, TARGET_OF_COMPONENT, 3, &error), HEDDLE_DATABASE);
    assert_int_equal(error.action, HEDDLE_ACTION_ASK);
    assert_non_null(strstr(error.message, "of 3 rows 2 were written"));
    finish(test);
}

static void nonsense_about_missing_ends_is_no_reject(void **state)
{
    (void)state;
    static const char *const lines[] = {LOGIN,
                                        SENT,
                                        MATCHED("2", "{}"),
                                        "C: RUN OPTIONAL MATCH",
                                        "C: PULL",
                                        "S: SUCCESS {\"fields\": [\"missing\"]}",
                                        "S: RECORD [[[99, true, false]]]",
                                        "S: SUCCESS {}",
                                        NULL};
    struct scripted *test = calloc(1, sizeof *test);
    struct heddle_error error = {0};
    assert_non_null(test);
    scripted_init(test, lines);
    scripted_start(test);
    assert_int_equal(scripted_write(test, TARGET_OF_COMPONENT, 3, &error), HEDDLE_PROTOCOL);
    assert_int_equal(test->rejects.count, 0);
    finish(test);
}

/* Relationships of a parcel wait for its nodes, and for those of all parcels before it. */
static void relationships_wait_for_their_own_nodes_and_all_earlier_ones(void **state)
{
    (void)state;
    static const char *const lines[] = {
        LOGIN, SENT, COMMITTED("{\"nodes-created\": 1}"), SENT, COMMITTED("{\"nodes-created\": 1}"), NULL};
    static const size_t targets[] = {TARGET_AIRCRAFT, TARGET_REMOVED_FROM};
    const struct removal first = {1, "x", "N1", "C1", 5, false};
    const struct removal second = {2, "x", "N2", "C1", 5, false};
    struct scripted *test = calloc(1, sizeof *test);
    assert_non_null(test);
    scripted_init(test, lines);
    test->load.writer_max = 2;
    scripted_start(test);
    struct heddle_load *load = &test->load;
    const struct removal *const rows[] = {&first, &second};
    for (uint64_t i = 0; i < 2; i++) {
        struct heddle_batch *batch = fixture_batch(rows[i], 1, i, i);
        assert_int_equal(heddle_load_add(load, batch, targets, 2, NULL), HEDDLE_OK);
        heddle_batch_release(batch);
        if (i == 0) {
            assert_int_equal(heddle_scheduler_pending_rows(load->scheduler),
                             0); /* a first window is counted */
            heddle_clock_sleep_ms(HEDDLE_WINDOW_FIRST_MS + 1);
        }
    }
    assert_int_equal(heddle_scheduler_pending_rows(load->scheduler), 2); /* the nodes alone */
    /* The nodes of the second parcel are written first: nothing may follow yet. */
    struct heddle_lot *later = &load->last->lots[0];
    const struct heddle_schedule_row later_row = {.batch = later, .row = 0};
    assert_int_equal(heddle_settle_rows(&test->writer, test->transaction, later->plan, &later_row, 1, NULL),
                     HEDDLE_OK);
    assert_int_equal(heddle_scheduler_pending_rows(load->scheduler), 2);
    struct heddle_lot *sooner = &load->first->lots[0];
    const struct heddle_schedule_row sooner_row = {.batch = sooner, .row = 0};
    assert_int_equal(heddle_settle_rows(&test->writer, test->transaction, sooner->plan, &sooner_row, 1, NULL),
                     HEDDLE_OK);
    assert_int_equal(heddle_scheduler_pending_rows(load->scheduler), 4);
    bolt_script_check(&test->script);
    finish(test);
}

static void every_failing_allocation_is_survived(void **state)
{
    (void)state;
    static const char *const lines[] = {LOGIN, SENT, COMMITTED("{\"nodes-created\": 3}"), NULL};
    int status = HEDDLE_OUT_OF_MEMORY;
    int64_t countdown = 0;
    for (; status != HEDDLE_OK; countdown++) {
        struct scripted *test = calloc(1, sizeof *test);
        const size_t target = TARGET_REMOVAL;
        const struct removal row = {1, "a", "N1", "C1", 5, true};
        struct heddle_schedule_work *work = NULL;
        assert_non_null(test);
        scripted_init(test, lines);
        struct heddle_batch *batch = fixture_batch(&row, 1, 0, 0);
        scripted_start(test);
        heddle_memory_fail_at(countdown);
        status = heddle_load_add(&test->load, batch, &target, 1, NULL);
        if (status == HEDDLE_OK) {
            status = heddle_scheduler_pick(test->load.scheduler, 1, &work, NULL);
        }
        if (status == HEDDLE_OK) {
            status = heddle_settle_rows(&test->writer, test->transaction, &test->load.plans[work->stream],
                                        work->rows, work->count, NULL);
            heddle_scheduler_done(test->load.scheduler, work);
        }
        heddle_memory_fail_at(-1);
        assert_true(status == HEDDLE_OK || status == HEDDLE_OUT_OF_MEMORY);
        heddle_batch_release(batch);
        finish(test);
    }
    assert_true(countdown > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_committed_transaction_is_counted_by_the_server),
        cmocka_unit_test(a_deadlock_is_tried_again_with_the_same_rows),
        cmocka_unit_test(a_transaction_too_large_for_the_server_goes_in_halves),
        cmocka_unit_test(the_one_bad_row_is_found_by_halving),
        cmocka_unit_test(rows_whose_ends_are_missing_are_asked_for_and_rejected),
        cmocka_unit_test(an_unknown_outcome_stops_rows_that_are_created),
        cmocka_unit_test(an_unknown_outcome_is_repeated_where_rows_are_merged),
        cmocka_unit_test(a_failure_that_cannot_be_helped_stops_with_the_servers_code),
        cmocka_unit_test(a_missing_end_that_nobody_can_name_stops_the_load),
        cmocka_unit_test(nonsense_about_missing_ends_is_no_reject),
        cmocka_unit_test(relationships_wait_for_their_own_nodes_and_all_earlier_ones),
        cmocka_unit_test(every_failing_allocation_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
