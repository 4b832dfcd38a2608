/* partition.c: partition values, which a log keeps as text (PROTOCOL.md, "Partition Value Serialization"), as SQL. */
#include "source/delta/select.h"

#include <inttypes.h>
#include <string.h>

#include "column/scalar.h"

static const char *value_find(const struct heddle_delta_add *add, const char *name)
{
    for (size_t i = 0; i < add->partition_count; i++) {
        if (strcmp(add->partition[i].name, name) == 0) {
            return add->partition[i].value;
        }
    }
    return NULL;
}

/* Whether a value reads wholly as its type: DuckDB's own casts would round and guess. */
static bool reads_as(enum heddle_delta_kind kind, const char *value)
{
    const size_t length = strlen(value);
    int64_t integer = 0;
    double number = 0;
    bool boolean = false;
    switch (kind) {
    case HEDDLE_DELTA_BYTE:
    case HEDDLE_DELTA_SHORT:
    case HEDDLE_DELTA_INTEGER:
    case HEDDLE_DELTA_LONG: return heddle_scalar_parse_integer(value, length, &integer);
    case HEDDLE_DELTA_FLOAT:
    case HEDDLE_DELTA_DOUBLE:
    case HEDDLE_DELTA_DECIMAL: return heddle_scalar_parse_float(value, length, &number);
    case HEDDLE_DELTA_BOOLEAN: return heddle_scalar_parse_boolean(value, length, &boolean);
    case HEDDLE_DELTA_DATE: return heddle_scalar_parse_date(value, length, &integer);
    case HEDDLE_DELTA_STRING:
    case HEDDLE_DELTA_BINARY: return true;
    default: return false;
    }
}

/* A date-time: an instant where the type is one, read in the writer's zone where the text has no offset. */
static bool time_write(enum heddle_delta_kind kind, const char *value, const char *time_zone,
                       struct heddle_buffer *sql)
{
    int64_t microseconds = 0;
    bool zoned = false;
    if (!heddle_scalar_parse_datetime(value, strlen(value), &microseconds, &zoned)) {
        return false;
    }
    if (kind == HEDDLE_DELTA_TIMESTAMP_NTZ) {
        heddle_buffer_append_format(sql, "make_timestamp(%" PRId64 ")", microseconds);
    } else if (zoned) {
        heddle_buffer_append_format(sql, "timezone('UTC', make_timestamp(%" PRId64 "))", microseconds);
    } else {
        heddle_buffer_append_text(sql, "timezone(");
        heddle_duck_quote_text(sql, time_zone);
        heddle_buffer_append_format(sql, ", make_timestamp(%" PRId64 "))", microseconds);
    }
    return true;
}

int heddle_delta_partition_write(const struct heddle_delta_column *column, const struct heddle_delta_add *add,
                                 const char *time_zone, struct heddle_buffer *sql, struct heddle_error *error)
{
    const struct heddle_delta_type *type = &column->path[0]->type;
    const char *value = value_find(add, column->partition);
    bool good = true;
    if (value == NULL || value[0] == '\0') {
        heddle_buffer_append_text(sql, "CAST(NULL AS ");
        heddle_delta_type_sql(sql, type);
        heddle_buffer_append_text(sql, ")");
    } else if (type->kind == HEDDLE_DELTA_TIMESTAMP || type->kind == HEDDLE_DELTA_TIMESTAMP_NTZ) {
        good = time_write(type->kind, value, time_zone, sql);
    } else if (reads_as(type->kind, value)) {
        heddle_buffer_append_text(sql, type->kind == HEDDLE_DELTA_BINARY ? "encode(" : "CAST(");
        heddle_duck_quote_text(sql, value);
        if (type->kind != HEDDLE_DELTA_BINARY) {
            heddle_buffer_append_text(sql, " AS ");
            heddle_delta_type_sql(sql, type);
        }
        heddle_buffer_append_text(sql, ")");
    } else {
        good = false;
    }
    return good ? HEDDLE_OK
                : heddle_error_set(
                      error, HEDDLE_SOURCE,
                      "the partition value `%.100s` of column `%s` does not read as the column's type", value,
                      column->field.name);
}
