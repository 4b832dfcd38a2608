/* resolve.c: from a host's name to its addresses. */
#include <netdb.h>
#include <string.h>
#include <sys/socket.h>

#include "net/wire.h"

int heddle_wire_resolve(const char *host, const struct heddle_wire_options *options,
                        struct heddle_addresses *addresses, struct heddle_error *error)
{
    if (options->lookup != NULL) {
        options->lookup(options->lookup_context, host, addresses);
        return heddle_addresses_check(addresses, error);
    }
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    const int resolved = getaddrinfo(host, NULL, &hints, &found);
    if (resolved != 0) {
        return heddle_error_set(error, HEDDLE_NETWORK, "cannot find the host %s: %s; check the name", host,
                                gai_strerror(resolved));
    }
    for (const struct addrinfo *each = found; each != NULL; each = each->ai_next) {
        char literal[NI_MAXHOST];
        if (getnameinfo(each->ai_addr, each->ai_addrlen, literal, sizeof literal, NULL, 0, NI_NUMERICHOST) ==
                0 &&
            !heddle_addresses_hold(addresses, literal)) {
            heddle_addresses_add(addresses, literal);
        }
    }
    freeaddrinfo(found);
    return heddle_addresses_check(addresses, error);
}
