/* raw_rows.c: the least that a client can do: batches that were encoded before the clock starts are sent over plain sockets,
 * and their answers are looked at for a failure. What a loader is measured against.
 *
 *     raw_rows PORT plain|vectors FIRST ROWS CONNECTIONS BATCH_ROWS STATEMENT
 *
 * Rows as load_rows.c makes them, as lists [id, text, vector]; a vector goes as a Bolt vector where the server speaks Bolt 6,
 * else as a list of floats. Loopback only; the password comes from NEO4J_PASSWORD. The clock runs from the first byte of the
 * first batch to the last answer; connections are open before. No retry: a failure ends the program.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/rows.h"

enum { CHUNK = 65535, CONNECTIONS_MAX = 64, ANSWERS_A_BATCH = 4 };

struct bytes {
    uint8_t *at;
    size_t length;
    size_t capacity;
};

struct batches {
    struct bytes *list;
    size_t count;
    size_t next;
    pthread_mutex_t lock;
};

struct connection {
    int socket;
    struct batches *batches;
    uint8_t buffer[16384];
    size_t have;
    size_t used;
};

static void die(const char *what)
{
    fprintf(stderr, "raw_rows: %s\n", what);
    exit(EXIT_FAILURE);
}

/* ---- PackStream, as much of it as is needed -------------------------------------------------------------------------- */

static void put(struct bytes *out, const void *from, size_t length)
{
    if (out->length + length > out->capacity) {
        out->capacity = 2 * (out->length + length) + 1024;
        out->at = realloc(out->at, out->capacity);
        if (out->at == NULL) {
            die("out of memory");
        }
    }
    memcpy(out->at + out->length, from, length);
    out->length += length;
}

static void put_byte(struct bytes *out, unsigned byte)
{
    const uint8_t one = (uint8_t)byte;
    put(out, &one, 1);
}

static void put_big_endian(struct bytes *out, uint64_t value, int width)
{
    for (int shift = 8 * (width - 1); shift >= 0; shift -= 8) {
        put_byte(out, (unsigned)(value >> shift & 0xFF));
    }
}

static void put_text(struct bytes *out, const char *text)
{
    const size_t length = strlen(text);
    put_byte(out, 0xD1);
    put_big_endian(out, length, 2);
    put(out, text, length);
}

static void put_list(struct bytes *out, size_t items)
{
    put_byte(out, 0xD6);
    put_big_endian(out, items, 4);
}

static void put_vector(struct bytes *out, int64_t id, bool native)
{
    if (native) { /* VECTOR: the type's marker and the numbers, each as bytes */
        static const uint8_t head[] = {0xB2, 0x56, 0xCC, 0x01, 0xC6, 0xCD};
        put(out, head, sizeof head);
        put_big_endian(out, 4 * ROW_DIMENSIONS, 2);
    } else {
        put_list(out, ROW_DIMENSIONS);
    }
    for (int at = 0; at < ROW_DIMENSIONS; at++) {
        const float number = row_component(id, at);
        const double wide = (double)number;
        uint32_t bits = 0;
        uint64_t wide_bits = 0;
        memcpy(&bits, &number, sizeof bits);
        memcpy(&wide_bits, &wide, sizeof wide_bits);
        if (!native) {
            put_byte(out, 0xC1);
        }
        put_big_endian(out, native ? bits : wide_bits, native ? 4 : 8);
    }
}

/* Appends a message in chunks. */
static void put_message(struct bytes *out, const struct bytes *message)
{
    for (size_t at = 0; at < message->length; at += CHUNK) {
        const size_t length = message->length - at < CHUNK ? message->length - at : CHUNK;
        put_big_endian(out, length, 2);
        put(out, message->at + at, length);
    }
    put_big_endian(out, 0, 2);
}

static void put_short_message(struct bytes *out, const void *message, size_t length)
{
    const struct bytes whole = {.at = (uint8_t *)(uintptr_t)message, .length = length};
    put_message(out, &whole);
}

