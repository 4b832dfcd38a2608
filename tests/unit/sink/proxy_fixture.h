/* proxy_fixture.h: a TCP proxy on loopback that drops all its connections every now and then, and can stay away a while:
 * what a network does, without touching the server.
 */
#ifndef HEDDLE_TESTS_UNIT_SINK_PROXY_FIXTURE_H
#define HEDDLE_TESTS_UNIT_SINK_PROXY_FIXTURE_H

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PROXY_PAIRS_MAX = 16, PROXY_POLL_MS = 5 };

struct proxy {
    pthread_t thread;
    int listener;
    char uri[64]; /* bolt://127.0.0.1:PORT */
    char host[128];
    char port[8];
    int pairs[PROXY_PAIRS_MAX][2]; /* client, server */
    int pair_count;
    size_t drop_after; /* bytes from clients after which everything is dropped; 0 = never */
    size_t heard;      /* bytes from clients since the last drop */
    atomic_bool stop;
    atomic_bool away; /* takes no connections, drops those it has */
    atomic_int drops;
};

static void proxy_drop_all(struct proxy *proxy)
{
    for (int i = 0; i < proxy->pair_count; i++) {
        close(proxy->pairs[i][0]);
        close(proxy->pairs[i][1]);
    }
    if (proxy->pair_count > 0) {
        atomic_fetch_add(&proxy->drops, 1);
    }
    proxy->pair_count = 0;
    proxy->heard = 0;
}

static int proxy_dial(const struct proxy *proxy)
{
    const struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    if (getaddrinfo(proxy->host, proxy->port, &hints, &found) != 0) {
        return -1;
    }
    int server = socket(AF_INET, SOCK_STREAM, 0);
    if (server >= 0 && connect(server, found->ai_addr, found->ai_addrlen) != 0) {
        close(server);
        server = -1;
    }
    freeaddrinfo(found);
    return server;
}

static void proxy_accept(struct proxy *proxy)
{
    const int client = accept(proxy->listener, NULL, NULL);
    if (client < 0) {
        return;
    }
    const int server =
        atomic_load(&proxy->away) || proxy->pair_count == PROXY_PAIRS_MAX ? -1 : proxy_dial(proxy);
    if (server < 0) {
        close(client);
        return;
    }
    proxy->pairs[proxy->pair_count][0] = client;
    proxy->pairs[proxy->pair_count++][1] = server;
}

/* Moves what is there from one side to the other; false when a side has closed. */
static bool proxy_move(struct proxy *proxy, int from, int to, bool from_client)
{
    char bytes[16384];
    const ssize_t length = recv(from, bytes, sizeof bytes, 0);
    if (length <= 0) {
        return false;
    }
    proxy->heard += from_client ? (size_t)length : 0;
    for (ssize_t sent = 0; sent < length;) {
        const ssize_t now = send(to, bytes + sent, (size_t)(length - sent), MSG_NOSIGNAL);
        if (now <= 0) {
            return false;
        }
        sent += now;
    }
    return true;
}

static void proxy_serve(struct proxy *proxy)
{
    struct pollfd polled[1 + 2 * PROXY_PAIRS_MAX];
    const int pairs = proxy->pair_count;
    polled[0] = (struct pollfd){.fd = proxy->listener, .events = POLLIN};
    for (int i = 0; i < pairs; i++) {
        polled[1 + 2 * i] = (struct pollfd){.fd = proxy->pairs[i][0], .events = POLLIN};
        polled[2 + 2 * i] = (struct pollfd){.fd = proxy->pairs[i][1], .events = POLLIN};
    }
    if (poll(polled, (nfds_t)(1 + 2 * pairs), PROXY_POLL_MS) <= 0) {
        return;
    }
    for (int i = pairs - 1; i >= 0; i--) {
        bool alive = true;
        for (int side = 0; side < 2 && alive; side++) {
            if (polled[1 + 2 * i + side].revents != 0) {
                alive = proxy_move(proxy, proxy->pairs[i][side], proxy->pairs[i][1 - side], side == 0);
            }
        }
        if (!alive) {
            close(proxy->pairs[i][0]);
            close(proxy->pairs[i][1]);
            memmove(proxy->pairs[i], proxy->pairs[--proxy->pair_count], sizeof proxy->pairs[i]);
        }
    }
    if (polled[0].revents != 0) {
        proxy_accept(proxy);
    }
}

static void *proxy_main(void *context)
{
    struct proxy *proxy = context;
    while (!atomic_load(&proxy->stop)) {
        if (atomic_load(&proxy->away) || (proxy->drop_after > 0 && proxy->heard > proxy->drop_after)) {
            proxy_drop_all(proxy);
        }
        proxy_serve(proxy);
    }
    proxy_drop_all(proxy);
    return NULL;
}

/* Starts a proxy to the server of `uri` (scheme://host:port). False where that cannot be done. */
static bool proxy_start(struct proxy *proxy, const char *uri, size_t drop_after)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t length = sizeof address;
    const char *host = strstr(uri, "://");
    memset(proxy, 0, sizeof *proxy);
    if (host == NULL || sscanf(host + 3, "%127[^:]:%7[0-9]", proxy->host, proxy->port) != 2) {
        return false;
    }
    proxy->drop_after = drop_after;
    proxy->listener = socket(AF_INET, SOCK_STREAM, 0);
    if (proxy->listener < 0 || bind(proxy->listener, (struct sockaddr *)&address, sizeof address) != 0 ||
        listen(proxy->listener, 16) != 0 ||
        getsockname(proxy->listener, (struct sockaddr *)&address, &length) != 0) {
        return false;
    }
    snprintf(proxy->uri, sizeof proxy->uri, "bolt://127.0.0.1:%u", ntohs(address.sin_port));
    return pthread_create(&proxy->thread, NULL, proxy_main, proxy) == 0;
}

static void proxy_stop(struct proxy *proxy)
{
    atomic_store(&proxy->stop, true);
    pthread_join(proxy->thread, NULL);
    close(proxy->listener);
}

#endif
