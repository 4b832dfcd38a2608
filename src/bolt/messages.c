/* messages.c: Bolt's requests. */
#include "bolt/messages.h"

#include <string.h>

enum {
    TAG_HELLO = 0x01,
    TAG_GOODBYE = 0x02,
    TAG_RESET = 0x0F,
    TAG_RUN = 0x10,
    TAG_BEGIN = 0x11,
    TAG_COMMIT = 0x12,
    TAG_ROLLBACK = 0x13,
    TAG_DISCARD = 0x2F,
    TAG_PULL = 0x3F,
    TAG_ROUTE = 0x66,
    TAG_TELEMETRY = 0x54,
    TAG_LOGON = 0x6A,
    TAG_LOGOFF = 0x6B,
};

static const struct heddle_bolt_version for_ever = {UINT8_MAX, UINT8_MAX};

bool heddle_bolt_has(struct heddle_bolt_version version, enum heddle_bolt_feature feature)
{
    static const struct {
        struct heddle_bolt_version from;
        struct heddle_bolt_version before; /* {0} = for ever */
    } features[] = {
        [HEDDLE_BOLT_FEATURE_ROUTE] = {{4, 3}, {0, 0}},
        [HEDDLE_BOLT_FEATURE_ROUTE_MAP] = {{4, 4}, {0, 0}},
        [HEDDLE_BOLT_FEATURE_PATCH_UTC] = {{4, 3}, {5, 0}},
        [HEDDLE_BOLT_FEATURE_UTC] = {{5, 0}, {0, 0}},
        [HEDDLE_BOLT_FEATURE_LOGON] = {{5, 1}, {0, 0}},
        [HEDDLE_BOLT_FEATURE_NOTIFICATIONS] = {{5, 2}, {0, 0}},
        [HEDDLE_BOLT_FEATURE_BOLT_AGENT] = {{5, 3}, {0, 0}},
        [HEDDLE_BOLT_FEATURE_NATIVE_VECTORS] = {{6, 0}, {0, 0}},
        [HEDDLE_BOLT_FEATURE_UUIDS] = {{6, 1}, {0, 0}},
        [HEDDLE_BOLT_FEATURE_IMPERSONATION] = {{4, 4}, {0, 0}},
        [HEDDLE_BOLT_FEATURE_CLASSIFICATIONS] = {{5, 6}, {0, 0}},
        [HEDDLE_BOLT_FEATURE_TELEMETRY] = {{5, 4}, {0, 0}},
        [HEDDLE_BOLT_FEATURE_GQL_FAILURES] = {{5, 7}, {0, 0}},
    };
    const struct heddle_bolt_version before =
        features[feature].before.major != 0 ? features[feature].before : for_ever;
    return heddle_bolt_version_at_least(version, features[feature].from.major,
                                        features[feature].from.minor) &&
           !heddle_bolt_version_at_least(version, before.major, before.minor);
}

static void bare(struct heddle_pack *pack, uint8_t tag)
{
    heddle_pack_message_begin(pack, tag, 0);
    heddle_pack_message_end(pack);
}

static void text_pair(struct heddle_pack *pack, const char *key, const char *value)
{
    heddle_pack_text(pack, key);
    heddle_pack_text(pack, value);
}

static bool is_given(const char *text)
{
    return text != NULL && text[0] != '\0';
}

/* What cannot be sent is noted like memory that ran out: nothing but a caller's mistake leads here. */
static void value_write(struct heddle_pack *pack, const struct heddle_value *value)
{
    if (heddle_pack_value(pack, value, NULL) != HEDDLE_OK) {
        pack->buffer->failed = true;
    }
}

static uint32_t auth_entries(const struct heddle_message_auth *auth)
{
    return 1U + (auth->principal != NULL) + is_given(auth->credentials) + is_given(auth->realm) +
           (auth->parameters != NULL && auth->parameters->count > 0);
}

static void auth_write(struct heddle_pack *pack, const struct heddle_message_auth *auth)
{
    text_pair(pack, "scheme", auth->scheme);
    if (auth->principal != NULL) {
        text_pair(pack, "principal", auth->principal);
    }
    if (is_given(auth->credentials)) {
        text_pair(pack, "credentials", auth->credentials);
    }
    if (is_given(auth->realm)) {
        text_pair(pack, "realm", auth->realm);
    }
    if (auth->parameters != NULL && auth->parameters->count > 0) {
        heddle_pack_text(pack, "parameters");
        const struct heddle_value map = heddle_map(auth->parameters->entries, auth->parameters->count);
        value_write(pack, &map);
    }
}

static uint32_t filter_entries(const struct heddle_message_filter *filter)
{
    return 0U + (filter->minimum_severity != NULL) + filter->disabled_given;
}

