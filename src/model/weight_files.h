/* weight_files.h: the weights of one module, in one safetensors file or in several.
 *
 * A folder holds model.safetensors, or (large models) model.safetensors.index.json with {"weight_map": {tensor: file}} and the
 * files it names, called shards. pytorch_model.bin is refused: a pickle runs code when it is read.
 *
 * Threads: immutable after opening.
 */
#ifndef HEDDLE_MODEL_WEIGHT_FILES_H
#define HEDDLE_MODEL_WEIGHT_FILES_H

#include "model/safetensors.h"

struct heddle_weight_files;

/* Maps and checks every file. Errors: HEDDLE_MODEL (file and remedy named), HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_weight_files_open(const char *folder, struct heddle_weight_files **files_out,
                                               struct heddle_error *error);

/* NULL is a no-op. */
void heddle_weight_files_close(struct heddle_weight_files *files);

/* The tensor called `name`, or NULL. Lives as long as the files. */
const struct heddle_tensor *heddle_weight_files_find(const struct heddle_weight_files *files,
                                                     const char *name);

/* The only tensor whose name is `name` or ends in ".NAME"; NULL if there is none. Two of them: HEDDLE_MODEL. */
HEDDLE_MUST_CHECK int heddle_weight_files_find_ending(const struct heddle_weight_files *files,
                                                      const char *name,
                                                      const struct heddle_tensor **tensor_out,
                                                      struct heddle_error *error);

/* As heddle_safetensors_expect(), over all files. */
HEDDLE_MUST_CHECK int heddle_weight_files_expect(const struct heddle_weight_files *files, const char *name,
                                                 size_t rows, size_t columns,
                                                 const struct heddle_tensor **tensor_out,
                                                 struct heddle_error *error);

/* HEDDLE_MODEL if one of `count` floats (aligned to 1 byte only), which come from tensor `name`, is NaN or infinite. */
HEDDLE_MUST_CHECK int heddle_weight_files_check_finite(const struct heddle_weight_files *files,
                                                       const char *name, const void *values, size_t count,
                                                       struct heddle_error *error);

/* Gives the memory of the pages read so far back to the system. */
void heddle_weight_files_forget(struct heddle_weight_files *files);

/* The folder, for messages; and the size of all files together. */
const char *heddle_weight_files_folder(const struct heddle_weight_files *files);
size_t heddle_weight_files_bytes(const struct heddle_weight_files *files);

#endif
