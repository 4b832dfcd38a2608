/* cache_file.c: opening the file of an embedding cache: is it ours, is it whole, may it be written?
 *
 * Journal mode WAL: readers and the writer do not wait for each other, a batch is there as a whole or not at all, also
 * after a kill. Nothing waits for the disk (synchronous=OFF, 2.5 times as fast): a power cut may damage the file, which is
 * then found out and refused. The file is read by read(), not mapped, so that one that somebody cuts short is an error and
 * not a signal.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/memory.h"
#include "model/cache/cache_parts.h"

/* The bytes "hdl" and the version of the layout, 1; a change of meaning is a new number. */
#define APPLICATION_ID "1751411713"
#define SCHEMA_SPACE                                                                                         \
    "CREATE TABLE space(id INTEGER PRIMARY KEY, identity BLOB NOT NULL, provider TEXT NOT NULL, "            \
    "precision TEXT NOT NULL, prompt BLOB NOT NULL, dimensions INTEGER NOT NULL, "                           \
    "UNIQUE(identity, provider, precision, prompt, dimensions))"
#define SCHEMA_VECTOR                                                                                        \
    "CREATE TABLE vector(hash INTEGER PRIMARY KEY, space INTEGER NOT NULL, tokens INTEGER NOT NULL, "        \
    "truncated INTEGER NOT NULL, checksum INTEGER NOT NULL, text BLOB NOT NULL, vector BLOB NOT NULL)"
#define REMEDY "name another file, or remove it with its -wal and -shm: it is built again"

enum {
    PAGE_BYTES =
        4096, /* a text that is kept dirties one page: larger ones are slower to write and to look up */
    JOURNAL_PAGES = 4000, /* 16 MB; pages that many batches touch are moved into the file once */
    MEMORY_KIB = 4000,    /* a session: the inner pages of some hundred thousand texts */
    OPEN_LOCK_MS = 10000, /* many processes that make one file at once wait for each other */
    LOCK_MS = 2000, /* a writer holds the lock for some milliseconds; longer means that it stands still */
    RETRY_MS = 10,
    FIELD_BYTES_MAX = 16 << 20, /* far above any row of ours: bounds what a damaged length may ask for */
    JOURNAL_BYTES_MAX = 64 << 20,
};

static const char *const troubles[] = {
    [HEDDLE_CACHE_FINE] = "",
    [HEDDLE_CACHE_READ_ONLY] = "the embedding cache can only be read: nothing is kept",
    [HEDDLE_CACHE_FULL] =
        "the embedding cache has reached its limit, or the disk is full: nothing more is kept",
    [HEDDLE_CACHE_LOCKED] = "another process held the embedding cache for too long",
    [HEDDLE_CACHE_DAMAGED] = "the embedding cache is damaged: remove it with its -wal and -shm",
    [HEDDLE_CACHE_UNUSABLE] = "the embedding cache cannot be read or written",
};

const char *heddle_cache_problem(const struct heddle_cache *cache)
{
    return troubles[atomic_load(&cache->trouble)];
}

void heddle_cache_trouble_set(struct heddle_cache_session *session, int result)
{
    enum heddle_cache_trouble trouble = HEDDLE_CACHE_UNUSABLE;
    switch (result & 0xff) {
    case SQLITE_READONLY: trouble = HEDDLE_CACHE_READ_ONLY; break;
    case SQLITE_FULL: trouble = HEDDLE_CACHE_FULL; break;
    case SQLITE_BUSY:
    case SQLITE_LOCKED: trouble = HEDDLE_CACHE_LOCKED; break;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        trouble = HEDDLE_CACHE_DAMAGED;
        session->is_damaged = true;
        break;
    default: break;
    }
    atomic_store(&session->cache->trouble, (int)trouble);
}

int heddle_cache_run(sqlite3_stmt *statement, sqlite3_int64 *number_out)
{
    const int stepped = sqlite3_step(statement);
    if (number_out != NULL) {
        *number_out = stepped == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : 0;
    }
    const int reset = sqlite3_reset(statement);
    return stepped == SQLITE_ROW || stepped == SQLITE_DONE ? SQLITE_OK : reset;
}

