/* test_onnx_runtime.c: the ONNX engine over the real ONNX Runtime, on files made from the weights that the native engine reads.
 *
 * Needs the Python packages onnx, numpy and onnxruntime in build/deps/venv-bench; skipped (77) where they are not.
 */
#include "model_fixture.h"

#include <glob.h>
#include <limits.h>
#include <math.h>

#define VENV "build/deps/venv-bench"

enum { TEXTS = 500, WORDS = 5 };

static char *directory;
static char storage[TEXTS][128];
static struct heddle_embed_text texts[TEXTS];

static bool has(const char *pattern)
{
    glob_t found = {0};
    const bool is_there = glob(pattern, 0, NULL, &found) == 0 && found.gl_pathc > 0;
    globfree(&found);
    return is_there;
}

/* Writes `out` from the model in `model`; quoted, for paths with blanks. */
static void export_onnx(const char *model, const char *out, const char *words)
{
    char command[9000];
    snprintf(command, sizeof command, VENV "/bin/python tests/support/export_onnx.py '%s' '%s' %s", model,
             out, words);
    assert_int_equal(system(command), 0);
}

static struct heddle_embedder *open_model(const char *model, const struct heddle_embedder_options *options)
{
    struct heddle_embedder *embedder = NULL;
    struct heddle_error error = {0};
    if (heddle_embedder_open(model, options, &embedder, &error) != HEDDLE_OK) {
        fail_msg("%s", error.message);
    }
    return embedder;
}

static const struct heddle_embedder_options ONNX = {.provider = "onnx", .library = VENV};
static const struct heddle_embedder_options NATIVE = {.precision = HEDDLE_PRECISION_FP32};

static double cosine(const float *a, const float *b, size_t width)
{
    double product = 0;
    double squares_a = 0;
    double squares_b = 0;
    for (size_t i = 0; i < width; i++) {
        product += (double)a[i] * (double)b[i];
        squares_a += (double)a[i] * (double)a[i];
        squares_b += (double)b[i] * (double)b[i];
    }
    return product / sqrt(squares_a * squares_b);
}

/* Embeds all texts both ways: the same tokens, and vectors that point the same way. */
static void assert_agrees(const char *words, size_t threads)
{
    char path[4200];
    snprintf(path, sizeof path, "%s/onnx/model.onnx", directory);
    export_onnx(directory, path, words);
    struct heddle_embedder *native = open_model(directory, &NATIVE);
    struct heddle_embedder *onnx = open_model(directory, &ONNX);
    struct heddle_embed_status *status[2] = {calloc(TEXTS, sizeof **status), calloc(TEXTS, sizeof **status)};
    float *vectors[2] = {calloc(TEXTS * TINY_WIDTH, sizeof **vectors),
                         calloc(TEXTS * TINY_WIDTH, sizeof **vectors)};
    assert_int_equal(heddle_embedder_embed_all(native, 1, texts, TEXTS, vectors[0], status[0], NULL, NULL),
                     HEDDLE_OK);
    assert_int_equal(
        heddle_embedder_embed_all(onnx, threads, texts, TEXTS, vectors[1], status[1], NULL, NULL), HEDDLE_OK);
    for (size_t i = 0; i < TEXTS; i++) {
        assert_int_equal(status[1][i].result, HEDDLE_EMBED_DONE);
        assert_int_equal(status[1][i].tokens, status[0][i].tokens);
        assert_int_equal(status[1][i].truncated, status[0][i].truncated);
        assert_true(cosine(vectors[0] + i * TINY_WIDTH, vectors[1] + i * TINY_WIDTH, TINY_WIDTH) > 0.99999);
    }
    struct heddle_embedder_info info;
    heddle_embedder_describe(onnx, &info);
    assert_string_equal(info.provider, "onnx");
    assert_true(info.normalized);
    assert_int_equal(strncmp(info.kernel, "onnxruntime 1.", 14), 0);
    for (size_t i = 0; i < 2; i++) {
        free(status[i]);
        free(vectors[i]);
    }
    heddle_embedder_close(native);
    heddle_embedder_close(onnx);
}

static void a_tiny_model_agrees_with_the_native_engine_whatever_the_file_asks_for(void **state)
{
    (void)state;
    assert_agrees("", 1);
    assert_agrees("int32 positions", 1);
    assert_agrees("sentence", 1);
}

static void threads_share_one_session(void **state)
{
    (void)state;
    assert_agrees("", 3);
}

