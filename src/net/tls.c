/* tls.c: TLS with OpenSSL on a non-blocking socket.
 *
 * OpenSSL may need to write in order to read and the other way round (renegotiation, key updates), so each
 * direction remembers what it waits for and wait() polls for that.
 */
#include "net/tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "base/clock.h"
#include "base/memory.h"
#include "net/authorities.h"
#include "net/tcp.h"

struct tls_wire {
    struct heddle_wire base;
    int socket;
    SSL_CTX *context;
    SSL *ssl;
    BIO_METHOD *method;
    short receive_needs; /* POLLIN or POLLOUT: what the last call stopped for */
    short send_needs;
    char name[HEDDLE_URI_ADDRESS_MAX];
    char authorities[256]; /* for messages */
};

/* OpenSSL's own socket BIO calls write(), which raises SIGPIPE in the host program when the peer is gone. This one
 * sends with MSG_NOSIGNAL. */
static int bio_write(BIO *bio, const char *bytes, int length)
{
    const struct tls_wire *wire = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    const ssize_t sent = send(wire->socket, bytes, (size_t)length, MSG_NOSIGNAL);
    if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) {
        BIO_set_retry_write(bio);
    }
    return (int)sent;
}

static int bio_read(BIO *bio, char *bytes, int length)
{
    const struct tls_wire *wire = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    const ssize_t received = recv(wire->socket, bytes, (size_t)length, 0);
    if (received < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) {
        BIO_set_retry_read(bio);
    }
    return (int)received;
}

static long bio_control(BIO *bio, int command, long number, void *pointer)
{
    (void)bio;
    (void)number;
    (void)pointer;
    return command == BIO_CTRL_FLUSH ? 1 : 0; /* nothing is buffered */
}

static int bio_attach(struct tls_wire *wire)
{
    wire->method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "heddle socket");
    if (wire->method == NULL || BIO_meth_set_write(wire->method, bio_write) != 1 ||
        BIO_meth_set_read(wire->method, bio_read) != 1 || BIO_meth_set_ctrl(wire->method, bio_control) != 1) {
        return -1;
    }
    BIO *bio = BIO_new(wire->method);
    if (bio == NULL) {
        return -1;
    }
    BIO_set_data(bio, wire);
    BIO_set_init(bio, 1);
    SSL_set_bio(wire->ssl, bio, bio);
    return 0;
}

static const char *openssl_reason(void)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    return reason != NULL ? reason : "the peer ended the handshake";
}

/* `named_by` NULL: a bundle of the system's, in whose place another may do. */
static int authorities_load_file(struct tls_wire *wire, const char *path, const char *named_by,
                                 struct heddle_error *error)
{
    if (SSL_CTX_load_verify_locations(wire->context, path, NULL) != 1) {
        return heddle_error_set(error, HEDDLE_INVALID, "cannot read certificate authorities from %s (%s): %s",
                                path, named_by != NULL ? named_by : "the system's", openssl_reason());
    }
    snprintf(wire->authorities, sizeof wire->authorities, "%s", path);
    return HEDDLE_OK;
}

static int authorities_load(struct tls_wire *wire, const char *ca_file, struct heddle_error *error)
{
    struct heddle_authorities search = heddle_authorities_start(ca_file, heddle_authorities_bundles);
    while (heddle_authorities_next(&search)) {
        const bool decisive = search.named_by != NULL;
        const int status = authorities_load_file(wire, search.file, search.named_by, decisive ? error : NULL);
        if (status == HEDDLE_OK || decisive) {
            return status;
        }
    }
    return heddle_authorities_missing(heddle_authorities_bundles, error);
}

const char *heddle_tls_authorities_path(const char *ca_file)
{
    struct heddle_authorities search = heddle_authorities_start(ca_file, heddle_authorities_bundles);
    return heddle_authorities_next(&search) ? search.file : NULL;
}

static bool is_literal(const char *host)
{
    unsigned char address[16];
    return inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1;
}

static int verification_set(struct tls_wire *wire, const struct heddle_uri *uri, const char *ca_file,
                            struct heddle_error *error)
{
    if (uri->tls == HEDDLE_URI_TLS_UNVERIFIED) {
        SSL_set_verify(wire->ssl, SSL_VERIFY_NONE, NULL);
        return HEDDLE_OK;
    }
    HEDDLE_TRY(authorities_load(wire, ca_file, error));
    /* An SSL object shares its context's store, so authorities loaded now still count. */
    SSL_set_verify(wire->ssl, SSL_VERIFY_PEER, NULL);
    const int expected = is_literal(uri->host)
                             ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(wire->ssl), uri->host)
                             : SSL_set1_host(wire->ssl, uri->host);
    return expected == 1 ? HEDDLE_OK : heddle_error_out_of_memory(error);
}

