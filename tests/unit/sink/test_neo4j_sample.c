/* test_neo4j_sample.c: the reservoir holds what it was given, evenly, and lives without the batches. */
#include "rows_fixture.h"

#include "sink/neo4j/sample.h"

static struct heddle_target_rows *ready_of(struct heddle_rows **owner, struct fixture_job *job, size_t target,
                                           const struct removal *rows, size_t count)
{
    static struct fixture_rejects rejects;
    const struct heddle_reject_sink sink = {fixture_reject, &rejects};
    struct heddle_target_rows *ready = NULL;
    struct heddle_batch *batch = fixture_batch(rows, count, 0, 0);
    pthread_mutex_init(&rejects.lock, NULL);
    fixture_job_init(job);
    assert_int_equal(heddle_rows_create(batch, owner, NULL), HEDDLE_OK);
    heddle_batch_release(batch);
    assert_int_equal(heddle_rows_convert(*owner, &job->targets[target], target, &sink, &ready, NULL),
                     HEDDLE_OK);
    return ready;
}

/* The bytes of the samples as a message. */
static struct heddle_buffer packed(const struct heddle_samples *samples, size_t limit, bool with_vector)
{
    struct heddle_buffer buffer = {0};
    struct heddle_pack pack;
    heddle_pack_init(&pack, &buffer, (struct heddle_pack_dialect){0});
    heddle_pack_message_begin(&pack, 0x10, 1);
    heddle_samples_pack(&pack, samples, limit, with_vector);
    heddle_pack_message_end(&pack);
    return buffer;
}

static void samples_outlive_their_batch(void **state)
{
    (void)state;
    const struct removal rows[] = {{7, "a", "N7", "C1", 5, true}, {9, "b", "N9", "C1", 5, false}};
    static const uint8_t wanted[] = {0,   15,   0xB1, 0x10, 0x92, 0x92, 7, 0x82, 'N',
                                     '7', 0x92, 9,    0x82, 'N',  '9',  0, 0};
    struct fixture_job job;
    struct heddle_rows *owner = NULL;
    struct heddle_samples *samples = NULL;
    assert_int_equal(heddle_samples_create(1, &samples, NULL), HEDDLE_OK);
    struct heddle_target_rows *ready = ready_of(&owner, &job, TARGET_REMOVED_FROM, rows, 2);
    heddle_samples_offer(samples, ready, 0);
    heddle_samples_offer(samples, ready, 1);
    heddle_rows_release(owner);
    struct heddle_buffer buffer = packed(samples, 64, false);
    assert_int_equal(buffer.length, sizeof wanted);
    assert_memory_equal(buffer.bytes + 2, wanted + 2, sizeof wanted - 2);
    heddle_buffer_free(&buffer);
    heddle_samples_destroy(samples);
}

static void only_rows_with_a_vector_are_given_out_where_asked(void **state)
{
    (void)state;
    const struct removal rows[] = {{7, "a", "N7", "C1", 5, true}, {9, "b", "N9", "C1", 5, false}};
    static const uint8_t wanted[] = {0xB1, 0x10, 0x91, 0x91, 7};
    struct fixture_job job;
    struct heddle_rows *owner = NULL;
    struct heddle_samples *samples = NULL;
    assert_int_equal(heddle_samples_create(1, &samples, NULL), HEDDLE_OK);
    struct heddle_target_rows *ready = ready_of(&owner, &job, TARGET_REMOVAL, rows, 2);
    heddle_samples_offer(samples, ready, 1);
    heddle_samples_offer(samples, ready, 0);
    assert_int_equal(heddle_samples_count(samples), 2);
    assert_int_equal(heddle_samples_vectors(samples), 1);
    struct heddle_buffer buffer = packed(samples, 64, true);
    assert_memory_equal(buffer.bytes + 2, wanted, sizeof wanted);
    heddle_buffer_free(&buffer);
    heddle_rows_release(owner);
    heddle_samples_destroy(samples);
}

static void late_rows_are_as_likely_as_early_ones(void **state)
{
    (void)state;
    enum { ROWS = 1000, ROUNDS = 300 };
    static struct removal rows[ROWS];
    size_t late = 0;
    struct fixture_job job;
    struct heddle_rows *owner = NULL;
    for (int i = 0; i < ROWS; i++) {
        rows[i] = (struct removal){i < ROWS / 2 ? 1 : 2, "a", "N", "C", 1, false};
    }
    struct heddle_target_rows *ready = ready_of(&owner, &job, TARGET_REMOVAL, rows, ROWS);
    for (uint64_t round = 0; round < ROUNDS; round++) {
        struct heddle_samples *samples = NULL;
        assert_int_equal(heddle_samples_create(round, &samples, NULL), HEDDLE_OK);
        for (size_t i = 0; i < ROWS; i++) {
            heddle_samples_offer(samples, ready, i);
        }
        assert_int_equal(heddle_samples_count(samples), HEDDLE_SAMPLES_MAX);
        struct heddle_buffer buffer = packed(samples, HEDDLE_SAMPLES_MAX, false);
        for (size_t i = 0; i + 1 < buffer.length; i++) {
            late += buffer.bytes[i] == 0x91 && buffer.bytes[i + 1] == 2 ? 1 : 0;
        }
        heddle_buffer_free(&buffer);
        heddle_samples_destroy(samples);
    }
    /* 19,200 draws: 9,600 expected, standard deviation 69; six of them are never reached by chance. */
    assert_in_range(late, 9600 - 414, 9600 + 414);
    heddle_rows_release(owner);
}

static void a_key_that_cannot_be_kept_leaves_the_others_whole(void **state)
{
    (void)state;
    enum { ROWS = 200 };
    static struct removal rows[ROWS];
    static const uint32_t offsets[ROWS + 1];
    struct fixture_job job;
    struct heddle_rows *owner = NULL;
    struct heddle_samples *samples = NULL;
    for (int i = 0; i < ROWS; i++) {
        rows[i] = (struct removal){i, "a", "N", "C", 1, false};
    }
    struct heddle_target_rows *ready = ready_of(&owner, &job, TARGET_REMOVAL, rows, ROWS);
    const struct heddle_column items = {.type = HEDDLE_TYPE_INTEGER};
    const struct heddle_column list = {
        .type = HEDDLE_TYPE_LIST, .length = ROWS, .offsets = offsets, .items = &items};
    struct heddle_target_rows other = *ready;
    other.keys = &list;
    assert_int_equal(heddle_samples_create(3, &samples, NULL), HEDDLE_OK);
    for (size_t i = 0; i < ROWS; i++) {
        heddle_samples_offer(samples, ready, i);
    }
    for (size_t i = 0; i < ROWS; i++) {
        heddle_samples_offer(samples, &other, i);
    }
    assert_true(heddle_samples_count(samples) < HEDDLE_SAMPLES_MAX);
    assert_true(heddle_samples_count(samples) > 0);
    struct heddle_buffer buffer = packed(samples, HEDDLE_SAMPLES_MAX, false);
    assert_int_equal(heddle_buffer_check(&buffer, NULL), HEDDLE_OK);
    heddle_buffer_free(&buffer);
    heddle_samples_destroy(samples);
    heddle_rows_release(owner);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(samples_outlive_their_batch),
        cmocka_unit_test(only_rows_with_a_vector_are_given_out_where_asked),
        cmocka_unit_test(late_rows_are_as_likely_as_early_ones),
        cmocka_unit_test(a_key_that_cannot_be_kept_leaves_the_others_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
