/* marks.c: exactly once into a file: the load's record and the marks of its transactions in heddle_meta.
 *
 * A file has one writer at a time (DuckDB locks it) and a transaction ends with the process, so nothing comes late: a mark
 * says all there is to say. It bears the sums of its transaction, which are known before COMMIT. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "sink/duckdb/internal.h"
#include "sink/lease.h"

#define META "main." HEDDLE_DUCKDB_META

/* What heddle_meta holds of a load under (kind, load id). */
static const char *const lease_kinds[] = {"load.epoch",  "load.format",    "load.seed",    "load.owner",
                                          "load.host",   "load.precision", "load.started", "load.job",
                                          "load.stamps", "load.leaving"};
enum {
    KIND_EPOCH,
    KIND_FORMAT,
    KIND_SEED,
    KIND_OWNER,
    KIND_HOST,
    KIND_PRECISION,
    KIND_STARTED,
    KIND_JOB,
    KIND_STAMPS,
    KIND_LEAVING,
    KIND_COUNT
};

/* The value of (kind, name) as a new text, or NULL where there is none. */
static int meta_get(struct heddle_duckdb_sink *sink, const char *kind, const char *name, char **value_out,
                    struct heddle_error *error)
{
    struct heddle_buffer sql = {0};
    *value_out = NULL;
    heddle_buffer_append_text(&sql, "SELECT value FROM " META " WHERE kind = ");
    heddle_duck_quote_text(&sql, kind);
    heddle_buffer_append_text(&sql, " AND name = ");
    heddle_duck_quote_text(&sql, name);
    int status = heddle_buffer_check(&sql, error);
    if (status == HEDDLE_OK) {
        status = heddle_duck_fetch_text(sink->connection, heddle_buffer_text(&sql), value_out, error);
    }
    heddle_buffer_free(&sql);
    return status == HEDDLE_END ? HEDDLE_OK : status;
}

static int meta_set(struct heddle_duckdb_sink *sink, const char *kind, const char *name, const char *value,
                    struct heddle_error *error)
{
    struct heddle_buffer sql = {0};
    heddle_buffer_append_text(&sql, "INSERT OR REPLACE INTO " META " VALUES (");
    heddle_duck_quote_text(&sql, kind);
    heddle_buffer_append_text(&sql, ", ");
    heddle_duck_quote_text(&sql, name);
    heddle_buffer_append_text(&sql, ", ");
    heddle_duck_quote_text(&sql, value);
    heddle_buffer_append_text(&sql, ")");
    int status = heddle_buffer_check(&sql, error);
    if (status == HEDDLE_OK) {
        status = heddle_duck_execute(sink->connection, heddle_buffer_text(&sql), error);
    }
    heddle_buffer_free(&sql);
    return status;
}

/* Deletes the marks of this load, all or those of micro-batches up to `last`. */
static int marks_delete(struct heddle_duckdb_sink *sink, const uint64_t *last, struct heddle_error *error)
{
    struct heddle_buffer sql = {0};
    heddle_buffer_append_text(&sql,
                              "DELETE FROM " META " WHERE kind = 'mark' AND split_part(name, '/', 1) = ");
    heddle_duck_quote_text(&sql, sink->options.load.id);
    if (last != NULL) {
        heddle_buffer_append_format(&sql, " AND CAST(split_part(name, '/', 2) AS UBIGINT) <= %" PRIu64,
                                    *last);
    }
    int status = heddle_buffer_check(&sql, error);
    if (status == HEDDLE_OK) {
        status = heddle_duck_execute(sink->connection, heddle_buffer_text(&sql), error);
    }
    heddle_buffer_free(&sql);
    return status;
}

static const char *or_empty(const char *text)
{
    return text == NULL ? "" : text;
}

static int lease_write(struct heddle_duckdb_sink *sink, struct heddle_error *error)
{
    const struct heddle_load_record *record = &sink->options.load;
    char numbers[3][24];
    char *now = NULL;
    snprintf(numbers[0], sizeof numbers[0], "%" PRIu32, sink->epoch);
    snprintf(numbers[1], sizeof numbers[1], "%d", HEDDLE_LEASE_FORMAT);
    snprintf(numbers[2], sizeof numbers[2], "%" PRId64, (int64_t)sink->options.seed);
    HEDDLE_TRY(heddle_duck_fetch_text(sink->connection, "SELECT CAST(CAST(now() AS TIMESTAMP) AS VARCHAR)",
                                      &now, error));
    const char *const values[KIND_COUNT] = {numbers[0],
                                            numbers[1],
                                            numbers[2],
                                            record->owner,
                                            or_empty(record->host),
                                            or_empty(record->precision),
                                            now,
                                            or_empty(record->job),
                                            record->stamps ? "yes" : "",
                                            ""};
    int status = HEDDLE_OK;
    for (size_t i = 0; i < KIND_COUNT && status == HEDDLE_OK; i++) {
        if (i != KIND_STARTED || sink->epoch == 1) {
            status = meta_set(sink, lease_kinds[i], record->id, values[i], error);
        }
    }
    free(now);
    return status;
}

