/* type.h: the schema of a Delta table: its types, its columns, and under which names files keep them.
 *
 * Format: PROTOCOL.md, "Schema Serialization Format" and "Column Mapping".
 */
#ifndef HEDDLE_SOURCE_DELTA_TYPE_H
#define HEDDLE_SOURCE_DELTA_TYPE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"

enum heddle_delta_kind {
    HEDDLE_DELTA_VOID = 0,
    HEDDLE_DELTA_BOOLEAN,
    HEDDLE_DELTA_BYTE,
    HEDDLE_DELTA_SHORT,
    HEDDLE_DELTA_INTEGER,
    HEDDLE_DELTA_LONG,
    HEDDLE_DELTA_FLOAT,
    HEDDLE_DELTA_DOUBLE,
    HEDDLE_DELTA_DECIMAL,
    HEDDLE_DELTA_STRING,
    HEDDLE_DELTA_BINARY,
    HEDDLE_DELTA_DATE,
    HEDDLE_DELTA_TIMESTAMP,
    HEDDLE_DELTA_TIMESTAMP_NTZ,
    HEDDLE_DELTA_STRUCT,
    HEDDLE_DELTA_ARRAY,
    HEDDLE_DELTA_MAP,
};

/* How files name columns: by the table's names, by physical names, or by field ids. */
enum heddle_delta_mapping {
    HEDDLE_DELTA_MAPPING_NONE = 0,
    HEDDLE_DELTA_MAPPING_NAME,
    HEDDLE_DELTA_MAPPING_ID
};

struct heddle_delta_field;

struct heddle_delta_type {
    enum heddle_delta_kind kind;
    uint8_t precision; /* DECIMAL */
    uint8_t scale;
    const struct heddle_delta_field *fields; /* STRUCT */
    size_t field_count;
    const struct heddle_delta_type *key;  /* MAP */
    const struct heddle_delta_type *item; /* ARRAY; MAP: its values */
};

struct heddle_delta_field {
    const char *name;     /* the table's */
    const char *physical; /* the files'; equals `name` without mapping */
    int64_t id;           /* -1 = none */
    struct heddle_delta_type type;
};

/* Reads a schemaString into a STRUCT type whose memory is the arena's. Errors: HEDDLE_SOURCE (no JSON, nested deeper than 64,
 * a type or a type change that is not supported: named with its column; a column without the names that the mapping needs; two
 * columns of one name), HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_delta_schema_parse(const char *text, enum heddle_delta_mapping mapping,
                                                struct heddle_arena *arena, struct heddle_delta_type *schema,
                                                struct heddle_error *error);

/* True for types that hold one value. */
bool heddle_delta_is_scalar(const struct heddle_delta_type *type);

#endif
