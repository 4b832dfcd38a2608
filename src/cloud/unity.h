/* unity.h: a name in Unity Catalog -> where the table is, and credentials for it that last about an hour.
 *
 * Two questions to the workspace (https://docs.databricks.com/api/workspace/tables, …/temporarytablecredentials): where the
 * table is, and credentials to read it. A refusal names the GRANT that is missing, in the words that an owner can run.
 *
 * Threads: functions share nothing.
 */
#ifndef HEDDLE_CLOUD_UNITY_H
#define HEDDLE_CLOUD_UNITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

enum { HEDDLE_UNITY_VARIABLES_MAX = 3 };

struct heddle_unity_options {
    const char *host;    /* DATABRICKS_HOST: "https://….cloud.databricks.com", with or without https:// */
    const char *token;   /* DATABRICKS_TOKEN */
    const char *ca_file; /* NULL = the system's authorities */
};

/* Texts are the arena's. The credentials are never to be printed. */
struct heddle_unity_table {
    const char *location; /* "s3://…", "abfss://…", "gs://…" */
    const char *id;       /* of the table, as the catalog knows it */
    int64_t expires_ms;   /* when the credentials end, since 1970; 0 = the catalog does not say */
    struct {
        const char *name; /* as the store's own tools call it: AWS_SESSION_TOKEN, … */
        const char *value;
    } variables[HEDDLE_UNITY_VARIABLES_MAX];
    size_t variable_count;
};

/* Whether `path` has the form catalog.schema.table: three parts of letters, digits, _ and -. */
bool heddle_unity_is_name(const char *path);

/* Errors: HEDDLE_INVALID (host or token missing), HEDDLE_SOURCE (no such table, no Delta table, refused: the GRANT, and the way
 * through Spark), HEDDLE_NETWORK, HEDDLE_PROTOCOL, HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_unity_resolve(const struct heddle_unity_options *options, const char *name,
                                           struct heddle_arena *arena, struct heddle_unity_table *table,
                                           struct heddle_error *error);

/* New credentials for a table that resolve() found: fills variables and expires_ms of `table`, whose id is given. Errors: as
 * above. */
HEDDLE_MUST_CHECK int heddle_unity_renew(const struct heddle_unity_options *options, const char *name,
                                         struct heddle_arena *arena, struct heddle_unity_table *table,
                                         struct heddle_error *error);

#endif
