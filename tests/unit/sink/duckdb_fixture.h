/* duckdb_fixture.h: removals, aircraft and the relationship between them, for the tests of the DuckDB sink: a file of
 * its own in a folder of its own, batches made from plain arrays, rejects and ledger written down. */
#ifndef HEDDLE_TESTS_DUCKDB_FIXTURE_H
#define HEDDLE_TESTS_DUCKDB_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/memory.h"
#include "duck/duck.h"
#include "sink/backend.h"

enum { WIDTH = 4, REJECTS_MAX = 64, EVENTS_MAX = 256 };

struct rejected {
    char target[32];
    char code[32];
    char key[64];
    char reason[256];
    size_t row;
};

struct fixture {
    char folder[64];
    char to[128];
    char path[128];
    struct rejected rejects[REJECTS_MAX];
    size_t reject_count;
    char events[EVENTS_MAX]; /* the ledger's: 's' sent, 'c' settled, 'f' void */
    size_t event_count;
    void *sink;
};

/* One row; a text of NULL is a null value, a key of NO_KEY a null key, a vector of NULL no vector. */
struct removal {
    int64_t id;
    const char *reason;
    const char *aircraft;
    const float *vector;
};

enum { NO_KEY = -1 };

static const struct heddle_field removal_fields[3] = {
    {.name = "id", .type = HEDDLE_TYPE_INTEGER},
    {.name = "reason", .type = HEDDLE_TYPE_STRING},
    {.name = "aircraft", .type = HEDDLE_TYPE_STRING},
};
static const struct heddle_schema removal_schema = {removal_fields, 3};

static const struct heddle_target_property removal_properties[2] = {
    {.name = "removal_id", .field = "id", .column = 0, .typed = true, .type = HEDDLE_TYPE_INTEGER},
    {.name = "removal_reason", .field = "reason", .column = 1, .typed = true, .type = HEDDLE_TYPE_STRING},
};
static const struct heddle_target_property aircraft_properties[1] = {
    {.name = "aircraft_id", .field = "aircraft", .column = 2, .typed = true, .type = HEDDLE_TYPE_STRING},
};
static const struct heddle_target_property link_properties[1] = {
    {.name = "why", .field = "reason", .column = 1, .typed = true, .type = HEDDLE_TYPE_STRING},
};
static const size_t first_property[1] = {0};
static const char *const removal_labels[1] = {"RemovalEvent"};
static const char *const aircraft_labels[1] = {"Aircraft"};
static const char *const embedding_name[1] = {"embedding"};
static const struct heddle_target_schema removal_index[1] = {
    {.kind = HEDDLE_TARGET_VECTOR_INDEX,
     .name = "removal_embedding",
     .labels = removal_labels,
     .label_count = 1,
     .properties = embedding_name,
     .property_count = 1,
     .dimensions = WIDTH,
     .similarity = "cosine"},
};

enum { REMOVAL, AIRCRAFT, REMOVED_FROM, TARGETS };

/* The job's three targets, all of them merging, for a test to change. */
static inline void targets_fill(struct heddle_target targets[static TARGETS])
{
    targets[REMOVAL] = (struct heddle_target){.kind = HEDDLE_TARGET_NODE,
                                              .name = "removal",
                                              .merge = true,
                                              .properties = removal_properties,
                                              .property_count = 2,
                                              .key = first_property,
                                              .key_count = 1,
                                              .labels = removal_labels,
                                              .label_count = 1,
                                              .vector_property = "embedding",
                                              .vector_dimensions = WIDTH,
                                              .schema = removal_index,
                                              .schema_count = 1};
    targets[AIRCRAFT] = (struct heddle_target){.kind = HEDDLE_TARGET_NODE,
                                               .name = "aircraft",
                                               .merge = true,
                                               .properties = aircraft_properties,
                                               .property_count = 1,
                                               .key = first_property,
                                               .key_count = 1,
                                               .labels = aircraft_labels,
                                               .label_count = 1};
    targets[REMOVED_FROM] =
        (struct heddle_target){.kind = HEDDLE_TARGET_RELATIONSHIP,
                               .name = "removed_from",
                               .merge = true,
                               .properties = link_properties,
                               .property_count = 1,
                               .type = "REMOVED_FROM",
                               .start = {.node = REMOVAL, .keys = removal_properties, .key_count = 1},
                               .end = {.node = AIRCRAFT, .keys = aircraft_properties, .key_count = 1},
                               .follows_its_nodes = true};
}

static inline int reject_note(void *context, const struct heddle_reject *reject, struct heddle_error *error)
{
    struct fixture *fixture = context;
    (void)error;
    assert_true(fixture->reject_count < REJECTS_MAX);
    struct rejected *note = &fixture->rejects[fixture->reject_count++];
    snprintf(note->target, sizeof note->target, "%s", reject->target);
    snprintf(note->code, sizeof note->code, "%s", reject->code);
    snprintf(note->key, sizeof note->key, "%s", reject->key != NULL ? reject->key : "");
    snprintf(note->reason, sizeof note->reason, "%s", reject->reason);
    note->row = reject->row;
    return HEDDLE_OK;
}

