/* uri.c: taking the address of a server apart. */
#include "net/uri.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

struct scheme {
    const char *name;
    bool routing;
    enum heddle_uri_tls tls;
};

static const struct scheme schemes[] = {
    {"bolt", false, HEDDLE_URI_TLS_NONE},           {"bolt+s", false, HEDDLE_URI_TLS_VERIFIED},
    {"bolt+ssc", false, HEDDLE_URI_TLS_UNVERIFIED}, {"neo4j", true, HEDDLE_URI_TLS_NONE},
    {"neo4j+s", true, HEDDLE_URI_TLS_VERIFIED},     {"neo4j+ssc", true, HEDDLE_URI_TLS_UNVERIFIED},
};
enum { SCHEME_COUNT = sizeof schemes / sizeof schemes[0] };

static int scheme_parse(const char *text, const char *separator, struct heddle_uri *uri,
                        struct heddle_error *error)
{
    char name[16];
    const size_t length = (size_t)(separator - text);
    const char *names[SCHEME_COUNT];
    for (size_t i = 0; i < SCHEME_COUNT; i++) {
        names[i] = schemes[i].name;
        if (strlen(names[i]) == length && strncasecmp(names[i], text, length) == 0) {
            uri->routing = schemes[i].routing;
            uri->tls = schemes[i].tls;
            return HEDDLE_OK;
        }
    }
    snprintf(name, sizeof name, "%.*s", (int)(length < sizeof name ? length : sizeof name - 1), text);
    if (strncmp(name, "http", 4) == 0) {
        return heddle_error_set(
            error, HEDDLE_INVALID,
            "%s:// is not Neo4j's Bolt protocol; use neo4j://host:7687 or bolt://host:7687", name);
    }
    const char *nearest = heddle_text_nearest(name, names, SCHEME_COUNT);
    return heddle_error_set(error, HEDDLE_INVALID, "unknown scheme \"%s\" in the server's address%s%s%s",
                            name,
                            nearest != NULL ? "; did you mean " : "; use neo4j:// or bolt:// (+s for TLS)",
                            nearest != NULL ? nearest : "", nearest != NULL ? "://?" : "");
}

static int port_parse(const char *text, size_t length, uint16_t *port_out, struct heddle_error *error)
{
    uint32_t port = 0;
    for (size_t i = 0; i < length && port <= UINT16_MAX; i++) {
        if (text[i] < '0' || text[i] > '9') {
            port = UINT32_MAX;
            break;
        }
        port = port * 10 + (uint32_t)(text[i] - '0');
    }
    if (port == 0 || port > UINT16_MAX) {
        return heddle_error_set(error, HEDDLE_INVALID,
                                "\"%.*s\" is not a port (1 to 65535) in the server's address",
                                (int)(length < 20 ? length : 20), text);
    }
    *port_out = (uint16_t)port;
    return HEDDLE_OK;
}

/* host, host:port, [v6] or [v6]:port in text[0 .. length). */
static int address_parse(const char *text, size_t length, struct heddle_uri *uri, struct heddle_error *error)
{
    const char *host = text;
    size_t host_length = length;
    const char *colon = NULL;
    if (length > 0 && text[0] == '[') {
        const char *end = memchr(text, ']', length);
        if (end == NULL || (end + 1 < text + length && end[1] != ':')) {
            return heddle_error_set(error, HEDDLE_INVALID, "an IPv6 address is written [::1] or [::1]:7687");
        }
        host = text + 1;
        host_length = (size_t)(end - host);
        colon = end + 1 < text + length ? end + 1 : NULL;
    } else {
        colon = memchr(text, ':', length);
        if (colon != NULL && memchr(colon + 1, ':', length - (size_t)(colon + 1 - text)) != NULL) {
            return heddle_error_set(error, HEDDLE_INVALID,
                                    "an IPv6 address stands in brackets: neo4j://[::1]:7687");
        }
        host_length = colon != NULL ? (size_t)(colon - text) : length;
    }
    if (host_length == 0 || host_length >= sizeof uri->host) {
        return heddle_error_set(error, HEDDLE_INVALID,
                                "the server's address has %s host name; expected neo4j://host:7687",
                                host_length == 0 ? "no" : "too long a");
    }
    for (size_t i = 0; i < host_length; i++) {
        if ((unsigned char)host[i] <= ' ' || host[i] == 0x7F) {
            return heddle_error_set(error, HEDDLE_INVALID,
                                    "there is a space or control character in the host name");
        }
    }
    uri->port = HEDDLE_URI_PORT_DEFAULT;
    if (colon != NULL) {
        HEDDLE_TRY(port_parse(colon + 1, length - (size_t)(colon + 1 - text), &uri->port, error));
    }
    memcpy(uri->host, host, host_length);
    uri->host[host_length] = '\0';
    return HEDDLE_OK;
}

int heddle_uri_parse(const char *text, struct heddle_uri *uri_out, struct heddle_error *error)
{
    struct heddle_uri uri = {0};
    const char *separator = strstr(text, "://");
    if (separator == NULL) {
        return heddle_error_set(error, HEDDLE_INVALID,
                                "the server's address needs a scheme: neo4j://host:7687 or bolt://host:7687");
    }
    HEDDLE_TRY(scheme_parse(text, separator, &uri, error));
    const char *authority = separator + 3;
    /* A password may hold '/' or '?', so the '@' is looked for in all that is left. */
    if (strchr(authority, '@') != NULL) {
        return heddle_error_set(error, HEDDLE_INVALID,
                                "the server's address must not hold user or password: use NEO4J_USERNAME and "
                                "NEO4J_PASSWORD, or --password-file");
    }
    const size_t length = strcspn(authority, "/?#");
    HEDDLE_TRY(address_parse(authority, length, &uri, error));
    const char *rest = authority + length;
    if (*rest == '/') {
        rest++;
    }
    if (*rest == '?') {
        const size_t query_length = strlen(rest + 1);
        if (query_length >= sizeof uri.query) {
            return heddle_error_set(error, HEDDLE_INVALID,
                                    "the routing context behind '?' is longer than %zu bytes",
                                    sizeof uri.query - 1);
        }
        memcpy(uri.query, rest + 1, query_length + 1);
    } else if (*rest != '\0') {
        return heddle_error_set(error, HEDDLE_INVALID,
                                "\"/%.40s\" behind the server's address: a database is named by --database",
                                rest);
    }
    if (uri.query[0] != '\0' && !uri.routing) {
        return heddle_error_set(error, HEDDLE_INVALID, "a routing context behind '?' needs neo4j://: %.200s",
                                text);
    }
    *uri_out = uri;
    return HEDDLE_OK;
}

int heddle_uri_parse_address(const char *text, struct heddle_uri *uri, struct heddle_error *error)
{
    return address_parse(text, strlen(text), uri, error);
}

const char *heddle_uri_address(const struct heddle_uri *uri, char out[static HEDDLE_URI_ADDRESS_MAX])
{
    const bool v6 = strchr(uri->host, ':') != NULL;
    snprintf(out, HEDDLE_URI_ADDRESS_MAX, "%s%s%s:%u", v6 ? "[" : "", uri->host, v6 ? "]" : "", uri->port);
    return out;
}
