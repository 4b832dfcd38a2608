/* driver.c: opening and closing a driver; what it tells about its servers. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "bolt/driver/driver_parts.h"

enum {
    NANOSECONDS_A_MILLISECOND = 1000000,
    DEFAULT_ACQUIRE_TIMEOUT_MS = 60 * 1000,
    DEFAULT_POOL_SIZE = 100,
    DEFAULT_LIFE_MS = 3600 * 1000,
    DEFAULT_RETRY_FOR_MS = 30 * 1000,
    DEFAULT_FETCH_SIZE = 1000,
};

static int keep_text(struct heddle_arena *arena, const char **text, struct heddle_error *error)
{
    if (*text == NULL) {
        return HEDDLE_OK;
    }
    *text = heddle_arena_copy_text(arena, *text, strlen(*text));
    return *text != NULL ? HEDDLE_OK : heddle_error_out_of_memory(error);
}

static int keep_filter(struct heddle_arena *arena, struct heddle_notification_filter *filter,
                       struct heddle_error *error)
{
    HEDDLE_TRY(keep_text(arena, &filter->minimum_severity, error));
    if (filter->disabled_count == 0) {
        return HEDDLE_OK;
    }
    const char **copies = heddle_arena_calloc(arena, filter->disabled_count, sizeof *copies);
    if (copies == NULL) {
        return heddle_error_out_of_memory(error);
    }
    for (size_t i = 0; i < filter->disabled_count; i++) {
        copies[i] = filter->disabled[i];
        HEDDLE_TRY(keep_text(arena, &copies[i], error));
    }
    filter->disabled = copies;
    return HEDDLE_OK;
}

static int keep_certificate(struct heddle_arena *arena, struct heddle_client_certificate *certificate,
                            struct heddle_error *error)
{
    HEDDLE_TRY(keep_text(arena, &certificate->certificate_file, error));
    HEDDLE_TRY(keep_text(arena, &certificate->key_file, error));
    return keep_text(arena, &certificate->key_password, error);
}

static void set_default(uint32_t *value, uint32_t otherwise)
{
    if (*value == 0) {
        *value = otherwise;
    }
}

static int encryption_apply(struct heddle_driver *driver, struct heddle_error *error)
{
    const enum heddle_encryption encryption = driver->options.encryption;
    if (encryption == HEDDLE_ENCRYPTION_BY_SCHEME) {
        return HEDDLE_OK; /* a CA file alone goes with +s: it says whom to trust, not whether */
    }
    if (driver->uri.tls != HEDDLE_URI_TLS_NONE) {
        return heddle_error_set(
            error, HEDDLE_INVALID,
            "the scheme of the server's address says already what the options for encryption and trust say: "
            "use bolt:// or neo4j:// with them");
    }
    driver->uri.tls = encryption == HEDDLE_ENCRYPTION_VERIFIED     ? HEDDLE_URI_TLS_VERIFIED
                      : encryption == HEDDLE_ENCRYPTION_UNVERIFIED ? HEDDLE_URI_TLS_UNVERIFIED
                                                                   : HEDDLE_URI_TLS_NONE;
    return HEDDLE_OK;
}

