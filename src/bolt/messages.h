/* messages.h: the requests of Bolt, written by one writer; what differs between versions is a table (messages.c).
 *
 * Message layouts: https://neo4j.com/docs/bolt/current/bolt/message/
 * Each function writes one whole message into `pack` but run_open(). Running out of memory stays noted in the
 * buffer.
 */
#ifndef HEDDLE_BOLT_MESSAGES_H
#define HEDDLE_BOLT_MESSAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bolt/packstream/encode.h"
#include "bolt/version.h"

/* Answers of the server. */
enum heddle_message_tag {
    HEDDLE_MESSAGE_SUCCESS = 0x70,
    HEDDLE_MESSAGE_RECORD = 0x71,
    HEDDLE_MESSAGE_IGNORED = 0x7E,
    HEDDLE_MESSAGE_FAILURE = 0x7F,
};

/* What came, or went, with which version. */
enum heddle_bolt_feature {
    HEDDLE_BOLT_FEATURE_ROUTE,          /* message ROUTE */
    HEDDLE_BOLT_FEATURE_ROUTE_MAP,      /* its third field is a map */
    HEDDLE_BOLT_FEATURE_PATCH_UTC,      /* patch_bolt ["utc"] may be asked for */
    HEDDLE_BOLT_FEATURE_UTC,            /* UTC date-times without asking */
    HEDDLE_BOLT_FEATURE_LOGON,          /* credentials in LOGON, not in HELLO */
    HEDDLE_BOLT_FEATURE_NOTIFICATIONS,  /* notification filters */
    HEDDLE_BOLT_FEATURE_BOLT_AGENT,     /* bolt_agent in HELLO */
    HEDDLE_BOLT_FEATURE_NATIVE_VECTORS, /* VECTOR structures */
    HEDDLE_BOLT_FEATURE_UUIDS,          /* UUID values */
    HEDDLE_BOLT_FEATURE_IMPERSONATION,  /* imp_user */
    HEDDLE_BOLT_FEATURE_CLASSIFICATIONS, /* …_disabled_classifications in place of …_categories; statuses */
    HEDDLE_BOLT_FEATURE_TELEMETRY,       /* message TELEMETRY */
    HEDDLE_BOLT_FEATURE_GQL_FAILURES,    /* FAILURE in GQL's shape */
};
bool heddle_bolt_has(struct heddle_bolt_version version, enum heddle_bolt_feature feature);

/* Credentials; borrowed. scheme "none", "basic", "bearer", … */
struct heddle_message_auth {
    const char *scheme;
    const char *principal;                     /* NULL = left out */
    const char *credentials;                   /* NULL, "" = left out */
    const char *realm;                         /* NULL, "" = left out */
    const struct heddle_value_map *parameters; /* NULL, empty = left out */
};

/* Which notifications the server shall make. {0} = what it likes. */
struct heddle_message_filter {
    const char *minimum_severity; /* NULL = left out */
    const char *const *disabled;
    size_t disabled_count;
    bool disabled_given;  /* false = left out, even where there are none */
    bool classifications; /* their newer name; hello() knows it by the version */
};

/* The routing context of neo4j://: the address as the user wrote it and the URI's query ("policy=eu&a=b"). */
struct heddle_message_routing {
    const char *address;
    const char *query;
};

struct heddle_message_hello {
    const char *user_agent;
    const char *product;                          /* of bolt_agent */
    const char *platform;                         /* NULL = left out */
    const char *language;                         /* NULL = left out */
    struct heddle_message_filter filter;          /* left out where the version has none */
    const struct heddle_message_routing *routing; /* NULL = a direct connection */
    struct heddle_message_auth auth;              /* used before LOGON existed */
};

/* What BEGIN and auto-commit RUN share. NULL and 0 are left out. */
struct heddle_message_transaction {
    const char *const *bookmarks;
    size_t bookmark_count;
    int64_t timeout_ms;                       /* 0 = left out, below 0 = no limit (goes out as 0) */
    const char *const *metadata;              /* name, value, … */
    size_t metadata_count;                    /* pairs */
    const struct heddle_value_entry *entries; /* metadata of any type, in place of the texts */
    size_t entry_count;
    bool read;
    const char *database;
    const char *impersonated_user;
    struct heddle_message_filter filter;
};

void heddle_message_hello(struct heddle_pack *pack, struct heddle_bolt_version version,
                          const struct heddle_message_hello *hello);
void heddle_message_logon(struct heddle_pack *pack, const struct heddle_message_auth *auth);
void heddle_message_logoff(struct heddle_pack *pack);
void heddle_message_telemetry(struct heddle_pack *pack, int64_t api);

/* A filter and an impersonated user that the server's version does not know must not be given. */
void heddle_message_begin(struct heddle_pack *pack, const struct heddle_message_transaction *transaction);

/* RUN is written in two steps with the parameters' map between them; `transaction` NULL inside BEGIN … COMMIT. */
void heddle_message_run_open(struct heddle_pack *pack, const char *query);
void heddle_message_run_close(struct heddle_pack *pack, const struct heddle_message_transaction *transaction);

/* `count` records (-1 = all) of the query `qid` (-1 = the last one). */
void heddle_message_pull(struct heddle_pack *pack, int64_t count, int64_t qid);
void heddle_message_discard(struct heddle_pack *pack, int64_t count, int64_t qid);
void heddle_message_pull_all(struct heddle_pack *pack);
void heddle_message_discard_all(struct heddle_pack *pack);
void heddle_message_commit(struct heddle_pack *pack);
void heddle_message_rollback(struct heddle_pack *pack);
void heddle_message_reset(struct heddle_pack *pack);
void heddle_message_goodbye(struct heddle_pack *pack);

/* NULL and 0 are left out. */
struct heddle_message_route {
    const char *database;
    const char *impersonated_user;
    const char *const *bookmarks;
    size_t bookmark_count;
};
void heddle_message_route(struct heddle_pack *pack, struct heddle_bolt_version version,
                          const struct heddle_message_routing *routing,
                          const struct heddle_message_route *route);

/* The routing context as a map, for those servers that are asked by a procedure. */
void heddle_message_routing_context(struct heddle_pack *pack, const struct heddle_message_routing *routing);

#endif
