/* api.h: the part of DuckDB's stable C API that heddle uses, as one table of function pointers.
 *
 * Written from the API's public documentation (https://duckdb.org/docs/stable/clients/c/api): the binary
 * layout of a few structs and the prototypes below, nothing else of DuckDB. duck/load.c fills the table by
 * name with dlsym() and checks the library's version, because the layouts hold for that version only.
 * Private to src/duck.
 */
#ifndef HEDDLE_DUCK_API_H
#define HEDDLE_DUCK_API_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* Versions whose layouts are those below: 1.5.x. */
#define HEDDLE_DUCK_VERSION_PREFIX "v1.5."
#define HEDDLE_DUCK_VERSION_PINNED "1.5.5"

enum {
    DUCK_OK = 0,             /* duckdb_state: DuckDBSuccess */
    DUCK_CHUNK_ROWS = 2048,  /* STANDARD_VECTOR_SIZE of every released build */
    DUCK_STRING_INLINE = 12, /* longer strings are behind a pointer */
};

/* duckdb_type */
enum duck_type_id {
    DUCK_BOOLEAN = 1,
    DUCK_TINYINT = 2,
    DUCK_SMALLINT = 3,
    DUCK_INTEGER = 4,
    DUCK_BIGINT = 5,
    DUCK_UTINYINT = 6,
    DUCK_USMALLINT = 7,
    DUCK_UINTEGER = 8,
    DUCK_UBIGINT = 9,
    DUCK_FLOAT = 10,
    DUCK_DOUBLE = 11,
    DUCK_TIMESTAMP = 12,
    DUCK_DATE = 13,
    DUCK_TIME = 14,
    DUCK_INTERVAL = 15,
    DUCK_HUGEINT = 16,
    DUCK_VARCHAR = 17,
    DUCK_BLOB = 18,
    DUCK_DECIMAL = 19,
    DUCK_TIMESTAMP_S = 20,
    DUCK_TIMESTAMP_MS = 21,
    DUCK_TIMESTAMP_NS = 22,
    DUCK_ENUM = 23,
    DUCK_LIST = 24,
    DUCK_STRUCT = 25,
    DUCK_MAP = 26,
    DUCK_UUID = 27,
    DUCK_UNION = 28,
    DUCK_BIT = 29,
    DUCK_TIME_TZ = 30,
    DUCK_TIMESTAMP_TZ = 31,
    DUCK_UHUGEINT = 32,
    DUCK_ARRAY = 33,
    DUCK_BIGNUM = 35,
    DUCK_SQLNULL = 36,
    DUCK_TIME_NS = 39,
};

/* Handles: one tag each, so that the compiler tells them apart. */
struct duck_database;
struct duck_connection;
struct duck_config;
struct duck_prepared;
struct duck_pending;
struct duck_type;
struct duck_chunk;
struct duck_vector;
struct duck_value;
struct duck_appender;
struct duck_function;
struct duck_info;

/* duckdb_result: passed by value to fetch_chunk, so its size is part of the ABI; its fields are private to
 * DuckDB. */
struct duck_result {
    uint64_t column_count;
    uint64_t row_count;
    uint64_t rows_changed;
    void *columns;
    char *error_message;
    void *internal_data;
};

/* duckdb_string_t */
union duck_string {
    struct {
        uint32_t length;
        char prefix[4];
        const char *text;
    } pointer;
    struct {
        uint32_t length;
        char text[DUCK_STRING_INLINE];
    } inlined;
};

struct duck_list_entry {
    uint64_t offset;
    uint64_t length;
};

struct duck_hugeint {
    uint64_t lower;
    int64_t upper;
};

typedef void duck_info_function(struct duck_info *info);
typedef void duck_fill_function(struct duck_info *info, struct duck_chunk *output);
typedef void duck_destroy_function(void *data);

