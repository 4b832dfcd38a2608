/* tcp.h: plain TCP: resolving, connecting in time, and the wire over a socket. Used by wire.c's connect and by
 * tls.c.
 *
 * Threads: a socket belongs to one wire; resolving is thread-safe.
 */
#ifndef HEDDLE_NET_TCP_H
#define HEDDLE_NET_TCP_H

#include "net/wire.h"

/* Tries the addresses of uri->host in the resolver's order, options->connect_timeout_ms (or its default) for each. The
 * socket is non-blocking, without Nagle's delay, with keep-alive unless the options say no. Errors: HEDDLE_NETWORK naming
 * host:port. */
HEDDLE_MUST_CHECK int heddle_tcp_connect(const struct heddle_uri *uri,
                                         const struct heddle_wire_options *options, int *socket_out,
                                         struct heddle_error *error);

/* The three steps of a wire on a bare socket; `name` ("host:port") for messages. */
HEDDLE_MUST_CHECK int heddle_tcp_send(int socket, const char *name, const uint8_t *bytes, size_t length,
                                      size_t *sent_out, struct heddle_error *error);
HEDDLE_MUST_CHECK int heddle_tcp_receive(int socket, const char *name, uint8_t *bytes, size_t length,
                                         size_t *received_out, struct heddle_error *error);

/* Waits for any of `events` (POLLIN, POLLOUT). */
HEDDLE_MUST_CHECK int heddle_tcp_wait(int socket, const char *name, short events, int timeout_ms,
                                      struct heddle_error *error);

/* "host:port closed the connection", and the like: HEDDLE_NETWORK with action RETRY. */
int heddle_tcp_lost(const char *name, const char *why, struct heddle_error *error);

#endif
