/* safetensors.c: mapping a weights file and believing nothing in it until it is checked. */
#include "model/safetensors.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>

#include "base/memory.h"
#include "model/model_file.h"

/* The format's own limit on the header, and the length of the number before it. */
enum { HEADER_MAX = 100 * 1000 * 1000, HEADER_LENGTH_BYTES = 8 };

struct heddle_safetensors {
    char *path;
    uint8_t *map;
    size_t size;
    size_t data_start;
    json_t *header; /* owns the names */
    struct heddle_tensor *tensors;
    size_t count;
};

static const struct {
    const char *name;
    enum heddle_dtype dtype;
    size_t size;
} dtypes[] = {
    {"F32", HEDDLE_DTYPE_F32, 4},    {"F16", HEDDLE_DTYPE_F16, 2},       {"BF16", HEDDLE_DTYPE_BF16, 2},
    {"F64", HEDDLE_DTYPE_OTHER, 8},  {"I64", HEDDLE_DTYPE_OTHER, 8},     {"U64", HEDDLE_DTYPE_OTHER, 8},
    {"I32", HEDDLE_DTYPE_OTHER, 4},  {"U32", HEDDLE_DTYPE_OTHER, 4},     {"I16", HEDDLE_DTYPE_OTHER, 2},
    {"U16", HEDDLE_DTYPE_OTHER, 2},  {"I8", HEDDLE_DTYPE_OTHER, 1},      {"U8", HEDDLE_DTYPE_OTHER, 1},
    {"BOOL", HEDDLE_DTYPE_OTHER, 1}, {"F8_E4M3", HEDDLE_DTYPE_OTHER, 1}, {"F8_E5M2", HEDDLE_DTYPE_OTHER, 1},
};

static int damaged(const struct heddle_safetensors *file, struct heddle_error *error, const char *what)
{
    return heddle_error_set(error, HEDDLE_MODEL, "weights file %s is damaged or cut short: %s; %s",
                            file->path, what, HEDDLE_MODEL_REMEDY);
}

static int bad_tensor(const struct heddle_safetensors *file, struct heddle_error *error, const char *name,
                      const char *what)
{
    return heddle_error_set(error, HEDDLE_MODEL, "weights file %s: tensor %.80s %s; %s", file->path, name,
                            what, HEDDLE_MODEL_REMEDY);
}

static int map_file(struct heddle_safetensors *file, struct heddle_error *error)
{
    const int descriptor = open(file->path, O_RDONLY | O_CLOEXEC);
    struct stat status;
    if (descriptor < 0 || fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode)) {
        const int reason = descriptor < 0 ? errno : EINVAL;
        if (descriptor >= 0) {
            close(descriptor);
        }
        return heddle_error_set(error, HEDDLE_MODEL, "cannot read weights file %s (%s): %s", file->path,
                                strerror(reason), HEDDLE_MODEL_REMEDY);
    }
    file->size = (size_t)status.st_size;
    void *map = file->size == 0 ? NULL : mmap(NULL, file->size, PROT_READ, MAP_PRIVATE, descriptor, 0);
    const int reason = errno;
    close(descriptor);
    if (map == MAP_FAILED) {
        return heddle_error_set(error, HEDDLE_MODEL, "cannot map weights file %s: %s", file->path,
                                strerror(reason));
    }
    file->map = map;
    return HEDDLE_OK;
}

static int read_header(struct heddle_safetensors *file, struct heddle_error *error)
{
    if (file->size < HEADER_LENGTH_BYTES) {
        return damaged(file, error, "it has no header");
    }
    uint64_t length = 0;
    for (size_t i = 0; i < HEADER_LENGTH_BYTES; i++) {
        length |= (uint64_t)file->map[i] << (8 * i);
    }
    if (length > HEADER_MAX || length > file->size - HEADER_LENGTH_BYTES) {
        return damaged(file, error, "its header is longer than the file or the format allows");
    }
    const char *text = (const char *)file->map + HEADER_LENGTH_BYTES;
    if (length == 0 || text[0] != '{') {
        return damaged(file, error, "its header is not JSON (is it a safetensors file?)");
    }
    HEDDLE_TRY(heddle_model_json_parse(text, (size_t)length, file->path, &file->header, error));
    file->data_start = HEADER_LENGTH_BYTES + (size_t)length;
    return HEDDLE_OK;
}

static int read_dtype(const struct heddle_safetensors *file, const json_t *entry,
                      struct heddle_tensor *tensor, size_t *size_out, struct heddle_error *error)
{
    const char *name = json_string_value(json_object_get(entry, "dtype"));
    for (size_t i = 0; name != NULL && i < sizeof dtypes / sizeof dtypes[0]; i++) {
        if (strcmp(dtypes[i].name, name) == 0) {
            tensor->dtype = dtypes[i].dtype;
            *size_out = dtypes[i].size;
            return HEDDLE_OK;
        }
    }
    return bad_tensor(file, error, tensor->name, "has a dtype that is missing or unknown");
}

