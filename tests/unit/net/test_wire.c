/* test_wire.c: TCP and TLS over loopback: bytes both ways, ends, silences, and certificates that do or do not fit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "base/memory.h"
#include "net/wire.h"

enum { PATIENCE_MS = 20000 };

/* A server of one connection that sends back what it gets. */
struct echo {
    pthread_t thread;
    int listener;
    uint16_t port;
    SSL_CTX *context; /* NULL = plain */
    bool silent;      /* takes the connection and says nothing */
    bool leaves;      /* goes after the first bytes, without a word */
    uint32_t address; /* to listen at; 0 = 127.0.0.1 */
};

static EVP_PKEY *key;
static X509 *certificate;
static char certificate_path[64];

static void echo_tls(const struct echo *echo, int socket)
{
    char bytes[4096];
    SSL *ssl = SSL_new(echo->context);
    SSL_set_fd(ssl, socket);
    if (SSL_accept(ssl) == 1) {
        int received = 0;
        while ((received = SSL_read(ssl, bytes, sizeof bytes)) > 0 && !echo->leaves &&
               SSL_write(ssl, bytes, received) == received) {
        }
    }
    SSL_free(ssl);
}

static void *echo_run(void *context)
{
    char bytes[4096];
    const struct echo *echo = context;
    const int socket = accept(echo->listener, NULL, NULL);
    ssize_t received = 0;
    if (socket < 0) {
        return NULL;
    }
    if (echo->context != NULL) {
        echo_tls(echo, socket);
    } else {
        while ((received = recv(socket, bytes, sizeof bytes, 0)) > 0 && !echo->leaves) {
            if (!echo->silent && send(socket, bytes, (size_t)received, MSG_NOSIGNAL) != received) {
                break;
            }
        }
    }
    close(socket);
    return NULL;
}

static void echo_start(struct echo *echo, bool tls)
{
    const uint32_t host = echo->address != 0 ? echo->address : INADDR_LOOPBACK;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(host)}};
    socklen_t size = sizeof address;
    echo->context = NULL;
    if (tls) {
        echo->context = SSL_CTX_new(TLS_server_method());
        assert_int_equal(SSL_CTX_use_certificate(echo->context, certificate), 1);
        assert_int_equal(SSL_CTX_use_PrivateKey(echo->context, key), 1);
    }
    echo->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(echo->listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(echo->listener, 1), 0);
    assert_int_equal(getsockname(echo->listener, (struct sockaddr *)&address, &size), 0);
    echo->port = ntohs(address.sin_port);
    assert_int_equal(pthread_create(&echo->thread, NULL, echo_run, echo), 0);
}

static void echo_stop(struct echo *echo)
{
    shutdown(echo->listener, SHUT_RDWR);
    pthread_join(echo->thread, NULL);
    close(echo->listener);
    SSL_CTX_free(echo->context);
}

static int dial(const char *scheme, const char *host, uint16_t port, const char *ca_file,
                struct heddle_wire **wire_out, struct heddle_error *error)
{
    char text[128];
    struct heddle_uri uri;
    const struct heddle_wire_options options = {.connect_timeout_ms = PATIENCE_MS, .ca_file = ca_file};
    snprintf(text, sizeof text, "%s://%s:%u", scheme, host, port);
    assert_int_equal(heddle_uri_parse(text, &uri, NULL), HEDDLE_OK);
    return heddle_wire_connect(&uri, &options, wire_out, error);
}

/* Sends `length` bytes and reads them back, both at once as a client must. */
static void assert_echoes(struct heddle_wire *wire, size_t length)
{
    uint8_t *out = malloc(length);
    uint8_t *in = malloc(length);
    size_t sent = 0;
    size_t received = 0;
    assert_true(out != NULL && in != NULL);
    for (size_t i = 0; i < length; i++) {
        out[i] = (uint8_t)(i * 31 + i / 251);
    }
    while (received < length) {
        size_t part = 0;
        if (sent < length) {
            assert_int_equal(heddle_wire_send(wire, out + sent, length - sent, &part, NULL), HEDDLE_OK);
            sent += part;
        }
        assert_int_equal(heddle_wire_receive(wire, in + received, length - received, &part, NULL), HEDDLE_OK);
        received += part;
        if (part == 0) {
            assert_int_equal(heddle_wire_wait(wire, sent < length, PATIENCE_MS, NULL), HEDDLE_OK);
        }
    }
    assert_memory_equal(out, in, length);
    free(out);
    free(in);
}

static void bytes_go_both_ways(void **state)
{
    (void)state;
    for (int tls = 0; tls <= 1; tls++) {
        struct echo echo = {0};
        struct heddle_wire *wire = NULL;
        struct heddle_error error = {0};
        echo_start(&echo, tls != 0);
        if (dial(tls ? "bolt+s" : "bolt", "localhost", echo.port, certificate_path, &wire, &error) !=
            HEDDLE_OK) {
            fail_msg("%s", error.message);
        }
        assert_echoes(wire, 1);
        assert_echoes(wire, 3 * 1024 * 1024 + 17);
        heddle_wire_close(wire);
        echo_stop(&echo);
    }
    heddle_wire_close(NULL);
}

