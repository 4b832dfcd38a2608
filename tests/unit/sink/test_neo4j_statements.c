/* test_neo4j_statements.c: the Cypher that each kind of target becomes, word for word. */
#include "rows_fixture.h"

#include "sink/neo4j/ability.h"
#include "sink/neo4j/plan.h"

static const struct heddle_cypher_dialect modern = {.scoped_call = true, .versions = true};
static const struct heddle_cypher_dialect old = {0};
static const struct heddle_cypher_dialect newest = {
    .scoped_call = true, .versions = true, .element_ids = true};
static const struct heddle_cypher_dialect enterprise = {.scoped_call = true, .key_constraints = true};

/* As written; in place of MERGE; ends by id; ids back. */
static const struct heddle_cypher_form plain = {0};
static const struct heddle_cypher_form created = {.rewrite = HEDDLE_CYPHER_CREATE};
static const struct heddle_cypher_form guarded = {.rewrite = HEDDLE_CYPHER_GUARDED};
static const struct heddle_cypher_form by_id = {.by_id = true};
static const struct heddle_cypher_form learning = {.returns_ids = true};
static const struct heddle_cypher_form with_vectors = {.all_vectors = true};

static void assert_text(struct heddle_buffer *buffer, const char *wanted)
{
    assert_string_equal(heddle_buffer_text(buffer), wanted);
    heddle_buffer_free(buffer);
}

static void merged_nodes_with_a_vector(void **state)
{
    (void)state;
    struct fixture_job job;
    struct heddle_buffer text = {0};
    fixture_job_init(&job);
    heddle_cypher_write_nodes(&text, &job.targets[TARGET_REMOVAL], &modern, &plain);
    assert_text(
        &text,
        "UNWIND $rows AS r MERGE (n:`HeddleTestRemoval` {`removal_id`: r[0]}) "
        "SET n.`reason` = r[1], n.`hours` = r[2] WITH n, r CALL (n, r) { WITH n, r WHERE r[3] IS NOT NULL "
        "CALL db.create.setNodeVectorProperty(n, \"embedding\", r[3]) }");
    text = (struct heddle_buffer){0};
    heddle_cypher_write_nodes(&text, &job.targets[TARGET_REMOVAL], &old, &plain);
    assert_text(
        &text,
        "UNWIND $rows AS r MERGE (n:`HeddleTestRemoval` {`removal_id`: r[0]}) "
        "SET n.`reason` = r[1], n.`hours` = r[2] WITH n, r CALL { WITH n, r WITH n, r WHERE r[3] IS NOT NULL "
        "CALL db.create.setNodeVectorProperty(n, \"embedding\", r[3]) }");
}

static void where_every_row_has_its_vector_no_subquery_looks_for_it(void **state)
{
    (void)state;
    const struct heddle_cypher_form all = {
        .rewrite = HEDDLE_CYPHER_CREATE, .returns_ids = true, .all_vectors = true};
    struct fixture_job job;
    struct heddle_buffer text = {0};
    fixture_job_init(&job);
    heddle_cypher_write_nodes(&text, &job.targets[TARGET_REMOVAL], &old, &with_vectors);
    assert_text(&text, "UNWIND $rows AS r MERGE (n:`HeddleTestRemoval` {`removal_id`: r[0]}) "
                       "SET n.`reason` = r[1], n.`hours` = r[2] WITH n, r "
                       "CALL db.create.setNodeVectorProperty(n, \"embedding\", r[3])");
    text = (struct heddle_buffer){0};
    heddle_cypher_write_nodes(&text, &job.targets[TARGET_REMOVAL], &old, &all);
    assert_text(&text,
                "UNWIND $rows AS r CREATE (n:`HeddleTestRemoval` {`removal_id`: r[0], `reason`: r[1], "
                "`hours`: r[2]}) WITH n, r CALL db.create.setNodeVectorProperty(n, \"embedding\", r[3]) "
                "RETURN collect(id(n)) AS ids");
    text = (struct heddle_buffer){0};
    heddle_cypher_write_nodes(&text, &job.targets[TARGET_AIRCRAFT], &old, &with_vectors);
    assert_null(strstr(heddle_buffer_text(&text), "CALL"));
    heddle_buffer_free(&text);
}

static void created_nodes_take_all_properties_at_once(void **state)
{
    (void)state;
    struct fixture_job job;
    struct heddle_buffer text = {0};
    fixture_job_init(&job);
    struct heddle_target *target = &job.targets[TARGET_REMOVAL];
    target->merge = false;
    target->vector_property = NULL;
    heddle_cypher_write_nodes(&text, target, &modern, &plain);
    assert_text(&text, "UNWIND $rows AS r CREATE (n:`HeddleTestRemoval` {`removal_id`: r[0], `reason`: r[1], "
                       "`hours`: r[2]})");
}

