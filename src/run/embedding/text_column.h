/* text_column.h: which column of a table holds the text. */
#ifndef HEDDLE_RUN_TEXT_COLUMN_H
#define HEDDLE_RUN_TEXT_COLUMN_H

#include "base/error.h"
#include "column/batch.h"

/* The index of the column `name`, or, where that is NULL, of the only STRING column. `table` is what a message calls the table.
 * Errors: HEDDLE_SOURCE (no such column, or none or several to choose from: lists them). */
HEDDLE_MUST_CHECK int heddle_text_column_find(const struct heddle_schema *schema, const char *table,
                                              const char *name, size_t *column_out,
                                              struct heddle_error *error);

#endif
