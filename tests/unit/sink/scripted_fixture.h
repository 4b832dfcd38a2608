/* scripted_fixture.h: a load whose server is a script: the removals job, its plans and one writer, without a socket.
 */
#ifndef HEDDLE_TESTS_UNIT_SINK_SCRIPTED_FIXTURE_H
#define HEDDLE_TESTS_UNIT_SINK_SCRIPTED_FIXTURE_H

#include "rows_fixture.h"

#include "sink/neo4j/load.h"
#include "sink/neo4j/settle.h"
#include "support/bolt_script.h"

#define LOGIN "C: HELLO", "C: LOGON", "S: SUCCESS {\"server\": \"Neo4j/5.26.0\"}", "S: SUCCESS {}"
#define SENT "C: BEGIN", "C: RUN UNWIND $rows", "C: PULL", "C: COMMIT"
#define COMMITTED(STATS)                                                                                     \
    "S: SUCCESS {}", "S: SUCCESS {\"fields\": []}", "S: SUCCESS {\"stats\": " STATS "}", "S: SUCCESS {}"
#define MATCHED(N, STATS)                                                                                    \
    "S: SUCCESS {}", "S: SUCCESS {\"fields\": [\"n\"]}", "S: RECORD [" N "]",                                \
        "S: SUCCESS {\"stats\": " STATS "}", "S: SUCCESS {}"
#define FAILED(CODE)                                                                                         \
    "S: SUCCESS {}", "S: FAILURE {\"neo4j_code\": \"" CODE "\", \"message\": \"because of the test\"}",      \
        "S: IGNORED", "S: IGNORED"
#define RESET "C: RESET"
#define RESET_DONE "S: SUCCESS {}"

#define DEADLOCK "Neo.TransientError.Transaction.DeadlockDetected"
#define CONSTRAINT "Neo.ClientError.Schema.ConstraintValidationFailed"
#define TOO_LARGE "Neo.ClientError.General.TransactionOutOfMemoryError"
#define READ_ONLY "Neo.ClientError.Security.Forbidden"

/* What the ledger was told. */
struct told {
    size_t sent;
    size_t verdicts[3];
};

/* A load without threads, whose server is a script. */
struct scripted {
    struct fixture_job job;
    struct fixture_rejects rejects;
    struct told told;
    struct heddle_sink_options options;
    struct heddle_load load;
    struct heddle_writer writer;
    struct heddle_transaction *transaction;
    size_t batch_rows; /* of every target; 0 = the plan's own */
    struct bolt_script script;
};

__attribute__((unused)) static int
tell_before(void *context, uint64_t token, const struct heddle_ledger_rows *rows, struct heddle_error *error)
{
    (void)token;
    (void)rows;
    (void)error;
    ((struct told *)context)->sent++;
    return HEDDLE_OK;
}

__attribute__((unused)) static void tell_outcome(void *context, uint64_t token, enum heddle_verdict verdict,
                                                 const struct heddle_ledger_sums *sums)
{
    (void)token;
    (void)sums;
    ((struct told *)context)->verdicts[verdict]++;
}

__attribute__((unused)) static void scripted_init(struct scripted *test, const char *const *lines)
{
    memset(test, 0, sizeof *test);
    pthread_mutex_init(&test->rejects.lock, NULL);
    fixture_job_init(&test->job);
    bolt_script_init(&test->script, 5, 8, lines);
    test->options = (struct heddle_sink_options){
        .targets = test->job.targets,
        .target_count = TARGETS,
        .rejects = {fixture_reject, &test->rejects},
        .ledger = {.before_send = tell_before, .outcome = tell_outcome, .context = &test->told},
    };
    test->load.options = &test->options;
    test->load.bolt = bolt_script_options(&test->script);
    test->load.writer_max = 1;
}

__attribute__((unused)) static void scripted_start(struct scripted *test)
{
    static const struct heddle_cypher_dialect dialect = {.scoped_call = true};
    assert_int_equal(
        heddle_plans_create(&test->options, &dialect, &test->load.plans, &test->load.space_count, NULL),
        HEDDLE_OK);
    for (size_t i = 0; i < TARGETS && test->batch_rows > 0; i++) {
        test->load.plans[i].batch_rows = test->batch_rows;
    }
    assert_int_equal(heddle_load_start(&test->load, NULL), HEDDLE_OK);
    assert_int_equal(heddle_load_add_streams(&test->load, NULL), HEDDLE_OK);
    assert_int_equal(heddle_writer_init(&test->load, &test->writer, NULL), HEDDLE_OK);
    assert_int_equal(heddle_transaction_create(&test->transaction, NULL), HEDDLE_OK);
}

__attribute__((unused)) static void scripted_free(struct scripted *test)
{
    heddle_writer_destroy(&test->writer);
    heddle_transaction_destroy(test->transaction);
    heddle_load_end(&test->load);
    heddle_plans_destroy(test->load.plans, TARGETS);
    bolt_script_free(&test->script);
}

__attribute__((unused)) static void assert_counts(const struct scripted *test, size_t target,
                                                  uint64_t created, uint64_t matched, uint64_t rejected)
{
    const struct heddle_target_counts *counts = &test->load.counts[target];
    assert_int_equal(counts->created, created);
    assert_int_equal(counts->matched, matched);
    assert_int_equal(counts->rejected, rejected);
    assert_int_equal(counts->read, created + matched + rejected + counts->folded);
}

#endif
