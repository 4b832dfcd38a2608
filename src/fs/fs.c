/* fs.c: which kind of store a URI names, and names within it. */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/memory.h"
#include "fs/parts.h"

enum { ARENA_BLOCK = 4096 };

static const struct {
    const char *scheme;
    int (*open)(struct heddle_fs *fs, const char *rest, struct heddle_error *error);
} kinds[] = {
    {"s3", heddle_fs_open_s3},     {"s3a", heddle_fs_open_s3},      {"abfss", heddle_fs_open_azure},
    {"gs", heddle_fs_open_google}, {"https", heddle_fs_open_https}, {"http", heddle_fs_open_https},
};

/* The place of a URI's kind, or -1; *rest_out is what stands behind "scheme://". */
static int kind_find(const char *path, const char **rest_out)
{
    const char *colon = strstr(path, "://");
    for (size_t i = 0; colon != NULL && i < sizeof kinds / sizeof kinds[0]; i++) {
        const size_t length = strlen(kinds[i].scheme);
        if (length == (size_t)(colon - path) && strncasecmp(path, kinds[i].scheme, length) == 0) {
            *rest_out = colon + 3;
            return (int)i;
        }
    }
    return -1;
}

bool heddle_fs_is_uri(const char *path)
{
    const char *rest = NULL;
    return kind_find(path, &rest) >= 0;
}

const char *heddle_fs_value(const struct heddle_fs *fs, const char *name)
{
    const char *value =
        fs->settings.variable != NULL ? fs->settings.variable(fs->settings.context, name) : NULL;
    return value != NULL && value[0] != '\0' ? value : NULL;
}

static int local_open(struct heddle_fs *fs, const char *path, struct heddle_error *error)
{
    const char *scheme = strstr(path, "://");
    if (scheme != NULL && strncmp(path, "file:///", 8) != 0 &&
        strspn(path, "abcdefghijklmnopqrstuvwxyz0123456789+-.") == (size_t)(scheme - path)) {
        return heddle_error_set(
            error, HEDDLE_INVALID,
            "%.*s:// is no store that heddle reads; there are s3://, abfss://, gs://, https:// and "
            "local folders",
            (int)(scheme - path), path);
    }
    path += strncmp(path, "file:///", 8) == 0 ? 7 : 0;
    fs->endpoint = heddle_arena_copy_text(fs->arena, path, strlen(path));
    fs->uri = fs->endpoint;
    return fs->uri != NULL ? HEDDLE_OK : heddle_error_out_of_memory(error);
}

static int store_open(struct heddle_fs *fs, const char *uri, struct heddle_error *error)
{
    const struct heddle_http_options http = {.ca_file = fs->settings.ca_file};
    const char *rest = NULL;
    const int kind = kind_find(uri, &rest);
    const size_t shown = strcspn(uri, "?#");
    HEDDLE_TRY(heddle_arena_create(ARENA_BLOCK, &fs->arena, error));
    HEDDLE_TRY(heddle_arena_create(ARENA_BLOCK, &fs->scratch, error));
    if (kind < 0) {
        return local_open(fs, uri, error);
    }
    const char *plain = heddle_arena_copy_text(fs->arena, uri, shown);
    fs->uri = plain != NULL ? heddle_fs_without_slashes(fs, plain) : NULL;
    if (fs->uri == NULL) {
        return heddle_error_out_of_memory(error);
    }
    HEDDLE_TRY(kinds[kind].open(fs, rest, error));
    return heddle_http_client_create(&http, &fs->client, error);
}

int heddle_fs_open(const char *uri, const struct heddle_fs_settings *settings, struct heddle_fs **fs_out,
                   struct heddle_error *error)
{
    struct heddle_fs *fs = heddle_calloc(1, sizeof *fs);
    if (fs == NULL) {
        return heddle_error_out_of_memory(error);
    }
    if (settings != NULL) {
        fs->settings = *settings;
    }
    fs->before = fs->bucket = fs->key = fs->query = "";
    const int status = store_open(fs, uri, error);
    if (status != HEDDLE_OK) {
        heddle_fs_close(fs);
        return status;
    }
    *fs_out = fs;
    return HEDDLE_OK;
}

void heddle_fs_close(struct heddle_fs *fs)
{
    if (fs != NULL) {
        heddle_http_client_destroy(fs->client);
        heddle_arena_destroy(fs->scratch);
        heddle_arena_destroy(fs->arena);
        free(fs);
    }
}

