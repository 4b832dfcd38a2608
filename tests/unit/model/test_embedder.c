/* test_embedder.c: the contract of model.h on a tiny model: every machine can run it, without the real weights. */
#include "model_fixture.h"

#include "model/encoder/kernel.h"

#include <math.h>
#include <pthread.h>

static char *directory;

static struct heddle_embedder *open_embedder(const char *kernel)
{
    const struct heddle_embedder_options options = {.kernel = kernel};
    struct heddle_embedder *embedder = NULL;
    struct heddle_error error = {0};
    if (heddle_embedder_open(directory, &options, &embedder, &error) != HEDDLE_OK) {
        fail_msg("%s", error.message);
    }
    return embedder;
}

static struct heddle_embedder_worker *make_worker(const struct heddle_embedder *embedder)
{
    struct heddle_embedder_worker *worker = NULL;
    assert_int_equal(heddle_embedder_worker_create(embedder, &worker, NULL), HEDDLE_OK);
    return worker;
}

static struct heddle_embed_text text_of(const char *text)
{
    return (struct heddle_embed_text){text, strlen(text)};
}

/* Calls `check` with an embedder for each kernel that this CPU runs. */
static void with_each_kernel(void (*check)(struct heddle_embedder *embedder))
{
    const char *const *kernels = heddle_embedder_kernel_names();
    size_t checked = 0;
    for (size_t i = 0; kernels[i] != NULL; i++) {
        if (!heddle_embedder_kernel_runs(kernels[i])) {
            print_message("%s: skipped, this CPU cannot run it\n", kernels[i]);
            continue;
        }
        struct heddle_embedder *embedder = open_embedder(kernels[i]);
        check(embedder);
        heddle_embedder_close(embedder);
        checked++;
    }
    assert_true(checked >= 1);
}

static void an_embedder_says_what_it_is(void **state)
{
    (void)state;
    struct heddle_embedder_info info;
    struct heddle_embedder *embedder = open_embedder("scalar");
    heddle_embedder_describe(embedder, &info);
    assert_string_equal(info.kernel, "scalar");
    assert_string_equal(info.precision, "fp32");
    assert_string_equal(info.pooling, "mean");
    assert_string_equal(info.architecture, "bert");
    assert_string_equal(info.name, strrchr(directory, '/') + 1);
    assert_string_equal(heddle_embedder_name(embedder), info.name);
    assert_string_equal(heddle_embedder_kernel(embedder), "scalar");
    assert_int_equal(heddle_embedder_precision(embedder), HEDDLE_PRECISION_FP32);
    assert_true(info.normalized);
    assert_int_equal(info.dimensions, TINY_WIDTH);
    assert_int_equal(heddle_embedder_dimensions(embedder), TINY_WIDTH);
    assert_int_equal(info.layers, TINY_LAYERS);
    assert_int_equal(info.intermediate, TINY_WIDE);
    assert_int_equal(info.vocabulary, TINY_VOCABULARY);
    assert_int_equal(info.max_tokens, TINY_MAX);
    assert_int_equal(heddle_embedder_max_tokens(embedder), TINY_MAX);
    const uint64_t layer = 4 * (64 * 64 + 64) + (96 * 64 + 96) + (64 * 96 + 64) + 4 * 64;
    assert_int_equal(info.parameters, (12 + 40 + 2) * 64 + 2 * 64 + 2 * layer);
    assert_true(info.packed_bytes >= 2 * layer * 4 && info.file_bytes >= info.parameters * 4);
    heddle_embedder_close(embedder);
}

static double norm_of(const float *vector)
{
    double squares = 0;
    for (size_t i = 0; i < TINY_WIDTH; i++) {
        squares += (double)vector[i] * (double)vector[i];
    }
    return sqrt(squares);
}

