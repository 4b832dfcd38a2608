/* heddle/value.h: a Cypher value as a tree that is easy to walk, and easy to write down as a parameter.
 *
 *   const struct heddle_value *name = heddle_value_map_get(&record.items[0], "name");
 *   struct heddle_value_entry parameters[] = {{heddle_text("id"), heddle_integer(7)},
 *                                             {heddle_text("name"), heddle_string("Ada")}};
 *
 * Ownership: a tree that was received lies in memory of the cursor or result it came from, and lives as its header
 *            says; no value has memory of its own. Received texts are NUL-terminated; their length stands beside
 *            them because Cypher strings may hold NULs. A tree to be sent is the caller's and only read.
 * Threads:   read-only after decoding.
 */
#ifndef HEDDLE_VALUE_H
#define HEDDLE_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <heddle/error.h>

#ifdef __cplusplus
extern "C" {
#endif

enum heddle_value_type {
    HEDDLE_VALUE_NULL = 0,
    HEDDLE_VALUE_BOOLEAN,              /* boolean */
    HEDDLE_VALUE_INTEGER,              /* integer */
    HEDDLE_VALUE_FLOAT,                /* real */
    HEDDLE_VALUE_STRING,               /* string */
    HEDDLE_VALUE_BYTES,                /* bytes */
    HEDDLE_VALUE_LIST,                 /* list */
    HEDDLE_VALUE_MAP,                  /* map */
    HEDDLE_VALUE_NODE,                 /* node */
    HEDDLE_VALUE_RELATIONSHIP,         /* relationship */
    HEDDLE_VALUE_UNBOUND_RELATIONSHIP, /* relationship, ends unset: inside paths */
    HEDDLE_VALUE_PATH,                 /* path */
    HEDDLE_VALUE_DATE,                 /* integer: days since 1970-01-01 */
    HEDDLE_VALUE_TIME,                 /* time: nanoseconds of the day, offset */
    HEDDLE_VALUE_LOCAL_TIME,           /* time, offset 0 */
    HEDDLE_VALUE_DATETIME,             /* datetime with offset */
    HEDDLE_VALUE_DATETIME_ZONE,        /* datetime with zone name */
    HEDDLE_VALUE_LOCAL_DATETIME,       /* datetime without either */
    HEDDLE_VALUE_DURATION,             /* duration */
    HEDDLE_VALUE_POINT,                /* point, 2 or 3 dimensions */
    HEDDLE_VALUE_VECTOR,               /* vector */
    HEDDLE_VALUE_UUID,                 /* uuid, most significant byte first */
    HEDDLE_VALUE_UNSUPPORTED,          /* unsupported: a type newer than the connection's version */
    HEDDLE_VALUE_STRUCT,               /* structure with a tag that this client does not know */
};

struct heddle_value_text {
    const char *text; /* NUL-terminated */
    size_t length;
};

struct heddle_value_bytes {
    const uint8_t *bytes;
    size_t length;
};

struct heddle_value_list {
    const struct heddle_value *items;
    size_t count;
};

struct heddle_value_map {
    const struct heddle_value_entry *entries; /* in the order received; a repeated key: the last one counts */
    size_t count;
};

struct heddle_value_time {
    int64_t nanoseconds; /* of the day, local */
    int32_t offset_seconds;
};

struct heddle_value_datetime {
    int64_t seconds; /* since 1970-01-01: of UTC, or of the wall clock where `wall_clock` says so */
    int32_t nanoseconds;
    int32_t
        offset_seconds; /* DATETIME; and of a DATETIME_ZONE to be sent (received ones have 0 here: ask a time
                               zone database) */
    const char *zone;   /* DATETIME_ZONE ("Europe/Rome"), else NULL */
    bool wall_clock;    /* LOCAL_DATETIME, and DATETIME_ZONE in Bolt 4.x's form */
};

struct heddle_value_duration {
    int64_t months;
    int64_t days;
    int64_t seconds;
    int32_t nanoseconds;
};

struct heddle_value_point {
    int32_t srid;       /* 4326 WGS 84, 4979 the same in 3D, 7203 and 9157 cartesian */
    int32_t dimensions; /* 2 or 3 */
    double coordinates[3];
};

/* Inner types of a vector: the marker bytes of the wire. */
enum heddle_vector_type {
    HEDDLE_VECTOR_F32 = 0xC6,
    HEDDLE_VECTOR_F64 = 0xC1,
    HEDDLE_VECTOR_I8 = 0xC8,
    HEDDLE_VECTOR_I16 = 0xC9,
    HEDDLE_VECTOR_I32 = 0xCA,
    HEDDLE_VECTOR_I64 = 0xCB,
};

struct heddle_value_vector {
    enum heddle_vector_type type;
    size_t count;
    const void *values; /* float, double, int8_t … in the machine's byte order, aligned to 8 */
};

struct heddle_value_node {
    int64_t id;
    struct heddle_value_text element_id; /* decimal id on Bolt 4.x */
    struct heddle_value_list labels;     /* STRING */
    struct heddle_value_map properties;
};

struct heddle_value_relationship {
    int64_t id;
    int64_t start_id; /* -1 when unbound */
    int64_t end_id;
    struct heddle_value_text element_id;
    struct heddle_value_text start_element_id; /* "" when unbound */
    struct heddle_value_text end_element_id;
    struct heddle_value_text type;
    struct heddle_value_map properties;
};

/* Walk: nodes[0], then for each pair (relationship, node) of indices: relationship is 1-based, negative = walked
 * against its direction; node is 0-based. All indices are checked. */
struct heddle_value_path {
    struct heddle_value_list nodes;         /* NODE */
    struct heddle_value_list relationships; /* UNBOUND_RELATIONSHIP */
    struct heddle_value_list indices;       /* INTEGER, an even number of them */
};

struct heddle_value_unsupported {
    struct heddle_value_text name;
    int64_t minimum_major;
    int64_t minimum_minor;
    struct heddle_value_text message; /* "" if none */
};

struct heddle_value_structure {
    uint8_t tag;
    struct heddle_value_list fields;
};

struct heddle_value {
    enum heddle_value_type type;
    union {
        bool boolean;
        int64_t integer;
        double real;
        struct heddle_value_text string;
        struct heddle_value_bytes bytes;
        struct heddle_value_list list;
        struct heddle_value_map map;
        struct heddle_value_time time;
        uint8_t uuid[16];
        const struct heddle_value_node *node;
        const struct heddle_value_relationship *relationship;
        const struct heddle_value_path *path;
        const struct heddle_value_datetime *datetime;
        const struct heddle_value_duration *duration;
        const struct heddle_value_point *point;
        const struct heddle_value_vector *vector;
        const struct heddle_value_unsupported *unsupported;
        const struct heddle_value_structure *structure;
    };
};

struct heddle_value_entry {
    struct heddle_value_text key;
    struct heddle_value value;
};

/* The value under `key`, NULL when there is none or `value` is NULL or no map. */
HEDDLE_API const struct heddle_value *heddle_value_map_get(const struct heddle_value *value, const char *key);

/* The same with a wish: the text, or `otherwise` when absent or of another type. */
HEDDLE_API const char *heddle_value_map_text(const struct heddle_value *value, const char *key,
                                             const char *otherwise);
HEDDLE_API int64_t heddle_value_map_integer(const struct heddle_value *value, const char *key,
                                            int64_t otherwise);
HEDDLE_API bool heddle_value_map_boolean(const struct heddle_value *value, const char *key, bool otherwise);

/* Values to be sent, written in place. Texts and items are borrowed. */
static inline struct heddle_value_text heddle_text(const char *text)
{
    struct heddle_value_text result = {text, strlen(text)};
    return result;
}

static inline struct heddle_value heddle_string(const char *text)
{
    struct heddle_value value;
    value.type = HEDDLE_VALUE_STRING;
    value.string = heddle_text(text);
    return value;
}

static inline struct heddle_value heddle_integer(int64_t integer)
{
    struct heddle_value value;
    value.type = HEDDLE_VALUE_INTEGER;
    value.integer = integer;
    return value;
}

static inline struct heddle_value heddle_float(double real)
{
    struct heddle_value value;
    value.type = HEDDLE_VALUE_FLOAT;
    value.real = real;
    return value;
}

static inline struct heddle_value heddle_boolean(bool boolean)
{
    struct heddle_value value;
    value.type = HEDDLE_VALUE_BOOLEAN;
    value.boolean = boolean;
    return value;
}

static inline struct heddle_value heddle_list(const struct heddle_value *items, size_t count)
{
    struct heddle_value value;
    value.type = HEDDLE_VALUE_LIST;
    value.list.items = items;
    value.list.count = count;
    return value;
}

static inline struct heddle_value heddle_map(const struct heddle_value_entry *entries, size_t count)
{
    struct heddle_value value;
    value.type = HEDDLE_VALUE_MAP;
    value.map.entries = entries;
    value.map.count = count;
    return value;
}

#ifdef __cplusplus
}
#endif
#endif
