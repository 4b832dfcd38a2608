/* test_weights.c: the weights of an encoder are found under any prefix, in one file or several, and never believed blindly. */
#include "model_fixture.h"

#include <math.h>

#include "model/encoder/weights.h"
#include "model/safetensors.h"

static char *directory;

static const struct heddle_model_config tiny = {
    .layers = TINY_LAYERS,
    .hidden = TINY_WIDTH,
    .heads = 2,
    .head_width = TINY_WIDTH / 2,
    .intermediate = TINY_WIDE,
    .vocabulary = TINY_VOCABULARY,
    .positions = TINY_POSITIONS,
    .token_types = 2,
    .max_tokens = TINY_MAX,
    .layer_norm_epsilon = 1e-12f,
};

enum { SAMPLE = 5 };

static const uint32_t sample[SAMPLE] = {2, 4, 11, 7, 3};

static struct heddle_weights *load(const struct heddle_model_config *config)
{
    struct heddle_weights *weights = NULL;
    struct heddle_error error = {0};
    if (heddle_weights_load(directory, config, &heddle_kernel_scalar, &weights, &error) != HEDDLE_OK) {
        fail_msg("%s", error.message);
    }
    return weights;
}

static void refused(const char *reason)
{
    struct heddle_weights *weights = NULL;
    struct heddle_error error = {0};
    assert_int_equal(heddle_weights_load(directory, &tiny, &heddle_kernel_scalar, &weights, &error),
                     HEDDLE_MODEL);
    assert_null(weights);
    if (strstr(error.message, reason) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", error.message, reason);
    }
}

/* Everything that a load reads, as one number for comparing, and the embeddings of the sample. */
struct print {
    uint64_t bits;
    float rows[SAMPLE][TINY_WIDTH];
};

static struct print print_of(const struct heddle_weights *weights)
{
    struct print print = {0};
    heddle_weights_embed(weights, sample, SAMPLE, print.rows[0]);
    print.bits = heddle_hash_bytes(heddle_weights_embedding_gain(weights), TINY_WIDTH * sizeof(float), 1) ^
                 heddle_hash_bytes(heddle_weights_embedding_bias(weights), TINY_WIDTH * sizeof(float), 2);
    for (size_t i = 0; i < TINY_LAYERS; i++) {
        const struct heddle_layer *layer = heddle_weights_layer(weights, i);
        print.bits ^=
            heddle_hash_bytes(layer->qkv.weights, 3 * TINY_WIDTH * TINY_WIDTH * sizeof(float), 3 + i);
        print.bits ^= heddle_hash_bytes(layer->output_gain, TINY_WIDTH * sizeof(float), 9 + i);
    }
    return print;
}

static void loads_as(const struct print *expected)
{
    struct heddle_weights *weights = load(&tiny);
    const struct print print = print_of(weights);
    assert_true(print.bits == expected->bits);
    assert_memory_equal(print.rows, expected->rows, sizeof print.rows);
    heddle_weights_destroy(weights);
}

static struct print expected_print(void)
{
    write_tiny_weights(directory, "F32");
    struct heddle_weights *weights = load(&tiny);
    const struct print print = print_of(weights);
    heddle_weights_destroy(weights);
    return print;
}

static void whatever_stands_before_the_word_table_stands_before_all(void **state)
{
    (void)state;
    static const char *const prefixes[] = {"bert.",       "roberta.",           "0.auto_model.",
                                           "auto_model.", "model.xlm_roberta.", "0.auto_model.roberta."};
    const struct print expected = expected_print();
    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++) {
        write_tiny_weights_named(directory, prefixes[i], "weight", "bias");
        loads_as(&expected);
    }
    write_tiny_weights_named(directory, "bert.", "gamma", "beta");
    loads_as(&expected);
    write_tiny_weights_named(directory, "wrong", "weight", "bias");
    refused("not a BERT or RoBERTa encoder");
}

static void two_encoders_in_one_file_are_refused(void **state)
{
    (void)state;
    struct weights_file file = {.dtype = "F32", .random = 1};
    add_tensor(&file, "query.embeddings.word_embeddings.weight", TINY_VOCABULARY, TINY_WIDTH, 0);
    add_tensor(&file, "context.embeddings.word_embeddings.weight", TINY_VOCABULARY, TINY_WIDTH, 0);
    write_safetensors(directory, "model.safetensors", &file);
    refused("hold two encoders");
}

