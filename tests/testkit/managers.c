/* managers.c: what calls back into the suite: resolvers, token managers, bookmark managers, client certificates. */
#include <stdlib.h>
#include <string.h>

#include "backend.h"

void auth_read(const json_t *token, struct heddle_auth *auth_out, struct scratch *scratch)
{
    const json_t *data = json_object_get(token, "data");
    const json_t *parameters = json_object_get(data, "parameters");
    if (data == NULL) {
        return;
    }
    *auth_out = (struct heddle_auth){.scheme = data_text(data, "scheme"),
                                     .principal = data_text(data, "principal"),
                                     .credentials = data_text(data, "credentials"),
                                     .realm = data_text(data, "realm")};
    if (auth_out->scheme != NULL && strcmp(auth_out->scheme, "kerberos") == 0) {
        *auth_out = heddle_auth_kerberos(auth_out->credentials);
    }
    if (json_object_size(parameters) > 0) {
        struct heddle_value_map *map = scratch_alloc(scratch, 1, sizeof *map);
        struct heddle_value_entry *entries =
            scratch_alloc(scratch, json_object_size(parameters), sizeof *entries);
        const char *key = NULL;
        json_t *value = NULL;
        json_object_foreach((json_t *)(uintptr_t)parameters, key, value)
        {
            struct heddle_value_entry *entry = &entries[map->count++];
            entry->key = heddle_text(key);
            /* Plain JSON or the suite's types. */
            if (json_is_string(value)) {
                entry->value = heddle_string(json_string_value(value));
            } else if (json_is_integer(value)) {
                entry->value = heddle_integer(json_integer_value(value));
            } else if (json_is_real(value)) {
                entry->value = heddle_float(json_real_value(value));
            } else if (json_is_boolean(value)) {
                entry->value = heddle_boolean(json_is_true(value));
            } else {
                (void)value_from_json(value, &entry->value, scratch);
            }
        }
        map->entries = entries;
        auth_out->parameters = map;
    }
}

static json_t *auth_to_json(const struct heddle_auth *auth)
{
    json_t *data = json_pack("{s:o}", "scheme", text_to_json(auth->scheme));
    if (auth->principal != NULL) {
        json_object_set_new(data, "principal", json_string(auth->principal));
    }
    if (auth->credentials != NULL) {
        json_object_set_new(data, "credentials", json_string(auth->credentials));
    }
    if (auth->realm != NULL) {
        json_object_set_new(data, "realm", json_string(auth->realm));
    }
    return json_pack("{s:s, s:o}", "name", "AuthorizationToken", "data", data);
}

/* ---- resolvers */

static void add_each(const json_t *data, struct heddle_addresses *addresses)
{
    size_t i = 0;
    json_t *address = NULL;
    json_array_foreach(json_object_get(data, "addresses"), i, address)
    {
        heddle_addresses_add(addresses, json_string_value(address));
    }
}

void callback_resolve(void *context, const char *address, struct heddle_addresses *addresses)
{
    json_t *data = backend_ask(context, "ResolverResolutionRequired", json_pack("{s:s}", "address", address),
                               "ResolverResolutionCompleted");
    add_each(data, addresses);
    json_decref(data);
}

void callback_lookup(void *context, const char *host, struct heddle_addresses *addresses)
{
    json_t *data = backend_ask(context, "DomainNameResolutionRequired", json_pack("{s:s}", "name", host),
                               "DomainNameResolutionCompleted");
    add_each(data, addresses);
    json_decref(data);
}

/* ---- client certificates */

