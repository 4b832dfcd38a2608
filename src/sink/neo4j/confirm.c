/* confirm.c: one question a batch of updated rows: an index seek a row. */
#include "sink/neo4j/confirm.h"

#include <string.h>

#include "bolt/packstream/encode.h"
#include "sink/neo4j/ask.h"

static bool is_asked(const struct heddle_sink_look *look, size_t row)
{
    return (look->rows[row >> 3] >> (row & 7) & 1) != 0;
}

void heddle_confirm_write(struct heddle_buffer *out, const struct heddle_target *target)
{
    size_t at = 0;
    heddle_buffer_append_text(out, "UNWIND $rows AS r MATCH (n");
    heddle_cypher_labels(out, target->labels, target->label_count);
    for (size_t i = 0; i < target->key_count; i++) {
        heddle_buffer_append_text(out, i == 0 ? " {" : ", ");
        heddle_cypher_quote(out, target->properties[target->key[i]].name);
        heddle_buffer_append_format(out, ": r[%zu]", at++);
    }
    heddle_buffer_append_text(out, "}) WHERE n.");
    heddle_cypher_quote(out, target->vector_property);
    heddle_buffer_append_text(out, " IS NOT NULL");
    if (target->vector_text != NULL) {
        heddle_buffer_append_text(out, " AND n.");
        heddle_cypher_quote(out, target->vector_text);
        heddle_buffer_append_format(out, " = r[%zu]", at++);
    }
    heddle_buffer_append_format(out, " RETURN collect(r[%zu]) AS found", at);
}

static void put_rows(struct heddle_pack *pack, const void *context)
{
    const struct heddle_sink_look *look = context;
    const struct heddle_target_rows *keys = look->keys;
    uint32_t count = 0;
    for (size_t i = 0; i < keys->row_count; i++) {
        count += is_asked(look, keys->rows[i]) ? 1 : 0;
    }
    heddle_pack_list(pack, count);
    for (size_t i = 0; i < keys->row_count; i++) {
        const size_t row = keys->rows[i];
        if (is_asked(look, row)) {
            heddle_pack_list(pack, (uint32_t)(keys->target->key_count + (look->text != NULL ? 2U : 1U)));
            for (size_t key = 0; key < keys->target->key_count; key++) {
                heddle_pack_column_value(pack, &keys->keys[key], row);
            }
            if (look->text != NULL) {
                heddle_pack_column_value(pack, look->text, row);
            }
            heddle_pack_integer(pack, (int64_t)row);
        }
    }
}

/* Leaves the rows that the answer names. */
static void keep_found(const struct heddle_sink_look *look, const struct heddle_bolt_result *result)
{
    const struct heddle_value *found = heddle_ask_cell(result, 0, 0);
    const size_t rows = look->keys->owner->batch->rows;
    memset(look->rows, 0, rows / 8 + 1);
    for (size_t i = 0; found->type == HEDDLE_VALUE_LIST && i < found->list.count; i++) {
        const struct heddle_value *row = &found->list.items[i];
        if (row->type == HEDDLE_VALUE_INTEGER && row->integer >= 0 && (uint64_t)row->integer < rows) {
            look->rows[row->integer >> 3] =
                (uint8_t)(look->rows[row->integer >> 3] | 1u << (row->integer & 7));
        }
    }
}

int heddle_confirm_vectors(struct heddle_load *load, const struct heddle_sink_look *look,
                           struct heddle_error *error)
{
    struct heddle_arena *arena = NULL;
    struct heddle_buffer text = {0};
    if (load->lookup == NULL) {
        HEDDLE_TRY(heddle_bolt_open(&load->bolt, &load->lookup, error));
    }
    HEDDLE_TRY(heddle_arena_create(0, &arena, error));
    heddle_confirm_write(&text, &load->options->targets[look->target]);
    const struct heddle_ask_parameter parameter = {
        .name = "rows", .kind = HEDDLE_ASK_WRITTEN, .write = put_rows, .context = look};
    const struct heddle_ask ask = {
        .text = heddle_buffer_text(&text),
        .parameters = &parameter,
        .parameter_count = 1,
        .mode = HEDDLE_BOLT_WRITE, /* what this very server has committed */
        .database = load->ability.database,
    };
    struct heddle_bolt_result result;
    int status = ask.text == NULL ? heddle_error_out_of_memory(error)
                                  : heddle_ask_run(load->lookup, &ask, arena, &result, error);
    if (status == HEDDLE_OK) {
        keep_found(look, &result);
    }
    heddle_buffer_free(&text);
    heddle_arena_destroy(arena);
    return status;
}
