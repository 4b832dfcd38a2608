/* load.c: a tokenizer from tokenizer.json, or from vocab.txt and tokenizer_config.json.
 *
 * Only what BERT models have is accepted; each other kind is refused by its name, because a near miss would give
 * plausible but wrong vectors.
 */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "model/model_file.h"
#include "model/tokenizer/tokenizer.h"
#include "model/tokenizer/tokenizer_parts.h"

/* Ids are kept as int32 in the trie. */
enum { TOKENS_MAX = 1 << 24, ADDED_TOKENS_MAX = 4096 };

struct entries {
    struct heddle_vocabulary_entry *list;
    size_t count;
    size_t capacity;
};

static int add_entry(struct entries *entries, const char *text, size_t length, size_t id)
{
    if (heddle_grow((void **)&entries->list, &entries->capacity, entries->count + 1, sizeof *entries->list) !=
        0) {
        return -1;
    }
    entries->list[entries->count++] = (struct heddle_vocabulary_entry){text, length, (uint32_t)id};
    return 0;
}

static const struct heddle_vocabulary_entry *find_entry(const struct entries *entries, const char *text)
{
    const size_t length = strlen(text);
    for (size_t i = 0; i < entries->count; i++) {
        if (entries->list[i].length == length && memcmp(entries->list[i].text, text, length) == 0) {
            return &entries->list[i];
        }
    }
    return NULL;
}

static int id_of(const struct entries *entries, const char *text, const char *label, uint32_t *id_out,
                 struct heddle_error *error)
{
    const struct heddle_vocabulary_entry *entry = find_entry(entries, text);
    if (entry == NULL) {
        return heddle_error_set(error, HEDDLE_MODEL, "model file %s: the vocabulary has no %s", label, text);
    }
    *id_out = entry->id;
    return HEDDLE_OK;
}

static void note_id(struct heddle_tokenizer *tokenizer, uint32_t id)
{
    tokenizer->id_max = id > tokenizer->id_max ? id : tokenizer->id_max;
}

static int add_special(struct heddle_tokenizer *tokenizer, const char *text, size_t length, uint32_t id,
                       struct heddle_error *error)
{
    size_t capacity = tokenizer->added_count;
    char *copy = heddle_strndup(text, length);
    if (copy == NULL || heddle_grow((void **)&tokenizer->added, &capacity, tokenizer->added_count + 1,
                                    sizeof *tokenizer->added) != 0) {
        free(copy);
        return heddle_error_out_of_memory(error);
    }
    tokenizer->added[tokenizer->added_count++] = (struct heddle_added_token){copy, length, id};
    note_id(tokenizer, id);
    return HEDDLE_OK;
}

/* Builds the trie; the entries are used up (sorted). */
static int take_vocabulary(struct heddle_tokenizer *tokenizer, struct entries *entries, const char *prefix,
                           struct heddle_error *error)
{
    for (size_t i = 0; i < entries->count; i++) {
        note_id(tokenizer, entries->list[i].id);
    }
    tokenizer->vocabulary_size = entries->count;
    HEDDLE_TRY(heddle_wordpiece_create(entries->list, entries->count, prefix, &tokenizer->wordpiece, error));
    heddle_tokenizer_finish(tokenizer);
    return HEDDLE_OK;
}

/* ---- tokenizer.json ---- */

static int read_normalizer(const json_t *root, const char *label, struct heddle_tokenizer *tokenizer,
                           struct heddle_error *error)
{
    const json_t *normalizer = json_object_get(root, "normalizer");
    HEDDLE_TRY(heddle_model_json_expect(normalizer, label, "type", "BertNormalizer", false, error));
    HEDDLE_TRY(heddle_model_json_bool(normalizer, label, "clean_text", true, &tokenizer->clean_text, error));
    HEDDLE_TRY(heddle_model_json_bool(normalizer, label, "handle_chinese_chars", true,
                                      &tokenizer->chinese_characters, error));
    HEDDLE_TRY(heddle_model_json_bool(normalizer, label, "lowercase", true, &tokenizer->lowercase, error));
    /* null means: as lowercase says */
    return heddle_model_json_bool(normalizer, label, "strip_accents", tokenizer->lowercase,
                                  &tokenizer->strip_accents, error);
}

