/* prompts.c: reading config_sentence_transformers.json. */
#include "model/prompts.h"

#include <stdint.h>
#include <string.h>

#include "model/model_file.h"

#define PROMPTS_FILE "config_sentence_transformers.json"

/* Far above any vector. */
enum { DIMENSIONS_MAX = 65536 };

static int read_prompts(struct heddle_model_prompts *prompts, struct heddle_error *error)
{
    json_t *list = json_object_get(prompts->json, "prompts");
    const char *name = NULL;
    json_t *value = NULL;
    if (list != NULL && !json_is_null(list) && !json_is_object(list)) {
        return heddle_error_set(error, HEDDLE_MODEL, "model file %s: prompts must be {name: text}",
                                PROMPTS_FILE);
    }
    json_object_foreach(list, name, value)
    {
        if (!json_is_string(value) && !json_is_null(value)) {
            return heddle_error_set(error, HEDDLE_MODEL, "model file %s: prompt %.80s is no text",
                                    PROMPTS_FILE, name);
        }
        if (prompts->count == HEDDLE_PROMPTS_MAX || json_string_length(value) > HEDDLE_PROMPT_BYTES_MAX) {
            return heddle_error_set(error, HEDDLE_MODEL,
                                    "model file %s: at prompt %.80s: at most %d prompts of at most %d bytes",
                                    PROMPTS_FILE, name, HEDDLE_PROMPTS_MAX, HEDDLE_PROMPT_BYTES_MAX);
        }
        prompts->names[prompts->count] = name;
        prompts->texts[prompts->count++] = json_is_null(value) ? "" : json_string_value(value);
    }
    return HEDDLE_OK;
}

static int read_default(struct heddle_model_prompts *prompts, struct heddle_error *error)
{
    const json_t *name = json_object_get(prompts->json, "default_prompt_name");
    prompts->default_text = "";
    if (name == NULL || json_is_null(name)) {
        return HEDDLE_OK;
    }
    const char *text =
        json_is_string(name) ? heddle_model_prompts_find(prompts, json_string_value(name)) : NULL;
    if (text == NULL) {
        return heddle_error_set(error, HEDDLE_MODEL,
                                "model file %s: default_prompt_name %.80s is none of its prompts",
                                PROMPTS_FILE, json_is_string(name) ? json_string_value(name) : "");
    }
    prompts->default_text = text;
    return HEDDLE_OK;
}

/* The original takes names it does not know for cosine. */
static void read_similarity(struct heddle_model_prompts *prompts)
{
    static const char *const known[] = {"cosine", "dot", "euclidean", "manhattan"};
    const char *given = json_string_value(json_object_get(prompts->json, "similarity_fn_name"));
    prompts->similarity = known[0];
    for (size_t i = 0; given != NULL && i < sizeof known / sizeof known[0]; i++) {
        if (strcmp(known[i], given) == 0) {
            prompts->similarity = known[i];
        }
    }
}

static int read_all(struct heddle_model_prompts *prompts, struct heddle_error *error)
{
    const json_t *cut = json_object_get(prompts->json, "truncate_dim");
    HEDDLE_TRY(read_prompts(prompts, error));
    HEDDLE_TRY(read_default(prompts, error));
    read_similarity(prompts);
    if (cut == NULL || json_is_null(cut)) {
        return HEDDLE_OK;
    }
    return heddle_model_json_size(prompts->json, PROMPTS_FILE, "truncate_dim", 1, DIMENSIONS_MAX,
                                  &prompts->dimensions, error);
}

int heddle_model_prompts_read(const char *directory, struct heddle_model_prompts *prompts_out,
                              struct heddle_error *error)
{
    struct heddle_model_prompts prompts = {0};
    if (heddle_model_file_exists(directory, PROMPTS_FILE)) {
        HEDDLE_TRY(heddle_model_json_read(directory, PROMPTS_FILE, &prompts.json, error));
    }
    const int status = read_all(&prompts, error);
    if (status != HEDDLE_OK) {
        heddle_model_prompts_free(&prompts);
        return status;
    }
    *prompts_out = prompts;
    return HEDDLE_OK;
}

void heddle_model_prompts_free(struct heddle_model_prompts *prompts)
{
    json_decref(prompts->json);
    *prompts = (struct heddle_model_prompts){0};
}

const char *heddle_model_prompts_find(const struct heddle_model_prompts *prompts, const char *name)
{
    for (size_t i = 0; i < prompts->count; i++) {
        if (strcmp(prompts->names[i], name) == 0) {
            return prompts->texts[i];
        }
    }
    return NULL;
}

const char *heddle_model_prompts_choose(const struct heddle_model_prompts *prompts, bool is_query)
{
    static const char *const names[] = {"query", "document", "passage", "corpus"};
    const size_t first = is_query ? 0 : 1;
    const size_t end = is_query ? 1 : sizeof names / sizeof names[0];
    for (size_t i = first; i < end; i++) {
        const char *text = heddle_model_prompts_find(prompts, names[i]);
        if (text != NULL) {
            return text;
        }
    }
    return prompts->default_text == NULL ? "" : prompts->default_text;
}
