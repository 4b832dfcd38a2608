/* heddle/bolt.h: Neo4j from C, over Bolt 4.1 to 6.1. Two ways in one header.
 *
 * The driver: pooled connections, sessions, transactions, streamed records.
 *
 *   const struct heddle_driver_options options = {.uri = "neo4j://localhost", .auth = heddle_auth_basic("neo4j", password)};
 *   const struct heddle_value_entry parameters[] = {{heddle_text("born"), heddle_integer(1815)}};
 *   const struct heddle_query query = {.text = "MATCH (p:Person {born: $born}) RETURN p.name",
 *                                      .parameters = parameters, .parameter_count = 1};
 *   struct heddle_driver *driver = NULL;
 *   struct heddle_cursor *cursor = NULL;
 *   struct heddle_record record;
 *   int status = heddle_driver_open(&options, &driver, &error);
 *   if (status == HEDDLE_OK) {
 *       status = heddle_driver_execute(driver, &(struct heddle_execute_options){.read = true}, &query, &cursor, &error);
 *   }
 *   while (status == HEDDLE_OK && (status = heddle_cursor_next(cursor, &record, &error)) == HEDDLE_OK) {
 *       puts(record.values[0].string.text);
 *   }
 *   if (status != HEDDLE_END) { ... error.message ... }
 *   heddle_cursor_destroy(cursor);
 *   heddle_driver_close(driver);
 *
 * The easy functions heddle_neo4j_*, at the end: one connection, JSON in, JSON out.
 *
 * Ownership: whatever a function hands out through an `..._out` argument is the caller's to destroy or close. Texts,
 *            records and values that an object answers belong to that object. Options are copied.
 * Errors:    every failure comes back: a status (heddle/error.h) and, where `error` is not NULL, the reason.
 *            HEDDLE_DATABASE: the server said no; error->code is its code, and heddle_session_failure() has all of it.
 *            HEDDLE_NETWORK: no connection, or it was lost. HEDDLE_PROTOCOL: no sense in what the server said.
 *            HEDDLE_INVALID: an argument, or a call in the wrong order. HEDDLE_OUT_OF_MEMORY.
 *            error->action RETRY: nothing was changed, trying again may help (managed transactions do so by
 *            themselves); ASK: the outcome of a write is unknown, because the connection was lost after COMMIT, or a
 *            whole auto-commit statement, was sent: look it up before doing anything. Never retried here.
 * Threads:   a driver and a bookmark manager may be used by any number of threads. A session and everything that
 *            came from it belong to one thread at a time.
 */
#ifndef HEDDLE_BOLT_H
#define HEDDLE_BOLT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <heddle/error.h>
#include <heddle/value.h>

