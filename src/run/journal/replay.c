/* replay.c: what earlier runs left, read segment by segment; the last one may end in a write that was cut short. */
#include "run/journal/state.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

static const char SEGMENT_ENDING[] = ".journal";
static const char TEMPORARY_ENDING[] = ".journal.tmp";

enum { NUMBER_DIGITS = 10 };

struct numbers {
    uint64_t *items;
    size_t count;
    size_t capacity;
    const struct heddle_journal_store *store;
};

const char *heddle_segment_name(char out[static HEDDLE_SEGMENT_NAME_MAX], uint64_t number)
{
    snprintf(out, HEDDLE_SEGMENT_NAME_MAX, "%0*" PRIu64 "%s", NUMBER_DIGITS, number, SEGMENT_ENDING);
    return out;
}

static bool ends_with(const char *name, const char *ending)
{
    const size_t length = strlen(name);
    const size_t end = strlen(ending);
    return length >= end && strcmp(name + length - end, ending) == 0;
}

static int note_name(void *context, const char *name, struct heddle_error *error)
{
    struct numbers *numbers = context;
    if (ends_with(name, TEMPORARY_ENDING)) { /* a segment that was never seen whole */
        return numbers->store->remove(numbers->store->self, name, error);
    }
    char *end = NULL;
    char again[HEDDLE_SEGMENT_NAME_MAX];
    const uint64_t number = strtoull(name, &end, 10);
    if (number == 0 || strcmp(heddle_segment_name(again, number), name) != 0) {
        return HEDDLE_OK; /* not ours: the lock, say */
    }
    if (heddle_grow((void **)&numbers->items, &numbers->capacity, numbers->count + 1,
                    sizeof *numbers->items) != 0) {
        return heddle_error_out_of_memory(error);
    }
    numbers->items[numbers->count++] = number;
    return HEDDLE_OK;
}

static int by_number(const void *a, const void *b)
{
    const uint64_t left = *(const uint64_t *)a;
    const uint64_t right = *(const uint64_t *)b;
    return (left > right) - (left < right);
}

static int check_consecutive(const struct numbers *numbers, struct heddle_error *error)
{
    for (size_t i = 1; i < numbers->count; i++) {
        if (numbers->items[i] != numbers->items[i - 1] + 1) {
            char name[HEDDLE_SEGMENT_NAME_MAX];
            return heddle_error_set(
                error, HEDDLE_IO,
                "the journal is damaged: %s/%s is missing; restore the checkpoint from a copy, or "
                "start over with --fresh on a graph without this load's rows",
                numbers->store->where, heddle_segment_name(name, numbers->items[i - 1] + 1));
        }
    }
    return HEDDLE_OK;
}

static int take_record(struct heddle_journal *journal, const struct heddle_journal_record *record,
                       struct heddle_error *error)
{
    if (record->type == HEDDLE_RECORD_BEGUN &&
        (record->load_length != strlen(journal->load) ||
         memcmp(record->load, journal->load, record->load_length) != 0)) {
        return heddle_error_set(
            error, HEDDLE_IO,
            "the journal in %s belongs to load %.*s, not to %s: another job or another source used "
            "this checkpoint; give this one a checkpoint of its own",
            journal->store.where, (int)record->load_length, record->load, journal->load);
    }
    return heddle_recall_take(&journal->recall, record, error);
}

static int take_block(struct heddle_journal *journal, const struct heddle_segment *segment, size_t offset,
                      struct heddle_byte_reader records, struct heddle_error *error)
{
    for (;;) {
        struct heddle_journal_record record;
        int status = heddle_record_read(&records, &record, error);
        if (status == HEDDLE_OK) {
            status = take_record(journal, &record, error);
        }
        if (status == HEDDLE_END) {
            return HEDDLE_OK;
        }
        if (status != HEDDLE_OK) {
            return heddle_error_prefix(error, "%s, block at byte %zu", segment->name, offset);
        }
    }
}

/* Takes the records of a segment, or passes over them while no segment that starts anew was met. */
static int take_segment(struct heddle_journal *journal, struct heddle_segment *segment, bool *anew_met,
                        struct heddle_error *error)
{
    int status = heddle_segment_open(segment, error);
    if (status == HEDDLE_OK && segment->anew) {
        *anew_met = true;
        heddle_recall_free(&journal->recall);
        journal->oldest = segment->number;
    }
    while (status == HEDDLE_OK) {
        const size_t offset = segment->good;
        struct heddle_byte_reader records = {0};
        status = heddle_segment_next(segment, &records, error);
        if (status == HEDDLE_OK && *anew_met) {
            status = take_block(journal, segment, offset, records, error);
        }
    }
    return status == HEDDLE_END ? HEDDLE_OK : status;
}