static void check_statuses(struct heddle_embedder *embedder)
{
    static const char too_long[] = "a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a";
    const struct heddle_embed_text texts[] = {
        text_of("pumps leaking"),
        {NULL, 0},
        text_of(""),
        text_of(" \t\u3000\u00a0"),
        {"\xff\xfe", 2},
        text_of(too_long),
        text_of("pumps leaking"),
        text_of("  pumps leaking\n"),
        text_of("valve"),
        {"caf\xc3", 4},
    };
    enum { COUNT = sizeof texts / sizeof texts[0] };
    float vectors[COUNT][TINY_WIDTH];
    struct heddle_embed_status status[COUNT];
    struct heddle_embed_statistics statistics;
    struct heddle_embedder_worker *worker = make_worker(embedder);
    assert_int_equal(heddle_embedder_embed(worker, texts, COUNT, vectors[0], status, NULL), HEDDLE_OK);
    static const uint32_t tokens[COUNT] = {6, 0, 2, 2, 2, TINY_MAX, 6, 6, 3, 3};
    static const uint32_t replaced[COUNT] = {[4] = 2, [9] = 1};
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal(status[i].tokens, tokens[i]);
        assert_int_equal(status[i].truncated, i == 5);
        assert_int_equal(status[i].no_text, i >= 1 && i <= 3);
        assert_int_equal(status[i].result, HEDDLE_EMBED_DONE);
        assert_int_equal(status[i].replaced, replaced[i]);
        assert_true(fabs(norm_of(vectors[i]) - (tokens[i] == 0 ? 0 : 1)) < 1e-6);
    }
    assert_memory_equal(vectors[6], vectors[0], sizeof vectors[0]);
    assert_memory_equal(vectors[7], vectors[0], sizeof vectors[0]);
    assert_memory_equal(vectors[3], vectors[2], sizeof vectors[0]);
    assert_memory_not_equal(vectors[8], vectors[0], sizeof vectors[0]);
    heddle_embedder_worker_statistics(worker, &statistics);
    assert_int_equal(statistics.texts, COUNT);
    assert_int_equal(statistics.texts_embedded, 6);
    assert_int_equal(statistics.texts_folded, 3);
    assert_int_equal(statistics.tokens, 6 + 2 + 2 + TINY_MAX + 3 + 3);
    assert_int_equal(statistics.truncated, 1);
    assert_int_equal(statistics.no_text, 3);
    assert_int_equal(statistics.failed, 0);
    assert_int_equal(statistics.repaired, 2);
    assert_int_equal(statistics.texts,
                     statistics.texts_embedded + statistics.texts_folded + 1 + statistics.failed);
    heddle_embedder_worker_destroy(worker);
}

/* Opens the tiny model through a link at `path` below `parent` and expects the name. */
static void named(const char *parent, const char *path, const char *name)
{
    char link[4200];
    struct heddle_embedder *embedder = NULL;
    snprintf(link, sizeof link, "%s/%s", parent, path);
    assert_int_equal(symlink(directory, link), 0);
    assert_int_equal(heddle_embedder_open(link, NULL, &embedder, NULL), HEDDLE_OK);
    assert_string_equal(heddle_embedder_name(embedder), name);
    heddle_embedder_close(embedder);
    snprintf(link, sizeof link, "%s/%s///", parent, path);
    assert_int_equal(heddle_embedder_open(link, NULL, &embedder, NULL), HEDDLE_OK);
    assert_string_equal(heddle_embedder_name(embedder), name);
    heddle_embedder_close(embedder);
}

static void a_snapshot_of_a_hugging_face_cache_is_called_by_its_model(void **state)
{
    (void)state;
    char *parent = make_directory();
    make_folder(parent, "models--org--tiny-v2");
    make_folder(parent, "models--org--tiny-v2/snapshots");
    make_folder(parent, "models--org--tiny-v2/blobs");
    make_folder(parent, "models--tiny");
    make_folder(parent, "models--tiny/snapshots");
    make_folder(parent, "models--");
    make_folder(parent, "models--/snapshots");
    make_folder(parent, "snapshots");
    named(parent, "models--org--tiny-v2/snapshots/86741b4e3f5c", "tiny-v2");
    named(parent, "models--tiny/snapshots/86741b4e3f5c", "tiny");
    named(parent, "models--/snapshots/86741b4e3f5c", "86741b4e3f5c");
    named(parent, "models--org--tiny-v2/blobs/86741b4e3f5c", "86741b4e3f5c");
    named(parent, "models--org--tiny-v2/86741b4e3f5c", "86741b4e3f5c");
    named(parent, "snapshots/86741b4e3f5c", "86741b4e3f5c");
    remove_directory(parent);
}