static int read_entries(const json_t *model, const char *label, struct entries *entries,
                        struct heddle_error *error)
{
    json_t *vocabulary = json_object_get(model, "vocab");
    if (!json_is_object(vocabulary)) {
        return heddle_error_set(error, HEDDLE_MODEL, "model file %s: model.vocab is missing", label);
    }
    const char *text = NULL;
    json_t *id = NULL;
    json_object_foreach(vocabulary, text, id)
    {
        if (!json_is_integer(id) || json_integer_value(id) < 0 || json_integer_value(id) >= TOKENS_MAX) {
            return heddle_error_set(error, HEDDLE_MODEL,
                                    "model file %s: the id of token \"%.40s\" is not in 0..%d", label, text,
                                    TOKENS_MAX - 1);
        }
        if (add_entry(entries, text, strlen(text), (size_t)json_integer_value(id)) != 0) {
            return heddle_error_out_of_memory(error);
        }
    }
    return HEDDLE_OK;
}

static int read_added_token(const json_t *token, const char *label, struct heddle_tokenizer *tokenizer,
                            struct heddle_error *error)
{
    const json_t *content = json_object_get(token, "content");
    bool normalized = false;
    bool single_word = false;
    size_t id = 0;
    if (!json_is_string(content) || json_string_length(content) == 0) {
        return heddle_error_set(error, HEDDLE_MODEL, "model file %s: an added token has no content", label);
    }
    const char *text = json_string_value(content);
    HEDDLE_TRY(heddle_model_json_size(token, label, "id", 0, TOKENS_MAX - 1, &id, error));
    HEDDLE_TRY(heddle_model_json_bool(token, label, "normalized", false, &normalized, error));
    HEDDLE_TRY(heddle_model_json_bool(token, label, "single_word", false, &single_word, error));
    if (normalized || single_word) {
        return heddle_error_set(error, HEDDLE_MODEL,
                                "model file %s: added token %.40s with %s is not supported", label, text,
                                normalized ? "normalized" : "single_word");
    }
    /* lstrip and rstrip take white space along, which a BERT pre-tokenizer drops anyway. */
    return add_special(tokenizer, text, json_string_length(content), (uint32_t)id, error);
}

static int read_added_tokens(const json_t *root, const char *label, struct heddle_tokenizer *tokenizer,
                             struct heddle_error *error)
{
    const json_t *tokens = json_object_get(root, "added_tokens");
    if (json_array_size(tokens) > ADDED_TOKENS_MAX) {
        return heddle_error_set(error, HEDDLE_MODEL, "model file %s: over %d added tokens", label,
                                ADDED_TOKENS_MAX);
    }
    size_t i = 0;
    json_t *token = NULL;
    json_array_foreach(tokens, i, token)
    {
        HEDDLE_TRY(read_added_token(token, label, tokenizer, error));
    }
    return HEDDLE_OK;
}

/* Name of the special token at one place of a template, NULL if something else stands there. */
static const char *template_token(const json_t *template, size_t place)
{
    const json_t *token = json_object_get(json_array_get(template, place), "SpecialToken");
    return json_string_value(json_object_get(token, "id"));
}

