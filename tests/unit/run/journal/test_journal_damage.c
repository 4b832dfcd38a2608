/* test_journal_damage.c: a journal that was cut at any byte, or changed at any byte, is either read for exactly what was
 * acknowledged or refused with the place: it never tells less, or something else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/hash.h"
#include "memory_store.h"
#include "run/journal/journal.h"
#include "run/journal/segment.h"

static const char LOAD[] = "load-1";
static const uint64_t EPOCH_1 = UINT64_C(1) << HEDDLE_TOKEN_COUNTER_BITS;
static const uint64_t FIRST_ROW = 5; /* of every transaction */

enum { SENDS = 12, MOST_SEGMENTS = 64, ROWS_A_SEND = 3 };

static int try_open(struct memory_store *memory, size_t segment_bytes, struct heddle_journal **journal_out,
                    struct heddle_error *error)
{
    struct heddle_journal_store store = memory_store_as_store(memory, true);
    return heddle_journal_open(&store, &(struct heddle_journal_options){LOAD, segment_bytes}, journal_out,
                               error);
}

static struct heddle_journal *open_good(struct memory_store *memory, size_t segment_bytes)
{
    struct heddle_journal *journal = NULL;
    struct heddle_error error = {0};
    if (try_open(memory, segment_bytes, &journal, &error) != HEDDLE_OK) {
        fail_msg("%s", error.message);
    }
    return journal;
}

/* Transaction i (1, 2, …) holds rows 3i, 3i + 1, 3i + 2 behind FIRST_ROW. */
static void send_one(struct heddle_journal *journal, uint64_t i)
{
    uint64_t positions[ROWS_A_SEND];
    for (uint64_t row = 0; row < ROWS_A_SEND; row++) {
        positions[row] = FIRST_ROW + i * ROWS_A_SEND + row;
    }
    const struct heddle_ledger ledger = heddle_journal_ledger(journal);
    const struct heddle_ledger_rows rows = {.target = 0, .count = ROWS_A_SEND, .positions = positions};
    assert_int_equal(ledger.before_send(ledger.context, EPOCH_1 + i, &rows, NULL), HEDDLE_OK);
}

static void settle_one(struct heddle_journal *journal, uint64_t i)
{
    const struct heddle_ledger ledger = heddle_journal_ledger(journal);
    ledger.outcome(ledger.context, EPOCH_1 + i, HEDDLE_VERDICT_SETTLED,
                   &(struct heddle_ledger_sums){.created = ROWS_A_SEND});
}

/* How many transactions the journal tells of: settled ones first, then unresolved ones, without a gap. */
static uint64_t count_known(struct heddle_journal *journal, uint64_t *settled_out)
{
    const struct heddle_ledger ledger = heddle_journal_ledger(journal);
    struct heddle_ledger_sums sums;
    ledger.remembered(ledger.context, 0, &sums);
    const uint64_t settled = sums.created / ROWS_A_SEND;
    uint8_t fates[(SENDS + 2) * ROWS_A_SEND];
    const size_t old = ledger.recall(ledger.context, 0, FIRST_ROW + ROWS_A_SEND, sizeof fates, fates);
    assert_int_equal(old, sums.created);
    for (size_t i = 0; i < sizeof fates; i++) {
        assert_int_equal(fates[i], i < settled * ROWS_A_SEND ? HEDDLE_FATE_DONE : HEDDLE_FATE_NEW);
    }
    uint64_t token;
    size_t target;
    size_t index = 0;
    while (ledger.unresolved(ledger.context, index, &token, &target) == HEDDLE_OK) {
        assert_int_equal(token, EPOCH_1 + settled + ++index);
    }
    *settled_out = settled;
    return settled + index;
}

/* What was on disk, and acknowledged, after each step. */
struct history {
    struct memory_store memory;
    size_t lengths[SENDS + 1]; /* of the last segment, after send i */
};

/* A journal of one segment: each send flushes the outcome of the one before it too. */
static void make_history(struct history *history)
{
    *history = (struct history){.memory = {.room = UINT64_MAX}};
    struct heddle_journal *journal = open_good(&history->memory, 0);
    assert_int_equal(heddle_journal_begin(journal, 1, 1, NULL), HEDDLE_OK);
    history->lengths[0] = history->memory.objects[0].bytes.length;
    for (uint64_t i = 1; i <= SENDS; i++) {
        send_one(journal, i);
        settle_one(journal, i);
        history->lengths[i] = history->memory.objects[0].bytes.length;
    }
    heddle_journal_close(journal);
    assert_int_equal(history->memory.count, 1);
}

