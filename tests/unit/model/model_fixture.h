/* model_fixture.h: a tiny model made on the spot, the real one where it is installed, and the golden texts.
 *
 * The tiny model has random weights from a seed and a vocabulary of a few words; it proves everything that does not
 * need the real weights, on every machine. Tests of the real model skip (77) where its directory is missing.
 */
#ifndef HEDDLE_TESTS_UNIT_MODEL_MODEL_FIXTURE_H
#define HEDDLE_TESTS_UNIT_MODEL_MODEL_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <ftw.h>
#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <heddle/embed.h>

#include "base/buffer.h"
#include "base/hash.h"
#include "base/memory.h"

enum { SKIPPED = 77 };

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { SANITIZED = 1 };
#else
enum { SANITIZED = 0 };
#endif

/* ---- files ---- */

/* A fresh directory below TMPDIR; the caller removes it with remove_directory(). */
static inline char *make_directory(void)
{
    const char *parent = getenv("TMPDIR");
    char *path = malloc(4096);
    assert_non_null(path);
    snprintf(path, 4096, "%s/heddle-model-XXXXXX", parent == NULL ? "/tmp" : parent);
    assert_non_null(mkdtemp(path));
    return path;
}

static inline void write_bytes(const char *directory, const char *file, const void *bytes, size_t length)
{
    char path[4200];
    snprintf(path, sizeof path, "%s/%s", directory, file);
    FILE *stream = fopen(path, "wb");
    assert_non_null(stream);
    assert_int_equal(fwrite(bytes, 1, length, stream), length);
    assert_int_equal(fclose(stream), 0);
}

static inline void write_text(const char *directory, const char *file, const char *text)
{
    write_bytes(directory, file, text, strlen(text));
}

static inline void remove_file(const char *directory, const char *file)
{
    char path[4200];
    snprintf(path, sizeof path, "%s/%s", directory, file);
    (void)remove(path);
}

static inline int remove_entry(const char *path, const struct stat *about, int kind, struct FTW *place)
{
    (void)about;
    (void)kind;
    (void)place;
    return remove(path);
}

/* Removes a model directory with all in it, and frees its path. */
static inline void remove_directory(char *directory)
{
    assert_int_equal(nftw(directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS), 0);
    free(directory);
}

/* A folder in a directory. */
static inline void make_folder(const char *directory, const char *folder)
{
    char path[4200];
    snprintf(path, sizeof path, "%s/%s", directory, folder);
    assert_int_equal(mkdir(path, 0700), 0);
}

/* ---- the tiny model ---- */

#define TINY_TOKENS                                                                                          \
    "\"[PAD]\": 0, \"[UNK]\": 1, \"[CLS]\": 2, \"[SEP]\": 3, \"pump\": 4, \"##s\": 5, \"valve\": 6, "        \
    "\"leak\": 7, "                                                                                          \
    "\"##ing\": 8, \".\": 9, \"a\": 10, \"##a\": 11"

#define TINY_TOKENIZER                                                                                       \
    "{\"added_tokens\": [{\"id\": 2, \"content\": \"[CLS]\"}, {\"id\": 3, \"content\": \"[SEP]\"}],"         \
    "\"normalizer\": {\"type\": \"BertNormalizer\", \"clean_text\": true, \"handle_chinese_chars\": true,"   \
    "\"strip_accents\": null, \"lowercase\": true}, \"pre_tokenizer\": {\"type\": \"BertPreTokenizer\"},"    \
    "\"post_processor\": {\"type\": \"TemplateProcessing\", \"single\": [{\"SpecialToken\": {\"id\": "       \
    "\"[CLS]\","                                                                                             \
    "\"type_id\": 0}}, {\"Sequence\": {\"id\": \"A\", \"type_id\": 0}}, {\"SpecialToken\": {\"id\": "        \
    "\"[SEP]\","                                                                                             \
    "\"type_id\": 0}}]}, \"model\": {\"type\": \"WordPiece\", \"unk_token\": \"[UNK]\","                     \
    "\"continuing_subword_prefix\": \"##\", \"max_input_chars_per_word\": 100, \"vocab\": {" TINY_TOKENS     \
    "}}}"

