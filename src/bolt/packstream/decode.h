/* decode.h: PackStream values read from one complete, de-chunked message.
 *
 * Two readers over the same bytes: heddle_unpack_value() builds a tree (value.h) in an arena; the small functions
 * step through without building anything, which is all a writer needs for its SUCCESS and FAILURE maps.
 *
 * Nothing is trusted: every length is compared with the bytes that are left before anything is allocated, depth and
 * number of values are limited, the fields of known structures are checked, map keys must be texts. Texts are not
 * checked for UTF-8.
 *
 * Errors: HEDDLE_PROTOCOL with the offset, HEDDLE_OUT_OF_MEMORY. After an error the reader is of no further use.
 * Threads: one reader, one thread at a time; the bytes must stay while it is used.
 */
#ifndef HEDDLE_BOLT_PACKSTREAM_DECODE_H
#define HEDDLE_BOLT_PACKSTREAM_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "bolt/packstream/value.h"

enum {
    /* Deeper than any query result (a path in a list in a map is 6), shallow enough for any stack. */
    HEDDLE_UNPACK_DEPTH_MAX = 64,
    /* Values in one message: about 700 MB of tree, far more than a result anyone walks. */
    HEDDLE_UNPACK_VALUES_MAX = 16 * 1024 * 1024,
};

struct heddle_unpack {
    const uint8_t *bytes;
    size_t length;
    size_t position;
    uint32_t depth;
    uint32_t values; /* read so far */
    bool no_uuids;   /* the marker of UUIDs does not exist: before Bolt 6.1 */
};

/* Of the newest version, as far as markers go; a caller that knows the connection's may set no_uuids afterwards. */
void heddle_unpack_init(struct heddle_unpack *unpack, const void *bytes, size_t length);

/* Reads the next value, whatever it is. */
HEDDLE_MUST_CHECK int heddle_unpack_value(struct heddle_unpack *unpack, struct heddle_arena *arena,
                                          struct heddle_value *value_out, struct heddle_error *error);

/* Steps over the next value. */
HEDDLE_MUST_CHECK int heddle_unpack_skip(struct heddle_unpack *unpack, struct heddle_error *error);

/* Reads a structure's header: tag and number of fields; the fields follow. */
HEDDLE_MUST_CHECK int heddle_unpack_struct(struct heddle_unpack *unpack, uint8_t *tag_out,
                                           uint8_t *fields_out, struct heddle_error *error);

/* Reads a map's or list's header: number of entries; they follow. */
HEDDLE_MUST_CHECK int heddle_unpack_map(struct heddle_unpack *unpack, uint32_t *count_out,
                                        struct heddle_error *error);
HEDDLE_MUST_CHECK int heddle_unpack_list(struct heddle_unpack *unpack, uint32_t *count_out,
                                         struct heddle_error *error);

/* Reads a text; *text_out points into the message and is not terminated. */
HEDDLE_MUST_CHECK int heddle_unpack_string(struct heddle_unpack *unpack, const char **text_out,
                                           size_t *length_out, struct heddle_error *error);

/* Reads an integer of any width. */
HEDDLE_MUST_CHECK int heddle_unpack_integer(struct heddle_unpack *unpack, int64_t *value_out,
                                            struct heddle_error *error);

/* The kind of the next value without reading it: NULL, BOOLEAN, INTEGER, FLOAT, STRING, BYTES, LIST, MAP, UUID or
 * STRUCT (for every structure). HEDDLE_PROTOCOL at the end of the bytes and for markers that do not exist. */
HEDDLE_MUST_CHECK int heddle_unpack_peek(const struct heddle_unpack *unpack, enum heddle_value_type *type_out,
                                         struct heddle_error *error);

#endif
