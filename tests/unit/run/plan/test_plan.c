/* test_plan.c: which targets share a pass, which must wait, and what a job may not ask for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "run/plan/plan.h"

#define KEYED(name, label, field, source, more)                                                              \
    "    - {name: " name ", source: " source ", labels: [" label "], write_mode: merge" more                 \
    ", properties: [{source_field: " field ", target_property: id}],"                                        \
    " schema: {unique_constraints: [{name: c_" name ", label: " label ", properties: [id]}]}}\n"
#define BETWEEN(name, source, start, start_field, end, end_field, more)                                      \
    "    - {name: " name ", source: " source ", type: R, write_mode: merge, node_match_mode: match" more     \
    ", start_node_reference: {name: " start ", key_mappings: [{source_field: " start_field                   \
    ", node_property: id}]}, end_node_reference: {name: " end ", key_mappings: [{source_field: " end_field   \
    ", node_property: id}]}}\n"
#define SOURCES                                                                                              \
    "version: \"1\"\nsources:\n  - {name: s, type: csv, path: s.csv}\n  - {name: t, type: csv, path: "       \
    "t.csv}\n"                                                                                               \
    "targets:\n  nodes:\n"

struct planned {
    struct heddle_job *job;
    struct heddle_plan *plan;
    struct heddle_error error;
    int status;
};

static struct planned plan_of(const char *yaml)
{
    struct planned planned = {0};
    struct heddle_error error = {0};
    if (heddle_job_parse("test.yaml", yaml, strlen(yaml), &planned.job, NULL, &error) != HEDDLE_OK) {
        fail_msg("the job is not read: %s", error.message);
    }
    planned.status = heddle_plan_create(planned.job, &planned.plan, &planned.error);
    return planned;
}

static void forget(struct planned *planned)
{
    heddle_plan_destroy(planned->plan);
    heddle_job_destroy(planned->job);
}

static void a_row_that_carries_both_its_nodes_is_written_in_one_pass(void **state)
{
    (void)state;
    struct planned planned = plan_of(SOURCES KEYED("a", "A", "aid", "s", "") KEYED(
        "b", "B", "bid", "s", "") "  relationships:\n" BETWEEN("r", "s", "a", "aid", "b", "bid", ""));
    assert_int_equal(planned.status, HEDDLE_OK);
    assert_int_equal(planned.plan->pass_count, 1);
    assert_int_equal(planned.plan->passes[0].target_count, 3);
    assert_true(planned.plan->targets[2].follows_its_nodes);
    assert_int_equal(planned.plan->sources[0].column_count, 2);
    assert_int_equal(planned.plan->targets[2].end.keys[0].column, 1);
    forget(&planned);
}

static void a_row_that_names_a_node_of_another_row_waits_for_a_second_pass(void **state)
{
    (void)state;
    struct planned planned = plan_of(SOURCES KEYED("person", "P", "id", "s", "") "  relationships:\n" BETWEEN(
        "manages", "s", "person", "boss", "person", "id", ""));
    assert_int_equal(planned.status, HEDDLE_OK);
    assert_int_equal(planned.plan->pass_count, 2);
    assert_false(planned.plan->targets[1].follows_its_nodes);
    assert_int_equal(planned.plan->passes[1].target_count, 1);
    assert_int_equal(planned.plan->passes[1].targets[0], 1);
    forget(&planned);
}

static void nodes_of_another_source_come_before_the_relationship(void **state)
{
    (void)state;
    struct planned planned = plan_of(SOURCES KEYED("a", "A", "aid", "s", "") KEYED(
        "b", "B", "bid", "t", "") "  relationships:\n" BETWEEN("r", "s", "a", "aid", "b", "bid", ""));
    assert_int_equal(planned.status, HEDDLE_OK);
    /* The start is lifted behind the end, so that its source is read once for both of its targets. */
    assert_int_equal(planned.plan->pass_count, 2);
    assert_int_equal(planned.plan->passes[0].source, 1);
    assert_int_equal(planned.plan->passes[0].targets[0], 1);
    assert_int_equal(planned.plan->passes[1].source, 0);
    assert_int_equal(planned.plan->passes[1].target_count, 2);
    assert_true(planned.plan->targets[2].follows_its_nodes);
    forget(&planned);
}

