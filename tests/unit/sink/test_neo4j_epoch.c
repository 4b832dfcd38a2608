/* test_neo4j_epoch.c: taking a load, and what marks prove, against a server that plays a script. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sink/neo4j/epoch.h"
#include "sink/neo4j/marks.h"
#include "support/bolt_script.h"

#define LOGIN "C: HELLO", "C: LOGON", "S: SUCCESS {\"server\": \"Neo4j/5.26.0\"}", "S: SUCCESS {}"
#define DONE "C: PULL", "S: SUCCESS {\"fields\": []}", "S: SUCCESS {}"
#define CONSTRAINTS                                                                                          \
    "C: RUN CREATE CONSTRAINT heddle_load_id", DONE, "C: RUN CREATE CONSTRAINT heddle_tx_id", DONE
#define READ "C: RUN MATCH (l:HeddleLoad {id: $id}) RETURN l.epoch", "C: PULL"
#define NODE(TEXT) READ, "S: SUCCESS {\"fields\": [\"epoch\"]}", "S: RECORD " TEXT, "S: SUCCESS {}"
#define NO_NODE READ, "S: SUCCESS {\"fields\": [\"epoch\"]}", "S: SUCCESS {}"
#define TAKE(EPOCH)                                                                                          \
    "C: RUN MERGE (l:HeddleLoad", "C: PULL", "S: SUCCESS {\"fields\": [\"epoch\"]}",                         \
        "S: RECORD [" EPOCH "]", "S: SUCCESS {}"
#define SWEEP                                                                                                \
    "C: RUN MATCH (t:HeddleTx) WHERE t.id STARTS WITH", "C: PULL", "S: SUCCESS {\"fields\": [\"deleted\"]}", \
        "S: RECORD [0]", "S: SUCCESS {}"
#define VOID "C: RUN CREATE (t:HeddleTx {id: $id, void: true})", "C: PULL"
#define FAILED(CODE)                                                                                         \
    "S: FAILURE {\"neo4j_code\": \"" CODE "\", \"message\": \"because of the test\"}", "S: IGNORED"
#define THERE "Neo.ClientError.Schema.ConstraintValidationFailed"
#define BY_ZERO "Neo.ClientError.Statement.ArithmeticError"

/* A load whose control connection is a script, to be taken by "owner2". */
struct scripted {
    struct bolt_script script;
    struct heddle_sink_options options;
    struct heddle_load load;
    const char *known[1];
};

static struct scripted *make(const char *const *lines, const char *known)
{
    struct scripted *test = calloc(1, sizeof *test);
    assert_non_null(test);
    bolt_script_init(&test->script, 5, 8, lines);
    test->known[0] = known;
    test->options = (struct heddle_sink_options){
        .seed = 7,
        .load = {.id = "a7",
                 .job = "removals",
                 .precision = "bf16",
                 .owner = "owner2",
                 .owners_known = test->known,
                 .owner_known_count = known == NULL ? 0 : 1,
                 .has_progress = known != NULL,
                 .host = "here (1234)",
                 .checkpoint = "ckpt"},
    };
    test->load.options = &test->options;
    test->load.bolt = bolt_script_options(&test->script);
    pthread_mutex_init(&test->load.lock, NULL);
    assert_int_equal(heddle_bolt_open(&test->load.bolt, &test->load.control, NULL), HEDDLE_OK);
    return test;
}

static void finish(struct scripted *test)
{
    bolt_script_check(&test->script);
    heddle_bolt_close(test->load.control);
    bolt_script_free(&test->script);
    pthread_mutex_destroy(&test->load.lock);
    free(test);
}

static void must_take(const char *const *lines, const char *known, uint32_t epoch)
{
    struct scripted *test = make(lines, known);
    struct heddle_error error = {0};
    if (heddle_epoch_take(&test->load, &error) != HEDDLE_OK) {
        fail_msg("%s", error.message);
    }
    assert_int_equal(test->load.epoch, epoch);
    finish(test);
}

static void must_refuse(const char *const *lines, const char *known, const char *sentence)
{
    struct scripted *test = make(lines, known);
    struct heddle_error error = {0};
    assert_int_equal(heddle_epoch_take(&test->load, &error), HEDDLE_DATABASE);
    if (strstr(error.message, sentence) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", error.message, sentence);
    }
    assert_int_equal(test->load.epoch, 0);
    finish(test);
}

