/* fuzz_main.c: runs a fuzz target over saved inputs, as a plain program: fuzz_NAME FOLDER…
 *
 * Stands in for libFuzzer's main, so that a corpus is a regression test with any compiler and any sanitizer. Each input is
 * copied to memory of exactly its size: a sanitizer then sees the first byte that is read beyond it.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* What a fuzz target defines; the name is libFuzzer's. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Inputs that a fuzzer saves are small; a larger file is not one of them. */
enum { INPUT_BYTES_MAX = 16 * 1024 * 1024 };

static int run_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    struct stat about;
    if (file == NULL || fstat(fileno(file), &about) != 0 || about.st_size > INPUT_BYTES_MAX) {
        fprintf(stderr, "%s: cannot be read, or is too large\n", path);
        if (file != NULL) {
            fclose(file);
        }
        return -1;
    }
    const size_t size = (size_t)about.st_size;
    uint8_t *bytes = malloc(size == 0 ? 1 : size);
    const size_t got = bytes == NULL ? 0 : fread(bytes, 1, size, file);
    fclose(file);
    if (bytes == NULL || got != size) {
        fprintf(stderr, "%s: could not be read whole\n", path);
        free(bytes);
        return -1;
    }
    /* Printed before the run: an input that crashes is then the last one named. */
    printf("%s (%zu bytes)\n", path, size);
    fflush(stdout);
    (void)LLVMFuzzerTestOneInput(bytes, size);
    free(bytes);
    return 0;
}

/* Runs every file of a folder; answers how many, or -1. */
static int run_folder(const char *folder)
{
    DIR *directory = opendir(folder);
    if (directory == NULL) {
        fprintf(stderr, "%s: no such folder\n", folder);
        return -1;
    }
    int count = 0;
    for (struct dirent *entry = readdir(directory); entry != NULL && count >= 0; entry = readdir(directory)) {
        char path[4096];
        const int length = snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        struct stat about;
        if (length < 0 || (size_t)length >= sizeof path || stat(path, &about) != 0 ||
            !S_ISREG(about.st_mode)) {
            continue;
        }
        count = run_file(path) == 0 ? count + 1 : -1;
    }
    closedir(directory);
    return count;
}

int main(int argc, char **argv)
{
    int total = 0;
    for (int i = 1; i < argc; i++) {
        const int count = run_folder(argv[i]);
        if (count < 0) {
            return 1;
        }
        total += count;
    }
    /* A corpus without inputs would prove nothing. */
    if (total == 0) {
        fprintf(stderr, "no inputs found\n");
        return 1;
    }
    printf("%d inputs\n", total);
    return 0;
}
