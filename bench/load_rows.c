/* load_rows.c: how fast heddle's sink writes rows that are there already into a real server.
 *
 *     load_rows URI plain|vectors FIRST ROWS WRITERS DEPTH [BATCH_ROWS]
 *
 * As `heddle run` writes them, each transaction with its mark; nothing is noted on disk. Rows are created with the ids
 * FIRST … FIRST + ROWS - 1: an id and 120 characters, with `vectors` 384 floats too. The password comes from
 * NEO4J_PASSWORD. The clock runs from the first write() to the end of flush(): connections of the writers, conversion,
 * schedule, encoding, waiting, counting. Prints one line of JSON (lib/rows.h).
 */
#include <stdlib.h>

#include "base/memory.h"
#include "column/builder.h"
#include "lib/rows.h"
#include "sink/sink.h"

enum { BATCH = 5000, COLUMNS = 2, LOAD_ID_SIZE = 40 };

static const struct heddle_field FIELDS[COLUMNS] = {{.name = "id", .type = HEDDLE_TYPE_INTEGER},
                                                    {.name = "text", .type = HEDDLE_TYPE_STRING}};
static const struct heddle_schema SCHEMA = {FIELDS, COLUMNS};

static int die(const struct heddle_error *error)
{
    fprintf(stderr, "load_rows: %s\n", error->message);
    return EXIT_FAILURE;
}

static int add_vectors(struct heddle_batch *batch, int64_t first, size_t count)
{
    float *values = heddle_arena_calloc(batch->arena, count * ROW_DIMENSIONS, sizeof *values);
    batch->vectors = heddle_arena_calloc(batch->arena, 1, sizeof *batch->vectors);
    if (values == NULL || batch->vectors == NULL) {
        return HEDDLE_OUT_OF_MEMORY;
    }
    for (size_t i = 0; i < count; i++) {
        for (int at = 0; at < ROW_DIMENSIONS; at++) {
            values[i * ROW_DIMENSIONS + (size_t)at] = row_component(first + (int64_t)i, at);
        }
    }
    batch->vectors[0] = (struct heddle_column){
        .type = HEDDLE_TYPE_VECTOR, .length = count, .values = values, .width = ROW_DIMENSIONS};
    batch->vector_count = 1;
    return HEDDLE_OK;
}

static int make_batch(int64_t first, size_t count, bool vectors, struct heddle_batch **batch_out,
                      struct heddle_error *error)
{
    struct heddle_batch *batch = NULL;
    struct heddle_builder id = {.type = HEDDLE_TYPE_INTEGER};
    struct heddle_builder text = {.type = HEDDLE_TYPE_STRING};
    HEDDLE_TRY(heddle_batch_create(&SCHEMA, &batch, error));
    for (size_t i = 0; i < count; i++) {
        char words[ROW_TEXT + 1];
        row_text(first + (int64_t)i, words);
        heddle_builder_integer(&id, first + (int64_t)i);
        heddle_builder_text(&text, words, ROW_TEXT);
    }
    int status = heddle_builder_finish(&id, batch->arena, &batch->columns[0], error);
    status =
        status == HEDDLE_OK ? heddle_builder_finish(&text, batch->arena, &batch->columns[1], error) : status;
    status = status == HEDDLE_OK && vectors ? add_vectors(batch, first, count) : status;
    heddle_builder_free(&id);
    heddle_builder_free(&text);
    batch->rows = count;
    batch->source = "bench";
    batch->file = "";
    if (status != HEDDLE_OK) {
        heddle_batch_release(batch);
        return status;
    }
    *batch_out = batch;
    return HEDDLE_OK;
}

static int refuse(void *context, const struct heddle_reject *reject, struct heddle_error *error)
{
    (void)context;
    return heddle_error_set(error, HEDDLE_REJECTED, "a row was rejected: %s", reject->reason);
}

static int write_all(struct heddle_sink *sink, struct heddle_batch **batches, size_t count,
                     struct heddle_error *error)
{
    static const size_t only[] = {0};
    for (size_t i = 0; i < count; i++) {
        batches[i]->sequence = i;
        batches[i]->position = i * BATCH;
        HEDDLE_TRY(heddle_sink_write(sink, batches[i], only, 1, error));
    }
    return heddle_sink_flush(sink, error);
}