static void nodes_that_would_wait_for_each_other_wait_for_none(void **state)
{
    (void)state;
    struct planned planned = plan_of(SOURCES KEYED("a", "A", "aid", "s", "") KEYED(
        "b", "B", "bid", "t", "") "  relationships:\n" BETWEEN("r", "s", "a", "aid", "b", "bid", "")
                                         BETWEEN("q", "t", "b", "bid", "a", "aid", ""));
    assert_int_equal(planned.status, HEDDLE_OK);
    assert_int_equal(planned.plan->pass_count, 4);
    assert_false(planned.plan->targets[2].follows_its_nodes);
    assert_false(planned.plan->targets[3].follows_its_nodes);
    forget(&planned);
    planned = plan_of(SOURCES KEYED("a", "A", "aid", "s", "")
                          KEYED("b", "B", "bid", "t", ", depends_on: [a]") "  relationships:\n" BETWEEN(
                              "r", "s", "a", "aid", "b", "bid", ""));
    assert_int_equal(planned.status, HEDDLE_OK);
    assert_int_equal(planned.plan->pass_count, 3);
    assert_int_equal(planned.plan->passes[2].targets[0], 2);
    forget(&planned);
}

static void depends_on_puts_a_target_behind_another(void **state)
{
    (void)state;
    struct planned planned =
        plan_of(SOURCES KEYED("a", "A", "aid", "s", ", depends_on: [b]") KEYED("b", "B", "bid", "s", ""));
    assert_int_equal(planned.status, HEDDLE_OK);
    assert_int_equal(planned.plan->pass_count, 2);
    assert_string_equal(planned.plan->targets[planned.plan->passes[0].targets[0]].name, "b");
    assert_string_equal(planned.plan->targets[planned.plan->passes[1].targets[0]].name, "a");
    forget(&planned);
}

static void an_inactive_target_is_not_read_for(void **state)
{
    (void)state;
    struct planned planned =
        plan_of(SOURCES KEYED("a", "A", "aid", "s", "") KEYED("b", "B", "bid", "t", ", active: false"));
    assert_int_equal(planned.status, HEDDLE_OK);
    assert_int_equal(planned.plan->target_count, 1);
    assert_int_equal(planned.plan->pass_count, 1);
    forget(&planned);
}

static void a_merge_without_a_key_is_refused_with_the_remedy(void **state)
{
    (void)state;
    struct planned planned =
        plan_of(SOURCES "    - {name: a, source: s, labels: [A], write_mode: merge, properties: "
                        "[{source_field: x, target_property: x}]}\n");
    assert_int_equal(planned.status, HEDDLE_JOB);
    assert_non_null(strstr(planned.error.message, "'a'"));
    assert_non_null(strstr(planned.error.message, "unique_constraints"));
    forget(&planned);
}

static void a_setting_on_a_target_is_read_with_its_units_and_bounds(void **state)
{
    (void)state;
    struct planned planned =
        plan_of(SOURCES KEYED("a", "A", "aid", "s", ", batch_rows: 70, batch_bytes: 1MiB")
                    KEYED("b", "B", "bid", "s", ", batch_rows: auto"));
    assert_int_equal(planned.status, HEDDLE_OK);
    assert_int_equal(planned.plan->targets[0].batch_rows, 70);
    assert_int_equal(planned.plan->targets[0].batch_bytes, 1 << 20);
    assert_int_equal(planned.plan->targets[1].batch_rows, 0);
    forget(&planned);
}

static void the_road_that_a_target_asks_for_reaches_the_sink(void **state)
{
    (void)state;
    struct planned planned = plan_of(SOURCES KEYED("a", "A", "aid", "s", ", schedule: {road: tiles}")
                                         KEYED("b", "B", "bid", "s", ""));
    assert_int_equal(planned.status, HEDDLE_OK);
    assert_int_equal(planned.plan->targets[0].road, HEDDLE_ROAD_TILES);
    assert_int_equal(planned.plan->targets[1].road, HEDDLE_ROAD_AUTO);
    forget(&planned);
}

