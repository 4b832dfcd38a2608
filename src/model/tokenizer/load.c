/* load.c: a tokenizer from tokenizer.json, or from vocab.txt and tokenizer_config.json. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "model/model_file.h"
#include "model/tokenizer/json_vocabulary.h"
#include "model/tokenizer/load_parts.h"

int heddle_entries_add(struct heddle_entries *entries, const char *text, size_t length, size_t id,
                       struct heddle_error *error)
{
    if (heddle_grow((void **)&entries->list, &entries->capacity, entries->count + 1, sizeof *entries->list) !=
        0) {
        return heddle_error_out_of_memory(error);
    }
    entries->list[entries->count++] = (struct heddle_vocabulary_entry){text, length, (uint32_t)id};
    return HEDDLE_OK;
}

void heddle_load_note_id(struct heddle_tokenizer *tokenizer, uint32_t id)
{
    tokenizer->id_max = id > tokenizer->id_max ? id : tokenizer->id_max;
}

int heddle_load_entries(struct heddle_tokenizer *tokenizer, struct heddle_entries *entries,
                        const char *prefix, struct heddle_error *error)
{
    for (size_t i = 0; i < entries->count; i++) {
        heddle_load_note_id(tokenizer, entries->list[i].id);
    }
    tokenizer->vocabulary_size = entries->count;
    return heddle_trie_create(entries->list, entries->count, prefix, &tokenizer->vocabulary, error);
}

int heddle_load_id(const struct heddle_tokenizer *tokenizer, const char *text, const char *label,
                   uint32_t *id_out, struct heddle_error *error)
{
    if (!heddle_trie_find(tokenizer->vocabulary, text, strlen(text), id_out)) {
        return heddle_error_set(error, HEDDLE_MODEL, "model file %s: the vocabulary has no %s", label, text);
    }
    return HEDDLE_OK;
}

/* ---- post_processor ---- */

static int refuse_post_processor(const char *label, struct heddle_error *error)
{
    return heddle_error_set(error, HEDDLE_MODEL,
                            "model file %s: the post_processor is not [CLS] text [SEP]: not supported",
                            label);
}

static int take_id(const json_t *id, const char *label, uint32_t *id_out, struct heddle_error *error)
{
    if (!json_is_integer(id) || json_integer_value(id) < 0 || json_integer_value(id) >= HEDDLE_TOKENS_MAX) {
        return refuse_post_processor(label, error);
    }
    *id_out = (uint32_t)json_integer_value(id);
    return HEDDLE_OK;
}

/* The special token at one place of a template: its ids stand in special_tokens; without those, in the vocabulary. */
static int read_template_token(const struct heddle_tokenizer_source *source, const json_t *processor,
                               size_t place, const struct heddle_tokenizer *tokenizer, uint32_t *id_out,
                               struct heddle_error *error)
{
    const json_t *piece = json_array_get(json_object_get(processor, "single"), place);
    const char *name = json_string_value(json_object_get(json_object_get(piece, "SpecialToken"), "id"));
    const json_t *tokens = json_object_get(processor, "special_tokens");
    if (name == NULL) {
        return refuse_post_processor(source->label, error);
    }
    if (!json_is_object(tokens)) {
        return heddle_load_id(tokenizer, name, source->label, id_out, error);
    }
    const json_t *ids = json_object_get(json_object_get(tokens, name), "ids");
    if (json_array_size(ids) != 1) {
        return refuse_post_processor(source->label, error);
    }
    return take_id(json_array_get(ids, 0), source->label, id_out, error);
}

static int read_template(const struct heddle_tokenizer_source *source, const json_t *processor,
                         struct heddle_tokenizer *tokenizer, struct heddle_error *error)
{
    const json_t *template = json_object_get(processor, "single");
    const json_t *sequence = json_object_get(json_array_get(template, 1), "Sequence");
    const char *which = json_string_value(json_object_get(sequence, "id"));
    if (json_array_size(template) != 3 || which == NULL || strcmp(which, "A") != 0) {
        return refuse_post_processor(source->label, error);
    }
    HEDDLE_TRY(read_template_token(source, processor, 0, tokenizer, &tokenizer->start_id, error));
    return read_template_token(source, processor, 2, tokenizer, &tokenizer->end_id, error);
}

/* TemplateProcessing as [START] $A [END], or one of the two that always do that. */
static int read_post_processor(const struct heddle_tokenizer_source *source,
                               struct heddle_tokenizer *tokenizer, struct heddle_error *error)
{
    const json_t *processor = json_object_get(source->root, "post_processor");
    const char *type = json_string_value(json_object_get(processor, "type"));
    if (type != NULL && (strcmp(type, "BertProcessing") == 0 || strcmp(type, "RobertaProcessing") == 0)) {
        HEDDLE_TRY(take_id(json_array_get(json_object_get(processor, "cls"), 1), source->label,
                           &tokenizer->start_id, error));
        HEDDLE_TRY(take_id(json_array_get(json_object_get(processor, "sep"), 1), source->label,
                           &tokenizer->end_id, error));
    } else {
        HEDDLE_TRY(
            heddle_model_json_expect(processor, source->label, "type", "TemplateProcessing", false, error));
        HEDDLE_TRY(read_template(source, processor, tokenizer, error));
    }
    heddle_load_note_id(tokenizer, tokenizer->start_id);
    heddle_load_note_id(tokenizer, tokenizer->end_id);
    return HEDDLE_OK;
}

