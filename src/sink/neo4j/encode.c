/* encode.c: columns to PackStream, a row a list. */
#include "sink/neo4j/encode.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "sink/neo4j/load.h"
#include "sink/neo4j/query_target.h"

int heddle_encode_check(const struct heddle_target_rows *ready, struct heddle_error *error)
{
    for (size_t i = 0; i < ready->target->property_count; i++) {
        if (ready->properties[i].type == HEDDLE_TYPE_MAP) {
            return heddle_error_set(
                error, HEDDLE_INVALID,
                "target %s: property %s (column %s) is a map, which a graph does not store: name "
                "its fields one by one",
                ready->target->name, ready->target->properties[i].name, ready->target->properties[i].field);
        }
    }
    return HEDDLE_OK;
}

/* A number with its marker; texts have up to five bytes of header. */
enum { ENCODE_FIXED_BYTES = 9, ENCODE_HEADER_BYTES = 5 };

static size_t cell_bytes(const struct heddle_column *column, size_t row)
{
    if (heddle_column_is_null(column, row)) {
        return 1;
    }
    switch (column->type) {
    case HEDDLE_TYPE_STRING:
    case HEDDLE_TYPE_DECIMAL:
    case HEDDLE_TYPE_BYTES:
        return ENCODE_HEADER_BYTES + (size_t)(column->offsets[row + 1] - column->offsets[row]);
    case HEDDLE_TYPE_LIST: {
        size_t bytes = ENCODE_HEADER_BYTES;
        for (uint32_t item = column->offsets[row]; item < column->offsets[row + 1]; item++) {
            bytes += cell_bytes(column->items, item);
        }
        return bytes;
    }
    case HEDDLE_TYPE_VECTOR: return ENCODE_HEADER_BYTES + ENCODE_FIXED_BYTES * (size_t)column->width;
    case HEDDLE_TYPE_NULL:
    case HEDDLE_TYPE_BOOLEAN: return 1;
    case HEDDLE_TYPE_INTEGER:
    case HEDDLE_TYPE_FLOAT:
    case HEDDLE_TYPE_DATE:
    case HEDDLE_TYPE_TIME:
    case HEDDLE_TYPE_TIMESTAMP:
    case HEDDLE_TYPE_DATETIME:
    case HEDDLE_TYPE_MAP: break;
    }
    return ENCODE_FIXED_BYTES;
}

uint32_t heddle_encode_row_bytes(const struct heddle_target_rows *ready, size_t row)
{
    const struct heddle_target *target = ready->target;
    size_t bytes = ENCODE_HEADER_BYTES;
    for (size_t i = 0; i < target->property_count; i++) {
        bytes += cell_bytes(&ready->properties[i], row);
    }
    const struct heddle_schema *schema = ready->owner->batch->schema;
    for (size_t i = 0; target->kind == HEDDLE_TARGET_QUERY && i < schema->count; i++) {
        bytes += ENCODE_HEADER_BYTES + strlen(schema->fields[i].name) +
                 cell_bytes(&ready->owner->batch->columns[i], row);
    }
    if (target->kind == HEDDLE_TARGET_RELATIONSHIP) {
        for (size_t i = 0; i < target->start.key_count; i++) {
            bytes += cell_bytes(&ready->start_keys[i], row);
        }
        for (size_t i = 0; i < target->end.key_count; i++) {
            bytes += cell_bytes(&ready->end_keys[i], row);
        }
    }
    if (ready->vector != NULL) {
        bytes += cell_bytes(ready->vector, row);
    }
    return bytes > UINT32_MAX ? UINT32_MAX : (uint32_t)bytes;
}

static void put_cells(struct heddle_pack *pack, const struct heddle_column *columns, size_t count, size_t row)
{
    for (size_t i = 0; i < count; i++) {
        heddle_pack_column_value(pack, &columns[i], row);
    }
}

