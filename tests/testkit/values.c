/* values.c: Cypher values as TestKit writes them, and back. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "backend.h"

enum {
    SECONDS_A_DAY = 86400,
    SRID_CARTESIAN_2D = 7203,
    SRID_CARTESIAN_3D = 9157,
    SRID_WGS84_2D = 4326,
    SRID_WGS84_3D = 4979
};

/* ---- dates: https://howardhinnant.github.io/date_algorithms.html */

static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
    year -= month <= 2;
    const int64_t era = (year >= 0 ? year : year - 399) / 400;
    const int64_t year_of_era = year - era * 400;
    const int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

static void date_of(int64_t days, int64_t *year, int64_t *month, int64_t *day)
{
    days += 719468;
    const int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    const int64_t day_of_era = days - era * 146097;
    const int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    const int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    const int64_t shifted = (5 * day_of_year + 2) / 153;
    *day = day_of_year - (153 * shifted + 2) / 5 + 1;
    *month = shifted < 10 ? shifted + 3 : shifted - 9;
    *year = year_of_era + era * 400 + (*month <= 2);
}

/* ---- out */

static json_t *typed(const char *name, json_t *data)
{
    return json_pack("{s:s, s:o}", "name", name, "data", data);
}

static json_t *with_value(const char *name, json_t *value)
{
    return typed(name, json_pack("{s:o}", "value", value));
}

/* Bytes that are no UTF-8 become U+FFFD, as a terminal would show them. */
static json_t *text_of_length(const char *text, size_t length)
{
    json_t *json = json_stringn(text, length);
    if (json != NULL) {
        return json;
    }
    char *clean = malloc(3 * length + 1);
    size_t filled = 0;
    for (size_t i = 0; i < length && clean != NULL;) {
        size_t part = 4;
        while (part > 0) {
            json_t *probe = i + part <= length ? json_stringn(text + i, part) : NULL;
            if (probe != NULL) {
                json_decref(probe);
                break;
            }
            part--;
        }
        if (part > 0) {
            memcpy(clean + filled, text + i, part);
            filled += part;
            i += part;
        } else {
            memcpy(clean + filled, "\xEF\xBF\xBD", 3);
            filled += 3;
            i++;
        }
    }
    json = json_stringn(clean, filled);
    free(clean);
    return json;
}

json_t *text_to_json(const char *text)
{
    return text != NULL ? text_of_length(text, strlen(text)) : json_null();
}

static json_t *string_to_json(struct heddle_value_text text)
{
    return with_value("CypherString", text_of_length(text.text, text.length));
}

static json_t *integer_to_json(int64_t integer)
{
    return with_value("CypherInt", json_integer(integer));
}

static json_t *float_to_json(double real)
{
    if (isnan(real)) {
        return with_value("CypherFloat", json_string("NaN"));
    }
    if (isinf(real)) {
        return with_value("CypherFloat", json_string(real > 0 ? "+Infinity" : "-Infinity"));
    }
    return with_value("CypherFloat", json_real(real));
}

static json_t *bytes_to_json(struct heddle_value_bytes bytes)
{
    char *text = calloc(bytes.length + 1, 3);
    for (size_t i = 0; i < bytes.length && text != NULL; i++) {
        snprintf(text + 3 * i, 4, i + 1 < bytes.length ? "%02x " : "%02x", bytes.bytes[i]);
    }
    json_t *json = with_value("CypherBytes", json_string(text));
    free(text);
    return json;
}

static json_t *list_to_json(struct heddle_value_list list)
{
    json_t *items = json_array();
    for (size_t i = 0; i < list.count; i++) {
        json_array_append_new(items, value_to_json(&list.items[i]));
    }
    return with_value("CypherList", items);
}

json_t *map_to_json(struct heddle_value_map map)
{
    json_t *object = json_object();
    for (size_t i = 0; i < map.count; i++) {
        json_object_set_new(object, map.entries[i].key.text, value_to_json(&map.entries[i].value));
    }
    return object;
}