static int fail(const struct heddle_cache_session *session, int result, struct heddle_error *error)
{
    const char *path = session->cache->path;
    switch (result & 0xff) {
    case SQLITE_NOMEM: return heddle_error_out_of_memory(error);
    case SQLITE_CORRUPT:
        return heddle_error_set(error, HEDDLE_IO, "embedding cache %s is damaged: " REMEDY, path);
    case SQLITE_NOTADB:
        return heddle_error_set(error, HEDDLE_IO, "%s is not an embedding cache: " REMEDY, path);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return heddle_error_set(error, HEDDLE_IO,
                                "embedding cache %s is locked: another process has held it for %d s", path,
                                OPEN_LOCK_MS / 1000);
    default: break;
    }
    const int system = session->file == NULL ? 0 : sqlite3_system_errno(session->file);
    return heddle_error_set(error, HEDDLE_IO, "embedding cache %s cannot be used: %s", path,
                            system != 0 ? strerror(system) : sqlite3_errstr(result));
}

/* One statement, and the number that it answers. */
static int ask(struct heddle_cache_session *session, const char *sql, sqlite3_int64 *number_out)
{
    sqlite3_stmt *statement = NULL;
    int result = sqlite3_prepare_v2(session->file, sql, -1, &statement, NULL);
    if (result == SQLITE_OK) {
        result = heddle_cache_run(statement, number_out);
    }
    sqlite3_finalize(statement);
    return result;
}

/* Answers SQLITE_NOTADB for a file of somebody else's; *is_new_out says that nothing stands in it yet. */
static int check_schema(struct heddle_cache_session *session, bool *is_new_out)
{
    sqlite3_int64 id = 0;
    sqlite3_int64 objects = 0;
    sqlite3_int64 strange = 0;
    int result = ask(session, "PRAGMA application_id", &id);
    if (result == SQLITE_OK) {
        result = ask(session, "SELECT count(*) FROM sqlite_master", &objects);
    }
    if (result == SQLITE_OK) {
        result = ask(session,
                     "SELECT count(*) FROM sqlite_master WHERE sql IS NOT NULL AND sql NOT IN ('" SCHEMA_SPACE
                     "', '" SCHEMA_VECTOR "')",
                     &strange);
    }
    if (result != SQLITE_OK) {
        return result;
    }
    enum { OBJECTS = 3 }; /* two tables, one index */
    *is_new_out = id == 0 && objects == 0;
    const bool is_ours = id == strtol(APPLICATION_ID, NULL, 10) && objects == OBJECTS && strange == 0;
    return is_ours || *is_new_out ? SQLITE_OK : SQLITE_NOTADB;
}

/* Two processes that make one file at once meet here; for this step SQLite answers "busy" without waiting. */
static int use_wal(struct heddle_cache_session *session)
{
    int result = SQLITE_OK;
    for (int waited = 0; waited <= OPEN_LOCK_MS; waited += RETRY_MS) {
        result = ask(session, "PRAGMA journal_mode=WAL", NULL);
        if ((result & 0xff) != SQLITE_BUSY) {
            break;
        }
        heddle_clock_sleep_ms(RETRY_MS);
    }
    return result;
}

static int make_schema(struct heddle_cache_session *session)
{
    static const char *const steps[] = {SCHEMA_SPACE, SCHEMA_VECTOR, "PRAGMA application_id=" APPLICATION_ID};
    bool is_new = false;
    int result = use_wal(session);
    if (result == SQLITE_OK) {
        result = ask(session, "BEGIN IMMEDIATE", NULL);
    }
    if (result != SQLITE_OK) {
        return result;
    }
    result = check_schema(session, &is_new); /* again: another process may have been quicker */
    for (size_t i = 0; result == SQLITE_OK && is_new && i < sizeof steps / sizeof steps[0]; i++) {
        result = ask(session, steps[i], NULL);
    }
    if (result == SQLITE_OK) {
        return ask(session, "COMMIT", NULL);
    }
    (void)ask(session, "ROLLBACK", NULL);
    return result;
}