/* Reads shape and count; an element count that overflows is an error. */
static int read_shape(const struct heddle_safetensors *file, const json_t *entry,
                      struct heddle_tensor *tensor, struct heddle_error *error)
{
    const json_t *shape = json_object_get(entry, "shape");
    if (!json_is_array(shape) || json_array_size(shape) > HEDDLE_TENSOR_RANK_MAX) {
        return bad_tensor(file, error, tensor->name, "has no shape, or one of too many dimensions");
    }
    tensor->rank = json_array_size(shape);
    tensor->count = 1;
    for (size_t i = 0; i < tensor->rank; i++) {
        const json_t *extent = json_array_get(shape, i);
        if (!json_is_integer(extent) || json_integer_value(extent) < 0) {
            return bad_tensor(file, error, tensor->name, "has a shape that is not whole numbers");
        }
        tensor->shape[i] = (size_t)json_integer_value(extent);
        if (__builtin_mul_overflow(tensor->count, tensor->shape[i], &tensor->count)) {
            return bad_tensor(file, error, tensor->name, "is larger than memory");
        }
    }
    return HEDDLE_OK;
}

static int read_offsets(const struct heddle_safetensors *file, const json_t *entry, size_t element_size,
                        struct heddle_tensor *tensor, struct heddle_error *error)
{
    const json_t *offsets = json_object_get(entry, "data_offsets");
    const json_t *begin = json_array_get(offsets, 0);
    const json_t *end = json_array_get(offsets, 1);
    if (json_array_size(offsets) != 2 || !json_is_integer(begin) || !json_is_integer(end) ||
        json_integer_value(begin) < 0 || json_integer_value(end) < json_integer_value(begin)) {
        return bad_tensor(file, error, tensor->name, "has no valid data_offsets");
    }
    const size_t data_bytes = file->size - file->data_start;
    if ((uint64_t)json_integer_value(end) > data_bytes) {
        return bad_tensor(file, error, tensor->name, "ends behind the end of the file, which is cut short");
    }
    size_t expected = 0;
    tensor->bytes = (size_t)(json_integer_value(end) - json_integer_value(begin));
    if (__builtin_mul_overflow(tensor->count, element_size, &expected) || expected != tensor->bytes) {
        return bad_tensor(file, error, tensor->name, "has data of another length than its shape");
    }
    tensor->offset = file->data_start + (size_t)json_integer_value(begin);
    tensor->data = file->map + tensor->offset;
    return HEDDLE_OK;
}

static int compare_offsets(const void *left, const void *right)
{
    const struct heddle_tensor *a = left;
    const struct heddle_tensor *b = right;
    if (a->offset != b->offset) {
        return a->offset < b->offset ? -1 : 1;
    }
    return a->bytes < b->bytes ? -1 : a->bytes > b->bytes;
}

static int check_cover(struct heddle_safetensors *file, struct heddle_error *error)
{
    qsort(file->tensors, file->count, sizeof *file->tensors, compare_offsets);
    size_t end = file->data_start;
    for (size_t i = 0; i < file->count; i++) {
        if (file->tensors[i].offset != end) {
            return bad_tensor(file, error, file->tensors[i].name,
                              "overlaps another, or leaves a hole before it");
        }
        end += file->tensors[i].bytes;
    }
    if (end != file->size) {
        return damaged(file, error, "there are bytes behind the last tensor");
    }
    return HEDDLE_OK;
}

static int read_tensors(struct heddle_safetensors *file, struct heddle_error *error)
{
    file->tensors = heddle_calloc(json_object_size(file->header) + 1, sizeof *file->tensors);
    if (file->tensors == NULL) {
        return heddle_error_out_of_memory(error);
    }
    const char *name = NULL;
    json_t *entry = NULL;
    json_object_foreach(file->header, name, entry)
    {
        if (strcmp(name, "__metadata__") == 0) {
            continue;
        }
        struct heddle_tensor *tensor = &file->tensors[file->count];
        size_t element_size = 0;
        tensor->name = name;
        HEDDLE_TRY(read_dtype(file, entry, tensor, &element_size, error));
        HEDDLE_TRY(read_shape(file, entry, tensor, error));
        HEDDLE_TRY(read_offsets(file, entry, element_size, tensor, error));
        file->count++;
    }
    return check_cover(file, error);
}

int heddle_safetensors_open(const char *path, struct heddle_safetensors **file_out,
                            struct heddle_error *error)
{
    struct heddle_safetensors *file = heddle_calloc(1, sizeof *file);
    if (file == NULL) {
        return heddle_error_out_of_memory(error);
    }
    file->path = heddle_strdup(path);
    int status = file->path == NULL ? heddle_error_out_of_memory(error) : map_file(file, error);
    if (status == HEDDLE_OK) {
        status = read_header(file, error);
    }
    if (status == HEDDLE_OK) {
        status = read_tensors(file, error);
    }
    if (status != HEDDLE_OK) {
        heddle_safetensors_close(file);
        return status;
    }
    *file_out = file;
    return HEDDLE_OK;
}

