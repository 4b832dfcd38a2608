/* test_neo4j_live_resume.c: exactly once into a real server: loads that are cut short and gone on with, connections that
 * break in the middle of COMMIT, transactions of a dead run that are still alive, or come late.
 *
 * The targets create, and nothing in the graph forbids duplicates: a row written twice would be seen.
 */
#include "live_fixture.h"

#include <heddle/bolt.h>

#include "ledger_fixture.h"
#include "proxy_fixture.h"

enum { ROWS = 3000, ROWS_A_BATCH = 500, ROWS_A_TRANSACTION = 150 };

static struct ledger_fixture ledger;

/* A load that creates removals and relationships, as run `owner`, which knows the owner before. */
static void resume_init(struct live *live, const char *owner, const char *known)
{
    static const char *owners[1];
    *live = (struct live){0};
    pthread_mutex_init(&live->rejects.lock, NULL);
    fixture_job_init(&live->job);
    live->job.targets[TARGET_REMOVAL].merge = false;
    live->job.targets[TARGET_REMOVAL].schema_count = 0;
    live->job.targets[TARGET_REMOVED_FROM].merge = false;
    live->job.targets[TARGET_OF_COMPONENT].merge = false;
    owners[0] = known;
    live->options = (struct heddle_sink_options){
        .to = test_uri(),
        .username = test_user(),
        .password = test_password(),
        .targets = live->job.targets,
        .target_count = TARGETS,
        .writers = 4,
        .batch_rows = ROWS_A_TRANSACTION,
        .tx_timeout_ms = 60000,
        .seed = 7,
        .load = {.id = "heddletest2",
                 .job = "live",
                 .model = "a-model",
                 .precision = "fp32",
                 .owner = owner,
                 .owners_known = owners,
                 .owner_known_count = known == NULL ? 0 : 1,
                 .host = "here",
                 .checkpoint = "ckpt"},
        .rejects = {fixture_reject, &live->rejects},
        .ledger = ledger_of(&ledger),
    };
}

static void clean(void)
{
    wipe();
    heddle_arena_reset(answers);
    ask("MATCH (t:HeddleTx) WHERE t.id STARTS WITH 'heddletest2/' DETACH DELETE t");
}

static void must_begin(struct live *live, uint64_t micro_batch)
{
    struct heddle_error error = {0};
    if (heddle_sink_begin(live->sink, micro_batch, &error) != HEDDLE_OK) {
        fail_msg("%s", error.message);
    }
}

/* Writes all rows until an error, and flushes. */
static int replay(struct live *live, const struct generated *made, struct heddle_error *error)
{
    int status = HEDDLE_OK;
    live->sequence = live->row = 0;
    for (size_t i = 0; i < made->count && status == HEDDLE_OK; i += ROWS_A_BATCH) {
        const size_t count = made->count - i < ROWS_A_BATCH ? made->count - i : ROWS_A_BATCH;
        status = live_write(live, made->rows + i, count, error);
    }
    return status == HEDDLE_OK ? heddle_sink_flush(live->sink, error) : status;
}

/* Every row is in the graph once, and every target's sums say so. */
static void assert_whole(struct live *live, const struct generated *made)
{
    const uint64_t aircraft = distinct(made->aircraft, made->count);
    struct heddle_verification verification;
    assert_counts(live, TARGET_REMOVAL, ROWS, ROWS, 0, 0, 0);
    assert_counts(live, TARGET_REMOVED_FROM, ROWS, ROWS, 0, 0, 0);
    assert_counts(live, TARGET_OF_COMPONENT, ROWS, ROWS, 0, 0, 0);
    const struct heddle_target_counts merged = counts_of(live, TARGET_AIRCRAFT);
    assert_int_equal(merged.read, ROWS);
    assert_int_equal(merged.created + merged.matched + merged.folded, ROWS);
    assert_true(merged.created <= aircraft);
    assert_int_equal(number("MATCH (n:HeddleTestRemoval) RETURN count(n)"), ROWS);
    assert_int_equal(number("MATCH (n:HeddleTestRemoval) RETURN count(DISTINCT n.removal_id)"), ROWS);
    assert_int_equal(number("MATCH ()-[x:HEDDLE_TEST_REMOVED_FROM]->() RETURN count(x)"), ROWS);
    assert_int_equal(number("MATCH (n:HeddleTestAircraft) RETURN count(n)"), (int64_t)aircraft);
    must_finish(live);
    assert_int_equal(heddle_sink_verify(live->sink, true, &verification, NULL), HEDDLE_OK);
    assert_string_equal(verification.ok ? "" : verification.summary, "");
}