/* Settings of the connection, none of which touches the file. */
static int set_up(struct heddle_cache_session *session)
{
    static const char *const settings[] = {"PRAGMA mmap_size=0", "PRAGMA trusted_schema=OFF",
                                           "PRAGMA cell_size_check=ON", "PRAGMA synchronous=OFF"};
    char sized[5][64];
    const uint64_t pages = session->cache->bytes_max / PAGE_BYTES;
    snprintf(sized[0], sizeof sized[0], "PRAGMA page_size=%d", PAGE_BYTES);
    snprintf(sized[1], sizeof sized[1], "PRAGMA max_page_count=%llu",
             (unsigned long long)(pages == 0 ? 1 : pages));
    snprintf(sized[2], sizeof sized[2], "PRAGMA journal_size_limit=%d", JOURNAL_BYTES_MAX);
    snprintf(sized[3], sizeof sized[3], "PRAGMA wal_autocheckpoint=%d", JOURNAL_PAGES);
    snprintf(sized[4], sizeof sized[4], "PRAGMA cache_size=-%d", MEMORY_KIB);
    sqlite3_limit(session->file, SQLITE_LIMIT_LENGTH, FIELD_BYTES_MAX);
    sqlite3_busy_timeout(session->file, OPEN_LOCK_MS);
    int result = SQLITE_OK;
    for (size_t i = 0; result == SQLITE_OK && i < sizeof settings / sizeof settings[0]; i++) {
        result = ask(session, settings[i], NULL);
    }
    for (size_t i = 0; result == SQLITE_OK && i < sizeof sized / sizeof sized[0]; i++) {
        result = ask(session, sized[i], NULL);
    }
    return result;
}

static int prepare(struct heddle_cache_session *session)
{
    const struct {
        sqlite3_stmt **statement;
        const char *sql;
    } all[] = {
        {&session->begin, "BEGIN"},
        {&session->begin_write, "BEGIN IMMEDIATE"},
        {&session->commit, "COMMIT"},
        {&session->rollback, "ROLLBACK"},
        {&session->find_space, "SELECT id FROM space WHERE identity=?1 AND provider=?2 AND precision=?3 "
                               "AND prompt=?4 AND dimensions=?5"},
        {&session->find, "SELECT space, tokens, truncated, checksum, text, vector FROM vector WHERE hash=?1"},
        {&session->insert, "INSERT INTO vector VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)"},
    };
    int result = SQLITE_OK;
    for (size_t i = 0; result == SQLITE_OK && i < sizeof all / sizeof all[0]; i++) {
        result = sqlite3_prepare_v3(session->file, all[i].sql, -1, SQLITE_PREPARE_PERSISTENT,
                                    all[i].statement, NULL);
    }
    return result;
}

static int bind_key(sqlite3_stmt *statement, const struct heddle_cache_key *key)
{
    int result = sqlite3_bind_blob(statement, 1, key->identity, sizeof key->identity, SQLITE_STATIC);
    if (result == SQLITE_OK) {
        result = sqlite3_bind_text(statement, 2, key->provider, -1, SQLITE_STATIC);
    }
    if (result == SQLITE_OK) {
        result = sqlite3_bind_text(statement, 3, key->precision, -1, SQLITE_STATIC);
    }
    if (result == SQLITE_OK) {
        result = sqlite3_bind_blob(statement, 4, key->prompt, (int)strlen(key->prompt), SQLITE_STATIC);
    }
    if (result == SQLITE_OK) {
        result = sqlite3_bind_int64(statement, 5, (sqlite3_int64)key->dimensions);
    }
    return result;
}

/* The row of this cache's key; it is entered where it is missing and may be. */
static int settle_space(struct heddle_cache_session *session)
{
    int result = bind_key(session->find_space, &session->cache->key);
    if (result == SQLITE_OK) {
        result = heddle_cache_run(session->find_space, &session->space);
    }
    if (result != SQLITE_OK || session->space != 0 || session->is_read_only) {
        return result;
    }
    sqlite3_stmt *insert = NULL;
    result = sqlite3_prepare_v2(
        session->file,
        "INSERT OR IGNORE INTO space(identity, provider, precision, prompt, dimensions) VALUES(?,?,?,?,?)",
        -1, &insert, NULL);
    if (result == SQLITE_OK) {
        result = bind_key(insert, &session->cache->key);
    }
    if (result == SQLITE_OK) {
        result = heddle_cache_run(insert, NULL);
    }
    sqlite3_finalize(insert);
    return result == SQLITE_OK ? heddle_cache_run(session->find_space, &session->space) : result;
}

