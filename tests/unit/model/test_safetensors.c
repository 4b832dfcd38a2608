/* test_safetensors.c: a weights file is believed only where every number in it fits every other. */
#include "model_fixture.h"

#include "model/safetensors.h"

static char *directory;

/* Writes header + data with a right length and opens it; `reason` NULL: it must open. */
static void attempt(const char *header, size_t data_bytes, const char *reason)
{
    struct heddle_buffer all = {0};
    const uint64_t length = strlen(header);
    heddle_buffer_append(&all, &length, sizeof length);
    heddle_buffer_append_text(&all, header);
    for (size_t i = 0; i < data_bytes; i++) {
        heddle_buffer_append_byte(&all, 0);
    }
    write_bytes(directory, "weights", all.bytes, all.length);
    heddle_buffer_free(&all);
    char path[4200];
    snprintf(path, sizeof path, "%s/weights", directory);
    struct heddle_safetensors *file = NULL;
    struct heddle_error error = {0};
    const int status = heddle_safetensors_open(path, &file, &error);
    assert_int_equal(status, reason == NULL ? HEDDLE_OK : HEDDLE_MODEL);
    if (reason != NULL && (strstr(error.message, reason) == NULL || strstr(error.message, path) == NULL)) {
        fail_msg("\"%s\" does not say \"%s\"", error.message, reason);
    }
    heddle_safetensors_close(file);
}

#define F32_A "{\"a\": {\"dtype\": \"F32\", \"shape\": [2, 3], \"data_offsets\": [0, 24]}"

static void tensors_that_cover_the_data_exactly_are_accepted(void **state)
{
    (void)state;
    attempt("{}", 0, NULL);
    attempt(F32_A "}", 24, NULL);
    attempt(F32_A "}     ", 24, NULL);
    attempt(F32_A ", \"__metadata__\": {\"format\": \"pt\"}}", 24, NULL);
    attempt(F32_A ", \"i\": {\"dtype\": \"I64\", \"shape\": [], \"data_offsets\": [24, 32]}}", 32, NULL);
    attempt(F32_A ", \"e\": {\"dtype\": \"F16\", \"shape\": [0, 5], \"data_offsets\": [24, 24]}}", 24, NULL);
}

static void holes_overlaps_and_left_over_bytes_are_refused(void **state)
{
    (void)state;
    attempt(F32_A "}", 25, "behind the last tensor");
    attempt(F32_A "}", 23, "tensor a ends behind the end of the file");
    attempt("{\"a\": {\"dtype\": \"F32\", \"shape\": [6], \"data_offsets\": [4, 28]}}", 28, "leaves a hole");
    attempt(F32_A ", \"b\": {\"dtype\": \"U8\", \"shape\": [8], \"data_offsets\": [20, 28]}}", 28,
            "overlaps");
    attempt(F32_A ", \"b\": {\"dtype\": \"U8\", \"shape\": [24], \"data_offsets\": [0, 24]}}", 24,
            "overlaps");
}

