/* proxy.c: a TCP proxy on loopback that understands Bolt's framing: it delays what passes, and cuts a connection at a
 * chosen message of a chosen batch.
 *
 *   fault_proxy SERVER_PORT [--delay-ms N] [--cut DIRECTION:BATCH:MESSAGE:WHERE]
 *
 * --delay-ms   each direction takes so long: a round trip costs twice that
 * --cut        DIRECTION client (what the client sends) or server (its answers); BATCH counts BEGIN over all connections,
 *              from 1; MESSAGE counts the messages of that batch, BEGIN = 0 (server: the answer to it, with its records);
 *              WHERE before (nothing of it passes) or inside (a part of it passes). Both sides are closed, once.
 *
 * Says on stdout: "port N" when it listens, "batch B messages M" when a batch's COMMIT has been answered, "cut" when it
 * has cut. Ends when stdin does, so that it never outlives whoever started it.
 *
 * One thread, one poll() loop. What was read waits in blocks until its time has come; a cut is a block that closes.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "fault/bolt_track.h"

enum {
    PAIRS_MAX = 64,
    BLOCK_SIZE = 256 * 1024,
    BLOCKS_MAX = 256, /* that wait in one direction: a far away server takes no more than this either */
    NS_PER_MS = 1000000,
};

struct block {
    struct block *next;
    uint64_t due_ns;
    size_t length;
    size_t sent;
    bool cuts; /* closes the pair when it is through */
    uint8_t bytes[];
};

/* One direction of a pair: from one socket to the other. */
struct lane {
    struct block *first;
    struct block *last;
    size_t count;
    bool ended; /* the sender has closed */
};

struct pair {
    int sockets[2];       /* client, server */
    struct lane lanes[2]; /* from the client, from the server */
    struct bolt_track track;
};

struct proxy {
    struct sockaddr_in server;
    int listener;
    uint64_t delay_ns;
    struct bolt_cut cut;
    struct bolt_batches batches;
    struct pair *pairs[PAIRS_MAX];
    size_t pair_count;
};

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void say(const char *text)
{
    puts(text);
    fflush(stdout);
}

static void set_up_socket(int socket)
{
    const int yes = 1;
    (void)setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    (void)fcntl(socket, F_SETFL, fcntl(socket, F_GETFL) | O_NONBLOCK);
}

static void pair_close(struct proxy *proxy, size_t index)
{
    struct pair *pair = proxy->pairs[index];
    for (int side = 0; side < 2; side++) {
        close(pair->sockets[side]);
        while (pair->lanes[side].first != NULL) {
            struct block *block = pair->lanes[side].first;
            pair->lanes[side].first = block->next;
            free(block);
        }
    }
    free(pair);
    proxy->pairs[index] = proxy->pairs[--proxy->pair_count];
}

static void pair_open(struct proxy *proxy)
{
    const int client = accept(proxy->listener, NULL, NULL);
    const int server = client < 0 ? -1 : socket(AF_INET, SOCK_STREAM, 0);
    struct pair *pair = server < 0 || proxy->pair_count == PAIRS_MAX ? NULL : calloc(1, sizeof *pair);
    if (pair == NULL || connect(server, (struct sockaddr *)&proxy->server, sizeof proxy->server) != 0) {
        if (client >= 0) {
            close(client);
        }
        if (server >= 0) {
            close(server);
        }
        free(pair);
        return;
    }
    set_up_socket(client);
    set_up_socket(server);
    pair->sockets[0] = client;
    pair->sockets[1] = server;
    proxy->pairs[proxy->pair_count++] = pair;
}

/* Reads what one side has sent; what has arrived goes on after the delay. False where memory is out. */
static bool lane_read(struct proxy *proxy, struct pair *pair, int side)
{
    struct lane *lane = &pair->lanes[side];
    struct block *block = malloc(sizeof *block + BLOCK_SIZE);
    if (block == NULL) {
        return false;
    }
    *block = (struct block){0}; /* before the bytes: its padding lies over the first of them */
    const ssize_t length = recv(pair->sockets[side], block->bytes, BLOCK_SIZE, 0);
    if (length <= 0) {
        lane->ended = length == 0 || (errno != EAGAIN && errno != EINTR);
        free(block);
        return true;
    }
    block->due_ns = now_ns() + proxy->delay_ns;
    block->length = (size_t)length;
    block->cuts =
        bolt_track_feed(&pair->track, &proxy->batches, &proxy->cut, side == 0, block->bytes, &block->length);
    *(lane->first == NULL ? &lane->first : &lane->last->next) = block;
    lane->last = block;
    lane->count++;
    return true;
}

/* Sends what is due. False where the pair has come to its end. */
static bool lane_write(struct pair *pair, int side, uint64_t now)
{
    struct lane *lane = &pair->lanes[side];
    while (lane->first != NULL && lane->first->due_ns <= now) {
        struct block *block = lane->first;
        if (block->sent < block->length) {
            const ssize_t sent = send(pair->sockets[1 - side], block->bytes + block->sent,
                                      block->length - block->sent, MSG_NOSIGNAL);
            if (sent < 0) {
                return errno == EAGAIN || errno == EINTR;
            }
            block->sent += (size_t)sent;
        }
        if (block->sent == block->length) {
            if (block->cuts) {
                say("cut");
                return false;
            }
            lane->first = block->next;
            lane->count--;
            free(block);
        }
    }
    return lane->first != NULL || !lane->ended;
}

