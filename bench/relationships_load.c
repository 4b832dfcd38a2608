/* relationships_load.c: one load of relationships into a real server, timed: by a raw client, or by heddle's Neo4j sink on
 * a given road. bench/relationships runs it beside its peers, on the same edges.
 *
 *     relationships_load nodes COUNT
 *     relationships_load raw EDGES TYPE create|merge|guarded key|id naive|tiles WRITERS [ROWS]
 *     relationships_load heddle EDGES TYPE create|merge key|id ROAD WRITERS [ROWS]
 *
 * ROWS = rows a transaction. EDGES is a file of pairs of 64-bit numbers: the `id` of nodes (:BenchNode {id}). Address and password come from
 * NEO4J_URI, NEO4J_USERNAME, NEO4J_PASSWORD. Prints one line of JSON. In the clock: everything from the first row on,
 * the reading back of ids included; the raw client's batches are encoded before. Not in it: connecting.
 */
#include "base/hash.h"
#include "column/batch.h"
#include "lib/load_setting.h"
#include "sink/road.h"
#include "sink/sink.h"

enum { BATCH_ROWS = 2000, NODE_BATCH_ROWS = 10000, RAW_PARTS_EACH = 4, HEDDLE_BATCH_ROWS = 10000 };

static const char label[] = "BenchNode";

/* ---- the raw client ------------------------------------------------------------------------------------------------------ */

static void raw_text(const struct load_setting *setting, char *out, size_t size)
{
    const char *prefix = setting->by_id && setting->ability.dialect.versions ? "CYPHER 5 " : "";
    const char *ends =
        setting->by_id
            ? "MATCH (a) WHERE id(a) = r[0] AND a.id = r[2] AND CASE WHEN a:BenchNode THEN true END "
              "MATCH (b) WHERE id(b) = r[1] AND b.id = r[3] AND CASE WHEN b:BenchNode THEN true END"
            : "MATCH (a:BenchNode {id: r[0]}) MATCH (b:BenchNode {id: r[1]})";
    char write[512];
    if (strcmp(setting->write, "guarded") == 0) {
        snprintf(write, sizeof write,
                 "CALL (a, b) { WITH a, b WHERE NOT EXISTS { (a)-[:%s]->(b) } CREATE (a)-[:%s]->(b) }",
                 setting->type, setting->type);
    } else {
        snprintf(write, sizeof write, "%s (a)-[x:%s]->(b)",
                 strcmp(setting->write, "merge") == 0 ? "MERGE" : "CREATE", setting->type);
    }
    snprintf(out, size, "%sUNWIND $rows AS r %s %s RETURN count(*) AS n", prefix, ends, write);
}

static bool raw_encode(const struct load_setting *setting, struct heddle_pack_dialect dialect,
                       const char *text, const int64_t *pairs, const int64_t *ids, size_t count,
                       struct raw_transaction *one)
{
    const struct heddle_bolt_request_options options = {.database = setting->ability.database};
    if (heddle_bolt_request_create(&one->request, NULL) != HEDDLE_OK) {
        return false;
    }
    heddle_bolt_request_begin(one->request, dialect, &options);
    struct heddle_pack *pack = heddle_bolt_request_run_open(one->request, text, 1);
    heddle_pack_text(pack, "rows");
    heddle_pack_list(pack, (uint32_t)count);
    for (size_t i = 0; i < count; i++) {
        heddle_pack_list(pack, setting->by_id ? 4 : 2);
        for (size_t end = 0; setting->by_id && end < 2; end++) {
            heddle_pack_integer(pack, ids[pairs[2 * i + end]]);
        }
        heddle_pack_integer(pack, pairs[2 * i]);
        heddle_pack_integer(pack, pairs[2 * i + 1]);
    }
    heddle_bolt_request_run_close(one->request, HEDDLE_BOLT_PULL);
    one->rows = count;
    return heddle_bolt_request_commit(one->request, NULL) == HEDDLE_OK;
}

/* Ids by key, one grouped scan. */
static int64_t *raw_read_ids(const struct load_setting *setting, struct heddle_bolt_connection *connection,
                             size_t *count_out)
{
    struct heddle_arena *arena = NULL;
    struct heddle_bolt_result result;
    struct heddle_error error = {0};
    const struct heddle_bolt_query query = {
        .text =
            setting->ability.dialect.versions
                ? "CYPHER 5 MATCH (n:BenchNode) WITH id(n) / 10000 AS g, collect([n.id, id(n)]) AS c RETURN c"
                : "MATCH (n:BenchNode) WITH id(n) / 10000 AS g, collect([n.id, id(n)]) AS c RETURN c",
    };
    if (heddle_arena_create(0, &arena, &error) != HEDDLE_OK ||
        heddle_bolt_query(connection, &query, arena, &result, &error) != HEDDLE_OK) {
        load_complain(&error);
        return NULL;
    }
    size_t count = 0;
    for (size_t i = 0; i < result.record_count; i++) {
        count += result.records[i].items[0].list.count;
    }
    int64_t *ids = malloc((count + 1) * sizeof *ids);
    for (size_t i = 0; ids != NULL && i < result.record_count; i++) {
        const struct heddle_value_list list = result.records[i].items[0].list;
        for (size_t j = 0; j < list.count; j++) {
            const int64_t key = list.items[j].list.items[0].integer;
            if (key >= 0 && (size_t)key < count) {
                ids[key] = list.items[j].list.items[1].integer;
            }
        }
    }
    heddle_arena_destroy(arena);
    *count_out = count;
    return ids;
}

