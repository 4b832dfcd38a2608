/* exchange.c: one request's worth of texts, sent until it is settled.
 *
 * A range of texts is sent; the answer is taken, waited for again, or the range is halved and each half is a range of its
 * own. The depth of that is the logarithm of the largest request, so it is a recursion.
 */
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/memory.h"
#include "model/pooling.h"
#include "model/provider/provider_parts.h"

enum {
    BROKEN_ATTEMPTS_MAX = 2,    /* of a request that the service answers with 500: it may be a text's fault */
    UNREACHED_ATTEMPTS_MAX = 3, /* before anybody has answered at all: the address may be wrong */
    BAD_ANSWERS_MAX = 2,
    PAUSE_SLICE_MS = 100, /* how late the end of a pause may be noticed */
};

/* An answer with as many bytes for each number is no answer: 17 digits, sign, point, exponent, blanks. */
enum { NUMBER_BYTES_MAX = 32, NUMBERS_UNKNOWN = 65536, ENVELOPE_BYTES = 1 << 20 };

/* What became of one attempt. */
enum step { STEP_DONE, STEP_AGAIN, STEP_SPLIT, STEP_OVER };

struct range {
    struct heddle_provider_call *call;
    struct heddle_provider_lane *lane;
    const struct heddle_engine_item *const *items;
    size_t count;
    size_t tokens; /* estimated */
    uint64_t start_ns;
    unsigned attempts;
    unsigned bad_answers;
    bool broken;             /* the last answer was 500 or 424 */
    bool unreached;          /* the last attempt met nobody */
    uint64_t delay_ms;       /* before the next attempt */
    struct heddle_error why; /* what the last attempt failed with */
};

static uint64_t now_ns(const struct heddle_provider *provider)
{
    return provider->clock.now_ns(provider->clock.context);
}

static void call_fail(struct heddle_provider_call *call, const struct heddle_error *error)
{
    pthread_mutex_lock(&call->provider->mutex);
    if (call->status == HEDDLE_OK) {
        call->status = error->status;
        call->error = *error;
    }
    pthread_mutex_unlock(&call->provider->mutex);
}

static bool call_is_over(const struct heddle_provider_call *call)
{
    pthread_mutex_lock(&call->provider->mutex);
    const bool over = call->status != HEDDLE_OK;
    pthread_mutex_unlock(&call->provider->mutex);
    return over;
}

static void item_fail(const struct heddle_engine_item *item, const char *reason)
{
    item->status->result = HEDDLE_EMBED_FAILED;
    snprintf(item->status->reason, sizeof item->status->reason, "%s", reason);
}

/* How long a request may take with all its repetitions. */
static uint64_t total_ms(const struct heddle_provider *provider, bool cold)
{
    return cold ? provider->cold_timeout_ms : HEDDLE_PROVIDER_TOTAL_MS;
}

/* Waits, but not on when it is to stop. */
static void pause_for(const struct heddle_provider *provider, uint64_t wait_ms)
{
    while (wait_ms > 0 && !atomic_load(&provider->stopping)) {
        const uint64_t slice = wait_ms < PAUSE_SLICE_MS ? wait_ms : PAUSE_SLICE_MS;
        provider->clock.sleep_ms(provider->clock.context, slice);
        wait_ms -= slice;
    }
}

/* True where heddle_embedder_stop() was called; the call has then failed. */
static bool is_stopped(struct heddle_provider_call *call)
{
    struct heddle_error error = {0};
    if (!atomic_load(&call->provider->stopping)) {
        return false;
    }
    (void)heddle_error_set(&error, HEDDLE_INTERRUPTED, "stopped on request");
    call_fail(call, &error);
    return true;
}

/* ---- leave to send ------------------------------------------------------------------------------------------------------ */

/* Time is up: the last attempt's reason is why. */
static int too_late(struct range *range, uint64_t wait_ms)
{
    const struct heddle_provider *provider = range->call->provider;
    if (range->why.status == HEDDLE_OK) {
        heddle_error_set(&range->why, HEDDLE_NETWORK, "%s asks for a pause of %" PRIu64 " s", provider->place,
                         wait_ms / 1000);
    }
    (void)heddle_error_prefix(&range->why, "given up after %u attempts", range->attempts);
    range->why.status = HEDDLE_NETWORK;
    range->why.action = HEDDLE_ACTION_RETRY;
    return HEDDLE_NETWORK;
}

