/* request.c: asking a store: keys, attempts, and what its refusals mean. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"
#include "fs/parts.h"
#include "fs/xml.h"

enum { HEADER_TEXT_MAX = 128, CODE_MAX = 64, EXPLANATION_BYTES_MAX = 1 << 20 };

/* ---- names ---- */

bool heddle_fs_name_is_plain(const char *name)
{
    if (strlen(name) > HEDDLE_FS_NAME_MAX) {
        return false;
    }
    while (*name != '\0') {
        const size_t length = strcspn(name, "/");
        const bool dots =
            (length == 1 && name[0] == '.') || (length == 2 && name[0] == '.' && name[1] == '.');
        if (length == 0 || dots) {
            return false;
        }
        name += length;
        name += *name == '/' ? 1 : 0;
    }
    return true;
}

/* The key of `name`, in the scratch arena. */
static int key_make(struct heddle_fs *fs, const char *name, const char **key_out, struct heddle_error *error)
{
    if (!heddle_fs_name_is_plain(name)) {
        return heddle_error_set(
            error, HEDDLE_SOURCE,
            "%.200s is no name of a file below %.200s: it is too long, or has a part that is "
            "empty, `.` or `..`",
            name, fs->uri);
    }
    const char *slash = fs->key[0] != '\0' && name[0] != '\0' ? "/" : "";
    *key_out = heddle_arena_format(fs->scratch, "%s%s%s", fs->key, slash, name);
    return *key_out != NULL ? HEDDLE_OK : heddle_error_out_of_memory(error);
}

/* ---- refusals ---- */

/* The store's own code ("AccessDenied"): from the XML or JSON of its answer, or a header of Azure's. */
static void code_read(const struct heddle_http_response *answer, char out[static CODE_MAX])
{
    const struct heddle_xml_text text = {(const char *)answer->body.bytes, answer->body.length};
    if (heddle_http_response_header(answer, "x-ms-error-code", out, CODE_MAX)) {
        return;
    }
    if (answer->body.length == 0 || !heddle_xml_value(&text, "Code", out, CODE_MAX)) {
        out[0] = '\0';
    }
    /* It goes into a message: only what a code is made of. */
    for (char *at = out; *at != '\0'; at++) {
        if (*at < '!' || *at > '~') {
            *at = '?';
        }
    }
}

static bool is_one_of(const char *code, const char *const *codes)
{
    while (*codes != NULL && strcmp(code, *codes) != 0) {
        codes++;
    }
    return *codes != NULL;
}

/* Why credentials were refused, or NULL where it is not they. */
static const char *credentials_refused(long status, const char *code)
{
    static const char *const expired[] = {"ExpiredToken", "TokenRefreshRequired", "ExpiredTokenException",
                                          NULL};
    static const char *const unknown[] = {"InvalidAccessKeyId",        "InvalidToken",
                                          "InvalidClientTokenId",      "AuthenticationFailed",
                                          "InvalidAuthenticationInfo", NULL};
    if (is_one_of(code, expired)) {
        return "the credentials have expired: get new ones";
    }
    if (strcmp(code, "SignatureDoesNotMatch") == 0) {
        return "the signature does not match: the secret key belongs to another key id";
    }
    if (strcmp(code, "RequestTimeTooSkewed") == 0) {
        return "the clock of this machine is wrong by more than fifteen minutes: set it";
    }
    if (is_one_of(code, unknown)) {
        return "the credentials are not known there, or have expired";
    }
    return status == 401 ? "credentials are missing, wrong or expired" : NULL;
}

/* Whether credentials that were good may have come to their end. Azure has no word of its own for that. */
static bool may_be_expired(long status, const char *code)
{
    static const char *const codes[] = {"ExpiredToken", "TokenRefreshRequired", "ExpiredTokenException",
                                        "InvalidToken", "AuthenticationFailed", NULL};
    return status == 401 || is_one_of(code, codes);
}