static int setup(void **state)
{
    (void)state;
    clean();
    ledger_make(&ledger);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    ledger_free(&ledger);
    clean();
    return 0;
}

static void a_load_cut_short_is_gone_on_with(void **state)
{
    (void)state;
    /* Before which transaction it is cut, and how many verdicts get lost. */
    static const size_t cuts[][2] = {{1, 0}, {9, 3}, {30, 1000}, {50, 5}};
    struct generated made = generate(ROWS, 40);
    for (size_t i = 0; i < sizeof cuts / sizeof cuts[0]; i++) {
        struct live live;
        struct heddle_error error = {0};
        resume_init(&live, "owner1", NULL);
        live_open(&live);
        must_begin(&live, 0);
        ledger.refuse_from = cuts[i][0];
        assert_int_equal(replay(&live, &made, &error), HEDDLE_IO);
        live_close(&live);
        ledger_restart(&ledger, cuts[i][1]);
        const size_t open = ledger.open_count;
        resume_init(&live, "owner2", "owner1");
        live_open(&live);
        must_begin(&live, 0);
        assert_int_equal(ledger.verdicts[HEDDLE_VERDICT_WRITTEN] + ledger.verdicts[HEDDLE_VERDICT_VOID],
                         open);
        assert_true(ledger.verdicts[HEDDLE_VERDICT_WRITTEN] >= (cuts[i][1] < 9 ? cuts[i][1] : 9));
        assert_int_equal(replay(&live, &made, &error), HEDDLE_OK);
        assert_whole(&live, &made);
        live_close(&live);
        teardown(NULL);
        setup(NULL);
    }
    generated_free(&made);
}

static void connections_that_break_do_not_stop_a_load_that_creates(void **state)
{
    (void)state;
    struct live live;
    struct proxy proxy;
    struct heddle_error error = {0};
    struct generated made = generate(ROWS, 40);
    resume_init(&live, "owner1", NULL);
    assert_true(proxy_start(&proxy, test_uri(), 150000));
    live.options.to = proxy.uri;
    live_open(&live);
    must_begin(&live, 0);
    if (replay(&live, &made, &error) != HEDDLE_OK) {
        fail_msg("%s", error.message);
    }
    assert_true(atomic_load(&proxy.drops) > 3);
    print_message("dropped %d times\n", atomic_load(&proxy.drops));
    proxy.drop_after = 0;
    assert_whole(&live, &made);
    live_close(&live);
    proxy_stop(&proxy);
    generated_free(&made);
}

/* ---- transactions of a dead run ------------------------------------------------------------------------------------- */

/* A run that dies with one transaction of ten removals on its way: its token. */
static uint64_t die_with_one_open(struct generated *made)
{
    struct live live;
    const uint64_t positions[10] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
    const struct heddle_ledger_rows rows = {TARGET_REMOVAL, 10, positions};
    resume_init(&live, "owner1", NULL);
    live_open(&live);
    must_begin(&live, 0);
    const uint64_t token = heddle_token_make(heddle_sink_epoch(live.sink), 77);
    assert_int_equal(ledger_before(&ledger, token, &rows, NULL), HEDDLE_OK);
    live_close(&live);
    ledger_restart(&ledger, 0);
    assert_int_equal(ledger.open_count, 1);
    *made = generate(ROWS, 40);
    return token;
}

