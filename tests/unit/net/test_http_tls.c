/* test_http_tls.c: the HTTP client believes only certificates that it has reason to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "net/http.h"

static EVP_PKEY *key;
static X509 *certificate;
static char certificate_path[64];

/* An HTTPS server of one connection and one answer; keeps what it heard. */
struct server {
    pthread_t thread;
    int listener;
    uint16_t port;
    SSL_CTX *context;
    char heard[2048]; /* "" if the client left before it said anything */
};

static void *serve(void *context)
{
    static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
    struct server *server = context;
    sigset_t pipe_set; /* of this thread alone: the client must do without */
    sigemptyset(&pipe_set);
    sigaddset(&pipe_set, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_set, NULL);
    const int socket = accept(server->listener, NULL, NULL);
    if (socket < 0) {
        return NULL;
    }
    SSL *ssl = SSL_new(server->context);
    SSL_set_fd(ssl, socket);
    if (SSL_accept(ssl) == 1 && SSL_read(ssl, server->heard, sizeof server->heard - 1) > 0) {
        SSL_write(ssl, answer, sizeof answer - 1);
        SSL_shutdown(ssl);
    }
    SSL_free(ssl);
    close(socket);
    return NULL;
}

static void start(struct server *server)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof address;
    *server = (struct server){.context = SSL_CTX_new(TLS_server_method())};
    assert_int_equal(SSL_CTX_use_certificate(server->context, certificate), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(server->context, key), 1);
    server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(server->listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(server->listener, 1), 0);
    assert_int_equal(getsockname(server->listener, (struct sockaddr *)&address, &size), 0);
    server->port = ntohs(address.sin_port);
    assert_int_equal(pthread_create(&server->thread, NULL, serve, server), 0);
}

static void stop(struct server *server)
{
    shutdown(server->listener, SHUT_RDWR);
    pthread_join(server->thread, NULL);
    close(server->listener);
    SSL_CTX_free(server->context);
}

/* Asks https://HOST for something, with a secret. */
static int ask(struct server *server, const char *host, const char *ca_file, struct heddle_error *error)
{
    const struct heddle_http_options options = {.proxy = "", .ca_file = ca_file};
    struct heddle_http_client *client = NULL;
    struct heddle_http_response response = {0};
    char url[128];
    *error = (struct heddle_error){0};
    start(server);
    snprintf(url, sizeof url, "https://%s:%u/", host, server->port);
    const struct heddle_http_request request = {.url = url, .authorization = "Bearer swordfish"};
    assert_int_equal(heddle_http_client_create(&options, &client, error), HEDDLE_OK);
    const int status = heddle_http_perform(client, &request, &response, error);
    assert_true(status != HEDDLE_OK || response.body.length == 2);
    heddle_http_response_free(&response);
    heddle_http_client_destroy(client);
    stop(server);
    return status;
}

static void a_certificate_of_the_authority_given_is_believed(void **state)
{
    (void)state;
    struct server server;
    struct heddle_error error;
    assert_int_equal(ask(&server, "127.0.0.1", certificate_path, &error), HEDDLE_OK);
    assert_non_null(strstr(server.heard, "Bearer swordfish"));
}

static void a_certificate_of_nobody_known_is_refused_before_anything_is_said(void **state)
{
    (void)state;
    struct server server;
    struct heddle_error error;
    assert_int_equal(ask(&server, "127.0.0.1", NULL, &error), HEDDLE_NETWORK);
    assert_string_equal(server.heard, "");
    assert_int_equal(error.action, HEDDLE_ACTION_FATAL); /* trying again makes it no better */
    assert_non_null(strstr(error.message, "certificate of 127.0.0.1:"));
    assert_non_null(strstr(error.message, "authorities: "));
}

static void a_certificate_of_another_host_is_refused(void **state)
{
    (void)state;
    struct server server;
    struct heddle_error error;
    assert_int_equal(ask(&server, "localhost", certificate_path, &error), HEDDLE_NETWORK);
    assert_string_equal(server.heard, "");
    assert_non_null(strstr(error.message, "certificate of localhost:"));
}

static void a_file_of_authorities_that_is_none_is_named(void **state)
{
    (void)state;
    struct server server;
    struct heddle_error error;
    assert_int_equal(ask(&server, "127.0.0.1", "/nonexistent/ca.pem", &error), HEDDLE_INVALID);
    assert_non_null(strstr(error.message, "/nonexistent/ca.pem"));
}

/* A certificate for 127.0.0.1 that is its own authority. */
static int make_certificate(void **state)
{
    (void)state;
    X509_NAME *name = NULL;
    key = EVP_EC_gen("P-256");
    certificate = X509_new();
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_set_pubkey(certificate, key);
    name = X509_get_subject_name(certificate);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"heddle test", -1, -1, 0);
    X509_set_issuer_name(certificate, name);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "IP:127.0.0.1");
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
    if (X509_sign(certificate, key, EVP_sha256()) == 0) {
        return -1;
    }
    snprintf(certificate_path, sizeof certificate_path, "/tmp/heddle-http-tls-XXXXXX");
    const int file = mkstemp(certificate_path);
    FILE *stream = file < 0 ? NULL : fdopen(file, "w");
    if (stream == NULL) {
        return -1;
    }
    const int written = PEM_write_X509(stream, certificate);
    return fclose(stream) == 0 && written == 1 ? 0 : -1;
}

static int drop_certificate(void **state)
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
        cmocka_unit_test(a_certificate_of_the_authority_given_is_believed),
        cmocka_unit_test(a_certificate_of_nobody_known_is_refused_before_anything_is_said),
        cmocka_unit_test(a_certificate_of_another_host_is_refused),
        cmocka_unit_test(a_file_of_authorities_that_is_none_is_named),
    };
    return cmocka_run_group_tests(tests, make_certificate, drop_certificate);
}
