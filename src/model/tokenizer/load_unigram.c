/* load_unigram.c: the model and the pre-tokenizers of an XLM-R-like tokenizer.json. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "model/model_file.h"
#include "model/tokenizer/json_scores.h"
#include "model/tokenizer/load_parts.h"
#include "model/tokenizer/unicode.h"

/* What an unknown character costs beyond the worst score: the library's number, and sentencepiece's. */
static const double UNKNOWN_PENALTY = 10.0;

/* ---- pre_tokenizer ---- */

static int read_scheme(const json_t *json, const char *label, struct heddle_unigram *unigram,
                       struct heddle_error *error)
{
    static const char *const names[] = {[HEDDLE_PREPEND_ALWAYS] = "always",
                                        [HEDDLE_PREPEND_FIRST] = "first",
                                        [HEDDLE_PREPEND_NEVER] = "never"};
    const json_t *value = json_object_get(json, "prepend_scheme");
    const char *name = value == NULL ? "always" : json_string_value(value);
    size_t scheme = 0;
    while (scheme < sizeof names / sizeof names[0] && (name == NULL || strcmp(name, names[scheme]) != 0)) {
        scheme++;
    }
    if (scheme == sizeof names / sizeof names[0]) {
        return heddle_error_set(error, HEDDLE_MODEL,
                                "model file %s: prepend_scheme %.40s is none of always, first, never", label,
                                name == NULL ? "(no text)" : name);
    }
    unigram->scheme = (enum heddle_prepend_scheme)scheme;
    bool adds_prefix = true;
    HEDDLE_TRY(heddle_model_json_bool(json, label, "add_prefix_space", true, &adds_prefix, error));
    if (!adds_prefix && unigram->scheme != HEDDLE_PREPEND_NEVER) {
        return heddle_error_set(error, HEDDLE_MODEL,
                                "model file %s: add_prefix_space false contradicts prepend_scheme %s", label,
                                names[scheme]);
    }
    return HEDDLE_OK;
}

static int read_metaspace(const json_t *json, const char *label, struct heddle_unigram *unigram,
                          struct heddle_error *error)
{
    const json_t *mark = json_object_get(json, "replacement");
    const size_t length = json_string_length(mark);
    size_t one = 0;
    if (length > 0 && length <= HEDDLE_MARK_MAX) {
        (void)heddle_unicode_decode(json_string_value(mark), &one);
    }
    if (one == 0 || one != length) {
        return heddle_error_set(error, HEDDLE_MODEL,
                                "model file %s: the replacement of Metaspace is not one character", label);
    }
    memcpy(unigram->mark, json_string_value(mark), length);
    unigram->mark_length = length;
    unigram->metaspace = true;
    HEDDLE_TRY(heddle_model_json_bool(json, label, "split", true, &unigram->metaspace_splits, error));
    return read_scheme(json, label, unigram, error);
}

/* One of WhitespaceSplit and Metaspace; in a sequence they stand in this order, each at most once. */
static int read_pre_tokenizer(const json_t *json, const char *label, struct heddle_unigram *unigram,
                              struct heddle_error *error)
{
    const char *type = json_string_value(json_object_get(json, "type"));
    if (type != NULL && strcmp(type, "WhitespaceSplit") == 0 && !unigram->metaspace) {
        unigram->splits_white_space = true;
        return HEDDLE_OK;
    }
    if (type != NULL && strcmp(type, "Metaspace") == 0 && !unigram->metaspace) {
        return read_metaspace(json, label, unigram, error);
    }
    return heddle_error_set(error, HEDDLE_MODEL,
                            "model file %s: pre_tokenizer %.40s %s is not supported; WhitespaceSplit, then "
                            "Metaspace are",
                            label, type == NULL ? "without a type" : type,
                            unigram->metaspace ? "behind Metaspace" : "of a Unigram model");
}

static int read_pre_tokenizers(const json_t *json, const char *label, struct heddle_unigram *unigram,
                               struct heddle_error *error)
{
    unigram->scheme = HEDDLE_PREPEND_NEVER;
    if (json == NULL || json_is_null(json)) {
        return HEDDLE_OK;
    }
    const json_t *list = json_object_get(json, "pretokenizers");
    const char *type = json_string_value(json_object_get(json, "type"));
    if (type == NULL || strcmp(type, "Sequence") != 0 || !json_is_array(list)) {
        return read_pre_tokenizer(json, label, unigram, error);
    }
    for (size_t i = 0; i < json_array_size(list); i++) {
        HEDDLE_TRY(read_pre_tokenizer(json_array_get(list, i), label, unigram, error));
    }
    return HEDDLE_OK;
}