/* Milliseconds until the next block is due; -1 where none waits for its time. */
static int next_due_ms(const struct proxy *proxy, uint64_t now)
{
    uint64_t least = UINT64_MAX;
    for (size_t i = 0; i < proxy->pair_count; i++) {
        for (int side = 0; side < 2; side++) {
            const struct block *block = proxy->pairs[i]->lanes[side].first;
            if (block != NULL && block->due_ns > now && block->due_ns - now < least) {
                least = block->due_ns - now;
            }
        }
    }
    return least == UINT64_MAX ? -1 : (int)(least / NS_PER_MS) + 1;
}

/* What poll() is to look at: stdin, the listener, both sockets of each pair. */
static nfds_t watch(const struct proxy *proxy, struct pollfd *polled, uint64_t now)
{
    nfds_t count = 0;
    polled[count++] = (struct pollfd){.fd = STDIN_FILENO, .events = POLLIN};
    polled[count++] = (struct pollfd){.fd = proxy->listener, .events = POLLIN};
    for (size_t i = 0; i < proxy->pair_count; i++) {
        const struct pair *pair = proxy->pairs[i];
        for (int side = 0; side < 2; side++) {
            const struct lane *out = &pair->lanes[1 - side];
            const bool reads = !pair->lanes[side].ended && pair->lanes[side].count < BLOCKS_MAX;
            const bool writes = out->first != NULL && out->first->due_ns <= now;
            polled[count++] =
                (struct pollfd){.fd = reads || writes ? pair->sockets[side] : -1,
                                .events = (short)((reads ? POLLIN : 0) | (writes ? POLLOUT : 0))};
        }
    }
    return count;
}

static void serve(struct proxy *proxy)
{
    struct pollfd polled[2 + 2 * PAIRS_MAX];
    for (;;) {
        const uint64_t before = now_ns();
        const nfds_t count = watch(proxy, polled, before);
        const int wait_ms = next_due_ms(proxy, before);
        if (poll(polled, count, wait_ms) < 0 && errno != EINTR) {
            return;
        }
        char ignored[64];
        if (polled[0].revents != 0 && read(STDIN_FILENO, ignored, sizeof ignored) <= 0) {
            return;
        }
        for (size_t i = proxy->pair_count; i-- > 0;) {
            struct pair *pair = proxy->pairs[i];
            bool alive = true;
            for (int side = 0; side < 2 && alive; side++) {
                if ((polled[2 + 2 * i + (size_t)side].revents & (POLLIN | POLLHUP | POLLERR)) != 0 &&
                    !pair->lanes[side].ended) {
                    alive = lane_read(proxy, pair, side);
                }
            }
            const uint64_t now = now_ns();
            alive = alive && lane_write(pair, 0, now) && lane_write(pair, 1, now);
            if (!alive) {
                pair_close(proxy, i);
            }
        }
        if (polled[1].revents != 0) {
            pair_open(proxy);
        }
    }
}

static bool listen_anywhere(struct proxy *proxy)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t length = sizeof address;
    proxy->listener = socket(AF_INET, SOCK_STREAM, 0);
    if (proxy->listener < 0 || bind(proxy->listener, (struct sockaddr *)&address, sizeof address) != 0 ||
        listen(proxy->listener, PAIRS_MAX) != 0 ||
        getsockname(proxy->listener, (struct sockaddr *)&address, &length) != 0) {
        return false;
    }
    printf("port %u\n", ntohs(address.sin_port));
    fflush(stdout);
    return true;
}

int main(int argc, char **argv)
{
    struct proxy proxy = {
        .server = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}},
    };
    const long port = argc > 1 ? strtol(argv[1], NULL, 10) : 0;
    bool valid = port > 0 && port <= UINT16_MAX && argc % 2 == 0;
    for (int i = 2; valid && i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--delay-ms") == 0) {
            proxy.delay_ns = strtoull(argv[i + 1], NULL, 10) * NS_PER_MS;
        } else {
            valid = strcmp(argv[i], "--cut") == 0 && bolt_cut_parse(argv[i + 1], &proxy.cut);
        }
    }
    if (!valid) {
        fputs("usage: fault_proxy SERVER_PORT [--delay-ms N] [--cut "
              "client|server:BATCH:MESSAGE:before|inside]\n",
              stderr);
        return 1;
    }
    proxy.server.sin_port = htons((uint16_t)port);
    if (!listen_anywhere(&proxy)) {
        perror("fault_proxy");
        return 1;
    }
    serve(&proxy);
    while (proxy.pair_count > 0) {
        pair_close(&proxy, proxy.pair_count - 1);
    }
    close(proxy.listener);
    return 0;
}
