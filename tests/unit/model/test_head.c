/* test_head.c: the modules behind the encoder, by hand-made numbers, and the sentence for what is not supported. */
#include "model_fixture.h"

#include <math.h>

#include "model/head.h"

enum { HIDDEN = 2, TOKENS = 4 };

static char *directory;

/* Rows of four tokens, so that every mode gives another vector. */
static const float rows[TOKENS][HIDDEN] = {{1, -8}, {3, 2}, {5, 0}, {-1, 2}};

#define TRANSFORMER "{\"path\": \"\", \"type\": \"sentence_transformers.models.Transformer\"}"
#define POOLING                                                                                              \
    "{\"path\": \"1_Pooling\", \"type\": "                                                                   \
    "\"sentence_transformers.sentence_transformer.modules.pooling.Pooling\"}"
#define DENSE(folder) "{\"path\": \"" folder "\", \"type\": \"sentence_transformers.models.Dense\"}"
#define NORMALIZE "{\"path\": \"3_Normalize\", \"type\": \"sentence_transformers.models.Normalize\"}"

static struct heddle_head *load(size_t hidden)
{
    struct heddle_head *head = NULL;
    struct heddle_error error = {0};
    if (heddle_head_load(directory, hidden, &head, &error) != HEDDLE_OK) {
        fail_msg("%s", error.message);
    }
    return head;
}

static void refused(const char *reason)
{
    struct heddle_head *head = NULL;
    struct heddle_error error = {0};
    assert_int_equal(heddle_head_load(directory, HIDDEN, &head, &error), HEDDLE_MODEL);
    assert_null(head);
    if (strstr(error.message, reason) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", error.message, reason);
    }
}

/* Loads with this text of 1_Pooling/config.json and compares name and vector. */
static void pools_to(const char *config, size_t prompt_tokens, const char *name, const float *expected,
                     size_t count)
{
    float vector[6 * HIDDEN];
    write_text(directory, "1_Pooling/config.json", config);
    struct heddle_head *head = load(HIDDEN);
    assert_string_equal(heddle_head_pooling(head), name);
    assert_int_equal(heddle_head_dimensions(head), count);
    assert_int_equal(heddle_head_scratch(head), 0);
    assert_false(heddle_head_normalizes(head));
    heddle_head_apply(head, rows[0], TOKENS, prompt_tokens, NULL, vector);
    for (size_t i = 0; i < count; i++) {
        assert_true(fabs((double)vector[i] - (double)expected[i]) < 1e-6);
    }
    heddle_head_destroy(head);
}

static const float all_modes[] = {1, -8, 5, 2, 2, -1, 4, -2, 1.8f, 0.4f, -1, 2};

static void each_mode_makes_its_vector(void **state)
{
    (void)state;
    static const struct {
        const char *flag;
        const char *mode;
        const char *name;
    } modes[] = {{"cls_token", "cls", "cls"},
                 {"max_tokens", "max", "max"},
                 {"mean_tokens", "mean", "mean"},
                 {"mean_sqrt_len_tokens", "mean_sqrt_len_tokens", "mean_sqrt_len"},
                 {"weightedmean_tokens", "weightedmean", "weightedmean"},
                 {"lasttoken", "lasttoken", "lasttoken"}};
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        char config[256];
        snprintf(config, sizeof config, "{\"word_embedding_dimension\": 2, \"pooling_mode_%s\": true}",
                 modes[i].flag);
        pools_to(config, 0, modes[i].name, all_modes + i * HIDDEN, HIDDEN);
        snprintf(config, sizeof config, "{\"embedding_dimension\": 2, \"pooling_mode\": \"%s\"}",
                 modes[i].mode);
        pools_to(config, 0, modes[i].name, all_modes + i * HIDDEN, HIDDEN);
    }
}

