/* main.c: testkit_backend PORT: listens, and gives each connection a thread. */
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backend.h"

enum { DEFAULT_PORT = 9876, BACKLOG = 64 };

static void backend_end(struct backend *backend)
{
    /* Results before sessions before drivers before what drivers use. */
    static const enum kind order[] = {KIND_RESULT, KIND_TRANSACTION,         KIND_SESSION,
                                      KIND_DRIVER, KIND_BOOKMARK_MANAGER,    KIND_AUTH_MANAGER,
                                      KIND_ERROR,  KIND_CERTIFICATE_PROVIDER};
    for (size_t k = 0; k < sizeof order / sizeof order[0]; k++) {
        for (size_t i = 0; i < backend->object_count; i++) {
            if (backend->objects[i].kind == order[k]) {
                object_free(backend->objects[i]);
                backend->objects[i].kind = KIND_NONE;
            }
        }
    }
    free(backend->objects);
    json_decref(backend->completed);
    fclose(backend->in);
    fclose(backend->out);
}

static void *serve(void *argument)
{
    const int socket_fd = *(int *)argument;
    struct backend backend = {.in = fdopen(socket_fd, "r"), .out = fdopen(dup(socket_fd), "w")};
    free(argument);
    if (backend.in == NULL || backend.out == NULL) {
        fprintf(stderr, "testkit_backend: out of memory\n");
        close(socket_fd);
        return NULL;
    }
    while (backend_serve(&backend)) {
    }
    backend_end(&backend);
    return NULL;
}

static int listen_on(long port)
{
    const int one = 1;
    const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr = {htonl(INADDR_ANY)}};
    if (listener < 0 || setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0 ||
        bind(listener, (const struct sockaddr *)&address, sizeof address) != 0 ||
        listen(listener, BACKLOG) != 0) {
        perror("testkit_backend");
        return -1;
    }
    return listener;
}

int main(int argc, char **argv)
{
    char *end = NULL;
    const long port = argc > 1 ? strtol(argv[1], &end, 10) : DEFAULT_PORT;
    if (argc > 2 || port < 1 || port > UINT16_MAX || (end != NULL && *end != '\0')) {
        fprintf(stderr, "usage: testkit_backend [PORT]\n");
        return 2;
    }
    const int listener = listen_on(port);
    if (listener < 0) {
        return 1;
    }
    signal(SIGPIPE, SIG_IGN);
    printf("listening on port %ld\n", port);
    fflush(stdout);
    for (;;) {
        pthread_t thread;
        int *socket_fd = malloc(sizeof *socket_fd);
        if (socket_fd == NULL) {
            return 1;
        }
        *socket_fd = accept(listener, NULL, NULL);
        if (*socket_fd < 0 || pthread_create(&thread, NULL, serve, socket_fd) != 0) {
            perror("testkit_backend");
            free(socket_fd);
            continue;
        }
        pthread_detach(thread);
    }
}
