/* engine.h: what computes behind an embedder: the encoder of this process, ONNX Runtime, or a service behind HTTP.
 *
 * The embedder does what is the same for all: prompt, UTF-8, stripping, folding equal texts, the cache file, cutting
 * dimensions, counting. An engine turns texts that are all different into vectors.
 *
 * An engine embeds these structs at the front of its own and fills `class`:
 *     struct native { struct heddle_engine engine; … };
 *
 * Threads: an engine is shared by all threads, a session belongs to one.
 */
#ifndef HEDDLE_MODEL_ENGINE_H
#define HEDDLE_MODEL_ENGINE_H

#include <heddle/embed.h>

#include "base/error.h"

struct heddle_engine_class;

struct heddle_engine {
    const struct heddle_engine_class *class;
    size_t dimensions; /* of the vectors that it writes */
};

struct heddle_engine_session {
    const struct heddle_engine_class *class;
    uint64_t encode_ns; /* the engine adds the time spent in the model, or waiting for it */
};

/* One text on its way. */
struct heddle_engine_item {
    const char *text; /* well-formed UTF-8, prompt in front, stripped; never NULL; not terminated */
    size_t length;
    float *vector; /* (dimensions) to be written; no alignment */
    struct heddle_embed_status
        *status; /* all zeros; the engine sets tokens and truncated, or result and reason */
};

struct heddle_engine_class {
    /* Fills what the engine knows; the caller has set name, prompt and dimensions and zeroed the rest. The strings live
     * as long as the engine. */
    void (*describe)(const struct heddle_engine *engine, struct heddle_embedder_info *info);

    /* Two engines that answer equal numbers here give equal vectors (up to rounding of one precision): the hash of the
     * weights and of everything else that takes part, or of a service's URL and model. May take a while. */
    int (*identify)(const struct heddle_engine *engine, uint64_t identity_out[static 2],
                    struct heddle_error *error);

    int (*session_create)(const struct heddle_engine *engine, struct heddle_engine_session **session_out,
                          struct heddle_error *error);
    void (*session_destroy)(struct heddle_engine_session *session); /* NULL is a no-op */

    /* Embeds `count` texts. A text that cannot be embedded is its own failure (item->status), not the call's; its vector
     * need not be written. Errors: what ends the whole work, as heddle_embedder_embed() lists. */
    int (*embed)(struct heddle_engine_session *session, struct heddle_engine_item *items, size_t count,
                 struct heddle_error *error);

    /* The tokens of one text; *ids_out belongs to the session until its next call. NULL: not known here. */
    int (*tokenize)(struct heddle_engine_session *session, const char *text, size_t length,
                    const uint32_t **ids_out, size_t *count_out, bool *truncated_out,
                    struct heddle_error *error);

    /* Ends what waits, from any thread: embed() then answers HEDDLE_INTERRUPTED. NULL: nothing ever waits. */
    void (*stop)(struct heddle_engine *engine);

    void (*destroy)(struct heddle_engine *engine);
};

#endif