bool callback_certificate(void *context, struct heddle_client_certificate *certificate_out)
{
    struct driver *driver = context;
    json_t *data = backend_ask(
        driver->backend, "ClientCertificateProviderRequest",
        json_pack("{s:I}", "clientCertificateProviderId", (json_int_t)driver->certificate_provider),
        "ClientCertificateProviderCompleted");
    const bool renewed = json_is_true(json_object_get(data, "hasUpdate"));
    const json_t *certificate = json_object_get(json_object_get(data, "clientCertificate"), "data");
    const char *texts[] = {data_text(certificate, "certfile"), data_text(certificate, "keyfile"),
                           data_text(certificate, "password")};
    scratch_free(&driver->certificate);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (texts[i] != NULL) {
            char *copy = scratch_alloc(&driver->certificate, strlen(texts[i]) + 1, 1);
            memcpy(copy, texts[i], strlen(texts[i]) + 1);
            texts[i] = copy;
        }
    }
    *certificate_out = (struct heddle_client_certificate){texts[0], texts[1], texts[2]};
    json_decref(data);
    return renewed;
}

/* ---- token managers */

/* A login that outlives the request it came with. */
static void auth_keep(struct auth_manager *manager, const json_t *token, struct heddle_auth *auth_out)
{
    scratch_free(&manager->kept);
    auth_read(token, auth_out, &manager->kept);
    const char **texts[] = {&auth_out->scheme, &auth_out->principal, &auth_out->credentials,
                            &auth_out->realm};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (*texts[i] != NULL) {
            char *copy = scratch_alloc(&manager->kept, strlen(*texts[i]) + 1, 1);
            memcpy(copy, *texts[i], strlen(*texts[i]) + 1);
            *texts[i] = copy;
        }
    }
}

static int no_answer(struct heddle_error *error)
{
    *error = (struct heddle_error){.status = HEDDLE_INTERRUPTED, .message = "the suite gave no login"};
    return HEDDLE_INTERRUPTED;
}

static int custom_get(void *context, struct heddle_auth *auth_out, struct heddle_error *error)
{
    struct auth_manager *manager = context;
    json_t *data = backend_ask(manager->backend, "AuthTokenManagerGetAuthRequest",
                               json_pack("{s:I}", "authTokenManagerId", (json_int_t)manager->id),
                               "AuthTokenManagerGetAuthCompleted");
    if (data == NULL) {
        return no_answer(error);
    }
    auth_keep(manager, json_object_get(data, "auth"), auth_out);
    json_decref(data);
    return HEDDLE_OK;
}

static bool custom_refused(void *context, const struct heddle_auth *auth, const char *code)
{
    struct auth_manager *manager = context;
    json_t *data = backend_ask(manager->backend, "AuthTokenManagerHandleSecurityExceptionRequest",
                               json_pack("{s:I, s:o, s:s}", "authTokenManagerId", (json_int_t)manager->id,
                                         "auth", auth_to_json(auth), "errorCode", code),
                               "AuthTokenManagerHandleSecurityExceptionCompleted");
    const bool handled = json_is_true(json_object_get(data, "handled"));
    json_decref(data);
    return handled;
}

static int fetch(void *context, struct heddle_auth *auth_out, int64_t *expires_in_ms_out,
                 struct heddle_error *error)
{
    struct auth_manager *manager = context;
    json_t *data = backend_ask(
        manager->backend,
        manager->bearer ? "BearerAuthTokenProviderRequest" : "BasicAuthTokenProviderRequest",
        json_pack("{s:I}", manager->bearer ? "bearerAuthTokenManagerId" : "basicAuthTokenManagerId",
                  (json_int_t)manager->id),
        manager->bearer ? "BearerAuthTokenProviderCompleted" : "BasicAuthTokenProviderCompleted");
    if (data == NULL) {
        return no_answer(error);
    }
    const json_t *auth = json_object_get(data, "auth");
    if (manager->bearer) {
        const json_t *expiring = json_object_get(auth, "data");
        *expires_in_ms_out = data_integer(expiring, "expiresInMs", -1);
        auth = json_object_get(expiring, "auth");
    }
    auth_keep(manager, auth, auth_out);
    json_decref(data);
    return HEDDLE_OK;
}

struct heddle_auth_provider auth_provider_of(struct auth_manager *manager)
{
    return manager->manager != NULL ? heddle_auth_manager_provider(manager->manager)
                                    : (struct heddle_auth_provider){custom_get, custom_refused, manager};
}

