/* text_source.h: what sources of text lines share: files in order, ordinals, batches without gaps, rejects.
 *
 * A kind (CSV, JSON lines) takes one row after the other; this part makes batches of them. Private to
 * src/source/files.
 */
#ifndef HEDDLE_SOURCE_FILES_TEXT_SOURCE_H
#define HEDDLE_SOURCE_FILES_TEXT_SOURCE_H

#include "column/builder.h"
#include "source/files/list.h"
#include "source/files/text_input.h"
#include "source/reader.h"

struct heddle_text_source;

struct heddle_text_kind {
    /* Prepares for a file whose input has just been opened (reads its header). */
    int (*file_begin)(struct heddle_text_source *text, const char *path, struct heddle_error *error);
    /* Takes one row from the input: ends in row_done(), in reject() (*rejected_out = true), or in neither (a
     * blank line). HEDDLE_END at the end of the file. */
    int (*row_take)(struct heddle_text_source *text, bool *rejected_out, struct heddle_error *error);
};

/* Each kind's struct begins with it. */
struct heddle_text_source {
    struct heddle_source base;
    const struct heddle_text_kind *kind;
    struct heddle_file_list files;
    size_t file; /* the file being read, or the next one */
    bool open;
    struct heddle_text_input input;
    struct heddle_mirror_hold hold;  /* of the file being read */
    uint64_t ordinal;                /* of the next row of the file */
    struct heddle_builder *builders; /* one a column, in the source's arena */
    size_t rows;                     /* collected for the batch, */
    uint64_t first_row;              /* the ordinal of the first of them, */
    size_t bytes;                    /* and how long they are */
};

/* Counts a row that was appended to the builders; `length` = its bytes in the file. */
void heddle_text_source_row_done(struct heddle_text_source *text, size_t length);

/* Rejects the row at the start of the window and counts it; the caller takes its bytes. */
HEDDLE_MUST_CHECK int heddle_text_source_reject(struct heddle_text_source *text, size_t length,
                                                const char *code, const char *reason,
                                                struct heddle_error *error);

/* Opens a file of the source as its input. Errors: those of heddle_text_input_open() and heddle_mirror_hold(). */
HEDDLE_MUST_CHECK int heddle_text_source_input_open(struct heddle_text_source *text, const char *path,
                                                    struct heddle_error *error);

/* heddle_reader.next of every kind. */
int heddle_text_source_next(struct heddle_source *source, size_t rows_max, struct heddle_batch **batch_out,
                            struct heddle_error *error);

/* Frees input, builders and the struct itself. */
void heddle_text_source_end(struct heddle_text_source *text);

#endif