static void each_text_gets_its_vector_and_its_status(void **state)
{
    (void)state;
    with_each_kernel(check_statuses);
}

static void nothing_to_embed_is_fine_and_status_may_be_left_out(void **state)
{
    (void)state;
    struct heddle_embedder *embedder = open_embedder(NULL);
    struct heddle_embedder_worker *worker = make_worker(embedder);
    assert_int_equal(heddle_embedder_embed(worker, NULL, 0, NULL, NULL, NULL), HEDDLE_OK);
    float vector[TINY_WIDTH];
    const struct heddle_embed_text text = text_of("pump");
    assert_int_equal(heddle_embedder_embed(worker, &text, 1, vector, NULL, NULL), HEDDLE_OK);
    assert_true(fabs(norm_of(vector) - 1) < 1e-6);
    heddle_embedder_worker_destroy(worker);
    heddle_embedder_close(embedder);
}

static void tokens_can_be_asked_for(void **state)
{
    (void)state;
    struct heddle_embedder *embedder = open_embedder(NULL);
    struct heddle_embedder_worker *worker = make_worker(embedder);
    struct heddle_embed_status status;
    const uint32_t *ids = NULL;
    size_t count = 0;
    assert_int_equal(heddle_embedder_tokenize(worker, " Pumps. ", 8, &ids, &count, &status, NULL), HEDDLE_OK);
    assert_int_equal(count, 5);
    assert_memory_equal(ids, ((uint32_t[]){2, 4, 5, 9, 3}), 5 * sizeof ids[0]);
    assert_int_equal(status.tokens, 5);
    assert_int_equal(heddle_embedder_tokenize(worker, NULL, 0, &ids, &count, NULL, NULL), HEDDLE_INVALID);
    heddle_embedder_worker_destroy(worker);
    heddle_embedder_close(embedder);
}

/* ---- bit-identity ---- */

enum { MANY = SANITIZED ? 100 : 300, WORDS_MAX = 45, THREADS = 3 };

struct many {
    char words[MANY][WORDS_MAX * 6 + 8];
    struct heddle_embed_text texts[MANY];
    float alone[MANY][TINY_WIDTH];
    float together[MANY][TINY_WIDTH];
};

static struct many *make_many(void)
{
    static const char *const words[] = {"pump", "valve", "leak", "a", "as", "x"};
    struct many *many = calloc(1, sizeof *many);
    uint64_t random = 11;
    assert_non_null(many);
    for (size_t i = 0; i < MANY; i++) {
        size_t length = 0;
        const size_t count = heddle_random_below(&random, WORDS_MAX);
        for (size_t word = 0; word < count; word++) {
            length += (size_t)snprintf(many->words[i] + length, sizeof many->words[i] - length, "%s ",
                                       words[heddle_random_below(&random, 6)]);
        }
        many->texts[i] = (struct heddle_embed_text){many->words[i], length};
    }
    return many;
}

struct share {
    const struct heddle_embedder *embedder;
    struct many *many;
    size_t first; /* takes first, first + THREADS, … in batches of several */
    bool failed;
};

static void *embed_share(void *argument)
{
    struct share *share = argument;
    struct heddle_embedder_worker *worker = NULL;
    struct heddle_embed_text texts[MANY];
    float(*vectors)[TINY_WIDTH] = calloc(MANY, sizeof *vectors);
    size_t count = 0;
    share->failed =
        vectors == NULL || heddle_embedder_worker_create(share->embedder, &worker, NULL) != HEDDLE_OK;
    for (size_t i = share->first; i < MANY; i += THREADS) {
        texts[count++] = share->many->texts[i];
    }
    share->failed =
        share->failed || heddle_embedder_embed(worker, texts, count, vectors[0], NULL, NULL) != HEDDLE_OK;
    for (size_t i = 0; !share->failed && i < count; i++) {
        memcpy(share->many->together[share->first + i * THREADS], vectors[i], sizeof vectors[i]);
    }
    free(vectors);
    heddle_embedder_worker_destroy(worker);
    return NULL;
}

