/* decode_struct.c: from the fields of a structure to a node, a date, a vector …
 *
 * Each known structure has a pattern of field types; one that does not fit its pattern is a protocol error, an
 * unknown tag stays a structure. Fields: https://neo4j.com/docs/bolt/current/bolt/structure-semantics/
 */
#include "bolt/packstream/decode_parts.h"

#include <stdio.h>
#include <string.h>

/* One letter a field: i integer, s text, f float, l list, m map, b bytes; '?' = from here on absent in Bolt 4. */
struct pattern {
    uint8_t tag;
    const char *fields;
    const char *name;
};

static const struct pattern patterns[] = {
    {0x4E, "ilm?s", "Node"},
    {0x52, "iiism?sss", "Relationship"},
    {0x72, "ism?s", "UnboundRelationship"},
    {0x50, "lll", "Path"},
    {0x44, "i", "Date"},
    {0x54, "ii", "Time"},
    {0x74, "i", "LocalTime"},
    {0x49, "iii", "DateTime"},
    {0x69, "iis", "DateTimeZoneId"},
    {0x46, "iii", "legacy DateTime"},
    {0x66, "iis", "legacy DateTimeZoneId"},
    {0x64, "ii", "LocalDateTime"},
    {0x45, "iiii", "Duration"},
    {0x58, "iff", "Point2D"},
    {0x59, "ifff", "Point3D"},
    {0x56, "bb", "Vector"},
    {0x3F, "siim", "UnsupportedType"},
};

enum { NANOSECONDS_A_SECOND = 1000000000 };

/* A structure that is being turned into a value. */
struct made {
    const struct heddle_unpack *unpack; /* where it stands, for messages */
    const struct heddle_value *fields;
    uint8_t count;
    struct heddle_arena *arena;
    struct heddle_error *error;
};

static int out_of_memory(const struct made *made)
{
    return heddle_error_out_of_memory(made->error);
}

static int bad(const struct made *made, const char *text)
{
    return heddle_unpack_bad(made->unpack, text, made->error);
}

static enum heddle_value_type letter_type(char letter)
{
    switch (letter) {
    case 'i': return HEDDLE_VALUE_INTEGER;
    case 's': return HEDDLE_VALUE_STRING;
    case 'f': return HEDDLE_VALUE_FLOAT;
    case 'l': return HEDDLE_VALUE_LIST;
    case 'm': return HEDDLE_VALUE_MAP;
    default: return HEDDLE_VALUE_BYTES;
    }
}

static bool pattern_fits(const struct pattern *pattern, const struct made *made)
{
    uint8_t seen = 0;
    for (const char *letter = pattern->fields; *letter != '\0'; letter++) {
        if (*letter == '?') {
            if (seen == made->count) {
                return true;
            }
            continue;
        }
        if (seen == made->count || made->fields[seen].type != letter_type(*letter)) {
            return false;
        }
        seen++;
    }
    return seen == made->count;
}

static bool list_is_of(struct heddle_value_list list, enum heddle_value_type type)
{
    for (size_t i = 0; i < list.count; i++) {
        if (list.items[i].type != type) {
            return false;
        }
    }
    return true;
}

/* The element id in field `index`, or before Bolt 5 the decimal form of `id`. */
static int element_id(const struct made *made, uint8_t index, int64_t id, struct heddle_value_text *text_out)
{
    if (index < made->count) {
        *text_out = made->fields[index].string;
        return HEDDLE_OK;
    }
    text_out->text = heddle_arena_format(made->arena, "%lld", (long long)id);
    if (text_out->text == NULL) {
        return out_of_memory(made);
    }
    text_out->length = strlen(text_out->text);
    return HEDDLE_OK;
}

