/* test_neo4j_live_trouble.c: the Neo4j sink against a real server while somebody makes trouble: foreign locks, broken
 * connections, a server that goes away, a ledger that refuses, a stop in the middle.
 */
#include "live_fixture.h"
#include "proxy_fixture.h"

/* A second client that makes trouble until it is told to stop. */
struct troublemaker {
    pthread_t thread;
    pthread_mutex_t lock;
    bool stop;
    const char *statement;
    uint32_t pause_ms;
    size_t times;
};

static bool trouble_is_over(struct troublemaker *maker)
{
    pthread_mutex_lock(&maker->lock);
    const bool over = maker->stop;
    pthread_mutex_unlock(&maker->lock);
    return over;
}

static struct heddle_bolt_connection *second_client(void)
{
    const struct heddle_bolt_options options = {
        .uri = test_uri(),
        .auth = HEDDLE_BOLT_AUTH_BASIC,
        .user = test_user(),
        .secret = test_password(),
        .user_agent = "troublemaker/1",
    };
    struct heddle_bolt_connection *connection = NULL;
    return heddle_bolt_open(&options, &connection, NULL) == HEDDLE_OK ? connection : NULL;
}

static void *make_trouble(void *context)
{
    struct troublemaker *maker = context;
    struct heddle_bolt_connection *connection = second_client();
    struct heddle_arena *arena = NULL;
    if (connection == NULL || heddle_arena_create(0, &arena, NULL) != HEDDLE_OK) {
        heddle_bolt_close(connection);
        return NULL;
    }
    while (!trouble_is_over(maker)) {
        const struct heddle_bolt_query query = {.text = maker->statement};
        struct heddle_bolt_result result;
        heddle_arena_reset(arena);
        if (heddle_bolt_query(connection, &query, arena, &result, NULL) == HEDDLE_OK) {
            maker->times++;
        }
        heddle_clock_sleep_ms(maker->pause_ms);
    }
    heddle_bolt_close(connection);
    heddle_arena_destroy(arena);
    return NULL;
}

static void trouble_begins(struct troublemaker *maker, const char *statement, uint32_t pause_ms)
{
    *maker = (struct troublemaker){.statement = statement, .pause_ms = pause_ms};
    pthread_mutex_init(&maker->lock, NULL);
    assert_int_equal(pthread_create(&maker->thread, NULL, make_trouble, maker), 0);
}

static void trouble_ends(struct troublemaker *maker)
{
    pthread_mutex_lock(&maker->lock);
    maker->stop = true;
    pthread_mutex_unlock(&maker->lock);
    pthread_join(maker->thread, NULL);
    pthread_mutex_destroy(&maker->lock);
}

static void a_client_that_locks_the_same_nodes_costs_retries_but_no_row(void **state)
{
    (void)state;
    struct live live;
    struct troublemaker maker;
    struct generated made = generate(6000, 12);
    const size_t aircraft = distinct(made.aircraft, made.count);
    live_init(&live, 4);
    live.options.batch_rows = 200;
    live_open(&live);
    /* Locks all aircraft one after the other, in an order of its own, and holds them to the end of its transaction. */
    trouble_begins(
        &maker,
        "MATCH (a:HeddleTestAircraft) WITH a ORDER BY rand() SET a.touched = coalesce(a.touched, 0) + 1", 1);
    write_all(&live, &made, 400);
    must_flush(&live);
    trouble_ends(&maker);
    struct heddle_sink_progress progress;
    heddle_sink_progress(live.sink, &progress);
    print_message("%zu foreign transactions, %llu retries, %llu deadlocks\n", maker.times,
                  (unsigned long long)progress.retries, (unsigned long long)progress.deadlocks);
    assert_true(maker.times > 0);
    assert_counts(&live, TARGET_REMOVAL, 6000, 6000, 0, 0, 0);
    assert_counts(&live, TARGET_AIRCRAFT, 6000, aircraft, 0, 6000 - aircraft, 0);
    assert_counts(&live, TARGET_REMOVED_FROM, 6000, 6000, 0, 0, 0);
    assert_int_equal(number("MATCH (:HeddleTestRemoval)-[x]->() RETURN count(x)"), 12000);
    live_close(&live);
    generated_free(&made);
}

