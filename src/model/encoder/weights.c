/* weights.c: finding a BERT's tensors by their names and packing them. */
#include "model/encoder/weights.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "model/encoder/pages.h"
#include "model/model_file.h"
#include "model/weight_files.h"

enum { ALIGNMENT = 64, NAME_MAX_BYTES = 160, PREFIX_MAX_BYTES = 64 };

/* Numbers that are converted, checked and scaled together: they stay in the first cache. */
enum { BLOCK_NUMBERS = 4096 };

struct heddle_weights {
    struct heddle_model_config config;
    const struct heddle_kernel *kernel;
    struct heddle_weight_files *files;
    char prefix[PREFIX_MAX_BYTES]; /* of every tensor's name */
    void *block;                   /* as allocated */
    char *next;                    /* aligned place in it, moves up while loading */
    size_t block_bytes;
    float *staging; /* one matrix (N,K) and its bias on the way to being packed; NULL once loaded */
    struct heddle_layer *layers;
    const struct heddle_tensor *words; /* (vocabulary, H), in the file */
    float *positions;                  /* (position_rows, H), token type 0 added */
    size_t position_rows;
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
    return weights->config.layers * layer + rounded(weights->position_rows * hidden * sizeof(float)) +
           2 * rounded(hidden * sizeof(float));
}

static int allocate(struct heddle_weights *weights, struct heddle_error *error)
{
    const struct heddle_model_config *config = &weights->config;
    const size_t wider =
        config->intermediate > 3 * config->hidden ? config->intermediate : 3 * config->hidden;
    weights->block_bytes = packed_bytes(weights);
    weights->next = heddle_pages_allocate(weights->block_bytes, &weights->block);
    weights->layers = heddle_calloc(config->layers, sizeof *weights->layers);
    weights->staging = heddle_malloc((wider * config->hidden + wider) * sizeof(float));
    if (weights->block == NULL || weights->layers == NULL || weights->staging == NULL) {
        return heddle_error_out_of_memory(error);
    }
    return HEDDLE_OK;
}

/* Exports keep the names of the modules around the encoder: "bert.", "roberta.", "0.auto_model.", "model.": whatever stands
 * before the word table's name stands before all. */
static int find_prefix(struct heddle_weights *weights, struct heddle_error *error)
{
    static const char words[] = "embeddings.word_embeddings.weight";
    const struct heddle_tensor *found = NULL;
    HEDDLE_TRY(heddle_weight_files_find_ending(weights->files, words, &found, error));
    const size_t length = found == NULL ? 0 : strlen(found->name) - (sizeof words - 1);
    if (found == NULL || length >= sizeof weights->prefix) {
        return heddle_error_set(error, HEDDLE_MODEL,
                                "the weights in %s have no tensor %s: not a BERT or RoBERTa encoder",
                                heddle_weight_files_folder(weights->files), words);
    }
    memcpy(weights->prefix, found->name, length);
    weights->prefix[length] = '\0';
    return HEDDLE_OK;
}

/* The tensor PREFIX + name of the given shape (columns 0: a vector). */
static int expect(struct heddle_weights *weights, const char *name, size_t rows, size_t columns,
                  const struct heddle_tensor **tensor_out, struct heddle_error *error)
{
    char full[NAME_MAX_BYTES];
    snprintf(full, sizeof full, "%s%s", weights->prefix, name);
    return heddle_weight_files_expect(weights->files, full, rows, columns, tensor_out, error);
}

static int check_finite(const struct heddle_weights *weights, const struct heddle_tensor *tensor,
                        const void *floats, size_t count, struct heddle_error *error)
{
    return heddle_weight_files_check_finite(weights->files, tensor->name, floats, count, error);
}

/* Converts `count` numbers of a tensor, all of which must be finite, times `scale`, and counts them. */
static int convert_scaled(struct heddle_weights *weights, const struct heddle_tensor *tensor, size_t first,
                          size_t count, float scale, float *values_out, struct heddle_error *error)
{
    for (size_t done = 0; done < count;) {
        const size_t block = count - done < BLOCK_NUMBERS ? count - done : BLOCK_NUMBERS;
        float *values = values_out + done;
        heddle_tensor_to_float(tensor, first + done, block, values);
        HEDDLE_TRY(check_finite(weights, tensor, values, block, error));
        for (size_t i = 0; scale != 1.0f && i < block; i++) {
            values[i] *= scale;
        }
        done += block;
    }
    weights->count += count;
    return HEDDLE_OK;
}

static int convert(struct heddle_weights *weights, const struct heddle_tensor *tensor, size_t first,
                   size_t count, float *values_out, struct heddle_error *error)
{
    return convert_scaled(weights, tensor, first, count, 1.0f, values_out, error);
}