static void a_stamp_goes_on_what_is_created_and_not_on_what_is_met(void **state)
{
    (void)state;
    struct fixture_job job;
    struct heddle_buffer text = {0};
    fixture_job_init(&job);
    struct heddle_target *removal = &job.targets[TARGET_REMOVAL];
    struct heddle_target *removed_from = &job.targets[TARGET_REMOVED_FROM];
    removal->stamp = removed_from->stamp = "x1";
    removal->vector_property = NULL;
    heddle_cypher_write_nodes(&text, removal, &modern, &plain);
    assert_text(&text, "UNWIND $rows AS r MERGE (n:`HeddleTestRemoval` {`removal_id`: r[0]}) ON CREATE SET "
                       "n.`load_id` = \"x1\" SET n.`reason` = r[1], n.`hours` = r[2]");
    text = (struct heddle_buffer){0};
    heddle_cypher_write_nodes(&text, removal, &modern, &created);
    assert_text(&text, "UNWIND $rows AS r CREATE (n:`HeddleTestRemoval` {`removal_id`: r[0], `reason`: r[1], "
                       "`hours`: r[2], `load_id`: \"x1\"})");
    text = (struct heddle_buffer){0};
    removed_from->property_count = removed_from->key_count = 0;
    heddle_cypher_write_relationships(&text, job.targets, removed_from, &modern, &guarded);
    assert_non_null(strstr(heddle_buffer_text(&text),
                           "NOT EXISTS { (a)-[:`HEDDLE_TEST_REMOVED_FROM`]->(b) } CREATE "
                           "(a)-[:`HEDDLE_TEST_REMOVED_FROM` {`load_id`: \"x1\"}]->(b)"));
    heddle_buffer_reset(&text);
    removed_from->merge_ends = true;
    heddle_cypher_write_relationships(&text, job.targets, removed_from, &modern, &plain);
    assert_text(
        &text,
        "UNWIND $rows AS r MERGE (a:`HeddleTestRemoval` {`removal_id`: r[0]}) ON CREATE SET a.`load_id` = "
        "\"x1\" MERGE (b:`HeddleTestAircraft` {`aircraft_id`: r[1]}) ON CREATE SET b.`load_id` = \"x1\" "
        "MERGE (a)-[x:`HEDDLE_TEST_REMOVED_FROM`]->(b) ON CREATE SET x.`load_id` = \"x1\" "
        "RETURN count(DISTINCT r[2]) AS n");
}

static void keys_come_first_wherever_they_stand_in_the_job(void **state)
{
    (void)state;
    static const size_t keys[] = {2, 0};
    static const char *const labels[] = {"A", "B"};
    struct fixture_job job;
    struct heddle_buffer text = {0};
    fixture_job_init(&job);
    struct heddle_target *target = &job.targets[TARGET_REMOVAL];
    target->key = keys;
    target->key_count = 2;
    target->labels = labels;
    target->label_count = 2;
    target->vector_property = NULL;
    heddle_cypher_write_nodes(&text, target, &modern, &plain);
    assert_text(
        &text,
        "UNWIND $rows AS r MERGE (n:`A`:`B` {`hours`: r[0], `removal_id`: r[1]}) SET n.`reason` = r[2]");
}

static void relationships_between_nodes_that_must_exist(void **state)
{
    (void)state;
    struct fixture_job job;
    struct heddle_buffer text = {0};
    fixture_job_init(&job);
    struct heddle_target *target = &job.targets[TARGET_REMOVED_FROM];
    heddle_cypher_write_relationships(&text, job.targets, target, &modern, &plain);
    assert_text(&text, "UNWIND $rows AS r MATCH (a:`HeddleTestRemoval` {`removal_id`: r[0]}) "
                       "MATCH (b:`HeddleTestAircraft` {`aircraft_id`: r[1]}) "
                       "MERGE (a)-[x:`HEDDLE_TEST_REMOVED_FROM`]->(b) SET x.`hours` = r[2] RETURN "
                       "count(DISTINCT r[3]) AS n");
    text = (struct heddle_buffer){0};
    heddle_cypher_missing_ends(&text, job.targets, target);
    assert_text(&text,
                "UNWIND $rows AS r OPTIONAL MATCH (a:`HeddleTestRemoval` {`removal_id`: r[0]}) "
                "WITH r, count(a) AS starts OPTIONAL MATCH (b:`HeddleTestAircraft` {`aircraft_id`: r[1]}) "
                "WITH r, starts, count(b) AS ends WHERE starts = 0 OR ends = 0 "
                "RETURN collect([r[2], starts > 0, ends > 0]) AS missing");
}

