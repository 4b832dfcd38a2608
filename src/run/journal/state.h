/* state.h: what a journal holds. Private to journal.c and journal/open.c. */
#ifndef HEDDLE_RUN_JOURNAL_STATE_H
#define HEDDLE_RUN_JOURNAL_STATE_H

#include <pthread.h>

#include "run/journal/journal.h"
#include "run/journal/recall.h"

enum { HEDDLE_SEGMENT_NAME_MAX = 32 };

struct heddle_journal {
    struct heddle_journal_store store;
    char load[HEDDLE_LOAD_ID_MAX + 1];
    size_t segment_bytes;
    struct heddle_journal_report report;

    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t changed;
    struct heddle_recall recall;
    struct heddle_buffer pending; /* records that wait for the next flush */
    uint64_t filling;             /* number of the flush that will take them */
    uint64_t flushed;             /* number of the newest flush that is on disk */
    bool flushing;                /* one thread is at it: it alone touches the fields of the next paragraph */
    bool failed;                  /* nothing is noted any more; `failure` says why */
    struct heddle_error failure;
    struct heddle_journal_costs costs;

    struct heddle_buffer block; /* records of the flush under way */
    struct heddle_buffer bytes; /* what goes to the store */
    uint64_t oldest;            /* segments oldest .. number - 1 are closed */
    uint64_t number;            /* the open one */
    uint64_t offset;            /* its length; 0: it is not there yet */
    uint64_t blocks;
};

/* The name of a segment. Answers `out`. */
const char *heddle_segment_name(char out[static HEDDLE_SEGMENT_NAME_MAX], uint64_t number);

/* Reads all segments into `recall` and `report`, repairs the last one, and removes those that do not matter any more. */
HEDDLE_MUST_CHECK int heddle_journal_replay(struct heddle_journal *journal, struct heddle_error *error);

#endif
