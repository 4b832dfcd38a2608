/* test_kept_vectors.c: a vector that was computed before a kill is found again, bit for bit and only for its own text; what is kept
 * is bounded, and goes with its commit. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <dirent.h>

#include <cmocka.h>

#include "base/hash.h"
#include "base/memory.h"
#include "run/kept/kept_vectors.h"

enum { WIDTH = 8, BATCH = 32 };

static char folder[64];
static const struct heddle_kept_column COLUMN = {.slot = 3, .width = WIDTH};

static int make_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "%s/heddle-kept-XXXXXX", P_tmpdir);
    return mkdtemp(folder) == NULL ? -1 : 0;
}

static int remove_folder(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command) == 0 ? 0 : -1;
}

static struct heddle_kept_vectors *open_as(uint64_t batch, const char *identity, bool keep,
                                           uint64_t bytes_max)
{
    char path[128];
    snprintf(path, sizeof path, "%s/vectors", folder);
    const struct heddle_kept_vectors_options options = {path, batch, identity, keep, bytes_max, false};
    struct heddle_kept_vectors *kept = NULL;
    assert_int_equal(heddle_kept_vectors_open(&options, &kept, NULL), HEDDLE_OK);
    return kept;
}

static struct heddle_kept_vectors *open_batch(uint64_t batch)
{
    return open_as(batch, "MiniLM fp32 8", true, 0);
}

static uint64_t hash_of(uint64_t position)
{
    return heddle_hash_mix(position + 1);
}

static float value_of(uint64_t position, size_t i)
{
    return (float)position + (float)i / 16;
}

/* Keeps `count` rows from `first` on, every `step`-th. */
static void keep_rows(struct heddle_kept_vectors *kept, uint64_t first, size_t count, uint64_t step)
{
    uint64_t positions[BATCH];
    uint64_t hashes[BATCH];
    float vectors[BATCH * WIDTH];
    assert_true(count <= BATCH);
    for (size_t i = 0; i < count; i++) {
        positions[i] = first + i * step;
        hashes[i] = hash_of(positions[i]);
        for (size_t j = 0; j < WIDTH; j++) {
            vectors[i * WIDTH + j] = value_of(positions[i], j);
        }
    }
    heddle_kept_vectors_start(kept, &COLUMN, positions, count);
    heddle_kept_vectors_keep(kept, &COLUMN, positions, hashes, vectors, count);
}

/* Finds the vectors of `rows` rows; every vector found must be the right one. */
static size_t find_rows(struct heddle_kept_vectors *kept, uint64_t first, size_t rows, uint8_t *found)
{
    uint64_t hashes[4 * BATCH];
    float vectors[4 * BATCH * WIDTH];
    assert_true(rows <= 4 * BATCH);
    memset(found, 0, rows);
    for (size_t i = 0; i < rows; i++) {
        hashes[i] = hash_of(first + i);
    }
    const size_t count = heddle_kept_vectors_find(kept, &COLUMN, first, rows, hashes, vectors, found);
    size_t seen = 0;
    for (size_t i = 0; i < rows; i++) {
        for (size_t j = 0; found[i] != 0 && j < WIDTH; j++) {
            assert_true(vectors[i * WIDTH + j] == value_of(first + i, j));
        }
        seen += found[i];
    }
    assert_int_equal(seen, count);
    return count;
}

static size_t count_files(uint64_t *bytes_out)
{
    char path[128];
    snprintf(path, sizeof path, "%s/vectors", folder);
    size_t count = 0;
    *bytes_out = 0;
    DIR *directory = opendir(path);
    for (struct dirent *entry = directory == NULL ? NULL : readdir(directory); entry != NULL;
         entry = readdir(directory)) {
        struct stat state;
        if (entry->d_name[0] != '.' && fstatat(dirfd(directory), entry->d_name, &state, 0) == 0) {
            count++;
            *bytes_out += (uint64_t)state.st_size;
        }
    }
    if (directory != NULL) {
        closedir(directory);
    }
    return count;
}