static uint32_t part_of(int64_t key, size_t parts)
{
    return (uint32_t)(heddle_hash_mix((uint64_t)key) % parts);
}

/* Edges in the order of their tiles, the tiles in the order of a round-robin tournament, so that neighbours are disjoint.
 * Answers the number of edges of each tile in `sizes` and its parts in `parts_of`. */
static size_t deal_tiles(struct load_edges *edges, size_t parts, size_t *sizes, uint32_t (*parts_of)[2])
{
    int64_t *dealt = malloc(edges->count * 2 * sizeof *dealt + 1);
    size_t tiles = 0;
    size_t at = 0;
    for (size_t round = 0; dealt != NULL && round < parts; round++) {
        for (uint32_t a = 0; a < parts; a++) {
            for (uint32_t b = a; b < parts; b++) {
                if ((a + b) % parts != round) {
                    continue;
                }
                const size_t first = at;
                for (size_t i = 0; i < edges->count; i++) {
                    const uint32_t s = part_of(edges->pairs[2 * i], parts);
                    const uint32_t t = part_of(edges->pairs[2 * i + 1], parts);
                    if ((s == a && t == b) || (s == b && t == a)) {
                        dealt[2 * at] = edges->pairs[2 * i];
                        dealt[2 * at++ + 1] = edges->pairs[2 * i + 1];
                    }
                }
                sizes[tiles] = at - first;
                parts_of[tiles][0] = a;
                parts_of[tiles++][1] = b;
            }
        }
    }
    free(edges->pairs);
    edges->pairs = dealt;
    return tiles;
}

static struct raw_transaction *raw_prepare(const struct load_setting *setting,
                                           struct heddle_pack_dialect dialect, struct load_edges *edges,
                                           const int64_t *ids, bool tiled, size_t *count_out)
{
    enum { TILES_MAX = 4096 };
    static size_t sizes[TILES_MAX];
    static uint32_t parts_of[TILES_MAX][2];
    char text[1024];
    size_t tiles = 1;
    sizes[0] = edges->count;
    parts_of[0][0] = RAW_NO_PART;
    parts_of[0][1] = RAW_NO_PART;
    if (tiled) {
        tiles = deal_tiles(edges, setting->writers * RAW_PARTS_EACH, sizes, parts_of);
    }
    raw_text(setting, text, sizeof text);
    struct raw_transaction *list = calloc(edges->count / setting->batch_rows + tiles + 1, sizeof *list);
    size_t count = 0;
    size_t at = 0;
    for (size_t tile = 0; list != NULL && edges->pairs != NULL && tile < tiles; tile++) {
        for (const size_t end = at + sizes[tile]; at < end;) {
            const size_t rows = end - at < setting->batch_rows ? end - at : setting->batch_rows;
            list[count].a = parts_of[tile][0];
            list[count].b = parts_of[tile][1];
            if (!raw_encode(setting, dialect, text, edges->pairs + 2 * at, ids, rows, &list[count++])) {
                return NULL;
            }
            at += rows;
        }
    }
    *count_out = count;
    return list;
}

static int run_raw(const struct load_setting *setting, struct load_edges *edges, bool tiled)
{
    struct heddle_bolt_connection *connections[RAW_WRITERS_MAX] = {NULL};
    struct raw_result result = {0};
    double ids_seconds = 0;
    int64_t *ids = NULL;
    size_t count = 0;
    if (!load_open_all(setting, connections)) {
        return EXIT_FAILURE;
    }
    if (setting->by_id) {
        const uint64_t start = heddle_clock_ns();
        ids = raw_read_ids(setting, connections[0], &count);
        ids_seconds = (double)(heddle_clock_ns() - start) / 1e9;
        if (ids == NULL) {
            return EXIT_FAILURE;
        }
    }
    struct raw_transaction *list =
        raw_prepare(setting, heddle_bolt_connection_dialect(connections[0]), edges, ids, tiled, &count);
    if (list == NULL || !raw_load(connections, setting->writers, list, count, &result)) {
        return EXIT_FAILURE;
    }
    load_print_result("raw", &result, ids_seconds, edges->count, count, tiled ? "tiles" : "naive");
    for (size_t i = 0; i < count; i++) {
        heddle_bolt_request_destroy(list[i].request);
    }
    for (size_t i = 0; i < setting->writers; i++) {
        heddle_bolt_close(connections[i]);
    }
    free(list);
    free(ids);
    return EXIT_SUCCESS;
}