static void connections_that_break_cost_retries_but_no_row(void **state)
{
    (void)state;
    struct live live;
    struct proxy proxy;
    struct generated made = generate(8000, 40);
    live_init(&live, 2);
    assert_true(proxy_start(&proxy, test_uri(), 300000));
    live.options.to = proxy.uri;
    live.options.batch_rows = 300;
    live_open(&live);
    write_all(&live, &made, 500);
    must_flush(&live);
    struct heddle_sink_progress progress;
    heddle_sink_progress(live.sink, &progress);
    print_message("dropped %d times, %llu retries\n", atomic_load(&proxy.drops),
                  (unsigned long long)progress.retries);
    assert_true(atomic_load(&proxy.drops) > 0);
    assert_true(progress.retries > 0);
    const struct heddle_target_counts counts = counts_of(&live, TARGET_REMOVAL);
    /* A transaction whose answer was lost is sent again and finds its rows: those count as matched. */
    assert_int_equal(counts.created + counts.matched, 8000);
    assert_int_equal(counts.read, 8000);
    assert_int_equal(number("MATCH (n:HeddleTestRemoval) RETURN count(n)"), 8000);
    assert_int_equal(number("MATCH (:HeddleTestRemoval)-[x]->() RETURN count(x)"), 16000);
    live_close(&live);
    proxy_stop(&proxy);
    generated_free(&made);
}

static void a_server_that_is_away_for_a_moment_is_waited_for(void **state)
{
    (void)state;
    struct live live;
    struct proxy proxy;
    struct generated made = generate(4000, 40);
    live_init(&live, 2);
    assert_true(proxy_start(&proxy, test_uri(), 0));
    live.options.to = proxy.uri;
    live_open(&live);
    must_write(&live, made.rows, 2000);
    must_flush(&live);
    atomic_store(&proxy.away, true);
    must_write(&live, made.rows + 2000, 2000);
    heddle_clock_sleep_ms(700);
    atomic_store(&proxy.away, false);
    must_flush(&live);
    assert_int_equal(number("MATCH (n:HeddleTestRemoval) RETURN count(n)"), 4000);
    assert_int_equal(number("MATCH (:HeddleTestRemoval)-[x]->() RETURN count(x)"), 8000);
    live_close(&live);
    proxy_stop(&proxy);
    generated_free(&made);
}

static void a_creating_load_stops_when_nobody_knows_what_was_committed(void **state)
{
    (void)state;
    struct live live;
    struct proxy proxy;
    struct heddle_error error = {0};
    struct generated made = generate(4000, 40);
    static const size_t only_removals[] = {TARGET_REMOVAL};
    live_init(&live, 1);
    live.job.targets[TARGET_REMOVAL].merge = false;
    live.job.targets[TARGET_REMOVAL].vector_property = NULL;
    /* 2,000 rows of some 60 bytes: the proxy drops the line while the transaction is under way, COMMIT included. */
    assert_true(proxy_start(&proxy, test_uri(), 60000));
    live.options.to = proxy.uri;
    live_open(&live);
    struct heddle_batch *batch = fixture_batch(made.rows, made.count, 0, 0);
    assert_int_equal(heddle_sink_write(live.sink, batch, only_removals, 1, NULL), HEDDLE_OK);
    heddle_batch_release(batch);
    assert_int_equal(heddle_sink_flush(live.sink, &error), HEDDLE_DATABASE);
    assert_int_equal(error.action, HEDDLE_ACTION_ASK);
    assert_non_null(strstr(error.message, "nobody knows"));
    live_close(&live);
    proxy_stop(&proxy);
    generated_free(&made);
}

/* What the ledger saw. */
struct hook_log {
    pthread_mutex_t lock;
    unsigned char state[4096]; /* of a token: 1 = sent, 2 = settled */
    size_t sent;
    size_t committed;
    uint64_t rows[TARGETS];
    uint64_t last; /* position */
};

static int log_before(void *context, uint64_t token, const struct heddle_ledger_rows *rows,
                      struct heddle_error *error)
{
    struct hook_log *log = context;
    (void)error;
    pthread_mutex_lock(&log->lock);
    assert_true(token < sizeof log->state);
    assert_int_equal(log->state[token], 0);
    log->state[token] = 1;
    log->sent++;
    log->rows[rows->target] += rows->count;
    for (size_t i = 0; i < rows->count; i++) {
        log->last = rows->positions[i] > log->last ? rows->positions[i] : log->last;
    }
    pthread_mutex_unlock(&log->lock);
    return HEDDLE_OK;
}