static inline int sent_note(void *context, uint64_t token, const struct heddle_ledger_rows *rows,
                            struct heddle_error *error)
{
    struct fixture *fixture = context;
    (void)token;
    (void)error;
    assert_true(rows->count > 0 && fixture->event_count < EVENTS_MAX - 1);
    fixture->events[fixture->event_count++] = 's';
    return HEDDLE_OK;
}

static inline void outcome_note(void *context, uint64_t token, enum heddle_verdict verdict,
                                const struct heddle_ledger_sums *sums)
{
    struct fixture *fixture = context;
    (void)token;
    assert_true((sums != NULL) == (verdict == HEDDLE_VERDICT_SETTLED));
    fixture->events[fixture->event_count++] = "cfw"[verdict];
}

static inline void fixture_make(struct fixture *fixture)
{
    *fixture = (struct fixture){.folder = "/tmp/heddle-duckdb-XXXXXX"};
    assert_non_null(mkdtemp(fixture->folder));
    snprintf(fixture->path, sizeof fixture->path, "%s/graph.duckdb", fixture->folder);
    snprintf(fixture->to, sizeof fixture->to, "duckdb:%s", fixture->path);
}

static inline void fixture_close(struct fixture *fixture)
{
    heddle_sink_duckdb.close(fixture->sink);
    fixture->sink = NULL;
}

static inline void fixture_remove(struct fixture *fixture)
{
    char wal[160];
    fixture_close(fixture);
    snprintf(wal, sizeof wal, "%s.wal", fixture->path);
    (void)unlink(wal);
    (void)unlink(fixture->path);
    (void)rmdir(fixture->folder);
}

static inline struct heddle_sink_options fixture_options(struct fixture *fixture,
                                                         const struct heddle_target *targets, size_t count)
{
    return (struct heddle_sink_options){
        .to = fixture->to,
        .targets = targets,
        .target_count = count,
        .seed = 7,
        .load = {.id = "ab12", .job = "removals", .model = "all-MiniLM-L6-v2", .precision = "fp32"},
        .rejects = {reject_note, fixture},
        .ledger = {.before_send = sent_note, .outcome = outcome_note, .context = fixture}};
}

/* Opens and prepares. */
static inline void fixture_open(struct fixture *fixture, const struct heddle_target *targets, size_t count)
{
    struct heddle_error error = {0};
    const struct heddle_sink_options options = fixture_options(fixture, targets, count);
    if (heddle_sink_duckdb.open(&options, &fixture->sink, &error) != HEDDLE_OK ||
        heddle_sink_duckdb.prepare(fixture->sink, &error) != HEDDLE_OK) {
        fail_msg("%s", error.message);
    }
}

static inline struct heddle_column text_column(struct heddle_arena *arena, const struct removal *rows,
                                               size_t count, bool aircraft)
{
    uint32_t *offsets = heddle_arena_calloc(arena, count + 1, sizeof *offsets);
    uint8_t *valid = heddle_arena_calloc(arena, count / 8 + 1, 1);
    uint8_t *bytes = heddle_arena_calloc(arena, count + 1, 64);
    assert_true(offsets != NULL && valid != NULL && bytes != NULL);
    for (size_t i = 0; i < count; i++) {
        const char *text = aircraft ? rows[i].aircraft : rows[i].reason;
        const size_t length = text == NULL ? 0 : strlen(text);
        assert_true(length < 64);
        if (text != NULL) {
            memcpy(bytes + offsets[i], text, length);
            valid[i >> 3] = (uint8_t)(valid[i >> 3] | 1U << (i & 7));
        }
        offsets[i + 1] = offsets[i] + (uint32_t)length;
    }
    return (struct heddle_column){
        .type = HEDDLE_TYPE_STRING, .length = count, .valid = valid, .offsets = offsets, .bytes = bytes};
}

static inline struct heddle_column id_column(struct heddle_arena *arena, const struct removal *rows,
                                             size_t count)
{
    int64_t *values = heddle_arena_calloc(arena, count, sizeof *values);
    uint8_t *valid = heddle_arena_calloc(arena, count / 8 + 1, 1);
    assert_true(values != NULL && valid != NULL);
    for (size_t i = 0; i < count; i++) {
        values[i] = rows[i].id;
        if (rows[i].id != NO_KEY) {
            valid[i >> 3] = (uint8_t)(valid[i >> 3] | 1U << (i & 7));
        }
    }
    return (struct heddle_column){
        .type = HEDDLE_TYPE_INTEGER, .length = count, .valid = valid, .values = values};
}

static inline struct heddle_column vector_column(struct heddle_arena *arena, const struct removal *rows,
                                                 size_t count)
{
    float *values = heddle_arena_calloc(arena, count * WIDTH, sizeof *values);
    uint8_t *valid = heddle_arena_calloc(arena, count / 8 + 1, 1);
    assert_true(values != NULL && valid != NULL);
    for (size_t i = 0; i < count; i++) {
        if (rows[i].vector != NULL) {
            memcpy(values + i * WIDTH, rows[i].vector, WIDTH * sizeof *values);
            valid[i >> 3] = (uint8_t)(valid[i >> 3] | 1U << (i & 7));
        }
    }
    return (struct heddle_column){
        .type = HEDDLE_TYPE_VECTOR, .length = count, .valid = valid, .values = values, .width = WIDTH};
}

