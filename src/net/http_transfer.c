/* http_transfer.c: one request through libcurl: limits, redirects, and what its failures mean.
 *
 * Redirects are followed here and not by libcurl, because who gets the secrets is decided at each step: libcurl keeps
 * headers that the caller added for every host.
 */
#include <ctype.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <heddle/version.h>

#include "base/clock.h"
#include "base/memory.h"
#include "net/http_parts.h"

/* The state of one transfer, seen by libcurl's callbacks. */
struct transfer {
    const struct heddle_http_request *request;
    struct heddle_http_sink *sink;
    struct heddle_http_response *response;
    struct heddle_error *error;
    CURL *handle;
    uint64_t received; /* bytes of this hop's body */
    int status;        /* what a callback failed with, HEDDLE_OK if none did */
    struct heddle_http_origin first;
    struct heddle_http_origin origin; /* of this hop */
    bool secrets;                     /* this hop may carry them */
    uint64_t deadline_ns;             /* 0 = none */
    char agent[32];
    char detail[CURL_ERROR_SIZE];
};

static int over_limit(const struct transfer *transfer, const char *what, uint64_t limit)
{
    return heddle_error_set(transfer->error, HEDDLE_PROTOCOL,
                            "%s of %s is over the limit of %llu bytes: is this the right address?", what,
                            transfer->origin.name, (unsigned long long)limit);
}

static size_t on_header(char *bytes, size_t size, size_t count, void *context)
{
    struct transfer *transfer = context;
    struct heddle_buffer *headers = &transfer->response->headers;
    size_t length = size * count;
    if (length >= 5 && memcmp(bytes, "HTTP/", 5) == 0) {
        heddle_buffer_reset(headers); /* a new answer: what came before was "100 Continue" or the like */
        return length;
    }
    if (headers->length + length > HEDDLE_HTTP_HEADER_BYTES_MAX) {
        transfer->status = over_limit(transfer, "the head of the answer", HEDDLE_HTTP_HEADER_BYTES_MAX);
        return 0;
    }
    const size_t taken = length;
    while (length > 0 && isspace((unsigned char)bytes[length - 1])) {
        length--;
    }
    const char *colon = memchr(bytes, ':', length);
    for (size_t i = 0; i < length; i++) {
        const bool name = colon != NULL && bytes + i < colon;
        heddle_buffer_append_byte(headers, (uint8_t)(name ? tolower((unsigned char)bytes[i]) : bytes[i]));
    }
    heddle_buffer_append_byte(headers, '\n');
    transfer->status = heddle_buffer_check(headers, transfer->error);
    return transfer->status == HEDDLE_OK ? taken : 0;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *context)
{
    struct transfer *transfer = context;
    const uint64_t limit = transfer->request->response_bytes_max;
    const size_t length = size * count;
    long status = 0;
    transfer->received += length;
    if (limit != 0 && transfer->received > limit) {
        transfer->status = over_limit(transfer, "the answer", limit);
        return 0;
    }
    curl_easy_getinfo(transfer->handle, CURLINFO_RESPONSE_CODE, &status);
    if (transfer->sink->download && status != 200) {
        return length; /* the page that explains an error is not the file */
    }
    transfer->status = transfer->sink->write(transfer->sink, (const uint8_t *)bytes, length, transfer->error);
    return transfer->status == HEDDLE_OK ? length : 0;
}

static int on_progress(void *context, curl_off_t total, curl_off_t received, curl_off_t to_send,
                       curl_off_t sent)
{
    const struct transfer *transfer = context;
    const struct heddle_http_sink *sink = transfer->sink;
    (void)to_send;
    (void)sent;
    long status = 0;
    curl_easy_getinfo(transfer->handle, CURLINFO_RESPONSE_CODE, &status);
    if (sink->progress != NULL && status == 200 && received > 0) {
        sink->progress(sink->progress_context, (uint64_t)received, (uint64_t)total);
    }
    const atomic_bool *cancel = transfer->request->cancel;
    return cancel != NULL && atomic_load_explicit(cancel, memory_order_relaxed) ? 1 : 0;
}

/* ---- what is sent ------------------------------------------------------------------------------------------------------ */

