/* json_schema.h: the columns of JSON lines, told from a sample: names by flattening, types by widening.
 *
 * integer -> float -> string; a boolean beside numbers is string; null is any type; arrays are lists of
 * their widened items. A column that holds objects inside arrays, or lists beside scalars, has no type: it
 * is refused where it is asked for.
 */
#ifndef HEDDLE_SOURCE_FILES_JSON_SCHEMA_H
#define HEDDLE_SOURCE_FILES_JSON_SCHEMA_H

#include <jansson.h>

#include "column/batch.h"

/* Objects inside objects: deeper is refused. A sample with more columns than this is not a table. */
enum { HEDDLE_JSON_DEPTH_MAX = 16, HEDDLE_JSON_COLUMNS_MAX = 4096, HEDDLE_JSON_NAME_MAX = 512 };

struct heddle_json_column {
    const char *name; /* flattened: `a.b` */
    enum heddle_type type;
    enum heddle_type item_type;
    const char *refused; /* why it cannot be a column, or NULL */
};

/* {.arena = …} is an empty sample. */
struct heddle_json_schema {
    struct heddle_arena *arena;
    struct heddle_json_column *columns; /* freed by heddle_json_schema_free() */
    size_t count;
    size_t capacity;
};

/* Adds what one object shows. Errors: HEDDLE_SOURCE (too deep, too many columns), HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_json_schema_add(struct heddle_json_schema *schema, const json_t *object,
                                             struct heddle_error *error);

/* Puts columns whose types are known in place of what the sample says of them. Errors: HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_json_schema_declare(struct heddle_json_schema *schema,
                                                 const struct heddle_schema *declared,
                                                 struct heddle_error *error);

void heddle_json_schema_free(struct heddle_json_schema *schema);

/* Calls `visit` for each leaf of an object with its flattened name; stops at the first answer that is not
 * HEDDLE_OK. Errors: HEDDLE_SOURCE (too deep, name too long), and those of `visit`. */
HEDDLE_MUST_CHECK int heddle_json_walk(const json_t *object,
                                       int (*visit)(void *context, const char *name, const json_t *value,
                                                    struct heddle_error *error),
                                       void *context, struct heddle_error *error);

#endif
