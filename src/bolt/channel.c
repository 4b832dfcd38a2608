/* channel.c: sending what was written, and handing out answers. */
#include "bolt/channel.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

struct heddle_pack_dialect heddle_channel_dialect(const struct heddle_channel *channel)
{
    return (struct heddle_pack_dialect){
        .utc = channel->utc,
        .native_vectors = heddle_bolt_has(channel->version, HEDDLE_BOLT_FEATURE_NATIVE_VECTORS),
        .uuids = heddle_bolt_has(channel->version, HEDDLE_BOLT_FEATURE_UUIDS)};
}

static void lose(struct heddle_channel_expectation expectation)
{
    if (expectation.taker != NULL && expectation.taker->lost != NULL) {
        expectation.taker->lost(expectation.taker, expectation.request);
    }
}

void heddle_channel_break(struct heddle_channel *channel)
{
    channel->broken = true;
    channel->stale = true;
    heddle_bolt_stream_detach(&channel->stream);
    const unsigned length = channel->queue_length;
    channel->queue_length = 0;
    channel->answered = channel->asked;
    channel->needs_reset = false;
    heddle_buffer_reset(&channel->outbox);
    for (unsigned i = 0; i < length; i++) {
        lose(channel->queue[i]);
    }
}

static int closed(const struct heddle_channel *channel, struct heddle_error *error)
{
    heddle_error_set(error, HEDDLE_NETWORK, "the connection to %s is closed", channel->address);
    if (error != NULL) {
        error->action = HEDDLE_ACTION_RETRY;
    }
    return HEDDLE_NETWORK;
}

int heddle_channel_expect(struct heddle_channel *channel, enum heddle_channel_request request,
                          struct heddle_channel_taker *taker, struct heddle_error *error)
{
    if (channel->queue_length == HEDDLE_CHANNEL_QUEUE_MAX) {
        return heddle_error_set(error, HEDDLE_INTERNAL, "too many requests wait for an answer of %s",
                                channel->address);
    }
    channel->queue[channel->queue_length++] = (struct heddle_channel_expectation){request, taker};
    channel->asked++;
    return HEDDLE_OK;
}

struct heddle_channel_mark heddle_channel_mark(const struct heddle_channel *channel)
{
    return (struct heddle_channel_mark){channel->outbox.length, channel->queue_length, channel->asked};
}

void heddle_channel_rewind(struct heddle_channel *channel, struct heddle_channel_mark mark)
{
    channel->outbox.length = mark.bytes;
    channel->outbox.failed = false;
    channel->queue_length = mark.queue_length;
    channel->asked = mark.asked;
}

static struct heddle_channel_expectation queue_pop(struct heddle_channel *channel)
{
    const struct heddle_channel_expectation front = channel->queue[0];
    channel->queue_length--;
    channel->answered++;
    memmove(channel->queue, channel->queue + 1, channel->queue_length * sizeof front);
    return front;
}

/* The server does nothing more until it hears RESET, unless that is on its way. */
static void server_failed(struct heddle_channel *channel)
{
    channel->ignoring = true;
    channel->needs_reset = channel->resets == 0;
}

static int cannot_reset(const struct heddle_channel *channel, struct heddle_error *error)
{
    heddle_error_set(error, HEDDLE_NETWORK, "%s could not reset the connection", channel->address);
    if (error != NULL) {
        error->action = HEDDLE_ACTION_RETRY;
    }
    return HEDDLE_NETWORK;
}

static int failure_in(struct heddle_channel *channel, struct heddle_unpack *unpack,
                      struct heddle_error *error)
{
    struct heddle_refusal *refusal = NULL;
    const struct heddle_channel_expectation front = queue_pop(channel);
    if (front.request == HEDDLE_CHANNEL_RESET) {
        return cannot_reset(channel, error);
    }
    const int status = heddle_refusal_read(unpack, &refusal, error);
    if (refusal != NULL) {
        heddle_refusal_destroy(channel->refusal);
        channel->refusal = refusal;
        refusal->of_run = front.request == HEDDLE_CHANNEL_RUN;
    }
    server_failed(channel);
    if (front.request <= HEDDLE_CHANNEL_LOGOFF) {
        channel->stale = true; /* a server that refused a login hangs up */
    }
    lose(front);
    return status;
}

