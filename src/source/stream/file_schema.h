/* file_schema.h: the types of JSON columns, kept in FOLDER/schema: told from a sample once, the same for the whole stream.
 *
 * {"columns":[{"name":…,"type":…,"item":…}]} with the names of column/batch.h.
 */
#ifndef HEDDLE_SOURCE_STREAM_FILE_SCHEMA_H
#define HEDDLE_SOURCE_STREAM_FILE_SCHEMA_H

#include "column/batch.h"
#include "fs/depot.h"

/* Reads a schema file's text; memory is the arena's. Errors: HEDDLE_SOURCE, HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_stream_schema_parse(const char *text, size_t length, struct heddle_arena *arena,
                                                 struct heddle_schema *schema, struct heddle_error *error);

/* Reads FOLDER/schema; count 0 where there is none. Errors: as above, HEDDLE_IO. */
HEDDLE_MUST_CHECK int heddle_stream_schema_read(struct heddle_depot *depot, const char *folder,
                                                struct heddle_arena *arena, struct heddle_schema *schema,
                                                struct heddle_error *error);

/* Writes FOLDER/schema unless it is there. Errors: HEDDLE_IO, HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_stream_schema_write(struct heddle_depot *depot, const char *folder,
                                                 const struct heddle_schema *schema,
                                                 struct heddle_error *error);

#endif