/* TemplateProcessing as [START] $A [END], or BertProcessing: answers the names of the two. */
static int read_post_processor(const json_t *root, const char *label, const char **start_out,
                               const char **end_out, struct heddle_error *error)
{
    const json_t *processor = json_object_get(root, "post_processor");
    const char *type = json_string_value(json_object_get(processor, "type"));
    if (type != NULL && strcmp(type, "BertProcessing") == 0) {
        *start_out = json_string_value(json_array_get(json_object_get(processor, "cls"), 0));
        *end_out = json_string_value(json_array_get(json_object_get(processor, "sep"), 0));
    } else {
        HEDDLE_TRY(heddle_model_json_expect(processor, label, "type", "TemplateProcessing", false, error));
        const json_t *template = json_object_get(processor, "single");
        const bool wraps = json_array_size(template) == 3 &&
                           json_object_get(json_array_get(template, 1), "Sequence") != NULL;
        *start_out = wraps ? template_token(template, 0) : NULL;
        *end_out = wraps ? template_token(template, 2) : NULL;
    }
    if (*start_out == NULL || *end_out == NULL) {
        return heddle_error_set(error, HEDDLE_MODEL,
                                "model file %s: the post_processor is not [CLS] text [SEP]: not supported",
                                label);
    }
    return HEDDLE_OK;
}

static int read_json(const json_t *root, const char *label, struct entries *entries,
                     struct heddle_tokenizer *tokenizer, struct heddle_error *error)
{
    const json_t *model = json_object_get(root, "model");
    HEDDLE_TRY(heddle_model_json_expect(model, label, "type", "WordPiece", false, error));
    HEDDLE_TRY(read_normalizer(root, label, tokenizer, error));
    HEDDLE_TRY(heddle_model_json_expect(json_object_get(root, "pre_tokenizer"), label, "type",
                                        "BertPreTokenizer", false, error));
    HEDDLE_TRY(heddle_model_json_size(model, label, "max_input_chars_per_word", 1, HEDDLE_WORD_CHARACTERS_MAX,
                                      &tokenizer->word_characters_max, error));
    const char *start = NULL;
    const char *end = NULL;
    HEDDLE_TRY(read_post_processor(root, label, &start, &end, error));
    HEDDLE_TRY(read_entries(model, label, entries, error));
    HEDDLE_TRY(read_added_tokens(root, label, tokenizer, error));
    const char *unknown = json_string_value(json_object_get(model, "unk_token"));
    const char *prefix = json_string_value(json_object_get(model, "continuing_subword_prefix"));
    if (unknown == NULL || prefix == NULL || prefix[0] == '\0') {
        return heddle_error_set(error, HEDDLE_MODEL,
                                "model file %s: model.unk_token or continuing_subword_prefix is missing",
                                label);
    }
    HEDDLE_TRY(id_of(entries, unknown, label, &tokenizer->unknown_id, error));
    HEDDLE_TRY(id_of(entries, start, label, &tokenizer->start_id, error));
    HEDDLE_TRY(id_of(entries, end, label, &tokenizer->end_id, error));
    return take_vocabulary(tokenizer, entries, prefix, error);
}

int heddle_tokenizer_from_json(const char *json, size_t length, const char *label,
                               struct heddle_tokenizer **tokenizer_out, struct heddle_error *error)
{
    json_t *root = NULL;
    HEDDLE_TRY(heddle_model_json_parse(json, length, label, &root, error));
    struct heddle_tokenizer *tokenizer = heddle_calloc(1, sizeof *tokenizer);
    struct entries entries = {0};
    const int status = tokenizer == NULL ? heddle_error_out_of_memory(error)
                                         : read_json(root, label, &entries, tokenizer, error);
    free(entries.list);
    json_decref(root);
    if (status != HEDDLE_OK) {
        heddle_tokenizer_destroy(tokenizer);
        return status;
    }
    *tokenizer_out = tokenizer;
    return HEDDLE_OK;
}

/* ---- vocab.txt ---- */

static int read_lines(const char *text, size_t length, struct entries *entries, struct heddle_error *error)
{
    size_t id = 0;
    for (size_t at = 0; at < length; id++) {
        const char *newline = memchr(text + at, '\n', length - at);
        const size_t line = newline == NULL ? length - at : (size_t)(newline - (text + at));
        const size_t kept = line > 0 && text[at + line - 1] == '\r' ? line - 1 : line;
        if (id >= TOKENS_MAX) {
            return heddle_error_set(error, HEDDLE_MODEL, "vocab.txt has over %d lines", TOKENS_MAX);
        }
        if (add_entry(entries, text + at, kept, id) != 0) {
            return heddle_error_out_of_memory(error);
        }
        at += line + 1;
    }
    return HEDDLE_OK;
}

