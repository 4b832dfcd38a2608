/* cursor.c: a result that streams: RUN and PULL out, keys and records in.
 *
 * Records are kept as they came, in one buffer; each is decoded when its turn comes, into memory that the next one but one
 * uses again. So a record costs no allocation, and one that is discarded costs nothing.
 */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "bolt/driver/driver_parts.h"

enum { CURSOR_BLOCK_SIZE = 2048, RECORD_BLOCK_SIZE = 8 * 1024 };

static void finish(struct heddle_cursor *cursor, enum heddle_cursor_state state)
{
    cursor->state = state;
    cursor->discarding = false;
}

static int keys_keep(struct heddle_cursor *cursor, const struct heddle_value *fields,
                     struct heddle_error *error)
{
    if (fields == NULL || fields->type != HEDDLE_VALUE_LIST) {
        return HEDDLE_OK;
    }
    cursor->keys = heddle_arena_calloc(cursor->arena, fields->list.count, sizeof *cursor->keys);
    if (cursor->keys == NULL) {
        return heddle_error_out_of_memory(error);
    }
    for (size_t i = 0; i < fields->list.count; i++) {
        if (fields->list.items[i].type != HEDDLE_VALUE_STRING) {
            return heddle_error_set(error, HEDDLE_PROTOCOL,
                                    "the server named a column by something else than text");
        }
        cursor->keys[i] = fields->list.items[i].string;
    }
    cursor->key_count = fields->list.count;
    return HEDDLE_OK;
}

static int run_answered(struct heddle_cursor *cursor, const struct heddle_value *map,
                        struct heddle_error *error)
{
    struct heddle_session *session = cursor->session;
    HEDDLE_TRY(keys_keep(cursor, heddle_value_map_get(map, "fields"), error));
    cursor->qid = heddle_value_map_integer(map, "qid", -1);
    cursor->available_after_ms = heddle_value_map_integer(map, "t_first", -1);
    const char *database = heddle_value_map_text(map, "db", NULL);
    if (database != NULL) {
        cursor->database = heddle_arena_copy_text(cursor->arena, database, strlen(database));
        if (cursor->database == NULL) {
            return heddle_error_out_of_memory(error);
        }
        if (!cursor->in_transaction && session != NULL) {
            HEDDLE_TRY(heddle_session_settle_home(session, database, error));
        }
    }
    if (cursor->in_transaction && session != NULL) {
        session->transaction.last_qid = cursor->qid;
    }
    cursor->state = HEDDLE_CURSOR_STREAMING;
    return HEDDLE_OK;
}

static int pull_answered(struct heddle_cursor *cursor, const struct heddle_value *map,
                         struct heddle_error *error)
{
    if (heddle_value_map_boolean(map, "has_more", false)) {
        cursor->state = HEDDLE_CURSOR_PAUSED;
        return HEDDLE_OK;
    }
    static const char *const types[] = {"r", "w", "rw", "s"};
    const char *type = heddle_value_map_text(map, "type", "r");
    bool known = false;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        known = known || strcmp(types[i], type) == 0;
    }
    if (!known) {
        return heddle_error_set(error, HEDDLE_PROTOCOL, "the server says that a query is of type \"%.20s\"",
                                type);
    }
    cursor->metadata = *map;
    const char *bookmark = heddle_value_map_text(map, "bookmark", NULL);
    struct heddle_session *session = cursor->session;
    finish(cursor, HEDDLE_CURSOR_DONE);
    return bookmark != NULL && !cursor->in_transaction && session != NULL
               ? heddle_session_bookmark(session, &cursor->before, bookmark, error)
               : HEDDLE_OK;
}

static int cursor_success(struct heddle_channel_taker *taker, enum heddle_channel_request request,
                          struct heddle_unpack *unpack, struct heddle_error *error)
{
    struct heddle_cursor *cursor = (struct heddle_cursor *)taker;
    struct heddle_value map;
    HEDDLE_TRY(heddle_unpack_value(unpack, cursor->arena, &map, error));
    return request == HEDDLE_CHANNEL_RUN ? run_answered(cursor, &map, error)
                                         : pull_answered(cursor, &map, error);
}