static void the_next_run_finds_every_vector_in_any_batches(void **state)
{
    (void)state;
    struct heddle_kept_vectors *kept = open_batch(5);
    for (uint64_t first = 0; first < 320; first += BATCH) {
        keep_rows(kept, first, BATCH, 1);
    }
    keep_rows(kept, 400, 20, 3);
    uint8_t found[4 * BATCH];
    assert_int_equal(find_rows(kept, 0, BATCH, found), 0); /* a run does not read what it wrote itself */
    heddle_kept_vectors_close(kept);

    kept = open_batch(5);
    assert_int_equal(find_rows(kept, 0, BATCH, found), BATCH);
    assert_int_equal(find_rows(kept, 17, 4 * BATCH, found), 4 * BATCH); /* borders elsewhere */
    assert_int_equal(find_rows(kept, 319, 10, found), 1);
    assert_int_equal(find_rows(kept, 398, 80, found), 20);
    for (size_t i = 0; i < 80; i++) {
        assert_int_equal(found[i], i >= 2 && i < 62 && (i - 2) % 3 == 0);
    }
    struct heddle_kept_vectors_statistics statistics;
    heddle_kept_vectors_statistics(kept, &statistics);
    assert_int_equal(statistics.found, BATCH + 4 * BATCH + 1 + 20);
    assert_int_equal(statistics.again, 0);
    assert_string_equal(statistics.problem, "");
    heddle_kept_vectors_close(kept);
}

static void a_vector_is_used_for_its_own_text_and_slot_only(void **state)
{
    (void)state;
    struct heddle_kept_vectors *kept = open_batch(0);
    keep_rows(kept, 0, BATCH, 1);
    heddle_kept_vectors_close(kept);
    kept = open_batch(0);
    uint64_t hashes[2] = {hash_of(0) + 1, 0}; /* another text, and a row without one */
    float vectors[2 * WIDTH] = {0};
    uint8_t found[2] = {0};
    assert_int_equal(heddle_kept_vectors_find(kept, &COLUMN, 0, 2, hashes, vectors, found), 0);
    hashes[0] = hash_of(0);
    const struct heddle_kept_column other = {.slot = 4, .width = WIDTH};
    assert_int_equal(heddle_kept_vectors_find(kept, &other, 0, 2, hashes, vectors, found), 0);
    const struct heddle_kept_column wider = {.slot = COLUMN.slot, .width = WIDTH / 2};
    assert_int_equal(heddle_kept_vectors_find(kept, &wider, 0, 2, hashes, vectors, found), 0);
    assert_int_equal(heddle_kept_vectors_find(kept, &COLUMN, 0, 2, hashes, vectors, found), 1);
    heddle_kept_vectors_close(kept);
    kept = open_as(0, "MiniLM bf16 8", true, 0); /* another precision: never mixed */
    assert_int_equal(find_rows(kept, 0, BATCH, (uint8_t[BATCH]){0}), 0);
    uint64_t bytes;
    assert_int_equal(count_files(&bytes), 0);
    heddle_kept_vectors_close(kept);
}

static void what_was_taken_up_and_lost_is_counted_as_embedded_again(void **state)
{
    (void)state;
    for (int keep = 0; keep < 2; keep++) {
        struct heddle_kept_vectors *kept = open_as((uint64_t)keep, "id", keep != 0, 0);
        keep_rows(kept, 0, 20, 1);
        const uint64_t under_way[] = {20, 21, 25};
        heddle_kept_vectors_start(kept, &COLUMN, under_way, 3);
        heddle_kept_vectors_close(kept);
        kept = open_as((uint64_t)keep, "id", keep != 0, 0);
        uint8_t found[BATCH];
        assert_int_equal(find_rows(kept, 0, BATCH, found), keep != 0 ? 20 : 0);
        uint64_t rest[BATCH];
        size_t count = 0;
        for (uint64_t i = 0; i < BATCH; i++) {
            if (found[i] == 0) {
                rest[count++] = i;
            }
        }
        heddle_kept_vectors_start(kept, &COLUMN, rest, count);
        struct heddle_kept_vectors_statistics statistics;
        heddle_kept_vectors_statistics(kept, &statistics);
        assert_int_equal(statistics.again, keep != 0 ? 3 : 23);
        heddle_kept_vectors_close(kept);
    }
}

