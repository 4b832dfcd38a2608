/* model_fetch_url.c: a model from a web server that hands out its files under their own names. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/folder.h"
#include "net/http.h"
#include "run/models/model_fetch_parts.h"

enum { SMALL_BYTES_MAX = 256 * 1024 * 1024 }; /* a vocabulary of a million pieces has some 30 MB */

struct download {
    const struct heddle_model_fetching *fetching;
    struct heddle_http_client *client;
    const char *root;
    const char *file; /* under way, for progress */
};

static void tell(void *context, uint64_t received, uint64_t total)
{
    const struct download *download = context;
    const struct heddle_model_fetch_options *options = download->fetching->options;
    if (options->progress != NULL) {
        options->progress(options->context, download->file, received, total);
    }
}

/* Fetches BASE/file to ROOT/file. A file that is not there is no failure where `optional`; *found_out tells. */
static int fetch(struct download *download, const char *file, bool optional, bool *found_out,
                 struct heddle_error *error)
{
    const char *base = download->fetching->options->from;
    const size_t length = strlen(base);
    const char *url = heddle_arena_format(download->fetching->arena, "%s%s%s", base,
                                          length > 0 && base[length - 1] == '/' ? "" : "/", file);
    const char *path = heddle_arena_format(download->fetching->arena, "%s/%s", download->root, file);
    if (url == NULL || path == NULL) {
        return heddle_error_out_of_memory(error);
    }
    const char *ending = strrchr(file, '.');
    const bool is_weights = ending != NULL && strcmp(ending, ".safetensors") == 0;
    const struct heddle_http_request request = {.url = url,
                                                .redirects = HEDDLE_HTTP_REDIRECTS_ANY,
                                                .response_bytes_max = is_weights ? 0 : SMALL_BYTES_MAX};
    struct heddle_error reason = {0};
    download->file = file;
    const int status = heddle_http_download(download->client, &request, path, tell, download, &reason);
    *found_out = status == HEDDLE_OK;
    if (status == HEDDLE_PROTOCOL && optional && strcmp(reason.code, "404") == 0) {
        return HEDDLE_OK;
    }
    if (status != HEDDLE_OK) {
        heddle_error_prefix(&reason, "%s", file);
        if (error != NULL) {
            *error = reason;
        }
    }
    return status;
}

/* The values of `key` over the items of a JSON file (an array of objects, or an object of texts). */
static json_t *read_json(struct download *download, const char *file)
{
    const char *path = heddle_arena_format(download->fetching->arena, "%s/%s", download->root, file);
    return path == NULL ? NULL : json_load_file(path, 0, NULL);
}

/* 1_Pooling, 2_Dense, …: the folders that modules.json names, each with its configuration and perhaps weights. */
static int fetch_modules(struct download *download, struct heddle_error *error)
{
    json_t *modules = read_json(download, "modules.json");
    size_t i = 0;
    json_t *module = NULL;
    int status = HEDDLE_OK;
    json_array_foreach(modules, i, module)
    {
        const char *folder = json_string_value(json_object_get(module, "path"));
        bool found = false;
        if (status != HEDDLE_OK || folder == NULL || !heddle_model_is_plain_name(folder)) {
            continue; /* "": the model's own folder; anything odd is refused when the model is opened */
        }
        const char *place = heddle_arena_format(download->fetching->arena, "%s/%s", download->root, folder);
        const char *config = heddle_arena_format(download->fetching->arena, "%s/config.json", folder);
        const char *weights = heddle_arena_format(download->fetching->arena, "%s/model.safetensors", folder);
        status = place == NULL || config == NULL || weights == NULL ? heddle_error_out_of_memory(error)
                                                                    : heddle_folder_make(place, error);
        status = status == HEDDLE_OK ? fetch(download, config, true, &found, error) : status;
        status = status == HEDDLE_OK ? fetch(download, weights, true, &found, error) : status;
    }
    json_decref(modules);
    return status;
}

/* The files that model.safetensors.index.json names, each once. */
static int fetch_shards(struct download *download, struct heddle_error *error)
{
    json_t *index = read_json(download, "model.safetensors.index.json");
    json_t *done = json_object();
    const char *tensor = NULL;
    json_t *shard = NULL;
    int status = HEDDLE_OK;
    json_object_foreach(json_object_get(index, "weight_map"), tensor, shard)
    {
        const char *file = json_string_value(shard);
        bool found = false;
        if (status == HEDDLE_OK && file != NULL && heddle_model_is_plain_name(file) &&
            json_object_get(done, file) == NULL) {
            json_object_set_new(done, file, json_true());
            status = fetch(download, file, false, &found, error);
        }
    }
    json_decref(done);
    json_decref(index);
    return status;
}

static int fetch_all(struct download *download, struct heddle_error *error)
{
    static const char *const optional[] = {"modules.json",
                                           "tokenizer.json",
                                           "tokenizer_config.json",
                                           "vocab.txt",
                                           "sentence_bert_config.json",
                                           "config_sentence_transformers.json",
                                           "special_tokens_map.json"};
    bool found = false;
    HEDDLE_TRY(fetch(download, "config.json", false, &found, error));
    for (size_t i = 0; i < sizeof optional / sizeof optional[0]; i++) {
        HEDDLE_TRY(fetch(download, optional[i], true, &found, error));
    }
    HEDDLE_TRY(fetch_modules(download, error));
    HEDDLE_TRY(fetch(download, "model.safetensors", true, &found, error));
    if (found) {
        return HEDDLE_OK;
    }
    HEDDLE_TRY(fetch(download, "model.safetensors.index.json", true, &found, error));
    if (!found) {
        return heddle_error_set(
            error, HEDDLE_MODEL,
            "there is no model.safetensors at %s; weights in other formats are not supported",
            download->fetching->options->from);
    }
    return fetch_shards(download, error);
}

int heddle_model_fetch_url(const struct heddle_model_fetching *fetching, const char **root_out,
                           struct heddle_error *error)
{
    const struct heddle_http_options options = {.ca_file = fetching->ca_file};
    struct download download = {.fetching = fetching,
                                .root = heddle_arena_format(fetching->arena, "%s/model", fetching->work)};
    if (download.root == NULL) {
        return heddle_error_out_of_memory(error);
    }
    HEDDLE_TRY(heddle_folder_make(download.root, error));
    HEDDLE_TRY(heddle_http_client_create(&options, &download.client, error));
    const int status = fetch_all(&download, error);
    heddle_http_client_destroy(download.client);
    *root_out = download.root;
    return status;
}