/* The numbers of a whole tensor, all finite: where they lie in the file if they are floats, else converted to the staging area. */
static int read_matrix(struct heddle_weights *weights, const struct heddle_tensor *tensor,
                       const float **values_out, struct heddle_error *error)
{
    *values_out = weights->staging;
    if (tensor->dtype != HEDDLE_DTYPE_F32 || (uintptr_t)tensor->data % _Alignof(float) != 0) {
        return convert(weights, tensor, 0, tensor->count, weights->staging, error);
    }
    *values_out = tensor->data;
    weights->count += tensor->count;
    return check_finite(weights, tensor, tensor->data, tensor->count, error);
}

static int load_vector(struct heddle_weights *weights, const char *name, size_t count, float *values_out,
                       struct heddle_error *error)
{
    const struct heddle_tensor *tensor = NULL;
    HEDDLE_TRY(expect(weights, name, count, 0, &tensor, error));
    return convert(weights, tensor, 0, count, values_out, error);
}

/* LayerNorm's `part`: "weight" or "bias"; checkpoints that came from TensorFlow call them "gamma" and "beta". */
static int load_norm_part(struct heddle_weights *weights, const char *module, const char *part,
                          const char *old_part, float **values_out, struct heddle_error *error)
{
    char name[NAME_MAX_BYTES];
    char full[NAME_MAX_BYTES + PREFIX_MAX_BYTES];
    const size_t hidden = weights->config.hidden;
    snprintf(name, sizeof name, "%s.%s", module, old_part);
    snprintf(full, sizeof full, "%s%s", weights->prefix, name);
    if (heddle_weight_files_find(weights->files, full) == NULL) {
        snprintf(name, sizeof name, "%s.%s", module, part);
    }
    *values_out = take(weights, hidden * sizeof(float));
    return load_vector(weights, name, hidden, *values_out, error);
}

static int load_norm(struct heddle_weights *weights, const char *module, float **gain_out, float **bias_out,
                     struct heddle_error *error)
{
    HEDDLE_TRY(load_norm_part(weights, module, "weight", "gamma", gain_out, error));
    return load_norm_part(weights, module, "bias", "beta", bias_out, error);
}

/* Finds one module's matrix and reads its bias, times `scale`. */
static int load_module(struct heddle_weights *weights, const char *module, size_t outputs, size_t inputs,
                       float scale, float *bias_out, const struct heddle_tensor **matrix_out,
                       struct heddle_error *error)
{
    char name[NAME_MAX_BYTES];
    snprintf(name, sizeof name, "%s.weight", module);
    HEDDLE_TRY(expect(weights, name, outputs, inputs, matrix_out, error));
    snprintf(name, sizeof name, "%s.bias", module);
    HEDDLE_TRY(load_vector(weights, name, outputs, bias_out, error));
    for (size_t i = 0; i < outputs; i++) {
        bias_out[i] *= scale;
    }
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
    const struct heddle_tensor *matrix = NULL;
    const float *values = NULL;
    char name[NAME_MAX_BYTES];
    snprintf(name, sizeof name, "encoder.layer.%zu.%s", layer, module);
    place_linear(weights, outputs, inputs, linear);
    HEDDLE_TRY(load_module(weights, name, outputs, inputs, 1.0f, linear->bias, &matrix, error));
    HEDDLE_TRY(read_matrix(weights, matrix, &values, error));
    weights->kernel->pack(values, outputs, inputs, linear->weights);
    return HEDDLE_OK;
}

