/* json.c: results as JSON, JSON as parameters. */
#include "bolt/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "bolt/temporal.h"

static json_t *json_text(struct heddle_value_text text)
{
    json_t *value = json_stringn(text.text, text.length);
    return value != NULL ? value : json_null(); /* not UTF-8 */
}

static json_t *json_float(double value)
{
    if (isfinite(value)) {
        return json_real(value);
    }
    return json_string(isnan(value) ? "NaN" : (value > 0 ? "Infinity" : "-Infinity"));
}

/* Adds to an array; `item` is taken over. The array is given up when that fails. */
static bool append(json_t **array, json_t *item)
{
    if (item == NULL || json_array_append_new(*array, item) != 0) {
        json_decref(*array);
        *array = NULL;
        return false;
    }
    return true;
}

static json_t *json_list(struct heddle_value_list list)
{
    json_t *array = json_array();
    for (size_t i = 0; array != NULL && i < list.count; i++) {
        append(&array, heddle_value_to_json(&list.items[i]));
    }
    return array;
}

static json_t *json_map(struct heddle_value_map map)
{
    json_t *object = json_object();
    for (size_t i = 0; object != NULL && i < map.count; i++) {
        json_t *value = heddle_value_to_json(&map.entries[i].value);
        if (value == NULL ||
            json_object_setn_new(object, map.entries[i].key.text, map.entries[i].key.length, value) != 0) {
            json_decref(object);
            return NULL;
        }
    }
    return object;
}

/* RFC 4648 section 4. */
static json_t *json_base64(struct heddle_value_bytes bytes)
{
    const size_t length = heddle_text_base64_length(bytes.length);
    char *text = heddle_malloc(length);
    if (text == NULL) {
        return NULL;
    }
    heddle_text_base64(bytes.bytes, bytes.length, text);
    json_t *value = json_stringn(text, length);
    free(text);
    return value;
}

static json_t *json_vector(const struct heddle_value_vector *vector)
{
    json_t *array = json_array();
    for (size_t i = 0; array != NULL && i < vector->count; i++) {
        json_t *item = NULL;
        switch (vector->type) {
        case HEDDLE_VECTOR_F32: item = json_float((double)((const float *)vector->values)[i]); break;
        case HEDDLE_VECTOR_F64: item = json_float(((const double *)vector->values)[i]); break;
        case HEDDLE_VECTOR_I8: item = json_integer(((const int8_t *)vector->values)[i]); break;
        case HEDDLE_VECTOR_I16: item = json_integer(((const int16_t *)vector->values)[i]); break;
        case HEDDLE_VECTOR_I32: item = json_integer(((const int32_t *)vector->values)[i]); break;
        case HEDDLE_VECTOR_I64: item = json_integer(((const int64_t *)vector->values)[i]); break;
        }
        append(&array, item);
    }
    return array;
}

static json_t *json_relationship(const struct heddle_value_relationship *relationship, bool bound)
{
    json_t *object =
        json_pack("{so so so}", "elementId", json_text(relationship->element_id), "type",
                  json_text(relationship->type), "properties", json_map(relationship->properties));
    if (object != NULL && bound &&
        (json_object_set_new(object, "start", json_text(relationship->start_element_id)) != 0 ||
         json_object_set_new(object, "end", json_text(relationship->end_element_id)) != 0)) {
        json_decref(object);
        return NULL;
    }
    return object;
}

/* Nodes and relationships in the order of the walk. */
static json_t *json_path(const struct heddle_value_path *path)
{
    json_t *nodes = json_array();
    json_t *relationships = json_array();
    if (nodes != NULL && relationships != NULL) {
        append(&nodes, heddle_value_to_json(&path->nodes.items[0]));
        for (size_t i = 0; i < path->indices.count && nodes != NULL && relationships != NULL; i += 2) {
            const int64_t index = path->indices.items[i].integer;
            const size_t place = (size_t)(index < 0 ? -index : index) - 1;
            append(&relationships, heddle_value_to_json(&path->relationships.items[place]));
            append(&nodes, heddle_value_to_json(&path->nodes.items[path->indices.items[i + 1].integer]));
        }
    }
    if (nodes == NULL || relationships == NULL) {
        json_decref(nodes);
        json_decref(relationships);
        return NULL;
    }
    return json_pack("{so so}", "nodes", nodes, "relationships", relationships);
}

static json_t *json_point(const struct heddle_value_point *point)
{
    json_t *object = json_pack("{si so so}", "srid", (int)point->srid, "x", json_float(point->coordinates[0]),
                               "y", json_float(point->coordinates[1]));
    if (object != NULL && point->dimensions == 3 &&
        json_object_set_new(object, "z", json_float(point->coordinates[2])) != 0) {
        json_decref(object);
        return NULL;
    }
    return object;
}

static json_t *json_uuid(const uint8_t *bytes)
{
    char text[37];
    snprintf(text, sizeof text, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
             bytes[0], bytes[1], bytes[2], bytes[3], bytes[4], bytes[5], bytes[6], bytes[7], bytes[8],
             bytes[9], bytes[10], bytes[11], bytes[12], bytes[13], bytes[14], bytes[15]);
    return json_string(text);
}

