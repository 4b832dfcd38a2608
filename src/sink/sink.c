/* sink.c: the kind of graph is chosen by the URI's scheme; everything else is the backend's. */
#include "sink/backend.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/memory.h"

struct heddle_sink {
    const struct heddle_sink_backend *backend;
    void *self;
};

struct heddle_search {
    const struct heddle_sink_backend *backend;
    void *self;
};

/* The one list of schemes. */
static const struct {
    const char *prefix;
    const struct heddle_sink_backend *backend;
} schemes[] = {
    {"duckdb:", &heddle_sink_duckdb},    {"neo4j://", &heddle_sink_neo4j},
    {"neo4j+s://", &heddle_sink_neo4j},  {"neo4j+ssc://", &heddle_sink_neo4j},
    {"bolt://", &heddle_sink_neo4j},     {"bolt+s://", &heddle_sink_neo4j},
    {"bolt+ssc://", &heddle_sink_neo4j},
};

int heddle_sink_backend_of(const char *to, const struct heddle_sink_backend **backend_out,
                           struct heddle_error *error)
{
    if (to == NULL || to[0] == '\0') {
        return heddle_error_set(
            error, HEDDLE_INVALID,
            "no target is named: neo4j://HOST:PORT or bolt://… for a server (+s for TLS, +ssc for "
            "TLS without verification), duckdb:FILE for a file");
    }
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        if (strncasecmp(to, schemes[i].prefix, strlen(schemes[i].prefix)) == 0) {
            *backend_out = schemes[i].backend;
            return HEDDLE_OK;
        }
    }
    /* Only the scheme is repeated: what follows might hold a password. */
    return heddle_error_set(
        error, HEDDLE_INVALID,
        "the target's scheme \"%.*s\" is not known; there are neo4j, neo4j+s, neo4j+ssc, bolt, bolt+s, "
        "bolt+ssc (as in neo4j://localhost:7687) and duckdb (as in duckdb:graph.duckdb)",
        (int)(strcspn(to, ":/@") > 32 ? 32 : strcspn(to, ":/@")), to);
}

int heddle_sink_open(const struct heddle_sink_options *options, struct heddle_sink **sink_out,
                     struct heddle_error *error)
{
    const struct heddle_sink_backend *backend = NULL;
    HEDDLE_TRY(heddle_sink_backend_of(options->to, &backend, error));
    struct heddle_sink *sink = heddle_calloc(1, sizeof *sink);
    if (sink == NULL) {
        return heddle_error_out_of_memory(error);
    }
    sink->backend = backend;
    const int status = backend->open(options, &sink->self, error);
    if (status != HEDDLE_OK) {
        free(sink);
        return status;
    }
    *sink_out = sink;
    return HEDDLE_OK;
}

const char *heddle_sink_description(const struct heddle_sink *sink)
{
    return sink->backend->description(sink->self);
}

int heddle_sink_prepare(struct heddle_sink *sink, struct heddle_error *error)
{
    return sink->backend->prepare(sink->self, error);
}

uint32_t heddle_sink_epoch(const struct heddle_sink *sink)
{
    return sink->backend->epoch(sink->self);
}

int heddle_sink_begin(struct heddle_sink *sink, uint64_t micro_batch, struct heddle_error *error)
{
    return sink->backend->begin(sink->self, micro_batch, error);
}

int heddle_sink_forget(struct heddle_sink *sink, uint64_t micro_batch, struct heddle_error *error)
{
    return sink->backend->forget(sink->self, micro_batch, error);
}

int heddle_sink_meet(struct heddle_sink *sink, const struct heddle_meeting *meeting,
                     struct heddle_error *error)
{
    return sink->backend->meet(sink->self, meeting, error);
}

int heddle_sink_write(struct heddle_sink *sink, struct heddle_batch *batch, const size_t *targets,
                      size_t target_count, struct heddle_error *error)
{
    return sink->backend->write(sink->self, batch, targets, target_count, error);
}

int heddle_sink_confirm_vectors(struct heddle_sink *sink, const struct heddle_sink_look *look,
                                struct heddle_error *error)
{
    return sink->backend->confirm(sink->self, look, error);
}

int heddle_sink_flush(struct heddle_sink *sink, struct heddle_error *error)
{
    return sink->backend->flush(sink->self, error);
}

int heddle_sink_finish(struct heddle_sink *sink, uint64_t *index_ns_out, struct heddle_error *error)
{
    return sink->backend->finish(sink->self, index_ns_out, error);
}

int heddle_sink_verify(struct heddle_sink *sink, bool strict, struct heddle_verification *out,
                       struct heddle_error *error)
{
    return sink->backend->verify(sink->self, strict, out, error);
}

void heddle_sink_counts(const struct heddle_sink *sink, size_t target, struct heddle_target_counts *out)
{
    sink->backend->counts(sink->self, target, out);
}

void heddle_sink_progress(struct heddle_sink *sink, struct heddle_sink_progress *out)
{
    sink->backend->progress(sink->self, out);
}

void heddle_sink_stop(struct heddle_sink *sink)
{
    sink->backend->stop(sink->self);
}

void heddle_sink_close(struct heddle_sink *sink)
{
    if (sink != NULL) {
        sink->backend->close(sink->self);
        free(sink);
    }
}

int heddle_search_open(const struct heddle_search_options *options, struct heddle_search **search_out,
                       struct heddle_error *error)
{
    const struct heddle_sink_backend *backend = NULL;
    HEDDLE_TRY(heddle_sink_backend_of(options->to, &backend, error));
    struct heddle_search *search = heddle_calloc(1, sizeof *search);
    if (search == NULL) {
        return heddle_error_out_of_memory(error);
    }
    search->backend = backend;
    const int status = backend->search_open(options, &search->self, error);
    if (status != HEDDLE_OK) {
        free(search);
        return status;
    }
    *search_out = search;
    return HEDDLE_OK;
}

int heddle_search_describe(struct heddle_search *search, struct heddle_search_subject *out,
                           struct heddle_error *error)
{
    return search->backend->search_describe(search->self, out, error);
}

int heddle_search_query(struct heddle_search *search, const float *vector, uint32_t dimensions, size_t k,
                        struct heddle_search_result *out, struct heddle_error *error)
{
    if (k == 0 || k > 1000) {
        return heddle_error_set(error, HEDDLE_INVALID, "%zu hits are asked for; 1 to 1000 are possible", k);
    }
    return search->backend->search_query(search->self, vector, dimensions, k, out, error);
}

void heddle_search_close(struct heddle_search *search)
{
    if (search != NULL) {
        search->backend->search_close(search->self);
        free(search);
    }
}
