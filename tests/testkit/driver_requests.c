/* driver_requests.c: the suite's requests about features, drivers and what drivers know. */
#include <stdlib.h>
#include <string.h>

#include "backend.h"

/* What heddle has, and nothing else. Names: TestKit's nutkit/protocol/feature.py. A suite fails every test of a backend that
 * announces a name which it does not know, so those that came after October 2024 are announced on request only. */
static const char *const features[] = {
    "Feature:API:BookmarkManager",
    "Feature:API:ConnectionAcquisitionTimeout",
    "Feature:API:Driver.ExecuteQuery",
    "Feature:API:Driver.ExecuteQuery:WithAuth",
    "Feature:API:Driver:GetServerInfo",
    "Feature:API:Driver.IsEncrypted",
    "Feature:API:Driver:NotificationsConfig",
    "Feature:API:Driver.VerifyAuthentication",
    "Feature:API:Driver.VerifyConnectivity",
    "Feature:API:Driver.SupportsSessionAuth",
    "Feature:API:Liveness.Check",
    "Feature:API:Result.List",
    "Feature:API:Result.Peek",
    "Feature:API:Result.Single",
    "Feature:API:Result.SingleOptional",
    "Feature:API:RetryableExceptions",
    "Feature:API:Session:AuthConfig",
    "Feature:API:Session:NotificationsConfig",
    "Feature:API:SSLClientCertificate",
    "Feature:API:SSLConfig",
    "Feature:API:SSLSchemes",
    "Feature:API:Summary:GqlStatusObjects",
    "Feature:API:Type.Spatial",
    "Feature:API:Type.Temporal",
    "Feature:Auth:Bearer",
    "Feature:Auth:Custom",
    "Feature:Auth:Kerberos",
    "Feature:Auth:Managed",
    "Feature:Bolt:4.1",
    "Feature:Bolt:4.2",
    "Feature:Bolt:4.3",
    "Feature:Bolt:4.4",
    "Feature:Bolt:5.0",
    "Feature:Bolt:5.1",
    "Feature:Bolt:5.2",
    "Feature:Bolt:5.3",
    "Feature:Bolt:5.4",
    "Feature:Bolt:5.6",
    "Feature:Bolt:5.7",
    "Feature:Bolt:Patch:UTC",
    "Feature:Impersonation",
    "Feature:TLS:1.2",
    "Feature:TLS:1.3",
    "AuthorizationExpiredTreatment",
    "Optimization:AuthPipelining",
    "Optimization:ConnectionReuse",
    "Optimization:EagerTransactionBegin",
    "Optimization:ExecuteQueryPipelining",
    "Optimization:ImplicitDefaultArguments",
    "Optimization:MinimalBookmarksSet",
    "Optimization:MinimalResets",
    "Optimization:MinimalVerifyAuthentication",
    "Optimization:PullPipelining",
    "Optimization:ResultListFetchAll",
    "ConfHint:connection.recv_timeout_seconds",
    "Backend:MockTime",
    "Backend:RTFetch",
    "Backend:RTForceUpdate",
};

static const char *const newer_features[] = {
    "Feature:API:Driver:MaxConnectionLifetime",
    "Feature:API:Type.UUID",
    "Feature:API:Type.UnsupportedType",
    "Feature:API:Type.Vector",
    "Feature:Bolt:5.8",
    "Feature:Bolt:6.0",
    "Feature:Bolt:6.1",
    "Feature:Bolt:HandshakeManifestV1",
    "Feature:IdempotentRetries",
    "Optimization:HomeDatabaseCache",
    "Optimization:HomeDbCacheBasicPrincipalIsImpersonatedUser",
};

static void names_add(json_t *list, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        json_array_append_new(list, json_string(names[i]));
    }
}

static void features_respond(struct backend *backend)
{
    json_t *list = json_array();
    names_add(list, features, sizeof features / sizeof features[0]);
    if (getenv("TESTKIT_NEWER") != NULL) {
        names_add(list, newer_features, sizeof newer_features / sizeof newer_features[0]);
    }
    backend_respond(backend, "FeatureList", json_pack("{s:o}", "features", list));
}

