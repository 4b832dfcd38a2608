/* test_neo4j_live.c: the Neo4j sink against a real server: what is in the graph afterwards, and that the counters agree.
 *
 * Runs where HEDDLE_TEST_NEO4J_URI (and _USER, _PASSWORD) name a server that may be written to; touches only labels that
 * begin with HeddleTest and its own constraints, indexes and record.
 */
#include "proxy_fixture.h"
#include "rows_fixture.h"

#include <unistd.h>

#include "base/clock.h"
#include "bolt/connection.h"
#include "sink/neo4j/ask.h"
#include "sink/search.h"

static struct heddle_bolt_connection *control;
static struct heddle_arena *answers;

static const char *test_uri(void)
{
    return getenv("HEDDLE_TEST_NEO4J_URI");
}

static const char *test_user(void)
{
    const char *user = getenv("HEDDLE_TEST_NEO4J_USER");
    return user == NULL ? "neo4j" : user;
}

static const char *test_password(void)
{
    return getenv("HEDDLE_TEST_NEO4J_PASSWORD");
}

static struct heddle_bolt_result ask(const char *text)
{
    struct heddle_bolt_result result;
    struct heddle_error error = {0};
    const struct heddle_ask question = {.text = text};
    if (heddle_ask_run(control, &question, answers, &result, &error) != HEDDLE_OK) {
        fail_msg("%s: %s", text, error.message);
    }
    return result;
}

static int64_t number(const char *text)
{
    const struct heddle_bolt_result result = ask(text);
    return heddle_ask_cell_integer(&result, 0, 0);
}

static void wipe(void)
{
    const struct heddle_bolt_result constraints =
        ask("SHOW CONSTRAINTS YIELD name WHERE name STARTS WITH 'heddle_test' RETURN name");
    for (size_t i = 0; i < constraints.record_count; i++) {
        char text[128];
        snprintf(text, sizeof text, "DROP CONSTRAINT %s", heddle_ask_cell_text(&constraints, i, 0));
        ask(text);
    }
    const struct heddle_bolt_result indexes =
        ask("SHOW INDEXES YIELD name WHERE name STARTS WITH 'heddle_test' RETURN name");
    for (size_t i = 0; i < indexes.record_count; i++) {
        char text[128];
        snprintf(text, sizeof text, "DROP INDEX %s", heddle_ask_cell_text(&indexes, i, 0));
        ask(text);
    }
    ask("MATCH (n) WHERE any(l IN labels(n) WHERE l STARTS WITH 'HeddleTest') "
        "CALL { WITH n DETACH DELETE n } IN TRANSACTIONS OF 5000 ROWS");
    ask("MATCH (l:HeddleLoad) WHERE l.id STARTS WITH 'heddletest' DELETE l");
}

/* A load under way. */
struct live {
    struct fixture_job job;
    struct fixture_rejects rejects;
    struct heddle_sink_options options;
    struct heddle_sink *sink;
    uint64_t sequence;
    uint64_t row;
};

static void live_init(struct live *live, size_t writers)
{
    wipe();
    heddle_arena_reset(answers);
    *live = (struct live){0};
    pthread_mutex_init(&live->rejects.lock, NULL);
    fixture_job_init(&live->job);
    live->options = (struct heddle_sink_options){
        .to = test_uri(),
        .username = test_user(),
        .password = test_password(),
        .targets = live->job.targets,
        .target_count = TARGETS,
        .writers = writers,
        .tx_timeout_ms = 60000,
        .seed = 7,
        .load = {.id = "heddletest1", .job = "live", .model = "a-model", .precision = "fp32"},
        .rejects = {fixture_reject, &live->rejects},
    };
}

static void live_open(struct live *live)
{
    struct heddle_error error = {0};
    if (heddle_sink_open(&live->options, &live->sink, &error) != HEDDLE_OK ||
        heddle_sink_prepare(live->sink, &error) != HEDDLE_OK) {
        fail_msg("%s", error.message);
    }
}

static int live_write(struct live *live, const struct removal *rows, size_t count, struct heddle_error *error)
{
    static const size_t all[] = {TARGET_REMOVAL, TARGET_AIRCRAFT, TARGET_COMPONENT, TARGET_REMOVED_FROM,
                                 TARGET_OF_COMPONENT};
    struct heddle_batch *batch = fixture_batch(rows, count, live->sequence++, live->row);
    live->row += count;
    const int status = heddle_sink_write(live->sink, batch, all, live->options.target_count, error);
    heddle_batch_release(batch);
    return status;
}

