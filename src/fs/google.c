/* google.c: Google Cloud Storage through its JSON interface, with a bearer token.
 *
 * A file's mark is its generation, which changes with every write (https://cloud.google.com/storage/docs/json_api/v1/objects).
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/parts.h"

static int object(struct heddle_fs *fs, const char *key, struct heddle_fs_request *request,
                  struct heddle_error *error)
{
    const char *encoded = heddle_fs_encoded(fs, key, false);
    request->path = encoded != NULL
                        ? heddle_arena_format(fs->scratch, "/storage/v1/b/%s/o/%s", fs->bucket, encoded)
                        : NULL;
    request->query = "alt=media";
    return request->path != NULL ? HEDDLE_OK : heddle_error_out_of_memory(error);
}

static int listing(struct heddle_fs *fs, const char *prefix, const char *token, size_t limit,
                   struct heddle_fs_request *request, struct heddle_error *error)
{
    const char *from = token != NULL ? heddle_fs_encoded(fs, token, false) : "";
    const char *encoded = heddle_fs_encoded(fs, prefix, false);
    request->path = heddle_arena_format(fs->scratch, "/storage/v1/b/%s/o", fs->bucket);
    if (from == NULL || encoded == NULL || request->path == NULL) {
        return heddle_error_out_of_memory(error);
    }
    request->query =
        heddle_arena_format(fs->scratch, "delimiter=%%2F%s%s%s&prefix=%s", limit == 1 ? "&maxResults=1" : "",
                            token != NULL ? "&pageToken=" : "", from, encoded);
    return request->query != NULL ? HEDDLE_OK : heddle_error_out_of_memory(error);
}

static int item_read(struct heddle_fs *fs, const json_t *item, struct heddle_fs_page *page,
                     struct heddle_error *error)
{
    const char *key = json_string_value(json_object_get(item, "name"));
    const char *size = json_string_value(json_object_get(item, "size"));
    const char *time = json_string_value(json_object_get(item, "updated"));
    const char *generation = json_string_value(json_object_get(item, "generation"));
    int64_t modified = 0;
    if (key == NULL || size == NULL || time == NULL || !heddle_fs_time_parse(time, &modified)) {
        return heddle_error_set(error, HEDDLE_PROTOCOL, "%s: the listing is not one of Google's", fs->uri);
    }
    const char *name = heddle_fs_name_of(fs, key);
    const struct heddle_fs_entry entry = {.name = name,
                                          .size = strtoull(size, NULL, 10),
                                          .modified_ms = modified,
                                          .etag = generation != NULL ? generation : ""};
    return name == NULL ? HEDDLE_OK : page->add(page->context, &entry, error);
}

static int page_read(struct heddle_fs *fs, const struct heddle_buffer *body, struct heddle_fs_page *page,
                     struct heddle_error *error)
{
    json_error_t failure;
    json_t *root = json_loadb(body->length > 0 ? (const char *)body->bytes : "", body->length, 0, &failure);
    const json_t *items = json_object_get(root, "items");
    const char *token = json_string_value(json_object_get(root, "nextPageToken"));
    int status = HEDDLE_OK;
    if (!json_is_object(root)) {
        status = heddle_error_set(error, HEDDLE_PROTOCOL, "%s: the listing is not one of Google's", fs->uri);
    }
    for (size_t i = 0; i < json_array_size(items) && status == HEDDLE_OK; i++) {
        status = item_read(fs, json_array_get(items, i), page, error);
    }
    if (status == HEDDLE_OK && token != NULL && token[0] != '\0') {
        page->token = heddle_arena_copy_text(fs->scratch, token, strlen(token));
        status = page->token != NULL ? HEDDLE_OK : heddle_error_out_of_memory(error);
    }
    json_decref(root);
    return status;
}

static int put_new(struct heddle_fs *fs, const char *key, struct heddle_fs_request *request,
                   struct heddle_error *error)
{
    const char *encoded = heddle_fs_encoded(fs, key, false);
    request->method = "POST";
    request->path = heddle_arena_format(fs->scratch, "/upload/storage/v1/b/%s/o", fs->bucket);
    if (encoded == NULL || request->path == NULL) {
        return heddle_error_out_of_memory(error);
    }
    request->query =
        heddle_arena_format(fs->scratch, "ifGenerationMatch=0&name=%s&uploadType=media", encoded);
    heddle_fs_header_add(request, "content-type", "application/octet-stream", false);
    return request->query != NULL ? HEDDLE_OK : heddle_error_out_of_memory(error);
}

static int authorize(struct heddle_fs *fs, struct heddle_fs_request *request, struct heddle_error *error)
{
    const char *token = heddle_fs_value(fs, "GOOGLE_OAUTH_ACCESS_TOKEN");
    if (token == NULL) {
        return HEDDLE_OK;
    }
    request->authorization = heddle_arena_format(fs->scratch, "Bearer %s", token);
    return request->authorization != NULL ? HEDDLE_OK : heddle_error_out_of_memory(error);
}

int heddle_fs_open_google(struct heddle_fs *fs, const char *rest, struct heddle_error *error)
{
    static const struct heddle_fs_store store = {
        .title = "Google Cloud Storage",
        .permissions = {"storage.objects.list on the bucket", "storage.objects.get on the bucket",
                        "storage.objects.create on the bucket"},
        .credentials = "GOOGLE_OAUTH_ACCESS_TOKEN",
        .lists = true,
        .object = object,
        .listing = listing,
        .page = page_read,
        .put_new = put_new,
        .authorize = authorize,
    };
    const char *own = heddle_fs_value(fs, "STORAGE_EMULATOR_HOST");
    const bool whole = own != NULL && strstr(own, "://") != NULL;
    size_t length = own != NULL ? strlen(own) : 0;
    while (length > 0 && own[length - 1] == '/') {
        length--;
    }
    fs->store = &store;
    HEDDLE_TRY(heddle_fs_bucket_read(fs, rest, "gs://BUCKET/KEY", error));
    fs->endpoint = own == NULL
                       ? "https://storage.googleapis.com"
                       : heddle_arena_format(fs->arena, "%s%.*s", whole ? "" : "http://", (int)length, own);
    return fs->endpoint != NULL ? HEDDLE_OK : heddle_error_out_of_memory(error);
}
