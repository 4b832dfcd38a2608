/* sink.h: a graph that takes batches: Neo4j over Bolt, or one DuckDB file.
 *
 * Order of calls: open, prepare, then any number of write, then flush (again write … flush for another pass), finish,
 * verify if wanted, close. Whatever went wrong, close is safe and enough.
 *
 * A row that cannot be converted, keyed, matched or written goes to the reject sink and is counted; it never stops the
 * load by itself. Every row handed to write() ends as exactly one of created, matched, folded, rejected of each target
 * it was written to, once flush() has answered HEDDLE_OK.
 *
 * A sink knows nothing of checkpoints: what it sends it notes in a ledger (sink/ledger.h), which run/ keeps. A load that is
 * to be resumed has a record with an owner and a ledger, and its rows come in micro-batches: begin, write …, flush, forget.
 *
 * Threads: one thread calls these functions, except heddle_sink_stop and heddle_sink_progress (any thread). The sink
 * starts and ends its own writer threads; reject sink and ledger are called from those.
 */
#ifndef HEDDLE_SINK_SINK_H
#define HEDDLE_SINK_SINK_H

#include "column/batch.h"
#include "column/reject.h"
#include "sink/ledger.h"
#include "sink/share.h"
#include "sink/target.h"

struct heddle_sink;
struct heddle_target_rows;

enum heddle_vector_index_when {
    HEDDLE_VECTOR_INDEX_AUTO,
    HEDDLE_VECTOR_INDEX_BEFORE,
    HEDDLE_VECTOR_INDEX_AFTER,
    HEDDLE_VECTOR_INDEX_NONE,
};

/* What is kept with the load: so that search finds model and precision again, and so that one run at a time, and only one
 * that knows what was done, continues it. */
struct heddle_load_record {
    const char *id;    /* load id, at most HEDDLE_LOAD_ID_MAX bytes, no '/' */
    const char *job;   /* name of the job */
    const char *model; /* "" where nothing is embedded */
    const char *precision;

    /* The run that takes the load. NULL = none does: no epoch, no marks, no resume. */
    const char *owner; /* random text of this run; on its disk before prepare() */
    const char *const
        *owners_known; /* of the runs before, as the checkpoint knows them; none = no checkpoint */
    size_t owner_known_count;
    bool
        has_progress; /* heddle's own, in the checkpoint: a graph without a record of the load is then the wrong one */
    const char *host; /* the machine: runs of one host exclude each other by the lock on the checkpoint */
    const char *checkpoint; /* its folder, for messages */
    bool fresh;             /* start over: the marks of former runs are deleted */
    bool stamps;            /* the targets stamp what they create (sink/stamp.h); for all runs of the load */
};

/* This process is one of several that load one job beside each other (Neo4j alone). */
struct heddle_sink_shard {
    struct heddle_share share; /* count 0 = it is the only one */
    const char *group;         /* id of the load that all shards are of; each has load.id for itself */
    bool no_part_locks; /* to measure what they cost: transactions of different shards may then deadlock */
};

/* A point that no shard passes before the others have come to it. */
struct heddle_meeting {
    size_t stage; /* 0 = the run begins; counts up with each level of targets that is written */
    const char
        *through; /* names what the sources hold: shards that see different tables must not go on together */
    uint32_t wait_ms; /* how long a shard that gives no sign of life is waited for; 0 = arrive, do not wait */
};

/* Everything is borrowed until close. */
struct heddle_sink_options {
    const char *to;       /* URI: neo4j…, bolt…, duckdb:FILE */
    const char *username; /* NULL = no authentication */
    const char *password;
    const char *bearer_token; /* instead of both */
    const char *database;     /* NULL = the server's home database */
    const char *ca_file;
    const struct heddle_target *targets;
    size_t target_count;
    size_t writers;        /* 0 = automatic */
    size_t pipeline_depth; /* transactions sent on a connection before the first is answered; 0 = 1 */
    size_t batch_rows;     /* 0 = automatic */
    size_t batch_bytes;    /* 0 = automatic */
    bool ends_by_key;      /* Neo4j: relationships never name their ends by internal id */
    uint32_t tx_timeout_ms;
    enum heddle_vector_index_when vector_index;
    uint64_t seed; /* of the key hash */
    struct heddle_load_record load;
    struct heddle_sink_shard shard;
    struct heddle_reject_sink rejects;
    struct heddle_ledger ledger;
};

/* Counters of one target; read == created + matched + folded + rejected after flush. */
struct heddle_target_counts {
    uint64_t read;    /* rows handed to write() */
    uint64_t created; /* by the server's counters */
    uint64_t
        matched; /* rows that met what was there; of a target that removes: what they name is not there any more */
    uint64_t folded; /* rows whose key another row of this load had, where merging */
    uint64_t rejected;
    uint64_t vectors; /* vector properties written */
    uint64_t removed; /* set by run/ alone: rows that another target removes, which matched there */
};

/* Adds what a ledger remembers; `read` is counted when the rows come by. */
static inline void heddle_target_counts_add(struct heddle_target_counts *counts,
                                            const struct heddle_ledger_sums *sums)
{
    counts->created += sums->created;
    counts->matched += sums->matched;
    counts->folded += sums->folded;
    counts->rejected += sums->rejected;
    counts->vectors += sums->vectors;
}

struct heddle_sink_progress {
    uint64_t rows_done;    /* rows of all targets whose fate is known */
    uint64_t transactions; /* committed */
    uint64_t retries;
    uint64_t deadlocks; /* of the retries */
    uint64_t bytes_sent;
    uint64_t wait_ns; /* time that writers waited for the database, summed */
    uint64_t encode_ns;
    size_t writers;     /* the most that were at work at once */
    size_t batch_rows;  /* largest transaction so far */
    char waits_for[96]; /* the shard that a meeting waits for, "" = none */
    char claim[224];    /* what the job says of its nodes and is not so, with its target; "" = nothing */
};

