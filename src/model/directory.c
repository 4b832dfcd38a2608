/* directory.c: reading and judging the configuration files of a model. */
#include "model/directory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/model_file.h"

/* Far above any BERT (large: 24 layers, 1,024 wide), low enough that no product of two overflows. */
enum {
    LAYERS_MAX = 1024,
    WIDTH_MAX = 65536,
    VOCABULARY_MAX = 1 << 24,
    POSITIONS_MAX = 8192, /* attention scores of a tile of rows stay in cache */
    WIDTH_STEP = 32,      /* the kernels take whole panels of columns */
    TOKENS_MIN = 3,
};

const char *heddle_pooling_name(enum heddle_pooling pooling)
{
    return pooling == HEDDLE_POOLING_CLS ? "cls" : "mean";
}

/* The folder of the module whose type ends in `kind`, NULL if the list has none. */
static const char *module_path(const json_t *modules, const char *kind)
{
    size_t i = 0;
    json_t *module = NULL;
    json_array_foreach(modules, i, module)
    {
        const char *type = json_string_value(json_object_get(module, "type"));
        const char *dot = type == NULL ? NULL : strrchr(type, '.');
        if (dot != NULL && strcmp(dot + 1, kind) == 0) {
            const char *path = json_string_value(json_object_get(module, "path"));
            return path == NULL ? "" : path;
        }
    }
    return NULL;
}

static int check_module_types(const json_t *modules, struct heddle_error *error)
{
    static const char *const known[] = {"Transformer", "Pooling", "Normalize"};
    size_t i = 0;
    json_t *module = NULL;
    json_array_foreach(modules, i, module)
    {
        const char *type = json_string_value(json_object_get(module, "type"));
        const char *dot = type == NULL ? NULL : strrchr(type, '.');
        if (i >= sizeof known / sizeof known[0] || dot == NULL || strcmp(dot + 1, known[i]) != 0) {
            return heddle_error_set(
                error, HEDDLE_MODEL,
                "model file modules.json: module %zu is %.80s; supported is Transformer, Pooling "
                "and perhaps Normalize, in this order",
                i, type == NULL ? "missing" : type);
        }
    }
    return HEDDLE_OK;
}

static int read_pooling(const char *directory, const char *folder, struct heddle_model_config *config,
                        struct heddle_error *error)
{
    /* Each of these set to true would add to the vector, or change it. */
    static const char *const refused[] = {"pooling_mode_max_tokens", "pooling_mode_mean_sqrt_len_tokens",
                                          "pooling_mode_weightedmean_tokens", "pooling_mode_lasttoken"};
    char file[256];
    snprintf(file, sizeof file, "%s/config.json", folder);
    json_t *json = NULL;
    HEDDLE_TRY(heddle_model_json_read(directory, file, &json, error));
    bool mean = false;
    bool cls = false;
    size_t width = 0;
    int status = heddle_model_json_bool(json, file, "pooling_mode_mean_tokens", false, &mean, error);
    if (status == HEDDLE_OK) {
        status = heddle_model_json_bool(json, file, "pooling_mode_cls_token", false, &cls, error);
    }
    if (status == HEDDLE_OK) {
        status = heddle_model_json_size(json, file, "word_embedding_dimension", config->hidden,
                                        config->hidden, &width, error);
    }
    for (size_t i = 0; status == HEDDLE_OK && i < sizeof refused / sizeof refused[0]; i++) {
        bool set = false;
        status = heddle_model_json_bool(json, file, refused[i], false, &set, error);
        if (status == HEDDLE_OK && set) {
            status =
                heddle_error_set(error, HEDDLE_MODEL, "model file %s: %s is not supported", file, refused[i]);
        }
    }
    json_decref(json);
    HEDDLE_TRY(status);
    if (mean == cls) {
        return heddle_error_set(
            error, HEDDLE_MODEL,
            "model file %s: exactly one of pooling_mode_mean_tokens and pooling_mode_cls_token "
            "must be true",
            file);
    }
    config->pooling = cls ? HEDDLE_POOLING_CLS : HEDDLE_POOLING_MEAN;
    return HEDDLE_OK;
}

static int read_modules(const char *directory, struct heddle_model_config *config, struct heddle_error *error)
{
    json_t *modules = NULL;
    HEDDLE_TRY(heddle_model_json_read(directory, "modules.json", &modules, error));
    const char *transformer = module_path(modules, "Transformer");
    const char *pooling = module_path(modules, "Pooling");
    int status = check_module_types(modules, error);
    if (status == HEDDLE_OK && (transformer == NULL || pooling == NULL || transformer[0] != '\0')) {
        status = heddle_error_set(
            error, HEDDLE_MODEL,
            "model file modules.json: needs a Transformer in the directory itself and a Pooling "
            "module");
    }
    if (status == HEDDLE_OK && (strchr(pooling, '/') != NULL || pooling[0] == '.' || pooling[0] == '\0')) {
        status = heddle_error_set(
            error, HEDDLE_MODEL,
            "model file modules.json: the Pooling module names a folder elsewhere: %.80s", pooling);
    }
    if (status == HEDDLE_OK) {
        config->normalize = module_path(modules, "Normalize") != NULL;
        status = read_pooling(directory, pooling, config, error);
    }
    json_decref(modules);
    return status;
}