static void cut_at_every_byte_it_tells_all_that_was_acknowledged(void **state)
{
    (void)state;
    struct history history;
    make_history(&history);
    const size_t whole = history.memory.objects[0].bytes.length;
    for (size_t cut = 0; cut <= whole; cut++) {
        size_t acknowledged = 0;
        while (acknowledged < SENDS && history.lengths[acknowledged + 1] <= cut) {
            acknowledged++;
        }
        struct memory_store disk;
        memory_store_copy(&history.memory, &disk);
        disk.objects[0].bytes.length = cut;
        struct heddle_journal *journal = open_good(&disk, 0);
        uint64_t settled = 0;
        assert_int_equal(count_known(journal, &settled), acknowledged);
        assert_int_equal(settled, acknowledged == 0 ? 0 : acknowledged - 1);
        const struct heddle_journal_report *report = heddle_journal_report(journal);
        assert_int_equal(report->begun, cut >= history.lengths[0]);
        const bool between_blocks = cut == 0 || cut == HEDDLE_SEGMENT_HEADER ||
                                    (cut >= history.lengths[0] && history.lengths[acknowledged] == cut);
        assert_int_equal(report->torn_bytes == 0, between_blocks);
        /* It goes on, and what was cut off stays off. */
        assert_int_equal(heddle_journal_begin(journal, 1, 2, NULL), HEDDLE_OK);
        send_one(journal, acknowledged + 1);
        heddle_journal_close(journal);
        journal = open_good(&disk, 0);
        assert_int_equal(heddle_journal_report(journal)->torn_bytes, 0);
        assert_int_equal(count_known(journal, &settled), acknowledged + 1);
        heddle_journal_close(journal);
        memory_store_free(&disk);
    }
    memory_store_free(&history.memory);
}

/* Power fails while a block is written: any part of it may be on disk, in any order, the rest zeros or noise. */
static void a_last_block_of_zeros_or_noise_is_cut_off(void **state)
{
    (void)state;
    struct history history;
    make_history(&history);
    const size_t start = history.lengths[SENDS - 1];
    const size_t whole = history.lengths[SENDS];
    uint64_t random = 5;
    for (size_t round = 0; round < 400; round++) {
        struct memory_store disk;
        memory_store_copy(&history.memory, &disk);
        uint8_t *bytes = disk.objects[0].bytes.bytes;
        const size_t first = start + heddle_random_below(&random, whole - start);
        const size_t length = 1 + heddle_random_below(&random, whole - first);
        for (size_t i = first; i < first + length; i++) {
            bytes[i] = round % 2 == 0 ? 0 : (uint8_t)heddle_random_next(&random);
        }
        const bool changed =
            memcmp(bytes + start, history.memory.objects[0].bytes.bytes + start, whole - start) != 0;
        struct heddle_journal *journal = open_good(&disk, 0);
        uint64_t settled = 0;
        assert_int_equal(count_known(journal, &settled), changed ? SENDS - 1 : SENDS);
        heddle_journal_close(journal);
        memory_store_free(&disk);
    }
    memory_store_free(&history.memory);
}

static void damage_with_a_good_block_behind_it_is_refused_with_the_place(void **state)
{
    (void)state;
    struct history history;
    make_history(&history);
    struct heddle_error error = {0};
    struct heddle_journal *journal = NULL;
    for (size_t at = 0; at < history.lengths[SENDS - 1]; at++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            struct memory_store disk;
            memory_store_copy(&history.memory, &disk);
            disk.objects[0].bytes.bytes[at] ^= (uint8_t)(1u << bit);
            assert_int_equal(try_open(&disk, 0, &journal, &error), HEDDLE_IO);
            assert_non_null(strstr(error.message, "0000000001.journal"));
            memory_store_free(&disk);
        }
    }
    struct memory_store disk;
    memory_store_copy(&history.memory, &disk);
    disk.objects[0].bytes.bytes[history.lengths[3] + 20] ^= 1;
    assert_int_equal(try_open(&disk, 0, &journal, &error), HEDDLE_IO);
    char place[64];
    snprintf(place, sizeof place, "memory/0000000001.journal, byte %zu", history.lengths[3]);
    assert_non_null(strstr(error.message, place));
    memory_store_free(&disk);
    memory_store_free(&history.memory);
}