/* A bucket in another region than the one that was signed for. */
static bool region_of(const struct heddle_http_response *answer, const char *code, char *out, size_t size)
{
    static const char *const codes[] = {"AuthorizationHeaderMalformed", "PermanentRedirect",
                                        "IllegalLocationConstraintException", "TemporaryRedirect", NULL};
    const struct heddle_xml_text text = {(const char *)answer->body.bytes, answer->body.length};
    if (!is_one_of(code, codes) && answer->status != 301) {
        return false;
    }
    if (!heddle_http_response_header(answer, "x-amz-bucket-region", out, size) &&
        (answer->body.length == 0 || !heddle_xml_value(&text, "Region", out, size))) {
        snprintf(out, size, "its own");
    }
    return true;
}

/* Turns an answer that is no success into an error. */
static int explain(struct heddle_fs *fs, const struct heddle_fs_request *request, const char *what,
                   const struct heddle_http_response *answer, struct heddle_error *error)
{
    const long status = answer->status;
    const bool later = status == 408 || status == 429 || status >= 500;
    char code[CODE_MAX] = "";
    char region[CODE_MAX] = "";
    code_read(answer, code);
    fs->expired = may_be_expired(status, code);
    const char *refused = credentials_refused(status, code);
    const char *open = code[0] != '\0' ? " (" : "";
    const char *close = code[0] != '\0' ? ")" : "";
    if (later) {
        heddle_error_set(error, HEDDLE_NETWORK, "%s: %s answers %ld%s%s%s again and again: try again later",
                         what, fs->store->title, status, open, code, close);
    } else if (region_of(answer, code, region, sizeof region)) {
        heddle_error_set(error, HEDDLE_SOURCE,
                         "%s: the bucket is in another region, %s: set AWS_REGION to the bucket's region",
                         what, region);
    } else if (refused != NULL) {
        heddle_error_set(error, HEDDLE_SOURCE, "%s: %s answers %ld%s%s%s: %s; they come from %s", what,
                         fs->store->title, status, open, code, close, refused, fs->store->credentials);
    } else if (status == 403) {
        heddle_error_set(error, HEDDLE_SOURCE,
                         "%s: %s refuses it, 403%s%s%s: it needs %s; credentials come from %s", what,
                         fs->store->title, open, code, close, fs->store->permissions[request->operation],
                         fs->store->credentials);
    } else if (status == 404) {
        heddle_error_set(error, HEDDLE_SOURCE, "%s: %s has no such %s%s%s%s", what, fs->store->title,
                         strcmp(code, "NoSuchBucket") == 0 ? "bucket" : "file or bucket", open, code, close);
    } else {
        heddle_error_set(error, HEDDLE_SOURCE, "%s: %s answers %ld%s%s%s", what, fs->store->title, status,
                         open, code, close);
    }
    if (error != NULL) {
        snprintf(error->code, sizeof error->code, "%ld", status);
        error->action = later ? HEDDLE_ACTION_RETRY : HEDDLE_ACTION_FATAL;
    }
    return later ? HEDDLE_NETWORK : HEDDLE_SOURCE;
}

/* ---- attempts ---- */

/* What to do: makes the request anew, and asks. */
struct call {
    const char *name; /* shown in messages */
    const char *key;
    struct heddle_fs_listing listing;
    uint64_t offset, length; /* of a get; UINT64_MAX = to the end */
    const char *path;        /* a download's file, or NULL */
    const void *body;
    size_t body_length;
    bool head;
    bool replace; /* of a put */
    bool cut;     /* an attempt may have been carried out without its answer */
};

