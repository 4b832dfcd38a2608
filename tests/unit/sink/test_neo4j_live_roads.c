/* test_neo4j_live_roads.c: every road writes the graph that a plain MERGE by one writer writes. Random jobs (bare, with a key
 * property, with a value, with both; loops, repeats, ends that are missing) into graphs that hold something already,
 * parallel relationships included; ends by key and by id, also in Cypher 25; ids that are out of date.
 */
#include "live_fixture.h"

#include "sink/neo4j/ability.h"
#include "sink/road.h"

enum { NODES = 60, ROWS = 900, KINDS = 4, WRITERS = 4, BATCH_ROWS = 40 };
enum { COLUMN_FROM, COLUMN_TO, COLUMN_KEY, COLUMN_VALUE, COLUMNS };

/* One row: ends, key property, value. */
struct edge {
    int64_t cells[COLUMNS];
};

static const struct heddle_field edge_fields[COLUMNS] = {{.name = "from", .type = HEDDLE_TYPE_INTEGER},
                                                         {.name = "to", .type = HEDDLE_TYPE_INTEGER},
                                                         {.name = "key", .type = HEDDLE_TYPE_INTEGER},
                                                         {.name = "value", .type = HEDDLE_TYPE_INTEGER}};
static const struct heddle_schema edge_schema = {edge_fields, COLUMNS};

/* What a relationship has besides its ends. */
struct kind {
    const char *name;
    bool key;
    bool value;
};

static const struct kind kinds[KINDS] = {
    {"bare", false, false}, {"key", true, false}, {"value", false, true}, {"both", true, true}};

/* A job of two targets: (:HeddleTestNode {id}) and relationships of a type between them. */
struct graph_job {
    struct heddle_target_property from[1];
    struct heddle_target_property to[1];
    struct heddle_target_property properties[2];
    size_t first[1];
    const char *label[1];
    const char *key[1];
    struct heddle_target_schema schema[1];
    struct heddle_target targets[2];
};

static void graph_job_init(struct graph_job *job, const struct kind *kind, const char *type, bool merge)
{
    *job = (struct graph_job){
        .from = {{.name = "id", .field = "from", .column = COLUMN_FROM}},
        .to = {{.name = "id", .field = "to", .column = COLUMN_TO}},
        .properties = {{.name = "k", .field = "key", .column = COLUMN_KEY},
                       {.name = "v", .field = "value", .column = COLUMN_VALUE}},
        .label = {"HeddleTestNode"},
        .key = {"id"},
    };
    job->schema[0] = (struct heddle_target_schema){.kind = HEDDLE_TARGET_UNIQUE,
                                                   .name = "heddle_test_node",
                                                   .labels = job->label,
                                                   .label_count = 1,
                                                   .properties = job->key,
                                                   .property_count = 1};
    job->targets[0] = (struct heddle_target){.kind = HEDDLE_TARGET_NODE,
                                             .name = "node",
                                             .merge = true,
                                             .properties = job->from,
                                             .property_count = 1,
                                             .key = job->first,
                                             .key_count = 1,
                                             .schema = job->schema,
                                             .schema_count = 1,
                                             .labels = job->label,
                                             .label_count = 1};
    job->targets[1] =
        (struct heddle_target){.kind = HEDDLE_TARGET_RELATIONSHIP,
                               .name = "edge",
                               .merge = merge,
                               .properties = job->properties + (kind->key ? 0 : 1),
                               .property_count = (kind->key ? 1U : 0U) + (kind->value ? 1U : 0U),
                               .key = job->first,
                               .key_count = kind->key && merge ? 1 : 0,
                               .type = type,
                               .start = {0, job->from, 1},
                               .end = {0, job->to, 1}};
}

static struct heddle_batch *edge_batch(const struct edge *edges, size_t count, uint64_t sequence)
{
    struct heddle_batch *batch = NULL;
    assert_int_equal(heddle_batch_create(&edge_schema, &batch, NULL), HEDDLE_OK);
    for (size_t column = 0; column < COLUMNS; column++) {
        int64_t *values = heddle_arena_calloc(batch->arena, count + 1, sizeof *values);
        assert_non_null(values);
        for (size_t i = 0; i < count; i++) {
            values[i] = edges[i].cells[column];
        }
        batch->columns[column] =
            (struct heddle_column){.type = HEDDLE_TYPE_INTEGER, .length = count, .values = values};
    }
    batch->rows = count;
    batch->sequence = sequence;
    batch->source = "edges";
    batch->file = "edges";
    batch->first_row = 1000 * sequence;
    return batch;
}

