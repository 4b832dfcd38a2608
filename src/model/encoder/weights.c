/* weights.c: finding a BERT's tensors by their names and packing them. */
#include "model/encoder/weights.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/memory.h"
#include "model/model_file.h"
#include "model/safetensors.h"

enum { ALIGNMENT = 64, HUGE_PAGE = 2 * 1024 * 1024, NAME_MAX_BYTES = 160 };

struct heddle_weights {
    struct heddle_model_config config;
    const struct heddle_kernel *kernel;
    struct heddle_safetensors *file;
    const char *prefix; /* of every tensor's name */
    void *block;        /* as allocated */
    char *next;         /* aligned place in it, moves up while loading */
    size_t block_bytes;
    float *staging; /* one matrix (N,K) and its bias on the way to being packed; NULL once loaded */
    struct heddle_layer *layers;
    const float *words;
    float *words_owned; /* set where the file's table could not be used in place */
    float *positions;
    float *embedding_gain;
    float *embedding_bias;
    uint64_t count;
};

static size_t rounded(size_t bytes)
{
    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static void *take(struct heddle_weights *weights, size_t bytes)
{
    void *place = weights->next;
    weights->next += rounded(bytes);
    return place;
}

static size_t linear_bytes(const struct heddle_weights *weights, size_t outputs, size_t inputs)
{
    return rounded(weights->kernel->packed_bytes(outputs, inputs)) + rounded(outputs * sizeof(float));
}

/* Bytes of all packed weights. Widths are limited by the configuration, so nothing overflows. */
static size_t packed_bytes(const struct heddle_weights *weights)
{
    const size_t hidden = weights->config.hidden;
    const size_t wide = weights->config.intermediate;
    const size_t layer = linear_bytes(weights, 3 * hidden, hidden) + linear_bytes(weights, hidden, hidden) +
                         linear_bytes(weights, wide, hidden) + linear_bytes(weights, hidden, wide) +
                         4 * rounded(hidden * sizeof(float));
    return weights->config.layers * layer + rounded(weights->config.max_tokens * hidden * sizeof(float)) +
           2 * rounded(hidden * sizeof(float));
}

static int allocate(struct heddle_weights *weights, struct heddle_error *error)
{
    const struct heddle_model_config *config = &weights->config;
    const size_t wider =
        config->intermediate > 3 * config->hidden ? config->intermediate : 3 * config->hidden;
    weights->block_bytes = packed_bytes(weights);
    weights->block = heddle_malloc(weights->block_bytes + HUGE_PAGE);
    weights->layers = heddle_calloc(config->layers, sizeof *weights->layers);
    weights->staging = heddle_malloc((wider * config->hidden + wider) * sizeof(float));
    if (weights->block == NULL || weights->layers == NULL || weights->staging == NULL) {
        return heddle_error_out_of_memory(error);
    }
    const uintptr_t start = (uintptr_t)weights->block;
    weights->next = (char *)weights->block + (HUGE_PAGE - start % HUGE_PAGE) % HUGE_PAGE;
    /* Large pages save the walk over 10,000 small ones a group; where there are none the hint is ignored. */
    (void)madvise(weights->next, weights->block_bytes, MADV_HUGEPAGE);
    return HEDDLE_OK;
}

/* Some exports keep the name of the module around the encoder. */
static int find_prefix(struct heddle_weights *weights, struct heddle_error *error)
{
    static const char *const prefixes[] = {"", "bert.", "0.auto_model."};
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++) {
        char name[NAME_MAX_BYTES];
        snprintf(name, sizeof name, "%sembeddings.word_embeddings.weight", prefixes[i]);
        if (heddle_safetensors_find(weights->file, name) != NULL) {
            weights->prefix = prefixes[i];
            return HEDDLE_OK;
        }
    }
    return heddle_error_set(
        error, HEDDLE_MODEL,
        "weights file %s has no tensor embeddings.word_embeddings.weight: not a BERT encoder",
        heddle_safetensors_path(weights->file));
}

/* The tensor PREFIX + name of the given shape (columns 0: a vector). */
static int expect(struct heddle_weights *weights, const char *name, size_t rows, size_t columns,
                  const struct heddle_tensor **tensor_out, struct heddle_error *error)
{
    char full[NAME_MAX_BYTES];
    snprintf(full, sizeof full, "%s%s", weights->prefix, name);
    return heddle_safetensors_expect(weights->file, full, rows, columns, tensor_out, error);
}

static int load_vector(struct heddle_weights *weights, const char *name, size_t count, float *values_out,
                       struct heddle_error *error)
{
    const struct heddle_tensor *tensor = NULL;
    HEDDLE_TRY(expect(weights, name, count, 0, &tensor, error));
    heddle_tensor_to_float(tensor, 0, count, values_out);
    weights->count += count;
    return HEDDLE_OK;
}