static inline struct heddle_batch *batch_of(const struct removal *rows, size_t count)
{
    struct heddle_batch *batch = NULL;
    assert_int_equal(heddle_batch_create(&removal_schema, &batch, NULL), HEDDLE_OK);
    batch->rows = count;
    batch->source = "removals";
    batch->file = "removals.parquet";
    batch->columns[0] = id_column(batch->arena, rows, count);
    batch->columns[1] = text_column(batch->arena, rows, count, false);
    batch->columns[2] = text_column(batch->arena, rows, count, true);
    batch->vectors = heddle_arena_calloc(batch->arena, 1, sizeof *batch->vectors);
    assert_non_null(batch->vectors);
    batch->vectors[0] = vector_column(batch->arena, rows, count);
    batch->vector_count = 1;
    return batch;
}

/* Writes rows to the targets whose numbers are given. */
static inline void rows_write(struct fixture *fixture, const struct removal *rows, size_t count,
                              const size_t *targets, size_t target_count)
{
    struct heddle_error error = {0};
    struct heddle_batch *batch = batch_of(rows, count);
    const int status = heddle_sink_duckdb.write(fixture->sink, batch, targets, target_count, &error);
    heddle_batch_release(batch);
    if (status != HEDDLE_OK) {
        fail_msg("%s", error.message);
    }
}

static const size_t all_targets[TARGETS] = {REMOVED_FROM, AIRCRAFT, REMOVAL};

static inline void load_finish(struct fixture *fixture)
{
    uint64_t index_ns = 1;
    struct heddle_error error = {0};
    if (heddle_sink_duckdb.flush(fixture->sink, &error) != HEDDLE_OK ||
        heddle_sink_duckdb.finish(fixture->sink, &index_ns, &error) != HEDDLE_OK) {
        fail_msg("%s", error.message);
    }
    assert_int_equal(index_ns, 0);
}

/* The answer of one query on the file, which no sink has open, as text. */
static inline char *file_ask(const struct fixture *fixture, const char *sql)
{
    static char answer[512];
    struct heddle_error error = {0};
    const struct heddle_duck_options options = {.path = fixture->path, .read_only = true};
    struct heddle_duck *duck = NULL;
    struct heddle_duck_connection *connection = NULL;
    char *text = NULL;
    int status = heddle_duck_open(&options, &duck, &error);
    if (status == HEDDLE_OK) {
        status = heddle_duck_connect(duck, &connection, &error);
    }
    if (status == HEDDLE_OK) {
        status = heddle_duck_fetch_text(connection, sql, &text, &error);
    }
    snprintf(answer, sizeof answer, "%s", text == NULL ? "(null)" : text);
    free(text);
    heddle_duck_disconnect(connection);
    heddle_duck_close(duck);
    if (status != HEDDLE_OK && status != HEDDLE_END) {
        fail_msg("%s: %s", sql, error.message);
    }
    return answer;
}

/* Changes the file, which no sink has open. */
static inline void file_change(const struct fixture *fixture, const char *sql)
{
    struct heddle_error error = {0};
    const struct heddle_duck_options options = {.path = fixture->path};
    struct heddle_duck *duck = NULL;
    struct heddle_duck_connection *connection = NULL;
    if (heddle_duck_open(&options, &duck, &error) != HEDDLE_OK ||
        heddle_duck_connect(duck, &connection, &error) != HEDDLE_OK ||
        heddle_duck_execute(connection, sql, &error) != HEDDLE_OK) {
        fail_msg("%s: %s", sql, error.message);
    }
    heddle_duck_disconnect(connection);
    heddle_duck_close(duck);
}

/* "created matched folded rejected vectors" of a target, after checking that they add up to the rows read. */
static inline char *counts_text(const struct fixture *fixture, size_t target)
{
    static char text[128];
    struct heddle_target_counts counts;
    heddle_sink_duckdb.counts(fixture->sink, target, &counts);
    assert_int_equal(counts.read, counts.created + counts.matched + counts.folded + counts.rejected);
    snprintf(text, sizeof text, "%d %d %d %d %d", (int)counts.created, (int)counts.matched,
             (int)counts.folded, (int)counts.rejected, (int)counts.vectors);
    return text;
}

/* 77 with the reason where libduckdb is not there, else 0. */
static inline int duckdb_missing(void)
{
    struct heddle_error error = {0};
    struct heddle_duck *duck = NULL;
    if (heddle_duck_open(&(struct heddle_duck_options){0}, &duck, &error) != HEDDLE_OK) {
        printf("skipped: %s\n", error.message);
        return 77;
    }
    heddle_duck_close(duck);
    return 0;
}

#endif
