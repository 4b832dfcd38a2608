/* https.c: one file of any web server. Its query (a presigned address has one) goes along and is never shown. */
#include <string.h>

#include "fs/parts.h"

/* The path is sent as the user wrote it: it may be encoded already. */
static int object(struct heddle_fs *fs, const char *key, struct heddle_fs_request *request,
                  struct heddle_error *error)
{
    const char *below = key + strlen(fs->key);
    request->path = heddle_arena_format(fs->scratch, "/%s%s", fs->key, below);
    return request->path != NULL ? HEDDLE_OK : heddle_error_out_of_memory(error);
}

int heddle_fs_open_https(struct heddle_fs *fs, const char *rest, struct heddle_error *error)
{
    static const struct heddle_fs_store store = {
        .title = "the server",
        .permissions = {"a way to list", "the right to read it", "a way to write", "a way to delete"},
        .credentials = "the address itself",
        .object = object,
    };
    const size_t host = strcspn(rest, "/?#");
    const char *path = rest + host + strspn(rest + host, "/");
    const size_t length = strcspn(path, "?#");
    const char *query = path[length] == '?' ? path + length + 1 : "";
    fs->store = &store;
    if (host == 0 || memchr(rest, '@', host) != NULL) {
        return heddle_error_set(
            error, HEDDLE_INVALID,
            "`%.*s` is no address of a file: expected https://HOST/PATH, without a password",
            (int)(memchr(rest, '@', host) != NULL ? 0 : 200), fs->uri);
    }
    fs->endpoint =
        heddle_arena_copy_text(fs->arena, fs->uri, (size_t)(strstr(fs->uri, "://") - fs->uri) + 3 + host);
    fs->key = heddle_arena_copy_text(fs->arena, path, length);
    fs->query = heddle_arena_copy_text(fs->arena, query, strcspn(query, "#"));
    return fs->endpoint != NULL && fs->key != NULL && fs->query != NULL ? HEDDLE_OK
                                                                        : heddle_error_out_of_memory(error);
}