static void filter_write(struct heddle_pack *pack, const struct heddle_message_filter *filter)
{
    if (filter->minimum_severity != NULL) {
        text_pair(pack, "notifications_minimum_severity", filter->minimum_severity);
    }
    if (filter->disabled_given) {
        heddle_pack_text(pack, filter->classifications ? "notifications_disabled_classifications"
                                                       : "notifications_disabled_categories");
        heddle_pack_list(pack, (uint32_t)filter->disabled_count);
        for (size_t i = 0; i < filter->disabled_count; i++) {
            heddle_pack_text(pack, filter->disabled[i]);
        }
    }
}

/* {address, and every name=value of the URI's query}. */
static void routing_write(struct heddle_pack *pack, const struct heddle_message_routing *routing)
{
    uint32_t count = 1;
    for (const char *rest = routing->query; is_given(rest); count++) {
        rest = strchr(rest, '&');
        rest = rest != NULL ? rest + 1 : NULL;
    }
    heddle_pack_map(pack, count);
    text_pair(pack, "address", routing->address);
    const char *rest = routing->query;
    for (uint32_t i = 1; i < count; i++) {
        const size_t length = strcspn(rest, "&");
        const char *equals = memchr(rest, '=', length);
        const size_t name = equals != NULL ? (size_t)(equals - rest) : length;
        heddle_pack_string(pack, rest, name);
        heddle_pack_string(pack, equals != NULL ? equals + 1 : "", equals != NULL ? length - name - 1 : 0);
        rest += length + 1;
    }
}

static void bolt_agent_write(struct heddle_pack *pack, const struct heddle_message_hello *hello)
{
    heddle_pack_map(pack, 1U + (hello->platform != NULL) + (hello->language != NULL));
    text_pair(pack, "product", hello->product);
    if (hello->platform != NULL) {
        text_pair(pack, "platform", hello->platform);
    }
    if (hello->language != NULL) {
        text_pair(pack, "language", hello->language);
    }
}

void heddle_message_hello(struct heddle_pack *pack, struct heddle_bolt_version version,
                          const struct heddle_message_hello *hello)
{
    const bool agent = heddle_bolt_has(version, HEDDLE_BOLT_FEATURE_BOLT_AGENT);
    struct heddle_message_filter filter = {0};
    if (heddle_bolt_has(version, HEDDLE_BOLT_FEATURE_NOTIFICATIONS)) {
        filter = hello->filter;
        filter.classifications = heddle_bolt_has(version, HEDDLE_BOLT_FEATURE_CLASSIFICATIONS);
    }
    const bool patch = heddle_bolt_has(version, HEDDLE_BOLT_FEATURE_PATCH_UTC);
    const bool auth = !heddle_bolt_has(version, HEDDLE_BOLT_FEATURE_LOGON);
    heddle_pack_message_begin(pack, TAG_HELLO, 1);
    heddle_pack_map(pack, 1U + agent + filter_entries(&filter) + patch + (hello->routing != NULL) +
                              (auth ? auth_entries(&hello->auth) : 0));
    text_pair(pack, "user_agent", hello->user_agent);
    if (agent) {
        heddle_pack_text(pack, "bolt_agent");
        bolt_agent_write(pack, hello);
    }
    filter_write(pack, &filter);
    if (patch) {
        heddle_pack_text(pack, "patch_bolt");
        heddle_pack_list(pack, 1);
        heddle_pack_text(pack, "utc");
    }
    if (hello->routing != NULL) {
        heddle_pack_text(pack, "routing");
        routing_write(pack, hello->routing);
    }
    if (auth) {
        auth_write(pack, &hello->auth);
    }
    heddle_pack_message_end(pack);
}

void heddle_message_logon(struct heddle_pack *pack, const struct heddle_message_auth *auth)
{
    heddle_pack_message_begin(pack, TAG_LOGON, 1);
    heddle_pack_map(pack, auth_entries(auth));
    auth_write(pack, auth);
    heddle_pack_message_end(pack);
}

void heddle_message_logoff(struct heddle_pack *pack)
{
    bare(pack, TAG_LOGOFF);
}

void heddle_message_telemetry(struct heddle_pack *pack, int64_t api)
{
    heddle_pack_message_begin(pack, TAG_TELEMETRY, 1);
    heddle_pack_integer(pack, api);
    heddle_pack_message_end(pack);
}

static void text_list(struct heddle_pack *pack, const char *const *texts, size_t count)
{
    heddle_pack_list(pack, (uint32_t)count);
    for (size_t i = 0; i < count; i++) {
        heddle_pack_text(pack, texts[i]);
    }
}

static void metadata_write(struct heddle_pack *pack, const struct heddle_message_transaction *transaction)
{
    heddle_pack_text(pack, "tx_metadata");
    if (transaction->entry_count > 0) {
        const struct heddle_value map = heddle_map(transaction->entries, transaction->entry_count);
        value_write(pack, &map);
        return;
    }
    heddle_pack_map(pack, (uint32_t)transaction->metadata_count);
    for (size_t i = 0; i < transaction->metadata_count; i++) {
        text_pair(pack, transaction->metadata[2 * i], transaction->metadata[2 * i + 1]);
    }
}

