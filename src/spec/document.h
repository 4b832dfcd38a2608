/* document.h: JSON or YAML as one small tree, each node with its place in the file.
 *
 * A job file is read as strict JSON (RFC 8259) where it begins with `{` or `[`, else as YAML 1.1; what begins
 * like JSON and is not (comments, trailing commas) gets a second chance as YAML, which the reader of
 * import-spec gives it too. Scalars are typed by one table (heddle_document_type_plain); text is kept as
 * written, whole numbers as decimals.
 *
 * Refused: NUL in a text, a key twice in a map, keys that are no scalars, merge keys (`<<`), tags other than
 * the core ones, a second document, and anything over the limits below. Aliases share one node, so that "a
 * billion laughs" costs no memory; the expanded size and depth are counted and bounded.
 *
 * Ownership: nodes and texts lie in the caller's arena. Threads: a tree is read-only once made.
 */
#ifndef HEDDLE_SPEC_DOCUMENT_H
#define HEDDLE_SPEC_DOCUMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buffer.h"

enum {
    HEDDLE_DOCUMENT_BYTES_MAX = 16 * 1024 * 1024, /* a job of 30,000 targets has about 6 MiB */
    HEDDLE_DOCUMENT_DEPTH_MAX = 64,               /* import-spec needs 8; every level costs stack */
    HEDDLE_DOCUMENT_NODES_MAX = 1000 * 1000,      /* after aliases: about 100 MiB of tree */
};

enum heddle_document_kind {
    HEDDLE_DOCUMENT_NULL,
    HEDDLE_DOCUMENT_BOOLEAN,
    HEDDLE_DOCUMENT_INTEGER,
    HEDDLE_DOCUMENT_FLOAT,
    HEDDLE_DOCUMENT_TEXT,
    HEDDLE_DOCUMENT_LIST,
    HEDDLE_DOCUMENT_MAP,
};

struct heddle_document_node {
    enum heddle_document_kind kind;
    bool plain;       /* a YAML scalar without quotes: its kind was guessed from its look */
    uint8_t height;   /* levels below, 1 for a scalar */
    uint32_t weight;  /* nodes below and itself, aliases expanded */
    uint32_t line;    /* 1-based */
    uint32_t column;  /* 1-based, in code points */
    const char *text; /* scalars; "true" and "false" for booleans, "" for null */
    size_t length;    /* of text, without its NUL */
    size_t count;     /* items of a list, pairs of a map */
    const struct heddle_document_node *const *items; /* list: count; map: key, value, key, value, … */
};

/* Why a text is no document. */
struct heddle_document_fault {
    uint32_t line, column; /* 1-based; 0 = the file as a whole */
    char message[400];
};

/* Reads `length` bytes into a tree. Errors: HEDDLE_JOB with *fault filled; HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_document_read(const char *text, size_t length, struct heddle_arena *arena,
                                           const struct heddle_document_node **root_out,
                                           struct heddle_document_fault *fault, struct heddle_error *error);

/* The kind of a YAML scalar without quotes: YAML 1.1 as Jackson reads it. null: nothing, ~, null; booleans: y
 * n yes no on off true false in any case; whole numbers: decimal, 0b, 0x, leading 0 = octal, `_` between
 * digits; floats with a point or an exponent, .inf, .nan. All else is text: dates and 12:30:45 too. */
enum heddle_document_kind heddle_document_type_plain(const char *text, size_t length);

/* The value of `key` in a map, NULL if absent or if `node` is NULL or no map. */
const struct heddle_document_node *heddle_document_get(const struct heddle_document_node *node,
                                                       const char *key);

/* Key and value number `i` of a map. */
const struct heddle_document_node *heddle_document_key(const struct heddle_document_node *map, size_t i);
const struct heddle_document_node *heddle_document_value(const struct heddle_document_node *map, size_t i);

/* The node at a JSONPath of the plain sort ($.a.b[0]), or the deepest one on the way to it: for line numbers.
 */
const struct heddle_document_node *heddle_document_at(const struct heddle_document_node *root,
                                                      const char *path);

/* "text", "integer", "list", …: what a message calls a kind. Static memory. */
const char *heddle_document_kind_name(enum heddle_document_kind kind);

/* Appends the node as JSON; `sorted`: keys in byte order, the canonical form for hashing. */
void heddle_document_write(const struct heddle_document_node *node, bool sorted, struct heddle_buffer *out);

/* --- between the two readers and document.c
 * ------------------------------------------------------------------- */

/* Nodes under construction: children wait on `stack` until their list or map is complete. */
struct heddle_document_builder {
    struct heddle_arena *arena;
    struct heddle_document_fault *fault;
    const struct heddle_document_node **stack;
    size_t depth;    /* used items of stack */
    size_t capacity; /* of stack */
    size_t nodes;    /* made so far, without aliases */
};

/* Reads strict JSON, or YAML; as heddle_document_read. */
HEDDLE_MUST_CHECK int heddle_document_read_json(struct heddle_document_builder *builder, const char *text,
                                                size_t length, const struct heddle_document_node **root_out);
HEDDLE_MUST_CHECK int heddle_document_read_yaml(struct heddle_document_builder *builder, const char *text,
                                                size_t length, const struct heddle_document_node **root_out);

/* Fills the fault and answers HEDDLE_JOB. */
int heddle_document_refuse(struct heddle_document_builder *builder, uint32_t line, uint32_t column,
                           const char *format, ...) __attribute__((format(printf, 4, 5)));

/* A new node at a place; NULL when out of memory. */
struct heddle_document_node *heddle_document_node_new(struct heddle_document_builder *builder,
                                                      enum heddle_document_kind kind, uint32_t line,
                                                      uint32_t column);

/* Puts a finished child on the stack. Errors: HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_document_push(struct heddle_document_builder *builder,
                                           const struct heddle_document_node *child);

/* Takes everything above `base` off the stack as the children of `node`; checks keys, weight and height.
 * Errors: HEDDLE_JOB (fault), HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_document_close(struct heddle_document_builder *builder,
                                            struct heddle_document_node *node, size_t base);

#endif
