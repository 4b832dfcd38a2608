/* embedder.c: opening a model directory, and what can be asked of it. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/memory.h"
#include "base/text.h"
#include "model/embedder_parts.h"
#include "model/model_file.h"
#include "model/native.h"
#include "model/onnx/onnx_engine.h"
#include "model/prompts.h"
#include "model/provider/provider.h"

/* In the order of enum heddle_precision. */
static const char *const precision_names[] = {"auto", "fp32", "bf16", "int8"};

const char *heddle_precision_name(enum heddle_precision precision)
{
    return precision_names[precision];
}

bool heddle_precision_parse(const char *name, enum heddle_precision *precision_out)
{
    for (size_t i = 0; i < sizeof precision_names / sizeof precision_names[0]; i++) {
        if (strcmp(precision_names[i], name) == 0) {
            *precision_out = (enum heddle_precision)i;
            return true;
        }
    }
    return false;
}

bool heddle_precision_runs(enum heddle_precision precision)
{
    const struct heddle_kernel *kernel = NULL;
    return heddle_kernel_choose(NULL, precision, &kernel, NULL) == HEDDLE_OK;
}

struct part {
    const char *text;
    size_t length;
};

/* Last part of the first *length bytes of a path, without trailing slashes; *length becomes that of what stands before it. */
static struct part last_part(const char *path, size_t *length)
{
    size_t end = *length;
    while (end > 1 && path[end - 1] == '/') {
        end--;
    }
    size_t start = end;
    while (start > 0 && path[start - 1] != '/') {
        start--;
    }
    *length = start;
    return (struct part){path + start, end - start};
}

static bool starts_with(struct part part, const char *start)
{
    return part.length >= strlen(start) && memcmp(part.text, start, strlen(start)) == 0;
}

/* Last part of a path; of a Hugging Face cache's models--ORG--NAME/snapshots/REVISION it is NAME: a revision tells nobody
 * anything. */
static char *base_name(const char *path)
{
    static const char repository[] = "models--";
    static const char folder[] = "snapshots";
    size_t length = strlen(path);
    struct part name = last_part(path, &length);
    const struct part parent = last_part(path, &length);
    struct part owner = last_part(path, &length);
    if (parent.length == strlen(folder) && starts_with(parent, folder) && starts_with(owner, repository)) {
        size_t start = owner.length;
        while (owner.text[start - 1] != '-' || owner.text[start - 2] != '-') {
            start--;
        }
        if (start < owner.length) {
            name = (struct part){owner.text + start, owner.length - start};
        }
    }
    return heddle_strndup(name.text, name.length);
}

static int check_directory(const char *directory, struct heddle_error *error)
{
    struct stat status;
    if (stat(directory, &status) != 0 || !S_ISDIR(status.st_mode)) {
        return heddle_error_set(error, HEDDLE_MODEL, "there is no model directory %s: %s", directory,
                                HEDDLE_MODEL_REMEDY);
    }
    return HEDDLE_OK;
}

/* The prompt that the model's own configuration has for the use that is asked for, in place of the one that stands there. */
static int take_prompt(const struct heddle_model_prompts *prompts,
                       const struct heddle_embedder_options *asked, struct heddle_embedder *embedder,
                       struct heddle_error *error)
{
    const char *text = asked->prompt_name == NULL ? heddle_model_prompts_choose(prompts, asked->is_query)
                                                  : heddle_model_prompts_find(prompts, asked->prompt_name);
    if (text == NULL) {
        return heddle_error_set(error, HEDDLE_INVALID, "the model has no prompt '%s'; it has %zu%s%s",
                                asked->prompt_name, prompts->count,
                                prompts->count > 0 ? ", the first is " : "",
                                prompts->count > 0 ? prompts->names[0] : "");
    }
    free(embedder->prompt);
    embedder->prompt = heddle_strdup(text);
    return embedder->prompt == NULL ? heddle_error_out_of_memory(error) : HEDDLE_OK;
}

