/* http_script.c: see http_script.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "support/http_script.h"

enum { READ_BYTES = 65536, SILENCE_STEP_MS = 5 };

struct connection {
    struct http_script *script;
    int socket;
    struct heddle_buffer heard; /* from the start of the current request */
};

/* The server's own memory is not what tests make fail. */
static char *copy(const uint8_t *bytes, size_t length)
{
    char *text = malloc(length + 1);
    if (text == NULL) {
        abort();
    }
    memcpy(text, bytes, length);
    text[length] = '\0';
    return text;
}

const char *http_script_header(const struct http_script_request *request, const char *name, char *out,
                               size_t size)
{
    const size_t name_length = strlen(name);
    for (const char *line = strchr(request->head, '\n'); line != NULL; line = strchr(line, '\n')) {
        line++;
        if (strncasecmp(line, name, name_length) == 0 && line[name_length] == ':') {
            const char *value = line + name_length + 1;
            value += strspn(value, " ");
            snprintf(out, size, "%.*s", (int)strcspn(value, "\r\n"), value);
            return out;
        }
    }
    return NULL;
}

static bool hear_more(struct connection *connection)
{
    struct heddle_buffer *heard = &connection->heard;
    if (heard->capacity - heard->length < READ_BYTES) {
        heard->capacity = heard->length + 2 * READ_BYTES;
        heard->bytes = realloc(heard->bytes, heard->capacity);
        if (heard->bytes == NULL) {
            abort();
        }
    }
    const ssize_t received = recv(connection->socket, heard->bytes + heard->length, READ_BYTES, 0);
    if (received <= 0) {
        return false;
    }
    heard->length += (size_t)received;
    return true;
}

/* The next whole request, NULL when the client has gone. */
static struct http_script_request *hear(struct connection *connection)
{
    struct heddle_buffer *heard = &connection->heard;
    const uint8_t *end = NULL;
    while ((end = heard->length < 4 ? NULL : memmem(heard->bytes, heard->length, "\r\n\r\n", 4)) == NULL) {
        if (!hear_more(connection)) {
            return NULL;
        }
    }
    const size_t head_length = (size_t)(end - heard->bytes) + 4;
    struct http_script_request *request = calloc(1, sizeof *request);
    if (request == NULL) {
        abort();
    }
    request->head = copy(heard->bytes, head_length);
    char number[24];
    if (http_script_header(request, "content-length", number, sizeof number) != NULL) {
        request->body_length = strtoul(number, NULL, 10);
    }
    while (heard->length < head_length + request->body_length) {
        if (!hear_more(connection)) {
            free(request->head);
            free(request);
            return NULL;
        }
    }
    request->body = copy(heard->bytes + head_length, request->body_length);
    (void)sscanf(request->head, "%15s %255s", request->method, request->target);
    const size_t used = head_length + request->body_length;
    memmove(heard->bytes, heard->bytes + used, heard->length - used);
    heard->length -= used;
    return request;
}

static bool say(int socket, const char *bytes, size_t length)
{
    while (length > 0) {
        const ssize_t sent = send(socket, bytes, length, MSG_NOSIGNAL);
        if (sent <= 0) {
            return false;
        }
        bytes += sent;
        length -= (size_t)sent;
    }
    return true;
}

static bool is_stopping(struct http_script *script)
{
    pthread_mutex_lock(&script->mutex);
    const bool stopping = script->stopping;
    pthread_mutex_unlock(&script->mutex);
    return stopping;
}

/* False: the connection is over. */
static bool answer(const struct connection *connection, const struct http_script_answer *what)
{
    const char *body = what->body == NULL ? "" : what->body;
    const size_t length = what->body_length != 0 ? what->body_length : strlen(body);
    char head[2048];
    for (int waited = 0; waited < what->delay_ms && !is_stopping(connection->script);
         waited += SILENCE_STEP_MS) {
        heddle_clock_sleep_ms(SILENCE_STEP_MS);
    }
    switch (what->end) {
    case HTTP_SCRIPT_HANG_UP: return false;
    case HTTP_SCRIPT_SILENT:
        while (!is_stopping(connection->script)) {
            heddle_clock_sleep_ms(SILENCE_STEP_MS);
        }
        return false;
    case HTTP_SCRIPT_RAW: (void)say(connection->socket, body, length); return false;
    default: break;
    }
    const int head_length =
        snprintf(head, sizeof head, "HTTP/1.1 %d Scripted\r\nContent-Length: %zu\r\n%s\r\n",
                 what->status == 0 ? 200 : what->status, length, what->head == NULL ? "" : what->head);
    const bool cut = what->end == HTTP_SCRIPT_CUT;
    return say(connection->socket, head, (size_t)head_length) &&
           say(connection->socket, body, cut ? length / 2 : length) && !cut;
}

