/* cache.c: looking up and keeping vectors, a transaction for each 256 texts. */
#include "model/cache/cache.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/memory.h"
#include "model/cache/cache_parts.h"

enum {
    CHUNK_TEXTS = 256, /* a write of so many takes some milliseconds, for which other writers wait */
    PROBES = 8,        /* among 2^64 numbers even two neighbours are rare */
};

/* After another process has held the file too long, so that not each batch waits for it. */
static const uint64_t PAUSE_NS = UINT64_C(10) * 1000 * 1000 * 1000;

/* Columns of cache_parts.h's `find`. */
enum { COLUMN_SPACE, COLUMN_TOKENS, COLUMN_TRUNCATED, COLUMN_CHECKSUM, COLUMN_TEXT, COLUMN_VECTOR };

/* SQLite takes names that begin with ":" or "file:" for something else. */
static char *plain_path(const char *file)
{
    const size_t length = strlen(file) + sizeof "./";
    char *path = heddle_malloc(length);
    if (path != NULL) {
        snprintf(path, length, "%s%s", file[0] == '/' ? "" : "./", file);
    }
    return path;
}

static int copy_key(struct heddle_cache *cache, const struct heddle_cache_key *key,
                    struct heddle_error *error)
{
    const char *const strings[] = {key->provider, key->precision, key->prompt};
    for (size_t i = 0; i < sizeof strings / sizeof strings[0]; i++) {
        cache->strings[i] = heddle_strdup(strings[i]);
        if (cache->strings[i] == NULL) {
            return heddle_error_out_of_memory(error);
        }
    }
    cache->key = *key;
    cache->key.provider = cache->strings[0];
    cache->key.precision = cache->strings[1];
    cache->key.prompt = cache->strings[2];
    return HEDDLE_OK;
}

int heddle_cache_open(const char *file, const struct heddle_cache_key *key, uint64_t bytes_max,
                      struct heddle_cache **cache_out, struct heddle_error *error)
{
    if (file[0] == '\0') {
        return heddle_error_set(error, HEDDLE_INVALID, "the embedding cache needs the name of a file");
    }
    struct heddle_cache *cache = heddle_calloc(1, sizeof *cache);
    if (cache == NULL) {
        return heddle_error_out_of_memory(error);
    }
    pthread_mutex_init(&cache->writer, NULL);
    cache->bytes_max = bytes_max == 0 ? HEDDLE_CACHE_BYTES_DEFAULT : bytes_max;
    cache->path = plain_path(file);
    int status = cache->path == NULL ? heddle_error_out_of_memory(error) : copy_key(cache, key, error);
    if (status == HEDDLE_OK) {
        status = heddle_cache_session_create(cache, &cache->first, error);
    }
    if (status != HEDDLE_OK) {
        heddle_cache_close(cache);
        return status;
    }
    *cache_out = cache;
    return HEDDLE_OK;
}

void heddle_cache_close(struct heddle_cache *cache)
{
    if (cache == NULL) {
        return;
    }
    heddle_cache_session_destroy(cache->first);
    for (size_t i = 0; i < sizeof cache->strings / sizeof cache->strings[0]; i++) {
        free(cache->strings[i]);
    }
    pthread_mutex_destroy(&cache->writer);
    free(cache->path);
    free(cache);
}

int heddle_cache_session_create(struct heddle_cache *cache, struct heddle_cache_session **session_out,
                                struct heddle_error *error)
{
    struct heddle_cache_session *session = heddle_calloc(1, sizeof *session);
    if (session == NULL) {
        return heddle_error_out_of_memory(error);
    }
    session->cache = cache;
    const int status = heddle_cache_file_open(session, error);
    if (status != HEDDLE_OK) {
        heddle_cache_session_destroy(session);
        return status;
    }
    *session_out = session;
    return HEDDLE_OK;
}

void heddle_cache_session_destroy(struct heddle_cache_session *session)
{
    if (session == NULL) {
        return;
    }
    heddle_cache_file_close(session);
    free(session);
}

static size_t vector_bytes(const struct heddle_cache_session *session)
{
    return session->cache->key.dimensions * sizeof(float);
}