enum {
    TINY_WIDTH = 64,
    TINY_WIDE = 96,
    TINY_LAYERS = 2,
    TINY_VOCABULARY = 12,
    TINY_POSITIONS = 40,
    TINY_MAX = 32
};

struct weights_file {
    struct heddle_buffer header;
    struct heddle_buffer data;
    const char *dtype;
    uint64_t random;
};

/* Adds a tensor (columns 0: a vector) of random numbers around `centre`. */
static inline void add_tensor(struct weights_file *file, const char *name, size_t rows, size_t columns,
                              double centre)
{
    const size_t begin = file->data.length;
    const size_t count = rows * (columns == 0 ? 1 : columns);
    for (size_t i = 0; i < count; i++) {
        const float value = (float)(centre + (heddle_random_unit(&file->random) - 0.5) * 0.3);
        uint32_t bits = 0;
        memcpy(&bits, &value, sizeof bits);
        if (strcmp(file->dtype, "F32") == 0) {
            heddle_buffer_append(&file->data, &value, sizeof value);
        } else if (strcmp(file->dtype, "BF16") == 0) {
            const uint16_t word = (uint16_t)(bits >> 16);
            heddle_buffer_append(&file->data, &word, sizeof word);
        } else {
            /* binary16 by truncation; the numbers here are normal or so small that 0 will do */
            const int exponent = (int)(bits >> 23 & 0xff) - 127 + 15;
            const uint32_t sign = bits >> 16 & 0x8000;
            const uint16_t word = exponent <= 0
                                      ? (uint16_t)sign
                                      : (uint16_t)(sign | (uint32_t)exponent << 10 | (bits >> 13 & 0x3ff));
            heddle_buffer_append(&file->data, &word, sizeof word);
        }
    }
    heddle_buffer_append_format(&file->header, "%s\"%s\": {\"dtype\": \"%s\", \"shape\": [%zu",
                                file->header.length == 0 ? "{" : ", ", name, file->dtype, rows);
    if (columns != 0) {
        heddle_buffer_append_format(&file->header, ", %zu", columns);
    }
    heddle_buffer_append_format(&file->header, "], \"data_offsets\": [%zu, %zu]}", begin, file->data.length);
}

/* NAME.PARTS[0] and NAME.PARTS[1]: a matrix (inputs 0: a vector) and a bias. */
static inline void add_module(struct weights_file *file, const char *name, const char *const parts[2],
                              size_t outputs, size_t inputs, double centre)
{
    char full[200];
    snprintf(full, sizeof full, "%s.%s", name, parts[0]);
    add_tensor(file, full, outputs, inputs, centre);
    snprintf(full, sizeof full, "%s.%s", name, parts[1]);
    add_tensor(file, full, outputs, 0, 0);
}

static const char *const plain_parts[2] = {"weight", "bias"};

static inline void add_layer(struct weights_file *file, const char *prefix, const char *const norm_parts[2],
                             size_t layer)
{
    static const struct {
        const char *name;
        size_t outputs;
        size_t inputs;
    } modules[] = {
        {"attention.self.query", TINY_WIDTH, TINY_WIDTH}, {"attention.self.key", TINY_WIDTH, TINY_WIDTH},
        {"attention.self.value", TINY_WIDTH, TINY_WIDTH}, {"attention.output.dense", TINY_WIDTH, TINY_WIDTH},
        {"attention.output.LayerNorm", TINY_WIDTH, 0},    {"intermediate.dense", TINY_WIDE, TINY_WIDTH},
        {"output.dense", TINY_WIDTH, TINY_WIDE},          {"output.LayerNorm", TINY_WIDTH, 0}};
    for (size_t i = 0; i < sizeof modules / sizeof modules[0]; i++) {
        char name[160];
        const bool is_norm = modules[i].inputs == 0;
        snprintf(name, sizeof name, "%sencoder.layer.%zu.%s", prefix, layer, modules[i].name);
        add_module(file, name, is_norm ? norm_parts : plain_parts, modules[i].outputs, modules[i].inputs,
                   modules[i].inputs == 0 ? 1 : 0);
    }
}