/* Where the suite's certificates are, unless it names a path. */
static const char *certificate_path(const char *name, struct scratch *scratch)
{
    enum { PATH_SIZE = 1024 };
    const char *folder = getenv("TEST_CUSTOM_CA_DIR");
    char *path = scratch_alloc(scratch, PATH_SIZE, 1);
    if (strchr(name, '/') != NULL) {
        return name;
    }
    snprintf(path, PATH_SIZE, "%s/%s", folder != NULL ? folder : "/usr/local/share/custom-ca-certificates",
             name);
    return path;
}

/* The authorities of several files in one: answers its path. */
static const char *certificates_join(const json_t *list, struct scratch *scratch)
{
    enum { PATH_SIZE = 64, PIECE = 4096 };
    char piece[PIECE];
    char *path = scratch_alloc(scratch, PATH_SIZE, 1);
    if (json_array_size(list) == 1) {
        return certificate_path(json_string_value(json_array_get(list, 0)), scratch);
    }
    snprintf(path, PATH_SIZE, "/tmp/testkit-ca-XXXXXX");
    FILE *out = fdopen(mkstemp(path), "w");
    for (size_t i = 0; i < json_array_size(list) && out != NULL; i++) {
        FILE *in = fopen(certificate_path(json_string_value(json_array_get(list, i)), scratch), "r");
        size_t length = 0;
        while (in != NULL && (length = fread(piece, 1, sizeof piece, in)) > 0) {
            fwrite(piece, 1, length, out);
        }
        if (in != NULL) {
            fclose(in);
        }
    }
    if (out != NULL) {
        fclose(out);
    }
    return path;
}

static void encryption_read(const json_t *data, struct heddle_driver_options *options,
                            struct scratch *scratch)
{
    const json_t *encrypted = json_object_get(data, "encrypted");
    const json_t *trusted = json_object_get(data, "trustedCertificates");
    if (encrypted == NULL) {
        if (json_array_size(trusted) > 0) {
            options->ca_file = certificates_join(trusted, scratch);
        }
        return;
    }
    if (!json_is_true(encrypted)) {
        options->encryption = HEDDLE_ENCRYPTION_NONE;
        return;
    }
    options->encryption = HEDDLE_ENCRYPTION_VERIFIED;
    if (json_is_array(trusted) && json_array_size(trusted) == 0) {
        options->encryption = HEDDLE_ENCRYPTION_UNVERIFIED;
    } else if (json_is_array(trusted)) {
        options->ca_file = certificates_join(trusted, scratch);
    }
}

static void certificate_read(const json_t *data, struct heddle_driver_options *options)
{
    const json_t *certificate = json_object_get(json_object_get(data, "clientCertificate"), "data");
    options->client_certificate = (struct heddle_client_certificate){data_text(certificate, "certfile"),
                                                                     data_text(certificate, "keyfile"),
                                                                     data_text(certificate, "password")};
}

void filter_read(const json_t *data, struct heddle_notification_filter *filter_out, struct scratch *scratch)
{
    const json_t *disabled = json_object_get(data, "notificationsDisabledCategories");
    filter_out->minimum_severity = data_text(data, "notificationsMinSeverity");
    filter_out->disabled =
        data_texts(data, "notificationsDisabledCategories", &filter_out->disabled_count, scratch);
    filter_out->none_disabled = json_is_array(disabled) && json_array_size(disabled) == 0;
}

/* A number of milliseconds whose absence means our default, and whose 0 means "at once". */
static uint32_t milliseconds(const json_t *data, const char *key)
{
    const int64_t value = data_integer(data, key, 0);
    const bool given = json_is_integer(json_object_get(data, key));
    return value > 0 ? (uint32_t)value : given ? 1 : 0;
}

