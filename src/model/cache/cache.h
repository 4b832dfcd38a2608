/* cache.h: vectors of texts that some load embedded before, in one SQLite file: a text is embedded once ever.
 *
 * A vector is kept under everything that it depends on: the model's identity, the provider, the precision, the prompt, the
 * number of dimensions, and the text, which is compared byte for byte. It comes back bit for bit; a checksum stands beside
 * it. Several processes may use one file; a process that is killed leaves whole batches behind and no lock. A power cut may
 * cost the file, never a wrong vector.
 *
 * The file only grows, up to a limit; then nothing more is kept. After opening, the cache never fails a call: what cannot
 * be looked up or kept is embedded as if there were no cache, counted, and heddle_cache_problem() says why.
 *
 * FILE has FILE-wal and FILE-shm beside it while it is open. New files can be read by their owner only: they hold texts.
 *
 * Threads: a cache is shared by all threads, a session belongs to one. Neither may be carried over a fork().
 */
#ifndef HEDDLE_MODEL_CACHE_CACHE_H
#define HEDDLE_MODEL_CACHE_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum {
    /* Longer texts are embedded each time: they are rare, and few of them would fill the file. */
    HEDDLE_CACHE_TEXT_MAX = 64 * 1024,
};

/* Bytes of a file where the caller names no limit: about 1.9 million vectors of 384 numbers. */
#define HEDDLE_CACHE_BYTES_DEFAULT (UINT64_C(4) << 30)

struct heddle_cache;
struct heddle_cache_session;

/* What vectors depend on besides the text. */
struct heddle_cache_key {
    uint64_t identity[2]; /* of the model: heddle_engine_class.identify */
    const char *provider;
    const char *precision;
    const char *prompt;
    size_t dimensions;
};

/* One text, as it goes to the engine. */
struct heddle_cache_entry {
    const char *text;
    size_t length;
    float *vector;   /* (dimensions), no alignment: written by find, read by keep */
    uint32_t tokens; /* as struct heddle_embed_status has them: written by find, read by keep */
    bool truncated;
    bool found; /* set by find */
};

/* Opens `file`, or makes it where there is none. `bytes_max` bounds it (0: HEDDLE_CACHE_BYTES_DEFAULT); a file that is
 * larger already is used, but not extended. The strings of `key` are copied. A file that can only be read is used so; on a
 * file system that is full or read-only a new file is done without.
 * Errors: HEDDLE_IO (the file is damaged or something else, is locked, cannot be opened: named, with the remedy),
 * HEDDLE_INVALID (no name), HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_cache_open(const char *file, const struct heddle_cache_key *key,
                                        uint64_t bytes_max, struct heddle_cache **cache_out,
                                        struct heddle_error *error);

/* No session may be left. NULL is a no-op. */
void heddle_cache_close(struct heddle_cache *cache);

/* "" while all went well; else why texts could not be looked up or kept, the newest reason. Static memory. Any thread. */
const char *heddle_cache_problem(const struct heddle_cache *cache);

/* Opens the file for one thread. Errors: as heddle_cache_open(). */
HEDDLE_MUST_CHECK int heddle_cache_session_create(struct heddle_cache *cache,
                                                  struct heddle_cache_session **session_out,
                                                  struct heddle_error *error);

/* NULL is a no-op. */
void heddle_cache_session_destroy(struct heddle_cache_session *session);

/* Looks up `count` texts, 256 in one read transaction. Answers for how many that was not possible; they count as not found.
 * A few microseconds a text. */
size_t heddle_cache_find(struct heddle_cache_session *session, struct heddle_cache_entry *entries,
                         size_t count);

/* Keeps the vectors of `count` texts, 256 in one write transaction. Answers for how many that was not possible. */
size_t heddle_cache_keep(struct heddle_cache_session *session, const struct heddle_cache_entry *entries,
                         size_t count);

#endif
