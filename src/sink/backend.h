/* backend.h: the table of functions that a kind of sink fills in; sink.c chooses by the URI's scheme. Private to sink/. */
#ifndef HEDDLE_SINK_BACKEND_H
#define HEDDLE_SINK_BACKEND_H

#include "base/arena.h"
#include "sink/clean.h"
#include "sink/search.h"
#include "sink/sink.h"

/* What a step of a clean deletes, in this order. */
enum heddle_clean_what {
    HEDDLE_CLEAN_RELATIONSHIPS, /* that the load made, of the part's type */
    HEDDLE_CLEAN_ATTACHED, /* relationships of others that hang on the load's nodes of the part's label */
    HEDDLE_CLEAN_NODES,    /* of the load on which none hangs */
    HEDDLE_CLEAN_WHAT_COUNT,
};

/* `self` is the backend's own object. Each entry follows the contract of the function of the same name in sink.h. */
struct heddle_sink_backend {
    int (*open)(const struct heddle_sink_options *options, void **self_out, struct heddle_error *error);
    const char *(*description)(const void *self);
    int (*prepare)(void *self, struct heddle_error *error);
    uint32_t (*epoch)(const void *self);
    int (*begin)(void *self, uint64_t micro_batch, struct heddle_error *error);
    int (*forget)(void *self, uint64_t micro_batch, struct heddle_error *error);
    int (*meet)(void *self, const struct heddle_meeting *meeting, struct heddle_error *error);
    int (*write)(void *self, struct heddle_batch *batch, const size_t *targets, size_t target_count,
                 struct heddle_error *error);
    int (*confirm)(void *self, const struct heddle_sink_look *look, struct heddle_error *error);
    int (*flush)(void *self, struct heddle_error *error);
    int (*finish)(void *self, uint64_t *index_ns_out, struct heddle_error *error);
    int (*verify)(void *self, bool strict, struct heddle_verification *out, struct heddle_error *error);
    void (*counts)(const void *self, size_t target, struct heddle_target_counts *out);
    void (*progress)(void *self, struct heddle_sink_progress *out);
    void (*stop)(void *self);
    void (*close)(void *self);
    int (*search_open)(const struct heddle_search_options *options, void **search_out,
                       struct heddle_error *error);
    int (*search_describe)(void *search, struct heddle_search_subject *out, struct heddle_error *error);
    int (*search_query)(void *search, const float *vector, uint32_t dimensions, size_t k,
                        struct heddle_search_result *out, struct heddle_error *error);
    void (*search_close)(void *search);

    /* sink/clean.h. open() judges whether the load can be taken back at all; find() names the parts, in `arena`; count()
     * and count_held() count what there is now; take() comes before the first delete(), which says how many of at most
     * `limit` it deleted, 0 = there are no more; forget() deletes the marks, and the record where nothing was kept. */
    int (*clean_open)(const struct heddle_clean_options *options, void **clean_out,
                      struct heddle_error *error);
    int (*clean_find)(void *clean, struct heddle_arena *arena, struct heddle_clean_part **parts_out,
                      size_t *count_out, struct heddle_error *error);
    int (*clean_count)(void *clean, const struct heddle_clean_part *part, uint64_t *count_out,
                       struct heddle_error *error);
    int (*clean_count_held)(void *clean, const struct heddle_clean_part *part, uint64_t *count_out,
                            struct heddle_error *error);
    int (*clean_take)(void *clean, struct heddle_error *error);
    int (*clean_delete)(void *clean, enum heddle_clean_what what, const struct heddle_clean_part *part,
                        uint64_t limit, uint64_t *deleted_out, struct heddle_error *error);
    int (*clean_forget)(void *clean, bool all, struct heddle_error *error);
    void (*clean_close)(void *clean);
};

/* The kind of a URI. Errors: HEDDLE_INVALID (names the schemes there are). */
HEDDLE_MUST_CHECK int heddle_sink_backend_of(const char *to, const struct heddle_sink_backend **backend_out,
                                             struct heddle_error *error);

extern const struct heddle_sink_backend heddle_sink_neo4j;
extern const struct heddle_sink_backend heddle_sink_duckdb;

#endif