static int request_make(struct heddle_fs *fs, enum heddle_fs_operation operation, const struct call *call,
                        struct heddle_fs_request *request, struct heddle_error *error)
{
    *request = (struct heddle_fs_request){.operation = operation,
                                          .method = operation == HEDDLE_FS_REMOVE ? "DELETE"
                                                    : call->head                  ? "HEAD"
                                                                                  : "GET",
                                          .base = fs->endpoint,
                                          .query = fs->query,
                                          .body = call->body,
                                          .body_length = call->body_length};
    if (operation == HEDDLE_FS_LIST) {
        HEDDLE_TRY(fs->store->listing(fs, &call->listing, request, error));
    } else if (operation == HEDDLE_FS_WRITE) {
        HEDDLE_TRY(fs->store->put(fs, call->key, call->replace, request, error));
    } else {
        HEDDLE_TRY(fs->store->object(fs, call->key, request, error));
    }
    if (call->offset > 0 || (call->length != UINT64_MAX && call->length > 0)) {
        const char *range = call->length == UINT64_MAX
                                ? heddle_arena_format(fs->scratch, "bytes=%" PRIu64 "-", call->offset)
                                : heddle_arena_format(fs->scratch, "bytes=%" PRIu64 "-%" PRIu64, call->offset,
                                                      call->offset + call->length - 1);
        if (range == NULL) {
            return heddle_error_out_of_memory(error);
        }
        heddle_fs_header_add(request, "range", range, false);
    }
    return fs->store->authorize != NULL ? fs->store->authorize(fs, request, error) : HEDDLE_OK;
}

static int ask_once(struct heddle_fs *fs, enum heddle_fs_operation operation, const struct call *call,
                    struct heddle_http_response *answer, struct heddle_error *error)
{
    struct heddle_fs_request request;
    HEDDLE_TRY(request_make(fs, operation, call, &request, error));
    const char *url = heddle_arena_format(fs->scratch, "%s%s%s%s", request.base, request.path,
                                          request.query[0] != '\0' ? "?" : "", request.query);
    if (url == NULL) {
        return heddle_error_out_of_memory(error);
    }
    const struct heddle_http_request http = {
        .url = url,
        .method = request.method,
        .headers = request.headers,
        .header_count = request.header_count,
        .authorization = request.authorization,
        .body = request.body,
        .body_length = request.body_length,
        .redirects = fs->store->lists ? HEDDLE_HTTP_REDIRECTS_SAME_ORIGIN : HEDDLE_HTTP_REDIRECTS_ANY,
    };
    if (call->path != NULL) {
        int status = heddle_http_download(fs->client, &http, call->path, NULL, NULL, error);
        if (status != HEDDLE_PROTOCOL) {
            return status;
        }
        /* The refusal's text went nowhere: a request for the first byte brings it again. */
        struct call first = *call;
        first.path = NULL;
        first.length = 1;
        status = ask_once(fs, operation, &first, answer, error);
        return status == HEDDLE_OK
                   ? heddle_error_set(error, HEDDLE_NETWORK, "%s: refused once, then allowed", call->name)
                   : status;
    }
    HEDDLE_TRY(heddle_http_perform(fs->client, &http, answer, error));
    if (answer->status >= 200 && answer->status < 300) {
        return HEDDLE_OK;
    }
    if (operation == HEDDLE_FS_WRITE && !call->replace && (answer->status == 409 || answer->status == 412)) {
        return heddle_error_set(error, HEDDLE_CLOSED, "%s is there already", call->name);
    }
    if (operation == HEDDLE_FS_REMOVE && answer->status == 404) {
        return HEDDLE_OK;
    }
    return explain(fs, &request, call->name, answer, error);
}

/* The pause before attempt `attempt` (1 = the second): what the server asks for, else twice the last, a quarter of it by
 * chance so that many clients do not come back at once. */
static uint32_t pause_of(const struct heddle_fs *fs, int attempt, const struct heddle_http_response *answer)
{
    char text[HEADER_TEXT_MAX];
    const uint32_t first = fs->settings.pause_ms > 0 ? fs->settings.pause_ms : HEDDLE_FS_PAUSE_MS;
    uint64_t random = heddle_clock_ns();
    if (heddle_http_response_header(answer, "retry-after", text, sizeof text)) {
        char *end = NULL;
        const unsigned long seconds = strtoul(text, &end, 10);
        if (end != text && *end == '\0') {
            return (uint32_t)(seconds < HEDDLE_FS_RETRY_AFTER_MAX_S ? seconds : HEDDLE_FS_RETRY_AFTER_MAX_S) *
                   1000;
        }
    }
    const uint32_t whole = first << (attempt - 1);
    return whole - whole / 4 + (uint32_t)heddle_random_below(&random, whole / 4 + 1);
}

static int renew(struct heddle_fs *fs, bool refused, struct heddle_error *error)
{
    return fs->settings.renew != NULL
               ? fs->settings.renew(fs->settings.owner, refused, &fs->settings.context, error)
               : HEDDLE_OK;
}