/* [epoch, owner, host, age, format, seed, precision, started] */
#define OURS(AGE, HOST) "[3, \"owner1\", \"" HOST "\", " AGE ", 1, 7, \"bf16\", \"2026-11-21T19:00:00Z\"]"

static void a_load_that_nobody_knows_is_taken(void **state)
{
    (void)state;
    static const char *const lines[] = {LOGIN, CONSTRAINTS, NO_NODE, TAKE("1"), SWEEP, NULL};
    must_take(lines, NULL, 1);
}

static void a_constraint_that_another_shard_makes_at_that_moment_is_met(void **state)
{
    (void)state;
    static const char *const lines[] = {
        LOGIN,       "C: RUN CREATE CONSTRAINT heddle_load_id",
        "C: PULL",   FAILED("Neo.ClientError.Schema.EquivalentSchemaRuleAlreadyExists"),
        "C: RESET",  "S: SUCCESS {}",
        CONSTRAINTS, NO_NODE,
        TAKE("1"),   SWEEP,
        NULL};
    must_take(lines, NULL, 1);
}

static void what_one_run_may_not_do_with_a_load_in_shards(void **state)
{
    (void)state;
    static const char *const lines[] = {
        LOGIN, CONSTRAINTS,
        NODE("[null, null, null, null, 1, 7, \"bf16\", \"2026-11-21T19:00:00Z\", false, false, 3]"), NULL};
    must_refuse(lines, NULL, "was begun in 3 shards: go on with --shard 1/3");
}

static void the_record_of_a_version_without_epochs_is_a_load_that_nobody_took(void **state)
{
    (void)state;
    static const char *const lines[] = {
        LOGIN,     CONSTRAINTS, NODE("[null, null, null, null, null, 7, \"bf16\", \"2026-01-01T00:00:00Z\"]"),
        TAKE("1"), SWEEP,       NULL};
    must_take(lines, NULL, 1);
}

static void a_resume_on_the_same_machine_does_not_wait(void **state)
{
    (void)state;
    static const char *const lines[] = {LOGIN, CONSTRAINTS, NODE(OURS("5", "here (1234)")), TAKE("4"), NULL};
    must_take(lines, "owner1", 4);
}

static void a_run_on_another_machine_is_refused_while_the_owner_lives(void **state)
{
    (void)state;
    static const char *const lines[] = {LOGIN, CONSTRAINTS, NODE(OURS("5000", "there (99)")), NULL};
    must_refuse(lines, "owner1", "is running on there (99) (it was heard of 5 s ago)");
}

static void a_run_on_another_machine_takes_over_when_the_owner_is_silent(void **state)
{
    (void)state;
    static const char *const lines[] = {LOGIN, CONSTRAINTS, NODE(OURS("45000", "there (99)")), TAKE("4"),
                                        NULL};
    must_take(lines, "owner1", 4);
}

static void two_that_take_at_once_are_told_apart_by_the_database(void **state)
{
    (void)state;
    static const char *const lines[] = {
        LOGIN, CONSTRAINTS, NODE(OURS("99000", "here (1234)")), "C: RUN MERGE (l:HeddleLoad", DONE, NULL};
    must_refuse(lines, "owner1", "at this very moment");
}

static void a_load_and_its_checkpoint_belong_together(void **state)
{
    (void)state;
    static const char *const no_node[] = {LOGIN, CONSTRAINTS, NO_NODE, NULL};
    static const char *const node[] = {LOGIN, CONSTRAINTS, NODE(OURS("99000", "there (99)")), NULL};
    must_refuse(no_node, "owner1", "this database has no record of that load");
    must_refuse(node, NULL, "its checkpoint is missing (ckpt holds none)");
    must_refuse(node, "owner0", "is an old copy");
}

static void what_must_not_be_mixed_is_refused(void **state)
{
    (void)state;
    static const char *const format[] = {
        LOGIN, CONSTRAINTS, NODE("[3, \"owner1\", \"here (1234)\", 5, 2, 7, \"bf16\", \"\"]"), NULL};
    static const char *const seed[] = {
        LOGIN, CONSTRAINTS, NODE("[3, \"owner1\", \"here (1234)\", 5, 1, 8, \"bf16\", \"\"]"), NULL};
    static const char *const precision[] = {
        LOGIN, CONSTRAINTS, NODE("[3, \"owner1\", \"here (1234)\", 5, 1, 7, \"fp32\", \"\"]"), NULL};
    must_refuse(format, "owner1", "is recorded in format 2");
    must_refuse(seed, "owner1", "was begun with another job file");
    must_refuse(precision, "owner1", "was begun with fp32 vectors and this run makes bf16 ones");
}