static void options_read(struct backend *backend, const json_t *data, struct heddle_driver_options *options,
                         struct driver *driver, struct scratch *scratch)
{
    struct auth_manager *manager =
        backend_find(backend, KIND_AUTH_MANAGER, json_object_get(data, "authTokenManagerId"));
    options->uri = data_text(data, "uri");
    auth_read(json_object_get(data, "authorizationToken"), &options->auth, scratch);
    if (manager != NULL) {
        options->auth_provider = auth_provider_of(manager);
    }
    options->user_agent = data_text(data, "userAgent");
    options->connect_timeout_ms = milliseconds(data, "connectionTimeoutMs");
    options->acquire_timeout_ms = milliseconds(data, "connectionAcquisitionTimeoutMs");
    options->max_pool_size = (uint32_t)data_integer(data, "maxConnectionPoolSize", 0);
    options->retry_for_ms = (uint32_t)data_integer(data, "maxTxRetryTimeMs", 0);
    options->fetch_size = data_integer(data, "fetchSize", 0);
    options->max_connection_life_ms = milliseconds(data, "maxConnectionLifetimeMs");
    options->liveness_check_ms = milliseconds(data, "livenessCheckTimeoutMs");
    options->liveness_check_always = data_integer(data, "livenessCheckTimeoutMs", -1) == 0;
    options->no_telemetry = json_is_true(json_object_get(data, "telemetryDisabled"));
    filter_read(data, &options->notifications, scratch);
    encryption_read(data, options, scratch);
    certificate_read(data, options);
    if (json_is_true(json_object_get(data, "resolverRegistered"))) {
        options->resolve = callback_resolve;
        options->resolve_context = backend;
    }
    if (json_is_true(json_object_get(data, "domainNameResolverRegistered"))) {
        options->lookup = callback_lookup;
        options->lookup_context = backend;
    }
    driver->certificate_provider = data_integer(data, "clientCertificateProviderId", 0);
    if (driver->certificate_provider > 0) {
        options->client_certificate_renew = callback_certificate;
        options->client_certificate_context = driver;
    }
}

static void driver_new(struct backend *backend, const json_t *data, struct scratch *scratch)
{
    struct heddle_error error = {0};
    struct heddle_driver_options options = {0};
    struct driver *driver = calloc(1, sizeof *driver);
    driver->backend = backend;
    options_read(backend, data, &options, driver, scratch);
    backend->routed = options.uri != NULL && strncmp(options.uri, "neo4j", 5) == 0;
    if (heddle_driver_open(&options, &driver->driver, &error) != HEDDLE_OK) {
        free(driver);
        backend_respond_error(backend, &error, NULL);
        return;
    }
    backend_respond_id(backend, "Driver", backend_keep(backend, KIND_DRIVER, driver));
}

static void server_info(struct backend *backend, struct heddle_driver *driver, const json_t *id, bool wanted)
{
    struct heddle_error error = {0};
    struct heddle_server server = {0};
    char version[16];
    if (heddle_driver_verify(driver, &server, &error) != HEDDLE_OK) {
        backend_respond_error(backend, &error, NULL);
        return;
    }
    if (!wanted) {
        backend_respond_id(backend, "Driver", json_integer_value(id));
        return;
    }
    snprintf(version, sizeof version, "%u.%u", server.bolt_major, server.bolt_minor);
    backend_respond(backend, "ServerInfo",
                    json_pack("{s:s, s:s, s:s}", "address", server.address, "agent", server.agent,
                              "protocolVersion", version));
}

static void answer_flag(struct backend *backend, int status, const struct heddle_error *error,
                        const char *name, const char *key, bool flag, const json_t *id)
{
    if (status != HEDDLE_OK) {
        backend_respond_error(backend, error, NULL);
        return;
    }
    backend_respond(backend, name, json_pack("{s:I, s:b}", "id", json_integer_value(id), key, flag));
}

static void verify_auth(struct backend *backend, struct heddle_driver *driver, const json_t *data,
                        struct scratch *scratch)
{
    struct heddle_error error = {0};
    struct heddle_auth auth = {0};
    bool accepted = false;
    auth_read(json_object_get(data, "authorizationToken"), &auth, scratch);
    const int status = heddle_driver_verify_auth(driver, &auth, &accepted, &error);
    answer_flag(backend, status, &error, "DriverIsAuthenticated", "authenticated", accepted,
                json_object_get(data, "driverId"));
}

static void table_visit(void *context, char role, const char *address)
{
    json_t *json = context;
    json_array_append_new(json_object_get(json, role == 'T'   ? "routers"
                                                : role == 'R' ? "readers"
                                                              : "writers"),
                          json_string(address));
}

