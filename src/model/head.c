/* head.c: reading modules.json, and running the modules behind the encoder. */
#include "model/head.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "model/dense.h"
#include "model/model_file.h"
#include "model/pooling.h"

/* More modules than any model has. */
enum { MODULES_MAX = 10, STAGES_MAX = MODULES_MAX - 2, POOLING_NAME_MAX = 96 };

/* One module behind the pooling. */
struct stage {
    struct heddle_dense *dense; /* NULL: normalise */
};

struct heddle_head {
    size_t hidden;
    struct heddle_pooling_plan pooling;
    char pooling_name[POOLING_NAME_MAX];
    struct stage stages[STAGES_MAX];
    size_t stage_count;
    size_t dense_count;
    size_t dimensions;
    size_t widest; /* of all vectors on the way */
    uint64_t weights;
};

/* Last part of the class's name, or NULL. */
static const char *module_kind(const json_t *module)
{
    const char *type = json_string_value(json_object_get(module, "type"));
    const char *dot = type == NULL ? NULL : strrchr(type, '.');
    return dot == NULL ? NULL : dot + 1;
}

static int refuse_module(const json_t *module, size_t index, struct heddle_error *error)
{
    const char *type = json_string_value(json_object_get(module, "type"));
    return heddle_error_set(
        error, HEDDLE_MODEL,
        "model file modules.json: module %zu is %.80s; supported is Transformer, Pooling, "
        "then Dense and Normalize in any order",
        index, type == NULL ? "without a type" : type);
}

/* The folder of a module: a name within the directory, so that no model reads files elsewhere. */
static int module_folder(const json_t *module, size_t index, const char **folder_out,
                         struct heddle_error *error)
{
    const char *path = json_string_value(json_object_get(module, "path"));
    if (path == NULL || path[0] == '\0' || path[0] == '.' || strchr(path, '/') != NULL ||
        strlen(path) > HEDDLE_MODEL_FOLDER_MAX) {
        return heddle_error_set(error, HEDDLE_MODEL,
                                "model file modules.json: module %zu names a folder elsewhere: %.80s", index,
                                path == NULL ? "none" : path);
    }
    *folder_out = path;
    return HEDDLE_OK;
}

static int check_transformer(const json_t *modules, struct heddle_error *error)
{
    const json_t *module = json_array_get(modules, 0);
    const char *kind = module_kind(module);
    const char *path = json_string_value(json_object_get(module, "path"));
    if (module != NULL && (kind == NULL || strcmp(kind, "Transformer") != 0)) {
        return refuse_module(module, 0, error);
    }
    if (json_array_get(modules, 1) == NULL || path == NULL || path[0] != '\0') {
        return heddle_error_set(
            error, HEDDLE_MODEL,
            "model file modules.json: needs a Transformer in the directory itself (path \"\") and a Pooling "
            "module behind it");
    }
    return HEDDLE_OK;
}

/* Normalize may say which of the features it means: only the vector will do. */
static int check_normalize(const char *directory, const json_t *module, struct heddle_error *error)
{
    static const char *const keys[] = {"module_input_name", "module_output_name"};
    const char *folder = json_string_value(json_object_get(module, "path"));
    char file[HEDDLE_MODEL_NAME_MAX];
    if (folder == NULL || strlen(folder) > HEDDLE_MODEL_FOLDER_MAX) {
        return HEDDLE_OK; /* nothing is read from it */
    }
    snprintf(file, sizeof file, "%s/config.json", folder);
    if (folder[0] == '\0' || !heddle_model_file_exists(directory, file)) {
        return HEDDLE_OK;
    }
    json_t *json = NULL;
    HEDDLE_TRY(heddle_model_json_read(directory, file, &json, error));
    int status = HEDDLE_OK;
    for (size_t i = 0; status == HEDDLE_OK && i < sizeof keys / sizeof keys[0]; i++) {
        status = heddle_model_json_expect(json, file, keys[i], "sentence_embedding", true, error);
    }
    json_decref(json);
    return status;
}

static int add_stage(const char *directory, const json_t *module, size_t index, struct heddle_head *head,
                     struct heddle_error *error)
{
    const char *kind = module_kind(module);
    struct stage *stage = &head->stages[head->stage_count];
    if (kind != NULL && strcmp(kind, "Normalize") == 0) {
        HEDDLE_TRY(check_normalize(directory, module, error));
        head->stage_count++;
        return HEDDLE_OK;
    }
    if (kind == NULL || strcmp(kind, "Dense") != 0) {
        return refuse_module(module, index, error);
    }
    const char *folder = NULL;
    HEDDLE_TRY(module_folder(module, index, &folder, error));
    HEDDLE_TRY(heddle_dense_load(directory, folder, head->dimensions, &stage->dense, error));
    head->stage_count++;
    head->dense_count++;
    head->dimensions = heddle_dense_outputs(stage->dense);
    head->widest = head->dimensions > head->widest ? head->dimensions : head->widest;
    head->weights += heddle_dense_count(stage->dense);
    return HEDDLE_OK;
}