/* ---- the whole ---- */

static uint32_t added_id(const struct heddle_added_set *set, const char *text, bool *found)
{
    for (size_t i = 0; i < set->count; i++) {
        if (strcmp(set->list[i].text, text) == 0) {
            *found = true;
            return set->list[i].id;
        }
    }
    return 0;
}

/* "padding" if the file pads; else the token that is called so. */
static void find_pad(const json_t *root, struct heddle_tokenizer *tokenizer)
{
    static const char *const names[] = {"<pad>", "[PAD]"};
    const json_t *id = json_object_get(json_object_get(root, "padding"), "pad_id");
    if (json_is_integer(id) && json_integer_value(id) >= 0 && json_integer_value(id) < HEDDLE_TOKENS_MAX) {
        tokenizer->pad_id = (uint32_t)json_integer_value(id);
        tokenizer->has_pad = true;
    }
    for (size_t i = 0; !tokenizer->has_pad && i < sizeof names / sizeof names[0]; i++) {
        tokenizer->has_pad =
            heddle_trie_find(tokenizer->vocabulary, names[i], strlen(names[i]), &tokenizer->pad_id);
        if (!tokenizer->has_pad) {
            tokenizer->pad_id = added_id(&tokenizer->added, names[i], &tokenizer->has_pad);
        }
    }
}

static int read_json(const struct heddle_tokenizer_source *source, struct heddle_tokenizer *tokenizer,
                     struct heddle_error *error)
{
    const char *type = json_string_value(json_object_get(json_object_get(source->root, "model"), "type"));
    if (type != NULL && strcmp(type, "WordPiece") == 0) {
        HEDDLE_TRY(heddle_load_wordpiece(source, tokenizer, error));
    } else if (type != NULL && strcmp(type, "Unigram") == 0) {
        HEDDLE_TRY(heddle_load_unigram(source, tokenizer, error));
    } else {
        return heddle_error_set(error, HEDDLE_MODEL,
                                "model file %s: model.type is %s; only WordPiece and Unigram are supported",
                                source->label, type == NULL ? "missing" : type);
    }
    HEDDLE_TRY(read_post_processor(source, tokenizer, error));
    HEDDLE_TRY(heddle_load_added_tokens(source, tokenizer, error));
    find_pad(source->root, tokenizer);
    return HEDDLE_OK;
}

/* What was left of the JSON; the whole where nothing was cut out, and where the rest is damaged, so that the error names the
 * right line. */
static int parse(const char *json, size_t length, const char *label, struct heddle_json_vocabulary *cut,
                 json_t **root_out, struct heddle_error *error)
{
    if (cut->rest != NULL) {
        const int status = heddle_model_json_parse(cut->rest, cut->rest_length, label, root_out, error);
        if (status != HEDDLE_MODEL) {
            return status;
        }
        heddle_json_vocabulary_free(cut);
    }
    return heddle_model_json_parse(json, length, label, root_out, error);
}

int heddle_tokenizer_from_json(const char *json, size_t length, const char *label,
                               struct heddle_tokenizer **tokenizer_out, struct heddle_error *error)
{
    json_t *root = NULL;
    struct heddle_json_vocabulary cut;
    struct heddle_tokenizer *tokenizer = NULL;
    HEDDLE_TRY(heddle_json_vocabulary_cut(json, length, &cut, error));
    int status = parse(json, length, label, &cut, &root, error);
    if (status == HEDDLE_OK) {
        const struct heddle_tokenizer_source source = {json, length, root, label, &cut.entries};
        tokenizer = heddle_calloc(1, sizeof *tokenizer);
        status = tokenizer == NULL ? heddle_error_out_of_memory(error) : read_json(&source, tokenizer, error);
    }
    json_decref(root);
    heddle_json_vocabulary_free(&cut);
    if (status != HEDDLE_OK) {
        heddle_tokenizer_destroy(tokenizer);
        return status;
    }
    *tokenizer_out = tokenizer;
    return HEDDLE_OK;
}

static int open_vocabulary(const char *directory, struct heddle_tokenizer **tokenizer_out,
                           struct heddle_error *error)
{
    struct heddle_tokenizer *tokenizer = heddle_calloc(1, sizeof *tokenizer);
    const int status = tokenizer == NULL ? heddle_error_out_of_memory(error)
                                         : heddle_load_vocabulary(directory, tokenizer, error);
    if (status != HEDDLE_OK) {
        heddle_tokenizer_destroy(tokenizer);
        return status;
    }
    find_pad(NULL, tokenizer);
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