static void relationships_with_a_key_and_ends_to_be_merged(void **state)
{
    (void)state;
    static const size_t keys[] = {0};
    struct fixture_job job;
    struct heddle_buffer text = {0};
    fixture_job_init(&job);
    struct heddle_target *target = &job.targets[TARGET_REMOVED_FROM];
    target->key = keys;
    target->key_count = 1;
    target->merge_ends = true;
    heddle_cypher_write_relationships(&text, job.targets, target, &modern, &plain);
    assert_text(
        &text,
        "UNWIND $rows AS r MERGE (a:`HeddleTestRemoval` {`removal_id`: r[0]}) "
        "MERGE (b:`HeddleTestAircraft` {`aircraft_id`: r[1]}) "
        "MERGE (a)-[x:`HEDDLE_TEST_REMOVED_FROM` {`hours`: r[2]}]->(b) RETURN count(DISTINCT r[3]) AS n");
    text = (struct heddle_buffer){0};
    target->merge = false;
    target->merge_ends = false;
    heddle_cypher_write_relationships(&text, job.targets, target, &modern, &plain);
    assert_text(&text, "UNWIND $rows AS r MATCH (a:`HeddleTestRemoval` {`removal_id`: r[0]}) "
                       "MATCH (b:`HeddleTestAircraft` {`aircraft_id`: r[1]}) "
                       "CREATE (a)-[x:`HEDDLE_TEST_REMOVED_FROM` {`hours`: r[2]}]->(b) RETURN count(*) AS n");
}

static void roads_that_create_say_so_and_keep_the_identity(void **state)
{
    (void)state;
    static const size_t keys[] = {0};
    struct fixture_job job;
    struct heddle_buffer text = {0};
    fixture_job_init(&job);
    struct heddle_target *target = &job.targets[TARGET_REMOVED_FROM];
    heddle_cypher_write_relationships(&text, job.targets, target, &modern, &created);
    assert_text(&text, "UNWIND $rows AS r MATCH (a:`HeddleTestRemoval` {`removal_id`: r[0]}) "
                       "MATCH (b:`HeddleTestAircraft` {`aircraft_id`: r[1]}) "
                       "CREATE (a)-[x:`HEDDLE_TEST_REMOVED_FROM` {`hours`: r[2]}]->(b) RETURN count(*) AS n");
    target->key = keys;
    target->key_count = 1;
    text = (struct heddle_buffer){0};
    heddle_cypher_write_relationships(&text, job.targets, target, &modern, &guarded);
    assert_text(&text,
                "UNWIND $rows AS r MATCH (a:`HeddleTestRemoval` {`removal_id`: r[0]}) "
                "MATCH (b:`HeddleTestAircraft` {`aircraft_id`: r[1]}) CALL (a, b, r) { WITH a, b, r "
                "WHERE NOT EXISTS { (a)-[:`HEDDLE_TEST_REMOVED_FROM` {`hours`: r[2]}]->(b) } "
                "CREATE (a)-[:`HEDDLE_TEST_REMOVED_FROM` {`hours`: r[2]}]->(b) } RETURN count(*) AS n");
    text = (struct heddle_buffer){0};
    heddle_cypher_write_relationships(&text, job.targets, target, &old, &guarded);
    assert_non_null(strstr(heddle_buffer_text(&text), " CALL { WITH a, b, r WITH a, b, r WHERE NOT EXISTS"));
    heddle_buffer_free(&text);
    text = (struct heddle_buffer){0};
    heddle_cypher_write_nodes(&text, &job.targets[TARGET_AIRCRAFT], &modern, &created);
    assert_text(&text, "UNWIND $rows AS r CREATE (n:`HeddleTestAircraft` {`aircraft_id`: r[0]})");
}

static void a_rewrite_changes_nothing_where_the_job_creates(void **state)
{
    (void)state;
    struct fixture_job job;
    struct heddle_buffer text = {0};
    struct heddle_buffer other = {0};
    fixture_job_init(&job);
    struct heddle_target *target = &job.targets[TARGET_REMOVED_FROM];
    target->merge = false;
    heddle_cypher_write_relationships(&text, job.targets, target, &modern, &plain);
    heddle_cypher_write_relationships(&other, job.targets, target, &modern, &guarded);
    assert_string_equal(heddle_buffer_text(&text), heddle_buffer_text(&other));
    heddle_buffer_free(&text);
    heddle_buffer_free(&other);
}

