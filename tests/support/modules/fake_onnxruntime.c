/* fake_onnxruntime.c: a library with the shape of ONNX Runtime's C API, for tests: it computes a simple rule, counts what is
 * not released, and fails where the environment says so.
 *
 * State k of token id t is ((31 t + 7 k) mod 97) / 97 - 0.5; rows of padding are 1000. HEDDLE_FAKE_ONNX is a list of words:
 *     old            no table for the version asked for
 *     strange_input  asks for pixel_values          int32        inputs are int32
 *     float_input    input_ids are floats           positions    asks for position_ids too
 *     no_output      no output that will do         sentence     answers sentence_embedding (the first token's state)
 *     wide           answers rows that are too wide flat         answers another rank
 *     doubles        answers float64                nan          answers NaN
 *     free_width     does not say how wide it is    short        answers a row too few

 * fake_onnx_arm(n): the n-th call from now that answers a status fails; a negative number: none. fake_onnx_live(): objects
 * that are not released. */
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

enum { WIDTH = 64, SLOTS = 128, FLOAT = 1, INT32 = 6, INT64 = 7, DOUBLE = 11 };

/* Every object of the API is one of these. */
struct thing {
    int type;
    size_t rank;
    int64_t shape[4];
    void *data;
    bool owns_data;
    char text[64];
};

static int64_t live;
static int64_t fail_in = -1;

EXPORT int64_t fake_onnx_live(void);
EXPORT void fake_onnx_arm(int64_t calls);
EXPORT const void *OrtGetApiBase(void);

int64_t fake_onnx_live(void)
{
    return live;
}

void fake_onnx_arm(int64_t calls)
{
    fail_in = calls;
}

static bool says(const char *word)
{
    const char *list = getenv("HEDDLE_FAKE_ONNX");
    return list != NULL && strstr(list, word) != NULL;
}

static struct thing *make(void)
{
    live++;
    return calloc(1, sizeof(struct thing));
}

static void drop(struct thing *thing)
{
    if (thing != NULL) {
        live--;
        if (thing->owns_data) {
            free(thing->data);
        }
        free(thing);
    }
}

static struct thing *fate(void)
{
    if (fail_in < 0 || fail_in-- > 0) {
        return NULL;
    }
    struct thing *status = make();
    snprintf(status->text, sizeof status->text, "the fake was told to fail");
    return status;
}

#define FATE()                                                                                               \
    struct thing *const failure = fate();                                                                    \
    if (failure != NULL) {                                                                                   \
        return failure;                                                                                      \
    }

static const char *error_message(const struct thing *status)
{
    return status->text;
}

static struct thing *create_env(int level, const char *id, struct thing **out)
{
    FATE();
    (void)level;
    (void)id;
    *out = make();
    return NULL;
}

static struct thing *create_session(const struct thing *env, const char *path, const struct thing *options,
                                    struct thing **out)
{
    FATE();
    (void)env;
    (void)path;
    (void)options;
    *out = make();
    return NULL;
}

static struct thing *create_options(struct thing **out)
{
    FATE();
    *out = make();
    return NULL;
}

static struct thing *set_option(struct thing *options, int value)
{
    FATE();
    (void)options;
    (void)value;
    return NULL;
}

static size_t inputs(void)
{
    return says("positions") || says("strange_input") ? 4 : 3;
}

static struct thing *input_count(const struct thing *session, size_t *out)
{
    FATE();
    (void)session;
    *out = inputs();
    return NULL;
}

static struct thing *output_count(const struct thing *session, size_t *out)
{
    FATE();
    (void)session;
    *out = 2;
    return NULL;
}

static int id_type(void)
{
    return says("float_input") ? FLOAT : says("int32") ? INT32 : INT64;
}

static struct thing *input_type(const struct thing *session, size_t index, struct thing **out)
{
    FATE();
    (void)session;
    (void)index;
    *out = make();
    **out = (struct thing){.type = id_type(), .rank = 2, .shape = {-1, -1}};
    return NULL;
}

/* A pooled output first, which must not be taken for the states. */
static struct thing *output_type(const struct thing *session, size_t index, struct thing **out)
{
    FATE();
    (void)session;
    const int64_t width = says("free_width") ? -1 : WIDTH;
    *out = make();
    if (index == 0 || says("sentence") || says("no_output")) {
        **out = (struct thing){.type = FLOAT, .rank = 2, .shape = {-1, width}};
    } else {
        **out = (struct thing){.type = FLOAT, .rank = 3, .shape = {-1, -1, width}};
    }
    return NULL;
}

static struct thing *copy_name(const char *name, char **out)
{
    live++;
    *out = strdup(name);
    return NULL;
}

static struct thing *input_name(const struct thing *session, size_t index, void *allocator, char **out)
{
    static const char *const names[] = {"attention_mask", "input_ids", "token_type_ids"};
    FATE();
    (void)session;
    (void)allocator;
    return copy_name(index < 3 ? names[index] : says("positions") ? "position_ids" : "pixel_values", out);
}

static struct thing *output_name(const struct thing *session, size_t index, void *allocator, char **out)
{
    FATE();
    (void)session;
    (void)allocator;
    return copy_name(index == 0 ? "pooler_output" : says("sentence") ? "sentence_embedding" : "states", out);
}

static struct thing *create_tensor(const struct thing *memory, void *data, size_t bytes, const int64_t *shape,
                                   size_t rank, int type, struct thing **out)
{
    FATE();
    (void)memory;
    if (rank != 2 || type != id_type() || bytes != (size_t)(shape[0] * shape[1]) * (type == INT32 ? 4 : 8)) {
        abort();
    }
    *out = make();
    **out = (struct thing){.type = type, .rank = rank, .shape = {shape[0], shape[1]}, .data = data};
    return NULL;
}