/* Opens the target and learns what it can do. Nothing is written.
 * Errors: HEDDLE_INVALID (URI), HEDDLE_NETWORK, HEDDLE_PROTOCOL, HEDDLE_DATABASE (login: names the user, never the
 * password), HEDDLE_IO (file), HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_sink_open(const struct heddle_sink_options *options,
                                       struct heddle_sink **sink_out, struct heddle_error *error);

/* One line about the other side ("Neo4j 2026.08.1 community at localhost:7687, Bolt 6.0"). Borrowed. */
const char *heddle_sink_description(const struct heddle_sink *sink);

/* Makes constraints and the indexes that come first, and waits until they are ONLINE. A constraint of the user's is never
 * dropped; one that cannot be made stops with the reason. */
HEDDLE_MUST_CHECK int heddle_sink_prepare(struct heddle_sink *sink, struct heddle_error *error);

/* The epoch under which prepare() took the load, 0 where nobody takes it (options.load.owner == NULL). */
uint32_t heddle_sink_epoch(const struct heddle_sink *sink);

/* Begins a micro-batch: rows written from here to the next begin() are its rows, and its marks bear its number. Settles
 * what the ledger left unresolved of it with the database, and counts what the ledger remembers. The ledger is open for
 * this micro-batch. After prepare(), and after the flush() of the micro-batch before. A sink without ledger needs none.
 * Errors: HEDDLE_DATABASE (the load was taken by another run; a server away too long), those of the connection. */
HEDDLE_MUST_CHECK int heddle_sink_begin(struct heddle_sink *sink, uint64_t micro_batch,
                                        struct heddle_error *error);

/* Says that this shard has come to `meeting`, and waits until all others have. Nothing where there are no shards. After
 * prepare(), between flush() and begin(). Errors: HEDDLE_DATABASE (a shard is not heard of; another sees other tables), those
 * of the connection; HEDDLE_INTERRUPTED. */
HEDDLE_MUST_CHECK int heddle_sink_meet(struct heddle_sink *sink, const struct heddle_meeting *meeting,
                                       struct heddle_error *error);

/* Declares the micro-batches up to this one over, for ever: their marks are deleted, and a transaction of theirs that comes
 * late fails. Call it once the record says that the micro-batch is done (commits/N is on disk). May be called again. */
HEDDLE_MUST_CHECK int heddle_sink_forget(struct heddle_sink *sink, uint64_t micro_batch,
                                         struct heddle_error *error);

/* Takes rows for the targets whose indices are given (all of the batch's source). The sink takes references of its own.
 * Waits where too much is in flight: that wait is the backpressure. Answers the first error that a writer met. Either all of
 * the targets remove or none does: what removes waits for all rows before it, and is done when write() answers. */
HEDDLE_MUST_CHECK int heddle_sink_write(struct heddle_sink *sink, struct heddle_batch *batch,
                                        const size_t *targets, size_t target_count,
                                        struct heddle_error *error);

/* Rows whose vectors may be there already. */
struct heddle_sink_look {
    const struct heddle_target_rows
        *keys; /* sink/rows.h: the batch as the target sees it that removes what `target` writes */
    size_t target;
    const struct heddle_column
        *text;     /* STRING: what target's vector_text has to equal; NULL where it has none */
    uint8_t *rows; /* in and out: a bit a row of the batch */
};

/* Takes out of look->rows those whose node is not there, has no vector, or has another text: what is left need not be embedded. May
 * be called by one other thread while rows are written: it sees what is committed. After prepare(). Errors: of the connection. */
HEDDLE_MUST_CHECK int heddle_sink_confirm_vectors(struct heddle_sink *sink,
                                                  const struct heddle_sink_look *look,
                                                  struct heddle_error *error);

/* Waits until every row is written or rejected. */
HEDDLE_MUST_CHECK int heddle_sink_flush(struct heddle_sink *sink, struct heddle_error *error);

/* After the last flush: makes the indexes that come after, awaits all (`index_ns` = how long), stores the load's record. */
HEDDLE_MUST_CHECK int heddle_sink_finish(struct heddle_sink *sink, uint64_t *index_ns_out,
                                         struct heddle_error *error);

/* What a check after the load found. */
struct heddle_verification {
    bool ok;
    char summary[256];    /* one line for a person: what was compared, what differed */
    double recall;        /* of a sampled search against brute force, -1 = not measured */
    char index_state[64]; /* "ONLINE", "" where there is no vector index */
};

/* Checks what is in the graph: rows sampled by key (strict: counts of all), vectors' dimensions and norms, the index's
 * state, recall. A difference is no error: see `ok`. */
HEDDLE_MUST_CHECK int heddle_sink_verify(struct heddle_sink *sink, bool strict,
                                         struct heddle_verification *out, struct heddle_error *error);

void heddle_sink_counts(const struct heddle_sink *sink, size_t target, struct heddle_target_counts *out);
void heddle_sink_progress(struct heddle_sink *sink, struct heddle_sink_progress *out);

/* Asks the writers to finish the transactions in flight and take no more: write and flush then answer
 * HEDDLE_INTERRUPTED. Safe from any thread. */
void heddle_sink_stop(struct heddle_sink *sink);

/* Ends the writers (without waiting for rows that were not sent), closes connections. NULL is a no-op. */
void heddle_sink_close(struct heddle_sink *sink);

#endif