/* Ends skewed towards low keys, some beyond the nodes that there are; keys of three values, so that identities repeat. */
static void random_edges(struct edge *edges, size_t count, uint64_t *random)
{
    for (size_t i = 0; i < count; i++) {
        for (size_t end = COLUMN_FROM; end <= COLUMN_TO; end++) {
            const uint64_t bound = heddle_random_below(random, NODES + 1) + 1;
            edges[i].cells[end] = (int64_t)heddle_random_below(random, bound);
        }
        edges[i].cells[COLUMN_KEY] = (int64_t)heddle_random_below(random, 3);
        edges[i].cells[COLUMN_VALUE] = (int64_t)heddle_random_below(random, 1000000);
    }
}

/* ---- the reference --------------------------------------------------------------------------------------------------- */

struct edge_list {
    const struct edge *edges;
    size_t count;
};

static void pack_edges(struct heddle_pack *pack, const void *context)
{
    const struct edge_list *list = context;
    heddle_pack_list(pack, (uint32_t)list->count);
    for (size_t i = 0; i < list->count; i++) {
        heddle_pack_list(pack, COLUMNS);
        for (size_t column = 0; column < COLUMNS; column++) {
            heddle_pack_integer(pack, list->edges[i].cells[column]);
        }
    }
}

static void run_rows(const char *text, const struct edge *edges, size_t count)
{
    const struct edge_list list = {edges, count};
    const struct heddle_ask_parameter parameter = {
        .name = "rows", .kind = HEDDLE_ASK_WRITTEN, .write = pack_edges, .context = &list};
    const struct heddle_ask question = {.text = text, .parameters = &parameter, .parameter_count = 1};
    struct heddle_bolt_result result;
    struct heddle_error error = {0};
    if (heddle_ask_run(control, &question, answers, &result, &error) != HEDDLE_OK) {
        fail_msg("%s: %s", text, error.message);
    }
}

static void write_plainly(const char *verb, const char *type, const struct kind *kind,
                          const struct edge *edges, size_t count)
{
    char text[512];
    const bool merge = strcmp(verb, "MERGE") == 0;
    snprintf(text, sizeof text,
             "UNWIND $rows AS r MATCH (a:HeddleTestNode {id: r[0]}) MATCH (b:HeddleTestNode {id: r[1]}) "
             "%s (a)-[x:%s%s]->(b)%s%s",
             verb, type, kind->key && merge ? " {k: r[2]}" : "", kind->key && !merge ? " SET x.k = r[2]" : "",
             kind->value ? " SET x.v = r[3]" : "");
    run_rows(text, edges, count);
}

/* Everything of a type, as texts in order. */
static const struct heddle_value *everything(const char *type, struct heddle_bolt_result *result)
{
    char text[512];
    snprintf(
        text, sizeof text,
        "MATCH (a:HeddleTestNode)-[x:%s]->(b:HeddleTestNode) WITH toString(a.id) + '>' + toString(b.id) + "
        "'/' + coalesce(toString(x.k), '') + '/' + coalesce(toString(x.v), '') AS s ORDER BY s "
        "RETURN collect(s)",
        type);
    *result = ask(text);
    return heddle_ask_cell(result, 0, 0);
}

static void assert_same_graph(const char *type, const char *reference, const char *what)
{
    struct heddle_bolt_result one;
    struct heddle_bolt_result other;
    const struct heddle_value *ours = everything(type, &one);
    const struct heddle_value *theirs = everything(reference, &other);
    if (ours->list.count != theirs->list.count) {
        fail_msg("%s: %zu relationships, not %zu", what, ours->list.count, theirs->list.count);
    }
    for (size_t i = 0; i < ours->list.count; i++) {
        if (strcmp(ours->list.items[i].string.text, theirs->list.items[i].string.text) != 0) {
            fail_msg("%s: %s instead of %s", what, ours->list.items[i].string.text,
                     theirs->list.items[i].string.text);
        }
    }
}

/* ---- heddle -------------------------------------------------------------------------------------------------------------- */

struct trial {
    struct graph_job job;
    struct fixture_rejects rejects;
    struct heddle_sink_options options;
    struct heddle_sink *sink;
};

