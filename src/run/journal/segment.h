/* segment.h: the bytes of a journal. Pure: no file, no lock.
 *
 * A journal is a row of segments 1, 2, 3, …, each an object of its own; a segment is a header and blocks; a block is what one
 * flush put on disk, whole or not at all; a block holds records. Numbers of fixed width are little-endian, others LEB128.
 *
 *   segment  header (HEDDLE_SEGMENT_HEADER bytes), blocks, and behind the last one, once it is closed for good, a seal
 *   header   "heddleJ\n", u32 version, u32 flags (1: anew, nothing before this segment matters), u64 number of the segment,
 *            u32 0, u32 CRC-32 of the bytes before
 *   block    u32 mark, u32 length of what follows the head, u32 CRC-32 of segment number, offset of the block, length and
 *            what follows, u32 0; then records, each: type, length, bytes
 *   seal     a block whose only record is SEALED with the number of blocks before it
 *
 *   BEGUN    micro-batch, epoch, load id                  a run has taken the micro-batch up
 *   SENT     token, target, rows, runs of positions       a transaction may reach the server from now on
 *   SETTLED  token, created, matched, folded, rejected, vectors
 *   VOID     token                                        not in the graph, and never will be
 *   WRITTEN  token                                        found in the graph; its answer was lost
 *   DONE     micro-batch                                  every row of it is settled
 *
 * Why blocks: a block is begun when the one before it is on disk, so damage with a good block behind it cannot be a write that
 * was cut short, and is refused; damage at the end is such a write, was acknowledged to nobody, and is cut off. Because the CRC
 * covers number and offset, a block that strayed from elsewhere is no good block here.
 */
#ifndef HEDDLE_RUN_JOURNAL_SEGMENT_H
#define HEDDLE_RUN_JOURNAL_SEGMENT_H

#include "run/journal/positions.h"
#include "sink/ledger.h"

enum {
    HEDDLE_SEGMENT_VERSION = 1,
    HEDDLE_SEGMENT_HEADER = 32,
    HEDDLE_BLOCK_HEAD = 16,
};

enum heddle_journal_record_type {
    HEDDLE_RECORD_BEGUN = 1,
    HEDDLE_RECORD_SENT,
    HEDDLE_RECORD_SETTLED,
    HEDDLE_RECORD_VOID,
    HEDDLE_RECORD_WRITTEN,
    HEDDLE_RECORD_DONE,
    HEDDLE_RECORD_SEALED,
};

/* One record; which fields count stands in the list above. Texts and lists point into what was read. */
struct heddle_journal_record {
    enum heddle_journal_record_type type;
    uint64_t batch; /* BEGUN, DONE */
    uint32_t epoch;
    const char *load;
    size_t load_length;
    uint64_t token;
    size_t target;
    uint64_t rows;
    const uint8_t *positions; /* as positions.h writes them, checked: they hold `rows` */
    size_t positions_length;
    struct heddle_ledger_sums sums;
    uint64_t blocks; /* SEALED */
};

/* ---- writing ---- */

/* Each appends one record; out of memory is told by heddle_buffer_check(). */
void heddle_record_append_begun(struct heddle_buffer *out, uint64_t batch, uint32_t epoch, const char *load);
void heddle_record_append_sent(struct heddle_buffer *out, uint64_t token,
                               const struct heddle_ledger_rows *rows);
void heddle_record_append_outcome(struct heddle_buffer *out, uint64_t token, enum heddle_verdict verdict,
                                  const struct heddle_ledger_sums *sums);
void heddle_record_append_done(struct heddle_buffer *out, uint64_t batch);

void heddle_segment_append_header(struct heddle_buffer *out, uint64_t number, bool anew);

/* Appends `length` bytes of records as the block that will stand at `offset` of segment `number`. */
void heddle_segment_append_block(struct heddle_buffer *out, uint64_t number, uint64_t offset,
                                 const void *records, size_t length);

/* Appends the seal at `offset`, behind `blocks` blocks. */
void heddle_segment_append_seal(struct heddle_buffer *out, uint64_t number, uint64_t offset, uint64_t blocks);

/* ---- reading ---- */

/* The bytes of a segment, and how far they were read. {.bytes, .length, .number, .name} is a fresh one. */
struct heddle_segment {
    const uint8_t *bytes;
    size_t length;
    uint64_t number;  /* that its name says */
    const char *name; /* for messages */
    bool anew;
    bool sealed;      /* its seal was read */
    size_t good;      /* up to here everything is whole */
    uint64_t blocks;  /* that were read */
    const char *torn; /* why the bytes from `good` on are no block; NULL: there are none */
};

/* Reads the header. HEDDLE_END where the segment is a write that was cut short before its first block (`torn` says why).
 * Errors: HEDDLE_IO (another version, named; no journal; damage). */
HEDDLE_MUST_CHECK int heddle_segment_open(struct heddle_segment *segment, struct heddle_error *error);

/* The records of the next block. HEDDLE_END behind the last whole one: `torn` says whether there is more.
 * Errors: HEDDLE_IO (damage with a good block behind it, or bytes behind the seal: file and offset). */
HEDDLE_MUST_CHECK int heddle_segment_next(struct heddle_segment *segment,
                                          struct heddle_byte_reader *records_out, struct heddle_error *error);

/* The next record of a block. HEDDLE_END behind the last. Errors: HEDDLE_IO (a record that is none). */
HEDDLE_MUST_CHECK int heddle_record_read(struct heddle_byte_reader *records,
                                         struct heddle_journal_record *record_out,
                                         struct heddle_error *error);

#endif
