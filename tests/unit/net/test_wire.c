/* test_wire.c: TCP and TLS over loopback: bytes both ways, ends, silences, and certificates that do or do not fit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
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
#include "net/tcp.h"
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
    bool version_6;   /* at [::1] */
    bool asks_back;   /* wants a certificate of the client's, signed by its own */
    bool knew_client; /* and got it */
};

static EVP_PKEY *key;
static X509 *certificate;
static char certificate_path[64];
static char key_path[64];
static char locked_key_path[64]; /* the same, under the password "secret" */

static void echo_tls(struct echo *echo, int socket)
{
    char bytes[4096];
    SSL *ssl = SSL_new(echo->context);
    SSL_set_fd(ssl, socket);
    if (SSL_accept(ssl) == 1) {
        int received = 0;
        X509 *client = SSL_get1_peer_certificate(ssl);
        echo->knew_client = client != NULL;
        X509_free(client);
        while ((received = SSL_read(ssl, bytes, sizeof bytes)) > 0 && !echo->leaves &&
               SSL_write(ssl, bytes, received) == received) {
        }
    }
    SSL_free(ssl);
}

static void *echo_run(void *context)
{
    char bytes[4096];
    struct echo *echo = context;
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

/* Listens where `echo` says; answers the port. */
static uint16_t echo_listen(struct echo *echo)
{
    struct sockaddr_in old = {.sin_family = AF_INET};
    struct sockaddr_in6 new = {.sin6_family = AF_INET6, .sin6_addr = in6addr_loopback};
    struct sockaddr *address = echo->version_6 ? (struct sockaddr *)&new : (struct sockaddr *)&old;
    socklen_t size = echo->version_6 ? sizeof new : sizeof old;
    old.sin_addr.s_addr = htonl(echo->address != 0 ? echo->address : INADDR_LOOPBACK);
    echo->listener = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(echo->listener, address, size), 0);
    assert_int_equal(listen(echo->listener, 1), 0);
    assert_int_equal(getsockname(echo->listener, address, &size), 0);
    return ntohs(echo->version_6 ? new.sin6_port : old.sin_port);
}

