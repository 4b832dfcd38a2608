/* writer.c: the public encoder of parameters: the inner one under another name. */
#include <heddle/bolt.h>

#include "bolt/packstream/encode.h"

static struct heddle_pack *pack_of(struct heddle_writer *writer)
{
    return (struct heddle_pack *)writer;
}

void heddle_write_null(struct heddle_writer *writer)
{
    heddle_pack_null(pack_of(writer));
}

void heddle_write_boolean(struct heddle_writer *writer, bool value)
{
    heddle_pack_bool(pack_of(writer), value);
}

void heddle_write_integer(struct heddle_writer *writer, int64_t value)
{
    heddle_pack_integer(pack_of(writer), value);
}

void heddle_write_float(struct heddle_writer *writer, double value)
{
    heddle_pack_float(pack_of(writer), value);
}

void heddle_write_string(struct heddle_writer *writer, const char *text, size_t length)
{
    heddle_pack_string(pack_of(writer), text, length);
}

void heddle_write_name(struct heddle_writer *writer, const char *text)
{
    heddle_pack_text(pack_of(writer), text);
}

void heddle_write_bytes(struct heddle_writer *writer, const void *bytes, size_t length)
{
    heddle_pack_bytes(pack_of(writer), bytes, length);
}

void heddle_write_list(struct heddle_writer *writer, uint32_t count)
{
    heddle_pack_list(pack_of(writer), count);
}

void heddle_write_map(struct heddle_writer *writer, uint32_t count)
{
    heddle_pack_map(pack_of(writer), count);
}

void heddle_write_vector(struct heddle_writer *writer, const float *values, uint32_t count)
{
    heddle_pack_vector(pack_of(writer), values, count);
}

int heddle_write_value(struct heddle_writer *writer, const struct heddle_value *value,
                       struct heddle_error *error)
{
    return heddle_pack_value(pack_of(writer), value, error);
}
