/* test_job.c: what a job file becomes, and each rule that it must keep: one mistake, its path, its code, its
 * line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "spec/job.h"
#include "spec/options.h"

/* A whole job with places to put other text in: a mistake is one replacement. */
static const char good[] =
    "version: '1'\n"
    "config: {batch_rows: 500}\n"
    "sources:\n"
    "  - {name: t, type: parquet, path: t.parquet, maxBytesPerTrigger: 64MB}\n"
    "targets:\n"
    "  nodes:\n"
    "    - name: person\n"
    "      source: t\n"
    "      labels: [Person, Being]\n"
    "      properties:\n"
    "        - {source_field: ID, target_property: id, target_property_type: integer}\n"
    "        - {source_field: TX, target_property: text}\n"
    "      schema:\n"
    "        key_constraints: [{name: pk, label: Person, properties: [id]}]\n"
    "    - name: place\n"
    "      source: t\n"
    "      labels: [Place]\n"
    "      write_mode: create\n"
    "      properties: [{source_field: P, target_property: p}]\n"
    "      schema:\n"
    "        unique_constraints: [{name: pu, label: Place, properties: [p]}]\n"
    "  relationships:\n"
    "    - name: lives\n"
    "      source: t\n"
    "      type: LIVES\n"
    "      start_node_reference: person\n"
    "      end_node_reference: {name: place, key_mappings: [{source_field: Q, node_property: "
    "p}]}\n";

static struct heddle_job *job;
static struct heddle_job_problems problems;
static struct heddle_error last_error;

static int forget(void **state)
{
    (void)state;
    heddle_job_destroy(job);
    heddle_job_problems_free(&problems);
    job = NULL;
    return 0;
}

static int parse(const char *text)
{
    forget(NULL);
    return heddle_job_parse("dir/some.job.yaml", text, strlen(text), &job, &problems, &last_error);
}

/* The good job with the first `old` replaced. Freed by the caller. */
static char *changed(const char *old, const char *new)
{
    const char *place = strstr(good, old);
    assert_non_null(place);
    const size_t size = sizeof good + strlen(new);
    char *text = malloc(size);
    assert_non_null(text);
    snprintf(text, size, "%.*s%s%s", (int)(place - good), good, new, place + strlen(old));
    return text;
}

static const struct heddle_job_problem *find(const char *code, const char *path, bool warning)
{
    for (size_t i = 0; i < problems.count; i++) {
        if (strcmp(problems.items[i].code, code) == 0 && strcmp(problems.items[i].path, path) == 0 &&
            problems.items[i].warning == warning) {
            return &problems.items[i];
        }
    }
    return NULL;
}

static void assert_problem(const char *old, const char *new, const char *code, const char *path,
                           const char *part, bool warning)
{
    char *text = changed(old, new);
    const int status = parse(text);
    const struct heddle_job_problem *problem = find(code, path, warning);
    if (problem == NULL || strstr(problem->message, part) == NULL || problem->line == 0 ||
        status != (warning ? HEDDLE_OK : HEDDLE_JOB)) {
        print_message("'%s' -> '%s': status %d %s\n", old, new, status, last_error.message);
        for (size_t i = 0; i < problems.count; i++) {
            print_message("  %s %s line %zu: %s\n", problems.items[i].code, problems.items[i].path,
                          problems.items[i].line, problems.items[i].message);
        }
        fail_msg("expected %s at %s with '%s'", code, path, part);
    }
    assert_true((job == NULL) == !warning);
    free(text);
}

static void assert_error(const char *old, const char *new, const char *code, const char *path,
                         const char *part)
{
    assert_problem(old, new, code, path, part, false);
}

static void assert_warning(const char *old, const char *new, const char *code, const char *path,
                           const char *part)
{
    assert_problem(old, new, code, path, part, true);
}

#define NODE "$.targets.nodes[0]"
#define RELATIONSHIP "$.targets.relationships[0]"

/* --- what becomes of a good job
 * ---------------------------------------------------------------------------------- */