/* Puts every other tensor of the tiny model into a second file. */
static void write_shards(void)
{
    static const char *const names[] = {"model-00001-of-00002.safetensors",
                                        "model-00002-of-00002.safetensors"};
    struct weights_file whole = {.dtype = "F32", .random = 7};
    struct weights_file shards[2] = {{.dtype = "F32"}, {.dtype = "F32"}};
    struct heddle_buffer index = {0};
    json_error_t problem;
    add_tiny_tensors(&whole, "", "weight", "bias");
    heddle_buffer_append_text(&whole.header, "}");
    json_t *header = json_loads(heddle_buffer_text(&whole.header), 0, &problem);
    assert_non_null(header);
    const char *name = NULL;
    json_t *entry = NULL;
    size_t number = 0;
    json_object_foreach(header, name, entry)
    {
        struct weights_file *shard = &shards[number % 2];
        const json_t *offsets = json_object_get(entry, "data_offsets");
        const size_t begin = (size_t)json_integer_value(json_array_get(offsets, 0));
        const size_t length = (size_t)json_integer_value(json_array_get(offsets, 1)) - begin;
        char *shape = json_dumps(json_object_get(entry, "shape"), JSON_ENCODE_ANY);
        heddle_buffer_append_format(
            &shard->header, "%s\"%s\": {\"dtype\": \"F32\", \"shape\": %s, \"data_offsets\": [%zu, %zu]}",
            shard->header.length == 0 ? "{" : ", ", name, shape, shard->data.length,
            shard->data.length + length);
        heddle_buffer_append(&shard->data, whole.data.bytes + begin, length);
        heddle_buffer_append_format(&index, "%s\"%s\": \"%s\"", number == 0 ? "{\"weight_map\": {" : ", ",
                                    name, names[number % 2]);
        free(shape);
        number++;
    }
    heddle_buffer_append_text(&index, "}}");
    write_text(directory, "model.safetensors.index.json", heddle_buffer_text(&index));
    write_safetensors(directory, names[0], &shards[0]);
    write_safetensors(directory, names[1], &shards[1]);
    heddle_buffer_free(&index);
    heddle_buffer_free(&whole.header);
    heddle_buffer_free(&whole.data);
    json_decref(header);
}

