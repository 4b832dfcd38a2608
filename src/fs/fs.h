/* fs.h: files in a store: one small interface over a local folder, S3, Azure, Google Cloud Storage and https.
 *
 *     heddle_fs_open("s3://bucket/tables/removals", &settings, &fs, &error);
 *     heddle_fs_list(fs, "_delta_log/", add, context, &error);
 *     heddle_fs_download(fs, "part-0.parquet", path, &error);
 *     heddle_fs_close(fs);
 *
 * URIs: s3://BUCKET/KEY (s3a:// too), abfss://CONTAINER@ACCOUNT.dfs.core.windows.net/PATH, gs://BUCKET/KEY, https://…; a path
 * without a scheme is a local folder. Names are relative to the URI that was opened; parts `.`, `..` and empty ones are
 * refused, so that no name leads out of it.
 *
 * Credentials come from the caller's variables (the environment, an env file) under the names that each store's own tools use:
 * AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_REGION (or AWS_DEFAULT_REGION), AWS_ENDPOINT_URL (a server
 * of one's own, addressed by path); AZURE_STORAGE_SAS_TOKEN, AZURE_STORAGE_ENDPOINT (https://HOST or http://HOST:PORT/ACCOUNT);
 * GOOGLE_OAUTH_ACCESS_TOKEN, STORAGE_EMULATOR_HOST. Without them requests go unsigned, which public data allows. No message
 * holds one, nor a URL's query.
 *
 * Answers 429 and 5xx, and cut connections, are tried again with growing pauses (Retry-After is kept to).
 *
 * Threads: one fs, one thread at a time.
 */
#ifndef HEDDLE_FS_FS_H
#define HEDDLE_FS_FS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"

struct heddle_fs;

enum {
    HEDDLE_FS_PAUSE_MS = 200,         /* before the second attempt; doubled before each further one */
    HEDDLE_FS_ATTEMPTS_MAX = 6,       /* of one request: about six seconds of pauses */
    HEDDLE_FS_RETRY_AFTER_MAX_S = 60, /* a server that asks for a longer pause is taken at this */
    HEDDLE_FS_NAME_MAX = 1024,        /* bytes of a key: S3's and Google's limit */
    HEDDLE_FS_FILES_MAX = 10000000,   /* of one listing */
};

/* The value of a variable, or NULL. */
typedef const char *heddle_fs_variable(const void *context, const char *name);

/* Before each attempt, where credentials last only for a while: *context, with which `variable` was asked so far, becomes the one
 * that knows those that are good now. It, and what it answers, must stay as they are until the owner ends. `refused`: the store
 * says that those of *context have expired. Called by any thread that has an fs. Errors: why there are no new ones. */
typedef int heddle_fs_renew(void *owner, bool refused, const void **context, struct heddle_error *error);

/* Borrowed, with all that it points to, until close. */
struct heddle_fs_settings {
    heddle_fs_variable *variable; /* NULL = there are none */
    const void *context;
    heddle_fs_renew *renew; /* NULL: the variables never change */
    void *owner;
    const char *ca_file; /* authorities to trust, NULL = the system's */
    const char
        *cache_folder; /* of mirrors: NULL = $XDG_CACHE_HOME/heddle/files, else $HOME/.cache/heddle/files */
    uint64_t cache_bytes; /* of mirrors: 0 = HEDDLE_MIRROR_BYTES */
    uint32_t pause_ms;    /* 0 = HEDDLE_FS_PAUSE_MS */
};

/* One file of a listing. Borrowed for the length of the call. */
struct heddle_fs_entry {
    const char *name; /* relative to what was opened */
    uint64_t size;
    int64_t modified_ms; /* since 1970 */
    const char *etag;    /* changes with the content; "" where the store has none */
};

typedef int heddle_fs_add(void *context, const struct heddle_fs_entry *entry, struct heddle_error *error);

/* Whether a path is a URI of a store (has one of the schemes above). */
bool heddle_fs_is_uri(const char *path);

/* Whether a name can stand for a file below a URI: no part of it is empty, `.` or `..`, and it is not too long. */
bool heddle_fs_name_is_plain(const char *name);

/* Opens the folder (or file) that `uri` names; nothing is asked yet. Errors: HEDDLE_INVALID (no URI of a known form: says the
 * form), HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_fs_open(const char *uri, const struct heddle_fs_settings *settings,
                                     struct heddle_fs **fs_out, struct heddle_error *error);

/* The URI without its query and without slashes at the end. Borrowed. */
const char *heddle_fs_uri(const struct heddle_fs *fs);

/* Calls `add` for each file right below `below` ("" = what was opened, else a folder's name with its slash), in the store's
 * order. A folder that is not there is an empty one, as stores have no folders. Errors: HEDDLE_SOURCE (refused: says which
 * permission; wrong region; expired credentials; https cannot be listed), HEDDLE_NETWORK, those of `add`. */
HEDDLE_MUST_CHECK int heddle_fs_list(struct heddle_fs *fs, const char *below, heddle_fs_add *add,
                                     void *context, struct heddle_error *error);

/* The same, and for each file in folders below that one. */
HEDDLE_MUST_CHECK int heddle_fs_list_deep(struct heddle_fs *fs, const char *below, heddle_fs_add *add,
                                          void *context, struct heddle_error *error);

/* Whether `name` ("" = the opened URI itself) is a file; then calls `add` with it (its name is then the last part of it).
 * Errors: as above. */
HEDDLE_MUST_CHECK int heddle_fs_find(struct heddle_fs *fs, const char *name, bool *found_out,
                                     heddle_fs_add *add, void *context, struct heddle_error *error);

/* Appends `length` bytes from `offset` on (UINT64_MAX = all the rest). Errors: HEDDLE_SOURCE (not there, refused), as above. */
HEDDLE_MUST_CHECK int heddle_fs_get(struct heddle_fs *fs, const char *name, uint64_t offset, uint64_t length,
                                    struct heddle_buffer *out, struct heddle_error *error);

/* Writes the file to `path`, which is whole or not there afterwards. Errors: as above, HEDDLE_IO. */
HEDDLE_MUST_CHECK int heddle_fs_download(struct heddle_fs *fs, const char *name, const char *path,
                                         struct heddle_error *error);

/* Makes a file that must not be there yet. Where an attempt was cut before its answer came, one that is there with these very
 * bytes counts as made by it. Errors: HEDDLE_CLOSED (it is there; nothing was changed), as above. */
HEDDLE_MUST_CHECK int heddle_fs_put_new(struct heddle_fs *fs, const char *name, const void *bytes,
                                        size_t length, struct heddle_error *error);

/* Makes a file, in place of one of that name: a reader sees the old or the new one. Errors: as above. */
HEDDLE_MUST_CHECK int heddle_fs_put(struct heddle_fs *fs, const char *name, const void *bytes, size_t length,
                                    struct heddle_error *error);

/* Removes a file; no error where it is not there. Errors: as above. */
HEDDLE_MUST_CHECK int heddle_fs_remove(struct heddle_fs *fs, const char *name, struct heddle_error *error);

/* NULL is a no-op. */
void heddle_fs_close(struct heddle_fs *fs);

#endif
