/* model_open.c: settings -> the options of heddle_embedder_open(). */
#include "run/models/model_open.h"

#include <glob.h>
#include <stdlib.h>
#include <string.h>

#include "base/cores.h"
#include "model/provider/provider.h"
#include "run/models/model_find.h"
#include "spec/job.h"

/* A text setting, NULL where it is not set or empty. */
static const char *text_of(const struct heddle_options *options, enum heddle_option_id id)
{
    const char *text = options->values[id].text;
    return text == NULL || text[0] == '\0' ? NULL : text;
}

static size_t number_of(const struct heddle_options *options, enum heddle_option_id id)
{
    const struct heddle_option_value *value = &options->values[id];
    return value->text == NULL || value->number <= 0 ? 0 : (size_t)value->number;
}

/* The Python environment that is active, where ONNX Runtime was installed into it. */
static const char *active_environment(struct heddle_arena *arena)
{
    const char *environment = getenv("VIRTUAL_ENV");
    const char *pattern =
        environment == NULL
            ? NULL
            : heddle_arena_format(arena, "%s/lib/python3*/site-packages/onnxruntime", environment);
    glob_t found = {0};
    const bool is_there = pattern != NULL && glob(pattern, GLOB_NOSORT, NULL, &found) == 0;
    globfree(&found);
    return is_there ? environment : NULL;
}

static int fill_service(const struct heddle_options *options, const char *provider,
                        struct heddle_embedder_service *service, struct heddle_error *error)
{
    const char *shape = text_of(options, HEDDLE_OPTION_EMBEDDING_SHAPE);
    service->url = text_of(options, HEDDLE_OPTION_EMBEDDING_URL);
    service->ca_file = text_of(options, HEDDLE_OPTION_CA_FILE);
    service->shape = shape == NULL || strcmp(shape, "auto") == 0 ? NULL : shape;
    service->column = text_of(options, HEDDLE_OPTION_EMBEDDING_COLUMN);
    service->items_max = number_of(options, HEDDLE_OPTION_EMBEDDING_ITEMS);
    service->connections_max = number_of(options, HEDDLE_OPTION_EMBEDDING_CONNECTIONS);
    if (service->url == NULL) {
        return heddle_error_set(error, HEDDLE_INVALID,
                                "the provider %s needs the address of its service: --embedding-url URL",
                                provider);
    }
    return heddle_options_embedding_key(options, provider, &service->api_key, error);
}

int heddle_model_open(const struct heddle_options *options, const char *name, enum heddle_model_use use,
                      struct heddle_arena *arena, struct heddle_embedder **embedder_out,
                      struct heddle_error *error)
{
    const char *provider = text_of(options, HEDDLE_OPTION_PROVIDER);
    const char *precision = text_of(options, HEDDLE_OPTION_PRECISION);
    provider = provider == NULL ? "native" : provider;
    struct heddle_embedder_service service = {0};
    struct heddle_embedder_options asked = {
        .provider = provider,
        .kernel = text_of(options, HEDDLE_OPTION_KERNEL),
        .prompt = text_of(options, HEDDLE_OPTION_PROMPT),
        .dimensions = number_of(options, HEDDLE_OPTION_DIMENSIONS),
        .cache_file = text_of(options, HEDDLE_OPTION_EMBEDDING_CACHE),
        .library = text_of(options, HEDDLE_OPTION_ONNX_LIBRARY),
        .is_query = use == HEDDLE_MODEL_FOR_QUERIES,
    };
    if (precision != NULL && !heddle_precision_parse(precision, &asked.precision)) {
        return heddle_error_set(error, HEDDLE_INVALID, "there is no precision '%s'", precision);
    }
    if (heddle_provider_is(provider)) {
        HEDDLE_TRY(fill_service(options, provider, &service, error));
        asked.service = &service;
        return heddle_embedder_open(name == NULL ? "" : name, &asked, embedder_out, error);
    }
    if (asked.library == NULL && strcmp(provider, "onnx") == 0) {
        asked.library = active_environment(arena);
    }
    const char *directory = NULL;
    HEDDLE_TRY(heddle_model_find(name == NULL ? HEDDLE_JOB_MODEL_DEFAULT : name, arena, &directory, error));
    return heddle_embedder_open(directory, &asked, embedder_out, error);
}

size_t heddle_embed_threads(const struct heddle_options *options)
{
    const struct heddle_option_value *wanted = &options->values[HEDDLE_OPTION_EMBED_THREADS];
    if (wanted->text != NULL && wanted->number > 0) {
        return (size_t)wanted->number;
    }
    return heddle_cores();
}