static int cursor_record(struct heddle_channel_taker *taker, const uint8_t *bytes, size_t length,
                         struct heddle_error *error)
{
    struct heddle_cursor *cursor = (struct heddle_cursor *)taker;
    cursor->has_records = true;
    if (cursor->discarding) {
        return HEDDLE_OK;
    }
    if (cursor->inbox_records == 0) {
        heddle_buffer_reset(&cursor->inbox);
        cursor->inbox_used = 0;
    }
    heddle_buffer_append(&cursor->inbox, &length, sizeof length);
    heddle_buffer_append(&cursor->inbox, bytes, length);
    cursor->inbox_records++;
    return heddle_buffer_check(&cursor->inbox, error);
}

static void cursor_lost(struct heddle_channel_taker *taker, enum heddle_channel_request request)
{
    struct heddle_cursor *cursor = (struct heddle_cursor *)taker;
    (void)request;
    finish(cursor, HEDDLE_CURSOR_FAILED);
}

/* A query's parameters, through whichever of its doors they come. */
static int parameters_write(const struct heddle_query *query, struct heddle_pack *pack,
                            struct heddle_error *error)
{
    if (query->write != NULL) {
        return query->write((struct heddle_writer *)pack, query->context, error);
    }
    const struct heddle_value map = heddle_map(query->parameters, query->parameter_count);
    return heddle_pack_value(pack, &map, error);
}

static int query_write(struct heddle_cursor *cursor, struct heddle_channel *channel,
                       const struct heddle_query *query, const struct heddle_message_transaction *transaction,
                       struct heddle_error *error)
{
    heddle_message_run_open(&channel->pack, query->text);
    HEDDLE_TRY(parameters_write(query, &channel->pack, error));
    heddle_message_run_close(&channel->pack, transaction);
    HEDDLE_TRY(heddle_channel_expect(channel, HEDDLE_CHANNEL_RUN, &cursor->taker, error));
    heddle_message_pull(&channel->pack, cursor->fetch_size, -1);
    HEDDLE_TRY(heddle_channel_expect(channel, HEDDLE_CHANNEL_PULL, &cursor->taker, error));
    return heddle_buffer_check(&channel->outbox, error);
}

int heddle_cursor_start(struct heddle_session *session, const struct heddle_query *query,
                        const struct heddle_message_transaction *transaction,
                        struct heddle_cursor **cursor_out, struct heddle_error *error)
{
    struct heddle_channel *channel = session->channel;
    struct heddle_cursor *cursor = heddle_calloc(1, sizeof *cursor);
    if (cursor == NULL) {
        return heddle_error_out_of_memory(error);
    }
    cursor->taker = (struct heddle_channel_taker){cursor_success, cursor_record, cursor_lost};
    cursor->in_transaction = transaction == NULL;
    cursor->fetch_size = session->options.fetch_size;
    cursor->qid = -1;
    cursor->available_after_ms = -1;
    cursor->version = channel->version;
    memcpy(cursor->server_address, channel->address, sizeof cursor->server_address);
    memcpy(cursor->server_agent, channel->server_agent, sizeof cursor->server_agent);
    const struct heddle_channel_mark mark = heddle_channel_mark(channel);
    int status = heddle_arena_create(CURSOR_BLOCK_SIZE, &cursor->arena, error);
    if (status == HEDDLE_OK) {
        status = query->text != NULL
                     ? query_write(cursor, channel, query, transaction, error)
                     : heddle_error_set(error, HEDDLE_INVALID, "there is no statement to run");
    }
    if (status != HEDDLE_OK) {
        heddle_channel_rewind(channel, mark);
        heddle_cursor_destroy(cursor);
        return status;
    }
    cursor->session = session;
    cursor->next = session->cursors;
    session->cursors = cursor;
    *cursor_out = cursor;
    return HEDDLE_OK;
}

void heddle_cursor_detach(struct heddle_cursor *cursor)
{
    struct heddle_session *session = cursor->session;
    if (session == NULL) {
        return;
    }
    struct heddle_cursor **link = &session->cursors;
    while (*link != cursor) {
        link = &(*link)->next;
    }
    *link = cursor->next;
    cursor->next = NULL;
    cursor->session = NULL;
    if (cursor->state != HEDDLE_CURSOR_DONE && cursor->state != HEDDLE_CURSOR_FAILED) {
        cursor->out_of_scope = true;
    }
    struct heddle_channel *channel = session->channel;
    for (unsigned i = 0; channel != NULL && i < channel->queue_length; i++) {
        if (channel->queue[i].taker == &cursor->taker) {
            channel->queue[i].taker = NULL;
        }
    }
}