static int options_keep(struct heddle_driver *driver, struct heddle_error *error)
{
    struct heddle_driver_options *options = &driver->options;
    HEDDLE_TRY(heddle_arena_create(0, &driver->arena, error));
    if (options->uri == NULL) {
        return heddle_error_set(error, HEDDLE_INVALID, "no server address given: use neo4j://host:7687");
    }
    if (options->fetch_size < -1) {
        return heddle_error_set(error, HEDDLE_INVALID, "fetch_size is a number of records, or -1 for all");
    }
    HEDDLE_TRY(heddle_uri_parse(options->uri, &driver->uri, error));
    HEDDLE_TRY(encryption_apply(driver, error));
    HEDDLE_TRY(keep_text(driver->arena, &options->uri, error));
    HEDDLE_TRY(keep_text(driver->arena, &options->user_agent, error));
    HEDDLE_TRY(keep_text(driver->arena, &options->ca_file, error));
    HEDDLE_TRY(keep_certificate(driver->arena, &options->client_certificate, error));
    HEDDLE_TRY(keep_filter(driver->arena, &options->notifications, error));
    HEDDLE_TRY(heddle_login_create(&options->auth, &driver->login, error));
    options->auth = driver->login->auth;
    driver->certificate = options->client_certificate;
    set_default(&options->acquire_timeout_ms, DEFAULT_ACQUIRE_TIMEOUT_MS);
    set_default(&options->max_pool_size, DEFAULT_POOL_SIZE);
    set_default(&options->max_connection_life_ms, DEFAULT_LIFE_MS);
    set_default(&options->retry_for_ms, DEFAULT_RETRY_FOR_MS);
    options->fetch_size = options->fetch_size != 0 ? options->fetch_size : DEFAULT_FETCH_SIZE;
    heddle_uri_address(&driver->uri, driver->address);
    driver->routing = (struct heddle_message_routing){driver->address, driver->uri.query};
    return HEDDLE_OK;
}

/* The newest client certificate, in `wire`'s fields. With certificate_lock held. */
static int certificate_renew(struct heddle_driver *driver, struct heddle_error *error)
{
    struct heddle_client_certificate fresh = {0};
    struct heddle_arena *arena = NULL;
    const struct heddle_driver_options *options = &driver->options;
    if (options->client_certificate_renew == NULL ||
        !options->client_certificate_renew(options->client_certificate_context, &fresh)) {
        return HEDDLE_OK;
    }
    HEDDLE_TRY(heddle_arena_create(0, &arena, error));
    const int status = keep_certificate(arena, &fresh, error);
    if (status != HEDDLE_OK) {
        heddle_arena_destroy(arena);
        return status;
    }
    heddle_arena_destroy(driver->certificate_arena);
    driver->certificate_arena = arena;
    driver->certificate = fresh;
    return HEDDLE_OK;
}

/* A host of which only one address is meant. */
static void lookup_literal(void *context, const char *host, struct heddle_addresses *addresses)
{
    (void)host;
    heddle_addresses_add(addresses, context);
}

static int open_channel(void *context, const struct heddle_pool_wish *wish,
                        struct heddle_channel **channel_out, struct heddle_error *error)
{
    struct heddle_driver *driver = context;
    const struct heddle_driver_options *options = &driver->options;
    struct heddle_uri uri = driver->uri;
    HEDDLE_TRY(heddle_uri_parse_address(wish->address, &uri, error));
    const struct heddle_notification_filter *filter = &options->notifications;
    struct heddle_channel_options channel = {
        .uri = &uri,
        .address = wish->address,
        .routing = driver->uri.routing ? &driver->routing : NULL,
        .user_agent = options->user_agent,
        .filter = {.minimum_severity = filter->minimum_severity,
                   .disabled = filter->disabled,
                   .disabled_count = filter->disabled_count,
                   .disabled_given = filter->disabled_count > 0 || filter->none_disabled},
        .wire = {.connect_timeout_ms = (int)(options->connect_timeout_ms & INT32_MAX),
                 .ca_file = options->ca_file,
                 .no_keep_alive = options->no_keep_alive,
                 .lookup = options->lookup,
                 .lookup_context = options->lookup_context},
        .dial = driver->dial,
        .dial_context = driver->dial_context,
        .read_timeout_ms = (int)(options->read_timeout_ms & INT32_MAX),
        .deadline_ns = wish->deadline_ns,
        .auth = wish->auth};
    struct heddle_uri literal = uri;
    if (wish->host != NULL) {
        channel.wire.lookup = lookup_literal;
        channel.wire.lookup_context = literal.host;
        snprintf(uri.host, sizeof uri.host, "%s", wish->host);
    }
    pthread_mutex_lock(&driver->certificate_lock);
    int status = certificate_renew(driver, error);
    channel.wire.certificate_file = driver->certificate.certificate_file;
    channel.wire.key_file = driver->certificate.key_file;
    channel.wire.key_password = driver->certificate.key_password;
    const bool renewable = options->client_certificate_renew != NULL;
    if (!renewable) { /* it never changes: no need to keep others waiting */
        pthread_mutex_unlock(&driver->certificate_lock);
    }
    if (status == HEDDLE_OK) {
        status = heddle_channel_open(&channel, channel_out, error);
    }
    if (renewable) {
        pthread_mutex_unlock(&driver->certificate_lock);
    }
    return status;
}