static json_t *node_to_json(const struct heddle_value_node *node)
{
    return typed("CypherNode", json_pack("{s:o, s:o, s:o, s:o}", "id", integer_to_json(node->id), "labels",
                                         list_to_json(node->labels), "props",
                                         with_value("CypherMap", map_to_json(node->properties)), "elementId",
                                         string_to_json(node->element_id)));
}

static json_t *relationship_json(const struct heddle_value_relationship *relationship, int64_t start,
                                 int64_t end, struct heddle_value_text start_id,
                                 struct heddle_value_text end_id)
{
    return typed("CypherRelationship",
                 json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "id",
                           integer_to_json(relationship->id), "startNodeId", integer_to_json(start),
                           "endNodeId", integer_to_json(end), "type", string_to_json(relationship->type),
                           "props", with_value("CypherMap", map_to_json(relationship->properties)),
                           "elementId", string_to_json(relationship->element_id), "startNodeElementId",
                           string_to_json(start_id), "endNodeElementId", string_to_json(end_id)));
}

/* A path walks: the ends of its relationships come from the nodes around them. */
static json_t *path_to_json(const struct heddle_value_path *path)
{
    json_t *nodes = json_array();
    json_t *relationships = json_array();
    const struct heddle_value_node *from = path->nodes.items[0].node;
    json_array_append_new(nodes, node_to_json(from));
    for (size_t i = 0; i + 1 < path->indices.count; i += 2) {
        const int64_t step = path->indices.items[i].integer;
        const struct heddle_value_node *to = path->nodes.items[path->indices.items[i + 1].integer].node;
        const struct heddle_value_relationship *relationship =
            path->relationships.items[(step < 0 ? -step : step) - 1].relationship;
        const struct heddle_value_node *start = step > 0 ? from : to;
        const struct heddle_value_node *end = step > 0 ? to : from;
        json_array_append_new(relationships, relationship_json(relationship, start->id, end->id,
                                                               start->element_id, end->element_id));
        json_array_append_new(nodes, node_to_json(to));
        from = to;
    }
    return typed("CypherPath", json_pack("{s:o, s:o}", "nodes", with_value("CypherList", nodes),
                                         "relationships", with_value("CypherList", relationships)));
}

static void set_date(json_t *data, int64_t days)
{
    int64_t year = 0;
    int64_t month = 0;
    int64_t day = 0;
    date_of(days, &year, &month, &day);
    json_object_set_new(data, "year", json_integer(year));
    json_object_set_new(data, "month", json_integer(month));
    json_object_set_new(data, "day", json_integer(day));
}

static void set_time(json_t *data, int64_t second_of_day, int64_t nanosecond)
{
    json_object_set_new(data, "hour", json_integer(second_of_day / 3600));
    json_object_set_new(data, "minute", json_integer(second_of_day / 60 % 60));
    json_object_set_new(data, "second", json_integer(second_of_day % 60));
    json_object_set_new(data, "nanosecond", json_integer(nanosecond));
}

static json_t *time_to_json(const struct heddle_value *value)
{
    enum { NANOSECONDS = 1000000000 };
    json_t *data = json_object();
    set_time(data, value->time.nanoseconds / NANOSECONDS, value->time.nanoseconds % NANOSECONDS);
    if (value->type == HEDDLE_VALUE_TIME) {
        json_object_set_new(data, "utc_offset_s", json_integer(value->time.offset_seconds));
    }
    return typed("CypherTime", data);
}