/* tokenizer_config.json is optional: BERT's own defaults hold without it. */
static int read_config(const char *directory, struct heddle_tokenizer *tokenizer, struct heddle_error *error)
{
    static const char file[] = "tokenizer_config.json";
    tokenizer->clean_text = true;
    tokenizer->word_characters_max = 100;
    json_t *config = NULL;
    if (heddle_model_file_exists(directory, file)) {
        HEDDLE_TRY(heddle_model_json_read(directory, file, &config, error));
    }
    int status = heddle_model_json_bool(config, file, "do_lower_case", true, &tokenizer->lowercase, error);
    if (status == HEDDLE_OK) {
        status = heddle_model_json_bool(config, file, "strip_accents", tokenizer->lowercase,
                                        &tokenizer->strip_accents, error);
    }
    if (status == HEDDLE_OK) {
        status = heddle_model_json_bool(config, file, "tokenize_chinese_chars", true,
                                        &tokenizer->chinese_characters, error);
    }
    json_decref(config);
    return status;
}

static int read_vocabulary(const char *text, size_t length, struct heddle_tokenizer *tokenizer,
                           struct heddle_error *error)
{
    static const char *const specials[] = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"};
    static const char label[] = "vocab.txt";
    struct entries entries = {0};
    int status = read_lines(text, length, &entries, error);
    for (size_t i = 0; status == HEDDLE_OK && i < sizeof specials / sizeof specials[0]; i++) {
        const struct heddle_vocabulary_entry *entry = find_entry(&entries, specials[i]);
        if (entry != NULL) {
            status = add_special(tokenizer, specials[i], strlen(specials[i]), entry->id, error);
        }
    }
    if (status == HEDDLE_OK) {
        status = id_of(&entries, "[UNK]", label, &tokenizer->unknown_id, error);
    }
    if (status == HEDDLE_OK) {
        status = id_of(&entries, "[CLS]", label, &tokenizer->start_id, error);
    }
    if (status == HEDDLE_OK) {
        status = id_of(&entries, "[SEP]", label, &tokenizer->end_id, error);
    }
    if (status == HEDDLE_OK) {
        status = take_vocabulary(tokenizer, &entries, "##", error);
    }
    free(entries.list);
    return status;
}

static int open_vocabulary(const char *directory, struct heddle_tokenizer **tokenizer_out,
                           struct heddle_error *error)
{
    char *text = NULL;
    size_t length = 0;
    HEDDLE_TRY(heddle_model_file_read(directory, "vocab.txt", &text, &length, error));
    struct heddle_tokenizer *tokenizer = heddle_calloc(1, sizeof *tokenizer);
    int status =
        tokenizer == NULL ? heddle_error_out_of_memory(error) : read_config(directory, tokenizer, error);
    if (status == HEDDLE_OK) {
        status = read_vocabulary(text, length, tokenizer, error);
    }
    free(text);
    if (status != HEDDLE_OK) {
        heddle_tokenizer_destroy(tokenizer);
        return status;
    }
    *tokenizer_out = tokenizer;
    return HEDDLE_OK;
}

int heddle_tokenizer_open(const char *directory, struct heddle_tokenizer **tokenizer_out,
                          struct heddle_error *error)
{
    if (!heddle_model_file_exists(directory, "tokenizer.json") &&
        heddle_model_file_exists(directory, "vocab.txt")) {
        return open_vocabulary(directory, tokenizer_out, error);
    }
    char *json = NULL;
    size_t length = 0;
    HEDDLE_TRY(heddle_model_file_read(directory, "tokenizer.json", &json, &length, error));
    const int status = heddle_tokenizer_from_json(json, length, "tokenizer.json", tokenizer_out, error);
    free(json);
    return status;
}