static int make_node(const struct made *made, struct heddle_value *value_out)
{
    struct heddle_value_node *node = heddle_arena_alloc_small(made->arena, sizeof *node);
    if (node == NULL) {
        return out_of_memory(made);
    }
    *node = (struct heddle_value_node){
        .id = made->fields[0].integer, .labels = made->fields[1].list, .properties = made->fields[2].map};
    if (!list_is_of(node->labels, HEDDLE_VALUE_STRING)) {
        return bad(made, "a node's labels must be texts");
    }
    HEDDLE_TRY(element_id(made, 3, node->id, &node->element_id));
    value_out->type = HEDDLE_VALUE_NODE;
    value_out->node = node;
    return HEDDLE_OK;
}

static int make_relationship(const struct made *made, bool bound, struct heddle_value *value_out)
{
    struct heddle_value_relationship *relationship =
        heddle_arena_alloc_small(made->arena, sizeof *relationship);
    if (relationship == NULL) {
        return out_of_memory(made);
    }
    const uint8_t type = bound ? 3 : 1;
    *relationship = (struct heddle_value_relationship){.id = made->fields[0].integer,
                                                       .start_id = bound ? made->fields[1].integer : -1,
                                                       .end_id = bound ? made->fields[2].integer : -1,
                                                       .start_element_id = {"", 0},
                                                       .end_element_id = {"", 0},
                                                       .type = made->fields[type].string,
                                                       .properties = made->fields[type + 1].map};
    const uint8_t id = (uint8_t)(type + 2);
    HEDDLE_TRY(element_id(made, id, relationship->id, &relationship->element_id));
    if (bound) {
        HEDDLE_TRY(
            element_id(made, (uint8_t)(id + 1), relationship->start_id, &relationship->start_element_id));
        HEDDLE_TRY(element_id(made, (uint8_t)(id + 2), relationship->end_id, &relationship->end_element_id));
    }
    value_out->type = bound ? HEDDLE_VALUE_RELATIONSHIP : HEDDLE_VALUE_UNBOUND_RELATIONSHIP;
    value_out->relationship = relationship;
    return HEDDLE_OK;
}

static bool path_indices_are_good(const struct heddle_value_path *path)
{
    const int64_t nodes = (int64_t)path->nodes.count;
    const int64_t relationships = (int64_t)path->relationships.count;
    if (path->indices.count % 2 != 0 || nodes == 0 || !list_is_of(path->indices, HEDDLE_VALUE_INTEGER)) {
        return false;
    }
    for (size_t i = 0; i < path->indices.count; i += 2) {
        const int64_t relationship = path->indices.items[i].integer;
        const int64_t node = path->indices.items[i + 1].integer;
        if (relationship == 0 || relationship < -relationships || relationship > relationships || node < 0 ||
            node >= nodes) {
            return false;
        }
    }
    return true;
}

static int make_path(const struct made *made, struct heddle_value *value_out)
{
    struct heddle_value_path *path = heddle_arena_alloc_small(made->arena, sizeof *path);
    if (path == NULL) {
        return out_of_memory(made);
    }
    *path = (struct heddle_value_path){.nodes = made->fields[0].list,
                                       .relationships = made->fields[1].list,
                                       .indices = made->fields[2].list};
    if (!list_is_of(path->nodes, HEDDLE_VALUE_NODE) ||
        !list_is_of(path->relationships, HEDDLE_VALUE_UNBOUND_RELATIONSHIP) || !path_indices_are_good(path)) {
        return bad(made, "a path does not hold together");
    }
    value_out->type = HEDDLE_VALUE_PATH;
    value_out->path = path;
    return HEDDLE_OK;
}

static int make_time(const struct made *made, struct heddle_value *value_out)
{
    const bool local = made->count == 1;
    const int64_t offset = local ? 0 : made->fields[1].integer;
    if (offset < INT32_MIN || offset > INT32_MAX) {
        return bad(made, "a time's offset is out of range");
    }
    value_out->type = local ? HEDDLE_VALUE_LOCAL_TIME : HEDDLE_VALUE_TIME;
    value_out->time.nanoseconds = made->fields[0].integer;
    value_out->time.offset_seconds = (int32_t)offset;
    return HEDDLE_OK;
}

