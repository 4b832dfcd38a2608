/* test_onnx_fake.c: the ONNX engine over a library of the tests' own: what it accepts, what it refuses, what it releases. */
#include "model_fixture.h"

#include <dlfcn.h>
#include <math.h>

enum { TEXTS = 300, WORDS = 5 };

#define FAKE HEDDLE_MODULES_DIR "/fake_onnxruntime.so"

static char *directory;
static int64_t (*live_objects)(void);
static void (*fail_call)(int64_t calls);
static char storage[TEXTS][96];
static struct heddle_embed_text texts[TEXTS];

static const struct heddle_embedder_options ONNX = {.provider = "onnx", .library = FAKE};

static struct heddle_embedder *open_onnx(const char *behaviour)
{
    struct heddle_embedder *embedder = NULL;
    struct heddle_error error = {0};
    assert_int_equal(setenv("HEDDLE_FAKE_ONNX", behaviour, 1), 0);
    if (heddle_embedder_open(directory, &ONNX, &embedder, &error) != HEDDLE_OK) {
        fail_msg("%s", error.message);
    }
    return embedder;
}

static void refused_with(const struct heddle_embedder_options *options, const char *behaviour,
                         const char *reason)
{
    struct heddle_embedder *embedder = NULL;
    struct heddle_error error = {0};
    assert_int_equal(setenv("HEDDLE_FAKE_ONNX", behaviour, 1), 0);
    assert_int_equal(heddle_embedder_open(directory, options, &embedder, &error), HEDDLE_MODEL);
    assert_null(embedder);
    if (strstr(error.message, reason) == NULL || strstr(error.message, directory) == NULL) {
        fail_msg("\"%s\" does not say \"%s\" and %s", error.message, reason, directory);
    }
    assert_int_equal(live_objects(), 0);
}

static void refused(const char *behaviour, const char *reason)
{
    refused_with(&ONNX, behaviour, reason);
}

/* The fake's rule, mean over the tokens, unit length. */
static void expect_vector(const uint32_t *ids, size_t count, bool is_sentence, double *vector)
{
    double squares = 0;
    for (size_t k = 0; k < TINY_WIDTH; k++) {
        vector[k] = 0;
        for (size_t t = 0; t < (is_sentence ? 1 : count); t++) {
            vector[k] +=
                ((double)((31 * ids[t] + 7 * k) % 97) / 97.0 - 0.5) / (is_sentence ? 1 : (double)count);
        }
        squares += vector[k] * vector[k];
    }
    for (size_t k = 0; k < TINY_WIDTH && !is_sentence; k++) {
        vector[k] /= sqrt(squares);
    }
}

static void check_all(const char *behaviour, bool is_sentence)
{
    struct heddle_embedder *embedder = open_onnx(behaviour);
    struct heddle_embedder_worker *worker = NULL;
    struct heddle_embed_status *status = calloc(TEXTS, sizeof *status);
    float *vectors = calloc(TEXTS * TINY_WIDTH, sizeof *vectors);
    assert_true(status != NULL && vectors != NULL);
    assert_int_equal(heddle_embedder_dimensions(embedder), TINY_WIDTH);
    assert_int_equal(heddle_embedder_worker_create(embedder, &worker, NULL), HEDDLE_OK);
    assert_int_equal(heddle_embedder_embed(worker, texts, TEXTS, vectors, status, NULL), HEDDLE_OK);
    size_t cut = 0;
    for (size_t i = 0; i < TEXTS; i++) {
        const uint32_t *ids = NULL;
        size_t count = 0;
        double expected[TINY_WIDTH];
        assert_int_equal(
            heddle_embedder_tokenize(worker, texts[i].text, texts[i].length, &ids, &count, NULL, NULL),
            HEDDLE_OK);
        expect_vector(ids, count, is_sentence, expected);
        assert_int_equal(status[i].tokens, count);
        cut += status[i].truncated;
        for (size_t k = 0; k < TINY_WIDTH; k++) {
            assert_true(fabs(expected[k] - (double)vectors[i * TINY_WIDTH + k]) < 1e-5);
        }
    }
    assert_true(cut > 0);
    free(status);
    free(vectors);
    heddle_embedder_worker_destroy(worker);
    heddle_embedder_close(embedder);
    assert_int_equal(live_objects(), 0);
}