/* Waits until one more request may go; it is then counted. *cold_out: nobody has answered so far. */
static int admit(struct range *range, bool *cold_out)
{
    struct heddle_provider *provider = range->call->provider;
    int status = HEDDLE_OK;
    uint64_t wait_ns = 0;
    pthread_mutex_lock(&provider->mutex);
    while (status == HEDDLE_OK && range->call->status == HEDDLE_OK) {
        const uint64_t now = now_ns(provider);
        if (heddle_pacing_admit(&provider->pacing, now, &wait_ns)) {
            break;
        }
        const uint64_t gone_ms = (now - range->start_ns) / 1000000;
        const uint64_t wait_ms = wait_ns / 1000000 + 1;
        if (wait_ns == 0) {
            pthread_cond_wait(&provider->gate, &provider->mutex);
        } else if (gone_ms + wait_ms > total_ms(provider, !provider->answered)) {
            status = too_late(range, wait_ms);
        } else {
            pthread_mutex_unlock(&provider->mutex);
            pause_for(provider, wait_ms);
            (void)is_stopped(range->call);
            pthread_mutex_lock(&provider->mutex);
        }
    }
    if (status == HEDDLE_OK) {
        status = range->call->status; /* somebody else has found that it is over: not counted, and no news */
    }
    *cold_out = !provider->answered;
    pthread_mutex_unlock(&provider->mutex);
    return status;
}

/* ---- what an answer means ----------------------------------------------------------------------------------------------- */

/* Spreads what the service counted over the texts by their length, so that the sum is right. */
static void tokens_spread(const struct range *range, uint64_t total)
{
    uint64_t given = 0;
    uint64_t estimate = 0;
    for (size_t i = 0; i < range->count && range->tokens > 0; i++) {
        estimate += heddle_request_text_tokens(range->items[i]);
        const uint64_t until = (uint64_t)((double)total * ((double)estimate / (double)range->tokens) + 0.5);
        range->items[i]->status->tokens = (uint32_t)(until - given);
        given = until;
    }
}

static uint64_t tokens_counted(const struct range *range, const struct heddle_answer *answer)
{
    char value[32];
    if (answer->tokens > 0 || range->call->provider->kind != HEDDLE_PROVIDER_TEI ||
        !heddle_http_response_header(&range->lane->response, "x-compute-tokens", value, sizeof value)) {
        return answer->tokens;
    }
    return strtoull(value, NULL, 10);
}

static void rows_accept(struct range *range, const struct heddle_answer *answer)
{
    const struct heddle_provider *provider = range->call->provider;
    const uint64_t tokens = tokens_counted(range, answer);
    char reason[sizeof range->items[0]->status->reason];
    tokens_spread(range, tokens < UINT32_MAX ? tokens : 0);
    for (size_t i = 0; i < range->count; i++) {
        if (answer->rows[i].fault != HEDDLE_ANSWER_GOOD) {
            item_fail(range->items[i],
                      heddle_answer_fault_text(&answer->rows[i], answer->dimensions, reason, sizeof reason));
        } else if (provider->normalize) {
            heddle_vector_normalize(range->items[i]->vector, answer->dimensions);
        }
    }
    if (range->call->dimensions == 0) { /* in the first request of all, which is alone */
        range->call->dimensions = answer->dimensions;
    }
}

static enum step answer_take(struct range *range)
{
    struct heddle_provider_lane *lane = range->lane;
    const struct heddle_buffer *body = &lane->response.body;
    struct heddle_answer answer = {.count = range->count,
                                   .dimensions = range->call->dimensions,
                                   .capacity = range->call->capacity,
                                   .vectors = lane->vectors,
                                   .rows = lane->rows};
    for (size_t i = 0; i < range->count; i++) {
        lane->vectors[i] = range->items[i]->vector;
    }
    const int status = heddle_answer_parse(heddle_request_answer_shape(range->call->provider->form.shape),
                                           body->length > 0 ? (const char *)body->bytes : "", body->length,
                                           &answer, &range->why);
    if (status == HEDDLE_OK) {
        rows_accept(range, &answer);
        return STEP_DONE;
    }
    (void)heddle_error_prefix(&range->why, "%s", range->call->provider->place);
    range->delay_ms = 0;
    return ++range->bad_answers < BAD_ANSWERS_MAX ? STEP_AGAIN : STEP_SPLIT;
}

static const char *remedy(long status)
{
    switch (status) {
    case 401:
    case 403: return "; check the API key and what it may do";
    case 404: return "; check the address and the model's name";
    case 415: return "; is this an embedding service?";
    default: return "";
    }
}

/* "HOST answered 429 (rate_limit): too many requests" */
static void refusal_describe(struct range *range, const struct heddle_reply_complaint *complaint)
{
    const long status = range->lane->response.status;
    const char *colon = complaint->message[0] != '\0' ? ": " : "";
    heddle_error_set(&range->why, HEDDLE_MODEL, "%s answered %ld%s%s%s", range->call->provider->place, status,
                     colon, complaint->message, remedy(status));
    snprintf(range->why.code, sizeof range->why.code, "%s", complaint->code);
}