static void an_architecture_that_the_encoder_does_not_know_runs(void **state)
{
    (void)state;
    char path[4200];
    snprintf(path, sizeof path, "%s/onnx/model.onnx", directory);
    export_onnx(directory, path, "");
    write_text(directory, "config.json", "{\"model_type\": \"deberta-v9\", \"max_position_embeddings\": 40}");
    struct heddle_embedder *embedder = NULL;
    assert_int_equal(heddle_embedder_open(directory, &NATIVE, &embedder, NULL), HEDDLE_MODEL);
    embedder = open_model(directory, &ONNX);
    assert_int_equal(heddle_embedder_dimensions(embedder), TINY_WIDTH);
    heddle_embedder_close(embedder);
}

static void a_file_that_is_no_model_is_refused_in_the_librarys_words(void **state)
{
    (void)state;
    struct heddle_embedder *embedder = NULL;
    struct heddle_error error = {0};
    write_text(directory, "onnx/model.onnx", "this is no model");
    assert_int_equal(heddle_embedder_open(directory, &ONNX, &embedder, &error), HEDDLE_MODEL);
    assert_non_null(strstr(error.message, "ONNX Runtime: "));
    assert_non_null(strstr(error.message, "onnx/model.onnx"));
}

static void the_real_model_gives_the_golden_vectors(void **state)
{
    (void)state;
    const char *model = real_model();
    if (model == NULL || SANITIZED) {
        print_message("skipped: the real model, which takes too long under a sanitizer, or is not there\n");
        skip();
    }
    static const char *const links[] = {"config.json", "modules.json", "sentence_bert_config.json",
                                        "tokenizer.json", "1_Pooling"};
    char *linked = make_directory();
    char from[PATH_MAX];
    char to[4200];
    char here[PATH_MAX];
    assert_non_null(realpath(model, here));
    for (size_t i = 0; i < sizeof links / sizeof links[0]; i++) {
        snprintf(from, sizeof from, "%.2000s/%s", here, links[i]);
        snprintf(to, sizeof to, "%s/%s", linked, links[i]);
        assert_int_equal(symlink(from, to), 0);
    }
    snprintf(to, sizeof to, "%s/model.onnx", linked);
    export_onnx(here, to, "");
    struct golden *golden = read_golden();
    struct heddle_embedder *onnx = open_model(linked, &ONNX);
    float(*vectors)[GOLDEN_WIDTH] = calloc(GOLDEN_TEXTS, sizeof *vectors);
    assert_non_null(vectors);
    assert_int_equal(
        heddle_embedder_embed_all(onnx, 2, golden->texts, GOLDEN_TEXTS, vectors[0], NULL, NULL, NULL),
        HEDDLE_OK);
    double worst = 1;
    for (size_t i = 0; i < GOLDEN_TEXTS; i++) {
        worst = fmin(worst, cosine(vectors[i], golden->vectors[i], GOLDEN_WIDTH));
    }
    print_message("cosine to the golden vectors: at least %.8f\n", worst);
    assert_true(worst > 0.99999);
    heddle_embedder_close(onnx);
    free_golden(golden);
    free(vectors);
    remove_file(linked, "model.onnx");
    for (size_t i = 0; i < sizeof links / sizeof links[0]; i++) {
        remove_file(linked, links[i]);
    }
    assert_int_equal(rmdir(linked), 0);
    free(linked);
}

/* Texts of the tiny vocabulary of all lengths, one of them too long. */
static void make_texts(void)
{
    static const char *const words[WORDS] = {"pumps", "valve", "leaking", "a", "pump"};
    uint64_t random = 5;
    for (size_t i = 0; i < TEXTS; i++) {
        size_t length = 0;
        for (uint64_t left = heddle_random_below(&random, 13); left > 0; left--) {
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
    char path[4200];
    directory = make_tiny_model();
    snprintf(path, sizeof path, "%s/onnx", directory);
    assert_int_equal(mkdir(path, 0700), 0);
    make_texts();
    return 0;
}

static int end(void **state)
{
    (void)state;
    remove_file(directory, "onnx/model.onnx");
    remove_file(directory, "onnx");
    remove_directory(directory);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, end)

int main(void)
{
    if (!has(VENV "/lib/python3*/site-packages/onnxruntime/capi/libonnxruntime.so*") ||
        !has(VENV "/lib/python3*/site-packages/onnx/__init__.py")) {
        printf("skipped: no onnx and onnxruntime in " VENV "\n");
        return SKIPPED;
    }
    const struct CMUnitTest tests[] = {
        TEST(a_tiny_model_agrees_with_the_native_engine_whatever_the_file_asks_for),
        TEST(threads_share_one_session),
        TEST(an_architecture_that_the_encoder_does_not_know_runs),
        TEST(a_file_that_is_no_model_is_refused_in_the_librarys_words),
        TEST(the_real_model_gives_the_golden_vectors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