static void several_modes_stand_one_behind_the_other(void **state)
{
    (void)state;
    pools_to(
        "{\"word_embedding_dimension\": 2, \"pooling_mode_lasttoken\": true, \"pooling_mode_max_tokens\": "
        "true, \"pooling_mode_mean_tokens\": true, \"pooling_mode_cls_token\": true, "
        "\"pooling_mode_mean_sqrt_len_tokens\": true, \"pooling_mode_weightedmean_tokens\": true}",
        0, "cls+max+mean+mean_sqrt_len+weightedmean+lasttoken", all_modes, 6 * HIDDEN);
    /* a list has its own order */
    pools_to(
        "{\"embedding_dimension\": 2, \"pooling_mode\": [\"mean\", \"cls\"], \"pooling_mode_max_tokens\": "
        "true}",
        0, "mean+cls", (const float[]){2, -1, 1, -8}, 2 * HIDDEN);
    /* none is mean */
    pools_to("{\"word_embedding_dimension\": 2, \"pooling_mode_mean_tokens\": false}", 0, "mean",
             (const float[]){2, -1}, HIDDEN);
}

static void a_prompt_can_be_left_out(void **state)
{
    (void)state;
    static const char all[] = "{\"embedding_dimension\": 2, \"include_prompt\": false, \"pooling_mode\": "
                              "[\"cls\", \"max\", \"mean\", \"mean_sqrt_len_tokens\", \"weightedmean\", "
                              "\"lasttoken\"]}";
    static const char name[] = "cls+max+mean+mean_sqrt_len+weightedmean+lasttoken";
    const float root = sqrtf(2.0f);
    const float behind[] = {5, 0, 5, 2, 2, 1, 4 / root, 2 / root, 11.0f / 7, 8.0f / 7, -1, 2};
    const float nothing[] = {1, -8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    pools_to(all, 0, name, all_modes, 6 * HIDDEN);
    pools_to(all, 2, name, behind, 6 * HIDDEN);
    pools_to(all, TOKENS, name, nothing, 6 * HIDDEN);
    pools_to(all, TOKENS + 7, name, nothing, 6 * HIDDEN);
    /* a model that includes its prompt counts all tokens */
    pools_to("{\"embedding_dimension\": 2, \"pooling_mode\": \"mean\"}", 2, "mean", (const float[]){2, -1},
             HIDDEN);
}

/* Writes FOLDER with these activation and shape; weights are 1, 2, 3, … over `divisor`, the bias 0.5, 1.5, … */
static void write_dense(const char *folder, const char *config, size_t outputs, size_t inputs, bool bias,
                        float divisor)
{
    char name[64];
    struct weights_file file = {.dtype = "F32", .random = 1};
    snprintf(name, sizeof name, "%s/config.json", folder);
    write_text(directory, name, config);
    add_tensor(&file, "linear.weight", outputs, inputs, 0);
    for (size_t i = 0; i < outputs * inputs; i++) {
        ((float *)(void *)file.data.bytes)[i] = (float)(i + 1) / divisor;
    }
    if (bias) {
        add_tensor(&file, "linear.bias", outputs, 0, 0);
        for (size_t i = 0; i < outputs; i++) {
            ((float *)(void *)file.data.bytes)[outputs * inputs + i] = (float)i + 0.5f;
        }
    }
    snprintf(name, sizeof name, "%s/model.safetensors", folder);
    write_safetensors(directory, name, &file);
}

static void write_default_dense(const char *activation)
{
    char config[256];
    snprintf(config, sizeof config,
             "{\"in_features\": 2, \"out_features\": 3, \"bias\": true, \"activation_function\": \"%s\"}",
             activation);
    write_dense("2_Dense", config, 3, 2, true, 10);
}

static void a_dense_layer_is_applied_with_its_activation(void **state)
{
    (void)state;
    /* mean is (2, -1): W x = (0, 0.2, 0.4), + bias = (0.5, 1.7, 2.9) */
    static const double sums[] = {0.5, 1.7, 2.9};
    static const char *const names[] = {"linear.Identity", "activation.Tanh", "activation.ReLU",
                                        "activation.GELU", "activation.Sigmoid"};
    write_text(directory, "modules.json", "[" TRANSFORMER ", " POOLING ", " DENSE("2_Dense") "]");
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char activation[64];
        float scratch[6];
        float vector[3];
        snprintf(activation, sizeof activation, "torch.nn.modules.%s", names[i]);
        write_default_dense(activation);
        struct heddle_head *head = load(HIDDEN);
        assert_int_equal(heddle_head_dimensions(head), 3);
        assert_int_equal(heddle_head_count(head), 9);
        assert_true(heddle_head_scratch(head) <= 6);
        heddle_head_apply(head, rows[0], TOKENS, 0, scratch, vector);
        for (size_t j = 0; j < 3; j++) {
            const double x = sums[j];
            const double expected[] = {x, tanh(x), x, 0.5 * x * (1 + erf(x / sqrt(2))), 1 / (1 + exp(-x))};
            assert_true(fabs((double)vector[j] - expected[i]) < 1e-6);
        }
        heddle_head_destroy(head);
    }
}