static int ignored_in(struct heddle_channel *channel, struct heddle_error *error)
{
    const struct heddle_channel_expectation front = queue_pop(channel);
    if (front.request == HEDDLE_CHANNEL_RESET) {
        return cannot_reset(channel, error);
    }
    lose(front);
    if (channel->ignoring) {
        return HEDDLE_OK; /* the reason has been told */
    }
    server_failed(channel);
    heddle_error_set(error, HEDDLE_DATABASE, "%s ignored a request and did not say why", channel->address);
    if (error != NULL) {
        error->action = HEDDLE_ACTION_RETRY;
    }
    return HEDDLE_DATABASE;
}

static int message_in(struct heddle_channel *channel, struct heddle_error *error)
{
    const uint8_t *bytes = NULL;
    size_t length = 0;
    uint8_t tag = 0;
    uint8_t fields = 0;
    struct heddle_unpack unpack;
    HEDDLE_TRY(heddle_bolt_stream_next(&channel->stream, &bytes, &length, error));
    heddle_unpack_init(&unpack, bytes, length);
    HEDDLE_TRY(heddle_unpack_struct(&unpack, &tag, &fields, error));
    if (tag == HEDDLE_MESSAGE_RECORD && fields == 1 && channel->queue[0].request == HEDDLE_CHANNEL_PULL) {
        struct heddle_channel_taker *taker = channel->queue[0].taker;
        return taker != NULL && taker->record != NULL
                   ? taker->record(taker, bytes + unpack.position, length - unpack.position, error)
                   : HEDDLE_OK;
    }
    if (tag == HEDDLE_MESSAGE_SUCCESS && fields == 1) {
        const struct heddle_channel_expectation front = queue_pop(channel);
        if (front.request == HEDDLE_CHANNEL_RESET) {
            channel->resets--;
            channel->ignoring = false;
        }
        return front.taker != NULL && front.taker->success != NULL
                   ? front.taker->success(front.taker, front.request, &unpack, error)
                   : HEDDLE_OK;
    }
    if (tag == HEDDLE_MESSAGE_FAILURE && fields == 1) {
        return failure_in(channel, &unpack, error);
    }
    if (tag == HEDDLE_MESSAGE_IGNORED) {
        return ignored_in(channel, error);
    }
    return heddle_error_set(error, HEDDLE_PROTOCOL, "%s answered 0x%02X where that makes no sense",
                            channel->address, tag);
}

/* A server that hangs up on us in the middle of a message may have said why: reads what has arrived, without waiting. True
 * where that was a FAILURE, now in `error`. */
static bool last_words(struct heddle_channel *channel, struct heddle_error *error)
{
    struct heddle_error told = {0};
    int status = HEDDLE_OK;
    if (channel->answered < channel->sent) {
        return false; /* what arrives may be of those before, whose owners wait for it themselves */
    }
    channel->stream.deadline_ns = 1; /* long past */
    while (status == HEDDLE_OK && channel->queue_length > 0) {
        status = message_in(channel, &told);
    }
    if (status == HEDDLE_DATABASE && error != NULL) {
        *error = told;
    }
    return status == HEDDLE_DATABASE;
}

int heddle_channel_send(struct heddle_channel *channel, const uint8_t *bytes, size_t length,
                        struct heddle_error *error)
{
    if (channel->broken) {
        return closed(channel, error);
    }
    int status = heddle_buffer_check(&channel->outbox, error);
    if (status == HEDDLE_OK && channel->outbox.length > 0) {
        status =
            heddle_bolt_stream_send(&channel->stream, channel->outbox.bytes, channel->outbox.length, error);
    }
    if (status == HEDDLE_OK && length > 0) {
        status = heddle_bolt_stream_send(&channel->stream, bytes, length, error);
    }
    if (channel->holds_secret && channel->outbox.bytes != NULL) {
        explicit_bzero(channel->outbox.bytes, channel->outbox.length);
    }
    channel->holds_secret = false;
    heddle_buffer_reset(&channel->outbox);
    if (status == HEDDLE_OK) {
        channel->sent = channel->asked;
        return status;
    }
    if (status == HEDDLE_NETWORK && last_words(channel, error)) {
        status = HEDDLE_DATABASE;
    }
    heddle_channel_break(channel);
    return status;
}

int heddle_channel_flush(struct heddle_channel *channel, struct heddle_error *error)
{
    return heddle_channel_send(channel, NULL, 0, error);
}

