/* test_neo4j_marks.c: marks in the transactions of a load that was taken, against a server that plays a script: sent in the
 * same write as the rows, sent again with the same bytes, believed when they are there, and new for each part of a split.
 */
#include "scripted_fixture.h"

#define MARKED                                                                                               \
    "C: BEGIN", "C: RUN CREATE (t:HeddleTx", "C: DISCARD", "C: RUN UNWIND $rows", "C: PULL", "C: COMMIT"
#define MARKED_DONE(STATS)                                                                                   \
    "S: SUCCESS {}", "S: SUCCESS {}", "S: SUCCESS {}", "S: SUCCESS {\"fields\": []}",                        \
        "S: SUCCESS {\"stats\": " STATS "}", "S: SUCCESS {}"
#define MARK_FAILED(CODE)                                                                                    \
    "S: SUCCESS {}", "S: FAILURE {\"neo4j_code\": \"" CODE "\", \"message\": \"because of the test\"}",      \
        "S: IGNORED", "S: IGNORED", "S: IGNORED", "S: IGNORED"
#define ROWS_FAILED(CODE)                                                                                    \
    "S: SUCCESS {}", "S: SUCCESS {}", "S: SUCCESS {}",                                                       \
        "S: FAILURE {\"neo4j_code\": \"" CODE "\", \"message\": \"because of the test\"}", "S: IGNORED",     \
        "S: IGNORED"
#define VOID "C: RUN CREATE (t:HeddleTx {id: $id, void: true})", "C: PULL"
#define BY_ZERO "Neo.ClientError.Statement.ArithmeticError"

/* Writes four removals that are created, in one transaction of load "a7", epoch 3. */
static struct scripted *play_marked(const char *const *lines, int wanted, struct heddle_error *error)
{
    static const char *const texts[] = {"a", "b", "c", "d"};
    static const size_t target = TARGET_REMOVAL;
    struct scripted *test = calloc(1, sizeof *test);
    struct removal rows[4];
    struct heddle_schedule_work *work = NULL;
    assert_non_null(test);
    scripted_init(test, lines);
    test->options.load.id = "a7";
    test->load.epoch = 3;
    test->job.targets[TARGET_REMOVAL].merge = false;
    scripted_start(test);
    for (size_t i = 0; i < 4; i++) {
        rows[i] = (struct removal){(int64_t)i, texts[i], texts[i], texts[i], 5, false};
    }
    struct heddle_batch *batch = fixture_batch(rows, 4, 3, 0);
    assert_int_equal(heddle_load_add(&test->load, batch, &target, 1, NULL), HEDDLE_OK);
    heddle_batch_release(batch);
    assert_int_equal(heddle_scheduler_pick(test->load.scheduler, 1, &work, NULL), HEDDLE_OK);
    struct heddle_error reason = {0};
    const int status = heddle_settle_rows(&test->writer, test->transaction, &test->load.plans[work->stream],
                                          work->rows, work->count, &reason);
    if (status != wanted) {
        fail_msg("%d: %s", status, reason.message);
    }
    if (error != NULL) {
        *error = reason;
    }
    heddle_scheduler_done(test->load.scheduler, work);
    bolt_script_check(&test->script);
    return test;
}

static void finish(struct scripted *test)
{
    scripted_free(test);
    free(test);
}

/* How often a text was sent on one wire. */
static size_t times_sent(const struct scripted *test, int wire, const char *text)
{
    const struct wire_memory *memory = &test->script.wires[wire];
    const uint8_t *at = memory->to_peer.bytes;
    const uint8_t *end = at + memory->to_peer.length;
    size_t times = 0;
    while ((at = memmem(at, (size_t)(end - at), text, strlen(text))) != NULL) {
        times++;
        at++;
    }
    return times;
}

static void a_mark_goes_first_in_the_same_write_and_is_not_counted(void **state)
{
    (void)state;
    static const char *const lines[] = {LOGIN, MARKED, MARKED_DONE("{\"nodes-created\": 5}"), NULL};
    struct scripted *test = play_marked(lines, HEDDLE_OK, NULL);
    assert_counts(test, TARGET_REMOVAL, 4, 0, 0);
    assert_int_equal(times_sent(test, 0, "a7/0/3.1"), 1);
    assert_int_equal(test->told.sent, 1);
    finish(test);
}

static void an_unknown_outcome_sends_the_same_mark_again_and_believes_it(void **state)
{
    (void)state;
    static const char *const lines[] = {LOGIN, MARKED, "S: CLOSE", LOGIN, MARKED, MARK_FAILED(CONSTRAINT),
                                        NULL};
    struct scripted *test = play_marked(lines, HEDDLE_OK, NULL);
    assert_counts(test, TARGET_REMOVAL, 4, 0, 0); /* the first try had come through */
    assert_int_equal(times_sent(test, 0, "a7/0/3.1"), 1);
    assert_int_equal(times_sent(test, 1, "a7/0/3.1"), 1);
    assert_int_equal(test->told.sent, 1);
    assert_int_equal(test->told.verdicts[HEDDLE_VERDICT_SETTLED], 1);
    finish(test);
}