static void echo_start(struct echo *echo, bool tls)
{
    echo->context = NULL;
    if (tls) {
        echo->context = SSL_CTX_new(TLS_server_method());
        assert_int_equal(SSL_CTX_use_certificate(echo->context, certificate), 1);
        assert_int_equal(SSL_CTX_use_PrivateKey(echo->context, key), 1);
        /* What the client has to show is seen in the handshake itself with 1.2, with 1.3 only by what comes behind. */
        assert_int_equal(SSL_CTX_set_max_proto_version(echo->context, echo->asks_back ? TLS1_2_VERSION : 0),
                         1);
    }
    if (echo->asks_back) {
        assert_int_equal(SSL_CTX_load_verify_locations(echo->context, certificate_path, NULL), 1);
        SSL_CTX_set_verify(echo->context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    }
    echo->port = echo_listen(echo);
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

static int dial_as(const char *certificate_file, const char *key_file, const char *password, uint16_t port,
                   struct heddle_wire **wire_out, struct heddle_error *error)
{
    struct heddle_uri uri = {.tls = HEDDLE_URI_TLS_VERIFIED, .host = "localhost", .port = port};
    const struct heddle_wire_options options = {.connect_timeout_ms = PATIENCE_MS,
                                                .ca_file = certificate_path,
                                                .certificate_file = certificate_file,
                                                .key_file = key_file,
                                                .key_password = password};
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

static bool has_version_6(void)
{
    const struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_addr = in6addr_loopback};
    const int probe = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const bool works = probe >= 0 && bind(probe, (const struct sockaddr *)&address, sizeof address) == 0;
    if (probe >= 0) {
        close(probe);
    }
    return works;
}

static void addresses_of_version_6_are_dialled_plain_and_with_their_certificate(void **state)
{
    (void)state;
    if (!has_version_6()) {
        print_message("skipped: this machine has no [::1]\n");
        skip();
    }
    for (int tls = 0; tls <= 1; tls++) {
        struct echo echo = {.version_6 = true};
        struct heddle_wire *wire = NULL;
        struct heddle_error error = {0};
        echo_start(&echo, tls != 0);
        if (dial(tls ? "bolt+s" : "neo4j", "[::1]", echo.port, certificate_path, &wire, &error) !=
            HEDDLE_OK) {
            fail_msg("%s", error.message);
        }
        assert_echoes(wire, 100);
        heddle_wire_close(wire);
        echo_stop(&echo);
    }
}

static void who_we_are_is_shown_to_a_server_that_asks(void **state)
{
    (void)state;
    struct heddle_error error = {0};
    for (int locked = 0; locked <= 1; locked++) {
        struct echo echo = {.asks_back = true};
        struct heddle_wire *wire = NULL;
        echo_start(&echo, true);
        if (dial_as(certificate_path, locked ? locked_key_path : key_path, locked ? "secret" : NULL,
                    echo.port, &wire, &error) != HEDDLE_OK) {
            fail_msg("%s", error.message);
        }
        assert_echoes(wire, 100);
        heddle_wire_close(wire);
        echo_stop(&echo);
        assert_true(echo.knew_client);
    }
}

static void a_client_that_shows_nothing_or_has_no_key_gets_no_wire(void **state)
{
    (void)state;
    const struct {
        const char *certificate_file;
        const char *key_file;
        const char *password;
        int status;
        const char *says;
    } cases[] = {
        {NULL, NULL, NULL, HEDDLE_NETWORK, "TLS handshake with localhost:"},
        {"/nowhere/me.pem", key_path, NULL, HEDDLE_INVALID, "/nowhere/me.pem"},
        {certificate_path, "/nowhere/key.pem", NULL, HEDDLE_INVALID, "/nowhere/key.pem"},
        {certificate_path, locked_key_path, "wrong", HEDDLE_INVALID, "is its password right?"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct echo echo = {.asks_back = true};
        struct heddle_wire *wire = NULL;
        struct heddle_error error = {0};
        echo_start(&echo, true);
        assert_int_equal(dial_as(cases[i].certificate_file, cases[i].key_file, cases[i].password, echo.port,
                                 &wire, &error),
                         cases[i].status);
        assert_null(wire);
        assert_non_null(strstr(error.message, cases[i].says));
        assert_null(strstr(error.message, "wrong"));
        echo_stop(&echo);
    }
}

static void the_authorities_of_the_environment_count_where_no_file_is_named(void **state)
{
    (void)state;
    struct echo echo = {0};
    struct heddle_wire *wire = NULL;
    struct heddle_error error = {0};
    setenv("SSL_CERT_FILE", certificate_path, 1);
    echo_start(&echo, true);
    const int status = dial("bolt+s", "localhost", echo.port, NULL, &wire, &error);
    unsetenv("SSL_CERT_FILE");
    if (status != HEDDLE_OK) {
        fail_msg("%s", error.message);
    }
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

/* Where the queue of those who wait to be accepted is full, the system lets further ones wait without an answer. */
static void a_server_that_takes_no_connection_is_given_up_in_time(void **state)
{
    (void)state;
    enum { FILLERS = 4, CONNECT_MS = 50 };
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof address;
    struct heddle_wire *wire = NULL;
    struct heddle_error error = {0};
    char text[64];
    int fillers[FILLERS];
    struct heddle_uri uri;
    const struct heddle_wire_options options = {.connect_timeout_ms = CONNECT_MS};
    const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(listener, 0), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &size), 0);
    for (size_t i = 0; i < FILLERS; i++) {
        fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        (void)connect(fillers[i], (struct sockaddr *)&address, sizeof address);
    }
    snprintf(text, sizeof text, "bolt://127.0.0.1:%u", ntohs(address.sin_port));
    assert_int_equal(heddle_uri_parse(text, &uri, NULL), HEDDLE_OK);
    assert_int_equal(heddle_wire_connect(&uri, &options, &wire, &error), HEDDLE_NETWORK);
    assert_int_equal(error.action, HEDDLE_ACTION_RETRY);
    assert_non_null(strstr(error.message, "does a firewall let this port through?"));
    for (size_t i = 0; i < FILLERS; i++) {
        close(fillers[i]);
    }
    close(listener);
}

static int setting_of(int socket_fd, int level, int name)
{
    int value = -1;
    socklen_t size = sizeof value;
    assert_int_equal(getsockopt(socket_fd, level, name, &value, &size), 0);
    return value;
}

static void connections_are_kept_alive_unless_that_is_not_wanted_and_never_wait_to_send(void **state)
{
    (void)state;
    for (int silent = 0; silent <= 1; silent++) {
        struct echo echo = {0};
        struct heddle_uri uri = {.host = "127.0.0.1"};
        const struct heddle_wire_options options = {.connect_timeout_ms = PATIENCE_MS,
                                                    .no_keep_alive = silent != 0};
        int socket_fd = -1;
        echo_start(&echo, false);
        uri.port = echo.port;
        assert_int_equal(heddle_tcp_connect(&uri, &options, &socket_fd, NULL), HEDDLE_OK);
        assert_int_equal(setting_of(socket_fd, SOL_SOCKET, SO_KEEPALIVE), silent ? 0 : 1);
        assert_int_equal(setting_of(socket_fd, IPPROTO_TCP, TCP_KEEPIDLE), 60);
        assert_int_equal(setting_of(socket_fd, IPPROTO_TCP, TCP_NODELAY), 1);
        close(socket_fd);
        echo_stop(&echo);
    }
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

static void write_key(char path[static 64], const char *password)
{
    snprintf(path, sizeof key_path, "/tmp/heddle-test-XXXXXX");
    FILE *stream = fdopen(mkstemp(path), "w");
    assert_non_null(stream);
    assert_int_equal(PEM_write_PKCS8PrivateKey(stream, key, password != NULL ? EVP_aes_128_cbc() : NULL,
                                               password, password != NULL ? (int)strlen(password) : 0, NULL,
                                               NULL),
                     1);
    assert_int_equal(fclose(stream), 0);
}

/* A self-signed certificate for localhost, 127.0.0.1 and [::1], which is its own authority. */
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
        X509V3_EXT_conf_nid(NULL, &context, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1,IP:::1");
    assert_non_null(extension);
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
    assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
    snprintf(certificate_path, sizeof certificate_path, "/tmp/heddle-test-XXXXXX");
    FILE *stream = fdopen(mkstemp(certificate_path), "w");
    assert_non_null(stream);
    assert_int_equal(PEM_write_X509(stream, certificate), 1);
    write_key(key_path, NULL);
    write_key(locked_key_path, "secret");
    return fclose(stream);
}

static int tear_down(void **state)
{
    (void)state;
    unlink(certificate_path);
    unlink(key_path);
    unlink(locked_key_path);
    X509_free(certificate);
    EVP_PKEY_free(key);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_go_both_ways),
        cmocka_unit_test(an_ip_address_in_the_certificate_counts),
        cmocka_unit_test(addresses_of_version_6_are_dialled_plain_and_with_their_certificate),
        cmocka_unit_test(who_we_are_is_shown_to_a_server_that_asks),
        cmocka_unit_test(a_client_that_shows_nothing_or_has_no_key_gets_no_wire),
        cmocka_unit_test(the_authorities_of_the_environment_count_where_no_file_is_named),
        cmocka_unit_test(a_certificate_of_unknown_origin_is_refused_with_the_authorities_tried),
        cmocka_unit_test(a_certificate_for_another_host_is_refused),
        cmocka_unit_test(ssc_accepts_any_certificate),
        cmocka_unit_test(a_ca_file_that_is_not_there_is_named),
        cmocka_unit_test(tls_on_a_plain_port_is_explained),
        cmocka_unit_test(the_end_of_the_peer_is_an_error_and_not_a_signal),
        cmocka_unit_test(silence_beyond_the_limit_is_an_error),
        cmocka_unit_test(hosts_and_ports_that_do_not_answer_are_named),
        cmocka_unit_test(a_server_that_takes_no_connection_is_given_up_in_time),
        cmocka_unit_test(connections_are_kept_alive_unless_that_is_not_wanted_and_never_wait_to_send),
        cmocka_unit_test(failing_allocations_leave_nothing_behind),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
