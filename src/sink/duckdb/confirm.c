/* confirm.c: which rows of a table have the vector of a text already: asked on a connection of its own. */
#include <string.h>

#include "base/error.h"
#include "duck/append.h"
#include "sink/duckdb/internal.h"

static const char *const LOOK = "heddle_look";

/* CREATE OR REPLACE TEMP TABLE heddle_look AS SELECT 0 AS ordinal, t."k" AS c0, …, t."text" AS text FROM main."T" t LIMIT 0 */
static int look_make(struct heddle_duckdb_sink *sink, const struct heddle_sink_look *look,
                     struct heddle_error *error)
{
    const struct heddle_target *target = &sink->options.targets[look->target];
    struct heddle_buffer sql = {0};
    heddle_buffer_append_format(&sql, "CREATE OR REPLACE TEMP TABLE %s AS SELECT 0::BIGINT AS ordinal", LOOK);
    for (size_t i = 0; i < target->key_count; i++) {
        heddle_buffer_append_text(&sql, ", t.");
        heddle_duck_quote_name(&sql, target->properties[target->key[i]].name);
        heddle_buffer_append_format(&sql, " AS c%zu", i);
    }
    if (look->text != NULL) {
        heddle_buffer_append_text(&sql, ", ''::VARCHAR AS wanted");
    }
    heddle_buffer_append_text(&sql, " FROM main.");
    heddle_duck_quote_name(&sql, sink->layout.tables[sink->layout.roads[look->target].table].name);
    heddle_buffer_append_text(&sql, " t LIMIT 0");
    return heddle_duckdb_execute(sink->lookup, &sql, error);
}

/* Appends the keys of the rows that are asked for, each with its number. */
static int look_fill(struct heddle_duckdb_sink *sink, const struct heddle_sink_look *look,
                     struct heddle_arena *arena, struct heddle_error *error)
{
    const struct heddle_target_rows *keys = look->keys;
    const size_t key_count = keys->target->key_count;
    int64_t *numbers = heddle_arena_calloc(arena, keys->owner->batch->rows, sizeof *numbers);
    uint32_t *rows = heddle_arena_calloc(arena, keys->row_count, sizeof *rows);
    const struct heddle_column **columns = heddle_arena_calloc(arena, key_count + 2, sizeof *columns);
    size_t count = 0;
    if (numbers == NULL || rows == NULL || columns == NULL) {
        return heddle_error_out_of_memory(error);
    }
    for (size_t i = 0; i < keys->row_count; i++) {
        const uint32_t row = keys->rows[i];
        numbers[row] = row;
        if ((look->rows[row >> 3] >> (row & 7) & 1) != 0) {
            rows[count++] = row;
        }
    }
    const struct heddle_column ordinals = {
        .type = HEDDLE_TYPE_INTEGER, .length = keys->owner->batch->rows, .values = numbers};
    size_t at = 0;
    columns[at++] = &ordinals;
    for (size_t i = 0; i < key_count; i++) {
        columns[at++] = &keys->keys[i];
    }
    if (look->text != NULL) {
        columns[at++] = look->text;
    }
    struct heddle_duck_appender *appender = NULL;
    int status = heddle_duck_appender_create(sink->lookup, LOOK, &appender, error);
    if (status == HEDDLE_OK) {
        status = heddle_duck_appender_append(appender, columns, at, rows, count, error);
    }
    if (status == HEDDLE_OK) {
        status = heddle_duck_appender_flush(appender, error);
    }
    heddle_duck_appender_destroy(appender);
    return status;
}

static void look_query(const struct heddle_duckdb_sink *sink, const struct heddle_sink_look *look,
                       struct heddle_buffer *sql)
{
    const struct heddle_target *target = &sink->options.targets[look->target];
    heddle_buffer_append_format(sql, "SELECT s.ordinal FROM temp.main.%s s JOIN main.", LOOK);
    heddle_duck_quote_name(sql, sink->layout.tables[sink->layout.roads[look->target].table].name);
    for (size_t i = 0; i < target->key_count; i++) {
        heddle_buffer_append_text(sql, i == 0 ? " t ON t." : " AND t.");
        heddle_duck_quote_name(sql, target->properties[target->key[i]].name);
        heddle_buffer_append_format(sql, " = s.c%zu", i);
    }
    heddle_buffer_append_text(sql, " WHERE t.");
    heddle_duck_quote_name(sql, target->vector_property);
    heddle_buffer_append_text(sql, " IS NOT NULL");
    if (look->text != NULL) {
        heddle_buffer_append_text(sql, " AND t.");
        heddle_duck_quote_name(sql, target->vector_text);
        heddle_buffer_append_text(sql, "::VARCHAR = s.wanted");
    }
}

static int look_answer(struct heddle_duckdb_sink *sink, const struct heddle_sink_look *look,
                       struct heddle_error *error)
{
    struct heddle_buffer sql = {0};
    struct heddle_duck_result *result = NULL;
    look_query(sink, look, &sql);
    int status = heddle_buffer_check(&sql, error);
    if (status == HEDDLE_OK) {
        status = heddle_duck_query(sink->lookup, heddle_buffer_text(&sql), &result, error);
    }
    memset(look->rows, 0, look->keys->owner->batch->rows / 8 + 1);
    while (status == HEDDLE_OK) {
        struct heddle_batch *batch = NULL;
        status = heddle_duck_result_next(result, 0, &batch, error);
        for (size_t i = 0; status == HEDDLE_OK && i < batch->rows; i++) {
            const size_t row = (size_t)heddle_column_integer(&batch->columns[0], i);
            look->rows[row >> 3] = (uint8_t)(look->rows[row >> 3] | 1u << (row & 7));
        }
        heddle_batch_release(batch);
    }
    heddle_duck_result_destroy(result);
    heddle_buffer_free(&sql);
    return status == HEDDLE_END ? HEDDLE_OK : status;
}

int heddle_duckdb_confirm(void *self, const struct heddle_sink_look *look, struct heddle_error *error)
{
    struct heddle_duckdb_sink *sink = self;
    struct heddle_arena *arena = NULL;
    if (sink->lookup == NULL) {
        HEDDLE_TRY(heddle_duck_connect(sink->duck, &sink->lookup, error));
    }
    HEDDLE_TRY(heddle_arena_create(0, &arena, error));
    int status = look_make(sink, look, error);
    if (status == HEDDLE_DATABASE) { /* no such table yet, or another one: nothing of it can be counted on */
        memset(look->rows, 0, look->keys->owner->batch->rows / 8 + 1);
        heddle_arena_destroy(arena);
        return HEDDLE_OK;
    }
    if (status == HEDDLE_OK) {
        status = look_fill(sink, look, arena, error);
    }
    if (status == HEDDLE_OK) {
        status = look_answer(sink, look, error);
    }
    heddle_arena_destroy(arena);
    return status;
}
