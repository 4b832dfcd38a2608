/* tcp.c: TCP connections that never block but in wait(). */
#include "net/tcp.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"

/* A dead peer is noticed after 60 + 5 x 10 s of silence even while no answer is owed; firewalls drop idle
 * connections after minutes. */
enum { KEEP_ALIVE_IDLE_S = 60, KEEP_ALIVE_INTERVAL_S = 10, KEEP_ALIVE_PROBES = 5 };

/* send() and recv() of one call: an amount that keeps the call itself cheap. */
enum { TRANSFER_MAX = 1 << 20 };

struct tcp_wire {
    struct heddle_wire base;
    int socket;
    char name[HEDDLE_URI_ADDRESS_MAX];
};

int heddle_tcp_lost(const char *name, const char *why, struct heddle_error *error)
{
    heddle_error_set(error, HEDDLE_NETWORK, "connection to %s lost: %s", name, why);
    if (error != NULL) {
        error->action = HEDDLE_ACTION_RETRY;
    }
    return HEDDLE_NETWORK;
}

static void socket_tune(int socket_fd, bool keep_alive)
{
    /* Each of these only makes things better; a system without one still works. */
    const struct {
        int level;
        int name;
        int value;
    } settings[] = {
        {IPPROTO_TCP, TCP_NODELAY, 1},
        {SOL_SOCKET, SO_KEEPALIVE, keep_alive},
        {IPPROTO_TCP, TCP_KEEPIDLE, KEEP_ALIVE_IDLE_S},
        {IPPROTO_TCP, TCP_KEEPINTVL, KEEP_ALIVE_INTERVAL_S},
        {IPPROTO_TCP, TCP_KEEPCNT, KEEP_ALIVE_PROBES},
    };
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
        (void)setsockopt(socket_fd, settings[i].level, settings[i].name, &settings[i].value,
                         sizeof settings[i].value);
    }
}

static int poll_until(int socket_fd, short events, int timeout_ms)
{
    const uint64_t start = heddle_clock_ns();
    int left = timeout_ms;
    for (;;) {
        struct pollfd item = {.fd = socket_fd, .events = events};
        const int ready = poll(&item, 1, left);
        if (ready >= 0 || errno != EINTR) {
            return ready;
        }
        if (timeout_ms >= 0) {
            const uint64_t gone = (heddle_clock_ns() - start) / 1000000;
            left = gone >= (uint64_t)timeout_ms ? 0 : timeout_ms - (int)gone;
        }
    }
}

/* Connects to one address: 0, or an errno. */
static int connect_one(const struct addrinfo *address, int timeout_ms, bool keep_alive, int *socket_out)
{
    const int socket_fd =
        socket(address->ai_family, address->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, address->ai_protocol);
    if (socket_fd < 0) {
        return errno;
    }
    socket_tune(socket_fd, keep_alive);
    int failure = 0;
    if (connect(socket_fd, address->ai_addr, address->ai_addrlen) != 0) {
        failure = errno;
        if (failure == EINPROGRESS || failure == EINTR) {
            socklen_t size = sizeof failure;
            const int ready = poll_until(socket_fd, POLLOUT, timeout_ms);
            if (ready == 0) {
                failure = ETIMEDOUT;
            } else if (ready < 0 || getsockopt(socket_fd, SOL_SOCKET, SO_ERROR, &failure, &size) != 0) {
                failure = errno;
            }
        }
    }
    if (failure != 0) {
        close(socket_fd);
        return failure;
    }
    *socket_out = socket_fd;
    return 0;
}

static const char *remedy_for(int failure)
{
    switch (failure) {
    case ECONNREFUSED: return "is the server running, and is this its Bolt port?";
    case ETIMEDOUT: return "is the address right, and does a firewall let this port through?";
    case ENETUNREACH:
    case EHOSTUNREACH: return "is this machine connected to the server's network?";
    default: return "is the server running?";
    }
}

static int not_found(const char *name, int resolved, struct heddle_error *error)
{
    heddle_error_set(error, HEDDLE_NETWORK, "cannot find the host of %s: %s; check the name", name,
                     gai_strerror(resolved));
    if (error != NULL && resolved == EAI_AGAIN) {
        error->action = HEDDLE_ACTION_RETRY;
    }
    return HEDDLE_NETWORK;
}

/* Tries what `host` stands for. *failure = 0 when connected, else the errno of the last try. */
static int connect_host(const char *host, const struct heddle_uri *uri,
                        const struct heddle_wire_options *options, int *failure, int *socket_out,
                        struct heddle_error *error)
{
    char name[HEDDLE_URI_ADDRESS_MAX];
    char port[8];
    const int timeout_ms =
        options->connect_timeout_ms > 0 ? options->connect_timeout_ms : HEDDLE_WIRE_CONNECT_TIMEOUT_MS;
    snprintf(port, sizeof port, "%u", uri->port);
    const struct addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *addresses = NULL;
    const int resolved = getaddrinfo(host, port, &hints, &addresses);
    if (resolved != 0) {
        return not_found(heddle_uri_address(uri, name), resolved, error);
    }
    *failure = EADDRNOTAVAIL;
    for (const struct addrinfo *address = addresses; address != NULL && *failure != 0;
         address = address->ai_next) {
        *failure = connect_one(address, timeout_ms, !options->no_keep_alive, socket_out);
    }
    freeaddrinfo(addresses);
    return HEDDLE_OK;
}