static void another_format_is_refused_by_its_number(void **state)
{
    (void)state;
    struct history history;
    make_history(&history);
    history.memory.objects[0].bytes.bytes[8] = 7;
    struct heddle_journal *journal = NULL;
    struct heddle_error error = {0};
    assert_int_equal(try_open(&history.memory, 0, &journal, &error), HEDDLE_IO);
    assert_non_null(strstr(error.message, "journal of format 7"));
    assert_non_null(strstr(error.message, "format 1"));
    memory_store_free(&history.memory);
}

/* ---- several segments ---- */

static void make_segments(struct memory_store *memory)
{
    *memory = (struct memory_store){.room = UINT64_MAX};
    struct heddle_journal *journal = open_good(memory, 100);
    assert_int_equal(heddle_journal_begin(journal, 1, 1, NULL), HEDDLE_OK);
    for (uint64_t i = 1; i <= SENDS; i++) {
        send_one(journal, i);
        settle_one(journal, i);
    }
    heddle_journal_close(journal);
    assert_true(memory->count >= 4 && memory->count < MOST_SEGMENTS);
}

static void a_segment_that_is_missing_or_cut_is_refused(void **state)
{
    (void)state;
    struct memory_store memory;
    make_segments(&memory);
    const size_t segments = memory.count;
    struct heddle_journal *journal = NULL;
    struct heddle_error error = {0};
    for (size_t i = 0; i + 1 < segments; i++) { /* all but the last: that one could be a write never made */
        struct memory_store disk;
        memory_store_copy(&memory, &disk);
        assert_int_equal(memory_remove(&disk, memory.objects[i].name, NULL), HEDDLE_OK);
        assert_int_equal(try_open(&disk, 0, &journal, &error), HEDDLE_IO);
        assert_non_null(strstr(error.message, memory.objects[i].name));
        assert_non_null(strstr(error.message, "is missing"));
        memory_store_free(&disk);
        const size_t whole = memory.objects[i].bytes.length;
        for (size_t cut = 0; cut < whole; cut++) {
            memory_store_copy(&memory, &disk);
            disk.objects[i].bytes.length = cut;
            assert_int_equal(try_open(&disk, 0, &journal, &error), HEDDLE_IO);
            assert_non_null(strstr(error.message, memory.objects[i].name));
            memory_store_free(&disk);
        }
    }
    memory_store_free(&memory);
}

static void segments_under_the_wrong_name_are_refused(void **state)
{
    (void)state;
    struct memory_store memory;
    make_segments(&memory);
    const struct heddle_buffer first = memory.objects[1].bytes;
    memory.objects[1].bytes = memory.objects[2].bytes;
    memory.objects[2].bytes = first;
    struct heddle_journal *journal = NULL;
    struct heddle_error error = {0};
    assert_int_equal(try_open(&memory, 0, &journal, &error), HEDDLE_IO);
    assert_non_null(strstr(error.message, "another number"));
    memory_store_free(&memory);
}

static void bytes_behind_the_seal_are_refused(void **state)
{
    (void)state;
    struct memory_store memory;
    make_segments(&memory);
    heddle_buffer_append(&memory.objects[0].bytes, "x", 1);
    struct heddle_journal *journal = NULL;
    struct heddle_error error = {0};
    assert_int_equal(try_open(&memory, 0, &journal, &error), HEDDLE_IO);
    assert_non_null(strstr(error.message, "behind its end"));
    memory_store_free(&memory);
}

/* A micro-batch ends: a segment that starts anew is written, then the others are removed, oldest first. Wherever that stops, the
 * next run finds the end. */