const char *heddle_fs_uri(const struct heddle_fs *fs)
{
    return fs->uri;
}

/* ---- shared by the kinds ---- */

void heddle_fs_encode(const char *text, bool slashes, struct heddle_buffer *out)
{
    for (const char *at = text; *at != '\0'; at++) {
        const unsigned char byte = (unsigned char)*at;
        const bool plain = (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') ||
                           (byte >= 'a' && byte <= 'z') || strchr("-._~", byte) != NULL;
        if (plain || (slashes && byte == '/')) {
            heddle_buffer_append_byte(out, byte);
        } else {
            heddle_buffer_append_format(out, "%%%02X", byte);
        }
    }
}

const char *heddle_fs_encoded(struct heddle_fs *fs, const char *text, bool slashes)
{
    struct heddle_buffer buffer = {0};
    heddle_fs_encode(text, slashes, &buffer);
    const char *encoded = heddle_buffer_text(&buffer);
    const char *copy = encoded != NULL ? heddle_arena_copy_text(fs->scratch, encoded, buffer.length) : NULL;
    heddle_buffer_free(&buffer);
    return copy;
}

void heddle_fs_header_add(struct heddle_fs_request *request, const char *name, const char *value, bool secret)
{
    if (request->header_count < HEDDLE_FS_HEADERS_MAX) {
        request->headers[request->header_count++] =
            (struct heddle_http_header){.name = name, .value = value, .secret = secret};
    }
}

const char *heddle_fs_without_slashes(struct heddle_fs *fs, const char *text)
{
    size_t length = strlen(text);
    while (length > 0 && text[length - 1] == '/') {
        length--;
    }
    return heddle_arena_copy_text(fs->arena, text, length);
}

int heddle_fs_page_next(struct heddle_fs *fs, struct heddle_fs_page *page, const char *token,
                        struct heddle_error *error)
{
    if (token == NULL || token[0] == '\0') {
        return HEDDLE_OK;
    }
    page->token = heddle_arena_copy_text(fs->scratch, token, strlen(token));
    return page->token != NULL ? HEDDLE_OK : heddle_error_out_of_memory(error);
}

bool heddle_fs_time_parse(const char *text, int64_t *milliseconds_out)
{
    struct tm parts = {0};
    int used = 0;
    int64_t fraction = 0;
    if (sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d%n", &parts.tm_year, &parts.tm_mon, &parts.tm_mday,
               &parts.tm_hour, &parts.tm_min, &parts.tm_sec, &used) != 6) {
        return false;
    }
    parts.tm_year -= 1900;
    parts.tm_mon -= 1;
    const char *at = text + used;
    if (*at == '.') {
        int64_t unit = 100;
        for (at++; isdigit((unsigned char)*at); at++, unit /= 10) {
            fraction += unit * (*at - '0');
        }
    }
    if (strcmp(at, "Z") != 0 && strcmp(at, "+00:00") != 0) {
        return false;
    }
    *milliseconds_out = (int64_t)timegm(&parts) * 1000 + fraction;
    return true;
}

const char *heddle_fs_name_of(const struct heddle_fs *fs, const char *key)
{
    const size_t length = strlen(fs->key);
    const size_t whole = strlen(key);
    if ((whole > 0 && key[whole - 1] == '/') || strncmp(key, fs->key, length) != 0) {
        return NULL;
    }
    key += length;
    if (length > 0 && *key != '/' && *key != '\0') {
        return NULL;
    }
    return key + (length > 0 && *key == '/' ? 1 : 0);
}

int heddle_fs_bucket_read(struct heddle_fs *fs, const char *rest, const char *form,
                          struct heddle_error *error)
{
    const size_t bucket = strcspn(rest, "/");
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
    if (bucket == 0 || strspn(rest, plain) < bucket) {
        return heddle_error_set(error, HEDDLE_INVALID, "`%.200s` is no address in a store: expected %s",
                                fs->uri, form);
    }
    const char *key = rest + bucket + strspn(rest + bucket, "/");
    fs->bucket = heddle_arena_copy_text(fs->arena, rest, bucket);
    fs->key = heddle_fs_without_slashes(fs, key);
    return fs->bucket != NULL && fs->key != NULL ? HEDDLE_OK : heddle_error_out_of_memory(error);
}
