/* value.c: looking things up in a decoded value. */
#include "bolt/packstream/value.h"

#include <string.h>

const struct heddle_value *heddle_value_map_get(const struct heddle_value *value, const char *key)
{
    if (value == NULL || value->type != HEDDLE_VALUE_MAP) {
        return NULL;
    }
    const size_t length = strlen(key);
    for (size_t i = value->map.count; i > 0; i--) {
        const struct heddle_value_entry *entry = &value->map.entries[i - 1];
        if (entry->key.length == length && memcmp(entry->key.text, key, length) == 0) {
            return &entry->value;
        }
    }
    return NULL;
}

const char *heddle_value_map_text(const struct heddle_value *value, const char *key, const char *otherwise)
{
    const struct heddle_value *found = heddle_value_map_get(value, key);
    return found != NULL && found->type == HEDDLE_VALUE_STRING ? found->string.text : otherwise;
}

int64_t heddle_value_map_integer(const struct heddle_value *value, const char *key, int64_t otherwise)
{
    const struct heddle_value *found = heddle_value_map_get(value, key);
    return found != NULL && found->type == HEDDLE_VALUE_INTEGER ? found->integer : otherwise;
}

bool heddle_value_map_boolean(const struct heddle_value *value, const char *key, bool otherwise)
{
    const struct heddle_value *found = heddle_value_map_get(value, key);
    return found != NULL && found->type == HEDDLE_VALUE_BOOLEAN ? found->boolean : otherwise;
}

const char *heddle_value_type_name(enum heddle_value_type type)
{
    switch (type) {
    case HEDDLE_VALUE_NULL: return "NULL";
    case HEDDLE_VALUE_BOOLEAN: return "BOOLEAN";
    case HEDDLE_VALUE_INTEGER: return "INTEGER";
    case HEDDLE_VALUE_FLOAT: return "FLOAT";
    case HEDDLE_VALUE_STRING: return "STRING";
    case HEDDLE_VALUE_BYTES: return "BYTES";
    case HEDDLE_VALUE_LIST: return "LIST";
    case HEDDLE_VALUE_MAP: return "MAP";
    case HEDDLE_VALUE_NODE: return "NODE";
    case HEDDLE_VALUE_RELATIONSHIP:
    case HEDDLE_VALUE_UNBOUND_RELATIONSHIP: return "RELATIONSHIP";
    case HEDDLE_VALUE_PATH: return "PATH";
    case HEDDLE_VALUE_DATE: return "DATE";
    case HEDDLE_VALUE_TIME: return "ZONED TIME";
    case HEDDLE_VALUE_LOCAL_TIME: return "LOCAL TIME";
    case HEDDLE_VALUE_DATETIME:
    case HEDDLE_VALUE_DATETIME_ZONE: return "ZONED DATETIME";
    case HEDDLE_VALUE_LOCAL_DATETIME: return "LOCAL DATETIME";
    case HEDDLE_VALUE_DURATION: return "DURATION";
    case HEDDLE_VALUE_POINT: return "POINT";
    case HEDDLE_VALUE_VECTOR: return "VECTOR";
    case HEDDLE_VALUE_UUID: return "UUID";
    case HEDDLE_VALUE_UNSUPPORTED: return "UNSUPPORTED";
    case HEDDLE_VALUE_STRUCT: return "STRUCTURE";
    }
    return "UNKNOWN";
}
