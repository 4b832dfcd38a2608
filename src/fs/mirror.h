/* mirror.h: what is read of a store, kept on disk within a bound.
 *
 * A mirror is a local folder that looks like the folder of the store that a URI names: a file appears in it when it is first
 * held, and stays until its room is needed. So readers open ordinary files, and a retry of theirs asks nobody.
 *
 * What is kept below the cache folder is shared by all mirrors and processes, and together never more than `cache_bytes`: before
 * a file comes in, those that were used longest ago and that nobody holds go out. A held file is locked (flock, shared), which
 * other processes see.
 *
 * A file of the latest listing is as that listing says (size and etag; the etag's hash stands in the nanoseconds of the
 * copy's modification time, whose milliseconds are the store's); one that was not listed is believed unchanged while its size
 * is as expected: such names (a Delta table's files) are never written twice.
 *
 * Threads: one mirror, one thread at a time; mirrors share nothing but the disk.
 */
#ifndef HEDDLE_FS_MIRROR_H
#define HEDDLE_FS_MIRROR_H

#include "fs/fs.h"

struct heddle_mirror;

static const uint64_t HEDDLE_MIRROR_BYTES = UINT64_C(4) << 30;

/* A file that is in use. {.lock = -1} holds nothing. */
struct heddle_mirror_hold {
    int lock;
};

/* Opens the mirror of a URI's folder; nothing is asked yet. Errors: HEDDLE_INVALID (URI; no cache folder can be told),
 * HEDDLE_IO (the cache folder cannot be made), HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_mirror_open(const char *uri, const struct heddle_fs_settings *settings,
                                         struct heddle_mirror **mirror_out, struct heddle_error *error);

/* The local folder, and the URI that it stands for (without its query); neither has a slash at its end. Borrowed. */
const char *heddle_mirror_folder(const struct heddle_mirror *mirror);
const char *heddle_mirror_uri(const struct heddle_mirror *mirror);

/* As heddle_fs_list() and heddle_fs_find(), and keeps what was listed for hold(). A listing forgets the one before. */
HEDDLE_MUST_CHECK int heddle_mirror_list(struct heddle_mirror *mirror, const char *below, heddle_fs_add *add,
                                         void *context, struct heddle_error *error);
HEDDLE_MUST_CHECK int heddle_mirror_find(struct heddle_mirror *mirror, const char *name, bool *found_out,
                                         struct heddle_error *error);

/* What the last listing said of a file; false where it has none of that name. */
bool heddle_mirror_known(const struct heddle_mirror *mirror, const char *name,
                         struct heddle_fs_entry *entry_out);

/* Makes sure that the file `path`, which lies below the mirror's folder (by its name only), is there, and keeps it there until
 * released. `size`: what it should have, -1 = not known. Errors: those of heddle_fs_download(), HEDDLE_SOURCE (larger than
 * the cache may be), HEDDLE_IO. */
HEDDLE_MUST_CHECK int heddle_mirror_hold(struct heddle_mirror *mirror, const char *path, int64_t size,
                                         struct heddle_mirror_hold *hold, struct heddle_error *error);

/* Lets it go. A hold of nothing, or NULL, is a no-op. */
void heddle_mirror_release(struct heddle_mirror_hold *hold);

/* Bytes that were fetched through this mirror. */
uint64_t heddle_mirror_fetched(const struct heddle_mirror *mirror);

/* NULL is a no-op. */
void heddle_mirror_close(struct heddle_mirror *mirror);

#endif
