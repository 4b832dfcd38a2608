/* live_fixture.h: a real server for tests of the Neo4j sink: where it is, a clean slate, a load, generated rows.
 *
 * Programs run where HEDDLE_TEST_NEO4J_URI and HEDDLE_TEST_NEO4J_PASSWORD (and _USER) name a server that may be written
 * to; they touch only labels that begin with HeddleTest and their own constraints, indexes and record.
 */
#ifndef HEDDLE_TESTS_UNIT_SINK_LIVE_FIXTURE_H
#define HEDDLE_TESTS_UNIT_SINK_LIVE_FIXTURE_H

#include "rows_fixture.h"

#include <unistd.h>

#include "base/clock.h"
#include "bolt/connection.h"
#include "sink/neo4j/ask.h"

__attribute__((unused)) static struct heddle_bolt_connection *control;
__attribute__((unused)) static struct heddle_arena *answers;

__attribute__((unused)) static const char *test_uri(void)
{
    return getenv("HEDDLE_TEST_NEO4J_URI");
}

__attribute__((unused)) static const char *test_user(void)
{
    const char *user = getenv("HEDDLE_TEST_NEO4J_USER");
    return user == NULL ? "neo4j" : user;
}

__attribute__((unused)) static const char *test_password(void)
{
    return getenv("HEDDLE_TEST_NEO4J_PASSWORD");
}

__attribute__((unused)) static struct heddle_bolt_result ask(const char *text)
{
    struct heddle_bolt_result result;
    struct heddle_error error = {0};
    const struct heddle_ask question = {.text = text};
    if (heddle_ask_run(control, &question, answers, &result, &error) != HEDDLE_OK) {
        fail_msg("%s: %s", text, error.message);
    }
    return result;
}

__attribute__((unused)) static int64_t number(const char *text)
{
    const struct heddle_bolt_result result = ask(text);
    return heddle_ask_cell_integer(&result, 0, 0);
}

__attribute__((unused)) static void wipe(void)
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

__attribute__((unused)) static void live_init(struct live *live, size_t writers)
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

__attribute__((unused)) static void live_open(struct live *live)
{
    struct heddle_error error = {0};
    if (heddle_sink_open(&live->options, &live->sink, &error) != HEDDLE_OK ||
        heddle_sink_prepare(live->sink, &error) != HEDDLE_OK) {
        fail_msg("%s", error.message);
    }
}

__attribute__((unused)) static int live_write(struct live *live, const struct removal *rows, size_t count,
                                              struct heddle_error *error)
{
    static const size_t all[] = {TARGET_REMOVAL, TARGET_AIRCRAFT, TARGET_COMPONENT, TARGET_REMOVED_FROM,
                                 TARGET_OF_COMPONENT};
    struct heddle_batch *batch = fixture_batch(rows, count, live->sequence++, live->row);
    batch->position = live->row;
    live->row += count;
    const int status = heddle_sink_write(live->sink, batch, all, live->options.target_count, error);
    heddle_batch_release(batch);
    return status;
}

__attribute__((unused)) static void must_write(struct live *live, const struct removal *rows, size_t count)
{
    struct heddle_error error = {0};
    if (live_write(live, rows, count, &error) != HEDDLE_OK) {
        fail_msg("%s", error.message);
    }
}

__attribute__((unused)) static void must_flush(struct live *live)
{
    struct heddle_error error = {0};
    if (heddle_sink_flush(live->sink, &error) != HEDDLE_OK) {
        fail_msg("%s", error.message);
    }
}

__attribute__((unused)) static void must_finish(struct live *live)
{
    struct heddle_error error = {0};
    uint64_t index_ns = 0;
    if (heddle_sink_finish(live->sink, &index_ns, &error) != HEDDLE_OK) {
        fail_msg("%s", error.message);
    }
}

__attribute__((unused)) static void live_close(struct live *live)
{
    heddle_sink_close(live->sink);
    pthread_mutex_destroy(&live->rejects.lock);
}

__attribute__((unused)) static struct heddle_target_counts counts_of(const struct live *live, size_t target)
{
    struct heddle_target_counts counts;
    heddle_sink_counts(live->sink, target, &counts);
    return counts;
}

__attribute__((unused)) static void assert_counts(const struct live *live, size_t target, uint64_t read,
                                                  uint64_t created, uint64_t matched, uint64_t folded,
                                                  uint64_t rejected)
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
__attribute__((unused)) static struct generated generate(size_t count, uint64_t aircraft)
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

__attribute__((unused)) static void generated_free(struct generated *made)
{
    free(made->rows);
    free(made->aircraft);
    free(made->component);
}

__attribute__((unused)) static void write_all(struct live *live, const struct generated *made, size_t batch)
{
    for (size_t i = 0; i < made->count; i += batch) {
        const size_t count = made->count - i < batch ? made->count - i : batch;
        must_write(live, made->rows + i, count);
    }
}

/* Distinct texts, the slow and obvious way. */
__attribute__((unused)) static int compare_texts(const void *a, const void *b)
{
    return strcmp(a, b);
}

__attribute__((unused)) static size_t distinct(char (*texts)[16], size_t count)
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

__attribute__((unused)) static size_t occurrences(char (*texts)[16], size_t count, const char *text)
{
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        found += strcmp(texts[i], text) == 0 ? 1 : 0;
    }
    return found;
}

/* Connects, runs `tests`, wipes. The exit status of the program; 77 where there is no server. */
__attribute__((unused)) static int live_main(int (*tests)(void))
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
    const int failed = tests();
    wipe();
    heddle_bolt_close(control);
    heddle_arena_destroy(answers);
    return failed;
}

#endif
