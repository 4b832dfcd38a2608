/* select.h: the SQL that reads one data file of a Delta table as the table's columns.
 *
 * Whatever the file calls its columns and however wide it stores them, the query answers the table's columns in the table's
 * types: renamed by column mapping at every level, widened, null where the file is older than the column, constant where the
 * column is a partition's.
 */
#ifndef HEDDLE_SOURCE_DELTA_SELECT_H
#define HEDDLE_SOURCE_DELTA_SELECT_H

#include "base/buffer.h"
#include "source/delta/columns.h"
#include "source/delta/file_schema.h"

struct heddle_delta_select {
    const struct heddle_delta_column *columns;
    size_t count;
    enum heddle_delta_mapping mapping;
    const char *time_zone; /* of partition values that are timestamps without an offset */
};

/* Appends "SELECT … FROM read_parquet($1, …)": one expression a column, VOID columns left out, `true` where nothing is left.
 * Errors: HEDDLE_SOURCE (a column that the file holds in a type that is not the table's, a partition value that does not read
 * as its type, no field ids where the table maps by id: names column and value). */
HEDDLE_MUST_CHECK int heddle_delta_select_write(const struct heddle_delta_select *select,
                                                const struct heddle_file_node *file,
                                                const struct heddle_delta_add *add, struct heddle_buffer *sql,
                                                struct heddle_error *error);

/* The expression of a partition value in a column's type. Errors: HEDDLE_SOURCE. */
HEDDLE_MUST_CHECK int heddle_delta_partition_write(const struct heddle_delta_column *column,
                                                   const struct heddle_delta_add *add, const char *time_zone,
                                                   struct heddle_buffer *sql, struct heddle_error *error);

/* Appends the SQL name of a scalar type ("DECIMAL(10,2)"). */
void heddle_delta_type_sql(struct heddle_buffer *sql, const struct heddle_delta_type *type);

#endif
