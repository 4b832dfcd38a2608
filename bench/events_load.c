/* events_load.c: rows that make a node and two relationships each, into a real server, timed: by a raw client, or by heddle's
 * Neo4j sink; together in one statement, or one target after the other. bench/relationships runs it.
 *
 *     events_load raw|heddle EDGES LABEL key|id together|apart WRITERS [ROWS]
 *
 * Row i of EDGES (relationships_load.c) is an event (:LABEL {id: i}) with a relationship LABEL_FROM to the BenchNode of its
 * first number, modulo FEW, and LABEL_OF to that of its second, modulo MANY. In the clock: everything from the first row
 * on. Not in it: connecting, the constraint.
 */
#include "column/batch.h"
#include "lib/load_setting.h"
#include "sink/road.h"
#include "sink/sink.h"

enum { BATCH_ROWS = 2000, HEDDLE_BATCH_ROWS = 10000, FEW = 900, MANY = 20000, CELLS = 3, TEXT_MAX = 1024 };

/* Columns of a row. */
static void event_of(const struct load_edges *edges, size_t row, int64_t cells[static CELLS])
{
    cells[0] = (int64_t)row;
    cells[1] = edges->pairs[2 * row] % FEW;
    cells[2] = edges->pairs[2 * row + 1] % MANY;
}

/* ---- the raw client ------------------------------------------------------------------------------------------------------ */

/* The statements of one row's parts, in order; answers how many. */
static size_t raw_texts(const char *label, bool together, char texts[static 3][TEXT_MAX])
{
    static const char ends[] = "MATCH (a:BenchNode {id: r[1]}) MATCH (b:BenchNode {id: r[2]})";
    if (together) {
        snprintf(texts[0], TEXT_MAX,
                 "UNWIND $rows AS r %s CREATE (n:%s {id: r[0]}), (n)-[:%s_FROM]->(a), (n)-[:%s_OF]->(b) "
                 "RETURN count(*) AS n",
                 ends, label, label, label);
        return 1;
    }
    snprintf(texts[0], TEXT_MAX, "UNWIND $rows AS r CREATE (n:%s {id: r[0]}) RETURN count(*) AS n", label);
    snprintf(
        texts[1], TEXT_MAX,
        "UNWIND $rows AS r MATCH (n:%s {id: r[0]}) MATCH (a:BenchNode {id: r[1]}) CREATE (n)-[:%s_FROM]->(a) "
        "RETURN count(*) AS n",
        label, label);
    snprintf(
        texts[2], TEXT_MAX,
        "UNWIND $rows AS r MATCH (n:%s {id: r[0]}) MATCH (b:BenchNode {id: r[2]}) CREATE (n)-[:%s_OF]->(b) "
        "RETURN count(*) AS n",
        label, label);
    return 3;
}

static bool raw_encode(const struct load_setting *setting, struct heddle_pack_dialect dialect,
                       const char *text, const struct load_edges *edges, size_t first, size_t count,
                       struct raw_transaction *one)
{
    const struct heddle_bolt_request_options options = {.database = setting->ability.database};
    *one = (struct raw_transaction){.rows = count, .a = RAW_NO_PART, .b = RAW_NO_PART};
    if (heddle_bolt_request_create(&one->request, NULL) != HEDDLE_OK) {
        return false;
    }
    heddle_bolt_request_begin(one->request, dialect, &options);
    struct heddle_pack *pack = heddle_bolt_request_run_open(one->request, text, 1);
    heddle_pack_text(pack, "rows");
    heddle_pack_list(pack, (uint32_t)count);
    for (size_t i = 0; i < count; i++) {
        int64_t cells[CELLS];
        event_of(edges, first + i, cells);
        heddle_pack_list(pack, CELLS);
        for (size_t cell = 0; cell < CELLS; cell++) {
            heddle_pack_integer(pack, cells[cell]);
        }
    }
    heddle_bolt_request_run_close(one->request, HEDDLE_BOLT_PULL);
    return heddle_bolt_request_commit(one->request, NULL) == HEDDLE_OK;
}

/* One statement over all rows. */
static bool raw_pass(const struct load_setting *setting, struct heddle_bolt_connection **connections,
                     const char *text, const struct load_edges *edges, struct raw_result *sum)
{
    const size_t count = (edges->count + setting->batch_rows - 1) / setting->batch_rows;
    struct raw_transaction *list = calloc(count + 1, sizeof *list);
    struct raw_result result = {0};
    bool good = list != NULL;
    for (size_t i = 0; i < count && good; i++) {
        const size_t first = i * setting->batch_rows;
        const size_t left = edges->count - first;
        good = raw_encode(setting, heddle_bolt_connection_dialect(connections[0]), text, edges, first,
                          left < setting->batch_rows ? left : setting->batch_rows, &list[i]);
    }
    good = good && raw_load(connections, setting->writers, list, count, &result);
    for (size_t i = 0; list != NULL && i < count; i++) {
        heddle_bolt_request_destroy(list[i].request);
    }
    free(list);
    sum->seconds += result.seconds;
    sum->wasted += result.wasted;
    sum->retries += result.retries;
    sum->deadlocks += result.deadlocks;
    sum->relationships_created += result.relationships_created;
    return good;
}