static void routing_table(struct backend *backend, struct heddle_driver *driver, const json_t *data)
{
    struct heddle_error error = {0};
    int64_t ttl = 0;
    json_t *json = json_pack("{s:[], s:[], s:[]}", "routers", "readers", "writers");
    if (heddle_driver_routing_visit(driver, data_text(data, "database"), table_visit, json, &ttl, &error) !=
        HEDDLE_OK) {
        json_decref(json);
        backend_respond_error(backend, &error, NULL);
        return;
    }
    json_object_set_new(json, "ttl", json_integer(ttl));
    json_object_set_new(json, "database", text_to_json(data_text(data, "database")));
    backend_respond(backend, "RoutingTable", json);
}

static void routing_refresh(struct backend *backend, struct heddle_driver *driver, const json_t *data,
                            struct scratch *scratch)
{
    struct heddle_error error = {0};
    size_t count = 0;
    const char *const *bookmarks = data_texts(data, "bookmarks", &count, scratch);
    if (heddle_driver_routing_refresh(driver, data_text(data, "database"), bookmarks, count, &error) !=
        HEDDLE_OK) {
        backend_respond_error(backend, &error, NULL);
        return;
    }
    backend_respond_id(backend, "Driver", data_integer(data, "driverId", 0));
}

static void pool_metrics(struct backend *backend, struct heddle_driver *driver, const json_t *data)
{
    size_t in_use = 0;
    size_t idle = 0;
    heddle_driver_pool(driver, data_text(data, "address"), &in_use, &idle);
    backend_respond(backend, "ConnectionPoolMetrics",
                    json_pack("{s:I, s:I}", "inUse", (json_int_t)in_use, "idle", (json_int_t)idle));
}

struct heddle_transaction_options transaction_options_read(const json_t *data, struct scratch *scratch)
{
    struct heddle_transaction_options options = {0};
    const json_t *timeout = json_object_get(data, "timeout");
    if (json_is_integer(timeout)) {
        const int64_t value = json_integer_value(timeout);
        options.timeout_ms = value > 0 ? value : value == 0 ? HEDDLE_TIMEOUT_NONE : HEDDLE_TIMEOUT_NONE - 1;
    }
    (void)entries_from_json(json_object_get(data, "txMeta"), &options.metadata, &options.metadata_count,
                            scratch);
    return options;
}

static json_t *eager_to_json(struct heddle_cursor *cursor, json_t *query, struct heddle_error *error)
{
    const struct heddle_record *records = NULL;
    const struct heddle_summary *summary = NULL;
    size_t count = 0;
    size_t key_count = 0;
    if (heddle_cursor_list(cursor, &records, &count, error) != HEDDLE_OK ||
        heddle_cursor_consume(cursor, &summary, error) != HEDDLE_OK) {
        return NULL;
    }
    json_t *keys = json_array();
    json_t *rows = json_array();
    const struct heddle_value_text *names = heddle_cursor_keys(cursor, &key_count);
    for (size_t i = 0; i < key_count; i++) {
        json_array_append_new(keys, text_to_json(names[i].text));
    }
    for (size_t i = 0; i < count; i++) {
        json_array_append_new(rows, record_to_json(&records[i]));
    }
    return json_pack("{s:o, s:o, s:o}", "keys", keys, "records", rows, "summary",
                     summary_to_json(summary, query));
}

static void execute_query(struct backend *backend, struct heddle_driver *driver, const json_t *data,
                          struct scratch *scratch)
{
    struct heddle_error error = {0};
    struct heddle_cursor *cursor = NULL;
    struct heddle_auth auth = {0};
    struct heddle_query query = {.text = data_text(data, "cypher")};
    const json_t *config = json_object_get(data, "config");
    const json_t *token = json_object_get(config, "authorizationToken");
    const json_t *manager_id = json_object_get(config, "bookmarkManagerId");
    const char *routing = data_text(config, "routing");
    struct bookmark_manager *manager = backend_find(backend, KIND_BOOKMARK_MANAGER, manager_id);
    auth_read(token, &auth, scratch);
    (void)entries_from_json(json_object_get(data, "params"), &query.parameters, &query.parameter_count,
                            scratch);
    const struct heddle_execute_options options = {
        .read = routing != NULL && strcmp(routing, "r") == 0,
        .database = data_text(config, "database"),
        .impersonated_user = data_text(config, "impersonatedUser"),
        .auth = json_is_object(token) ? &auth : NULL,
        .bookmark_manager = manager != NULL ? manager->manager : NULL,
        .no_bookmark_manager = json_is_integer(manager_id) && json_integer_value(manager_id) == -1,
        .transaction = transaction_options_read(config, scratch)};
    if (heddle_driver_execute(driver, &options, &query, &cursor, &error) != HEDDLE_OK) {
        backend_respond_error(backend, &error, NULL);
        return;
    }
    json_t *params = json_object_get(data, "params");
    json_t *text =
        json_pack("{s:s, s:O}", "text", query.text, "parameters", params != NULL ? params : json_null());
    json_t *result = eager_to_json(cursor, text, &error);
    if (result != NULL) {
        backend_respond(backend, "EagerResult", result);
    } else {
        backend_respond_error(backend, &error, NULL);
    }
    json_decref(text);
    heddle_cursor_destroy(cursor);
}