static int make_datetime(const struct made *made, uint8_t tag, struct heddle_value *value_out)
{
    struct heddle_value_datetime *datetime = heddle_arena_alloc_small(made->arena, sizeof *datetime);
    if (datetime == NULL) {
        return out_of_memory(made);
    }
    const bool zoned = tag == 0x69 || tag == 0x66;
    const bool local = tag == 0x64;
    const int64_t offset = zoned || local ? 0 : made->fields[2].integer;
    const int64_t nanoseconds = made->fields[1].integer;
    if (nanoseconds < 0 || nanoseconds >= NANOSECONDS_A_SECOND || offset < INT32_MIN || offset > INT32_MAX) {
        return bad(made, "a date-time's fields are out of range");
    }
    *datetime = (struct heddle_value_datetime){.seconds = made->fields[0].integer,
                                               .nanoseconds = (int32_t)nanoseconds,
                                               .offset_seconds = (int32_t)offset,
                                               .zone = zoned ? made->fields[2].string.text : NULL,
                                               .wall_clock = local || tag == 0x66};
    if (tag == 0x46 && __builtin_sub_overflow(datetime->seconds, offset, &datetime->seconds)) {
        return bad(made, "a date-time's fields are out of range");
    }
    value_out->type =
        local ? HEDDLE_VALUE_LOCAL_DATETIME : (zoned ? HEDDLE_VALUE_DATETIME_ZONE : HEDDLE_VALUE_DATETIME);
    value_out->datetime = datetime;
    return HEDDLE_OK;
}

static int make_duration(const struct made *made, struct heddle_value *value_out)
{
    struct heddle_value_duration *duration = heddle_arena_alloc_small(made->arena, sizeof *duration);
    if (duration == NULL) {
        return out_of_memory(made);
    }
    const int64_t nanoseconds = made->fields[3].integer;
    if (nanoseconds <= -NANOSECONDS_A_SECOND || nanoseconds >= NANOSECONDS_A_SECOND) {
        return bad(made, "a duration's nanoseconds are out of range");
    }
    *duration = (struct heddle_value_duration){.months = made->fields[0].integer,
                                               .days = made->fields[1].integer,
                                               .seconds = made->fields[2].integer,
                                               .nanoseconds = (int32_t)nanoseconds};
    value_out->type = HEDDLE_VALUE_DURATION;
    value_out->duration = duration;
    return HEDDLE_OK;
}

static int make_point(const struct made *made, struct heddle_value *value_out)
{
    struct heddle_value_point *point = heddle_arena_calloc(made->arena, 1, sizeof *point);
    if (point == NULL) {
        return out_of_memory(made);
    }
    if (made->fields[0].integer < 0 || made->fields[0].integer > INT32_MAX) {
        return bad(made, "a point's reference system is out of range");
    }
    point->srid = (int32_t)made->fields[0].integer;
    point->dimensions = made->count - 1;
    for (int32_t i = 0; i < point->dimensions; i++) {
        point->coordinates[i] = made->fields[i + 1].real;
    }
    value_out->type = HEDDLE_VALUE_POINT;
    value_out->point = point;
    return HEDDLE_OK;
}

static size_t vector_item_size(uint8_t type)
{
    switch (type) {
    case HEDDLE_VECTOR_I8: return 1;
    case HEDDLE_VECTOR_I16: return 2;
    case HEDDLE_VECTOR_I32:
    case HEDDLE_VECTOR_F32: return 4;
    case HEDDLE_VECTOR_I64:
    case HEDDLE_VECTOR_F64: return 8;
    default: return 0;
    }
}