static void ends_by_id_compare_label_and_key_and_fail_when_one_is_not_found(void **state)
{
    (void)state;
    struct fixture_job job;
    struct heddle_buffer text = {0};
    fixture_job_init(&job);
    struct heddle_target *target = &job.targets[TARGET_REMOVED_FROM];
    heddle_cypher_write_relationships(&text, job.targets, target, &modern, &by_id);
    assert_text(&text, "CYPHER 5 UNWIND $rows AS r "
                       "MATCH (a) WHERE id(a) = r[0] AND a.`removal_id` = r[2] AND CASE WHEN "
                       "a:`HeddleTestRemoval` THEN true END "
                       "MATCH (b) WHERE id(b) = r[1] AND b.`aircraft_id` = r[3] AND CASE WHEN "
                       "b:`HeddleTestAircraft` THEN true END "
                       "MERGE (a)-[x:`HEDDLE_TEST_REMOVED_FROM`]->(b) SET x.`hours` = r[4] "
                       "WITH count(DISTINCT r[5]) AS n RETURN n / CASE WHEN n = $n THEN 1 ELSE 0 END AS n");
    text = (struct heddle_buffer){0};
    heddle_cypher_write_relationships(&text, job.targets, target, &newest, &by_id);
    assert_non_null(
        strstr(heddle_buffer_text(&text), "UNWIND $rows AS r MATCH (a) WHERE elementId(a) = r[0]"));
    assert_null(strstr(heddle_buffer_text(&text), "CYPHER 5"));
    heddle_buffer_free(&text);
}

static void nodes_tell_their_ids_where_they_are_asked_to(void **state)
{
    (void)state;
    struct fixture_job job;
    struct heddle_buffer text = {0};
    fixture_job_init(&job);
    heddle_cypher_write_nodes(&text, &job.targets[TARGET_AIRCRAFT], &modern, &learning);
    assert_text(&text, "CYPHER 5 UNWIND $rows AS r MERGE (n:`HeddleTestAircraft` {`aircraft_id`: r[0]}) "
                       "RETURN collect(id(n)) AS ids");
    text = (struct heddle_buffer){0};
    heddle_cypher_write_nodes(&text, &job.targets[TARGET_AIRCRAFT], &newest, &learning);
    assert_text(&text, "UNWIND $rows AS r MERGE (n:`HeddleTestAircraft` {`aircraft_id`: r[0]}) "
                       "RETURN collect(elementId(n)) AS ids");
    text = (struct heddle_buffer){0};
    heddle_cypher_read_ids(&text, &job.targets[TARGET_AIRCRAFT], &old);
    assert_text(&text, "MATCH (n:`HeddleTestAircraft`) WITH n, id(n) AS i WHERE $from <= i AND i < $to "
                       "WITH i / 10000 AS g, collect([id(n), n.`aircraft_id`]) AS ids RETURN ids");
    text = (struct heddle_buffer){0};
    heddle_cypher_read_ids(&text, &job.targets[TARGET_AIRCRAFT], &newest);
    assert_text(&text, "MATCH (n:`HeddleTestAircraft`) WITH n, toInteger(split(elementId(n), ':')[2]) AS i "
                       "WHERE $from <= i AND i < $to WITH i / 10000 AS g, "
                       "collect([elementId(n), n.`aircraft_id`]) AS ids RETURN ids");
}

