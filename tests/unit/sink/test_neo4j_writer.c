/* test_neo4j_writer.c: the loop of a writer against a scripted server: what is encoded ahead, what is sent before the first
 * answer, what becomes of it when the first fails, how many round trips it takes. One writer thread, no socket.
 */
#include "scripted_fixture.h"

#include "base/memory.h"

enum { ROWS_EACH = 2 };

static const struct removal REMOVALS[] = {
    {0, "a", "N1", "C1", 5, false}, {1, "b", "N2", "C2", 5, false}, {2, "c", "N3", "C3", 5, false},
    {3, "d", "N4", "C4", 5, false}, {4, "e", "N5", "C5", 5, false}, {5, "f", "N6", "C6", 5, false},
};

/* A load of transactions of two rows each, by one writer. The rows of one target are created: they meet nobody. */
static struct scripted *load_begin_with(const char *const *lines, size_t depth, size_t created)
{
    struct scripted *test = calloc(1, sizeof *test);
    assert_non_null(test);
    scripted_init(test, lines);
    test->options.pipeline_depth = depth;
    test->job.targets[created].merge = false;
    test->batch_rows = ROWS_EACH;
    scripted_start(test);
    return test;
}

static struct scripted *load_begin(const char *const *lines, size_t depth)
{
    return load_begin_with(lines, depth, TARGET_REMOVAL);
}

static int add_rows(struct scripted *test, size_t count, const size_t *targets, size_t target_count)
{
    struct heddle_batch *batch = fixture_batch(REMOVALS, count, 0, 0);
    const int status = heddle_load_add(&test->load, batch, targets, target_count, NULL);
    heddle_batch_release(batch);
    return status;
}

/* Writes rows to the end; answers how the load ended. */
static int load_run(struct scripted *test, size_t count, const size_t *targets, size_t target_count,
                    struct heddle_error *error)
{
    assert_int_equal(add_rows(test, count, targets, target_count), HEDDLE_OK);
    assert_int_equal(heddle_writers_start(&test->load, NULL), HEDDLE_OK);
    const int status = heddle_load_drain(&test->load, error);
    heddle_writers_join(&test->load);
    return status;
}

static void load_end(struct scripted *test)
{
    scripted_free(test);
    free(test);
}

/* Plays a script to the end with `count` removals that must go through. */
static struct scripted *play(const char *const *lines, size_t depth, size_t count)
{
    static const size_t removals[] = {TARGET_REMOVAL};
    struct heddle_error error = {0};
    struct scripted *test = load_begin(lines, depth);
    if (load_run(test, count, removals, 1, &error) != HEDDLE_OK) {
        fail_msg("%s", error.message);
    }
    bolt_script_check(&test->script);
    assert_null(test->load.first);
    assert_int_equal(heddle_scheduler_in_flight(test->load.scheduler), 0);
    return test;
}

#define TWO "{\"nodes-created\": 2}"

static void two_round_trips_to_ready_and_one_a_transaction(void **state)
{
    (void)state;
    static const char *const lines[] = {LOGIN,          SENT, COMMITTED(TWO), SENT,
                                        COMMITTED(TWO), SENT, COMMITTED(TWO), NULL};
    struct scripted *test = play(lines, 1, 6);
    assert_counts(test, TARGET_REMOVAL, 6, 0, 0);
    assert_int_equal(test->load.progress.transactions, 3);
    assert_int_equal(test->script.dials, 1);
    assert_int_equal(test->script.wires[0].turns, 2 + 3);
    load_end(test);
}

/* How many transactions hold parts when an answer has come in. */
struct watch {
    struct heddle_load *load;
    size_t in_flight[8];
    size_t answers;
};

static int note_nothing(void *context, uint64_t token, const struct heddle_ledger_rows *rows,
                        struct heddle_error *error)
{
    (void)context;
    (void)token;
    (void)rows;
    (void)error;
    return HEDDLE_OK;
}

static void watch_outcome(void *context, uint64_t token, enum heddle_verdict verdict,
                          const struct heddle_ledger_sums *sums)
{
    struct watch *watch = context;
    (void)token;
    (void)verdict;
    (void)sums;
    pthread_mutex_lock(&watch->load->lock);
    watch->in_flight[watch->answers++] = heddle_scheduler_in_flight(watch->load->scheduler);
    pthread_mutex_unlock(&watch->load->lock);
}