static void an_ip_address_in_the_certificate_counts(void **state)
{
    (void)state;
    struct echo echo = {0};
    struct heddle_wire *wire = NULL;
    echo_start(&echo, true);
    assert_int_equal(dial("neo4j+s", "127.0.0.1", echo.port, certificate_path, &wire, NULL), HEDDLE_OK);
    assert_echoes(wire, 100);
    heddle_wire_close(wire);
    echo_stop(&echo);
}

static void a_certificate_of_unknown_origin_is_refused_with_the_authorities_tried(void **state)
{
    (void)state;
    struct echo echo = {0};
    struct heddle_wire *wire = NULL;
    struct heddle_error error = {0};
    /* Trust another key than the server's. */
    char other[] = "/tmp/heddle-test-ca-XXXXXX";
    const int file = mkstemp(other);
    assert_true(file >= 0);
    EVP_PKEY *other_key = EVP_RSA_gen(2048);
    X509 *other_certificate = X509_dup(certificate);
    X509_set_pubkey(other_certificate, other_key);
    assert_true(X509_sign(other_certificate, other_key, EVP_sha256()) > 0);
    FILE *stream = fdopen(file, "w");
    assert_non_null(stream);
    assert_int_equal(PEM_write_X509(stream, other_certificate), 1);
    fclose(stream);
    X509_free(other_certificate);
    EVP_PKEY_free(other_key);

    echo_start(&echo, true);
    assert_int_equal(dial("bolt+s", "localhost", echo.port, other, &wire, &error), HEDDLE_NETWORK);
    assert_non_null(strstr(error.message, "is not trusted"));
    assert_non_null(strstr(error.message, other));
    assert_int_equal(error.action, HEDDLE_ACTION_FATAL);
    echo_stop(&echo);
    unlink(other);
}

static void a_certificate_for_another_host_is_refused(void **state)
{
    (void)state;
    struct echo echo = {.address = INADDR_LOOPBACK + 1}; /* 127.0.0.2: not in the certificate */
    struct heddle_wire *wire = NULL;
    struct heddle_error error = {0};
    echo_start(&echo, true);
    assert_int_equal(dial("bolt+s", "127.0.0.2", echo.port, certificate_path, &wire, &error), HEDDLE_NETWORK);
    assert_non_null(strstr(error.message, "IP address mismatch"));
    echo_stop(&echo);
}

static void ssc_accepts_any_certificate(void **state)
{
    (void)state;
    struct echo echo = {0};
    struct heddle_wire *wire = NULL;
    echo_start(&echo, true);
    assert_int_equal(dial("bolt+ssc", "127.0.0.1", echo.port, NULL, &wire, NULL), HEDDLE_OK);
    assert_echoes(wire, 10);
    heddle_wire_close(wire);
    echo_stop(&echo);
}

static void a_ca_file_that_is_not_there_is_named(void **state)
{
    (void)state;
    struct echo echo = {0};
    struct heddle_wire *wire = NULL;
    struct heddle_error error = {0};
    echo_start(&echo, true);
    assert_int_equal(dial("bolt+s", "localhost", echo.port, "/nowhere/ca.pem", &wire, &error),
                     HEDDLE_INVALID);
    assert_non_null(strstr(error.message, "/nowhere/ca.pem"));
    echo_stop(&echo);
}

static void tls_on_a_plain_port_is_explained(void **state)
{
    (void)state;
    struct echo echo = {0};
    struct heddle_wire *wire = NULL;
    struct heddle_error error = {0};
    echo_start(&echo, false); /* sends the client's own hello back */
    assert_int_equal(dial("bolt+ssc", "localhost", echo.port, NULL, &wire, &error), HEDDLE_NETWORK);
    assert_non_null(strstr(error.message, "does this port speak TLS?"));
    echo_stop(&echo);
}

static void the_end_of_the_peer_is_an_error_and_not_a_signal(void **state)
{
    (void)state;
    for (int tls = 0; tls <= 1; tls++) {
        struct echo echo = {.leaves = true};
        struct heddle_wire *wire = NULL;
        struct heddle_error error = {0};
        static uint8_t bytes[100000];
        size_t moved = 0;
        int status = HEDDLE_OK;
        echo_start(&echo, tls != 0);
        assert_int_equal(dial(tls ? "bolt+ssc" : "bolt", "localhost", echo.port, NULL, &wire, NULL),
                         HEDDLE_OK);
        while (status == HEDDLE_OK) {
            status = heddle_wire_send(wire, bytes, sizeof bytes, &moved, &error);
            if (status == HEDDLE_OK && moved == 0) {
                status = heddle_wire_wait(wire, true, PATIENCE_MS, &error);
            }
        }
        assert_int_equal(status, HEDDLE_NETWORK);
        assert_int_equal(error.action, HEDDLE_ACTION_RETRY);
        assert_non_null(strstr(error.message, "connection to localhost:"));
        assert_int_equal(heddle_wire_receive(wire, bytes, sizeof bytes, &moved, &error), HEDDLE_NETWORK);
        heddle_wire_close(wire);
        echo_stop(&echo);
    }
}