static void what_was_embedded_again_is_counted_over_runs_and_micro_batches(void **state)
{
    (void)state;
    struct heddle_kept_vectors_statistics statistics;
    for (uint64_t batch = 0; batch < 3; batch++) {
        for (uint64_t run = 0; run < 4;
             run++) { /* each takes up the same five texts, and is killed but for the last */
            struct heddle_kept_vectors *kept = open_as(batch, "id", false, 0);
            keep_rows(kept, 0, 5, 1);
            heddle_kept_vectors_statistics(kept, &statistics);
            assert_int_equal(statistics.again, batch * 15 + run * 5);
            if (run == 3) {
                heddle_kept_vectors_finish(kept);
            }
            heddle_kept_vectors_close(kept);
        }
    }
}

static struct heddle_kept_vectors *open_ahead(uint64_t batch)
{
    char path[128];
    snprintf(path, sizeof path, "%s/vectors", folder);
    const struct heddle_kept_vectors_options options = {path, batch, "MiniLM fp32 8", true, 0, true};
    struct heddle_kept_vectors *kept = NULL;
    assert_int_equal(heddle_kept_vectors_open(&options, &kept, NULL), HEDDLE_OK);
    return kept;
}

/* A run embeds micro-batch 6 ahead while 5 waits for its commit, and is killed; the next run goes on with both. */
static void what_was_embedded_ahead_is_kept_beside_what_waits_for_its_commit(void **state)
{
    (void)state;
    uint8_t found[4 * BATCH];
    uint64_t bytes = 0;
    struct heddle_kept_vectors *five = open_batch(5);
    keep_rows(five, 0, BATCH, 1);
    struct heddle_kept_vectors *six = open_ahead(6);
    keep_rows(six, 0, 20, 1);
    heddle_kept_vectors_close(six);
    heddle_kept_vectors_close(five);

    five = open_batch(5);
    assert_int_equal(find_rows(five, 0, BATCH, found), BATCH);
    six = open_ahead(6);
    assert_int_equal(find_rows(six, 0, BATCH, found), 20);
    heddle_kept_vectors_finish(five);
    heddle_kept_vectors_close(five);
    heddle_kept_vectors_take_over(six);
    assert_int_equal(find_rows(six, 0, BATCH, found), 20); /* the commit of 5 took nothing of 6 */
    heddle_kept_vectors_finish(six);
    heddle_kept_vectors_close(six);
    assert_int_equal(count_files(&bytes), 0);
}

static void what_is_embedded_again_is_counted_through_what_runs_ahead(void **state)
{
    (void)state;
    uint64_t positions[BATCH];
    struct heddle_kept_vectors_statistics statistics;
    for (uint64_t i = 0; i < BATCH; i++) {
        positions[i] = i;
    }
    for (int run = 0; run < 2;
         run++) { /* the first one is killed: all it had taken up is taken up once more */
        struct heddle_kept_vectors *five = open_batch(5);
        heddle_kept_vectors_start(five, &COLUMN, positions, BATCH);
        struct heddle_kept_vectors *six = open_ahead(6);
        heddle_kept_vectors_start(six, &COLUMN, positions, 7);
        if (run == 1) {
            heddle_kept_vectors_finish(five);
            heddle_kept_vectors_take_over(six);
            heddle_kept_vectors_statistics(six, &statistics);
            assert_int_equal(statistics.again, BATCH + 7);
            heddle_kept_vectors_finish(six);
        }
        heddle_kept_vectors_close(six);
        heddle_kept_vectors_close(five);
    }
    struct heddle_kept_vectors *seven = open_batch(7);
    heddle_kept_vectors_statistics(seven, &statistics);
    assert_int_equal(statistics.again, BATCH + 7);
    heddle_kept_vectors_close(seven);
}

static void a_commit_removes_what_was_kept(void **state)
{
    (void)state;
    struct heddle_kept_vectors *kept = open_batch(1);
    keep_rows(kept, 0, BATCH, 1);
    heddle_kept_vectors_close(kept);
    kept = open_batch(1);
    keep_rows(kept, BATCH, BATCH, 1);
    uint64_t bytes;
    assert_int_equal(count_files(&bytes), 4);
    heddle_kept_vectors_finish(kept);
    assert_int_equal(count_files(&bytes), 0);
    heddle_kept_vectors_close(kept);
    kept = open_batch(2); /* a commit that was missed: the next micro-batch removes the files too */
    keep_rows(kept, 0, BATCH, 1);
    heddle_kept_vectors_close(kept);
    kept = open_batch(3);
    assert_int_equal(count_files(&bytes), 0);
    heddle_kept_vectors_close(kept);
}