static int load_norm(struct heddle_weights *weights, const char *module, float **gain_out, float **bias_out,
                     struct heddle_error *error)
{
    const size_t hidden = weights->config.hidden;
    char name[NAME_MAX_BYTES];
    *gain_out = take(weights, hidden * sizeof(float));
    *bias_out = take(weights, hidden * sizeof(float));
    snprintf(name, sizeof name, "%s.weight", module);
    HEDDLE_TRY(load_vector(weights, name, hidden, *gain_out, error));
    snprintf(name, sizeof name, "%s.bias", module);
    return load_vector(weights, name, hidden, *bias_out, error);
}

/* Reads one module's matrix and bias to row `first` of the staging area, times `scale`. */
static int stage(struct heddle_weights *weights, const char *module, size_t outputs, size_t inputs,
                 size_t first, float scale, float *bias_out, struct heddle_error *error)
{
    const struct heddle_tensor *tensor = NULL;
    char name[NAME_MAX_BYTES];
    float *rows = weights->staging + first * inputs;
    snprintf(name, sizeof name, "%s.weight", module);
    HEDDLE_TRY(expect(weights, name, outputs, inputs, &tensor, error));
    heddle_tensor_to_float(tensor, 0, outputs * inputs, rows);
    snprintf(name, sizeof name, "%s.bias", module);
    HEDDLE_TRY(load_vector(weights, name, outputs, bias_out + first, error));
    for (size_t i = 0; i < outputs * inputs; i++) {
        rows[i] *= scale;
    }
    for (size_t i = 0; i < outputs; i++) {
        bias_out[first + i] *= scale;
    }
    weights->count += outputs * inputs;
    return HEDDLE_OK;
}

static void place_linear(struct heddle_weights *weights, size_t outputs, size_t inputs,
                         struct heddle_linear *linear)
{
    linear->weights = take(weights, weights->kernel->packed_bytes(outputs, inputs));
    linear->bias = take(weights, outputs * sizeof(float));
    linear->inputs = inputs;
    linear->outputs = outputs;
}

static int load_linear(struct heddle_weights *weights, size_t layer, const char *module, size_t outputs,
                       size_t inputs, struct heddle_linear *linear, struct heddle_error *error)
{
    char name[NAME_MAX_BYTES];
    snprintf(name, sizeof name, "encoder.layer.%zu.%s", layer, module);
    place_linear(weights, outputs, inputs, linear);
    HEDDLE_TRY(stage(weights, name, outputs, inputs, 0, 1.0f, linear->bias, error));
    weights->kernel->pack(weights->staging, outputs, inputs, linear->weights);
    return HEDDLE_OK;
}

static int load_qkv(struct heddle_weights *weights, size_t layer, struct heddle_linear *linear,
                    struct heddle_error *error)
{
    static const char *const modules[] = {"query", "key", "value"};
    const size_t hidden = weights->config.hidden;
    place_linear(weights, 3 * hidden, hidden, linear);
    for (size_t i = 0; i < 3; i++) {
        char name[NAME_MAX_BYTES];
        const float scale = i == 0 ? (float)(1.0 / sqrt((double)weights->config.head_width)) : 1.0f;
        snprintf(name, sizeof name, "encoder.layer.%zu.attention.self.%s", layer, modules[i]);
        HEDDLE_TRY(stage(weights, name, hidden, hidden, i * hidden, scale, linear->bias, error));
    }
    weights->kernel->pack(weights->staging, 3 * hidden, hidden, linear->weights);
    return HEDDLE_OK;
}

static int load_layer(struct heddle_weights *weights, size_t i, struct heddle_error *error)
{
    const size_t hidden = weights->config.hidden;
    const size_t wide = weights->config.intermediate;
    struct heddle_layer *layer = &weights->layers[i];
    char name[NAME_MAX_BYTES];
    HEDDLE_TRY(load_qkv(weights, i, &layer->qkv, error));
    HEDDLE_TRY(load_linear(weights, i, "attention.output.dense", hidden, hidden, &layer->mix, error));
    snprintf(name, sizeof name, "encoder.layer.%zu.attention.output.LayerNorm", i);
    HEDDLE_TRY(load_norm(weights, name, &layer->mix_gain, &layer->mix_bias, error));
    HEDDLE_TRY(load_linear(weights, i, "intermediate.dense", wide, hidden, &layer->widen, error));
    HEDDLE_TRY(load_linear(weights, i, "output.dense", hidden, wide, &layer->narrow, error));
    snprintf(name, sizeof name, "encoder.layer.%zu.output.LayerNorm", i);
    return load_norm(weights, name, &layer->output_gain, &layer->output_bias, error);
}

/* The mapped table where it can be read as it stands, else a copy. */
static int load_words(struct heddle_weights *weights, struct heddle_error *error)
{
    const struct heddle_tensor *tensor = NULL;
    HEDDLE_TRY(expect(weights, "embeddings.word_embeddings.weight", weights->config.vocabulary,
                      weights->config.hidden, &tensor, error));
    weights->count += tensor->count;
    if (tensor->dtype == HEDDLE_DTYPE_F32 && (uintptr_t)tensor->data % sizeof(float) == 0) {
        weights->words = tensor->data;
        return HEDDLE_OK;
    }
    weights->words_owned = heddle_malloc(tensor->count * sizeof(float));
    if (weights->words_owned == NULL) {
        return heddle_error_out_of_memory(error);
    }
    heddle_tensor_to_float(tensor, 0, tensor->count, weights->words_owned);
    weights->words = weights->words_owned;
    return HEDDLE_OK;
}

