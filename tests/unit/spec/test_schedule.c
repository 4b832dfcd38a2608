/* test_schedule.c: what a job may say of the schedule of its targets, and what its queries touch. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "spec/job.h"

static struct heddle_job *job;
static struct heddle_job_problems problems;
static char text[4096];

static int forget(void **state)
{
    (void)state;
    heddle_job_destroy(job);
    heddle_job_problems_free(&problems);
    job = NULL;
    return 0;
}

/* A job with these keys under `config`, on its relationship target, and on its query target. */
static const char *write_job(const char *config, const char *relationship, const char *query)
{
    snprintf(text, sizeof text,
             "version: '1'\n"
             "config: {batch_rows: 500%s}\n"
             "sources:\n"
             "  - {name: t, type: parquet, path: t.parquet}\n"
             "targets:\n"
             "  nodes:\n"
             "    - name: person\n"
             "      source: t\n"
             "      labels: [Person]\n"
             "      properties: [{source_field: ID, target_property: id}]\n"
             "      schema: {unique_constraints: [{name: pk, label: Person, properties: [id]}]}\n"
             "  relationships:\n"
             "    - name: knows\n"
             "      source: t\n"
             "      type: KNOWS\n"
             "      start_node_reference: person\n"
             "      end_node_reference: person\n"
             "%s"
             "  queries:\n"
             "    - name: orders\n"
             "      source: t\n"
             "      query: 'MATCH (p:Person {id: event.ID}) SET p.seen = true'\n"
             "%s",
             config, relationship, query);
    return text;
}

static int read_job(const char *config, const char *relationship, const char *query)
{
    forget(NULL);
    write_job(config, relationship, query);
    return heddle_job_parse("j.yaml", text, strlen(text), &job, &problems, NULL);
}

static void assert_problem(const char *code, const char *path, const char *part, bool warning)
{
    for (size_t i = 0; i < problems.count; i++) {
        const struct heddle_job_problem *problem = &problems.items[i];
        if (strcmp(problem->code, code) == 0 && strcmp(problem->path, path) == 0 &&
            strstr(problem->message, part) != NULL && problem->warning == warning && problem->line > 0) {
            return;
        }
    }
    for (size_t i = 0; i < problems.count; i++) {
        print_message("%s %s: %s\n", problems.items[i].code, problems.items[i].path,
                      problems.items[i].message);
    }
    fail_msg("expected %s at %s with '%s'", code, path, part);
}

static void nothing_is_asked_for_where_nothing_is_said(void **state)
{
    (void)state;
    assert_int_equal(read_job("", "", ""), HEDDLE_OK);
    const struct heddle_job_schedule *schedule = &job->relationships[0].base.schedule;
    assert_true(schedule->road == NULL && schedule->scenario == NULL && schedule->component == NULL);
    assert_int_equal(schedule->groups, 0);
    assert_int_equal(job->queries[0].touch_count, 0);
}

static void a_target_overrides_the_job_key_by_key(void **state)
{
    (void)state;
    assert_int_equal(read_job(", schedule: {road: tiles, groups: 12, scenario: monopartite}",
                              "      schedule: {scenario: BIPARTITE, groups: 40}\n", ""),
                     HEDDLE_OK);
    const struct heddle_job_schedule *own = &job->relationships[0].base.schedule;
    assert_string_equal(own->scenario, "bipartite");
    assert_string_equal(own->road, "tiles");
    assert_int_equal(own->groups, 40);
    const struct heddle_job_schedule *common = &job->queries[0].base.schedule;
    assert_string_equal(common->scenario, "monopartite");
    assert_int_equal(common->groups, 12);
}

static void a_scenario_of_its_own_leaves_the_component_of_the_job_behind(void **state)
{
    (void)state;
    assert_int_equal(read_job(", schedule: {scenario: predefined, component: DEPARTMENT}",
                              "      schedule: {scenario: monopartite}\n", ""),
                     HEDDLE_OK);
    assert_null(job->relationships[0].base.schedule.component);
    assert_string_equal(job->queries[0].base.schedule.component, "DEPARTMENT");
}

static void components_need_their_column_and_the_column_its_scenario(void **state)
{
    (void)state;
    assert_int_equal(read_job("", "      schedule: {scenario: predefined}\n", ""), HEDDLE_JOB);
    assert_problem("HDL-011", "$.targets.relationships[0].schedule", "component: COLUMN", false);
    assert_int_equal(read_job("", "      schedule: {component: DEPARTMENT}\n", ""), HEDDLE_JOB);
    assert_problem("HDL-011", "$.targets.relationships[0].schedule.component", "scenario: predefined", false);
    assert_int_equal(read_job(", schedule: {scenario: predefined}", "", ""), HEDDLE_JOB);
    assert_problem("HDL-011", "$.config.schedule", "component: COLUMN", false);
}