/* What config_sentence_transformers.json settles where the caller does not. */
static int read_prompts(const char *directory, const struct heddle_embedder_options *asked,
                        struct heddle_embedder *embedder, struct heddle_error *error)
{
    struct heddle_model_prompts prompts = {0};
    HEDDLE_TRY(heddle_model_prompts_read(directory, &prompts, error));
    embedder->dimensions = asked->dimensions == 0 ? prompts.dimensions : asked->dimensions;
    const int status = asked->prompt != NULL ? HEDDLE_OK : take_prompt(&prompts, asked, embedder, error);
    heddle_model_prompts_free(&prompts);
    return status;
}

static int open_directory(const char *directory, const struct heddle_embedder_options *asked,
                          struct heddle_embedder *embedder, struct heddle_error *error)
{
    const struct heddle_kernel *kernel = NULL;
    struct heddle_model_config config = {0};
    HEDDLE_TRY(heddle_kernel_choose(asked->kernel, asked->precision, &kernel, error));
    HEDDLE_TRY(check_directory(directory, error));
    int status = heddle_model_config_read(directory, &config, error);
    if (status == HEDDLE_OK) {
        status = read_prompts(directory, asked, embedder, error);
    }
    if (status == HEDDLE_OK) {
        status = heddle_native_open(directory, &config, kernel, embedder->prompt, &embedder->engine, error);
    }
    if (status == HEDDLE_MODEL) {
        (void)heddle_error_prefix(error, "model %s", directory);
    }
    return status;
}

static int open_onnx(const char *directory, const struct heddle_embedder_options *asked,
                     struct heddle_embedder *embedder, struct heddle_error *error)
{
    HEDDLE_TRY(check_directory(directory, error));
    int status = read_prompts(directory, asked, embedder, error);
    if (status == HEDDLE_OK) {
        status = heddle_onnx_open(directory, asked->library, embedder->prompt, &embedder->engine, error);
    }
    if (status == HEDDLE_MODEL) {
        (void)heddle_error_prefix(error, "model %s", directory);
    }
    return status;
}

static int open_engine(const char *model, const struct heddle_embedder_options *asked,
                       struct heddle_embedder *embedder, struct heddle_error *error)
{
    if (asked->provider == NULL || strcmp(asked->provider, "native") == 0) {
        return open_directory(model, asked, embedder, error);
    }
    if (strcmp(asked->provider, "onnx") == 0) {
        return open_onnx(model, asked, embedder, error);
    }
    if (heddle_provider_is(asked->provider)) {
        return heddle_provider_open(model, asked, NULL, &embedder->engine, error);
    }
    return heddle_error_set(
        error, HEDDLE_INVALID,
        "there is no embedding provider '%s'; there are: native, onnx, openai, databricks, tei, "
        "ollama",
        asked->provider);
}

static int settle(const struct heddle_embedder_options *asked, struct heddle_embedder *embedder,
                  struct heddle_error *error)
{
    const size_t whole = embedder->engine->dimensions;
    const size_t wanted = embedder->dimensions == 0 ? asked->dimensions : embedder->dimensions;
    if (wanted > whole) {
        return heddle_error_set(error, HEDDLE_INVALID,
                                "the model makes vectors of %zu dimensions: it cannot give %zu", whole,
                                wanted);
    }
    embedder->dimensions = wanted == 0 ? whole : wanted;
    return HEDDLE_OK;
}

/* The cache file, where one is asked for; what computes is known by now. */
static int open_cache(const struct heddle_embedder_options *asked, struct heddle_embedder *embedder,
                      struct heddle_error *error)
{
    if (asked->cache_file == NULL) {
        return HEDDLE_OK;
    }
    struct heddle_embedder_info info;
    struct heddle_cache_key key = {.prompt = embedder->prompt, .dimensions = embedder->dimensions};
    heddle_embedder_describe(embedder, &info);
    key.provider = info.provider;
    key.precision = info.precision;
    HEDDLE_TRY(embedder->engine->class->identify(embedder->engine, key.identity, error));
    return heddle_cache_open(asked->cache_file, &key, asked->cache_bytes_max, &embedder->cache, error);
}