/* The last segment is closed, so that a new one can follow: what is whole of it is put in its place with a seal behind. */
static int repair(struct heddle_journal *journal, const struct heddle_segment *segment, const char *name,
                  struct heddle_error *error)
{
    struct heddle_journal_report *report = &journal->report;
    if (segment->torn != NULL) {
        report->torn_bytes = segment->length - segment->good;
        snprintf(report->torn, sizeof report->torn, "%s", name);
    }
    if (segment->sealed) {
        return HEDDLE_OK;
    }
    const struct heddle_journal_store *store = &journal->store;
    if (segment->blocks == 0) {
        journal->number--;
        report->segments--;
        return store->remove(store->self, name, error);
    }
    struct heddle_buffer *bytes = &journal->bytes;
    heddle_buffer_reset(bytes);
    heddle_buffer_append(bytes, segment->bytes, segment->good);
    heddle_segment_append_seal(bytes, segment->number, segment->good, segment->blocks);
    HEDDLE_TRY(heddle_buffer_check(bytes, error));
    return store->put(store->self, name, bytes->bytes, bytes->length, error);
}

static int replay_segment(struct heddle_journal *journal, uint64_t number, bool last, bool *anew_met,
                          struct heddle_error *error)
{
    char name[HEDDLE_SEGMENT_NAME_MAX];
    struct heddle_buffer bytes = {0};
    const struct heddle_journal_store *store = &journal->store;
    int status = store->read(store->self, heddle_segment_name(name, number), &bytes, error);
    struct heddle_buffer place = {0}; /* for messages: with the folder */
    heddle_buffer_append_format(&place, "%s/%s", store->where, name);
    struct heddle_segment segment = {
        .bytes = bytes.bytes,
        .length = bytes.length,
        .number = number,
        .name = heddle_buffer_text(&place),
    };
    if (status == HEDDLE_OK) {
        status = segment.name == NULL ? heddle_error_out_of_memory(error)
                                      : take_segment(journal, &segment, anew_met, error);
    }
    journal->number = number + 1;
    if (status == HEDDLE_OK && last) {
        status = repair(journal, &segment, name, error);
    } else if (status == HEDDLE_OK && !segment.sealed) {
        status = heddle_error_set(
            error, HEDDLE_IO,
            "the journal is damaged: %s, byte %zu: its end is missing, and there is a segment "
            "behind it; restore the checkpoint from a copy, or start over with --fresh on a graph "
            "without this load's rows",
            segment.name, segment.good);
    }
    heddle_buffer_free(&place);
    heddle_buffer_free(&bytes);
    return status;
}

static int replay_all(struct heddle_journal *journal, const struct numbers *numbers,
                      struct heddle_error *error)
{
    HEDDLE_TRY(check_consecutive(numbers, error));
    bool anew_met = false;
    const uint64_t first = numbers->count == 0 ? 1 : numbers->items[0];
    journal->oldest = journal->number = first;
    journal->report.segments = numbers->count;
    for (size_t i = 0; i < numbers->count; i++) {
        HEDDLE_TRY(replay_segment(journal, numbers->items[i], i + 1 == numbers->count, &anew_met, error));
    }
    /* Whole segments, and none begins a micro-batch: the ones before them were lost. */
    if (!anew_met && journal->number > first) {
        char name[HEDDLE_SEGMENT_NAME_MAX];
        return heddle_error_set(
            error, HEDDLE_IO,
            "the journal is damaged: %s/%s is missing; restore the checkpoint from a copy, or start "
            "over with --fresh on a graph without this load's rows",
            journal->store.where, heddle_segment_name(name, first - 1));
    }
    for (uint64_t number = first; number < journal->oldest; number++) {
        char name[HEDDLE_SEGMENT_NAME_MAX];
        HEDDLE_TRY(journal->store.remove(journal->store.self, heddle_segment_name(name, number), error));
        journal->report.segments--;
    }
    return HEDDLE_OK;
}

int heddle_journal_replay(struct heddle_journal *journal, struct heddle_error *error)
{
    struct numbers numbers = {.store = &journal->store};
    int status = journal->store.list(journal->store.self, note_name, &numbers, error);
    if (status == HEDDLE_OK && numbers.count > 0) {
        qsort(numbers.items, numbers.count, sizeof *numbers.items, by_number);
    }
    if (status == HEDDLE_OK) {
        status = replay_all(journal, &numbers, error);
    }
    free(numbers.items);
    const struct heddle_recall *recall = &journal->recall;
    journal->report.begun = recall->begun;
    journal->report.finished = recall->finished;
    journal->report.batch = recall->batch;
    journal->report.epoch = recall->epoch;
    journal->report.runs = recall->runs;
    journal->report.unresolved = recall->open_count;
    return status;
}