/* An error on the channel: it ends the transaction, or the auto-commit result that it was. `error` is not NULL. */
static int cursor_broke(struct heddle_cursor *cursor, int status, struct heddle_error *error)
{
    struct heddle_session *session = cursor->session;
    const bool lost = session->channel->broken;
    const bool began = cursor->state != HEDDLE_CURSOR_RUNNING || lost;
    status = heddle_session_failed(session, status, error);
    if (lost && began && !cursor->in_transaction && !session->reads && status != HEDDLE_DATABASE &&
        error->action == HEDDLE_ACTION_RETRY) {
        error->action = HEDDLE_ACTION_ASK; /* the statement was sent: who knows? */
    }
    if (cursor->in_transaction) {
        session->transaction.state = lost ? HEDDLE_TRANSACTION_LOST : HEDDLE_TRANSACTION_FAILED;
    }
    finish(cursor, HEDDLE_CURSOR_FAILED);
    for (struct heddle_cursor *each = session->cursors; each != NULL; each = each->next) {
        if (each->state != HEDDLE_CURSOR_DONE) {
            finish(each, HEDDLE_CURSOR_FAILED);
            each->failure = *error;
        }
    }
    heddle_session_release(session);
    return status;
}

/* Auto-commit results give their channel back as soon as they are complete. */
static void cursor_complete(struct heddle_cursor *cursor)
{
    struct heddle_session *session = cursor->session;
    if (session == NULL || cursor->in_transaction) {
        return;
    }
    heddle_cursor_detach(cursor);
    heddle_session_release(session);
}

/* Takes one more message in. */
static int advance(struct heddle_cursor *cursor, struct heddle_error *error)
{
    struct heddle_channel *channel = cursor->session->channel;
    struct heddle_error own = {0};
    error = error != NULL ? error : &own;
    const int status = heddle_channel_read(channel, error);
    if (status != HEDDLE_OK) {
        struct heddle_error rest = {0};
        while (!channel->broken && channel->queue_length > 0) { /* what is ignored now */
            (void)!heddle_channel_read(channel, &rest);
        }
        return cursor_broke(cursor, status, error);
    }
    if (cursor->state == HEDDLE_CURSOR_DONE) {
        cursor_complete(cursor);
    }
    return HEDDLE_OK;
}

int heddle_cursor_await_run(struct heddle_cursor *cursor, struct heddle_error *error)
{
    struct heddle_error own = {0};
    error = error != NULL ? error : &own;
    int status = heddle_channel_flush(cursor->session->channel, error);
    if (status != HEDDLE_OK) {
        return cursor_broke(cursor, status, error);
    }
    while (status == HEDDLE_OK && cursor->state == HEDDLE_CURSOR_RUNNING) {
        status = advance(cursor, error);
    }
    return status;
}

/* Asks for the next `count` records, or for them to be thrown away. */
static int ask_more(struct heddle_cursor *cursor, bool discard, int64_t count, struct heddle_error *error)
{
    struct heddle_session *session = cursor->session;
    struct heddle_channel *channel = session->channel;
    const bool last = !cursor->in_transaction || cursor->qid == session->transaction.last_qid;
    const int64_t qid = last ? -1 : cursor->qid;
    struct heddle_error own = {0};
    error = error != NULL ? error : &own;
    if (discard) {
        heddle_message_discard(&channel->pack, count, qid);
    } else {
        heddle_message_pull(&channel->pack, count, qid);
    }
    int status = heddle_channel_expect(channel, HEDDLE_CHANNEL_PULL, &cursor->taker, error);
    if (status == HEDDLE_OK) {
        cursor->state = HEDDLE_CURSOR_STREAMING;
        status = heddle_channel_flush(channel, error);
    }
    return status == HEDDLE_OK ? HEDDLE_OK : cursor_broke(cursor, status, error);
}

int heddle_cursor_drain(struct heddle_cursor *cursor, bool discard, struct heddle_error *error)
{
    cursor->discarding = discard;
    while (cursor->session != NULL && cursor->state != HEDDLE_CURSOR_DONE &&
           cursor->state != HEDDLE_CURSOR_FAILED) {
        if (cursor->state == HEDDLE_CURSOR_PAUSED) {
            HEDDLE_TRY(ask_more(cursor, discard, -1, error));
        }
        HEDDLE_TRY(advance(cursor, error));
    }
    return HEDDLE_OK;
}