static int load_positions(struct heddle_weights *weights, struct heddle_error *error)
{
    const struct heddle_model_config *config = &weights->config;
    const struct heddle_tensor *positions = NULL;
    const struct heddle_tensor *types = NULL;
    HEDDLE_TRY(expect(weights, "embeddings.position_embeddings.weight", config->positions, config->hidden,
                      &positions, error));
    HEDDLE_TRY(expect(weights, "embeddings.token_type_embeddings.weight", config->token_types, config->hidden,
                      &types, error));
    weights->positions = take(weights, config->max_tokens * config->hidden * sizeof(float));
    heddle_tensor_to_float(positions, 0, config->max_tokens * config->hidden, weights->positions);
    heddle_tensor_to_float(types, 0, config->hidden, weights->staging);
    for (size_t i = 0; i < config->max_tokens * config->hidden; i++) {
        weights->positions[i] += weights->staging[i % config->hidden];
    }
    weights->count += positions->count + types->count;
    return HEDDLE_OK;
}

static int load(struct heddle_weights *weights, struct heddle_error *error)
{
    HEDDLE_TRY(find_prefix(weights, error));
    HEDDLE_TRY(load_words(weights, error));
    HEDDLE_TRY(allocate(weights, error));
    HEDDLE_TRY(load_positions(weights, error));
    HEDDLE_TRY(load_norm(weights, "embeddings.LayerNorm", &weights->embedding_gain, &weights->embedding_bias,
                         error));
    for (size_t i = 0; i < weights->config.layers; i++) {
        HEDDLE_TRY(load_layer(weights, i, error));
    }
    free(weights->staging);
    weights->staging = NULL;
    heddle_safetensors_forget(weights->file);
    return HEDDLE_OK;
}

static int open_file(const char *directory, struct heddle_safetensors **file_out, struct heddle_error *error)
{
    if (!heddle_model_file_exists(directory, "model.safetensors") &&
        heddle_model_file_exists(directory, "pytorch_model.bin")) {
        return heddle_error_set(
            error, HEDDLE_MODEL,
            "%s has its weights in pytorch_model.bin, a pickle that may run code when read; only "
            "model.safetensors is supported",
            directory);
    }
    char *path = heddle_model_path(directory, "model.safetensors");
    if (path == NULL) {
        return heddle_error_out_of_memory(error);
    }
    const int status = heddle_safetensors_open(path, file_out, error);
    free(path);
    return status;
}

int heddle_weights_load(const char *directory, const struct heddle_model_config *config,
                        const struct heddle_kernel *kernel, struct heddle_weights **weights_out,
                        struct heddle_error *error)
{
    struct heddle_weights *weights = heddle_calloc(1, sizeof *weights);
    if (weights == NULL) {
        return heddle_error_out_of_memory(error);
    }
    weights->config = *config;
    weights->kernel = kernel;
    int status = open_file(directory, &weights->file, error);
    if (status == HEDDLE_OK) {
        status = load(weights, error);
    }
    if (status != HEDDLE_OK) {
        heddle_weights_destroy(weights);
        return status;
    }
    *weights_out = weights;
    return HEDDLE_OK;
}

void heddle_weights_destroy(struct heddle_weights *weights)
{
    if (weights == NULL) {
        return;
    }
    heddle_safetensors_close(weights->file);
    free(weights->words_owned);
    free(weights->staging);
    free(weights->layers);
    free(weights->block);
    free(weights);
}

const struct heddle_layer *heddle_weights_layer(const struct heddle_weights *weights, size_t layer)
{
    return &weights->layers[layer];
}

void heddle_weights_embed(const struct heddle_weights *weights, uint32_t id, size_t place, float *row_out)
{
    const size_t hidden = weights->config.hidden;
    const float *word = weights->words + (size_t)id * hidden;
    const float *position = weights->positions + place * hidden;
    for (size_t i = 0; i < hidden; i++) {
        row_out[i] = word[i] + position[i];
    }
}

const float *heddle_weights_embedding_gain(const struct heddle_weights *weights)
{
    return weights->embedding_gain;
}

const float *heddle_weights_embedding_bias(const struct heddle_weights *weights)
{
    return weights->embedding_bias;
}

uint64_t heddle_weights_file_bytes(const struct heddle_weights *weights)
{
    return heddle_safetensors_bytes(weights->file);
}

uint64_t heddle_weights_packed_bytes(const struct heddle_weights *weights)
{
    return weights->block_bytes;
}

uint64_t heddle_weights_count(const struct heddle_weights *weights)
{
    return weights->count;
}
