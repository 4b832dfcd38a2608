/* append.h: rows into a table of an embedded database, in bulk.
 *
 * The fastest way in: cells are written straight into DuckDB's columns, 2,048 rows at a time. Rows appended
 * inside a transaction (heddle_duck_execute(c, "BEGIN")) are part of it once flush() or close() has answered
 * HEDDLE_OK.
 *
 * Threads: as the connection: one thread at a time.
 */
#ifndef HEDDLE_DUCK_APPEND_H
#define HEDDLE_DUCK_APPEND_H

#include "duck/duck.h"

struct heddle_duck_appender;

/* Opens a table (schema `main`) for appending. Every column of the table gets a value in each row, in table
 * order. Errors: HEDDLE_DATABASE (no such table), HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_duck_appender_create(struct heddle_duck_connection *connection,
                                                  const char *table,
                                                  struct heddle_duck_appender **appender_out,
                                                  struct heddle_error *error);

/* Appends rows[0..row_count) of `columns` (rows NULL = rows 0 .. row_count-1), one column for each column of
 * the table. A column's heddle type must be the one that heddle_duck_type_sql() maps to the table's column
 * type (an INTEGER also goes into smaller integers and DECIMAL, FLOAT into FLOAT, any DECIMAL or null column
 * anywhere it fits); a list goes into a LIST, a VECTOR into FLOAT[width]. A NULL pointer in `columns` writes
 * nulls. Errors: HEDDLE_INVALID (column count, type or width does not fit, or a value is out of the column's
 * range: names the column), HEDDLE_DATABASE, HEDDLE_OUT_OF_MEMORY. After an error the appender can only be
 * destroyed. */
HEDDLE_MUST_CHECK int heddle_duck_appender_append(struct heddle_duck_appender *appender,
                                                  const struct heddle_column *const *columns,
                                                  size_t column_count, const uint32_t *rows, size_t row_count,
                                                  struct heddle_error *error);

/* Hands everything appended so far to the table. Errors: HEDDLE_DATABASE (a constraint, for instance). */
HEDDLE_MUST_CHECK int heddle_duck_appender_flush(struct heddle_duck_appender *appender,
                                                 struct heddle_error *error);

/* Rows appended so far. */
uint64_t heddle_duck_appender_rows(const struct heddle_duck_appender *appender);

/* Drops what was not flushed, frees the appender. NULL is a no-op. */
void heddle_duck_appender_destroy(struct heddle_duck_appender *appender);

#endif