void heddle_cache_file_close(struct heddle_cache_session *session)
{
    sqlite3_stmt **const all[] = {&session->begin,    &session->begin_write, &session->commit,
                                  &session->rollback, &session->find_space,  &session->find,
                                  &session->insert};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        sqlite3_finalize(*all[i]);
        *all[i] = NULL;
    }
    sqlite3_close(session->file);
    session->file = NULL;
    session->space = 0;
}

static int connect_to(struct heddle_cache_session *session, const char *name, int flags)
{
    const bool was_there = access(session->cache->path, F_OK) == 0;
    int result = sqlite3_open_v2(name, &session->file, flags | SQLITE_OPEN_NOMUTEX, NULL);
    if (result != SQLITE_OK) {
        return result;
    }
    sqlite3_extended_result_codes(session->file, 1);
    bool is_new = false;
    result = set_up(session);
    if (result == SQLITE_OK) {
        session->is_read_only =
            (flags & SQLITE_OPEN_READWRITE) == 0 || sqlite3_db_readonly(session->file, "main") == 1;
        result = check_schema(session, &is_new);
    }
    if (result == SQLITE_OK && !was_there) {
        (void)chmod(session->cache->path, S_IRUSR | S_IWUSR); /* its journal will have the same rights */
    }
    if (result == SQLITE_OK && is_new) {
        result = session->is_read_only ? SQLITE_READONLY : make_schema(session);
    }
    if (result == SQLITE_OK) {
        result = prepare(session);
    }
    return result == SQLITE_OK ? settle_space(session) : result;
}

/* A file whose folder cannot be written has no place for the shared index of its journal: it is read as one that does not
 * change. Should it change all the same, checksums and texts do not fit, and texts are embedded. */
static int connect_read_only(struct heddle_cache_session *session)
{
    struct heddle_buffer name = {0};
    heddle_buffer_append_text(&name, "file:");
    for (const char *at = session->cache->path; *at != '\0'; at++) {
        const char *const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-";
        if (strchr(plain, *at) != NULL) {
            heddle_buffer_append_byte(&name, (uint8_t)*at);
        } else {
            heddle_buffer_append_format(&name, "%%%02X", (unsigned)(unsigned char)*at);
        }
    }
    heddle_buffer_append_text(&name, "?immutable=1");
    const char *uri = heddle_buffer_text(&name);
    const int result =
        uri == NULL ? SQLITE_NOMEM : connect_to(session, uri, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI);
    heddle_buffer_free(&name);
    return result;
}

/* True where a new file fails for want of space or of a right to write, not because its name is wrong. */
static bool is_done_without(const struct heddle_cache_session *session, int result)
{
    const int kind = result & 0xff;
    const int system = session->file == NULL ? 0 : sqlite3_system_errno(session->file);
    return kind == SQLITE_FULL || kind == SQLITE_READONLY || result == SQLITE_IOERR_WRITE ||
           result == SQLITE_IOERR_FSYNC || result == SQLITE_IOERR_SHMSIZE ||
           (kind == SQLITE_CANTOPEN && (system == EROFS || system == ENOSPC || system == EDQUOT));
}

int heddle_cache_file_open(struct heddle_cache_session *session, struct heddle_error *error)
{
    const char *path = session->cache->path;
    const bool was_there = access(path, F_OK) == 0;
    int result = connect_to(session, path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
    const int kind = result & 0xff;
    if ((kind == SQLITE_CANTOPEN || kind == SQLITE_READONLY) && was_there && access(path, R_OK) == 0 &&
        access(path, W_OK) != 0) {
        heddle_cache_file_close(session);
        result = connect_read_only(session);
    }
    if (result == SQLITE_OK) {
        sqlite3_busy_timeout(session->file, LOCK_MS);
        if (session->is_read_only) {
            atomic_store(&session->cache->trouble, HEDDLE_CACHE_READ_ONLY);
        }
        return HEDDLE_OK;
    }
    if (is_done_without(session, result)) {
        heddle_cache_trouble_set(session, result);
        heddle_cache_file_close(session);
        return HEDDLE_OK;
    }
    return fail(session, result, error);
}
