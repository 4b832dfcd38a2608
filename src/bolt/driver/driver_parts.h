/* driver_parts.h: the inside of drivers, sessions, transactions and cursors, shared by the files of this folder. */
#ifndef HEDDLE_BOLT_DRIVER_DRIVER_PARTS_H
#define HEDDLE_BOLT_DRIVER_DRIVER_PARTS_H

#include <heddle/bolt.h>

#include <pthread.h>

#include "base/arena.h"
#include "bolt/driver/bookmarks.h"
#include "bolt/driver/home.h"
#include "bolt/driver/pool.h"
#include "bolt/driver/routing_table.h"
#include "net/uri.h"

struct heddle_driver {
    struct heddle_arena *arena; /* of the options' texts */
    struct heddle_driver_options options;
    struct heddle_login *login; /* options.auth */
    struct heddle_uri uri;
    char address[HEDDLE_URI_ADDRESS_MAX];  /* of the URI */
    struct heddle_message_routing routing; /* of HELLO and ROUTE; neo4j:// only */
    struct heddle_pool pool;
    struct heddle_bookmark_manager *bookmarks; /* of heddle_driver_execute() */
    pthread_mutex_t auth_lock;                 /* one call of the provider at a time */
    pthread_mutex_t certificate_lock;
    struct heddle_client_certificate certificate;
    struct heddle_arena *certificate_arena;
    pthread_mutex_t refresh_lock; /* one fetch of routes at a time */
    pthread_mutex_t table_lock;   /* of `tables`; never held over I/O */
    struct heddle_routing_table *tables;
    struct heddle_homes homes;
    heddle_bolt_dial *dial; /* NULL = the real one; tests put theirs here */
    void *dial_context;
    char server_address[HEDDLE_URI_ADDRESS_MAX]; /* of heddle_driver_verify() */
    char server_agent[64];
};

/* What a channel is wanted for. */
struct heddle_need {
    bool read;
    const char *database; /* NULL = the home database */
    const char *guess;    /* where that probably is; NULL = no idea */
    const char *impersonated_user;
    const struct heddle_auth *session_auth; /* NULL = the driver's login */
    const char *const *bookmarks;
    size_t bookmark_count;
    const struct heddle_session
        *session; /* its bookmarks are collected where routes must be fetched; NULL = those above */
    bool force_relogin;
    const char *host; /* see struct heddle_pool_wish */
};

/* A channel for the need; direct, or by the routing table: of the guess where its server puts a wrong one right.
 * *database_out (the caller's to free) names the home database where it was looked up, else NULL; database_out may be NULL.
 * (acquire.c) */
HEDDLE_MUST_CHECK int heddle_driver_acquire(struct heddle_driver *driver, const struct heddle_need *need,
                                            struct heddle_channel **channel_out, char **database_out,
                                            struct heddle_error *error);

/* One address. `wish_auth` as in the need. (acquire.c) */
HEDDLE_MUST_CHECK int heddle_driver_acquire_at(struct heddle_driver *driver, const char *address,
                                               const struct heddle_need *need, uint64_t deadline_ns,
                                               struct heddle_channel **channel_out,
                                               struct heddle_error *error);
uint64_t heddle_driver_deadline(const struct heddle_driver *driver);

/* What an error on a channel means for pool, routing table and logins; may turn error->action into RETRY. (acquire.c) */
void heddle_driver_consequences(struct heddle_driver *driver, struct heddle_channel *channel,
                                const char *database, struct heddle_error *error);

/* Takes a server out of all tables, and with `dead` its channels out of the pool. (router.c) */
void heddle_driver_forget_server(struct heddle_driver *driver, const char *address, bool dead);
void heddle_driver_forget_writer(struct heddle_driver *driver, const char *database, const char *address);

/* Makes sure that there is a routing table for the need, fetching it where it is missing, old or `force`d.
 * *database_out: the name of the home database where the need names none (the caller's to free), else NULL. (router.c) */
