/* cache_parts.h: what a cache and its sessions consist of; shared by the files of this folder only.
 *
 * The file: table `space` has a row for each different key, table `vector` one for each text. A vector's row stands at the
 * 64-bit hash of space and text, or, where another text stands there already, at one of the next PROBES numbers. Rows are
 * never deleted, so the first free number ends a search.
 */
#ifndef HEDDLE_MODEL_CACHE_CACHE_PARTS_H
#define HEDDLE_MODEL_CACHE_CACHE_PARTS_H

#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>

#include "model/cache/cache.h"

/* What keeps a cache from its work; the texts stand in cache_file.c. */
enum heddle_cache_trouble {
    HEDDLE_CACHE_FINE = 0,
    HEDDLE_CACHE_READ_ONLY,
    HEDDLE_CACHE_FULL,
    HEDDLE_CACHE_LOCKED,
    HEDDLE_CACHE_DAMAGED,
    HEDDLE_CACHE_UNUSABLE,
};

struct heddle_cache {
    char *path; /* absolute, or beginning with "./" */
    struct heddle_cache_key key;
    char *strings[3]; /* that `key` points to */
    uint64_t bytes_max;
    _Atomic int trouble;     /* enum heddle_cache_trouble, the newest */
    pthread_mutex_t writer;  /* the threads of this process queue here rather than poll the file's lock */
    uint64_t pause_until_ns; /* under `writer`: no writing before */
    struct heddle_cache_session
        *first; /* that opening made: proves the file and keeps it from being tidied */
};

struct heddle_cache_session {
    struct heddle_cache *cache;
    sqlite3 *file; /* NULL: the cache is not used */
    sqlite3_stmt *begin;
    sqlite3_stmt *begin_write;
    sqlite3_stmt *commit;
    sqlite3_stmt *rollback;
    sqlite3_stmt *find_space;
    sqlite3_stmt *find;
    sqlite3_stmt *insert;
    sqlite3_int64 space; /* row of this cache's key; 0: not there yet */
    bool is_read_only;
    bool is_damaged; /* seen on the way: not asked again */
};

/* Opens session->cache->path, checks that it is ours, prepares the statements. The caller closes what stands in the session
 * also after an error. Errors: as heddle_cache_open(). */
HEDDLE_MUST_CHECK int heddle_cache_file_open(struct heddle_cache_session *session,
                                             struct heddle_error *error);

/* Ends the connection, if there is one. */
void heddle_cache_file_close(struct heddle_cache_session *session);

/* Remembers why a call into SQLite that answered `result` did not work. */
void heddle_cache_trouble_set(struct heddle_cache_session *session, int result);

/* Runs a statement that answers at most one row of one number; *number_out (which may be NULL) is 0 without a row.
 * Answers SQLITE_OK or what went wrong. */
int heddle_cache_run(sqlite3_stmt *statement, sqlite3_int64 *number_out);

#endif
