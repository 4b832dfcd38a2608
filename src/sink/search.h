/* search.h: the nodes nearest to a vector, in either kind of graph, with the same scores.
 *
 * Score = (1 + cosine) / 2, as Neo4j's db.index.vector.queryNodes answers it.
 * Order of calls: open, describe (which model made these vectors?), query as often as wanted, close.
 * Threads: one search object, one thread at a time.
 */
#ifndef HEDDLE_SINK_SEARCH_H
#define HEDDLE_SINK_SEARCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"

struct heddle_search;

/* Borrowed until close. */
struct heddle_search_options {
    const char *to;
    const char *username;
    const char *password;
    const char *bearer_token;
    const char *database;
    const char *ca_file;
    const char *index;       /* name of a vector index, or NULL */
    const char *label;       /* or the label to search, or NULL: the only vector index there is */
    const char *const *show; /* properties to answer, or NULL: all but vectors */
    size_t show_count;
};

/* What will be searched. Borrowed from the search object. */
struct heddle_search_subject {
    const char *index; /* "" where brute force is used */
    const char *label;
    const char *property;
    uint32_t dimensions;
    const char *model; /* as the load's record says, "" where there is none */
    const char *precision;
};

struct heddle_search_field {
    const char *name;
    const char *value; /* as text */
    bool is_text;      /* to be quoted in JSON; else `value` is a JSON literal */
};

struct heddle_search_hit {
    double score;
    struct heddle_search_field *fields;
    size_t field_count;
};

/* Lies in `arena`, which the caller makes before and destroys after. */
struct heddle_search_result {
    struct heddle_arena *arena;
    struct heddle_search_hit *hits; /* best first */
    size_t count;
};

/* Errors: as heddle_sink_open; HEDDLE_INVALID where no vector index fits (names those there are). */
HEDDLE_MUST_CHECK int heddle_search_open(const struct heddle_search_options *options,
                                         struct heddle_search **search_out, struct heddle_error *error);
HEDDLE_MUST_CHECK int heddle_search_describe(struct heddle_search *search, struct heddle_search_subject *out,
                                             struct heddle_error *error);
/* The k nearest (1..1000). Errors: HEDDLE_MODEL where `dimensions` are not the index's (both named), HEDDLE_DATABASE. */
HEDDLE_MUST_CHECK int heddle_search_query(struct heddle_search *search, const float *vector,
                                          uint32_t dimensions, size_t k, struct heddle_search_result *out,
                                          struct heddle_error *error);
void heddle_search_close(struct heddle_search *search); /* NULL is a no-op */

#endif