void heddle_safetensors_close(struct heddle_safetensors *file)
{
    if (file == NULL) {
        return;
    }
    if (file->map != NULL) {
        munmap(file->map, file->size);
    }
    json_decref(file->header);
    free(file->tensors);
    free(file->path);
    free(file);
}

const struct heddle_tensor *heddle_safetensors_find(const struct heddle_safetensors *file, const char *name)
{
    for (size_t i = 0; i < file->count; i++) {
        if (strcmp(file->tensors[i].name, name) == 0) {
            return &file->tensors[i];
        }
    }
    return NULL;
}

const struct heddle_tensor *heddle_safetensors_tensors(const struct heddle_safetensors *file,
                                                       size_t *count_out)
{
    *count_out = file->count;
    return file->tensors;
}

int heddle_safetensors_expect(const struct heddle_safetensors *file, const char *name, size_t rows,
                              size_t columns, const struct heddle_tensor **tensor_out,
                              struct heddle_error *error)
{
    const struct heddle_tensor *tensor = heddle_safetensors_find(file, name);
    if (tensor == NULL) {
        return bad_tensor(file, error, name, "is missing");
    }
    if (tensor->dtype == HEDDLE_DTYPE_OTHER) {
        return bad_tensor(file, error, name, "has a dtype other than F32, F16 and BF16");
    }
    const size_t rank = columns == 0 ? 1 : 2;
    if (tensor->rank != rank || tensor->shape[0] != rows || (rank == 2 && tensor->shape[1] != columns)) {
        return heddle_error_set(
            error, HEDDLE_MODEL,
            "weights file %s: tensor %.80s has another shape than config.json says (%zu x %zu "
            "expected); %s",
            file->path, name, rows, columns == 0 ? 1 : columns, HEDDLE_MODEL_REMEDY);
    }
    *tensor_out = tensor;
    return HEDDLE_OK;
}

/* IEEE 754 binary16 to binary32, exactly. The bits are put where a float has them; the multiplication by 2^112 moves the
 * exponent's bias from 15 to 127, and makes normal numbers of subnormal ones (as in F. Giesen, "Half to float done quic"). */
static float float_of_half(uint16_t half)
{
    uint32_t bits = (uint32_t)(half & 0x7fff) << 13;
    float value = 0;
    memcpy(&value, &bits, sizeof value);
    value *= 0x1p112f;
    memcpy(&bits, &value, sizeof bits);
    bits |= (half & 0x7c00) == 0x7c00 ? 0x7f800000u : 0; /* infinite or NaN stays so */
    bits |= (uint32_t)(half & 0x8000) << 16;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static float float_of_bfloat(uint16_t bfloat)
{
    const uint32_t bits = (uint32_t)bfloat << 16;
    float value = 0;
    memcpy(&value, &bits, sizeof value);
    return value;
}

void heddle_tensor_to_float(const struct heddle_tensor *tensor, size_t first, size_t count, float *values_out)
{
    const uint8_t *bytes = tensor->data;
    if (tensor->dtype == HEDDLE_DTYPE_F32) {
        memcpy(values_out, bytes + first * sizeof(float), count * sizeof(float));
        return;
    }
    for (size_t i = 0; i < count; i++) {
        uint16_t word = 0;
        memcpy(&word, bytes + (first + i) * sizeof word, sizeof word);
        values_out[i] = tensor->dtype == HEDDLE_DTYPE_F16 ? float_of_half(word) : float_of_bfloat(word);
    }
}

/* Four numbers as their bits, which every CPU here has a vector of. */
typedef uint32_t quad __attribute__((vector_size(16)));

/* NaN and infinity are the numbers whose exponent is all ones: with one more it runs over into the sign. */
bool heddle_floats_are_finite(const void *values, size_t count)
{
    enum { LANES = 4, QUADS = 4, STEP = LANES * QUADS };
    const uint32_t exponent = 0x7f800000u;
    const uint32_t one_more = 0x00800000u;
    const uint8_t *bytes = values;
    quad over[QUADS] = {0};
    size_t i = 0;
    for (; i + STEP <= count; i += STEP) {
#pragma GCC unroll 4
        for (size_t q = 0; q < QUADS; q++) {
            quad bits;
            memcpy(&bits, bytes + (i + q * LANES) * sizeof(float), sizeof bits);
            over[q] |= (bits & exponent) + one_more;
        }
    }
    over[0] |= over[1] | over[2] | over[3];
    uint32_t any = over[0][0] | over[0][1] | over[0][2] | over[0][3];
    for (; i < count; i++) {
        uint32_t bits = 0;
        memcpy(&bits, bytes + i * sizeof bits, sizeof bits);
        any |= (bits & exponent) + one_more;
    }
    return any >> 31 == 0;
}

void heddle_safetensors_forget(struct heddle_safetensors *file)
{
    (void)madvise(file->map, file->size, MADV_DONTNEED); /* a hint: nothing is lost where it fails */
}

const char *heddle_safetensors_path(const struct heddle_safetensors *file)
{
    return file->path;
}

size_t heddle_safetensors_bytes(const struct heddle_safetensors *file)
{
    return file->size;
}