static int header_add(struct curl_slist **list, const char *name, const char *value,
                      struct heddle_error *error)
{
    if (strpbrk(name, "\r\n:") != NULL || strpbrk(value, "\r\n") != NULL) {
        return heddle_error_set(error, HEDDLE_INVALID, "the value of HTTP header %.40s holds a line break",
                                name);
    }
    struct heddle_buffer line = {0};
    /* libcurl's form for a header without a value is "Name;". */
    heddle_buffer_append_format(&line, value[0] == '\0' ? "%s;%s" : "%s: %s", name, value);
    const char *text = heddle_buffer_text(&line);
    struct curl_slist *longer = text == NULL ? NULL : curl_slist_append(*list, text);
    if (text != NULL) {
        explicit_bzero(line.bytes, line.length);
    }
    heddle_buffer_free(&line);
    if (longer == NULL) {
        return heddle_error_out_of_memory(error);
    }
    *list = longer;
    return HEDDLE_OK;
}

static int headers_build(const struct transfer *transfer, struct curl_slist **list,
                         struct heddle_error *error)
{
    const struct heddle_http_request *request = transfer->request;
    for (size_t i = 0; i < request->header_count; i++) {
        if (!request->headers[i].secret || transfer->secrets) {
            HEDDLE_TRY(header_add(list, request->headers[i].name, request->headers[i].value, error));
        }
    }
    if (request->authorization != NULL && transfer->secrets) {
        HEDDLE_TRY(header_add(list, "Authorization", request->authorization, error));
    }
    /* Without this libcurl announces large bodies and waits a second for leave to send them. */
    struct curl_slist *longer = curl_slist_append(*list, "Expect:");
    if (longer == NULL) {
        return heddle_error_out_of_memory(error);
    }
    *list = longer;
    return HEDDLE_OK;
}

static const char *method_of(const struct heddle_http_request *request)
{
    if (request->method != NULL) {
        return request->method;
    }
    return request->body != NULL ? "POST" : "GET";
}

