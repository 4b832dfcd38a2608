/* onnx_model.c: opening a model file in ONNX Runtime, and running batches. */
#include "model/onnx/onnx_model.h"

#include <stdio.h>
#include <string.h>

enum {
    RANK_SENTENCE = 2,
    RANK_TOKENS = 3,
    RANK_MAX = 8,       /* more than any tensor looked at here */
    OUTPUTS_MAX = 1024, /* models exported with every layer's states have some dozens */
    WIDTH_MAX = 65536,
};

/* In the order of enum heddle_onnx_input. */
static const char *const input_names[] = {"input_ids", "attention_mask", "token_type_ids", "position_ids"};

/* Makes session options for one thread a call: the workers are the threads. */
static int open_session(struct heddle_onnx_model *model, const char *path, struct heddle_error *error)
{
    const struct heddle_onnx_api *api = &model->api;
    struct onnx_session_options *options = NULL;
    HEDDLE_TRY(
        heddle_onnx_check(api, api->create_env(ONNX_LOG_FATAL, "heddle", &model->env), "start", error));
    HEDDLE_TRY(heddle_onnx_check(api, api->create_session_options(&options), "options", error));
    int status = heddle_onnx_check(api, api->set_intra_threads(options, 1), "threads", error);
    if (status == HEDDLE_OK) {
        status = heddle_onnx_check(api, api->set_inter_threads(options, 1), "threads", error);
    }
    if (status == HEDDLE_OK) {
        status = heddle_onnx_check(api, api->set_optimization(options, ONNX_OPTIMIZE_ALL), "options", error);
    }
    if (status == HEDDLE_OK) {
        status = heddle_onnx_check(api, api->create_session(model->env, path, options, &model->session), path,
                                   error);
    }
    api->release_session_options(options);
    HEDDLE_TRY(status);
    return heddle_onnx_check(
        api, api->create_cpu_memory(ONNX_ALLOCATOR_ARENA, ONNX_MEMORY_DEFAULT, &model->memory), "memory",
        error);
}

/* Type and shape of an input or output; dimensions that are free are -1. */
struct shape {
    int type;
    size_t rank;
    int64_t dimensions[RANK_MAX];
};

static int read_shape(const struct heddle_onnx_api *api, const struct onnx_shape *from, struct shape *shape,
                      struct heddle_error *error)
{
    HEDDLE_TRY(heddle_onnx_check(api, api->element_type(from, &shape->type), "type", error));
    HEDDLE_TRY(heddle_onnx_check(api, api->rank(from, &shape->rank), "rank", error));
    return shape->rank > RANK_MAX
               ? HEDDLE_OK
               : heddle_onnx_check(api, api->dimensions(from, shape->dimensions, shape->rank), "shape",
                                   error);
}

static int read_type(const struct heddle_onnx_api *api, struct onnx_type_info *info, struct shape *shape,
                     struct heddle_error *error)
{
    const struct onnx_shape *tensor = NULL; /* belongs to info; NULL: not a tensor */
    *shape = (struct shape){0};
    int status = heddle_onnx_check(api, api->type_shape(info, &tensor), "type", error);
    if (status == HEDDLE_OK && tensor != NULL) {
        status = read_shape(api, tensor, shape, error);
    }
    api->release_type_info(info);
    return status;
}

/* Copies a name and frees the library's own; one that does not fit is cut and so never equal to one that is known. */
static int take_name(const struct heddle_onnx_api *api, struct onnx_allocator *allocator, char *name,
                     char *out, size_t size, struct heddle_error *error)
{
    snprintf(out, size, "%s", name == NULL ? "" : name);
    return heddle_onnx_check(api, api->allocator_free(allocator, name), "name", error);
}

static int read_input(struct heddle_onnx_model *model, struct onnx_allocator *allocator, size_t index,
                      struct heddle_error *error)
{
    const struct heddle_onnx_api *api = &model->api;
    char *name = NULL;
    char text[64];
    struct onnx_type_info *info = NULL;
    struct shape shape;
    HEDDLE_TRY(
        heddle_onnx_check(api, api->input_name(model->session, index, allocator, &name), "input", error));
    HEDDLE_TRY(take_name(api, allocator, name, text, sizeof text, error));
    HEDDLE_TRY(heddle_onnx_check(api, api->input_type(model->session, index, &info), "input", error));
    HEDDLE_TRY(read_type(api, info, &shape, error));
    for (size_t kind = 0; kind < HEDDLE_ONNX_INPUTS; kind++) {
        if (strcmp(text, input_names[kind]) == 0 &&
            (shape.type == ONNX_TYPE_INT32 || shape.type == ONNX_TYPE_INT64)) {
            model->inputs[index] = input_names[kind];
            model->kinds[index] = (enum heddle_onnx_input)kind;
            model->is_int32[index] = shape.type == ONNX_TYPE_INT32;
            return HEDDLE_OK;
        }
    }
    return heddle_error_set(error, HEDDLE_MODEL,
                            "the ONNX model asks for the input %s of element type %d; known are input_ids, "
                            "attention_mask, token_type_ids and position_ids, int64 or int32",
                            text, shape.type);
}