static void auth_manager_new(struct backend *backend, const char *response, bool ready_made, bool bearer)
{
    struct heddle_error error = {0};
    struct auth_manager *manager = calloc(1, sizeof *manager);
    manager->backend = backend;
    manager->bearer = bearer;
    manager->id = backend_keep(backend, KIND_AUTH_MANAGER, manager);
    if (ready_made &&
        heddle_auth_manager_create(bearer, fetch, manager, &manager->manager, &error) != HEDDLE_OK) {
        backend_respond_error(backend, &error, NULL);
        return;
    }
    backend_respond_id(backend, response, manager->id);
}

/* ---- bookmark managers */

static void supply(void *context, void (*add)(void *sink, const char *bookmark), void *sink)
{
    struct bookmark_manager *manager = context;
    size_t i = 0;
    json_t *bookmark = NULL;
    json_t *data = backend_ask(manager->backend, "BookmarksSupplierRequest",
                               json_pack("{s:I}", "bookmarkManagerId", (json_int_t)manager->id),
                               "BookmarksSupplierCompleted");
    json_array_foreach(json_object_get(data, "bookmarks"), i, bookmark)
    {
        add(sink, json_string_value(bookmark));
    }
    json_decref(data);
}

static void changed(void *context, const char *const *bookmarks, size_t count)
{
    struct bookmark_manager *manager = context;
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        json_array_append_new(list, json_string(bookmarks[i]));
    }
    json_decref(
        backend_ask(manager->backend, "BookmarksConsumerRequest",
                    json_pack("{s:I, s:o}", "bookmarkManagerId", (json_int_t)manager->id, "bookmarks", list),
                    "BookmarksConsumerCompleted"));
}

static void bookmark_manager_new(struct backend *backend, const json_t *data, struct scratch *scratch)
{
    struct heddle_error error = {0};
    struct bookmark_manager *manager = calloc(1, sizeof *manager);
    struct heddle_bookmark_manager_options options = {.context = manager};
    options.initial = data_texts(data, "initialBookmarks", &options.initial_count, scratch);
    if (json_is_true(json_object_get(data, "bookmarksSupplierRegistered"))) {
        options.supply = supply;
    }
    if (json_is_true(json_object_get(data, "bookmarksConsumerRegistered"))) {
        options.changed = changed;
    }
    manager->backend = backend;
    manager->id = backend_keep(backend, KIND_BOOKMARK_MANAGER, manager);
    if (heddle_bookmark_manager_create(&options, &manager->manager, &error) != HEDDLE_OK) {
        backend_respond_error(backend, &error, NULL);
        return;
    }
    backend_respond_id(backend, "BookmarkManager", manager->id);
}

bool manager_request(struct backend *backend, const char *name, json_t *data, struct scratch *scratch)
{
    const int64_t id = data_integer(data, "id", 0);
    if (strcmp(name, "NewAuthTokenManager") == 0) {
        auth_manager_new(backend, "AuthTokenManager", false, false);
    } else if (strcmp(name, "NewBasicAuthTokenManager") == 0) {
        auth_manager_new(backend, "BasicAuthTokenManager", true, false);
    } else if (strcmp(name, "NewBearerAuthTokenManager") == 0) {
        auth_manager_new(backend, "BearerAuthTokenManager", true, true);
    } else if (strcmp(name, "AuthTokenManagerClose") == 0) {
        backend_respond_id(backend, "AuthTokenManager",
                           id); /* freed with the connection: drivers may still use it */
    } else if (strcmp(name, "NewClientCertificateProvider") == 0) {
        backend_respond_id(backend, "ClientCertificateProvider",
                           backend_keep(backend, KIND_CERTIFICATE_PROVIDER, NULL));
    } else if (strcmp(name, "ClientCertificateProviderClose") == 0) {
        backend_respond_id(backend, "ClientCertificateProvider", id);
    } else if (strcmp(name, "NewBookmarkManager") == 0) {
        bookmark_manager_new(backend, data, scratch);
    } else if (strcmp(name, "BookmarkManagerClose") == 0) {
        backend_respond_id(backend, "BookmarkManager", id);
    } else {
        return false;
    }
    return true;
}