static void each_text_gets_its_own_vector_whatever_its_length_and_neighbours(void **state)
{
    (void)state;
    check_all("", false);
}

static void int32_inputs_positions_and_a_free_width_are_served(void **state)
{
    (void)state;
    check_all("int32", false);
    check_all("positions", false);
    check_all("int32 positions free_width", false);
}

static void an_output_called_sentence_embedding_is_the_vector(void **state)
{
    (void)state;
    check_all("sentence", true);
    struct heddle_embedder *embedder = open_onnx("sentence");
    struct heddle_embedder_info info;
    heddle_embedder_describe(embedder, &info);
    assert_string_equal(info.pooling, "in the model file");
    assert_false(info.normalized);
    heddle_embedder_close(embedder);
}

static void what_opens_says_what_it_is(void **state)
{
    (void)state;
    struct heddle_embedder *embedder = open_onnx("");
    struct heddle_embedder_info info;
    heddle_embedder_describe(embedder, &info);
    assert_string_equal(info.provider, "onnx");
    assert_string_equal(info.kernel, "onnxruntime 1.99.0");
    assert_string_equal(info.architecture, "mystery");
    assert_string_equal(info.pooling, "mean");
    assert_true(info.normalized);
    assert_int_equal(info.max_tokens, TINY_MAX);
    assert_int_equal(info.file_bytes, 10);
    heddle_embedder_close(embedder);
}

static void models_that_are_not_understood_are_refused_with_the_reason(void **state)
{
    (void)state;
    refused("strange_input", "pixel_values");
    refused("float_input", "element type 1");
    refused("no_output", "no output sentence_embedding");
    refused("wide", "rank 3, last dimension 65, not rank 3 and 64");
    refused("flat", "rank 2");
    refused("short", "another shape");
    refused("doubles", "another shape");
    refused("nan", "NaN");
}

static void libraries_that_are_missing_strange_or_old_are_refused_with_the_remedy(void **state)
{
    (void)state;
    struct heddle_embedder_options options = ONNX;
    options.library = "/nowhere/libonnxruntime.so";
    refused_with(&options, "", "there is no ONNX Runtime at /nowhere/libonnxruntime.so; install");
    options.library = directory;
    refused_with(&options, "", "there is no ONNX Runtime at");
    options.library = HEDDLE_MODULES_DIR "/not_onnxruntime.so";
    refused_with(&options, "", "it has no OrtGetApiBase");
    char path[4200];
    snprintf(path, sizeof path, "%s/model.onnx", directory);
    options.library = path;
    refused_with(&options, "", "cannot be loaded");
    refused("old", "is ONNX Runtime 1.4.0; heddle needs 1.16 or later");
}

static void a_folder_with_the_library_will_do(void **state)
{
    (void)state;
    char path[4200];
    snprintf(path, sizeof path, "%s/libonnxruntime.so.1.99.0", directory);
    assert_int_equal(symlink(FAKE, path), 0);
    struct heddle_embedder_options options = ONNX;
    options.library = directory;
    struct heddle_embedder *embedder = NULL;
    assert_int_equal(setenv("HEDDLE_FAKE_ONNX", "", 1), 0);
    assert_int_equal(heddle_embedder_open(directory, &options, &embedder, NULL), HEDDLE_OK);
    heddle_embedder_close(embedder);
    assert_int_equal(remove(path), 0);
}

static void a_directory_without_a_model_file_is_refused(void **state)
{
    (void)state;
    remove_file(directory, "model.onnx");
    refused("", "no model.onnx");
}

/* Opens, embeds; the answer of the first that fails. */
static int whole_way(struct heddle_error *error)
{
    struct heddle_embedder *embedder = NULL;
    struct heddle_embedder_worker *worker = NULL;
    static float vectors[8 * TINY_WIDTH];
    int status = heddle_embedder_open(directory, &ONNX, &embedder, error);
    status = status == HEDDLE_OK ? heddle_embedder_worker_create(embedder, &worker, error) : status;
    status = status == HEDDLE_OK ? heddle_embedder_embed(worker, texts, 8, vectors, NULL, error) : status;
    heddle_embedder_worker_destroy(worker);
    heddle_embedder_close(embedder);
    return status;
}

