/* fuzz_model.c: any bytes as the files of a model directory: refused with a reason, or accepted and then usable. Never a crash.
 *
 * An input is a row of files: a byte that chooses the name (below), then the content up to the next byte 0x1e (or, for a weights
 * file, with a 16-bit length before it). They are written into one folder, and everything that reads it is run.
 * libFuzzer's entry; a runner without libFuzzer calls it once for each file of corpus/.
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "model/directory.h"
#include "model/head.h"
#include "model/prompts.h"
#include "model/weight_files.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SEPARATOR = 0x1e, HIDDEN = 4, TOKENS = 3, DIMENSIONS_MAX = 4096, ROOT_MAX = 64, PATH_BYTES = 160 };

static const char *const names[] = {
    "config.json",
    "modules.json",
    "1_Pooling/config.json",
    "2_Dense/config.json",
    "sentence_bert_config.json",
    "config_sentence_transformers.json",
    "model.safetensors.index.json",
    "3_Normalize/config.json",
    "model.safetensors",
    "2_Dense/model.safetensors",
};

enum { NAMES = sizeof names / sizeof names[0], FIRST_WEIGHTS = 8 };

static const char *const folders[] = {"1_Pooling", "2_Dense", "3_Normalize"};

static void path_of(const char *root, const char *name, char path[static PATH_BYTES])
{
    snprintf(path, PATH_BYTES, "%s/%s", root, name);
}

static void write_file(const char *root, const char *name, const uint8_t *bytes, size_t length)
{
    char path[PATH_BYTES];
    path_of(root, name, path);
    FILE *file = fopen(path, "wb");
    if (file == NULL || fwrite(bytes, 1, length, file) != length || fclose(file) != 0) {
        abort();
    }
}

/* Writes the files that an input holds. */
static void write_files(const char *root, const uint8_t *data, size_t size)
{
    size_t at = 0;
    while (at < size) {
        const size_t name = data[at++] % NAMES;
        size_t length = 0;
        if (name >= FIRST_WEIGHTS) {
            length = size - at < 2 ? 0 : (size_t)data[at] | (size_t)data[at + 1] << 8;
            at += size - at < 2 ? size - at : 2;
            length = length < size - at ? length : size - at;
        } else {
            const uint8_t *end = memchr(data + at, SEPARATOR, size - at);
            length = end == NULL ? size - at : (size_t)(end - (data + at));
        }
        write_file(root, names[name], data + at, length);
        at += length + (name < FIRST_WEIGHTS ? 1 : 0);
    }
}

static void check(int status, const struct heddle_error *error)
{
    if (status != HEDDLE_OK && error->message[0] == '\0') {
        abort(); /* refused without a reason */
    }
}

static void try_head(const char *root)
{
    static const float rows[TOKENS * HIDDEN] = {1, 2, 3, 4, -1, 0, 0.5f, 1e9f, 3, 3, 3, 3};
    struct heddle_head *head = NULL;
    struct heddle_error error = {0};
    const int status = heddle_head_load(root, HIDDEN, &head, &error);
    check(status, &error);
    if (status != HEDDLE_OK || heddle_head_dimensions(head) > DIMENSIONS_MAX) {
        heddle_head_destroy(head);
        return;
    }
    float *scratch = malloc((heddle_head_scratch(head) + 1) * sizeof *scratch);
    float *vector = malloc(heddle_head_dimensions(head) * sizeof *vector);
    if (scratch == NULL || vector == NULL) {
        abort();
    }
    for (size_t prompt = 0; prompt <= TOKENS + 1; prompt++) {
        heddle_head_apply(head, rows, TOKENS, prompt, scratch, vector);
    }
    free(scratch);
    free(vector);
    heddle_head_destroy(head);
}

static void try_config(const char *root)
{
    struct heddle_model_config config = {0};
    struct heddle_error error = {0};
    const int status = heddle_model_config_read(root, &config, &error);
    check(status, &error);
    if (status == HEDDLE_OK && (config.max_tokens < 3 || config.heads * config.head_width != config.hidden ||
                                config.first_position + config.max_tokens > config.positions)) {
        abort();
    }
}

static void try_prompts(const char *root)
{
    struct heddle_model_prompts prompts = {0};
    struct heddle_error error = {0};
    check(heddle_model_prompts_read(root, &prompts, &error), &error);
    if (heddle_model_prompts_choose(&prompts, true) == NULL || prompts.count > HEDDLE_PROMPTS_MAX) {
        abort();
    }
    heddle_model_prompts_free(&prompts);
}

/* Reads every number of every tensor that an accepted file has: a sanitizer sees what lies outside. */
static void try_weights(const char *root)
{
    struct heddle_safetensors *file = NULL;
    struct heddle_weight_files *files = NULL;
    struct heddle_error error = {0};
    const struct heddle_tensor *found = NULL;
    char path[PATH_BYTES];
    int status = heddle_weight_files_open(root, &files, &error);
    check(status, &error);
    if (status == HEDDLE_OK) {
        check(heddle_weight_files_expect(files, "a", 2, 3, &found, &error), &error);
        check(heddle_weight_files_find_ending(files, "a", &found, &error), &error);
    }
    heddle_weight_files_close(files);
    path_of(root, "model.safetensors", path);
    status = heddle_safetensors_open(path, &file, &error);
    check(status, &error);
    size_t count = 0;
    const struct heddle_tensor *tensors =
        status == HEDDLE_OK ? heddle_safetensors_tensors(file, &count) : NULL;
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; tensors[i].dtype != HEDDLE_DTYPE_OTHER && j < tensors[i].count; j++) {
            float value = 0;
            heddle_tensor_to_float(&tensors[i], j, 1, &value);
            if (heddle_floats_are_finite(&value, 1) != (isfinite(value) != 0)) {
                abort();
            }
        }
    }
    heddle_safetensors_close(file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char root[ROOT_MAX] = "/tmp/heddle-fuzz-XXXXXX";
    char path[PATH_BYTES];
    if (mkdtemp(root) == NULL) {
        abort();
    }
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        path_of(root, folders[i], path);
        (void)mkdir(path, 0700);
    }
    write_files(root, data, size);
    try_config(root);
    try_head(root);
    try_prompts(root);
    try_weights(root);
    for (size_t i = 0; i < NAMES; i++) {
        path_of(root, names[i], path);
        (void)unlink(path);
    }
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        path_of(root, folders[i], path);
        (void)rmdir(path);
    }
    (void)rmdir(root);
    return 0;
}