static void silence_beyond_the_limit_is_an_error(void **state)
{
    (void)state;
    struct echo echo = {.silent = true};
    struct heddle_wire *wire = NULL;
    struct heddle_error error = {0};
    echo_start(&echo, false);
    assert_int_equal(dial("bolt", "localhost", echo.port, NULL, &wire, NULL), HEDDLE_OK);
    assert_int_equal(heddle_wire_wait(wire, false, 20, &error), HEDDLE_NETWORK);
    assert_non_null(strstr(error.message, "nothing heard for 0.020 s"));
    assert_int_equal(heddle_wire_wait(wire, true, PATIENCE_MS, &error),
                     HEDDLE_OK); /* sending would be possible */
    heddle_wire_close(wire);
    echo_stop(&echo);
}

static void hosts_and_ports_that_do_not_answer_are_named(void **state)
{
    (void)state;
    struct echo echo = {0};
    struct heddle_wire *wire = NULL;
    struct heddle_error error = {0};
    char address[32];
    echo_start(&echo, false);
    echo_stop(&echo);
    assert_int_equal(dial("bolt", "127.0.0.1", echo.port, NULL, &wire, &error), HEDDLE_NETWORK);
    snprintf(address, sizeof address, "127.0.0.1:%u", echo.port);
    assert_non_null(strstr(error.message, address));
    assert_non_null(strstr(error.message, "is the server running"));
    assert_int_equal(dial("bolt", "no-such-host.invalid", 7687, NULL, &wire, &error), HEDDLE_NETWORK);
    assert_non_null(strstr(error.message, "cannot find the host of no-such-host.invalid:7687"));
}

static void failing_allocations_leave_nothing_behind(void **state)
{
    (void)state;
    for (int tls = 0; tls <= 1; tls++) {
        struct echo echo = {0};
        struct heddle_wire *wire = NULL;
        echo_start(&echo, tls != 0);
        heddle_memory_fail_at(0);
        const int status = dial(tls ? "bolt+ssc" : "bolt", "localhost", echo.port, NULL, &wire, NULL);
        heddle_memory_fail_at(-1);
        assert_int_equal(status, HEDDLE_OUT_OF_MEMORY);
        assert_null(wire);
        echo_stop(&echo);
    }
}

/* A self-signed certificate for localhost and 127.0.0.1, which is its own authority. */
static int set_up(void **state)
{
    (void)state;
    X509V3_CTX context;
    key = EVP_RSA_gen(2048);
    certificate = X509_new();
    assert_true(key != NULL && certificate != NULL);
    X509_set_version(certificate, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 86400);
    X509_set_pubkey(certificate, key);
    X509_NAME *name = X509_get_subject_name(certificate);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"heddle test", -1, -1, 0);
    X509_set_issuer_name(certificate, name);
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, certificate, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension =
        X509V3_EXT_conf_nid(NULL, &context, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1");
    assert_non_null(extension);
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
    assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
    snprintf(certificate_path, sizeof certificate_path, "/tmp/heddle-test-XXXXXX");
    FILE *stream = fdopen(mkstemp(certificate_path), "w");
    assert_non_null(stream);
    assert_int_equal(PEM_write_X509(stream, certificate), 1);
    return fclose(stream);
}

static int tear_down(void **state)
{
    (void)state;
    unlink(certificate_path);
    X509_free(certificate);
    EVP_PKEY_free(key);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_go_both_ways),
        cmocka_unit_test(an_ip_address_in_the_certificate_counts),
        cmocka_unit_test(a_certificate_of_unknown_origin_is_refused_with_the_authorities_tried),
        cmocka_unit_test(a_certificate_for_another_host_is_refused),
        cmocka_unit_test(ssc_accepts_any_certificate),
        cmocka_unit_test(a_ca_file_that_is_not_there_is_named),
        cmocka_unit_test(tls_on_a_plain_port_is_explained),
        cmocka_unit_test(the_end_of_the_peer_is_an_error_and_not_a_signal),
        cmocka_unit_test(silence_beyond_the_limit_is_an_error),
        cmocka_unit_test(hosts_and_ports_that_do_not_answer_are_named),
        cmocka_unit_test(failing_allocations_leave_nothing_behind),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