static void a_node_and_its_relationships_are_one_statement_that_finds_every_end_or_fails(void **state)
{
    (void)state;
    static const size_t riders[] = {TARGET_REMOVED_FROM, TARGET_OF_COMPONENT};
    static const struct heddle_cypher_form forms[] = {{.rewrite = HEDDLE_CYPHER_CREATE},
                                                      {.rewrite = HEDDLE_CYPHER_CREATE, .by_id = true},
                                                      {.rewrite = HEDDLE_CYPHER_CREATE, .returns_ids = true}};
    struct fixture_job job;
    struct heddle_buffer text = {0};
    fixture_job_init(&job);
    struct heddle_target *removal = &job.targets[TARGET_REMOVAL];
    removal->vector_property = NULL;
    heddle_cypher_write_together(&text, job.targets, removal, riders, 2, &modern, &forms[0]);
    assert_text(&text, "UNWIND $rows AS r MATCH (b0:`HeddleTestAircraft` {`aircraft_id`: r[3]}) "
                       "MATCH (b1:`HeddleTestComponent` {`component_id`: r[5]}) "
                       "CREATE (n:`HeddleTestRemoval` {`removal_id`: r[0], `reason`: r[1], `hours`: r[2]}), "
                       "(n)-[:`HEDDLE_TEST_REMOVED_FROM` {`hours`: r[4]}]->(b0), "
                       "(n)-[:`HEDDLE_TEST_OF_COMPONENT`]->(b1) "
                       "WITH count(*) AS n RETURN n / CASE WHEN n = $n THEN 1 ELSE 0 END AS n");
    text = (struct heddle_buffer){0};
    heddle_cypher_write_together(&text, job.targets, removal, riders, 2, &newest, &forms[1]);
    assert_text(&text, "UNWIND $rows AS r MATCH (b0:`HeddleTestAircraft`) WHERE elementId(b0) = r[3] "
                       "AND CASE WHEN b0.`aircraft_id` = r[4] THEN true END "
                       "MATCH (b1:`HeddleTestComponent`) WHERE elementId(b1) = r[6] "
                       "AND CASE WHEN b1.`component_id` = r[7] THEN true END "
                       "CREATE (n:`HeddleTestRemoval` {`removal_id`: r[0], `reason`: r[1], `hours`: r[2]}), "
                       "(n)-[:`HEDDLE_TEST_REMOVED_FROM` {`hours`: r[5]}]->(b0), "
                       "(n)-[:`HEDDLE_TEST_OF_COMPONENT`]->(b1) "
                       "WITH count(*) AS n RETURN n / CASE WHEN n = $n THEN 1 ELSE 0 END AS n");
    text = (struct heddle_buffer){0};
    removal->vector_property = "embedding";
    heddle_cypher_write_together(&text, job.targets, removal, riders, 1, &modern, &forms[2]);
    assert_text(&text, "CYPHER 5 UNWIND $rows AS r MATCH (b0:`HeddleTestAircraft` {`aircraft_id`: r[4]}) "
                       "CREATE (n:`HeddleTestRemoval` {`removal_id`: r[0], `reason`: r[1], `hours`: r[2]}), "
                       "(n)-[:`HEDDLE_TEST_REMOVED_FROM` {`hours`: r[5]}]->(b0) "
                       "WITH n, r CALL (n, r) { WITH n, r WHERE r[3] IS NOT NULL CALL "
                       "db.create.setNodeVectorProperty(n, \"embedding\", r[3]) } "
                       "WITH collect(id(n)) AS ids RETURN ids, size(ids) / "
                       "CASE WHEN size(ids) = $n THEN 1 ELSE 0 END AS n");
}

static void names_cannot_break_out_of_their_quotes(void **state)
{
    (void)state;
    static const char *const evil[] = {"A`) DETACH DELETE n //"};
    static const char *const escaped[] = {"A\\u0060"};
    struct fixture_job job;
    struct heddle_buffer text = {0};
    struct heddle_error error = {0};
    fixture_job_init(&job);
    struct heddle_target *target = &job.targets[TARGET_AIRCRAFT];
    target->labels = evil;
    assert_int_equal(heddle_cypher_check_names(target, &error), HEDDLE_OK);
    heddle_cypher_write_nodes(&text, target, &modern, &plain);
    assert_text(&text, "UNWIND $rows AS r MERGE (n:`A``) DETACH DELETE n //` {`aircraft_id`: r[0]})");
    target->labels = escaped;
    assert_int_equal(heddle_cypher_check_names(target, &error), HEDDLE_INVALID);
    assert_non_null(strstr(error.message, "A\\u0060"));
    text = (struct heddle_buffer){0};
    target->labels = job.aircraft_label;
    target->vector_property = "a\"b\\c";
    heddle_cypher_write_nodes(&text, target, &modern, &plain);
    assert_non_null(strstr(heddle_buffer_text(&text), "setNodeVectorProperty(n, \"a\\\"b\\\\c\", r[1])"));
    heddle_buffer_free(&text);
}

static void schema_text(const struct heddle_target *target, enum heddle_target_schema_kind kind,
                        const struct heddle_cypher_dialect *dialect, const char *wanted)
{
    static const char *const labels[] = {"L"};
    static const char *const properties[] = {"p", "q"};
    const bool single = kind != HEDDLE_TARGET_UNIQUE && kind != HEDDLE_TARGET_NODE_KEY &&
                        kind != HEDDLE_TARGET_RANGE_INDEX && kind != HEDDLE_TARGET_FULLTEXT_INDEX;
    const struct heddle_target_schema schema = {
        .kind = kind,
        .name = "x",
        .labels = labels,
        .label_count = 1,
        .properties = properties,
        .property_count = single ? 1 : 2,
        .property_type = "LIST<STRING NOT NULL>",
        .dimensions = 384,
    };
    struct heddle_buffer text = {0};
    assert_int_equal(heddle_cypher_schema(&text, target, &schema, dialect, NULL), HEDDLE_OK);
    assert_text(&text, wanted);
}