static int driver_fill(struct heddle_driver *driver, struct heddle_error *error)
{
    HEDDLE_TRY(options_keep(driver, error));
    const struct heddle_driver_options *options = &driver->options;
    driver->pool.most = options->max_pool_size;
    driver->pool.life_ns = options->max_connection_life_ms == UINT32_MAX
                               ? 0
                               : (uint64_t)options->max_connection_life_ms * NANOSECONDS_A_MILLISECOND;
    driver->pool.liveness_ns = options->liveness_check_always ? 0
                               : options->liveness_check_ms == 0 || options->liveness_check_ms == UINT32_MAX
                                   ? UINT64_MAX
                                   : (uint64_t)options->liveness_check_ms * NANOSECONDS_A_MILLISECOND;
    driver->pool.open = open_channel;
    driver->pool.context = driver;
    return heddle_bookmark_manager_create(&(struct heddle_bookmark_manager_options){0}, &driver->bookmarks,
                                          error);
}

int heddle_driver_open(const struct heddle_driver_options *options, struct heddle_driver **driver_out,
                       struct heddle_error *error)
{
    struct heddle_driver *driver = heddle_calloc(1, sizeof *driver);
    if (driver == NULL) {
        return heddle_error_out_of_memory(error);
    }
    driver->options = *options;
    pthread_mutex_init(&driver->auth_lock, NULL);
    pthread_mutex_init(&driver->certificate_lock, NULL);
    pthread_mutex_init(&driver->refresh_lock, NULL);
    pthread_mutex_init(&driver->table_lock, NULL);
    pthread_mutex_init(&driver->homes.lock, NULL);
    int status = heddle_pool_init(&driver->pool, error);
    if (status != HEDDLE_OK) {
        free(driver);
        return status;
    }
    status = driver_fill(driver, error);
    if (status != HEDDLE_OK) {
        heddle_driver_close(driver);
        return status;
    }
    *driver_out = driver;
    return HEDDLE_OK;
}

void heddle_driver_close(struct heddle_driver *driver)
{
    if (driver == NULL) {
        return;
    }
    heddle_pool_free(&driver->pool);
    while (driver->tables != NULL) {
        struct heddle_routing_table *table = driver->tables;
        driver->tables = table->next;
        heddle_routing_table_free(table);
        free(table);
    }
    heddle_homes_free(&driver->homes);
    heddle_bookmark_manager_destroy(driver->bookmarks);
    heddle_login_destroy(driver->login);
    heddle_arena_destroy(driver->certificate_arena);
    heddle_arena_destroy(driver->arena);
    pthread_mutex_destroy(&driver->auth_lock);
    pthread_mutex_destroy(&driver->certificate_lock);
    pthread_mutex_destroy(&driver->refresh_lock);
    pthread_mutex_destroy(&driver->table_lock);
    pthread_mutex_destroy(&driver->homes.lock);
    free(driver);
}

bool heddle_driver_is_encrypted(const struct heddle_driver *driver)
{
    return driver->uri.tls != HEDDLE_URI_TLS_NONE;
}

void heddle_driver_pool(struct heddle_driver *driver, const char *address, size_t *in_use_out,
                        size_t *idle_out)
{
    heddle_pool_count(&driver->pool, address, in_use_out, idle_out);
}