static int failed_again(const struct heddle_cursor *cursor, struct heddle_error *error)
{
    if (cursor->failure.status == HEDDLE_OK) {
        return heddle_error_set(error, HEDDLE_DATABASE, "the transaction of this result has failed");
    }
    if (error != NULL) {
        *error = cursor->failure;
    }
    return cursor->failure.status;
}

/* Makes sure that a record lies in the inbox: HEDDLE_END where none is left. */
static int inbox_fill(struct heddle_cursor *cursor, struct heddle_error *error)
{
    if (cursor->out_of_scope) {
        return heddle_error_set(
            error, HEDDLE_INVALID,
            "this result is closed: its transaction or session is over; read it before that");
    }
    if (cursor->consumed) {
        return heddle_error_set(error, HEDDLE_INVALID, "this result is consumed: it has no records any more");
    }
    while (cursor->inbox_records == 0) {
        switch (cursor->state) {
        case HEDDLE_CURSOR_DONE: return HEDDLE_END;
        case HEDDLE_CURSOR_FAILED: return failed_again(cursor, error);
        case HEDDLE_CURSOR_PAUSED: HEDDLE_TRY(ask_more(cursor, false, cursor->fetch_size, error)); break;
        default: HEDDLE_TRY(advance(cursor, error));
        }
    }
    return HEDDLE_OK;
}

/* Decodes the next record of the inbox into `arena`. */
static int inbox_take(struct heddle_cursor *cursor, struct heddle_arena *arena,
                      struct heddle_record *record_out, struct heddle_error *error)
{
    size_t length = 0;
    struct heddle_unpack unpack;
    struct heddle_value row;
    memcpy(&length, cursor->inbox.bytes + cursor->inbox_used, sizeof length);
    cursor->inbox_used += sizeof length;
    heddle_unpack_init(&unpack, cursor->inbox.bytes + cursor->inbox_used, length);
    unpack.no_uuids = !heddle_bolt_has(cursor->version, HEDDLE_BOLT_FEATURE_UUIDS);
    cursor->inbox_used += length;
    cursor->inbox_records--;
    HEDDLE_TRY(heddle_unpack_value(&unpack, arena, &row, error));
    if (row.type != HEDDLE_VALUE_LIST || row.list.count != cursor->key_count) {
        return heddle_error_set(error, HEDDLE_PROTOCOL, "%s sent a record that does not fit its %zu columns",
                                cursor->server_address, cursor->key_count);
    }
    *record_out = (struct heddle_record){row.list.items, row.list.count};
    return HEDDLE_OK;
}

/* Into the arena that does not hold the current record. */
static int look_ahead(struct heddle_cursor *cursor, struct heddle_error *error)
{
    struct heddle_arena **arena = &cursor->records[1 - cursor->current];
    if (cursor->peeked) {
        return HEDDLE_OK;
    }
    HEDDLE_TRY(inbox_fill(cursor, error));
    if (*arena == NULL) {
        HEDDLE_TRY(heddle_arena_create(RECORD_BLOCK_SIZE, arena, error));
    }
    heddle_arena_reset(*arena);
    HEDDLE_TRY(inbox_take(cursor, *arena, &cursor->peek, error));
    cursor->peeked = true;
    return HEDDLE_OK;
}

int heddle_cursor_peek(struct heddle_cursor *cursor, struct heddle_record *record_out,
                       struct heddle_error *error)
{
    HEDDLE_TRY(look_ahead(cursor, error));
    *record_out = cursor->peek;
    return HEDDLE_OK;
}

int heddle_cursor_next(struct heddle_cursor *cursor, struct heddle_record *record_out,
                       struct heddle_error *error)
{
    HEDDLE_TRY(look_ahead(cursor, error));
    *record_out = cursor->peek;
    cursor->current = 1 - cursor->current;
    cursor->peeked = false;
    return HEDDLE_OK;
}

