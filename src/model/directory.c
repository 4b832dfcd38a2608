/* directory.c: reading and judging the configuration files of a model. */
#include "model/directory.h"

#include <stdbool.h>
#include <string.h>

#include "model/model_file.h"

/* Far above any BERT (large: 24 layers, 1,024 wide), low enough that no product of two overflows. */
enum {
    LAYERS_MAX = 1024,
    WIDTH_MAX = 65536,
    VOCABULARY_MAX = 1 << 24,
    POSITIONS_MAX = 65536,
    TOKENS_MIN = 3,
    TOKENS_MAX = 8192, /* attention scores of a tile of rows stay in cache */
    WIDTH_STEP = 32,   /* the kernels take whole panels of columns */
    PADDING_ID = 1,    /* of RoBERTa and XLM-R, where config.json leaves it out */
};

/* In the order of enum heddle_architecture. */
static const struct {
    const char *name;
    bool counts_from_padding;
} architectures[] = {{"bert", false}, {"roberta", true}, {"xlm-roberta", true}, {"camembert", true}};

const char *heddle_architecture_name(enum heddle_architecture architecture)
{
    return architectures[architecture].name;
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

static int read_architecture(const json_t *json, const char *file, struct heddle_model_config *config,
                             struct heddle_error *error)
{
    const char *type = json_string_value(json_object_get(json, "model_type"));
    for (size_t i = 0; type != NULL && i < sizeof architectures / sizeof architectures[0]; i++) {
        if (strcmp(architectures[i].name, type) == 0) {
            config->architecture = (enum heddle_architecture)i;
            return HEDDLE_OK;
        }
    }
    return heddle_error_set(
        error, HEDDLE_MODEL,
        "model file %s: model_type is %.80s; encoders built in are bert, roberta, xlm-roberta and camembert. "
        "Other models run with --provider onnx, or through an HTTP provider",
        file, type == NULL ? "missing" : type);
}

/* Position of token k of a text, from 0: k; RoBERTa's padding_idx + 1 + k. */
static int read_positions(const json_t *json, const char *file, struct heddle_model_config *config,
                          struct heddle_error *error)
{
    HEDDLE_TRY(heddle_model_json_size(json, file, "max_position_embeddings", TOKENS_MIN, POSITIONS_MAX,
                                      &config->positions, error));
    if (!architectures[config->architecture].counts_from_padding) {
        return HEDDLE_OK;
    }
    size_t padding = PADDING_ID;
    const json_t *given = json_object_get(json, "pad_token_id");
    if (given != NULL && !json_is_null(given)) {
        HEDDLE_TRY(heddle_model_json_size(json, file, "pad_token_id", 0, config->positions - TOKENS_MIN - 1,
                                          &padding, error));
    }
    config->first_position = padding + 1;
    return HEDDLE_OK;
}

static int check_encoder(const json_t *json, const char *file, struct heddle_model_config *config,
                         struct heddle_error *error)
{
    bool is_decoder = false;
    HEDDLE_TRY(read_architecture(json, file, config, error));
    HEDDLE_TRY(heddle_model_json_expect(json, file, "hidden_act", "gelu", false, error));
    HEDDLE_TRY(heddle_model_json_expect(json, file, "position_embedding_type", "absolute", true, error));
    HEDDLE_TRY(heddle_model_json_bool(json, file, "is_decoder", false, &is_decoder, error));
    if (is_decoder) {
        return heddle_error_set(error, HEDDLE_MODEL,
                                "model file %s: is_decoder is true; only encoders are supported", file);
    }
    const json_t *epsilon = json_object_get(json, "layer_norm_eps");
    if (!json_is_number(epsilon) || !(json_number_value(epsilon) > 0 && json_number_value(epsilon) < 1)) {
        return heddle_error_set(error, HEDDLE_MODEL, "model file %s: layer_norm_eps must be between 0 and 1",
                                file);
    }
    config->layer_norm_epsilon = (float)json_number_value(epsilon);
    HEDDLE_TRY(read_positions(json, file, config, error));
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

/* A number of tokens under `key` of `file`: *found_out says if there is one. It lowers *tokens. */
static int read_limit(const char *directory, const char *file, const char *key, size_t *tokens,
                      bool *found_out, struct heddle_error *error)
{
    json_t *json = NULL;
    *found_out = false;
    if (!heddle_model_file_exists(directory, file)) {
        return HEDDLE_OK;
    }
    HEDDLE_TRY(heddle_model_json_read(directory, file, &json, error));
    const json_t *value = json_object_get(json, key);
    *found_out = json_is_integer(value) && json_integer_value(value) >= TOKENS_MIN;
    if (*found_out && (size_t)json_integer_value(value) < *tokens) {
        *tokens = (size_t)json_integer_value(value);
    }
    json_decref(json);
    return HEDDLE_OK;
}

int heddle_model_tokens_read(const char *directory, size_t positions, size_t *tokens_out,
                             struct heddle_error *error)
{
    /* The library looks for them in this order: early models have a name of their own for each architecture. */
    static const char *const files[] = {
        "sentence_bert_config.json",      "sentence_roberta_config.json", "sentence_distilbert_config.json",
        "sentence_camembert_config.json", "sentence_albert_config.json",  "sentence_xlm-roberta_config.json",
        "sentence_xlnet_config.json",
    };
    bool found = false;
    size_t tokens = positions;
    for (size_t i = 0; !found && i < sizeof files / sizeof files[0]; i++) {
        HEDDLE_TRY(read_limit(directory, files[i], "max_seq_length", &tokens, &found, error));
    }
    if (!found) {
        HEDDLE_TRY(
            read_limit(directory, "tokenizer_config.json", "model_max_length", &tokens, &found, error));
    }
    if (tokens > TOKENS_MAX) {
        return heddle_error_set(error, HEDDLE_MODEL,
                                "the model takes texts of %zu tokens; at most %d are supported: give "
                                "max_seq_length in sentence_bert_config.json",
                                tokens, TOKENS_MAX);
    }
    *tokens_out = tokens;
    return HEDDLE_OK;
}

int heddle_model_config_read(const char *directory, struct heddle_model_config *config_out,
                             struct heddle_error *error)
{
    struct heddle_model_config config = {0};
    HEDDLE_TRY(read_encoder(directory, &config, error));
    HEDDLE_TRY(heddle_model_tokens_read(directory, config.positions - config.first_position,
                                        &config.max_tokens, error));
    *config_out = config;
    return HEDDLE_OK;
}
