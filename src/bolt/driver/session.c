/* session.c: what a session keeps, and how it gets and loses its channel. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "bolt/driver/driver_parts.h"

static int keep_text(struct heddle_arena *arena, const char **text, struct heddle_error *error)
{
    if (*text == NULL) {
        return HEDDLE_OK;
    }
    *text = heddle_arena_copy_text(arena, *text, strlen(*text));
    return *text != NULL ? HEDDLE_OK : heddle_error_out_of_memory(error);
}

static int options_keep(struct heddle_session *session, struct heddle_error *error)
{
    struct heddle_session_options *options = &session->options;
    struct heddle_notification_filter *filter = &options->notifications;
    HEDDLE_TRY(heddle_arena_create(0, &session->arena, error));
    if (options->fetch_size < -1) {
        return heddle_error_set(error, HEDDLE_INVALID, "fetch_size is a number of records, or -1 for all");
    }
    if (options->fetch_size == 0) {
        options->fetch_size = session->driver->options.fetch_size;
    }
    if (options->database != NULL && options->database[0] == '\0') {
        options->database = NULL;
    }
    HEDDLE_TRY(keep_text(session->arena, &options->database, error));
    HEDDLE_TRY(keep_text(session->arena, &options->impersonated_user, error));
    HEDDLE_TRY(keep_text(session->arena, &filter->minimum_severity, error));
    if (filter->disabled_count > 0) {
        const char **copies = heddle_arena_calloc(session->arena, filter->disabled_count, sizeof *copies);
        for (size_t i = 0; copies != NULL && i < filter->disabled_count; i++) {
            copies[i] = filter->disabled[i];
            HEDDLE_TRY(keep_text(session->arena, &copies[i], error));
        }
        filter->disabled = copies;
        if (copies == NULL) {
            return heddle_error_out_of_memory(error);
        }
    }
    if (options->auth != NULL) {
        HEDDLE_TRY(heddle_login_create(options->auth, &session->login, error));
        options->auth = &session->login->auth;
    }
    return heddle_bookmarks_add_all(&session->bookmarks, options->bookmarks, options->bookmark_count, error);
}

int heddle_session_open(struct heddle_driver *driver, const struct heddle_session_options *options,
                        struct heddle_session **session_out, struct heddle_error *error)
{
    struct heddle_session *session = heddle_calloc(1, sizeof *session);
    if (session == NULL) {
        return heddle_error_out_of_memory(error);
    }
    session->driver = driver;
    session->options = *options;
    session->transaction.session = session;
    const int status = options_keep(session, error);
    if (status != HEDDLE_OK) {
        heddle_session_close(session);
        return status;
    }
    *session_out = session;
    return HEDDLE_OK;
}

void heddle_session_release(struct heddle_session *session)
{
    while (session->cursors != NULL) {
        heddle_cursor_detach(session->cursors);
    }
    if (session->channel != NULL) {
        struct heddle_channel *channel = session->channel;
        session->channel = NULL;
        heddle_pool_release(&session->driver->pool, channel);
    }
}

int heddle_session_settle(struct heddle_session *session, struct heddle_error *error)
{
    int status = HEDDLE_OK;
    if (session->transaction.state == HEDDLE_TRANSACTION_OPEN) {
        status = heddle_transaction_rollback(&session->transaction, error);
    }
    if (session->channel != NULL && session->cursors != NULL) {
        (void)!heddle_cursor_drain(session->cursors, true, NULL); /* nobody wants it */
    }
    heddle_session_release(session);
    return status;
}

void heddle_session_close(struct heddle_session *session)
{
    if (session == NULL) {
        return;
    }
    (void)!heddle_session_settle(session, NULL);
    heddle_bookmarks_clear(&session->transaction.before);
    free(session->transaction.bookmark);
    heddle_bookmarks_clear(&session->bookmarks);
    heddle_refusal_destroy(session->refusal);
    heddle_login_destroy(session->login);
    heddle_arena_destroy(session->arena);
    free(session->home);
    free(session->guess);
    free(session);
}

const char *const *heddle_session_bookmarks(const struct heddle_session *session, size_t *count_out)
{
    *count_out = session->bookmarks.count;
    return (const char *const *)session->bookmarks.items;
}

const struct heddle_failure *heddle_session_failure(const struct heddle_session *session)
{
    return session->refusal != NULL ? &session->refusal->failure : NULL;
}

const char *heddle_session_database(const struct heddle_session *session)
{
    return session->options.database != NULL ? session->options.database : session->home;
}

