/* onnx_api.h: ONNX Runtime, loaded at run time: the few functions of its C API that are needed, declared here.
 *
 * The library exports one function, OrtGetApiBase; behind it stands a table of function pointers, to which each version only
 * adds at the end, so that a slot's number never changes. Every function but the releasing ones answers NULL or a status
 * that has to be released.
 *
 * Threads: a loaded table is immutable. The library stays loaded for the life of the process: its threads and destructors
 * would not survive its unloading.
 */
#ifndef HEDDLE_MODEL_ONNX_ONNX_API_H
#define HEDDLE_MODEL_ONNX_ONNX_API_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* Opaque, all of them; told apart by the struct's name only. */
struct onnx_status;
struct onnx_env;
struct onnx_session;
struct onnx_session_options;
struct onnx_run_options;
struct onnx_value;
struct onnx_memory_info;
struct onnx_allocator;
struct onnx_type_info;
struct onnx_shape; /* OrtTensorTypeAndShapeInfo */

/* Constants of the C API. */
enum {
    ONNX_API_VERSION = 16, /* of September 2023; all slots below are older */
    ONNX_LOG_FATAL = 4,
    ONNX_OPTIMIZE_ALL = 99,
    ONNX_TYPE_FLOAT = 1,
    ONNX_TYPE_INT32 = 6,
    ONNX_TYPE_INT64 = 7,
    ONNX_ALLOCATOR_ARENA = 1,
    ONNX_MEMORY_DEFAULT = 0,
};

/* NAME, slot, parameters: functions that answer a status. */
#define HEDDLE_ONNX_FUNCTIONS(X)                                                                             \
    X(create_env, 3, (int level, const char *id, struct onnx_env **out))                                     \
    X(create_session, 7,                                                                                     \
      (const struct onnx_env *env, const char *path, const struct onnx_session_options *options,             \
       struct onnx_session **out))                                                                           \
    X(run, 9,                                                                                                \
      (struct onnx_session * session, const struct onnx_run_options *options, const char *const *inputs,     \
       const struct onnx_value *const *values, size_t input_count, const char *const *outputs,               \
       size_t output_count, struct onnx_value **values_out))                                                 \
    X(create_session_options, 10, (struct onnx_session_options * *out))                                      \
    X(set_optimization, 23, (struct onnx_session_options * options, int level))                              \
    X(set_intra_threads, 24, (struct onnx_session_options * options, int threads))                           \
    X(set_inter_threads, 25, (struct onnx_session_options * options, int threads))                           \
    X(input_count, 30, (const struct onnx_session *session, size_t *out))                                    \
    X(output_count, 31, (const struct onnx_session *session, size_t *out))                                   \
    X(input_type, 33, (const struct onnx_session *session, size_t index, struct onnx_type_info **out))       \
    X(output_type, 34, (const struct onnx_session *session, size_t index, struct onnx_type_info **out))      \
    X(input_name, 36,                                                                                        \
      (const struct onnx_session *session, size_t index, struct onnx_allocator *allocator, char **out))      \
    X(output_name, 37,                                                                                       \
      (const struct onnx_session *session, size_t index, struct onnx_allocator *allocator, char **out))      \
    X(create_tensor, 49,                                                                                     \
      (const struct onnx_memory_info *memory, void *data, size_t bytes, const int64_t *shape, size_t rank,   \
       int type, struct onnx_value **out))                                                                   \
    X(tensor_data, 51, (struct onnx_value * value, void **out))                                              \
    X(type_shape, 55, (const struct onnx_type_info *info, const struct onnx_shape **out))                    \
    X(element_type, 60, (const struct onnx_shape *shape, int *out))                                          \
    X(rank, 61, (const struct onnx_shape *shape, size_t *out))                                               \
    X(dimensions, 62, (const struct onnx_shape *shape, int64_t *out, size_t rank))                           \
    X(value_shape, 65, (const struct onnx_value *value, struct onnx_shape **out))                            \
    X(create_cpu_memory, 69, (int allocator, int kind, struct onnx_memory_info **out))                       \
    X(allocator_free, 76, (struct onnx_allocator * allocator, void *memory))                                 \
    X(default_allocator, 78, (struct onnx_allocator * *out))

/* NAME, slot, struct: functions that release one, and answer nothing. */
#define HEDDLE_ONNX_RELEASES(X)                                                                              \
    X(release_env, 92, onnx_env)                                                                             \
    X(release_status, 93, onnx_status)                                                                       \
    X(release_memory_info, 94, onnx_memory_info)                                                             \
    X(release_session, 95, onnx_session)                                                                     \
    X(release_value, 96, onnx_value)                                                                         \
    X(release_type_info, 98, onnx_type_info)                                                                 \
    X(release_shape, 99, onnx_shape)                                                                         \
    X(release_session_options, 100, onnx_session_options)

struct heddle_onnx_api {
#define HEDDLE_ONNX_MEMBER(name, slot, parameters) struct onnx_status *(*name)parameters;
    HEDDLE_ONNX_FUNCTIONS(HEDDLE_ONNX_MEMBER)
#undef HEDDLE_ONNX_MEMBER
#define HEDDLE_ONNX_MEMBER(name, slot, kind) void (*name)(struct kind *);
    HEDDLE_ONNX_RELEASES(HEDDLE_ONNX_MEMBER)
#undef HEDDLE_ONNX_MEMBER
    const char *(*error_message)(const struct onnx_status *status); /* slot 2 */
    char version[32];                                               /* "1.31.1" */
};

/* Finds and loads the library: `library` (a file, or a folder: that of the library, or of a Python environment with the
 * package onnxruntime) where it is not NULL; else beside this program and its libraries, where the loader looks, and in the
 * system's Python packages. The environment is not read.
 * Errors: HEDDLE_MODEL (not found, not loadable, not ONNX Runtime, too old: with the remedy). */
HEDDLE_MUST_CHECK int heddle_onnx_load(const char *library, struct heddle_onnx_api *api_out,
                                       struct heddle_error *error);

/* Turns what a function of the table answered into HEDDLE_OK, or HEDDLE_MODEL with "`what`: message", and releases it. */
HEDDLE_MUST_CHECK int heddle_onnx_check(const struct heddle_onnx_api *api, struct onnx_status *answered,
                                        const char *what, struct heddle_error *error);

#endif