static void dense_and_normalize_come_in_any_order_and_number(void **state)
{
    (void)state;
    write_text(directory, "modules.json",
               "[" TRANSFORMER ", " POOLING ", " NORMALIZE
               ", " DENSE("2_Dense") ", " DENSE("4_Dense") ", " NORMALIZE "]");
    write_dense("2_Dense",
                "{\"in_features\": 2, \"out_features\": 40, \"activation_function\": "
                "\"torch.nn.modules.linear.Identity\"}",
                40, 2, true, 100);
    write_dense("4_Dense", "{\"in_features\": 40, \"out_features\": 1, \"bias\": false}", 1, 40, false, 1e5f);
    struct heddle_head *head = load(HIDDEN);
    float *scratch = malloc(heddle_head_scratch(head) * sizeof *scratch); /* exactly: a sanitizer watches */
    float vector[1] = {7};
    assert_true(heddle_head_normalizes(head));
    assert_int_equal(heddle_head_dimensions(head), 1);
    heddle_head_apply(head, rows[0], TOKENS, 0, scratch, vector);
    assert_true(vector[0] == 1.0f);
    heddle_head_destroy(head);
    free(scratch);
    write_text(directory, "modules.json",
               "[" TRANSFORMER ", " POOLING ", " NORMALIZE ", " DENSE("2_Dense") ", " DENSE("4_Dense") "]");
    head = load(HIDDEN);
    assert_false(heddle_head_normalizes(head));
    scratch = malloc(heddle_head_scratch(head) * sizeof *scratch);
    heddle_head_apply(head, rows[0], TOKENS, 0, scratch, vector);
    double sum = 0; /* of the second layer: tanh, the module's default */
    for (size_t i = 0; i < 40; i++) {
        const double x = ((2 * (double)i + 1) * 2 - (2 * (double)i + 2)) / 100 / sqrt(5) + (double)i + 0.5;
        sum += x * ((double)i + 1) / 1e5;
    }
    assert_true(fabs((double)vector[0] - tanh(sum)) < 1e-6);
    heddle_head_destroy(head);
    free(scratch);
}

static void without_modules_json_it_is_the_mean(void **state)
{
    (void)state;
    float vector[HIDDEN];
    remove_file(directory, "modules.json");
    struct heddle_head *head = load(HIDDEN);
    assert_string_equal(heddle_head_pooling(head), "mean (no modules.json)");
    assert_false(heddle_head_normalizes(head));
    heddle_head_apply(head, rows[0], TOKENS, 0, NULL, vector);
    assert_true(vector[0] == 2 && vector[1] == -1);
    heddle_head_destroy(head);
}

