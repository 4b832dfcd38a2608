/* connect.c: from an address to a wire. */
#include "net/wire.h"

#include <unistd.h>

#include "net/tcp.h"
#include "net/tls.h"

int heddle_wire_connect(const struct heddle_uri *uri, const struct heddle_wire_options *options,
                        struct heddle_wire **wire_out, struct heddle_error *error)
{
    const int timeout_ms =
        options->connect_timeout_ms > 0 ? options->connect_timeout_ms : HEDDLE_WIRE_CONNECT_TIMEOUT_MS;
    int socket = -1;
    HEDDLE_TRY(heddle_tcp_connect(uri, options, &socket, error));
    int status = HEDDLE_OK;
    if (uri->tls == HEDDLE_URI_TLS_NONE) {
        char name[HEDDLE_URI_ADDRESS_MAX];
        status = heddle_wire_from_socket(socket, heddle_uri_address(uri, name), wire_out, error);
    } else {
        status = heddle_tls_connect(socket, uri, options, timeout_ms, wire_out, error);
    }
    if (status != HEDDLE_OK) {
        close(socket);
    }
    return status;
}