static void a_good_job_is_read_whole(void **state)
{
    (void)state;
    assert_int_equal(parse(good), HEDDLE_OK);
    assert_int_equal(problems.count, 0);
    assert_string_equal(job->name, "some.job");
    assert_string_equal(job->path, "dir/some.job.yaml");
    assert_int_equal(job->source_count, 1);
    assert_string_equal(job->sources[0].type, "parquet");
    assert_string_equal(job->sources[0].path, "t.parquet");
    assert_int_equal(job->sources[0].setting_count, 1);
    assert_string_equal(job->sources[0].settings[0].name, "maxBytesPerTrigger");
    assert_string_equal(job->sources[0].settings[0].value, "64MB");
    assert_string_equal(job->config[0].name, "batch_rows");
    assert_string_equal(job->config[0].value, "500");
    assert_int_equal(job->node_count, 2);
    const struct heddle_job_node *person = &job->nodes[0];
    assert_int_equal(person->label_count, 2);
    assert_string_equal(person->labels[1], "Being");
    assert_true(person->base.active);
    assert_int_equal(person->base.properties[0].type, HEDDLE_PROPERTY_INTEGER);
    assert_int_equal(person->base.properties[1].type, HEDDLE_PROPERTY_AUTO);
    assert_int_equal(person->key_count, 1);
    assert_int_equal(person->key[0], 0);
    assert_int_equal(person->base.schema[0].kind, HEDDLE_SCHEMA_KEY_CONSTRAINT);
    assert_string_equal(person->base.schema[0].labels[0], "Person");
    assert_string_equal(person->base.schema[0].properties[0], "id");
    assert_null(person->embedding);
}

static void references_know_their_node_key_and_source_fields(void **state)
{
    (void)state;
    assert_int_equal(parse(good), HEDDLE_OK);
    const struct heddle_job_relationship *lives = &job->relationships[0];
    assert_int_equal(lives->start.node, 0);
    assert_int_equal(lives->start.mapping_count, 1);
    assert_string_equal(lives->start.mappings[0].source_field,
                        "ID"); /* the node's own, from the short form */
    assert_string_equal(lives->start.mappings[0].node_property, "id");
    assert_true(lives->start.matches_key);
    assert_int_equal(lives->end.node, 1);
    assert_string_equal(lives->end.mappings[0].source_field, "Q");
    assert_int_equal(lives->end.mappings[0].key_index, 0);
    assert_int_equal(lives->match_mode, HEDDLE_MATCH_MATCH);
    assert_int_equal(lives->key_count, 0);
}

static void without_a_write_mode_a_key_means_merge(void **state)
{
    (void)state;
    assert_int_equal(parse(good), HEDDLE_OK);
    assert_int_equal(job->nodes[0].base.write_mode, HEDDLE_WRITE_MERGE);
    assert_int_equal(job->nodes[1].base.write_mode, HEDDLE_WRITE_CREATE); /* as the file says */
    assert_int_equal(job->relationships[0].base.write_mode, HEDDLE_WRITE_CREATE);
}

static void a_composite_key_keeps_the_order_of_its_constraint(void **state)
{
    (void)state;
    char *text = changed("properties: [id]}]", "properties: [text, id]}]");
    assert_int_equal(parse(text), HEDDLE_OK);
    assert_int_equal(job->nodes[0].key_count, 2);
    assert_int_equal(job->nodes[0].key[0], 1);
    assert_int_equal(job->nodes[0].key[1], 0);
    assert_string_equal(job->relationships[0].start.mappings[0].source_field, "TX");
    free(text);
}

static void a_reference_may_use_another_key_than_the_first(void **state)
{
    (void)state;
    char *text =
        changed("start_node_reference: person",
                "start_node_reference: {name: person, key_mappings: [{source_field: F, node_property: "
                "text}]}");
    char *both = malloc(strlen(text) + 200);
    const char *place = strstr(text, "        key_constraints");
    assert_non_null(both);
    snprintf(both, strlen(text) + 200, "%.*s%s%s", (int)(place - text), text,
             "        unique_constraints: [{name: tu, label: Person, properties: [text]}]\n", place);
    assert_int_equal(parse(both), HEDDLE_OK);
    assert_false(job->relationships[0].start.matches_key);
    assert_int_equal(job->relationships[0].start.mappings[0].key_index, 1);
    assert_int_equal(job->nodes[0].key[0], 0); /* key constraints come before unique ones */
    free(text);
    free(both);
}

static void an_embedding_is_a_declared_property_with_a_model(void **state)
{
    (void)state;
    char *text = changed("      schema:\n        key_constraints",
                         "      embedding: {source_field: TX, target_property: vector}\n"
                         "      schema:\n"
                         "        vector_indexes: [{name: vi, label: Person, property: vector, options: "
                         "{indexConfig: {vector.dimensions: 384, vector.similarity_function: cosine}}}]\n"
                         "        key_constraints");
    assert_int_equal(parse(text), HEDDLE_OK);
    const struct heddle_job_node *person = &job->nodes[0];
    assert_string_equal(person->embedding->source_field, "TX");
    assert_string_equal(person->embedding->target_property, "vector");
    assert_string_equal(person->embedding->model, "all-MiniLM-L6-v2");
    const struct heddle_job_schema_item *index = &person->base.schema[1];
    assert_int_equal(index->kind, HEDDLE_SCHEMA_VECTOR_INDEX);
    assert_int_equal(index->vector_dimensions, 384);
    assert_string_equal(index->vector_similarity, "cosine");
    assert_non_null(strstr(index->options_json, "\"vector.dimensions\":384"));
    free(text);
}