int heddle_embedder_open(const char *model, const struct heddle_embedder_options *options,
                         struct heddle_embedder **embedder_out, struct heddle_error *error)
{
    const struct heddle_embedder_options none = {0};
    const struct heddle_embedder_options *asked = options == NULL ? &none : options;
    struct heddle_embedder *embedder = heddle_calloc(1, sizeof *embedder);
    if (embedder == NULL) {
        return heddle_error_out_of_memory(error);
    }
    embedder->name = base_name(model);
    embedder->prompt = heddle_strdup(asked->prompt == NULL ? "" : asked->prompt);
    int status =
        embedder->name == NULL || embedder->prompt == NULL ? heddle_error_out_of_memory(error) : HEDDLE_OK;
    if (status == HEDDLE_OK && !heddle_text_is_utf8(embedder->prompt, strlen(embedder->prompt))) {
        status = heddle_error_set(error, HEDDLE_INVALID, "the prompt is not UTF-8");
    }
    if (status == HEDDLE_OK) {
        status = open_engine(model, asked, embedder, error);
    }
    if (status == HEDDLE_OK) {
        status = settle(asked, embedder, error);
    }
    if (status == HEDDLE_OK) {
        status = open_cache(asked, embedder, error);
    }
    if (status != HEDDLE_OK) {
        heddle_embedder_close(embedder);
        return status;
    }
    *embedder_out = embedder;
    return HEDDLE_OK;
}

void heddle_embedder_close(struct heddle_embedder *embedder)
{
    if (embedder == NULL) {
        return;
    }
    heddle_cache_close(embedder->cache);
    if (embedder->engine != NULL) {
        embedder->engine->class->destroy(embedder->engine);
    }
    free(embedder->prompt);
    free(embedder->name);
    free(embedder);
}

void heddle_embedder_stop(const struct heddle_embedder *embedder)
{
    if (embedder->engine->class->stop != NULL) {
        embedder->engine->class->stop(embedder->engine);
    }
}

size_t heddle_embedder_dimensions(const struct heddle_embedder *embedder)
{
    return embedder->dimensions;
}

const char *heddle_embedder_name(const struct heddle_embedder *embedder)
{
    return embedder->name;
}

void heddle_embedder_describe(const struct heddle_embedder *embedder, struct heddle_embedder_info *info_out)
{
    *info_out = (struct heddle_embedder_info){
        .name = embedder->name,
        .provider = "",
        .architecture = "",
        .pooling = "",
        .precision = "",
        .kernel = "",
        .prompt = embedder->prompt,
        .dimensions = embedder->dimensions,
        .cache_problem = embedder->cache == NULL ? "" : heddle_cache_problem(embedder->cache),
    };
    embedder->engine->class->describe(embedder->engine, info_out);
}

const char *heddle_embedder_kernel(const struct heddle_embedder *embedder)
{
    struct heddle_embedder_info info;
    heddle_embedder_describe(embedder, &info);
    return info.kernel;
}

enum heddle_precision heddle_embedder_precision(const struct heddle_embedder *embedder)
{
    struct heddle_embedder_info info;
    enum heddle_precision precision = HEDDLE_PRECISION_AUTO;
    heddle_embedder_describe(embedder, &info);
    (void)heddle_precision_parse(info.precision, &precision);
    return precision;
}

size_t heddle_embedder_max_tokens(const struct heddle_embedder *embedder)
{
    struct heddle_embedder_info info;
    heddle_embedder_describe(embedder, &info);
    return info.max_tokens;
}

bool heddle_embedder_kernel_runs(const char *kernel)
{
    const struct heddle_kernel *const *kernels = heddle_kernels();
    for (size_t i = 0; kernels[i] != NULL; i++) {
        if (strcmp(kernels[i]->name, kernel) == 0) {
            return kernels[i]->runs();
        }
    }
    return false;
}

const char *const *heddle_embedder_kernel_names(void)
{
    return heddle_kernel_names();
}
