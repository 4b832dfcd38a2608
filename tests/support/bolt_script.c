/* bolt_script.c: see bolt_script.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bolt/handshake.h"
#include "bolt/json.h"
#include "support/bolt_script.h"

enum { MESSAGE_LIMIT = 64 * 1024 * 1024 };

static const struct {
    const char *name;
    uint8_t tag;
} names[] = {
    {"HELLO", 0x01},   {"GOODBYE", 0x02},  {"RESET", 0x0F},     {"RUN", 0x10},     {"BEGIN", 0x11},
    {"COMMIT", 0x12},  {"ROLLBACK", 0x13}, {"DISCARD", 0x2F},   {"PULL", 0x3F},    {"ROUTE", 0x66},
    {"LOGON", 0x6A},   {"LOGOFF", 0x6B},   {"TELEMETRY", 0x54}, {"SUCCESS", 0x70}, {"RECORD", 0x71},
    {"IGNORED", 0x7E}, {"FAILURE", 0x7F},
};

/* The tag that a line's first word names, and what follows it. */
static uint8_t line_tag(const char *line, const char **rest_out)
{
    const char *word = line + 3;
    const size_t length = strcspn(word, " ");
    *rest_out = word[length] == ' ' ? word + length + 1 : "";
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strlen(names[i].name) == length && memcmp(names[i].name, word, length) == 0) {
            return names[i].tag;
        }
    }
    fail_msg("script line \"%s\" names no message", line);
    return 0;
}

static void complain(struct bolt_script *script, const char *format, const char *line, unsigned tag)
{
    if (script->complaint[0] == '\0') {
        char text[200];
        snprintf(text, sizeof text, "%.150s", line);
        snprintf(script->complaint, sizeof script->complaint, "%s: expected \"%s\", message 0x%02X", format,
                 text, tag);
    }
}

static void say_raw(struct wire_memory *wire, const char *hex)
{
    for (; hex[0] != '\0' && hex[1] != '\0'; hex += 2) {
        const char pair[3] = {hex[0], hex[1], '\0'};
        heddle_buffer_append_byte(&wire->to_client, (uint8_t)strtoul(pair, NULL, 16));
    }
}

static void say(struct bolt_script *script, struct wire_memory *wire, const char *line)
{
    if (strcmp(line, "S: NOOP") == 0) {
        say_raw(wire, "0000");
        return;
    }
    if (strcmp(line, "S: CLOSE") == 0) {
        wire->hung_up = true;
        return;
    }
    if (strncmp(line, "S: RAW ", 7) == 0) {
        say_raw(wire, line + 7);
        return;
    }
    const char *json = NULL;
    struct heddle_pack pack;
    const uint8_t tag = line_tag(line, &json);
    if (script->noops) {
        say_raw(wire, "0000");
    }
    heddle_pack_init(&pack, &wire->to_client,
                     (struct heddle_pack_dialect){.utc = true, .native_vectors = true});
    heddle_pack_message_begin(&pack, tag, json[0] != '\0');
    if (json[0] != '\0') {
        json_t *value = json_loads(json, JSON_DECODE_ANY, NULL);
        assert_non_null(value);
        heddle_pack_json(&pack, value);
        json_decref(value);
    }
    heddle_pack_message_end(&pack);
    wire->hung_up = wire->hung_up || wire->to_client.failed;
}

/* Says everything up to the next C: line. */
static void play(struct bolt_script *script, struct wire_memory *wire)
{
    while (*script->next != NULL && strncmp(*script->next, "S: ", 3) == 0 && !wire->hung_up) {
        say(script, wire, *script->next++);
    }
}

static void hear_message(struct bolt_script *script, struct wire_memory *wire)
{
    const struct heddle_buffer *message = &script->framings[wire - script->wires].message;
    const unsigned tag = message->bytes[1];
    const char *text = NULL;
    const char *line = *script->next;
    if (tag == 0x02) {
        return; /* GOODBYE may come at any time */
    }
    if (line == NULL) {
        complain(script, "after the script's end", "nothing", tag);
    } else if (strncmp(line, "C: ", 3) != 0 || line_tag(line, &text) != tag) {
        complain(script, "out of order", line, tag);
    } else if (text[0] == '!' &&
               memmem(message->bytes, message->length, text + 1, strlen(text) - 1) != NULL) {
        complain(script, "text should be missing", line, tag);
    } else if (text[0] != '\0' && text[0] != '!' &&
               memmem(message->bytes, message->length, text, strlen(text)) == NULL) {
        complain(script, "text is missing", line, tag);
    } else {
        script->next++;
        play(script, wire);
    }
}

static void hear(struct wire_memory *wire, void *context)
{
    struct bolt_script *script = context;
    const size_t offer = HEDDLE_HANDSHAKE_OFFER_SIZE;
    const ptrdiff_t place = wire - script->wires;
    size_t *heard = &script->heard[place];
    if (*heard < offer && wire->to_peer.length >= offer) {
        *heard = offer + script->reply_length;
        heddle_buffer_append(&wire->to_client, script->handshake, script->handshake_length);
    }
    while (*heard >= offer && *heard < wire->to_peer.length && !wire->hung_up) {
        size_t used = 0;
        bool complete = false;
        /* The script's own memory may be what a test makes fail: then this server is the one that dies. */
        if (heddle_framing_feed(&script->framings[place], wire->to_peer.bytes + *heard,
                                wire->to_peer.length - *heard, &used, &complete, NULL) != HEDDLE_OK) {
            wire->hung_up = true;
            return;
        }
        *heard += used;
        if (complete) {
            hear_message(script, wire);
        }
    }
}