static void the_space_is_bounded_and_the_oldest_go(void **state)
{
    (void)state;
    const uint64_t bound = 64 * 1024;
    uint64_t bytes;
    uint8_t found[BATCH];
    for (uint64_t run = 0; run < 3; run++) {
        struct heddle_kept_vectors *kept = open_as(0, "id", true, bound);
        for (uint64_t batch = 0; batch < 200; batch++) {
            keep_rows(kept, (run * 200 + batch) * BATCH, BATCH, 1);
        }
        heddle_kept_vectors_close(kept);
        (void)count_files(&bytes);
        assert_true(bytes < bound + 20 * 1024); /* the notes of what was taken up come on top */
    }
    struct heddle_kept_vectors *kept = open_as(0, "id", true, bound);
    assert_int_equal(find_rows(kept, 599 * BATCH, BATCH, found), BATCH); /* the newest are there */
    assert_int_equal(find_rows(kept, 0, BATCH, found), 0);
    heddle_kept_vectors_close(kept);
}

/* ---- damage ---- */

static void spoil(const char *name, long keep_bytes, long flip_at)
{
    char path[160];
    snprintf(path, sizeof path, "%s/vectors/%s", folder, name);
    if (keep_bytes >= 0) {
        assert_int_equal(truncate(path, keep_bytes), 0);
        return;
    }
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, flip_at, SEEK_SET), 0);
    const int byte = fgetc(file);
    assert_int_equal(fseek(file, flip_at, SEEK_SET), 0);
    assert_int_equal(fputc(byte ^ 0x10, file), byte ^ 0x10);
    fclose(file);
}

static long file_bytes(const char *name)
{
    char path[160];
    struct stat state;
    snprintf(path, sizeof path, "%s/vectors/%s", folder, name);
    assert_int_equal(stat(path, &state), 0);
    return (long)state.st_size;
}

/* Every vector that is found is checked by find_rows(): damage may cost vectors, it never makes wrong ones. */
static void a_file_cut_or_changed_at_any_byte_gives_no_wrong_vector(void **state)
{
    (void)state;
    struct heddle_kept_vectors *kept = open_batch(0);
    keep_rows(kept, 0, 3, 1);
    keep_rows(kept, 3, 3, 1);
    heddle_kept_vectors_close(kept);
    const long whole = file_bytes("0-1-1.vectors");
    char backup[300];
    char restore[400];
    snprintf(backup, sizeof backup, "cp '%s/vectors/0-1-1.vectors' '%s/whole'", folder, folder);
    snprintf(restore, sizeof restore, "%s/vectors/0-1-1.vectors", folder);
    assert_int_equal(system(backup), 0);
    char original[160];
    snprintf(original, sizeof original, "%s/whole", folder);
    FILE *file = fopen(original, "rb");
    assert_non_null(file);
    uint8_t *bytes = malloc((size_t)whole);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, (size_t)whole, file), whole);
    fclose(file);
    size_t most = 0;
    for (long at = 0; at < 2 * whole; at++) {
        file = fopen(restore, "wb");
        assert_non_null(file);
        assert_int_equal(fwrite(bytes, 1, (size_t)whole, file), whole);
        fclose(file);
        spoil("0-1-1.vectors", at < whole ? at : -1, at - whole);
        kept = open_batch(0);
        uint8_t found[6];
        const size_t count = find_rows(kept, 0, 6, found);
        assert_true(count < 6); /* the one or the other block is gone */
        most = count > most ? count : most;
        heddle_kept_vectors_close(kept);
    }
    assert_int_equal(most, 3);
    free(bytes);
}

static void a_folder_that_cannot_be_written_is_no_failure(void **state)
{
    (void)state;
    char path[128];
    snprintf(path, sizeof path, "%s/vectors", folder);
    FILE *file = fopen(path, "w"); /* a file where the folder would be */
    assert_non_null(file);
    fclose(file);
    struct heddle_kept_vectors *kept = open_batch(0);
    keep_rows(kept, 0, BATCH, 1);
    struct heddle_kept_vectors_statistics statistics;
    heddle_kept_vectors_statistics(kept, &statistics);
    assert_int_equal(statistics.kept, 0);
    assert_non_null(strstr(statistics.problem, "vectors"));
    uint8_t found[BATCH];
    assert_int_equal(find_rows(kept, 0, BATCH, found), 0);
    heddle_kept_vectors_finish(kept);
    heddle_kept_vectors_close(kept);
}

