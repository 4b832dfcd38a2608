/* authorities.c: the search for certificate authorities. */
#include "net/authorities.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"

const char *const heddle_authorities_bundles[] = {
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
    NULL,
};

static bool is_given(const char *text)
{
    return text != NULL && text[0] != '\0';
}

struct heddle_authorities heddle_authorities_start(const char *ca_file, const char *const *bundles)
{
    static const char *const none[] = {NULL};
    const char *environment = getenv("SSL_CERT_FILE");
    if (is_given(ca_file)) {
        return (struct heddle_authorities){.file = ca_file, .named_by = "the CA file given", .bundles = none};
    }
    if (is_given(environment)) {
        return (struct heddle_authorities){.file = environment, .named_by = "SSL_CERT_FILE", .bundles = none};
    }
    return (struct heddle_authorities){.bundles = bundles};
}

bool heddle_authorities_next(struct heddle_authorities *search)
{
    if (search->named_by != NULL) {
        /* The one that was named comes first and last. */
        const bool fresh = search->bundles != NULL;
        search->bundles = NULL;
        return fresh;
    }
    while (*search->bundles != NULL) {
        search->file = *search->bundles++;
        if (access(search->file, R_OK) == 0) {
            return true;
        }
    }
    return false;
}

int heddle_authorities_missing(const char *const *bundles, struct heddle_error *error)
{
    enum { PLACES_SIZE = 512 };
    char places[PLACES_SIZE] = "";
    size_t length = 0;
    for (size_t i = 0; bundles[i] != NULL && length < sizeof places; i++) {
        const char *between = i == 0 ? "" : bundles[i + 1] == NULL ? " or " : ", ";
        const int added = snprintf(places + length, sizeof places - length, "%s%s", between, bundles[i]);
        length += added > 0 ? (size_t)added : 0;
    }
    return heddle_error_set(error, HEDDLE_INVALID,
                            "no certificate authorities found in %s: install ca-certificates, set "
                            "SSL_CERT_FILE, or name a CA file",
                            places);
}
