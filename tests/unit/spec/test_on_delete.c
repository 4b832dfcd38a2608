/* test_on_delete.c: what a deleted row may mean for a target, and where it cannot be meant. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "spec/job.h"

/* The words on the source, the four targets and the query; "" = nothing is said. */
struct words {
    const char *source;
    const char *removal;
    const char *aircraft;
    const char *removed_from;
    const char *flies_with;
    const char *more; /* text behind the relationships */
};

static struct heddle_job *job;
static struct heddle_job_problems problems;

static int forget(void **state)
{
    (void)state;
    heddle_job_destroy(job);
    heddle_job_problems_free(&problems);
    job = NULL;
    return 0;
}

static int parse(const struct words *words)
{
    char text[4096];
    struct heddle_error error = {0};
    snprintf(text, sizeof text,
             "version: '1'\n"
             "sources:\n"
             "  - {name: rows, type: delta, path: rows%s}\n"
             "targets:\n"
             "  nodes:\n"
             "    - name: removal\n"
             "      source: rows\n"
             "      labels: [Removal]\n"
             "      properties: [{source_field: ID, target_property: id}]\n"
             "      schema: {unique_constraints: [{name: r, label: Removal, properties: [id]}]}\n"
             "%s"
             "    - name: aircraft\n"
             "      source: rows\n"
             "      labels: [Aircraft]\n"
             "      properties: [{source_field: TAIL, target_property: tail}]\n"
             "      schema: {unique_constraints: [{name: a, label: Aircraft, properties: [tail]}]}\n"
             "%s"
             "    - name: operator\n"
             "      source: rows\n"
             "      labels: [Operator]\n"
             "      properties: [{source_field: OP, target_property: op}]\n"
             "      schema: {unique_constraints: [{name: o, label: Operator, properties: [op]}]}\n"
             "  relationships:\n"
             "    - {name: removed_from, source: rows, type: REMOVED_FROM, start_node_reference: removal, "
             "end_node_reference: aircraft, write_mode: merge%s}\n"
             "    - {name: flies_with, source: rows, type: FLIES_WITH, start_node_reference: aircraft, "
             "end_node_reference: operator, write_mode: merge%s}\n%s",
             words->source, words->removal, words->aircraft, words->removed_from, words->flies_with,
             words->more);
    return heddle_job_parse("test", text, strlen(text), &job, &problems, &error);
}

#define FEED ", readChangeFeed: true"
#define DELETES "      on_delete: delete\n"
#define KEEPS "      on_delete: keep\n"

static const struct words whole = {FEED, DELETES, KEEPS, ", on_delete: delete", ", on_delete: keep", ""};

static void assert_refused(const struct words *words, const char *code, const char *path, const char *part)
{
    assert_int_equal(parse(words), HEDDLE_JOB);
    for (size_t i = 0; i < problems.count; i++) {
        if (strcmp(problems.items[i].code, code) == 0 && strcmp(problems.items[i].path, path) == 0) {
            if (strstr(problems.items[i].message, part) == NULL) {
                fail_msg("%s", problems.items[i].message);
            }
            forget(NULL);
            return;
        }
    }
    fail_msg("no %s at %s, but %s", code, path, problems.count > 0 ? problems.items[0].message : "nothing");
}

static void what_a_deleted_row_means_is_said_target_by_target(void **state)
{
    (void)state;
    assert_int_equal(parse(&whole), HEDDLE_OK);
    assert_int_equal(job->nodes[0].base.on_delete, HEDDLE_ON_DELETE_DELETE);
    assert_int_equal(job->nodes[1].base.on_delete, HEDDLE_ON_DELETE_KEEP);
    assert_int_equal(job->nodes[2].base.on_delete, HEDDLE_ON_DELETE_STOP);
    assert_int_equal(job->relationships[0].base.on_delete, HEDDLE_ON_DELETE_DELETE);
    assert_int_equal(job->relationships[1].base.on_delete, HEDDLE_ON_DELETE_KEEP);
}

/* A run that stopped at a deleted row is told what it means, and goes on as the same load. */
static void it_makes_no_other_load(void **state)
{
    (void)state;
    assert_int_equal(parse(&whole), HEDDLE_OK);
    const uint64_t hash = job->content_hash;
    forget(NULL);
    assert_int_equal(parse(&(struct words){FEED, "", "", "", "", ""}), HEDDLE_OK);
    assert_true(job->content_hash == hash);
}

