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
