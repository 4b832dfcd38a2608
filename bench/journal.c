/* journal.c: what it costs to note every transaction on disk before it is sent.
 *
 *     journal [--quick] [--folder DIR] [--seconds S]
 *
 * 1 to 64 writers note transactions of 1,000 rows one after the other in a journal in DIR (build, by default: measure the disk that
 * a checkpoint would lie on). Writers that wait at one moment share one flush; the last column divides by the bare cost of
 * writing and flushing as many bytes, one transaction a flush. Then a journal of 100,000 transactions (100 million rows) is
 * read back.
 *
 * Prints a table for people and then one line of JSON.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "run/journal/journal.h"

enum { ROWS = 1000, WRITERS_MAX = 64, RECORD_BYTES = 64, READ_TRANSACTIONS = 100000 };

static const char LOAD[] = "bench";

struct writer {
    struct heddle_journal *journal;
    _Atomic uint64_t *next;
    uint64_t end_ns;
    _Atomic uint64_t *sent;
    bool failed;
};

static int send_one(const struct heddle_ledger *ledger, uint64_t number, struct heddle_error *error)
{
    uint64_t positions[ROWS];
    for (uint64_t i = 0; i < ROWS; i++) {
        positions[i] = (number - 1) * ROWS + i;
    }
    const struct heddle_ledger_rows rows = {.target = 0, .count = ROWS, .positions = positions};
    const uint64_t token = heddle_token_make(1, number);
    const int status = ledger->before_send(ledger->context, token, &rows, error);
    if (status == HEDDLE_OK) {
        ledger->outcome(ledger->context, token, HEDDLE_VERDICT_SETTLED,
                        &(struct heddle_ledger_sums){.created = ROWS});
    }
    return status;
}

static void *write_some(void *argument)
{
    struct writer *writer = argument;
    const struct heddle_ledger ledger = heddle_journal_ledger(writer->journal);
    while (!writer->failed && heddle_clock_ns() < writer->end_ns) {
        struct heddle_error error = {0};
        writer->failed = send_one(&ledger, atomic_fetch_add(writer->next, 1) + 1, &error) != HEDDLE_OK;
        if (writer->failed) {
            fprintf(stderr, "journal: %s\n", error.message);
        }
        atomic_fetch_add(writer->sent, 1);
    }
    return NULL;
}

static struct heddle_journal *open_in(const char *folder)
{
    struct heddle_journal_store store = {0};
    struct heddle_journal *journal = NULL;
    struct heddle_error error = {0};
    if (heddle_journal_store_open(folder, &store, &error) != HEDDLE_OK ||
        heddle_journal_open(&store, &(struct heddle_journal_options){.load = LOAD}, &journal, &error) !=
            HEDDLE_OK) {
        fprintf(stderr, "journal: %s\n", error.message);
        return NULL;
    }
    return journal;
}

/* The bare cost: a record's bytes written and flushed, again and again. */
static double bare_flushes(const char *folder, double seconds)
{
    char path[512];
    uint8_t bytes[RECORD_BYTES] = {0};
    snprintf(path, sizeof path, "%s/bare", folder);
    const int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0666);
    const uint64_t start = heddle_clock_ns();
    uint64_t count = 0;
    while (file >= 0 && (double)(heddle_clock_ns() - start) / 1e9 < seconds &&
           write(file, bytes, sizeof bytes) == (ssize_t)sizeof bytes && fdatasync(file) == 0) {
        count++;
    }
    if (file >= 0) {
        close(file);
        unlink(path);
    }
    return (double)count / seconds;
}

static bool measure_writers(const char *folder, size_t writers, double seconds, double bare, FILE *json)
{
    struct heddle_journal *journal = open_in(folder);
    static _Atomic uint64_t batch = 0;
    if (journal == NULL || heddle_journal_begin(journal, atomic_fetch_add(&batch, 1), 1, NULL) != HEDDLE_OK) {
        heddle_journal_close(journal);
        return false;
    }
    struct writer all[WRITERS_MAX];
    pthread_t threads[WRITERS_MAX];
    _Atomic uint64_t next = 0;
    _Atomic uint64_t sent = 0;
    const uint64_t start = heddle_clock_ns();
    bool fine = true;
    size_t started = 0;
    while (started < writers) {
        all[started] = (struct writer){journal, &next, start + (uint64_t)(seconds * 1e9), &sent, false};
        if (pthread_create(&threads[started], NULL, write_some, &all[started]) != 0) {
            fine = false;
            break;
        }
        started++;
    }
    for (size_t i = 0; i < started; i++) {
        pthread_join(threads[i], NULL);
        fine = fine && !all[i].failed;
    }
    const double took = (double)(heddle_clock_ns() - start) / 1e9;
    struct heddle_journal_costs costs;
    heddle_journal_costs(journal, &costs);
    const double rate = (double)sent / took;
    const double flush_ms = costs.flushes == 0 ? 0 : (double)costs.flush_ns / 1e6 / (double)costs.flushes;
    const double shared = costs.flushes == 0 ? 0 : (double)sent / (double)costs.flushes;
    printf("%7zu %12.0f %10.2f %14.1f %12.2f\n", writers, rate, flush_ms, shared, rate / bare);
    fprintf(json, "%s\"writers_%zu\": {\"sends_per_s\": %.0f, \"flush_ms\": %.3f, \"sends_a_flush\": %.2f}",
            writers == 1 ? "" : ", ", writers, rate, flush_ms, shared);
    fine = fine && heddle_journal_finish(journal, NULL) == HEDDLE_OK;
    heddle_journal_close(journal);
    return fine;
}

