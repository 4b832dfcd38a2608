/* safetensors.h: reading the weights of a model.
 *
 * Format (huggingface/safetensors): u64 little-endian header length N, N bytes of JSON {name: {dtype, shape,
 * data_offsets: [begin, end)}, "__metadata__": {…}}, then the data, which the offsets count from. The tensors must
 * cover the data exactly: no hole, no overlap, no byte left.
 *
 * The file is mapped, never copied; it must not be cut while it is open.
 * Threads: immutable after open().
 */
#ifndef HEDDLE_MODEL_SAFETENSORS_H
#define HEDDLE_MODEL_SAFETENSORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct heddle_safetensors;

enum { HEDDLE_TENSOR_RANK_MAX = 8 };

enum heddle_dtype {
    HEDDLE_DTYPE_F32,
    HEDDLE_DTYPE_F16,
    HEDDLE_DTYPE_BF16,
    HEDDLE_DTYPE_OTHER, /* of a known size, but never read by us (indices) */
};

struct heddle_tensor {
    const char *name;
    enum heddle_dtype dtype;
    size_t rank;
    size_t shape[HEDDLE_TENSOR_RANK_MAX];
    size_t count;     /* elements */
    size_t offset;    /* of the first byte, from the start of the file */
    size_t bytes;     /* length */
    const void *data; /* in the mapping; may be aligned to 1 byte only */
};

/* Maps and checks `path`. Errors: HEDDLE_MODEL (missing, cut short, or wrong: file and tensor named, with the
 * remedy), HEDDLE_OUT_OF_MEMORY. */
HEDDLE_MUST_CHECK int heddle_safetensors_open(const char *path, struct heddle_safetensors **file_out,
                                              struct heddle_error *error);

/* NULL is a no-op. */
void heddle_safetensors_close(struct heddle_safetensors *file);

/* The tensor called `name`, or NULL. Lives as long as the file. */
const struct heddle_tensor *heddle_safetensors_find(const struct heddle_safetensors *file, const char *name);

/* All tensors, in the order of their data. */
const struct heddle_tensor *heddle_safetensors_tensors(const struct heddle_safetensors *file,
                                                       size_t *count_out);

/* The tensor called `name`, which must be F32, F16 or BF16 of exactly this shape (columns 0: one dimension).
 * Errors: HEDDLE_MODEL. */
HEDDLE_MUST_CHECK int heddle_safetensors_expect(const struct heddle_safetensors *file, const char *name,
                                                size_t rows, size_t columns,
                                                const struct heddle_tensor **tensor_out,
                                                struct heddle_error *error);

/* Converts `count` elements of an F32, F16 or BF16 tensor from element `first` to float. */
void heddle_tensor_to_float(const struct heddle_tensor *tensor, size_t first, size_t count,
                            float *values_out);

/* False if one of `count` floats, which may be aligned to 1 byte only, is NaN or infinite. */
bool heddle_floats_are_finite(const void *values, size_t count);

/* Gives the memory of the pages read so far back to the system; they are read again from the file when touched. */
void heddle_safetensors_forget(struct heddle_safetensors *file);

const char *heddle_safetensors_path(const struct heddle_safetensors *file);
size_t heddle_safetensors_bytes(const struct heddle_safetensors *file);

#endif
