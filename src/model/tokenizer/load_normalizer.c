/* load_normalizer.c: "normalizer" of a Unigram model, step by step. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "model/model_file.h"
#include "model/tokenizer/base64.h"
#include "model/tokenizer/load_parts.h"

/* Sequences within sequences; files have one. */
enum { DEPTH_MAX = 8 };

/* The one regular expression that files of this kind have. */
static const char RUN_OF_SPACES[] = " {2,}";

typedef int read_function(const json_t *json, const char *label, struct heddle_normalizer_step *step,
                          struct heddle_error *error);

/* A copy of the text under `key`. */
static int copy_text(const json_t *json, const char *label, const char *key, size_t minimum, char **text_out,
                     size_t *length_out, struct heddle_error *error)
{
    const json_t *text = json_object_get(json, key);
    if (!json_is_string(text) || json_string_length(text) < minimum) {
        return heddle_error_set(error, HEDDLE_MODEL, "model file %s: a normalizer's %s is no text or empty",
                                label, key);
    }
    *length_out = json_string_length(text);
    *text_out = heddle_strndup(json_string_value(text), *length_out);
    return *text_out == NULL ? heddle_error_out_of_memory(error) : HEDDLE_OK;
}

static int read_precompiled(const json_t *json, const char *label, struct heddle_normalizer_step *step,
                            struct heddle_error *error)
{
    const json_t *text = json_object_get(json, "precompiled_charsmap");
    const size_t length = json_string_length(text);
    uint8_t *bytes = heddle_malloc(heddle_base64_decoded_max(length));
    if (bytes == NULL) {
        return heddle_error_out_of_memory(error);
    }
    size_t decoded = 0;
    int status = HEDDLE_OK;
    if (!json_is_string(text) || !heddle_base64_decode(json_string_value(text), length, bytes, &decoded)) {
        status =
            heddle_error_set(error, HEDDLE_MODEL, "model file %s: precompiled_charsmap is not base64", label);
    } else {
        status = heddle_charsmap_create(bytes, decoded, &step->charsmap, error);
    }
    free(bytes);
    step->kind = HEDDLE_NORMALIZER_PRECOMPILED;
    return status;
}

static int read_replace(const json_t *json, const char *label, struct heddle_normalizer_step *step,
                        struct heddle_error *error)
{
    const json_t *pattern = json_object_get(json, "pattern");
    const json_t *expression = json_object_get(pattern, "Regex");
    HEDDLE_TRY(copy_text(json, label, "content", 0, &step->content, &step->content_length, error));
    if (expression == NULL) {
        step->kind = HEDDLE_NORMALIZER_REPLACE;
        return copy_text(pattern, label, "String", 1, &step->pattern, &step->pattern_length, error);
    }
    if (!json_is_string(expression) || strcmp(json_string_value(expression), RUN_OF_SPACES) != 0) {
        return heddle_error_set(error, HEDDLE_MODEL,
                                "model file %s: normalizer Replace with Regex \"%.40s\" is not supported; "
                                "\"%s\" is",
                                label, json_is_string(expression) ? json_string_value(expression) : "",
                                RUN_OF_SPACES);
    }
    step->kind = HEDDLE_NORMALIZER_REPLACE_SPACES;
    return HEDDLE_OK;
}

static int read_strip(const json_t *json, const char *label, struct heddle_normalizer_step *step,
                      struct heddle_error *error)
{
    step->kind = HEDDLE_NORMALIZER_STRIP;
    HEDDLE_TRY(heddle_model_json_bool(json, label, "strip_left", false, &step->left, error));
    return heddle_model_json_bool(json, label, "strip_right", false, &step->right, error);
}

static int read_lowercase(const json_t *json, const char *label, struct heddle_normalizer_step *step,
                          struct heddle_error *error)
{
    (void)json;
    (void)label;
    (void)error;
    step->kind = HEDDLE_NORMALIZER_LOWERCASE;
    return HEDDLE_OK;
}

static int read_prepend(const json_t *json, const char *label, struct heddle_normalizer_step *step,
                        struct heddle_error *error)
{
    step->kind = HEDDLE_NORMALIZER_PREPEND;
    return copy_text(json, label, "prepend", 1, &step->content, &step->content_length, error);
}

static const struct {
    const char *type;
    read_function *read;
} readers[] = {{"Precompiled", read_precompiled},
               {"Replace", read_replace},
               {"Strip", read_strip},
               {"Lowercase", read_lowercase},
               {"Prepend", read_prepend}};

static int read_step(const json_t *json, const char *label, struct heddle_normalizer *normalizer,
                     struct heddle_error *error)
{
    const char *type = json_string_value(json_object_get(json, "type"));
    for (size_t i = 0; type != NULL && i < sizeof readers / sizeof readers[0]; i++) {
        if (strcmp(type, readers[i].type) != 0) {
            continue;
        }
        if (heddle_grow((void **)&normalizer->steps, &normalizer->capacity, normalizer->count + 1,
                        sizeof *normalizer->steps) != 0) {
            return heddle_error_out_of_memory(error);
        }
        struct heddle_normalizer_step *step = &normalizer->steps[normalizer->count++];
        *step = (struct heddle_normalizer_step){0};
        return readers[i].read(json, label, step, error);
    }
    return heddle_error_set(error, HEDDLE_MODEL,
                            "model file %s: normalizer %.40s of a Unigram model is not supported", label,
                            type == NULL ? "without a type" : type);
}

static int read_steps(const json_t *json, const char *label, struct heddle_normalizer *normalizer, int depth,
                      struct heddle_error *error)
{
    const char *type = json_string_value(json_object_get(json, "type"));
    const json_t *list = json_object_get(json, "normalizers");
    if (type == NULL || strcmp(type, "Sequence") != 0 || !json_is_array(list)) {
        return read_step(json, label, normalizer, error);
    }
    if (depth == DEPTH_MAX) {
        return heddle_error_set(error, HEDDLE_MODEL, "model file %s: normalizers are nested over %d deep",
                                label, DEPTH_MAX);
    }
    for (size_t i = 0; i < json_array_size(list); i++) {
        HEDDLE_TRY(read_steps(json_array_get(list, i), label, normalizer, depth + 1, error));
    }
    return HEDDLE_OK;
}

int heddle_load_normalizer(const json_t *normalizer, const char *label,
                           struct heddle_normalizer *normalizer_out, struct heddle_error *error)
{
    if (normalizer == NULL || json_is_null(normalizer)) {
        return HEDDLE_OK;
    }
    return read_steps(normalizer, label, normalizer_out, 0, error);
}
