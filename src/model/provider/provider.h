/* provider.h: services behind HTTP as engines: OpenAI's API and what speaks it, Databricks model serving, TEI, Ollama.
 *
 * The engine cuts a call's texts into requests by the service's budget of items, tokens and bytes and sends them over several
 * connections at once, shared by all sessions; how many adapts (pacing.h). What is tried again, halved or given up is decided
 * by reply.h. A text that the service does not take fails alone, with the service's reason.
 *
 * Threads: an engine starts up to `connections_max` threads of its own when there is work for them, and joins them in
 *          destroy(). A session only waits.
 */
#ifndef HEDDLE_MODEL_PROVIDER_PROVIDER_H
#define HEDDLE_MODEL_PROVIDER_PROVIDER_H

#include "model/engine.h"

enum {
    HEDDLE_PROVIDER_CONNECTIONS = 16,
    HEDDLE_PROVIDER_CONNECTIONS_MAX = 256,
    HEDDLE_PROVIDER_TIMEOUT_MS = 60000,
    HEDDLE_PROVIDER_COLD_TIMEOUT_MS = 600000,
    HEDDLE_PROVIDER_TOTAL_MS = 600000, /* for one request with all its repetitions */
    HEDDLE_PROVIDER_ATTEMPTS_MAX = 10, /* of one request, once the service has answered at all */
};

/* Time as an engine sees it: tests pass one that does not wait. */
struct heddle_provider_clock {
    uint64_t (*now_ns)(void *context); /* monotonic */
    int64_t (*unix_ms)(void *context); /* wall clock, for Retry-After dates */
    void (*sleep_ms)(void *context, uint64_t milliseconds);
    void *context;
};

/* Opens the service `options->service->url` by the kind that options->provider names, for `model` (NULL or "" where the
 * address says which). One text is sent, so that the width is known and a wrong key, name or address shows at once; a
 * service that was scaled to zero gets cold_timeout_ms to wake. `clock` NULL = the real one; else borrowed until destroy().
 * Errors: HEDDLE_INVALID (options), HEDDLE_MODEL (the service refuses: key, name, shape; or it is none), HEDDLE_NETWORK (not
 * reached, or not ready in time), HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_provider_open(const char *model, const struct heddle_embedder_options *options,
                                           const struct heddle_provider_clock *clock,
                                           struct heddle_engine **engine_out, struct heddle_error *error);

/* True for "openai", "databricks", "tei" and "ollama". */
bool heddle_provider_is(const char *name);

#endif