static void must_write(struct live *live, const struct removal *rows, size_t count)
{
    struct heddle_error error = {0};
    if (live_write(live, rows, count, &error) != HEDDLE_OK) {
        fail_msg("%s", error.message);
    }
}

static void must_flush(struct live *live)
{
    struct heddle_error error = {0};
    if (heddle_sink_flush(live->sink, &error) != HEDDLE_OK) {
        fail_msg("%s", error.message);
    }
}

static void must_finish(struct live *live)
{
    struct heddle_error error = {0};
    uint64_t index_ns = 0;
    if (heddle_sink_finish(live->sink, &index_ns, &error) != HEDDLE_OK) {
        fail_msg("%s", error.message);
    }
}

static void live_close(struct live *live)
{
    heddle_sink_close(live->sink);
    pthread_mutex_destroy(&live->rejects.lock);
}

static struct heddle_target_counts counts_of(const struct live *live, size_t target)
{
    struct heddle_target_counts counts;
    heddle_sink_counts(live->sink, target, &counts);
    return counts;
}

static void assert_counts(const struct live *live, size_t target, uint64_t read, uint64_t created,
                          uint64_t matched, uint64_t folded, uint64_t rejected)
{
    const struct heddle_target_counts counts = counts_of(live, target);
    assert_int_equal(counts.read, read);
    assert_int_equal(counts.created, created);
    assert_int_equal(counts.matched, matched);
    assert_int_equal(counts.folded, folded);
    assert_int_equal(counts.rejected, rejected);
    assert_int_equal(counts.read, counts.created + counts.matched + counts.folded + counts.rejected);
}

/* Texts of generated rows live as long as the rows. */
struct generated {
    struct removal *rows;
    char (*aircraft)[16];
    char (*component)[16];
    size_t count;
};

/* `count` removals of `aircraft` aircraft, skewed towards the low numbers, and of a third as many components. */
static struct generated generate(size_t count, uint64_t aircraft)
{
    struct generated made = {.count = count};
    uint64_t state = 42;
    made.rows = calloc(count, sizeof *made.rows);
    made.aircraft = calloc(count, sizeof *made.aircraft);
    made.component = calloc(count, sizeof *made.component);
    assert_true(made.rows != NULL && made.aircraft != NULL && made.component != NULL);
    for (size_t i = 0; i < count; i++) {
        const uint64_t a = heddle_random_below(&state, aircraft);
        snprintf(made.aircraft[i], sizeof made.aircraft[i], "N%llu",
                 (unsigned long long)heddle_random_below(&state, a + 1));
        snprintf(made.component[i], sizeof made.component[i], "C%llu",
                 (unsigned long long)heddle_random_below(&state, count / 3 + 1));
        made.rows[i] = (struct removal){.id = (int64_t)i,
                                        .reason = "hydraulic pump leaks at the pressure port, replaced",
                                        .aircraft = made.aircraft[i],
                                        .component = made.component[i],
                                        .hours = (int64_t)(i % 977),
                                        .vector = i % 10 != 3};
    }
    return made;
}

static void generated_free(struct generated *made)
{
    free(made->rows);
    free(made->aircraft);
    free(made->component);
}

static void write_all(struct live *live, const struct generated *made, size_t batch)
{
    for (size_t i = 0; i < made->count; i += batch) {
        const size_t count = made->count - i < batch ? made->count - i : batch;
        must_write(live, made->rows + i, count);
    }
}

/* Distinct texts, the slow and obvious way. */
static int compare_texts(const void *a, const void *b)
{
    return strcmp(a, b);
}

static size_t distinct(char (*texts)[16], size_t count)
{
    char(*copy)[16] = calloc(count, sizeof *copy);
    assert_non_null(copy);
    memcpy(copy, texts, count * sizeof *copy);
    qsort(copy, count, sizeof *copy, compare_texts);
    size_t found = count > 0 ? 1 : 0;
    for (size_t i = 1; i < count; i++) {
        found += strcmp(copy[i], copy[i - 1]) != 0 ? 1 : 0;
    }
    free(copy);
    return found;
}

static size_t occurrences(char (*texts)[16], size_t count, const char *text)
{
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        found += strcmp(texts[i], text) == 0 ? 1 : 0;
    }
    return found;
}

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