/* Length of the header, header, data. */
static inline void write_safetensors(const char *directory, const char *name, struct weights_file *file)
{
    struct heddle_buffer all = {0};
    heddle_buffer_append_text(&file->header, "}");
    while (file->header.length % 8 != 0) {
        heddle_buffer_append_text(&file->header, " ");
    }
    const uint64_t length = file->header.length;
    heddle_buffer_append(&all, &length, sizeof length);
    heddle_buffer_append(&all, file->header.bytes, file->header.length);
    heddle_buffer_append(&all, file->data.bytes, file->data.length);
    assert_int_equal(heddle_buffer_check(&all, NULL), HEDDLE_OK);
    write_bytes(directory, name, all.bytes, all.length);
    heddle_buffer_free(&all);
    heddle_buffer_free(&file->header);
    heddle_buffer_free(&file->data);
}

/* All tensors of the tiny model, with `prefix` before each name and these names of LayerNorm's parts. */
static inline void add_tiny_tensors(struct weights_file *file, const char *prefix, const char *gain,
                                    const char *bias)
{
    static const struct {
        const char *name;
        size_t rows;
    } tables[] = {{"word", TINY_VOCABULARY}, {"position", TINY_POSITIONS}, {"token_type", 2}};
    const char *const norm_parts[2] = {gain, bias};
    char name[160];
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        snprintf(name, sizeof name, "%sembeddings.%s_embeddings.weight", prefix, tables[i].name);
        add_tensor(file, name, tables[i].rows, TINY_WIDTH, 0);
    }
    snprintf(name, sizeof name, "%sembeddings.LayerNorm", prefix);
    add_module(file, name, norm_parts, TINY_WIDTH, 0, 1);
    for (size_t i = 0; i < TINY_LAYERS; i++) {
        add_layer(file, prefix, norm_parts, i);
    }
}

static inline void write_tiny_weights(const char *directory, const char *dtype)
{
    struct weights_file file = {.dtype = dtype, .random = 7};
    add_tiny_tensors(&file, "", "weight", "bias");
    write_safetensors(directory, "model.safetensors", &file);
}

static inline void write_tiny_weights_named(const char *directory, const char *prefix, const char *gain,
                                            const char *bias)
{
    struct weights_file file = {.dtype = "F32", .random = 7};
    add_tiny_tensors(&file, prefix, gain, bias);
    write_safetensors(directory, "model.safetensors", &file);
}

#define TINY_CONFIG                                                                                          \
    "{\"model_type\": \"bert\", \"hidden_act\": \"gelu\", \"hidden_size\": 64, \"intermediate_size\": 96,"   \
    "\"layer_norm_eps\": 1e-12, \"max_position_embeddings\": 40, \"num_attention_heads\": 2,"                \
    "\"num_hidden_layers\": 2, \"type_vocab_size\": 2, \"vocab_size\": 12}"

#define TINY_MODULES                                                                                         \
    "[{\"idx\": 0, \"name\": \"0\", \"path\": \"\", \"type\": "                                              \
    "\"sentence_transformers.models.Transformer\"},"                                                         \
    "{\"idx\": 1, \"name\": \"1\", \"path\": \"1_Pooling\", \"type\": "                                      \
    "\"sentence_transformers.models.Pooling\"},"                                                             \
    "{\"idx\": 2, \"name\": \"2\", \"path\": \"2_Normalize\", \"type\": "                                    \
    "\"sentence_transformers.models.Normalize\"}]"

