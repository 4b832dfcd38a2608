/* channel.h: one connection to one server, logged in: messages out, answers to whoever waits for them. Both ways to work with
 * a server stand on it: the driver (driver/) and the loader's connection (connection.h). For this room only.
 *
 * Messages are written with channel->pack and announced by expect(), which says who takes the answer; flush() sends all of
 * them in one write; read() takes one message in and hands it to the oldest expectation. So whatever is pipelined is
 * answered in order, and records of one query can be read while another one's answer is waited for. Bytes that were
 * encoded elsewhere go out by send(), without a copy.
 *
 * After a FAILURE the server ignores everything until RESET: `needs_reset` says that it must go ahead of anything new,
 * write_reset() lets it, reset() also waits for its answer. After HEDDLE_NETWORK or HEDDLE_PROTOCOL the channel is `broken`
 * for good.
 *
 * Threads: one channel, one thread at a time.
 */
#ifndef HEDDLE_BOLT_CHANNEL_H
#define HEDDLE_BOLT_CHANNEL_H

#include <stdatomic.h>

#include "bolt/connection.h"
#include "bolt/login.h"
#include "bolt/refusal.h"
#include "bolt/messages.h"
#include "bolt/stream.h"

/* Four requests of a loader with their RESETs; LOGOFF, LOGON, TELEMETRY, BEGIN, RUN, PULL and what a few open cursors of a
 * driver still wait for. */
enum { HEDDLE_CHANNEL_QUEUE_MAX = 160 };

enum heddle_channel_request {
    HEDDLE_CHANNEL_HELLO,
    HEDDLE_CHANNEL_LOGON,
    HEDDLE_CHANNEL_LOGOFF,
    HEDDLE_CHANNEL_RESET,
    HEDDLE_CHANNEL_TELEMETRY,
    HEDDLE_CHANNEL_ROUTE,
    HEDDLE_CHANNEL_BEGIN,
    HEDDLE_CHANNEL_RUN,
    HEDDLE_CHANNEL_PULL, /* DISCARD too */
    HEDDLE_CHANNEL_COMMIT,
    HEDDLE_CHANNEL_ROLLBACK,
};

/* Takes answers. Its owner embeds it; a function that is NULL is not called. */
struct heddle_channel_taker {
    int (*success)(struct heddle_channel_taker *taker, enum heddle_channel_request request,
                   struct heddle_unpack *map, struct heddle_error *error);
    int (*record)(struct heddle_channel_taker *taker, const uint8_t *bytes, size_t length,
                  struct heddle_error *error);
    /* No answer will come: the request, or one before it, failed, or the connection was lost. */
    void (*lost)(struct heddle_channel_taker *taker, enum heddle_channel_request request);
};

struct heddle_channel_expectation {
    enum heddle_channel_request request;
    struct heddle_channel_taker *taker; /* NULL = nobody cares */
};

struct heddle_channel {
    struct heddle_bolt_stream stream;
    char address[HEDDLE_URI_ADDRESS_MAX];
    struct heddle_bolt_version version;
    bool utc;
    bool telemetry; /* the server wants to know */
    bool server_side_routing;
    int read_timeout_ms;
    char server_agent[64];
    char connection_id[64];
    struct heddle_login *login; /* who is logged in, or will be when what is written has been sent */
    uint64_t born_ns;
    uint64_t idle_since_ns;
    struct heddle_buffer outbox;
    struct heddle_pack pack;
    bool holds_secret; /* of the outbox: to be wiped once it is sent */
    struct heddle_channel_expectation queue[HEDDLE_CHANNEL_QUEUE_MAX];
    unsigned queue_length;
    uint64_t asked;    /* expectations so far */
    uint64_t answered; /* of them */
    uint64_t sent;     /* of them, those whose messages were handed over in full */
    bool needs_reset;  /* RESET must go ahead of anything new */
    bool ignoring;     /* what is out is ignored by the server, and that is no news */
    unsigned resets;   /* RESETs whose answers are to come */
    bool broken;
    atomic_bool stale;              /* not to be used for anything new; set by any thread */
    atomic_bool login_expired;      /* LOGOFF and LOGON before anything new; set by any thread */
    bool timed_out;                 /* broken because the server was silent for too long */
    struct heddle_refusal *refusal; /* the last FAILURE; taken by whoever reports it */
    /* The pool's. */
    bool in_use;
    bool used;         /* it has been in the pool before */
    bool session_auth; /* logged in as a session wished: no affair of the provider's */
    struct heddle_channel *next;
};