static enum heddle_pacing_outcome outcome_of(long status)
{
    switch (status) {
    case 429:
    case 503: return HEDDLE_PACING_OVERLOAD;
    default:
        return status >= 500 || status == 408 || status == 424 ? HEDDLE_PACING_FAILURE
                                                               : HEDDLE_PACING_REFUSED;
    }
}

/* Judges an answer that came; *outcome_out is for the pacing. */
static enum step answer_judge(struct range *range, const struct heddle_http_request *request,
                              const struct heddle_reply_hints *hints, double unit,
                              enum heddle_pacing_outcome *outcome_out)
{
    struct heddle_reply_complaint complaint;
    const struct heddle_http_response *response = &range->lane->response;
    if (response->status == 200) {
        const enum step step = answer_take(range);
        *outcome_out = step == STEP_DONE ? HEDDLE_PACING_SUCCESS : HEDDLE_PACING_REFUSED;
        return step;
    }
    *outcome_out = outcome_of(response->status);
    heddle_reply_complaint_read(request, response, &complaint);
    refusal_describe(range, &complaint);
    switch (heddle_reply_judge(response->status, complaint.code)) {
    case HEDDLE_REPLY_RETRY:
        range->broken = response->status == 500 || response->status == 424;
        range->why.status = HEDDLE_NETWORK;
        range->delay_ms = heddle_reply_delay_ms(hints, range->attempts - 1, unit);
        return STEP_AGAIN;
    case HEDDLE_REPLY_SPLIT: return STEP_SPLIT;
    default: return STEP_OVER;
    }
}

/* ---- one attempt -------------------------------------------------------------------------------------------------------- */

/* A random number in [0, 1); the state is the engine's. */
static double random_unit(struct heddle_provider *provider)
{
    pthread_mutex_lock(&provider->mutex);
    const double unit = heddle_random_unit(&provider->random);
    pthread_mutex_unlock(&provider->mutex);
    return unit;
}

static void attempt_report(const struct range *range, uint64_t sent_ns, enum heddle_pacing_outcome outcome,
                           uint64_t pause_ms)
{
    struct heddle_provider *provider = range->call->provider;
    pthread_mutex_lock(&provider->mutex);
    const uint64_t now = now_ns(provider);
    heddle_pacing_done(&provider->pacing, now, sent_ns, range->count, outcome);
    if (pause_ms > 0) {
        heddle_pacing_pause(&provider->pacing, now + pause_ms * 1000000);
    }
    provider->answered = provider->answered || outcome == HEDDLE_PACING_SUCCESS;
    pthread_cond_broadcast(&provider->gate);
    pthread_mutex_unlock(&provider->mutex);
}

static uint32_t attempt_timeout(const struct range *range, bool cold)
{
    const struct heddle_provider *provider = range->call->provider;
    if (!cold) {
        return provider->timeout_ms;
    }
    const uint64_t gone_ms = (now_ns(provider) - range->start_ns) / 1000000;
    return gone_ms + 1 < provider->cold_timeout_ms ? provider->cold_timeout_ms - (uint32_t)gone_ms : 1;
}

static enum step attempt(struct range *range)
{
    static const struct heddle_http_header json = {.name = "Content-Type", .value = "application/json"};
    struct heddle_provider *provider = range->call->provider;
    const size_t numbers = range->call->dimensions > 0 ? range->call->dimensions : NUMBERS_UNKNOWN;
    enum heddle_pacing_outcome outcome = HEDDLE_PACING_REFUSED;
    struct heddle_reply_hints hints = {-1, -1, -1, -1, -1};
    bool cold = false;
    uint64_t pause_ms = 0;
    if (admit(range, &cold) != HEDDLE_OK) {
        return STEP_OVER;
    }
    const struct heddle_http_request request = {
        .url = provider->url,
        .headers = &json,
        .header_count = 1,
        .authorization = provider->authorization,
        .body = range->lane->body.bytes,
        .body_length = range->lane->body.length,
        .timeout_ms = attempt_timeout(range, cold),
        .response_bytes_max = (uint64_t)range->count * numbers * NUMBER_BYTES_MAX + ENVELOPE_BYTES,
        .cancel = &provider->stopping,
    };
    const uint64_t sent_ns = now_ns(provider);
    enum step step = STEP_OVER;
    range->attempts++;
    range->broken = false;
    range->why = (struct heddle_error){0};
    const int status = heddle_http_perform(provider->client, &request, &range->lane->response, &range->why);
    range->unreached = status != HEDDLE_OK;
    if (status == HEDDLE_OK) {
        heddle_reply_hints_read(&range->lane->response, provider->clock.unix_ms(provider->clock.context),
                                &hints);
        step = answer_judge(range, &request, &hints, random_unit(provider), &outcome);
        pause_ms = step == STEP_AGAIN && outcome == HEDDLE_PACING_OVERLOAD && hints.retry_after_ms > 0
                       ? (uint64_t)hints.retry_after_ms /* meant for everybody */
                       : heddle_reply_pause_ms(&hints, range->tokens);
    } else if (range->why.action == HEDDLE_ACTION_RETRY) {
        outcome = HEDDLE_PACING_FAILURE;
        range->delay_ms = heddle_reply_delay_ms(&hints, range->attempts - 1, random_unit(provider));
        step = STEP_AGAIN;
    }
    attempt_report(range, sent_ns, outcome, pause_ms);
    return step;
}

