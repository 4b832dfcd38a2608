/* verify.c: is what was loaded in the file? Keys sampled while writing are looked up again; vectors are measured. */
#include <inttypes.h>
#include <stdio.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/text.h"
#include "sink/duckdb/internal.h"

/* Rows of a transaction that are offered to the sample: few, since each is a statement. */
enum { PICKS = 8 };

static const struct heddle_duckdb_table *road_table(const struct heddle_duckdb_sink *sink, size_t index)
{
    return &sink->layout.tables[sink->layout.roads[index].table];
}

/* Number of the staged column that holds the i-th key column of the road. */
static size_t key_staged(const struct heddle_duckdb_road *road, size_t i)
{
    size_t staged = 0;
    while (road->columns[staged] != road->key_columns[i]) {
        staged++;
    }
    return staged;
}

static int count(struct heddle_duckdb_sink *sink, struct heddle_buffer *sql, int64_t *out,
                 struct heddle_error *error)
{
    int status = heddle_buffer_check(sql, error);
    if (status == HEDDLE_OK) {
        status = heddle_duck_fetch_integer(sink->connection, heddle_buffer_text(sql), out, error);
    }
    heddle_buffer_free(sql);
    return status;
}

int heddle_duckdb_sample_prepare(struct heddle_duckdb_sink *sink, size_t index, struct heddle_error *error)
{
    const struct heddle_duckdb_road *road = &sink->layout.roads[index];
    struct heddle_buffer sql = {0};
    heddle_buffer_append_format(&sql, "CREATE OR REPLACE TEMP TABLE heddle_sample_%zu (slot BIGINT", index);
    for (size_t i = 0; i < road->key_count; i++) {
        heddle_buffer_append_format(&sql, ", k%zu ", i);
        heddle_duck_type_sql(&sql, &road_table(sink, index)->columns[road->key_columns[i]].field);
    }
    heddle_buffer_append_text(&sql, ")");
    return heddle_duckdb_execute(sink->connection, &sql, error);
}

/* Notes the staged row `ordinal` in `slot`, in place of what stands there. */
static int slot_set(struct heddle_duckdb_sink *sink, size_t index, uint64_t slot, size_t ordinal,
                    struct heddle_error *error)
{
    const struct heddle_duckdb_road *road = &sink->layout.roads[index];
    struct heddle_buffer sql = {0};
    if (sink->states[index].samples > HEDDLE_DUCKDB_SAMPLES) {
        heddle_buffer_append_format(
            &sql, "DELETE FROM temp.main.heddle_sample_%zu WHERE slot = %" PRIu64 "; ", index, slot);
    }
    heddle_buffer_append_format(&sql, "INSERT INTO temp.main.heddle_sample_%zu SELECT %" PRIu64, index, slot);
    for (size_t i = 0; i < road->key_count; i++) {
        heddle_buffer_append_format(&sql, ", c%zu", key_staged(road, i));
    }
    heddle_buffer_append_format(&sql, " FROM temp.main.%s WHERE ordinal = %zu", road->stage, ordinal);
    return heddle_duckdb_execute(sink->connection, &sql, error);
}

/* Algorithm R (Vitter 1985) over rows picked at random, a few of each transaction: the n-th pick replaces a slot with
 * probability samples/n. */
int heddle_duckdb_sample(struct heddle_duckdb_sink *sink, const struct heddle_duckdb_staged *staged,
                         struct heddle_error *error)
{
    const size_t index = staged->ready->target_index;
    struct heddle_duckdb_state *state = &sink->states[index];
    const size_t picks = staged->staged < PICKS ? staged->staged : PICKS;
    if (sink->layout.roads[index].key_count == 0) {
        return HEDDLE_OK;
    }
    for (size_t i = 0; i < picks; i++) {
        /* One pick from each of `picks` equal parts, so that no row is picked twice. */
        const size_t low = i * staged->staged / picks;
        const size_t high = (i + 1) * staged->staged / picks;
        const size_t ordinal = low + (size_t)heddle_random_below(&sink->random, high - low);
        if (staged->gone[ordinal]) {
            continue;
        }
        const uint64_t nth = state->samples++;
        const uint64_t slot = nth < HEDDLE_DUCKDB_SAMPLES ? nth : heddle_random_below(&sink->random, nth + 1);
        if (slot < HEDDLE_DUCKDB_SAMPLES) {
            HEDDLE_TRY(slot_set(sink, index, slot, ordinal, error));
        }
    }
    return HEDDLE_OK;
}

