/* test_cache.c: the file that remembers vectors: exact, never mixed, shared by processes, safe from kills and damage. */
#include "model_fixture.h"

#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "model/cache/cache.h"

enum { WIDTH = 96, BATCH = 256, TEXT_BYTES = 24 };

static char *directory;
static char file[4200];

static const struct heddle_cache_key KEY = {.identity = {11, 22},
                                            .provider = "native",
                                            .precision = "fp32",
                                            .prompt = "query: ",
                                            .dimensions = WIDTH};

/* Texts and vectors that are told by their number, so that a wrong one shows. */
struct batch {
    char texts[BATCH][TEXT_BYTES];
    float vectors[BATCH][WIDTH];
    struct heddle_cache_entry entries[BATCH];
};

static void fill_vector(float *vector, uint64_t number)
{
    uint64_t random = number;
    for (size_t i = 0; i < WIDTH; i++) {
        vector[i] = (float)heddle_random_unit(&random);
    }
}

static struct batch *make_batch(uint64_t first)
{
    struct batch *batch = calloc(1, sizeof *batch);
    assert_non_null(batch);
    for (size_t i = 0; i < BATCH; i++) {
        snprintf(batch->texts[i], TEXT_BYTES, "text %llu", (unsigned long long)(first + i));
        fill_vector(batch->vectors[i], first + i);
        batch->entries[i] = (struct heddle_cache_entry){.text = batch->texts[i],
                                                        .length = strlen(batch->texts[i]),
                                                        .vector = batch->vectors[i],
                                                        .tokens = (uint32_t)(first + i) & 0xff,
                                                        .truncated = (first + i) % 3 == 0};
    }
    return batch;
}

static struct heddle_cache *open_cache(const struct heddle_cache_key *key, uint64_t bytes_max,
                                       struct heddle_cache_session **session)
{
    struct heddle_cache *cache = NULL;
    struct heddle_error error = {0};
    if (heddle_cache_open(file, key, bytes_max, &cache, &error) != HEDDLE_OK) {
        fail_msg("%s", error.message);
    }
    assert_int_equal(heddle_cache_session_create(cache, session, NULL), HEDDLE_OK);
    return cache;
}

static void close_cache(struct heddle_cache *cache, struct heddle_cache_session *session)
{
    heddle_cache_session_destroy(session);
    heddle_cache_close(cache);
}

/* Keeps the texts first .. first + BATCH-1; answers how many failed. */
static size_t keep_numbers(struct heddle_cache_session *session, uint64_t first)
{
    struct batch *batch = make_batch(first);
    const size_t failures = heddle_cache_keep(session, batch->entries, BATCH);
    free(batch);
    return failures;
}

/* How many of those texts are found; a vector that is found and wrong fails the test. */
static size_t found_numbers(struct heddle_cache_session *session, uint64_t first, size_t *failures_out)
{
    struct batch *batch = make_batch(first);
    struct batch *expected = make_batch(first);
    size_t found = 0;
    memset(batch->vectors, 0, sizeof batch->vectors);
    *failures_out = heddle_cache_find(session, batch->entries, BATCH);
    for (size_t i = 0; i < BATCH; i++) {
        if (batch->entries[i].found) {
            found++;
            assert_memory_equal(batch->vectors[i], expected->vectors[i], sizeof batch->vectors[i]);
            assert_int_equal(batch->entries[i].tokens, expected->entries[i].tokens);
        }
    }
    free(batch);
    free(expected);
    return found;
}

static size_t found(struct heddle_cache_session *session, uint64_t first)
{
    size_t failures = 0;
    const size_t count = found_numbers(session, first, &failures);
    assert_int_equal(failures, 0);
    return count;
}

static void make_file(size_t batches)
{
    struct heddle_cache_session *session = NULL;
    struct heddle_cache *cache = open_cache(&KEY, 0, &session);
    for (size_t i = 0; i < batches; i++) {
        assert_int_equal(keep_numbers(session, i * BATCH), 0);
    }
    close_cache(cache, session);
}

