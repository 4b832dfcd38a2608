/* wire.h: a two-way stream of bytes: TCP, TLS over TCP, or two ring buffers inside a test.
 *
 * send() and receive() never wait; wait() does. So one loop can write and read at the same time, which a pipelining
 * client must: a server that cannot get rid of its answers stops reading.
 *
 * Ownership: heddle_wire_close() frees the wire.
 * Threads:   one wire, one thread at a time.
 */
#ifndef HEDDLE_NET_WIRE_H
#define HEDDLE_NET_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "net/addresses.h"
#include "net/uri.h"

struct heddle_wire;

/* What a kind of wire implements. Every function but close() answers a status and fills `error`. */
struct heddle_wire_class {
    /* Takes up to `length` bytes; *sent_out = how many (0: no room now). */
    int (*send)(struct heddle_wire *wire, const uint8_t *bytes, size_t length, size_t *sent_out,
                struct heddle_error *error);
    /* Gives up to `length` bytes; *received_out = how many (0: nothing there now). HEDDLE_NETWORK at the end. */
    int (*receive)(struct heddle_wire *wire, uint8_t *bytes, size_t length, size_t *received_out,
                   struct heddle_error *error);
    /* Waits until receive() (and with `to_send` also send()) may get on, at most `timeout_ms` (-1 = for ever).
     * HEDDLE_NETWORK when the time is over. */
    int (*wait)(struct heddle_wire *wire, bool to_send, int timeout_ms, struct heddle_error *error);
    void (*close)(struct heddle_wire *wire);
};

/* Every kind of wire begins with this. */
struct heddle_wire {
    const struct heddle_wire_class *class;
};

struct heddle_wire_options {
    int connect_timeout_ms; /* 0 = HEDDLE_WIRE_CONNECT_TIMEOUT_MS; each address of the host gets it */
    const char *ca_file; /* PEM file of the authorities to trust; NULL = SSL_CERT_FILE, then the system's */
    const char *certificate_file; /* PEM: who we are, and the chain behind it; NULL = nobody */
    const char *key_file;         /* PEM: its key; NULL = in certificate_file */
    const char *key_password;     /* NULL = none */
    bool no_keep_alive;
    /* In place of the system's resolver: adds the literal addresses of a host. NULL = the system's. */
    void (*lookup)(void *context, const char *host, struct heddle_addresses *addresses);
    void *lookup_context;
};

/* The default of the official drivers. */
enum { HEDDLE_WIRE_CONNECT_TIMEOUT_MS = 30000 };

/* Resolves the host, tries its addresses in turn, and does the TLS handshake where the URI asks for it.
 * Errors: HEDDLE_NETWORK (not resolved, refused, timed out, certificate: the message names host:port and the
 * remedy; action RETRY where trying later may help), HEDDLE_INVALID (CA file), HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_wire_connect(const struct heddle_uri *uri,
                                          const struct heddle_wire_options *options,
                                          struct heddle_wire **wire_out, struct heddle_error *error);

/* Adds the literal addresses of a host to the list, in the resolver's order, each once. Errors: HEDDLE_NETWORK (no such
 * host), HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_wire_resolve(const char *host, const struct heddle_wire_options *options,
                                          struct heddle_addresses *addresses, struct heddle_error *error);

/* A wire over a connected stream socket that it takes over, put into non-blocking mode. `name` appears in messages.
 * Errors: HEDDLE_OUT_OF_MEMORY, HEDDLE_NETWORK (then the socket is still the caller's). */
HEDDLE_MUST_CHECK int heddle_wire_from_socket(int socket, const char *name, struct heddle_wire **wire_out,
                                              struct heddle_error *error);

/* See struct heddle_wire_class. */
HEDDLE_MUST_CHECK int heddle_wire_send(struct heddle_wire *wire, const uint8_t *bytes, size_t length,
                                       size_t *sent_out, struct heddle_error *error);
HEDDLE_MUST_CHECK int heddle_wire_receive(struct heddle_wire *wire, uint8_t *bytes, size_t length,
                                          size_t *received_out, struct heddle_error *error);
HEDDLE_MUST_CHECK int heddle_wire_wait(struct heddle_wire *wire, bool to_send, int timeout_ms,
                                       struct heddle_error *error);

/* Ends and frees it. NULL is a no-op. */
void heddle_wire_close(struct heddle_wire *wire);

#endif