/* ---- threads and memory ---- */

struct worker {
    struct heddle_kept_vectors *kept;
    uint64_t number;
};

static void *keep_many(void *argument)
{
    const struct worker *worker = argument;
    for (uint64_t i = 0; i < 20; i++) {
        keep_rows(worker->kept, (worker->number * 20 + i) * BATCH, BATCH, 1);
        uint8_t found[BATCH];
        (void)find_rows(worker->kept, i * BATCH, BATCH, found);
    }
    return NULL;
}

static void threads_keep_and_find_at_once(void **state)
{
    (void)state;
    struct heddle_kept_vectors *kept = open_batch(0);
    keep_rows(kept, 0, BATCH, 1);
    heddle_kept_vectors_close(kept);
    kept = open_batch(0);
    pthread_t threads[4];
    struct worker workers[4];
    for (size_t i = 0; i < 4; i++) {
        workers[i] = (struct worker){kept, i};
        assert_int_equal(pthread_create(&threads[i], NULL, keep_many, &workers[i]), 0);
    }
    for (size_t i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
    }
    heddle_kept_vectors_close(kept);
    kept = open_batch(0);
    uint8_t found[BATCH];
    for (uint64_t i = 0; i < 80; i++) {
        assert_int_equal(find_rows(kept, i * BATCH, BATCH, found), BATCH);
    }
    heddle_kept_vectors_close(kept);
}

static void out_of_memory_is_told_or_costs_vectors_only(void **state)
{
    (void)state;
    char path[128];
    snprintf(path, sizeof path, "%s/vectors", folder);
    const struct heddle_kept_vectors_options options = {path, 0, "MiniLM fp32 8", true, 0, false};
    size_t told = 0;
    for (int64_t n = 0;; n++) {
        assert_int_equal(remove_folder(NULL), 0);
        struct heddle_kept_vectors *kept = open_batch(0);
        keep_rows(kept, 0, BATCH, 1);
        heddle_kept_vectors_close(kept);
        kept = NULL;
        uint8_t found[BATCH];
        size_t count = 0;
        heddle_memory_fail_at(n);
        const int status = heddle_kept_vectors_open(&options, &kept, NULL);
        if (status == HEDDLE_OK) {
            count = find_rows(kept, 0, BATCH, found);
            keep_rows(kept, 500, BATCH, 1);
        }
        heddle_memory_fail_at(-1);
        heddle_kept_vectors_close(kept);
        assert_true(status == HEDDLE_OK || status == HEDDLE_OUT_OF_MEMORY);
        told += status != HEDDLE_OK;
        kept = open_batch(0); /* the next run finds both, or the first alone */
        assert_int_equal(find_rows(kept, 0, BATCH, found), BATCH);
        const size_t more = find_rows(kept, 500, BATCH, found);
        heddle_kept_vectors_close(kept);
        if (count == BATCH && more == BATCH) {
            assert_true(told >= 3); /* what cannot be read for want of memory is passed over */
            return;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_next_run_finds_every_vector_in_any_batches, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(a_vector_is_used_for_its_own_text_and_slot_only, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(what_was_taken_up_and_lost_is_counted_as_embedded_again, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(what_was_embedded_again_is_counted_over_runs_and_micro_batches,
                                        make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(what_was_embedded_ahead_is_kept_beside_what_waits_for_its_commit,
                                        make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(what_is_embedded_again_is_counted_through_what_runs_ahead,
                                        make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(a_commit_removes_what_was_kept, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(the_space_is_bounded_and_the_oldest_go, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(a_file_cut_or_changed_at_any_byte_gives_no_wrong_vector, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(a_folder_that_cannot_be_written_is_no_failure, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(threads_keep_and_find_at_once, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(out_of_memory_is_told_or_costs_vectors_only, make_folder,
                                        remove_folder),
    };
    return cmocka_run_group_tests_name("kept vectors", tests, NULL, NULL);
}