static void embed_on_threads(const struct heddle_embedder *embedder, struct many *many)
{
    pthread_t threads[THREADS];
    struct share shares[THREADS];
    for (size_t i = 0; i < THREADS; i++) {
        shares[i] = (struct share){embedder, many, i, false};
        assert_int_equal(pthread_create(&threads[i], NULL, embed_share, &shares[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        assert_false(shares[i].failed);
    }
}

static void check_same_bits(struct heddle_embedder *embedder)
{
    struct many *many = make_many();
    struct heddle_embedder_worker *worker = make_worker(embedder);
    for (size_t i = 0; i < MANY; i++) {
        assert_int_equal(heddle_embedder_embed(worker, &many->texts[i], 1, many->alone[i], NULL, NULL),
                         HEDDLE_OK);
    }
    /* all at once */
    assert_int_equal(heddle_embedder_embed(worker, many->texts, MANY, many->together[0], NULL, NULL),
                     HEDDLE_OK);
    assert_memory_equal(many->together, many->alone, sizeof many->alone);
    /* backwards, in batches of 7: other neighbours, other places in the group */
    memset(many->together, 0, sizeof many->together);
    for (size_t i = 0; i < MANY; i += 7) {
        struct heddle_embed_text texts[7];
        float vectors[7][TINY_WIDTH];
        const size_t count = MANY - i < 7 ? MANY - i : 7;
        for (size_t j = 0; j < count; j++) {
            texts[j] = many->texts[MANY - 1 - i - j];
        }
        assert_int_equal(heddle_embedder_embed(worker, texts, count, vectors[0], NULL, NULL), HEDDLE_OK);
        for (size_t j = 0; j < count; j++) {
            memcpy(many->together[MANY - 1 - i - j], vectors[j], sizeof vectors[j]);
        }
    }
    assert_memory_equal(many->together, many->alone, sizeof many->alone);
    memset(many->together, 0, sizeof many->together);
    embed_on_threads(embedder, many);
    assert_memory_equal(many->together, many->alone, sizeof many->alone);
    heddle_embedder_worker_destroy(worker);
    free(many);
}

static void a_text_has_the_same_bits_in_any_batch_order_and_thread(void **state)
{
    (void)state;
    with_each_kernel(check_same_bits);
}

/* ---- weights ---- */

static void embed_one(float vector[static TINY_WIDTH])
{
    const struct heddle_embed_text text = text_of("pump valve leaking.");
    struct heddle_embedder *embedder = open_embedder(NULL);
    struct heddle_embedder_worker *worker = make_worker(embedder);
    assert_int_equal(heddle_embedder_embed(worker, &text, 1, vector, NULL, NULL), HEDDLE_OK);
    heddle_embedder_worker_destroy(worker);
    heddle_embedder_close(embedder);
}

static void half_and_bfloat_weights_give_nearly_the_same_vector(void **state)
{
    (void)state;
    static const struct {
        const char *dtype;
        double cosine;
    } cases[] = {{"F16", 0.9999}, {"BF16", 0.999}};
    float full[TINY_WIDTH];
    embed_one(full);
    for (size_t i = 0; i < 2; i++) {
        float vector[TINY_WIDTH];
        double cosine = 0;
        write_tiny_weights(directory, cases[i].dtype);
        embed_one(vector);
        for (size_t j = 0; j < TINY_WIDTH; j++) {
            cosine += (double)vector[j] * (double)full[j];
        }
        assert_true(cosine > cases[i].cosine && cosine < 1.0000001);
        assert_memory_not_equal(vector, full, sizeof full);
    }
    write_tiny_weights(directory, "F32");
}

static void cls_pooling_and_no_normalize_are_honoured(void **state)
{
    (void)state;
    float mean[TINY_WIDTH];
    float cls[TINY_WIDTH];
    embed_one(mean);
    write_text(directory, "1_Pooling/config.json",
               "{\"word_embedding_dimension\": 64, \"pooling_mode_cls_token\": true}");
    embed_one(cls);
    assert_true(fabs(norm_of(cls) - 1) < 1e-6);
    assert_memory_not_equal(cls, mean, sizeof mean);
    write_text(directory, "modules.json",
               "[{\"path\": \"\", \"type\": \"sentence_transformers.models.Transformer\"},"
               "{\"path\": \"1_Pooling\", \"type\": \"sentence_transformers.models.Pooling\"}]");
    float raw[TINY_WIDTH];
    embed_one(raw);
    const double norm = norm_of(raw);
    assert_true(fabs(norm - 1) > 0.01);
    for (size_t i = 0; i < TINY_WIDTH; i++) {
        assert_true(fabs((double)raw[i] / norm - (double)cls[i]) < 1e-6);
    }
    write_text(directory, "modules.json", TINY_MODULES);
    write_text(directory, "1_Pooling/config.json", TINY_POOLING);
}

/* ---- refusals ---- */

static void refused(const struct heddle_embedder_options *options, int status, const char *reason)
{
    struct heddle_embedder *embedder = NULL;
    struct heddle_error error = {0};
    assert_int_equal(heddle_embedder_open(directory, options, &embedder, &error), status);
    assert_null(embedder);
    if (strstr(error.message, reason) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", error.message, reason);
    }
    if (status == HEDDLE_MODEL) {
        assert_non_null(strstr(error.message, directory));
    }
}

static void kernels_and_precisions_that_are_not_there_are_refused(void **state)
{
    (void)state;
    refused(&(struct heddle_embedder_options){.kernel = "mmx"}, HEDDLE_INVALID, "no kernel mmx");
    refused(&(struct heddle_embedder_options){.precision = HEDDLE_PRECISION_BF16, .kernel = "scalar"},
            HEDDLE_INVALID, "not in bf16");
}

static enum heddle_precision precision_in_the_name(const char *kernel)
{
    const char *end = strrchr(kernel, '_');
    enum heddle_precision precision = HEDDLE_PRECISION_FP32;
    (void)(end != NULL && heddle_precision_parse(end + 1, &precision));
    return precision;
}

static void a_kernel_asked_for_by_name_brings_its_own_precision(void **state)
{
    (void)state;
    const char *const *kernels = heddle_embedder_kernel_names();
    for (size_t i = 0; kernels[i] != NULL; i++) {
        if (heddle_embedder_kernel_runs(kernels[i])) {
            struct heddle_embedder *embedder = open_embedder(kernels[i]);
            assert_string_equal(heddle_embedder_kernel(embedder), kernels[i]);
            assert_int_equal(heddle_embedder_precision(embedder), precision_in_the_name(kernels[i]));
            heddle_embedder_close(embedder);
        }
    }
}

static void auto_is_bf16_where_that_is_fast_and_never_int8(void **state)
{
    (void)state;
    bool bf16_is_fast = false;
    for (const struct heddle_kernel *const *each = heddle_kernels(); *each != NULL; each++) {
        bf16_is_fast = bf16_is_fast ||
                       ((*each)->precision == HEDDLE_PRECISION_BF16 && (*each)->runs() && (*each)->is_fast());
    }
    struct heddle_embedder *embedder = open_embedder(NULL);
    assert_int_equal(heddle_embedder_precision(embedder),
                     bf16_is_fast ? HEDDLE_PRECISION_BF16 : HEDDLE_PRECISION_FP32);
    heddle_embedder_close(embedder);
}

static void precisions_have_one_name_each(void **state)
{
    (void)state;
    enum heddle_precision precision = HEDDLE_PRECISION_AUTO;
    assert_true(heddle_precision_parse("int8", &precision));
    assert_int_equal(precision, HEDDLE_PRECISION_INT8);
    assert_string_equal(heddle_precision_name(precision), "int8");
    assert_false(heddle_precision_parse("fp64", &precision));
    assert_false(heddle_precision_parse("", &precision));
}

static void weights_that_are_missing_or_cut_short_are_named_with_the_remedy(void **state)
{
    (void)state;
    remove_file(directory, "model.safetensors");
    refused(NULL, HEDDLE_MODEL, "model.safetensors");
    refused(NULL, HEDDLE_MODEL, "scripts/bootstrap");
    write_text(directory, "pytorch_model.bin", "");
    refused(NULL, HEDDLE_MODEL, "pytorch_model.bin");
    write_text(directory, "model.safetensors", "version https://git-lfs.github.com/spec/v1\n");
    refused(NULL, HEDDLE_MODEL, "damaged or cut short");
    write_tiny_weights(directory, "F32");
    char path[4200];
    snprintf(path, sizeof path, "%s/model.safetensors", directory);
    assert_int_equal(truncate(path, 20000), 0);
    refused(NULL, HEDDLE_MODEL, "scripts/bootstrap");
    write_tiny_weights(directory, "F32");
}

static void files_of_different_models_are_refused(void **state)
{
    (void)state;
    write_text(directory, "vocab.txt", "[UNK]\n[CLS]\n[SEP]\na\nb\nc\nd\ne\nf\ng\nh\ni\nj\n");
    remove_file(directory, "tokenizer.json");
    refused(NULL, HEDDLE_MODEL, "highest id is 12, but config.json says vocab_size 12");
    write_text(directory, "tokenizer.json", TINY_TOKENIZER);
    struct heddle_buffer config = {0};
    const char *at = strstr(TINY_CONFIG, "12}");
    heddle_buffer_append(&config, TINY_CONFIG, (size_t)(at - TINY_CONFIG));
    heddle_buffer_append_text(&config, "2000}");
    write_text(directory, "config.json", heddle_buffer_text(&config));
    heddle_buffer_free(&config);
    refused(NULL, HEDDLE_MODEL, "highest id is 11, but config.json says vocab_size 2000");
    write_text(directory, "config.json", TINY_CONFIG);
    struct weights_file file = {.dtype = "F32", .random = 1};
    add_tensor(&file, "embeddings.word_embeddings.weight", TINY_VOCABULARY, TINY_WIDTH / 2, 0);
    write_safetensors(directory, "model.safetensors", &file);
    refused(NULL, HEDDLE_MODEL, "another shape than config.json says (12 x 64 expected)");
    file = (struct weights_file){.dtype = "F32", .random = 1};
    add_tensor(&file, "bert.embeddings.word_embeddings.weight", TINY_VOCABULARY, TINY_WIDTH, 0);
    write_safetensors(directory, "model.safetensors", &file);
    refused(NULL, HEDDLE_MODEL, "tensor bert.embeddings.position_embeddings.weight is missing");
    file = (struct weights_file){.dtype = "F32", .random = 1};
    add_tensor(&file, "conv1.weight", 4, 4, 0);
    write_safetensors(directory, "model.safetensors", &file);
    refused(NULL, HEDDLE_MODEL, "not a BERT or RoBERTa encoder");
    write_tiny_weights(directory, "F32");
}

/* One token ("pump") behind a prompt of two ("a valve"): without them the first token is "pump", not [CLS]. */
static void a_model_that_leaves_its_prompt_out_is_told_the_prompt(void **state)
{
    (void)state;
    static const char *const included[] = {"true", "false"};
    float vectors[2][TINY_WIDTH];
    for (size_t i = 0; i < 2; i++) {
        char pooling[256];
        snprintf(pooling, sizeof pooling,
                 "{\"embedding_dimension\": 64, \"pooling_mode\": \"cls\", \"include_prompt\": %s}",
                 included[i]);
        write_text(directory, "1_Pooling/config.json", pooling);
        const struct heddle_embedder_options options = {.kernel = "scalar", .prompt = "a valve "};
        struct heddle_embedder *embedder = NULL;
        assert_int_equal(heddle_embedder_open(directory, &options, &embedder, NULL), HEDDLE_OK);
        struct heddle_embedder_worker *worker = make_worker(embedder);
        const struct heddle_embed_text text = text_of("pump");
        struct heddle_embed_status status;
        assert_int_equal(heddle_embedder_embed(worker, &text, 1, vectors[i], &status, NULL), HEDDLE_OK);
        assert_int_equal(status.tokens, 5);
        heddle_embedder_worker_destroy(worker);
        heddle_embedder_close(embedder);
    }
    assert_memory_not_equal(vectors[0], vectors[1], sizeof vectors[0]);
    const struct heddle_embedder_options options = {.kernel = "scalar", .prompt = "\xff"};
    struct heddle_embedder *embedder = NULL;
    assert_int_equal(heddle_embedder_open(directory, &options, &embedder, NULL), HEDDLE_INVALID);
    write_text(directory, "1_Pooling/config.json", TINY_POOLING);
}

static void a_directory_that_is_not_there_is_named(void **state)
{
    (void)state;
    struct heddle_embedder *embedder = NULL;
    struct heddle_error error = {0};
    assert_int_equal(heddle_embedder_open("/nowhere/model", NULL, &embedder, &error), HEDDLE_MODEL);
    assert_non_null(strstr(error.message, "no model directory /nowhere/model"));
    heddle_embedder_close(NULL);
    heddle_embedder_worker_destroy(NULL);
}

/* Opens, makes a worker and embeds, with allocation number `fail_at` failing. */
static int whole_road(int64_t fail_at)
{
    const struct heddle_embed_text texts[] = {text_of("pump"), text_of("a\u302e"), text_of("pump")};
    struct heddle_embedder *embedder = NULL;
    struct heddle_embedder_worker *worker = NULL;
    float vectors[3][TINY_WIDTH];
    heddle_memory_fail_at(fail_at);
    int status = heddle_embedder_open(directory, NULL, &embedder, NULL);
    if (status == HEDDLE_OK) {
        status = heddle_embedder_worker_create(embedder, &worker, NULL);
    }
    if (status == HEDDLE_OK) {
        status = heddle_embedder_embed(worker, texts, 3, vectors[0], NULL, NULL);
    }
    heddle_memory_fail_at(-1);
    heddle_embedder_worker_destroy(worker);
    heddle_embedder_close(embedder);
    return status;
}

static void running_out_of_memory_anywhere_is_reported_and_leaves_nothing(void **state)
{
    (void)state;
    int64_t failures = 0;
    int status = HEDDLE_OUT_OF_MEMORY;
    while (status != HEDDLE_OK) {
        status = whole_road(failures);
        assert_true(status == HEDDLE_OK || status == HEDDLE_OUT_OF_MEMORY);
        failures += status != HEDDLE_OK;
    }
    print_message("%d allocations made to fail\n", (int)failures);
    assert_true(failures > 30);
}

static int before(void **state)
{
    (void)state;
    directory = make_tiny_model();
    return 0;
}

static int after(void **state)
{
    (void)state;
    remove_directory(directory);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_embedder_says_what_it_is),
        cmocka_unit_test(a_snapshot_of_a_hugging_face_cache_is_called_by_its_model),
        cmocka_unit_test(each_text_gets_its_vector_and_its_status),
        cmocka_unit_test(nothing_to_embed_is_fine_and_status_may_be_left_out),
        cmocka_unit_test(tokens_can_be_asked_for),
        cmocka_unit_test(a_text_has_the_same_bits_in_any_batch_order_and_thread),
        cmocka_unit_test(half_and_bfloat_weights_give_nearly_the_same_vector),
        cmocka_unit_test(cls_pooling_and_no_normalize_are_honoured),
        cmocka_unit_test(kernels_and_precisions_that_are_not_there_are_refused),
        cmocka_unit_test(a_kernel_asked_for_by_name_brings_its_own_precision),
        cmocka_unit_test(auto_is_bf16_where_that_is_fast_and_never_int8),
        cmocka_unit_test(precisions_have_one_name_each),
        cmocka_unit_test(weights_that_are_missing_or_cut_short_are_named_with_the_remedy),
        cmocka_unit_test(files_of_different_models_are_refused),
        cmocka_unit_test(a_model_that_leaves_its_prompt_out_is_told_the_prompt),
        cmocka_unit_test(a_directory_that_is_not_there_is_named),
        cmocka_unit_test(running_out_of_memory_anywhere_is_reported_and_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, before, after);
}
