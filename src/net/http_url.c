/* http_url.c: the origin of a URL, secrets in texts, dates. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "net/http_parts.h"

/* A secret shorter than this is no secret, and blotting out every "a" would make messages unreadable. */
enum { SECRET_LENGTH_MIN = 4 };

/* One part of a URL into `out`: false if it has none or it does not fit. */
static bool part_read(CURLU *url, CURLUPart part, unsigned flags, char *out, size_t size)
{
    char *text = NULL;
    if (curl_url_get(url, part, &text, flags) != CURLUE_OK) {
        return false;
    }
    const int length = snprintf(out, size, "%s", text);
    curl_free(text);
    return length > 0 && (size_t)length < size;
}

int heddle_http_origin_read(const char *url, struct heddle_http_origin *origin_out,
                            struct heddle_error *error)
{
    char scheme[16] = "";
    char host[280] = "";
    char port[8] = "";
    char user[2] = "";
    CURLU *parts = curl_url();
    if (parts == NULL) {
        return heddle_error_out_of_memory(error);
    }
    const bool parsed = curl_url_set(parts, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK &&
                        part_read(parts, CURLUPART_SCHEME, 0, scheme, sizeof scheme) &&
                        part_read(parts, CURLUPART_HOST, 0, host, sizeof host) &&
                        (strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0) &&
                        part_read(parts, CURLUPART_PORT, CURLU_DEFAULT_PORT, port, sizeof port);
    char *text = NULL;
    const bool has_user = part_read(parts, CURLUPART_USER, 0, user, sizeof user) || user[0] != '\0' ||
                          curl_url_get(parts, CURLUPART_PASSWORD, &text, 0) == CURLUE_OK;
    curl_free(text);
    curl_url_cleanup(parts);
    if (has_user) {
        return heddle_error_set(
            error, HEDDLE_INVALID,
            "a URL must not hold a user or password: it would end up in logs; pass the key "
            "as a setting");
    }
    if (!parsed) {
        return heddle_error_set(error, HEDDLE_INVALID,
                                "not a URL that heddle can ask: expected https://host[:port]/path or "
                                "http://host[:port]/path");
    }
    origin_out->tls = strcmp(scheme, "https") == 0;
    snprintf(origin_out->name, sizeof origin_out->name, "%s:%s", host, port);
    return HEDDLE_OK;
}

bool heddle_http_origin_equal(const struct heddle_http_origin *a, const struct heddle_http_origin *b)
{
    return a->tls == b->tls && strcasecmp(a->name, b->name) == 0;
}

static void blot(const char *secret, char *text)
{
    static const char stars[] = "***";
    const size_t length = secret == NULL ? 0 : strlen(secret);
    if (length < SECRET_LENGTH_MIN) {
        return;
    }
    for (char *found = strstr(text, secret); found != NULL; found = strstr(found, secret)) {
        memcpy(found, stars, sizeof stars - 1);
        memmove(found + sizeof stars - 1, found + length, strlen(found + length) + 1);
        found += sizeof stars - 1;
    }
}

void heddle_http_redact(const struct heddle_http_request *request, char *text)
{
    const char *blank = request->authorization == NULL ? NULL : strchr(request->authorization, ' ');
    blot(blank != NULL ? blank + 1 : request->authorization, text); /* "Bearer" alone tells nothing */
    for (size_t i = 0; i < request->header_count; i++) {
        if (request->headers[i].secret) {
            blot(request->headers[i].value, text);
        }
    }
}

bool heddle_http_date_parse(const char *text, int64_t *unix_s_out)
{
    const time_t seconds = curl_getdate(text, NULL);
    if (seconds == (time_t)-1) {
        return false;
    }
    *unix_s_out = (int64_t)seconds;
    return true;
}