/* Asks until it is answered. The scratch arena keeps what `call` borrows from it. */
static int ask(struct heddle_fs *fs, enum heddle_fs_operation operation, struct call *call,
               struct heddle_http_response *answer, struct heddle_error *error)
{
    struct heddle_error own = {0};
    bool renewed = false;
    error = error != NULL ? error : &own;
    for (int attempt = 1;; attempt++) {
        *error = (struct heddle_error){0};
        HEDDLE_TRY(renew(fs, false, error));
        fs->expired = false;
        int status = ask_once(fs, operation, call, answer, error);
        if (status != HEDDLE_OK && fs->expired && fs->settings.renew != NULL && !renewed) {
            status = renew(fs, true, error);
            renewed = status == HEDDLE_OK;
            if (renewed) {
                continue;
            }
        }
        if (status == HEDDLE_OK || error->action != HEDDLE_ACTION_RETRY ||
            attempt == HEDDLE_FS_ATTEMPTS_MAX) {
            if (status == HEDDLE_NETWORK || status == HEDDLE_PROTOCOL) {
                heddle_error_prefix(error, "%s", fs->uri);
            }
            return status;
        }
        call->cut = true;
        heddle_clock_sleep_ms(pause_of(fs, attempt, answer));
    }
}

/* A name as messages show it, in the scratch arena, which is emptied first. */
static int call_begin(struct heddle_fs *fs, const char *name, struct call *call, struct heddle_error *error)
{
    heddle_arena_reset(fs->scratch);
    *call = (struct call){.length = UINT64_MAX};
    HEDDLE_TRY(key_make(fs, name, &call->key, error));
    call->name = heddle_arena_format(fs->scratch, "%s%s%s", fs->uri, name[0] != '\0' ? "/" : "", name);
    return call->name != NULL ? HEDDLE_OK : heddle_error_out_of_memory(error);
}

/* ---- the interface ---- */

static int not_listed(const struct heddle_fs *fs, struct heddle_error *error)
{
    return heddle_error_set(
        error, HEDDLE_SOURCE,
        "%s: folders cannot be listed over https: name one file, or use the store's own address "
        "(s3://, abfss://, gs://)",
        fs->uri);
}

static int list(struct heddle_fs *fs, const char *below, bool deep, heddle_fs_add *add, void *context,
                struct heddle_error *error)
{
    struct heddle_http_response answer = {0};
    struct heddle_fs_page page = {.add = add, .context = context};
    struct heddle_buffer token = {0};
    struct call call;
    if (fs->store == NULL) {
        return heddle_fs_local_list(fs, below, deep, add, context, error);
    }
    if (!fs->store->lists) {
        return not_listed(fs, error);
    }
    int status = HEDDLE_OK;
    do {
        status = call_begin(fs, below, &call, error);
        const bool folder =
            status == HEDDLE_OK && call.key[0] != '\0' && call.key[strlen(call.key) - 1] != '/';
        if (folder) {
            call.key = heddle_arena_format(fs->scratch, "%s/", call.key);
        }
        call.listing = (struct heddle_fs_listing){
            .prefix = call.key, .token = token.length > 0 ? heddle_buffer_text(&token) : NULL, .deep = deep};
        if (status == HEDDLE_OK && (call.key == NULL || heddle_buffer_check(&token, error) != HEDDLE_OK)) {
            status = heddle_error_out_of_memory(error);
        }
        if (status == HEDDLE_OK) {
            status = ask(fs, HEDDLE_FS_LIST, &call, &answer, error);
        }
        page.token = NULL;
        if (status == HEDDLE_OK) {
            status = fs->store->page(fs, &answer.body, &page, error);
        }
        heddle_buffer_reset(&token);
        if (page.token != NULL) {
            heddle_buffer_append_text(&token, page.token);
        }
    } while (status == HEDDLE_OK && token.length > 0);
    heddle_buffer_free(&token);
    heddle_http_response_free(&answer);
    return status;
}