static void shards_are_one_model(void **state)
{
    (void)state;
    const struct print expected = expected_print();
    write_shards();
    remove_file(directory, "model.safetensors");
    loads_as(&expected);
    remove_file(directory, "model-00002-of-00002.safetensors");
    refused("model-00002-of-00002.safetensors (No such file");
    static const struct {
        const char *index;
        const char *reason;
    } cases[] = {
        {"{}", "has no weight_map"},
        {"{\"weight_map\": {}}", "has no weight_map"},
        {"{\"weight_map\": {\"a\": \"../model.safetensors\"}}", "tensor a names no file of this folder"},
        {"{\"weight_map\": {\"a\": \"/etc/passwd\"}}", "tensor a names no file of this folder"},
        {"{\"weight_map\": {\"a\": 5}}", "tensor a names no file of this folder"},
        {"{\"weight_map\": {\"a\": \"model-00001-of-00002.safetensors\"}}", "is missing"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        write_text(directory, "model.safetensors.index.json", cases[i].index);
        refused(cases[i].reason);
    }
    struct heddle_buffer many = {0};
    for (size_t i = 0; i < 65; i++) {
        char file[32];
        struct weights_file empty = {.dtype = "F32", .random = 1};
        snprintf(file, sizeof file, "%zu.safetensors", i);
        heddle_buffer_append_format(&many, "%s\"%zu\": \"%s\"", i == 0 ? "{\"weight_map\": {" : ", ", i,
                                    file);
        add_tensor(&empty, "x", 1, 0, 0);
        write_safetensors(directory, file, &empty);
    }
    heddle_buffer_append_text(&many, "}}");
    write_text(directory, "model.safetensors.index.json", heddle_buffer_text(&many));
    refused("names over 64 files");
    heddle_buffer_free(&many);
}

/* The data of tensor `name` begins here in the tiny model's file. */
static long data_of(const char *name)
{
    char path[4200];
    struct heddle_safetensors *file = NULL;
    snprintf(path, sizeof path, "%s/model.safetensors", directory);
    assert_int_equal(heddle_safetensors_open(path, &file, NULL), HEDDLE_OK);
    const struct heddle_tensor *tensor = heddle_safetensors_find(file, name);
    assert_non_null(tensor);
    const long offset = (long)tensor->offset;
    heddle_safetensors_close(file);
    return offset;
}

static void overwrite(long offset, const void *bytes, size_t length)
{
    char path[4200];
    snprintf(path, sizeof path, "%s/model.safetensors", directory);
    FILE *stream = fopen(path, "r+b");
    assert_non_null(stream);
    assert_int_equal(fseek(stream, offset, SEEK_SET), 0);
    assert_int_equal(fwrite(bytes, 1, length, stream), length);
    assert_int_equal(fclose(stream), 0);
}

static void a_number_that_is_none_is_refused_with_its_tensor(void **state)
{
    (void)state;
    static const char *const names[] = {"embeddings.word_embeddings.weight",
                                        "embeddings.position_embeddings.weight",
                                        "embeddings.token_type_embeddings.weight",
                                        "embeddings.LayerNorm.weight",
                                        "encoder.layer.0.attention.self.key.weight",
                                        "encoder.layer.1.output.dense.bias",
                                        "encoder.layer.1.intermediate.dense.weight",
                                        "encoder.layer.1.output.LayerNorm.bias",
                                        "encoder.layer.0.attention.output.dense.weight"};
    static const float values[] = {NAN, INFINITY, -INFINITY};
    static const uint16_t halves[] = {0x7e00, 0x7c00, 0xfc00};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        /* the place of the number within the tensor must not matter: blocks of 16 are looked at together, then the rest */
        const long place = (long)(i * 5 % 32);
        write_tiny_weights(directory, "F32");
        overwrite(data_of(names[i]) + place * 4, &values[i % 3], sizeof values[0]);
        refused("holds numbers that are NaN or infinite");
        refused(names[i]);
        write_tiny_weights(directory, "F16");
        overwrite(data_of(names[i]) + place * 2, &halves[i % 3], sizeof halves[0]);
        refused(names[i]);
    }
    write_tiny_weights(directory, "F32");
}

static void a_block_of_floats_is_finite_only_if_all_are(void **state)
{
    (void)state;
    float values[37] = {0};
    values[3] = 3.4e38f;
    values[36] = -1e-45f;
    assert_true(heddle_floats_are_finite(values, 37));
    assert_true(heddle_floats_are_finite(values, 0));
    for (size_t i = 0; i < 37; i++) {
        const float kept = values[i];
        values[i] = i % 2 == 0 ? NAN : -INFINITY;
        assert_false(heddle_floats_are_finite(values, 37));
        assert_true(heddle_floats_are_finite(values, i));
        values[i] = kept;
    }
}

static void word_tables_of_any_type_are_read_in_place(void **state)
{
    (void)state;
    static const char *const types[] = {"F16", "BF16"};
    const struct print expected = expected_print();
    for (size_t i = 0; i < 2; i++) {
        write_tiny_weights(directory, types[i]);
        struct heddle_weights *weights = load(&tiny);
        const struct print print = print_of(weights);
        for (size_t t = 0; t < SAMPLE; t++) {
            for (size_t j = 0; j < TINY_WIDTH; j++) {
                assert_true(fabs((double)print.rows[t][j] - (double)expected.rows[t][j]) < 0.004);
            }
        }
        heddle_weights_destroy(weights);
    }
}

/* One more space in the header moves every tensor to an odd place. */
static void move_tensors_by_one_byte(void)
{
    char path[4200];
    snprintf(path, sizeof path, "%s/model.safetensors", directory);
    struct heddle_buffer moved = {0};
    uint64_t header = 0;
    FILE *stream = fopen(path, "rb");
    assert_non_null(stream);
    assert_int_equal(fread(&header, sizeof header, 1, stream), 1);
    header++;
    heddle_buffer_append(&moved, &header, sizeof header);
    for (int byte = getc(stream); byte != EOF; byte = getc(stream)) {
        if (moved.length == sizeof header + header - 1) {
            heddle_buffer_append_byte(&moved, ' ');
        }
        heddle_buffer_append_byte(&moved, (uint8_t)byte);
    }
    fclose(stream);
    write_bytes(directory, "model.safetensors", moved.bytes, moved.length);
    heddle_buffer_free(&moved);
}