static void encode_batch(struct bytes *out, const char *statement, int64_t first, size_t rows, bool vectors,
                         bool native)
{
    static const uint8_t begin[] = {0xB1, 0x11, 0xA0};
    static const uint8_t pull[] = {0xB1, 0x3F, 0xA1, 0x81, 'n', 0xFF};
    static const uint8_t commit[] = {0xB0, 0x12};
    struct bytes run = {0};
    put_byte(&run, 0xB3);
    put_byte(&run, 0x10);
    put_text(&run, statement);
    put_byte(&run, 0xA1);
    put_text(&run, "rows");
    put_list(&run, rows);
    for (size_t i = 0; i < rows; i++) {
        char text[ROW_TEXT + 1];
        const int64_t id = first + (int64_t)i;
        row_text(id, text);
        put_byte(&run, vectors ? 0x93 : 0x92);
        put_byte(&run, 0xCB);
        put_big_endian(&run, (uint64_t)id, 8);
        put_text(&run, text);
        if (vectors) {
            put_vector(&run, id, native);
        }
    }
    put_byte(&run, 0xA0);
    put_short_message(out, begin, sizeof begin);
    put_message(out, &run);
    put_short_message(out, pull, sizeof pull);
    put_short_message(out, commit, sizeof commit);
    free(run.at);
}

/* ---- the connection -------------------------------------------------------------------------------------------------- */

static void send_all(const struct connection *connection, const uint8_t *bytes, size_t length)
{
    while (length > 0) {
        const ssize_t sent = send(connection->socket, bytes, length, MSG_NOSIGNAL);
        if (sent <= 0) {
            die("the server hung up");
        }
        bytes += sent;
        length -= (size_t)sent;
    }
}

static uint8_t next_byte(struct connection *connection)
{
    if (connection->used == connection->have) {
        const ssize_t length = recv(connection->socket, connection->buffer, sizeof connection->buffer, 0);
        if (length <= 0) {
            die("the server hung up");
        }
        connection->have = (size_t)length;
        connection->used = 0;
    }
    return connection->buffer[connection->used++];
}

/* Reads one message; answers its tag. */
static uint8_t next_tag(struct connection *connection)
{
    uint8_t tag = 0;
    size_t length = 0;
    for (;;) {
        size_t chunk = (size_t)next_byte(connection) << 8;
        chunk |= next_byte(connection);
        if (chunk == 0 && length > 0) {
            return tag;
        }
        for (; chunk > 0; chunk--) {
            const uint8_t byte = next_byte(connection);
            tag = length++ == 1 ? byte : tag;
        }
    }
}

static void expect_successes(struct connection *connection, int count)
{
    while (count > 0) {
        const uint8_t tag = next_tag(connection);
        if (tag != 0x70 && tag != 0x71) {
            die("the server refused a message");
        }
        count -= tag == 0x70 ? 1 : 0;
    }
}

/* Agrees on the newest version through the manifest; answers whether it is 6 or newer. */
static bool shake_hands(struct connection *connection)
{
    static const uint8_t offer[20] = {0x60, 0x60, 0xB0, 0x17, 0, 0, 1, 0xFF};
    uint8_t version[4] = {0};
    send_all(connection, offer, sizeof offer);
    for (int i = 0; i < 4; i++) {
        version[i] = next_byte(connection);
    }
    if (version[3] != 0xFF) {
        die("the server speaks no manifest");
    }
    uint8_t best[4] = {0};
    for (unsigned ranges = next_byte(connection); ranges > 0; ranges--) {
        for (int i = 0; i < 4; i++) {
            version[i] = next_byte(connection);
        }
        if (version[3] > best[3] || (version[3] == best[3] && version[2] > best[2])) {
            memcpy(best, version, sizeof best);
        }
    }
    while ((next_byte(connection) & 0x80) != 0) {
    }
    const uint8_t choice[5] = {0, 0, best[2], best[3], 0};
    send_all(connection, choice, sizeof choice);
    return best[3] >= 6;
}