static void shapes_and_types_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    attempt("{\"a\": {\"dtype\": \"F31\", \"shape\": [6], \"data_offsets\": [0, 24]}}", 24,
            "tensor a has a dtype");
    attempt("{\"a\": {\"shape\": [6], \"data_offsets\": [0, 24]}}", 24, "tensor a has a dtype");
    attempt("{\"a\": {\"dtype\": \"F32\", \"shape\": [7], \"data_offsets\": [0, 24]}}", 24,
            "another length than its shape");
    attempt("{\"a\": {\"dtype\": \"F32\", \"shape\": [-6], \"data_offsets\": [0, 24]}}", 24,
            "not whole numbers");
    attempt("{\"a\": {\"dtype\": \"F32\", \"shape\": [6.0], \"data_offsets\": [0, 24]}}", 24,
            "not whole numbers");
    attempt("{\"a\": {\"dtype\": \"F32\", \"shape\": 6, \"data_offsets\": [0, 24]}}", 24, "has no shape");
    attempt("{\"a\": {\"dtype\": \"F32\", \"shape\": [1,1,1,1,1,1,1,1,6], \"data_offsets\": [0, 24]}}", 24,
            "too many");
    attempt("{\"a\": {\"dtype\": \"F32\", \"shape\": [4294967296, 4294967296], \"data_offsets\": [0, 24]}}",
            24, "larger than memory");
    attempt("{\"a\": {\"dtype\": \"F32\", \"shape\": [4611686018427387910], \"data_offsets\": [0, 24]}}", 24,
            "another length");
    attempt("{\"a\": {\"dtype\": \"F32\", \"shape\": [6], \"data_offsets\": [24, 0]}}", 24, "data_offsets");
    attempt("{\"a\": {\"dtype\": \"F32\", \"shape\": [6], \"data_offsets\": [-24, 0]}}", 24, "data_offsets");
    attempt("{\"a\": {\"dtype\": \"F32\", \"shape\": [6], \"data_offsets\": [0]}}", 24, "data_offsets");
    attempt("{\"a\": {\"dtype\": \"F32\", \"shape\": [6]}}", 24, "data_offsets");
    attempt("{\"a\": 5}", 0, "tensor a has a dtype");
    attempt("{\"a\": {\"dtype\": \"F32\", \"shape\": [6], \"data_offsets\": [9223372036854775000, "
            "9223372036854775024]}}",
            24, "behind the end");
}

static void headers_that_are_no_header_are_refused(void **state)
{
    (void)state;
    attempt("", 0, "not JSON");
    attempt("[]", 0, "not JSON");
    attempt(" {}", 0, "not JSON");
    attempt("{\"a\"", 0, "not valid JSON");
    attempt("{\"a\": {}, \"a\": {}}", 0, "not valid JSON");
}

/* The first `length` bytes of a small right file, opened. */
static int open_cut(const uint8_t *bytes, size_t length, struct heddle_error *error)
{
    char path[4200];
    struct heddle_safetensors *file = NULL;
    write_bytes(directory, "weights", bytes, length);
    snprintf(path, sizeof path, "%s/weights", directory);
    const int status = heddle_safetensors_open(path, &file, error);
    heddle_safetensors_close(file);
    return status;
}

static void a_file_cut_at_any_length_is_refused_with_the_remedy(void **state)
{
    (void)state;
    uint8_t bytes[8 + sizeof F32_A + 24] = {sizeof F32_A};
    memcpy(bytes + 8, F32_A "}", sizeof F32_A);
    assert_int_equal(open_cut(bytes, sizeof bytes, NULL), HEDDLE_OK);
    for (size_t length = 0; length < sizeof bytes; length++) {
        struct heddle_error error = {0};
        assert_int_equal(open_cut(bytes, length, &error), HEDDLE_MODEL);
        assert_non_null(strstr(error.message, "scripts/bootstrap"));
    }
}

static void a_huge_header_length_is_refused(void **state)
{
    (void)state;
    const uint64_t lengths[] = {UINT64_MAX, UINT64_MAX - 7, INT64_MAX, 100000001, 17};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        struct heddle_error error = {0};
        uint8_t bytes[24] = {0};
        memcpy(bytes, &lengths[i], 8);
        bytes[8] = '{';
        assert_int_equal(open_cut(bytes, sizeof bytes, &error), HEDDLE_MODEL);
        assert_non_null(strstr(error.message, "header is longer"));
    }
}

static void a_missing_file_and_a_folder_are_refused(void **state)
{
    (void)state;
    struct heddle_safetensors *file = NULL;
    struct heddle_error error = {0};
    assert_int_equal(heddle_safetensors_open("/nowhere/weights", &file, &error), HEDDLE_MODEL);
    assert_non_null(strstr(error.message, "/nowhere/weights"));
    assert_non_null(strstr(error.message, "No such file"));
    assert_int_equal(heddle_safetensors_open("/", &file, &error), HEDDLE_MODEL);
}

