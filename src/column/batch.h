/* batch.h: the rows that travel through the pipeline, as columns.
 *
 * A batch is a small subset of Arrow's columnar layout (https://arrow.apache.org/docs/format/Columnar.html), always
 * normalised: offset 0, validity as a bitmap (bit set = value present, least significant bit first) or NULL when every
 * row has a value, 32-bit offsets, no dictionaries. It comes from one file of one source and never spans two files,
 * so `file` and `first_row` give every row its reference.
 *
 * Ownership: everything a batch points to lies in its arena, but for the schema, which its source owns and which lives
 *            until the source is closed. A batch is counted: retain() and release(); the last release frees it.
 * Threads:   filled by one thread, then read by many; retain() and release() may be called from any thread.
 */
#ifndef HEDDLE_COLUMN_BATCH_H
#define HEDDLE_COLUMN_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

/* A batch larger than this would overflow 32-bit offsets long before it helped anyone. */
enum { HEDDLE_BATCH_ROWS_MAX = 1000000 };

enum heddle_type {
    HEDDLE_TYPE_NULL = 0,  /* a column without any value */
    HEDDLE_TYPE_BOOLEAN,   /* values: uint8_t[rows], 0 or 1 */
    HEDDLE_TYPE_INTEGER,   /* values: int64_t[rows] */
    HEDDLE_TYPE_FLOAT,     /* values: double[rows] */
    HEDDLE_TYPE_STRING,    /* offsets + bytes, UTF-8 */
    HEDDLE_TYPE_DECIMAL,   /* as STRING: the decimal text, exact ("-12.340"); `scale` in the field */
    HEDDLE_TYPE_BYTES,     /* offsets + bytes */
    HEDDLE_TYPE_DATE,      /* values: int64_t[rows], days since 1970-01-01 */
    HEDDLE_TYPE_TIME,      /* values: int64_t[rows], nanoseconds of the day, local */
    HEDDLE_TYPE_TIMESTAMP, /* values: int64_t[rows], microseconds since 1970-01-01 UTC (an instant) */
    HEDDLE_TYPE_DATETIME, /* values: int64_t[rows], microseconds since 1970-01-01 of a wall clock without zone */
    HEDDLE_TYPE_LIST,     /* offsets into `items` */
    HEDDLE_TYPE_MAP,      /* offsets into `keys` (STRING) and `items`, both of equal length */
    HEDDLE_TYPE_VECTOR, /* values: float[rows * width], row-major */
};

/* The name of a type as messages print it ("integer", "local_datetime", …: import-spec's names). Static memory. */
const char *heddle_type_name(enum heddle_type type);

/* One column's name and shape. Struct columns arrive flattened, a field a column, named `outer.inner`. */
struct heddle_field {
    const char *name;
    enum heddle_type type;
    enum heddle_type item_type; /* LIST and MAP: type of `items` (a scalar) */
    uint32_t width;             /* VECTOR: dimensions */
    uint8_t scale;              /* DECIMAL */
};

struct heddle_schema {
    const struct heddle_field *fields;
    size_t count;
};

/* Index of the field called `name` (exact), or -1. */
int heddle_schema_find(const struct heddle_schema *schema, const char *name);

struct heddle_column {
    enum heddle_type type;
    size_t length;           /* rows, or items of a LIST or MAP child */
    const uint8_t *valid;    /* bitmap of `length` bits, NULL = no nulls */
    const void *values;      /* fixed-width types, see enum heddle_type */
    const uint32_t *offsets; /* length + 1: STRING, DECIMAL, BYTES, LIST, MAP */
    const uint8_t *bytes;
    const struct heddle_column *items; /* LIST, MAP */
    const struct heddle_column *keys;  /* MAP */
    uint32_t width;                    /* VECTOR */
};

/* What the rows of a batch say of their table: rows that are there now, or, of a change feed, rows as they were. */
enum heddle_change {
    HEDDLE_CHANGE_UPSERT = 0, /* new rows, and updated ones as they are now */
    HEDDLE_CHANGE_LOOK, /* rows that are gone or were updated, as they were: shown before the rows of their version, to look at */
    HEDDLE_CHANGE_REMOVE, /* the same again, behind the rows of their version: what none of those stands for has to go */
};

struct heddle_batch {
    struct heddle_arena *arena;         /* owns all below */
    const struct heddle_schema *schema; /* borrowed from the source */
    struct heddle_column *columns;      /* schema->count */
    size_t rows;
    uint64_t sequence; /* 0-based number of the batch in its pass, in source order */
    /* Rows that the source handed out before this batch in this pass over this micro-batch: the same at each replay, so
     * position + row names a row for ever (sink/ledger.h). Set by run/. */
    uint64_t position;
    const char *source; /* name of the source, borrowed */
    const char *file;   /* path of the file, or "" where there is none; in the arena */
    uint64_t first_row; /* 0-based ordinal in the file of row 0 */
    const uint64_t
        *ordinals; /* of every row, ascending, where rows of the file are left out; NULL = no gaps */
    struct heddle_column *vectors; /* what the embedding stage adds, one a embedding slot; NULL before */
    size_t vector_count;
    const char *const *
        *failures; /* a slot: NULL, or for each row why its text could not be embedded, or NULL */
    enum heddle_change change;
    int64_t version; /* of the table that changed so; where the source tells changes apart */
    /* Set by run/ (run/changes/changes.h); bits by row, NULL = none. */
    const uint8_t *const *kept;     /* a slot: the row's text did not change: the graph has its vector */
    const uint8_t *const *left_out; /* a target of the sink: the row is none of it; or NULL */
    _Atomic uint32_t references;
};

/* Makes an empty batch with one reference and an arena of its own. Errors: HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_batch_create(const struct heddle_schema *schema, struct heddle_batch **batch_out,
                                          struct heddle_error *error);
struct heddle_batch *heddle_batch_retain(struct heddle_batch *batch);
void heddle_batch_release(struct heddle_batch *batch); /* NULL is a no-op */

/* 0-based ordinal in its file of a row. */
static inline uint64_t heddle_batch_ordinal(const struct heddle_batch *batch, size_t row)
{
    return batch->ordinals != NULL ? batch->ordinals[row] : batch->first_row + row;
}

/* True where row `row` of `column` holds no value. */
static inline bool heddle_column_is_null(const struct heddle_column *column, size_t row)
{
    return column->type == HEDDLE_TYPE_NULL ||
           (column->valid != NULL && (column->valid[row >> 3] >> (row & 7) & 1) == 0);
}

/* The bytes of a STRING, DECIMAL or BYTES value; length in *length_out. Not NUL-terminated. */
static inline const char *heddle_column_text(const struct heddle_column *column, size_t row,
                                             size_t *length_out)
{
    *length_out = column->offsets[row + 1] - column->offsets[row];
    return (const char *)column->bytes + column->offsets[row];
}

static inline int64_t heddle_column_integer(const struct heddle_column *column, size_t row)
{
    return ((const int64_t *)column->values)[row];
}

static inline double heddle_column_float(const struct heddle_column *column, size_t row)
{
    return ((const double *)column->values)[row];
}

static inline const float *heddle_column_vector(const struct heddle_column *column, size_t row)
{
    return (const float *)column->values + row * column->width;
}

#endif