static void every_kind_of_constraint_and_index(void **state)
{
    (void)state;
    struct fixture_job job;
    fixture_job_init(&job);
    const struct heddle_target *node = &job.targets[TARGET_AIRCRAFT];
    const struct heddle_target *relationship = &job.targets[TARGET_OF_COMPONENT];
    schema_text(node, HEDDLE_TARGET_UNIQUE, &modern,
                "CREATE CONSTRAINT `x` IF NOT EXISTS FOR (n:`L`) REQUIRE (n.`p`, n.`q`) IS UNIQUE");
    schema_text(relationship, HEDDLE_TARGET_UNIQUE, &modern,
                "CREATE CONSTRAINT `x` IF NOT EXISTS FOR ()-[n:`HEDDLE_TEST_OF_COMPONENT`]-() REQUIRE "
                "(n.`p`, n.`q`) IS "
                "UNIQUE");
    schema_text(node, HEDDLE_TARGET_NODE_KEY, &modern,
                "CREATE CONSTRAINT `x` IF NOT EXISTS FOR (n:`L`) REQUIRE (n.`p`, n.`q`) IS UNIQUE");
    schema_text(node, HEDDLE_TARGET_NODE_KEY, &enterprise,
                "CREATE CONSTRAINT `x` IF NOT EXISTS FOR (n:`L`) REQUIRE (n.`p`, n.`q`) IS NODE KEY");
    schema_text(node, HEDDLE_TARGET_EXISTENCE, &enterprise,
                "CREATE CONSTRAINT `x` IF NOT EXISTS FOR (n:`L`) REQUIRE n.`p` IS NOT NULL");
    schema_text(node, HEDDLE_TARGET_TYPE, &enterprise,
                "CREATE CONSTRAINT `x` IF NOT EXISTS FOR (n:`L`) REQUIRE n.`p` IS :: LIST<STRING NOT NULL>");
    schema_text(node, HEDDLE_TARGET_RANGE_INDEX, &modern,
                "CREATE RANGE INDEX `x` IF NOT EXISTS FOR (n:`L`) ON (n.`p`, n.`q`)");
    schema_text(node, HEDDLE_TARGET_TEXT_INDEX, &modern,
                "CREATE TEXT INDEX `x` IF NOT EXISTS FOR (n:`L`) ON (n.`p`)");
    schema_text(node, HEDDLE_TARGET_POINT_INDEX, &modern,
                "CREATE POINT INDEX `x` IF NOT EXISTS FOR (n:`L`) ON (n.`p`)");
    schema_text(node, HEDDLE_TARGET_FULLTEXT_INDEX, &modern,
                "CREATE FULLTEXT INDEX `x` IF NOT EXISTS FOR (n:`L`) ON EACH [n.`p`, n.`q`]");
    schema_text(node, HEDDLE_TARGET_VECTOR_INDEX, &modern,
                "CREATE VECTOR INDEX `x` IF NOT EXISTS FOR (n:`L`) ON (n.`p`) OPTIONS {indexConfig: "
                "{`vector.dimensions`: 384, `vector.similarity_function`: 'cosine'}}");
}

static void types_and_similarities_that_are_none_are_refused(void **state)
{
    (void)state;
    static const char *const properties[] = {"p"};
    struct fixture_job job;
    struct heddle_buffer text = {0};
    fixture_job_init(&job);
    struct heddle_target_schema schema = {.kind = HEDDLE_TARGET_TYPE,
                                          .name = "x",
                                          .properties = properties,
                                          .property_count = 1,
                                          .property_type = "STRING; DROP"};
    assert_int_equal(heddle_cypher_schema(&text, &job.targets[0], &schema, &modern, NULL), HEDDLE_INVALID);
    schema.kind = HEDDLE_TARGET_VECTOR_INDEX;
    schema.similarity = "dot_product";
    assert_int_equal(heddle_cypher_schema(&text, &job.targets[0], &schema, &modern, NULL), HEDDLE_INVALID);
    heddle_buffer_free(&text);
}