static void transaction_write(struct heddle_pack *pack, const struct heddle_message_transaction *transaction)
{
    const bool metadata = transaction->metadata_count > 0 || transaction->entry_count > 0;
    heddle_pack_map(pack, 0U + (transaction->bookmark_count > 0) + (transaction->timeout_ms != 0) + metadata +
                              transaction->read + is_given(transaction->database) +
                              is_given(transaction->impersonated_user) +
                              filter_entries(&transaction->filter));
    if (transaction->bookmark_count > 0) {
        heddle_pack_text(pack, "bookmarks");
        text_list(pack, transaction->bookmarks, transaction->bookmark_count);
    }
    if (transaction->timeout_ms != 0) {
        heddle_pack_text(pack, "tx_timeout");
        heddle_pack_integer(pack, transaction->timeout_ms > 0 ? transaction->timeout_ms : 0);
    }
    if (metadata) {
        metadata_write(pack, transaction);
    }
    if (transaction->read) {
        text_pair(pack, "mode", "r");
    }
    if (is_given(transaction->database)) {
        text_pair(pack, "db", transaction->database);
    }
    if (is_given(transaction->impersonated_user)) {
        text_pair(pack, "imp_user", transaction->impersonated_user);
    }
    filter_write(pack, &transaction->filter);
}

void heddle_message_begin(struct heddle_pack *pack, const struct heddle_message_transaction *transaction)
{
    heddle_pack_message_begin(pack, TAG_BEGIN, 1);
    transaction_write(pack, transaction);
    heddle_pack_message_end(pack);
}

void heddle_message_run_open(struct heddle_pack *pack, const char *query)
{
    heddle_pack_message_begin(pack, TAG_RUN, 3);
    heddle_pack_text(pack, query);
}

void heddle_message_run_close(struct heddle_pack *pack, const struct heddle_message_transaction *transaction)
{
    if (transaction != NULL) {
        transaction_write(pack, transaction);
    } else {
        heddle_pack_map(pack, 0);
    }
    heddle_pack_message_end(pack);
}

static void some_records(struct heddle_pack *pack, uint8_t tag, int64_t count, int64_t qid)
{
    heddle_pack_message_begin(pack, tag, 1);
    heddle_pack_map(pack, qid >= 0 ? 2 : 1);
    heddle_pack_text(pack, "n");
    heddle_pack_integer(pack, count);
    if (qid >= 0) {
        heddle_pack_text(pack, "qid");
        heddle_pack_integer(pack, qid);
    }
    heddle_pack_message_end(pack);
}

void heddle_message_pull(struct heddle_pack *pack, int64_t count, int64_t qid)
{
    some_records(pack, TAG_PULL, count, qid);
}

void heddle_message_discard(struct heddle_pack *pack, int64_t count, int64_t qid)
{
    some_records(pack, TAG_DISCARD, count, qid);
}

void heddle_message_pull_all(struct heddle_pack *pack)
{
    some_records(pack, TAG_PULL, -1, -1);
}

void heddle_message_discard_all(struct heddle_pack *pack)
{
    some_records(pack, TAG_DISCARD, -1, -1);
}

void heddle_message_commit(struct heddle_pack *pack)
{
    bare(pack, TAG_COMMIT);
}

void heddle_message_rollback(struct heddle_pack *pack)
{
    bare(pack, TAG_ROLLBACK);
}

void heddle_message_reset(struct heddle_pack *pack)
{
    bare(pack, TAG_RESET);
}

void heddle_message_goodbye(struct heddle_pack *pack)
{
    bare(pack, TAG_GOODBYE);
}

void heddle_message_routing_context(struct heddle_pack *pack, const struct heddle_message_routing *routing)
{
    routing_write(pack, routing);
}

void heddle_message_route(struct heddle_pack *pack, struct heddle_bolt_version version,
                          const struct heddle_message_routing *routing,
                          const struct heddle_message_route *route)
{
    const bool database = is_given(route->database);
    const bool user = is_given(route->impersonated_user);
    heddle_pack_message_begin(pack, TAG_ROUTE, 3);
    routing_write(pack, routing);
    text_list(pack, route->bookmarks, route->bookmark_count);
    if (heddle_bolt_has(version, HEDDLE_BOLT_FEATURE_ROUTE_MAP)) {
        heddle_pack_map(pack, 0U + database + user);
        if (database) {
            text_pair(pack, "db", route->database);
        }
        if (user) {
            text_pair(pack, "imp_user", route->impersonated_user);
        }
    } else if (database) {
        heddle_pack_text(pack, route->database);
    } else {
        heddle_pack_null(pack);
    }
    heddle_pack_message_end(pack);
}
