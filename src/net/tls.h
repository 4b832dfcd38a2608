/* tls.h: a TLS wire over a connected socket (OpenSSL 3).
 *
 * Threads: every wire has its own context, so wires share nothing.
 */
#ifndef HEDDLE_NET_TLS_H
#define HEDDLE_NET_TLS_H

#include "net/wire.h"

/* Shakes hands with the peer and answers a wire that owns `socket`. The host name goes out as SNI and, unless the
 * URI says +ssc, must be in the certificate, whose chain must end at an authority from: options->ca_file, else
 * SSL_CERT_FILE, else the first of the distributions' usual bundles. With options->certificate_file we show who
 * we are. Errors: HEDDLE_NETWORK (the message says what
 * is wrong with the certificate and which authorities were used), HEDDLE_INVALID (CA or
 * certificate file unreadable),
 * HEDDLE_OUT_OF_MEMORY; the socket is then still the caller's. */
HEDDLE_MUST_CHECK int heddle_tls_connect(int socket, const struct heddle_uri *uri,
                                         const struct heddle_wire_options *options, int timeout_ms,
                                         struct heddle_wire **wire_out, struct heddle_error *error);

/* The file of authorities that a connection would trust: `ca_file` if not NULL or empty, else SSL_CERT_FILE, else the
 * first of the distributions' usual bundles that can be read; NULL where there is none. Lives as long as its source. */
const char *heddle_tls_authorities_path(const char *ca_file);

#endif