static void node_targets_that_share_a_label_share_a_key_space(void **state)
{
    (void)state;
    static const char *const both[] = {"HeddleTestAircraft", "HeddleTestComponent"};
    struct fixture_job job;
    struct fixture_rejects rejects = {0};
    struct heddle_write_plan *plans = NULL;
    size_t spaces = 0;
    fixture_job_init(&job);
    const struct heddle_sink_options options = {
        .targets = job.targets, .target_count = TARGETS, .rejects = {fixture_reject, &rejects}};
    assert_int_equal(heddle_plans_create(&options, &modern, &plans, &spaces, NULL), HEDDLE_OK);
    assert_int_equal(spaces, 3 + TARGETS); /* and one for the identities of each target */
    assert_int_equal(plans[TARGET_REMOVED_FROM].claim, HEDDLE_CLAIM_ENDS);
    assert_int_equal(plans[TARGET_REMOVED_FROM].space_a, plans[TARGET_REMOVAL].space_a);
    assert_int_equal(plans[TARGET_REMOVED_FROM].space_b, plans[TARGET_AIRCRAFT].space_a);
    assert_int_not_equal(plans[TARGET_COMPONENT].space_a, plans[TARGET_AIRCRAFT].space_a);
    heddle_plans_destroy(plans, TARGETS);
    job.targets[TARGET_REMOVAL].labels = both;
    job.targets[TARGET_REMOVAL].label_count = 2;
    assert_int_equal(heddle_plans_create(&options, &modern, &plans, &spaces, NULL), HEDDLE_OK);
    assert_int_equal(spaces, 1 + TARGETS);
    heddle_plans_destroy(plans, TARGETS);
}

/* The plans of the removals job into a graph that holds `there` of everything. */
static struct heddle_write_plan *roads_into(struct fixture_job *job, int64_t there, size_t writers)
{
    static const struct heddle_ability ability = {.major = 5, .minor = 26};
    int64_t before[TARGETS];
    struct heddle_write_plan *plans = NULL;
    size_t spaces = 0;
    const struct heddle_sink_options options = {.targets = job->targets, .target_count = TARGETS};
    for (size_t i = 0; i < TARGETS; i++) {
        before[i] = there;
    }
    assert_int_equal(heddle_plans_create(&options, &modern, &plans, &spaces, NULL), HEDDLE_OK);
    assert_int_equal(heddle_plans_take_roads(plans, &options, &ability, before, writers, false, NULL),
                     HEDDLE_OK);
    return plans;
}

static void what_rows_claim_follows_from_the_road(void **state)
{
    (void)state;
    struct fixture_job job;
    fixture_job_init(&job);
    struct heddle_write_plan *plans = roads_into(&job, 7, 4);
    assert_int_equal(plans[TARGET_AIRCRAFT].claim, HEDDLE_CLAIM_KEY);
    assert_int_equal(plans[TARGET_REMOVED_FROM].claim, HEDDLE_CLAIM_ENDS);
    assert_false(heddle_plan_rewrites(&plans[TARGET_REMOVED_FROM]));
    heddle_plans_destroy(plans, TARGETS);

    plans = roads_into(&job, 0, 4);
    assert_int_equal(plans[TARGET_REMOVED_FROM].road.road, HEDDLE_ROAD_CREATE);
    assert_int_equal(plans[TARGET_REMOVED_FROM].claim, HEDDLE_CLAIM_IDENTITY);
    assert_int_not_equal(plans[TARGET_REMOVED_FROM].space_a, plans[TARGET_OF_COMPONENT].space_a);
    for (size_t i = 0; i < TARGETS; i++) {
        assert_int_not_equal(plans[TARGET_REMOVED_FROM].space_a, plans[i].node_space_a);
    }
    assert_int_equal(plans[TARGET_AIRCRAFT].claim,
                     HEDDLE_CLAIM_KEY); /* a repeat must not overtake its first */
    heddle_plans_destroy(plans, TARGETS);

    plans = roads_into(&job, 7, 1);
    assert_int_equal(plans[TARGET_REMOVED_FROM].claim, HEDDLE_CLAIM_ONE);
    heddle_plans_destroy(plans, TARGETS);

    job.targets[TARGET_REMOVED_FROM].merge = false;
    plans = roads_into(&job, 7, 4);
    assert_int_equal(plans[TARGET_REMOVED_FROM].claim, HEDDLE_CLAIM_NOTHING);
    heddle_plans_destroy(plans, TARGETS);
}

