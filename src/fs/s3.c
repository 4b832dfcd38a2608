/* s3.c: S3 and servers that speak its language (MinIO, R2, Ceph): ListObjectsV2, GetObject, PutObject. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fs/parts.h"
#include "fs/sigv4.h"
#include "fs/xml.h"

enum { FIELD_MAX = 3 * HEDDLE_FS_NAME_MAX + 1 };

static const char REGION_DEFAULT[] =
    "us-east-1"; /* as AWS's own tools take where none is told for a custom endpoint */

static int object(struct heddle_fs *fs, const char *key, struct heddle_fs_request *request,
                  struct heddle_error *error)
{
    const char *encoded = heddle_fs_encoded(fs, key, true);
    request->path = encoded != NULL ? heddle_arena_format(fs->scratch, "%s/%s", fs->before, encoded) : NULL;
    return request->path != NULL ? HEDDLE_OK : heddle_error_out_of_memory(error);
}

static int listing(struct heddle_fs *fs, const struct heddle_fs_listing *listing,
                   struct heddle_fs_request *request, struct heddle_error *error)
{
    const char *token = listing->token;
    const char *from = token != NULL ? heddle_fs_encoded(fs, token, false) : "";
    const char *encoded = heddle_fs_encoded(fs, listing->prefix, false);
    request->path = fs->before[0] != '\0' ? fs->before : "/";
    if (from == NULL || encoded == NULL) {
        return heddle_error_out_of_memory(error);
    }
    /* Names in ascending order, as the signature wants them. */
    request->query = heddle_arena_format(fs->scratch, "%s%s%s%sencoding-type=url&list-type=2%s&prefix=%s",
                                         token != NULL ? "continuation-token=" : "", from,
                                         token != NULL ? "&" : "", listing->deep ? "" : "delimiter=%2F&",
                                         listing->first ? "&max-keys=1" : "", encoded);
    return request->query != NULL ? HEDDLE_OK : heddle_error_out_of_memory(error);
}