static int handshake_failed(const struct tls_wire *wire, struct heddle_error *error)
{
    const long verdict = SSL_get_verify_result(wire->ssl);
    if (SSL_get_verify_mode(wire->ssl) != SSL_VERIFY_NONE && verdict != X509_V_OK) {
        return heddle_error_set(
            error, HEDDLE_NETWORK,
            "the certificate of %s is not trusted: %s (authorities: %s); name a CA file, or use +ssc "
            "in place of +s to accept any certificate",
            wire->name, X509_verify_cert_error_string(verdict), wire->authorities);
    }
    return heddle_error_set(
        error, HEDDLE_NETWORK,
        "TLS handshake with %s failed: %s; does this port speak TLS? (without: bolt:// or neo4j://)",
        wire->name, openssl_reason());
}

static int handshake(struct tls_wire *wire, int timeout_ms, struct heddle_error *error)
{
    const uint64_t deadline = heddle_clock_ns() + (uint64_t)timeout_ms * 1000000;
    for (;;) {
        ERR_clear_error();
        const int result = SSL_connect(wire->ssl);
        if (result == 1) {
            return HEDDLE_OK;
        }
        const int want = SSL_get_error(wire->ssl, result);
        if (want != SSL_ERROR_WANT_READ && want != SSL_ERROR_WANT_WRITE) {
            return handshake_failed(wire, error);
        }
        const uint64_t now = heddle_clock_ns();
        const int left = now >= deadline ? 0 : (int)((deadline - now) / 1000000);
        const int waited = heddle_tcp_wait(wire->socket, wire->name,
                                           want == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, left, error);
        if (waited != HEDDLE_OK) {
            return heddle_error_prefix(error, "TLS handshake");
        }
    }
}

/* What an interrupted SSL_read or SSL_write waits for, or the reason why it will never go on. */
static int interrupted(const struct tls_wire *wire, int result, short *needs_out, struct heddle_error *error)
{
    switch (SSL_get_error(wire->ssl, result)) {
    case SSL_ERROR_WANT_READ: *needs_out = POLLIN; return HEDDLE_OK;
    case SSL_ERROR_WANT_WRITE: *needs_out = POLLOUT; return HEDDLE_OK;
    case SSL_ERROR_ZERO_RETURN: return heddle_tcp_lost(wire->name, "the server closed it", error);
    case SSL_ERROR_SYSCALL:
        return heddle_tcp_lost(wire->name,
                               result < 0 && errno != 0 ? strerror(errno) : "the server closed it", error);
    default: return heddle_tcp_lost(wire->name, openssl_reason(), error);
    }
}

static int tls_send(struct heddle_wire *base, const uint8_t *bytes, size_t length, size_t *sent_out,
                    struct heddle_error *error)
{
    struct tls_wire *wire = (struct tls_wire *)base;
    *sent_out = 0;
    ERR_clear_error();
    const int result = SSL_write(wire->ssl, bytes, length < INT_MAX ? (int)length : INT_MAX);
    if (result > 0) {
        *sent_out = (size_t)result;
        wire->send_needs = POLLOUT;
        return HEDDLE_OK;
    }
    return interrupted(wire, result, &wire->send_needs, error);
}

static int tls_receive(struct heddle_wire *base, uint8_t *bytes, size_t length, size_t *received_out,
                       struct heddle_error *error)
{
    struct tls_wire *wire = (struct tls_wire *)base;
    *received_out = 0;
    ERR_clear_error();
    const int result = SSL_read(wire->ssl, bytes, length < INT_MAX ? (int)length : INT_MAX);
    if (result > 0) {
        *received_out = (size_t)result;
        wire->receive_needs = POLLIN;
        return HEDDLE_OK;
    }
    return interrupted(wire, result, &wire->receive_needs, error);
}