static void other_modules_are_refused_by_name(void **state)
{
    (void)state;
    static const struct {
        const char *modules;
        const char *reason;
    } cases[] = {
        {"[]", "needs a Transformer"},
        {"{}", "needs a Transformer"},
        {"[" TRANSFORMER "]", "a Pooling module"},
        {"[" POOLING ", " POOLING "]",
         "module 0 is sentence_transformers.sentence_transformer.modules.pooling"},
        {"[{\"path\": \"\", \"type\": \"sentence_transformers.models.CLIPModel\"}, " POOLING "]",
         "models.CLIPModel"},
        {"[{\"path\": \"\"}, " POOLING "]", "module 0 is without a type"},
        {"[{\"path\": \"0_Transformer\", \"type\": \"a.Transformer\"}, " POOLING "]",
         "in the directory itself"},
        {"[" TRANSFORMER ", {\"path\": \"../1_Pooling\", \"type\": \"a.Pooling\"}]",
         "names a folder elsewhere"},
        {"[" TRANSFORMER ", {\"path\": \"/etc\", \"type\": \"a.Pooling\"}]", "names a folder elsewhere"},
        {"[" TRANSFORMER ", {\"type\": \"a.Pooling\"}]", "names a folder elsewhere"},
        {"[" TRANSFORMER ", " DENSE("2_Dense") "]", "module 1 is sentence_transformers.models.Dense"},
        {"[" TRANSFORMER ", " POOLING ", " POOLING "]", "module 2 is"},
        {"[" TRANSFORMER ", " POOLING ", {\"path\": \"2\", \"type\": \"sentence_transformers.models.LSTM\"}]",
         "models.LSTM"},
        {"[" TRANSFORMER ", " POOLING ", " DENSE("..") "]", "names a folder elsewhere"},
        {"[{{", "not valid JSON"},
        {"[1, 2, 3]", "without a type"},
    };
    write_text(directory, "1_Pooling/config.json", "{\"word_embedding_dimension\": 2}");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        write_text(directory, "modules.json", cases[i].modules);
        refused(cases[i].reason);
    }
    char many[4096] = "[" TRANSFORMER ", " POOLING;
    for (size_t i = 0; i < 9; i++) {
        const size_t used = strlen(many);
        snprintf(many + used, sizeof many - used, ", %s%s", NORMALIZE, i == 8 ? "]" : "");
    }
    write_text(directory, "modules.json", many);
    refused("over 10 modules");
}

static void pooling_that_does_not_fit_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *config;
        const char *reason;
    } cases[] = {
        {"{\"word_embedding_dimension\": 3}", "word_embedding_dimension must be a whole number from 2 to 2"},
        {"{}", "embedding_dimension"},
        {"{\"embedding_dimension\": 2, \"pooling_mode\": \"median\"}",
         "pooling_mode median is not supported"},
        {"{\"embedding_dimension\": 2, \"pooling_mode\": 5}", "pooling_mode that is no text"},
        {"{\"embedding_dimension\": 2, \"pooling_mode\": [\"cls\", \"cls\", \"cls\", \"cls\", \"cls\", "
         "\"cls\", "
         "\"cls\"]}",
         "over 6 modes"},
        {"{\"embedding_dimension\": 2, \"pooling_mode_cls_token\": \"yes\"}", "must be true or false"},
    };
    write_text(directory, "modules.json", "[" TRANSFORMER ", " POOLING "]");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        write_text(directory, "1_Pooling/config.json", cases[i].config);
        refused(cases[i].reason);
        refused("1_Pooling/config.json");
    }
    remove_file(directory, "1_Pooling/config.json");
    refused("1_Pooling/config.json");
}

