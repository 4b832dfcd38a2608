/* ledger_fixture.h: a ledger in memory, for tests of resumes: it can forget what a kill would have lost. */
#ifndef HEDDLE_TESTS_UNIT_SINK_LEDGER_FIXTURE_H
#define HEDDLE_TESTS_UNIT_SINK_LEDGER_FIXTURE_H

#include <assert.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "sink/ledger.h"

enum { LEDGER_RECORDS_MAX = 512, LEDGER_TARGETS_MAX = 8 };

struct ledger_record {
    uint64_t token;
    size_t target;
    uint64_t *positions;
    size_t count;
    int verdict; /* -1 = none yet */
    struct heddle_ledger_sums sums;
};

struct ledger_fixture {
    pthread_mutex_t lock;
    struct ledger_record records[LEDGER_RECORDS_MAX];
    size_t count;
    uint64_t open[LEDGER_RECORDS_MAX]; /* tokens that restart() found without a verdict */
    size_t open_count;
    size_t verdicts[3]; /* since restart(), by kind */
    size_t sent;        /* since restart() */
    size_t refuse_from; /* the sends from this one on are refused; 0 = none */
};

static inline struct ledger_record *ledger_find(struct ledger_fixture *fixture, uint64_t token)
{
    for (size_t i = 0; i < fixture->count; i++) {
        if (fixture->records[i].token == token) {
            return &fixture->records[i];
        }
    }
    return NULL;
}

static inline int ledger_before(void *context, uint64_t token, const struct heddle_ledger_rows *rows,
                                struct heddle_error *error)
{
    struct ledger_fixture *fixture = context;
    pthread_mutex_lock(&fixture->lock);
    assert(ledger_find(fixture, token) == NULL && fixture->count < LEDGER_RECORDS_MAX && rows->count > 0);
    int status = HEDDLE_OK;
    if (fixture->refuse_from > 0 && fixture->sent + 1 >= fixture->refuse_from) {
        status = heddle_error_set(error, HEDDLE_IO, "the ledger is full");
    } else {
        struct ledger_record *record = &fixture->records[fixture->count++];
        *record = (struct ledger_record){
            .token = token, .target = rows->target, .count = rows->count, .verdict = -1};
        record->positions = malloc(rows->count * sizeof *record->positions);
        assert(record->positions != NULL);
        memcpy(record->positions, rows->positions, rows->count * sizeof *record->positions);
        fixture->sent++;
    }
    pthread_mutex_unlock(&fixture->lock);
    return status;
}

static inline void ledger_outcome(void *context, uint64_t token, enum heddle_verdict verdict,
                                  const struct heddle_ledger_sums *sums)
{
    struct ledger_fixture *fixture = context;
    pthread_mutex_lock(&fixture->lock);
    struct ledger_record *record = ledger_find(fixture, token);
    assert(record != NULL && record->verdict == -1 && (sums != NULL) == (verdict == HEDDLE_VERDICT_SETTLED));
    record->verdict = (int)verdict;
    if (sums != NULL) {
        record->sums = *sums;
        assert(sums->created + sums->matched + sums->folded + sums->rejected == record->count);
    }
    fixture->verdicts[verdict]++;
    pthread_mutex_unlock(&fixture->lock);
}

static inline int ledger_unresolved(void *context, size_t index, uint64_t *token_out, size_t *target_out)
{
    struct ledger_fixture *fixture = context;
    if (index >= fixture->open_count) {
        return HEDDLE_END;
    }
    *token_out = fixture->open[index];
    *target_out = ledger_find(fixture, fixture->open[index])->target;
    return HEDDLE_OK;
}

static inline size_t ledger_recall(void *context, size_t target, uint64_t position, size_t rows,
                                   uint8_t *fates)
{
    struct ledger_fixture *fixture = context;
    size_t known = 0;
    pthread_mutex_lock(&fixture->lock);
    memset(fates, HEDDLE_FATE_NEW, rows);
    for (size_t i = 0; i < fixture->count; i++) {
        const struct ledger_record *record = &fixture->records[i];
        const uint8_t fate = record->verdict == HEDDLE_VERDICT_SETTLED   ? HEDDLE_FATE_DONE
                             : record->verdict == HEDDLE_VERDICT_WRITTEN ? HEDDLE_FATE_WRITTEN
                                                                         : HEDDLE_FATE_NEW;
        for (size_t j = 0; record->target == target && fate != HEDDLE_FATE_NEW && j < record->count; j++) {
            if (record->positions[j] >= position && record->positions[j] < position + rows) {
                fates[record->positions[j] - position] = fate;
                known++;
            }
        }
    }
    pthread_mutex_unlock(&fixture->lock);
    return known;
}

static inline void ledger_remembered(void *context, size_t target, struct heddle_ledger_sums *out)
{
    struct ledger_fixture *fixture = context;
    *out = (struct heddle_ledger_sums){0};
    for (size_t i = 0; i < fixture->count; i++) {
        const struct ledger_record *record = &fixture->records[i];
        if (record->target == target && record->verdict == HEDDLE_VERDICT_SETTLED) {
            out->created += record->sums.created;
            out->matched += record->sums.matched;
            out->folded += record->sums.folded;
            out->rejected += record->sums.rejected;
            out->vectors += record->sums.vectors;
        }
    }
}

static inline void ledger_make(struct ledger_fixture *fixture)
{
    memset(fixture, 0, sizeof *fixture);
    pthread_mutex_init(&fixture->lock, NULL);
}

static inline struct heddle_ledger ledger_of(struct ledger_fixture *fixture)
{
    return (struct heddle_ledger){ledger_before, ledger_outcome,    ledger_unresolved,
                                  ledger_recall, ledger_remembered, fixture};
}

/* The process ended and another one reads the ledger. `lost` = verdicts, from the last one back, that were not on disk. */
static inline void ledger_restart(struct ledger_fixture *fixture, size_t lost)
{
    fixture->open_count = fixture->sent = fixture->refuse_from = 0;
    memset(fixture->verdicts, 0, sizeof fixture->verdicts);
    for (size_t i = fixture->count; i-- > 0;) {
        struct ledger_record *record = &fixture->records[i];
        if (record->verdict == HEDDLE_VERDICT_WRITTEN) {
            record->verdict = -1; /* never on disk */
        } else if (record->verdict >= 0 && lost > 0) {
            record->verdict = -1;
            lost--;
        }
    }
    for (size_t i = 0; i < fixture->count; i++) {
        if (fixture->records[i].verdict < 0) {
            fixture->open[fixture->open_count++] = fixture->records[i].token;
        }
    }
}

static inline void ledger_free(struct ledger_fixture *fixture)
{
    for (size_t i = 0; i < fixture->count; i++) {
        free(fixture->records[i].positions);
    }
    fixture->count = 0;
    pthread_mutex_destroy(&fixture->lock);
}

#endif