/* ---- a range, until it is settled --------------------------------------------------------------------------------------- */

/* May the range be sent once more? Waits for its delay if so. */
static bool again(struct range *range)
{
    const struct heddle_provider *provider = range->call->provider;
    pthread_mutex_lock(&range->call->provider->mutex);
    const bool cold = !provider->answered;
    pthread_mutex_unlock(&range->call->provider->mutex);
    unsigned most = HEDDLE_PROVIDER_ATTEMPTS_MAX;
    if (range->broken) {
        most = BROKEN_ATTEMPTS_MAX;
    } else if (cold) {
        most = range->unreached ? UNREACHED_ATTEMPTS_MAX : UINT_MAX; /* while it wakes only time counts */
    }
    const uint64_t gone_ms = (now_ns(provider) - range->start_ns) / 1000000;
    if (range->attempts >= most || gone_ms + range->delay_ms > total_ms(provider, cold)) {
        (void)too_late(range, range->delay_ms);
        return false;
    }
    pause_for(provider, range->delay_ms);
    return true;
}

/* A server that answers 500 to everything is down; one that answers others may have choked on a text of this range. */
static bool may_be_a_texts_fault(const struct range *range)
{
    struct heddle_provider *provider = range->call->provider;
    pthread_mutex_lock(&provider->mutex);
    const bool alive = range->broken && provider->answered && !provider->pacing.tripped;
    pthread_mutex_unlock(&provider->mutex);
    return alive;
}

/* Sends the range until it is done (true) or must be halved (false). A call that failed is done with, too. */
static bool range_settle(struct range *range)
{
    while (!is_stopped(range->call) && !call_is_over(range->call)) {
        switch (attempt(range)) {
        case STEP_DONE: return true;
        case STEP_SPLIT: return false;
        case STEP_AGAIN:
            if (again(range)) {
                break;
            }
            if (may_be_a_texts_fault(range)) {
                return false;
            }
            call_fail(range->call, &range->why);
            return true;
        default:
            if (!is_stopped(range->call) && range->why.status != HEDDLE_OK) {
                call_fail(range->call, &range->why);
            }
            return true;
        }
    }
    return true;
}

static int lane_prepare(struct heddle_provider_lane *lane, const struct range *range,
                        struct heddle_error *error)
{
    if (heddle_grow((void **)&lane->vectors, &lane->vector_capacity, range->count, sizeof *lane->vectors) !=
            0 ||
        heddle_grow((void **)&lane->rows, &lane->row_capacity, range->count, sizeof *lane->rows) != 0) {
        return heddle_error_out_of_memory(error);
    }
    heddle_buffer_reset(&lane->body);
    heddle_request_build(&range->call->provider->form, range->items, range->count, &lane->body);
    return heddle_buffer_check(&lane->body, error);
}

static void range_run(struct heddle_provider_lane *lane, struct heddle_provider_call *call,
                      const struct heddle_engine_item *const *items, size_t count)
{
    struct range range = {
        .call = call, .lane = lane, .items = items, .count = count, .start_ns = now_ns(call->provider)};
    for (size_t i = 0; i < count; i++) {
        range.tokens += heddle_request_text_tokens(items[i]);
    }
    if (lane_prepare(lane, &range, &range.why) != HEDDLE_OK) {
        call_fail(call, &range.why);
        return;
    }
    if (range_settle(&range)) {
        return;
    }
    if (count == 1) {
        item_fail(items[0], range.why.message);
        pthread_mutex_lock(&call->provider->mutex);
        call->refusal = range.why;
        pthread_mutex_unlock(&call->provider->mutex);
        return;
    }
    range_run(lane, call, items, count / 2);
    range_run(lane, call, items + count / 2, count - count / 2);
}

void heddle_provider_exchange(struct heddle_provider_lane *lane, const struct heddle_provider_task *task)
{
    range_run(lane, task->call, task->items, task->count);
}

void heddle_provider_lane_free(struct heddle_provider_lane *lane)
{
    heddle_buffer_free(&lane->body);
    heddle_http_response_free(&lane->response);
    free(lane->vectors);
    free(lane->rows);
}
