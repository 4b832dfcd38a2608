/* test_directory.c: what a model directory may say, and the sentence for everything it may not. */
#include "model_fixture.h"

#include "model/directory.h"

static char *directory;

/* Writes `whole` with the first `from` replaced by `to` into `file`. */
static void write_changed(const char *file, const char *whole, const char *from, const char *to)
{
    const char *at = strstr(whole, from);
    assert_non_null(at);
    struct heddle_buffer text = {0};
    heddle_buffer_append(&text, whole, (size_t)(at - whole));
    heddle_buffer_append_text(&text, to);
    heddle_buffer_append_text(&text, at + strlen(from));
    write_text(directory, file, heddle_buffer_text(&text));
    heddle_buffer_free(&text);
}

static void refused(const char *file, const char *whole, const char *from, const char *to, const char *reason)
{
    struct heddle_model_config config = {0};
    struct heddle_error error = {0};
    write_changed(file, whole, from, to);
    assert_int_equal(heddle_model_config_read(directory, &config, &error), HEDDLE_MODEL);
    if (strstr(error.message, reason) == NULL || strstr(error.message, file) == NULL) {
        fail_msg("\"%s\" does not say \"%s\" of %s", error.message, reason, file);
    }
    assert_int_equal(config.layers, 0); /* untouched on failure */
    write_text(directory, file, whole);
}

static struct heddle_model_config accepted(void)
{
    struct heddle_model_config config = {0};
    struct heddle_error error = {0};
    if (heddle_model_config_read(directory, &config, &error) != HEDDLE_OK) {
        fail_msg("%s", error.message);
    }
    return config;
}

static void a_right_directory_is_read_in_full(void **state)
{
    (void)state;
    const struct heddle_model_config config = accepted();
    assert_int_equal(config.layers, 2);
    assert_int_equal(config.hidden, 64);
    assert_int_equal(config.heads, 2);
    assert_int_equal(config.head_width, 32);
    assert_int_equal(config.intermediate, 96);
    assert_int_equal(config.vocabulary, 12);
    assert_int_equal(config.positions, 40);
    assert_int_equal(config.max_tokens, 32);
    assert_true(config.layer_norm_epsilon == 1e-12f);
    assert_int_equal(config.first_position, 0);
    assert_string_equal(heddle_architecture_name(config.architecture), "bert");
}

static void encoders_of_another_kind_are_refused_by_name(void **state)
{
    (void)state;
    refused("config.json", TINY_CONFIG, "\"bert\"", "\"distilbert\"",
            "model_type is distilbert; encoders built in are bert, roberta, xlm-roberta and camembert");
    refused("config.json", TINY_CONFIG, "\"bert\"", "\"mpnet\"", "--provider onnx, or through an HTTP");
    refused("config.json", TINY_CONFIG, "\"hidden_act\"", "\"is_decoder\": true, \"hidden_act\"",
            "is_decoder is true");
    static const char *const activations[] = {"relu", "silu", "gelu_fast", "gelu_pytorch_tanh"};
    for (size_t i = 0; i < sizeof activations / sizeof activations[0]; i++) {
        char value[64];
        snprintf(value, sizeof value, "\"%s\"", activations[i]);
        refused("config.json", TINY_CONFIG, "\"gelu\"", value, activations[i]);
    }
    refused("config.json", TINY_CONFIG, "\"gelu\"", "\"gelu_new\"", "hidden_act is gelu_new");
    refused("config.json", TINY_CONFIG, "\"hidden_act\"",
            "\"position_embedding_type\": \"relative_key\", \"hidden_act\"",
            "position_embedding_type is relative_key; only absolute");
    /* what is left when the directory was unpacked flat: the pooling's config.json over the encoder's */
    refused("config.json", TINY_CONFIG, TINY_CONFIG, TINY_POOLING, "model_type is missing");
}

static void roberta_counts_positions_from_its_padding_token(void **state)
{
    (void)state;
    static const char *const names[] = {"roberta", "xlm-roberta", "camembert"};
    remove_file(directory, "sentence_bert_config.json");
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char value[64];
        snprintf(value, sizeof value, "\"%s\"", names[i]);
        write_changed("config.json", TINY_CONFIG, "\"bert\"", value);
        assert_string_equal(heddle_architecture_name(accepted().architecture), names[i]);
        assert_int_equal(accepted().first_position, 2);
        assert_int_equal(accepted().max_tokens, 38);
    }
    write_changed("config.json", TINY_CONFIG, "\"bert\"", "\"roberta\", \"pad_token_id\": 5");
    assert_int_equal(accepted().first_position, 6);
    assert_int_equal(accepted().max_tokens, 34);
    /* the name that early models have for their limit; the first file that has one holds */
    write_text(directory, "sentence_roberta_config.json", "{\"max_seq_length\": 11}");
    assert_int_equal(accepted().max_tokens, 11);
    remove_file(directory, "sentence_roberta_config.json");
    write_text(directory, "config.json", TINY_CONFIG);
    refused("config.json", TINY_CONFIG, "\"bert\"", "\"roberta\", \"pad_token_id\": 39", "pad_token_id");
    refused("config.json", TINY_CONFIG, "\"bert\"", "\"roberta\", \"pad_token_id\": -1", "pad_token_id");
    /* a padding token changes nothing in BERT */
    write_changed("config.json", TINY_CONFIG, "\"bert\"", "\"bert\", \"pad_token_id\": 5");
    assert_int_equal(accepted().first_position, 0);
    write_text(directory, "config.json", TINY_CONFIG);
    write_text(directory, "sentence_bert_config.json", "{\"max_seq_length\": 32}");
}