/* ---- marks ---------------------------------------------------------------------------------------------------------- */

static bool close_mark(const char *const *lines, int wanted, struct heddle_error *error)
{
    struct scripted *test = make(lines, "owner1");
    struct heddle_arena *arena = NULL;
    bool written = true;
    test->load.epoch = 4;
    assert_int_equal(heddle_arena_create(0, &arena, NULL), HEDDLE_OK);
    assert_int_equal(
        heddle_mark_close(&test->load, test->load.control, arena, heddle_token_make(3, 9), &written, error),
        wanted);
    heddle_arena_destroy(arena);
    finish(test);
    return written;
}

static void a_transaction_without_mark_is_closed_for_ever(void **state)
{
    (void)state;
    static const char *const lines[] = {LOGIN, VOID, "S: SUCCESS {\"fields\": []}", "S: SUCCESS {}", NULL};
    assert_false(close_mark(lines, HEDDLE_OK, NULL));
}

static void a_mark_that_is_there_proves_that_its_rows_are(void **state)
{
    (void)state;
    static const char *const lines[] = {LOGIN,
                                        VOID,
                                        FAILED(THERE),
                                        "C: RESET",
                                        "C: RUN MATCH (t:HeddleTx {id: $id})",
                                        "C: PULL",
                                        "S: SUCCESS {}",
                                        "S: SUCCESS {\"fields\": [\"is_void\"]}",
                                        "S: RECORD [false]",
                                        "S: SUCCESS {}",
                                        NULL};
    assert_true(close_mark(lines, HEDDLE_OK, NULL));
}

static void a_mark_that_was_made_to_close_proves_that_its_rows_are_not(void **state)
{
    (void)state;
    static const char *const lines[] = {LOGIN,
                                        VOID,
                                        "S: CLOSE", /* closed, and the answer got lost */
                                        LOGIN,
                                        VOID,
                                        FAILED(THERE),
                                        "C: RESET",
                                        "C: RUN MATCH (t:HeddleTx {id: $id})",
                                        "C: PULL",
                                        "S: SUCCESS {}",
                                        "S: SUCCESS {\"fields\": [\"is_void\"]}",
                                        "S: RECORD [true]",
                                        "S: SUCCESS {}",
                                        NULL};
    assert_false(close_mark(lines, HEDDLE_OK, NULL));
}

static void a_load_that_was_taken_by_another_run_closes_nothing(void **state)
{
    (void)state;
    static const char *const lines[] = {LOGIN, VOID, FAILED(BY_ZERO), NULL};
    struct heddle_error error = {0};
    (void)close_mark(lines, HEDDLE_DATABASE, &error);
    assert_non_null(strstr(error.message, "another run has taken it"));
    assert_int_equal(error.action, HEDDLE_ACTION_FATAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_load_that_nobody_knows_is_taken),
        cmocka_unit_test(a_constraint_that_another_shard_makes_at_that_moment_is_met),
        cmocka_unit_test(what_one_run_may_not_do_with_a_load_in_shards),
        cmocka_unit_test(the_record_of_a_version_without_epochs_is_a_load_that_nobody_took),
        cmocka_unit_test(a_resume_on_the_same_machine_does_not_wait),
        cmocka_unit_test(a_run_on_another_machine_is_refused_while_the_owner_lives),
        cmocka_unit_test(a_run_on_another_machine_takes_over_when_the_owner_is_silent),
        cmocka_unit_test(two_that_take_at_once_are_told_apart_by_the_database),
        cmocka_unit_test(a_load_and_its_checkpoint_belong_together),
        cmocka_unit_test(what_must_not_be_mixed_is_refused),
        cmocka_unit_test(a_transaction_without_mark_is_closed_for_ever),
        cmocka_unit_test(a_mark_that_is_there_proves_that_its_rows_are),
        cmocka_unit_test(a_mark_that_was_made_to_close_proves_that_its_rows_are_not),
        cmocka_unit_test(a_load_that_was_taken_by_another_run_closes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