static void an_unknown_outcome_that_had_not_come_through_is_written_now(void **state)
{
    (void)state;
    static const char *const lines[] = {
        LOGIN, MARKED, "S: CLOSE", LOGIN, MARKED, MARKED_DONE("{\"nodes-created\": 5}"), NULL};
    struct scripted *test = play_marked(lines, HEDDLE_OK, NULL);
    assert_counts(test, TARGET_REMOVAL, 4, 0, 0);
    finish(test);
}

static void the_parts_of_a_split_bear_marks_of_their_own(void **state)
{
    (void)state;
    static const char *const lines[] = {LOGIN,
                                        MARKED,
                                        ROWS_FAILED(TOO_LARGE),
                                        RESET,
                                        MARKED,
                                        RESET_DONE,
                                        MARKED_DONE("{\"nodes-created\": 3}"),
                                        MARKED,
                                        MARKED_DONE("{\"nodes-created\": 3}"),
                                        NULL};
    struct scripted *test = play_marked(lines, HEDDLE_OK, NULL);
    assert_counts(test, TARGET_REMOVAL, 4, 0, 0);
    assert_int_equal(times_sent(test, 0, "a7/0/3.1"), 1);
    assert_int_equal(times_sent(test, 0, "a7/0/3.2"), 1);
    assert_int_equal(times_sent(test, 0, "a7/0/3.3"), 1);
    assert_int_equal(test->told.sent, 3);
    assert_int_equal(test->told.verdicts[HEDDLE_VERDICT_VOID], 1);
    assert_int_equal(test->told.verdicts[HEDDLE_VERDICT_SETTLED], 2);
    finish(test);
}

static void before_a_split_a_try_that_may_still_come_through_is_closed(void **state)
{
    (void)state;
    static const char *const lines[] = {LOGIN,
                                        MARKED,
                                        "S: CLOSE",
                                        LOGIN,
                                        MARKED,
                                        ROWS_FAILED(TOO_LARGE),
                                        RESET,
                                        VOID,
                                        RESET_DONE,
                                        "S: SUCCESS {\"fields\": []}",
                                        "S: SUCCESS {}",
                                        MARKED,
                                        MARKED_DONE("{\"nodes-created\": 3}"),
                                        MARKED,
                                        MARKED_DONE("{\"nodes-created\": 3}"),
                                        NULL};
    struct scripted *test = play_marked(lines, HEDDLE_OK, NULL);
    assert_counts(test, TARGET_REMOVAL, 4, 0, 0);
    assert_int_equal(test->told.verdicts[HEDDLE_VERDICT_VOID], 1);
    finish(test);
}

static void a_load_that_another_run_took_writes_nothing_more(void **state)
{
    (void)state;
    static const char *const lines[] = {LOGIN, MARKED, MARK_FAILED(BY_ZERO), NULL};
    struct heddle_error error = {0};
    struct scripted *test = play_marked(lines, HEDDLE_DATABASE, &error);
    assert_non_null(strstr(error.message, "another run has taken it"));
    assert_int_equal(test->rejects.count, 0);
    assert_int_equal(test->told.verdicts[HEDDLE_VERDICT_SETTLED] + test->told.verdicts[HEDDLE_VERDICT_VOID],
                     0);
    finish(test);
}

static void a_mark_that_is_there_before_its_time_is_no_proof(void **state)
{
    (void)state;
    static const char *const lines[] = {LOGIN, MARKED, MARK_FAILED(CONSTRAINT), NULL};
    struct heddle_error error = {0};
    struct scripted *test = play_marked(lines, HEDDLE_INTERNAL, &error);
    assert_non_null(strstr(error.message, "never sent before"));
    assert_int_equal(test->load.counts[TARGET_REMOVAL].created, 0);
    assert_int_equal(test->rejects.count, 0);
    finish(test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mark_goes_first_in_the_same_write_and_is_not_counted),
        cmocka_unit_test(an_unknown_outcome_sends_the_same_mark_again_and_believes_it),
        cmocka_unit_test(an_unknown_outcome_that_had_not_come_through_is_written_now),
        cmocka_unit_test(the_parts_of_a_split_bear_marks_of_their_own),
        cmocka_unit_test(before_a_split_a_try_that_may_still_come_through_is_closed),
        cmocka_unit_test(a_load_that_another_run_took_writes_nothing_more),
        cmocka_unit_test(a_mark_that_is_there_before_its_time_is_no_proof),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