static void trial_prepare(struct trial *trial, const struct kind *kind, const char *type, bool merge,
                          enum heddle_road road, bool by_key)
{
    *trial = (struct trial){0};
    pthread_mutex_init(&trial->rejects.lock, NULL);
    graph_job_init(&trial->job, kind, type, merge);
    trial->job.targets[1].road = road;
    trial->options = (struct heddle_sink_options){
        .to = test_uri(),
        .username = test_user(),
        .password = test_password(),
        .targets = trial->job.targets,
        .target_count = 2,
        .writers = WRITERS,
        .batch_rows = BATCH_ROWS,
        .ends_by_key = by_key,
        .tx_timeout_ms = 60000,
        .seed = 11,
        .load = {.id = "heddletestroads", .job = "roads", .model = "", .precision = ""},
        .rejects = {fixture_reject, &trial->rejects},
    };
}

static void trial_start(struct trial *trial)
{
    struct heddle_error error = {0};
    if (heddle_sink_open(&trial->options, &trial->sink, &error) != HEDDLE_OK ||
        heddle_sink_prepare(trial->sink, &error) != HEDDLE_OK) {
        fail_msg("%s", error.message);
    }
}

static void trial_open(struct trial *trial, const struct kind *kind, const char *type, bool merge,
                       enum heddle_road road, bool by_key)
{
    trial_prepare(trial, kind, type, merge, road, by_key);
    trial_start(trial);
}

static void trial_write(struct trial *trial, size_t target, const struct edge *edges, size_t count)
{
    struct heddle_error error = {0};
    enum { BATCH = 150 };
    for (size_t i = 0; i < count; i += BATCH) {
        struct heddle_batch *batch = edge_batch(edges + i, count - i < BATCH ? count - i : BATCH, i / BATCH);
        const int status = heddle_sink_write(trial->sink, batch, &target, 1, &error);
        heddle_batch_release(batch);
        if (status != HEDDLE_OK) {
            fail_msg("%s", error.message);
        }
    }
    if (heddle_sink_flush(trial->sink, &error) != HEDDLE_OK) {
        fail_msg("%s", error.message);
    }
}

static void trial_close(struct trial *trial)
{
    heddle_sink_close(trial->sink);
    pthread_mutex_destroy(&trial->rejects.lock);
}

static size_t count_missing(const struct edge *edges, size_t count, int64_t nodes)
{
    size_t missing = 0;
    for (size_t i = 0; i < count; i++) {
        missing += edges[i].cells[COLUMN_FROM] >= nodes || edges[i].cells[COLUMN_TO] >= nodes ? 1 : 0;
    }
    return missing;
}

/* What is there before: nodes 0 .. NODES-1, and relationships of `type`, some of them parallel. */
static void fill_before(const char *type, const struct kind *kind, const struct edge *before, size_t count)
{
    write_plainly("CREATE", type, kind, before, count);
    write_plainly("CREATE", type, kind, before, count / 2);
}

static void fill_nodes(int64_t count)
{
    char text[128];
    snprintf(text, sizeof text, "UNWIND range(0, %d) AS i CREATE (:HeddleTestNode {id: i})", (int)count - 1);
    ask("CREATE CONSTRAINT heddle_test_node IF NOT EXISTS FOR (n:HeddleTestNode) REQUIRE n.id IS UNIQUE");
    ask(text);
}

/* One job on one road: the graph and the receipt. */
static void try_road(const struct kind *kind, enum heddle_road road, bool by_key, const struct edge *before,
                     size_t before_count, const struct edge *edges, const char *reference, int number)
{
    char type[64];
    char what[128];
    struct trial trial;
    struct heddle_target_counts counts;
    snprintf(type, sizeof type, "HEDDLE_TEST_ROAD_%d", number);
    snprintf(what, sizeof what, "%s by %s, %s, %zu before", heddle_road_name(road), by_key ? "key" : "id",
             kind->name, before_count);
    fill_before(type, kind, before, before_count);
    trial_open(&trial, kind, type, true, road, by_key);
    trial_write(&trial, 1, edges, ROWS);
    heddle_sink_counts(trial.sink, 1, &counts);
    assert_same_graph(type, reference, what);
    assert_int_equal(counts.read, ROWS);
    assert_int_equal(counts.read, counts.created + counts.matched + counts.folded + counts.rejected);
    /* A row that only repeats another one is folded before anybody knows that their end is missing. */
    assert_true(counts.rejected <= count_missing(edges, ROWS, NODES));
    assert_int_equal(counts.rejected, trial.rejects.count);
    if (kind->value) {
        assert_int_equal(counts.rejected, count_missing(edges, ROWS, NODES));
    }
    trial_close(&trial);
}

