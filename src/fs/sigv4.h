/* sigv4.h: AWS Signature Version 4: proves that a request comes from the holder of a secret key, without sending it.
 *
 * The signature is an HMAC-SHA-256, under a key derived from secret, day, region and service, over the request in a canonical
 * form (https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html).
 *
 * Threads: pure functions.
 */
#ifndef HEDDLE_FS_SIGV4_H
#define HEDDLE_FS_SIGV4_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

enum {
    HEDDLE_SIGV4_DATE_SIZE = 17, /* "20150830T123600Z" and its end */
    HEDDLE_SIGV4_HEADERS_MAX = 16,
    HEDDLE_SHA256_HEX_SIZE = 65,
};

struct heddle_sigv4_header {
    const char *name; /* lower case */
    const char *value;
};

/* Everything is borrowed. */
struct heddle_sigv4_request {
    const char *method;
    const char *path;  /* percent-encoded as it is sent, begins with '/' */
    const char *query; /* percent-encoded, its names in ascending order, without '?'; "" for none */
    const struct heddle_sigv4_header *headers; /* all that are signed, `host` among them, in any order */
    size_t header_count;
    const char *payload_hash; /* lower-case hex of the body's SHA-256 */
    const char *date;         /* as heddle_sigv4_date() writes it */
    const char *region;
    const char *service; /* "s3" */
    const char *key_id;
    const char *secret;
};

/* A moment (seconds since 1970) as the header x-amz-date has it. */
void heddle_sigv4_date(int64_t unix_s, char out[static HEDDLE_SIGV4_DATE_SIZE]);

/* The SHA-256 of bytes in lower-case hex. Errors: HEDDLE_INTERNAL (OpenSSL refuses). */
HEDDLE_MUST_CHECK int heddle_sha256_hex(const void *bytes, size_t length,
                                        char out[static HEDDLE_SHA256_HEX_SIZE], struct heddle_error *error);

/* Appends the value of the header `authorization`. Errors: HEDDLE_INTERNAL (too many headers, OpenSSL refuses),
 * HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_sigv4_sign(const struct heddle_sigv4_request *request,
                                        struct heddle_buffer *authorization, struct heddle_error *error);

#endif