static json_t *datetime_to_json(const struct heddle_value *value)
{
    const struct heddle_value_datetime *datetime = value->datetime;
    int64_t wall = datetime->seconds;
    int32_t offset = datetime->offset_seconds;
    json_t *data = json_object();
    if (value->type == HEDDLE_VALUE_DATETIME_ZONE) {
        const bool known = datetime->wall_clock ? zone_offset_of_wall_clock(datetime->zone, wall, &offset)
                                                : zone_offset_of_utc(datetime->zone, wall, &offset);
        if (!known) {
            json_decref(data);
            return NULL;
        }
        json_object_set_new(data, "timezone_id", json_string(datetime->zone));
    }
    if (value->type != HEDDLE_VALUE_LOCAL_DATETIME) {
        json_object_set_new(data, "utc_offset_s", json_integer(offset));
        wall += datetime->wall_clock ? 0 : offset;
    }
    const int64_t days = (wall >= 0 ? wall : wall - (SECONDS_A_DAY - 1)) / SECONDS_A_DAY;
    set_date(data, days);
    set_time(data, wall - days * SECONDS_A_DAY, datetime->nanoseconds);
    return typed("CypherDateTime", data);
}

static json_t *point_to_json(const struct heddle_value_point *point)
{
    const bool cartesian = point->srid == SRID_CARTESIAN_2D || point->srid == SRID_CARTESIAN_3D;
    json_t *data = json_pack("{s:s, s:f, s:f}", "system", cartesian ? "cartesian" : "wgs84", "x",
                             point->coordinates[0], "y", point->coordinates[1]);
    if (point->dimensions == 3) {
        json_object_set_new(data, "z", json_real(point->coordinates[2]));
    }
    return typed("CypherPoint", data);
}

json_t *value_to_json(const struct heddle_value *value)
{
    json_t *data = NULL;
    switch (value->type) {
    case HEDDLE_VALUE_NULL: return with_value("CypherNull", json_null());
    case HEDDLE_VALUE_BOOLEAN: return with_value("CypherBool", json_boolean(value->boolean));
    case HEDDLE_VALUE_INTEGER: return integer_to_json(value->integer);
    case HEDDLE_VALUE_FLOAT: return float_to_json(value->real);
    case HEDDLE_VALUE_STRING: return string_to_json(value->string);
    case HEDDLE_VALUE_BYTES: return bytes_to_json(value->bytes);
    case HEDDLE_VALUE_LIST: return list_to_json(value->list);
    case HEDDLE_VALUE_MAP: return with_value("CypherMap", map_to_json(value->map));
    case HEDDLE_VALUE_NODE: return node_to_json(value->node);
    case HEDDLE_VALUE_RELATIONSHIP:
    case HEDDLE_VALUE_UNBOUND_RELATIONSHIP:
        return relationship_json(value->relationship, value->relationship->start_id,
                                 value->relationship->end_id, value->relationship->start_element_id,
                                 value->relationship->end_element_id);
    case HEDDLE_VALUE_PATH: return path_to_json(value->path);
    case HEDDLE_VALUE_DATE:
        data = json_object();
        set_date(data, value->integer);
        return typed("CypherDate", data);
    case HEDDLE_VALUE_TIME:
    case HEDDLE_VALUE_LOCAL_TIME: return time_to_json(value);
    case HEDDLE_VALUE_DATETIME:
    case HEDDLE_VALUE_DATETIME_ZONE:
    case HEDDLE_VALUE_LOCAL_DATETIME: return datetime_to_json(value);
    case HEDDLE_VALUE_DURATION:
        return typed("CypherDuration",
                     json_pack("{s:I, s:I, s:I, s:i}", "months", (json_int_t)value->duration->months, "days",
                               (json_int_t)value->duration->days, "seconds",
                               (json_int_t)value->duration->seconds, "nanoseconds",
                               (int)value->duration->nanoseconds));
    case HEDDLE_VALUE_POINT: return point_to_json(value->point);
    case HEDDLE_VALUE_VECTOR: return vector_to_json(value->vector);
    case HEDDLE_VALUE_UUID: return uuid_to_json(value->uuid);
    case HEDDLE_VALUE_UNSUPPORTED: return unsupported_to_json(value->unsupported);
    default: return NULL;
    }
}