static void log_in(struct connection *connection)
{
    const char *password = getenv("NEO4J_PASSWORD");
    struct bytes message = {0};
    struct bytes out = {0};
    put_byte(&message, 0xB1);
    put_byte(&message, 0x01);
    put_byte(&message, 0xA2);
    put_text(&message, "user_agent");
    put_text(&message, "raw_rows/1");
    put_text(&message, "bolt_agent");
    put_byte(&message, 0xA1);
    put_text(&message, "product");
    put_text(&message, "raw_rows/1");
    put_message(&out, &message);
    message.length = 0;
    put_byte(&message, 0xB1);
    put_byte(&message, 0x6A);
    put_byte(&message, 0xA3);
    put_text(&message, "scheme");
    put_text(&message, "basic");
    put_text(&message, "principal");
    put_text(&message, "neo4j");
    put_text(&message, "credentials");
    put_text(&message, password == NULL ? "" : password);
    put_message(&out, &message);
    send_all(connection, out.at, out.length);
    expect_successes(connection, 2);
    free(message.at);
    free(out.at);
}

static bool dial(struct connection *connection, long port)
{
    const struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    const int yes = 1;
    connection->socket = socket(AF_INET, SOCK_STREAM, 0);
    if (connection->socket < 0 ||
        connect(connection->socket, (const struct sockaddr *)&address, sizeof address) != 0) {
        die("cannot connect");
    }
    (void)setsockopt(connection->socket, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    const bool native = shake_hands(connection);
    log_in(connection);
    return native;
}

static void *work(void *context)
{
    struct connection *connection = context;
    struct batches *batches = connection->batches;
    for (;;) {
        pthread_mutex_lock(&batches->lock);
        const size_t mine = batches->next++;
        pthread_mutex_unlock(&batches->lock);
        if (mine >= batches->count) {
            return NULL;
        }
        send_all(connection, batches->list[mine].at, batches->list[mine].length);
        expect_successes(connection, ANSWERS_A_BATCH);
    }
}

int main(int argc, char **argv)
{
    static struct connection connections[CONNECTIONS_MAX];
    struct batches batches = {.lock = PTHREAD_MUTEX_INITIALIZER};
    pthread_t threads[CONNECTIONS_MAX];
    const int64_t first = argc == 8 ? strtoll(argv[3], NULL, 10) : 0;
    const int64_t rows = argc == 8 ? strtoll(argv[4], NULL, 10) : 0;
    const size_t count = argc == 8 ? strtoul(argv[5], NULL, 10) : 0;
    const int64_t size = argc == 8 ? strtoll(argv[6], NULL, 10) : 0;
    if (rows <= 0 || size <= 0 || count == 0 || count > CONNECTIONS_MAX) {
        die("PORT plain|vectors FIRST ROWS CONNECTIONS BATCH_ROWS STATEMENT");
    }
    bool native = false;
    for (size_t i = 0; i < count; i++) {
        connections[i].batches = &batches;
        native = dial(&connections[i], strtol(argv[1], NULL, 10));
    }
    batches.count = (size_t)((rows + size - 1) / size);
    batches.list = calloc(batches.count, sizeof *batches.list);
    if (batches.list == NULL) {
        die("out of memory");
    }
    for (size_t i = 0; i < batches.count; i++) {
        const int64_t done = (int64_t)i * size;
        encode_batch(&batches.list[i], argv[7], first + done,
                     (size_t)(rows - done < size ? rows - done : size), strcmp(argv[2], "vectors") == 0,
                     native);
    }
    const struct row_clock start = row_clock_now();
    for (size_t i = 0; i < count; i++) {
        if (pthread_create(&threads[i], NULL, work, &connections[i]) != 0) {
            die("no thread");
        }
    }
    for (size_t i = 0; i < count; i++) {
        pthread_join(threads[i], NULL);
    }
    row_report("raw", rows, start);
    return EXIT_SUCCESS;
}
