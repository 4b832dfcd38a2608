/* backend.h: a TestKit backend: the drivers' acceptance suite drives heddle's public Bolt API through it.
 *
 * Protocol: https://github.com/neo4j-drivers/testkit : lines "#request begin", one line or more of JSON, "#request end";
 * answers alike with "#response". One connection a test, one thread a connection.
 *
 * A request may call back into the suite (retried work, resolvers, token managers): the callback answers with a question
 * and goes on serving requests until the answer to it comes.
 */
#ifndef HEDDLE_TESTS_TESTKIT_BACKEND_H
#define HEDDLE_TESTS_TESTKIT_BACKEND_H

#include <stdio.h>

#include <jansson.h>

#include <heddle/bolt.h>

enum kind {
    KIND_NONE = 0,
    KIND_DRIVER,
    KIND_SESSION,
    KIND_TRANSACTION,
    KIND_RESULT,
    KIND_ERROR,
    KIND_BOOKMARK_MANAGER,
    KIND_AUTH_MANAGER,
    KIND_CERTIFICATE_PROVIDER,
};

struct backend;

/* Memory of one request: freed with it. */
struct scratch {
    struct scratch_block *blocks;
};
void *scratch_alloc(struct scratch *scratch, size_t count, size_t size);
void scratch_free(struct scratch *scratch);

struct session {
    struct heddle_session *session; /* NULL = closed */
    const struct driver *driver;
    int64_t retry_error; /* of RetryableNegative: the error to hand on; 0 = the suite's own */
    bool frontend_failed;
    bool positive;
    bool answered;      /* RetryablePositive or -Negative came */
    char failed_as[64]; /* the name of the error that ended its transaction; "" = none */
};

struct transaction {
    struct heddle_transaction *transaction;
    struct session *session;
};

struct result {
    struct heddle_cursor *cursor;
    struct session *session; /* NULL for heddle_driver_execute() */
    json_t *query;           /* {text, parameters}, for the summary */
};

struct failure {
    struct heddle_error error;
    json_t *details; /* the fields of DriverError beyond those */
};

/* Drivers and managers need to find their connection again from callbacks. */
struct driver {
    struct heddle_driver *driver;
    struct backend *backend;
    int64_t auth_manager;
    int64_t certificate_provider;
    struct scratch certificate;
};

struct auth_manager {
    struct backend *backend;
    int64_t id;
    struct heddle_auth_manager *manager; /* NULL: get and refused are the suite's */
    bool bearer;
    struct scratch kept; /* of the login that was answered last */
};

struct bookmark_manager {
    struct heddle_bookmark_manager *manager;
    struct backend *backend;
    int64_t id;
};

struct object {
    enum kind kind;
    void *pointer;
};

struct backend {
    FILE *in;
    FILE *out;
    struct object *objects; /* its place + 1 is an object's id */
    size_t object_count;
    json_t *completed; /* the answer to a question, once it came */
    bool routed;       /* the driver made last is one for neo4j:// */
    char doing[64];    /* the request that is being served, for the names of errors */
};

/* Keeps an object; answers its id. */
int64_t backend_keep(struct backend *backend, enum kind kind, void *pointer);
void *backend_find(const struct backend *backend, enum kind kind, const json_t *id);
void backend_forget(struct backend *backend, const json_t *id);

/* Sends {name, data}; takes the reference of `data`, which may be NULL for {}. */
void backend_respond(struct backend *backend, const char *name, json_t *data);
void backend_respond_id(struct backend *backend, const char *name, int64_t id);
void backend_respond_error(struct backend *backend, const struct heddle_error *error,
                           const struct heddle_failure *failure);
/* The same with the session that it happened in. */
void session_respond_error(struct backend *backend, struct session *session,
                           const struct heddle_error *error);
void backend_respond_broken(struct backend *backend, const char *message);

/* Serves one request. False at the end of the connection. */
bool backend_serve(struct backend *backend);

/* Asks the suite: sends `name` with data {id, …extra} and serves requests until `answer` comes, whose data is returned (a new
 * reference; NULL when the connection ended). Takes the reference of `extra`. */
json_t *backend_ask(struct backend *backend, const char *name, json_t *extra, const char *answer);

/* Requests by area: true where the name was one of theirs. */
bool driver_request(struct backend *backend, const char *name, json_t *data, struct scratch *scratch);
bool session_request(struct backend *backend, const char *name, json_t *data, struct scratch *scratch);
bool result_request(struct backend *backend, const char *name, json_t *data, struct scratch *scratch);
bool manager_request(struct backend *backend, const char *name, json_t *data, struct scratch *scratch);
bool time_request(struct backend *backend, const char *name, const json_t *data);

/* Closes the sessions of a driver that is about to go: the public API wants it so. */
void sessions_close(struct backend *backend, const struct driver *driver);

/* Frees an object of any kind. */
void object_free(struct object object);

/* ---- managers.c */
void callback_resolve(void *context, const char *address, struct heddle_addresses *addresses);
void callback_lookup(void *context, const char *host, struct heddle_addresses *addresses);
bool callback_certificate(void *context, struct heddle_client_certificate *certificate_out);
struct heddle_auth_provider auth_provider_of(struct auth_manager *manager);
void auth_read(const json_t *token, struct heddle_auth *auth_out, struct scratch *scratch);

/* ---- values.c */
json_t *value_to_json(const struct heddle_value *value);
json_t *map_to_json(struct heddle_value_map map); /* {name: value, …} without a CypherMap around it */
json_t *record_to_json(const struct heddle_record *record);
json_t *text_to_json(const char *text); /* null for NULL; what is no UTF-8 is replaced */
bool value_from_json(const json_t *json, struct heddle_value *value_out, struct scratch *scratch);
/* The entries of an object of values. False where one of them is none. */
bool entries_from_json(const json_t *object, const struct heddle_value_entry **entries_out, size_t *count_out,
                       struct scratch *scratch);

/* ---- newer_values.c */
json_t *vector_to_json(const struct heddle_value_vector *vector);
bool vector_from_json(const json_t *data, struct heddle_value *value_out, struct scratch *scratch);
json_t *uuid_to_json(const uint8_t *uuid);
bool uuid_from_json(const json_t *data, struct heddle_value *value_out);
json_t *unsupported_to_json(const struct heddle_value_unsupported *unsupported);

/* ---- summary.c */
json_t *summary_to_json(const struct heddle_summary *summary, json_t *query);

/* ---- zone.c: offsets from the system's time zone database; false for zones that it does not know. */
bool zone_offset_of_utc(const char *zone, int64_t utc_seconds, int32_t *offset_out);
bool zone_offset_of_wall_clock(const char *zone, int64_t seconds, int32_t *offset_out);

/* ---- helpers for data */
const char *data_text(const json_t *data, const char *key); /* NULL where absent or null */
int64_t data_integer(const json_t *data, const char *key,
                     int64_t otherwise); /* otherwise where absent or null */
const char *const *data_texts(const json_t *data, const char *key, size_t *count_out,
                              struct scratch *scratch);
void filter_read(const json_t *data, struct heddle_notification_filter *filter_out, struct scratch *scratch);
struct heddle_transaction_options transaction_options_read(const json_t *data, struct scratch *scratch);

#endif
