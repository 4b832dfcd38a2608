/* columns.h: the columns of a Delta table as heddle has them.
 *
 * Structs are flattened to `outer.inner`. Arrays of scalars are lists, maps between scalars are maps with their keys as text; a job
 * that names `map.key` gets the values under that key.
 * What nests deeper has no place in a graph's property either: it arrives as a STRING that holds JSON, with the table's names,
 * decimals and times as text and bytes as base64.
 */
#ifndef HEDDLE_SOURCE_DELTA_COLUMNS_H
#define HEDDLE_SOURCE_DELTA_COLUMNS_H

#include "column/batch.h"
#include "source/delta/snapshot.h"

struct heddle_delta_column {
    struct heddle_field field;
    const struct heddle_delta_field *const *path; /* from the top-level column to the one that is read */
    size_t depth;
    const char *partition; /* key in partitionValues, NULL = the column stands in the files */
    const char
        *key; /* of a map, whose values under it are the column; NULL = the column is what stands there */
};

/* All columns in the schema's order; memory is the arena's. Errors: HEDDLE_SOURCE (a partition column that the schema lacks,
 * or that is not a scalar), HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_delta_columns_fill(const struct heddle_delta_snapshot *snapshot,
                                                struct heddle_arena *arena,
                                                struct heddle_delta_column **columns_out, size_t *count_out,
                                                struct heddle_error *error);

/* Adds a column for each of `wanted` that names a key of a map and no column: its values under that key. `columns` has room for
 * them behind its *count. Memory is the arena's. Errors: HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_delta_columns_add_keys(struct heddle_delta_column *columns, size_t *count,
                                                    const char *const *wanted, size_t wanted_count,
                                                    struct heddle_arena *arena, struct heddle_error *error);

/* True where values of an array or map type are read as JSON text. */
bool heddle_delta_is_json(const struct heddle_delta_type *type);

#endif