static int lease_take(struct heddle_duckdb_sink *sink, char *const values[KIND_COUNT],
                      struct heddle_error *error)
{
    char graph[300];
    const struct heddle_lease lease = {
        .epoch = strtoll(or_empty(values[KIND_EPOCH]), NULL, 10),
        .format = strtoll(or_empty(values[KIND_FORMAT]), NULL, 10),
        .seed = strtoll(or_empty(values[KIND_SEED]), NULL, 10),
        .owner = or_empty(values[KIND_OWNER]),
        .host = or_empty(values[KIND_HOST]),
        .precision = or_empty(values[KIND_PRECISION]),
        .started = or_empty(values[KIND_STARTED]),
        .stamps = or_empty(values[KIND_STAMPS])[0] != '\0',
        .leaving = or_empty(values[KIND_LEAVING])[0] != '\0',
    };
    snprintf(graph, sizeof graph, "the file %.280s", sink->path);
    HEDDLE_TRY(heddle_lease_check(&sink->options, &lease, graph, error));
    HEDDLE_TRY(heddle_lease_next(&sink->options.load, lease.epoch, &sink->epoch, error));
    if (sink->options.load.fresh) {
        HEDDLE_TRY(marks_delete(sink, NULL, error));
    }
    return lease_write(sink, error);
}

int heddle_duckdb_epoch_take(struct heddle_duckdb_sink *sink, struct heddle_error *error)
{
    char *values[KIND_COUNT] = {NULL};
    int status = HEDDLE_OK;
    if (sink->options.load.owner == NULL) {
        return HEDDLE_OK;
    }
    for (size_t i = 0; i < KIND_COUNT && status == HEDDLE_OK; i++) {
        status = meta_get(sink, lease_kinds[i], sink->options.load.id, &values[i], error);
    }
    if (status == HEDDLE_OK) {
        status = lease_take(sink, values, error);
    }
    for (size_t i = 0; i < KIND_COUNT; i++) {
        free(values[i]);
    }
    return status;
}

uint32_t heddle_duckdb_epoch(const void *self)
{
    return ((const struct heddle_duckdb_sink *)self)->epoch;
}

int heddle_duckdb_mark(struct heddle_duckdb_sink *sink, uint64_t token, const struct heddle_ledger_sums *sums,
                       struct heddle_error *error)
{
    char name[HEDDLE_MARK_TEXT_MAX];
    char value[5 * 21];
    if (sink->epoch == 0) {
        return HEDDLE_OK;
    }
    if (sink->mark == NULL) {
        HEDDLE_TRY(heddle_duck_prepare(sink->connection, "INSERT INTO " META " VALUES ('mark', $1, $2)",
                                       &sink->mark, error));
    }
    heddle_mark_text(name, sink->options.load.id, sink->micro_batch, token);
    snprintf(value, sizeof value, "%" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64, sums->created,
             sums->matched, sums->folded, sums->rejected, sums->vectors);
    HEDDLE_TRY(heddle_duck_bind_text(sink->mark, 1, name, strlen(name), error));
    HEDDLE_TRY(heddle_duck_bind_text(sink->mark, 2, value, strlen(value), error));
    return heddle_duck_run(sink->mark, NULL, error);
}

/* Reads "1 2 3 4 5". */
static bool sums_read(const char *text, struct heddle_ledger_sums *sums)
{
    uint64_t *const numbers[] = {&sums->created, &sums->matched, &sums->folded, &sums->rejected,
                                 &sums->vectors};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        char *end = NULL;
        *numbers[i] = strtoull(text, &end, 10);
        if (end == text) {
            return false;
        }
        text = end;
    }
    return true;
}

static int token_resolve(struct heddle_duckdb_sink *sink, uint64_t token, struct heddle_error *error)
{
    const struct heddle_ledger *ledger = &sink->options.ledger;
    char name[HEDDLE_MARK_TEXT_MAX];
    char *value = NULL;
    struct heddle_ledger_sums sums = {0};
    heddle_mark_text(name, sink->options.load.id, sink->micro_batch, token);
    HEDDLE_TRY(meta_get(sink, "mark", name, &value, error));
    if (value == NULL) {
        ledger->outcome(ledger->context, token, HEDDLE_VERDICT_VOID, NULL);
        return HEDDLE_OK;
    }
    const bool readable = sums_read(value, &sums);
    free(value);
    if (!readable) {
        return heddle_error_set(error, HEDDLE_DATABASE, "the mark %s in %s is damaged", name, sink->path);
    }
    ledger->outcome(ledger->context, token, HEDDLE_VERDICT_SETTLED, &sums);
    return HEDDLE_OK;
}

static int tokens_resolve(struct heddle_duckdb_sink *sink, struct heddle_error *error)
{
    const struct heddle_ledger *ledger = &sink->options.ledger;
    for (size_t i = 0;; i++) {
        uint64_t token = 0;
        size_t target = 0;
        if (ledger->unresolved(ledger->context, i, &token, &target) != HEDDLE_OK) {
            return HEDDLE_OK;
        }
        HEDDLE_TRY(token_resolve(sink, token, error));
    }
}

int heddle_duckdb_begin(void *self, uint64_t micro_batch, struct heddle_error *error)
{
    struct heddle_duckdb_sink *sink = self;
    const struct heddle_ledger *ledger = &sink->options.ledger;
    sink->micro_batch = micro_batch;
    if (sink->epoch == 0 || ledger->before_send == NULL) {
        return HEDDLE_OK;
    }
    HEDDLE_TRY(tokens_resolve(sink, error));
    for (size_t i = 0; i < sink->options.target_count; i++) {
        struct heddle_ledger_sums sums = {0};
        ledger->remembered(ledger->context, i, &sums);
        heddle_target_counts_add(&sink->states[i].counts, &sums);
        sink->states[i].recalled += sums.created;
    }
    return HEDDLE_OK;
}

int heddle_duckdb_forget(void *self, uint64_t micro_batch, struct heddle_error *error)
{
    struct heddle_duckdb_sink *sink = self;
    return sink->epoch == 0 ? HEDDLE_OK : marks_delete(sink, &micro_batch, error);
}
