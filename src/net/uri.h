/* uri.h: the address of a Neo4j server as people write it.
 *
 *   bolt://host:port      one server, no encryption        neo4j://…      the same, asks for the routing table
 *   bolt+s://             TLS, certificate verified        neo4j+s://
 *   bolt+ssc://           TLS, any certificate accepted    neo4j+ssc://
 *
 * Schemes: https://neo4j.com/docs/operations-manual/current/ (the drivers' URI schemes). IPv6 hosts stand in
 * brackets. A user or password inside the URI is refused: it would end up in process lists and logs.
 *
 * Threads: pure functions.
 */
#ifndef HEDDLE_NET_URI_H
#define HEDDLE_NET_URI_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

enum { HEDDLE_URI_PORT_DEFAULT = 7687 };

enum heddle_uri_tls {
    HEDDLE_URI_TLS_NONE = 0,
    HEDDLE_URI_TLS_VERIFIED,   /* +s: certificate chain and host name are checked */
    HEDDLE_URI_TLS_UNVERIFIED, /* +ssc: encrypted, but the peer may be anybody */
};

struct heddle_uri {
    bool routing; /* neo4j://: ask the server who writes */
    enum heddle_uri_tls tls;
    char host[256]; /* without brackets */
    uint16_t port;
    char query[256]; /* what stands behind '?', "" if nothing: the routing context */
};

/* Parses `text`. Errors: HEDDLE_INVALID with what is wrong and the nearest right spelling; nothing of a password
 * that stands in the URI is repeated. */
HEDDLE_MUST_CHECK int heddle_uri_parse(const char *text, struct heddle_uri *uri_out,
                                       struct heddle_error *error);

/* Parses "host", "host:port" or "[v6]:port", as routing tables hold them, into host and port of `uri` (the rest
 * stays). Errors: HEDDLE_INVALID. */
HEDDLE_MUST_CHECK int heddle_uri_parse_address(const char *text, struct heddle_uri *uri,
                                               struct heddle_error *error);

/* Writes "host:port", brackets around IPv6, into `out` and answers `out`. */
enum { HEDDLE_URI_ADDRESS_MAX = 272 };
const char *heddle_uri_address(const struct heddle_uri *uri, char out[static HEDDLE_URI_ADDRESS_MAX]);

#endif