int heddle_session_failed(struct heddle_session *session, int status, struct heddle_error *error)
{
    struct heddle_channel *channel = session->channel;
    heddle_refusal_destroy(session->refusal);
    session->refusal = NULL;
    if (channel != NULL) {
        const char *database = heddle_session_database(session);
        heddle_driver_consequences(session->driver, channel, database != NULL ? database : session->guess,
                                   error);
        session->refusal = heddle_channel_take_refusal(channel);
    }
    return status;
}

int heddle_session_bookmark(struct heddle_session *session, const struct heddle_bookmarks *before,
                            const char *bookmark, struct heddle_error *error)
{
    heddle_bookmarks_clear(&session->bookmarks);
    HEDDLE_TRY(heddle_bookmarks_add(&session->bookmarks, bookmark, error));
    return heddle_bookmark_manager_update(session->options.bookmark_manager, before, bookmark, error);
}

static int impersonation_check(const struct heddle_session *session, struct heddle_error *error)
{
    const struct heddle_channel *channel = session->channel;
    if (session->options.impersonated_user != NULL &&
        !heddle_bolt_has(channel->version, HEDDLE_BOLT_FEATURE_IMPERSONATION)) {
        return heddle_error_set(error, HEDDLE_INVALID,
                                "%s speaks Bolt %u.%u, which knows no impersonation (of \"%s\"; 4.4 does)",
                                channel->address, channel->version.major, channel->version.minor,
                                session->options.impersonated_user);
    }
    const struct heddle_notification_filter *filter = &session->options.notifications;
    return heddle_channel_check_filter(
        channel, filter->minimum_severity != NULL || filter->disabled_count > 0 || filter->none_disabled,
        error);
}

int heddle_session_collect(const struct heddle_session *session, struct heddle_bookmarks *set,
                           struct heddle_error *error)
{
    HEDDLE_TRY(heddle_bookmarks_add_all(set, (const char *const *)session->bookmarks.items,
                                        session->bookmarks.count, error));
    return heddle_bookmark_manager_collect(session->options.bookmark_manager, set, error);
}

int heddle_session_settle_home(struct heddle_session *session, const char *database,
                               struct heddle_error *error)
{
    struct heddle_driver *driver = session->driver;
    if (!driver->uri.routing || heddle_session_database(session) != NULL) {
        return HEDDLE_OK;
    }
    session->home = heddle_strdup(database);
    return session->home != NULL ? heddle_homes_tell(&driver->homes,
                                                     heddle_home_owner(session->options.impersonated_user,
                                                                       session->options.auth),
                                                     database, error)
                                 : heddle_error_out_of_memory(error);
}

/* Where the home database probably is. */
static int guess_home(struct heddle_session *session, struct heddle_error *error)
{
    struct heddle_driver *driver = session->driver;
    free(session->guess);
    session->guess = NULL;
    if (!driver->uri.routing || heddle_session_database(session) != NULL ||
        !heddle_pool_routes_itself(&driver->pool)) {
        return HEDDLE_OK;
    }
    return heddle_homes_guess(&driver->homes,
                              heddle_home_owner(session->options.impersonated_user, session->options.auth),
                              &session->guess, error);
}

int heddle_session_connect(struct heddle_session *session, bool read, struct heddle_bookmarks *before,
                           struct heddle_error *error)
{
    char *home = NULL;
    heddle_refusal_destroy(session->refusal);
    session->refusal = NULL;
    HEDDLE_TRY(guess_home(session, error));
    const struct heddle_need need = {.read = read,
                                     .database = heddle_session_database(session),
                                     .guess = session->guess,
                                     .impersonated_user = session->options.impersonated_user,
                                     .session_auth = session->options.auth,
                                     .session = session};
    HEDDLE_TRY(heddle_driver_acquire(session->driver, &need, &session->channel, &home, error));
    session->reads = read;
    int status = home != NULL ? heddle_session_settle_home(session, home, error) : HEDDLE_OK;
    free(home);
    if (status == HEDDLE_OK) {
        status = impersonation_check(session, error);
    }
    if (status == HEDDLE_OK) {
        status = heddle_session_collect(session, before, error);
    }
    if (status != HEDDLE_OK) {
        heddle_session_release(session);
    }
    return status;
}

/* Metadata that cannot be sent is the caller's mistake, and is told as one. */
static int metadata_check(const struct heddle_transaction_options *options,
                          const struct heddle_channel *channel, struct heddle_error *error)
{
    struct heddle_buffer scratch = {0};
    struct heddle_pack pack;
    const struct heddle_value map = heddle_map(options->metadata, options->metadata_count);
    if (options->metadata_count == 0) {
        return HEDDLE_OK;
    }
    heddle_pack_init(&pack, &scratch, heddle_channel_dialect(channel));
    heddle_pack_message_begin(&pack, 0, 1);
    const int status = heddle_pack_value(&pack, &map, error);
    heddle_buffer_free(&scratch);
    return status;
}

