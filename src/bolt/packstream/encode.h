/* encode.h: PackStream values written straight into a chunk-framed buffer.
 *
 * Format: https://neo4j.com/docs/bolt/current/packstream/ ; framing: …/bolt/message/#chunking (u16 length + bytes,
 * at most 65,535, then 00 00). The two bytes of a chunk's header are left free and filled in when the chunk is
 * full or the message ends, so a message is never copied from one buffer into another.
 *
 *   struct heddle_pack pack;
 *   heddle_pack_init(&pack, &buffer, dialect);
 *   heddle_pack_message_begin(&pack, tag, field_count);
 *   …                                                     values in order
 *   heddle_pack_message_end(&pack);
 *   status = heddle_buffer_check(&buffer, error);         once, for everything above
 *
 * The functions answer nothing: running out of memory stays noted in the buffer (`failed`), later calls do nothing.
 * The caller keeps count: a list of n is followed by n values, a map of n by n pairs of text and value.
 *
 * Ownership: the buffer is the caller's. Threads: one encoder, one thread at a time.
 */
#ifndef HEDDLE_BOLT_PACKSTREAM_ENCODE_H
#define HEDDLE_BOLT_PACKSTREAM_ENCODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "bolt/packstream/value.h"
#include "column/batch.h"

enum {
    HEDDLE_PACK_CHUNK_MAX = 65535,
    HEDDLE_PACK_VECTOR_MAX = 4096, /* dimensions of a Bolt VECTOR */
};

/* How this server wants values that changed over the versions. {0} is Bolt 4.4. */
struct heddle_pack_dialect {
    bool utc;            /* date-times hold UTC seconds (5.0+, or patch_bolt agreed) */
    bool native_vectors; /* Bolt 6.0+: VECTOR structures; else a vector goes as a list of floats */
    bool uuids;          /* Bolt 6.1+ */
};

struct heddle_pack {
    struct heddle_buffer *buffer;
    struct heddle_pack_dialect dialect;
    size_t chunk;   /* offset of the open chunk's header */
    size_t message; /* offset of the open message's first header */
};

void heddle_pack_init(struct heddle_pack *pack, struct heddle_buffer *buffer,
                      struct heddle_pack_dialect dialect);

/* Opens a message: a structure of `fields` fields (at most 15). end() fills in the last chunk's header. */
void heddle_pack_message_begin(struct heddle_pack *pack, uint8_t tag, uint8_t fields);
void heddle_pack_message_end(struct heddle_pack *pack);

/* Bytes of the open message up to here, chunk headers included: what a byte limit of a batch is compared with. */
size_t heddle_pack_message_bytes(const struct heddle_pack *pack);

void heddle_pack_null(struct heddle_pack *pack);
void heddle_pack_bool(struct heddle_pack *pack, bool value);
void heddle_pack_integer(struct heddle_pack *pack, int64_t value); /* in the smallest form */
void heddle_pack_float(struct heddle_pack *pack, double value);
void heddle_pack_string(struct heddle_pack *pack, const char *text, size_t length); /* UTF-8 */
void heddle_pack_text(struct heddle_pack *pack, const char *text);                  /* up to its NUL */
void heddle_pack_bytes(struct heddle_pack *pack, const void *bytes, size_t length);

void heddle_pack_uuid(struct heddle_pack *pack,
                      const uint8_t uuid[static 16]); /* most significant byte first */

/* Headers: the items follow. Counts fit 32 bits; a structure has at most 15 fields. */
void heddle_pack_list(struct heddle_pack *pack, uint32_t count);
void heddle_pack_map(struct heddle_pack *pack, uint32_t count);
void heddle_pack_struct(struct heddle_pack *pack, uint8_t tag, uint8_t fields);

/* Temporal values. `days` since 1970-01-01; `seconds` since 1970-01-01T00:00 (of UTC, or of a wall clock for the
 * local one), nanoseconds 0 .. 999,999,999; offset in seconds east of UTC. A zoned one goes out in the dialect's
 * form. */
void heddle_pack_date(struct heddle_pack *pack, int64_t days);
void heddle_pack_local_time(struct heddle_pack *pack, int64_t nanoseconds_of_day);
void heddle_pack_datetime(struct heddle_pack *pack, int64_t utc_seconds, int32_t nanoseconds,
                          int32_t offset_seconds);
void heddle_pack_local_datetime(struct heddle_pack *pack, int64_t seconds, int32_t nanoseconds);

/* `count` 32-bit floats as a VECTOR of inner type f32 where the dialect has it and 1 <= count <= 4,096, else as a
 * list of floats. NaN and infinities travel as they are. */
void heddle_pack_vector(struct heddle_pack *pack, const float *values, uint32_t count);

/* The two forms by name. vector_native() needs 1 <= count <= HEDDLE_PACK_VECTOR_MAX. */
void heddle_pack_vector_native(struct heddle_pack *pack, const float *values, uint32_t count);
void heddle_pack_vector_list(struct heddle_pack *pack, const float *values, uint32_t count);

/* A whole tree. Errors: HEDDLE_INVALID for what only a database can make (nodes, relationships, paths), for a VECTOR or
 * UUID that the dialect does not have, and for depth beyond what decode.h reads. */
HEDDLE_MUST_CHECK int heddle_pack_value(struct heddle_pack *pack, const struct heddle_value *value,
                                        struct heddle_error *error);

/* One cell of a column of any type: NULL as null, DECIMAL as its text, TIME as local time, TIMESTAMP as a zoned
 * date-time with offset 0, DATETIME as a local one, LIST, MAP and VECTOR with their items. */
void heddle_pack_column_value(struct heddle_pack *pack, const struct heddle_column *column, size_t row);

/* A list whose length is known only at the end: open() writes a five-byte header and answers its mark, close()
 * fills in the count. */
struct heddle_pack_mark {
    size_t length;
    size_t chunk;
};
struct heddle_pack_mark heddle_pack_list_open(struct heddle_pack *pack);
void heddle_pack_list_close(struct heddle_pack *pack, struct heddle_pack_mark mark, uint32_t count);

/* Remembers a place inside the open message, and takes back everything written since (a row that turned out bad, or
 * one too many for the byte limit). Only within one message. */
struct heddle_pack_mark heddle_pack_mark(const struct heddle_pack *pack);
void heddle_pack_rewind(struct heddle_pack *pack, struct heddle_pack_mark mark);

#endif