json_t *record_to_json(const struct heddle_record *record)
{
    json_t *values = json_array();
    for (size_t i = 0; i < record->count; i++) {
        json_t *value = value_to_json(&record->values[i]);
        if (value == NULL) {
            json_decref(values);
            return NULL;
        }
        json_array_append_new(values, value);
    }
    return json_pack("{s:o}", "values", values);
}

/* ---- in */

static bool is_named(const json_t *json, const char *name)
{
    const char *own = json_string_value(json_object_get(json, "name"));
    return own != NULL && strcmp(own, name) == 0;
}

static bool float_from(const json_t *value, struct heddle_value *out)
{
    out->type = HEDDLE_VALUE_FLOAT;
    if (json_is_string(value)) {
        out->real = strtod(json_string_value(value), NULL);
        return true;
    }
    out->real = json_number_value(value);
    return json_is_number(value);
}

static bool bytes_from(const json_t *value, struct heddle_value *out, struct scratch *scratch)
{
    const char *text = json_string_value(value);
    if (text == NULL) {
        return false;
    }
    uint8_t *bytes = scratch_alloc(scratch, strlen(text) / 2 + 1, 1);
    size_t count = 0;
    while (*text != '\0') {
        char *end = NULL;
        bytes[count++] = (uint8_t)strtoul(text, &end, 16);
        if (end == text) {
            return false;
        }
        text = *end == ' ' ? end + 1 : end;
    }
    out->type = HEDDLE_VALUE_BYTES;
    out->bytes = (struct heddle_value_bytes){bytes, count};
    return true;
}

static bool list_from(const json_t *value, struct heddle_value *out, struct scratch *scratch)
{
    const size_t count = json_array_size(value);
    struct heddle_value *items = scratch_alloc(scratch, count + 1, sizeof *items);
    for (size_t i = 0; i < count; i++) {
        if (!value_from_json(json_array_get(value, i), &items[i], scratch)) {
            return false;
        }
    }
    *out = heddle_list(items, count);
    return true;
}

bool entries_from_json(const json_t *object, const struct heddle_value_entry **entries_out, size_t *count_out,
                       struct scratch *scratch)
{
    const size_t count = json_object_size(object);
    struct heddle_value_entry *entries = scratch_alloc(scratch, count + 1, sizeof *entries);
    const char *key = NULL;
    json_t *value = NULL;
    size_t filled = 0;
    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        entries[filled].key = heddle_text(key);
        if (!value_from_json(value, &entries[filled++].value, scratch)) {
            return false;
        }
    }
    *entries_out = entries;
    *count_out = count;
    return true;
}

static int64_t seconds_of(const json_t *data)
{
    return data_integer(data, "hour", 0) * 3600 + data_integer(data, "minute", 0) * 60 +
           data_integer(data, "second", 0);
}

static bool date_from(const json_t *data, struct heddle_value *out)
{
    out->type = HEDDLE_VALUE_DATE;
    out->integer =
        days_of(data_integer(data, "year", 0), data_integer(data, "month", 1), data_integer(data, "day", 1));
    return true;
}

static bool time_from(const json_t *data, struct heddle_value *out)
{
    enum { NANOSECONDS = 1000000000 };
    const bool zoned = json_is_integer(json_object_get(data, "utc_offset_s"));
    out->type = zoned ? HEDDLE_VALUE_TIME : HEDDLE_VALUE_LOCAL_TIME;
    out->time.nanoseconds = seconds_of(data) * NANOSECONDS + data_integer(data, "nanosecond", 0);
    out->time.offset_seconds = (int32_t)data_integer(data, "utc_offset_s", 0);
    return true;
}