static void dense_layers_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *config;
        const char *reason;
    } cases[] = {
        {"{\"in_features\": 4, \"out_features\": 3}", "in_features"},
        {"{\"in_features\": 2}", "out_features"},
        {"{\"in_features\": 2, \"out_features\": 70000}", "out_features"},
        {"{\"in_features\": 2, \"out_features\": 5}", "tensor linear.weight has another shape"},
        {"{\"in_features\": 2, \"out_features\": 3, \"use_residual\": true}",
         "use_residual is not supported"},
        {"{\"in_features\": 2, \"out_features\": 3, \"module_input_name\": \"token_embeddings\"}",
         "module_input_name is token_embeddings"},
        {"{\"in_features\": 2, \"out_features\": 3, \"activation_function\": "
         "\"torch.nn.modules.activation.Mish\"}",
         "activation_function torch.nn.modules.activation.Mish"},
        {"{\"in_features\": 2, \"out_features\": 3, \"activation_function\": \"my.Tanh\"}", "my.Tanh"},
        {"{\"in_features\": 2, \"out_features\": 3, \"activation_function\": null}", "that is no text"},
    };
    write_default_dense("torch.nn.modules.activation.Tanh");
    write_text(directory, "modules.json", "[" TRANSFORMER ", " POOLING ", " DENSE("2_Dense") "]");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        write_text(directory, "2_Dense/config.json", cases[i].config);
        refused(cases[i].reason);
    }
    write_dense("2_Dense", "{\"in_features\": 2, \"out_features\": 3}", 3, 2, false, 1);
    refused("tensor linear.bias is missing");
    write_dense("2_Dense", "{\"in_features\": 2, \"out_features\": 3}", 3, 2, true, 0);
    refused("tensor linear.weight holds numbers that are NaN or infinite");
    remove_file(directory, "2_Dense/model.safetensors");
    write_text(directory, "2_Dense/pytorch_model.bin", "PK");
    refused("a pickle that may run code");
    remove_file(directory, "2_Dense/pytorch_model.bin");
}

static void running_out_of_memory_leaves_nothing(void **state)
{
    (void)state;
    write_text(directory, "modules.json",
               "[" TRANSFORMER ", " POOLING ", " DENSE("2_Dense") ", " NORMALIZE "]");
    write_default_dense("torch.nn.modules.activation.Tanh");
    int status = HEDDLE_OUT_OF_MEMORY;
    int64_t failures = 0;
    for (; status != HEDDLE_OK; failures++) {
        struct heddle_head *head = NULL;
        heddle_memory_fail_at(failures);
        status = heddle_head_load(directory, HIDDEN, &head, NULL);
        heddle_memory_fail_at(-1);
        assert_true(status == HEDDLE_OK || (status == HEDDLE_OUT_OF_MEMORY && head == NULL));
        heddle_head_destroy(head);
    }
    assert_true(failures > 10);
    heddle_head_destroy(NULL);
}

/* Each test begins with a directory of a Transformer and mean pooling. */
static int before(void **state)
{
    (void)state;
    directory = make_directory();
    make_folder(directory, "1_Pooling");
    make_folder(directory, "2_Dense");
    make_folder(directory, "4_Dense");
    write_text(directory, "modules.json", "[" TRANSFORMER ", " POOLING "]");
    write_text(directory, "1_Pooling/config.json", "{\"word_embedding_dimension\": 2}");
    return 0;
}

static int after(void **state)
{
    (void)state;
    remove_directory(directory);
    return 0;
}

#define WITH_DIRECTORY(test) cmocka_unit_test_setup_teardown(test, before, after)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_DIRECTORY(each_mode_makes_its_vector),
        WITH_DIRECTORY(several_modes_stand_one_behind_the_other),
        WITH_DIRECTORY(a_prompt_can_be_left_out),
        WITH_DIRECTORY(a_dense_layer_is_applied_with_its_activation),
        WITH_DIRECTORY(dense_and_normalize_come_in_any_order_and_number),
        WITH_DIRECTORY(without_modules_json_it_is_the_mean),
        WITH_DIRECTORY(other_modules_are_refused_by_name),
        WITH_DIRECTORY(pooling_that_does_not_fit_is_refused),
        WITH_DIRECTORY(dense_layers_that_do_not_fit_are_refused),
        WITH_DIRECTORY(running_out_of_memory_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
