/* sigv4.c: the canonical request, the string to sign, the derived key. */
#include "fs/sigv4.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

enum { DIGEST_BYTES = 32, DAY_LENGTH = 8 };

static const char ALGORITHM[] = "AWS4-HMAC-SHA256";
static const char TERMINATOR[] = "aws4_request";

void heddle_sigv4_date(int64_t unix_s, char out[static HEDDLE_SIGV4_DATE_SIZE])
{
    const time_t seconds = (time_t)unix_s;
    struct tm parts;
    out[0] = '\0';
    if (gmtime_r(&seconds, &parts) != NULL) {
        (void)strftime(out, HEDDLE_SIGV4_DATE_SIZE, "%Y%m%dT%H%M%SZ", &parts);
    }
}

static int refused(struct heddle_error *error)
{
    return heddle_error_set(error, HEDDLE_INTERNAL, "OpenSSL computes no SHA-256: is it a build without it?");
}

static void hex_write(const uint8_t *digest, char out[static HEDDLE_SHA256_HEX_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < DIGEST_BYTES; i++) {
        out[2 * i] = digits[digest[i] >> 4];
        out[2 * i + 1] = digits[digest[i] & 15];
    }
    out[HEDDLE_SHA256_HEX_SIZE - 1] = '\0';
}

int heddle_sha256_hex(const void *bytes, size_t length, char out[static HEDDLE_SHA256_HEX_SIZE],
                      struct heddle_error *error)
{
    uint8_t digest[DIGEST_BYTES];
    unsigned written = 0;
    if (EVP_Digest(length > 0 ? bytes : "", length, digest, &written, EVP_sha256(), NULL) != 1 ||
        written != sizeof digest) {
        return refused(error);
    }
    hex_write(digest, out);
    return HEDDLE_OK;
}

static int hmac(const uint8_t *key, size_t key_length, const char *text, size_t length,
                uint8_t out[static DIGEST_BYTES], struct heddle_error *error)
{
    unsigned written = 0;
    if (HMAC(EVP_sha256(), key, (int)key_length, (const uint8_t *)text, length, out, &written) == NULL ||
        written != DIGEST_BYTES) {
        return refused(error);
    }
    return HEDDLE_OK;
}

/* Indices of the headers in the order of their names. */
static void headers_sort(const struct heddle_sigv4_request *request, size_t *order)
{
    for (size_t i = 0; i < request->header_count; i++) {
        size_t at = i;
        while (at > 0 && strcmp(request->headers[order[at - 1]].name, request->headers[i].name) > 0) {
            order[at] = order[at - 1];
            at--;
        }
        order[at] = i;
    }
}

/* "name;name". */
static void names_write(const struct heddle_sigv4_request *request, const size_t *order,
                        struct heddle_buffer *out)
{
    for (size_t i = 0; i < request->header_count; i++) {
        heddle_buffer_append_format(out, "%s%s", i > 0 ? ";" : "", request->headers[order[i]].name);
    }
}

/* A header's value without blanks around it, and runs of blanks as one. */
static void value_write(const char *value, struct heddle_buffer *out)
{
    value += strspn(value, " ");
    while (*value != '\0') {
        const size_t word = strcspn(value, " ");
        heddle_buffer_append(out, value, word);
        value += word;
        value += strspn(value, " ");
        if (*value != '\0') {
            heddle_buffer_append_byte(out, ' ');
        }
    }
}

static void canonical_write(const struct heddle_sigv4_request *request, const size_t *order,
                            struct heddle_buffer *out)
{
    heddle_buffer_append_format(out, "%s\n%s\n%s\n", request->method, request->path, request->query);
    for (size_t i = 0; i < request->header_count; i++) {
        heddle_buffer_append_format(out, "%s:", request->headers[order[i]].name);
        value_write(request->headers[order[i]].value, out);
        heddle_buffer_append_byte(out, '\n');
    }
    heddle_buffer_append_byte(out, '\n');
    names_write(request, order, out);
    heddle_buffer_append_format(out, "\n%s", request->payload_hash);
}