int heddle_fs_list(struct heddle_fs *fs, const char *below, heddle_fs_add *add, void *context,
                   struct heddle_error *error)
{
    return list(fs, below, false, add, context, error);
}

int heddle_fs_list_deep(struct heddle_fs *fs, const char *below, heddle_fs_add *add, void *context,
                        struct heddle_error *error)
{
    return list(fs, below, true, add, context, error);
}

/* The first entry of a listing is the file, or it is none. */
struct finding {
    const char *key;
    struct heddle_fs *fs;
    heddle_fs_add *add;
    void *context;
    bool found;
};

static int finding_add(void *context, const struct heddle_fs_entry *entry, struct heddle_error *error)
{
    struct finding *finding = context;
    if (finding->found || strcmp(entry->name, finding->key) != 0) {
        return HEDDLE_OK;
    }
    const char *slash = strrchr(finding->fs->uri, '/');
    struct heddle_fs_entry named = *entry;
    named.name = entry->name[0] != '\0' ? entry->name : slash != NULL ? slash + 1 : finding->fs->uri;
    finding->found = true;
    return finding->add != NULL ? finding->add(finding->context, &named, error) : HEDDLE_OK;
}

/* Over https: the head of the answer tells. */
static int head_find(struct heddle_fs *fs, const char *name, struct finding *finding,
                     struct heddle_error *error)
{
    struct heddle_http_response answer = {0};
    struct heddle_error own = {0};
    char size[HEADER_TEXT_MAX] = "";
    char etag[HEADER_TEXT_MAX] = "";
    char modified[HEADER_TEXT_MAX] = "";
    struct call call;
    error = error != NULL ? error : &own;
    HEDDLE_TRY(call_begin(fs, name, &call, error));
    call.head = true;
    int status = ask(fs, HEDDLE_FS_READ, &call, &answer, error);
    if (status == HEDDLE_OK) {
        int64_t seconds = 0;
        (void)heddle_http_response_header(&answer, "content-length", size, sizeof size);
        (void)heddle_http_response_header(&answer, "etag", etag, sizeof etag);
        if (heddle_http_response_header(&answer, "last-modified", modified, sizeof modified)) {
            (void)heddle_http_date_parse(modified, &seconds);
        }
        const struct heddle_fs_entry entry = {
            .name = name, .size = strtoull(size, NULL, 10), .modified_ms = seconds * 1000, .etag = etag};
        status = finding_add(finding, &entry, error);
    } else if (strcmp(error->code, "404") == 0) {
        status = HEDDLE_OK;
    }
    heddle_http_response_free(&answer);
    return status;
}

int heddle_fs_find(struct heddle_fs *fs, const char *name, bool *found_out, heddle_fs_add *add, void *context,
                   struct heddle_error *error)
{
    struct finding finding = {.key = name, .fs = fs, .add = add, .context = context};
    struct heddle_fs_page page = {.add = finding_add, .context = &finding};
    struct heddle_http_response answer = {0};
    struct call call;
    *found_out = false;
    if (fs->store == NULL) {
        return heddle_fs_local_find(fs, name, found_out, add, context, error);
    }
    int status = HEDDLE_OK;
    if (!fs->store->lists) {
        status = head_find(fs, name, &finding, error);
    } else {
        HEDDLE_TRY(call_begin(fs, name, &call, error));
        /* A key comes before all that begin with it. */
        call.listing = (struct heddle_fs_listing){.prefix = call.key, .first = true};
        status = call.key[0] == '\0' ? HEDDLE_OK : ask(fs, HEDDLE_FS_LIST, &call, &answer, error);
        if (status == HEDDLE_OK && answer.body.length > 0) {
            status = fs->store->page(fs, &answer.body, &page, error);
        }
        heddle_http_response_free(&answer);
    }
    *found_out = finding.found;
    return status;
}