/* Over model, text and vector: what comes back is what was kept, whatever happened to the file. */
static sqlite3_int64 checksum_of(const struct heddle_cache_session *session, const char *text, size_t length,
                                 const void *vector)
{
    const uint64_t seed = heddle_hash_bytes(text, length, (uint64_t)session->space);
    return (sqlite3_int64)heddle_hash_bytes(vector, vector_bytes(session), seed);
}

static sqlite3_int64 place_of(const struct heddle_cache_session *session,
                              const struct heddle_cache_entry *entry, uint64_t probe)
{
    const uint64_t seed = heddle_hash_mix((uint64_t)session->space);
    return (sqlite3_int64)(heddle_hash_bytes(entry->text, entry->length, seed) + probe);
}

static bool is_this_text(const struct heddle_cache_session *session, const struct heddle_cache_entry *entry)
{
    if (sqlite3_column_int64(session->find, COLUMN_SPACE) != session->space) {
        return false;
    }
    const void *text = sqlite3_column_blob(session->find, COLUMN_TEXT); /* NULL for a text of no bytes */
    const size_t length = (size_t)sqlite3_column_bytes(session->find, COLUMN_TEXT);
    return length == entry->length &&
           (length == 0 || (text != NULL && memcmp(text, entry->text, length) == 0));
}

/* Takes the row that `find` stands on. Answers SQLITE_OK, or SQLITE_CORRUPT where its checksum does not fit. */
static int take_row(struct heddle_cache_session *session, struct heddle_cache_entry *entry)
{
    const void *vector = sqlite3_column_blob(session->find, COLUMN_VECTOR);
    const size_t bytes = (size_t)sqlite3_column_bytes(session->find, COLUMN_VECTOR);
    if (vector == NULL || bytes != vector_bytes(session) ||
        sqlite3_column_int64(session->find, COLUMN_CHECKSUM) !=
            checksum_of(session, entry->text, entry->length, vector)) {
        return SQLITE_CORRUPT;
    }
    memcpy(entry->vector, vector, bytes);
    entry->tokens = (uint32_t)sqlite3_column_int64(session->find, COLUMN_TOKENS);
    entry->truncated = sqlite3_column_int64(session->find, COLUMN_TRUNCATED) != 0;
    entry->found = true;
    return SQLITE_OK;
}

/* Goes to the row of this text: SQLITE_ROW (`find` stands on it), SQLITE_DONE (*place_out is free for it, or 0 where all
 * its places are taken), or an error. The caller resets `find`. */
static int go_to_row(struct heddle_cache_session *session, const struct heddle_cache_entry *entry,
                     sqlite3_int64 *place_out)
{
    *place_out = 0;
    for (uint64_t probe = 0; probe < PROBES; probe++) {
        const sqlite3_int64 place = place_of(session, entry, probe);
        sqlite3_reset(session->find);
        sqlite3_bind_int64(session->find, 1, place);
        const int stepped = sqlite3_step(session->find);
        if (stepped == SQLITE_DONE) {
            *place_out = place;
        }
        if (stepped != SQLITE_ROW || is_this_text(session, entry)) {
            return stepped;
        }
    }
    return SQLITE_DONE;
}

static int find_chunk(struct heddle_cache_session *session, struct heddle_cache_entry *entries, size_t count)
{
    int result = heddle_cache_run(session->begin, NULL);
    if (result != SQLITE_OK) {
        return result;
    }
    for (size_t i = 0; i < count && result == SQLITE_OK; i++) {
        sqlite3_int64 place = 0;
        if (entries[i].length <= HEDDLE_CACHE_TEXT_MAX) {
            const int stepped = go_to_row(session, &entries[i], &place);
            result = stepped == SQLITE_ROW ? take_row(session, &entries[i]) : stepped;
            result = result == SQLITE_DONE ? SQLITE_OK : result;
            sqlite3_reset(session->find);
        }
    }
    const int ended = heddle_cache_run(session->commit, NULL);
    return result == SQLITE_OK ? ended : result;
}