static int read_shapes(const json_t *json, const char *file, struct heddle_model_config *config,
                       struct heddle_error *error)
{
    HEDDLE_TRY(
        heddle_model_json_size(json, file, "num_hidden_layers", 1, LAYERS_MAX, &config->layers, error));
    HEDDLE_TRY(heddle_model_json_size(json, file, "hidden_size", 1, WIDTH_MAX, &config->hidden, error));
    HEDDLE_TRY(
        heddle_model_json_size(json, file, "num_attention_heads", 1, config->hidden, &config->heads, error));
    HEDDLE_TRY(
        heddle_model_json_size(json, file, "intermediate_size", 1, WIDTH_MAX, &config->intermediate, error));
    HEDDLE_TRY(
        heddle_model_json_size(json, file, "vocab_size", 1, VOCABULARY_MAX, &config->vocabulary, error));
    HEDDLE_TRY(heddle_model_json_size(json, file, "max_position_embeddings", TOKENS_MIN, POSITIONS_MAX,
                                      &config->positions, error));
    HEDDLE_TRY(heddle_model_json_size(json, file, "type_vocab_size", 1, 256, &config->token_types, error));
    config->head_width = config->hidden / config->heads;
    if (config->hidden % config->heads != 0 || config->head_width % WIDTH_STEP != 0 ||
        config->intermediate % WIDTH_STEP != 0) {
        return heddle_error_set(
            error, HEDDLE_MODEL,
            "model file %s: hidden_size %zu over %zu heads, intermediate_size %zu: the width of a "
            "head and intermediate_size must be multiples of %d",
            file, config->hidden, config->heads, config->intermediate, WIDTH_STEP);
    }
    return HEDDLE_OK;
}

static int check_encoder(const json_t *json, const char *file, struct heddle_model_config *config,
                         struct heddle_error *error)
{
    HEDDLE_TRY(heddle_model_json_expect(json, file, "model_type", "bert", false, error));
    HEDDLE_TRY(heddle_model_json_expect(json, file, "hidden_act", "gelu", false, error));
    HEDDLE_TRY(heddle_model_json_expect(json, file, "position_embedding_type", "absolute", true, error));
    const json_t *epsilon = json_object_get(json, "layer_norm_eps");
    if (!json_is_number(epsilon) || !(json_number_value(epsilon) > 0 && json_number_value(epsilon) < 1)) {
        return heddle_error_set(error, HEDDLE_MODEL, "model file %s: layer_norm_eps must be between 0 and 1",
                                file);
    }
    config->layer_norm_epsilon = (float)json_number_value(epsilon);
    return read_shapes(json, file, config, error);
}

static int read_encoder(const char *directory, struct heddle_model_config *config, struct heddle_error *error)
{
    json_t *json = NULL;
    HEDDLE_TRY(heddle_model_json_read(directory, "config.json", &json, error));
    const int status = check_encoder(json, "config.json", config, error);
    json_decref(json);
    return status;
}

/* max_seq_length; without it, as sentence-transformers does, the positions or the tokenizer's own maximum. */
static int read_max_tokens(const char *directory, struct heddle_model_config *config,
                           struct heddle_error *error)
{
    static const struct {
        const char *file;
        const char *key;
    } places[] = {{"sentence_bert_config.json", "max_seq_length"},
                  {"tokenizer_config.json", "model_max_length"}};
    config->max_tokens = config->positions;
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        if (!heddle_model_file_exists(directory, places[i].file)) {
            continue;
        }
        json_t *json = NULL;
        HEDDLE_TRY(heddle_model_json_read(directory, places[i].file, &json, error));
        const json_t *value = json_object_get(json, places[i].key);
        const bool found = json_is_integer(value) && json_integer_value(value) >= TOKENS_MIN;
        if (found && (size_t)json_integer_value(value) < config->max_tokens) {
            config->max_tokens = (size_t)json_integer_value(value);
        }
        json_decref(json);
        if (found) {
            return HEDDLE_OK;
        }
    }
    return HEDDLE_OK;
}

int heddle_model_config_read(const char *directory, struct heddle_model_config *config_out,
                             struct heddle_error *error)
{
    struct heddle_model_config config = {0};
    HEDDLE_TRY(read_encoder(directory, &config, error));
    HEDDLE_TRY(read_modules(directory, &config, error));
    HEDDLE_TRY(read_max_tokens(directory, &config, error));
    *config_out = config;
    return HEDDLE_OK;
}