/* The same with the literal addresses that the caller's own resolver knows. */
static int connect_looked_up(const struct heddle_uri *uri, const struct heddle_wire_options *options,
                             int *failure, int *socket_out, struct heddle_error *error)
{
    char name[HEDDLE_URI_ADDRESS_MAX];
    struct heddle_addresses literals = {0};
    options->lookup(options->lookup_context, uri->host, &literals);
    int status = heddle_addresses_check(&literals, error);
    if (status == HEDDLE_OK && literals.count == 0) {
        status = not_found(heddle_uri_address(uri, name), EAI_NONAME, error);
    }
    for (size_t i = 0; i < literals.count && status == HEDDLE_OK && *failure != 0; i++) {
        status = connect_host(literals.items[i], uri, options, failure, socket_out, error);
    }
    heddle_addresses_free(&literals);
    return status;
}

int heddle_tcp_connect(const struct heddle_uri *uri, const struct heddle_wire_options *options,
                       int *socket_out, struct heddle_error *error)
{
    char name[HEDDLE_URI_ADDRESS_MAX];
    int failure = EADDRNOTAVAIL;
    if (options->lookup != NULL) {
        HEDDLE_TRY(connect_looked_up(uri, options, &failure, socket_out, error));
    } else {
        HEDDLE_TRY(connect_host(uri->host, uri, options, &failure, socket_out, error));
    }
    if (failure == 0) {
        return HEDDLE_OK;
    }
    heddle_error_set(error, HEDDLE_NETWORK, "cannot connect to %s: %s; %s", heddle_uri_address(uri, name),
                     strerror(failure), remedy_for(failure));
    if (error != NULL) {
        error->action = HEDDLE_ACTION_RETRY;
    }
    return HEDDLE_NETWORK;
}

int heddle_tcp_send(int socket, const char *name, const uint8_t *bytes, size_t length, size_t *sent_out,
                    struct heddle_error *error)
{
    *sent_out = 0;
    const ssize_t sent = send(socket, bytes, length < TRANSFER_MAX ? length : TRANSFER_MAX, MSG_NOSIGNAL);
    if (sent >= 0) {
        *sent_out = (size_t)sent;
        return HEDDLE_OK;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) {
        return HEDDLE_OK;
    }
    return heddle_tcp_lost(name, strerror(errno), error);
}

int heddle_tcp_receive(int socket, const char *name, uint8_t *bytes, size_t length, size_t *received_out,
                       struct heddle_error *error)
{
    *received_out = 0;
    const ssize_t received = recv(socket, bytes, length < TRANSFER_MAX ? length : TRANSFER_MAX, 0);
    if (received > 0) {
        *received_out = (size_t)received;
        return HEDDLE_OK;
    }
    if (received == 0) {
        return heddle_tcp_lost(name, "the server closed it", error);
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) {
        return HEDDLE_OK;
    }
    return heddle_tcp_lost(name, strerror(errno), error);
}

int heddle_tcp_wait(int socket, const char *name, short events, int timeout_ms, struct heddle_error *error)
{
    const int ready = poll_until(socket, events, timeout_ms);
    if (ready > 0) {
        return HEDDLE_OK;
    }
    if (ready < 0) {
        return heddle_tcp_lost(name, strerror(errno), error);
    }
    char why[64];
    snprintf(why, sizeof why, "nothing heard for %d.%03d s", timeout_ms / 1000, timeout_ms % 1000);
    return heddle_tcp_lost(name, why, error);
}

static int tcp_wire_send(struct heddle_wire *base, const uint8_t *bytes, size_t length, size_t *sent_out,
                         struct heddle_error *error)
{
    const struct tcp_wire *wire = (const struct tcp_wire *)base;
    return heddle_tcp_send(wire->socket, wire->name, bytes, length, sent_out, error);
}

static int tcp_wire_receive(struct heddle_wire *base, uint8_t *bytes, size_t length, size_t *received_out,
                            struct heddle_error *error)
{
    const struct tcp_wire *wire = (const struct tcp_wire *)base;
    return heddle_tcp_receive(wire->socket, wire->name, bytes, length, received_out, error);
}

static int tcp_wire_wait(struct heddle_wire *base, bool to_send, int timeout_ms, struct heddle_error *error)
{
    const struct tcp_wire *wire = (const struct tcp_wire *)base;
    return heddle_tcp_wait(wire->socket, wire->name, (short)(to_send ? POLLIN | POLLOUT : POLLIN), timeout_ms,
                           error);
}

static void tcp_wire_close(struct heddle_wire *base)
{
    struct tcp_wire *wire = (struct tcp_wire *)base;
    close(wire->socket);
    free(wire);
}

static const struct heddle_wire_class tcp_class = {tcp_wire_send, tcp_wire_receive, tcp_wire_wait,
                                                   tcp_wire_close};

int heddle_wire_from_socket(int socket, const char *name, struct heddle_wire **wire_out,
                            struct heddle_error *error)
{
    const int flags = fcntl(socket, F_GETFL);
    if (flags < 0 || fcntl(socket, F_SETFL, flags | O_NONBLOCK) != 0) {
        return heddle_tcp_lost(name, strerror(errno), error);
    }
    struct tcp_wire *wire = heddle_calloc(1, sizeof *wire);
    if (wire == NULL) {
        return heddle_error_out_of_memory(error);
    }
    wire->base.class = &tcp_class;
    wire->socket = socket;
    snprintf(wire->name, sizeof wire->name, "%s", name);
    *wire_out = &wire->base;
    return HEDDLE_OK;
}