json_t *heddle_value_to_json(const struct heddle_value *value)
{
    char text[HEDDLE_TEMPORAL_TEXT_MAX];
    switch (value->type) {
    case HEDDLE_VALUE_NULL: return json_null();
    case HEDDLE_VALUE_BOOLEAN: return json_boolean(value->boolean);
    case HEDDLE_VALUE_INTEGER: return json_integer(value->integer);
    case HEDDLE_VALUE_FLOAT: return json_float(value->real);
    case HEDDLE_VALUE_STRING: return json_text(value->string);
    case HEDDLE_VALUE_BYTES: return json_base64(value->bytes);
    case HEDDLE_VALUE_LIST: return json_list(value->list);
    case HEDDLE_VALUE_MAP: return json_map(value->map);
    case HEDDLE_VALUE_NODE:
        return json_pack("{so so so}", "elementId", json_text(value->node->element_id), "labels",
                         json_list(value->node->labels), "properties", json_map(value->node->properties));
    case HEDDLE_VALUE_RELATIONSHIP: return json_relationship(value->relationship, true);
    case HEDDLE_VALUE_UNBOUND_RELATIONSHIP: return json_relationship(value->relationship, false);
    case HEDDLE_VALUE_PATH: return json_path(value->path);
    case HEDDLE_VALUE_POINT: return json_point(value->point);
    case HEDDLE_VALUE_VECTOR: return json_vector(value->vector);
    case HEDDLE_VALUE_UUID: return json_uuid(value->uuid);
    case HEDDLE_VALUE_UNSUPPORTED:
        return json_pack("{so so}", "unsupported", json_text(value->unsupported->name), "message",
                         json_text(value->unsupported->message));
    case HEDDLE_VALUE_STRUCT:
        return json_pack("{si so}", "structure", value->structure->tag, "fields",
                         json_list(value->structure->fields));
    default: return json_string(heddle_temporal_text(value, text));
    }
}

static json_t *json_record(const struct heddle_value_text *keys, size_t key_count,
                           const struct heddle_record *record)
{
    json_t *object = json_object();
    for (size_t i = 0; object != NULL && i < key_count && i < record->count; i++) {
        json_t *value = heddle_value_to_json(&record->values[i]);
        if (value == NULL || json_object_setn_new(object, keys[i].text, keys[i].length, value) != 0) {
            json_decref(object);
            return NULL;
        }
    }
    return object;
}

json_t *heddle_records_to_json(const struct heddle_value_text *keys, size_t key_count,
                               const struct heddle_record *records, size_t record_count)
{
    json_t *array = json_array();
    for (size_t row = 0; array != NULL && row < record_count; row++) {
        append(&array, json_record(keys, key_count, &records[row]));
    }
    return array;
}

static void pack_object(struct heddle_pack *pack, const json_t *object)
{
    heddle_pack_map(pack, (uint32_t)json_object_size(object));
    void *iterator = json_object_iter((json_t *)(uintptr_t)object);
    while (iterator != NULL) {
        heddle_pack_string(pack, json_object_iter_key(iterator), json_object_iter_key_len(iterator));
        heddle_pack_json(pack, json_object_iter_value(iterator));
        iterator = json_object_iter_next((json_t *)(uintptr_t)object, iterator);
    }
}

void heddle_pack_json(struct heddle_pack *pack, const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT: pack_object(pack, value); break;
    case JSON_ARRAY:
        heddle_pack_list(pack, (uint32_t)json_array_size(value));
        for (size_t i = 0; i < json_array_size(value); i++) {
            heddle_pack_json(pack, json_array_get(value, i));
        }
        break;
    case JSON_STRING: heddle_pack_string(pack, json_string_value(value), json_string_length(value)); break;
    case JSON_INTEGER: heddle_pack_integer(pack, json_integer_value(value)); break;
    case JSON_REAL: heddle_pack_float(pack, json_real_value(value)); break;
    case JSON_TRUE: heddle_pack_bool(pack, true); break;
    case JSON_FALSE: heddle_pack_bool(pack, false); break;
    case JSON_NULL: heddle_pack_null(pack); break;
    }
}

int heddle_json_parameters(const char *text, json_t **object_out, struct heddle_error *error)
{
    json_error_t found;
    json_t *object = text == NULL || text[0] == '\0'
                         ? json_object()
                         : json_loads(text, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &found);
    if (object == NULL && (text == NULL || text[0] == '\0')) {
        return heddle_error_out_of_memory(error);
    }
    if (object == NULL) {
        return heddle_error_set(error, HEDDLE_INVALID,
                                "parameters are not valid JSON: line %d, column %d: %s", found.line,
                                found.column, found.text);
    }
    if (!json_is_object(object)) {
        json_decref(object);
        return heddle_error_set(error, HEDDLE_INVALID,
                                "parameters must be a JSON object, like {\"name\": \"value\"}");
    }
    *object_out = object;
    return HEDDLE_OK;
}
