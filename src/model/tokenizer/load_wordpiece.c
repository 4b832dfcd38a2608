/* load_wordpiece.c: the parts of a BERT tokenizer.json, or of vocab.txt and tokenizer_config.json. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "model/model_file.h"
#include "model/tokenizer/load_parts.h"

/* ---- tokenizer.json ---- */

static int read_normalizer(const json_t *root, const char *label, struct heddle_bert *bert,
                           struct heddle_error *error)
{
    const json_t *normalizer = json_object_get(root, "normalizer");
    HEDDLE_TRY(heddle_model_json_expect(normalizer, label, "type", "BertNormalizer", false, error));
    HEDDLE_TRY(heddle_model_json_bool(normalizer, label, "clean_text", true, &bert->clean_text, error));
    HEDDLE_TRY(heddle_model_json_bool(normalizer, label, "handle_chinese_chars", true,
                                      &bert->chinese_characters, error));
    HEDDLE_TRY(heddle_model_json_bool(normalizer, label, "lowercase", true, &bert->lowercase, error));
    /* null means: as lowercase says */
    return heddle_model_json_bool(normalizer, label, "strip_accents", bert->lowercase, &bert->strip_accents,
                                  error);
}

/* Adds the tokens that are in the tree. */
static int read_entries(const json_t *model, const char *label, struct heddle_entries *entries,
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
        if (!json_is_integer(id) || json_integer_value(id) < 0 ||
            json_integer_value(id) >= HEDDLE_TOKENS_MAX) {
            return heddle_error_set(error, HEDDLE_MODEL,
                                    "model file %s: the id of token \"%.40s\" is not in 0..%d", label, text,
                                    HEDDLE_TOKENS_MAX - 1);
        }
        HEDDLE_TRY(heddle_entries_add(entries, text, strlen(text), (size_t)json_integer_value(id), error));
    }
    return HEDDLE_OK;
}

/* No key of a JSON object stands twice; sorted, equal ones are neighbours. */
static int check_keys(const struct heddle_entries *sorted, const char *label, struct heddle_error *error)
{
    for (size_t i = 1; i < sorted->count; i++) {
        const struct heddle_vocabulary_entry *entry = &sorted->list[i];
        if (entry->length == entry[-1].length && memcmp(entry->text, entry[-1].text, entry->length) == 0) {
            return heddle_error_set(
                error, HEDDLE_MODEL, "model file %s is not valid JSON (model.vocab has \"%.*s\" twice): %s",
                label, (int)(entry->length < 40 ? entry->length : 40), entry->text, HEDDLE_MODEL_REMEDY);
        }
    }
    return HEDDLE_OK;
}

static int read_vocabulary(const struct heddle_tokenizer_source *source, struct heddle_tokenizer *tokenizer,
                           struct heddle_error *error)
{
    const json_t *model = json_object_get(source->root, "model");
    const char *label = source->label;
    struct heddle_entries *entries = source->vocabulary;
    const char *unknown = json_string_value(json_object_get(model, "unk_token"));
    const char *prefix = json_string_value(json_object_get(model, "continuing_subword_prefix"));
    if (unknown == NULL || prefix == NULL || prefix[0] == '\0') {
        return heddle_error_set(error, HEDDLE_MODEL,
                                "model file %s: model.unk_token or continuing_subword_prefix is missing",
                                label);
    }
    HEDDLE_TRY(read_entries(model, label, entries, error));
    HEDDLE_TRY(heddle_load_entries(tokenizer, entries, prefix, error));
    HEDDLE_TRY(check_keys(entries, label, error));
    return heddle_load_id(tokenizer, unknown, label, &tokenizer->unknown_id, error);
}

int heddle_load_wordpiece(const struct heddle_tokenizer_source *source, struct heddle_tokenizer *tokenizer,
                          struct heddle_error *error)
{
    const json_t *model = json_object_get(source->root, "model");
    tokenizer->algorithm = &heddle_bert_algorithm;
    HEDDLE_TRY(read_normalizer(source->root, source->label, &tokenizer->bert, error));
    HEDDLE_TRY(heddle_model_json_expect(json_object_get(source->root, "pre_tokenizer"), source->label, "type",
                                        "BertPreTokenizer", false, error));
    HEDDLE_TRY(heddle_model_json_size(model, source->label, "max_input_chars_per_word", 1,
                                      HEDDLE_WORD_CHARACTERS_MAX, &tokenizer->bert.word_characters_max,
                                      error));
    HEDDLE_TRY(read_vocabulary(source, tokenizer, error));
    heddle_bert_finish(&tokenizer->bert);
    return HEDDLE_OK;
}