#ifdef __cplusplus
extern "C" {
#endif

struct heddle_driver;
struct heddle_session;
struct heddle_transaction;
struct heddle_cursor;
struct heddle_writer;
struct heddle_bookmark_manager;
struct heddle_auth_manager;
struct heddle_addresses;

/* ---- who we are ----------------------------------------------------------------------------------------------------- */

/* What a login needs. {0} is "no authentication". Texts are borrowed until the call that takes them returns. */
struct heddle_auth {
    const char *scheme;    /* "none", "basic", "bearer", "kerberos" or a scheme of your own; NULL = "none" */
    const char *principal; /* user; NULL = left out */
    const char *credentials;                   /* password, token or ticket; NULL = left out */
    const char *realm;                         /* NULL = left out */
    const struct heddle_value_map *parameters; /* for schemes of your own; NULL = left out */
};

static inline struct heddle_auth heddle_auth_basic(const char *user, const char *password)
{
    struct heddle_auth auth = {"basic", user, password, NULL, NULL};
    return auth;
}

static inline struct heddle_auth heddle_auth_bearer(const char *token)
{
    struct heddle_auth auth = {"bearer", NULL, token, NULL, NULL};
    return auth;
}

static inline struct heddle_auth heddle_auth_kerberos(const char *ticket)
{
    struct heddle_auth auth = {"kerberos", "", ticket, NULL, NULL};
    return auth;
}

/* Logins that change while the driver lives. Calls come one at a time, from whichever thread needs a connection.
 *   get      answers what to log in with now; called for every connection that is taken from the pool. What it answers
 *            must stay until its next call.
 *   refused  the server refused `auth` with `code` (Neo.ClientError.Security.…): true = a new one will be there when
 *            get() is called again, so that the failure counts as one that may be retried. NULL = never. */
struct heddle_auth_provider {
    int (*get)(void *context, struct heddle_auth *auth_out, struct heddle_error *error);
    bool (*refused)(void *context, const struct heddle_auth *auth, const char *code);
    void *context;
};

/* A ready-made provider: keeps the login that `fetch` got until the server refuses it (a wrong password, an expired
 * token) or `*expires_in_ms_out` milliseconds are over (-1, as set before the call: never). `bearer` says which
 * refusals count: Unauthorized and TokenExpired, or (false) Unauthorized only. The manager must outlive the drivers
 * that use it. */
typedef int heddle_auth_fetch(void *context, struct heddle_auth *auth_out, int64_t *expires_in_ms_out,
                              struct heddle_error *error);
HEDDLE_API HEDDLE_MUST_CHECK int heddle_auth_manager_create(bool bearer, heddle_auth_fetch *fetch,
                                                            void *context,
                                                            struct heddle_auth_manager **manager_out,
                                                            struct heddle_error *error);
HEDDLE_API struct heddle_auth_provider heddle_auth_manager_provider(struct heddle_auth_manager *manager);
HEDDLE_API void heddle_auth_manager_destroy(struct heddle_auth_manager *manager); /* NULL is a no-op */

/* ---- driver --------------------------------------------------------------------------------------------------------- */

enum heddle_encryption {
    HEDDLE_ENCRYPTION_BY_SCHEME = 0, /* bolt, neo4j: none; +s: verified; +ssc: unverified */
    HEDDLE_ENCRYPTION_NONE,          /* this and the next two only with the schemes bolt and neo4j */
    HEDDLE_ENCRYPTION_VERIFIED,      /* certificate chain and host name are checked */
    HEDDLE_ENCRYPTION_UNVERIFIED,    /* any certificate will do */
};

/* Which notifications the server shall make (Bolt 5.2). {0} leaves it to the server. */
struct heddle_notification_filter {
    const char *minimum_severity; /* "OFF", "WARNING", "INFORMATION"; NULL = the server's default */
    const char *const
        *disabled; /* categories, from Bolt 5.6 on called classifications: "HINT", "GENERIC", … */
    size_t disabled_count;
    bool none_disabled; /* says "disable nothing" in so many words, against what the driver was told */
};

/* A client certificate as PEM files; the password of the key may be NULL. */
struct heddle_client_certificate {
    const char *certificate_file;
    const char *key_file;
    const char *key_password;
};

/* Collects the addresses that a resolver knows: "host", "host:port" or "[v6]:port". */
HEDDLE_API void heddle_addresses_add(struct heddle_addresses *addresses, const char *address);

/* {0} with a uri is a valid set of options. 0 means the default everywhere. */
struct heddle_driver_options {
    /* bolt, bolt+s, bolt+ssc: this server; neo4j, neo4j+s, neo4j+ssc: the cluster that it belongs to;
     * scheme://host[:port][?routing context] */
    const char *uri;
    struct heddle_auth auth;
    struct heddle_auth_provider auth_provider; /* .get set: used in place of `auth` */
    const char *user_agent;                    /* NULL = "heddle/VERSION" */

    enum heddle_encryption encryption;
    const char *ca_file; /* PEM; NULL = SSL_CERT_FILE, then the system's authorities */
    struct heddle_client_certificate client_certificate;
    /* Asked before each connection: true where *certificate_out now holds a newer one than last time. */
    bool (*client_certificate_renew)(void *context, struct heddle_client_certificate *certificate_out);
    void *client_certificate_context;

    uint32_t connect_timeout_ms; /* for one address; default 30 s */
    uint32_t read_timeout_ms; /* silence while an answer is owed; default: the server's hint, else no limit */
    uint32_t acquire_timeout_ms;     /* for a usable connection, all in all; default 60 s */
    uint32_t max_pool_size;          /* connections to one address; default 100 */
    uint32_t max_connection_life_ms; /* older ones are replaced; default 1 h; UINT32_MAX = never */
    uint32_t
        liveness_check_ms; /* asks a connection idle that long for a sign of life; UINT32_MAX or 0 = never */
    bool liveness_check_always; /* asks every connection that comes from the pool */
    bool no_keep_alive;         /* no TCP keep-alive */
    uint32_t retry_for_ms;      /* managed transactions; default 30 s; UINT32_MAX = one attempt */
    int64_t fetch_size;         /* records asked for at a time; default 1,000; -1 = all */
    struct heddle_notification_filter notifications;
    bool no_telemetry; /* never tell the server which functions are used, even where it wants to know */

    /* neo4j://: the addresses to ask first, in place of the URI's. NULL = that one. `address` is the URI's. */
    void (*resolve)(void *context, const char *address, struct heddle_addresses *addresses);
    void *resolve_context;
    /* Names to literal addresses, in place of the system's resolver (service discovery, tests). NULL = the system's. */
    void (*lookup)(void *context, const char *host, struct heddle_addresses *addresses);
    void *lookup_context;
};

/* Checks the options; connects to nobody yet. Errors: HEDDLE_INVALID, HEDDLE_OUT_OF_MEMORY. */
HEDDLE_API HEDDLE_MUST_CHECK int heddle_driver_open(const struct heddle_driver_options *options,
                                                    struct heddle_driver **driver_out,
                                                    struct heddle_error *error);

/* Closes every connection. Sessions must be closed before. NULL is a no-op. */
HEDDLE_API void heddle_driver_close(struct heddle_driver *driver);

/* A server as it presented itself; texts belong to whoever answered it. */
struct heddle_server {
    const char *address; /* "127.0.0.1:7687": what was dialled */
    const char *agent;   /* "Neo4j/5.26.30" */
    uint8_t bolt_major;
    uint8_t bolt_minor;
};

/* Connects (to a reader of the cluster) and answers who is there. `server_out` may be NULL; its texts are good until
 * the next call on this driver by this function. */
HEDDLE_API HEDDLE_MUST_CHECK int heddle_driver_verify(struct heddle_driver *driver,
                                                      struct heddle_server *server_out,
                                                      struct heddle_error *error);

/* Would this login be accepted? *accepted_out = false for a refusal. Needs Bolt 5.1. */
HEDDLE_API HEDDLE_MUST_CHECK int heddle_driver_verify_auth(struct heddle_driver *driver,
                                                           const struct heddle_auth *auth, bool *accepted_out,
                                                           struct heddle_error *error);

/* What the server can do. */
HEDDLE_API HEDDLE_MUST_CHECK int
heddle_driver_supports_databases(struct heddle_driver *driver, bool *answer_out, struct heddle_error *error);
HEDDLE_API HEDDLE_MUST_CHECK int heddle_driver_supports_session_auth(struct heddle_driver *driver,
                                                                     bool *answer_out,
                                                                     struct heddle_error *error);
HEDDLE_API bool heddle_driver_is_encrypted(const struct heddle_driver *driver);

/* For those who watch a driver: connections to "host:port" that are in use and idle. */
HEDDLE_API void heddle_driver_pool(struct heddle_driver *driver, const char *address, size_t *in_use_out,
                                   size_t *idle_out);

/* neo4j:// only: fetches the routing table of a database (NULL = the home database) again, and answers the one that
 * is kept (nobody where there is none yet). `visit` gets each address with its role: 'T' asks for routes, 'R' reads, 'W' writes. */
HEDDLE_API HEDDLE_MUST_CHECK int heddle_driver_routing_refresh(struct heddle_driver *driver,
                                                               const char *database,
                                                               const char *const *bookmarks,
                                                               size_t bookmark_count,
                                                               struct heddle_error *error);
HEDDLE_API HEDDLE_MUST_CHECK int
heddle_driver_routing_visit(struct heddle_driver *driver, const char *database,
                            void (*visit)(void *context, char role, const char *address), void *context,
                            int64_t *ttl_s_out, struct heddle_error *error);

/* ---- queries and their parameters --------------------------------------------------------------------------------- */

/* A statement. Parameters come as entries, or are written straight onto the wire by `write`, which may be called again
 * for a retry and must then write the same: heddle_write_map(writer, n), then n times a name and its value. */
struct heddle_query {
    const char *text;
    const struct heddle_value_entry *parameters;
    size_t parameter_count;
    int (*write)(struct heddle_writer *writer, void *context, struct heddle_error *error);
    void *context;
};

/* Without a copy, in the smallest form. Lists and maps are headers: `count` values, or names and values, follow. */
HEDDLE_API void heddle_write_null(struct heddle_writer *writer);
HEDDLE_API void heddle_write_boolean(struct heddle_writer *writer, bool value);
HEDDLE_API void heddle_write_integer(struct heddle_writer *writer, int64_t value);
HEDDLE_API void heddle_write_float(struct heddle_writer *writer, double value);
HEDDLE_API void heddle_write_string(struct heddle_writer *writer, const char *text, size_t length);
HEDDLE_API void heddle_write_name(struct heddle_writer *writer, const char *text); /* NUL-terminated */
HEDDLE_API void heddle_write_bytes(struct heddle_writer *writer, const void *bytes, size_t length);
HEDDLE_API void heddle_write_list(struct heddle_writer *writer, uint32_t count);
HEDDLE_API void heddle_write_map(struct heddle_writer *writer, uint32_t count);
/* 32-bit floats: a VECTOR where the server has them (Bolt 6), else a list of floats. */
HEDDLE_API void heddle_write_vector(struct heddle_writer *writer, const float *values, uint32_t count);
/* Any value but those that only a database can make. Errors: HEDDLE_INVALID for a node, a relationship, a path, and for
 * a UUID or VECTOR that the server's version does not know. */
HEDDLE_API HEDDLE_MUST_CHECK int heddle_write_value(struct heddle_writer *writer,
                                                    const struct heddle_value *value,
                                                    struct heddle_error *error);

/* ---- sessions ------------------------------------------------------------------------------------------------------- */

/* {0} is a session that writes to the home database. */
struct heddle_session_options {
    const char *database;         /* NULL = the user's home database. Naming it saves look-ups */
    bool read;                    /* reads only: any server of a cluster will do */
    const char *const *bookmarks; /* transactions that must be visible to this session */
    size_t bookmark_count;
    struct heddle_bookmark_manager *bookmark_manager; /* NULL = none; must outlive the session */
    const char *impersonated_user;                    /* NULL = nobody */
    int64_t fetch_size;                               /* 0 = the driver's */
    const struct heddle_auth *auth; /* another login for this session; NULL = the driver's */
    struct heddle_notification_filter notifications;
};

HEDDLE_API HEDDLE_MUST_CHECK int heddle_session_open(struct heddle_driver *driver,
                                                     const struct heddle_session_options *options,
                                                     struct heddle_session **session_out,
                                                     struct heddle_error *error);

/* Rolls back an open transaction and discards what was not read, as close() does; but tells what went wrong with the roll
 * back. The session can be used again. */
HEDDLE_API HEDDLE_MUST_CHECK int heddle_session_settle(struct heddle_session *session,
                                                       struct heddle_error *error);

/* Rolls back what is open and discards what was not read. Cursors stay to be destroyed. What goes wrong is of no further
 * interest. NULL is a no-op. */
HEDDLE_API void heddle_session_close(struct heddle_session *session);

/* The bookmarks to give to a session that must see what this one did. Good until the session's next call. */
HEDDLE_API const char *const *heddle_session_bookmarks(const struct heddle_session *session,
                                                       size_t *count_out);

enum { HEDDLE_TIMEOUT_NONE = -1 };

/* NULL or {0}: the server's time limit, no metadata. */
struct heddle_transaction_options {
    int64_t timeout_ms;                        /* 0 = the server's; HEDDLE_TIMEOUT_NONE = no limit */
    const struct heddle_value_entry *metadata; /* for SHOW TRANSACTIONS and the query log */
    size_t metadata_count;
};

/* One statement in a transaction of its own (auto-commit). Sent once; again, once, only where the server refused it and
 * says itself that this had no effect. The only way for CALL {} IN TRANSACTIONS. */
HEDDLE_API HEDDLE_MUST_CHECK int heddle_session_run(struct heddle_session *session,
                                                    const struct heddle_query *query,
                                                    const struct heddle_transaction_options *options,
                                                    struct heddle_cursor **cursor_out,
                                                    struct heddle_error *error);

/* An explicit transaction. It belongs to the session and is gone after commit, rollback or the session's close; its
 * memory stays until the session's next transaction. */
HEDDLE_API HEDDLE_MUST_CHECK int heddle_session_begin(struct heddle_session *session,
                                                      const struct heddle_transaction_options *options,
                                                      struct heddle_transaction **transaction_out,
                                                      struct heddle_error *error);
HEDDLE_API HEDDLE_MUST_CHECK int heddle_transaction_run(struct heddle_transaction *transaction,
                                                        const struct heddle_query *query,
                                                        struct heddle_cursor **cursor_out,
                                                        struct heddle_error *error);
HEDDLE_API HEDDLE_MUST_CHECK int heddle_transaction_commit(struct heddle_transaction *transaction,
                                                           struct heddle_error *error);
HEDDLE_API HEDDLE_MUST_CHECK int heddle_transaction_rollback(struct heddle_transaction *transaction,
                                                             struct heddle_error *error);
/* Rolls back where that is still to do; no error where it is not. */
HEDDLE_API HEDDLE_MUST_CHECK int heddle_transaction_close(struct heddle_transaction *transaction,
                                                          struct heddle_error *error);

/* A managed transaction: `work` runs its statements; HEDDLE_OK commits, anything else rolls back. Where work or the
 * commit failed with action RETRY the whole is done again, for up to the driver's retry_for_ms. So work must have no
 * effects but those in the database. It hands on the error of the call that failed. `read` decides the server. */
typedef int heddle_work(struct heddle_transaction *transaction, void *context, struct heddle_error *error);
HEDDLE_API HEDDLE_MUST_CHECK int heddle_session_execute(struct heddle_session *session, bool read,
                                                        heddle_work *work, void *context,
                                                        const struct heddle_transaction_options *options,
                                                        struct heddle_error *error);

/* One statement in a managed transaction (two round trips), all its records kept in the cursor. */
struct heddle_execute_options {
    bool read;
    const char *database;
    const char *impersonated_user;
    const struct heddle_auth *auth;
    struct heddle_bookmark_manager *bookmark_manager; /* NULL = the driver's own */
    bool no_bookmark_manager;
    struct heddle_transaction_options transaction;
};
HEDDLE_API HEDDLE_MUST_CHECK int heddle_driver_execute(struct heddle_driver *driver,
                                                       const struct heddle_execute_options *options,
                                                       const struct heddle_query *query,
                                                       struct heddle_cursor **cursor_out,
                                                       struct heddle_error *error);

/* ---- what a server says when it says no ----------------------------------------------------------------------------- */

/* Servers before Bolt 5.7 send code and message; the rest is then what the GQL standard has for "unknown". */
struct heddle_failure {
    const char *code; /* "" in a cause */
    const char *message;
    const char *gql_status;         /* "50N42" where the server sent none */
    const char *description;        /* of the status */
    const char *classification;     /* "CLIENT_ERROR", "TRANSIENT_ERROR", "DATABASE_ERROR", "UNKNOWN" */
    const char *raw_classification; /* NULL = not said */
    struct heddle_value_map diagnostic_record;
    const struct heddle_failure *cause; /* NULL = none */
};

/* The server's last refusal in this session, or in what came from it; NULL where the last error was another one. Good
 * until the session's next call. */
HEDDLE_API const struct heddle_failure *heddle_session_failure(const struct heddle_session *session);

/* ---- results -------------------------------------------------------------------------------------------------------- */

struct heddle_record {
    const struct heddle_value *values; /* as many as the cursor has keys */
    size_t count;
};

/* The names of the columns. Known as soon as there is a cursor. */
HEDDLE_API const struct heddle_value_text *heddle_cursor_keys(const struct heddle_cursor *cursor,
                                                              size_t *count_out);

/* The next record; good until the next call of next(). HEDDLE_END after the last. */
HEDDLE_API HEDDLE_MUST_CHECK int heddle_cursor_next(struct heddle_cursor *cursor,
                                                    struct heddle_record *record_out,
                                                    struct heddle_error *error);

/* The record that next() will answer, good until then. */
HEDDLE_API HEDDLE_MUST_CHECK int heddle_cursor_peek(struct heddle_cursor *cursor,
                                                    struct heddle_record *record_out,
                                                    struct heddle_error *error);

/* The one record that there must be: HEDDLE_INVALID for none, and for more (which are then discarded). */
HEDDLE_API HEDDLE_MUST_CHECK int heddle_cursor_single(struct heddle_cursor *cursor,
                                                      struct heddle_record *record_out,
                                                      struct heddle_error *error);

/* The one record that there may be: HEDDLE_END for none. *more_out: there were more, which are discarded. */
HEDDLE_API HEDDLE_MUST_CHECK int heddle_cursor_single_optional(struct heddle_cursor *cursor,
                                                               struct heddle_record *record_out,
                                                               bool *more_out, struct heddle_error *error);

/* All records that are left, at once, whatever the fetch size. They live as long as the cursor. */
HEDDLE_API HEDDLE_MUST_CHECK int heddle_cursor_list(struct heddle_cursor *cursor,
                                                    const struct heddle_record **records_out,
                                                    size_t *count_out, struct heddle_error *error);

/* What a statement changed; all 0 for one that only reads. */
struct heddle_counters {
    bool contains_updates;
    bool contains_system_updates;
    int64_t nodes_created;
    int64_t nodes_deleted;
    int64_t relationships_created;
    int64_t relationships_deleted;
    int64_t properties_set;
    int64_t labels_added;
    int64_t labels_removed;
    int64_t indexes_added;
    int64_t indexes_removed;
    int64_t constraints_added;
    int64_t constraints_removed;
    int64_t system_updates;
};

struct heddle_position {
    int64_t offset; /* -1 = the server named no position */
    int64_t line;
    int64_t column;
};

/* A hint or warning of the server in the old form. Texts are "" where the server said nothing. */
struct heddle_notification {
    const char *code;
    const char *title;
    const char *description;
    const char *severity;     /* "WARNING", "INFORMATION" or "UNKNOWN" */
    const char *raw_severity; /* as sent */
    const char *category;     /* "HINT", …, or "UNKNOWN" */
    const char *raw_category; /* as sent */
    struct heddle_position position;
};

/* A status in the GQL form: what became of the query, and its notifications, the weightiest first. */
struct heddle_gql_status {
    const char *gql_status;
    const char *description;
    struct heddle_position position;
    const char *classification;     /* or "UNKNOWN" */
    const char *raw_classification; /* NULL = not said */
    const char *severity;           /* or "UNKNOWN" */
    const char *raw_severity;       /* NULL = not said */
    struct heddle_value_map diagnostic_record;
    bool is_notification;
};

struct heddle_summary {
    struct heddle_server server;
    const char *database; /* NULL = not said */
    const char *type;     /* "r", "w", "rw", "s" (schema); NULL = not said */
    struct heddle_counters counters;
    int64_t available_after_ms; /* -1 = not said */
    int64_t consumed_after_ms;
    const struct heddle_notification *notifications;
    size_t notification_count;
    bool notifications_told; /* the server said something on the subject, be it "none" */
    const struct heddle_gql_status *statuses;
    size_t status_count;
    const struct heddle_value *plan; /* NULL, or a map {operatorType, args, identifiers, children} */
    const struct heddle_value *profile;
};

/* Discards the records that are left and answers the summary; it lives as long as the cursor. `summary_out` may be
 * NULL. May be called again. */
HEDDLE_API HEDDLE_MUST_CHECK int heddle_cursor_consume(struct heddle_cursor *cursor,
                                                       const struct heddle_summary **summary_out,
                                                       struct heddle_error *error);

/* Frees it; records that are left are discarded. NULL is a no-op. */
HEDDLE_API void heddle_cursor_destroy(struct heddle_cursor *cursor);

/* ---- bookmarks between sessions --------------------------------------------------------------------------------------- */

/* {0} is valid. Every session that uses a manager sees what all others that use it have done. */
struct heddle_bookmark_manager_options {
    const char *const *initial;
    size_t initial_count;
    /* Asked before each transaction for more bookmarks: calls `add` for each. NULL = none. */
    void (*supply)(void *context, void (*add)(void *sink, const char *bookmark), void *sink);
    /* Told of the whole set after it changed. NULL = nobody. */
    void (*changed)(void *context, const char *const *bookmarks, size_t count);
    void *context;
};
HEDDLE_API HEDDLE_MUST_CHECK int
heddle_bookmark_manager_create(const struct heddle_bookmark_manager_options *options,
                               struct heddle_bookmark_manager **manager_out, struct heddle_error *error);
HEDDLE_API void
heddle_bookmark_manager_destroy(struct heddle_bookmark_manager *manager); /* NULL is a no-op */

/* ---- the easy functions: one connection, JSON in, JSON out ---------------------------------------------------------- */

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

/* The same with the file of authorities to trust (PEM) in place of SSL_CERT_FILE and the system's; NULL = those. */
HEDDLE_API HEDDLE_MUST_CHECK int
heddle_neo4j_open_trusting(const char *uri, const char *user, const char *password, const char *database,
                           const char *ca_file, struct heddle_neo4j **neo4j_out, struct heddle_error *error);

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