static int make_vector(const struct made *made, struct heddle_value *value_out)
{
    const struct heddle_value_bytes type = made->fields[0].bytes;
    const struct heddle_value_bytes raw = made->fields[1].bytes;
    const size_t size = type.length == 1 ? vector_item_size(type.bytes[0]) : 0;
    if (size == 0 || raw.length % size != 0) {
        return bad(made, "a vector's type or length is wrong");
    }
    struct heddle_value_vector *vector = heddle_arena_alloc_small(made->arena, sizeof *vector);
    uint8_t *values = heddle_arena_alloc_small(made->arena, raw.length);
    if (vector == NULL || values == NULL) {
        return out_of_memory(made);
    }
    for (size_t i = 0; i < raw.length; i++) {
        values[i] = raw.bytes[i / size * size + (size - 1 - i % size)]; /* big-endian to little-endian */
    }
    *vector = (struct heddle_value_vector){
        .type = (enum heddle_vector_type)type.bytes[0], .count = raw.length / size, .values = values};
    value_out->type = HEDDLE_VALUE_VECTOR;
    value_out->vector = vector;
    return HEDDLE_OK;
}

static int make_unsupported(const struct made *made, struct heddle_value *value_out)
{
    struct heddle_value_unsupported *unsupported = heddle_arena_alloc_small(made->arena, sizeof *unsupported);
    if (unsupported == NULL) {
        return out_of_memory(made);
    }
    const struct heddle_value *message = heddle_value_map_get(&made->fields[3], "message");
    *unsupported = (struct heddle_value_unsupported){.name = made->fields[0].string,
                                                     .minimum_major = made->fields[1].integer,
                                                     .minimum_minor = made->fields[2].integer,
                                                     .message = {"", 0}};
    if (message != NULL && message->type == HEDDLE_VALUE_STRING) {
        unsupported->message = message->string;
    }
    value_out->type = HEDDLE_VALUE_UNSUPPORTED;
    value_out->unsupported = unsupported;
    return HEDDLE_OK;
}

static int make_structure(const struct made *made, uint8_t tag, struct heddle_value *value_out)
{
    struct heddle_value_structure *structure = heddle_arena_alloc_small(made->arena, sizeof *structure);
    if (structure == NULL) {
        return out_of_memory(made);
    }
    *structure = (struct heddle_value_structure){.tag = tag, .fields = {made->fields, made->count}};
    value_out->type = HEDDLE_VALUE_STRUCT;
    value_out->structure = structure;
    return HEDDLE_OK;
}

static int make(const struct made *made, uint8_t tag, struct heddle_value *value_out)
{
    switch (tag) {
    case 0x4E: return make_node(made, value_out);
    case 0x52: return make_relationship(made, true, value_out);
    case 0x72: return make_relationship(made, false, value_out);
    case 0x50: return make_path(made, value_out);
    case 0x44:
        value_out->type = HEDDLE_VALUE_DATE;
        value_out->integer = made->fields[0].integer;
        return HEDDLE_OK;
    case 0x54:
    case 0x74: return make_time(made, value_out);
    case 0x45: return make_duration(made, value_out);
    case 0x58:
    case 0x59: return make_point(made, value_out);
    case 0x56: return make_vector(made, value_out);
    case 0x3F: return make_unsupported(made, value_out);
    default: return make_datetime(made, tag, value_out);
    }
}

int heddle_unpack_structure(const struct heddle_unpack *unpack, uint8_t tag,
                            const struct heddle_value *fields, uint8_t count, struct heddle_arena *arena,
                            struct heddle_value *value_out, struct heddle_error *error)
{
    const struct made made = {unpack, fields, count, arena, error};
    for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++) {
        if (patterns[i].tag != tag) {
            continue;
        }
        if (!pattern_fits(&patterns[i], &made)) {
            char text[80];
            snprintf(text, sizeof text, "the fields of this %s are not what they should be",
                     patterns[i].name);
            return bad(&made, text);
        }
        return make(&made, tag, value_out);
    }
    return make_structure(&made, tag, value_out);
}
