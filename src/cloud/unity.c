/* unity.c: the catalog's two answers. */
#include "cloud/unity.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/http.h"

enum { ANSWER_BYTES_MAX = 8 << 20 }; /* a table of ten thousand columns is described in less */

/* A conversation with the workspace about one table. */
struct asking {
    const struct heddle_unity_options *options;
    const char *name;
    struct heddle_arena *arena;
    struct heddle_http_client *client;
    const char *authorization;
};

bool heddle_unity_is_name(const char *path)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
    for (int part = 0; part < 3; part++) {
        const size_t length = strspn(path, plain);
        if (length == 0 || path[length] != (part < 2 ? '.' : '\0')) {
            return false;
        }
        path += length + 1;
    }
    return true;
}

/* ---- refusals ---- */

/* "catalog", "catalog.schema" or the whole name. */
static int prefix_length(const char *name, int parts)
{
    const char *at = name;
    for (int i = 0; i < parts && at != NULL; i++) {
        at = strchr(i > 0 ? at + 1 : at, '.');
    }
    return at != NULL ? (int)(at - name) : (int)strlen(name);
}

static int refused(const struct asking *asking, bool credentials, const char *said,
                   struct heddle_error *error)
{
    static const char way[] =
        "Or let Spark on Databricks write the table out (spark.table(\"%s\").write.save(PATH)) and "
        "load PATH.";
    char spark[256];
    const char *name = asking->name;
    const int catalog = prefix_length(name, 1);
    const int schema = prefix_length(name, 2);
    snprintf(spark, sizeof spark, way, name);
    if (credentials && strstr(said, "EXTERNAL USE SCHEMA") != NULL) {
        return heddle_error_set(
            error, HEDDLE_SOURCE,
            "%s may not be read from outside Databricks. Missing: GRANT EXTERNAL USE SCHEMA ON SCHEMA %.*s "
            "TO `YOU`. %s",
            name, schema, name, spark);
    }
    if (credentials &&
        (strstr(said, "xternal data access") != NULL || strstr(said, "external_access") != NULL)) {
        return heddle_error_set(
            error, HEDDLE_SOURCE,
            "%s may not be read from outside Databricks: an admin must allow External data access on the "
            "metastore. %s",
            name, spark);
    }
    if (strstr(said, "USE CATALOG") != NULL) {
        return heddle_error_set(error, HEDDLE_SOURCE,
                                "%s is refused. Missing: GRANT USE CATALOG ON CATALOG %.*s TO `YOU`. %s",
                                name, catalog, name, spark);
    }
    if (strstr(said, "USE SCHEMA") != NULL) {
        return heddle_error_set(error, HEDDLE_SOURCE,
                                "%s is refused. Missing: GRANT USE SCHEMA ON SCHEMA %.*s TO `YOU`. %s", name,
                                schema, name, spark);
    }
    return heddle_error_set(error, HEDDLE_SOURCE,
                            "%s is refused. Missing: GRANT SELECT ON TABLE %s TO `YOU`. %s", name, name,
                            spark);
}

static int judge(const struct asking *asking, long status, bool credentials, const json_t *answer,
                 struct heddle_error *error)
{
    const char *said = json_string_value(json_object_get(answer, "message"));
    said = said != NULL ? said : "";
    if (status == 401) {
        return heddle_error_set(error, HEDDLE_SOURCE,
                                "the workspace does not accept DATABRICKS_TOKEN: it is wrong or has expired");
    }
    if (status == 403) {
        return refused(asking, credentials, said, error);
    }
    if (status == 404) {
        return heddle_error_set(
            error, HEDDLE_SOURCE,
            "the workspace knows no table %s, or does not show it: it needs GRANT USE CATALOG ON CATALOG "
            "%.*s, GRANT USE SCHEMA ON SCHEMA %.*s and GRANT SELECT ON TABLE %s TO `YOU`",
            asking->name, prefix_length(asking->name, 1), asking->name, prefix_length(asking->name, 2),
            asking->name, asking->name);
    }
    if (status == 429 || status >= 500) {
        heddle_error_set(error, HEDDLE_NETWORK, "the workspace answers %ld: try again later", status);
        if (error != NULL) {
            error->action = HEDDLE_ACTION_RETRY;
        }
        return HEDDLE_NETWORK;
    }
    return heddle_error_set(error, HEDDLE_PROTOCOL, "the workspace answers %ld to a question about %s",
                            status, asking->name);
}

