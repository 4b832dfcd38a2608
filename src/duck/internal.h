/* internal.h: the structs behind duck.h, shared by the files of src/duck and by nobody else. */
#ifndef HEDDLE_DUCK_INTERNAL_H
#define HEDDLE_DUCK_INTERNAL_H

#include <limits.h>

#include "duck/api.h"
#include "duck/duck.h"

struct heddle_duck {
    struct heddle_duck_api api;
    struct duck_database *database;
    char library[PATH_MAX];
};

struct heddle_duck_connection {
    struct heddle_duck *duck;
    struct duck_connection *handle;
};

struct heddle_duck_statement {
    struct heddle_duck *duck;
    struct duck_prepared *handle;
};

/* How one result column becomes a heddle column. */
struct heddle_duck_plan {
    enum duck_type_id id;      /* DuckDB's type, */
    enum duck_type_id storage; /* and how a DECIMAL or ENUM lies in memory */
    struct heddle_field field;
    uint32_t array_size; /* ARRAY: items a row */
    char **labels;       /* ENUM: its texts */
    uint32_t *label_lengths;
    uint32_t label_count;
    struct heddle_duck_plan *item; /* LIST, ARRAY, MAP */
};

/* Fills `plan` from DuckDB's type; memory is the arena's. *refused_out is set to DuckDB's name of the (part
 * of the) type that cannot be read, and to NULL otherwise. Errors: HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_duck_plan_fill(const struct heddle_duck_api *api, struct heddle_arena *arena,
                                            struct duck_type *type, struct heddle_duck_plan *plan,
                                            const char **refused_out, struct heddle_error *error);

/* "STRUCT", "INTERVAL", … Static memory. */
const char *heddle_duck_type_id_name(int id);

/* Copies rows first .. first+count-1 of a vector into a column whose memory is the arena's.
 * Errors: HEDDLE_SOURCE (a value out of range), HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_duck_vector_read(const struct heddle_duck_api *api, struct heddle_arena *arena,
                                              const struct heddle_duck_plan *plan, struct duck_vector *vector,
                                              uint64_t first, size_t count, struct heddle_column *column,
                                              struct heddle_error *error);

/* The same for the rows index[0 .. count-1]. */
HEDDLE_MUST_CHECK int heddle_duck_vector_pick(const struct heddle_duck_api *api, struct heddle_arena *arena,
                                              const struct heddle_duck_plan *plan, struct duck_vector *vector,
                                              const uint64_t *index, size_t count,
                                              struct heddle_column *column, struct heddle_error *error);

/* A DuckDB scalar as a place to write to. */
struct heddle_duck_place {
    enum duck_type_id id;
    enum duck_type_id storage; /* DECIMAL: how it lies in memory, */
    uint8_t scale;             /* digits behind the point, */
    uint8_t width;             /* and digits in all */
};

/* How a heddle column is written into a DuckDB vector. */
struct heddle_duck_slot {
    struct heddle_duck_place self;
    struct heddle_duck_place item; /* LIST, MAP (its values), ARRAY */
    uint32_t array_size;
};

/* Reads what a DuckDB type is into `slot`. false where heddle cannot write it. */
bool heddle_duck_slot_fill(const struct heddle_duck_api *api, struct duck_type *type,
                           struct heddle_duck_slot *slot);

/* Writes `count` values of `column` (rows[i], or first + i where rows is NULL) at `at` .. of a vector.
 * Errors: HEDDLE_INVALID (type does not fit, value out of range), HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_duck_vector_write(const struct heddle_duck_api *api,
                                               const struct heddle_duck_slot *slot,
                                               struct duck_vector *vector, uint64_t at,
                                               const struct heddle_column *column, const uint32_t *rows,
                                               size_t first, size_t count, struct heddle_error *error);

/* Starts the stream of a prepared statement; on success the caller destroys the handle. Errors:
 * HEDDLE_DATABASE. */
HEDDLE_MUST_CHECK int heddle_duck_stream_start(const struct heddle_duck_statement *statement,
                                               struct duck_result *handle, struct heddle_error *error);

/* The DuckDB type of a field, which the caller destroys; NULL when out of memory. */
struct duck_type *heddle_duck_type_create(const struct heddle_duck_api *api,
                                          const struct heddle_field *field);

/* Puts DuckDB's text into `error` as HEDDLE_DATABASE: the first line, without its position art. */
int heddle_duck_error(struct heddle_error *error, const char *text);

#endif
