/* reply.h: what a service's answer means for the next step: done, again later, in halves, or never.
 *
 *   200                          done
 *   408 429 500 502 503 504 424  again later (424: TEI's model failed; other 5xx too)
 *   400 413 422                  never the same again; halved until the one text at fault stands alone
 *   401 403 404 415 and others   never: key, address or service is wrong
 *   429 "insufficient_quota"     never: waiting brings no money
 *
 * Threads: pure functions.
 */
#ifndef HEDDLE_MODEL_PROVIDER_REPLY_H
#define HEDDLE_MODEL_PROVIDER_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/http.h"

enum heddle_reply_verdict {
    HEDDLE_REPLY_DONE = 0,
    HEDDLE_REPLY_RETRY,
    HEDDLE_REPLY_SPLIT,
    HEDDLE_REPLY_FATAL,
};

/* Full jitter (M. Brooker, "Exponential Backoff And Jitter", AWS 2015): uniform in 0 .. min(60 s, 0.5 s x 2^attempt). */
enum { HEDDLE_REPLY_DELAY_FIRST_MS = 500, HEDDLE_REPLY_DELAY_MAX_MS = 60000 };

/* What the service says about its limits. -1: it does not say. */
struct heddle_reply_hints {
    int64_t retry_after_ms; /* Retry-After (seconds or a date) or retry-after-ms */
    int64_t requests_left;  /* x-ratelimit-remaining-requests */
    int64_t tokens_left;
    int64_t requests_reset_ms; /* until they are all back: x-ratelimit-reset-requests */
    int64_t tokens_reset_ms;
};

/* What it says went wrong. */
struct heddle_reply_complaint {
    char code[64];     /* its own code, unchanged, or "" */
    char message[200]; /* printable ASCII; what else it had is '?'; "" where it gives no reason */
};

/* Reads the headers. `unix_ms` is the wall clock, for dates. */
void heddle_reply_hints_read(const struct heddle_http_response *response, int64_t unix_ms,
                             struct heddle_reply_hints *hints_out);

/* Reads the body of an answer that is not 200, in the forms that OpenAI, Databricks, MLflow, TEI and Ollama use; secrets of
 * the request are blotted out. */
void heddle_reply_complaint_read(const struct heddle_http_request *request,
                                 const struct heddle_http_response *response,
                                 struct heddle_reply_complaint *complaint_out);

enum heddle_reply_verdict heddle_reply_judge(long status, const char *code);

/* Milliseconds to wait before attempt number `attempt` + 1 (0 = the first has failed). What the service asks for is kept to
 * the millisecond and may be longer than HEDDLE_REPLY_DELAY_MAX_MS; `unit` is a random number in [0, 1). */
uint64_t heddle_reply_delay_ms(const struct heddle_reply_hints *hints, unsigned attempt, double unit);

/* For how long to send nothing although this answer was fine, because the next request, of about `tokens` tokens, would be
 * refused; 0 = go on. */
uint64_t heddle_reply_pause_ms(const struct heddle_reply_hints *hints, size_t tokens);

/* "6m0s", "7.66s", "250ms", "1h2m3.5s", and plain seconds "12" or "0.5". False if it is none of these. */
bool heddle_reply_duration_parse(const char *text, int64_t *ms_out);

#endif
