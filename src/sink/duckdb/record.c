/* record.c: heddle_meta, the load's record in the file: what search and the next load need to know. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "sink/duckdb/internal.h"

int heddle_duckdb_record_begin(struct heddle_duckdb_sink *sink, struct heddle_error *error)
{
    char *format = NULL;
    HEDDLE_TRY(heddle_duck_execute(sink->connection,
                                   "CREATE TABLE IF NOT EXISTS main." HEDDLE_DUCKDB_META
                                   " (kind VARCHAR, name VARCHAR, value VARCHAR, PRIMARY KEY (kind, name)); "
                                   "INSERT INTO main." HEDDLE_DUCKDB_META
                                   " VALUES ('file', 'format', '" HEDDLE_DUCKDB_FORMAT
                                   "') ON CONFLICT DO NOTHING",
                                   error));
    HEDDLE_TRY(heddle_duck_fetch_text(sink->connection,
                                      "SELECT value FROM main." HEDDLE_DUCKDB_META
                                      " WHERE kind = 'file' AND name = 'format'",
                                      &format, error));
    int status = HEDDLE_OK;
    if (strcmp(format, HEDDLE_DUCKDB_FORMAT) != 0) {
        status = heddle_error_set(
            error, HEDDLE_INVALID,
            "%s was written in format %s and this version of heddle knows format " HEDDLE_DUCKDB_FORMAT
            ": load into another file",
            sink->path, format);
    }
    free(format);
    return status;
}

/* A statement that sets one record, and the first error that any of them met. */
struct recorder {
    struct heddle_duck_statement *statement;
    int status;
    struct heddle_error *error;
};

static void record(struct recorder *recorder, const char *kind, const char *name, const char *value)
{
    const char *const texts[3] = {kind, name, value != NULL ? value : ""};
    for (size_t i = 0; recorder->status == HEDDLE_OK && i < 3; i++) {
        recorder->status =
            heddle_duck_bind_text(recorder->statement, i + 1, texts[i], strlen(texts[i]), recorder->error);
    }
    if (recorder->status == HEDDLE_OK) {
        recorder->status = heddle_duck_run(recorder->statement, NULL, recorder->error);
    }
}

/* "removal_id, …" or "RemovalEvent -> Aircraft". */
static void record_target(struct heddle_duckdb_sink *sink, size_t index, struct recorder *recorder)
{
    const struct heddle_target *target = &sink->options.targets[index];
    const struct heddle_duckdb_road *road = &sink->layout.roads[index];
    const struct heddle_duckdb_table *table = &sink->layout.tables[road->table];
    struct heddle_buffer text = {0};
    if (target->kind == HEDDLE_TARGET_RELATIONSHIP) {
        heddle_buffer_append_format(&text, "%s -> %s", sink->layout.tables[road->start_table].name,
                                    sink->layout.tables[road->end_table].name);
        record(recorder, "relationship", table->name, heddle_buffer_text(&text));
    } else {
        for (size_t i = 0; i < table->key_count; i++) {
            heddle_buffer_append_format(&text, "%s%s", i == 0 ? "" : ", ",
                                        table->columns[table->key[i]].name);
        }
        record(recorder, "node", table->name, heddle_buffer_text(&text));
    }
    if (recorder->status == HEDDLE_OK) {
        recorder->status = heddle_buffer_check(&text, recorder->error);
    }
    heddle_buffer_free(&text);
}

static void record_vector(struct heddle_duckdb_sink *sink, size_t index, struct recorder *recorder)
{
    const struct heddle_target *target = &sink->options.targets[index];
    if (target->kind != HEDDLE_TARGET_NODE || target->vector_property == NULL) {
        return;
    }
    const char *table = sink->layout.tables[sink->layout.roads[index].table].name;
    char dimensions[16];
    snprintf(dimensions, sizeof dimensions, "%u", target->vector_dimensions);
    record(recorder, "vector.property", table, target->vector_property);
    record(recorder, "vector.dimensions", table, dimensions);
    record(recorder, "vector.model", table, sink->options.load.model);
    record(recorder, "vector.precision", table, sink->options.load.precision);
    for (size_t i = 0; i < target->schema_count; i++) {
        if (target->schema[i].kind == HEDDLE_TARGET_VECTOR_INDEX) {
            record(recorder, "vector.index", target->schema[i].name, table);
        }
    }
}

static int recorder_open(struct heddle_duckdb_sink *sink, struct recorder *recorder)
{
    return heddle_duck_prepare(sink->connection,
                               "INSERT OR REPLACE INTO main." HEDDLE_DUCKDB_META " VALUES ($1, $2, $3)",
                               &recorder->statement, recorder->error);
}

int heddle_duckdb_record_targets(struct heddle_duckdb_sink *sink, struct heddle_error *error)
{
    struct recorder recorder = {.error = error};
    HEDDLE_TRY(recorder_open(sink, &recorder));
    for (size_t i = 0; i < sink->options.target_count; i++) {
        record_target(sink, i, &recorder);
    }
    heddle_duck_statement_destroy(recorder.statement);
    return recorder.status;
}

static int records_write(struct heddle_duckdb_sink *sink, struct heddle_error *error)
{
    const struct heddle_load_record *load = &sink->options.load;
    struct recorder recorder = {.error = error};
    HEDDLE_TRY(recorder_open(sink, &recorder));
    record(&recorder, "load", "id", load->id);
    record(&recorder, "load", "job", load->job);
    record(&recorder, "load", "model", load->model);
    record(&recorder, "load", "precision", load->precision);
    for (size_t i = 0; i < sink->options.target_count; i++) {
        record_target(sink, i, &recorder);
        record_vector(sink, i, &recorder);
    }
    heddle_duck_statement_destroy(recorder.statement);
    return recorder.status;
}

int heddle_duckdb_finish(void *self, uint64_t *index_ns_out, struct heddle_error *error)
{
    struct heddle_duckdb_sink *sink = self;
    *index_ns_out = 0; /* search compares every vector: there is no index to wait for */
    HEDDLE_TRY(heddle_duck_execute(sink->connection, "BEGIN", error));
    int status = heddle_duckdb_tables_settle(sink, error);
    if (status == HEDDLE_OK) {
        status = records_write(sink, error);
    }
    if (status != HEDDLE_OK) {
        (void)!heddle_duck_execute(sink->connection, "ROLLBACK", NULL);
        return status;
    }
    HEDDLE_TRY(heddle_duck_execute(sink->connection, "COMMIT", error));
    return heddle_duck_execute(sink->connection, "CHECKPOINT", error);
}