static bool fill(const char *folder, uint64_t transactions)
{
    struct heddle_journal *journal = open_in(folder);
    bool fine = journal != NULL && heddle_journal_begin(journal, 1000, 1, NULL) == HEDDLE_OK;
    for (uint64_t i = 1; fine && i <= transactions; i++) {
        const struct heddle_ledger ledger = heddle_journal_ledger(journal);
        fine = send_one(&ledger, i, NULL) == HEDDLE_OK;
    }
    heddle_journal_close(journal);
    return fine;
}

static bool measure_reading(const char *folder, uint64_t transactions, FILE *json)
{
    if (!fill(folder, transactions)) {
        return false;
    }
    const uint64_t start = heddle_clock_ns();
    struct heddle_journal *journal = open_in(folder);
    const double took = (double)(heddle_clock_ns() - start) / 1e9;
    struct rusage usage;
    if (journal == NULL || getrusage(RUSAGE_SELF, &usage) != 0) {
        heddle_journal_close(journal);
        return false;
    }
    const struct heddle_ledger ledger = heddle_journal_ledger(journal);
    uint8_t fates[ROWS];
    const size_t known = ledger.recall(ledger.context, 0, transactions / 2 * ROWS, ROWS, fates);
    printf("\nread back: %llu transactions, %llu rows, in %.2f s; at most %.1f MB of memory in all\n",
           (unsigned long long)transactions, (unsigned long long)(transactions * ROWS), took,
           (double)usage.ru_maxrss / 1024);
    fprintf(json, ", \"read_rows\": %llu, \"read_s\": %.3f, \"rss_mb\": %.1f",
            (unsigned long long)(transactions * ROWS), took, (double)usage.ru_maxrss / 1024);
    const bool fine = known == ROWS && heddle_journal_begin(journal, 1000, 2, NULL) == HEDDLE_OK &&
                      heddle_journal_finish(journal, NULL) == HEDDLE_OK;
    heddle_journal_close(journal);
    return fine;
}

int main(int argc, char **argv)
{
    const char *folder = "build/bench-journal";
    double seconds = 2;
    uint64_t transactions = READ_TRANSACTIONS;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--quick") == 0) {
            seconds = 0.5;
            transactions = READ_TRANSACTIONS / 100;
        } else if (i + 1 < argc && strcmp(argv[i], "--folder") == 0) {
            folder = argv[++i];
        } else if (i + 1 < argc && strcmp(argv[i], "--seconds") == 0) {
            seconds = strtod(argv[++i], NULL);
        } else {
            fprintf(stderr, "usage: journal [--quick] [--folder DIR] [--seconds S]\n");
            return 1;
        }
    }
    char *figures = NULL;
    size_t length = 0;
    FILE *json = open_memstream(&figures, &length);
    struct heddle_journal *journal = open_in(folder); /* makes the folder */
    heddle_journal_close(journal);
    bool fine = json != NULL && journal != NULL;
    const double bare = fine ? bare_flushes(folder, seconds) : 1;
    printf("bare: %.0f flushes/s of %d bytes\n%7s %12s %10s %14s %12s\n", bare, RECORD_BYTES, "writers",
           "sends/s", "ms a flush", "sends a flush", "of bare");
    static const size_t writers[] = {1, 2, 4, 8, 16, WRITERS_MAX};
    for (size_t i = 0; fine && i < sizeof writers / sizeof writers[0]; i++) {
        fine = measure_writers(folder, writers[i], seconds, bare, json);
    }
    fine = fine && measure_reading(folder, transactions, json);
    if (json != NULL) {
        fclose(json);
    }
    if (fine) {
        printf("{\"bench\": \"journal\", \"machine\": {\"bare_flushes_per_s\": %.0f}, \"figures\": {%s}, "
               "\"ratios\": {}}\n",
               bare, figures);
    }
    free(figures);
    return fine ? 0 : 1;
}
