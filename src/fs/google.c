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
    request->query = request->operation == HEDDLE_FS_REMOVE ? "" : "alt=media";
    return request->path != NULL ? HEDDLE_OK : heddle_error_out_of_memory(error);
}

static int listing(struct heddle_fs *fs, const struct heddle_fs_listing *listing,
                   struct heddle_fs_request *request, struct heddle_error *error)
{
    const char *token = listing->token;
    const char *from = token != NULL ? heddle_fs_encoded(fs, token, false) : "";
    const char *encoded = heddle_fs_encoded(fs, listing->prefix, false);
    request->path = heddle_arena_format(fs->scratch, "/storage/v1/b/%s/o", fs->bucket);
    if (from == NULL || encoded == NULL || request->path == NULL) {
        return heddle_error_out_of_memory(error);
    }
    request->query = heddle_arena_format(
        fs->scratch, "%s%sprefix=%s%s%s", listing->deep ? "" : "delimiter=%2F&",
        listing->first ? "maxResults=1&" : "", encoded, token != NULL ? "&pageToken=" : "", from);
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
    if (status == HEDDLE_OK) {
        status = heddle_fs_page_next(fs, page, token, error);
    }
    json_decref(root);
    return status;
}

static int put(struct heddle_fs *fs, const char *key, bool replace, struct heddle_fs_request *request,
               struct heddle_error *error)
{
    const char *encoded = heddle_fs_encoded(fs, key, false);
    request->method = "POST";
    request->path = heddle_arena_format(fs->scratch, "/upload/storage/v1/b/%s/o", fs->bucket);
    if (encoded == NULL || request->path == NULL) {
        return heddle_error_out_of_memory(error);
    }
    request->query = heddle_arena_format(fs->scratch, "%sname=%s&uploadType=media",
                                         replace ? "" : "ifGenerationMatch=0&", encoded);
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
                        "storage.objects.create and .delete on the bucket",
                        "storage.objects.delete on the bucket"},
        .credentials = "GOOGLE_OAUTH_ACCESS_TOKEN",
        .lists = true,
        .object = object,
        .listing = listing,
        .page = page_read,
        .put = put,
        .authorize = authorize,
    };
    const char *own = heddle_fs_value(fs, "STORAGE_EMULATOR_HOST");
    const bool whole = own != NULL && strstr(own, "://") != NULL;
    const char *plain = own != NULL ? heddle_fs_without_slashes(fs, own) : "";
    fs->store = &store;
    HEDDLE_TRY(heddle_fs_bucket_read(fs, rest, "gs://BUCKET/KEY", error));
    if (own == NULL) {
        fs->endpoint = "https://storage.googleapis.com";
    } else if (plain != NULL) {
        fs->endpoint = heddle_arena_format(fs->arena, "%s%s", whole ? "" : "http://", plain);
    }
    return fs->endpoint != NULL ? HEDDLE_OK : heddle_error_out_of_memory(error);
}