/* What that transaction says to the server, in statements of its own; `epoch` 1. */
static const char *const orphan_mark =
    "CREATE (t:HeddleTx {id: 'heddletest2/0/1.77'}) WITH t OPTIONAL MATCH (l:HeddleLoad {id: 'heddletest2'}) "
    "WHERE l.epoch = 1 AND l.done < 0 WITH t, count(l) AS n SET t.epoch = 1 / n";
static const char *const orphan_rows =
    "UNWIND range(0, 9) AS i CREATE (:HeddleTestRemoval {removal_id: i, removal_reason: 'orphan'})";

struct orphan {
    pthread_t thread;
    struct heddle_driver *driver;
    struct heddle_session *session;
    struct heddle_transaction *transaction;
    bool commits;
};

static int orphan_run(struct orphan *orphan, const char *text, struct heddle_error *error)
{
    struct heddle_cursor *cursor = NULL;
    int status =
        heddle_transaction_run(orphan->transaction, &(struct heddle_query){.text = text}, &cursor, error);
    if (status == HEDDLE_OK) {
        status = heddle_cursor_consume(cursor, NULL, error);
    }
    heddle_cursor_destroy(cursor);
    return status;
}

static void orphan_dial(struct orphan *orphan)
{
    const struct heddle_driver_options options = {.uri = test_uri(),
                                                  .auth = heddle_auth_basic(test_user(), test_password())};
    const struct heddle_session_options session = {0};
    assert_int_equal(heddle_driver_open(&options, &orphan->driver, NULL), HEDDLE_OK);
    assert_int_equal(heddle_session_open(orphan->driver, &session, &orphan->session, NULL), HEDDLE_OK);
    assert_int_equal(heddle_session_begin(orphan->session, NULL, &orphan->transaction, NULL), HEDDLE_OK);
}

static void orphan_free(struct orphan *orphan)
{
    heddle_session_close(orphan->session);
    heddle_driver_close(orphan->driver);
}

static void *orphan_end(void *context)
{
    struct orphan *orphan = context;
    heddle_clock_sleep_ms(500);
    const int status = orphan->commits ? heddle_transaction_commit(orphan->transaction, NULL)
                                       : heddle_transaction_rollback(orphan->transaction, NULL);
    return status == HEDDLE_OK ? orphan : NULL;
}

/* The orphan has mark and rows, and ends half a second after the resume has begun to ask for it. */
static void resume_beside_a_living_orphan(bool commits)
{
    struct live live;
    struct generated made;
    struct heddle_error error = {0};
    struct orphan orphan = {.commits = commits};
    (void)die_with_one_open(&made);
    orphan_dial(&orphan);
    assert_int_equal(orphan_run(&orphan, orphan_mark, &error), HEDDLE_OK);
    assert_int_equal(orphan_run(&orphan, orphan_rows, &error), HEDDLE_OK);
    resume_init(&live, "owner2", "owner1");
    live_open(&live);
    void *ended = NULL;
    assert_int_equal(pthread_create(&orphan.thread, NULL, orphan_end, &orphan), 0);
    must_begin(&live, 0); /* waits */
    assert_int_equal(pthread_join(orphan.thread, &ended), 0);
    assert_non_null(ended);
    assert_int_equal(ledger.verdicts[commits ? HEDDLE_VERDICT_WRITTEN : HEDDLE_VERDICT_VOID], 1);
    assert_int_equal(replay(&live, &made, &error), HEDDLE_OK);
    assert_whole(&live, &made);
    assert_int_equal(number("MATCH (n:HeddleTestRemoval {removal_reason: 'orphan'}) RETURN count(n)"),
                     commits ? 10 : 0);
    live_close(&live);
    orphan_free(&orphan);
    generated_free(&made);
}

static void a_living_orphan_that_commits_is_waited_for_and_counted(void **state)
{
    (void)state;
    resume_beside_a_living_orphan(true);
}

static void a_living_orphan_that_fails_is_waited_for_and_written_again(void **state)
{
    (void)state;
    resume_beside_a_living_orphan(false);
}