static void half_and_bfloat_are_read_exactly(void **state)
{
    (void)state;
    static const struct {
        uint16_t half;
        float value;
    } cases[] = {{0x0000, 0.0f},        {0x8000, -0.0f},    {0x3c00, 1.0f},     {0xc000, -2.0f},
                 {0x7bff, 65504.0f},    {0x0400, 0x1p-14f}, {0x0001, 0x1p-24f}, {0x03ff, 0x1.ff8p-15f},
                 {0x3555, 0x1.554p-2f}, {0x8001, -0x1p-24f}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct heddle_tensor tensor = {.dtype = HEDDLE_DTYPE_F16, .count = 1, .data = &cases[i].half};
        float value = 7;
        heddle_tensor_to_float(&tensor, 0, 1, &value);
        assert_memory_equal(&value, &cases[i].value, sizeof value);
    }
    const uint16_t words[] = {0x3f80, 0xc049};
    const struct heddle_tensor tensor = {.dtype = HEDDLE_DTYPE_BF16, .count = 2, .data = words};
    float values[2];
    heddle_tensor_to_float(&tensor, 0, 2, values);
    assert_true(values[0] == 1.0f && values[1] == -3.140625f);
}

static void a_tensor_is_only_given_in_the_shape_that_was_asked_for(void **state)
{
    (void)state;
    char path[4200];
    struct heddle_safetensors *file = NULL;
    const struct heddle_tensor *tensor = NULL;
    struct heddle_error error = {0};
    attempt(F32_A ", \"i\": {\"dtype\": \"I64\", \"shape\": [1], \"data_offsets\": [24, 32]}}", 32, NULL);
    snprintf(path, sizeof path, "%s/weights", directory);
    assert_int_equal(heddle_safetensors_open(path, &file, NULL), HEDDLE_OK);
    assert_int_equal(heddle_safetensors_expect(file, "a", 2, 3, &tensor, NULL), HEDDLE_OK);
    assert_int_equal(tensor->count, 6);
    assert_int_equal(heddle_safetensors_expect(file, "a", 3, 2, &tensor, &error), HEDDLE_MODEL);
    assert_non_null(strstr(error.message, "tensor a has another shape"));
    assert_int_equal(heddle_safetensors_expect(file, "a", 6, 0, &tensor, &error), HEDDLE_MODEL);
    assert_int_equal(heddle_safetensors_expect(file, "b", 6, 0, &tensor, &error), HEDDLE_MODEL);
    assert_non_null(strstr(error.message, "tensor b is missing"));
    assert_int_equal(heddle_safetensors_expect(file, "i", 1, 0, &tensor, &error), HEDDLE_MODEL);
    assert_non_null(strstr(error.message, "dtype other than"));
    heddle_safetensors_close(file);
}

static void running_out_of_memory_is_reported_and_leaves_nothing(void **state)
{
    (void)state;
    char path[4200];
    attempt(F32_A "}", 24, NULL);
    snprintf(path, sizeof path, "%s/weights", directory);
    int status = HEDDLE_OUT_OF_MEMORY;
    for (int64_t i = 0; status != HEDDLE_OK; i++) {
        struct heddle_safetensors *file = NULL;
        heddle_memory_fail_at(i);
        status = heddle_safetensors_open(path, &file, NULL);
        heddle_memory_fail_at(-1);
        assert_int_equal(status, i < 3 ? HEDDLE_OUT_OF_MEMORY : HEDDLE_OK);
        heddle_safetensors_close(file);
    }
}

static int before(void **state)
{
    (void)state;
    directory = make_directory();
    return 0;
}

static int after(void **state)
{
    (void)state;
    remove_directory(directory);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tensors_that_cover_the_data_exactly_are_accepted),
        cmocka_unit_test(holes_overlaps_and_left_over_bytes_are_refused),
        cmocka_unit_test(shapes_and_types_that_do_not_fit_are_refused),
        cmocka_unit_test(headers_that_are_no_header_are_refused),
        cmocka_unit_test(a_file_cut_at_any_length_is_refused_with_the_remedy),
        cmocka_unit_test(a_huge_header_length_is_refused),
        cmocka_unit_test(a_missing_file_and_a_folder_are_refused),
        cmocka_unit_test(half_and_bfloat_are_read_exactly),
        cmocka_unit_test(a_tensor_is_only_given_in_the_shape_that_was_asked_for),
        cmocka_unit_test(running_out_of_memory_is_reported_and_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, before, after);
}