static void the_next_transaction_is_encoded_while_the_server_works(void **state)
{
    (void)state;
    static const size_t removals[] = {TARGET_REMOVAL};
    static const char *const lines[] = {LOGIN, SENT, COMMITTED(TWO), SENT, COMMITTED(TWO), NULL};
    struct scripted *test = load_begin(lines, 1);
    struct watch watch = {.load = &test->load};
    test->options.ledger =
        (struct heddle_ledger){.before_send = note_nothing, .outcome = watch_outcome, .context = &watch};
    assert_int_equal(load_run(test, 4, removals, 1, NULL), HEDDLE_OK);
    bolt_script_check(&test->script);
    assert_int_equal(watch.answers, 2);
    assert_int_equal(watch.in_flight[0], 2); /* the one that was answered, and the next one, ready to go */
    assert_int_equal(watch.in_flight[1], 1);
    load_end(test);
}

static void at_depth_two_the_second_leaves_before_the_first_is_answered(void **state)
{
    (void)state;
    static const char *const lines[] = {LOGIN, SENT, SENT, COMMITTED(TWO), COMMITTED(TWO), NULL};
    struct scripted *test = play(lines, 2, 4);
    assert_counts(test, TARGET_REMOVAL, 4, 0, 0);
    assert_int_equal(test->script.wires[0].turns, 2 + 1);
    load_end(test);
}

static void at_depth_two_the_third_leaves_when_the_first_is_answered(void **state)
{
    (void)state;
    static const char *const lines[] = {LOGIN, SENT,           SENT,           COMMITTED(TWO),
                                        SENT,  COMMITTED(TWO), COMMITTED(TWO), NULL};
    struct scripted *test = play(lines, 2, 6);
    assert_counts(test, TARGET_REMOVAL, 6, 0, 0);
    load_end(test);
}

/* Where `bytes` occurs in what the client sent, from `from` on; SIZE_MAX where it does not. */
static size_t find_sent(const struct wire_memory *wire, size_t from, const uint8_t *bytes, size_t length)
{
    const uint8_t *found = memmem(wire->to_peer.bytes + from, wire->to_peer.length - from, bytes, length);
    return found == NULL ? SIZE_MAX : (size_t)(found - wire->to_peer.bytes);
}

#define IGNORED4 "S: IGNORED", "S: IGNORED", "S: IGNORED", "S: IGNORED"

static void what_was_sent_behind_a_failure_goes_again_byte_for_byte(void **state)
{
    (void)state;
    static const uint8_t reset[] = {0x00, 0x02, 0xB0, 0x0F, 0x00, 0x00};
    static const uint8_t begin[] = {0xB1, 0x11};
    static const char *const lines[] = {LOGIN,          SENT,  SENT,           FAILED(DEADLOCK),
                                        IGNORED4,       RESET, SENT,           RESET_DONE,
                                        COMMITTED(TWO), SENT,  COMMITTED(TWO), NULL};
    struct scripted *test = play(lines, 2, 4);
    assert_counts(test, TARGET_REMOVAL, 4, 0, 0);
    assert_int_equal(test->load.progress.retries, 2);
    assert_int_equal(test->load.progress.deadlocks, 1);
    assert_int_equal(test->told.sent, 2); /* each once, however often it goes */
    assert_int_equal(test->told.verdicts[HEDDLE_VERDICT_VOID], 0);
    assert_int_equal(test->told.verdicts[HEDDLE_VERDICT_SETTLED], 2);
    /* Both transactions stand before RESET, and the same bytes once more behind it. */
    const struct wire_memory *wire = &test->script.wires[0];
    const size_t first = find_sent(wire, 0, begin, sizeof begin) - 2; /* its chunk header */
    const size_t cut = find_sent(wire, first, reset, sizeof reset);
    assert_true(first < cut && cut != SIZE_MAX);
    assert_int_equal(find_sent(wire, cut + sizeof reset, wire->to_peer.bytes + first, cut - first),
                     cut + sizeof reset);
    load_end(test);
}

static void a_failure_of_the_second_leaves_the_first_alone(void **state)
{
    (void)state;
    static const char *const lines[] = {LOGIN, SENT, SENT,       COMMITTED(TWO), FAILED(DEADLOCK),
                                        RESET, SENT, RESET_DONE, COMMITTED(TWO), NULL};
    struct scripted *test = play(lines, 2, 4);
    assert_counts(test, TARGET_REMOVAL, 4, 0, 0);
    assert_int_equal(test->load.progress.retries, 1);
    load_end(test);
}

