/* http.c: the client's pool of transfer handles, and what is kept of an answer. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "net/http_parts.h"
#include "net/tls.h"

/* Idle handles (each with its open connections) kept for later; more than any endpoint's concurrency here. */
enum { IDLE_MAX = 64 };

struct heddle_http_client {
    pthread_mutex_t mutex; /* guards idle and idle_count */
    CURL *idle[IDLE_MAX];
    size_t idle_count;
    int connect_timeout_ms;
    char *ca_file;
    char *proxy;
};

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;
static CURLcode curl_started = CURLE_FAILED_INIT; /* written once, by curl_start() */

static void curl_start(void)
{
    curl_started = curl_global_init(CURL_GLOBAL_DEFAULT);
}

static int copy_text(const char *text, char **copy_out, struct heddle_error *error)
{
    if (text != NULL) {
        *copy_out = heddle_strdup(text);
        if (*copy_out == NULL) {
            return heddle_error_out_of_memory(error);
        }
    }
    return HEDDLE_OK;
}

int heddle_http_client_create(const struct heddle_http_options *options,
                              struct heddle_http_client **client_out, struct heddle_error *error)
{
    const struct heddle_http_options none = {0};
    const struct heddle_http_options *asked = options == NULL ? &none : options;
    pthread_once(&curl_once, curl_start);
    if (curl_started != CURLE_OK) {
        return heddle_error_set(error, HEDDLE_INTERNAL, "libcurl cannot start: %s",
                                curl_easy_strerror(curl_started));
    }
    struct heddle_http_client *client = heddle_calloc(1, sizeof *client);
    if (client == NULL) {
        return heddle_error_out_of_memory(error);
    }
    pthread_mutex_init(&client->mutex, NULL);
    client->connect_timeout_ms =
        asked->connect_timeout_ms > 0 ? asked->connect_timeout_ms : HEDDLE_HTTP_CONNECT_TIMEOUT_MS;
    int status = copy_text(heddle_tls_authorities_path(asked->ca_file), &client->ca_file, error);
    if (status == HEDDLE_OK) {
        status = copy_text(asked->proxy, &client->proxy, error);
    }
    if (status != HEDDLE_OK) {
        heddle_http_client_destroy(client);
        return status;
    }
    *client_out = client;
    return HEDDLE_OK;
}

void heddle_http_client_destroy(struct heddle_http_client *client)
{
    if (client == NULL) {
        return;
    }
    for (size_t i = 0; i < client->idle_count; i++) {
        curl_easy_cleanup(client->idle[i]);
    }
    pthread_mutex_destroy(&client->mutex);
    free(client->ca_file);
    free(client->proxy);
    free(client);
}

CURL *heddle_http_handle_take(struct heddle_http_client *client)
{
    CURL *handle = NULL;
    pthread_mutex_lock(&client->mutex);
    if (client->idle_count > 0) {
        handle = client->idle[--client->idle_count]; /* the one used last has the warmest connection */
    }
    pthread_mutex_unlock(&client->mutex);
    if (handle == NULL) {
        handle = curl_easy_init();
    }
    if (handle != NULL) {
        curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT_MS, (long)client->connect_timeout_ms);
        if (client->proxy != NULL) {
            curl_easy_setopt(handle, CURLOPT_PROXY, client->proxy);
        }
        if (client->ca_file != NULL) {
            curl_easy_setopt(handle, CURLOPT_CAINFO, client->ca_file);
        }
    }
    return handle;
}

void heddle_http_handle_give(struct heddle_http_client *client, CURL *handle)
{
    curl_easy_reset(handle); /* keeps the connections, forgets what points into the caller's stack */
    pthread_mutex_lock(&client->mutex);
    if (client->idle_count < IDLE_MAX) {
        client->idle[client->idle_count++] = handle;
        handle = NULL;
    }
    pthread_mutex_unlock(&client->mutex);
    curl_easy_cleanup(handle); /* NULL is a no-op */
}

const char *heddle_http_ca_file(const struct heddle_http_client *client)
{
    return client->ca_file;
}

/* The sink of heddle_http_perform(): a buffer. */
struct buffer_sink {
    struct heddle_http_sink base;
    struct heddle_buffer *buffer;
};

static int buffer_write(struct heddle_http_sink *base, const uint8_t *bytes, size_t length,
                        struct heddle_error *error)
{
    const struct buffer_sink *sink = (const struct buffer_sink *)base;
    heddle_buffer_append(sink->buffer, bytes, length);
    return heddle_buffer_check(sink->buffer, error);
}

static int buffer_restart(struct heddle_http_sink *base, struct heddle_error *error)
{
    const struct buffer_sink *sink = (const struct buffer_sink *)base;
    (void)error;
    heddle_buffer_reset(sink->buffer);
    return HEDDLE_OK;
}

int heddle_http_perform(struct heddle_http_client *client, const struct heddle_http_request *request,
                        struct heddle_http_response *response_out, struct heddle_error *error)
{
    struct buffer_sink sink = {.base = {.write = buffer_write, .restart = buffer_restart},
                               .buffer = &response_out->body};
    struct heddle_http_request limited = *request;
    if (limited.response_bytes_max == 0) {
        limited.response_bytes_max = HEDDLE_HTTP_RESPONSE_BYTES_MAX;
    }
    if (limited.timeout_ms == 0) {
        limited.timeout_ms = HEDDLE_HTTP_TIMEOUT_MS;
    }
    return heddle_http_transfer(client, &limited, &sink.base, response_out, error);
}

bool heddle_http_response_header(const struct heddle_http_response *response, const char *name, char *out,
                                 size_t size)
{
    const size_t name_length = strlen(name);
    const char *at = (const char *)response->headers.bytes;
    const char *end = at == NULL ? NULL : at + response->headers.length;
    bool found = false;
    out[0] = '\0';
    while (at < end) {
        const char *line_end = memchr(at, '\n', (size_t)(end - at));
        line_end = line_end == NULL ? end : line_end;
        if ((size_t)(line_end - at) > name_length && at[name_length] == ':' &&
            memcmp(at, name, name_length) == 0) {
            const char *value = at + name_length + 1;
            value += *value == ' ' ? 1 : 0;
            const size_t length = (size_t)(line_end - value) < size ? (size_t)(line_end - value) : size - 1;
            memcpy(out, value, length);
            out[length] = '\0';
            found = true;
        }
        at = line_end + 1;
    }
    return found;
}

void heddle_http_response_free(struct heddle_http_response *response)
{
    if (response != NULL) {
        heddle_buffer_free(&response->body);
        heddle_buffer_free(&response->headers);
        response->status = 0;
    }
}