static void assert_orphan_fails(const char *code)
{
    struct orphan orphan = {0};
    struct heddle_error error = {0};
    orphan_dial(&orphan);
    assert_int_equal(orphan_run(&orphan, orphan_mark, &error), HEDDLE_DATABASE);
    assert_string_equal(error.code, code);
    orphan_free(&orphan);
}

static void an_orphan_that_comes_late_fails_whenever_it_comes(void **state)
{
    (void)state;
    struct live live;
    struct generated made;
    struct heddle_error error = {0};
    (void)die_with_one_open(&made);
    resume_init(&live, "owner2", "owner1");
    live_open(&live);
    assert_orphan_fails("Neo.ClientError.Statement.ArithmeticError"); /* the load is another run's already */
    must_begin(&live, 0);
    assert_orphan_fails("Neo.ClientError.Schema.ConstraintValidationFailed"); /* its mark is closed */
    assert_int_equal(replay(&live, &made, &error), HEDDLE_OK);
    assert_whole(&live, &made);
    assert_true(number("MATCH (t:HeddleTx) WHERE t.id STARTS WITH 'heddletest2/0/' RETURN count(t)") > 50);
    assert_int_equal(heddle_sink_forget(live.sink, 0, &error), HEDDLE_OK);
    assert_int_equal(number("MATCH (t:HeddleTx) WHERE t.id STARTS WITH 'heddletest2/' RETURN count(t)"), 0);
    assert_orphan_fails("Neo.ClientError.Statement.ArithmeticError"); /* its mark is pruned */
    live_close(&live);
    generated_free(&made);
}

static void a_run_that_lost_its_load_writes_nothing_more(void **state)
{
    (void)state;
    struct live live;
    struct live other;
    struct heddle_error error = {0};
    struct generated made = generate(ROWS, 40);
    resume_init(&live, "owner1", NULL);
    live_open(&live);
    must_begin(&live, 0);
    struct ledger_fixture *theirs = calloc(1, sizeof *theirs);
    assert_non_null(theirs);
    ledger_make(theirs);
    resume_init(&other, "owner2", "owner1");
    other.options.ledger = ledger_of(theirs);
    live_open(&other);
    assert_int_equal(replay(&live, &made, &error), HEDDLE_DATABASE);
    assert_non_null(strstr(error.message, "another run has taken it"));
    assert_int_equal(number("MATCH (n:HeddleTestRemoval) RETURN count(n)"), 0);
    live_close(&live);
    live_close(&other);
    ledger_free(theirs);
    free(theirs);
    generated_free(&made);
}

static void a_second_run_from_elsewhere_is_refused_while_the_first_lives(void **state)
{
    (void)state;
    struct live live;
    struct live other;
    struct heddle_error error = {0};
    resume_init(&live, "owner1", NULL);
    live_open(&live);
    resume_init(&other, "owner2", "owner1");
    other.options.load.host = "there";
    assert_int_equal(heddle_sink_open(&other.options, &other.sink, &error), HEDDLE_OK);
    assert_int_equal(heddle_sink_prepare(other.sink, &error), HEDDLE_DATABASE);
    assert_non_null(strstr(error.message, "is running on here"));
    live_close(&other);
    live_close(&live); /* says that it has gone */
    resume_init(&other, "owner2", "owner1");
    other.options.load.host = "there";
    live_open(&other);
    live_close(&other);
}

static int all_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_load_cut_short_is_gone_on_with, setup, teardown),
        cmocka_unit_test_setup_teardown(connections_that_break_do_not_stop_a_load_that_creates, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_living_orphan_that_commits_is_waited_for_and_counted, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_living_orphan_that_fails_is_waited_for_and_written_again, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(an_orphan_that_comes_late_fails_whenever_it_comes, setup, teardown),
        cmocka_unit_test_setup_teardown(a_run_that_lost_its_load_writes_nothing_more, setup, teardown),
        cmocka_unit_test_setup_teardown(a_second_run_from_elsewhere_is_refused_while_the_first_lives, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(void)
{
    return live_main(all_tests);
}
