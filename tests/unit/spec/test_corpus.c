/* test_corpus.c: the fuzz target runs over its saved corpus, whole and cut short at every length. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <glob.h>
#include <stdio.h>

#include "fuzz/job/fuzz_job.c"

/* The largest corpus file has 5 KiB. */
enum { FILE_BYTES_MAX = 64 * 1024 };

static uint8_t bytes[FILE_BYTES_MAX];

static size_t load(const char *path)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    const size_t length = fread(bytes, 1, sizeof bytes, file);
    assert_true(length < sizeof bytes);
    fclose(file);
    return length;
}

static void every_file_of_the_corpus_and_every_prefix_is_survived(void **state)
{
    (void)state;
    glob_t found;
    assert_int_equal(glob("tests/fuzz/job/corpus/*", 0, NULL, &found), 0);
    assert_true(found.gl_pathc >= 11);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        const size_t length = load(found.gl_pathv[i]);
        const size_t step = length > 1000 ? 97 : 1; /* large files: enough cuts, in a second */
        for (size_t cut = 0; cut < length; cut += step) {
            uint8_t *exact = malloc(cut + 1); /* libFuzzer gives no byte behind the end either */
            assert_non_null(exact);
            memcpy(exact + 1, bytes, cut);
            assert_int_equal(LLVMFuzzerTestOneInput(exact + 1, cut), 0);
            free(exact);
        }
        assert_int_equal(LLVMFuzzerTestOneInput(bytes, length), 0);
    }
    globfree(&found);
}

static void one_flipped_byte_anywhere_is_survived(void **state)
{
    (void)state;
    static const uint8_t replacements[] = {'\0', '"', '[', '}', '&', '*', '\n', 0xff};
    const size_t length = load("tests/fuzz/job/corpus/05-second-key.yaml");
    for (size_t at = 0; at < length; at++) {
        const uint8_t saved = bytes[at];
        for (size_t r = 0; r < sizeof replacements; r++) {
            bytes[at] = replacements[r];
            assert_int_equal(LLVMFuzzerTestOneInput(bytes, length), 0);
        }
        bytes[at] = saved;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_file_of_the_corpus_and_every_prefix_is_survived),
        cmocka_unit_test(one_flipped_byte_anywhere_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
