/* delta_offset.c: offsets of the Delta source as JSON. */
#include "source/stream/delta_offset.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* Versions of the format: 2 was never used. */
enum { FORMAT_PLAIN = 1, FORMAT_RESERVED = 2, FORMAT_BARRIERS = 3, BASE_ON_DISK = -1 };

static bool index_is_good(int64_t index)
{
    return index >= 0 || index == HEDDLE_DELTA_INDEX_BASE || index == HEDDLE_DELTA_INDEX_SCHEMA_CHANGE ||
           index == HEDDLE_DELTA_INDEX_SCHEMA_CHANGED;
}

static int object_read(const json_t *object, struct heddle_arena *arena, struct heddle_delta_offset *offset,
                       struct heddle_error *error)
{
    const json_t *format = json_object_get(object, "sourceVersion");
    const json_t *table = json_object_get(object, "reservoirId");
    const json_t *version = json_object_get(object, "reservoirVersion");
    const json_t *index = json_object_get(object, "index");
    const json_t *snapshot = json_object_get(object, "isStartingVersion");
    if (!json_is_integer(format) || !json_is_string(table) || !json_is_integer(version) ||
        !json_is_integer(index) || !json_is_boolean(snapshot)) {
        return heddle_error_set(error, HEDDLE_SOURCE,
                                "the offset is not one of a Delta table: it lacks sourceVersion, "
                                "reservoirId, reservoirVersion, index or isStartingVersion");
    }
    const int64_t written = json_integer_value(format);
    if (written < FORMAT_PLAIN || written == FORMAT_RESERVED || written > FORMAT_BARRIERS) {
        return heddle_error_set(error, HEDDLE_SOURCE,
                                "the offset is of format %" PRId64 " (sourceVersion); 1 and 3 are known",
                                written);
    }
    *offset = (struct heddle_delta_offset){
        .table = heddle_arena_copy_text(arena, json_string_value(table), json_string_length(table)),
        .version = json_integer_value(version),
        .index = json_integer_value(index),
        .in_snapshot = json_is_true(snapshot),
    };
    if (offset->table == NULL) {
        return heddle_error_out_of_memory(error);
    }
    if (written < FORMAT_BARRIERS && offset->index == BASE_ON_DISK) {
        offset->index = HEDDLE_DELTA_INDEX_BASE;
    }
    if (offset->version < 0 || offset->version >= INT64_MAX || !index_is_good(offset->index) ||
        offset->index >= HEDDLE_DELTA_INDEX_END) {
        return heddle_error_set(error, HEDDLE_SOURCE,
                                "the offset says version %" PRId64 ", index %" PRId64
                                ": there is no such place",
                                offset->version, offset->index);
    }
    return HEDDLE_OK;
}

int heddle_delta_offset_parse(const char *text, struct heddle_arena *arena,
                              struct heddle_delta_offset *offset, struct heddle_error *error)
{
    json_error_t failure;
    json_t *object = json_loads(text, JSON_REJECT_DUPLICATES, &failure);
    if (object == NULL) {
        return heddle_error_set(error, HEDDLE_SOURCE, "the offset `%.80s` is not JSON: %s", text,
                                failure.text);
    }
    const int status = object_read(object, arena, offset, error);
    json_decref(object);
    return status;
}

int heddle_delta_offset_write(const struct heddle_delta_offset *offset, struct heddle_buffer *out,
                              struct heddle_error *error)
{
    const bool barrier = offset->index == HEDDLE_DELTA_INDEX_SCHEMA_CHANGE ||
                         offset->index == HEDDLE_DELTA_INDEX_SCHEMA_CHANGED;
    const int64_t index = offset->index == HEDDLE_DELTA_INDEX_BASE ? BASE_ON_DISK : offset->index;
    json_t *object =
        json_pack("{s:i, s:s, s:I, s:I, s:b}", "sourceVersion", barrier ? FORMAT_BARRIERS : FORMAT_PLAIN,
                  "reservoirId", offset->table, "reservoirVersion", (json_int_t)offset->version, "index",
                  (json_int_t)index, "isStartingVersion", offset->in_snapshot);
    char *text = object != NULL ? json_dumps(object, JSON_COMPACT) : NULL;
    json_decref(object);
    if (text != NULL) {
        heddle_buffer_append_text(out, text);
    }
    const bool good = text != NULL && heddle_buffer_text(out) != NULL;
    free(text);
    return good ? HEDDLE_OK : heddle_error_out_of_memory(error);
}

int heddle_delta_offset_compare(const struct heddle_delta_offset *left,
                                const struct heddle_delta_offset *right)
{
    if (left->version != right->version) {
        return left->version < right->version ? -1 : 1;
    }
    return left->index == right->index ? 0 : left->index < right->index ? -1 : 1;
}

int heddle_delta_offset_check_order(const struct heddle_delta_offset *start,
                                    const struct heddle_delta_offset *end, struct heddle_error *error)
{
    const bool back_into_snapshot = !start->in_snapshot && end->in_snapshot;
    if (back_into_snapshot || heddle_delta_offset_compare(start, end) > 0) {
        return heddle_error_set(error, HEDDLE_SOURCE,
                                "the offset moves back, from version %" PRId64 ", index %" PRId64
                                "%s to version %" PRId64 ", index %" PRId64 "%s: rows would be loaded twice",
                                start->version, start->index, start->in_snapshot ? " of the snapshot" : "",
                                end->version, end->index, end->in_snapshot ? " of the snapshot" : "");
    }
    return HEDDLE_OK;
}