static void query_targets_run_last_and_alone_over_whole_rows(void **state)
{
    (void)state;
    static const struct heddle_field fields[] = {
        {.name = "z", .type = HEDDLE_TYPE_INTEGER},
        {.name = "bid", .type = HEDDLE_TYPE_INTEGER},
        {.name = "aid", .type = HEDDLE_TYPE_INTEGER},
    };
    static const struct heddle_schema schema = {fields, 3};
    struct planned planned =
        plan_of(SOURCES KEYED("a", "A", "aid", "s", "")
                    KEYED("b", "B", "bid", "t", "") "  queries:\n"
                                                    "    - {name: q, source: s, query: \"SET event.x = 1\", "
                                                    "touches: [{label: A, source_field: aid}, {label: "
                                                    "B, source_field: bid}]}\n"
                                                    "    - {name: p, source: s, query: \"RETURN event\"}\n");
    assert_int_equal(planned.status, HEDDLE_OK);
    assert_int_equal(planned.plan->pass_count, 4);
    assert_int_equal(planned.plan->passes[2].target_count, 1);
    assert_int_equal(planned.plan->passes[2].targets[0], 2);
    assert_int_equal(planned.plan->passes[3].targets[0], 3);
    assert_true(planned.plan->sources[0].whole_rows);
    assert_false(planned.plan->sources[1].whole_rows);
    const struct heddle_target *query = &planned.plan->targets[2];
    assert_int_equal(query->kind, HEDDLE_TARGET_QUERY);
    assert_int_equal(query->touch_count, 2);
    assert_int_equal(heddle_plan_bind(planned.plan, 0, &schema, NULL), HEDDLE_OK);
    assert_int_equal(heddle_plan_bind(planned.plan, 1, &schema, NULL), HEDDLE_OK);
    assert_int_equal(query->touches[0].column, 2);
    assert_int_equal(query->touches[1].column, 1);
    assert_int_equal(planned.plan->targets[0].properties[0].column, 2);
    assert_int_equal(planned.plan->targets[1].properties[0].column, 0); /* its source keeps its projection */
    forget(&planned);
}

static void a_column_that_a_whole_row_lacks_is_named_with_the_nearest(void **state)
{
    (void)state;
    static const struct heddle_field fields[] = {{.name = "aids", .type = HEDDLE_TYPE_INTEGER}};
    static const struct heddle_schema schema = {fields, 1};
    struct heddle_error error = {0};
    struct planned planned = plan_of(
        SOURCES KEYED("a", "A", "aid", "s", "") "  queries:\n"
                                                "    - {name: q, source: s, query: \"RETURN event\"}\n");
    assert_int_equal(heddle_plan_bind(planned.plan, 0, &schema, &error), HEDDLE_JOB);
    assert_non_null(strstr(error.message, "no column 'aid'; did you mean 'aids'?"));
    forget(&planned);
}

static void a_scenario_brings_its_column_and_its_groups(void **state)
{
    (void)state;
    struct planned planned = plan_of(SOURCES KEYED("a", "A", "aid", "s", "")
                                         KEYED("b", "B", "bid", "s", "") "  relationships:\n" BETWEEN(
                                             "r", "s", "a", "aid", "b", "bid",
                                             ", schedule: {scenario: predefined, component: "
                                             "D, groups: 6}"));
    assert_int_equal(planned.status, HEDDLE_OK);
    const struct heddle_target_claim *claim = &planned.plan->targets[2].claim;
    assert_int_equal(claim->scenario, HEDDLE_TARGET_SCENARIO_PREDEFINED);
    assert_string_equal(claim->component->field, "D");
    assert_string_equal(planned.plan->sources[0].columns[claim->component->column], "D");
    assert_int_equal(claim->groups, 6);
    forget(&planned);
}