/* What the hooks saw. */
struct hook_log {
    pthread_mutex_t lock;
    unsigned char state[4096]; /* of a token: 1 = sent, 2 = settled */
    size_t sent;
    size_t committed;
    uint64_t rows[TARGETS];
    uint64_t last_sequence;
};

static int log_before(void *context, uint64_t token, const struct heddle_transaction_rows *rows,
                      struct heddle_error *error)
{
    struct hook_log *log = context;
    (void)error;
    pthread_mutex_lock(&log->lock);
    assert_true(token < sizeof log->state);
    assert_int_equal(log->state[token], 0);
    assert_true(rows->first_sequence <= rows->last_sequence);
    log->state[token] = 1;
    log->sent++;
    log->rows[rows->target] += rows->rows;
    log->last_sequence = rows->last_sequence > log->last_sequence ? rows->last_sequence : log->last_sequence;
    pthread_mutex_unlock(&log->lock);
    return HEDDLE_OK;
}

static void log_outcome(void *context, uint64_t token, enum heddle_outcome outcome)
{
    struct hook_log *log = context;
    pthread_mutex_lock(&log->lock);
    assert_int_equal(log->state[token], 1);
    log->state[token] = 2;
    log->committed += outcome == HEDDLE_OUTCOME_COMMITTED ? 1 : 0;
    pthread_mutex_unlock(&log->lock);
}

static void every_transaction_passes_both_hooks_once(void **state)
{
    (void)state;
    struct live live;
    struct hook_log log = {0};
    struct generated made = generate(3000, 40);
    pthread_mutex_init(&log.lock, NULL);
    live_init(&live, 2);
    live.options.hooks = (struct heddle_transaction_hooks){log_before, log_outcome, &log};
    live_open(&live);
    write_all(&live, &made, 300);
    must_flush(&live);
    struct heddle_sink_progress progress;
    heddle_sink_progress(live.sink, &progress);
    assert_int_equal(log.committed, progress.transactions);
    assert_true(log.sent >= log.committed);
    assert_true(log.rows[TARGET_REMOVAL] >= 3000);
    assert_int_equal(log.last_sequence, 9);
    live_close(&live);
    generated_free(&made);
    pthread_mutex_destroy(&log.lock);
}

static int refuse_to_send(void *context, uint64_t token, const struct heddle_transaction_rows *rows,
                          struct heddle_error *error)
{
    (void)context;
    (void)token;
    (void)rows;
    return heddle_error_set(error, HEDDLE_IO, "the journal's disk is full");
}

static void a_hook_that_refuses_stops_the_load_with_its_reason(void **state)
{
    (void)state;
    struct live live;
    struct heddle_error error = {0};
    const struct removal row = {1, "pump", "N1", "C1", 5, true};
    live_init(&live, 2);
    live.options.hooks = (struct heddle_transaction_hooks){refuse_to_send, NULL, NULL};
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
        cmocka_unit_test(a_client_that_locks_the_same_nodes_costs_retries_but_no_row),
        cmocka_unit_test(connections_that_break_cost_retries_but_no_row),
        cmocka_unit_test(a_server_that_is_away_for_a_moment_is_waited_for),
        cmocka_unit_test(a_creating_load_stops_when_nobody_knows_what_was_committed),
        cmocka_unit_test(every_transaction_passes_both_hooks_once),
        cmocka_unit_test(a_hook_that_refuses_stops_the_load_with_its_reason),
        cmocka_unit_test(stopping_ends_write_and_flush_and_leaves_whole_transactions),
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
    if (test_uri() == NULL || test_password() == NULL) {
        puts("skipped: HEDDLE_TEST_NEO4J_URI and HEDDLE_TEST_NEO4J_PASSWORD name no server to write to");
        return 77;
    }
    const struct heddle_bolt_options options = {
        .uri = test_uri(),
        .auth = HEDDLE_BOLT_AUTH_BASIC,
        .user = test_user(),
        .secret = test_password(),
    };
    struct heddle_error error = {0};
    if (heddle_arena_create(0, &answers, &error) != HEDDLE_OK ||
        heddle_bolt_open(&options, &control, &error) != HEDDLE_OK) {
        printf("%s\n", error.message);
        return 1;
    }
    const int failed = run_live();
    wipe();
    heddle_bolt_close(control);
    heddle_arena_destroy(answers);
    return failed;
}