static void a_bad_row_in_the_first_costs_the_second_no_row(void **state)
{
    (void)state;
    static const char *const lines[] = {
        LOGIN,    SENT,           SENT,       FAILED(CONSTRAINT),
        IGNORED4, /* row 0 fails alone, row 1 goes through, then the second transaction */
        RESET,    SENT,           RESET_DONE, FAILED(CONSTRAINT),
        RESET,    SENT,           RESET_DONE, COMMITTED("{\"nodes-created\": 1}"),
        SENT,     COMMITTED(TWO), NULL};
    struct scripted *test = play(lines, 2, 4);
    assert_counts(test, TARGET_REMOVAL, 3, 0, 1);
    assert_string_equal(test->rejects.kept[0].key, "0");
    load_end(test);
}

static void ends_are_asked_for_when_nothing_is_in_flight(void **state)
{
    (void)state;
    static const size_t targets[] = {TARGET_REMOVED_FROM, TARGET_OF_COMPONENT};
    static const char *const lines[] = {LOGIN,
                                        SENT,
                                        SENT,
                                        MATCHED("1", "{\"relationships-created\": 1}"),
                                        MATCHED("2", "{\"relationships-created\": 2}"),
                                        "C: RUN OPTIONAL MATCH",
                                        "C: PULL",
                                        "S: SUCCESS {\"fields\": [\"missing\"]}",
                                        "S: RECORD [[[1, true, false]]]",
                                        "S: SUCCESS {}",
                                        NULL};
    struct heddle_error error = {0};
    struct scripted *test = load_begin_with(lines, 2, TARGET_REMOVED_FROM);
    if (load_run(test, 2, targets, 2, &error) != HEDDLE_OK) {
        fail_msg("%s", error.message);
    }
    bolt_script_check(&test->script);
    assert_counts(test, TARGET_REMOVED_FROM, 1, 0, 1);
    assert_counts(test, TARGET_OF_COMPONENT, 2, 0, 0);
    load_end(test);
}

static void a_connection_lost_with_two_in_flight_sends_both_again_where_rows_are_merged(void **state)
{
    (void)state;
    static const size_t targets[] = {TARGET_AIRCRAFT, TARGET_COMPONENT};
    static const char *const lines[] = {LOGIN,           SENT, SENT,           "S: CLOSE", LOGIN, SENT,
                                        COMMITTED("{}"), SENT, COMMITTED(TWO), NULL};
    struct heddle_error error = {0};
    struct scripted *test = load_begin(lines, 2);
    if (load_run(test, 2, targets, 2, &error) != HEDDLE_OK) {
        fail_msg("%s", error.message);
    }
    bolt_script_check(&test->script);
    assert_int_equal(test->told.sent, 2);
    assert_int_equal(test->load.counts[TARGET_AIRCRAFT].created + test->load.counts[TARGET_COMPONENT].created,
                     2);
    assert_int_equal(test->load.counts[TARGET_AIRCRAFT].matched + test->load.counts[TARGET_COMPONENT].matched,
                     2);
    load_end(test);
}

static void a_connection_lost_with_two_in_flight_stops_a_load_that_creates(void **state)
{
    (void)state;
    static const size_t removals[] = {TARGET_REMOVAL};
    static const char *const lines[] = {LOGIN, SENT, SENT, COMMITTED(TWO), "S: CLOSE", NULL};
    struct heddle_error error = {0};
    struct scripted *test = load_begin(lines, 2);
    assert_int_equal(load_run(test, 4, removals, 1, &error), HEDDLE_DATABASE);
    assert_int_equal(error.action, HEDDLE_ACTION_ASK);
    assert_non_null(strstr(error.message, "nobody knows"));
    bolt_script_check(&test->script);
    assert_int_equal(test->load.counts[TARGET_REMOVAL].created, 2); /* the first one was answered */
    load_end(test);
}

static void stop_load(void *context, uint64_t token, enum heddle_verdict verdict,
                      const struct heddle_ledger_sums *sums)
{
    struct heddle_load *load = context;
    (void)token;
    (void)verdict;
    (void)sums;
    pthread_mutex_lock(&load->lock);
    load->stopping = true;
    pthread_mutex_unlock(&load->lock);
}

static void what_was_encoded_ahead_is_given_back_when_the_load_ends(void **state)
{
    (void)state;
    static const size_t removals[] = {TARGET_REMOVAL};
    static const char *const lines[] = {LOGIN, SENT, COMMITTED(TWO), NULL};
    struct scripted *test = load_begin(lines, 1);
    test->options.ledger =
        (struct heddle_ledger){.before_send = note_nothing, .outcome = stop_load, .context = &test->load};
    assert_int_equal(load_run(test, 6, removals, 1, NULL), HEDDLE_INTERRUPTED);
    bolt_script_check(&test->script);
    assert_int_equal(test->load.counts[TARGET_REMOVAL].created, 2);
    assert_int_equal(heddle_scheduler_in_flight(test->load.scheduler), 0);
    assert_int_equal(heddle_scheduler_pending_rows(test->load.scheduler), 4);
    load_end(test);
}