static int load(const struct heddle_sink_options *options, int64_t first, int64_t rows,
                struct heddle_error *error)
{
    const size_t count = (size_t)((rows + BATCH - 1) / BATCH);
    struct heddle_batch **batches = heddle_calloc(count, sizeof(struct heddle_batch *));
    struct heddle_sink *sink = NULL;
    int status = batches == NULL ? heddle_error_out_of_memory(error) : HEDDLE_OK;
    for (size_t i = 0; i < count && status == HEDDLE_OK; i++) {
        const int64_t left = rows - (int64_t)i * BATCH;
        status = make_batch(first + (int64_t)i * BATCH, (size_t)(left < BATCH ? left : BATCH),
                            options->targets[0].vector_property != NULL, &batches[i], error);
    }
    status = status == HEDDLE_OK ? heddle_sink_open(options, &sink, error) : status;
    status = status == HEDDLE_OK ? heddle_sink_prepare(sink, error) : status;
    status = status == HEDDLE_OK ? heddle_sink_begin(sink, 0, error) : status;
    if (status == HEDDLE_OK) {
        const struct row_clock start = row_clock_now();
        status = write_all(sink, batches, count, error);
        if (status == HEDDLE_OK) {
            row_report("heddle", rows, start);
        }
    }
    heddle_sink_close(sink);
    for (size_t i = 0; batches != NULL && i < count; i++) {
        if (batches[i] != NULL) {
            heddle_batch_release(batches[i]);
        }
    }
    free(batches);
    return status;
}

int main(int argc, char **argv)
{
    static const struct heddle_target_property properties[COLUMNS] = {
        {.name = "id", .field = "id", .column = 0}, {.name = "text", .field = "text", .column = 1}};
    static const char *const labels[] = {"HeddleBench"};
    static const char *const keys[] = {"id"};
    static const size_t key[] = {0};
    static const struct heddle_target_schema schema[] = {{.kind = HEDDLE_TARGET_UNIQUE,
                                                          .name = "heddle_bench_id",
                                                          .labels = labels,
                                                          .label_count = 1,
                                                          .properties = keys,
                                                          .property_count = 1}};
    if (argc < 7) {
        fputs("usage: load_rows URI plain|vectors FIRST ROWS WRITERS DEPTH [BATCH_ROWS]\n", stderr);
        return EXIT_FAILURE;
    }
    const struct heddle_target target = {
        .kind = HEDDLE_TARGET_NODE,
        .name = "bench",
        .properties = properties,
        .property_count = COLUMNS,
        .key = key,
        .key_count = 1,
        .schema = schema,
        .schema_count = 1,
        .labels = labels,
        .label_count = 1,
        .vector_property = strcmp(argv[2], "vectors") == 0 ? "embedding" : NULL,
        .vector_dimensions = ROW_DIMENSIONS,
    };
    char load_id[LOAD_ID_SIZE];
    snprintf(load_id, sizeof load_id, "bench-%s", argv[3]);
    const struct heddle_sink_options options = {
        .to = argv[1],
        .username = "neo4j",
        .password = getenv("NEO4J_PASSWORD"),
        .targets = &target,
        .target_count = 1,
        .writers = strtoul(argv[5], NULL, 10),
        .pipeline_depth = strtoul(argv[6], NULL, 10),
        .batch_rows = argc > 7 ? strtoul(argv[7], NULL, 10) : 0,
        .vector_index = HEDDLE_VECTOR_INDEX_NONE,
        .tx_timeout_ms = 60000,
        .seed = 7,
        .load =
            {.id = load_id, .job = "bench", .model = "", .precision = "", .owner = load_id, .host = "bench"},
        .rejects = {.add = refuse},
    };
    struct heddle_error error = {0};
    const int64_t rows = strtoll(argv[4], NULL, 10);
    if (rows <= 0) {
        fputs("load_rows: ROWS must be at least 1\n", stderr);
        return EXIT_FAILURE;
    }
    return load(&options, strtoll(argv[3], NULL, 10), rows, &error) == HEDDLE_OK ? EXIT_SUCCESS : die(&error);
}
