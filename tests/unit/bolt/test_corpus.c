/* test_corpus.c: the fuzzer's function over its saved corpus, each file whole, cut short and with bytes changed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "../../fuzz/packstream/fuzz_packstream.c"

#define CORPUS HEDDLE_SOURCE_DIR "/tests/fuzz/packstream/corpus"

enum { INPUT_MAX = 65536 };

static void run_variants(uint8_t *bytes, size_t length)
{
    static const uint8_t changes[] = {0x01, 0x80, 0xFF, 0x3F};
    LLVMFuzzerTestOneInput(bytes, length);
    for (size_t at = 0; at < length; at++) {
        LLVMFuzzerTestOneInput(bytes, at);
        for (size_t i = 0; i < sizeof changes; i++) {
            bytes[at] ^= changes[i];
            LLVMFuzzerTestOneInput(bytes, length);
            bytes[at] ^= changes[i];
        }
    }
}

static void the_saved_corpus_does_no_harm(void **state)
{
    (void)state;
    static uint8_t bytes[INPUT_MAX];
    int files = 0;
    DIR *folder = opendir(CORPUS);
    assert_non_null(folder);
    for (const struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        char path[1024];
        if (entry->d_name[0] == '.') {
            continue;
        }
        snprintf(path, sizeof path, "%s/%s", CORPUS, entry->d_name);
        FILE *file = fopen(path, "rb");
        assert_non_null(file);
        const size_t length = fread(bytes, 1, sizeof bytes, file);
        fclose(file);
        run_variants(bytes, length);
        files++;
    }
    closedir(folder);
    assert_in_range(files, 8, 100000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_saved_corpus_does_no_harm)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