#define TINY_POOLING                                                                                         \
    "{\"word_embedding_dimension\": 64, \"pooling_mode_cls_token\": false, \"pooling_mode_mean_tokens\": "   \
    "true}"

/* A whole model directory. */
static inline char *make_tiny_model(void)
{
    char *directory = make_directory();
    make_folder(directory, "1_Pooling");
    write_text(directory, "config.json", TINY_CONFIG);
    write_text(directory, "modules.json", TINY_MODULES);
    write_text(directory, "1_Pooling/config.json", TINY_POOLING);
    write_text(directory, "sentence_bert_config.json", "{\"max_seq_length\": 32, \"do_lower_case\": false}");
    write_text(directory, "tokenizer.json", TINY_TOKENIZER);
    write_tiny_weights(directory, "F32");
    return directory;
}

/* ---- the real model ---- */

/* Its directory, or NULL with the reason printed. */
static inline const char *real_model(void)
{
    const char *directory = getenv("HEDDLE_MODEL_DIR");
    if (directory == NULL) {
        directory = "build/deps/models/all-MiniLM-L6-v2";
    }
    char path[4200];
    snprintf(path, sizeof path, "%s/model.safetensors", directory);
    if (access(path, R_OK) != 0) {
        print_message("skipped: no model in %s (run scripts/bootstrap, or set HEDDLE_MODEL_DIR)\n",
                      directory);
        return NULL;
    }
    return directory;
}

enum { GOLDEN_TEXTS = 400, GOLDEN_WIDTH = 384 };

struct golden {
    json_t *rows[GOLDEN_TEXTS]; /* owns texts and ids */
    struct heddle_embed_text texts[GOLDEN_TEXTS];
    float vectors[GOLDEN_TEXTS][GOLDEN_WIDTH];
};

/* .npy version 1: magic, two version bytes, u16 header length, header, data. */
static inline void read_golden_vectors(struct golden *golden)
{
    uint8_t start[10];
    FILE *stream = fopen("tests/golden/embed/vectors.npy", "rb");
    assert_non_null(stream);
    assert_int_equal(fread(start, 1, sizeof start, stream), sizeof start);
    assert_memory_equal(start, "\x93NUMPY\x01", 7);
    char header[256] = {0};
    const size_t length = (size_t)start[8] | (size_t)start[9] << 8;
    assert_true(length < sizeof header);
    assert_int_equal(fread(header, 1, length, stream), length);
    assert_non_null(strstr(header, "'<f4'"));
    assert_non_null(strstr(header, "'fortran_order': False"));
    assert_non_null(strstr(header, "(400, 384)"));
    assert_int_equal(fread(golden->vectors, sizeof golden->vectors, 1, stream), 1);
    fclose(stream);
}

static inline struct golden *read_golden(void)
{
    struct golden *golden = calloc(1, sizeof *golden);
    FILE *stream = fopen("tests/golden/embed/golden.jsonl", "rb");
    assert_non_null(golden);
    assert_non_null(stream);
    char *line = NULL;
    size_t capacity = 0;
    size_t count = 0;
    for (ssize_t length = 0; (length = getline(&line, &capacity, stream)) > 0; count++) {
        assert_true(count < GOLDEN_TEXTS);
        json_error_t problem;
        golden->rows[count] = json_loadb(line, (size_t)length, JSON_ALLOW_NUL, &problem);
        const json_t *text = json_object_get(golden->rows[count], "text");
        assert_true(json_is_string(text));
        golden->texts[count] = (struct heddle_embed_text){json_string_value(text), json_string_length(text)};
    }
    assert_int_equal(count, GOLDEN_TEXTS);
    free(line);
    fclose(stream);
    read_golden_vectors(golden);
    return golden;
}

static inline void free_golden(struct golden *golden)
{
    for (size_t i = 0; i < GOLDEN_TEXTS; i++) {
        json_decref(golden->rows[i]);
    }
    free(golden);
}

#endif
