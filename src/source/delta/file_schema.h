/* file_schema.h: the columns of one Parquet file as a tree: names, field ids and DuckDB's types, lists and maps made plain. */
#ifndef HEDDLE_SOURCE_DELTA_FILE_SCHEMA_H
#define HEDDLE_SOURCE_DELTA_FILE_SCHEMA_H

#include <stdint.h>

#include "duck/duck.h"

enum heddle_file_kind { HEDDLE_FILE_LEAF = 0, HEDDLE_FILE_STRUCT, HEDDLE_FILE_LIST, HEDDLE_FILE_MAP };

struct heddle_file_node {
    const char *name;
    int64_t id; /* field_id, -1 = none */
    enum heddle_file_kind kind;
    const char *type;                   /* LEAF: DuckDB's name ("BIGINT", "DECIMAL(10,2)") */
    struct heddle_file_node **children; /* STRUCT: its fields; LIST: the item; MAP: key and value */
    size_t child_count;
};

/* Reads the footer of `file`. *root_out is a STRUCT of the top-level columns, in the arena. Errors: HEDDLE_SOURCE (no readable
 * Parquet file, nested deeper than 64), HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_file_schema_read(struct heddle_duck_connection *connection, const char *file,
                                              struct heddle_arena *arena, struct heddle_file_node **root_out,
                                              struct heddle_error *error);

/* Rows that the footer counts. Errors: HEDDLE_SOURCE, HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_file_rows_read(struct heddle_duck_connection *connection, const char *file,
                                            int64_t *rows_out, struct heddle_error *error);

#endif