HEDDLE_MUST_CHECK int heddle_driver_route(struct heddle_driver *driver, const struct heddle_need *need,
                                          bool force, char **database_out, struct heddle_error *error);

/* True where there is a table for `database` that is good for such a transaction still. (router.c) */
bool heddle_driver_has_routes(struct heddle_driver *driver, const char *database, bool read);

/* The address of the least busy server for the need in `database`'s table, written to `address_out`; false if there is
 * none. (router.c) */
bool heddle_driver_choose(struct heddle_driver *driver, const char *database, bool read,
                          char address_out[static HEDDLE_URI_ADDRESS_MAX]);

/* Asks one server for its routes. (route_fetch.c) */
HEDDLE_MUST_CHECK int heddle_driver_route_fetch(struct heddle_driver *driver, const char *address,
                                                const struct heddle_need *need,
                                                struct heddle_routing_table *table_out,
                                                struct heddle_error *error);

enum heddle_transaction_state {
    HEDDLE_TRANSACTION_NONE = 0, /* never begun, or over */
    HEDDLE_TRANSACTION_OPEN,
    HEDDLE_TRANSACTION_FAILED, /* the server has ended it */
    HEDDLE_TRANSACTION_LOST,   /* the connection is gone */
    HEDDLE_TRANSACTION_COMMITTED,
    HEDDLE_TRANSACTION_ROLLED_BACK,
};

struct heddle_transaction {
    struct heddle_channel_taker taker;
    struct heddle_session *session;
    enum heddle_transaction_state state;
    bool telemetry_told;            /* the server has heard how it was begun */
    struct heddle_bookmarks before; /* bookmarks that it began with */
    char *bookmark;                 /* of COMMIT */
    int64_t last_qid;               /* of the RUN that was answered last */
};

struct heddle_session {
    struct heddle_driver *driver;
    struct heddle_arena *arena; /* of the options' texts */
    struct heddle_session_options options;
    struct heddle_login *login; /* options.auth; NULL = the driver's */
    char *home;                 /* told by a server; NULL = not yet */
    char *guess;                /* whose routes the channel was chosen by, while ->home is not known */
    struct heddle_bookmarks bookmarks;
    struct heddle_channel *channel; /* of the transaction or the open auto-commit cursor */
    struct heddle_cursor *cursors;  /* that still hang on the channel */
    struct heddle_transaction transaction;
    struct heddle_refusal *refusal;
    bool reads; /* what the channel was taken for */
};

enum heddle_cursor_state {
    HEDDLE_CURSOR_RUNNING = 0, /* RUN is not answered yet */
    HEDDLE_CURSOR_STREAMING,   /* PULL or DISCARD is out */
    HEDDLE_CURSOR_PAUSED,      /* there is more; nothing is out */
    HEDDLE_CURSOR_DONE,
    HEDDLE_CURSOR_FAILED,
};

struct heddle_cursor {
    struct heddle_channel_taker taker;
    struct heddle_session *session; /* NULL once it hangs on no channel */
    bool in_transaction;
    enum heddle_cursor_state state;
    bool discarding;
    bool consumed;     /* by its user, or by the end of its transaction: no more records */
    bool out_of_scope; /* its transaction or session is over */
    int64_t fetch_size;
    int64_t qid;
    struct heddle_arena *arena; /* keys, summary, list */
    struct heddle_value_text *keys;
    size_t key_count;
    int64_t available_after_ms;
    char *database;
    struct heddle_buffer inbox; /* records as they came, each behind its length */
    size_t inbox_used;
    size_t inbox_records;
    struct heddle_arena *records[2]; /* of the current record and the one peeked at */
    unsigned current;
    bool peeked;
    struct heddle_record peek;
    bool has_records; /* at least one came */
    bool summary_ready;
    struct heddle_summary summary;
    struct heddle_value metadata;   /* of the last SUCCESS */
    struct heddle_error failure;    /* why it FAILED */
    struct heddle_bookmarks before; /* auto-commit */
    char server_address[HEDDLE_URI_ADDRESS_MAX];
    char server_agent[64];
    struct heddle_bolt_version version;
    struct heddle_cursor *next;
};