static void all_in_flight_is_settled_when_the_load_ends(void **state)
{
    (void)state;
    static const size_t removals[] = {TARGET_REMOVAL};
    static const char *const lines[] = {LOGIN, SENT, SENT, COMMITTED(TWO), COMMITTED(TWO), NULL};
    struct scripted *test = load_begin(lines, 2);
    test->options.ledger =
        (struct heddle_ledger){.before_send = note_nothing, .outcome = stop_load, .context = &test->load};
    assert_int_equal(load_run(test, 6, removals, 1, NULL), HEDDLE_INTERRUPTED);
    bolt_script_check(&test->script);
    assert_int_equal(test->load.counts[TARGET_REMOVAL].created, 4);
    assert_int_equal(heddle_scheduler_pending_rows(test->load.scheduler), 2);
    load_end(test);
}

static void a_failure_that_cannot_be_helped_ends_the_load_with_two_in_flight(void **state)
{
    (void)state;
    static const size_t removals[] = {TARGET_REMOVAL};
    static const char *const lines[] = {LOGIN, SENT, SENT, FAILED(READ_ONLY), IGNORED4, NULL};
    struct heddle_error error = {0};
    struct scripted *test = load_begin(lines, 2);
    assert_int_equal(load_run(test, 4, removals, 1, &error), HEDDLE_DATABASE);
    assert_string_equal(error.code, READ_ONLY);
    bolt_script_check(&test->script);
    assert_int_equal(heddle_scheduler_in_flight(test->load.scheduler), 0);
    load_end(test);
}

static void every_failing_allocation_ends_the_load_or_does_no_harm(void **state)
{
    (void)state;
    static const size_t removals[] = {TARGET_REMOVAL};
    static const char *const lines[] = {LOGIN, SENT,           SENT,           COMMITTED(TWO),
                                        SENT,  COMMITTED(TWO), COMMITTED(TWO), NULL};
    int64_t countdown = 0;
    size_t survived = 0;
    for (; survived < 3; countdown++) {
        struct heddle_error error = {0};
        struct scripted *test = load_begin(lines, 2);
        /* Memory that fails inside the script looks like a server that hangs up: once is enough. */
        test->script.dials_max = 1;
        assert_int_equal(add_rows(test, 6, removals, 1), HEDDLE_OK);
        heddle_memory_fail_at(countdown);
        int status = heddle_writers_start(&test->load, &error);
        status = status == HEDDLE_OK ? heddle_load_drain(&test->load, &error) : status;
        heddle_writers_join(&test->load);
        heddle_memory_fail_at(-1);
        if (status == HEDDLE_OK) {
            assert_counts(test, TARGET_REMOVAL, 6, 0, 0);
        }
        assert_int_equal(heddle_scheduler_in_flight(test->load.scheduler), 0);
        survived = status == HEDDLE_OK && *test->script.next == NULL ? survived + 1 : 0;
        load_end(test);
    }
    assert_true(countdown > 30);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_round_trips_to_ready_and_one_a_transaction),
        cmocka_unit_test(the_next_transaction_is_encoded_while_the_server_works),
        cmocka_unit_test(at_depth_two_the_second_leaves_before_the_first_is_answered),
        cmocka_unit_test(at_depth_two_the_third_leaves_when_the_first_is_answered),
        cmocka_unit_test(what_was_sent_behind_a_failure_goes_again_byte_for_byte),
        cmocka_unit_test(a_failure_of_the_second_leaves_the_first_alone),
        cmocka_unit_test(a_bad_row_in_the_first_costs_the_second_no_row),
        cmocka_unit_test(ends_are_asked_for_when_nothing_is_in_flight),
        cmocka_unit_test(a_connection_lost_with_two_in_flight_sends_both_again_where_rows_are_merged),
        cmocka_unit_test(a_connection_lost_with_two_in_flight_stops_a_load_that_creates),
        cmocka_unit_test(what_was_encoded_ahead_is_given_back_when_the_load_ends),
        cmocka_unit_test(all_in_flight_is_settled_when_the_load_ends),
        cmocka_unit_test(a_failure_that_cannot_be_helped_ends_the_load_with_two_in_flight),
        cmocka_unit_test(every_failing_allocation_ends_the_load_or_does_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
