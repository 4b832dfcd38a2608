/* http_script.h: an HTTP/1.1 server on loopback that plays a script, and remembers what it was asked.
 *
 * Either a list of answers, given in the order in which requests come (the last one again and again), or a function that
 * looks at each request. Connections are kept alive; each has a thread, so that what a client does at once is seen.
 *
 *     static const struct http_script_answer answers[] = {{.status = 429, .head = "Retry-After: 3\r\n"}, {.body = "[]"}};
 *     http_script_start(&script, answers, 2);
 *     … the client asks http_script_url(&script, "/embed", url) …
 *     http_script_stop(&script);
 *     http_script_request(&script, 0)->body …
 *     http_script_free(&script);
 */
#ifndef HEDDLE_TESTS_SUPPORT_HTTP_SCRIPT_H
#define HEDDLE_TESTS_SUPPORT_HTTP_SCRIPT_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

enum { HTTP_SCRIPT_CONNECTIONS_MAX = 256, HTTP_SCRIPT_REQUESTS_MAX = 4096, HTTP_SCRIPT_URL_MAX = 256 };

enum http_script_end {
    HTTP_SCRIPT_WHOLE = 0,
    HTTP_SCRIPT_CUT,     /* says how long the body is, sends half of it and hangs up */
    HTTP_SCRIPT_HANG_UP, /* hangs up without a word */
    HTTP_SCRIPT_RAW,     /* sends body as it is, no status line, and hangs up */
    HTTP_SCRIPT_SILENT,  /* keeps the connection and says nothing until the server stops */
};

struct http_script_answer {
    int status;         /* 0 = 200 */
    const char *head;   /* more header lines, each ending in "\r\n", or NULL */
    const char *body;   /* NULL = "" */
    size_t body_length; /* 0 = its strlen */
    int delay_ms;       /* before answering */
    enum http_script_end end;
};

struct http_script_request {
    char *head; /* request line and header lines, as they came */
    char *body; /* NUL-terminated */
    size_t body_length;
    char method[16];
    char target[256]; /* path and query */
};

/* Answers one request: fills `answer`; a body that must be made goes into `scratch`, which lives until it is sent. Called by
 * many threads at once. */
typedef void http_script_handler(void *context, const struct http_script_request *request,
                                 struct http_script_answer *answer, struct heddle_buffer *scratch);

struct http_script {
    uint16_t port;
    const struct http_script_answer *answers;
    size_t answer_count;
    http_script_handler *handler;
    void *context;

    int listener;
    pthread_t thread;
    pthread_mutex_t mutex; /* guards everything below */
    pthread_t threads[HTTP_SCRIPT_CONNECTIONS_MAX];
    int sockets[HTTP_SCRIPT_CONNECTIONS_MAX];
    int connections;
    bool stopping;
    struct http_script_request *requests[HTTP_SCRIPT_REQUESTS_MAX];
    size_t count;
    int in_flight;
    int in_flight_max;
};

/* Fails the running test where loopback cannot be used. */
void http_script_start(struct http_script *script, const struct http_script_answer *answers, size_t count);
void http_script_start_handler(struct http_script *script, http_script_handler *handler, void *context);

/* "http://127.0.0.1:PORT" + path in `out`, which is answered. */
const char *http_script_url(const struct http_script *script, const char *path,
                            char out[static HTTP_SCRIPT_URL_MAX]);

/* Requests so far; the i-th of them (0 = first), NULL if there is none. */
size_t http_script_count(struct http_script *script);
const struct http_script_request *http_script_request(struct http_script *script, size_t i);

/* The value of a header in `out` (name in any case), which is answered; NULL if the request has none. */
const char *http_script_header(const struct http_script_request *request, const char *name, char *out,
                               size_t size);

/* Hangs up on everybody and waits for the threads. The requests stay readable. */
void http_script_stop(struct http_script *script);

/* Frees the requests, after stop(). */
void http_script_free(struct http_script *script);

#endif