/* ---- questions ---- */

/* Asks `path`; with `body` by POST. *answer_out is the caller's. */
static int ask(const struct asking *asking, const char *path, const char *body, json_t **answer_out,
               struct heddle_error *error)
{
    const bool has_scheme = strstr(asking->options->host, "://") != NULL;
    size_t host = strlen(asking->options->host);
    while (host > 0 && asking->options->host[host - 1] == '/') {
        host--;
    }
    const struct heddle_http_header json_body = {.name = "content-type", .value = "application/json"};
    const struct heddle_http_request request = {
        .url = heddle_arena_format(asking->arena, "%s%.*s/api/2.1/unity-catalog/%s",
                                   has_scheme ? "" : "https://", (int)host, asking->options->host, path),
        .headers = &json_body,
        .header_count = body != NULL ? 1 : 0,
        .authorization = asking->authorization,
        .body = body,
        .body_length = body != NULL ? strlen(body) : 0,
        .response_bytes_max = ANSWER_BYTES_MAX,
    };
    struct heddle_http_response response = {0};
    json_error_t failure;
    json_t *answer = NULL;
    if (request.url == NULL) {
        return heddle_error_out_of_memory(error);
    }
    int status = heddle_http_perform(asking->client, &request, &response, error);
    if (status == HEDDLE_OK) {
        answer = response.body.length > 0
                     ? json_loadb((const char *)response.body.bytes, response.body.length, 0, &failure)
                     : NULL;
        if (response.status != 200) {
            status = judge(asking, response.status, body != NULL, answer, error);
        } else if (!json_is_object(answer)) {
            status = heddle_error_set(
                error, HEDDLE_PROTOCOL,
                "DATABRICKS_HOST does not answer as a workspace does: is the address right?");
        }
    }
    heddle_http_response_free(&response);
    if (status != HEDDLE_OK) {
        json_decref(answer);
        return status;
    }
    *answer_out = answer;
    return HEDDLE_OK;
}

static int variable_add(struct heddle_unity_table *table, const char *name, const json_t *value,
                        struct heddle_arena *arena, struct heddle_error *error)
{
    const char *text = json_string_value(value);
    if (text == NULL) {
        return HEDDLE_OK;
    }
    const char *copy = heddle_arena_copy_text(arena, text, strlen(text));
    if (copy == NULL) {
        return heddle_error_out_of_memory(error);
    }
    table->variables[table->variable_count].name = name;
    table->variables[table->variable_count++].value = copy;
    return HEDDLE_OK;
}

/* The credentials of one of the three clouds. */
static int credentials_read(const json_t *answer, struct heddle_arena *arena,
                            struct heddle_unity_table *table, struct heddle_error *error)
{
    const json_t *aws = json_object_get(answer, "aws_temp_credentials");
    const json_t *azure = json_object_get(answer, "azure_user_delegation_sas");
    const json_t *google = json_object_get(answer, "gcp_oauth_token");
    table->variable_count = 0;
    table->expires_ms = json_integer_value(json_object_get(answer, "expiration_time"));
    HEDDLE_TRY(variable_add(table, "AWS_ACCESS_KEY_ID", json_object_get(aws, "access_key_id"), arena, error));
    HEDDLE_TRY(variable_add(table, "AWS_SECRET_ACCESS_KEY", json_object_get(aws, "secret_access_key"), arena,
                            error));
    HEDDLE_TRY(variable_add(table, "AWS_SESSION_TOKEN", json_object_get(aws, "session_token"), arena, error));
    if (table->variable_count == 0) {
        HEDDLE_TRY(variable_add(table, "AZURE_STORAGE_SAS_TOKEN", json_object_get(azure, "sas_token"), arena,
                                error));
        HEDDLE_TRY(variable_add(table, "GOOGLE_OAUTH_ACCESS_TOKEN", json_object_get(google, "oauth_token"),
                                arena, error));
    }
    return table->variable_count > 0
               ? HEDDLE_OK
               : heddle_error_set(error, HEDDLE_PROTOCOL,
                                  "the workspace gives credentials of no kind that heddle knows");
}

