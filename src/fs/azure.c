/* azure.c: Azure Data Lake and Blob storage: the Blob service's List Blobs, Get Blob and Put Blob, under a SAS.
 *
 * Both names of an account (dfs and blob) are one store; the Blob service is asked because every account has it.
 * (https://learn.microsoft.com/rest/api/storageservices/list-blobs)
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/parts.h"
#include "fs/xml.h"

static const char SERVICE_VERSION[] = "2021-08-06"; /* the first with which all that is used here works */

static int query_make(struct heddle_fs *fs, const char *own, struct heddle_fs_request *request,
                      struct heddle_error *error)
{
    const char *sas = heddle_fs_value(fs, "AZURE_STORAGE_SAS_TOKEN");
    sas = sas == NULL ? "" : sas + (sas[0] == '?' ? 1 : 0);
    const char *both = own[0] != '\0' && sas[0] != '\0' ? "&" : "";
    request->query = heddle_arena_format(fs->scratch, "%s%s%s", own, both, sas);
    heddle_fs_header_add(request, "x-ms-version", SERVICE_VERSION, false);
    return request->query != NULL ? HEDDLE_OK : heddle_error_out_of_memory(error);
}

static int object(struct heddle_fs *fs, const char *key, struct heddle_fs_request *request,
                  struct heddle_error *error)
{
    const char *encoded = heddle_fs_encoded(fs, key, true);
    request->path = encoded != NULL ? heddle_arena_format(fs->scratch, "%s/%s", fs->before, encoded) : NULL;
    return request->path != NULL ? query_make(fs, "", request, error) : heddle_error_out_of_memory(error);
}

static int listing(struct heddle_fs *fs, const struct heddle_fs_listing *listing,
                   struct heddle_fs_request *request, struct heddle_error *error)
{
    const char *token = listing->token;
    const char *from = token != NULL ? heddle_fs_encoded(fs, token, false) : "";
    const char *encoded = heddle_fs_encoded(fs, listing->prefix, false);
    const char *own = NULL;
    request->path = fs->before;
    if (from != NULL && encoded != NULL) {
        own = heddle_arena_format(fs->scratch, "comp=list%s%s%s&prefix=%s&restype=container%s",
                                  listing->deep ? "" : "&delimiter=%2F", token != NULL ? "&marker=" : "",
                                  from, encoded, listing->first ? "&maxresults=1" : "");
    }
    return own != NULL ? query_make(fs, own, request, error) : heddle_error_out_of_memory(error);
}

static int bad_page(const struct heddle_fs *fs, struct heddle_error *error)
{
    return heddle_error_set(error, HEDDLE_PROTOCOL,
                            "%s: the listing is not one of Azure's: is the endpoint right?", fs->uri);
}

static int blob_read(struct heddle_fs *fs, const struct heddle_xml_text *item, struct heddle_fs_page *page,
                     struct heddle_error *error)
{
    char key[HEDDLE_FS_NAME_MAX + 1];
    char size[32];
    char time[64];
    char etag[256];
    char kind[32];
    int64_t seconds = 0;
    if (!heddle_xml_value(item, "Name", key, sizeof key) ||
        !heddle_xml_value(item, "Content-Length", size, sizeof size) ||
        !heddle_xml_value(item, "Last-Modified", time, sizeof time) ||
        !heddle_http_date_parse(time, &seconds)) {
        return bad_page(fs, error);
    }
    (void)heddle_xml_value(item, "Etag", etag, sizeof etag);
    const bool folder =
        heddle_xml_value(item, "ResourceType", kind, sizeof kind) && strcmp(kind, "directory") == 0;
    const char *name = heddle_fs_name_of(fs, key);
    const struct heddle_fs_entry entry = {
        .name = name, .size = strtoull(size, NULL, 10), .modified_ms = seconds * 1000, .etag = etag};
    return folder || name == NULL ? HEDDLE_OK : page->add(page->context, &entry, error);
}

static int page_read(struct heddle_fs *fs, const struct heddle_buffer *body, struct heddle_fs_page *page,
                     struct heddle_error *error)
{
    struct heddle_xml_text rest = {body->length > 0 ? (const char *)body->bytes : "", body->length};
    const struct heddle_xml_text all = rest;
    struct heddle_xml_text item;
    char text[HEDDLE_FS_NAME_MAX * 2];
    if (memmem(rest.at, rest.length, "EnumerationResults", strlen("EnumerationResults")) == NULL) {
        return bad_page(fs, error);
    }
    while (heddle_xml_next(&rest, "Blob", &item)) {
        HEDDLE_TRY(blob_read(fs, &item, page, error));
    }
    return heddle_xml_value(&all, "NextMarker", text, sizeof text)
               ? heddle_fs_page_next(fs, page, text, error)
               : HEDDLE_OK;
}

