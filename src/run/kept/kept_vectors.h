/* kept_vectors.h: the vectors of a micro-batch that has not committed yet, kept on disk, so that a run that is killed loses no
 * embedding but what it was computing at that moment.
 *
 * In FOLDER lie, for micro-batch N,
 *   N-RUN-PART.vectors   vectors as they were computed, each with its row's position and a hash of its text
 *   N-RUN.started        which texts were taken up: what is in there and computed once more was embedded again
 *   again                how many that were, in the micro-batches that are committed: a number as text
 * RUN counts the runs of the micro-batch. Files are only ever appended to by the run that made them; a tail that was cut short
 * ends what is read of a file, and damage costs a computation, never a wrong vector: every block has a CRC, and a vector is used
 * only for the very text it was made of. Nothing is flushed: what a power cut takes is computed again.
 *
 * The space is bounded: beyond it the oldest parts of this run go, which hold rows that are most likely committed.
 *
 *   file   "heddleV\n", u32 version, u32 length of the identity, identity, u32 CRC-32 of the bytes before
 *   block  u32 mark, u32 length of what follows the head, u32 CRC-32 of the offset of the block, length and what follows;
 *          then LEB128 numbers slot, width (0 in a .started file), rows, length of the list of positions; the list
 *          (journal/positions.h); a u64 hash a row and the floats, row by row (.vectors only)
 *
 * The identity names the model, its precision and dimensions, and the load: files of another one are removed.
 *
 * Threads: find, start and keep by any number of threads at once; the others by the run's own.
 */
#ifndef HEDDLE_RUN_KEPT_VECTORS_H
#define HEDDLE_RUN_KEPT_VECTORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct heddle_kept_vectors;

/* Vectors between the embedder and their commit fill a few tens of MiB; this leaves room for slow servers. */
#define HEDDLE_KEPT_VECTORS_BYTES_MAX ((uint64_t)256 * 1024 * 1024)

struct heddle_kept_vectors_options {
    const char *folder; /* made when the first vector is kept */
    uint64_t batch;
    const char *identity;
    bool keep;          /* false: only notes which texts were taken up */
    uint64_t bytes_max; /* 0: HEDDLE_KEPT_VECTORS_BYTES_MAX */
    bool ahead;         /* the micro-batch before this one is still open, and keeps its files */
};

struct heddle_kept_vectors_statistics {
    uint64_t found;    /* vectors that an earlier run had computed */
    uint64_t again;    /* texts taken up that an earlier run had taken up: by all runs of the load, so far */
    uint64_t kept;     /* vectors written */
    char problem[256]; /* why vectors are no longer kept; "" in most cases */
};

/* Reads which vectors earlier runs of this micro-batch left; removes the files of other ones, but for the next one's, which an
 * earlier run may have begun to embed ahead. Damaged or foreign files are no
 * error: they are removed or passed over. Errors: HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_kept_vectors_open(const struct heddle_kept_vectors_options *options,
                                               struct heddle_kept_vectors **kept_out,
                                               struct heddle_error *error);

/* The micro-batch before the one that was opened ahead is committed: its counts are read. */
void heddle_kept_vectors_take_over(struct heddle_kept_vectors *kept);

/* One text column of one source, and the width of its vectors (floats). */
struct heddle_kept_column {
    uint64_t slot; /* a number of the caller's, the same in each run */
    size_t width;
};

/* Looks for the vectors of rows position .. position + rows - 1. hashes: heddle_hash_bytes() of each text, 0 for a row that needs
 * none. vectors: float[rows * width], row-major; found[row] is set to 1 where a vector was put there, else left.
 * Answers how many were found. */
size_t heddle_kept_vectors_find(struct heddle_kept_vectors *kept, const struct heddle_kept_column *column,
                                uint64_t position, size_t rows, const uint64_t *hashes, float *vectors,
                                uint8_t *found);

/* The texts of these rows (ascending) are about to be embedded. */
void heddle_kept_vectors_start(struct heddle_kept_vectors *kept, const struct heddle_kept_column *column,
                               const uint64_t *positions, size_t count);

/* They are: vectors as float[count * width]. */
void heddle_kept_vectors_keep(struct heddle_kept_vectors *kept, const struct heddle_kept_column *column,
                              const uint64_t *positions, const uint64_t *hashes, const float *vectors,
                              size_t count);

void heddle_kept_vectors_statistics(struct heddle_kept_vectors *kept,
                                    struct heddle_kept_vectors_statistics *out);

/* The micro-batch is committed: removes its files. Call close() all the same. */
void heddle_kept_vectors_finish(struct heddle_kept_vectors *kept);

void heddle_kept_vectors_close(struct heddle_kept_vectors *kept); /* NULL is a no-op */

#endif
