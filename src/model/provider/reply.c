/* reply.c: statuses, headers and error bodies of embedding services. */
#include "model/provider/reply.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* An error body longer than this is a page for people. */
enum { COMPLAINT_BYTES_MAX = 64 << 10 };

/* No service means a delay longer than a day; beyond, a number is damaged. */
enum { DURATION_MAX_MS = 24 * 3600 * 1000 };

/* A number before its unit, in thousandths: times an hour's milliseconds it still fits 64 bits. */
static const int64_t THOUSANDTHS_MAX = 100000000000;

/* A decimal number ("7.66") as thousandths, `at` moved behind it. Not strtod: the host program's locale may want a comma. */
static bool thousandths_read(const char **at, int64_t *value_out)
{
    int64_t value = 0;
    int64_t scale = 0; /* of the next decimal place; 0 = before the point */
    bool any = false;
    for (; (**at >= '0' && **at <= '9') || (**at == '.' && scale == 0 && any); (*at)++) {
        if (**at == '.') {
            scale = 100;
        } else if (scale == 0 && value < THOUSANDTHS_MAX) {
            value = value * 10 + (**at - '0') * 1000;
            any = true;
        } else if (scale > 0) {
            value += (**at - '0') * scale;
            scale = scale > 1 ? scale / 10 : -1;
        }
    }
    *value_out = value;
    return any;
}

bool heddle_reply_duration_parse(const char *text, int64_t *ms_out)
{
    static const struct {
        const char *unit;
        int64_t ms;
    } units[] = {{"ms", 1}, {"h", 3600000}, {"m", 60000}, {"s", 1000}};
    int64_t total = 0;
    bool any = false;
    while (*text == ' ') {
        text++;
    }
    while (*text != '\0') {
        int64_t value = 0;
        if (!thousandths_read(&text, &value)) {
            return false;
        }
        size_t unit = 0;
        while (unit < 4 && strncmp(text, units[unit].unit, strlen(units[unit].unit)) != 0) {
            unit++;
        }
        if (unit == 4 && (*text != '\0' || any)) {
            return false; /* no unit is good only for a number alone */
        }
        total += value * (unit == 4 ? 1000 : units[unit].ms) / 1000;
        text += unit == 4 ? 0 : strlen(units[unit].unit);
        any = true;
        total = total > DURATION_MAX_MS ? DURATION_MAX_MS : total;
    }
    *ms_out = total;
    return any;
}

static int64_t duration_header(const struct heddle_http_response *response, const char *name)
{
    char value[64];
    int64_t ms = -1;
    return heddle_http_response_header(response, name, value, sizeof value) &&
                   heddle_reply_duration_parse(value, &ms)
               ? ms
               : -1;
}

static int64_t count_header(const struct heddle_http_response *response, const char *name)
{
    char value[32];
    if (!heddle_http_response_header(response, name, value, sizeof value) || value[0] < '0' ||
        value[0] > '9') {
        return -1;
    }
    return (int64_t)strtoll(value, NULL, 10);
}

/* retry-after-ms is OpenAI's and Azure's, and finer. */
static int64_t retry_after(const struct heddle_http_response *response, int64_t unix_ms)
{
    char value[64];
    int64_t ms = count_header(response, "retry-after-ms");
    int64_t date_s = 0;
    if (ms >= 0) {
        return ms < DURATION_MAX_MS ? ms : DURATION_MAX_MS;
    }
    if (!heddle_http_response_header(response, "retry-after", value, sizeof value)) {
        return -1;
    }
    if (heddle_reply_duration_parse(value, &ms)) {
        return ms;
    }
    if (!heddle_http_date_parse(value, &date_s)) {
        return -1;
    }
    const int64_t wait =
        date_s > unix_ms / 1000 + DURATION_MAX_MS / 1000 ? DURATION_MAX_MS : date_s * 1000 - unix_ms;
    return wait > 0 ? wait : 0;
}

void heddle_reply_hints_read(const struct heddle_http_response *response, int64_t unix_ms,
                             struct heddle_reply_hints *hints_out)
{
    *hints_out = (struct heddle_reply_hints){
        .retry_after_ms = retry_after(response, unix_ms),
        .requests_left = count_header(response, "x-ratelimit-remaining-requests"),
        .tokens_left = count_header(response, "x-ratelimit-remaining-tokens"),
        .requests_reset_ms = duration_header(response, "x-ratelimit-reset-requests"),
        .tokens_reset_ms = duration_header(response, "x-ratelimit-reset-tokens"),
    };
}

/* ---- error bodies ------------------------------------------------------------------------------------------------------- */

/* The first member of `object` that is a text. */
static const char *text_member(const json_t *object, const char *const *names)
{
    for (; *names != NULL; names++) {
        const char *text = json_string_value(json_object_get(object, *names));
        if (text != NULL) {
            return text;
        }
    }
    return NULL;
}

