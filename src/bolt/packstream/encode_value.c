/* encode_value.c: a value tree as PackStream. */
#include "bolt/packstream/encode.h"

#include <string.h>

#include "bolt/packstream/decode.h"

enum {
    TAG_TIME = 0x54,
    TAG_DATETIME_ZONE = 0x69,
    TAG_DATETIME_ZONE_LEGACY = 0x66,
    TAG_DURATION = 0x45,
    TAG_POINT_2D = 0x58,
    TAG_POINT_3D = 0x59,
    TAG_VECTOR = 0x56,
};

static int refuse(const char *what, struct heddle_error *error)
{
    return heddle_error_set(error, HEDDLE_INVALID, "%s cannot be sent to the server as a parameter", what);
}

static void pack_zoned(struct heddle_pack *pack, const struct heddle_value_datetime *datetime)
{
    int64_t seconds = datetime->seconds;
    if (pack->dialect.utc && datetime->wall_clock) {
        seconds -= datetime->offset_seconds;
    } else if (!pack->dialect.utc && !datetime->wall_clock) {
        seconds += datetime->offset_seconds;
    }
    heddle_pack_struct(pack, pack->dialect.utc ? TAG_DATETIME_ZONE : TAG_DATETIME_ZONE_LEGACY, 3);
    heddle_pack_integer(pack, seconds);
    heddle_pack_integer(pack, datetime->nanoseconds);
    heddle_pack_text(pack, datetime->zone != NULL ? datetime->zone : "UTC");
}

static void pack_duration(struct heddle_pack *pack, const struct heddle_value_duration *duration)
{
    heddle_pack_struct(pack, TAG_DURATION, 4);
    heddle_pack_integer(pack, duration->months);
    heddle_pack_integer(pack, duration->days);
    heddle_pack_integer(pack, duration->seconds);
    heddle_pack_integer(pack, duration->nanoseconds);
}

static void pack_point(struct heddle_pack *pack, const struct heddle_value_point *point)
{
    const bool solid = point->dimensions == 3;
    heddle_pack_struct(pack, solid ? TAG_POINT_3D : TAG_POINT_2D, solid ? 4 : 3);
    heddle_pack_integer(pack, point->srid);
    for (int i = 0; i < (solid ? 3 : 2); i++) {
        heddle_pack_float(pack, point->coordinates[i]);
    }
}

static size_t vector_item_size(enum heddle_vector_type type)
{
    switch (type) {
    case HEDDLE_VECTOR_F32:
    case HEDDLE_VECTOR_I32: return 4;
    case HEDDLE_VECTOR_F64:
    case HEDDLE_VECTOR_I64: return 8;
    case HEDDLE_VECTOR_I16: return 2;
    case HEDDLE_VECTOR_I8: return 1;
    }
    return 0;
}

/* Items travel big-endian, without markers between them. */
static void pack_swapped(struct heddle_pack *pack, const struct heddle_value_vector *vector, size_t size)
{
    enum { VECTOR_BYTES_MAX = HEDDLE_PACK_VECTOR_MAX * 8 };
    uint8_t swapped[VECTOR_BYTES_MAX];
    const uint8_t *from = vector->values;
    for (size_t i = 0; i < vector->count; i++) {
        for (size_t b = 0; b < size; b++) {
            swapped[i * size + b] = from[i * size + (size - 1 - b)];
        }
    }
    heddle_pack_bytes(pack, swapped, vector->count * size);
}

static int pack_vector(struct heddle_pack *pack, const struct heddle_value_vector *vector,
                       struct heddle_error *error)
{
    const size_t size = vector_item_size(vector->type);
    const uint8_t inner[] = {(uint8_t)vector->type};
    if (!pack->dialect.native_vectors) {
        return refuse("a VECTOR, before Bolt 6.0,", error);
    }
    if (size == 0 || vector->count > HEDDLE_PACK_VECTOR_MAX) {
        return heddle_error_set(error, HEDDLE_INVALID, "a VECTOR has up to %d numbers of one known type",
                                HEDDLE_PACK_VECTOR_MAX);
    }
    heddle_pack_struct(pack, TAG_VECTOR, 2);
    heddle_pack_bytes(pack, inner, sizeof inner);
    pack_swapped(pack, vector, size);
    return HEDDLE_OK;
}

static int pack_tree(struct heddle_pack *pack, const struct heddle_value *value, int depth,
                     struct heddle_error *error);