static void refused(int status, const char *reason)
{
    struct heddle_cache *cache = NULL;
    struct heddle_error error = {0};
    assert_int_equal(heddle_cache_open(file, &KEY, 0, &cache, &error), status);
    assert_null(cache);
    if (strstr(error.message, reason) == NULL || strstr(error.message, file) == NULL) {
        fail_msg("\"%s\" does not say \"%s\" of %s", error.message, reason, file);
    }
}

/* ---- what is kept ---- */

static void what_was_kept_comes_back_bit_for_bit_also_after_opening_again(void **state)
{
    (void)state;
    const uint32_t bits[WIDTH] = {0x7fc01234, 0x80000000, 1, 0xff800000,
                                  0x3f800001}; /* a NaN, -0, a denormal */
    float strange[WIDTH];
    memcpy(strange, bits, sizeof strange);
    struct heddle_cache_entry one = {
        .text = "a\0b", .length = 3, .vector = strange, .tokens = 7, .truncated = true};
    struct heddle_cache_session *session = NULL;
    struct heddle_cache *cache = open_cache(&KEY, 0, &session);
    assert_int_equal(found(session, 0), 0);
    assert_int_equal(keep_numbers(session, 0), 0);
    assert_int_equal(heddle_cache_keep(session, &one, 1), 0);
    assert_int_equal(found(session, 0), BATCH);
    close_cache(cache, session);
    cache = open_cache(&KEY, 0, &session);
    assert_int_equal(found(session, 0), BATCH);
    assert_int_equal(found(session, BATCH), 0);
    float vector[WIDTH] = {0};
    struct heddle_cache_entry again = {.text = "a\0b", .length = 3, .vector = vector};
    assert_int_equal(heddle_cache_find(session, &again, 1), 0);
    assert_true(again.found && again.truncated && again.tokens == 7);
    assert_memory_equal(vector, bits, sizeof bits);
    again = (struct heddle_cache_entry){.text = "a", .length = 1, .vector = vector};
    assert_int_equal(heddle_cache_find(session, &again, 1), 0);
    assert_false(again.found);
    assert_string_equal(heddle_cache_problem(cache), "");
    close_cache(cache, session);
}

static void the_empty_text_is_a_text_and_one_that_is_too_long_is_left_to_the_model(void **state)
{
    (void)state;
    char *longest = calloc(1, HEDDLE_CACHE_TEXT_MAX + 1);
    assert_non_null(longest);
    float vector[WIDTH] = {1};
    struct heddle_cache_entry entries[] = {
        {.text = "", .length = 0, .vector = vector},
        {.text = longest, .length = HEDDLE_CACHE_TEXT_MAX, .vector = vector},
        {.text = longest, .length = HEDDLE_CACHE_TEXT_MAX + 1, .vector = vector}};
    struct heddle_cache_session *session = NULL;
    struct heddle_cache *cache = open_cache(&KEY, 0, &session);
    assert_int_equal(heddle_cache_keep(session, entries, 3), 0);
    assert_int_equal(heddle_cache_find(session, entries, 3), 0);
    assert_true(entries[0].found && entries[1].found && !entries[2].found);
    close_cache(cache, session);
    free(longest);
}

static void vectors_of_another_model_provider_precision_prompt_or_width_are_never_found(void **state)
{
    (void)state;
    struct heddle_cache_key others[6];
    for (size_t i = 0; i < 6; i++) {
        others[i] = KEY;
    }
    others[0].identity[0]++;
    others[1].identity[1]++;
    others[2].provider = "onnx";
    others[3].precision = "bf16";
    others[4].prompt = "";
    others[5].dimensions = WIDTH - 1;
    make_file(1);
    for (size_t i = 0; i < 6; i++) {
        struct heddle_cache_session *session = NULL;
        struct heddle_cache *cache = open_cache(&others[i], 0, &session);
        assert_int_equal(found(session, 0), 0);
        float vector[WIDTH] = {(float)i};
        struct heddle_cache_entry one = {.text = "text 0", .length = 6, .vector = vector};
        assert_int_equal(heddle_cache_keep(session, &one, 1), 0);
        close_cache(cache, session);
    }
    struct heddle_cache_session *session = NULL;
    struct heddle_cache *cache = open_cache(&KEY, 0, &session);
    assert_int_equal(found(session, 0), BATCH);
    close_cache(cache, session);
}

