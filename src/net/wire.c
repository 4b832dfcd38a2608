/* wire.c: the calls that every kind of wire answers. */
#include "net/wire.h"

int heddle_wire_send(struct heddle_wire *wire, const uint8_t *bytes, size_t length, size_t *sent_out,
                     struct heddle_error *error)
{
    return wire->class->send(wire, bytes, length, sent_out, error);
}

int heddle_wire_receive(struct heddle_wire *wire, uint8_t *bytes, size_t length, size_t *received_out,
                        struct heddle_error *error)
{
    return wire->class->receive(wire, bytes, length, received_out, error);
}

int heddle_wire_wait(struct heddle_wire *wire, bool to_send, int timeout_ms, struct heddle_error *error)
{
    return wire->class->wait(wire, to_send, timeout_ms, error);
}

void heddle_wire_close(struct heddle_wire *wire)
{
    if (wire != NULL) {
        wire->class->close(wire);
    }
}