static void words_numbers_and_keys_are_checked(void **state)
{
    (void)state;
    assert_int_equal(read_job("", "      schedule: {scenario: bipartit}\n", ""), HEDDLE_JOB);
    assert_problem("SCHM-1008", "$.targets.relationships[0].schedule.scenario", "did you mean 'bipartite'",
                   false);
    assert_int_equal(read_job("", "      schedule: {road: fast}\n", ""), HEDDLE_JOB);
    assert_problem("SCHM-1008", "$.targets.relationships[0].schedule.road", "one_statement", false);
    assert_int_equal(read_job("", "      schedule: {groups: 0}\n", ""), HEDDLE_JOB);
    assert_problem("SCHM-1015", "$.targets.relationships[0].schedule.groups", "from 1 to 1024", false);
    assert_int_equal(read_job("", "      schedule: {group: 4}\n", ""), HEDDLE_JOB);
    assert_problem("SCHM-1001", "$.targets.relationships[0].schedule", "did you mean 'groups'", false);
    assert_int_equal(read_job(", schedule: {roads: tiles}", "", ""), HEDDLE_JOB);
    assert_problem("SCHM-1001", "$.config.schedule", "did you mean 'road'", false);
    assert_int_equal(read_job(", schedule: tiles", "", ""), HEDDLE_JOB);
    assert_problem("SCHM-1029", "$.config.schedule", "expected map", false);
}

static void a_query_says_what_its_rows_touch(void **state)
{
    (void)state;
    assert_int_equal(read_job("", "",
                              "      touches:\n"
                              "        - {label: Person, source_field: ID}\n"
                              "        - {label: Place, source_field: P}\n"),
                     HEDDLE_OK);
    assert_int_equal(job->queries[0].touch_count, 2);
    assert_string_equal(job->queries[0].touches[1].label, "Place");
    assert_string_equal(job->queries[0].touches[1].source_field, "P");
    assert_int_equal(read_job("", "", "      touches: [{label: Person}]\n"), HEDDLE_JOB);
    assert_problem("SCHM-1028", "$.targets.queries[0].touches[0]", "'source_field' is missing", false);
    assert_int_equal(read_job("", "", "      touches: []\n"), HEDDLE_JOB);
    assert_problem("SCHM-1016", "$.targets.queries[0].touches", "at least one", false);
}

static void more_touches_than_a_claim_holds_are_refused_with_the_way_out(void **state)
{
    (void)state;
    char many[2048] = "      touches: [";
    for (size_t i = 0; i <= HEDDLE_JOB_TOUCHES_MAX; i++) {
        strncat(many, i > 0 ? ", {label: P, source_field: f}" : "{label: P, source_field: f}",
                sizeof many - strlen(many) - 1);
    }
    strncat(many, "]\n", sizeof many - strlen(many) - 1);
    assert_int_equal(read_job("", "", many), HEDDLE_JOB);
    assert_problem("HDL-008", "$.targets.queries[0].touches", "one writer", false);
}

static void the_schedule_is_no_part_of_what_is_loaded(void **state)
{
    (void)state;
    assert_int_equal(read_job("", "", ""), HEDDLE_OK);
    const uint64_t plain = job->content_hash;
    assert_int_equal(read_job(", schedule: {groups: 9}", "      schedule: {scenario: bipartite}\n",
                              "      touches: [{label: Person, source_field: ID}]\n"),
                     HEDDLE_OK);
    assert_true(job->content_hash == plain);
}

static void every_failed_allocation_is_reported(void **state)
{
    (void)state;
    int status = HEDDLE_OUT_OF_MEMORY;
    for (int64_t at = 0; status == HEDDLE_OUT_OF_MEMORY && at < 10000; at++) {
        forget(NULL);
        write_job(", schedule: {scenario: predefined, component: D}", "      schedule: {groups: 3}\n",
                  "      touches: [{label: Person, source_field: ID}]\n");
        heddle_memory_fail_at(at);
        status = heddle_job_parse("j.yaml", text, strlen(text), &job, &problems, NULL);
        heddle_memory_fail_at(-1);
    }
    assert_int_equal(status, HEDDLE_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(nothing_is_asked_for_where_nothing_is_said, forget),
        cmocka_unit_test_teardown(a_target_overrides_the_job_key_by_key, forget),
        cmocka_unit_test_teardown(a_scenario_of_its_own_leaves_the_component_of_the_job_behind, forget),
        cmocka_unit_test_teardown(components_need_their_column_and_the_column_its_scenario, forget),
        cmocka_unit_test_teardown(words_numbers_and_keys_are_checked, forget),
        cmocka_unit_test_teardown(a_query_says_what_its_rows_touch, forget),
        cmocka_unit_test_teardown(more_touches_than_a_claim_holds_are_refused_with_the_way_out, forget),
        cmocka_unit_test_teardown(the_schedule_is_no_part_of_what_is_loaded, forget),
        cmocka_unit_test_teardown(every_failed_allocation_is_reported, forget),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