static void run_sql(const char *sql)
{
    sqlite3 *raw = NULL;
    assert_int_equal(sqlite3_open(file, &raw), SQLITE_OK);
    assert_int_equal(sqlite3_exec(raw, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(raw), SQLITE_OK);
}

static void texts_of_one_hash_are_told_apart(void **state)
{
    (void)state;
    make_file(1);
    /* the place of text 5 is taken by text 6, and its next one by text 7: as if all three had one hash */
    run_sql("CREATE TEMP TABLE t AS SELECT hash AS h FROM vector WHERE text = CAST('text 5' AS BLOB);"
            "DELETE FROM vector WHERE text = CAST('text 5' AS BLOB);"
            "UPDATE vector SET hash = (SELECT h FROM t) WHERE text = CAST('text 6' AS BLOB);"
            "UPDATE vector SET hash = (SELECT h FROM t) + 1 WHERE text = CAST('text 7' AS BLOB)");
    struct heddle_cache_session *session = NULL;
    struct heddle_cache *cache = open_cache(&KEY, 0, &session);
    assert_int_equal(found(session, 0), BATCH - 3);
    assert_int_equal(keep_numbers(session, 0), 0);
    assert_int_equal(found(session, 0), BATCH);
    close_cache(cache, session);
}

/* ---- many at once ---- */

static int64_t ask_sql(const char *sql)
{
    sqlite3 *raw = NULL;
    sqlite3_stmt *statement = NULL;
    assert_int_equal(sqlite3_open(file, &raw), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(raw, sql, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    const int64_t answer = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(raw);
    return answer;
}

enum { WRITERS = 4, WRITER_BATCHES = 8 };

static void write_shared(struct heddle_cache *cache, uint64_t writer)
{
    struct heddle_cache_session *session = NULL;
    size_t failures = heddle_cache_session_create(cache, &session, NULL) != HEDDLE_OK;
    for (uint64_t i = 0; failures == 0 && i < WRITER_BATCHES; i++) {
        failures = keep_numbers(session, (i + writer) * (BATCH / 2)); /* half of it is the neighbour's too */
        size_t unread = 0;
        failures += BATCH - found_numbers(session, (i + writer) * (BATCH / 2), &unread) + unread;
    }
    heddle_cache_session_destroy(session);
    if (failures != 0) {
        abort();
    }
}

static void processes_that_make_and_write_one_file_at_once_lose_nothing_and_keep_nothing_twice(void **state)
{
    (void)state;
    pid_t writers[WRITERS];
    for (uint64_t i = 0; i < WRITERS; i++) {
        writers[i] = fork();
        if (writers[i] == 0) {
            struct heddle_cache *cache = NULL;
            if (heddle_cache_open(file, &KEY, 0, &cache, NULL) != HEDDLE_OK) {
                abort();
            }
            write_shared(cache, i);
            heddle_cache_close(cache);
            _exit(0);
        }
    }
    for (size_t i = 0; i < WRITERS; i++) {
        int status = 0;
        assert_int_equal(waitpid(writers[i], &status, 0), writers[i]);
        assert_int_equal(status, 0);
    }
    assert_int_equal(ask_sql("SELECT count(*) FROM vector"), (WRITER_BATCHES + WRITERS) * BATCH / 2);
    assert_int_equal(ask_sql("SELECT count(DISTINCT text) FROM vector"),
                     (WRITER_BATCHES + WRITERS) * BATCH / 2);
    assert_int_equal(ask_sql("SELECT count(*) FROM space"), 1);
}

struct lane {
    pthread_t thread;
    struct heddle_cache *cache;
    uint64_t number;
};

static void *write_in_thread(void *context)
{
    const struct lane *lane = context;
    write_shared(lane->cache, lane->number);
    return NULL;
}

static void threads_share_a_cache(void **state)
{
    (void)state;
    struct heddle_cache_session *session = NULL;
    struct heddle_cache *cache = open_cache(&KEY, 0, &session);
    struct lane lanes[WRITERS];
    for (uint64_t i = 0; i < WRITERS; i++) {
        lanes[i] = (struct lane){.cache = cache, .number = i};
        assert_int_equal(pthread_create(&lanes[i].thread, NULL, write_in_thread, &lanes[i]), 0);
    }
    for (size_t i = 0; i < WRITERS; i++) {
        pthread_join(lanes[i].thread, NULL);
    }
    for (uint64_t i = 0; i < (WRITER_BATCHES + WRITERS) / 2; i++) {
        assert_int_equal(found(session, i * BATCH), BATCH);
    }
    close_cache(cache, session);
}

static void a_process_that_is_killed_leaves_whole_batches_and_no_lock(void **state)
{
    (void)state;
    enum { KILLS = 12, BATCHES_MAX = 4000 };
    uint64_t random = 3;
    uint64_t written = 0;
    for (size_t kill_number = 0; kill_number < KILLS; kill_number++) {
        int progress[2];
        assert_int_equal(pipe(progress), 0);
        const pid_t writer = fork();
        if (writer == 0) {
            struct heddle_cache_session *session = NULL;
            struct heddle_cache *cache = open_cache(&KEY, 0, &session);
            for (uint64_t i = written; i < BATCHES_MAX; i++) {
                (void)keep_numbers(session, i * BATCH);
                (void)!write(progress[1], "", 1);
            }
            close_cache(cache, session);
            _exit(0);
        }
        close(progress[1]);
        char byte = 0;
        for (uint64_t batches = heddle_random_below(&random, 5) + 1; batches > 0; batches--) {
            assert_int_equal(read(progress[0], &byte, 1), 1);
        }
        close(progress[0]);
        heddle_clock_sleep_ms(
            (uint32_t)heddle_random_below(&random, 4)); /* into the middle of the next one */
        assert_int_equal(kill(writer, SIGKILL), 0);
        assert_int_equal(waitpid(writer, NULL, 0), writer);
        struct heddle_cache_session *session = NULL;
        struct heddle_cache *cache = open_cache(&KEY, 0, &session);
        for (size_t known = BATCH; known == BATCH && written < BATCHES_MAX; written += known == BATCH) {
            known = found(session, written * BATCH);
            assert_true(known == 0 || known == BATCH);
        }
        assert_int_equal(keep_numbers(session, written * BATCH), 0); /* no lock is left */
        written++;
        close_cache(cache, session);
    }
    assert_true(written >= 2 * KILLS);
    assert_int_equal(ask_sql("SELECT count(*) FROM vector"), (int64_t)written * BATCH);
}

static void a_writer_that_stands_still_costs_the_others_no_failure(void **state)
{
    (void)state;
    struct heddle_cache_session *session = NULL;
    struct heddle_cache *cache = open_cache(&KEY, 0, &session);
    assert_int_equal(keep_numbers(session, 0), 0);
    sqlite3 *raw = NULL;
    assert_int_equal(sqlite3_open(file, &raw), SQLITE_OK);
    assert_int_equal(sqlite3_exec(raw, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(keep_numbers(session, BATCH), BATCH);
    assert_non_null(strstr(heddle_cache_problem(cache), "another process"));
    assert_int_equal(keep_numbers(session, BATCH), BATCH); /* at once: see the pause */
    assert_int_equal(found(session, 0), BATCH);
    sqlite3_close(raw);
    close_cache(cache, session);
}

/* ---- limits ---- */

static void a_full_file_keeps_what_it_has_and_grows_no_further(void **state)
{
    (void)state;
    enum { LIMIT = 1 << 20 };
    struct heddle_cache_session *session = NULL;
    struct heddle_cache *cache = open_cache(&KEY, LIMIT, &session);
    uint64_t kept = 0;
    while (kept < 100 && keep_numbers(session, kept * BATCH) == 0) {
        kept++;
    }
    assert_true(kept > 3 && kept < 20);
    assert_int_equal(keep_numbers(session, kept * BATCH), BATCH);
    assert_non_null(strstr(heddle_cache_problem(cache), "limit"));
    for (uint64_t i = 0; i < kept; i++) {
        assert_int_equal(found(session, i * BATCH), BATCH);
    }
    assert_int_equal(found(session, kept * BATCH), 0);
    close_cache(cache, session);
    struct stat about;
    assert_int_equal(stat(file, &about), 0);
    assert_true(about.st_size <= LIMIT);
    /* a larger limit lets it grow again */
    cache = open_cache(&KEY, 0, &session);
    assert_int_equal(keep_numbers(session, kept * BATCH), 0);
    assert_int_equal(found(session, 0), BATCH);
    close_cache(cache, session);
}

/* Runs a check in a process of its own, which may lose rights. */
static void in_a_process(void (*check)(void))
{
    const pid_t child = fork();
    if (child == 0) {
        check();
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void demand(bool claim, int line)
{
    if (!claim) {
        fprintf(stderr, "test_cache.c:%d: not so\n", line);
        _exit(1);
    }
}

static void disk_fills_up(void)
{
    struct heddle_cache_session *session = NULL;
    struct heddle_cache *cache = NULL;
    demand(heddle_cache_open(file, &KEY, 0, &cache, NULL) == HEDDLE_OK, __LINE__);
    demand(heddle_cache_session_create(cache, &session, NULL) == HEDDLE_OK, __LINE__);
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &(struct rlimit){1 << 20, 1 << 20});
    size_t failures = 0;
    for (uint64_t i = 0; i < 30; i++) {
        failures += keep_numbers(session, i * BATCH);
    }
    demand(failures >= BATCH && failures < 30 * BATCH, __LINE__);
    demand(heddle_cache_problem(cache)[0] != '\0', __LINE__);
    size_t unread = 0;
    demand(found_numbers(session, 0, &unread) == BATCH, __LINE__);
    close_cache(cache, session);
}

static void no_room_at_all(void)
{
    struct heddle_cache_session *session = NULL;
    struct heddle_cache *cache = NULL;
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &(struct rlimit){0, 0});
    demand(heddle_cache_open(file, &KEY, 0, &cache, NULL) == HEDDLE_OK, __LINE__);
    demand(heddle_cache_session_create(cache, &session, NULL) == HEDDLE_OK, __LINE__);
    size_t unread = 0;
    demand(found_numbers(session, 0, &unread) == 0 && unread == BATCH, __LINE__);
    demand(keep_numbers(session, 0) == BATCH, __LINE__);
    demand(heddle_cache_problem(cache)[0] != '\0', __LINE__);
    close_cache(cache, session);
}

static void on_a_full_disk_embedding_goes_on(void **state)
{
    (void)state;
    in_a_process(disk_fills_up);
    make_file(1); /* and the file is whole */
    char name[4300];
    remove_file(directory, "cache");
    snprintf(name, sizeof name, "%s/none", directory);
    in_a_process(no_room_at_all);
}

static void read_only(void)
{
    if (geteuid() == 0) { /* who may do everything */
        demand(setgid(65534) == 0 && setuid(65534) == 0, __LINE__);
    }
    struct heddle_cache_session *session = NULL;
    struct heddle_cache *cache = NULL;
    demand(heddle_cache_open(file, &KEY, 0, &cache, NULL) == HEDDLE_OK, __LINE__);
    demand(heddle_cache_session_create(cache, &session, NULL) == HEDDLE_OK, __LINE__);
    size_t unread = 0;
    demand(found_numbers(session, 0, &unread) == BATCH && unread == 0, __LINE__);
    demand(keep_numbers(session, BATCH) == BATCH, __LINE__);
    demand(strstr(heddle_cache_problem(cache), "only be read") != NULL, __LINE__);
    close_cache(cache, session);
}

static void a_file_that_can_only_be_read_is_read(void **state)
{
    (void)state;
    make_file(1);
    assert_int_equal(chmod(file, 0444), 0);
    assert_int_equal(chmod(directory, 0555), 0);
    in_a_process(read_only);
    assert_int_equal(chmod(directory, 0700), 0);
}

static void a_new_file_is_for_its_owner_only(void **state)
{
    (void)state;
    make_file(1);
    struct stat about;
    assert_int_equal(stat(file, &about), 0);
    assert_int_equal(about.st_mode & 0777, 0600);
}

/* ---- damage ---- */

static uint8_t *read_whole(size_t *length_out)
{
    FILE *stream = fopen(file, "rb");
    assert_non_null(stream);
    assert_int_equal(fseek(stream, 0, SEEK_END), 0);
    *length_out = (size_t)ftell(stream);
    rewind(stream);
    uint8_t *bytes = malloc(*length_out + 1);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, *length_out, stream), *length_out);
    fclose(stream);
    return bytes;
}

static void remove_journal(void)
{
    remove_file(directory, "cache-wal");
    remove_file(directory, "cache-shm");
    remove_file(directory, "cache-journal");
}

/* Opens and reads: an error that names the file, or vectors that are right, or none. True if it opened. */
static bool survives(void)
{
    struct heddle_cache *cache = NULL;
    struct heddle_error error = {0};
    const int status = heddle_cache_open(file, &KEY, 0, &cache, &error);
    if (status != HEDDLE_OK) {
        assert_int_equal(status, HEDDLE_IO);
        assert_non_null(strstr(error.message, file));
        return false;
    }
    struct heddle_cache_session *session = NULL;
    if (heddle_cache_session_create(cache, &session, NULL) == HEDDLE_OK) {
        size_t failures = 0;
        (void)found_numbers(session, 0, &failures);
        assert_true(failures == 0 || heddle_cache_problem(cache)[0] != '\0');
        (void)keep_numbers(session, BATCH);
        (void)found_numbers(session, BATCH, &failures);
    }
    close_cache(cache, session);
    return true;
}

static void damage_is_an_error_or_a_miss_never_a_crash_or_a_wrong_vector(void **state)
{
    (void)state;
    enum { CUTS = 24, FLIPS = 120 };
    size_t length = 0;
    uint64_t random = 9;
    size_t opened = 0;
    make_file(1);
    uint8_t *whole = read_whole(&length);
    uint8_t *damaged = malloc(length);
    assert_non_null(damaged);
    for (size_t i = 1; i < CUTS; i++) {
        remove_journal();
        write_bytes(directory, "cache", whole, i * length / CUTS);
        (void)survives();
    }
    for (size_t i = 0; i < FLIPS; i++) {
        memcpy(damaged, whole, length);
        /* one bit anywhere; eight bytes anywhere; a page of noise; the first page, where the structure is */
        const size_t bytes = i % 4 == 0 ? 1 : i % 4 == 1 ? 8 : i % 4 == 2 ? 4096 : 2;
        const size_t at = heddle_random_below(&random, (i % 4 == 3 ? 4096 : length) - bytes);
        for (size_t k = 0; k < bytes; k++) {
            damaged[at + k] ^= (uint8_t)(bytes == 1 ? 1u << (i / 4 % 8) : heddle_random_next(&random));
        }
        remove_journal();
        write_bytes(directory, "cache", damaged, length);
        opened += survives();
    }
    assert_true(opened > FLIPS / 4);
    remove_journal();
    write_bytes(directory, "cache", whole, length);
    assert_true(survives());
    free(damaged);
    free(whole);
}

static void a_vector_that_was_changed_in_the_file_is_not_used(void **state)
{
    (void)state;
    make_file(1);
    run_sql("UPDATE vector SET vector = zeroblob(384) WHERE text = CAST('text 9' AS BLOB)");
    struct heddle_cache_session *session = NULL;
    struct heddle_cache *cache = open_cache(&KEY, 0, &session);
    size_t failures = 0;
    const size_t count = found_numbers(session, 0, &failures);
    assert_int_equal(count, 9); /* those before it */
    assert_int_equal(failures, BATCH - 9);
    assert_non_null(strstr(heddle_cache_problem(cache), "damaged"));
    close_cache(cache, session);
}

static void files_of_others_are_refused_and_left_as_they_are(void **state)
{
    (void)state;
    write_text(directory, "cache",
               "this is a letter to a friend, and it is longer than the header of a file, "
               "so that nobody can say it was too short to be one of ours: it is not.");
    refused(HEDDLE_IO, "is not an embedding cache");
    assert_int_equal(remove(file), 0);
    run_sql("CREATE TABLE friends(name TEXT); INSERT INTO friends VALUES('Ada')");
    size_t before_length = 0;
    size_t after_length = 0;
    uint8_t *before = read_whole(&before_length);
    refused(HEDDLE_IO, "name another file, or remove it");
    uint8_t *after = read_whole(&after_length);
    assert_int_equal(before_length, after_length);
    assert_memory_equal(before, after, before_length);
    free(before);
    free(after);
    assert_int_equal(remove(file), 0);
    make_file(1);
    run_sql("CREATE TRIGGER strange AFTER INSERT ON vector BEGIN DELETE FROM vector; END");
    refused(HEDDLE_IO, "is not an embedding cache");
    assert_int_equal(remove(file), 0);
    make_file(1);
    run_sql("PRAGMA application_id=1751411714"); /* of a later version */
    refused(HEDDLE_IO, "is not an embedding cache");
}

static void names_that_cannot_be_files_are_refused(void **state)
{
    (void)state;
    struct heddle_cache *cache = NULL;
    assert_int_equal(heddle_cache_open("", &KEY, 0, &cache, NULL), HEDDLE_INVALID);
    struct heddle_error error = {0};
    assert_int_equal(heddle_cache_open(directory, &KEY, 0, &cache, &error), HEDDLE_IO);
    assert_non_null(strstr(error.message, directory));
    assert_int_equal(heddle_cache_open("/nowhere/at/all", &KEY, 0, &cache, &error), HEDDLE_IO);
    assert_non_null(strstr(error.message, "/nowhere/at/all"));
    assert_null(cache);
}

static void opening_survives_every_allocation_that_fails(void **state)
{
    (void)state;
    int status = HEDDLE_OUT_OF_MEMORY;
    int64_t failing = 0;
    for (; status != HEDDLE_OK && failing < 100; failing++) {
        struct heddle_cache *cache = NULL;
        struct heddle_cache_session *session = NULL;
        heddle_memory_fail_at(failing);
        status = heddle_cache_open(file, &KEY, 0, &cache, NULL);
        if (status == HEDDLE_OK) {
            status = heddle_cache_session_create(cache, &session, NULL);
        }
        heddle_memory_fail_at(-1);
        assert_true(status == HEDDLE_OK || status == HEDDLE_OUT_OF_MEMORY);
        close_cache(cache, session);
    }
    assert_int_equal(status, HEDDLE_OK);
    assert_true(failing > 4);
}

static int start(void **state)
{
    (void)state;
    directory = make_directory();
    snprintf(file, sizeof file, "%s/cache", directory);
    return 0;
}

static int end(void **state)
{
    (void)state;
    remove_journal();
    remove_file(directory, "cache");
    assert_int_equal(rmdir(directory), 0);
    free(directory);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_was_kept_comes_back_bit_for_bit_also_after_opening_again),
        TEST(the_empty_text_is_a_text_and_one_that_is_too_long_is_left_to_the_model),
        TEST(vectors_of_another_model_provider_precision_prompt_or_width_are_never_found),
        TEST(texts_of_one_hash_are_told_apart),
        TEST(processes_that_make_and_write_one_file_at_once_lose_nothing_and_keep_nothing_twice),
        TEST(threads_share_a_cache),
        TEST(a_process_that_is_killed_leaves_whole_batches_and_no_lock),
        TEST(a_writer_that_stands_still_costs_the_others_no_failure),
        TEST(a_full_file_keeps_what_it_has_and_grows_no_further),
        TEST(on_a_full_disk_embedding_goes_on),
        TEST(a_file_that_can_only_be_read_is_read),
        TEST(a_new_file_is_for_its_owner_only),
        TEST(damage_is_an_error_or_a_miss_never_a_crash_or_a_wrong_vector),
        TEST(a_vector_that_was_changed_in_the_file_is_not_used),
        TEST(files_of_others_are_refused_and_left_as_they_are),
        TEST(names_that_cannot_be_files_are_refused),
        TEST(opening_survives_every_allocation_that_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