static void log_outcome(void *context, uint64_t token, enum heddle_verdict verdict,
                        const struct heddle_ledger_sums *sums)
{
    struct hook_log *log = context;
    pthread_mutex_lock(&log->lock);
    assert_int_equal(log->state[token], 1);
    log->state[token] = 2;
    assert_true((sums != NULL) == (verdict == HEDDLE_VERDICT_SETTLED));
    log->committed += verdict == HEDDLE_VERDICT_SETTLED ? 1 : 0;
    pthread_mutex_unlock(&log->lock);
}

/* Apart: one entry a transaction; nodes that take their relationships along have one for each target. */
static void log_a_load(enum heddle_road road)
{
    struct live live;
    struct hook_log log = {0};
    struct generated made = generate(3000, 40);
    pthread_mutex_init(&log.lock, NULL);
    live_init(&live, 2);
    live.job.targets[TARGET_REMOVAL].road = road;
    live.options.ledger =
        (struct heddle_ledger){.before_send = log_before, .outcome = log_outcome, .context = &log};
    live_open(&live);
    write_all(&live, &made, 300);
    must_flush(&live);
    struct heddle_sink_progress progress;
    heddle_sink_progress(live.sink, &progress);
    if (road == HEDDLE_ROAD_TILES) {
        assert_int_equal(log.committed, progress.transactions);
    } else {
        assert_true(log.committed > progress.transactions);
        assert_int_equal(log.rows[TARGET_REMOVED_FROM], 3000);
        assert_int_equal(log.rows[TARGET_OF_COMPONENT], 3000);
    }
    assert_true(log.sent >= log.committed);
    assert_true(log.rows[TARGET_REMOVAL] >= 3000);
    assert_int_equal(log.last, 2999);
    live_close(&live);
    generated_free(&made);
    pthread_mutex_destroy(&log.lock);
}

static void every_transaction_stands_in_the_ledger_once(void **state)
{
    (void)state;
    log_a_load(HEDDLE_ROAD_TILES);
    log_a_load(HEDDLE_ROAD_ONE_STATEMENT);
}

static int refuse_to_send(void *context, uint64_t token, const struct heddle_ledger_rows *rows,
                          struct heddle_error *error)
{
    (void)context;
    (void)token;
    (void)rows;
    return heddle_error_set(error, HEDDLE_IO, "the journal's disk is full");
}

static void a_ledger_that_refuses_stops_the_load_with_its_reason(void **state)
{
    (void)state;
    struct live live;
    struct heddle_error error = {0};
    const struct removal row = {1, "pump", "N1", "C1", 5, true};
    live_init(&live, 2);
    live.options.ledger = (struct heddle_ledger){.before_send = refuse_to_send};
    live_open(&live);
    must_write(&live, &row, 1);
    assert_int_equal(heddle_sink_flush(live.sink, &error), HEDDLE_IO);
    assert_string_equal(error.message, "the journal's disk is full");
    assert_int_equal(number("MATCH (n:HeddleTestRemoval) RETURN count(n)"), 0);
    live_close(&live);
}

static void stopping_ends_write_and_flush_and_leaves_whole_transactions(void **state)
{
    (void)state;
    struct live live;
    struct heddle_error error = {0};
    struct generated made = generate(3000, 40);
    live_init(&live, 2);
    live_open(&live);
    write_all(&live, &made, 500);
    heddle_sink_stop(live.sink);
    assert_int_equal(live_write(&live, made.rows, 10, &error), HEDDLE_INTERRUPTED);
    assert_int_equal(heddle_sink_flush(live.sink, &error), HEDDLE_INTERRUPTED);
    heddle_sink_close(live.sink);
    live.sink = NULL;
    /* A removal is there with all its properties or not at all. */
    assert_int_equal(number("MATCH (n:HeddleTestRemoval) WHERE n.hours IS NULL RETURN count(n)"), 0);
    live_close(&live);
    generated_free(&made);
}

static int run_live(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_client_that_locks_the_same_nodes_costs_retries_but_no_row),
        cmocka_unit_test(connections_that_break_cost_retries_but_no_row),
        cmocka_unit_test(a_server_that_is_away_for_a_moment_is_waited_for),
        cmocka_unit_test(a_creating_load_stops_when_nobody_knows_what_was_committed),
        cmocka_unit_test(every_transaction_stands_in_the_ledger_once),
        cmocka_unit_test(a_ledger_that_refuses_stops_the_load_with_its_reason),
        cmocka_unit_test(stopping_ends_write_and_flush_and_leaves_whole_transactions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(void)
{
    return live_main(run_live);
}