/* FROM heddle_sample_0 s WHERE [NOT] EXISTS (FROM "T" t WHERE t."k" = s.k0 …) */
static void lookup(struct heddle_buffer *sql, const struct heddle_duckdb_sink *sink, size_t index)
{
    const struct heddle_duckdb_road *road = &sink->layout.roads[index];
    const struct heddle_duckdb_table *table = road_table(sink, index);
    for (size_t i = 0; i < road->key_count; i++) {
        heddle_buffer_append_text(sql, i == 0 ? "t." : " AND t.");
        heddle_duck_quote_name(sql, table->columns[road->key_columns[i]].name);
        heddle_buffer_append_format(sql, " = s.k%zu", i);
    }
}

/* What the checks add up to. */
struct findings {
    int64_t rows;            /* looked up */
    int64_t missing;         /* not found */
    int64_t vectors;         /* measured */
    int64_t bad;             /* of them without a finite, positive norm */
    const char *wrong_table; /* whose count differs, strict only */
    int64_t have;
    int64_t need;
};

static int keys_verify(struct heddle_duckdb_sink *sink, size_t index, struct findings *findings,
                       struct heddle_error *error)
{
    struct heddle_buffer sql = {0};
    int64_t number = 0;
    heddle_buffer_append_format(&sql, "SELECT count(*) FROM temp.main.heddle_sample_%zu", index);
    HEDDLE_TRY(count(sink, &sql, &number, error));
    findings->rows += number;
    heddle_buffer_append_format(
        &sql, "SELECT count(*) FROM temp.main.heddle_sample_%zu s WHERE NOT EXISTS (FROM main.", index);
    heddle_duck_quote_name(&sql, road_table(sink, index)->name);
    heddle_buffer_append_text(&sql, " t WHERE ");
    lookup(&sql, sink, index);
    heddle_buffer_append_text(&sql, ")");
    HEDDLE_TRY(count(sink, &sql, &number, error));
    findings->missing += number;
    return HEDDLE_OK;
}

/* The column type FLOAT[n] sees to the dimensions; what can be wrong is a norm of 0, or not finite. */
static int vectors_verify(struct heddle_duckdb_sink *sink, size_t index, bool strict,
                          struct findings *findings, struct heddle_error *error)
{
    const struct heddle_target *target = &sink->options.targets[index];
    static const char *const conditions[2] = {"", " AND NOT (n > 0 AND isfinite(n))"};
    int64_t *const counts[2] = {&findings->vectors, &findings->bad};
    for (size_t i = 0; i < 2; i++) {
        struct heddle_buffer sql = {0};
        heddle_buffer_append_text(&sql, "SELECT count(*) FROM (SELECT array_inner_product(t.");
        heddle_duck_quote_name(&sql, target->vector_property);
        heddle_buffer_append_text(&sql, ", t.");
        heddle_duck_quote_name(&sql, target->vector_property);
        heddle_buffer_append_text(&sql, ") AS n FROM main.");
        heddle_duck_quote_name(&sql, road_table(sink, index)->name);
        heddle_buffer_append_text(&sql, " t");
        if (!strict && target->key_count > 0) {
            heddle_buffer_append_format(&sql, " WHERE EXISTS (FROM temp.main.heddle_sample_%zu s WHERE ",
                                        index);
            lookup(&sql, sink, index);
            heddle_buffer_append_text(&sql, ")");
        }
        heddle_buffer_append_format(&sql, ") WHERE n IS NOT NULL%s", conditions[i]);
        int64_t number = 0;
        HEDDLE_TRY(count(sink, &sql, &number, error));
        *counts[i] += number;
    }
    return HEDDLE_OK;
}