static int64_t number(const struct thing *tensor, int64_t at)
{
    if (tensor->type == INT32) {
        return ((const int32_t *)tensor->data)[at];
    }
    return ((const int64_t *)tensor->data)[at];
}

static float state_of(int64_t id, int64_t is_token, int64_t k)
{
    if (says("nan")) {
        return NAN;
    }
    return is_token == 0 ? 1000.0F : (float)((31 * id + 7 * k) % 97) / 97.0F - 0.5F;
}

static const struct thing *named(const char *name, const char *const *names,
                                 const struct thing *const *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(names[i], name) == 0) {
            return values[i];
        }
    }
    abort();
}

static struct thing *run(struct thing *session, const void *options, const char *const *names,
                         const struct thing *const *values, size_t count, const char *const *outputs,
                         size_t output_count_asked, struct thing **out)
{
    FATE();
    (void)session;
    (void)options;
    (void)outputs;
    const struct thing *ids = named("input_ids", names, values, count);
    const struct thing *mask = named("attention_mask", names, values, count);
    if (count != inputs() || output_count_asked != 1 || (says("positions") && count != 4)) {
        abort();
    }
    const bool is_sentence = says("sentence");
    const int64_t rows = ids->shape[0] - (says("short") ? 1 : 0);
    const int64_t tokens = ids->shape[1];
    const int64_t width = WIDTH + (says("wide") ? 1 : 0);
    struct thing *answer = make();
    answer->type = says("doubles") ? DOUBLE : FLOAT;
    answer->rank = is_sentence || says("flat") ? 2 : 3;
    answer->shape[0] = rows;
    answer->shape[1] = answer->rank == 2 ? width : tokens;
    answer->shape[2] = width;
    float *data = calloc((size_t)((rows + 1) * tokens * width), sizeof *data);
    for (int64_t row = 0; row < rows; row++) {
        for (int64_t t = 0; t < (is_sentence ? 1 : tokens); t++) {
            const int64_t at = row * tokens + t;
            for (int64_t k = 0; k < width; k++) {
                data[(is_sentence ? row : at) * width + k] = state_of(number(ids, at), number(mask, at), k);
            }
        }
    }
    answer->data = data;
    answer->owns_data = true;
    *out = answer;
    return NULL;
}

static struct thing *tensor_data(struct thing *value, void **out)
{
    FATE();
    *out = value->data;
    return NULL;
}

static struct thing *type_shape(const struct thing *info, const struct thing **out)
{
    FATE();
    *out = info;
    return NULL;
}

static struct thing *element_type(const struct thing *shape, int *out)
{
    FATE();
    *out = shape->type;
    return NULL;
}

static struct thing *rank_of(const struct thing *shape, size_t *out)
{
    FATE();
    *out = shape->rank;
    return NULL;
}

static struct thing *dimensions(const struct thing *shape, int64_t *out, size_t rank)
{
    FATE();
    memcpy(out, shape->shape, rank * sizeof *out);
    return NULL;
}

static struct thing *value_shape(const struct thing *value, struct thing **out)
{
    FATE();
    *out = make();
    **out = *value;
    (*out)->owns_data = false;
    return NULL;
}

static struct thing *create_cpu_memory(int allocator, int kind, struct thing **out)
{
    FATE();
    (void)allocator;
    (void)kind;
    *out = make();
    return NULL;
}

/* Frees also where it fails: the API says nothing about it, and a leak here would be the fake's. */
static struct thing *allocator_free(void *allocator, void *memory)
{
    (void)allocator;
    live--;
    free(memory);
    FATE();
    return NULL;
}

static struct thing *default_allocator(void **out)
{
    FATE();
    *out = &live;
    return NULL;
}

static const void *const *get_api(uint32_t version)
{
    static const void *table[SLOTS];
    if (version < 16 || says("old")) {
        return NULL;
    }
    const struct {
        size_t slot;
        void (*function)(void);
    } all[] = {
#define SLOT(number, function) {number, (void (*)(void))(function)}
        SLOT(2, error_message),   SLOT(3, create_env),
        SLOT(7, create_session),  SLOT(9, run),
        SLOT(10, create_options), SLOT(23, set_option),
        SLOT(24, set_option),     SLOT(25, set_option),
        SLOT(30, input_count),    SLOT(31, output_count),
        SLOT(33, input_type),     SLOT(34, output_type),
        SLOT(36, input_name),     SLOT(37, output_name),
        SLOT(49, create_tensor),  SLOT(51, tensor_data),
        SLOT(55, type_shape),     SLOT(60, element_type),
        SLOT(61, rank_of),        SLOT(62, dimensions),
        SLOT(65, value_shape),    SLOT(69, create_cpu_memory),
        SLOT(76, allocator_free), SLOT(78, default_allocator),
        SLOT(92, drop),           SLOT(93, drop),
        SLOT(94, drop),           SLOT(95, drop),
        SLOT(96, drop),           SLOT(98, drop),
        SLOT(99, drop),           SLOT(100, drop),
    };
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        memcpy(&table[all[i].slot], &all[i].function, sizeof table[0]);
    }
    return table;
}

static const char *version(void)
{
    return says("old") ? "1.4.0" : "1.99.0";
}

const void *OrtGetApiBase(void)
{
    static const struct {
        const void *const *(*get_api)(uint32_t version);
        const char *(*version)(void);
    } base = {get_api, version};
    return &base;
}