static bool about_driver(struct backend *backend, const char *name, struct heddle_driver *driver,
                         json_t *data, struct scratch *scratch)
{
    struct heddle_error error = {0};
    bool flag = false;
    json_t *id = json_object_get(data, "driverId");
    if (strcmp(name, "VerifyConnectivity") == 0 || strcmp(name, "GetServerInfo") == 0) {
        server_info(backend, driver, id, name[0] == 'G');
    } else if (strcmp(name, "CheckMultiDBSupport") == 0) {
        const int status = heddle_driver_supports_databases(driver, &flag, &error);
        answer_flag(backend, status, &error, "MultiDBSupport", "available", flag, id);
    } else if (strcmp(name, "CheckSessionAuthSupport") == 0) {
        const int status = heddle_driver_supports_session_auth(driver, &flag, &error);
        answer_flag(backend, status, &error, "SessionAuthSupport", "available", flag, id);
    } else if (strcmp(name, "VerifyAuthentication") == 0) {
        verify_auth(backend, driver, data, scratch);
    } else if (strcmp(name, "CheckDriverIsEncrypted") == 0) {
        backend_respond(backend, "DriverIsEncrypted",
                        json_pack("{s:b}", "encrypted", heddle_driver_is_encrypted(driver)));
    } else if (strcmp(name, "GetRoutingTable") == 0) {
        routing_table(backend, driver, data);
    } else if (strcmp(name, "ForcedRoutingTableUpdate") == 0) {
        routing_refresh(backend, driver, data, scratch);
    } else if (strcmp(name, "GetConnectionPoolMetrics") == 0) {
        pool_metrics(backend, driver, data);
    } else if (strcmp(name, "ExecuteQuery") == 0) {
        execute_query(backend, driver, data, scratch);
    } else {
        return false;
    }
    return true;
}

/* Tests that no driver but those they name can pass. */
static void test_start(struct backend *backend, const char *name)
{
    if (name != NULL && strstr(name, "test_explicit_config_and_scheme_config") != NULL) {
        backend_respond(
            backend, "SkipTest",
            json_pack("{s:s}", "reason", "fails for every driver name but three, whatever is answered"));
        return;
    }
    backend_respond(backend, "RunTest", NULL);
}

bool driver_request(struct backend *backend, const char *name, json_t *data, struct scratch *scratch)
{
    if (strcmp(name, "GetFeatures") == 0) {
        features_respond(backend);
        return true;
    }
    if (strcmp(name, "StartTest") == 0 || strcmp(name, "StartSubTest") == 0) {
        test_start(backend, data_text(data, "testName"));
        return true;
    }
    if (strcmp(name, "NewDriver") == 0) {
        driver_new(backend, data, scratch);
        return true;
    }
    json_t *id = json_object_get(data, "driverId");
    struct driver *driver = backend_find(backend, KIND_DRIVER, id);
    if (driver == NULL) {
        return false;
    }
    if (strcmp(name, "DriverClose") == 0) {
        const int64_t number = json_integer_value(id);
        sessions_close(backend, driver);
        object_free((struct object){KIND_DRIVER, driver});
        backend_forget(backend, id);
        backend_respond_id(backend, "Driver", number);
        return true;
    }
    return about_driver(backend, name, driver->driver, data, scratch);
}