/* Nodes 0 .. count-1, with their constraint. */
static int run_nodes(const struct load_setting *setting, size_t count)
{
    struct heddle_bolt_connection *connections[RAW_WRITERS_MAX] = {NULL};
    struct heddle_arena *arena = NULL;
    struct heddle_bolt_result made;
    struct heddle_error error = {0};
    const struct heddle_bolt_query constraint = {
        .text = "CREATE CONSTRAINT bench_node IF NOT EXISTS FOR (n:BenchNode) REQUIRE n.id IS UNIQUE"};
    if (!load_open_all(setting, connections) || heddle_arena_create(0, &arena, &error) != HEDDLE_OK ||
        heddle_bolt_query(connections[0], &constraint, arena, &made, &error) != HEDDLE_OK) {
        return load_complain(&error);
    }
    const struct heddle_bolt_request_options options = {.database = setting->ability.database};
    const size_t transactions = (count + NODE_BATCH_ROWS - 1) / NODE_BATCH_ROWS;
    struct raw_transaction *list = calloc(transactions + 1, sizeof *list);
    for (size_t i = 0; list != NULL && i < transactions; i++) {
        const size_t first = i * NODE_BATCH_ROWS;
        const size_t rows = count - first < NODE_BATCH_ROWS ? count - first : NODE_BATCH_ROWS;
        list[i] = (struct raw_transaction){.rows = rows, .a = RAW_NO_PART, .b = RAW_NO_PART};
        if (heddle_bolt_request_create(&list[i].request, &error) != HEDDLE_OK) {
            return load_complain(&error);
        }
        heddle_bolt_request_begin(list[i].request, heddle_bolt_connection_dialect(connections[0]), &options);
        struct heddle_pack *pack = heddle_bolt_request_run_open(
            list[i].request, "UNWIND $rows AS r CREATE (n:BenchNode {id: r})", 1);
        heddle_pack_text(pack, "rows");
        heddle_pack_list(pack, (uint32_t)rows);
        for (size_t row = 0; row < rows; row++) {
            heddle_pack_integer(pack, (int64_t)(first + row));
        }
        heddle_bolt_request_run_close(list[i].request, HEDDLE_BOLT_DISCARD);
        if (heddle_bolt_request_commit(list[i].request, &error) != HEDDLE_OK) {
            return load_complain(&error);
        }
    }
    struct raw_result result = {0};
    if (list == NULL || !raw_load(connections, setting->writers, list, transactions, &result)) {
        return EXIT_FAILURE;
    }
    load_print_result("nodes", &result, 0, count, transactions, "create");
    heddle_arena_destroy(arena);
    return EXIT_SUCCESS;
}

/* ---- heddle -------------------------------------------------------------------------------------------------------------- */

static const struct heddle_field fields[] = {{.name = "from", .type = HEDDLE_TYPE_INTEGER},
                                             {.name = "to", .type = HEDDLE_TYPE_INTEGER}};
static const struct heddle_schema schema = {fields, 2};

static int write_batch(struct heddle_sink *sink, const struct load_edges *edges, size_t first, size_t rows,
                       struct heddle_error *error)
{
    static const size_t relationships[] = {1};
    struct heddle_batch *batch = NULL;
    HEDDLE_TRY(heddle_batch_create(&schema, &batch, error));
    for (size_t end = 0; end < 2; end++) {
        int64_t *values = heddle_arena_calloc(batch->arena, rows, sizeof *values);
        if (values == NULL) {
            heddle_batch_release(batch);
            return heddle_error_out_of_memory(error);
        }
        for (size_t i = 0; i < rows; i++) {
            values[i] = edges->pairs[2 * (first + i) + end];
        }
        batch->columns[end] =
            (struct heddle_column){.type = HEDDLE_TYPE_INTEGER, .length = rows, .values = values};
    }
    batch->rows = rows;
    batch->sequence = first / HEDDLE_BATCH_ROWS;
    batch->source = "edges";
    batch->file = "edges";
    batch->first_row = first;
    const int status = heddle_sink_write(sink, batch, relationships, 1, error);
    heddle_batch_release(batch);
    return status;
}