/* Answers SQLITE_OK also for a text that another process has kept meanwhile. */
static int insert(struct heddle_cache_session *session, const struct heddle_cache_entry *entry)
{
    sqlite3_int64 place = 0;
    const int stepped = go_to_row(session, entry, &place);
    sqlite3_reset(session->find);
    if (stepped != SQLITE_DONE || place == 0) {
        return stepped == SQLITE_ROW || stepped == SQLITE_DONE ? SQLITE_OK : stepped;
    }
    sqlite3_stmt *row = session->insert;
    sqlite3_bind_int64(row, 1, place);
    sqlite3_bind_int64(row, 2, session->space);
    sqlite3_bind_int64(row, 3, entry->tokens);
    sqlite3_bind_int64(row, 4, entry->truncated);
    sqlite3_bind_int64(row, 5, checksum_of(session, entry->text, entry->length, entry->vector));
    int result = sqlite3_bind_blob(row, 6, entry->text, (int)entry->length, SQLITE_STATIC);
    if (result == SQLITE_OK) {
        result = sqlite3_bind_blob(row, 7, entry->vector, (int)vector_bytes(session), SQLITE_STATIC);
    }
    if (result == SQLITE_OK) {
        result = heddle_cache_run(row, NULL);
    }
    sqlite3_clear_bindings(row);
    return result;
}

/* Answers SQLITE_ABORT without a try while the cache pauses. */
static int keep_chunk(struct heddle_cache_session *session, const struct heddle_cache_entry *entries,
                      size_t count)
{
    struct heddle_cache *cache = session->cache;
    pthread_mutex_lock(&cache->writer);
    int result = heddle_clock_ns() < cache->pause_until_ns ? SQLITE_ABORT
                                                           : heddle_cache_run(session->begin_write, NULL);
    if (result == SQLITE_OK) {
        for (size_t i = 0; i < count && result == SQLITE_OK; i++) {
            if (entries[i].length <= HEDDLE_CACHE_TEXT_MAX) {
                result = insert(session, &entries[i]);
            }
        }
        if (result == SQLITE_OK) {
            result = heddle_cache_run(session->commit, NULL);
        }
        if (result != SQLITE_OK && sqlite3_get_autocommit(session->file) == 0) {
            (void)heddle_cache_run(session->rollback, NULL);
        }
    }
    if (result != SQLITE_OK && result != SQLITE_ABORT) {
        heddle_cache_trouble_set(session, result);
    }
    if ((result & 0xff) == SQLITE_BUSY) {
        cache->pause_until_ns = heddle_clock_ns() + PAUSE_NS;
    }
    pthread_mutex_unlock(&cache->writer);
    return result;
}

static bool is_usable(const struct heddle_cache_session *session)
{
    return session->file != NULL && !session->is_damaged;
}

size_t heddle_cache_find(struct heddle_cache_session *session, struct heddle_cache_entry *entries,
                         size_t count)
{
    size_t failures = 0;
    for (size_t i = 0; i < count; i++) {
        entries[i].found = false;
    }
    for (size_t first = 0; first < count; first += CHUNK_TEXTS) {
        const size_t some = count - first < CHUNK_TEXTS ? count - first : CHUNK_TEXTS;
        const int result = is_usable(session) ? find_chunk(session, entries + first, some) : SQLITE_ERROR;
        if (result == SQLITE_OK) {
            continue;
        }
        if (is_usable(session)) {
            heddle_cache_trouble_set(session, result);
        }
        for (size_t i = first; i < first + some; i++) {
            failures += !entries[i].found;
        }
    }
    return failures;
}

size_t heddle_cache_keep(struct heddle_cache_session *session, const struct heddle_cache_entry *entries,
                         size_t count)
{
    size_t failures = 0;
    for (size_t first = 0; first < count; first += CHUNK_TEXTS) {
        const size_t some = count - first < CHUNK_TEXTS ? count - first : CHUNK_TEXTS;
        if (!is_usable(session) || session->is_read_only) {
            failures += some;
            continue;
        }
        const int result = keep_chunk(session, entries + first, some);
        failures += result == SQLITE_OK ? 0 : some;
    }
    return failures;
}
