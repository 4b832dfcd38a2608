/* parquet_file.h: one Parquet file behind DuckDB: plain words where it is none, and a statement that reads it. */
#ifndef HEDDLE_SOURCE_FILES_PARQUET_FILE_H
#define HEDDLE_SOURCE_FILES_PARQUET_FILE_H

#include "base/buffer.h"
#include "duck/duck.h"

/* Says in plain words what DuckDB would say in its own. Errors: HEDDLE_SOURCE (unreadable, empty, encrypted, no Parquet, cut
 * short). */
HEDDLE_MUST_CHECK int heddle_parquet_file_check(const char *path, struct heddle_error *error);

/* Appends a path in which `*`, `?` and `[` are not a pattern to DuckDB. */
void heddle_parquet_path_escape(struct heddle_buffer *out, const char *path);

/* Prepares `sql` with the file, its signs escaped, bound to $1. Errors: those of heddle_duck_prepare(). */
HEDDLE_MUST_CHECK int heddle_parquet_prepare(struct heddle_duck_connection *connection, const char *sql,
                                             const char *path, struct heddle_duck_statement **statement_out,
                                             struct heddle_error *error);

/* DuckDB's failure as a failure of the table, with the file that it is about. Answers the status. */
int heddle_parquet_failure(int status, const char *file, struct heddle_error *error);

#endif
