/* http_parts.h: what the files of the HTTP client share; for http*.c only. */
#ifndef HEDDLE_NET_HTTP_PARTS_H
#define HEDDLE_NET_HTTP_PARTS_H

#include <curl/curl.h>

#include "net/http.h"

/* What decides who may be told a secret, and what a message may call the peer. */
struct heddle_http_origin {
    bool tls;
    char name[300]; /* "host:port" */
};

/* Takes the origin out of an absolute URL. Errors: HEDDLE_INVALID (no http URL, or it has a user or password in it). */
HEDDLE_MUST_CHECK int heddle_http_origin_read(const char *url, struct heddle_http_origin *origin_out,
                                              struct heddle_error *error);

bool heddle_http_origin_equal(const struct heddle_http_origin *a, const struct heddle_http_origin *b);

/* Where the bytes of an answer go. */
struct heddle_http_sink {
    /* Takes bytes of the body; any status but HEDDLE_OK ends the transfer with that status and `error`. */
    int (*write)(struct heddle_http_sink *sink, const uint8_t *bytes, size_t length,
                 struct heddle_error *error);
    /* Forgets the body so far: it was a redirect's. */
    int (*restart)(struct heddle_http_sink *sink, struct heddle_error *error);
    heddle_http_progress *progress;
    void *progress_context;
    bool download; /* stall limit; only a body of status 200 is written */
};

/* Performs the request into a sink. response_out gets status and headers. Errors: see heddle_http_perform(). */
HEDDLE_MUST_CHECK int heddle_http_transfer(struct heddle_http_client *client,
                                           const struct heddle_http_request *request,
                                           struct heddle_http_sink *sink,
                                           struct heddle_http_response *response_out,
                                           struct heddle_error *error);

/* An easy handle with the client's settings, from the pool or new; NULL when out of memory. */
CURL *heddle_http_handle_take(struct heddle_http_client *client);
void heddle_http_handle_give(struct heddle_http_client *client, CURL *handle);

/* The certificate authorities' file, NULL = libcurl's own. */
const char *heddle_http_ca_file(const struct heddle_http_client *client);

#endif
