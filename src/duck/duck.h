/* duck.h: the one door to libduckdb: a database, its connections, statements, and results as batches.
 *
 * libduckdb 1.5 is loaded when the first database is opened (dlopen), so nothing else of heddle needs it to
 * be installed. It is looked for, in this order, at: the path in the options, the environment variable
 * HEDDLE_DUCKDB, ../lib beside the running program or library, build/deps/duckdb in a folder above it, and
 * the system's linker path. Once loaded it stays loaded: it keeps threads and thread-local destructors that
 * unloading would leave dangling.
 *
 * A file name or any other text from outside is bound to a parameter or quoted with
 * heddle_duck_quote_text(), never pasted into SQL as it is.
 *
 * Order:     open() -> connect() -> execute() | prepare() -> bind() -> run() | stream() -> next() ... ->
 * destroy() ->
 *            disconnect() -> close(). Children are destroyed before their parents.
 * Threads:   a database may be shared by threads; a connection and what is made from it belong to one thread
 * at a time.
 *            A connection has one open stream at a time: any other query on it ends the stream.
 * Errors:    statements that fail answer HEDDLE_DATABASE with DuckDB's own text, unless said otherwise.
 */
#ifndef HEDDLE_DUCK_DUCK_H
#define HEDDLE_DUCK_DUCK_H

#include "base/buffer.h"
#include "column/batch.h"

struct heddle_duck;
struct heddle_duck_connection;
struct heddle_duck_statement;
struct heddle_duck_result;

/* {0} is an in-memory database with one thread and DuckDB's own memory limit. All borrowed until open()
 * returns. */
struct heddle_duck_options {
    const char *library; /* path of libduckdb, NULL = search */
    const char *path;    /* database file, made where it does not exist; NULL or ":memory:" = in memory */
    const char *temp_directory; /* where large sorts spill; NULL = $TMPDIR or /tmp */
    uint64_t memory_limit;      /* bytes; 0 = DuckDB's default (80 % of the machine) */
    unsigned threads;           /* 0 = 1: one row group in memory at a time */
    bool read_only;             /* with a path: the file must exist and is not changed */
};

/* Loads libduckdb where needed and opens a database; rows keep the order of their insertion or file.
 * Errors: HEDDLE_INVALID (libduckdb not found, not loadable or of another version: names what was tried and
 * the remedy), HEDDLE_DATABASE (the file is no database, is locked, cannot be made), HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_duck_open(const struct heddle_duck_options *options,
                                       struct heddle_duck **duck_out, struct heddle_error *error);
void heddle_duck_close(struct heddle_duck *duck); /* NULL is a no-op */

/* "v1.5.5". Borrowed, valid until close(). */
const char *heddle_duck_version(const struct heddle_duck *duck);

HEDDLE_MUST_CHECK int heddle_duck_connect(struct heddle_duck *duck,
                                          struct heddle_duck_connection **connection_out,
                                          struct heddle_error *error);
void heddle_duck_disconnect(struct heddle_duck_connection *connection); /* NULL is a no-op */

/* Runs one or more statements separated by `;` (BEGIN, COMMIT, CREATE TABLE, INSERT ... SELECT) and drops
 * their rows. */
HEDDLE_MUST_CHECK int heddle_duck_execute(struct heddle_duck_connection *connection, const char *sql,
                                          struct heddle_error *error);

/* One statement with parameters $1, $2, ... */
HEDDLE_MUST_CHECK int heddle_duck_prepare(struct heddle_duck_connection *connection, const char *sql,
                                          struct heddle_duck_statement **statement_out,
                                          struct heddle_error *error);
void heddle_duck_statement_destroy(struct heddle_duck_statement *statement); /* NULL is a no-op */

/* Binds parameter `index` (1-based). Values are copied. A parameter keeps its value from run to run.
 * bind_floats binds a FLOAT[count] array. */
HEDDLE_MUST_CHECK int heddle_duck_bind_null(struct heddle_duck_statement *statement, size_t index,
                                            struct heddle_error *error);
HEDDLE_MUST_CHECK int heddle_duck_bind_boolean(struct heddle_duck_statement *statement, size_t index,
                                               bool value, struct heddle_error *error);
HEDDLE_MUST_CHECK int heddle_duck_bind_integer(struct heddle_duck_statement *statement, size_t index,
                                               int64_t value, struct heddle_error *error);
HEDDLE_MUST_CHECK int heddle_duck_bind_float(struct heddle_duck_statement *statement, size_t index,
                                             double value, struct heddle_error *error);
HEDDLE_MUST_CHECK int heddle_duck_bind_text(struct heddle_duck_statement *statement, size_t index,
                                            const char *text, size_t length, struct heddle_error *error);
HEDDLE_MUST_CHECK int heddle_duck_bind_bytes(struct heddle_duck_statement *statement, size_t index,
                                             const void *bytes, size_t length, struct heddle_error *error);