static void each_road_has_its_statements_and_no_others(void **state)
{
    (void)state;
    struct fixture_job job;
    fixture_job_init(&job);
    struct heddle_write_plan *plans = roads_into(&job, 0, 4);
    assert_non_null(plans[TARGET_REMOVED_FROM].write_forms[HEDDLE_CYPHER_CREATE][1]);
    /* It sets `hours` of what it meets, which a guard would pass by. */
    assert_null(plans[TARGET_REMOVED_FROM].write_forms[HEDDLE_CYPHER_GUARDED][0]);
    assert_non_null(plans[TARGET_OF_COMPONENT].write_forms[HEDDLE_CYPHER_GUARDED][1]);
    assert_null(plans[TARGET_AIRCRAFT].write_forms[HEDDLE_CYPHER_AS_WRITTEN][1]);
    assert_null(plans[TARGET_AIRCRAFT].vector_forms[HEDDLE_CYPHER_AS_WRITTEN]);
    assert_non_null(plans[TARGET_REMOVAL].vector_forms[HEDDLE_CYPHER_AS_WRITTEN]);
    assert_non_null(plans[TARGET_REMOVAL].vector_forms[HEDDLE_CYPHER_CREATE]);
    assert_null(plans[TARGET_REMOVED_FROM].vector_forms[HEDDLE_CYPHER_AS_WRITTEN]);
    assert_non_null(
        strstr(plans[TARGET_AIRCRAFT].write_forms[HEDDLE_CYPHER_AS_WRITTEN][0], "collect(id(n))"));
    assert_true(plans[TARGET_AIRCRAFT].id_space_a == plans[TARGET_REMOVED_FROM].id_space_b);
    assert_true(plans[TARGET_AIRCRAFT].id_space_a != plans[TARGET_REMOVED_FROM].id_space_a);
    heddle_plans_destroy(plans, TARGETS);
}

static void transaction_sizes_follow_what_a_row_costs_the_server(void **state)
{
    (void)state;
    struct fixture_job job;
    fixture_job_init(&job);
    struct heddle_sink_options options = {0};
    struct heddle_write_plan plan = {.target = &job.targets[TARGET_REMOVAL]};
    heddle_plan_set_limits(&plan, &options, false);
    assert_int_equal(plan.batch_rows, 1000);
    heddle_plan_set_limits(&plan, &options, true);
    assert_int_equal(plan.batch_rows, 250);
    assert_int_equal(plan.batch_bytes, 4 * 1024 * 1024);
    plan.target = &job.targets[TARGET_AIRCRAFT];
    heddle_plan_set_limits(&plan, &options, false);
    assert_int_equal(plan.batch_rows, 2000);
    options.batch_rows = 5000;
    heddle_plan_set_limits(&plan, &options, false);
    assert_int_equal(plan.batch_rows, 5000);
    job.targets[TARGET_AIRCRAFT].batch_rows = 77;
    heddle_plan_set_limits(&plan, &options, false);
    assert_int_equal(plan.batch_rows, 77);
}

static void versions_are_read_as_servers_write_them(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int major;
        int minor;
    } cases[] = {
        {"5.26.30", 5, 26}, {"2026.08.1", 2026, 8}, {"5.27-aura", 5, 27}, {"4.4.40", 4, 4}, {"dev", 0, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int major = -1;
        int minor = -1;
        heddle_ability_parse_version(cases[i].text, &major, &minor);
        assert_int_equal(major, cases[i].major);
        assert_int_equal(minor, cases[i].minor);
    }
    assert_int_equal(heddle_ability_writers(&(struct heddle_ability){.cores = 2}), 2);
    assert_int_equal(heddle_ability_writers(&(struct heddle_ability){.cores = 64}), 8);
    assert_int_equal(heddle_ability_writers(&(struct heddle_ability){.cores = 0}), 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(merged_nodes_with_a_vector),
        cmocka_unit_test(where_every_row_has_its_vector_no_subquery_looks_for_it),
        cmocka_unit_test(created_nodes_take_all_properties_at_once),
        cmocka_unit_test(a_stamp_goes_on_what_is_created_and_not_on_what_is_met),
        cmocka_unit_test(keys_come_first_wherever_they_stand_in_the_job),
        cmocka_unit_test(relationships_between_nodes_that_must_exist),
        cmocka_unit_test(relationships_with_a_key_and_ends_to_be_merged),
        cmocka_unit_test(roads_that_create_say_so_and_keep_the_identity),
        cmocka_unit_test(a_rewrite_changes_nothing_where_the_job_creates),
        cmocka_unit_test(ends_by_id_compare_label_and_key_and_fail_when_one_is_not_found),
        cmocka_unit_test(nodes_tell_their_ids_where_they_are_asked_to),
        cmocka_unit_test(what_rows_claim_follows_from_the_road),
        cmocka_unit_test(each_road_has_its_statements_and_no_others),
        cmocka_unit_test(a_node_and_its_relationships_are_one_statement_that_finds_every_end_or_fails),
        cmocka_unit_test(names_cannot_break_out_of_their_quotes),
        cmocka_unit_test(every_kind_of_constraint_and_index),
        cmocka_unit_test(types_and_similarities_that_are_none_are_refused),
        cmocka_unit_test(node_targets_that_share_a_label_share_a_key_space),
        cmocka_unit_test(transaction_sizes_follow_what_a_row_costs_the_server),
        cmocka_unit_test(versions_are_read_as_servers_write_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