/* ---- model ---- */

/* Adds the tokens that are in the tree. */
static int read_entries(const json_t *vocabulary, const char *label, struct heddle_entries *entries,
                        struct heddle_error *error)
{
    const size_t count = json_array_size(vocabulary);
    if (!json_is_array(vocabulary) || count + entries->count == 0 || count > HEDDLE_TOKENS_MAX) {
        return heddle_error_set(error, HEDDLE_MODEL, "model file %s: model.vocab has not 1 to %d entries",
                                label, HEDDLE_TOKENS_MAX);
    }
    for (size_t i = 0; i < count; i++) {
        const json_t *entry = json_array_get(vocabulary, i);
        const json_t *text = json_array_get(entry, 0);
        if (json_array_size(entry) != 2 || !json_is_string(text) ||
            !json_is_number(json_array_get(entry, 1))) {
            return heddle_error_set(error, HEDDLE_MODEL,
                                    "model file %s: model.vocab[%zu] is not [\"text\", score]", label, i);
        }
        HEDDLE_TRY(heddle_entries_add(entries, json_string_value(text), json_string_length(text), i, error));
    }
    return HEDDLE_OK;
}

static int read_scores(const struct heddle_tokenizer_source *source, size_t count,
                       struct heddle_unigram *unigram, struct heddle_error *error)
{
    unigram->scores = heddle_calloc(count, sizeof *unigram->scores);
    if (unigram->scores == NULL) {
        return heddle_error_out_of_memory(error);
    }
    HEDDLE_TRY(heddle_json_scores_read(source->json, source->length, unigram->scores, count, error));
    double worst = unigram->scores[0];
    for (size_t i = 1; i < count; i++) {
        worst = unigram->scores[i] < worst ? unigram->scores[i] : worst;
    }
    unigram->unknown_score = worst - UNKNOWN_PENALTY;
    return HEDDLE_OK;
}

static void find_bytes(struct heddle_tokenizer *tokenizer)
{
    for (unsigned byte = 0; byte < HEDDLE_BYTES; byte++) {
        char name[8];
        uint32_t id = 0;
        const int length = snprintf(name, sizeof name, "<0x%02X>", byte);
        const bool found = heddle_trie_find(tokenizer->vocabulary, name, (size_t)length, &id);
        tokenizer->unigram.byte_ids[byte] = found ? (int32_t)id : -1;
    }
}

static int read_model(const struct heddle_tokenizer_source *source, struct heddle_tokenizer *tokenizer,
                      struct heddle_error *error)
{
    const json_t *model = json_object_get(source->root, "model");
    struct heddle_entries *entries = source->vocabulary;
    size_t unknown = 0;
    HEDDLE_TRY(read_entries(json_object_get(model, "vocab"), source->label, entries, error));
    HEDDLE_TRY(
        heddle_model_json_size(model, source->label, "unk_id", 0, entries->count - 1, &unknown, error));
    tokenizer->unknown_id = (uint32_t)unknown;
    HEDDLE_TRY(read_scores(source, entries->count, &tokenizer->unigram, error));
    return heddle_load_entries(tokenizer, entries, NULL, error);
}

int heddle_load_unigram(const struct heddle_tokenizer_source *source, struct heddle_tokenizer *tokenizer,
                        struct heddle_error *error)
{
    struct heddle_unigram *unigram = &tokenizer->unigram;
    tokenizer->algorithm = &heddle_unigram_algorithm;
    HEDDLE_TRY(heddle_load_normalizer(json_object_get(source->root, "normalizer"), source->label,
                                      &unigram->normalizer, error));
    HEDDLE_TRY(
        read_pre_tokenizers(json_object_get(source->root, "pre_tokenizer"), source->label, unigram, error));
    HEDDLE_TRY(read_model(source, tokenizer, error));
    find_bytes(tokenizer);
    return heddle_model_json_bool(json_object_get(source->root, "model"), source->label, "byte_fallback",
                                  false, &unigram->byte_fallback, error);
}