/* A channel that has proven to be alive: one from the pool is asked. */
static int channel_verified(struct heddle_driver *driver, const struct heddle_need *need,
                            struct heddle_channel **channel_out, struct heddle_error *error)
{
    HEDDLE_TRY(heddle_driver_acquire(driver, need, channel_out, NULL, error));
    int status = heddle_channel_settle(*channel_out, error);
    if (status == HEDDLE_OK && (*channel_out)->used) {
        status = heddle_channel_reset(*channel_out, error);
    }
    if (status != HEDDLE_OK) {
        heddle_driver_consequences(driver, *channel_out, NULL, error);
        heddle_pool_release(&driver->pool, *channel_out);
    }
    return status;
}

int heddle_driver_verify(struct heddle_driver *driver, struct heddle_server *server_out,
                         struct heddle_error *error)
{
    struct heddle_channel *channel = NULL;
    const struct heddle_need need = {.read = true};
    HEDDLE_TRY(channel_verified(driver, &need, &channel, error));
    if (server_out != NULL) {
        pthread_mutex_lock(&driver->auth_lock);
        memcpy(driver->server_address, channel->address, sizeof driver->server_address);
        memcpy(driver->server_agent, channel->server_agent, sizeof driver->server_agent);
        pthread_mutex_unlock(&driver->auth_lock);
        *server_out = (struct heddle_server){driver->server_address, driver->server_agent,
                                             channel->version.major, channel->version.minor};
    }
    heddle_pool_release(&driver->pool, channel);
    return HEDDLE_OK;
}

/* Refusals that say "not this login", and nothing else. */
static bool is_refusal(const struct heddle_error *error)
{
    static const char *const codes[] = {
        "Neo.ClientError.Security.CredentialsExpired", "Neo.ClientError.Security.Forbidden",
        "Neo.ClientError.Security.TokenExpired", "Neo.ClientError.Security.Unauthorized"};
    for (size_t i = 0; error->status == HEDDLE_DATABASE && i < sizeof codes / sizeof codes[0]; i++) {
        if (strcmp(error->code, codes[i]) == 0) {
            return true;
        }
    }
    return false;
}

int heddle_driver_verify_auth(struct heddle_driver *driver, const struct heddle_auth *auth,
                              bool *accepted_out, struct heddle_error *error)
{
    struct heddle_channel *channel = NULL;
    struct heddle_error own = {0};
    const struct heddle_need need = {.read = true,
                                     .database = driver->uri.routing ? "system" : NULL,
                                     .session_auth = auth,
                                     .force_relogin = true};
    error = error != NULL ? error : &own;
    *accepted_out = false;
    int status = heddle_driver_acquire(driver, &need, &channel, NULL, error);
    if (status == HEDDLE_OK) {
        status = heddle_channel_settle(channel, error);
        heddle_pool_release(&driver->pool, channel);
    }
    if (status == HEDDLE_DATABASE && is_refusal(error)) {
        return HEDDLE_OK;
    }
    *accepted_out = status == HEDDLE_OK;
    return status;
}

static int supports(struct heddle_driver *driver, uint8_t major, uint8_t minor, bool *answer_out,
                    struct heddle_error *error)
{
    struct heddle_channel *channel = NULL;
    const struct heddle_need need = {.read = true};
    HEDDLE_TRY(heddle_driver_acquire(driver, &need, &channel, NULL, error));
    *answer_out = heddle_bolt_version_at_least(channel->version, major, minor);
    const int status = heddle_channel_settle(channel, error);
    heddle_pool_release(&driver->pool, channel);
    return status;
}

int heddle_driver_supports_databases(struct heddle_driver *driver, bool *answer_out,
                                     struct heddle_error *error)
{
    return supports(driver, 4, 0, answer_out, error);
}

int heddle_driver_supports_session_auth(struct heddle_driver *driver, bool *answer_out,
                                        struct heddle_error *error)
{
    return supports(driver, 5, 1, answer_out, error);
}