struct heddle_channel_options {
    const struct heddle_uri *uri;                 /* whom to dial */
    const char *address;                          /* its name in pool and messages; NULL = the URI's */
    const struct heddle_message_routing *routing; /* of HELLO; NULL = a direct connection */
    const char *user_agent;
    struct heddle_message_filter filter;
    bool filter_is_a_wish; /* a version that knows no filters will do */
    bool any_product;      /* other products than Neo4j will do */
    struct heddle_wire_options wire;
    heddle_bolt_dial
        *dial; /* in place of heddle_wire_connect(): tests put their own here; NULL = the real one */
    void *dial_context;
    int read_timeout_ms; /* 0 = the server's hint */
    uint64_t
        deadline_ns; /* for everything; 0 = connecting, and then the login, get the wire's time limit each */
    const struct heddle_auth *auth;
    /* Writes and announces what goes out with the login; its answers are still to be read when open() is done. NULL = nothing. */
    int (*more)(struct heddle_channel *channel, void *context, struct heddle_error *error);
    void *more_context;
};

/* Connects and logs in. Errors: HEDDLE_NETWORK, HEDDLE_PROTOCOL, HEDDLE_DATABASE (refused). */
HEDDLE_MUST_CHECK int heddle_channel_open(const struct heddle_channel_options *options,
                                          struct heddle_channel **channel_out, struct heddle_error *error);

/* GOODBYE where the wire takes it at once, then the end. NULL is a no-op. */
void heddle_channel_close(struct heddle_channel *channel);

/* Ends the wire; what is known about the server stays. Whatever is owed is lost. */
void heddle_channel_break(struct heddle_channel *channel);

/* A filter that the server would not understand must not be lost silently: HEDDLE_INVALID where one is `given`. */
HEDDLE_MUST_CHECK int heddle_channel_check_filter(const struct heddle_channel *channel, bool given,
                                                  struct heddle_error *error);

/* Announces the message just written. HEDDLE_INTERNAL when too many are out. */
HEDDLE_MUST_CHECK int heddle_channel_expect(struct heddle_channel *channel,
                                            enum heddle_channel_request request,
                                            struct heddle_channel_taker *taker, struct heddle_error *error);

/* Forgets everything that was written and not sent, with its expectations. */
struct heddle_channel_mark {
    size_t bytes;
    unsigned queue_length;
    uint64_t asked;
};
struct heddle_channel_mark heddle_channel_mark(const struct heddle_channel *channel);
void heddle_channel_rewind(struct heddle_channel *channel, struct heddle_channel_mark mark);

/* Sends what was written, and behind it `length` bytes that their owner has encoded. Takes in what the server says meanwhile.
 * Where the server hangs up before it has heard all, but has said why: HEDDLE_DATABASE. The channel is broken after any
 * failure. */
HEDDLE_MUST_CHECK int heddle_channel_send(struct heddle_channel *channel, const uint8_t *bytes, size_t length,
                                          struct heddle_error *error);

/* Sends what was written. */
HEDDLE_MUST_CHECK int heddle_channel_flush(struct heddle_channel *channel, struct heddle_error *error);

/* Reads one message. HEDDLE_DATABASE for a FAILURE, or where an IGNORED told of one nobody has read. */
HEDDLE_MUST_CHECK int heddle_channel_read(struct heddle_channel *channel, struct heddle_error *error);

/* Flushes, and reads until expectation number `ticket` (channel->asked after its expect()) is answered. On a failure
 * before it the rest is still read, so that the channel is quiet; the first failure is answered. */
HEDDLE_MUST_CHECK int heddle_channel_wait(struct heddle_channel *channel, uint64_t ticket,
                                          struct heddle_error *error);

/* Everything that is out. */
HEDDLE_MUST_CHECK int heddle_channel_settle(struct heddle_channel *channel, struct heddle_error *error);

/* Writes RESET, to be sent with what comes next. */
HEDDLE_MUST_CHECK int heddle_channel_write_reset(struct heddle_channel *channel, struct heddle_error *error);

/* RESET and its answer: whatever was open is over. The channel is broken where the server does not agree. */
HEDDLE_MUST_CHECK int heddle_channel_reset(struct heddle_channel *channel, struct heddle_error *error);

/* Writes LOGOFF and LOGON, to be sent with what comes next. Needs Bolt 5.1. */
HEDDLE_MUST_CHECK int heddle_channel_relogin(struct heddle_channel *channel, const struct heddle_auth *auth,
                                             struct heddle_error *error);

/* Writes TELEMETRY where the server wants it. */
HEDDLE_MUST_CHECK int heddle_channel_telemetry(struct heddle_channel *channel, int64_t api,
                                               struct heddle_channel_taker *taker,
                                               struct heddle_error *error);

/* Takes the details of the last FAILURE out of the channel; NULL if there are none. */
struct heddle_refusal *heddle_channel_take_refusal(struct heddle_channel *channel);

struct heddle_pack_dialect heddle_channel_dialect(const struct heddle_channel *channel);

#endif