/* Rows of a table = those it had + those that this load's targets created. Ends that relationships made are not counted
 * by any target, so tables that may have got some are left out. */
static int table_verify(struct heddle_duckdb_sink *sink, size_t table, struct findings *findings,
                        struct heddle_error *error)
{
    int64_t need = sink->layout.tables[table].rows_before;
    int64_t have = 0;
    for (size_t i = 0; i < sink->options.target_count; i++) {
        const struct heddle_duckdb_road *road = &sink->layout.roads[i];
        const struct heddle_target *target = &sink->options.targets[i];
        need +=
            road->table == table ? (int64_t)(sink->states[i].counts.created - sink->states[i].recalled) : 0;
        if (target->kind == HEDDLE_TARGET_RELATIONSHIP && target->merge_ends &&
            (road->start_table == table || road->end_table == table)) {
            return HEDDLE_OK;
        }
    }
    struct heddle_buffer sql = {0};
    heddle_buffer_append_text(&sql, "SELECT count(*) FROM main.");
    heddle_duck_quote_name(&sql, sink->layout.tables[table].name);
    HEDDLE_TRY(count(sink, &sql, &have, error));
    if (have != need && findings->wrong_table == NULL) {
        findings->wrong_table = sink->layout.tables[table].name;
        findings->have = have;
        findings->need = need;
    }
    return HEDDLE_OK;
}

static void summarise(const struct findings *findings, bool strict, struct heddle_verification *out)
{
    char rows[32];
    char vectors[32];
    heddle_text_grouped((uint64_t)findings->rows, rows);
    heddle_text_grouped((uint64_t)findings->vectors, vectors);
    out->ok = findings->missing == 0 && findings->bad == 0 && findings->wrong_table == NULL;
    if (findings->wrong_table != NULL) {
        snprintf(out->summary, sizeof out->summary,
                 "table %s has %" PRId64 " rows, and %" PRId64 " were expected", findings->wrong_table,
                 findings->have, findings->need);
    } else if (!out->ok) {
        snprintf(out->summary, sizeof out->summary,
                 "of %s rows looked up by key %" PRId64 " are missing; of %s vectors %" PRId64
                 " have no usable norm",
                 rows, findings->missing, vectors, findings->bad);
    } else {
        snprintf(out->summary, sizeof out->summary,
                 "%s rows looked up by key, all there; %s vectors measured, all sound%s", rows, vectors,
                 strict ? "; the counts of all tables are right" : "");
    }
}

int heddle_duckdb_verify(void *self, bool strict, struct heddle_verification *out, struct heddle_error *error)
{
    struct heddle_duckdb_sink *sink = self;
    struct findings findings = {0};
    *out = (struct heddle_verification){.recall = -1};
    for (size_t i = 0; i < sink->options.target_count; i++) {
        if (sink->options.targets[i].removes) {
            continue;
        }
        if (sink->states[i].ready && sink->layout.roads[i].key_count > 0) {
            HEDDLE_TRY(keys_verify(sink, i, &findings, error));
        }
        if (sink->states[i].ready && sink->options.targets[i].vector_property != NULL) {
            HEDDLE_TRY(vectors_verify(sink, i, strict, &findings, error));
        }
    }
    /* How many relationships deleted nodes took along is not counted. */
    for (size_t i = 0; strict && !sink->removed && i < sink->layout.table_count; i++) {
        HEDDLE_TRY(table_verify(sink, i, &findings, error));
    }
    summarise(&findings, strict && !sink->removed, out);
    return HEDDLE_OK;
}