/* A text of the service may hold anything, our secrets too; a message of ours is one printable line. What is secret is
 * blotted out before the text is cut: a part of it would not be recognised. */
static void take_plain(const struct heddle_http_request *request, const char *text, char *out, size_t size)
{
    char *copy = heddle_strdup(text);
    if (copy == NULL) {
        return; /* the status alone must do */
    }
    heddle_http_redact(request, copy);
    snprintf(out, size, "%s", copy);
    free(copy);
    for (; *out != '\0'; out++) {
        if (*out == '\n' || *out == '\t' || *out == '\r') {
            *out = ' ';
        } else if (*out < 0x20 || *out > 0x7e) {
            *out = '?';
        }
    }
}

/* {"error": {"message", "code", "type"}} (OpenAI), {"error", "error_type"} (TEI), {"error"} (Ollama),
 * {"error_code", "message"} (Databricks, MLflow), {"detail"} (FastAPI). */
static void complaint_from_json(const struct heddle_http_request *request, const json_t *json,
                                struct heddle_reply_complaint *complaint)
{
    static const char *const codes[] = {"code", "error_code", "error_type", "type", NULL};
    static const char *const messages[] = {"message", "error", "detail", NULL};
    const json_t *inner = json_object_get(json, "error");
    const json_t *object = json_is_object(inner) ? inner : json;
    const char *code = text_member(object, codes);
    const char *message = text_member(object, messages);
    if (code != NULL) {
        take_plain(request, code, complaint->code, sizeof complaint->code);
    }
    if (message != NULL) {
        take_plain(request, message, complaint->message, sizeof complaint->message);
    }
}

void heddle_reply_complaint_read(const struct heddle_http_request *request,
                                 const struct heddle_http_response *response,
                                 struct heddle_reply_complaint *complaint_out)
{
    const char *body = (const char *)response->body.bytes;
    const size_t length =
        response->body.length < COMPLAINT_BYTES_MAX ? response->body.length : COMPLAINT_BYTES_MAX;
    *complaint_out = (struct heddle_reply_complaint){0};
    char *copy = length == 0 ? NULL : heddle_strndup(body, length);
    if (copy == NULL) {
        return;
    }
    json_t *json = json_loads(copy, 0, NULL);
    if (json_is_object(json)) {
        complaint_from_json(request, json, complaint_out);
    } else if (copy[0] != '<') { /* a page of HTML tells nothing in a line */
        take_plain(request, copy, complaint_out->message, sizeof complaint_out->message);
    }
    json_decref(json);
    free(copy);
}

/* ---- what to do --------------------------------------------------------------------------------------------------------- */

enum heddle_reply_verdict heddle_reply_judge(long status, const char *code)
{
    if (status == 200) {
        return HEDDLE_REPLY_DONE;
    }
    if (status == 429 && strcmp(code, "insufficient_quota") == 0) {
        return HEDDLE_REPLY_FATAL;
    }
    if (status == 408 || status == 424 || status == 429 || status >= 500) {
        return HEDDLE_REPLY_RETRY;
    }
    return status == 400 || status == 413 || status == 422 ? HEDDLE_REPLY_SPLIT : HEDDLE_REPLY_FATAL;
}

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* When the limit that was hit is lifted; -1 = not said. A limit with something left was not the one. */
static int64_t reset_ms(const struct heddle_reply_hints *hints)
{
    const int64_t requests = hints->requests_left > 0 ? -1 : hints->requests_reset_ms;
    const int64_t tokens = hints->tokens_left > 0 ? -1 : hints->tokens_reset_ms;
    const int64_t either = larger(requests, tokens);
    return either >= 0 ? either : larger(hints->requests_reset_ms, hints->tokens_reset_ms);
}

uint64_t heddle_reply_delay_ms(const struct heddle_reply_hints *hints, unsigned attempt, double unit)
{
    if (hints->retry_after_ms >= 0) {
        return (uint64_t)hints->retry_after_ms;
    }
    const int64_t reset = reset_ms(hints);
    if (reset >= 0) {
        return (uint64_t)reset;
    }
    uint64_t ceiling = HEDDLE_REPLY_DELAY_FIRST_MS;
    for (unsigned i = 0; i < attempt && ceiling < HEDDLE_REPLY_DELAY_MAX_MS; i++) {
        ceiling *= 2;
    }
    ceiling = ceiling < HEDDLE_REPLY_DELAY_MAX_MS ? ceiling : HEDDLE_REPLY_DELAY_MAX_MS;
    return (uint64_t)(unit * (double)ceiling);
}

uint64_t heddle_reply_pause_ms(const struct heddle_reply_hints *hints, size_t tokens)
{
    int64_t pause = 0;
    if (hints->requests_left == 0) {
        pause = larger(pause, hints->requests_reset_ms);
    }
    if (hints->tokens_left >= 0 && (uint64_t)hints->tokens_left < tokens) {
        pause = larger(pause, hints->tokens_reset_ms);
    }
    return (uint64_t)pause;
}