static int tls_wait(struct heddle_wire *base, bool to_send, int timeout_ms, struct heddle_error *error)
{
    const struct tls_wire *wire = (const struct tls_wire *)base;
    if (SSL_pending(wire->ssl) > 0) {
        return HEDDLE_OK; /* decrypted already: the socket would not tell */
    }
    const short events = (short)(wire->receive_needs | (to_send ? wire->send_needs : 0));
    return heddle_tcp_wait(wire->socket, wire->name, events, timeout_ms, error);
}

static void tls_free(struct tls_wire *wire)
{
    SSL_free(wire->ssl);
    SSL_CTX_free(wire->context);
    BIO_meth_free(wire->method);
    free(wire);
}

static void tls_close(struct heddle_wire *base)
{
    struct tls_wire *wire = (struct tls_wire *)base;
    const int socket = wire->socket;
    ERR_clear_error();
    (void)SSL_shutdown(wire->ssl);
    tls_free(wire);
    close(socket);
}

static const struct heddle_wire_class tls_class = {tls_send, tls_receive, tls_wait, tls_close};

/* OpenSSL asks for the key's password; without one it would ask the terminal. */
static int give_password(char *buffer, int size, int writing, void *password)
{
    (void)writing;
    const char *text = password != NULL ? password : "";
    const size_t length = strlen(text);
    if (length > (size_t)size) {
        return -1;
    }
    memcpy(buffer, text, length);
    return (int)length;
}

static int identity_set(struct tls_wire *wire, const struct heddle_wire_options *options,
                        struct heddle_error *error)
{
    const char *certificate = options->certificate_file;
    if (certificate == NULL || certificate[0] == '\0') {
        return HEDDLE_OK;
    }
    const char *key = options->key_file != NULL ? options->key_file : certificate;
    SSL_CTX_set_default_passwd_cb(wire->context, give_password);
    SSL_CTX_set_default_passwd_cb_userdata(wire->context, (void *)(uintptr_t)options->key_password);
    int status = HEDDLE_OK;
    if (SSL_CTX_use_certificate_chain_file(wire->context, certificate) != 1) {
        status = heddle_error_set(error, HEDDLE_INVALID, "cannot read the client certificate from %s: %s",
                                  certificate, openssl_reason());
    } else if (SSL_CTX_use_PrivateKey_file(wire->context, key, SSL_FILETYPE_PEM) != 1) {
        status =
            heddle_error_set(error, HEDDLE_INVALID,
                             "cannot read the client certificate's key from %s: %s; is its password right?",
                             key, openssl_reason());
    }
    SSL_CTX_set_default_passwd_cb_userdata(wire->context, NULL);
    ERR_clear_error();
    return status;
}

static int tls_prepare(struct tls_wire *wire, const struct heddle_uri *uri,
                       const struct heddle_wire_options *options, struct heddle_error *error)
{
    wire->context = SSL_CTX_new(TLS_client_method());
    if (wire->context == NULL || SSL_CTX_set_min_proto_version(wire->context, TLS1_2_VERSION) != 1) {
        return heddle_error_out_of_memory(error);
    }
    /* A write is repeated from wherever the caller keeps the bytes, and may take only a part of them. */
    SSL_CTX_set_mode(wire->context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    HEDDLE_TRY(identity_set(wire, options, error));
    wire->ssl = SSL_new(wire->context);
    if (wire->ssl == NULL || bio_attach(wire) != 0) {
        return heddle_error_out_of_memory(error);
    }
    /* SNI is for names only (RFC 6066 section 3). */
    if (!is_literal(uri->host) && SSL_set_tlsext_host_name(wire->ssl, uri->host) != 1) {
        return heddle_error_out_of_memory(error);
    }
    return verification_set(wire, uri, options->ca_file, error);
}

int heddle_tls_connect(int socket, const struct heddle_uri *uri, const struct heddle_wire_options *options,
                       int timeout_ms, struct heddle_wire **wire_out, struct heddle_error *error)
{
    struct tls_wire *wire = heddle_calloc(1, sizeof *wire);
    if (wire == NULL) {
        return heddle_error_out_of_memory(error);
    }
    wire->base.class = &tls_class;
    wire->socket = socket;
    wire->receive_needs = POLLIN;
    wire->send_needs = POLLOUT;
    heddle_uri_address(uri, wire->name);
    int status = tls_prepare(wire, uri, options, error);
    if (status == HEDDLE_OK) {
        status = handshake(wire, timeout_ms, error);
    }
    if (status != HEDDLE_OK) {
        tls_free(wire);
        return status;
    }
    *wire_out = &wire->base;
    return HEDDLE_OK;
}
