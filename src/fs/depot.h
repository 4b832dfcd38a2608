/* depot.h: where a load keeps what its next run needs: a folder, a volume that can do less than a folder, or an object store.
 *
 *     heddle_depot_open("s3://bucket/checkpoints/fleet", &settings, &depot, &error);
 *     heddle_depot_create(depot, "s3://bucket/checkpoints/fleet/offsets/0", text, length, &error);
 *
 * Files are named by their whole path, which begins with the depot's place: so messages hold it, and a caller that works on
 * plain folders needs no second way. In place of a depot NULL stands for any folder of this machine that can do everything
 * (base/file.h).
 *
 * What a volume can do is tried, once, when it is opened, never guessed from its name: append, lock, rename.
 *
 * Threads: any number at once (one request at a time goes to a store).
 */
#ifndef HEDDLE_FS_DEPOT_H
#define HEDDLE_FS_DEPOT_H

#include "fs/fs.h"

struct heddle_depot;

/* Opens `place`; a folder is made where it is missing, and tried. Settings (NULL = none) are copied; what they point to is
 * borrowed until close. Errors: HEDDLE_INVALID (no place for files: https, an unknown scheme), HEDDLE_IO (not writable),
 * HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_depot_open(const char *place, const struct heddle_fs_settings *settings,
                                        struct heddle_depot **depot_out, struct heddle_error *error);

/* The same for one who only reads: nothing is made or tried. */
HEDDLE_MUST_CHECK int heddle_depot_open_to_read(const char *place, const struct heddle_fs_settings *settings,
                                                struct heddle_depot **depot_out, struct heddle_error *error);

/* One more of the same place with a connection of its own, for another thread that must not wait. */
HEDDLE_MUST_CHECK int heddle_depot_twin(const struct heddle_depot *depot, struct heddle_depot **twin_out,
                                        struct heddle_error *error);

/* Without slashes at its end. Borrowed. NULL for no depot. */
const char *heddle_depot_place(const struct heddle_depot *depot);

bool heddle_depot_is_store(const struct heddle_depot *depot); /* nothing of it is a path of this machine */
bool heddle_depot_appends(const struct heddle_depot *depot);
bool heddle_depot_locks(const struct heddle_depot *depot);

/* Appends the whole file, of at most `bytes_max` bytes. *found_out (may be NULL) = it is there; an absent file is no error
 * where found_out is given. Errors: HEDDLE_IO (absent, refused, larger), HEDDLE_NETWORK, HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_depot_read(struct heddle_depot *depot, const char *path, size_t bytes_max,
                                        struct heddle_buffer *out, bool *found_out,
                                        struct heddle_error *error);

/* Makes a file that must not be there yet: seen whole or not at all, kept when it returns. Errors: HEDDLE_CLOSED (it is there),
 * HEDDLE_IO, HEDDLE_NETWORK, HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_depot_create(struct heddle_depot *depot, const char *path, const void *bytes,
                                          size_t length, struct heddle_error *error);

/* Makes a file in place of one of that name. Errors: as above. */
HEDDLE_MUST_CHECK int heddle_depot_write(struct heddle_depot *depot, const char *path, const void *bytes,
                                         size_t length, struct heddle_error *error);

/* Removes a file; no error where it is not there. Errors: as above. */
HEDDLE_MUST_CHECK int heddle_depot_remove(struct heddle_depot *depot, const char *path,
                                          struct heddle_error *error);

/* Calls `add` for each file right below `folder` (`deep`: in folders below it too); names are relative to it. A folder that
 * is not there is an empty one. `add` must not use the depot. Errors: as above, those of `add`. */
HEDDLE_MUST_CHECK int heddle_depot_list(struct heddle_depot *depot, const char *folder, bool deep,
                                        heddle_fs_add *add, void *context, struct heddle_error *error);

/* Makes a folder, and those above it; stores have none. Errors: HEDDLE_IO. */
HEDDLE_MUST_CHECK int heddle_depot_make_folder(struct heddle_depot *depot, const char *path,
                                               struct heddle_error *error);

void heddle_depot_close(struct heddle_depot *depot); /* NULL is a no-op */

#endif
