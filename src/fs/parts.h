/* parts.h: what the kinds of stores implement, and what they share. Private to src/fs. */
#ifndef HEDDLE_FS_PARTS_H
#define HEDDLE_FS_PARTS_H

#include "base/arena.h"
#include "fs/fs.h"
#include "net/http.h"

enum heddle_fs_operation {
    HEDDLE_FS_LIST,
    HEDDLE_FS_READ,
    HEDDLE_FS_WRITE,
    HEDDLE_FS_REMOVE,
    HEDDLE_FS_OPERATIONS
};

enum { HEDDLE_FS_HEADERS_MAX = 10 };

/* One request, made anew for each attempt: a signature holds the time. Texts are the scratch arena's. */
struct heddle_fs_request {
    enum heddle_fs_operation operation;
    const char *method;
    const char *base;  /* "https://host:port" */
    const char *path;  /* percent-encoded */
    const char *query; /* percent-encoded, names ascending, "" for none */
    struct heddle_http_header headers[HEDDLE_FS_HEADERS_MAX];
    size_t header_count;
    const char *authorization;
    const void *body;
    size_t body_length;
};

struct heddle_fs_bytes {
    const void *at;
    size_t length;
};

/* What to list. */
struct heddle_fs_listing {
    const char *prefix;
    const char *token; /* of the page, NULL = the first */
    bool deep;         /* what lies in folders below too */
    bool first;        /* one name is enough */
};

/* A page of a listing. */
struct heddle_fs_page {
    const char *token; /* of the next page, in the scratch arena; NULL = this is the last */
    heddle_fs_add *add;
    void *context;
};

/* What a kind over HTTP brings along. `key` is the whole name in the store, decoded. */
struct heddle_fs_store {
    const char *title;                             /* "S3" */
    const char *permissions[HEDDLE_FS_OPERATIONS]; /* what each operation needs, in the store's words */
    const char *credentials;                       /* which variables hold them */
    bool lists;
    int (*object)(struct heddle_fs *fs, const char *key, struct heddle_fs_request *request,
                  struct heddle_error *error);
    int (*listing)(struct heddle_fs *fs, const struct heddle_fs_listing *listing,
                   struct heddle_fs_request *request, struct heddle_error *error);
    int (*page)(struct heddle_fs *fs, const struct heddle_buffer *body, struct heddle_fs_page *page,
                struct heddle_error *error);
    /* `replace`: in place of a file of that name; else there must be none. NULL = nothing can be written. */
    int (*put)(struct heddle_fs *fs, const char *key, bool replace, struct heddle_fs_request *request,
               struct heddle_error *error);
    int (*authorize)(struct heddle_fs *fs, struct heddle_fs_request *request, struct heddle_error *error);
};

struct heddle_fs {
    const struct heddle_fs_store *store; /* NULL = a local folder */
    struct heddle_arena *arena;
    struct heddle_arena *scratch; /* of one request */
    struct heddle_fs_settings settings;
    struct heddle_http_client *client;
    const char *uri;
    const char *endpoint; /* "https://host[:port]" */
    const char *before;   /* what stands before the key in a path: "" or "/account/container" */
    const char *bucket;
    const char *key;   /* of what was opened, decoded, no slash at the end; "" = the bucket's root */
    const char *query; /* of an https URI: "" for none */
    bool expired;      /* the last answer said that the credentials have */
};

/* A variable, NULL where it is absent or empty. */
const char *heddle_fs_value(const struct heddle_fs *fs, const char *name);

/* Appends `text` percent-encoded: all but letters, digits, - . _ ~ and, where `slashes`, / (RFC 3986; what SigV4 wants). */
void heddle_fs_encode(const char *text, bool slashes, struct heddle_buffer *out);

/* The same, in the scratch arena; NULL when out of memory. */
const char *heddle_fs_encoded(struct heddle_fs *fs, const char *text, bool slashes);

/* Adds a header; the value is the scratch arena's or static. */
void heddle_fs_header_add(struct heddle_fs_request *request, const char *name, const char *value,
                          bool secret);

/* A copy without the slashes at its end, of the fs; NULL when out of memory. */
const char *heddle_fs_without_slashes(struct heddle_fs *fs, const char *text);

/* Keeps the token of the next page; NULL and "" say that there is none. Errors: HEDDLE_OUT_OF_MEMORY. */
int heddle_fs_page_next(struct heddle_fs *fs, struct heddle_fs_page *page, const char *token,
                        struct heddle_error *error);

/* Reads "2025-01-02T03:04:05.678Z" (RFC 3339 in UTC) to milliseconds since 1970. */
bool heddle_fs_time_parse(const char *text, int64_t *milliseconds_out);

/* Takes the name of a listed key apart: NULL where it is not below what was opened, or a folder's own mark. */
const char *heddle_fs_name_of(const struct heddle_fs *fs, const char *key);

/* Reads "BUCKET/KEY" into bucket and key; `form` is how such a URI looks. Errors: HEDDLE_INVALID, HEDDLE_OUT_OF_MEMORY. */
int heddle_fs_bucket_read(struct heddle_fs *fs, const char *rest, const char *form,
                          struct heddle_error *error);

/* The local folder. */
int heddle_fs_local_list(struct heddle_fs *fs, const char *below, bool deep, heddle_fs_add *add,
                         void *context, struct heddle_error *error);
int heddle_fs_local_find(struct heddle_fs *fs, const char *name, bool *found_out, heddle_fs_add *add,
                         void *context, struct heddle_error *error);
int heddle_fs_local_get(struct heddle_fs *fs, const char *name, uint64_t offset, uint64_t length,
                        struct heddle_buffer *out, struct heddle_error *error);
int heddle_fs_local_put(struct heddle_fs *fs, const char *name, bool replace,
                        const struct heddle_fs_bytes *bytes, struct heddle_error *error);
int heddle_fs_local_remove(struct heddle_fs *fs, const char *name, struct heddle_error *error);

/* The kinds. Each reads its URI (behind "scheme://") and the variables. Errors: HEDDLE_INVALID, HEDDLE_OUT_OF_MEMORY. */
int heddle_fs_open_s3(struct heddle_fs *fs, const char *rest, struct heddle_error *error);
int heddle_fs_open_azure(struct heddle_fs *fs, const char *rest, struct heddle_error *error);
int heddle_fs_open_google(struct heddle_fs *fs, const char *rest, struct heddle_error *error);
int heddle_fs_open_https(struct heddle_fs *fs, const char *rest, struct heddle_error *error);

#endif