static void more_tokens_than_the_kernels_take_are_refused(void **state)
{
    (void)state;
    static const char many[] = "\"max_position_embeddings\": 8194";
    static const char at[] = "\"max_position_embeddings\": 40";
    struct heddle_model_config config = {0};
    struct heddle_error error = {0};
    remove_file(directory, "sentence_bert_config.json");
    write_changed("config.json", TINY_CONFIG, at, many);
    assert_int_equal(heddle_model_config_read(directory, &config, &error), HEDDLE_MODEL);
    assert_non_null(strstr(error.message, "8194 tokens; at most 8192"));
    write_text(directory, "sentence_bert_config.json", "{\"max_seq_length\": 8192}");
    assert_int_equal(accepted().max_tokens, 8192);
    write_text(directory, "config.json", TINY_CONFIG);
    write_text(directory, "sentence_bert_config.json", "{\"max_seq_length\": 32}");
}

static void numbers_out_of_range_are_refused(void **state)
{
    (void)state;
    refused("config.json", TINY_CONFIG, "\"hidden_size\": 64", "\"hidden_size\": 48", "multiples of 32");
    refused("config.json", TINY_CONFIG, "\"intermediate_size\": 96", "\"intermediate_size\": 100",
            "multiples of 32");
    refused("config.json", TINY_CONFIG, "\"num_attention_heads\": 2", "\"num_attention_heads\": 3",
            "multiples of 32");
    refused("config.json", TINY_CONFIG, "\"num_attention_heads\": 2", "\"num_attention_heads\": 0",
            "num_attention_heads");
    refused("config.json", TINY_CONFIG, "\"hidden_size\": 64", "\"hidden_size\": 99999999", "hidden_size");
    refused("config.json", TINY_CONFIG, "\"num_hidden_layers\": 2", "\"num_hidden_layers\": -1",
            "num_hidden_layers");
    refused("config.json", TINY_CONFIG, "\"vocab_size\": 12", "\"vocab_size\": \"12\"", "vocab_size");
    refused("config.json", TINY_CONFIG, "\"layer_norm_eps\": 1e-12", "\"layer_norm_eps\": 0",
            "layer_norm_eps");
    refused("config.json", TINY_CONFIG, "\"layer_norm_eps\": 1e-12", "\"layer_norm_eps\": null",
            "layer_norm_eps");
}

static void the_number_of_tokens_comes_from_the_first_file_that_has_it(void **state)
{
    (void)state;
    write_text(directory, "tokenizer_config.json", "{\"model_max_length\": 20}");
    assert_int_equal(accepted().max_tokens, 32);
    remove_file(directory, "sentence_bert_config.json");
    assert_int_equal(accepted().max_tokens, 20);
    /* the library writes 10^30 where there is no limit: a real number, so the positions hold */
    write_text(directory, "tokenizer_config.json",
               "{\"model_max_length\": 1000000000000000019884624838656.0}");
    assert_int_equal(accepted().max_tokens, 40);
    remove_file(directory, "tokenizer_config.json");
    assert_int_equal(accepted().max_tokens, 40);
    write_text(directory, "sentence_bert_config.json", "{\"max_seq_length\": 4000}");
    assert_int_equal(accepted().max_tokens, 40);
    write_text(directory, "sentence_bert_config.json", "{\"max_seq_length\": 32}");
}

static void each_missing_file_is_named_with_the_remedy(void **state)
{
    (void)state;
    static const struct {
        const char *file;
        const char *text;
    } files[] = {{"config.json", TINY_CONFIG}};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        struct heddle_model_config config;
        struct heddle_error error = {0};
        remove_file(directory, files[i].file);
        assert_int_equal(heddle_model_config_read(directory, &config, &error), HEDDLE_MODEL);
        assert_non_null(strstr(error.message, files[i].file));
        assert_non_null(strstr(error.message, "scripts/bootstrap"));
        write_text(directory, files[i].file, files[i].text);
    }
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
        cmocka_unit_test(a_right_directory_is_read_in_full),
        cmocka_unit_test(encoders_of_another_kind_are_refused_by_name),
        cmocka_unit_test(numbers_out_of_range_are_refused),
        cmocka_unit_test(roberta_counts_positions_from_its_padding_token),
        cmocka_unit_test(more_tokens_than_the_kernels_take_are_refused),
        cmocka_unit_test(the_number_of_tokens_comes_from_the_first_file_that_has_it),
        cmocka_unit_test(each_missing_file_is_named_with_the_remedy),
    };
    return cmocka_run_group_tests(tests, before, after);
}
