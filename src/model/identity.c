/* identity.c: hashes the files of a model directory, in the order of their names. */
#include "model/identity.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "model/model_file.h"

/* Any two numbers: two hashes under different seeds make one of 128 bits. */
static const uint64_t SEEDS[2] = {1, 2};

static void mix(uint64_t identity[static 2], const void *bytes, size_t length)
{
    for (size_t i = 0; i < 2; i++) {
        identity[i] = heddle_hash_bytes(bytes, length, identity[i] ^ SEEDS[i]);
    }
}

static bool takes_part(const char *name)
{
    static const char *const endings[] = {".json", ".txt", ".safetensors", ".onnx", ".onnx_data"};
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot != NULL && name[0] != '.' && i < sizeof endings / sizeof endings[0]; i++) {
        if (strcmp(dot, endings[i]) == 0) {
            return true;
        }
    }
    return false;
}

static int mix_file(const char *path, size_t bytes, uint64_t identity[static 2], struct heddle_error *error)
{
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    void *content = file < 0 || bytes == 0 ? MAP_FAILED : mmap(NULL, bytes, PROT_READ, MAP_PRIVATE, file, 0);
    if (content != MAP_FAILED) {
        mix(identity, content, bytes);
        munmap(content, bytes);
    }
    if (file >= 0) {
        close(file);
    }
    if (content == MAP_FAILED && bytes > 0) {
        return heddle_error_set(error, HEDDLE_MODEL, "model file %s cannot be read: %s", path,
                                HEDDLE_MODEL_REMEDY);
    }
    return HEDDLE_OK;
}

static int mix_folder(const char *directory, bool is_top, uint64_t identity[static 2],
                      struct heddle_error *error);

static int mix_entry(const char *directory, const char *name, bool is_top, uint64_t identity[static 2],
                     struct heddle_error *error)
{
    struct stat about;
    char *path = heddle_model_path(directory, name);
    if (path == NULL) {
        return heddle_error_out_of_memory(error);
    }
    int status = HEDDLE_OK;
    if (stat(path, &about) == 0) {
        if (S_ISREG(about.st_mode) && takes_part(name)) {
            mix(identity, name, strlen(name));
            status = mix_file(path, (size_t)about.st_size, identity, error);
        } else if (S_ISDIR(about.st_mode) && is_top && name[0] != '.') {
            mix(identity, name, strlen(name));
            status = mix_folder(path, false, identity, error);
        }
    }
    free(path);
    return status;
}

static int mix_folder(const char *directory, bool is_top, uint64_t identity[static 2],
                      struct heddle_error *error)
{
    struct dirent **entries = NULL;
    const int count = scandir(directory, &entries, NULL, alphasort);
    if (count < 0) {
        return heddle_error_set(error, HEDDLE_MODEL, "model directory %s cannot be read: %s", directory,
                                HEDDLE_MODEL_REMEDY);
    }
    int status = HEDDLE_OK;
    for (int i = 0; i < count; i++) {
        if (status == HEDDLE_OK) {
            status = mix_entry(directory, entries[i]->d_name, is_top, identity, error);
        }
        free(entries[i]);
    }
    free(entries);
    return status;
}

int heddle_model_identify(const char *directory, uint64_t identity_out[static 2], struct heddle_error *error)
{
    identity_out[0] = SEEDS[0];
    identity_out[1] = SEEDS[1];
    return mix_folder(directory, true, identity_out, error);
}