static int pack_map(struct heddle_pack *pack, const struct heddle_value_map *map, int depth,
                    struct heddle_error *error)
{
    heddle_pack_map(pack, (uint32_t)map->count);
    for (size_t i = 0; i < map->count; i++) {
        heddle_pack_string(pack, map->entries[i].key.text, map->entries[i].key.length);
        HEDDLE_TRY(pack_tree(pack, &map->entries[i].value, depth, error));
    }
    return HEDDLE_OK;
}

static int pack_list(struct heddle_pack *pack, const struct heddle_value_list *list, int depth,
                     struct heddle_error *error)
{
    heddle_pack_list(pack, (uint32_t)list->count);
    for (size_t i = 0; i < list->count; i++) {
        HEDDLE_TRY(pack_tree(pack, &list->items[i], depth, error));
    }
    return HEDDLE_OK;
}

static int pack_uuid(struct heddle_pack *pack, const struct heddle_value *value, struct heddle_error *error)
{
    if (!pack->dialect.uuids) {
        return refuse("a UUID, before Bolt 6.1,", error);
    }
    heddle_pack_uuid(pack, value->uuid);
    return HEDDLE_OK;
}

static int pack_tree(struct heddle_pack *pack, const struct heddle_value *value, int depth,
                     struct heddle_error *error)
{
    if (depth > HEDDLE_UNPACK_DEPTH_MAX) {
        return heddle_error_set(error, HEDDLE_INVALID, "a parameter is nested more than %d levels deep",
                                HEDDLE_UNPACK_DEPTH_MAX);
    }
    switch (value->type) {
    case HEDDLE_VALUE_NULL: heddle_pack_null(pack); return HEDDLE_OK;
    case HEDDLE_VALUE_BOOLEAN: heddle_pack_bool(pack, value->boolean); return HEDDLE_OK;
    case HEDDLE_VALUE_INTEGER: heddle_pack_integer(pack, value->integer); return HEDDLE_OK;
    case HEDDLE_VALUE_FLOAT: heddle_pack_float(pack, value->real); return HEDDLE_OK;
    case HEDDLE_VALUE_STRING:
        heddle_pack_string(pack, value->string.text, value->string.length);
        return HEDDLE_OK;
    case HEDDLE_VALUE_BYTES:
        heddle_pack_bytes(pack, value->bytes.bytes, value->bytes.length);
        return HEDDLE_OK;
    case HEDDLE_VALUE_LIST: return pack_list(pack, &value->list, depth + 1, error);
    case HEDDLE_VALUE_MAP: return pack_map(pack, &value->map, depth + 1, error);
    case HEDDLE_VALUE_DATE: heddle_pack_date(pack, value->integer); return HEDDLE_OK;
    case HEDDLE_VALUE_TIME:
        heddle_pack_struct(pack, TAG_TIME, 2);
        heddle_pack_integer(pack, value->time.nanoseconds);
        heddle_pack_integer(pack, value->time.offset_seconds);
        return HEDDLE_OK;
    case HEDDLE_VALUE_LOCAL_TIME: heddle_pack_local_time(pack, value->time.nanoseconds); return HEDDLE_OK;
    case HEDDLE_VALUE_DATETIME:
        heddle_pack_datetime(pack,
                             value->datetime->seconds -
                                 (value->datetime->wall_clock ? value->datetime->offset_seconds : 0),
                             value->datetime->nanoseconds, value->datetime->offset_seconds);
        return HEDDLE_OK;
    case HEDDLE_VALUE_DATETIME_ZONE: pack_zoned(pack, value->datetime); return HEDDLE_OK;
    case HEDDLE_VALUE_LOCAL_DATETIME:
        heddle_pack_local_datetime(pack, value->datetime->seconds, value->datetime->nanoseconds);
        return HEDDLE_OK;
    case HEDDLE_VALUE_DURATION: pack_duration(pack, value->duration); return HEDDLE_OK;
    case HEDDLE_VALUE_POINT: pack_point(pack, value->point); return HEDDLE_OK;
    case HEDDLE_VALUE_VECTOR: return pack_vector(pack, value->vector, error);
    case HEDDLE_VALUE_UUID: return pack_uuid(pack, value, error);
    case HEDDLE_VALUE_NODE: return refuse("a node", error);
    case HEDDLE_VALUE_RELATIONSHIP:
    case HEDDLE_VALUE_UNBOUND_RELATIONSHIP: return refuse("a relationship", error);
    case HEDDLE_VALUE_PATH: return refuse("a path", error);
    default: return refuse("a value of an unknown type", error);
    }
}

int heddle_pack_value(struct heddle_pack *pack, const struct heddle_value *value, struct heddle_error *error)
{
    return pack_tree(pack, value, 0, error);
}
