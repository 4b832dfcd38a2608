/* provider.c: opening a service, and the engine that it becomes. */
#include "model/provider/provider.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/memory.h"
#include "model/provider/provider_parts.h"

/* Sent to learn the width. Short, in the language that every model knows. */
static const char PROBE_TEXT[] = "hello";

/* No model is wider; the widest known has 12,288. */
enum { PROBE_DIMENSIONS_MAX = 65536, INFO_TIMEOUT_MS = 10000, INFO_BYTES_MAX = 1 << 20 };

/* How far from 1 the length of a unit vector may be, after the rounding of its numbers. */
static const double UNIT_TOLERANCE = 1e-3;

struct session {
    struct heddle_engine_session session;
    struct heddle_provider *provider;
};

static uint64_t real_now_ns(void *context)
{
    (void)context;
    return heddle_clock_ns();
}

static int64_t real_unix_ms(void *context)
{
    struct timespec now;
    (void)context;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void real_sleep_ms(void *context, uint64_t milliseconds)
{
    (void)context;
    heddle_clock_sleep_ms(milliseconds < UINT32_MAX ? (uint32_t)milliseconds : UINT32_MAX);
}

bool heddle_provider_is(const char *name)
{
    enum heddle_provider_kind kind;
    return name != NULL && heddle_provider_kind_parse(name, &kind);
}

/* ---- the engine --------------------------------------------------------------------------------------------------------- */

static void describe(const struct heddle_engine *engine, struct heddle_embedder_info *info)
{
    const struct heddle_provider *provider = (const struct heddle_provider *)engine;
    info->provider = heddle_provider_kind_name(provider->kind);
    info->architecture = "";
    info->pooling = "";
    info->precision = "service";
    info->kernel = provider->place;
    info->normalized = provider->unit_length;
    info->max_tokens = provider->max_tokens;
}

static uint64_t mix(uint64_t state, const char *text)
{
    const char *bytes = text == NULL ? "" : text;
    return heddle_hash_bytes(bytes, strlen(bytes) + 1, state); /* with the NUL: "a","bc" is not "ab","c" */
}

static int identify(const struct heddle_engine *engine, uint64_t identity_out[static 2],
                    struct heddle_error *error)
{
    const struct heddle_provider *provider = (const struct heddle_provider *)engine;
    char numbers[96];
    (void)error;
    snprintf(numbers, sizeof numbers, "%d %d %zu %zu %d", (int)provider->kind, (int)provider->form.shape,
             provider->form.dimensions, engine->dimensions, (int)provider->normalize);
    for (uint64_t i = 0; i < 2; i++) {
        uint64_t state = i + 1;
        state = mix(state, provider->url);
        state = mix(state, provider->model);
        state = mix(state, provider->column);
        state = mix(state, provider->service_model);
        identity_out[i] = mix(state, numbers);
    }
    return HEDDLE_OK;
}

static int session_create(const struct heddle_engine *engine, struct heddle_engine_session **session_out,
                          struct heddle_error *error)
{
    struct session *session = heddle_calloc(1, sizeof *session);
    if (session == NULL) {
        return heddle_error_out_of_memory(error);
    }
    session->session.class = engine->class;
    session->provider =
        (struct heddle_provider *)(uintptr_t)engine; /* its queue is shared; the lock guards it */
    *session_out = &session->session;
    return HEDDLE_OK;
}

static void session_destroy(struct heddle_engine_session *session)
{
    free(session);
}

static int embed(struct heddle_engine_session *opened, struct heddle_engine_item *items, size_t count,
                 struct heddle_error *error)
{
    struct session *session = (struct session *)opened;
    const uint64_t start = heddle_clock_ns();
    const int status = heddle_provider_pool_run(session->provider, items, count, error);
    opened->encode_ns += heddle_clock_ns() - start;
    return status;
}

static void destroy(struct heddle_engine *engine)
{
    struct heddle_provider *provider = (struct heddle_provider *)engine;
    heddle_provider_pool_stop(provider);
    heddle_http_client_destroy(provider->client);
    pthread_mutex_destroy(&provider->mutex);
    pthread_cond_destroy(&provider->work);
    pthread_cond_destroy(&provider->gate);
    if (provider->authorization != NULL) {
        explicit_bzero(provider->authorization, strlen(provider->authorization));
    }
    free(provider->authorization);
    free(provider->threads);
    free(provider->model);
    free(provider->column);
    free(provider->url);
    free(provider);
}

static void stop(struct heddle_engine *engine)
{
    struct heddle_provider *provider = (struct heddle_provider *)engine;
    atomic_store(&provider->stopping, true);
    pthread_mutex_lock(&provider->mutex);
    pthread_cond_broadcast(&provider->gate);
    pthread_mutex_unlock(&provider->mutex);
}

static const struct heddle_engine_class provider_class = {
    .describe = describe,
    .identify = identify,
    .session_create = session_create,
    .session_destroy = session_destroy,
    .embed = embed,
    .tokenize = NULL,
    .stop = stop,
    .destroy = destroy,
};

/* ---- the first request -------------------------------------------------------------------------------------------------- */

/* Sends one text in the provider's form. HEDDLE_MODEL or HEDDLE_PROTOCOL where the service does not take it. */
static int probe(struct heddle_provider *provider, float *vector, struct heddle_error *error)
{
    struct heddle_embed_status status = {0};
    const struct heddle_engine_item item = {PROBE_TEXT, sizeof PROBE_TEXT - 1, vector, &status};
    const struct heddle_engine_item *items[1] = {&item};
    struct heddle_provider_call call = {.provider = provider, .capacity = PROBE_DIMENSIONS_MAX};
    const struct heddle_provider_task task = {.call = &call, .items = items, .count = 1};
    struct heddle_provider_lane lane = {0};
    heddle_provider_exchange(&lane, &task);
    heddle_provider_lane_free(&lane);
    const struct heddle_error *why = call.status != HEDDLE_OK ? &call.error : &call.refusal;
    if (call.status == HEDDLE_OK && status.result == HEDDLE_EMBED_DONE && call.dimensions > 0) {
        provider->engine.dimensions = call.dimensions;
        return HEDDLE_OK;
    }
    if (why->status == HEDDLE_OK) {
        return heddle_error_set(error, HEDDLE_PROTOCOL, "%s: %s", provider->place, status.reason);
    }
    if (error != NULL) {
        *error = *why;
    }
    return why->status;
}

/* A service that thinks about the request and does not like it may like another form of it. */
static bool may_like_another(int status, const struct heddle_error *error)
{
    return status == HEDDLE_PROTOCOL ||
           (status == HEDDLE_MODEL && (strstr(error->message, "answered 400") != NULL ||
                                       strstr(error->message, "answered 422") != NULL));
}

struct forms {
    struct heddle_request_form list[6];
    size_t count;
};

static void form_add(struct forms *forms, const struct heddle_provider *provider,
                     enum heddle_request_shape shape, bool base64, size_t dimensions)
{
    forms->list[forms->count++] = (struct heddle_request_form){
        .shape = shape,
        /* Where the address says the model, a body that says it again is refused by some. */
        .model = provider->kind == HEDDLE_PROVIDER_DATABRICKS || provider->model[0] == '\0' ? NULL
                                                                                            : provider->model,
        .column = provider->column,
        .dimensions = dimensions,
        .base64 = base64,
    };
}

/* A service that cannot make fewer dimensions may say so; then the vectors are cut here. */
static void form_add_both(struct forms *forms, const struct heddle_provider *provider,
                          enum heddle_request_shape shape, size_t dimensions)
{
    form_add(forms, provider, shape, false, dimensions);
    if (dimensions > 0) {
        form_add(forms, provider, shape, false, 0);
    }
}

/* The forms to try, the likeliest first. Databricks names its foundation models databricks-… */
static void forms_list(const struct heddle_provider *provider, size_t dimensions,
                       const enum heddle_request_shape *asked, struct forms *forms)
{
    const bool foundation = strncmp(provider->model, "databricks-", 11) == 0;
    switch (provider->kind) {
    case HEDDLE_PROVIDER_OPENAI:
        form_add(forms, provider, HEDDLE_REQUEST_OPENAI, true, dimensions);
        form_add_both(forms, provider, HEDDLE_REQUEST_OPENAI, dimensions);
        break;
    case HEDDLE_PROVIDER_TEI: form_add_both(forms, provider, HEDDLE_REQUEST_TEI, dimensions); break;
    case HEDDLE_PROVIDER_OLLAMA: form_add_both(forms, provider, HEDDLE_REQUEST_OLLAMA, dimensions); break;
    default:
        if (asked != NULL) {
            form_add(forms, provider, *asked, false, 0);
            break;
        }
        if (foundation) {
            form_add(forms, provider, HEDDLE_REQUEST_OPENAI, false, 0);
        }
        form_add(forms, provider, HEDDLE_REQUEST_SPLIT, false, 0);
        form_add(forms, provider, HEDDLE_REQUEST_INPUTS, false, 0);
        form_add(forms, provider, HEDDLE_REQUEST_INSTANCES, false, 0);
        if (!foundation) {
            form_add(forms, provider, HEDDLE_REQUEST_OPENAI, false, 0);
        }
        break;
    }
}

static bool has_unit_length(const float *vector, size_t width)
{
    double sum = 0;
    for (size_t i = 0; i < width; i++) {
        sum += (double)vector[i] * (double)vector[i];
    }
    return fabs(sqrt(sum) - 1) < UNIT_TOLERANCE;
}

/* Tries the forms until the service takes one. The error is that of the first: it is the likeliest to be the right one. */
static int forms_try(struct heddle_provider *provider, const struct forms *forms, struct heddle_error *error)
{
    struct heddle_error first = {0};
    int result = HEDDLE_OK;
    float *vector = heddle_calloc(PROBE_DIMENSIONS_MAX, sizeof *vector);
    if (vector == NULL) {
        return heddle_error_out_of_memory(error);
    }
    for (size_t i = 0; i < forms->count; i++) {
        struct heddle_error why = {0};
        provider->form = forms->list[i];
        const int status = probe(provider, vector, &why);
        if (status == HEDDLE_OK || i == 0 || !may_like_another(status, &why)) {
            result = status;
            first = why;
        }
        if (!may_like_another(status, &why)) {
            break;
        }
    }
    provider->unit_length = result == HEDDLE_OK && has_unit_length(vector, provider->engine.dimensions);
    free(vector);
    if (result != HEDDLE_OK && error != NULL) {
        *error = first;
    }
    return result;
}

/* ---- TEI says what it takes --------------------------------------------------------------------------------------------- */

static size_t positive_member(const json_t *json, const char *name)
{
    const json_int_t value = json_integer_value(json_object_get(json, name));
    return value > 0 ? (size_t)value : 0;
}

static void info_take(struct heddle_provider *provider, const struct heddle_buffer *body)
{
    json_t *json = body->length == 0 ? NULL : json_loadb((const char *)body->bytes, body->length, 0, NULL);
    const size_t items = positive_member(json, "max_client_batch_size");
    const char *model = json_string_value(json_object_get(json, "model_id"));
    if (items > 0) {
        provider->budget.items = items;
    }
    provider->max_tokens = positive_member(json, "max_input_length");
    snprintf(provider->service_model, sizeof provider->service_model, "%s", model == NULL ? "" : model);
    json_decref(json);
}

/* What /info does not say stays at its default; one that is not there is no error. */
static int info_ask(struct heddle_provider *provider, struct heddle_error *error)
{
    char *url = NULL;
    struct heddle_http_response response = {0};
    HEDDLE_TRY(heddle_request_info_url(provider->url, &url, error));
    const struct heddle_http_request request = {.url = url,
                                                .authorization = provider->authorization,
                                                .timeout_ms = INFO_TIMEOUT_MS,
                                                .response_bytes_max = INFO_BYTES_MAX};
    const int status = heddle_http_perform(provider->client, &request, &response, NULL);
    if (status == HEDDLE_OK && response.status == 200) {
        info_take(provider, &response.body);
    }
    heddle_http_response_free(&response);
    free(url);
    return status == HEDDLE_OUT_OF_MEMORY ? heddle_error_out_of_memory(error) : HEDDLE_OK;
}

/* ---- opening ------------------------------------------------------------------------------------------------------------ */

static size_t given_or(size_t given, size_t otherwise)
{
    return given > 0 ? given : otherwise;
}

static int copy_text(const char *text, char **copy_out, struct heddle_error *error)
{
    if (text != NULL && text[0] != '\0') {
        *copy_out = heddle_strdup(text);
        return *copy_out != NULL ? HEDDLE_OK : heddle_error_out_of_memory(error);
    }
    return HEDDLE_OK;
}

/* The host and port of the address, for messages; a user or password in it is refused before it gets anywhere. */
static int place_read(struct heddle_provider *provider, struct heddle_error *error)
{
    const char *start = strstr(provider->url, "://");
    if (start == NULL ||
        (strncmp(provider->url, "http:", 5) != 0 && strncmp(provider->url, "https:", 6) != 0)) {
        return heddle_error_set(error, HEDDLE_INVALID,
                                "the address of provider %s must start with https:// or http://",
                                heddle_provider_kind_name(provider->kind));
    }
    start += 3;
    const size_t length = strcspn(start, "/?#");
    if (memchr(start, '@', length) != NULL) {
        return heddle_error_set(
            error, HEDDLE_INVALID,
            "the address of provider %s must not hold a user or password: pass the API key "
            "as a setting",
            heddle_provider_kind_name(provider->kind));
    }
    snprintf(provider->place, sizeof provider->place, "%.*s", (int)(length < 120 ? length : 120), start);
    return HEDDLE_OK;
}

static int key_take(struct heddle_provider *provider, const char *api_key, struct heddle_error *error)
{
    if (api_key == NULL || api_key[0] == '\0') {
        return HEDDLE_OK;
    }
    const size_t size = strlen(api_key) + sizeof "Bearer ";
    provider->authorization = heddle_malloc(size);
    if (provider->authorization == NULL) {
        return heddle_error_out_of_memory(error);
    }
    snprintf(provider->authorization, size, "Bearer %s", api_key);
    return HEDDLE_OK;
}

static int settings_take(struct heddle_provider *provider, const char *model,
                         const struct heddle_embedder_options *options, struct heddle_error *error)
{
    const struct heddle_embedder_service *service = options->service;
    provider->model = heddle_strdup(model == NULL ? "" : model);
    if (provider->model == NULL) {
        return heddle_error_out_of_memory(error);
    }
    HEDDLE_TRY(heddle_request_url(provider->kind, service->url, provider->model, &provider->url, error));
    HEDDLE_TRY(place_read(provider, error));
    HEDDLE_TRY(key_take(provider, service->api_key, error));
    HEDDLE_TRY(copy_text(service->column, &provider->column, error));
    provider->normalize = service->normalize;
    provider->timeout_ms = service->timeout_ms > 0 ? service->timeout_ms : HEDDLE_PROVIDER_TIMEOUT_MS;
    provider->cold_timeout_ms =
        service->cold_timeout_ms > 0 ? service->cold_timeout_ms : HEDDLE_PROVIDER_COLD_TIMEOUT_MS;
    heddle_pacing_init(&provider->pacing, provider->connections_max);
    provider->random = provider->clock.now_ns(provider->clock.context) ^ (uint64_t)(uintptr_t)provider;
    const struct heddle_http_options http = {.ca_file = service->ca_file};
    return heddle_http_client_create(&http, &provider->client, error);
}

static int service_meet(struct heddle_provider *provider, const struct heddle_embedder_options *options,
                        struct heddle_error *error)
{
    const struct heddle_embedder_service *service = options->service;
    const bool has_shape = service->shape != NULL && service->shape[0] != '\0';
    enum heddle_request_shape shape = HEDDLE_REQUEST_OPENAI;
    struct forms forms = {0};
    if (has_shape && (provider->kind != HEDDLE_PROVIDER_DATABRICKS ||
                      !heddle_request_shape_parse(service->shape, &shape))) {
        return heddle_error_set(error, HEDDLE_INVALID,
                                "request shape \"%.40s\": provider databricks knows openai, dataframe_split, "
                                "dataframe_records, inputs and instances, the others have one each",
                                service->shape);
    }
    forms_list(provider, options->dimensions, has_shape ? &shape : NULL, &forms);
    HEDDLE_TRY(forms_try(provider, &forms, error));
    const struct heddle_request_budget usual =
        heddle_request_budget_default(provider->kind, provider->form.shape);
    provider->budget = usual;
    if (provider->kind == HEDDLE_PROVIDER_TEI) {
        HEDDLE_TRY(info_ask(provider, error));
    }
    provider->budget.items = given_or(service->items_max, provider->budget.items);
    provider->budget.tokens = given_or(service->tokens_max, usual.tokens);
    provider->budget.bytes = given_or(service->bytes_max, usual.bytes);
    return HEDDLE_OK;
}

static int options_check(const struct heddle_embedder_options *options, enum heddle_provider_kind *kind_out,
                         struct heddle_error *error)
{
    if (options == NULL || options->provider == NULL ||
        !heddle_provider_kind_parse(options->provider, kind_out)) {
        return heddle_error_set(error, HEDDLE_INVALID,
                                "no such provider: known are openai, databricks, tei, ollama");
    }
    if (options->service == NULL || options->service->url == NULL || options->service->url[0] == '\0') {
        return heddle_error_set(error, HEDDLE_INVALID, "provider %s needs the address of its service",
                                options->provider);
    }
    if (options->service->connections_max > HEDDLE_PROVIDER_CONNECTIONS_MAX) {
        return heddle_error_set(error, HEDDLE_INVALID, "%zu connections to a service are over %d",
                                options->service->connections_max, HEDDLE_PROVIDER_CONNECTIONS_MAX);
    }
    return HEDDLE_OK;
}

int heddle_provider_open(const char *model, const struct heddle_embedder_options *options,
                         const struct heddle_provider_clock *clock, struct heddle_engine **engine_out,
                         struct heddle_error *error)
{
    static const struct heddle_provider_clock real = {real_now_ns, real_unix_ms, real_sleep_ms, NULL};
    enum heddle_provider_kind kind;
    HEDDLE_TRY(options_check(options, &kind, error));
    struct heddle_provider *provider = heddle_calloc(1, sizeof *provider);
    if (provider == NULL) {
        return heddle_error_out_of_memory(error);
    }
    pthread_mutex_init(&provider->mutex, NULL);
    pthread_cond_init(&provider->work, NULL);
    pthread_cond_init(&provider->gate, NULL);
    provider->engine.class = &provider_class;
    provider->kind = kind;
    provider->clock = clock == NULL ? real : *clock;
    provider->connections_max = given_or(options->service->connections_max, HEDDLE_PROVIDER_CONNECTIONS);
    provider->threads = heddle_calloc(provider->connections_max, sizeof *provider->threads);
    int status = provider->threads == NULL ? heddle_error_out_of_memory(error) : HEDDLE_OK;
    if (status == HEDDLE_OK) {
        status = settings_take(provider, model, options, error);
    }
    if (status == HEDDLE_OK) {
        status = service_meet(provider, options, error);
    }
    if (status != HEDDLE_OK) {
        destroy(&provider->engine);
        return heddle_provider_status(status, error);
    }
    *engine_out = &provider->engine;
    return HEDDLE_OK;
}