static void an_index_of_other_dimensions_than_the_model_is_refused_before_anything_is_touched(void **state)
{
    (void)state;
    struct planned planned = plan_of(
        SOURCES
        "    - {name: a, source: s, labels: [A], write_mode: create, properties: [{source_field: x, "
        "target_property: x}], embedding: {source_field: text, target_property: v, model: m}, schema: "
        "{vector_indexes: [{name: i, label: A, property: v, options: {indexConfig: {vector.dimensions: "
        "12}}}]}}\n");
    assert_int_equal(planned.status, HEDDLE_OK);
    assert_true(planned.plan->passes[0].embeds);
    assert_int_equal(planned.plan->sources[0].slot_count, 1);
    struct heddle_error error = {0};
    assert_int_equal(heddle_plan_set_dimensions(planned.plan, 0, 0, 384, &error), HEDDLE_MODEL);
    assert_non_null(strstr(error.message, "384"));
    assert_non_null(strstr(error.message, "12"));
    assert_int_equal(heddle_plan_set_dimensions(planned.plan, 0, 0, 12, &error), HEDDLE_OK);
    forget(&planned);
}

static void shards_write_nodes_in_a_stage_before_relationships(void **state)
{
    (void)state;
    struct planned planned = plan_of(SOURCES KEYED("a", "A", "aid", "s", "") KEYED(
        "b", "B", "bid", "t", "") "  relationships:\n" BETWEEN("r", "s", "a", "aid", "a", "aid", ""));
    struct heddle_plan *apart = NULL;
    assert_int_equal(planned.status, HEDDLE_OK);
    assert_true(planned.plan->targets[2].follows_its_nodes);
    assert_int_equal(heddle_plan_create_for_shards(planned.job, &apart, NULL), HEDDLE_OK);
    assert_false(apart->targets[2].follows_its_nodes); /* its nodes may be another shard's */
    assert_int_equal(apart->pass_count, 3);
    assert_int_equal(apart->passes[0].stage, 0);
    assert_int_equal(apart->passes[1].stage, 0);
    assert_int_equal(apart->passes[2].stage, 1);
    assert_int_equal(apart->targets[2].level, 1);
    heddle_plan_destroy(apart);
    forget(&planned);
}

static void running_out_of_memory_is_answered_and_nothing_leaks(void **state)
{
    (void)state;
    const char *yaml = SOURCES KEYED("a", "A", "aid", "s", "")
        KEYED("b", "B", "bid", "s", "") "  relationships:\n" BETWEEN("r", "s", "a", "aid", "b", "bid", "");
    struct planned planned = plan_of(yaml);
    int failures = 0;
    for (int at = 0; at < 100; at++) {
        struct heddle_plan *plan = NULL;
        heddle_memory_fail_at(at);
        const int status = heddle_plan_create(planned.job, &plan, NULL);
        heddle_memory_fail_at(-1);
        if (status == HEDDLE_OK) {
            heddle_plan_destroy(plan);
            break;
        }
        assert_int_equal(status, HEDDLE_OUT_OF_MEMORY);
        failures++;
    }
    assert_in_range(failures, 2, 99);
    forget(&planned);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_row_that_carries_both_its_nodes_is_written_in_one_pass),
        cmocka_unit_test(a_row_that_names_a_node_of_another_row_waits_for_a_second_pass),
        cmocka_unit_test(nodes_of_another_source_come_before_the_relationship),
        cmocka_unit_test(nodes_that_would_wait_for_each_other_wait_for_none),
        cmocka_unit_test(depends_on_puts_a_target_behind_another),
        cmocka_unit_test(an_inactive_target_is_not_read_for),
        cmocka_unit_test(a_merge_without_a_key_is_refused_with_the_remedy),
        cmocka_unit_test(a_setting_on_a_target_is_read_with_its_units_and_bounds),
        cmocka_unit_test(the_road_that_a_target_asks_for_reaches_the_sink),
        cmocka_unit_test(query_targets_run_last_and_alone_over_whole_rows),
        cmocka_unit_test(a_column_that_a_whole_row_lacks_is_named_with_the_nearest),
        cmocka_unit_test(a_scenario_brings_its_column_and_its_groups),
        cmocka_unit_test(an_index_of_other_dimensions_than_the_model_is_refused_before_anything_is_touched),
        cmocka_unit_test(shards_write_nodes_in_a_stage_before_relationships),
        cmocka_unit_test(running_out_of_memory_is_answered_and_nothing_leaks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