int heddle_cursor_single_optional(struct heddle_cursor *cursor, struct heddle_record *record_out,
                                  bool *more_out, struct heddle_error *error)
{
    struct heddle_record second;
    *more_out = false;
    HEDDLE_TRY(heddle_cursor_next(cursor, record_out, error));
    const int status = heddle_cursor_peek(cursor, &second, error);
    if (status != HEDDLE_OK) {
        return status == HEDDLE_END ? HEDDLE_OK : status;
    }
    *more_out = true;
    cursor->peeked = false;
    cursor->inbox_records = 0;
    return heddle_cursor_drain(cursor, true, error);
}

int heddle_cursor_single(struct heddle_cursor *cursor, struct heddle_record *record_out,
                         struct heddle_error *error)
{
    bool more = false;
    const int status = heddle_cursor_single_optional(cursor, record_out, &more, error);
    if (status == HEDDLE_END || (status == HEDDLE_OK && more)) {
        return heddle_error_set(error, HEDDLE_INVALID, "the result has %s",
                                more ? "more than the one record that was expected"
                                     : "no record where one was expected");
    }
    return status;
}

/* Everything into the cursor's own arena. */
static int list_all(struct heddle_cursor *cursor, struct heddle_record **records, size_t *count,
                    struct heddle_error *error)
{
    size_t capacity = 0;
    *count = 0;
    if (cursor->peeked) {
        if (heddle_grow((void **)records, &capacity, 1, sizeof **records) != 0) {
            return heddle_error_out_of_memory(error);
        }
        (*records)[(*count)++] = cursor->peek;
        cursor->peeked = false;
        cursor->current = 1 - cursor->current; /* its memory stays */
    }
    for (;;) {
        const int status = inbox_fill(cursor, error);
        if (status != HEDDLE_OK) {
            return status == HEDDLE_END ? HEDDLE_OK : status;
        }
        if (heddle_grow((void **)records, &capacity, *count + 1, sizeof **records) != 0) {
            return heddle_error_out_of_memory(error);
        }
        HEDDLE_TRY(inbox_take(cursor, cursor->arena, *records + *count, error));
        (*count)++;
    }
}

int heddle_cursor_list(struct heddle_cursor *cursor, const struct heddle_record **records_out,
                       size_t *count_out, struct heddle_error *error)
{
    struct heddle_record *records = NULL;
    cursor->fetch_size = -1;
    int status = list_all(cursor, &records, count_out, error);
    if (status == HEDDLE_OK) {
        struct heddle_record *kept = heddle_arena_calloc(cursor->arena, *count_out, sizeof *kept);
        if (kept == NULL) {
            status = heddle_error_out_of_memory(error);
        } else if (*count_out > 0) {
            memcpy(kept, records, *count_out * sizeof *kept);
        }
        *records_out = kept;
    }
    free(records);
    return status;
}

const struct heddle_value_text *heddle_cursor_keys(const struct heddle_cursor *cursor, size_t *count_out)
{
    *count_out = cursor->key_count;
    return cursor->keys;
}

int heddle_cursor_consume(struct heddle_cursor *cursor, const struct heddle_summary **summary_out,
                          struct heddle_error *error)
{
    if (cursor->session != NULL) {
        HEDDLE_TRY(heddle_cursor_drain(cursor, true, error));
    }
    if (cursor->state == HEDDLE_CURSOR_FAILED) {
        return failed_again(cursor, error);
    }
    if (cursor->state != HEDDLE_CURSOR_DONE) {
        return heddle_error_set(error, HEDDLE_INVALID,
                                "this result was cut off with its transaction or session");
    }
    cursor->consumed = true;
    cursor->inbox_records = 0;
    cursor->peeked = false;
    if (!cursor->summary_ready) {
        HEDDLE_TRY(heddle_cursor_summarise(cursor, error));
        cursor->summary_ready = true;
    }
    if (summary_out != NULL) {
        *summary_out = &cursor->summary;
    }
    return HEDDLE_OK;
}

void heddle_cursor_destroy(struct heddle_cursor *cursor)
{
    if (cursor == NULL) {
        return;
    }
    if (cursor->session != NULL) {
        (void)!heddle_cursor_drain(cursor, true, NULL);
        heddle_cursor_detach(cursor);
    }
    heddle_buffer_free(&cursor->inbox);
    heddle_arena_destroy(cursor->arena);
    heddle_arena_destroy(cursor->records[0]);
    heddle_arena_destroy(cursor->records[1]);
    heddle_bookmarks_clear(&cursor->before);
    free(cursor);
}