static void all_property_types_are_known_in_both_cases(void **state)
{
    (void)state;
    static const struct {
        const char *word;
        enum heddle_property_type type;
        bool is_array;
    } rows[] = {
        {"boolean", HEDDLE_PROPERTY_BOOLEAN, false},
        {"BYTE_ARRAY", HEDDLE_PROPERTY_BYTE_ARRAY, false},
        {"date_array", HEDDLE_PROPERTY_DATE, true},
        {"DURATION", HEDDLE_PROPERTY_DURATION, false},
        {"FLOAT_ARRAY", HEDDLE_PROPERTY_FLOAT, true},
        {"local_datetime", HEDDLE_PROPERTY_LOCAL_DATETIME, false},
        {"local_time", HEDDLE_PROPERTY_LOCAL_TIME, false},
        {"point", HEDDLE_PROPERTY_POINT, false},
        {"STRING", HEDDLE_PROPERTY_STRING, false},
        {"zoned_datetime_array", HEDDLE_PROPERTY_ZONED_DATETIME, true},
        {"zoned_time", HEDDLE_PROPERTY_ZONED_TIME, false},
        {"{name: float32_vector, dimension: 3}", HEDDLE_PROPERTY_VECTOR, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char with[100];
        snprintf(with, sizeof with, "target_property_type: %s", rows[i].word);
        char *text = changed("target_property_type: integer", with);
        assert_int_equal(parse(text), HEDDLE_OK);
        assert_int_equal(job->nodes[0].base.properties[0].type, rows[i].type);
        assert_int_equal(job->nodes[0].base.properties[0].is_array, rows[i].is_array);
        free(text);
    }
    assert_int_equal(job->nodes[0].base.properties[0].dimension, 3);
}

static void other_keys_of_a_target_become_extensions(void **state)
{
    (void)state;
    char *text = changed(
        "      labels: [Place]\n",
        "      labels: [Place]\n      batch_rows: 10\n      on_bad_value: null\n      mine: {a: [1]}\n");
    assert_int_equal(parse(text), HEDDLE_OK);
    const struct heddle_job_target *place = &job->nodes[1].base;
    assert_int_equal(place->extension_count, 3);
    assert_string_equal(place->extensions[1].name, "on_bad_value");
    assert_string_equal(place->extensions[1].value, "null");
    assert_string_equal(place->extensions[2].value, "{\"a\":[1]}");
    free(text);
}

static void actions_are_read_with_stage_and_mode(void **state)
{
    (void)state;
    char *text =
        changed("targets:\n", "actions: [{name: a, type: cypher, stage: PRE_NODES, query: RETURN 1, active: "
                              "false, execution_mode: AUTOCOMMIT}]\ntargets:\n");
    assert_int_equal(parse(text), HEDDLE_OK);
    assert_int_equal(job->action_count, 1);
    assert_int_equal(job->actions[0].stage, HEDDLE_STAGE_PRE_NODES);
    assert_false(job->actions[0].active);
    assert_true(job->actions[0].autocommit);
    assert_string_equal(job->actions[0].query, "RETURN 1");
    free(text);
}

/* --- the hash
 * ---------------------------------------------------------------------------------------------------- */

static uint64_t hash_of(const char *old, const char *new)
{
    char *text = changed(old, new);
    assert_int_equal(parse(text), HEDDLE_OK);
    free(text);
    return job->content_hash;
}

static void the_hash_knows_what_is_loaded_and_not_how(void **state)
{
    (void)state;
    assert_int_equal(parse(good), HEDDLE_OK);
    const uint64_t hash = job->content_hash;
    assert_true(hash != 0);
    assert_true(hash_of("config: {batch_rows: 500}\n", "# a comment\n") == hash);
    assert_true(hash_of("64MB", "1GB") == hash);
    assert_true(hash_of("maxBytesPerTrigger: 64MB", "ignoreDeletes: true") == hash);
    assert_false(hash_of("maxBytesPerTrigger: 64MB", "readChangeFeed: true") == hash);
    assert_true(hash_of("{name: t, type: parquet", "{type: \"parquet\",   name: t") == hash);
    assert_true(hash_of("write_mode: create\n", "write_mode: create\n      batch_rows: 7\n") == hash);
    assert_false(hash_of("target_property: text", "target_property: txt") == hash);
    assert_false(hash_of("path: t.parquet", "path: u.parquet") == hash);
    assert_false(hash_of("type: LIVES", "type: LIVED") == hash);
}

static void the_example_is_one_job_in_yaml_and_in_json(void **state)
{
    (void)state;
    assert_int_equal(heddle_job_read("examples/removals.yaml", &job, &problems, &last_error), HEDDLE_OK);
    assert_int_equal(problems.count, 0);
    const uint64_t hash = job->content_hash;
    assert_string_equal(job->name, "removals");
    assert_int_equal(job->node_count, 3);
    assert_int_equal(job->relationship_count, 2);
    assert_int_equal(job->nodes[0].base.property_count, 4);
    assert_string_equal(job->nodes[0].embedding->source_field, "RMV_REA_TX");
    assert_string_equal(job->relationships[1].start.mappings[0].source_field, ":ID(RemovalEvent)");
    assert_string_equal(job->relationships[1].end.mappings[0].source_field, "component_id");
    forget(NULL);
    assert_int_equal(heddle_job_read("examples/removals.json", &job, &problems, &last_error), HEDDLE_OK);
    assert_true(job->content_hash == hash);
}

/* --- shape
 * ------------------------------------------------------------------------------------------------------- */

static void missing_keys_are_told_with_the_slip_that_may_mean_them(void **state)
{
    (void)state;
    assert_error("version: '1'\n", "", "SCHM-1028", "$", "required key 'version' is missing");
    assert_error("labels: [Person, Being]", "lables: [Person]", "SCHM-1028", NODE,
                 "is it what 'lables' means?");
    assert_error("      source: t\n", "", "SCHM-1028", NODE, "'source' is missing");
    assert_error("      type: LIVES\n", "", "SCHM-1028", RELATIONSHIP, "'type' is missing");
    assert_error("target_property_type: integer", "target_property_type: {name: float_vector}", "SCHM-1028",
                 NODE ".properties[0].target_property_type", "a vector needs it");
}

static void wrong_types_are_told_with_what_was_found(void **state)
{
    (void)state;
    assert_error("version: '1'", "version: 1", "SCHM-1042", "$.version", "integer '1': put it in quotes");
    assert_error("version: '1'", "version: '2'", "SCHM-1042", "$.version", "expected the text \"1\"");
    assert_error("labels: [Person, Being]", "labels: Person", "SCHM-1029", NODE ".labels",
                 "expected list, found text 'Person'");
    assert_error("labels: [Person, Being]", "labels: [Person, yes]", "SCHM-1029", NODE ".labels[1]",
                 "YAML reads y, n, yes, no, on, off so");
    assert_error("labels: [Person, Being]", "labels: []", "SCHM-1016", NODE ".labels", "at least one item");
    assert_error("name: person", "name: ''", "SCHM-1017", NODE ".name", "an empty one");
    assert_error("name: person", "name: '  '", "SCHM-1023", NODE ".name", "only blanks");
    assert_error("write_mode: create", "active: 'true'", "SCHM-1029", "$.targets.nodes[1].active",
                 "expected boolean, found text 'true'");
    assert_error("target_property_type: integer",
                 "target_property_type: {name: float_vector, dimension: 4097}", "SCHM-1011",
                 NODE ".properties[0].target_property_type.dimension", "from 1 to 4096");
    assert_error("target_property_type: integer", "target_property_type: {name: float_vector, dimension: 0}",
                 "SCHM-1015", NODE ".properties[0].target_property_type.dimension", "from 1 to 4096");
}

static void words_are_lower_or_upper_case_and_the_nearest_is_offered(void **state)
{
    (void)state;
    assert_error("write_mode: create", "write_mode: Create", "SCHM-1008", "$.targets.nodes[1].write_mode",
                 "did you mean 'create'?");
    assert_error("write_mode: create", "write_mode: replace", "SCHM-1008", "$.targets.nodes[1].write_mode",
                 "one of create, merge");
    assert_error("target_property_type: integer", "target_property_type: interger", "SCHM-1008",
                 NODE ".properties[0].target_property_type", "did you mean 'integer'?");
}

static void closed_objects_refuse_other_keys(void **state)
{
    (void)state;
    assert_error("target_property: text}", "target_property: text, typ: string}", "SCHM-1001",
                 NODE ".properties[1]", "has no key 'typ'");
    assert_error("label: Person, properties", "lable: Person, label: Person, properties", "SCHM-1001",
                 NODE ".schema.key_constraints[0]", "has no key 'lable'");
}

static void slips_in_open_objects_are_warned_of(void **state)
{
    (void)state;
    assert_warning("write_mode: create\n", "writemode: create\n", "HDL-002", "$.targets.nodes[1]",
                   "did you mean 'write_mode'?");
    assert_warning("write_mode: create\n", "batch_row: 10\n", "HDL-002", "$.targets.nodes[1]",
                   "did you mean 'batch_rows'?");
    assert_warning("write_mode: create\n", "verify: off\n", "HDL-002", "$.targets.nodes[1]",
                   "move it under config");
}

/* --- settings
 * ---------------------------------------------------------------------------------------------------- */

static void settings_are_checked_against_the_option_table(void **state)
{
    (void)state;
    assert_error("batch_rows: 500", "batch_row: 500", "HDL-003", "$.config.batch_row",
                 "did you mean 'batch_rows'?");
    assert_error("batch_rows: 500", "batch_rows: 0", "HDL-004", "$.config.batch_rows",
                 "from 1 to 100000 or auto");
    assert_error("batch_rows: 500", "batch_rows: [5]", "HDL-004", "$.config.batch_rows",
                 "one value, found list");
    assert_error("write_mode: create\n", "writers: 1000\n", "HDL-004", "$.targets.nodes[1].writers",
                 "from 1 to 256");
    assert_error("write_mode: create\n", "on_bad_value: skip\n", "HDL-004", "$.targets.nodes[1].on_bad_value",
                 "reject or null");
    assert_warning("batch_rows: 500", "flux_capacitor: 1", "HDL-003", "$.config.flux_capacitor",
                   "is ignored");
}

static void connections_and_secrets_do_not_stand_in_a_job(void **state)
{
    (void)state;
    assert_error("batch_rows: 500", "to: neo4j://h", "HDL-005", "$.config.to", "in the environment");
    assert_error("batch_rows: 500", "NEO4J_PASSWORD: hunter2", "HDL-005", "$.config.NEO4J_PASSWORD",
                 "a flag");
    for (size_t i = 0; i < problems.count; i++) {
        assert_null(strstr(problems.items[i].message, "hunter2"));
    }
    assert_null(strstr(last_error.message, "hunter2"));
}

static void sources_and_actions_of_no_known_type_are_refused(void **state)
{
    (void)state;
    assert_error("type: parquet", "type: parket", "HDL-006", "$.sources[0].type",
                 "there are parquet, csv, jsonl");
    assert_error("path: t.parquet, ", "", "HDL-006", "$.sources[0]", "needs 'path'");
    assert_error("targets:\n", "actions: [{name: a, type: magic, stage: end}]\ntargets:\n", "HDL-007",
                 "$.actions[0].type", "expected cypher");
}

/* --- names and references
 * ---------------------------------------------------------------------------------------- */

static void names_are_unique_over_sources_targets_and_actions(void **state)
{
    (void)state;
    assert_error("name: person", "name: t", "DUPL-001", "$.sources[0].name", "stands 2 times");
}

static void what_is_named_must_exist_and_the_nearest_name_is_offered(void **state)
{
    (void)state;
    assert_error("source: t\n", "source: u\n", "DANG-001", NODE, "there is no source 'u'; did you mean 't'?");
    assert_error("      labels: [Place]\n", "      labels: [Place]\n      depends_on: [persn]\n", "DANG-002",
                 "$.targets.nodes[1]", "did you mean 'person'?");
    assert_error("start_node_reference: person", "start_node_reference: persons", "DANG-003",
                 RELATIONSHIP ".start_node_reference", "did you mean 'person'?");
    assert_error("      labels: [Place]\n", "      labels: [Place]\n      active: false\n", "DANG-004",
                 RELATIONSHIP ".end_node_reference", "its node target 'place' is not");
    assert_error("node_property: p}", "node_property: q}", "DANG-024",
                 RELATIONSHIP ".end_node_reference.key_mappings[0].node_property", "has no property 'q'");
    assert_error("      labels: [Place]\n", "      labels: [Place]\n      depends_on: [person, person]\n",
                 "DUPL-003", "$.targets.nodes[1].depends_on", "stands 2 times");
}

static void targets_that_wait_for_each_other_are_refused(void **state)
{
    (void)state;
    assert_error("      labels: [Place]\n", "      labels: [Place]\n      depends_on: [lives]\n", "CYCL-001",
                 "$.targets.nodes[1]", "'place' waits for 'lives' waits for 'place'");
}

static void one_target_must_be_active(void **state)
{
    (void)state;
    const char *text =
        "{\"version\": \"1\", \"sources\": [{\"name\": \"s\", \"type\": \"csv\", \"path\": \"x\"}],"
        "\"targets\": {\"queries\": [{\"name\": \"q\", \"source\": \"s\", \"query\": \"RETURN 1\","
        "\"active\": false}]}}";
    assert_int_equal(parse(text), HEDDLE_JOB);
    assert_non_null(find("IDLE-001", "$.targets", false));
}

static void mappings_must_be_exactly_one_key(void **state)
{
    (void)state;
    assert_error("properties: [p]}]",
                 "properties: [p]}]\n        key_constraints: [{name: pk2, label: Place, properties: "
                 "[p]}]",
                 "NRDC-002", "$.targets.nodes[1].schema", "is not needed");
    assert_error("        unique_constraints: [{name: pu, label: Place, properties: [p]}]\n", "        {}\n",
                 "NKRN-001", RELATIONSHIP ".end_node_reference", "add schema.unique_constraints");
    assert_error(
        "start_node_reference: person",
        "start_node_reference: {name: person, key_mappings: [{source_field: a, node_property: text}]}",
        "DANG-023", "$.relationships[0].start_node_reference.key_mappings[0].node_property",
        "belongs to no key");
    assert_error("{source_field: Q, node_property: p}",
                 "{source_field: Q, node_property: p}, {source_field: R, node_property: p}", "EONR-001",
                 RELATIONSHIP ".end_node_reference.key_mappings", "exactly the properties of one key");
}

static void a_mapping_of_half_a_key_names_the_other_half(void **state)
{
    (void)state;
    char *text = changed("properties: [id]}]", "properties: [id, text]}]");
    char *half = malloc(strlen(text) + 200);
    const char *place = strstr(text, "person\n      end");
    assert_non_null(half);
    assert_non_null(place);
    snprintf(half, strlen(text) + 200, "%.*s%s%s", (int)(place - text), text,
             "{name: person, key_mappings: [{source_field: a, node_property: id}]}",
             place + strlen("person"));
    assert_int_equal(parse(half), HEDDLE_JOB);
    const struct heddle_job_problem *problem =
        find("NINR-001", RELATIONSHIP ".start_node_reference.key_mappings[0]", false);
    assert_non_null(problem);
    assert_non_null(strstr(problem->message, "map 'text' too: the key constraint 'pk'"));
    free(text);
    free(half);
}

/* --- schema
 * ------------------------------------------------------------------------------------------------------ */

static void schema_items_name_labels_and_properties_of_their_target(void **state)
{
    (void)state;
    assert_error("label: Person, properties: [id]", "label: Persn, properties: [id]", "DANG-010",
                 NODE ".schema.key_constraints[0].label", "did you mean 'Person'?");
    assert_error("label: Person, properties: [id]", "label: Person, properties: [idd]", "DANG-009",
                 NODE ".schema.key_constraints[0].properties[0]", "did you mean 'id'?");
    assert_error("labels: [Person, Being]", "labels: [Person, Person]", "DUPL-008", NODE ".labels[0]",
                 "stands 2 times");
    assert_error("target_property: text}", "target_property: id}", "DUPL-009",
                 NODE ".properties[0].target_property", "2 source fields");
    assert_error("        key_constraints",
                 "        type_constraints: [{name: tc, label: Person, property: text}]\n"
                 "        key_constraints",
                 "TYPE-001", NODE ".schema.type_constraints[0].property", "target_property_type");
    assert_error("target_property_type: integer", "target_property_type: {name: string, dimension: 3}",
                 "TYPE-002", NODE ".properties[0].target_property_type.dimension", "only vectors");
    assert_error("name: pu", "name: pk", "DUPL-011", NODE ".schema.key_constraints[0]", "something else");
    assert_error("      schema:\n        key",
                 "      embedding: {source_field: TX, target_property: text}\n"
                 "      schema:\n        key",
                 "HDL-009", NODE ".embedding.target_property", "a name of its own");
}

static void a_merge_without_a_key_is_a_warning_here_and_an_error_of_run(void **state)
{
    (void)state;
    char *text = changed("      write_mode: create\n", "      write_mode: merge\n");
    char *cut = strstr(text, "  relationships:");
    char *schema = strstr(text, "      schema:\n        unique_constraints");
    assert_non_null(cut);
    assert_non_null(schema);
    *schema = '\0'; /* neither constraint nor relationship */
    assert_int_equal(parse(text), HEDDLE_OK);
    assert_int_equal(job->nodes[1].key_count, 0);
    assert_non_null(find("HDL-001", "$.targets.nodes[1]", true));
    free(text);
}

/* --- limits, files, memory
 * --------------------------------------------------------------------------------------- */

static void the_error_names_file_line_code_and_how_many_more(void **state)
{
    (void)state;
    char *text = changed("version: '1'", "version: 3");
    assert_int_equal(parse(text), HEDDLE_JOB);
    assert_string_equal(last_error.message,
                        "dir/some.job.yaml:1:10: [SCHM-1042] $.version: expected the text \"1\", "
                        "found integer '3': put it in quotes");
    free(text);
    text = changed("labels: [Person, Being]", "labels: [1, 2]");
    assert_int_equal(parse(text), HEDDLE_JOB);
    assert_non_null(
        strstr(last_error.message, "dir/some.job.yaml:9:16: [SCHM-1029] $.targets.nodes[0].labels[0]"));
    assert_non_null(strstr(last_error.message, "(and 1 more)"));
    assert_int_equal(problems.count, 2);
    free(text);
}

static void a_file_that_is_missing_or_no_document_is_told_so(void **state)
{
    (void)state;
    forget(NULL);
    assert_int_equal(heddle_job_read("no/such/job.yaml", &job, &problems, &last_error), HEDDLE_JOB);
    assert_non_null(strstr(last_error.message, "no/such/job.yaml: [HDL-010]"));
    assert_non_null(strstr(last_error.message, "No such file"));
    assert_int_equal(problems.count, 1);
    forget(NULL);
    assert_int_equal(heddle_job_read("src", &job, &problems, &last_error), HEDDLE_JOB);
    assert_non_null(strstr(last_error.message, "directory"));
    forget(NULL);
    assert_int_equal(heddle_job_parse("x", "a: b: c", 7, &job, NULL, &last_error), HEDDLE_JOB);
    assert_non_null(strstr(last_error.message, "x:1:5: [HDL-008]"));
    assert_int_equal(heddle_job_parse("x", "[1]", 3, &job, NULL, NULL), HEDDLE_JOB);
    assert_null(job);
}

static void a_thousand_mistakes_are_counted_and_two_hundred_kept(void **state)
{
    (void)state;
    char *text = malloc(40000);
    assert_non_null(text);
    snprintf(text, 40000, "%s", "version: '1'\nsources: [");
    for (size_t i = 0; i < 1000; i++) {
        strncat(text, "{name: 1, type: csv},", 40000 - strlen(text) - 1);
    }
    strncat(text, "]\ntargets: {queries: [{name: q, source: s, query: x}]}\n", 40000 - strlen(text) - 1);
    assert_int_equal(parse(text), HEDDLE_JOB);
    assert_int_equal(problems.count, 200);
    assert_non_null(strstr(last_error.message, "(and 999 more)"));
    free(text);
}

static void many_warnings_hide_no_error_and_stop_no_check(void **state)
{
    (void)state;
    char *text = malloc(40000);
    assert_non_null(text);
    snprintf(text, 40000, "%s", "config: {");
    for (size_t i = 0; i < 500; i++) {
        char key[40];
        snprintf(key, sizeof key, "flux_capacitor_%zu: 1, ", i);
        strncat(text, key, 40000 - strlen(text) - 1);
    }
    strncat(text, "}\n", 40000 - strlen(text) - 1);
    char *whole = changed("config: {batch_rows: 500}\n", text);
    assert_int_equal(parse(whole), HEDDLE_OK);
    assert_int_equal(job->relationships[0].start.mapping_count, 1);
    assert_int_equal(problems.count, 100);
    free(whole);
    free(text);
}

static void lists_that_are_compared_pairwise_are_bounded(void **state)
{
    (void)state;
    char labels[9000] = "labels: [";
    for (size_t i = 0; i < 2001; i++) {
        strncat(labels, "L,", sizeof labels - strlen(labels) - 2);
    }
    strncat(labels, "]", sizeof labels - strlen(labels) - 1);
    assert_error("labels: [Person, Being]", labels, "HDL-008", NODE ".labels", "the limit is 2000");
}

static void every_failed_allocation_is_reported_and_nothing_leaks(void **state)
{
    (void)state;
    char *bad = changed("labels: [Person, Being]", "labels: [Person, Person]");
    const char *texts[] = {good, bad};
    for (size_t t = 0; t < 2; t++) {
        int status = HEDDLE_OUT_OF_MEMORY;
        int64_t at = 0;
        for (; status == HEDDLE_OUT_OF_MEMORY; at++) {
            forget(NULL);
            heddle_memory_fail_at(at);
            status = heddle_job_parse("x.yaml", texts[t], strlen(texts[t]), &job, &problems, &last_error);
            heddle_memory_fail_at(-1);
        }
        assert_int_equal(status, t == 0 ? HEDDLE_OK : HEDDLE_JOB);
        assert_true(at > 5);
    }
    free(bad);
}

static void every_failed_allocation_while_a_file_is_read_is_reported(void **state)
{
    (void)state;
    int status = HEDDLE_OUT_OF_MEMORY;
    int64_t at = 0;
    for (; status == HEDDLE_OUT_OF_MEMORY; at++) {
        forget(NULL);
        heddle_memory_fail_at(at);
        status = heddle_job_read("examples/removals.yaml", &job, NULL, &last_error);
        heddle_memory_fail_at(-1);
    }
    assert_int_equal(status, HEDDLE_OK);
    assert_true(at > 10);
    status = HEDDLE_OUT_OF_MEMORY;
    for (at = 0; status == HEDDLE_OUT_OF_MEMORY; at++) {
        forget(NULL);
        heddle_memory_fail_at(at);
        status = heddle_job_read("no/such/job.yaml", &job, &problems, &last_error);
        heddle_memory_fail_at(-1);
    }
    assert_int_equal(status, HEDDLE_JOB);
    assert_true(at > 2);
}

static void a_long_name_is_cut_into_text_that_is_still_utf8(void **state)
{
    (void)state;
    char name[420] = "source: x"; /* an odd byte, so that the cut falls into a character */
    for (size_t i = 0; i < 100; i++) {
        strncat(name, "\xe2\x82\xac", sizeof name - strlen(name) - 1);
    }
    strncat(name, "\n", sizeof name - strlen(name) - 1);
    char *text = changed("source: t\n", name);
    assert_int_equal(parse(text), HEDDLE_JOB);
    assert_true(problems.count > 0);
    assert_true(heddle_text_is_utf8(problems.items[0].message, strlen(problems.items[0].message)));
    assert_non_null(strstr(problems.items[0].message, "'; did you mean 't'?"));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_good_job_is_read_whole, forget),
        cmocka_unit_test_teardown(references_know_their_node_key_and_source_fields, forget),
        cmocka_unit_test_teardown(without_a_write_mode_a_key_means_merge, forget),
        cmocka_unit_test_teardown(a_composite_key_keeps_the_order_of_its_constraint, forget),
        cmocka_unit_test_teardown(a_reference_may_use_another_key_than_the_first, forget),
        cmocka_unit_test_teardown(an_embedding_is_a_declared_property_with_a_model, forget),
        cmocka_unit_test_teardown(all_property_types_are_known_in_both_cases, forget),
        cmocka_unit_test_teardown(other_keys_of_a_target_become_extensions, forget),
        cmocka_unit_test_teardown(actions_are_read_with_stage_and_mode, forget),
        cmocka_unit_test_teardown(the_hash_knows_what_is_loaded_and_not_how, forget),
        cmocka_unit_test_teardown(the_example_is_one_job_in_yaml_and_in_json, forget),
        cmocka_unit_test_teardown(missing_keys_are_told_with_the_slip_that_may_mean_them, forget),
        cmocka_unit_test_teardown(wrong_types_are_told_with_what_was_found, forget),
        cmocka_unit_test_teardown(words_are_lower_or_upper_case_and_the_nearest_is_offered, forget),
        cmocka_unit_test_teardown(closed_objects_refuse_other_keys, forget),
        cmocka_unit_test_teardown(slips_in_open_objects_are_warned_of, forget),
        cmocka_unit_test_teardown(settings_are_checked_against_the_option_table, forget),
        cmocka_unit_test_teardown(connections_and_secrets_do_not_stand_in_a_job, forget),
        cmocka_unit_test_teardown(sources_and_actions_of_no_known_type_are_refused, forget),
        cmocka_unit_test_teardown(names_are_unique_over_sources_targets_and_actions, forget),
        cmocka_unit_test_teardown(what_is_named_must_exist_and_the_nearest_name_is_offered, forget),
        cmocka_unit_test_teardown(targets_that_wait_for_each_other_are_refused, forget),
        cmocka_unit_test_teardown(one_target_must_be_active, forget),
        cmocka_unit_test_teardown(mappings_must_be_exactly_one_key, forget),
        cmocka_unit_test_teardown(a_mapping_of_half_a_key_names_the_other_half, forget),
        cmocka_unit_test_teardown(schema_items_name_labels_and_properties_of_their_target, forget),
        cmocka_unit_test_teardown(a_merge_without_a_key_is_a_warning_here_and_an_error_of_run, forget),
        cmocka_unit_test_teardown(the_error_names_file_line_code_and_how_many_more, forget),
        cmocka_unit_test_teardown(a_file_that_is_missing_or_no_document_is_told_so, forget),
        cmocka_unit_test_teardown(a_thousand_mistakes_are_counted_and_two_hundred_kept, forget),
        cmocka_unit_test_teardown(many_warnings_hide_no_error_and_stop_no_check, forget),
        cmocka_unit_test_teardown(lists_that_are_compared_pairwise_are_bounded, forget),
        cmocka_unit_test_teardown(every_failed_allocation_is_reported_and_nothing_leaks, forget),
        cmocka_unit_test_teardown(every_failed_allocation_while_a_file_is_read_is_reported, forget),
        cmocka_unit_test_teardown(a_long_name_is_cut_into_text_that_is_still_utf8, forget),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
