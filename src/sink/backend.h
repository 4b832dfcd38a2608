/* backend.h: the table of functions that a kind of sink fills in; sink.c chooses by the URI's scheme. Private to sink/. */
#ifndef HEDDLE_SINK_BACKEND_H
#define HEDDLE_SINK_BACKEND_H

#include "sink/search.h"
#include "sink/sink.h"

/* `self` is the backend's own object. Each entry follows the contract of the function of the same name in sink.h. */
struct heddle_sink_backend {
    int (*open)(const struct heddle_sink_options *options, void **self_out, struct heddle_error *error);
    const char *(*description)(const void *self);
    int (*prepare)(void *self, struct heddle_error *error);
    uint32_t (*epoch)(const void *self);
    int (*begin)(void *self, uint64_t micro_batch, struct heddle_error *error);
    int (*forget)(void *self, uint64_t micro_batch, struct heddle_error *error);
    int (*write)(void *self, struct heddle_batch *batch, const size_t *targets, size_t target_count,
                 struct heddle_error *error);
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
};

extern const struct heddle_sink_backend heddle_sink_neo4j;
extern const struct heddle_sink_backend heddle_sink_duckdb;

#endif
