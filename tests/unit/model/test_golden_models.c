/* test_golden_models.c: BERT, RoBERTa and XLM-R with every pooling give the vectors of the original implementation.
 *
 * tests/golden/models/NAME.json holds a model directory as sentence-transformers writes it, less its weights, which follow a
 * rule (make-golden-models there), token ids, and the vectors that the original makes of them.
 */
#include "model_fixture.h"

#include <dirent.h>
#include <math.h>

#include "model/encoder/encoder.h"
#include "model/head.h"

enum { VECTOR_MAX = 512, MODELS_MIN = 14, SEQUENCES_MIN = 7, IDS_MAX = 64 };

/* ---- weights by rule ---- */

static uint64_t fnv1a(const char *text)
{
    uint64_t value = 0xcbf29ce484222325u;
    for (; *text != '\0'; text++) {
        value = (value ^ (uint8_t)*text) * 0x100000001b3u;
    }
    return value;
}

static uint64_t splitmix(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

static float number(uint64_t *state, bool is_gain)
{
    const double k = (double)(splitmix(state) >> 56) - 128;
    return is_gain ? (float)(rint((1 + k / 1024) * 128) / 128) : (float)(k / 512);
}

static void append_number(struct heddle_buffer *data, float value, const char *dtype)
{
    uint32_t bits = 0;
    memcpy(&bits, &value, sizeof bits);
    if (strcmp(dtype, "F32") == 0) {
        heddle_buffer_append(data, &value, sizeof value);
        return;
    }
    uint16_t word = (uint16_t)(bits >> 16);
    if (strcmp(dtype, "F16") == 0) {
        /* all numbers of the rule are 0 or normal in binary16, and exact */
        const uint32_t sign = bits >> 16 & 0x8000;
        const uint32_t exponent = (bits >> 23 & 0xff) - 112;
        word = (uint16_t)(value == 0 ? sign : sign | exponent << 10 | (bits >> 13 & 0x3ff));
        assert_true(value == 0 || (exponent >= 1 && exponent <= 30 && (bits & 0x1fff) == 0));
    } else {
        assert_int_equal(bits & 0xffff, 0);
    }
    heddle_buffer_append(data, &word, sizeof word);
}

static void write_weights(const char *directory, const char *name, json_t *shapes, const char *dtype)
{
    struct weights_file file = {0};
    const char *tensor = NULL;
    json_t *shape = NULL;
    json_object_foreach(shapes, tensor, shape)
    {
        uint64_t state = fnv1a(tensor);
        size_t count = 1;
        const size_t begin = file.data.length;
        for (size_t i = 0; i < json_array_size(shape); i++) {
            count *= (size_t)json_integer_value(json_array_get(shape, i));
        }
        for (size_t i = 0; i < count; i++) {
            append_number(&file.data, number(&state, strstr(tensor, "LayerNorm.weight") != NULL), dtype);
        }
        char *text = json_dumps(shape, 0);
        heddle_buffer_append_format(
            &file.header, "%s\"%s\": {\"dtype\": \"%s\", \"shape\": %s, \"data_offsets\": [%zu, %zu]}",
            file.header.length == 0 ? "{" : ", ", tensor, dtype, text, begin, file.data.length);
        free(text);
    }
    write_safetensors(directory, name, &file);
}

/* ---- a model directory ---- */

/* Makes the folder of "FOLDER/FILE". */
static void make_parent(const char *directory, const char *file)
{
    char folder[256];
    const size_t length = strcspn(file, "/");
    char path[4400];
    snprintf(folder, sizeof folder, "%.*s", (int)length, file);
    snprintf(path, sizeof path, "%s/%s", directory, folder);
    if (file[length] == '/' && access(path, F_OK) != 0) {
        make_folder(directory, folder);
    }
}

static char *make_model(json_t *golden, const char *dtype)
{
    char *directory = make_directory();
    const char *name = NULL;
    json_t *content = NULL;
    json_object_foreach(json_object_get(golden, "files"), name, content)
    {
        char *text = json_dumps(content, JSON_ENCODE_ANY);
        make_parent(directory, name);
        write_text(directory, name, text);
        free(text);
    }
    json_object_foreach(json_object_get(golden, "tensors"), name, content)
    {
        make_parent(directory, name);
        write_weights(directory, name, content, dtype);
    }
    return directory;
}

struct model {
    struct heddle_model_config config;
    struct heddle_head *head;
    struct heddle_weights *weights;
    struct heddle_encoder_workspace *workspace;
    float *scratch;
};

static void open_model(const char *directory, const struct heddle_kernel *kernel, struct model *model)
{
    struct heddle_error error = {0};
    int status = heddle_model_config_read(directory, &model->config, &error);
    if (status == HEDDLE_OK) {
        status = heddle_head_load(directory, model->config.hidden, &model->head, &error);
    }
    if (status == HEDDLE_OK) {
        status = heddle_weights_load(directory, &model->config, kernel, &model->weights, &error);
    }
    if (status == HEDDLE_OK) {
        status = heddle_encoder_workspace_create(&model->config, kernel, &model->workspace, &error);
    }
    if (status != HEDDLE_OK) {
        fail_msg("%s", error.message);
    }
    model->scratch = malloc((heddle_head_scratch(model->head) + 1) * sizeof *model->scratch);
    assert_non_null(model->scratch);
}

static void close_model(struct model *model)
{
    heddle_encoder_workspace_destroy(model->workspace);
    heddle_weights_destroy(model->weights);
    heddle_head_destroy(model->head);
    free(model->scratch);
}

static void embed(const struct model *model, const json_t *ids, size_t prompt_tokens, float *vector_out)
{
    uint32_t tokens[IDS_MAX];
    const size_t count = json_array_size(ids);
    assert_true(count <= IDS_MAX && count <= model->config.max_tokens);
    for (size_t i = 0; i < count; i++) {
        tokens[i] = (uint32_t)json_integer_value(json_array_get(ids, i));
    }
    const struct heddle_sequence sequence = {tokens, count};
    const float *rows = heddle_encoder_run(model->weights, model->workspace, &sequence, 1);
    heddle_head_apply(model->head, rows, count, prompt_tokens, model->scratch, vector_out);
}

/* ---- comparing ---- */

struct worst {
    double cosine;
    double
        error; /* of a component, for a vector whose largest is at most 1; larger vectors are scaled to that */
};

static void compare(const float *vector, const json_t *expected, size_t width, struct worst *worst)
{
    double product = 0;
    double squares = 0;
    double wanted_squares = 0;
    double largest = 1;
    double error = 0;
    for (size_t i = 0; i < width; i++) {
        const double wanted = json_number_value(json_array_get(expected, i));
        product += (double)vector[i] * wanted;
        squares += (double)vector[i] * (double)vector[i];
        wanted_squares += wanted * wanted;
        largest = fmax(largest, fabs(wanted));
        error = fmax(error, fabs((double)vector[i] - wanted));
    }
    worst->cosine = fmin(worst->cosine, product / sqrt(squares * wanted_squares));
    worst->error = fmax(worst->error, error / largest);
}

static bool is_fp32(const struct heddle_kernel *kernel)
{
    return kernel->precision == HEDDLE_PRECISION_FP32;
}

/* All sequences of one model by one kernel; the vectors go to `all` (sequences, width). */
static struct worst run(json_t *golden, const char *dtype, const struct heddle_kernel *kernel, float *all)
{
    struct worst worst = {.cosine = 2};
    struct model model = {0};
    char *directory = make_model(golden, dtype);
    open_model(directory, kernel, &model);
    const size_t width = heddle_head_dimensions(model.head);
    const json_t *sequences = json_object_get(golden, "sequences");
    const json_t *vectors = json_object_get(golden, "vectors");
    const size_t prompt_tokens = (size_t)json_integer_value(json_object_get(golden, "prompt_tokens"));
    assert_true(json_array_size(sequences) >= SEQUENCES_MIN && width <= VECTOR_MAX);
    for (size_t i = 0; i < json_array_size(sequences); i++) {
        float *vector = all + i * VECTOR_MAX;
        assert_int_equal(json_array_size(json_array_get(vectors, i)), width);
        embed(&model, json_array_get(sequences, i), prompt_tokens, vector);
        compare(vector, json_array_get(vectors, i), width, &worst);
    }
    close_model(&model);
    remove_directory(directory);
    return worst;
}

/* Every kernel that this CPU runs, and the three types of weights, which hold the same numbers. */
static void check_model(const char *name, json_t *golden)
{
    enum { VECTORS_MAX = 16 };
    float *first = calloc((size_t)2 * VECTORS_MAX * VECTOR_MAX, sizeof *first);
    assert_non_null(first);
    assert_true(json_array_size(json_object_get(golden, "sequences")) <= VECTORS_MAX);
    float *other = first + VECTORS_MAX * VECTOR_MAX;
    for (const struct heddle_kernel *const *kernel = heddle_kernels(); *kernel != NULL; kernel++) {
        if (!(*kernel)->runs() || (*kernel)->precision == HEDDLE_PRECISION_INT8) {
            continue;
        }
        const struct worst worst = run(golden, "F32", *kernel, first);
        print_message("%s %s: smallest cosine %.9f, largest error %.1e\n", name, (*kernel)->name,
                      worst.cosine, worst.error);
        assert_true(worst.cosine >= (is_fp32(*kernel) ? 0.999999 : 0.999));
        assert_true(worst.error <= (is_fp32(*kernel) ? 2e-6 : 0.05));
    }
    (void)run(golden, "F32", &heddle_kernel_scalar, first);
    (void)run(golden, "F16", &heddle_kernel_scalar, other);
    assert_memory_equal(first, other, VECTORS_MAX * VECTOR_MAX * sizeof *first);
    (void)run(golden, "BF16", &heddle_kernel_scalar, other);
    assert_memory_equal(first, other, VECTORS_MAX * VECTOR_MAX * sizeof *first);
    free(first);
}

static void every_architecture_and_pooling_gives_the_vectors_of_the_original(void **state)
{
    (void)state;
    static const char folder[] = "tests/golden/models";
    DIR *entries = opendir(folder);
    assert_non_null(entries);
    size_t models = 0;
    for (struct dirent *entry = readdir(entries); entry != NULL; entry = readdir(entries)) {
        const char *dot = strrchr(entry->d_name, '.');
        char path[512];
        json_error_t problem;
        if (dot == NULL || strcmp(dot, ".json") != 0) {
            continue;
        }
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        json_t *golden = json_load_file(path, 0, &problem);
        assert_non_null(golden);
        check_model(entry->d_name, golden);
        json_decref(golden);
        models++;
    }
    closedir(entries);
    assert_true(models >= MODELS_MIN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_architecture_and_pooling_gives_the_vectors_of_the_original)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