static int load_qkv(struct heddle_weights *weights, size_t layer, struct heddle_linear *linear,
                    struct heddle_error *error)
{
    static const char *const modules[] = {"query", "key", "value"};
    const size_t hidden = weights->config.hidden;
    place_linear(weights, 3 * hidden, hidden, linear);
    for (size_t i = 0; i < 3; i++) {
        const struct heddle_tensor *matrix = NULL;
        char name[NAME_MAX_BYTES];
        const float scale = i == 0 ? (float)(1.0 / sqrt((double)weights->config.head_width)) : 1.0f;
        snprintf(name, sizeof name, "encoder.layer.%zu.attention.self.%s", layer, modules[i]);
        HEDDLE_TRY(
            load_module(weights, name, hidden, hidden, scale, linear->bias + i * hidden, &matrix, error));
        HEDDLE_TRY(convert_scaled(weights, matrix, 0, matrix->count, scale,
                                  weights->staging + i * matrix->count, error));
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

/* The word table stays in the file, whatever its type: 250,000 rows of which a load uses a few thousand are not worth memory.
 * It is read once, for its numbers must be finite, and given back at once. */
static int load_words(struct heddle_weights *weights, struct heddle_error *error)
{
    const size_t hidden = weights->config.hidden;
    const size_t rows = weights->config.vocabulary;
    const struct heddle_tensor *words = NULL;
    HEDDLE_TRY(expect(weights, "embeddings.word_embeddings.weight", rows, hidden, &words, error));
    weights->words = words;
    if (words->dtype == HEDDLE_DTYPE_F32) {
        HEDDLE_TRY(check_finite(weights, words, words->data, words->count, error));
    }
    for (size_t done = 0; words->dtype != HEDDLE_DTYPE_F32 && done < words->count;) {
        float block[BLOCK_NUMBERS];
        const size_t count = words->count - done < BLOCK_NUMBERS ? words->count - done : BLOCK_NUMBERS;
        heddle_tensor_to_float(words, done, count, block);
        HEDDLE_TRY(check_finite(weights, words, block, count, error));
        done += count;
    }
    weights->count += words->count;
    heddle_weight_files_forget(weights->files);
    return HEDDLE_OK;
}

/* Rows of the position table that texts use: those of max_tokens tokens, and where positions are counted from the padding
 * token's id the row of that token before them. */
static size_t first_row(const struct heddle_model_config *config)
{
    return config->first_position == 0 ? 0 : config->first_position - 1;
}

static int load_positions(struct heddle_weights *weights, struct heddle_error *error)
{
    const struct heddle_model_config *config = &weights->config;
    const size_t hidden = config->hidden;
    const size_t count = weights->position_rows * hidden;
    const struct heddle_tensor *positions = NULL;
    const struct heddle_tensor *types = NULL;
    HEDDLE_TRY(expect(weights, "embeddings.position_embeddings.weight", config->positions, hidden, &positions,
                      error));
    HEDDLE_TRY(expect(weights, "embeddings.token_type_embeddings.weight", config->token_types, hidden, &types,
                      error));
    weights->positions = take(weights, count * sizeof(float));
    HEDDLE_TRY(convert(weights, positions, first_row(config) * hidden, count, weights->positions, error));
    HEDDLE_TRY(convert(weights, types, 0, hidden, weights->staging, error));
    for (size_t i = 0; i < count; i++) {
        weights->positions[i] += weights->staging[i % hidden];
    }
    weights->count += positions->count - count + types->count - hidden;
    return HEDDLE_OK;
}

static int load(struct heddle_weights *weights, struct heddle_error *error)
{
    HEDDLE_TRY(find_prefix(weights, error));
    HEDDLE_TRY(allocate(weights, error));
    HEDDLE_TRY(load_words(weights, error));
    HEDDLE_TRY(load_positions(weights, error));
    HEDDLE_TRY(load_norm(weights, "embeddings.LayerNorm", &weights->embedding_gain, &weights->embedding_bias,
                         error));
    for (size_t i = 0; i < weights->config.layers; i++) {
        HEDDLE_TRY(load_layer(weights, i, error));
    }
    free(weights->staging);
    weights->staging = NULL;
    heddle_weight_files_forget(weights->files);
    return HEDDLE_OK;
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
    weights->position_rows = config->max_tokens + (config->first_position == 0 ? 0 : 1);
    int status = heddle_weight_files_open(directory, &weights->files, error);
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
    heddle_weight_files_close(weights->files);
    free(weights->staging);
    free(weights->layers);
    free(weights->block);
    free(weights);
}

const struct heddle_layer *heddle_weights_layer(const struct heddle_weights *weights, size_t layer)
{
    return &weights->layers[layer];
}

void heddle_weights_embed(const struct heddle_weights *weights, const uint32_t *ids, size_t tokens,
                          float *rows_out)
{
    const size_t hidden = weights->config.hidden;
    const size_t first = weights->config.first_position;
    size_t place = 0; /* of the next token that counts */
    for (size_t t = 0; t < tokens; t++) {
        float *row = rows_out + t * hidden;
        size_t position = 0;
        if (first == 0) {
            position = place++;
        } else if (ids[t] != first - 1) {
            position = ++place;
        }
        heddle_tensor_to_float(weights->words, (size_t)ids[t] * hidden, hidden, row);
        for (size_t i = 0; i < hidden; i++) {
            row[i] += weights->positions[position * hidden + i];
        }
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
    return heddle_weight_files_bytes(weights->files);
}

uint64_t heddle_weights_packed_bytes(const struct heddle_weights *weights)
{
    return weights->block_bytes;
}

uint64_t heddle_weights_count(const struct heddle_weights *weights)
{
    return weights->count;
}
