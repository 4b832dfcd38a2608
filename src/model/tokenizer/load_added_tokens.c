/* load_added_tokens.c: "added_tokens" of a tokenizer.json.
 *
 * As the library does, the id that the file gives a token is not believed: a token of the vocabulary has its id there,
 * any other gets the next one behind the vocabulary; and of two that are equal the later one counts.
 */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "model/model_file.h"
#include "model/tokenizer/load_parts.h"

enum { ADDED_TOKENS_MAX = 4096 };

struct read_token {
    const char *text; /* belongs to the JSON; NULL where a later token took its place */
    struct heddle_added_token token;
    bool normalized;
};

static int read_token(const json_t *json, const char *label, struct read_token *read_out,
                      struct heddle_error *error)
{
    const json_t *content = json_object_get(json, "content");
    size_t id = 0;
    if (!json_is_string(content) || json_string_length(content) == 0) {
        return heddle_error_set(error, HEDDLE_MODEL, "model file %s: an added token has no content", label);
    }
    struct heddle_added_token *token = &read_out->token;
    read_out->text = json_string_value(content);
    token->length = json_string_length(content);
    HEDDLE_TRY(heddle_model_json_size(json, label, "id", 0, HEDDLE_TOKENS_MAX - 1, &id, error));
    HEDDLE_TRY(heddle_model_json_bool(json, label, "normalized", false, &read_out->normalized, error));
    HEDDLE_TRY(heddle_model_json_bool(json, label, "single_word", false, &token->single_word, error));
    HEDDLE_TRY(heddle_model_json_bool(json, label, "lstrip", false, &token->lstrip, error));
    return heddle_model_json_bool(json, label, "rstrip", false, &token->rstrip, error);
}

/* Gives the last token its id, and strikes out an earlier one that had it. */
static void assign_id(const struct heddle_tokenizer *tokenizer, struct read_token *tokens, size_t last,
                      uint32_t *next_id)
{
    struct heddle_added_token *token = &tokens[last].token;
    bool found = heddle_trie_find(tokenizer->vocabulary, tokens[last].text, token->length, &token->id);
    for (size_t i = 0; !found && i < last; i++) {
        if (tokens[i].text != NULL && tokens[i].token.length == token->length &&
            memcmp(tokens[i].text, tokens[last].text, token->length) == 0) {
            token->id = tokens[i].token.id;
            found = true;
        }
    }
    if (!found) {
        token->id = (*next_id)++;
    }
    for (size_t i = 0; i < last; i++) {
        if (tokens[i].token.id == token->id) {
            tokens[i].text = NULL;
        }
    }
}

static int add_normalized(struct heddle_tokenizer *tokenizer, const struct read_token *read,
                          struct heddle_error *error)
{
    struct heddle_buffer buffer = {0};
    struct heddle_added_token token = read->token;
    int status = HEDDLE_OUT_OF_MEMORY;
    if (tokenizer->algorithm->normalize(tokenizer, read->text, token.length, &buffer) != 0 ||
        heddle_buffer_text(&buffer) == NULL) {
        (void)heddle_error_out_of_memory(error);
    } else {
        token.text = (char *)buffer.bytes;
        token.length = buffer.length;
        status = heddle_added_set_add(&tokenizer->added_normalized, &token, error);
    }
    heddle_buffer_free(&buffer);
    return status;
}

static int add_raw(struct heddle_tokenizer *tokenizer, const struct read_token *read,
                   struct heddle_error *error)
{
    struct heddle_added_token token = read->token;
    token.text = heddle_strndup(read->text, token.length);
    if (token.text == NULL) {
        return heddle_error_out_of_memory(error);
    }
    const int status = heddle_added_set_add(&tokenizer->added, &token, error);
    free(token.text);
    return status;
}

static int read_tokens(const json_t *array, const char *label, struct heddle_tokenizer *tokenizer,
                       struct read_token *tokens, struct heddle_error *error)
{
    uint32_t next_id = (uint32_t)tokenizer->vocabulary_size;
    const size_t count = json_array_size(array);
    for (size_t i = 0; i < count; i++) {
        HEDDLE_TRY(read_token(json_array_get(array, i), label, &tokens[i], error));
        assign_id(tokenizer, tokens, i, &next_id);
    }
    for (size_t i = 0; i < count; i++) {
        if (tokens[i].text == NULL) {
            continue;
        }
        heddle_load_note_id(tokenizer, tokens[i].token.id);
        HEDDLE_TRY(tokens[i].normalized ? add_normalized(tokenizer, &tokens[i], error)
                                        : add_raw(tokenizer, &tokens[i], error));
    }
    HEDDLE_TRY(heddle_added_set_finish(&tokenizer->added, error));
    return heddle_added_set_finish(&tokenizer->added_normalized, error);
}

int heddle_load_added_tokens(const struct heddle_tokenizer_source *source, struct heddle_tokenizer *tokenizer,
                             struct heddle_error *error)
{
    const json_t *array = json_object_get(source->root, "added_tokens");
    const size_t count = json_array_size(array);
    if (count > ADDED_TOKENS_MAX) {
        return heddle_error_set(error, HEDDLE_MODEL, "model file %s: over %d added tokens", source->label,
                                ADDED_TOKENS_MAX);
    }
    struct read_token *tokens = heddle_calloc(count + 1, sizeof *tokens);
    if (tokens == NULL) {
        return heddle_error_out_of_memory(error);
    }
    const int status = read_tokens(array, source->label, tokenizer, tokens, error);
    free(tokens);
    return status;
}
