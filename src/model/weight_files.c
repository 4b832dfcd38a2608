/* weight_files.c: one weights file, or the shards that an index names. */
#include "model/weight_files.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/memory.h"
#include "model/model_file.h"

#define WEIGHTS_FILE "model.safetensors"
#define INDEX_FILE "model.safetensors.index.json"

/* Shards are written at 5 GB each: 64 of them are more than any encoder has. */
enum { SHARDS_MAX = 64 };

struct heddle_weight_files {
    char *folder;
    json_t *index; /* owns the shards' names; NULL where there is one file */
    struct heddle_safetensors *files[SHARDS_MAX];
    const char *names[SHARDS_MAX];
    size_t count;
};

static int open_one(struct heddle_weight_files *files, const char *name, struct heddle_error *error)
{
    char *path = heddle_model_path(files->folder, name);
    if (path == NULL) {
        return heddle_error_out_of_memory(error);
    }
    const int status = heddle_safetensors_open(path, &files->files[files->count], error);
    free(path);
    if (status == HEDDLE_OK) {
        files->names[files->count++] = name;
    }
    return status;
}

/* Index of the shard called `name`, or `count`. */
static size_t shard_of(const struct heddle_weight_files *files, const char *name)
{
    size_t i = 0;
    while (i < files->count && strcmp(files->names[i], name) != 0) {
        i++;
    }
    return i;
}

static int open_shards(struct heddle_weight_files *files, struct heddle_error *error)
{
    HEDDLE_TRY(heddle_model_json_read(files->folder, INDEX_FILE, &files->index, error));
    json_t *map = json_object_get(files->index, "weight_map");
    const char *tensor = NULL;
    json_t *value = NULL;
    if (json_object_size(map) == 0) {
        return heddle_error_set(error, HEDDLE_MODEL, "model file %s/%s has no weight_map: %s", files->folder,
                                INDEX_FILE, HEDDLE_MODEL_REMEDY);
    }
    json_object_foreach(map, tensor, value)
    {
        const char *name = json_string_value(value);
        if (name == NULL || name[0] == '.' || strchr(name, '/') != NULL) {
            return heddle_error_set(error, HEDDLE_MODEL,
                                    "model file %s/%s: tensor %.80s names no file of this folder",
                                    files->folder, INDEX_FILE, tensor);
        }
        if (shard_of(files, name) < files->count) {
            continue;
        }
        if (files->count == SHARDS_MAX) {
            return heddle_error_set(error, HEDDLE_MODEL, "model file %s/%s names over %d files",
                                    files->folder, INDEX_FILE, SHARDS_MAX);
        }
        HEDDLE_TRY(open_one(files, name, error));
    }
    return HEDDLE_OK;
}

static int open_all(struct heddle_weight_files *files, struct heddle_error *error)
{
    if (heddle_model_file_exists(files->folder, WEIGHTS_FILE)) {
        return open_one(files, WEIGHTS_FILE, error);
    }
    if (heddle_model_file_exists(files->folder, INDEX_FILE)) {
        return open_shards(files, error);
    }
    if (heddle_model_file_exists(files->folder, "pytorch_model.bin")) {
        return heddle_error_set(
            error, HEDDLE_MODEL,
            "%s has its weights in pytorch_model.bin, a pickle that may run code when read; only "
            "model.safetensors is supported",
            files->folder);
    }
    return open_one(files, WEIGHTS_FILE, error); /* says what is missing */
}

int heddle_weight_files_open(const char *folder, struct heddle_weight_files **files_out,
                             struct heddle_error *error)
{
    struct heddle_weight_files *files = heddle_calloc(1, sizeof *files);
    if (files == NULL) {
        return heddle_error_out_of_memory(error);
    }
    files->folder = heddle_strdup(folder);
    const int status = files->folder == NULL ? heddle_error_out_of_memory(error) : open_all(files, error);
    if (status != HEDDLE_OK) {
        heddle_weight_files_close(files);
        return status;
    }
    *files_out = files;
    return HEDDLE_OK;
}

void heddle_weight_files_close(struct heddle_weight_files *files)
{
    if (files == NULL) {
        return;
    }
    for (size_t i = 0; i < files->count; i++) {
        heddle_safetensors_close(files->files[i]);
    }
    json_decref(files->index);
    free(files->folder);
    free(files);
}

/* The file that holds `name`: the one that the index says. A tensor that the index does not know is looked for in the first,
 * whose error then names it. */
static const struct heddle_safetensors *file_of(const struct heddle_weight_files *files, const char *name)
{
    const char *shard = json_string_value(json_object_get(json_object_get(files->index, "weight_map"), name));
    const size_t i = shard == NULL ? 0 : shard_of(files, shard);
    return files->files[i];
}

const struct heddle_tensor *heddle_weight_files_find(const struct heddle_weight_files *files,
                                                     const char *name)
{
    return heddle_safetensors_find(file_of(files, name), name);
}

static bool ends_in(const char *text, const char *end)
{
    const size_t length = strlen(text);
    const size_t tail = strlen(end);
    return length >= tail && strcmp(text + length - tail, end) == 0 &&
           (length == tail || text[length - tail - 1] == '.');
}

int heddle_weight_files_find_ending(const struct heddle_weight_files *files, const char *name,
                                    const struct heddle_tensor **tensor_out, struct heddle_error *error)
{
    *tensor_out = NULL;
    for (size_t i = 0; i < files->count; i++) {
        size_t count = 0;
        const struct heddle_tensor *tensors = heddle_safetensors_tensors(files->files[i], &count);
        for (size_t t = 0; t < count; t++) {
            if (!ends_in(tensors[t].name, name)) {
                continue;
            }
            if (*tensor_out != NULL) {
                return heddle_error_set(
                    error, HEDDLE_MODEL,
                    "the weights in %s hold two encoders, %.80s and %.80s; only one is supported",
                    files->folder, (*tensor_out)->name, tensors[t].name);
            }
            *tensor_out = &tensors[t];
        }
    }
    return HEDDLE_OK;
}

int heddle_weight_files_expect(const struct heddle_weight_files *files, const char *name, size_t rows,
                               size_t columns, const struct heddle_tensor **tensor_out,
                               struct heddle_error *error)
{
    return heddle_safetensors_expect(file_of(files, name), name, rows, columns, tensor_out, error);
}

int heddle_weight_files_check_finite(const struct heddle_weight_files *files, const char *name,
                                     const void *values, size_t count, struct heddle_error *error)
{
    if (heddle_floats_are_finite(values, count)) {
        return HEDDLE_OK;
    }
    return heddle_error_set(error, HEDDLE_MODEL,
                            "weights file %s: tensor %.80s holds numbers that are NaN or infinite; %s",
                            heddle_safetensors_path(file_of(files, name)), name, HEDDLE_MODEL_REMEDY);
}

void heddle_weight_files_forget(struct heddle_weight_files *files)
{
    for (size_t i = 0; i < files->count; i++) {
        heddle_safetensors_forget(files->files[i]);
    }
}

const char *heddle_weight_files_folder(const struct heddle_weight_files *files)
{
    return files->folder;
}

size_t heddle_weight_files_bytes(const struct heddle_weight_files *files)
{
    size_t bytes = 0;
    for (size_t i = 0; i < files->count; i++) {
        bytes += heddle_safetensors_bytes(files->files[i]);
    }
    return bytes;
}