HEDDLE_MUST_CHECK int heddle_duck_bind_floats(struct heddle_duck_statement *statement, size_t index,
                                              const float *values, size_t count, struct heddle_error *error);

/* Runs a prepared statement to its end and drops its rows. *rows_changed_out (may be NULL) is the number of
 * rows that an INSERT, UPDATE or DELETE touched. */
HEDDLE_MUST_CHECK int heddle_duck_run(struct heddle_duck_statement *statement, uint64_t *rows_changed_out,
                                      struct heddle_error *error);

/* Starts a prepared statement whose rows are read with next(): a stream, in bounded memory. The statement
 * must outlive the result. Errors also: HEDDLE_SOURCE when a column has a type that heddle has no column for
 * (names both). */
HEDDLE_MUST_CHECK int heddle_duck_stream(struct heddle_duck_statement *statement,
                                         struct heddle_duck_result **result_out, struct heddle_error *error);

/* The same for SQL without parameters; the statement lives in the result. */
HEDDLE_MUST_CHECK int heddle_duck_query(struct heddle_duck_connection *connection, const char *sql,
                                        struct heddle_duck_result **result_out, struct heddle_error *error);

/* Names and types of the result's columns. Borrowed, valid until the result is destroyed. */
const struct heddle_schema *heddle_duck_result_schema(const struct heddle_duck_result *result);

/* The next rows, at most `rows_max` (0 = 2,048) and never more than 2,048, as a batch with one reference and
 * the result's schema; sequence, source, file and first_row are left for the caller. The batch may outlive
 * the result only when the caller gives it another schema. Errors: HEDDLE_END after the last row,
 * HEDDLE_DATABASE, HEDDLE_SOURCE (a value that has no place in its type: names column and value),
 * HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_duck_result_next(struct heddle_duck_result *result, size_t rows_max,
                                              struct heddle_batch **batch_out, struct heddle_error *error);

/* Rows that next() or take() can hand over without asking DuckDB again, 1 .. 2,048. Errors: as next(). */
HEDDLE_MUST_CHECK int heddle_duck_result_ready(struct heddle_duck_result *result, size_t *rows_out,
                                               struct heddle_error *error);

/* Passes the next `rows` rows (at most what ready() said) and answers those of them as a batch that `kept[0 .. count-1]`
 * names: ascending distances from the first. With none, *batch_out is NULL. Errors: as next(). */
HEDDLE_MUST_CHECK int heddle_duck_result_take(struct heddle_duck_result *result, size_t rows,
                                              const uint64_t *kept, size_t count,
                                              struct heddle_batch **batch_out, struct heddle_error *error);

void heddle_duck_result_destroy(struct heddle_duck_result *result); /* NULL is a no-op */

/* Reads the single value of a one-row, one-column query: an integer (as *out), or text into a new string
 * that the caller frees. Errors: HEDDLE_DATABASE when the query fails; HEDDLE_END when there is no row or
 * the value is null. */
HEDDLE_MUST_CHECK int heddle_duck_fetch_integer(struct heddle_duck_connection *connection, const char *sql,
                                                int64_t *value_out, struct heddle_error *error);
HEDDLE_MUST_CHECK int heddle_duck_fetch_text(struct heddle_duck_connection *connection, const char *sql,
                                             char **text_out, struct heddle_error *error);

/* Appends a name as "name" (quotes doubled) or a text as 'text' (quotes doubled) to an SQL text. */
void heddle_duck_quote_name(struct heddle_buffer *sql, const char *name);
void heddle_duck_quote_text(struct heddle_buffer *sql, const char *text);

/* The DuckDB type that holds a field, as SQL: BIGINT, DOUBLE, VARCHAR, DECIMAL(38,2), BLOB, DATE, TIME,
 * TIMESTAMPTZ, TIMESTAMP, BIGINT[], MAP(VARCHAR, DOUBLE), FLOAT[384]; BOOLEAN; NULL columns are VARCHAR. */
void heddle_duck_type_sql(struct heddle_buffer *sql, const struct heddle_field *field);

/* Describes what `sql` (one SELECT, parameter $1 = `argument`, or NULL) would answer without running it:
 * every column, with struct columns flattened to `outer.inner`. */
struct heddle_duck_description {
    struct heddle_field
        *fields; /* name, type, …; type NULL with `refused` set where heddle has no such column */
    const char **expressions; /* SQL that selects the field ("a", struct_extract("a", 'b')) */
    const char **refused;     /* DuckDB's type where it cannot be read, else NULL */
    size_t count;
};

/* All memory is the arena's. Errors: HEDDLE_DATABASE, HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_duck_describe(struct heddle_duck_connection *connection, const char *sql,
                                           const char *argument, struct heddle_arena *arena,
                                           struct heddle_duck_description *description,
                                           struct heddle_error *error);

#endif