static int location_read(const struct asking *asking, const json_t *answer, struct heddle_unity_table *table,
                         struct heddle_error *error)
{
    const char *id = json_string_value(json_object_get(answer, "table_id"));
    const char *location = json_string_value(json_object_get(answer, "storage_location"));
    const char *format = json_string_value(json_object_get(answer, "data_source_format"));
    if (format != NULL && strcmp(format, "DELTA") != 0) {
        return heddle_error_set(error, HEDDLE_SOURCE,
                                "%s is of format %.40s; heddle reads Delta tables of a catalog", asking->name,
                                format);
    }
    if (id == NULL || location == NULL) {
        return heddle_error_set(
            error, HEDDLE_SOURCE,
            "%s has no files of its own (it is a view, or is shared): let Spark on Databricks write it "
            "out, and load what it wrote",
            asking->name);
    }
    table->location = heddle_arena_copy_text(asking->arena, location, strlen(location));
    table->id = heddle_arena_copy_text(asking->arena, id, strlen(id));
    return table->location != NULL && table->id != NULL ? HEDDLE_OK : heddle_error_out_of_memory(error);
}

static int table_ask(const struct asking *asking, struct heddle_unity_table *table,
                     struct heddle_error *error)
{
    json_t *answer = NULL;
    const char *path = heddle_arena_format(asking->arena, "tables/%s", asking->name);
    if (path == NULL) {
        return heddle_error_out_of_memory(error);
    }
    HEDDLE_TRY(ask(asking, path, NULL, &answer, error));
    const int status = location_read(asking, answer, table, error);
    json_decref(answer);
    return status;
}

static int credentials_ask(const struct asking *asking, struct heddle_unity_table *table,
                           struct heddle_error *error)
{
    json_t *answer = NULL;
    json_t *question = json_pack("{s:s, s:s}", "table_id", table->id, "operation", "READ");
    char *dumped = question != NULL ? json_dumps(question, JSON_COMPACT) : NULL;
    const char *body = dumped != NULL ? heddle_arena_copy_text(asking->arena, dumped, strlen(dumped)) : NULL;
    json_decref(question);
    free(dumped);
    if (body == NULL) {
        return heddle_error_out_of_memory(error);
    }
    HEDDLE_TRY(ask(asking, "temporary-table-credentials", body, &answer, error));
    const int status = credentials_read(answer, asking->arena, table, error);
    json_decref(answer);
    return status;
}

/* `found`: the table's id is known, only credentials are wanted. */
static int workspace_ask(const struct heddle_unity_options *options, const char *name, bool found,
                         struct heddle_arena *arena, struct heddle_unity_table *table,
                         struct heddle_error *error)
{
    const struct heddle_http_options http = {.ca_file = options->ca_file};
    struct asking asking = {.options = options, .name = name, .arena = arena};
    if (options->host == NULL || options->token == NULL) {
        return heddle_error_set(
            error, HEDDLE_INVALID,
            "%.200s looks like a table of Unity Catalog: set DATABRICKS_HOST and DATABRICKS_TOKEN to have "
            "it found, or name the table's folder",
            name);
    }
    asking.authorization = heddle_arena_format(arena, "Bearer %s", options->token);
    if (asking.authorization == NULL) {
        return heddle_error_out_of_memory(error);
    }
    HEDDLE_TRY(heddle_http_client_create(&http, &asking.client, error));
    int status = found ? HEDDLE_OK : table_ask(&asking, table, error);
    if (status == HEDDLE_OK) {
        status = credentials_ask(&asking, table, error);
    }
    heddle_http_client_destroy(asking.client);
    return status;
}

int heddle_unity_resolve(const struct heddle_unity_options *options, const char *name,
                         struct heddle_arena *arena, struct heddle_unity_table *table,
                         struct heddle_error *error)
{
    *table = (struct heddle_unity_table){0};
    return workspace_ask(options, name, false, arena, table, error);
}

int heddle_unity_renew(const struct heddle_unity_options *options, const char *name,
                       struct heddle_arena *arena, struct heddle_unity_table *table,
                       struct heddle_error *error)
{
    return workspace_ask(options, name, true, arena, table, error);
}