static void protocols_set(CURL *handle)
{
#if LIBCURL_VERSION_NUM >= 0x075500
    curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
#else
    curl_easy_setopt(handle, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
}

static void handle_prepare(struct transfer *transfer, const char *url)
{
    CURL *handle = transfer->handle;
    const struct heddle_http_request *request = transfer->request;
    const char *method = method_of(request);
    protocols_set(handle);
    curl_easy_setopt(handle, CURLOPT_URL, url);
    curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(handle, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(handle, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(handle, CURLOPT_USERAGENT, transfer->agent);
    curl_easy_setopt(handle, CURLOPT_ERRORBUFFER, transfer->detail);
    curl_easy_setopt(handle, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(handle, CURLOPT_HEADERDATA, transfer);
    curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(handle, CURLOPT_WRITEDATA, transfer);
    curl_easy_setopt(handle, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(handle, CURLOPT_XFERINFODATA, transfer);
    curl_easy_setopt(handle, CURLOPT_NOPROGRESS, 0L);
    if (strcmp(method, "HEAD") == 0) {
        curl_easy_setopt(handle, CURLOPT_NOBODY, 1L);
    } else if (request->body != NULL) {
        curl_easy_setopt(handle, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_length);
        curl_easy_setopt(handle, CURLOPT_POSTFIELDS, request->body);
    }
    if (strcmp(method, "HEAD") != 0) {
        curl_easy_setopt(handle, CURLOPT_CUSTOMREQUEST, method);
    }
    if (transfer->sink->download) {
        curl_easy_setopt(handle, CURLOPT_LOW_SPEED_LIMIT, 1L);
        curl_easy_setopt(handle, CURLOPT_LOW_SPEED_TIME, (long)(HEDDLE_HTTP_STALL_MS / 1000));
    }
}

/* ---- what its failures mean -------------------------------------------------------------------------------------------- */

static int network_failure(const struct transfer *transfer, CURLcode code, bool retry)
{
    const char *why = transfer->detail[0] != '\0' ? transfer->detail : curl_easy_strerror(code);
    heddle_error_set(transfer->error, HEDDLE_NETWORK, "asking %s failed: %.300s", transfer->origin.name, why);
    if (transfer->error != NULL && retry) {
        transfer->error->action = HEDDLE_ACTION_RETRY;
    }
    return HEDDLE_NETWORK;
}

static int certificate_failure(const struct heddle_http_client *client, const struct transfer *transfer)
{
    const char *file = heddle_http_ca_file(client);
    return heddle_error_set(transfer->error, HEDDLE_NETWORK,
                            "the certificate of %s is not trusted: %.200s (authorities: %s); name a CA file",
                            transfer->origin.name, transfer->detail, file == NULL ? "libcurl's own" : file);
}

static int failure(const struct heddle_http_client *client, const struct transfer *transfer, CURLcode code)
{
    if (transfer->status != HEDDLE_OK) {
        return transfer->status; /* a callback ended it and has said why */
    }
    switch (code) {
    case CURLE_OUT_OF_MEMORY: return heddle_error_out_of_memory(transfer->error);
    case CURLE_ABORTED_BY_CALLBACK:
        return heddle_error_set(transfer->error, HEDDLE_INTERRUPTED, "asking %s was cancelled",
                                transfer->origin.name);
    case CURLE_FILESIZE_EXCEEDED:
        return over_limit(transfer, "the answer", transfer->request->response_bytes_max);
    case CURLE_SSL_CACERT_BADFILE:
        return heddle_error_set(transfer->error, HEDDLE_INVALID,
                                "cannot read certificate authorities from %s: %.200s",
                                heddle_http_ca_file(client), transfer->detail);
    case CURLE_PEER_FAILED_VERIFICATION: return certificate_failure(client, transfer);
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_WEIRD_SERVER_REPLY:
        return heddle_error_set(transfer->error, HEDDLE_PROTOCOL,
                                "%s does not answer as an HTTP server does: %.200s", transfer->origin.name,
                                transfer->detail);
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
    case CURLE_SSL_CONNECT_ERROR: return network_failure(transfer, code, true);
    default: return network_failure(transfer, code, false);
    }
}

/* ---- one hop, and the next ---------------------------------------------------------------------------------------------- */

/* libcurl does not ask its TLS library to send without SIGPIPE in every version; the host program must not die of a
 * peer that left. The signal is held back in this thread and, if we raised it, taken out (as OpenSSL's users do). */
static CURLcode perform_without_sigpipe(CURL *handle)
{
    sigset_t pipe_set;
    sigset_t pending;
    sigset_t before;
    sigemptyset(&pipe_set);
    sigaddset(&pipe_set, SIGPIPE);
    sigpending(&pending);
    const bool was_pending = sigismember(&pending, SIGPIPE) == 1;
    pthread_sigmask(SIG_BLOCK, &pipe_set, &before);
    const CURLcode code = curl_easy_perform(handle);
    if (!was_pending) {
        const struct timespec now = {0};
        (void)sigtimedwait(&pipe_set, NULL, &now);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return code;
}

/* Sets the time that is left, false if none is. */
static bool deadline_set(const struct transfer *transfer)
{
    if (transfer->deadline_ns == 0) {
        return true;
    }
    const uint64_t now = heddle_clock_ns();
    if (now >= transfer->deadline_ns) {
        return false;
    }
    curl_easy_setopt(transfer->handle, CURLOPT_TIMEOUT_MS,
                     (long)((transfer->deadline_ns - now) / 1000000 + 1));
    return true;
}

static int hop(struct heddle_http_client *client, struct transfer *transfer, const char *url)
{
    struct curl_slist *headers = NULL;
    const uint64_t limit = transfer->request->response_bytes_max;
    int status = headers_build(transfer, &headers, transfer->error);
    transfer->received = 0;
    transfer->detail[0] = '\0';
    if (status == HEDDLE_OK) {
        handle_prepare(transfer, url);
        curl_easy_setopt(transfer->handle, CURLOPT_HTTPHEADER, headers);
        if (limit != 0) {
            curl_easy_setopt(transfer->handle, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)limit);
        }
        const CURLcode code =
            deadline_set(transfer) ? perform_without_sigpipe(transfer->handle) : CURLE_OPERATION_TIMEDOUT;
        if (code != CURLE_OK) {
            status = failure(client, transfer, code);
        } else {
            curl_easy_getinfo(transfer->handle, CURLINFO_RESPONSE_CODE, &transfer->response->status);
        }
        curl_easy_setopt(transfer->handle, CURLOPT_HTTPHEADER, NULL);
    }
    curl_slist_free_all(headers);
    return status;
}

static bool is_redirect(long status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/* Decides whether `next` may be asked, and whether it may know the secrets. */
static int redirect_judge(struct transfer *transfer, const char *next)
{
    const char *method = method_of(transfer->request);
    const bool reads = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
    const long status = transfer->response->status;
    struct heddle_http_origin to;
    if (heddle_http_origin_read(next, &to, NULL) != HEDDLE_OK) {
        return heddle_error_set(transfer->error, HEDDLE_PROTOCOL,
                                "%s points to something that is no plain http(s) address",
                                transfer->origin.name);
    }
    if (!reads && status != 307 && status != 308) {
        return heddle_error_set(transfer->error, HEDDLE_PROTOCOL,
                                "%s answers %s with a redirect (%ld) to %s: use the address it moved to",
                                transfer->origin.name, method, status, to.name);
    }
    const bool same = heddle_http_origin_equal(&transfer->first, &to);
    if (transfer->origin.tls && !to.tls) {
        return heddle_error_set(transfer->error, HEDDLE_PROTOCOL, "%s points to %s without TLS: not followed",
                                transfer->origin.name, to.name);
    }
    if (!same && (!reads || transfer->request->redirects != HEDDLE_HTTP_REDIRECTS_ANY)) {
        return heddle_error_set(transfer->error, HEDDLE_PROTOCOL,
                                "%s points to another server, %s: not followed; if that is where the service "
                                "is, use its address",
                                transfer->origin.name, to.name);
    }
    transfer->secrets = transfer->secrets && same; /* once elsewhere, never again */
    transfer->origin = to;
    return HEDDLE_OK;
}

/* Where the answer points, as a copy (libcurl's lasts until the next transfer); NULL with HEDDLE_OK if nowhere. */
static int next_url(const struct transfer *transfer, char **url_out, struct heddle_error *error)
{
    char *next = NULL;
    *url_out = NULL;
    curl_easy_getinfo(transfer->handle, CURLINFO_REDIRECT_URL, &next);
    if (!is_redirect(transfer->response->status) || next == NULL) {
        return HEDDLE_OK;
    }
    *url_out = heddle_strdup(next);
    return *url_out != NULL ? HEDDLE_OK : heddle_error_out_of_memory(error);
}

static int follow(struct heddle_http_client *client, struct transfer *transfer)
{
    char *url = NULL;
    int status = hop(client, transfer, transfer->request->url);
    for (int hops = 0; status == HEDDLE_OK; hops++) {
        free(url);
        status = next_url(transfer, &url, transfer->error);
        if (status != HEDDLE_OK || url == NULL) {
            break;
        }
        if (hops == HEDDLE_HTTP_REDIRECTS_MAX) {
            status = heddle_error_set(transfer->error, HEDDLE_PROTOCOL, "%s redirects more than %d times",
                                      transfer->origin.name, HEDDLE_HTTP_REDIRECTS_MAX);
            break;
        }
        status = redirect_judge(transfer, url);
        if (status == HEDDLE_OK) {
            status = transfer->sink->restart(transfer->sink, transfer->error);
        }
        if (status == HEDDLE_OK) {
            status = hop(client, transfer, url);
        }
    }
    free(url);
    return status;
}

int heddle_http_transfer(struct heddle_http_client *client, const struct heddle_http_request *request,
                         struct heddle_http_sink *sink, struct heddle_http_response *response_out,
                         struct heddle_error *error)
{
    struct transfer transfer = {
        .request = request, .sink = sink, .response = response_out, .error = error, .secrets = true};
    response_out->status = 0;
    snprintf(transfer.agent, sizeof transfer.agent, "heddle/%s", heddle_version());
    heddle_buffer_reset(&response_out->body);
    heddle_buffer_reset(&response_out->headers);
    HEDDLE_TRY(heddle_http_origin_read(request->url, &transfer.first, error));
    transfer.origin = transfer.first;
    if (request->timeout_ms != 0) {
        transfer.deadline_ns = heddle_clock_ns() + (uint64_t)request->timeout_ms * 1000000;
    }
    transfer.handle = heddle_http_handle_take(client);
    if (transfer.handle == NULL) {
        return heddle_error_out_of_memory(error);
    }
    const int status = follow(client, &transfer);
    heddle_http_handle_give(client, transfer.handle);
    return status;
}