static void every_road_writes_what_a_plain_merge_by_one_writer_writes(void **state)
{
    (void)state;
    static const enum heddle_road roads[] = {HEDDLE_ROAD_AUTO, HEDDLE_ROAD_CREATE, HEDDLE_ROAD_GUARDED,
                                             HEDDLE_ROAD_TILES, HEDDLE_ROAD_SERIAL};
    static struct edge before[100];
    static struct edge edges[ROWS];
    uint64_t random = 2026;
    int number = 0;
    wipe();
    fill_nodes(NODES);
    for (size_t k = 0; k < KINDS; k++) {
        for (size_t before_count = 0; before_count <= 100; before_count += 100) {
            char reference[64];
            heddle_arena_reset(answers);
            snprintf(reference, sizeof reference, "HEDDLE_TEST_REFERENCE_%d", number);
            random_edges(before, 100, &random);
            random_edges(edges, ROWS, &random);
            fill_before(reference, &kinds[k], before, before_count);
            write_plainly("MERGE", reference, &kinds[k], edges, ROWS);
            for (size_t r = 0; r < sizeof roads / sizeof roads[0]; r++) {
                /* Every type is planned anew by the server, so each road takes turns with keys and ids. */
                const bool by_key = (r + k + before_count / 100) % 2 == 0;
                try_road(&kinds[k], roads[r], by_key, before, before_count, edges, reference, number++);
            }
        }
    }
}

static void creating_keeps_every_row_by_key_and_by_id(void **state)
{
    (void)state;
    static struct edge edges[ROWS];
    uint64_t random = 77;
    wipe();
    fill_nodes(NODES);
    heddle_arena_reset(answers);
    random_edges(edges, ROWS, &random);
    write_plainly("CREATE", "HEDDLE_TEST_REFERENCE", &kinds[3], edges, ROWS);
    for (int i = 0; i < 4; i++) {
        char type[64];
        struct trial trial;
        struct heddle_target_counts counts;
        snprintf(type, sizeof type, "HEDDLE_TEST_CREATED_%d", i);
        trial_open(&trial, &kinds[3], type, false, i < 2 ? HEDDLE_ROAD_AUTO : HEDDLE_ROAD_TILES, i % 2 == 0);
        trial_write(&trial, 1, edges, ROWS);
        heddle_sink_counts(trial.sink, 1, &counts);
        assert_same_graph(type, "HEDDLE_TEST_REFERENCE", type);
        assert_int_equal(counts.rejected, count_missing(edges, ROWS, NODES));
        assert_int_equal(counts.created, ROWS - counts.rejected);
        trial_close(&trial);
    }
}

/* Between the nodes and their relationships somebody deletes nodes, and makes others, one of them with a key that was
 * deleted: no relationship may go to a node of another key, and none may be lost. */
static void ids_that_are_out_of_date_connect_nothing_wrong(void **state)
{
    (void)state;
    static struct edge edges[ROWS];
    uint64_t random = 5;
    wipe();
    ask("CREATE CONSTRAINT heddle_test_node IF NOT EXISTS FOR (n:HeddleTestNode) REQUIRE n.id IS UNIQUE");
    heddle_arena_reset(answers);
    random_edges(edges, ROWS, &random);
    for (size_t k = 0; k < KINDS; k++) {
        char type[64];
        char reference[64];
        struct trial trial;
        struct edge nodes[NODES];
        struct heddle_target_counts counts;
        snprintf(type, sizeof type, "HEDDLE_TEST_STALE_%zu", k);
        snprintf(reference, sizeof reference, "HEDDLE_TEST_STALE_REFERENCE_%zu", k);
        trial_open(&trial, &kinds[k], type, true, HEDDLE_ROAD_AUTO, false);
        for (int64_t i = 0; i < NODES; i++) {
            nodes[i] = (struct edge){{i, 0, 0, 0}};
        }
        trial_write(&trial, 0, nodes, NODES);
        ask("MATCH (n:HeddleTestNode) WHERE n.id IN [2, 3, 5, 8] DETACH DELETE n");
        ask("CREATE (:HeddleTestNode {id: 1002}), (:HeddleTestNode {id: 3}), (:HeddleTestOther {id: 5})");
        ask("MATCH (n:HeddleTestNode {id: 7}) SET n.id = 1007");
        trial_write(&trial, 1, edges, ROWS);
        write_plainly("MERGE", reference, &kinds[k], edges, ROWS);
        assert_same_graph(type, reference, kinds[k].name);
        heddle_sink_counts(trial.sink, 1, &counts);
        assert_int_equal(counts.read, counts.created + counts.matched + counts.folded + counts.rejected);
        assert_true(counts.rejected > 0);
        trial_close(&trial);
        ask("MATCH (n:HeddleTestNode {id: 1007}) SET n.id = 7");
        ask("MATCH (n) WHERE n:HeddleTestOther OR n:HeddleTestNode AND n.id = 1002 DELETE n");
    }
}