static int put(struct heddle_fs *fs, const char *key, bool replace, struct heddle_fs_request *request,
               struct heddle_error *error)
{
    HEDDLE_TRY(object(fs, key, request, error));
    request->method = "PUT";
    heddle_fs_header_add(request, "x-ms-blob-type", "BlockBlob", false);
    heddle_fs_header_add(request, "content-type", "application/octet-stream", false);
    if (!replace) {
        heddle_fs_header_add(request, "if-none-match", "*", false);
    }
    return HEDDLE_OK;
}

/* "CONTAINER@ACCOUNT.dfs.core.windows.net" or blob instead of dfs. */
static int account_read(struct heddle_fs *fs, const char *host, size_t length, struct heddle_error *error)
{
    const char *own = heddle_fs_value(fs, "AZURE_STORAGE_ENDPOINT");
    const size_t account = strcspn(host, ".");
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-";
    if (own != NULL) {
        const char *behind = strncmp(own, "https://", 8) == 0  ? own + 8
                             : strncmp(own, "http://", 7) == 0 ? own + 7
                                                               : NULL;
        if (behind == NULL) {
            return heddle_error_set(error, HEDDLE_INVALID,
                                    "AZURE_STORAGE_ENDPOINT is no http:// or https:// address");
        }
        const size_t origin = (size_t)(behind - own) + strcspn(behind, "/");
        const char *rest = heddle_fs_without_slashes(fs, own + origin);
        fs->endpoint = heddle_arena_copy_text(fs->arena, own, origin);
        fs->before = rest != NULL ? heddle_arena_format(fs->arena, "%s/%s", rest, fs->bucket) : NULL;
    } else if (account == 0 || strspn(host, plain) < length ||
               (strncmp(host + account, ".dfs.", 5) != 0 && strncmp(host + account, ".blob.", 6) != 0)) {
        return heddle_error_set(error, HEDDLE_INVALID,
                                "`%.200s` is no address in Azure: expected "
                                "abfss://CONTAINER@ACCOUNT.dfs.core.windows.net/PATH",
                                fs->uri);
    } else {
        const char *domain = strchr(host + account + 1, '.');
        fs->endpoint = heddle_arena_format(fs->arena, "https://%.*s.blob%.*s", (int)account, host,
                                           (int)(length - (size_t)(domain - host)), domain);
        fs->before = heddle_arena_format(fs->arena, "/%s", fs->bucket);
    }
    return fs->endpoint != NULL && fs->before != NULL ? HEDDLE_OK : heddle_error_out_of_memory(error);
}

int heddle_fs_open_azure(struct heddle_fs *fs, const char *rest, struct heddle_error *error)
{
    static const struct heddle_fs_store store = {
        .title = "Azure",
        .permissions = {"list (l) in the SAS", "read (r) in the SAS", "create (c) and write (w) in the SAS",
                        "delete (d) in the SAS"},
        .credentials = "AZURE_STORAGE_SAS_TOKEN",
        .lists = true,
        .object = object,
        .listing = listing,
        .page = page_read,
        .put = put,
    };
    static const char form[] = "abfss://CONTAINER@ACCOUNT.dfs.core.windows.net/PATH";
    const char *at = strchr(rest, '@');
    const size_t host = at != NULL ? strcspn(at + 1, "/") : 0;
    fs->store = &store;
    if (at == NULL || strcspn(rest, "/") < (size_t)(at - rest)) {
        return heddle_error_set(error, HEDDLE_INVALID, "`%.200s` is no address in Azure: expected %s",
                                fs->uri, form);
    }
    const char *plain = heddle_arena_format(fs->arena, "%.*s/%s", (int)(at - rest), rest,
                                            at + 1 + host + (at[1 + host] == '/' ? 1 : 0));
    if (plain == NULL) {
        return heddle_error_out_of_memory(error);
    }
    HEDDLE_TRY(heddle_fs_bucket_read(fs, plain, form, error));
    return account_read(fs, at + 1, host, error);
}
