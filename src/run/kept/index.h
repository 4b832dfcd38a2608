/* index.h: what earlier runs kept of a micro-batch: where each vector lies, and which texts were taken up. Private to run/.
 *
 * Memory: 48 bytes a block of vectors (a block is what one call embedded: 256 rows as a rule).
 * Threads: filled by one; then any number may ask.
 */
#ifndef HEDDLE_RUN_KEPT_INDEX_H
#define HEDDLE_RUN_KEPT_INDEX_H

#include "run/journal/positions.h"

enum { HEDDLE_KEPT_NAME_MAX = 80 };

/* A file's name in numbers: `part` is 0 for a .started file. */
struct heddle_kept_name {
    uint64_t batch;
    uint32_t run;
    uint32_t part;
};

/* Writes the name to `out` and answers it. */
const char *heddle_kept_name_text(char out[static HEDDLE_KEPT_NAME_MAX], const struct heddle_kept_name *name);

/* False where the text is no such name. */
bool heddle_kept_name_parse(const char *text, struct heddle_kept_name *out);

struct heddle_kept_entry {
    uint64_t slot;
    uint64_t lowest, highest; /* positions */
    struct heddle_kept_name file;
    uint64_t offset; /* of the block's head */
};

struct heddle_kept_started {
    uint64_t slot;
    struct heddle_position_set positions;
    uint64_t times; /* texts taken up, each time counted */
};

struct heddle_kept_index {
    struct heddle_kept_entry *entries; /* by slot and lowest position, once sorted */
    size_t entry_count;
    size_t entry_capacity;
    uint64_t span; /* the most positions from lowest to highest */
    struct heddle_kept_started *started;
    size_t started_count;
    size_t started_capacity;
};

/* Takes a file in; `folder` is an open directory. False in *good_out: it is no file of this identity. A damaged end is passed
 * over. Errors: HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_kept_index_add(struct heddle_kept_index *index, int folder,
                                            const struct heddle_kept_name *name, const char *identity,
                                            bool *good_out, struct heddle_error *error);

/* Once, behind the last file. */
void heddle_kept_index_sort(struct heddle_kept_index *index);

/* The first entry that may hold position `first` or a later one of this slot; entry_count where there is none. */
size_t heddle_kept_index_place(const struct heddle_kept_index *index, uint64_t slot, uint64_t first);

bool heddle_kept_index_was_started(const struct heddle_kept_index *index, uint64_t slot, uint64_t position);

/* How often a text was taken up that had been taken up before. */
uint64_t heddle_kept_index_again(const struct heddle_kept_index *index);

void heddle_kept_index_free(struct heddle_kept_index *index); /* leaves {0} */

#endif