/* Makes a cursor and writes RUN + PULL; `transaction` NULL inside an explicit one. (cursor.c) */
HEDDLE_MUST_CHECK int heddle_cursor_start(struct heddle_session *session, const struct heddle_query *query,
                                          const struct heddle_message_transaction *transaction,
                                          struct heddle_cursor **cursor_out, struct heddle_error *error);

/* Reads until RUN is answered. (cursor.c) */
HEDDLE_MUST_CHECK int heddle_cursor_await_run(struct heddle_cursor *cursor, struct heddle_error *error);

/* Takes in everything that is left, or discards it. (cursor.c) */
HEDDLE_MUST_CHECK int heddle_cursor_drain(struct heddle_cursor *cursor, bool discard,
                                          struct heddle_error *error);

/* Cuts the cursor off its channel. (cursor.c) */
void heddle_cursor_detach(struct heddle_cursor *cursor);

/* Builds the summary from the metadata of the last SUCCESS. (summary.c) */
HEDDLE_MUST_CHECK int heddle_cursor_summarise(struct heddle_cursor *cursor, struct heddle_error *error);

/* Ends what the session has on its channel: gives it back. (session.c) */
void heddle_session_release(struct heddle_session *session);

/* An error on the session's channel: keeps the details, draws the consequences. Answers error's status. (session.c) */
int heddle_session_failed(struct heddle_session *session, int status, struct heddle_error *error);

/* A bookmark arrived: session and manager know. (session.c) */
HEDDLE_MUST_CHECK int heddle_session_bookmark(struct heddle_session *session,
                                              const struct heddle_bookmarks *before, const char *bookmark,
                                              struct heddle_error *error);

/* Takes a channel for the session and collects its bookmarks in `before`. (session.c) */
HEDDLE_MUST_CHECK int heddle_session_connect(struct heddle_session *session, bool read,
                                             struct heddle_bookmarks *before, struct heddle_error *error);
const char *heddle_session_database(const struct heddle_session *session);

/* A server has named the database of a session that named none: from now on it is the session's. (session.c) */
HEDDLE_MUST_CHECK int heddle_session_settle_home(struct heddle_session *session, const char *database,
                                                 struct heddle_error *error);

/* Adds the session's own bookmarks and its manager's. (session.c) */
HEDDLE_MUST_CHECK int heddle_session_collect(const struct heddle_session *session,
                                             struct heddle_bookmarks *set, struct heddle_error *error);

/* The fields of BEGIN, or of an auto-commit RUN. (session.c) */
HEDDLE_MUST_CHECK int heddle_session_fields(const struct heddle_session *session,
                                            const struct heddle_transaction_options *options,
                                            const struct heddle_bookmarks *before,
                                            struct heddle_message_transaction *fields_out,
                                            struct heddle_error *error);

enum heddle_telemetry_api {
    HEDDLE_TELEMETRY_MANAGED = 0,
    HEDDLE_TELEMETRY_EXPLICIT = 1,
    HEDDLE_TELEMETRY_AUTO_COMMIT = 2,
    HEDDLE_TELEMETRY_EXECUTE = 3,
    HEDDLE_TELEMETRY_TOLD, /* by an earlier attempt */
};

/* BEGIN; with `lazy` it goes out with what comes next. (transaction.c) */
HEDDLE_MUST_CHECK int heddle_transaction_begin(struct heddle_session *session, bool read,
                                               const struct heddle_transaction_options *options,
                                               enum heddle_telemetry_api api, bool lazy,
                                               struct heddle_error *error);

#endif