/* ---- vocab.txt ---- */

static int read_lines(const char *text, size_t length, struct heddle_entries *entries,
                      struct heddle_error *error)
{
    size_t id = 0;
    for (size_t at = 0; at < length; id++) {
        const char *newline = memchr(text + at, '\n', length - at);
        const size_t line = newline == NULL ? length - at : (size_t)(newline - (text + at));
        const size_t kept = line > 0 && text[at + line - 1] == '\r' ? line - 1 : line;
        if (id >= HEDDLE_TOKENS_MAX) {
            return heddle_error_set(error, HEDDLE_MODEL, "vocab.txt has over %d lines", HEDDLE_TOKENS_MAX);
        }
        HEDDLE_TRY(heddle_entries_add(entries, text + at, kept, id, error));
        at += line + 1;
    }
    return HEDDLE_OK;
}

/* tokenizer_config.json is optional: BERT's own defaults hold without it. */
static int read_config(const char *directory, struct heddle_bert *bert, struct heddle_error *error)
{
    static const char file[] = "tokenizer_config.json";
    bert->clean_text = true;
    bert->word_characters_max = 100;
    json_t *config = NULL;
    if (heddle_model_file_exists(directory, file)) {
        HEDDLE_TRY(heddle_model_json_read(directory, file, &config, error));
    }
    int status = heddle_model_json_bool(config, file, "do_lower_case", true, &bert->lowercase, error);
    if (status == HEDDLE_OK) {
        status = heddle_model_json_bool(config, file, "strip_accents", bert->lowercase, &bert->strip_accents,
                                        error);
    }
    if (status == HEDDLE_OK) {
        status = heddle_model_json_bool(config, file, "tokenize_chinese_chars", true,
                                        &bert->chinese_characters, error);
    }
    json_decref(config);
    return status;
}

static int add_specials(struct heddle_tokenizer *tokenizer, struct heddle_error *error)
{
    static const char *const specials[] = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"};
    for (size_t i = 0; i < sizeof specials / sizeof specials[0]; i++) {
        char name[8];
        const size_t length = strlen(specials[i]);
        struct heddle_added_token token = {.text = memcpy(name, specials[i], length), .length = length};
        if (heddle_trie_find(tokenizer->vocabulary, name, length, &token.id)) {
            HEDDLE_TRY(heddle_added_set_add(&tokenizer->added, &token, error));
        }
    }
    return heddle_added_set_finish(&tokenizer->added, error);
}

static int read_text(const char *text, size_t length, struct heddle_tokenizer *tokenizer,
                     struct heddle_error *error)
{
    static const char label[] = "vocab.txt";
    struct heddle_entries entries = {0};
    int status = read_lines(text, length, &entries, error);
    if (status == HEDDLE_OK) {
        status = heddle_load_entries(tokenizer, &entries, "##", error);
    }
    free(entries.list);
    if (status != HEDDLE_OK) {
        return status;
    }
    HEDDLE_TRY(heddle_load_id(tokenizer, "[UNK]", label, &tokenizer->unknown_id, error));
    HEDDLE_TRY(heddle_load_id(tokenizer, "[CLS]", label, &tokenizer->start_id, error));
    HEDDLE_TRY(heddle_load_id(tokenizer, "[SEP]", label, &tokenizer->end_id, error));
    heddle_bert_finish(&tokenizer->bert);
    return add_specials(tokenizer, error);
}

int heddle_load_vocabulary(const char *directory, struct heddle_tokenizer *tokenizer,
                           struct heddle_error *error)
{
    char *text = NULL;
    size_t length = 0;
    tokenizer->algorithm = &heddle_bert_algorithm;
    HEDDLE_TRY(read_config(directory, &tokenizer->bert, error));
    HEDDLE_TRY(heddle_model_file_read(directory, "vocab.txt", &text, &length, error));
    const int status = read_text(text, length, tokenizer, error);
    free(text);
    return status;
}