/* A wire for the next connection. */
static struct wire_memory *next_wire(struct bolt_script *script)
{
    assert_in_range(script->dials, 0, BOLT_SCRIPT_DIALS_MAX - 1);
    struct wire_memory *wire = &script->wires[script->dials++];
    wire_memory_init(wire, hear, script);
    wire->piece = script->piece;
    wire->fail_at = script->fail_at;
    script->framings[wire - script->wires].limit = MESSAGE_LIMIT;
    return wire;
}

static int dial(void *context, const struct heddle_uri *uri, struct heddle_wire **wire_out,
                struct heddle_error *error)
{
    struct bolt_script *script = context;
    if (script->dials_refused > 0) {
        script->dials_refused--;
        heddle_error_set(error, HEDDLE_NETWORK, "cannot connect: refused on purpose");
        if (error != NULL) {
            error->action = HEDDLE_ACTION_RETRY;
        }
        return HEDDLE_NETWORK;
    }
    if (script->dials == (script->dials_max > 0 ? script->dials_max : BOLT_SCRIPT_DIALS_MAX)) {
        return heddle_error_set(error, HEDDLE_PROTOCOL, "the script is not meant to be dialled that often");
    }
    struct wire_memory *wire = next_wire(script);
    heddle_uri_address(uri, script->dialled[script->dials - 1]);
    *wire_out = &wire->base;
    return HEDDLE_OK;
}

void bolt_script_init(struct bolt_script *script, uint8_t major, uint8_t minor, const char *const *lines)
{
    *script = (struct bolt_script){.lines = lines, .next = lines, .fail_at = -1};
    if (major > 5 || (major == 5 && minor >= 7)) {
        const uint8_t manifest[] = {0, 0, 1, 0xFF, 2, 0, 0, minor, major, 0, 4, 4, 4, 0};
        memcpy(script->handshake, manifest, sizeof manifest);
        script->handshake_length = sizeof manifest;
        script->reply_length = HEDDLE_HANDSHAKE_REPLY_MAX;
    } else {
        const uint8_t chosen[] = {0, 0, minor, major};
        memcpy(script->handshake, chosen, sizeof chosen);
        script->handshake_length = sizeof chosen;
    }
}

struct heddle_bolt_options bolt_script_options(struct bolt_script *script)
{
    return (struct heddle_bolt_options){.uri = "bolt://script:7687",
                                        .auth = HEDDLE_BOLT_AUTH_BASIC,
                                        .user = "neo4j",
                                        .secret = "secret",
                                        .dial = dial,
                                        .dial_context = script};
}

void bolt_script_check(const struct bolt_script *script)
{
    assert_string_equal(script->complaint, "");
    if (*script->next != NULL) {
        fail_msg("the script stopped before \"%s\"", *script->next);
    }
    for (int i = 0; i < script->dials; i++) {
        assert_false(script->wires[i].stuck);
    }
}

static void serve_connection(struct bolt_script *script, int socket)
{
    uint8_t bytes[4096];
    struct wire_memory *wire = next_wire(script);
    ssize_t received = 0;
    while (!wire->hung_up && (received = recv(socket, bytes, sizeof bytes, 0)) > 0) {
        heddle_buffer_append(&wire->to_peer, bytes, (size_t)received);
        hear(wire, script);
        while (wire->client_has_read < wire->to_client.length) {
            const ssize_t sent = send(socket, wire->to_client.bytes + wire->client_has_read,
                                      wire->to_client.length - wire->client_has_read, MSG_NOSIGNAL);
            if (sent <= 0) {
                return;
            }
            wire->client_has_read += (size_t)sent;
        }
    }
}

static void *serve(void *context)
{
    struct bolt_script *script = context;
    for (int i = 0; i < script->connections; i++) {
        const int socket = accept(script->listener, NULL, NULL);
        if (socket < 0) {
            break;
        }
        serve_connection(script, socket);
        close(socket);
    }
    return NULL;
}

uint16_t bolt_script_listen(struct bolt_script *script, int connections)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof address;
    script->connections = connections;
    script->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(script->listener >= 0);
    assert_int_equal(bind(script->listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(script->listener, 4), 0);
    assert_int_equal(getsockname(script->listener, (struct sockaddr *)&address, &size), 0);
    assert_int_equal(pthread_create(&script->server, NULL, serve, script), 0);
    return ntohs(address.sin_port);
}

void bolt_script_join(struct bolt_script *script)
{
    shutdown(script->listener, SHUT_RDWR); /* ends a last accept() */
    pthread_join(script->server, NULL);
    close(script->listener);
}

void bolt_script_free(struct bolt_script *script)
{
    for (int i = 0; i < script->dials; i++) {
        wire_memory_free(&script->wires[i]);
        heddle_framing_free(&script->framings[i]);
    }
}
