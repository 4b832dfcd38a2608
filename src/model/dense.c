/* dense.c: reading and computing one dense layer behind the pooling. */
#include "model/dense.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "model/model_file.h"
#include "model/weight_files.h"

/* No vector of a database is wider, and no product of two overflows. */
enum { FEATURES_MAX = 65536 };

enum activation { IDENTITY, TANH, RELU, GELU, SIGMOID };

/* Last part of the class's name in PyTorch. */
static const char *const activation_names[] = {"Identity", "Tanh", "ReLU", "GELU", "Sigmoid"};

struct heddle_dense {
    size_t inputs;
    size_t outputs;
    bool has_bias;
    enum activation activation;
    float *weights; /* (outputs, inputs) */
    float *bias;    /* (outputs); zeros where the module has none */
};

static int read_activation(const json_t *json, const char *file, struct heddle_dense *dense,
                           struct heddle_error *error)
{
    const json_t *value = json_object_get(json, "activation_function");
    if (value == NULL) {
        dense->activation = TANH; /* the module's own default */
        return HEDDLE_OK;
    }
    const char *name = json_string_value(value);
    const char *dot = name == NULL ? NULL : strrchr(name, '.');
    const size_t count = sizeof activation_names / sizeof activation_names[0];
    for (size_t i = 0; dot != NULL && strncmp(name, "torch.nn.", 9) == 0 && i < count; i++) {
        if (strcmp(activation_names[i], dot + 1) == 0) {
            dense->activation = (enum activation)i;
            return HEDDLE_OK;
        }
    }
    return heddle_error_set(
        error, HEDDLE_MODEL,
        "model file %s: activation_function %.80s is not supported; it is Identity, Tanh, "
        "ReLU, GELU or Sigmoid of torch.nn",
        file, name == NULL ? "that is no text" : name);
}

static int read_config(const json_t *json, const char *file, size_t inputs, struct heddle_dense *dense,
                       struct heddle_error *error)
{
    static const char *const names[] = {"module_input_name", "module_output_name"};
    bool residual = false;
    HEDDLE_TRY(heddle_model_json_size(json, file, "in_features", inputs, inputs, &dense->inputs, error));
    HEDDLE_TRY(heddle_model_json_size(json, file, "out_features", 1, FEATURES_MAX, &dense->outputs, error));
    HEDDLE_TRY(heddle_model_json_bool(json, file, "bias", true, &dense->has_bias, error));
    HEDDLE_TRY(heddle_model_json_bool(json, file, "use_residual", false, &residual, error));
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        HEDDLE_TRY(heddle_model_json_expect(json, file, names[i], "sentence_embedding", true, error));
    }
    if (residual) {
        return heddle_error_set(error, HEDDLE_MODEL, "model file %s: use_residual is not supported", file);
    }
    return read_activation(json, file, dense, error);
}

static int read_weights(const struct heddle_weight_files *files, struct heddle_dense *dense,
                        struct heddle_error *error)
{
    static const char weight_name[] = "linear.weight";
    static const char bias_name[] = "linear.bias";
    const struct heddle_tensor *weight = NULL;
    const struct heddle_tensor *bias = NULL;
    HEDDLE_TRY(heddle_weight_files_expect(files, weight_name, dense->outputs, dense->inputs, &weight, error));
    if (dense->has_bias) {
        HEDDLE_TRY(heddle_weight_files_expect(files, bias_name, dense->outputs, 0, &bias, error));
    }
    dense->weights = heddle_malloc(weight->count * sizeof(float));
    dense->bias = heddle_calloc(dense->outputs, sizeof(float));
    if (dense->weights == NULL || dense->bias == NULL) {
        return heddle_error_out_of_memory(error);
    }
    heddle_tensor_to_float(weight, 0, weight->count, dense->weights);
    if (bias != NULL) {
        heddle_tensor_to_float(bias, 0, bias->count, dense->bias);
    }
    HEDDLE_TRY(heddle_weight_files_check_finite(files, weight_name, dense->weights, weight->count, error));
    return heddle_weight_files_check_finite(files, bias_name, dense->bias, dense->outputs, error);
}

static int load(const char *directory, const char *folder, size_t inputs, struct heddle_dense *dense,
                struct heddle_error *error)
{
    char file[HEDDLE_MODEL_NAME_MAX];
    snprintf(file, sizeof file, "%s/config.json", folder);
    json_t *json = NULL;
    HEDDLE_TRY(heddle_model_json_read(directory, file, &json, error));
    int status = read_config(json, file, inputs, dense, error);
    json_decref(json);
    HEDDLE_TRY(status);
    char *path = heddle_model_path(directory, folder);
    if (path == NULL) {
        return heddle_error_out_of_memory(error);
    }
    struct heddle_weight_files *files = NULL;
    status = heddle_weight_files_open(path, &files, error);
    free(path);
    if (status == HEDDLE_OK) {
        status = read_weights(files, dense, error);
    }
    heddle_weight_files_close(files);
    return status;
}

int heddle_dense_load(const char *directory, const char *folder, size_t inputs,
                      struct heddle_dense **dense_out, struct heddle_error *error)
{
    struct heddle_dense *dense = heddle_calloc(1, sizeof *dense);
    if (dense == NULL) {
        return heddle_error_out_of_memory(error);
    }
    const int status = load(directory, folder, inputs, dense, error);
    if (status != HEDDLE_OK) {
        heddle_dense_destroy(dense);
        return status;
    }
    *dense_out = dense;
    return HEDDLE_OK;
}

void heddle_dense_destroy(struct heddle_dense *dense)
{
    if (dense == NULL) {
        return;
    }
    free(dense->weights);
    free(dense->bias);
    free(dense);
}

size_t heddle_dense_outputs(const struct heddle_dense *dense)
{
    return dense->outputs;
}

uint64_t heddle_dense_count(const struct heddle_dense *dense)
{
    return (uint64_t)dense->outputs * dense->inputs + (dense->has_bias ? dense->outputs : 0);
}

/* Lane i sums the products i, i + 16, …; then the lanes are added in order. The order is written out, so every compiler's
 * result is the same, and sixteen sums at once keep the adders busy. */
static float dot(const float *a, const float *b, size_t count)
{
    enum { LANES = 16 };
    float lanes[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= count; i += LANES) {
        for (size_t lane = 0; lane < LANES; lane++) {
            lanes[lane] += a[i + lane] * b[i + lane];
        }
    }
    for (size_t lane = 0; i < count; i++, lane++) {
        lanes[lane] += a[i] * b[i];
    }
    float sum = 0;
    for (size_t lane = 0; lane < LANES; lane++) {
        sum += lanes[lane];
    }
    return sum;
}

static float activate(enum activation activation, float x)
{
    switch (activation) {
    case TANH: return tanhf(x);
    case RELU: return fmaxf(x, 0.0f);
    case GELU: return 0.5f * x * (1.0f + erff(x * 0.70710678f));
    case SIGMOID: return 1.0f / (1.0f + expf(-x));
    case IDENTITY: break;
    }
    return x;
}

void heddle_dense_apply(const struct heddle_dense *dense, const float *input, float *output)
{
    for (size_t i = 0; i < dense->outputs; i++) {
        const float sum = dot(dense->weights + i * dense->inputs, input, dense->inputs) + dense->bias[i];
        output[i] = activate(dense->activation, sum);
    }
}