static int speak(const char *language)
{
    char text[96];
    struct heddle_bolt_result result;
    const struct heddle_ask question = {.text = text, .database = "system"};
    snprintf(text, sizeof text, "ALTER DATABASE neo4j SET DEFAULT LANGUAGE %s", language);
    return heddle_ask_run(control, &question, answers, &result, NULL);
}

static int speak_5_again(void **state)
{
    (void)state;
    (void)speak("CYPHER 5");
    return 0;
}

/* Ids that are learned as nodes are written, and ids that are read back; ends that are missing, repeats, what is there. */
static void a_database_that_speaks_cypher_25_is_told_element_ids(void **state)
{
    (void)state;
    static struct edge edges[ROWS];
    struct edge nodes[NODES];
    struct heddle_ability ability = {0};
    uint64_t random = 25;
    wipe();
    heddle_arena_reset(answers);
    if (speak("CYPHER 25") != HEDDLE_OK) {
        print_message("this server knows no CYPHER 25\n");
        return;
    }
    assert_int_equal(heddle_ability_learn(control, "neo4j", &ability, NULL), HEDDLE_OK);
    assert_true(ability.dialect.element_ids);
    for (int64_t i = 0; i < NODES; i++) {
        nodes[i] = (struct edge){{i, 0, 0, 0}};
    }
    for (size_t k = 0; k < KINDS; k++) {
        for (int learned = 0; learned < 2; learned++) {
            char type[64];
            char reference[64];
            struct trial trial;
            struct heddle_target_counts counts;
            heddle_arena_reset(answers);
            snprintf(type, sizeof type, "HEDDLE_TEST_ELEMENT_%zu_%d", k, learned);
            snprintf(reference, sizeof reference, "HEDDLE_TEST_ELEMENT_REFERENCE_%zu_%d", k, learned);
            ask("MATCH (n:HeddleTestNode) DETACH DELETE n");
            random_edges(edges, ROWS, &random);
            if (learned == 0) {
                fill_nodes(NODES);
            }
            trial_open(&trial, &kinds[k], type, true, learned == 0 ? HEDDLE_ROAD_TILES : HEDDLE_ROAD_AUTO,
                       false);
            if (learned != 0) {
                trial_write(&trial, 0, nodes, NODES);
            }
            trial_write(&trial, 1, edges, ROWS);
            write_plainly("MERGE", reference, &kinds[k], edges, ROWS);
            assert_same_graph(type, reference, kinds[k].name);
            heddle_sink_counts(trial.sink, 1, &counts);
            assert_int_equal(counts.read, counts.created + counts.matched + counts.folded + counts.rejected);
            assert_true(counts.created > 0);
            trial_close(&trial);
        }
    }
    assert_int_equal(speak("CYPHER 5"), HEDDLE_OK);
    assert_int_equal(heddle_ability_learn(control, "neo4j", &ability, NULL), HEDDLE_OK);
    assert_false(ability.dialect.element_ids);
}

/* Several nodes of one key (nothing forbids it) make a row match several times: counted as one row. */
static void a_key_that_is_not_unique_hides_no_missing_end(void **state)
{
    (void)state;
    static const struct edge edges[3] = {{{1, 2, 0, 1}}, {{1, 99, 0, 2}}, {{2, 2, 0, 3}}};
    struct trial trial;
    struct heddle_target_counts counts;
    wipe();
    heddle_arena_reset(answers);
    ask("UNWIND [1, 1, 2] AS i CREATE (:HeddleTestNode {id: i})");
    trial_prepare(&trial, &kinds[2], "HEDDLE_TEST_DOUBLE", true, HEDDLE_ROAD_TILES, true);
    trial.job.targets[0].schema_count = 0;
    trial_start(&trial);
    trial_write(&trial, 1, edges, 3);
    heddle_sink_counts(trial.sink, 1, &counts);
    assert_int_equal(counts.rejected, 1);
    trial_close(&trial);
}

static int run_roads(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_road_writes_what_a_plain_merge_by_one_writer_writes),
        cmocka_unit_test(creating_keeps_every_row_by_key_and_by_id),
        cmocka_unit_test(ids_that_are_out_of_date_connect_nothing_wrong),
        cmocka_unit_test_teardown(a_database_that_speaks_cypher_25_is_told_element_ids, speak_5_again),
        cmocka_unit_test(a_key_that_is_not_unique_hides_no_missing_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(void)
{
    return live_main(run_roads);
}
