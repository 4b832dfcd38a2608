/* pooling.c: reading a Pooling module, and what each of its modes computes. */
#include "model/pooling.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "model/model_file.h"

/* In the order of enum heddle_pooling, which is the order of the booleans. */
static const struct {
    const char *name;
    const char *mode; /* value of pooling_mode */
    const char *flag; /* the older boolean */
} modes[HEDDLE_POOLING_COUNT] = {
    {"cls", "cls", "pooling_mode_cls_token"},
    {"max", "max", "pooling_mode_max_tokens"},
    {"mean", "mean", "pooling_mode_mean_tokens"},
    {"mean_sqrt_len", "mean_sqrt_len_tokens", "pooling_mode_mean_sqrt_len_tokens"},
    {"weightedmean", "weightedmean", "pooling_mode_weightedmean_tokens"},
    {"lasttoken", "lasttoken", "pooling_mode_lasttoken"},
};

const char *heddle_pooling_name(enum heddle_pooling mode)
{
    return modes[mode].name;
}

static int add_mode(const json_t *value, const char *file, struct heddle_pooling_plan *plan,
                    struct heddle_error *error)
{
    const char *text = json_string_value(value);
    for (size_t i = 0; text != NULL && i < HEDDLE_POOLING_COUNT; i++) {
        if (strcmp(modes[i].mode, text) != 0) {
            continue;
        }
        if (plan->count == HEDDLE_POOLING_COUNT) {
            return heddle_error_set(error, HEDDLE_MODEL, "model file %s: pooling_mode lists over %d modes",
                                    file, HEDDLE_POOLING_COUNT);
        }
        plan->modes[plan->count++] = (enum heddle_pooling)i;
        return HEDDLE_OK;
    }
    return heddle_error_set(error, HEDDLE_MODEL,
                            "model file %s: pooling_mode %.40s is not supported; it is cls, max, mean, "
                            "mean_sqrt_len_tokens, weightedmean or lasttoken",
                            file, text == NULL ? "that is no text" : text);
}

static int read_modes(const json_t *json, const char *file, struct heddle_pooling_plan *plan,
                      struct heddle_error *error)
{
    const json_t *given = json_object_get(json, "pooling_mode");
    if (json_is_array(given)) {
        for (size_t i = 0; i < json_array_size(given); i++) {
            HEDDLE_TRY(add_mode(json_array_get(given, i), file, plan, error));
        }
    } else if (given != NULL) {
        HEDDLE_TRY(add_mode(given, file, plan, error));
    } else {
        for (size_t i = 0; i < HEDDLE_POOLING_COUNT; i++) {
            bool set = false;
            HEDDLE_TRY(heddle_model_json_bool(json, file, modes[i].flag, false, &set, error));
            if (set) {
                plan->modes[plan->count++] = (enum heddle_pooling)i;
            }
        }
    }
    if (plan->count == 0) {
        plan->modes[plan->count++] = HEDDLE_POOLING_MEAN;
    }
    return HEDDLE_OK;
}

static int read_plan(const json_t *json, const char *file, size_t hidden, struct heddle_pooling_plan *plan,
                     struct heddle_error *error)
{
    const char *old_key = "word_embedding_dimension";
    const char *key = json_object_get(json, old_key) != NULL ? old_key : "embedding_dimension";
    size_t width = 0;
    bool include_prompt = true;
    HEDDLE_TRY(heddle_model_json_size(json, file, key, hidden, hidden, &width, error));
    HEDDLE_TRY(heddle_model_json_bool(json, file, "include_prompt", true, &include_prompt, error));
    plan->leaves_prompts = !include_prompt;
    return read_modes(json, file, plan, error);
}

int heddle_pooling_read(const char *directory, const char *folder, size_t hidden,
                        struct heddle_pooling_plan *plan_out, struct heddle_error *error)
{
    char file[HEDDLE_MODEL_NAME_MAX];
    snprintf(file, sizeof file, "%s/config.json", folder);
    json_t *json = NULL;
    HEDDLE_TRY(heddle_model_json_read(directory, file, &json, error));
    struct heddle_pooling_plan plan = {0};
    const int status = read_plan(json, file, hidden, &plan, error);
    json_decref(json);
    if (status == HEDDLE_OK) {
        *plan_out = plan;
    }
    return status;
}

/* The largest of each component over rows first .. end-1. */
static void largest(const float *rows, size_t hidden, size_t first, size_t end, float *out)
{
    memcpy(out, rows + first * hidden, hidden * sizeof *out);
    for (size_t t = first + 1; t < end; t++) {
        for (size_t i = 0; i < hidden; i++) {
            out[i] = fmaxf(out[i], rows[t * hidden + i]);
        }
    }
}

/* The sum over rows first .. end-1, each times its place (from 1) if `weighted`, divided by `divisor`. */
static void average(const float *rows, size_t hidden, size_t first, size_t end, bool weighted, float divisor,
                    float *out)
{
    memset(out, 0, hidden * sizeof *out);
    for (size_t t = first; t < end; t++) {
        const float weight = weighted ? (float)(t + 1) : 1.0f;
        for (size_t i = 0; i < hidden; i++) {
            out[i] += weight * rows[t * hidden + i];
        }
    }
    for (size_t i = 0; i < hidden; i++) {
        out[i] /= divisor;
    }
}

/* first + 1, …, end added up. */
static float sum_of_places(size_t first, size_t end)
{
    return (float)((end * (end + 1) - first * (first + 1)) / 2);
}

void heddle_pool(const struct heddle_pooling_plan *plan, size_t hidden, const float *rows, size_t tokens,
                 size_t prompt_tokens, float *vector_out)
{
    const size_t first = !plan->leaves_prompts ? 0 : prompt_tokens < tokens ? prompt_tokens : tokens;
    const float count = (float)(tokens - first);
    for (size_t i = 0; i < plan->count; i++) {
        const enum heddle_pooling mode = plan->modes[i];
        float *out = vector_out + i * hidden;
        if (mode == HEDDLE_POOLING_CLS) {
            memcpy(out, rows + (first == tokens ? 0 : first) * hidden, hidden * sizeof *out);
        } else if (first == tokens) {
            memset(out, 0, hidden * sizeof *out);
        } else if (mode == HEDDLE_POOLING_LAST_TOKEN) {
            memcpy(out, rows + (tokens - 1) * hidden, hidden * sizeof *out);
        } else if (mode == HEDDLE_POOLING_MAX) {
            largest(rows, hidden, first, tokens, out);
        } else if (mode == HEDDLE_POOLING_MEAN) {
            average(rows, hidden, first, tokens, false, count, out);
        } else if (mode == HEDDLE_POOLING_MEAN_SQRT_LEN) {
            average(rows, hidden, first, tokens, false, sqrtf(count), out);
        } else {
            average(rows, hidden, first, tokens, true, sum_of_places(first, tokens), out);
        }
    }
}

void heddle_vector_normalize(float *vector, size_t width)
{
    double squares = 0;
    for (size_t i = 0; i < width; i++) {
        squares += (double)vector[i] * (double)vector[i];
    }
    const double norm = fmax(sqrt(squares), 1e-12); /* the library's own floor */
    for (size_t i = 0; i < width; i++) {
        vector[i] = (float)((double)vector[i] / norm);
    }
}