int heddle_fs_get(struct heddle_fs *fs, const char *name, uint64_t offset, uint64_t length,
                  struct heddle_buffer *out, struct heddle_error *error)
{
    struct heddle_http_response answer = {0};
    struct call call;
    if (fs->store == NULL) {
        return heddle_fs_local_get(fs, name, offset, length, out, error);
    }
    if (length == 0) {
        return HEDDLE_OK;
    }
    HEDDLE_TRY(call_begin(fs, name, &call, error));
    call.offset = offset;
    call.length = length;
    int status = ask(fs, HEDDLE_FS_READ, &call, &answer, error);
    if (status == HEDDLE_OK && (offset > 0 || length != UINT64_MAX) && answer.status != 206) {
        status =
            heddle_error_set(error, HEDDLE_PROTOCOL, "%s: %s sends the whole file where a part was asked for",
                             fs->uri, fs->store->title);
    }
    if (status == HEDDLE_OK) {
        heddle_buffer_append(out, answer.body.length > 0 ? (const void *)answer.body.bytes : "",
                             answer.body.length);
        status = heddle_buffer_check(out, error);
    }
    heddle_http_response_free(&answer);
    return status;
}

int heddle_fs_download(struct heddle_fs *fs, const char *name, const char *path, struct heddle_error *error)
{
    struct heddle_http_response answer = {0};
    struct call call;
    if (fs->store == NULL) {
        return heddle_error_set(error, HEDDLE_INVALID, "%s is a local folder: its files are there", fs->uri);
    }
    HEDDLE_TRY(call_begin(fs, name, &call, error));
    call.path = path;
    const int status = ask(fs, HEDDLE_FS_READ, &call, &answer, error);
    heddle_http_response_free(&answer);
    return status;
}

static int put(struct heddle_fs *fs, const char *name, bool replace, const struct heddle_fs_bytes *bytes,
               bool *cut_out, struct heddle_error *error)
{
    struct heddle_http_response answer = {0};
    struct call call;
    if (fs->store == NULL) {
        return heddle_fs_local_put(fs, name, replace, bytes, error);
    }
    if (fs->store->put == NULL) {
        return heddle_error_set(error, HEDDLE_SOURCE, "%s: nothing can be written over https", fs->uri);
    }
    HEDDLE_TRY(call_begin(fs, name, &call, error));
    call.body = bytes->length > 0 ? bytes->at : "";
    call.body_length = bytes->length;
    call.replace = replace;
    const int status = ask(fs, HEDDLE_FS_WRITE, &call, &answer, error);
    *cut_out = call.cut;
    heddle_http_response_free(&answer);
    return status;
}

/* Whether the file holds these very bytes. */
static bool holds(struct heddle_fs *fs, const char *name, const struct heddle_fs_bytes *bytes)
{
    struct heddle_buffer there = {0};
    const bool same = heddle_fs_get(fs, name, 0, UINT64_MAX, &there, NULL) == HEDDLE_OK &&
                      there.length == bytes->length &&
                      (bytes->length == 0 || memcmp(there.bytes, bytes->at, bytes->length) == 0);
    heddle_buffer_free(&there);
    return same;
}

int heddle_fs_put_new(struct heddle_fs *fs, const char *name, const void *bytes, size_t length,
                      struct heddle_error *error)
{
    const struct heddle_fs_bytes all = {bytes, length};
    bool cut = false;
    const int status = put(fs, name, false, &all, &cut, error);
    if (status == HEDDLE_CLOSED && cut && holds(fs, name, &all)) {
        return HEDDLE_OK;
    }
    return status;
}

int heddle_fs_put(struct heddle_fs *fs, const char *name, const void *bytes, size_t length,
                  struct heddle_error *error)
{
    const struct heddle_fs_bytes all = {bytes, length};
    bool cut = false;
    return put(fs, name, true, &all, &cut, error);
}

int heddle_fs_remove(struct heddle_fs *fs, const char *name, struct heddle_error *error)
{
    struct heddle_http_response answer = {0};
    struct call call;
    if (fs->store == NULL) {
        return heddle_fs_local_remove(fs, name, error);
    }
    if (fs->store->put == NULL) {
        return heddle_error_set(error, HEDDLE_SOURCE, "%s: nothing can be removed over https", fs->uri);
    }
    HEDDLE_TRY(call_begin(fs, name, &call, error));
    const int status = ask(fs, HEDDLE_FS_REMOVE, &call, &answer, error);
    heddle_http_response_free(&answer);
    return status;
}