static int read_inputs(struct heddle_onnx_model *model, struct onnx_allocator *allocator,
                       struct heddle_error *error)
{
    size_t count = 0;
    bool has_ids = false;
    HEDDLE_TRY(
        heddle_onnx_check(&model->api, model->api.input_count(model->session, &count), "inputs", error));
    for (size_t i = 0; i < count && i < HEDDLE_ONNX_INPUTS; i++) {
        HEDDLE_TRY(read_input(model, allocator, i, error));
        has_ids = has_ids || model->kinds[i] == HEDDLE_ONNX_IDS;
    }
    if (count > HEDDLE_ONNX_INPUTS || !has_ids) {
        return heddle_error_set(error, HEDDLE_MODEL,
                                "the ONNX model has %zu inputs%s; it is no text encoder that heddle knows",
                                count, has_ids ? "" : ", none of them input_ids");
    }
    model->input_count = count;
    return HEDDLE_OK;
}

/* How well an output suits, 0: not at all. */
static int rate_output(const char *name, const struct shape *shape)
{
    static const char *const states[] = {"last_hidden_state", "token_embeddings"};
    if (shape->type != ONNX_TYPE_FLOAT) {
        return 0;
    }
    if (shape->rank == RANK_SENTENCE) {
        return strcmp(name, "sentence_embedding") == 0 ? 4 : 0;
    }
    if (shape->rank != RANK_TOKENS) {
        return 0;
    }
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
        if (strcmp(name, states[i]) == 0) {
            return 3 - (int)i;
        }
    }
    return 1;
}

static int read_outputs(struct heddle_onnx_model *model, struct onnx_allocator *allocator,
                        struct heddle_error *error)
{
    const struct heddle_onnx_api *api = &model->api;
    size_t count = 0;
    int best = 0;
    HEDDLE_TRY(heddle_onnx_check(api, api->output_count(model->session, &count), "outputs", error));
    for (size_t i = 0; i < count && i < OUTPUTS_MAX; i++) {
        char *name = NULL;
        char text[sizeof model->output];
        struct onnx_type_info *info = NULL;
        struct shape shape;
        HEDDLE_TRY(
            heddle_onnx_check(api, api->output_name(model->session, i, allocator, &name), "output", error));
        HEDDLE_TRY(take_name(api, allocator, name, text, sizeof text, error));
        HEDDLE_TRY(heddle_onnx_check(api, api->output_type(model->session, i, &info), "output", error));
        HEDDLE_TRY(read_type(api, info, &shape, error));
        const int rating = rate_output(text, &shape);
        if (rating > best) {
            const int64_t width = shape.dimensions[shape.rank - 1];
            best = rating;
            memcpy(model->output, text, sizeof text);
            model->is_sentence = shape.rank == RANK_SENTENCE;
            model->width = width > 0 && width <= WIDTH_MAX ? (size_t)width : 0;
        }
    }
    if (best == 0) {
        return heddle_error_set(
            error, HEDDLE_MODEL,
            "the ONNX model has no output sentence_embedding of two dimensions, and none of three "
            "(texts, tokens, width), as float32");
    }
    return HEDDLE_OK;
}

int heddle_onnx_model_open(const char *library, const char *path, struct heddle_onnx_model *model,
                           struct heddle_error *error)
{
    struct onnx_allocator *allocator = NULL; /* the library's own, never released */
    HEDDLE_TRY(heddle_onnx_load(library, &model->api, error));
    HEDDLE_TRY(open_session(model, path, error));
    HEDDLE_TRY(heddle_onnx_check(&model->api, model->api.default_allocator(&allocator), "memory", error));
    HEDDLE_TRY(read_inputs(model, allocator, error));
    return read_outputs(model, allocator, error);
}

