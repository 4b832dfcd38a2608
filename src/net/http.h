/* http.h: an HTTP client over libcurl: one request, one answer; or a file.
 *
 * A client keeps connections alive between requests and is shared by threads: each request takes an idle transfer
 * handle (with its open connections) from the client's pool, or makes one.
 *
 *     heddle_http_client_create(NULL, &client, &error);
 *     heddle_http_perform(client, &request, &response, &error);      from any thread, any number of times
 *     … response.status, response.body, heddle_http_response_header(&response, "retry-after") …
 *     heddle_http_response_free(&response);
 *     heddle_http_client_destroy(client);                            after the last request
 *
 * Secrets: `authorization` and the headers marked `secret` go to the origin (scheme, host, port) of the request's URL and
 * nowhere else; no message holds them, a URL's query, or what stands before '@' in one (such a URL is refused).
 *
 * Proxies: libcurl's rules (https_proxy, http_proxy, no_proxy), unless the client is told otherwise.
 * Process-wide: curl_global_init() is called once, by whichever client comes first, and never undone: libcurl may be in
 * use elsewhere in the process, and what it holds is small.
 *
 * Threads: a client is shared; a request and a response belong to one thread.
 */
#ifndef HEDDLE_NET_HTTP_H
#define HEDDLE_NET_HTTP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"

struct heddle_http_client;

enum {
    HEDDLE_HTTP_CONNECT_TIMEOUT_MS = 30000,
    HEDDLE_HTTP_TIMEOUT_MS = 300000,           /* of a whole request */
    HEDDLE_HTTP_RESPONSE_BYTES_MAX = 64 << 20, /* of a body kept in memory */
    HEDDLE_HTTP_HEADER_BYTES_MAX = 64 << 10,   /* of all headers of an answer */
    HEDDLE_HTTP_REDIRECTS_MAX = 5,             /* in a row */
    HEDDLE_HTTP_STALL_MS = 60000,              /* a download that brings nothing for so long has failed */
};

/* {0}, or a NULL pointer, is: the defaults. Texts are copied. */
struct heddle_http_options {
    int connect_timeout_ms; /* 0 = HEDDLE_HTTP_CONNECT_TIMEOUT_MS */
    const char *ca_file; /* PEM file of the authorities to trust; NULL = SSL_CERT_FILE, then the system's */
    const char *proxy;   /* NULL = as the environment says; "" = none */
};

struct heddle_http_header {
    const char *name;
    const char *value; /* no line breaks */
    bool secret;       /* stays at the request's origin and out of messages */
};

/* What to do with an answer that points elsewhere. A redirect from https to http is never followed. */
enum heddle_http_redirects {
    HEDDLE_HTTP_REDIRECTS_SAME_ORIGIN = 0, /* to another origin is an error: what is sent is nobody else's */
    HEDDLE_HTTP_REDIRECTS_ANY,             /* GET and HEAD only: elsewhere, but without the secrets */
};

/* {0} but for `url` is a GET. Borrowed for the length of the call. */
struct heddle_http_request {
    const char *url;    /* http:// or https:// */
    const char *method; /* NULL = POST with a body, else GET */
    const struct heddle_http_header *headers;
    size_t header_count;
    const char *authorization; /* value of that header, "Bearer …", or NULL */
    const void *body;
    size_t body_length;
    uint32_t timeout_ms;         /* 0 = HEDDLE_HTTP_TIMEOUT_MS; with connecting and redirects */
    uint64_t response_bytes_max; /* 0 = HEDDLE_HTTP_RESPONSE_BYTES_MAX, for a download no limit */
    enum heddle_http_redirects redirects;
    const atomic_bool *cancel; /* looked at about once a second, or NULL */
};

/* {0} is an empty one. */
struct heddle_http_response {
    long status; /* 200, 429, … */
    struct heddle_buffer body;
    struct heddle_buffer headers; /* "name: value\n" lines as they came, names in lower case */
};

/* Errors: HEDDLE_OUT_OF_MEMORY, HEDDLE_INTERNAL (libcurl cannot start). `options` may be NULL. */
HEDDLE_MUST_CHECK int heddle_http_client_create(const struct heddle_http_options *options,
                                                struct heddle_http_client **client_out,
                                                struct heddle_error *error);

/* Closes the kept connections. No request may be under way. NULL is a no-op. */
void heddle_http_client_destroy(struct heddle_http_client *client);

/* Sends the request and reads the whole answer. Any status is success: what 404 means only the caller knows. *response_out
 * is overwritten, what it held is reused; it is to be freed in every case.
 * Errors: HEDDLE_NETWORK (not resolved, refused, cut, too slow, certificate; names the host; action RETRY where the same
 * request may succeed later), HEDDLE_PROTOCOL (not HTTP, answer over its limit, redirect refused), HEDDLE_INVALID (URL,
 * header, CA file), HEDDLE_INTERRUPTED (cancelled), HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_http_perform(struct heddle_http_client *client,
                                          const struct heddle_http_request *request,
                                          struct heddle_http_response *response_out,
                                          struct heddle_error *error);

/* The value of a header (name in lower case), without the blanks around it, cut to `size` - 1 bytes, in `out`; false and ""
 * if the answer has none. The last of several wins. */
bool heddle_http_response_header(const struct heddle_http_response *response, const char *name, char *out,
                                 size_t size);

/* NULL is a no-op. */
void heddle_http_response_free(struct heddle_http_response *response);

/* Told now and then how far a download is; `total` is 0 where the server does not say. */
typedef void heddle_http_progress(void *context, uint64_t received, uint64_t total);

/* Reads the answer into the file `path`: first into path.part, which is renamed when complete and removed when not, so a
 * file of that name is always whole. Any status but 200 is an error. The request's timeout_ms is a limit of the whole
 * only where it is not 0; a transfer that stalls for HEDDLE_HTTP_STALL_MS fails in any case. `progress` may be NULL; it is
 * called by this thread.
 * Errors: as perform(), and HEDDLE_IO (the file), HEDDLE_NETWORK (status 408, 429 or 5xx; action RETRY),
 * HEDDLE_PROTOCOL (any other status; the number stands in error->code). */
HEDDLE_MUST_CHECK int heddle_http_download(struct heddle_http_client *client,
                                           const struct heddle_http_request *request, const char *path,
                                           heddle_http_progress *progress, void *context,
                                           struct heddle_error *error);

/* Writes "***" over every place in `text` where a secret of the request stands: for texts that a server sent, which may
 * repeat what it got. */
void heddle_http_redact(const struct heddle_http_request *request, char *text);

/* Reads a date as HTTP writes it ("Sun, 06 Nov 1994 08:49:37 GMT", RFC 9110 section 5.6.7, and the two older forms).
 * False if it is none. */
bool heddle_http_date_parse(const char *text, int64_t *unix_s_out);

#endif