/* F(answer, name without "duckdb_", parameters) */
#define HEDDLE_DUCK_FUNCTIONS(F)                                                                             \
    F(const char *, library_version, (void))                                                                 \
    F(int, create_config, (struct duck_config **))                                                           \
    F(int, set_config, (struct duck_config *, const char *, const char *))                                   \
    F(void, destroy_config, (struct duck_config **))                                                         \
    F(int, open_ext, (const char *, struct duck_database **, struct duck_config *, char **))                 \
    F(void, close, (struct duck_database **))                                                                \
    F(int, connect, (struct duck_database *, struct duck_connection **))                                     \
    F(void, disconnect, (struct duck_connection **))                                                         \
    F(void, free, (void *))                                                                                  \
    F(int, query, (struct duck_connection *, const char *, struct duck_result *))                            \
    F(void, destroy_result, (struct duck_result *))                                                          \
    F(const char *, result_error, (struct duck_result *))                                                    \
    F(uint64_t, rows_changed, (struct duck_result *))                                                        \
    F(uint64_t, column_count, (struct duck_result *))                                                        \
    F(const char *, column_name, (struct duck_result *, uint64_t))                                           \
    F(struct duck_type *, column_logical_type, (struct duck_result *, uint64_t))                             \
    F(struct duck_chunk *, fetch_chunk, (struct duck_result))                                                \
    F(int, prepare, (struct duck_connection *, const char *, struct duck_prepared **))                       \
    F(void, destroy_prepare, (struct duck_prepared **))                                                      \
    F(const char *, prepare_error, (struct duck_prepared *))                                                 \
    F(int, execute_prepared, (struct duck_prepared *, struct duck_result *))                                 \
    F(int, pending_prepared_streaming, (struct duck_prepared *, struct duck_pending **))                     \
    F(const char *, pending_error, (struct duck_pending *))                                                  \
    F(int, execute_pending, (struct duck_pending *, struct duck_result *))                                   \
    F(void, destroy_pending, (struct duck_pending **))                                                       \
    F(int, bind_null, (struct duck_prepared *, uint64_t))                                                    \
    F(int, bind_boolean, (struct duck_prepared *, uint64_t, bool))                                           \
    F(int, bind_int64, (struct duck_prepared *, uint64_t, int64_t))                                          \
    F(int, bind_double, (struct duck_prepared *, uint64_t, double))                                          \
    F(int, bind_varchar_length, (struct duck_prepared *, uint64_t, const char *, uint64_t))                  \
    F(int, bind_blob, (struct duck_prepared *, uint64_t, const void *, uint64_t))                            \
    F(int, bind_value, (struct duck_prepared *, uint64_t, struct duck_value *))                              \
    F(struct duck_value *, create_float, (float))                                                            \
    F(struct duck_value *, create_array_value, (struct duck_type *, struct duck_value **, uint64_t))         \
    F(void, destroy_value, (struct duck_value **))                                                           \
    F(struct duck_type *, create_logical_type, (int))                                                        \
    F(struct duck_type *, create_list_type, (struct duck_type *))                                            \
    F(struct duck_type *, create_array_type, (struct duck_type *, uint64_t))                                 \
    F(struct duck_type *, create_map_type, (struct duck_type *, struct duck_type *))                         \
    F(struct duck_type *, create_decimal_type, (uint8_t, uint8_t))                                           \
    F(void, destroy_logical_type, (struct duck_type **))                                                     \
    F(int, get_type_id, (struct duck_type *))                                                                \
    F(uint8_t, decimal_width, (struct duck_type *))                                                          \
    F(uint8_t, decimal_scale, (struct duck_type *))                                                          \
    F(int, decimal_internal_type, (struct duck_type *))                                                      \
    F(int, enum_internal_type, (struct duck_type *))                                                         \
    F(uint32_t, enum_dictionary_size, (struct duck_type *))                                                  \
    F(char *, enum_dictionary_value, (struct duck_type *, uint64_t))                                         \
    F(struct duck_type *, list_type_child_type, (struct duck_type *))                                        \
    F(struct duck_type *, array_type_child_type, (struct duck_type *))                                       \
    F(uint64_t, array_type_array_size, (struct duck_type *))                                                 \
    F(struct duck_type *, map_type_key_type, (struct duck_type *))                                           \
    F(struct duck_type *, map_type_value_type, (struct duck_type *))                                         \
    F(uint64_t, struct_type_child_count, (struct duck_type *))                                               \
    F(char *, struct_type_child_name, (struct duck_type *, uint64_t))                                        \
    F(struct duck_type *, struct_type_child_type, (struct duck_type *, uint64_t))                            \
    F(struct duck_chunk *, create_data_chunk, (struct duck_type **, uint64_t))                               \
    F(void, destroy_data_chunk, (struct duck_chunk **))                                                      \
    F(void, data_chunk_reset, (struct duck_chunk *))                                                         \
    F(struct duck_vector *, data_chunk_get_vector, (struct duck_chunk *, uint64_t))                          \
    F(uint64_t, data_chunk_get_size, (struct duck_chunk *))                                                  \
    F(void, data_chunk_set_size, (struct duck_chunk *, uint64_t))                                            \
    F(void *, vector_get_data, (struct duck_vector *))                                                       \
    F(uint64_t *, vector_get_validity, (struct duck_vector *))                                               \
    F(void, vector_ensure_validity_writable, (struct duck_vector *))                                         \
    F(void, vector_assign_string_element_len, (struct duck_vector *, uint64_t, const char *, uint64_t))      \
    F(struct duck_vector *, list_vector_get_child, (struct duck_vector *))                                   \
    F(uint64_t, list_vector_get_size, (struct duck_vector *))                                                \
    F(int, list_vector_reserve, (struct duck_vector *, uint64_t))                                            \
    F(int, list_vector_set_size, (struct duck_vector *, uint64_t))                                           \
    F(struct duck_vector *, struct_vector_get_child, (struct duck_vector *, uint64_t))                       \
    F(struct duck_vector *, array_vector_get_child, (struct duck_vector *))                                  \
    F(int, appender_create, (struct duck_connection *, const char *, const char *, struct duck_appender **)) \
    F(uint64_t, appender_column_count, (struct duck_appender *))                                             \
    F(struct duck_type *, appender_column_type, (struct duck_appender *, uint64_t))                          \
    F(const char *, appender_error, (struct duck_appender *))                                                \
    F(int, append_data_chunk, (struct duck_appender *, struct duck_chunk *))                                 \
    F(int, appender_flush, (struct duck_appender *))                                                         \
    F(int, appender_clear, (struct duck_appender *))                                                         \
    F(int, appender_destroy, (struct duck_appender **))                                                      \
    F(struct duck_function *, create_table_function, (void))                                                 \
    F(void, destroy_table_function, (struct duck_function **))                                               \
    F(void, table_function_set_name, (struct duck_function *, const char *))                                 \
    F(void, table_function_set_extra_info, (struct duck_function *, void *, duck_destroy_function *))        \
    F(void, table_function_set_bind, (struct duck_function *, duck_info_function *))                         \
    F(void, table_function_set_init, (struct duck_function *, duck_info_function *))                         \
    F(void, table_function_set_function, (struct duck_function *, duck_fill_function *))                     \
    F(int, register_table_function, (struct duck_connection *, struct duck_function *))                      \
    F(void *, bind_get_extra_info, (struct duck_info *))                                                     \
    F(void, bind_add_result_column, (struct duck_info *, const char *, struct duck_type *))                  \
    F(void, bind_set_error, (struct duck_info *, const char *))                                              \
    F(void *, function_get_extra_info, (struct duck_info *))                                                 \
    F(void, function_set_error, (struct duck_info *, const char *))

struct heddle_duck_api {
#define HEDDLE_DUCK_MEMBER(answer, name, parameters) answer(*name) parameters;
    HEDDLE_DUCK_FUNCTIONS(HEDDLE_DUCK_MEMBER)
#undef HEDDLE_DUCK_MEMBER
};

/* Finds and loads libduckdb (duck/duck.h tells where), checks its version, fills `api`. `path_out` (of
 * `path_size` bytes) receives the file that was loaded. `library` may be NULL. Errors: HEDDLE_INVALID. */
HEDDLE_MUST_CHECK int heddle_duck_api_load(const char *library, struct heddle_duck_api *api, char *path_out,
                                           size_t path_size, struct heddle_error *error);

#endif