static void another_word_is_refused(void **state)
{
    (void)state;
    struct words words = whole;
    words.removal = "      on_delete: cascade\n";
    assert_refused(&words, "HDL-004", "$.targets.nodes[0].on_delete",
                   "expected delete or keep, found 'cascade'");
}

static void without_a_change_feed_nothing_is_deleted(void **state)
{
    (void)state;
    struct words words = whole;
    words.source = "";
    assert_refused(&words, "HDL-012", "$.targets.nodes[0].on_delete", "set readChangeFeed: true");
    words.source = FEED ", ignoreDeletes: true";
    assert_refused(&words, "HDL-012", "$.targets.nodes[0].on_delete", "ignoreDeletes: true");
}

/* An aircraft has many removals: it is not what one of them stands for. */
static void two_identities_in_one_row_are_refused(void **state)
{
    (void)state;
    struct words words = whole;
    words.aircraft = DELETES;
    assert_refused(&words, "HDL-012", "$.targets.nodes[1].on_delete", "only one of them");
}

static void a_node_that_several_targets_write_is_not_deleted(void **state)
{
    (void)state;
    struct words words = whole;
    char twin[512];
    snprintf(twin, sizeof twin,
             "%s    - name: twin\n      source: rows\n      labels: [Removal, Twin]\n"
             "      properties: [{source_field: ID, target_property: id}]\n"
             "      schema: {unique_constraints: [{name: t, label: Removal, properties: [id]}]}\n",
             KEEPS);
    words.aircraft = twin;
    assert_refused(&words, "HDL-012", "$.targets.nodes[0].on_delete",
                   "'twin' writes nodes of the same label");
}

static void a_relationship_between_other_rows_nodes_is_not_deleted(void **state)
{
    (void)state;
    struct words words = whole;
    words.flies_with = ", on_delete: delete";
    assert_refused(&words, "HDL-012", "$.targets.relationships[1].on_delete", "no end of this relationship");
}

static void what_is_created_cannot_be_found_again(void **state)
{
    (void)state;
    struct words words = whole;
    words.removal = "      write_mode: create\n" DELETES;
    assert_refused(&words, "HDL-012", "$.targets.nodes[0].on_delete", "needs write_mode: merge");
    words = whole;
    words.flies_with = ", on_delete: keep}\n    - {name: again, source: rows, type: REMOVED_FROM, "
                       "start_node_reference: removal, end_node_reference: aircraft, write_mode: create";
    assert_refused(&words, "HDL-012", "$.targets.relationships[0].on_delete", "the same type");
}

static void a_query_says_itself_what_a_row_is(void **state)
{
    (void)state;
    struct words words = whole;
    words.more = "  queries:\n    - {name: q, source: rows, query: 'RETURN 1'}\n";
    assert_refused(&words, "HDL-012", "$.targets.queries[0].on_delete", "set on_delete: keep");
    words.more = "  queries:\n    - {name: q, source: rows, query: 'RETURN 1', on_delete: delete}\n";
    assert_refused(&words, "HDL-012", "$.targets.queries[0].on_delete", "only its author knows");
    words.more = "  queries:\n    - {name: q, source: rows, query: 'RETURN 1', on_delete: keep}\n";
    assert_int_equal(parse(&words), HEDDLE_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(what_a_deleted_row_means_is_said_target_by_target, forget),
        cmocka_unit_test_teardown(it_makes_no_other_load, forget),
        cmocka_unit_test_teardown(another_word_is_refused, forget),
        cmocka_unit_test_teardown(without_a_change_feed_nothing_is_deleted, forget),
        cmocka_unit_test_teardown(two_identities_in_one_row_are_refused, forget),
        cmocka_unit_test_teardown(a_node_that_several_targets_write_is_not_deleted, forget),
        cmocka_unit_test_teardown(a_relationship_between_other_rows_nodes_is_not_deleted, forget),
        cmocka_unit_test_teardown(what_is_created_cannot_be_found_again, forget),
        cmocka_unit_test_teardown(a_query_says_itself_what_a_row_is, forget),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