/* "cls+mean" */
static void name_pooling(struct heddle_head *head, const char *remark)
{
    size_t used = 0;
    for (size_t i = 0; i < head->pooling.count; i++) {
        const int length = snprintf(head->pooling_name + used, sizeof head->pooling_name - used, "%s%s",
                                    i == 0 ? "" : "+", heddle_pooling_name(head->pooling.modes[i]));
        used += length < 0 ? 0 : (size_t)length;
        used = used < sizeof head->pooling_name ? used : sizeof head->pooling_name - 1;
    }
    snprintf(head->pooling_name + used, sizeof head->pooling_name - used, "%s", remark);
}

static int read_modules(const char *directory, const json_t *modules, struct heddle_head *head,
                        struct heddle_error *error)
{
    const size_t count = json_array_size(modules);
    const char *folder = NULL;
    HEDDLE_TRY(check_transformer(modules, error));
    if (count > MODULES_MAX) {
        return heddle_error_set(error, HEDDLE_MODEL, "model file modules.json lists over %d modules",
                                MODULES_MAX);
    }
    const json_t *pooling = json_array_get(modules, 1);
    const char *kind = module_kind(pooling);
    if (kind == NULL || strcmp(kind, "Pooling") != 0) {
        return refuse_module(pooling, 1, error);
    }
    HEDDLE_TRY(module_folder(pooling, 1, &folder, error));
    HEDDLE_TRY(heddle_pooling_read(directory, folder, head->hidden, &head->pooling, error));
    head->dimensions = head->pooling.count * head->hidden;
    head->widest = head->dimensions;
    for (size_t i = 2; i < count; i++) {
        HEDDLE_TRY(add_stage(directory, json_array_get(modules, i), i, head, error));
    }
    name_pooling(head, "");
    return HEDDLE_OK;
}

static int load(const char *directory, struct heddle_head *head, struct heddle_error *error)
{
    if (!heddle_model_file_exists(directory, "modules.json")) {
        head->pooling = (struct heddle_pooling_plan){.modes = {HEDDLE_POOLING_MEAN}, .count = 1};
        head->dimensions = head->hidden;
        name_pooling(head, " (no modules.json)");
        return HEDDLE_OK;
    }
    json_t *modules = NULL;
    HEDDLE_TRY(heddle_model_json_read(directory, "modules.json", &modules, error));
    const int status = read_modules(directory, modules, head, error);
    json_decref(modules);
    return status;
}

int heddle_head_load(const char *directory, size_t hidden, struct heddle_head **head_out,
                     struct heddle_error *error)
{
    struct heddle_head *head = heddle_calloc(1, sizeof *head);
    if (head == NULL) {
        return heddle_error_out_of_memory(error);
    }
    head->hidden = hidden;
    const int status = load(directory, head, error);
    if (status != HEDDLE_OK) {
        heddle_head_destroy(head);
        return status;
    }
    *head_out = head;
    return HEDDLE_OK;
}

void heddle_head_destroy(struct heddle_head *head)
{
    if (head == NULL) {
        return;
    }
    for (size_t i = 0; i < head->stage_count; i++) {
        heddle_dense_destroy(head->stages[i].dense);
    }
    free(head);
}

size_t heddle_head_dimensions(const struct heddle_head *head)
{
    return head->dimensions;
}

const char *heddle_head_pooling(const struct heddle_head *head)
{
    return head->pooling_name;
}

bool heddle_head_normalizes(const struct heddle_head *head)
{
    return head->stage_count > 0 && head->stages[head->stage_count - 1].dense == NULL;
}

bool heddle_head_leaves_prompts(const struct heddle_head *head)
{
    return head->pooling.leaves_prompts;
}

uint64_t heddle_head_count(const struct heddle_head *head)
{
    return head->weights;
}

size_t heddle_head_scratch(const struct heddle_head *head)
{
    return head->dense_count == 0 ? 0 : 2 * head->widest;
}

void heddle_head_apply(const struct heddle_head *head, const float *rows, size_t tokens, size_t prompt_tokens,
                       float *scratch, float *vector_out)
{
    size_t dense_left = head->dense_count;
    size_t width = head->pooling.count * head->hidden;
    float *vector = dense_left == 0 ? vector_out : scratch;
    heddle_pool(&head->pooling, head->hidden, rows, tokens, prompt_tokens, vector);
    for (size_t i = 0; i < head->stage_count; i++) {
        const struct heddle_dense *dense = head->stages[i].dense;
        if (dense == NULL) {
            heddle_vector_normalize(vector, width);
            continue;
        }
        /* The last dense layer writes to the caller; the others go to and fro between the halves of the scratch. */
        float *next = --dense_left == 0 ? vector_out : vector == scratch ? scratch + head->widest : scratch;
        heddle_dense_apply(dense, vector, next);
        width = heddle_dense_outputs(dense);
        vector = next;
    }
}