static void every_call_that_fails_is_an_error_with_its_message_and_leaves_nothing_behind(void **state)
{
    (void)state;
    int64_t call = 0;
    int status = HEDDLE_MODEL;
    assert_int_equal(setenv("HEDDLE_FAKE_ONNX", "positions", 1), 0);
    for (; status != HEDDLE_OK && call < 500; call++) {
        struct heddle_error error = {0};
        fail_call(call);
        status = whole_way(&error);
        fail_call(-1);
        assert_int_equal(live_objects(), 0);
        if (status != HEDDLE_OK) {
            assert_int_equal(status, HEDDLE_MODEL);
            assert_non_null(strstr(error.message, "the fake was told to fail"));
        }
    }
    assert_int_equal(status, HEDDLE_OK);
    assert_true(call > 60);
}

static void every_allocation_that_fails_is_an_error_and_no_leak(void **state)
{
    (void)state;
    int64_t failing = 0;
    int status = HEDDLE_OUT_OF_MEMORY;
    assert_int_equal(setenv("HEDDLE_FAKE_ONNX", "", 1), 0);
    for (; status != HEDDLE_OK && failing < 1000; failing++) {
        heddle_memory_fail_at(failing);
        status = whole_way(NULL);
        heddle_memory_fail_at(-1);
        assert_int_equal(live_objects(), 0);
    }
    assert_int_equal(status, HEDDLE_OK);
    assert_true(failing > 20);
}

/* Different texts of the tiny vocabulary, one of them too long. */
static void make_texts(void)
{
    static const char *const words[WORDS] = {"pumps", "valve", "leaking", "a", "pump"};
    uint64_t random = 5;
    for (size_t i = 0; i < TEXTS; i++) {
        size_t length = 0;
        for (uint64_t left = heddle_random_below(&random, 9); left > 0; left--) {
            length += (size_t)snprintf(storage[i] + length, sizeof storage[i] - length, "%s ",
                                       words[heddle_random_below(&random, WORDS)]);
        }
        texts[i] = (struct heddle_embed_text){storage[i], length};
    }
    static const char longest[] =
        "a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a";
    texts[7] = (struct heddle_embed_text){longest, sizeof longest - 1};
}

static int start(void **state)
{
    (void)state;
    void *fake = dlopen(FAKE, RTLD_NOW | RTLD_LOCAL);
    assert_non_null(fake);
    void *symbol = dlsym(fake, "fake_onnx_live");
    memcpy(&live_objects, &symbol, sizeof symbol);
    symbol = dlsym(fake, "fake_onnx_arm");
    memcpy(&fail_call, &symbol, sizeof symbol);
    directory = make_tiny_model();
    remove_file(directory, "model.safetensors"); /* nothing of it is needed */
    write_text(directory, "model.onnx", "not read\r\n");
    write_text(directory, "config.json",
               "{\"model_type\": \"mystery\", \"hidden_size\": 64, \"max_position_embeddings\": 40}");
    make_texts();
    return 0;
}

static int end(void **state)
{
    (void)state;
    remove_file(directory, "model.onnx");
    remove_directory(directory);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_text_gets_its_own_vector_whatever_its_length_and_neighbours),
        TEST(int32_inputs_positions_and_a_free_width_are_served),
        TEST(an_output_called_sentence_embedding_is_the_vector),
        TEST(what_opens_says_what_it_is),
        TEST(models_that_are_not_understood_are_refused_with_the_reason),
        TEST(libraries_that_are_missing_strange_or_old_are_refused_with_the_remedy),
        TEST(a_folder_with_the_library_will_do),
        TEST(a_directory_without_a_model_file_is_refused),
        TEST(every_call_that_fails_is_an_error_with_its_message_and_leaves_nothing_behind),
        TEST(every_allocation_that_fails_is_an_error_and_no_leak),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