int heddle_session_fields(const struct heddle_session *session,
                          const struct heddle_transaction_options *options,
                          const struct heddle_bookmarks *before,
                          struct heddle_message_transaction *fields_out, struct heddle_error *error)
{
    const struct heddle_transaction_options none = {0};
    const struct heddle_notification_filter *filter = &session->options.notifications;
    options = options != NULL ? options : &none;
    if (options->timeout_ms < HEDDLE_TIMEOUT_NONE) {
        return heddle_error_set(error, HEDDLE_INVALID, "a transaction's time limit cannot be negative");
    }
    HEDDLE_TRY(metadata_check(options, session->channel, error));
    *fields_out = (struct heddle_message_transaction){
        .bookmarks = (const char *const *)before->items,
        .bookmark_count = before->count,
        .timeout_ms = options->timeout_ms,
        .entries = options->metadata,
        .entry_count = options->metadata_count,
        .read = session->reads,
        .database = heddle_session_database(session),
        .impersonated_user = session->options.impersonated_user,
        .filter = {.minimum_severity = filter->minimum_severity,
                   .disabled = filter->disabled,
                   .disabled_count = filter->disabled_count,
                   .disabled_given = filter->disabled_count > 0 || filter->none_disabled,
                   .classifications =
                       heddle_bolt_has(session->channel->version, HEDDLE_BOLT_FEATURE_CLASSIFICATIONS)}};
    return HEDDLE_OK;
}

/* Sends an auto-commit query over a channel that the session has just got. */
static int auto_commit(struct heddle_session *session, const struct heddle_query *query,
                       const struct heddle_transaction_options *options, struct heddle_bookmarks *before,
                       bool again, struct heddle_cursor **cursor_out, struct heddle_error *error)
{
    struct heddle_message_transaction fields;
    struct heddle_cursor *cursor = NULL;
    HEDDLE_TRY(heddle_session_fields(session, options, before, &fields, error));
    if (!session->driver->options.no_telemetry && !again) {
        HEDDLE_TRY(heddle_channel_telemetry(session->channel, HEDDLE_TELEMETRY_AUTO_COMMIT, NULL, error));
    }
    HEDDLE_TRY(heddle_cursor_start(session, query, &fields, &cursor, error));
    cursor->before = *before;
    *before = (struct heddle_bookmarks){0};
    const int status = heddle_cursor_await_run(cursor, error);
    if (status != HEDDLE_OK) {
        heddle_cursor_destroy(cursor);
        return status;
    }
    *cursor_out = cursor;
    return HEDDLE_OK;
}

/* Did the server refuse the statement before it did anything, and say so? */
static bool had_no_effect(const struct heddle_session *session, int status)
{
    const struct heddle_refusal *refusal = session->refusal;
    if (status != HEDDLE_DATABASE || refusal == NULL || !refusal->of_run) {
        return false;
    }
    const struct heddle_value_map *record = &refusal->failure.diagnostic_record;
    const struct heddle_value map = heddle_map(record->entries, record->count);
    return heddle_value_map_boolean(&map, "_idempotent", false);
}

static int run_once(struct heddle_session *session, const struct heddle_query *query,
                    const struct heddle_transaction_options *options, bool again,
                    struct heddle_cursor **cursor_out, struct heddle_error *error)
{
    struct heddle_bookmarks before = {0};
    int status = heddle_session_connect(session, session->options.read, &before, error);
    if (status == HEDDLE_OK) {
        status = auto_commit(session, query, options, &before, again, cursor_out, error);
        if (status != HEDDLE_OK) {
            heddle_session_release(session);
        }
    }
    heddle_bookmarks_clear(&before);
    return status;
}

int heddle_session_run(struct heddle_session *session, const struct heddle_query *query,
                       const struct heddle_transaction_options *options, struct heddle_cursor **cursor_out,
                       struct heddle_error *error)
{
    if (session->transaction.state == HEDDLE_TRANSACTION_OPEN) {
        return heddle_error_set(error, HEDDLE_INVALID,
                                "this session has an open transaction: commit or roll back first");
    }
    if (session->cursors != NULL) { /* an earlier result that is not read yet: kept for its reader */
        HEDDLE_TRY(heddle_cursor_drain(session->cursors, false, error));
    }
    heddle_session_release(session);
    const int status = run_once(session, query, options, false, cursor_out, error);
    return had_no_effect(session, status) ? run_once(session, query, options, true, cursor_out, error)
                                          : status;
}