void heddle_onnx_model_close(struct heddle_onnx_model *model)
{
    if (model->memory != NULL) {
        model->api.release_memory_info(model->memory);
    }
    if (model->session != NULL) {
        model->api.release_session(model->session);
    }
    if (model->env != NULL) {
        model->api.release_env(model->env);
    }
    *model = (struct heddle_onnx_model){0};
}

void heddle_onnx_answer_release(const struct heddle_onnx_model *model, struct onnx_value *answer)
{
    if (answer != NULL) {
        model->api.release_value(answer);
    }
}

/* The input number `index` as a tensor over the batch's own memory. */
static int make_input(const struct heddle_onnx_model *model, const struct heddle_onnx_batch *batch,
                      size_t index, struct onnx_value **out, struct heddle_error *error)
{
    int64_t *values = batch->values[model->kinds[index]];
    const int64_t shape[RANK_SENTENCE] = {(int64_t)batch->rows, (int64_t)batch->tokens};
    const size_t count = batch->rows * batch->tokens;
    size_t bytes = count * sizeof *values;
    int type = ONNX_TYPE_INT64;
    if (model->is_int32[index]) {
        uint8_t *narrow = (uint8_t *)values; /* each number moves to the front of where it stood, or before */
        for (size_t i = 0; i < count; i++) {
            const int32_t value = (int32_t)values[i];
            memcpy(narrow + i * sizeof value, &value, sizeof value);
        }
        bytes = count * sizeof(int32_t);
        type = ONNX_TYPE_INT32;
    }
    const struct heddle_onnx_api *api = &model->api;
    return heddle_onnx_check(
        api, api->create_tensor(model->memory, values, bytes, shape, RANK_SENTENCE, type, out), "input",
        error);
}

static int check_answer(const struct heddle_onnx_model *model, const struct heddle_onnx_batch *batch,
                        size_t width, struct onnx_value *answer, struct heddle_error *error)
{
    struct onnx_shape *info = NULL;
    struct shape shape = {0};
    const size_t rank = model->is_sentence ? RANK_SENTENCE : RANK_TOKENS;
    HEDDLE_TRY(heddle_onnx_check(&model->api, model->api.value_shape(answer, &info), "answer", error));
    const int status = read_shape(&model->api, info, &shape, error);
    model->api.release_shape(info);
    HEDDLE_TRY(status);
    const bool fits = shape.type == ONNX_TYPE_FLOAT && shape.rank == rank &&
                      shape.dimensions[0] == (int64_t)batch->rows &&
                      shape.dimensions[rank - 1] == (int64_t)width &&
                      (model->is_sentence || shape.dimensions[1] == (int64_t)batch->tokens);
    if (!fits) {
        return heddle_error_set(
            error, HEDDLE_MODEL,
            "the ONNX model's output %s has another shape than expected for %zu texts of %zu "
            "tokens: rank %zu, last dimension %lld, not rank %zu and %zu",
            model->output, batch->rows, batch->tokens, shape.rank,
            shape.rank == 0 || shape.rank > RANK_MAX ? 0LL : (long long)shape.dimensions[shape.rank - 1],
            rank, width);
    }
    return HEDDLE_OK;
}

int heddle_onnx_model_run(const struct heddle_onnx_model *model, const struct heddle_onnx_batch *batch,
                          size_t width, struct onnx_value **answer_out, const float **data_out,
                          struct heddle_error *error)
{
    const struct heddle_onnx_api *api = &model->api;
    struct onnx_value *inputs[HEDDLE_ONNX_INPUTS] = {0};
    struct onnx_value *answer = NULL;
    const char *const outputs[] = {model->output};
    int status = HEDDLE_OK;
    for (size_t i = 0; status == HEDDLE_OK && i < model->input_count; i++) {
        status = make_input(model, batch, i, &inputs[i], error);
    }
    if (status == HEDDLE_OK) {
        status = heddle_onnx_check(api,
                                   api->run(model->session, NULL, model->inputs,
                                            (const struct onnx_value *const *)inputs, model->input_count,
                                            outputs, 1, &answer),
                                   "run", error);
    }
    if (status == HEDDLE_OK) {
        status = check_answer(model, batch, width, answer, error);
    }
    void *data = NULL;
    if (status == HEDDLE_OK) {
        status = heddle_onnx_check(api, api->tensor_data(answer, &data), "answer", error);
    }
    for (size_t i = 0; i < model->input_count; i++) {
        heddle_onnx_answer_release(model, inputs[i]);
    }
    if (status != HEDDLE_OK) {
        heddle_onnx_answer_release(model, answer);
        return status;
    }
    *answer_out = answer;
    *data_out = data;
    return HEDDLE_OK;
}