static bool datetime_from(const json_t *data, struct heddle_value *out, struct scratch *scratch)
{
    struct heddle_value_datetime *datetime = scratch_alloc(scratch, 1, sizeof *datetime);
    const char *zone = data_text(data, "timezone_id");
    const bool offset = json_is_integer(json_object_get(data, "utc_offset_s"));
    date_from(data, out);
    *datetime =
        (struct heddle_value_datetime){.seconds = out->integer * SECONDS_A_DAY + seconds_of(data),
                                       .nanoseconds = (int32_t)data_integer(data, "nanosecond", 0),
                                       .offset_seconds = (int32_t)data_integer(data, "utc_offset_s", 0),
                                       .zone = zone,
                                       .wall_clock = true};
    out->type = zone != NULL ? HEDDLE_VALUE_DATETIME_ZONE
                : offset     ? HEDDLE_VALUE_DATETIME
                             : HEDDLE_VALUE_LOCAL_DATETIME;
    out->datetime = datetime;
    return true;
}

static bool duration_from(const json_t *data, struct heddle_value *out, struct scratch *scratch)
{
    struct heddle_value_duration *duration = scratch_alloc(scratch, 1, sizeof *duration);
    *duration = (struct heddle_value_duration){data_integer(data, "months", 0), data_integer(data, "days", 0),
                                               data_integer(data, "seconds", 0),
                                               (int32_t)data_integer(data, "nanoseconds", 0)};
    out->type = HEDDLE_VALUE_DURATION;
    out->duration = duration;
    return true;
}

static bool point_from(const json_t *data, struct heddle_value *out, struct scratch *scratch)
{
    struct heddle_value_point *point = scratch_alloc(scratch, 1, sizeof *point);
    const json_t *z = json_object_get(data, "z");
    const char *system = data_text(data, "system");
    const bool cartesian = system != NULL && strcmp(system, "cartesian") == 0;
    const bool solid = json_is_number(z);
    *point = (struct heddle_value_point){.dimensions = solid ? 3 : 2,
                                         .coordinates = {json_number_value(json_object_get(data, "x")),
                                                         json_number_value(json_object_get(data, "y")),
                                                         solid ? json_number_value(z) : 0}};
    if (solid) {
        point->srid = cartesian ? SRID_CARTESIAN_3D : SRID_WGS84_3D;
    } else {
        point->srid = cartesian ? SRID_CARTESIAN_2D : SRID_WGS84_2D;
    }
    out->type = HEDDLE_VALUE_POINT;
    out->point = point;
    return true;
}

bool value_from_json(const json_t *json, struct heddle_value *out, struct scratch *scratch)
{
    const json_t *data = json_object_get(json, "data");
    const json_t *value = json_object_get(data, "value");
    *out = (struct heddle_value){.type = HEDDLE_VALUE_NULL};
    if (is_named(json, "CypherNull")) {
        return true;
    }
    if (is_named(json, "CypherBool")) {
        *out = heddle_boolean(json_is_true(value));
        return true;
    }
    if (is_named(json, "CypherInt")) {
        *out = heddle_integer(json_integer_value(value));
        return true;
    }
    if (is_named(json, "CypherFloat")) {
        return float_from(value, out);
    }
    if (is_named(json, "CypherString")) {
        out->type = HEDDLE_VALUE_STRING;
        out->string = (struct heddle_value_text){json_string_value(value), json_string_length(value)};
        return true;
    }
    if (is_named(json, "CypherBytes")) {
        return bytes_from(value, out, scratch);
    }
    if (is_named(json, "CypherList")) {
        return list_from(value, out, scratch);
    }
    if (is_named(json, "CypherMap")) {
        out->type = HEDDLE_VALUE_MAP;
        return entries_from_json(value, &out->map.entries, &out->map.count, scratch);
    }
    if (is_named(json, "CypherDate")) {
        return date_from(data, out);
    }
    if (is_named(json, "CypherTime")) {
        return time_from(data, out);
    }
    if (is_named(json, "CypherDateTime")) {
        return datetime_from(data, out, scratch);
    }
    if (is_named(json, "CypherDuration")) {
        return duration_from(data, out, scratch);
    }
    if (is_named(json, "CypherVector")) {
        return vector_from_json(data, out, scratch);
    }
    if (is_named(json, "CypherUUID")) {
        return uuid_from_json(data, out);
    }
    return is_named(json, "CypherPoint") && point_from(data, out, scratch);
}