static void weights_that_are_not_aligned_are_read_all_the_same(void **state)
{
    (void)state;
    const struct print expected =
        expected_print(); /* now: the word table stays in the file, which is about to move */
    struct heddle_weights *aligned = load(&tiny);
    move_tensors_by_one_byte();
    assert_int_equal(data_of("encoder.layer.1.output.dense.weight") % 2, 1);
    struct heddle_weights *moved = load(&tiny);
    const size_t words = TINY_WIDTH;
    for (size_t i = 0; i < TINY_LAYERS; i++) {
        const struct heddle_layer *left = heddle_weights_layer(aligned, i);
        const struct heddle_layer *right = heddle_weights_layer(moved, i);
        assert_memory_equal(left->qkv.weights, right->qkv.weights, 3 * words * words * sizeof(float));
        assert_memory_equal(left->mix.weights, right->mix.weights, words * words * sizeof(float));
        assert_memory_equal(left->widen.weights, right->widen.weights, TINY_WIDE * words * sizeof(float));
        assert_memory_equal(left->narrow.weights, right->narrow.weights, TINY_WIDE * words * sizeof(float));
    }
    assert_int_equal(heddle_weights_count(aligned), heddle_weights_count(moved));
    const struct print print = print_of(moved);
    assert_memory_equal(print.rows, expected.rows, sizeof print.rows);
    assert_true(print.bits == expected.bits);
    heddle_weights_destroy(moved);
    heddle_weights_destroy(aligned);
    write_tiny_weights(directory, "F32");
}

static void a_padding_token_in_the_text_does_not_count_in_roberta(void **state)
{
    (void)state;
    struct heddle_model_config config = tiny;
    config.architecture = HEDDLE_ARCHITECTURE_ROBERTA;
    config.first_position = 3;
    config.max_tokens = TINY_POSITIONS - 3;
    write_tiny_weights(directory, "F32");
    struct heddle_weights *bert = load(&tiny);
    struct heddle_weights *roberta = load(&config);
    /* token 2 is the padding here: it stands at position 2, the others at 3, 4, … */
    static const uint32_t ids[] = {4, 2, 5, 2, 2, 6};
    static const size_t positions[] = {3, 2, 4, 2, 2, 5};
    float rows[6][TINY_WIDTH];
    heddle_weights_embed(roberta, ids, 6, rows[0]);
    for (size_t t = 0; t < 6; t++) {
        float all[6][TINY_WIDTH];
        const uint32_t same[] = {ids[t], ids[t], ids[t], ids[t], ids[t], ids[t]};
        heddle_weights_embed(bert, same, 6, all[0]);
        assert_memory_equal(rows[t], all[positions[t]], sizeof rows[t]);
    }
    /* the longest text reaches the last row of the table, and not further: a sanitizer watches */
    uint32_t longest[TINY_POSITIONS];
    float(*many)[TINY_WIDTH] = malloc(sizeof(float[TINY_POSITIONS][TINY_WIDTH]));
    for (size_t i = 0; i < TINY_POSITIONS; i++) {
        longest[i] = 4;
    }
    heddle_weights_embed(roberta, longest, config.max_tokens, many[0]);
    free(many);
    heddle_weights_destroy(bert);
    heddle_weights_destroy(roberta);
}

static int before(void **state)
{
    (void)state;
    directory = make_directory();
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
        WITH_DIRECTORY(whatever_stands_before_the_word_table_stands_before_all),
        WITH_DIRECTORY(two_encoders_in_one_file_are_refused),
        WITH_DIRECTORY(shards_are_one_model),
        WITH_DIRECTORY(a_number_that_is_none_is_refused_with_its_tensor),
        WITH_DIRECTORY(word_tables_of_any_type_are_read_in_place),
        WITH_DIRECTORY(weights_that_are_not_aligned_are_read_all_the_same),
        WITH_DIRECTORY(a_padding_token_in_the_text_does_not_count_in_roberta),
        cmocka_unit_test(a_block_of_floats_is_finite_only_if_all_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