static int load_edges(struct heddle_sink *sink, const struct load_edges *edges, double *seconds_out,
                      struct heddle_error *error)
{
    HEDDLE_TRY(heddle_sink_prepare(sink, error));
    const uint64_t start = heddle_clock_ns();
    for (size_t first = 0; first < edges->count; first += HEDDLE_BATCH_ROWS) {
        const size_t rows =
            edges->count - first < HEDDLE_BATCH_ROWS ? edges->count - first : HEDDLE_BATCH_ROWS;
        HEDDLE_TRY(write_batch(sink, edges, first, rows, error));
    }
    HEDDLE_TRY(heddle_sink_flush(sink, error));
    *seconds_out = (double)(heddle_clock_ns() - start) / 1e9;
    return HEDDLE_OK;
}

static int run_heddle(const struct load_setting *setting, const struct load_edges *edges,
                      enum heddle_road road)
{
    static const char *const labels[] = {label};
    static const size_t key[] = {0};
    static const struct heddle_target_property from[] = {{.name = "id", .field = "from", .column = 0}};
    static const struct heddle_target_property to[] = {{.name = "id", .field = "to", .column = 1}};
    const struct heddle_target targets[] = {
        {.kind = HEDDLE_TARGET_NODE,
         .name = "node",
         .merge = true,
         .properties = from,
         .property_count = 1,
         .key = key,
         .key_count = 1,
         .labels = labels,
         .label_count = 1},
        {.kind = HEDDLE_TARGET_RELATIONSHIP,
         .name = "edge",
         .merge = strcmp(setting->write, "merge") == 0,
         .type = setting->type,
         .start = {0, from, 1},
         .end = {0, to, 1},
         .road = road,
         .rows_expected = edges->count},
    };
    const struct heddle_sink_options options = {
        .to = setting->bolt.uri,
        .username = setting->bolt.user,
        .password = setting->bolt.secret,
        .targets = targets,
        .target_count = 2,
        .writers = setting->writers,
        .batch_rows = setting->batch_rows,
        .ends_by_key = !setting->by_id,
        .tx_timeout_ms = 300000,
        .seed = 7,
        .load = {.id = "benchrelationships", .job = "bench", .model = "", .precision = ""},
        .rejects = {load_print_reject, NULL},
    };
    struct heddle_sink *sink = NULL;
    struct heddle_error error = {0};
    double seconds = 0;
    int status = heddle_sink_open(&options, &sink, &error);
    status = status != HEDDLE_OK ? status : load_edges(sink, edges, &seconds, &error);
    if (status != HEDDLE_OK) {
        heddle_sink_close(sink);
        return load_complain(&error);
    }
    struct heddle_sink_progress progress;
    struct heddle_target_counts counts;
    heddle_sink_progress(sink, &progress);
    heddle_sink_counts(sink, 1, &counts);
    const struct raw_result result = {
        .seconds = seconds,
        .retries = progress.retries,
        .deadlocks = progress.deadlocks,
        .relationships_created = (int64_t)counts.created,
    };
    load_print_result("heddle", &result, 0, edges->count, progress.transactions, heddle_road_name(road));
    heddle_sink_close(sink);
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    struct load_setting setting = {.writers = 2, .batch_rows = BATCH_ROWS};
    struct load_edges edges = {0};
    struct heddle_error error = {0};
    enum heddle_road road = HEDDLE_ROAD_AUTO;
    const bool nodes = argc == 3 && strcmp(argv[1], "nodes") == 0;
    if (!nodes && argc != 8 && argc != 9) {
        fprintf(stderr,
                "usage: relationships_load nodes COUNT | raw|heddle EDGES TYPE create|merge|guarded key|id "
                "naive|tiles|ROAD WRITERS [ROWS]\n");
        return EXIT_FAILURE;
    }
    if (load_learn_server(&setting) != EXIT_SUCCESS) {
        return EXIT_FAILURE;
    }
    if (nodes) {
        return run_nodes(&setting, (size_t)strtoull(argv[2], NULL, 10));
    }
    setting.type = argv[3];
    setting.write = argv[4];
    setting.by_id = strcmp(argv[5], "id") == 0;
    setting.writers = (size_t)strtoull(argv[7], NULL, 10);
    setting.batch_rows = argc == 9 ? (size_t)strtoull(argv[8], NULL, 10) : BATCH_ROWS;
    if (setting.writers == 0 || setting.batch_rows == 0 || setting.writers > RAW_WRITERS_MAX ||
        !load_edges_read(argv[2], &edges)) {
        return EXIT_FAILURE;
    }
    int status = EXIT_FAILURE;
    if (strcmp(argv[1], "raw") == 0) {
        status = run_raw(&setting, &edges, strcmp(argv[6], "tiles") == 0);
    } else if (heddle_road_parse(argv[6], &road, &error) == HEDDLE_OK) {
        status = run_heddle(&setting, &edges, road);
    } else {
        load_complain(&error);
    }
    free(edges.pairs);
    return status;
}