/* The items of a row behind what the form puts first. */
static void put_items(struct heddle_pack *pack, const struct heddle_write_plan *plan,
                      const struct heddle_target_rows *ready, size_t row)
{
    const struct heddle_target *target = plan->target;
    if (target->kind == HEDDLE_TARGET_RELATIONSHIP) {
        put_cells(pack, ready->start_keys, target->start.key_count, row);
        put_cells(pack, ready->end_keys, target->end.key_count, row);
    }
    for (size_t i = 0; i < target->property_count; i++) {
        heddle_pack_column_value(pack, &ready->properties[plan->order[i]], row);
    }
    if (target->kind == HEDDLE_TARGET_NODE && target->vector_property != NULL) {
        heddle_pack_column_value(pack, ready->vector, row);
    }
}

static size_t item_count(const struct heddle_target *target)
{
    if (target->kind == HEDDLE_TARGET_NODE) {
        return target->property_count + (target->vector_property != NULL ? 1 : 0);
    }
    return target->start.key_count + target->end.key_count + target->property_count;
}

static void put_id(struct heddle_pack *pack, int64_t id, const char *prefix)
{
    /* A prefix is below 64 bytes (ids.h), a number has at most 20 digits. */
    enum { ELEMENT_ID_MAX = 96 };
    char text[ELEMENT_ID_MAX];
    if (prefix == NULL) {
        heddle_pack_integer(pack, id);
        return;
    }
    const int length = snprintf(text, sizeof text, "%s%" PRId64, prefix, id);
    heddle_pack_string(pack, text, length < 0 ? 0 : (size_t)length);
}

/* A node's row with those of the relationships that travel along. */
static void put_together(struct heddle_pack *pack, const struct heddle_write_plan *plan,
                         const struct heddle_schedule_row *row, const struct heddle_encode_form *form)
{
    const struct heddle_lot *lot = row->batch;
    size_t items = item_count(plan->target);
    for (size_t i = 0; i < plan->rider_count; i++) {
        const struct heddle_target *rider = plan->riders[i]->target;
        items += (form->ids != NULL ? 1U : 0U) + rider->end.key_count + rider->property_count;
    }
    heddle_pack_list(pack, (uint32_t)items);
    put_items(pack, plan, lot->ready, row->row);
    for (size_t i = 0; i < plan->rider_count; i++) {
        const struct heddle_write_plan *rider = plan->riders[i];
        const struct heddle_target_rows *ready = lot->riders[i]->ready;
        if (form->ids != NULL) {
            put_id(pack, form->ids[i], form->id_prefix);
        }
        put_cells(pack, ready->end_keys, rider->target->end.key_count, row->row);
        for (size_t j = 0; j < rider->target->property_count; j++) {
            heddle_pack_column_value(pack, &ready->properties[rider->order[j]], row->row);
        }
    }
}

void heddle_encode_row(struct heddle_pack *pack, const struct heddle_write_plan *plan,
                       const struct heddle_schedule_row *row, const struct heddle_encode_form *form)
{
    const struct heddle_lot *lot = row->batch;
    if (plan->rider_count > 0) {
        put_together(pack, plan, row, form);
        return;
    }
    if (plan->target->kind == HEDDLE_TARGET_QUERY) {
        heddle_query_put_row(pack, lot->ready, row->row);
        return;
    }
    const size_t more = (form->ids != NULL ? 2U : 0U) + (form->ordinal >= 0 ? 1U : 0U);
    heddle_pack_list(pack, (uint32_t)(item_count(plan->target) + more));
    if (form->ids != NULL) {
        put_id(pack, form->ids[0], form->id_prefix);
        put_id(pack, form->ids[1], form->id_prefix);
    }
    put_items(pack, plan, lot->ready, row->row);
    if (form->ordinal >= 0) {
        heddle_pack_integer(pack, form->ordinal);
    }
}

void heddle_encode_ends(struct heddle_pack *pack, const struct heddle_write_plan *plan,
                        const struct heddle_schedule_row *rows, size_t count)
{
    const struct heddle_target *target = plan->target;
    heddle_pack_list(pack, (uint32_t)count);
    for (size_t i = 0; i < count; i++) {
        const struct heddle_lot *lot = rows[i].batch;
        heddle_pack_list(pack, (uint32_t)(target->start.key_count + target->end.key_count + 1));
        put_cells(pack, lot->ready->start_keys, target->start.key_count, rows[i].row);
        put_cells(pack, lot->ready->end_keys, target->end.key_count, rows[i].row);
        heddle_pack_integer(pack, (int64_t)i);
    }
}