static int run_raw(const struct load_setting *setting, const struct load_edges *edges, bool together)
{
    struct heddle_bolt_connection *connections[RAW_WRITERS_MAX] = {NULL};
    struct raw_result sum = {0};
    char texts[3][TEXT_MAX];
    const size_t passes = raw_texts(setting->type, together, texts);
    bool good = load_open_all(setting, connections);
    for (size_t i = 0; i < passes && good; i++) {
        good = raw_pass(setting, connections, texts[i], edges, &sum);
    }
    if (good) {
        load_print_result("raw", &sum, 0, edges->count,
                          passes * ((edges->count + setting->batch_rows - 1) / setting->batch_rows),
                          together ? "together" : "apart");
    }
    for (size_t i = 0; i < setting->writers; i++) {
        heddle_bolt_close(connections[i]);
    }
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* ---- heddle -------------------------------------------------------------------------------------------------------------- */

static const struct heddle_field fields[CELLS] = {{.name = "id", .type = HEDDLE_TYPE_INTEGER},
                                                  {.name = "from", .type = HEDDLE_TYPE_INTEGER},
                                                  {.name = "of", .type = HEDDLE_TYPE_INTEGER}};
static const struct heddle_schema schema = {fields, CELLS};

enum { TARGET_EVENT, TARGET_NODE, TARGET_FROM, TARGET_OF, TARGETS };

static int write_batch(struct heddle_sink *sink, const struct load_edges *edges, size_t first, size_t rows,
                       struct heddle_error *error)
{
    static const size_t targets[] = {TARGET_EVENT, TARGET_FROM, TARGET_OF};
    int64_t *values[CELLS];
    struct heddle_batch *batch = NULL;
    HEDDLE_TRY(heddle_batch_create(&schema, &batch, error));
    for (size_t cell = 0; cell < CELLS; cell++) {
        values[cell] = heddle_arena_calloc(batch->arena, rows, sizeof *values[cell]);
        if (values[cell] == NULL) {
            heddle_batch_release(batch);
            return heddle_error_out_of_memory(error);
        }
        batch->columns[cell] =
            (struct heddle_column){.type = HEDDLE_TYPE_INTEGER, .length = rows, .values = values[cell]};
    }
    for (size_t i = 0; i < rows; i++) {
        int64_t cells[CELLS];
        event_of(edges, first + i, cells);
        for (size_t cell = 0; cell < CELLS; cell++) {
            values[cell][i] = cells[cell];
        }
    }
    batch->rows = rows;
    batch->sequence = first / HEDDLE_BATCH_ROWS;
    batch->source = "events";
    batch->file = "events";
    batch->first_row = first;
    batch->position = first;
    const int status = heddle_sink_write(sink, batch, targets, 3, error);
    heddle_batch_release(batch);
    return status;
}

static int load_events(struct heddle_sink *sink, const struct load_edges *edges, double *seconds_out,
                       struct heddle_error *error)
{
    HEDDLE_TRY(heddle_sink_prepare(sink, error));
    const uint64_t start = heddle_clock_ns();
    for (size_t first = 0; first < edges->count; first += HEDDLE_BATCH_ROWS) {
        const size_t left = edges->count - first;
        HEDDLE_TRY(
            write_batch(sink, edges, first, left < HEDDLE_BATCH_ROWS ? left : HEDDLE_BATCH_ROWS, error));
    }
    HEDDLE_TRY(heddle_sink_flush(sink, error));
    *seconds_out = (double)(heddle_clock_ns() - start) / 1e9;
    return HEDDLE_OK;
}

static const char *const key_name[] = {"id"};
static const size_t key[] = {0};
static const struct heddle_target_property columns[CELLS] = {{.name = "id", .field = "id", .column = 0},
                                                             {.name = "id", .field = "from", .column = 1},
                                                             {.name = "id", .field = "of", .column = 2}};

/* Labels, types and constraints of one run's targets. */
struct events_job {
    char types[2][256];
    const char *labels[2];
    struct heddle_target_schema schema[2];
    struct heddle_target targets[TARGETS];
};

static void fill_nodes(struct events_job *job, size_t target, const char *name, const char *constraint,
                       size_t rows)
{
    job->schema[target] = (struct heddle_target_schema){.kind = HEDDLE_TARGET_UNIQUE,
                                                        .name = constraint,
                                                        .labels = &job->labels[target],
                                                        .label_count = 1,
                                                        .properties = key_name,
                                                        .property_count = 1};
    job->targets[target] = (struct heddle_target){.kind = HEDDLE_TARGET_NODE,
                                                  .name = name,
                                                  .merge = true,
                                                  .properties = &columns[0],
                                                  .property_count = 1,
                                                  .key = key,
                                                  .key_count = 1,
                                                  .schema = &job->schema[target],
                                                  .schema_count = 1,
                                                  .labels = &job->labels[target],
                                                  .label_count = 1,
                                                  .rows_expected = rows};
}

static void fill_job(struct events_job *job, const struct load_setting *setting, size_t rows, bool together)
{
    job->labels[TARGET_EVENT] = setting->type;
    job->labels[TARGET_NODE] = "BenchNode";
    fill_nodes(job, TARGET_EVENT, "event", setting->type, rows);
    fill_nodes(job, TARGET_NODE, "node", "bench_node", 0);
    job->targets[TARGET_NODE].source = 1;
    job->targets[TARGET_EVENT].road = together ? HEDDLE_ROAD_ONE_STATEMENT : HEDDLE_ROAD_CREATE;
    for (size_t i = 0; i < 2; i++) {
        snprintf(job->types[i], sizeof job->types[i], "%s_%s", setting->type, i == 0 ? "FROM" : "OF");
        job->targets[TARGET_FROM + i] = (struct heddle_target){.kind = HEDDLE_TARGET_RELATIONSHIP,
                                                               .name = i == 0 ? "from" : "of",
                                                               .merge = true,
                                                               .type = job->types[i],
                                                               .start = {TARGET_EVENT, &columns[0], 1},
                                                               .end = {TARGET_NODE, &columns[1 + i], 1},
                                                               .follows_its_nodes = true,
                                                               .rows_expected = rows};
    }
}

static int run_heddle(const struct load_setting *setting, const struct load_edges *edges, bool together)
{
    static struct events_job job;
    fill_job(&job, setting, edges->count, together);
    const struct heddle_sink_options options = {
        .to = setting->bolt.uri,
        .username = setting->bolt.user,
        .password = setting->bolt.secret,
        .targets = job.targets,
        .target_count = TARGETS,
        .writers = setting->writers,
        .batch_rows = setting->batch_rows,
        .ends_by_key = !setting->by_id,
        .tx_timeout_ms = 300000,
        .seed = 7,
        .load = {.id = "benchevents", .job = "bench", .model = "", .precision = ""},
        .rejects = {load_print_reject, NULL},
    };
    struct heddle_sink *sink = NULL;
    struct heddle_error error = {0};
    double seconds = 0;
    int status = heddle_sink_open(&options, &sink, &error);
    status = status != HEDDLE_OK ? status : load_events(sink, edges, &seconds, &error);
    if (status != HEDDLE_OK) {
        heddle_sink_close(sink);
        return load_complain(&error);
    }
    struct heddle_sink_progress progress;
    heddle_sink_progress(sink, &progress);
    struct raw_result result = {
        .seconds = seconds, .retries = progress.retries, .deadlocks = progress.deadlocks};
    for (size_t target = TARGET_FROM; target <= TARGET_OF; target++) {
        struct heddle_target_counts counts;
        heddle_sink_counts(sink, target, &counts);
        result.relationships_created += (int64_t)counts.created;
    }
    load_print_result("heddle", &result, 0, edges->count, progress.transactions,
                      together ? "together" : "apart");
    heddle_sink_close(sink);
    return EXIT_SUCCESS;
}

/* The constraint of the events' label, before anything is timed. */
static int make_constraint(const struct load_setting *setting)
{
    struct heddle_bolt_connection *connection = NULL;
    struct heddle_arena *arena = NULL;
    struct heddle_bolt_result made;
    struct heddle_error error = {0};
    char text[TEXT_MAX];
    snprintf(text, sizeof text, "CREATE CONSTRAINT %s IF NOT EXISTS FOR (n:%s) REQUIRE n.id IS UNIQUE",
             setting->type, setting->type);
    const struct heddle_bolt_query query = {.text = text};
    int status = heddle_bolt_open(&setting->bolt, &connection, &error);
    status = status != HEDDLE_OK ? status : heddle_arena_create(0, &arena, &error);
    status = status != HEDDLE_OK ? status : heddle_bolt_query(connection, &query, arena, &made, &error);
    heddle_bolt_close(connection);
    heddle_arena_destroy(arena);
    return status == HEDDLE_OK ? EXIT_SUCCESS : load_complain(&error);
}

int main(int argc, char **argv)
{
    struct load_setting setting = {.batch_rows = BATCH_ROWS};
    struct load_edges edges = {0};
    if (argc != 7 && argc != 8) {
        fprintf(stderr, "usage: events_load raw|heddle EDGES LABEL key|id together|apart WRITERS [ROWS]\n");
        return EXIT_FAILURE;
    }
    setting.type = argv[3];
    setting.by_id = strcmp(argv[4], "id") == 0;
    setting.writers = (size_t)strtoull(argv[6], NULL, 10);
    setting.batch_rows = argc == 8 ? (size_t)strtoull(argv[7], NULL, 10) : BATCH_ROWS;
    if (setting.writers == 0 || setting.batch_rows == 0 || setting.writers > RAW_WRITERS_MAX ||
        load_learn_server(&setting) != EXIT_SUCCESS || make_constraint(&setting) != EXIT_SUCCESS ||
        !load_edges_read(argv[2], &edges)) {
        return EXIT_FAILURE;
    }
    const bool together = strcmp(argv[5], "together") == 0;
    const int status = strcmp(argv[1], "raw") == 0 ? run_raw(&setting, &edges, together)
                                                   : run_heddle(&setting, &edges, together);
    free(edges.pairs);
    return status;
}
