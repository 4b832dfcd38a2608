/* embedder.c: opening a model directory, and what can be asked of it. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/memory.h"
#include "model/embedder_parts.h"
#include "model/model.h"
#include "model/model_file.h"

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

/* Last part of a path, without trailing slashes. */
static char *base_name(const char *path)
{
    size_t end = strlen(path);
    while (end > 1 && path[end - 1] == '/') {
        end--;
    }
    size_t start = end;
    while (start > 0 && path[start - 1] != '/') {
        start--;
    }
    return heddle_strndup(path + start, end - start);
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

static int open_parts(const char *directory, struct heddle_embedder *embedder, struct heddle_error *error)
{
    HEDDLE_TRY(heddle_model_config_read(directory, &embedder->config, error));
    HEDDLE_TRY(heddle_tokenizer_open(directory, &embedder->tokenizer, error));
    if (heddle_tokenizer_id_max(embedder->tokenizer) >= embedder->config.vocabulary) {
        return heddle_error_set(
            error, HEDDLE_MODEL,
            "the tokenizer's highest id is %u, but config.json says vocab_size %zu: the files are "
            "of different models",
            heddle_tokenizer_id_max(embedder->tokenizer), embedder->config.vocabulary);
    }
    return heddle_weights_load(directory, &embedder->config, embedder->kernel, &embedder->weights, error);
}

int heddle_embedder_open(const char *directory, const struct heddle_embedder_options *options,
                         struct heddle_embedder **embedder_out, struct heddle_error *error)
{
    const struct heddle_embedder_options none = {0};
    const struct heddle_embedder_options *asked = options == NULL ? &none : options;
    const struct heddle_kernel *kernel = NULL;
    HEDDLE_TRY(heddle_kernel_choose(asked->kernel, asked->precision, &kernel, error));
    HEDDLE_TRY(check_directory(directory, error));
    struct heddle_embedder *embedder = heddle_calloc(1, sizeof *embedder);
    if (embedder == NULL) {
        return heddle_error_out_of_memory(error);
    }
    embedder->kernel = kernel;
    embedder->name = base_name(directory);
    int status = HEDDLE_OK;
    if (embedder->name == NULL) {
        status = heddle_error_out_of_memory(error);
    } else {
        status = open_parts(directory, embedder, error);
        if (status == HEDDLE_MODEL) {
            (void)heddle_error_prefix(error, "model %s", directory);
        }
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
    heddle_weights_destroy(embedder->weights);
    heddle_tokenizer_destroy(embedder->tokenizer);
    free(embedder->name);
    free(embedder);
}

size_t heddle_embedder_dimensions(const struct heddle_embedder *embedder)
{
    return embedder->config.hidden;
}

const char *heddle_embedder_name(const struct heddle_embedder *embedder)
{
    return embedder->name;
}

const char *heddle_embedder_kernel(const struct heddle_embedder *embedder)
{
    return embedder->kernel->name;
}

enum heddle_precision heddle_embedder_precision(const struct heddle_embedder *embedder)
{
    return embedder->kernel->precision;
}

size_t heddle_embedder_max_tokens(const struct heddle_embedder *embedder)
{
    return embedder->config.max_tokens;
}

void heddle_embedder_describe(const struct heddle_embedder *embedder, struct heddle_embedder_info *info_out)
{
    const struct heddle_model_config *config = &embedder->config;
    *info_out = (struct heddle_embedder_info){
        .name = embedder->name,
        .architecture = "bert",
        .pooling = heddle_pooling_name(config->pooling),
        .precision = heddle_precision_name(embedder->kernel->precision),
        .kernel = embedder->kernel->name,
        .normalized = config->normalize,
        .dimensions = config->hidden,
        .layers = config->layers,
        .heads = config->heads,
        .intermediate = config->intermediate,
        .vocabulary = heddle_tokenizer_vocabulary_size(embedder->tokenizer),
        .max_tokens = config->max_tokens,
        .parameters = heddle_weights_count(embedder->weights),
        .file_bytes = heddle_weights_file_bytes(embedder->weights),
        .packed_bytes = heddle_weights_packed_bytes(embedder->weights),
    };
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
