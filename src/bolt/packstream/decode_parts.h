/* decode_parts.h: what the files of the decoder share. Not for others. */
#ifndef HEDDLE_BOLT_PACKSTREAM_DECODE_PARTS_H
#define HEDDLE_BOLT_PACKSTREAM_DECODE_PARTS_H

#include "bolt/packstream/decode.h"

/* One value's first bytes, taken apart: its kind, and its number, size or count. */
struct heddle_unpack_head {
    enum heddle_value_type type; /* STRUCT for every structure */
    bool boolean;
    int64_t integer;
    double real;
    uint32_t size; /* STRING, BYTES: bytes; LIST, MAP: entries; STRUCT: fields */
    uint8_t tag;   /* STRUCT */
};

/* Reads the head and steps behind it. `size` is checked against the bytes that are left: that many values (twice as
 * many for a map) must still fit. */
HEDDLE_MUST_CHECK int heddle_unpack_head(struct heddle_unpack *unpack, struct heddle_unpack_head *head_out,
                                         struct heddle_error *error);

/* HEDDLE_PROTOCOL: "PackStream byte N: TEXT". */
int heddle_unpack_bad(const struct heddle_unpack *unpack, const char *text, struct heddle_error *error);

/* Goes one level down; HEDDLE_PROTOCOL when that is too deep. The caller goes up by `unpack->depth--`. */
HEDDLE_MUST_CHECK int heddle_unpack_descend(struct heddle_unpack *unpack, struct heddle_error *error);

/* Turns the fields of a structure, already read, into the value that its tag stands for. */
HEDDLE_MUST_CHECK int heddle_unpack_structure(const struct heddle_unpack *unpack, uint8_t tag,
                                              const struct heddle_value *fields, uint8_t count,
                                              struct heddle_arena *arena, struct heddle_value *value_out,
                                              struct heddle_error *error);

#endif