/* The key of one day, region and service. */
static int key_derive(const struct heddle_sigv4_request *request, uint8_t key[static DIGEST_BYTES],
                      struct heddle_error *error)
{
    struct heddle_buffer secret = {0};
    uint8_t step[DIGEST_BYTES];
    heddle_buffer_append_format(&secret, "AWS4%s", request->secret);
    int status = heddle_buffer_check(&secret, error);
    if (status == HEDDLE_OK) {
        status = hmac(secret.bytes, secret.length, request->date, DAY_LENGTH, key, error);
    }
    if (status == HEDDLE_OK) {
        status = hmac(key, DIGEST_BYTES, request->region, strlen(request->region), step, error);
    }
    if (status == HEDDLE_OK) {
        status = hmac(step, DIGEST_BYTES, request->service, strlen(request->service), key, error);
    }
    if (status == HEDDLE_OK) {
        memcpy(step, key, sizeof step);
        status = hmac(step, DIGEST_BYTES, TERMINATOR, sizeof TERMINATOR - 1, key, error);
    }
    OPENSSL_cleanse(step, sizeof step);
    if (secret.bytes != NULL) {
        OPENSSL_cleanse(secret.bytes, secret.length);
    }
    heddle_buffer_free(&secret);
    return status;
}

/* The signature of the string to sign, in hex. */
static int signature_make(const struct heddle_sigv4_request *request, struct heddle_buffer *canonical,
                          char out[static HEDDLE_SHA256_HEX_SIZE], struct heddle_error *error)
{
    char hash[HEDDLE_SHA256_HEX_SIZE];
    uint8_t key[DIGEST_BYTES];
    uint8_t digest[DIGEST_BYTES];
    struct heddle_buffer text = {0};
    HEDDLE_TRY(heddle_sha256_hex(canonical->bytes, canonical->length, hash, error));
    HEDDLE_TRY(key_derive(request, key, error));
    heddle_buffer_append_format(&text, "%s\n%s\n%.*s/%s/%s/%s\n%s", ALGORITHM, request->date, DAY_LENGTH,
                                request->date, request->region, request->service, TERMINATOR, hash);
    int status = heddle_buffer_check(&text, error);
    if (status == HEDDLE_OK) {
        status = hmac(key, sizeof key, (const char *)text.bytes, text.length, digest, error);
    }
    OPENSSL_cleanse(key, sizeof key);
    heddle_buffer_free(&text);
    if (status == HEDDLE_OK) {
        hex_write(digest, out);
    }
    return status;
}

int heddle_sigv4_sign(const struct heddle_sigv4_request *request, struct heddle_buffer *authorization,
                      struct heddle_error *error)
{
    size_t order[HEDDLE_SIGV4_HEADERS_MAX];
    char signature[HEDDLE_SHA256_HEX_SIZE];
    struct heddle_buffer canonical = {0};
    if (request->header_count > HEDDLE_SIGV4_HEADERS_MAX || strlen(request->date) < DAY_LENGTH) {
        return heddle_error_set(error, HEDDLE_INTERNAL, "a request with more headers than can be signed");
    }
    headers_sort(request, order);
    canonical_write(request, order, &canonical);
    int status = heddle_buffer_check(&canonical, error);
    if (status == HEDDLE_OK) {
        status = signature_make(request, &canonical, signature, error);
    }
    heddle_buffer_free(&canonical);
    HEDDLE_TRY(status);
    heddle_buffer_append_format(authorization, "%s Credential=%s/%.*s/%s/%s/%s, SignedHeaders=", ALGORITHM,
                                request->key_id, DAY_LENGTH, request->date, request->region, request->service,
                                TERMINATOR);
    names_write(request, order, authorization);
    heddle_buffer_append_format(authorization, ", Signature=%s", signature);
    return heddle_buffer_check(authorization, error);
}
