/* heddle/bolt.h: ask a Neo4j server from C.
 *
 *   struct heddle_error error = {0};
 *   struct heddle_neo4j *neo4j = NULL;
 *   struct heddle_neo4j_result *result = NULL;
 *   if (heddle_neo4j_open("neo4j://localhost", "neo4j", password, NULL, &neo4j, &error) == HEDDLE_OK &&
 *       heddle_neo4j_read(neo4j, "MATCH (n) RETURN count(n) AS count", NULL, &result, &error) == HEDDLE_OK) {
 *       printf("%s\n", heddle_neo4j_result_json(result));
 *   }
 *   heddle_neo4j_result_destroy(result);
 *   heddle_neo4j_close(neo4j);
 *
 * Ownership: whatever a function hands out through an `..._out` argument is the caller's to destroy or close;
 *            texts that a result answers belong to the result.
 * Errors:    every failure comes back: a status (heddle/error.h) and, where `error` is not NULL, the reason.
 * Threads:   one handle, one thread at a time; handles share nothing. A result may be read by any thread.
 */
#ifndef HEDDLE_BOLT_H
#define HEDDLE_BOLT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <heddle/error.h>

#ifdef __cplusplus
extern "C" {
#endif

struct heddle_neo4j;
struct heddle_neo4j_result;

/* Connects and logs in.
 *   uri       bolt://, bolt+s://, bolt+ssc://, neo4j://, neo4j+s:// or neo4j+ssc:// and host[:port]
 *   user      NULL or "": no authentication when `password` is NULL or "" too, else `password` is a bearer token
 *   database  NULL or "": the user's home database
 * Errors: HEDDLE_INVALID, HEDDLE_NETWORK, HEDDLE_PROTOCOL, HEDDLE_DATABASE (login refused), HEDDLE_OUT_OF_MEMORY. */
HEDDLE_API HEDDLE_MUST_CHECK int heddle_neo4j_open(const char *uri, const char *user, const char *password,
                                                   const char *database, struct heddle_neo4j **neo4j_out,
                                                   struct heddle_error *error);

/* Run one statement. `parameters` is the text of a JSON object ("{\"name\": \"example\"}"), or NULL.
 * JSON integers must fit 64 bits; arrays become lists, objects maps.
 *
 * read() is retried where the server calls the failure transient or the connection was lost. write() runs in a
 * transaction and is retried on transient failures for up to 30 seconds, as the official drivers do, but never
 * when the outcome is unknown: then error->action is HEDDLE_ACTION_ASK. `result_out` may be NULL where nobody
 * wants the result. Statements that cannot run inside a transaction (CALL {} IN TRANSACTIONS) go through
 * heddle_neo4j_run(), which sends them once, on their own.
 * Errors: HEDDLE_INVALID (parameters), HEDDLE_DATABASE (error->code is the server's), HEDDLE_NETWORK. */
HEDDLE_API HEDDLE_MUST_CHECK int heddle_neo4j_read(struct heddle_neo4j *neo4j, const char *query,
                                                   const char *parameters,
                                                   struct heddle_neo4j_result **result_out,
                                                   struct heddle_error *error);
HEDDLE_API HEDDLE_MUST_CHECK int heddle_neo4j_write(struct heddle_neo4j *neo4j, const char *query,
                                                    const char *parameters,
                                                    struct heddle_neo4j_result **result_out,
                                                    struct heddle_error *error);
HEDDLE_API HEDDLE_MUST_CHECK int heddle_neo4j_run(struct heddle_neo4j *neo4j, const char *query,
                                                  const char *parameters,
                                                  struct heddle_neo4j_result **result_out,
                                                  struct heddle_error *error);

/* What the server calls itself ("Neo4j/5.26.30"). Belongs to the handle. */
HEDDLE_API const char *heddle_neo4j_server(const struct heddle_neo4j *neo4j);

/* NULL is a no-op. */
HEDDLE_API void heddle_neo4j_close(struct heddle_neo4j *neo4j);

/* Walking a result. Indices are checked: a cell that is not there is null. */
HEDDLE_API size_t heddle_neo4j_result_rows(const struct heddle_neo4j_result *result);
HEDDLE_API size_t heddle_neo4j_result_columns(const struct heddle_neo4j_result *result);
HEDDLE_API const char *heddle_neo4j_result_column_name(const struct heddle_neo4j_result *result,
                                                       size_t column);

/* True where a cell is null or not there. */
HEDDLE_API bool heddle_neo4j_result_is_null(const struct heddle_neo4j_result *result, size_t row,
                                            size_t column);

/* Typed cells: true and *value_out where the cell is of that type (a FLOAT getter also takes integers). *text_out
 * is NUL-terminated. */
HEDDLE_API bool heddle_neo4j_result_boolean(const struct heddle_neo4j_result *result, size_t row,
                                            size_t column, bool *value_out);
HEDDLE_API bool heddle_neo4j_result_integer(const struct heddle_neo4j_result *result, size_t row,
                                            size_t column, int64_t *value_out);
HEDDLE_API bool heddle_neo4j_result_float(const struct heddle_neo4j_result *result, size_t row, size_t column,
                                          double *value_out);
HEDDLE_API bool heddle_neo4j_result_text(const struct heddle_neo4j_result *result, size_t row, size_t column,
                                         const char **text_out);

/* The whole result as a JSON array of objects, one a row. Nodes are {"labels", "properties", "elementId"},
 * relationships {"type", "properties", "elementId", "start", "end"}, temporal values ISO 8601 texts, bytes base64,
 * NaN and infinities the texts "NaN", "Infinity", "-Infinity". */
HEDDLE_API const char *heddle_neo4j_result_json(const struct heddle_neo4j_result *result);

/* A counter of the summary by Neo4j's name ("nodes-created", "relationships-created", "properties-set", …); 0 for
 * an unknown one. */
HEDDLE_API int64_t heddle_neo4j_result_counter(const struct heddle_neo4j_result *result, const char *name);

/* NULL is a no-op. */
HEDDLE_API void heddle_neo4j_result_destroy(struct heddle_neo4j_result *result);

#ifdef __cplusplus
}
#endif
#endif