static int hex_value(char digit)
{
    if (digit >= '0' && digit <= '9') {
        return digit - '0';
    }
    const char lower = (char)(digit | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* Undoes encoding-type=url in place: %XX, and + for a blank. */
static bool key_decode(char *key)
{
    char *out = key;
    for (const char *at = key; *at != '\0'; at++) {
        if (*at == '%') {
            const int high = hex_value(at[1]);
            const int low = high < 0 ? -1 : hex_value(at[2]);
            if (low < 0 || (high == 0 && low == 0)) {
                return false;
            }
            *out++ = (char)(high * 16 + low);
            at += 2;
        } else {
            *out++ = *at == '+' ? ' ' : *at;
        }
    }
    *out = '\0';
    return true;
}

static int bad_page(const struct heddle_fs *fs, struct heddle_error *error)
{
    return heddle_error_set(error, HEDDLE_PROTOCOL,
                            "%s: the listing is not one of S3: is the endpoint right?", fs->uri);
}

static int contents_read(struct heddle_fs *fs, const struct heddle_xml_text *item,
                         struct heddle_fs_page *page, struct heddle_error *error)
{
    char key[FIELD_MAX];
    char size[32];
    char time[64];
    char etag[256];
    int64_t modified = 0;
    if (!heddle_xml_value(item, "Key", key, sizeof key) || !key_decode(key) ||
        !heddle_xml_value(item, "Size", size, sizeof size) ||
        !heddle_xml_value(item, "LastModified", time, sizeof time) ||
        !heddle_fs_time_parse(time, &modified)) {
        return bad_page(fs, error);
    }
    (void)heddle_xml_value(item, "ETag", etag, sizeof etag);
    const char *name = heddle_fs_name_of(fs, key);
    const struct heddle_fs_entry entry = {
        .name = name, .size = strtoull(size, NULL, 10), .modified_ms = modified, .etag = etag};
    return name == NULL ? HEDDLE_OK : page->add(page->context, &entry, error);
}

static int page_read(struct heddle_fs *fs, const struct heddle_buffer *body, struct heddle_fs_page *page,
                     struct heddle_error *error)
{
    struct heddle_xml_text rest = {body->length > 0 ? (const char *)body->bytes : "", body->length};
    const struct heddle_xml_text all = rest;
    struct heddle_xml_text item;
    char text[HEDDLE_FS_NAME_MAX * 2];
    if (memmem(rest.at, rest.length, "ListBucketResult", strlen("ListBucketResult")) == NULL) {
        return bad_page(fs, error);
    }
    while (heddle_xml_next(&rest, "Contents", &item)) {
        HEDDLE_TRY(contents_read(fs, &item, page, error));
    }
    if (heddle_xml_value(&all, "IsTruncated", text, sizeof text) && strcmp(text, "true") == 0) {
        if (!heddle_xml_value(&all, "NextContinuationToken", text, sizeof text)) {
            return bad_page(fs, error);
        }
        return heddle_fs_page_next(fs, page, text, error);
    }
    return HEDDLE_OK;
}

static int put(struct heddle_fs *fs, const char *key, bool replace, struct heddle_fs_request *request,
               struct heddle_error *error)
{
    HEDDLE_TRY(object(fs, key, request, error));
    request->method = "PUT";
    heddle_fs_header_add(request, "content-type", "application/octet-stream", false);
    if (!replace) {
        heddle_fs_header_add(request, "if-none-match", "*", false);
    }
    return HEDDLE_OK;
}

static const char *region_of(const struct heddle_fs *fs)
{
    const char *region = heddle_fs_value(fs, "AWS_REGION");
    region = region != NULL ? region : heddle_fs_value(fs, "AWS_DEFAULT_REGION");
    return region != NULL ? region : REGION_DEFAULT;
}

/* "host[:port]" of a URL. */
static const char *host_of(const char *url)
{
    const char *behind = strstr(url, "://");
    return behind != NULL ? behind + 3 : url;
}

static int authorize(struct heddle_fs *fs, struct heddle_fs_request *request, struct heddle_error *error)
{
    const char *id = heddle_fs_value(fs, "AWS_ACCESS_KEY_ID");
    const char *secret = heddle_fs_value(fs, "AWS_SECRET_ACCESS_KEY");
    const char *session = heddle_fs_value(fs, "AWS_SESSION_TOKEN");
    char *hash = heddle_arena_alloc_small(fs->scratch, HEDDLE_SHA256_HEX_SIZE);
    char *date = heddle_arena_alloc_small(fs->scratch, HEDDLE_SIGV4_DATE_SIZE);
    struct heddle_sigv4_header headers[HEDDLE_FS_HEADERS_MAX + 1];
    struct heddle_buffer text = {0};
    if (id == NULL || secret == NULL) {
        return HEDDLE_OK;
    }
    if (hash == NULL || date == NULL) {
        return heddle_error_out_of_memory(error);
    }
    HEDDLE_TRY(heddle_sha256_hex(request->body, request->body_length, hash, error));
    heddle_sigv4_date((int64_t)time(NULL), date);
    heddle_fs_header_add(request, "x-amz-content-sha256", hash, false);
    heddle_fs_header_add(request, "x-amz-date", date, false);
    if (session != NULL) {
        heddle_fs_header_add(request, "x-amz-security-token", session, true);
    }
    for (size_t i = 0; i < request->header_count; i++) {
        headers[i] = (struct heddle_sigv4_header){request->headers[i].name, request->headers[i].value};
    }
    headers[request->header_count] = (struct heddle_sigv4_header){"host", host_of(request->base)};
    const struct heddle_sigv4_request sign = {
        .method = request->method,
        .path = request->path,
        .query = request->query,
        .headers = headers,
        .header_count = request->header_count + 1,
        .payload_hash = hash,
        .date = date,
        .region = region_of(fs),
        .service = "s3",
        .key_id = id,
        .secret = secret,
    };
    const int status = heddle_sigv4_sign(&sign, &text, error);
    if (status == HEDDLE_OK) {
        request->authorization = heddle_arena_copy_text(fs->scratch, heddle_buffer_text(&text), text.length);
    }
    heddle_buffer_free(&text);
    return status == HEDDLE_OK && request->authorization == NULL ? heddle_error_out_of_memory(error) : status;
}

/* Where the bucket answers: below a server of one's own by path; at AWS by host name, or by path where a dot in the bucket's
 * name would not fit the certificate. */
static int endpoint_fill(struct heddle_fs *fs, struct heddle_error *error)
{
    const char *own = heddle_fs_value(fs, "AWS_ENDPOINT_URL");
    const char *region = region_of(fs);
    const bool by_path = own != NULL || strchr(fs->bucket, '.') != NULL;
    if (own != NULL) {
        if (strncmp(own, "http://", 7) != 0 && strncmp(own, "https://", 8) != 0) {
            return heddle_error_set(error, HEDDLE_INVALID,
                                    "AWS_ENDPOINT_URL is no http:// or https:// address");
        }
        fs->endpoint = heddle_fs_without_slashes(fs, own);
    } else {
        fs->endpoint =
            by_path ? heddle_arena_format(fs->arena, "https://s3.%s.amazonaws.com", region)
                    : heddle_arena_format(fs->arena, "https://%s.s3.%s.amazonaws.com", fs->bucket, region);
    }
    fs->before = by_path ? heddle_arena_format(fs->arena, "/%s", fs->bucket) : "";
    return fs->endpoint != NULL && fs->before != NULL ? HEDDLE_OK : heddle_error_out_of_memory(error);
}

int heddle_fs_open_s3(struct heddle_fs *fs, const char *rest, struct heddle_error *error)
{
    static const struct heddle_fs_store store = {
        .title = "S3",
        .permissions = {"s3:ListBucket on the bucket", "s3:GetObject on the bucket's objects",
                        "s3:PutObject on the bucket's objects", "s3:DeleteObject on the bucket's objects"},
        .credentials = "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN",
        .lists = true,
        .object = object,
        .listing = listing,
        .page = page_read,
        .put = put,
        .authorize = authorize,
    };
    fs->store = &store;
    HEDDLE_TRY(heddle_fs_bucket_read(fs, rest, "s3://BUCKET/KEY", error));
    return endpoint_fill(fs, error);
}