/* Notes the request and answers its number. */
static size_t note(struct http_script *script, struct http_script_request *request)
{
    pthread_mutex_lock(&script->mutex);
    const size_t number = script->count;
    if (number == HTTP_SCRIPT_REQUESTS_MAX) {
        abort(); /* a client that asks without end */
    }
    script->requests[script->count++] = request;
    script->in_flight++;
    if (script->in_flight > script->in_flight_max) {
        script->in_flight_max = script->in_flight;
    }
    pthread_mutex_unlock(&script->mutex);
    return number;
}

static void *serve(void *context)
{
    struct connection *connection = context;
    struct http_script *script = connection->script;
    struct heddle_buffer scratch = {0};
    struct http_script_request *request = NULL;
    bool open = true;
    while (open && (request = hear(connection)) != NULL) {
        struct http_script_answer made = {0};
        const struct http_script_answer *what = &made;
        const size_t number = note(script, request);
        if (script->handler != NULL) {
            heddle_buffer_reset(&scratch);
            script->handler(script->context, request, &made, &scratch);
        } else {
            what = &script->answers[number < script->answer_count ? number : script->answer_count - 1];
        }
        open = answer(connection, what);
        pthread_mutex_lock(&script->mutex);
        script->in_flight--;
        pthread_mutex_unlock(&script->mutex);
    }
    shutdown(connection->socket, SHUT_RDWR); /* closed by stop(): its number must not be reused before */
    free(connection->heard.bytes);
    heddle_buffer_free(&scratch);
    free(connection);
    return NULL;
}

static void *accept_all(void *context)
{
    struct http_script *script = context;
    for (;;) {
        const int now = 1;
        const int socket = accept(script->listener, NULL, NULL);
        if (socket < 0) {
            return NULL;
        }
        (void)setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &now, sizeof now); /* else 40 ms an answer */
        struct connection *connection = calloc(1, sizeof *connection);
        pthread_mutex_lock(&script->mutex);
        const int number = script->connections;
        if (connection == NULL || script->stopping || number == HTTP_SCRIPT_CONNECTIONS_MAX) {
            close(socket);
            free(connection);
        } else {
            *connection = (struct connection){.script = script, .socket = socket};
            script->sockets[number] = socket;
            if (pthread_create(&script->threads[number], NULL, serve, connection) != 0) {
                abort();
            }
            script->connections++;
        }
        pthread_mutex_unlock(&script->mutex);
    }
}

static void start(struct http_script *script)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof address;
    pthread_mutex_init(&script->mutex, NULL);
    script->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(script->listener >= 0);
    assert_int_equal(bind(script->listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(script->listener, 128), 0);
    assert_int_equal(getsockname(script->listener, (struct sockaddr *)&address, &size), 0);
    script->port = ntohs(address.sin_port);
    assert_int_equal(pthread_create(&script->thread, NULL, accept_all, script), 0);
}

void http_script_start(struct http_script *script, const struct http_script_answer *answers, size_t count)
{
    *script = (struct http_script){.answers = answers, .answer_count = count};
    start(script);
}

void http_script_start_handler(struct http_script *script, http_script_handler *handler, void *context)
{
    *script = (struct http_script){.handler = handler, .context = context};
    start(script);
}

const char *http_script_url(const struct http_script *script, const char *path,
                            char out[static HTTP_SCRIPT_URL_MAX])
{
    snprintf(out, HTTP_SCRIPT_URL_MAX, "http://127.0.0.1:%u%s", script->port, path);
    return out;
}

size_t http_script_count(struct http_script *script)
{
    pthread_mutex_lock(&script->mutex);
    const size_t count = script->count;
    pthread_mutex_unlock(&script->mutex);
    return count;
}

const struct http_script_request *http_script_request(struct http_script *script, size_t i)
{
    pthread_mutex_lock(&script->mutex);
    const struct http_script_request *request = i < script->count ? script->requests[i] : NULL;
    pthread_mutex_unlock(&script->mutex);
    return request;
}

void http_script_stop(struct http_script *script)
{
    pthread_mutex_lock(&script->mutex);
    script->stopping = true;
    shutdown(script->listener, SHUT_RDWR); /* ends a last accept() */
    for (int i = 0; i < script->connections; i++) {
        shutdown(script->sockets[i], SHUT_RDWR);
    }
    pthread_mutex_unlock(&script->mutex);
    pthread_join(script->thread, NULL);
    for (int i = 0; i < script->connections; i++) {
        pthread_join(script->threads[i], NULL);
        close(script->sockets[i]);
    }
    close(script->listener);
}

void http_script_free(struct http_script *script)
{
    for (size_t i = 0; i < script->count; i++) {
        free(script->requests[i]->head);
        free(script->requests[i]->body);
        free(script->requests[i]);
    }
    script->count = 0;
    pthread_mutex_destroy(&script->mutex);
}
