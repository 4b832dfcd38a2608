/* json_scan.h: reading JSON forwards, without building a tree.
 *
 * An answer of an embedding service is one value with millions of numbers in it; a tree of it would take 30 times the memory
 * of the vectors. The reader looks at bytes in place, takes what it is asked for and skips the rest. It is lenient about
 * what it skips (brackets must match, strings must end) and strict about what it takes.
 *
 * Numbers are read without the process's locale, which in a host program may want a decimal comma.
 *
 * Threads: a scan belongs to one thread; nothing is shared.
 */
#ifndef HEDDLE_BASE_JSON_SCAN_H
#define HEDDLE_BASE_JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Start it as {text, text + length}. */
struct heddle_json_scan {
    const char *at;
    const char *end;
};

/* The first byte of the next value or punctuation, '\0' at the end. White space is passed. */
char heddle_json_scan_peek(struct heddle_json_scan *scan);

/* Passes `wanted` if it is next. */
bool heddle_json_scan_take(struct heddle_json_scan *scan, char wanted);

/* The walk over an array or object whose opening bracket was taken: 1 = another element follows, 0 = it is over and `close`
 * was taken, -1 = neither. *first is true before the first step and belongs to the walk. */
int heddle_json_scan_step(struct heddle_json_scan *scan, char close, bool *first);

/* The bytes between the quotes of a string, escapes as they stand. */
bool heddle_json_scan_string(struct heddle_json_scan *scan, const char **text_out, size_t *length_out);

/* A member's name and its colon. */
bool heddle_json_scan_key(struct heddle_json_scan *scan, const char **key_out, size_t *length_out);

/* True if a key is this name. */
bool heddle_json_key_is(const char *key, size_t length, const char *name);

/* A number as float: within half a unit in the last place but for one case in 2^40, where a tie may fall the other way; a
 * float's own shortest digits come back bit for bit. NaN, Infinity and -Infinity, which Python writes, are read as such;
 * what is too large becomes infinite. False if what follows is no number (nothing is taken). */
bool heddle_json_scan_float(struct heddle_json_scan *scan, float *value_out);

/* A whole number from 0 on. False (and nothing taken) for anything else or over 2^53. */
bool heddle_json_scan_count(struct heddle_json_scan *scan, uint64_t *value_out);

/* Passes one value of any kind, at most HEDDLE_JSON_SCAN_DEPTH_MAX deep. */
enum { HEDDLE_JSON_SCAN_DEPTH_MAX = 64 };
bool heddle_json_scan_skip(struct heddle_json_scan *scan);

#endif