int heddle_channel_read(struct heddle_channel *channel, struct heddle_error *error)
{
    if (channel->broken) {
        return closed(channel, error);
    }
    if (channel->queue_length == 0) {
        return heddle_error_set(error, HEDDLE_INTERNAL, "nothing was asked of %s", channel->address);
    }
    const uint64_t silent_before = channel->stream.silences;
    const int status = message_in(channel, error);
    if (status != HEDDLE_OK && status != HEDDLE_DATABASE) {
        channel->timed_out = channel->stream.silences != silent_before;
        heddle_channel_break(channel);
    }
    return status;
}

int heddle_channel_wait(struct heddle_channel *channel, uint64_t ticket, struct heddle_error *error)
{
    int first = heddle_channel_flush(channel, error);
    while (first == HEDDLE_OK && channel->answered < ticket) {
        first = heddle_channel_read(channel, error);
    }
    while (first != HEDDLE_OK && !channel->broken && channel->queue_length > 0) {
        (void)!heddle_channel_read(channel, NULL);
    }
    return first;
}

int heddle_channel_settle(struct heddle_channel *channel, struct heddle_error *error)
{
    return heddle_channel_wait(channel, channel->asked, error);
}

int heddle_channel_write_reset(struct heddle_channel *channel, struct heddle_error *error)
{
    heddle_message_reset(&channel->pack);
    HEDDLE_TRY(heddle_channel_expect(channel, HEDDLE_CHANNEL_RESET, NULL, error));
    channel->resets++;
    channel->needs_reset = false;
    return HEDDLE_OK;
}

int heddle_channel_reset(struct heddle_channel *channel, struct heddle_error *error)
{
    if (channel->broken) {
        return closed(channel, error);
    }
    for (unsigned i = 0; i < channel->queue_length; i++) {
        const struct heddle_channel_expectation expectation = channel->queue[i];
        channel->queue[i].taker = NULL;
        lose(expectation);
    }
    HEDDLE_TRY(heddle_channel_write_reset(channel, error));
    int status = heddle_channel_flush(channel, error);
    channel->ignoring = true;
    while (status == HEDDLE_OK && channel->queue_length > 0) {
        status = heddle_channel_read(channel, error);
        status = status == HEDDLE_DATABASE ? HEDDLE_OK : status; /* of what was out: no matter any more */
    }
    return status;
}

int heddle_channel_relogin(struct heddle_channel *channel, const struct heddle_auth *auth,
                           struct heddle_error *error)
{
    struct heddle_login *login = NULL;
    HEDDLE_TRY(heddle_login_create(auth, &login, error));
    heddle_login_destroy(channel->login);
    channel->login = login;
    const struct heddle_message_auth message = heddle_login_message(&login->auth);
    heddle_message_logoff(&channel->pack);
    HEDDLE_TRY(heddle_channel_expect(channel, HEDDLE_CHANNEL_LOGOFF, NULL, error));
    heddle_message_logon(&channel->pack, &message);
    channel->holds_secret = true;
    return heddle_channel_expect(channel, HEDDLE_CHANNEL_LOGON, NULL, error);
}

int heddle_channel_telemetry(struct heddle_channel *channel, int64_t api, struct heddle_channel_taker *taker,
                             struct heddle_error *error)
{
    if (!channel->telemetry) {
        return HEDDLE_OK;
    }
    heddle_message_telemetry(&channel->pack, api);
    return heddle_channel_expect(channel, HEDDLE_CHANNEL_TELEMETRY, taker, error);
}

struct heddle_refusal *heddle_channel_take_refusal(struct heddle_channel *channel)
{
    struct heddle_refusal *refusal = channel->refusal;
    channel->refusal = NULL;
    return refusal;
}

void heddle_channel_close(struct heddle_channel *channel)
{
    static const uint8_t goodbye[] = {0x00, 0x02, 0xB0, 0x02, 0x00, 0x00};
    if (channel == NULL) {
        return;
    }
    size_t sent = 0;
    if (channel->stream.wire != NULL) {
        (void)!heddle_wire_send(channel->stream.wire, goodbye, sizeof goodbye, &sent, NULL);
    }
    heddle_bolt_stream_free(&channel->stream);
    heddle_buffer_free(&channel->outbox);
    heddle_login_destroy(channel->login);
    heddle_refusal_destroy(channel->refusal);
    free(channel);
}