static void a_removal_that_was_cut_short_is_made_whole(void **state)
{
    (void)state;
    struct memory_store before;
    make_segments(&before);
    struct memory_store sealed; /* the old segments as they were when the new one came: closed */
    memory_store_copy(&before, &sealed);
    heddle_journal_close(open_good(&sealed, 200));
    for (size_t removed = 0; removed <= sealed.count; removed++) {
        struct memory_store disk;
        memory_store_copy(&sealed, &disk);
        for (size_t i = 0; i < removed; i++) {
            assert_int_equal(memory_remove(&disk, sealed.objects[i].name, NULL), HEDDLE_OK);
        }
        struct heddle_buffer bytes = {0};
        char name[40];
        snprintf(name, sizeof name, "%010zu.journal", sealed.count + 1);
        heddle_segment_append_header(&bytes, sealed.count + 1, true);
        struct heddle_buffer record = {0};
        heddle_record_append_done(&record, 1);
        heddle_segment_append_block(&bytes, sealed.count + 1, HEDDLE_SEGMENT_HEADER, record.bytes,
                                    record.length);
        assert_int_equal(memory_put(&disk, name, bytes.bytes, bytes.length, NULL), HEDDLE_OK);
        heddle_buffer_free(&record);
        heddle_buffer_free(&bytes);
        struct heddle_journal *journal = open_good(&disk, 200);
        assert_true(heddle_journal_report(journal)->finished);
        assert_int_equal(heddle_journal_report(journal)->unresolved, 0);
        assert_int_equal(disk.count, 1);
        heddle_journal_close(journal);
        memory_store_free(&disk);
    }
    memory_store_free(&sealed);
    memory_store_free(&before);
}

/* ---- records that contradict each other: their sums are good, so somebody meant it ---- */

static void expect_refused(const struct heddle_buffer *records, const char *reason)
{
    struct memory_store memory = {.room = UINT64_MAX};
    struct heddle_buffer bytes = {0};
    heddle_segment_append_header(&bytes, 1, true);
    heddle_segment_append_block(&bytes, 1, HEDDLE_SEGMENT_HEADER, records->bytes, records->length);
    assert_int_equal(memory_put(&memory, "0000000001.journal", bytes.bytes, bytes.length, NULL), HEDDLE_OK);
    struct heddle_journal *journal = NULL;
    struct heddle_error error = {0};
    assert_int_equal(try_open(&memory, 0, &journal, &error), HEDDLE_IO);
    if (strstr(error.message, reason) == NULL) {
        fail_msg("'%s' does not say '%s'", error.message, reason);
    }
    assert_non_null(strstr(error.message, "0000000001.journal"));
    heddle_buffer_free(&bytes);
    memory_store_free(&memory);
}

static void records_that_contradict_each_other_are_refused(void **state)
{
    (void)state;
    const uint64_t positions[] = {1, 2, 3};
    const struct heddle_ledger_rows rows = {.target = 0, .count = 3, .positions = positions};
    const struct heddle_ledger_rows fewer = {.target = 0, .count = 2, .positions = positions};
    struct heddle_buffer records = {0};
    heddle_record_append_sent(&records, EPOCH_1 + 1, &rows);
    expect_refused(&records, "outside of any micro-batch");

    heddle_buffer_reset(&records);
    heddle_record_append_begun(&records, 0, 1, LOAD);
    heddle_record_append_sent(&records, EPOCH_1 + 1, &rows);
    heddle_record_append_sent(&records, EPOCH_1 + 1, &fewer);
    expect_refused(&records, "two sets of rows under one token");

    heddle_buffer_reset(&records);
    heddle_record_append_begun(&records, 0, 1, LOAD);
    heddle_record_append_outcome(&records, EPOCH_1 + 1, HEDDLE_VERDICT_VOID, NULL);
    expect_refused(&records, "not sent");

    heddle_buffer_reset(&records);
    heddle_record_append_begun(&records, 5, 1, LOAD);
    heddle_record_append_begun(&records, 4, 1, LOAD);
    expect_refused(&records, "that it has finished");

    heddle_buffer_reset(&records);
    heddle_buffer_append(&records, "\x63\x00", 2);
    expect_refused(&records, "type 99");

    heddle_buffer_reset(&records);
    heddle_buffer_append(&records, "\x06\x09\x00", 3); /* longer than the block */
    expect_refused(&records, "type 6");
    heddle_buffer_free(&records);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cut_at_every_byte_it_tells_all_that_was_acknowledged),
        cmocka_unit_test(a_last_block_of_zeros_or_noise_is_cut_off),
        cmocka_unit_test(damage_with_a_good_block_behind_it_is_refused_with_the_place),
        cmocka_unit_test(another_format_is_refused_by_its_number),
        cmocka_unit_test(a_segment_that_is_missing_or_cut_is_refused),
        cmocka_unit_test(segments_under_the_wrong_name_are_refused),
        cmocka_unit_test(bytes_behind_the_seal_are_refused),
        cmocka_unit_test(a_removal_that_was_cut_short_is_made_whole),
        cmocka_unit_test(records_that_contradict_each_other_are_refused),
    };
    return cmocka_run_group_tests_name("journal damage", tests, NULL, NULL);
}
